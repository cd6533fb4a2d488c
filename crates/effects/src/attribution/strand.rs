//! Sequences read on their other strand, and attributions turned back.

use cistron_core::{Alphabet, Sequence};
use cistron_encode::{EncodeError, Readout, SequenceModel};
use ndarray::{Zip, s};

use super::Explained;
use crate::EffectError;
use crate::saturation::out_of_range;
use crate::variants::mirrored;

pub(super) fn reverse_complements(sequences: &[Sequence]) -> Result<Vec<Sequence>, EffectError> {
    let turned = sequences.iter().map(|sequence| sequence.reverse_complement().map_err(EncodeError::from));
    Ok(turned.collect::<Result<_, _>>()?)
}

/// The same outputs of a sequence that is read on its other strand.
pub(super) fn mirrored_readout(model: &dyn SequenceModel, readout: &Readout) -> Readout {
    Readout { reduce: readout.reduce, ..mirrored(model, readout) }
}

/// The mean of what both strands say, as seen on the forward one; the larger miss of the two.
pub(super) fn mean(
    mut forward: Explained,
    reverse: &Explained,
    alphabet: &Alphabet,
) -> Result<Explained, EffectError> {
    let turned = reverse.hypothetical.slice(s![.., ..;-1, ..]);
    for letter in 0..alphabet.len() {
        let other = alphabet
            .complement(letter)
            .ok_or_else(|| out_of_range("alphabet", alphabet, "letters with complements"))?;
        let mut own = forward.hypothetical.slice_mut(s![.., .., usize::from(letter)]);
        own.zip_mut_with(&turned.slice(s![.., .., usize::from(other)]), |own, other| {
            *own = (*own + other) / 2.0;
        });
    }
    Zip::from(&mut forward.convergence)
        .and(&reverse.convergence)
        .for_each(|own, other| *own = own.max(*other));
    Zip::from(&mut forward.difference)
        .and(&reverse.difference)
        .for_each(|own, other| *own = (*own + other) / 2.0);
    Ok(forward)
}
