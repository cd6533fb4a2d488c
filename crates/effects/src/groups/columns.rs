use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::p_value::PValues;
use super::workspace::Workspace;
use super::{ComparisonOptions, GroupComparison, MissingScores};
use crate::EffectError;

/// Columns read at a time: some lines of memory of each row.
const COLUMNS: usize = 32;

/// Compares two groups of rows in each column of a matrix of scores, as [`compare_groups`](crate::compare_groups) does.
///
/// `scores` is `(R, T)`, R rows (variants) by T columns (tracks), `is_first` has R labels: true for rows of the first
/// group, false for those of the second. Gives T comparisons in the order of columns. p-values are those of each column
/// alone: [`benjamini_hochberg`](cistron_core::benjamini_hochberg) and [`bonferroni`](cistron_core::bonferroni) correct
/// for their number.
///
/// Where NaN is left out, each column has sizes of its own; a column without a value in one group has results that are
/// NaN.
///
/// # Errors
/// [`EffectError::GroupLabels`] if there are not R labels, and those of [`compare_groups`](crate::compare_groups), of
/// missing scores the first by column, then row.
///
/// Cost: each column is sorted once, on the threads of the caller's pool, which never change a result; nothing is
/// allocated for a column but its result.
///
/// ```
/// use cistron_effects::{ComparisonOptions, compare_columns};
/// use ndarray::arr2;
///
/// let scores = arr2(&[[0.9_f32, 0.1], [0.8, 0.2], [0.1, 0.3], [0.2, 0.4], [0.3, 0.5]]);
/// let is_first = [true, true, false, false, false];
/// let columns = compare_columns(scores.view(), &is_first, ComparisonOptions::default())?;
/// assert_eq!(columns.iter().map(|column| column.auc).collect::<Vec<_>>(), [1.0, 0.0]);
/// let p_values: Vec<f64> = columns.iter().map(|column| column.p_value).collect();
/// assert_eq!(p_values, [0.2, 0.2]);
/// assert_eq!(cistron_core::bonferroni(&p_values), [0.4, 0.4]);
/// # Ok::<(), cistron_effects::EffectError>(())
/// ```
pub fn compare_columns<T: Copy + Into<f64> + Sync>(
    scores: ArrayView2<'_, T>,
    is_first: &[bool],
    options: ComparisonOptions,
) -> Result<Vec<GroupComparison>, EffectError> {
    if is_first.len() != scores.nrows() {
        return Err(EffectError::GroupLabels { found: is_first.len(), rows: scores.nrows() });
    }
    let n_first = is_first.iter().filter(|is_first| **is_first).count();
    let n_second = is_first.len() - n_first;
    super::check_sizes(n_first, n_second)?;
    let workspace = Workspace::new(options, PValues::new(options, n_first, n_second)?);
    let places = places(is_first, n_first);
    let blocks: Vec<Vec<GroupComparison>> = (0..scores.ncols())
        .into_par_iter()
        .step_by(COLUMNS)
        .map_init(
            || Block { scores: Vec::new(), workspace: workspace.clone() },
            |block, begin| {
                let end = scores.ncols().min(begin + COLUMNS);
                block.read(scores.slice(s![.., begin..end]), &places);
                if options.missing == MissingScores::Refuse {
                    block.check(begin, &places)?;
                }
                Ok(block.compare(n_first, places.len()))
            },
        )
        .collect::<Result<_, EffectError>>()?;
    Ok(blocks.concat())
}

/// Where each row goes so that those of the first group come first.
fn places(is_first: &[bool], n_first: usize) -> Vec<usize> {
    let mut next = (0, n_first);
    let place = |&is_first: &bool| {
        let next = if is_first { &mut next.0 } else { &mut next.1 };
        *next += 1;
        *next - 1
    };
    is_first.iter().map(place).collect()
}

/// Some columns, one after another in memory, each with the first group first.
struct Block {
    scores: Vec<f64>,
    workspace: Workspace,
}

impl Block {
    fn read<T: Copy + Into<f64>>(&mut self, columns: ArrayView2<'_, T>, places: &[usize]) {
        self.scores.resize(columns.len(), 0.0);
        for (row, &place) in columns.rows().into_iter().zip(places) {
            let cells = self.scores.iter_mut().skip(place).step_by(places.len());
            for (cell, &score) in cells.zip(row) {
                *cell = score.into();
            }
        }
    }

    /// Refuses NaN; `begin` is the number of the first column.
    fn check(&self, begin: usize, places: &[usize]) -> Result<(), EffectError> {
        for (index, column) in self.scores.chunks_exact(places.len()).enumerate() {
            if let Some(row) = places.iter().position(|&place| column[place].is_nan()) {
                return Err(EffectError::MissingScore {
                    place: format!("row {row}, column {}", begin + index),
                });
            }
        }
        Ok(())
    }

    fn compare(&mut self, n_first: usize, n_rows: usize) -> Vec<GroupComparison> {
        let groups = self.scores.chunks_exact(n_rows).map(|column| column.split_at(n_first));
        groups.map(|(first, second)| self.workspace.compare(first, second)).collect()
    }
}
