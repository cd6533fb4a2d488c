use std::cmp::Ordering;
use std::sync::OnceLock;

use ndarray::ArrayView2;

use super::cells::Cells;
use super::distance::Matrix;
use super::one_hot::Groups;
use super::{TomtomError, TomtomOptions, TomtomStrands};

/// Targets of more positions in all, both strands counted, are refused: indices of columns have 32 bits.
const MOST_POSITIONS: usize = u32::MAX as usize;

/// Motifs prepared for comparison: built once, compared with any number of queries.
///
/// Columns of all targets (of both strands) that are nearly equal are merged, see
/// [`target_bins`](TomtomOptions::target_bins); a query column is compared with each distinct column once.
///
/// **Cost**: building takes O(C log C) time for C columns in all; memory is about 80 bytes a column.
#[derive(Clone, Debug)]
pub struct TomtomTargets {
    pub(super) options: TomtomOptions,
    pub(super) letters: usize,
    pub(super) n_targets: usize,
    /// The positions of each target, forward ones first, then reverse complements, and the end of the last one.
    pub(super) starts: Vec<usize>,
    /// The distinct column at each position.
    pub(super) positions: Vec<u32>,
    pub(super) columns: Columns,
    /// The widths that occur, ascending, and which of them each target has.
    pub(super) widths: Vec<usize>,
    pub(super) width_classes: Vec<u32>,
    groups: OnceLock<Groups>,
    cells: OnceLock<Cells>,
}

/// The distinct columns in the order of their first use.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The constant and each weight of every column, see [`Side`](super::distance::Side).
    pub(super) constants: Vec<f64>,
    pub(super) weights: Vec<Vec<f64>>,
    /// The weights in single precision column by column, if a column has four.
    pub(super) quads: Vec<[f32; 4]>,
    /// The largest root of the sum of a column's squared weights.
    pub(super) largest_norm: f64,
    /// How many positions have this column, and how many there are in all.
    pub(super) counts: Vec<u32>,
    pub(super) total: u64,
    /// The place of a column in the peer's order, in which the sums of a median are taken.
    pub(super) ranks: Vec<u32>,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}

