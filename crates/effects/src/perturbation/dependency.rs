use std::ops::Range;

use cistron_core::{Run, Sequence};
use cistron_encode::EncodeError;
use ndarray::Array2;

use crate::saturation::out_of_range;
use crate::{Attributor, EffectError};

/// Substitutions that are attributed at a time.
const AT_ONCE: usize = 64;

/// How the contributions of all positions change with the letter at each position of a span, `(L, span)`: the mean over
/// its substitutions of the size of the change.
///
/// References that are drawn differ from one substitution to the next; take given ones or zeros.
///
/// Source: tangermeme 1.6.0 `dependency_map`, whose attributions are gradients less their mean over the letters.
///
/// **Cost**: an attribution for each substitution.
///
/// # Errors
/// [`EffectError::Option`] for a span that is empty or not inside the sequence, else as [`Attributor::attribute`].
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence};
/// use cistron_effects::{AttributionOptions, Attributor, dependency_map};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// // Whether there is an A before a C.
/// let pair = FnModel::new(ModelSpec::scalar(dna.clone(), None, "pair"), |batch: &SequenceBatch| {
///     let has = |i| batch.codes().row(i).windows(2).into_iter().any(|pair| (pair[0], pair[1]) == (0, 1));
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| f32::from(u8::from(has(i)))))
/// });
/// let attributor = Attributor::new(&pair, AttributionOptions::default())?;
/// let map = dependency_map(&attributor, &Sequence::parse(&dna, "GACG")?, 1..2, Run::default())?;
/// // Without the A the C no longer counts; the last G never did.
/// assert!(map[[2, 0]] > 0.2 && map[[3, 0]] < 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dependency_map(
    attributor: &Attributor<'_>,
    sequence: &Sequence,
    span: Range<usize>,
    run: Run<'_>,
) -> Result<Array2<f64>, EffectError> {
    if span.is_empty() || span.end > sequence.len() {
        let found = format!("{}..{}", span.start, span.end);
        return Err(out_of_range("span", found, format!("a range of positions in 0..{}", sequence.len())));
    }
    let own = attributor.attribute(std::slice::from_ref(sequence), run)?.importance();
    let (codes, letters) = (sequence.codes(), sequence.alphabet().len());
    let others = |position: usize| (0..letters).filter(move |&letter| letter != codes[position]);
    let edits: Vec<(usize, u8)> =
        span.clone().flat_map(|position| others(position).map(move |letter| (position, letter))).collect();
    let mut map = Array2::zeros((sequence.len(), span.len()));
    for edits in edits.chunks(AT_ONCE) {
        let edited = |&(position, letter): &(usize, u8)| {
            let mut codes = codes.to_vec();
            codes[position] = letter;
            Sequence::from_codes(sequence.alphabet(), codes).map_err(EncodeError::from)
        };
        let mutants = edits.iter().map(edited).collect::<Result<Vec<_>, _>>()?;
        let changed = attributor.attribute(&mutants, run)?.importance();
        for (&(position, _), row) in edits.iter().zip(changed.outer_iter()) {
            let share = 1.0 / others(position).count() as f64;
            let mut column = map.column_mut(position - span.start);
            for (cell, (after, before)) in column.iter_mut().zip(row.iter().zip(&own)) {
                *cell += share * (after - before).abs();
            }
        }
    }
    Ok(map)
}
