use cistron_core::Strand;
use ndarray::{Array2, ArrayView2, ArrayView3, s};

use super::{Annotation, Annotations};
use crate::{AttributionValue, MotifError, ScanStrands};

/// What makes a window of attributions a hit of a motif.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct ContributionOptions {
    /// The least similarity of window and motif, from -1 to 1. Default 0.7.
    pub min_similarity: f64,
    /// The least root mean square of the window's attributions, as a multiple of that of its example. A window of noise
    /// may have the shape of a motif by chance; this asks that the model cares. Default 1.
    pub min_strength: f64,
    /// Which strands; the reverse one needs four letters. Default both.
    pub strands: ScanStrands,
}

impl Default for ContributionOptions {
    fn default() -> Self {
        Self { min_similarity: 0.7, min_strength: 1.0, strands: ScanStrands::Both }
    }
}

/// Finds where attributions have the shape of a motif: hits of sequence and attribution together.
///
/// * `motifs`: matrices (width, A) of contributions, such as the mean attributions of aligned seqlets, or the letter
///   heights of position weight matrices ([`Motif::letter_heights`](crate::Motif::letter_heights))
/// * `attributions` (N, L, A): hypothetical attributions, or attributions that are 0 but at the letter that stands there
/// * returns hits by example, motif, strand and start; several motifs, and neighbouring places, may fit one site: gather
///   them by [`Annotations::sites`] with [`AnnotationOrder::Score`](crate::AnnotationOrder::Score)
///
/// The score is the cosine of the angle between the window and the matrix, `Σ C·W / (|C| |W|)`, so it does not depend on
/// the scale of either; the attribution of a hit is the sum of the window. There is no p-value.
///
/// **Cost**: time O(N · L) for each motif and strand, and O(width · A) more for each window that is strong enough.
///
/// Source: the similarity of Fi-NeMo 0.41, which filters by it the hits of a sparse reconstruction; there is no
/// reconstruction here, so overlapping motifs are not explained away by one another.
///
/// # Errors
/// [`MotifError::Option`] for a matrix of another number of letters or without a number that is not 0, or for an option
/// that is NaN.
///
/// ```
/// use cistron_motif::{ContributionOptions, contribution_hits};
/// use ndarray::{Array3, array};
///
/// let motif = array![[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]];
/// let mut attributions = Array3::<f32>::zeros((1, 20, 4));
/// // TGA on the reverse strand reads TCA.
/// for (position, letter) in [(5, 3), (6, 1), (7, 0)] {
///     attributions[[0, position, letter]] = 0.3;
/// }
/// let hits = contribution_hits(&[motif.view()], attributions.view(), ContributionOptions::default())?;
/// let hit = hits.get(0).ok_or("none")?;
/// assert_eq!((hit.start, hit.end, hit.strand.map(|strand| strand.symbol())), (5, 8, Some('-')));
/// assert!((hit.score - 1.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn contribution_hits<T: AttributionValue>(
    motifs: &[ArrayView2<'_, f64>],
    attributions: ArrayView3<'_, T>,
    options: ContributionOptions,
) -> Result<Annotations, MotifError> {
    check(motifs, attributions.dim().2, options)?;
    let strands: &[Strand] = match options.strands {
        ScanStrands::Both if attributions.dim().2 == 4 => &[Strand::Forward, Strand::Reverse],
        _ => &[Strand::Forward],
    };
    let mut hits = Annotations::new();
    for (example, window) in (0..).zip(attributions.outer_iter()) {
        let track = Track::new(window.map(|value| value.widened()));
        for (motif, matrix) in (0..).zip(motifs) {
            for &strand in strands {
                let matrix =
                    if strand == Strand::Forward { matrix.view() } else { matrix.slice(s![..;-1, ..;-1]) };
                let found = track.windows(matrix, options);
                hits.extend(found.map(|(start, score, attribution)| Annotation {
                    strand: Some(strand),
                    score,
                    attribution,
                    ..Annotation::new(example, motif, start as u32, (start + matrix.nrows()) as u32)
                }));
            }
        }
    }
    Ok(hits)
}

