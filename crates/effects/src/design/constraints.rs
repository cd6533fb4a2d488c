//! Which substitutions a design may make.

use cistron_core::Sequence;
use cistron_encode::{Edit, EncodeError, ModelSpec};

use super::DesignOptions;
use crate::EffectError;
use crate::saturation::out_of_range;

/// The codes of C and G.
const STRONG: [u8; 2] = [1, 2];

/// Whether options can be, for a model.
pub(super) fn check(options: &DesignOptions, spec: &ModelSpec) -> Result<(), EffectError> {
    for word in &options.forbidden {
        if word.is_empty() || word.alphabet() != &spec.alphabet {
            let found = format!("`{word}` of {}", word.alphabet());
            return Err(out_of_range("forbidden word", found, format!("letters of {}", spec.alphabet)));
        }
    }
    match options.gc {
        Some((least, most)) if !(0.0 <= least && least <= most && most <= 1.0) => {
            Err(out_of_range("range of GC", format!("{least}..{most}"), "two shares in order"))
        }
        Some(_) if !matches!(spec.alphabet.letters(), b"ACGT" | b"ACGU") => {
            Err(out_of_range("range of GC", format!("for {}", spec.alphabet), "a model of nucleotides"))
        }
        _ => Ok(()),
    }
}

/// A sequence of other codes.
pub(super) fn sequence(like: &Sequence, codes: Vec<u8>) -> Result<Sequence, EffectError> {
    Ok(Sequence::from_codes(like.alphabet(), codes).map_err(EncodeError::from)?)
}

/// The constraints of one sequence.
pub(super) struct Constraints<'a> {
    free: Vec<bool>,
    letters: u8,
    forbidden: &'a [Sequence],
    gc: Option<(f64, f64)>,
}

impl<'a> Constraints<'a> {
    pub(super) fn new(options: &'a DesignOptions, sequence: &Sequence) -> Result<Self, EffectError> {
        let letters = sequence.alphabet().len();
        let mut free = vec![true; sequence.len()];
        for span in &options.protected {
            let Some(positions) = free.get_mut(span.clone()) else {
                let found = format!("{}..{}", span.start, span.end);
                return Err(out_of_range(
                    "protected span",
                    found,
                    format!("positions in 0..{}", sequence.len()),
                ));
            };
            positions.fill(false);
        }
        // A position without a letter stands for padding or for what nobody knows.
        free.iter_mut().zip(sequence.codes()).for_each(|(free, code)| *free &= *code < letters);
        Ok(Self { free, letters, forbidden: &options.forbidden, gc: options.gc })
    }

    /// All substitutions that may be made, by position and letter.
    pub(super) fn allowed(&self, codes: &[u8]) -> Vec<Edit> {
        let strong = codes.iter().filter(|code| STRONG.contains(code)).count();
        let known = codes.iter().filter(|code| **code < self.letters).count();
        let mut edits = Vec::new();
        for (position, (&own, _)) in codes.iter().zip(&self.free).enumerate().filter(|(_, (_, free))| **free)
        {
            for code in (0..self.letters).filter(|&code| code != own) {
                let edit = Edit { position: position as u32, code };
                if self.keeps_gc(own, code, strong, known) && !self.makes_word(codes, edit) {
                    edits.push(edit);
                }
            }
        }
        edits
    }

    fn keeps_gc(&self, own: u8, code: u8, strong: usize, known: usize) -> bool {
        let Some((least, most)) = self.gc else { return true };
        let away = |strong: usize| {
            let share = strong as f64 / known.max(1) as f64;
            (least - share).max(share - most).max(0.0)
        };
        let after = strong + usize::from(STRONG.contains(&code)) - usize::from(STRONG.contains(&own));
        away(after) == 0.0 || away(after) <= away(strong)
    }

    /// Whether a forbidden word would stand over the position.
    fn makes_word(&self, codes: &[u8], edit: Edit) -> bool {
        let position = edit.position as usize;
        let letter = |at: usize| if at == position { Some(edit.code) } else { codes.get(at).copied() };
        self.forbidden.iter().any(|word| {
            let first = (position + 1).saturating_sub(word.len());
            (first..=position).any(|start| {
                let places = word.codes().iter().enumerate();
                places.into_iter().all(|(i, &wanted)| {
                    letter(start + i).is_some_and(|found| wanted >= self.letters || wanted == found)
                })
            })
        })
    }
}
