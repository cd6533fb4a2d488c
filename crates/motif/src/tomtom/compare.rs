use std::sync::{Mutex, PoisonError};

use cistron_core::Strand;
use ndarray::ArrayView2;

use super::TomtomError;
use super::align::LANES;
use super::batch::{Job, Workspace};
use super::distance::Matrix;
use super::instructions::Instructions;
use super::targets::TomtomTargets;

/// Wider queries are refused: the null model takes time that grows with the square of the width.
const WIDEST_QUERY: usize = 1000;

/// About so many bytes of results wait for their turn.
const WAITING_BYTES: usize = 16 << 20;

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
    /// **Cost**: about 16 MiB of results wait at a time, and each thread needs about 50 bytes a distinct target
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
        let spaces = Workspaces::default();
        // Places for matches are kept: new memory costs more than to copy them.
        let mut places = vec![Vec::new(); window.min(queries.len())];
        for (start, queries) in (0..).step_by(window).zip(queries.chunks(window)) {
            let mut order: Vec<usize> = (0..queries.len()).collect();
            order.sort_by_key(|&index| queries[index].width);
            let job =
                |(&index, matches)| Job { query: &queries[index], first: first(start + index), matches };
            let mut jobs: Vec<Job<'_>> = order.iter().zip(&mut places).map(job).collect();
            let mut batches = Vec::new();
            while !jobs.is_empty() {
                batches.push(jobs.drain(..LANES.min(jobs.len())).collect());
            }
            run(batches, |batch: Vec<Job<'_>>| {
                let mut space = spaces.take();
                self.batch(batch, &mut space);
                spaces.give_back(space);
            });
            let mut places_of: Vec<(usize, usize)> = order.into_iter().zip(0..).collect();
            places_of.sort_unstable();
            for (index, place) in places_of {
                sink(start + index, places[place].clone())?;
            }
        }
        Ok(())
    }
}

/// What threads work in, kept from one batch to the next.
#[derive(Debug, Default)]
struct Workspaces(Mutex<Vec<Workspace>>);

impl Workspaces {
    fn take(&self) -> Workspace {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Workspace::new(Instructions::detect()))
    }

    fn give_back(&self, space: Workspace) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(space);
    }
}

#[cfg(feature = "parallel")]
fn run<T: Send>(batches: Vec<T>, work: impl Fn(T) + Send + Sync) {
    use rayon::prelude::*;

    batches.into_par_iter().with_max_len(1).for_each(work);
}

#[cfg(not(feature = "parallel"))]
fn run<T>(batches: Vec<T>, work: impl Fn(T)) {
    batches.into_iter().for_each(work);
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::instructions::Instructions;
    use super::super::{MotifDistance, TomtomOptions};
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        let motif = |index: u64| {
            let mut stream = Seed::new(2).stream("motif", index);
            let width = 1 + stream.below(40) as usize;
            Array2::from_shape_fn((width, 4), |_| stream.uniform())
        };
        let one_hot = |index: u64| {
            let mut stream = Seed::new(3).stream("sequence", index);
            let mut motif = Array2::zeros((1 + stream.below(40) as usize, 4));
            motif.rows_mut().into_iter().for_each(|mut row| row[stream.below(4) as usize] = 1.0);
            motif
        };
        let motifs: Vec<Array2<f64>> = (0..48).map(motif).chain((0..20).map(one_hot)).collect();
        let views: Vec<ArrayView2<'_, f64>> = motifs.iter().map(|motif| motif.view()).collect();
        for distance in [MotifDistance::Euclidean, MotifDistance::Pearson, MotifDistance::Allr] {
            let options = TomtomOptions { distance, ..Default::default() };
            let targets = TomtomTargets::new(&views, options).unwrap();
            let queries: Vec<Matrix> =
                views.iter().enumerate().map(|(index, view)| targets.query(view, index).unwrap()).collect();
            for batch in queries.chunks(LANES - 3) {
                let run = |instructions| {
                    let mut found = vec![Vec::new(); batch.len()];
                    let job = |(query, matches)| Job { query, first: 0, matches };
                    let jobs = batch.iter().zip(&mut found).map(job).collect();
                    targets.batch(jobs, &mut Workspace::new(instructions));
                    found
                };
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
