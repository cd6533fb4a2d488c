use std::collections::HashMap;

use cistron_core::Strand;
use ndarray::ArrayView2;

use super::align::{Batch, Best, Count, LANES, fits_16_bits};
use super::background::{Background, Null};
use super::column::{Scaling, Scratch, Spread, histogram};
use super::distance::Matrix;
use super::instructions::Instructions;
use super::order::{argsort_as_numba, by_score, q_values};
use super::targets::TomtomTargets;
use super::transpose::Rows;
use super::{NeighbourOrder, OffsetTies, TomtomError, TomtomStrands};

/// Wider queries are refused: the null model takes time that grows with the square of the width.
const WIDEST_QUERY: usize = 1000;

/// About so many bytes of results wait for their turn.
const WAITING_BYTES: usize = 64 << 20;

/// The best alignment of a query with one target.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MotifMatch {
    /// The target, from 0.
    pub target: usize,
    /// How likely a target of this width reaches the score by chance on either strand.
    pub p_value: f64,
    /// How many targets of the set reach such a p-value by chance: the p-value times the number of targets.
    pub e_value: f64,
    /// The least false discovery rate at which the match is found among all targets of the query (Benjamini and
    /// Hochberg).
    pub q_value: f64,
    /// The integer score of the whole query; positions beside the target score as the median.
    pub score: u32,
    /// The target position, on `strand`, of the query's first one; negative if the query begins before the target.
    pub offset: i32,
    /// The number of aligned positions.
    pub overlap: u32,
    /// The strand of the target.
    pub strand: Strand,
}

impl TomtomTargets {
    /// Compares one query (width, A) with every target.
    ///
    /// Matches come in the order of the targets; with [`nearest`](super::TomtomOptions::nearest) or
    /// [`threshold`](super::TomtomOptions::threshold) best first.
    ///
    /// **Cost**: as much as sixteen queries in [`compare_each`](Self::compare_each) where alignment prevails.
    ///
    /// # Errors
    /// [`TomtomError::Width`], [`TomtomError::Letters`] or [`TomtomError::Entry`] for a query with no position or
    /// more than 1,000, another number of letters than the targets, or an entry that the distance does not take.
    ///
    /// ```
    /// use cistron_motif::{TomtomOptions, TomtomTargets};
    /// use ndarray::{Array2, s};
    ///
    /// let gata = Array2::eye(4).select(ndarray::Axis(0), &[2, 0, 3, 0]);
    /// let options = TomtomOptions { nearest: Some(1), ..Default::default() };
    /// let targets = TomtomTargets::new(&[gata.view()], options)?;
    /// // TATC is GATA on the other strand.
    /// let best = targets.compare(gata.slice(s![..;-1, ..;-1]))?[0];
    /// assert_eq!((best.strand.symbol(), best.offset, best.overlap), ('-', 0, 4));
    /// # Ok::<(), cistron_motif::TomtomError>(())
    /// ```
    pub fn compare(&self, query: ArrayView2<'_, f64>) -> Result<Vec<MotifMatch>, TomtomError> {
        let mut found = Vec::new();
        self.compare_each(&[query], |_, matches| {
            found = matches;
            Ok::<(), TomtomError>(())
        })?;
        Ok(found)
    }

