use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cistron_core::{Alphabet, Strand};

use crate::{Background, Motif, MotifError};

/// Motifs over one alphabet, in order, each name once.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_motif::{MatrixKind, Motif, MotifSet};
/// use ndarray::array;
///
/// let mut set = MotifSet::new(Alphabet::dna());
/// set.push(Motif::new("cg", array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]], MatrixKind::Probabilities)?)?;
/// assert_eq!(set.position("cg"), Some(0));
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MotifSet {
    alphabet: Alphabet,
    motifs: Vec<Motif>,
    places: HashMap<Arc<str>, usize>,
    background: Option<Background>,
    forward_only: bool,
}

impl MotifSet {
    /// A set without motifs.
    pub fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, motifs: Vec::new(), places: HashMap::new(), background: None, forward_only: false }
    }

    /// This set with the background that its file states.
    ///
    /// # Errors
    /// [`MotifError::Background`] if it has another number of letters than the alphabet.
    pub fn with_background(mut self, background: Background) -> Result<Self, MotifError> {
        let (found, expected) = (background.probabilities().len(), usize::from(self.alphabet.len()));
        if found != expected {
            return Err(MotifError::background(format!("has {found} letters, expected {expected}")));
        }
        self.background = Some(background);
        Ok(self)
    }

    /// This set marked as made from one strand alone (`strands: +` of a MEME file).
    #[must_use]
    pub fn with_forward_only(mut self, forward_only: bool) -> Self {
        self.forward_only = forward_only;
        self
    }

    /// Appends a motif.
    ///
    /// # Errors
    /// [`MotifError::DuplicateName`] for a name that is there, [`MotifError::Motif`] for another number of letters
    /// than the alphabet has.
    pub fn push(&mut self, motif: Motif) -> Result<(), MotifError> {
        self.check_letters(&motif)?;
        if self.places.contains_key(motif.name()) {
            return Err(MotifError::DuplicateName { name: motif.name().clone() });
        }
        self.places.insert(motif.name().clone(), self.motifs.len());
        self.motifs.push(motif);
        Ok(())
    }

    /// Appends a motif, or puts it in the place of the one of its name.
    ///
    /// # Errors
    /// [`MotifError::Motif`] for another number of letters than the alphabet has.
    pub fn push_or_replace(&mut self, motif: Motif) -> Result<(), MotifError> {
        self.check_letters(&motif)?;
        let place = *self.places.entry(motif.name().clone()).or_insert(self.motifs.len());
        match self.motifs.get_mut(place) {
            Some(old) => *old = motif,
            None => self.motifs.push(motif),
        }
        Ok(())
    }

    fn check_letters(&self, motif: &Motif) -> Result<(), MotifError> {
        let (found, expected) = (motif.matrix().ncols(), usize::from(self.alphabet.len()));
        if found == expected {
            return Ok(());
        }
        Err(MotifError::motif(motif.name(), format!("has rows of {found} values, expected {expected}")))
    }

    /// The alphabet whose letters the matrices' columns are.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// The motifs in order.
    pub fn motifs(&self) -> &[Motif] {
        &self.motifs
    }

    /// The index of the motif of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The motifs of a range, cut to the motifs there are, with all that is said of the whole set.
    ///
    /// ```
    /// # use cistron_motif::parse_motifs;
    /// let set = parse_motifs(b">a\tx\n9\n0\n0\n0\n>b\ty\n0\n9\n0\n0\n", "example", &())?;
    /// assert_eq!(set.part(1..9).motifs(), &set.motifs()[1..]);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let motifs: Vec<Motif> = self.motifs.iter().take(range.end).skip(range.start).cloned().collect();
        let places = motifs.iter().enumerate().map(|(place, motif)| (motif.name().clone(), place)).collect();
        let (alphabet, background) = (self.alphabet.clone(), self.background.clone());
        Self { alphabet, motifs, places, background, forward_only: self.forward_only }
    }

    /// The number of motifs.
    pub fn len(&self) -> usize {
        self.motifs.len()
    }

    /// Whether there is no motif.
    pub fn is_empty(&self) -> bool {
        self.motifs.is_empty()
    }

    /// The background that the file states, if it does.
    pub fn background(&self) -> Option<&Background> {
        self.background.as_ref()
    }

    /// The strands that the file speaks of: both, unless it says otherwise or the letters do not pair.
    pub fn strands(&self) -> &'static [Strand] {
        let single = self.forward_only || self.alphabet.complement(0).is_none();
        if single { &[Strand::Forward] } else { &[Strand::Forward, Strand::Reverse] }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::MatrixKind;

    fn motif(name: &str, value: f64) -> Motif {
        Motif::new(name, array![[value, 0.0, 0.0, 0.0]], MatrixKind::Counts).unwrap()
    }

    #[test]
    fn names_are_unique() {
        let mut set = MotifSet::new(Alphabet::dna());
        set.push(motif("a", 1.0)).unwrap();
        set.push(motif("b", 2.0)).unwrap();
        let error = set.push(motif("a", 3.0)).unwrap_err();
        assert_eq!(error.to_string(), "motif `a` is there twice, expected unique names");
        set.push_or_replace(motif("a", 4.0)).unwrap();
        assert_eq!(set.len(), 2);
        assert_eq!(set.motifs()[0].matrix()[[0, 0]], 4.0);
        assert_eq!((set.position("b"), set.position("c")), (Some(1), None));
    }

    #[test]
    fn letters_must_be_those_of_the_alphabet() {
        let error = MotifSet::new(Alphabet::protein()).push(motif("a", 1.0)).unwrap_err();
        assert_eq!(error.to_string(), "motif `a` has rows of 4 values, expected 20");
        let set = MotifSet::new(Alphabet::dna());
        assert!(set.clone().with_background(Background::uniform(3)).is_err());
        assert_eq!(set.strands().len(), 2);
        assert_eq!(MotifSet::new(Alphabet::protein()).strands(), [Strand::Forward]);
    }
}