impl TomtomTargets {
    /// Prepares targets, each (width, A): positions, letters.
    ///
    /// Entries are any finite numbers: probabilities, one-hot letters (a column of zeros is an unknown letter),
    /// attributions. Integer scores have at most [`score_bins`](TomtomOptions::score_bins) steps a unit of the
    /// distance: scale entries whose differences are all far below or far above 1, or they are not told apart.
    ///
    /// # Errors
    /// [`TomtomError::Option`] for an option outside its range, [`TomtomError::NoTargets`],
    /// [`TomtomError::AllZero`], and for a target with no positions, another number of letters (four, for both
    /// strands) or an entry that the distance does not take: the variant that says so, with the target's index.
    ///
    /// ```
    /// use cistron_motif::{TomtomOptions, TomtomTargets};
    /// use ndarray::array;
    ///
    /// let tga = array![[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]];
    /// let ccc = array![[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]];
    /// let targets = TomtomTargets::new(&[ccc.view(), tga.view()], TomtomOptions::default())?;
    /// let matches = targets.compare(tga.view())?;
    /// assert!(matches[1].p_value < matches[0].p_value);
    /// assert_eq!((matches[1].offset, matches[1].overlap), (0, 3));
    /// # Ok::<(), cistron_motif::TomtomError>(())
    /// ```
    pub fn new(targets: &[ArrayView2<'_, f64>], options: TomtomOptions) -> Result<Self, TomtomError> {
        options.validate()?;
        let matrices = matrices(targets, &options)?;
        let letters = matrices[0].letters;
        let all = concatenated(&matrices, options.strands);
        if all.len() / letters > MOST_POSITIONS {
            return Err(TomtomError::Option {
                what: "the number of target positions",
                found: (all.len() / letters).to_string(),
                expected: format!("at most {MOST_POSITIONS}"),
            });
        }
        let (first_uses, positions, ranks) = merge(&all, letters, options.target_bins);
        let columns = distinct(&all, letters, &options, (&first_uses, &positions, ranks));
        let starts = starts(&matrices, options.strands);
        let mut widths: Vec<usize> = matrices.iter().map(|m| m.width).collect();
        widths.sort_unstable();
        widths.dedup();
        let class = |m: &Matrix| widths.partition_point(|w| *w < m.width) as u32;
        let width_classes = matrices.iter().map(class).collect();
        Ok(Self {
            options,
            letters,
            n_targets: matrices.len(),
            starts,
            positions,
            columns,
            widths,
            width_classes,
            groups: OnceLock::new(),
            cells: OnceLock::new(),
        })
    }

    /// The number of targets.
    pub fn len(&self) -> usize {
        self.n_targets
    }

    /// Whether there are no targets; never true.
    pub fn is_empty(&self) -> bool {
        self.n_targets == 0
    }

    /// How the targets are compared.
    pub fn options(&self) -> &TomtomOptions {
        &self.options
    }

    /// The target strands in groups, made when the first one-hot query comes.
    pub(super) fn groups(&self) -> &Groups {
        self.groups.get_or_init(|| Groups::new(self))
    }

    /// The distinct columns in cells, made when the first Euclidean distance is asked for.
    pub(super) fn cells(&self) -> &Cells {
        self.cells.get_or_init(|| Cells::new(&self.columns))
    }

    /// The distinct columns of one target strand, forward ones first.
    pub(super) fn strand(&self, index: usize) -> &[u32] {
        &self.positions[self.starts[index]..self.starts[index + 1]]
    }
}

fn matrices(targets: &[ArrayView2<'_, f64>], options: &TomtomOptions) -> Result<Vec<Matrix>, TomtomError> {
    let mut matrices: Vec<Matrix> = Vec::with_capacity(targets.len());
    for (index, target) in targets.iter().enumerate() {
        let matrix = Matrix::new(target, options.distance, ("target", index), i32::MAX as usize / 4)?;
        let expected = match (options.strands, matrices.first()) {
            (TomtomStrands::Both, _) => 4,
            (TomtomStrands::Forward, Some(first)) => first.letters,
            (TomtomStrands::Forward, None) => matrix.letters,
        };
        if matrix.letters != expected {
            let expected = match options.strands {
                TomtomStrands::Both => "4 for both strands".into(),
                TomtomStrands::Forward => format!("{expected} as target 0"),
            };
            return Err(TomtomError::Letters { role: "target", index, found: matrix.letters, expected });
        }
        matrices.push(matrix);
    }
    if matrices.is_empty() {
        return Err(TomtomError::NoTargets);
    }
    let zero = matrices.iter().all(|m| m.entries.iter().all(|x| *x == 0.0));
    if zero { Err(TomtomError::AllZero) } else { Ok(matrices) }
}

/// All columns: targets in order, then each of them reversed in both axes.
fn concatenated(matrices: &[Matrix], strands: TomtomStrands) -> Vec<f64> {
    let mut all: Vec<f64> = matrices.iter().flat_map(|m| m.entries.iter().copied()).collect();
    if strands == TomtomStrands::Both {
        all.extend(matrices.iter().flat_map(|m| m.entries.iter().rev().copied()));
    }
    all
}

fn starts(matrices: &[Matrix], strands: TomtomStrands) -> Vec<usize> {
    let rounds = if strands == TomtomStrands::Both { 2 } else { 1 };
    let mut end = 0;
    let widths = matrices.iter().map(|m| m.width).cycle().take(rounds * matrices.len());
    std::iter::once(0)
        .chain(widths.map(|width| {
            end += width;
            end
        }))
        .collect()
}

/// Groups columns: the first position of each distinct column, the distinct column of each position, and the place
/// of each distinct column when they are sorted by their bins, the last letter's first.
fn merge(all: &[f64], letters: usize, bins: Option<usize>) -> (Vec<usize>, Vec<u32>, Vec<u32>) {
    let n = all.len() / letters;
    let Some(bins) = bins else {
        return ((0..n).collect(), (0..n as u32).collect(), (0..n as u32).collect());
    };
    let keys = keys(all, letters, bins);
    let key = |position: usize| &keys[position * letters..][..letters];
    let compare = |a: &usize, b: &usize| match key(*a).iter().rev().cmp(key(*b).iter().rev()) {
        Ordering::Equal => a.cmp(b),
        other => other,
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(compare);
    // Groups in the order of their keys; each begins with its first use.
    let groups: Vec<&[usize]> = order.chunk_by(|a, b| key(*a) == key(*b)).collect();
    let mut by_use: Vec<usize> = (0..groups.len()).collect();
    by_use.sort_unstable_by_key(|&g| groups[g][0]);
    let mut positions = vec![0; n];
    for (column, &group) in by_use.iter().enumerate() {
        groups[group].iter().for_each(|&position| positions[position] = column as u32);
    }
    let first_uses = by_use.iter().map(|&g| groups[g][0]).collect();
    (first_uses, positions, by_use.into_iter().map(|g| g as u32).collect())
}

/// The bin of every entry, between the smallest and the largest entry of its letter.
fn keys(all: &[f64], letters: usize, bins: usize) -> Vec<u32> {
    let mut keys = vec![0; all.len()];
    for letter in 0..letters {
        let entries = || all.iter().skip(letter).step_by(letters);
        let low = entries().copied().fold(f64::INFINITY, f64::min);
        let high = entries().copied().fold(f64::NEG_INFINITY, f64::max);
        let high = if high == low { low + 1.0 } else { high };
        // Beyond 2^53 adding 1 changes nothing; all entries are equal then.
        let range = if high == low { 1.0 } else { high - low };
        for (key, x) in keys.iter_mut().skip(letter).step_by(letters).zip(entries()) {
            *key = ((x - low) / range * (bins - 1) as f64).round_ties_even() as u32;
        }
    }
    keys
}

fn distinct(
    all: &[f64],
    letters: usize,
    options: &TomtomOptions,
    (first_uses, positions, ranks): (&[usize], &[u32], Vec<u32>),
) -> Columns {
    let mut columns = Columns {
        weights: vec![Vec::with_capacity(first_uses.len()); options.distance.n_weights(letters)],
        counts: vec![0; first_uses.len()],
        total: positions.len() as u64,
        ranks,
        ..Default::default()
    };
    for &position in first_uses {
        let side = options.distance.target(&all[position * letters..][..letters]);
        columns.constants.push(side.constant);
        columns.weights.iter_mut().zip(side.weights).for_each(|(all, weight)| all.push(weight));
    }
    let norm = |column: usize| columns.weights.iter().map(|all| all[column].powi(2)).sum::<f64>().sqrt();
    columns.largest_norm = (0..first_uses.len()).map(norm).fold(0.0, f64::max);
    if let [a, b, c, d] = &columns.weights[..] {
        columns.quads = (0..a.len()).map(|u| [a[u], b[u], c[u], d[u]].map(|weight| weight as f32)).collect();
    }
    for &column in positions {
        columns.counts[column as usize] += 1;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_equal_columns_are_merged_into_the_first() {
        let all = [0.0, 1.0, 0.4, 0.6, 0.404, 0.596, 1.0, 0.0];
        let (first_uses, positions, ranks) = merge(&all, 2, Some(100));
        assert_eq!(first_uses, [0, 1, 3]);
        assert_eq!(positions, [0, 1, 1, 2]);
        assert_eq!(ranks, [2, 1, 0]);
        let (first_uses, positions, _) = merge(&all, 2, None);
        assert_eq!((first_uses.len(), positions), (4, vec![0, 1, 2, 3]));
    }

    #[test]
    fn entries_halfway_between_bins_go_to_the_even_one() {
        assert_eq!(keys(&[0.0, 0.5, 1.0], 1, 2), [0, 0, 1]);
        assert_eq!(keys(&[3.0, 3.0], 1, 100), [0, 0]);
    }
}