    /// Compares many queries, handing the matches of each to `sink` with its index, in order.
    ///
    /// With feature `parallel` queries are spread over the threads of the caller's rayon pool; the results do not
    /// depend on it. All queries are checked before the first is compared.
    ///
    /// **Cost**: about 64 MiB of results wait at a time, and each thread needs about 50 bytes a distinct target
    /// column and position of the widest query.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), naming the query, and what `sink` returns, which ends the comparison.
    pub fn compare_each<E: From<TomtomError>>(
        &self,
        queries: &[ArrayView2<'_, f64>],
        sink: impl FnMut(usize, Vec<MotifMatch>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut matrices = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            matrices.push(self.query(query, index)?);
        }
        self.compare_matrices(&matrices, |_| 0, sink)
    }

    /// Checks a query.
    pub(super) fn query(&self, query: &ArrayView2<'_, f64>, index: usize) -> Result<Matrix, TomtomError> {
        let matrix = Matrix::new(query, self.options.distance, ("query", index), WIDEST_QUERY)?;
        if matrix.letters == self.letters {
            return Ok(matrix);
        }
        let expected = format!("{} as the targets", self.letters);
        Err(TomtomError::Letters { role: "query", index, found: matrix.letters, expected })
    }

    /// Compares each query with the targets from `first(index)` on.
    pub(super) fn compare_matrices<E>(
        &self,
        queries: &[Matrix],
        first: impl Fn(usize) -> usize + Sync,
        mut sink: impl FnMut(usize, Vec<MotifMatch>) -> Result<(), E>,
    ) -> Result<(), E> {
        let reported = self.options.nearest.unwrap_or(self.n_targets).min(self.n_targets);
        let window = (WAITING_BYTES / (reported * size_of::<MotifMatch>()).max(1)).clamp(LANES, 64 * LANES);
        for (start, queries) in (0..).step_by(window).zip(queries.chunks(window)) {
            let mut order: Vec<usize> = (0..queries.len()).collect();
            order.sort_by_key(|&index| queries[index].width);
            let batches: Vec<Vec<(usize, &Matrix)>> = order
                .chunks(LANES)
                .map(|batch| batch.iter().map(|&i| (first(start + i), &queries[i])).collect())
                .collect();
            let results = run_batches(self, &batches);
            let mut waiting: Vec<(usize, Vec<MotifMatch>)> =
                order.into_iter().zip(results.into_iter().flatten()).collect();
            waiting.sort_unstable_by_key(|(index, _)| *index);
            for (index, matches) in waiting {
                sink(start + index, matches)?;
            }
        }
        Ok(())
    }

    fn batch(&self, queries: &[(usize, &Matrix)], space: &mut Workspace) -> Vec<Vec<MotifMatch>> {
        let width = queries.iter().map(|(_, query)| query.width).max().unwrap_or(0);
        let longest = self.widths.last().copied().unwrap_or(0);
        if fits_16_bits(width, longest) {
            let mut best = std::mem::take(&mut space.best_16);
            let matches = self.batch_of::<i16>(queries, width, space, &mut best);
            space.best_16 = best;
            matches
        } else {
            self.batch_of::<i32>(queries, width, space, &mut Vec::new())
        }
    }

    fn batch_of<T: Count>(
        &self,
        queries: &[(usize, &Matrix)],
        width: usize,
        space: &mut Workspace,
        best: &mut Vec<Best<T>>,
    ) -> Vec<Vec<MotifMatch>> {
        let n_columns = self.columns.len();
        let mut beside = [0; LANES];
        let mut widths = [width; LANES];
        let mut histograms = Vec::with_capacity(queries.len());
        for (lane, (_, query)) in queries.iter().enumerate() {
            widths[lane] = query.width;
            let (offset, own) = self.integers(query, lane, space);
            beside[lane] = offset;
            histograms.push(own);
        }
        space.by_column.resize(n_columns * width, [0; LANES]);
        let rows = Rows { queries: &space.rows[..queries.len()], beside, n_columns, width };
        space.instructions.transpose(&rows, &mut space.by_column);
        let batch = Batch { width, widths, offsets: beside, scores: &space.by_column };
        space.instructions.align(self, &batch, best);
        let lane = |(lane, &(first, query)): (usize, &(usize, &Matrix))| {
            let candidates = self.candidates(best, lane, (query.width, beside[lane]));
            let null = Null {
                histograms: &histograms[lane],
                score_bins: self.options.score_bins,
                offset: usize::from(beside[lane]),
                min_overlap: self.options.min_overlap,
            };
            self.matches(&candidates[first..], null, space.instructions)
        };
        queries.iter().enumerate().map(lane).collect()
    }

    /// Fills one query's rows of integer scores; returns the score of a position beside the target and the columns'
    /// histograms.
    fn integers(&self, query: &Matrix, lane: usize, space: &mut Workspace) -> (u8, Vec<f64>) {
        let (n_columns, bins) = (self.columns.len(), self.options.score_bins + 1);
        space.distances.resize(query.width * n_columns, 0.0);
        space.scores.resize(n_columns, 0.0);
        space.bins.resize(n_columns, 0);
        let Workspace { instructions, distances, scores, bins: medians, rows, known, .. } = space;
        let sides: Vec<_> = query.columns().map(|column| self.options.distance.query(column)).collect();
        let letters: Vec<Option<usize>> = query.columns().map(one_hot_letter).collect();
        let mut spreads = Vec::with_capacity(query.width);
        let columns = sides.iter().zip(&letters).zip(distances.chunks_exact_mut(n_columns));
        for ((side, letter), distances) in columns {
            let mut find = || instructions.spread(self, side, Scratch { distances, scores, bins: medians });
            spreads.push(match letter {
                Some(letter) => *known.spreads.entry(*letter).or_insert_with(find),
                None => find(),
            });
        }
        let scaling = Scaling::new(&spreads, self.options.score_bins);
        let rows = &mut rows[lane];
        rows.resize(query.width * n_columns, 0);
        let mut histograms = vec![0.0; query.width * bins];
        let columns = sides.iter().zip(&spreads).zip(letters).zip(distances.chunks_exact_mut(n_columns));
        let out = rows.chunks_exact_mut(n_columns).zip(histograms.chunks_exact_mut(bins));
        for ((((side, spread), letter), distances), (integers, counts)) in columns.zip(out) {
            let mut fill = |(integers, counts): (&mut [u8], &mut [f64]), is_measured: bool| {
                let mut scratch = Scratch { distances: &mut *distances, scores, bins: medians };
                if !is_measured {
                    instructions.spread(self, side, scratch.reborrow());
                }
                instructions.quantise(self, side, (scaling, *spread), (scratch, &mut *integers));
                histogram(&self.columns, integers, counts);
            };
            let Some(letter) = letter else {
                fill((integers, counts), true);
                continue;
            };
            if known.integers.len() == MOST_KNOWN {
                known.integers.clear();
            }
            let key = (letter, scaling.floor.to_bits(), scaling.scale.to_bits());
            let (known_integers, known_counts) = known.integers.entry(key).or_insert_with(|| {
                let mut new = (vec![0; n_columns], vec![0.0; bins]);
                fill((&mut new.0, &mut new.1), false);
                new
            });
            integers.copy_from_slice(known_integers);
            counts.copy_from_slice(known_counts);
        }
        (scaling.offset, histograms)
    }

    /// The better strand of every target for one query of a batch.
    fn candidates<T: Count>(
        &self,
        best: &[Best<T>],
        lane: usize,
        (width, beside): (usize, u8),
    ) -> Vec<Candidate> {
        let at = |strand: &Best<T>| (strand.scores[lane].get(), strand.offsets[lane].get());
        let base = width as i32 * i32::from(beside);
        (0..self.n_targets)
            .map(|target| {
                let forward = at(&best[target]);
                let mut chosen = (forward, Strand::Forward);
                if self.options.strands == TomtomStrands::Both {
                    let reverse = at(&best[target + self.n_targets]);
                    let tied = self.options.offset_ties == OffsetTies::Peer && reverse.0 == forward.0;
                    if tied || reverse.0 > forward.0 {
                        chosen = (reverse, Strand::Reverse);
                    }
                }
                let ((score, offset), strand) = chosen;
                let length = self.strand(target).len() as i32;
                let overlap = (offset + width as i32).min(length) - offset.max(0);
                Candidate { target, score: score + base, offset, overlap: overlap as u32, strand }
            })
            .collect()
    }

    /// Gives candidates their p-values, and orders and limits them as asked.
    fn matches(
        &self,
        candidates: &[Candidate],
        null: Null<'_>,
        instructions: Instructions,
    ) -> Vec<MotifMatch> {
        let Some(lowest) = candidates.iter().map(|c| c.score).min() else { return Vec::new() };
        let highest = candidates.iter().map(|c| c.score).max().unwrap_or(lowest);
        let background = Background::new(null, &self.widths, lowest..=highest, instructions);
        let both = self.options.strands == TomtomStrands::Both;
        let p_value = |candidate: &Candidate| {
            let class = self.width_classes[candidate.target] as usize;
            let p = background.p_value(class, candidate.score);
            if both { p * (2.0 - p) } else { p }
        };
        let p_values: Vec<f64> = candidates.iter().map(p_value).collect();
        let mut order = by_score(&p_values, |index| candidates[index].score);
        let q_values = q_values(&p_values, &order);
        let n = self.n_targets as f64;
        let found = |index: usize| {
            let Candidate { target, score, offset, overlap, strand } = candidates[index];
            let (p_value, q_value) = (p_values[index], q_values[index]);
            let score = score.max(0) as u32;
            MotifMatch { target, p_value, e_value: p_value * n, q_value, score, offset, overlap, strand }
        };
        if !self.options.is_sorted() {
            return (0..candidates.len()).map(found).collect();
        }
        if self.options.order == NeighbourOrder::Peer {
            order = argsort_as_numba(&p_values);
        }
        let nearest = self.options.nearest.unwrap_or(order.len());
        let threshold = self.options.threshold.unwrap_or(1.0);
        order.into_iter().take(nearest).map(found).filter(|m| m.p_value <= threshold).collect()
    }
}

/// A target before it has a p-value.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    target: usize,
    score: i32,
    offset: i32,
    overlap: u32,
    strand: Strand,
}

