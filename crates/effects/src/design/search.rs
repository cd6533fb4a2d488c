//! The order in which substitutions are tried.

use cistron_core::{Run, Sequence, Stream};
use cistron_encode::Edit;
use ndarray::ArrayView1;

use super::DesignOptions;
use super::constraints::Constraints;
use super::scores::{Losses, edited, smallest};
use crate::EffectError;
use crate::saturation::out_of_range;

/// How a design chooses substitutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DesignMethod {
    /// At each step the best of all substitutions, as long as it lowers the loss.
    #[default]
    Greedy,
    /// At each step the best of all substitutions of several sequences, which go on together.
    Beam {
        /// Sequences that go on, at least 1.
        width: usize,
    },
    /// The best of random sequences, each so many substitutions away.
    Screen {
        /// Random sequences, at least 1.
        samples: usize,
    },
}

impl DesignMethod {
    pub(super) fn check(self) -> Result<(), EffectError> {
        match self {
            Self::Beam { width: 0 } => Err(out_of_range("width of the beam", 0, "at least 1")),
            Self::Screen { samples: 0 } => Err(out_of_range("number of samples", 0, "at least 1")),
            _ => Ok(()),
        }
    }
}

/// A substitution and the loss after it.
type Step = (Edit, f64);

/// The substitutions of the best sequence found.
pub(super) fn search(
    options: &DesignOptions,
    own: (&Sequence, f64),
    constraints: &Constraints<'_>,
    losses: &mut Losses<'_>,
    (index, run): (u64, Run<'_>),
) -> Result<Vec<Step>, EffectError> {
    match options.method {
        DesignMethod::Greedy => beam(1, options, own, constraints, losses, run),
        DesignMethod::Beam { width } => beam(width, options, own, constraints, losses, run),
        DesignMethod::Screen { samples } => {
            let stream = |sample: u64| run.seed.stream("design screen", index * samples as u64 + sample);
            screen((samples, &stream), options, own, constraints, losses)
        }
    }
}

/// A sequence on its way.
#[derive(Clone)]
struct Member {
    sequence: Sequence,
    loss: f64,
    steps: Vec<Step>,
}

/// Members and all their substitutions compete; the best go on. A beam of one is the greedy search.
fn beam(
    width: usize,
    options: &DesignOptions,
    (sequence, loss): (&Sequence, f64),
    constraints: &Constraints<'_>,
    losses: &mut Losses<'_>,
    run: Run<'_>,
) -> Result<Vec<Step>, EffectError> {
    let mut members = vec![Member { sequence: sequence.clone(), loss, steps: Vec::new() }];
    for step in 0..options.max_edits {
        if run.is_cancelled() {
            return Err(EffectError::Cancelled { done: step as u64, total: options.max_edits as u64 });
        }
        if members.first().is_some_and(|best| best.loss <= options.tolerance) {
            break;
        }
        // Members stand before their substitutions: what is no better takes nobody's place.
        let mut candidates: Vec<(f64, usize, Option<Edit>)> = Vec::new();
        for (place, member) in members.iter().enumerate() {
            candidates.push((member.loss, place, None));
        }
        for (place, member) in members.iter().enumerate().filter(|(_, member)| member.steps.len() == step) {
            let edits = constraints.allowed(member.sequence.codes());
            let scores = losses.of_edits(&member.sequence, &edits)?;
            candidates.extend(edits.into_iter().zip(scores).map(|(edit, loss)| (loss, place, Some(edit))));
        }
        candidates.retain(|(loss, ..)| !loss.is_nan());
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let next = chosen(width, &members, &candidates)?;
        if next.iter().all(|member| member.steps.len() <= step) {
            break;
        }
        members = next;
    }
    Ok(members.into_iter().next().map_or_else(Vec::new, |best| best.steps))
}

/// The first candidates that are different sequences.
fn chosen(
    width: usize,
    members: &[Member],
    candidates: &[(f64, usize, Option<Edit>)],
) -> Result<Vec<Member>, EffectError> {
    let mut next: Vec<Member> = Vec::with_capacity(width);
    for &(loss, place, edit) in candidates {
        if next.len() == width {
            break;
        }
        let Some(member) = members.get(place) else { continue };
        let mut candidate = Member { loss, ..member.clone() };
        if let Some(edit) = edit {
            candidate.sequence = edited(&member.sequence, &[edit])?;
            candidate.steps.push((edit, loss));
        }
        if next.iter().all(|other| other.sequence != candidate.sequence) {
            next.push(candidate);
        }
    }
    Ok(next)
}

/// The best of random sequences and the one that they come from.
fn screen(
    (samples, stream): (usize, &dyn Fn(u64) -> Stream),
    options: &DesignOptions,
    (sequence, loss): (&Sequence, f64),
    constraints: &Constraints<'_>,
    losses: &mut Losses<'_>,
) -> Result<Vec<Step>, EffectError> {
    let mut best: (Vec<Edit>, f64) = (Vec::new(), loss);
    for first in (0..samples).step_by(256) {
        let drawn: Vec<Vec<Edit>> = (first..samples.min(first + 256))
            .map(|sample| random_edits(sequence, options.max_edits, constraints, &mut stream(sample as u64)))
            .collect();
        let mutants = drawn.iter().map(|edits| edited(sequence, edits)).collect::<Result<Vec<_>, _>>()?;
        let scores = losses.of(&mutants)?;
        if let Some(place) = smallest(ArrayView1::from(&scores))
            && scores[place] < best.1
        {
            best = (drawn[place].clone(), scores[place]);
        }
    }
    let ways = (1..=best.0.len()).map(|n| edited(sequence, &best.0[..n])).collect::<Result<Vec<_>, _>>()?;
    let scores = losses.of(&ways)?;
    Ok(best.0.into_iter().zip(scores).collect())
}

/// Substitutions at different positions, each equally likely among those that may follow the ones before.
fn random_edits(
    sequence: &Sequence,
    n: usize,
    constraints: &Constraints<'_>,
    stream: &mut Stream,
) -> Vec<Edit> {
    let mut codes = sequence.codes().to_vec();
    let mut edits: Vec<Edit> = Vec::with_capacity(n);
    for _ in 0..n {
        let mut allowed = constraints.allowed(&codes);
        allowed.retain(|edit| edits.iter().all(|other| other.position != edit.position));
        if allowed.is_empty() {
            break;
        }
        let edit = allowed[stream.below(allowed.len() as u64) as usize];
        if let Some(code) = codes.get_mut(edit.position as usize) {
            *code = edit.code;
        }
        edits.push(edit);
    }
    edits
}
