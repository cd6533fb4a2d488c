use ndarray::ArrayView2;

use super::{MotifMatch, TomtomError, TomtomOptions, TomtomTargets};

/// Compares every pair of motifs once, the narrower one as the query.
///
/// Motifs are taken in the order of their widths, equal ones in the order of their indices. `sink` gets, in that
/// order, each motif's index and its matches with the motifs after it; the last one's are none. Indices are those
/// of `motifs`; E-values count all motifs, q-values are those among the motifs after it.
///
/// Target columns are merged in the order of the widths, so a score may differ by a unit from that of
/// [`TomtomTargets::compare_each`].
///
/// Source: `symmetric_tomtom` of memelite 0.5.0, without its copy of each pair in the other triangle.
///
/// # Errors
/// As [`TomtomTargets::new`] and [`TomtomTargets::compare_each`].
///
/// ```
/// use cistron_motif::{TomtomOptions, compare_symmetric};
/// use ndarray::array;
///
/// let tg = array![[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]];
/// let a = array![[1.0, 0.0, 0.0, 0.0]];
/// let mut pairs = Vec::new();
/// compare_symmetric(&[tg.view(), a.view()], TomtomOptions::default(), |query, matches| {
///     pairs.extend(matches.iter().map(|found| (query, found.target)));
///     Ok::<(), cistron_motif::TomtomError>(())
/// })?;
/// assert_eq!(pairs, [(1, 0)]);
/// # Ok::<(), cistron_motif::TomtomError>(())
/// ```
pub fn compare_symmetric<E: From<TomtomError>>(
    motifs: &[ArrayView2<'_, f64>],
    options: TomtomOptions,
    mut sink: impl FnMut(usize, Vec<MotifMatch>) -> Result<(), E>,
) -> Result<(), E> {
    // Errors name motifs by their place in the caller's order.
    for (index, motif) in motifs.iter().enumerate() {
        super::distance::Matrix::new(motif, options.distance, ("target", index), usize::MAX)?;
    }
    let mut order: Vec<usize> = (0..motifs.len()).collect();
    order.sort_by_key(|&index| motifs[index].nrows());
    let sorted: Vec<ArrayView2<'_, f64>> = order.iter().map(|&index| motifs[index]).collect();
    let targets = TomtomTargets::new(&sorted, options)?;
    let mut queries = Vec::with_capacity(sorted.len());
    for (&index, motif) in order.iter().zip(&sorted) {
        queries.push(targets.query(motif, index)?);
    }
    targets.compare_matrices(
        &queries,
        |rank| rank + 1,
        |rank, mut matches| {
            for found in &mut matches {
                found.target = order[found.target];
            }
            sink(order[rank], matches)
        },
    )
}
