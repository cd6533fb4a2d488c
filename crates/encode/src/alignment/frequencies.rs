//! How often letters stand in columns, by the weights of their sequences.

use ndarray::{Array2, ArrayView1};

use super::{Family, FamilyError};

/// The frequencies of letters, `(L, A)`: gaps left out, `pseudocount` added to the weighted count of each letter. A
/// column without a letter has them all alike.
///
/// # Errors
/// [`FamilyError::Option`] for a pseudocount that is negative or not finite.
///
/// ```
/// use cistron_encode::alignment::{Alignment, PrepareOptions, site_frequencies};
///
/// let alignment = Alignment::read(&b">a/1-2\nAC\n>b\nA-\n"[..], "x".as_ref())?;
/// let (family, _) = alignment.prepare(&PrepareOptions::default())?;
/// let frequencies = site_frequencies(&family, 0.0)?;
/// assert_eq!((frequencies[[0, 0]], frequencies[[1, 1]]), (1.0, 1.0));
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
pub fn site_frequencies(family: &Family, pseudocount: f64) -> Result<Array2<f64>, FamilyError> {
    if !(pseudocount >= 0.0 && pseudocount.is_finite()) {
        let found = pseudocount.to_string();
        return Err(FamilyError::Option { what: "pseudocount", found, expected: "0 or more".into() });
    }
    let letters = usize::from(family.alphabet().len());
    let mut counts = Array2::zeros((family.width(), letters));
    for (row, weight) in family.codes().rows().into_iter().zip(family.weights()) {
        for (mut counts, &code) in counts.rows_mut().into_iter().zip(row) {
            if let Some(count) = counts.get_mut(usize::from(code)) {
                *count += weight;
            }
        }
    }
    for mut counts in counts.rows_mut() {
        counts += pseudocount;
        let sum = counts.sum();
        if sum > 0.0 {
            counts /= sum;
        } else {
            counts.fill(1.0 / letters as f64);
        }
    }
    Ok(counts)
}

/// The frequencies of pairs of letters of two columns, `(A, A)` row by row, among the sequences that have a letter in
/// both; zeros where no sequence has.
pub(super) fn pair_frequencies(
    a: ArrayView1<'_, u8>,
    b: ArrayView1<'_, u8>,
    weights: &[f64],
    frequencies: &mut [f64],
    letters: usize,
) {
    frequencies.fill(0.0);
    let mut sum = 0.0;
    for ((&a, &b), weight) in a.iter().zip(b).zip(weights) {
        let (a, b) = (usize::from(a), usize::from(b));
        if a < letters
            && b < letters
            && let Some(count) = frequencies.get_mut(a * letters + b)
        {
            *count += weight;
            sum += weight;
        }
    }
    if sum > 0.0 {
        for frequency in frequencies {
            *frequency /= sum;
        }
    }
}