/// What comparing a batch fills, kept from one to the next.
struct Workspace {
    instructions: Instructions,
    distances: Vec<f32>,
    scores: Vec<f64>,
    bins: Vec<u16>,
    rows: Vec<Vec<u8>>,
    by_column: Vec<[u8; LANES]>,
    known: Known,
    best_16: Vec<Best<i16>>,
}

impl Workspace {
    fn new(instructions: Instructions) -> Self {
        Self {
            instructions,
            distances: Vec::new(),
            scores: Vec::new(),
            bins: Vec::new(),
            rows: vec![Vec::new(); LANES],
            by_column: Vec::new(),
            known: Known::default(),
            best_16: Vec::new(),
        }
    }
}

/// So many rows of integer scores are kept at most.
const MOST_KNOWN: usize = 256;

/// The integer scores of a column with every distinct column, and their probabilities.
type IntegerColumn = (Vec<u8>, Vec<f64>);

/// What columns of one-hot sequences were found to be: there are few of them, and few ways to scale them.
#[derive(Default)]
struct Known {
    spreads: HashMap<usize, Spread>,
    /// Integer scores and histograms by letter and scaling.
    integers: HashMap<(usize, u64, u64), IntegerColumn>,
}

/// The letter of a one-hot column, or the number of letters if all entries are 0.
fn one_hot_letter(column: &[f64]) -> Option<usize> {
    let mut others = column.iter().enumerate().filter(|(_, x)| **x != 0.0);
    match (others.next(), others.next()) {
        (None, _) => Some(column.len()),
        (Some((letter, 1.0)), None) => Some(letter),
        _ => None,
    }
}