fn check(
    motifs: &[ArrayView2<'_, f64>],
    letters: usize,
    options: ContributionOptions,
) -> Result<(), MotifError> {
    let refuse = |option, found: String, expected| Err(MotifError::Option { option, found, expected });
    for (option, value) in
        [("least similarity", options.min_similarity), ("least strength", options.min_strength)]
    {
        if value.is_nan() {
            return refuse(option, value.to_string(), "a number");
        }
    }
    for (index, matrix) in motifs.iter().enumerate() {
        if matrix.ncols() != letters {
            let found = format!("{} for motif {index} and {letters} for the attributions", matrix.ncols());
            return refuse("number of letters", found, "the same");
        }
        let size = matrix.iter().map(|value| value * value).sum::<f64>();
        if !(size > 0.0 && size.is_finite()) {
            return refuse("sum of squares", format!("{size} for motif {index}"), "a number above 0");
        }
    }
    Ok(())
}

/// The attributions of one example, with running sums.
struct Track {
    values: Array2<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Track {
    fn new(values: Array2<f64>) -> Self {
        let running = |number: &dyn Fn(f64) -> f64| {
            let mut sum = 0.0;
            let of_row = |row: ndarray::ArrayView1<'_, f64>| {
                sum += row.iter().map(|value| number(*value)).sum::<f64>();
                sum
            };
            std::iter::once(0.0).chain(values.rows().into_iter().map(of_row)).collect::<Vec<f64>>()
        };
        let (sums, squares) = (running(&|value| value), running(&|value| value * value));
        Self { values, sums, squares }
    }

    /// Start, similarity and sum of the windows that are like a matrix and strong enough.
    fn windows(
        &self,
        matrix: ArrayView2<'_, f64>,
        options: ContributionOptions,
    ) -> impl Iterator<Item = (usize, f64, f64)> {
        let (length, width) = (self.values.nrows(), matrix.nrows());
        let mean = self.squares.last().copied().unwrap_or(0.0) / length.max(1) as f64;
        let least = options.min_strength * options.min_strength * mean * width as f64;
        let size = matrix.iter().map(|value| value * value).sum::<f64>().sqrt();
        (0..(length + 1).saturating_sub(width)).filter_map(move |start| {
            let end = start + width;
            let strong = self.squares[end] - self.squares[start];
            if strong < least || strong <= 0.0 {
                return None;
            }
            let window = self.values.slice(s![start..end, ..]);
            let product: f64 = window.iter().zip(&matrix).map(|(c, w)| c * w).sum();
            // Not from running sums: a difference of large ones would be too coarse to divide by.
            let own: f64 = window.iter().map(|value| value * value).sum();
            let similarity = product / (own.sqrt() * size);
            (similarity >= options.min_similarity)
                .then(|| (start, similarity, self.sums[end] - self.sums[start]))
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matrices_that_do_not_fit_are_refused() {
        let attributions = Array3::<f64>::zeros((1, 5, 4));
        let refuse = |matrix: Array2<f64>| {
            let error =
                contribution_hits(&[matrix.view()], attributions.view(), ContributionOptions::default());
            error.unwrap_err().to_string()
        };
        assert_eq!(
            refuse(array![[1.0, 0.0]]),
            "number of letters is 2 for motif 0 and 4 for the attributions, expected the same"
        );
        assert!(refuse(Array2::zeros((3, 4))).starts_with("sum of squares is 0 for motif 0"));
        assert!(refuse(Array2::from_elem((3, 4), f64::NAN)).starts_with("sum of squares is NaN"));
    }

    proptest! {
        #[test]
        fn the_scale_of_attributions_and_the_strand_read_do_not_matter(
            values in prop::collection::vec(-1.0_f64..1.0, 120),
            matrix in prop::collection::vec(-1.0_f64..1.0, 16),
            scale in 0.01_f64..100.0,
        ) {
            let motif = Array2::from_shape_vec((4, 4), matrix).unwrap();
            let track = Array3::from_shape_vec((1, 30, 4), values).unwrap();
            let options = ContributionOptions { min_similarity: 0.4, ..ContributionOptions::default() };
            let hits = |track: &Array3<f64>| contribution_hits(&[motif.view()], track.view(), options).unwrap();
            let (found, scaled) = (hits(&track), hits(&track.mapv(|value| value * scale)));
            let starts = |hits: &Annotations| hits.starts().to_vec();
            // A window on the edge of the least strength may fall to either side by rounding.
            prop_assert!(found.len().abs_diff(scaled.len()) <= 1);
            if found.len() == scaled.len() {
                prop_assert_eq!(starts(&found), starts(&scaled));
            }
            let other = hits(&track.slice(s![.., ..;-1, ..;-1]).to_owned());
            let mut turned: Vec<u32> = other.ends().iter().map(|end| 30 - end).collect();
            let mut here = starts(&found);
            turned.sort_unstable();
            here.sort_unstable();
            prop_assert!(turned.len().abs_diff(here.len()) <= 1);
            if turned.len() == here.len() {
                prop_assert_eq!(turned, here);
            }
        }
    }
}