type Batches<'a> = [Vec<(usize, &'a Matrix)>];

#[cfg(feature = "parallel")]
fn run_batches(targets: &TomtomTargets, batches: &Batches<'_>) -> Vec<Vec<Vec<MotifMatch>>> {
    use rayon::prelude::*;

    let space = || Workspace::new(Instructions::detect());
    batches.par_iter().with_max_len(1).map_init(space, |space, batch| targets.batch(batch, space)).collect()
}

#[cfg(not(feature = "parallel"))]
fn run_batches(targets: &TomtomTargets, batches: &Batches<'_>) -> Vec<Vec<Vec<MotifMatch>>> {
    let mut space = Workspace::new(Instructions::detect());
    batches.iter().map(|batch| targets.batch(batch, &mut space)).collect()
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::{MotifDistance, TomtomOptions};
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        let motif = |index: u64| {
            let mut stream = Seed::new(2).stream("motif", index);
            let width = 1 + stream.below(40) as usize;
            Array2::from_shape_fn((width, 4), |_| stream.uniform())
        };
        let motifs: Vec<Array2<f64>> = (0..48).map(motif).collect();
        let views: Vec<ArrayView2<'_, f64>> = motifs.iter().map(|motif| motif.view()).collect();
        for distance in [MotifDistance::Euclidean, MotifDistance::Pearson, MotifDistance::Allr] {
            let options = TomtomOptions { distance, ..Default::default() };
            let targets = TomtomTargets::new(&views, options).unwrap();
            let queries: Vec<Matrix> =
                views.iter().enumerate().map(|(index, view)| targets.query(view, index).unwrap()).collect();
            for batch in queries.chunks(LANES - 3) {
                let batch: Vec<(usize, &Matrix)> = batch.iter().map(|query| (0, query)).collect();
                let run = |instructions| targets.batch(&batch, &mut Workspace::new(instructions));
                let expected = run(Instructions::Portable);
                for instructions in Instructions::all() {
                    assert_eq!(run(instructions), expected, "{instructions:?} {distance:?}");
                }
            }
        }
    }
    #[cfg(feature = "parallel")]
    #[test]
    fn the_number_of_threads_changes_no_byte() {
        let motif = |index: u64| {
            let mut stream = Seed::new(4).stream("motif", index);
            Array2::from_shape_fn((5 + index as usize % 7, 4), |_| stream.uniform())
        };
        let motifs: Vec<Array2<f64>> = (0..100).map(motif).collect();
        let views: Vec<ArrayView2<'_, f64>> = motifs.iter().map(|motif| motif.view()).collect();
        let targets = TomtomTargets::new(&views, TomtomOptions::default()).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut rows = Vec::new();
            pool.install(|| {
                targets.compare_each(&views, |query, matches| {
                    rows.push((query, matches));
                    Ok::<(), TomtomError>(())
                })
            })
            .unwrap();
            rows
        };
        let expected = run(1);
        assert!(expected.iter().map(|(query, _)| *query).eq(0..100));
        for threads in [2, 5] {
            assert_eq!(run(threads), expected);
        }
    }
}
