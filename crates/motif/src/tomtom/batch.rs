//! A batch of queries from their columns to their matches.

use std::collections::HashMap;

use super::MotifMatch;
use super::align::{Align, Batch, Best, Count, LANES, Lanes, fits_16_bits};
use super::background::{Null, Tables};
use super::column::{Measure, Scaling, Scratch, Spread};
use super::distance::Matrix;
use super::instructions::Instructions;
use super::integers::{Counts, Integers, Scaled, probabilities};
use super::known::Known;
use super::matches::{Candidate, scores};
use super::one_hot::{self, AlignLetters, Letters};
use super::survival::Column;
use super::targets::TomtomTargets;

/// A query, the first target that it is compared with, and where its matches go.
pub(super) struct Job<'a> {
    pub(super) query: &'a Matrix,
    pub(super) first: usize,
    pub(super) matches: &'a mut Vec<MotifMatch>,
}

/// So many columns' spreads are kept, a few megabytes.
const MOST_SPREADS: usize = 1 << 16;

/// What comparing a batch fills, kept from one to the next.
#[derive(Debug)]
pub(super) struct Workspace {
    instructions: Instructions,
    scratch: Scratch,
    by_column: Vec<Lanes<u8>>,
    counts: Vec<Counts>,
    best_16: Vec<Best<i16, LANES>>,
    letters: Letters,
    /// By the entries of a column of four letters: motifs have many columns in common.
    spreads: HashMap<[u64; 4], Spread>,
    known: Known,
    tables: Tables,
    best_by_group: Vec<Best<i16, { one_hot::LANES }>>,
    best_by_strand: Vec<(i32, i32)>,
    candidates: Vec<Candidate>,
}

impl Workspace {
    pub(super) fn new(instructions: Instructions) -> Self {
        Self {
            instructions,
            scratch: Scratch::default(),
            by_column: Vec::new(),
            counts: Vec::new(),
            best_16: Vec::new(),
            letters: Letters::default(),
            spreads: HashMap::new(),
            known: Known::default(),
            tables: Tables::default(),
            best_by_group: Vec::new(),
            best_by_strand: Vec::new(),
            candidates: Vec::new(),
        }
    }
}

impl TomtomTargets {
    /// Compares at most [`LANES`] queries.
    pub(super) fn batch(&self, jobs: Vec<Job<'_>>, space: &mut Workspace) {
        let mut others = Vec::with_capacity(jobs.len());
        for job in jobs {
            match one_hot::letters(job.query, self) {
                Some(letters) => self.one_hot(job, &letters, space),
                None => others.push(job),
            }
        }
        let width = others.iter().map(|job| job.query.width).max().unwrap_or(0);
        let longest = self.widths.last().copied().unwrap_or(0);
        if others.is_empty() {
            return;
        }
        if fits_16_bits(width, longest) {
            let mut best = std::mem::take(&mut space.best_16);
            self.batch_of::<i16>(others, width, space, &mut best);
            space.best_16 = best;
        } else {
            self.batch_of::<i32>(others, width, space, &mut Vec::new());
        }
    }

    fn batch_of<T: Count>(
        &self,
        jobs: Vec<Job<'_>>,
        width: usize,
        space: &mut Workspace,
        best: &mut Vec<Best<T, LANES>>,
    ) {
        let queries: Vec<Scaled> = jobs.iter().map(|job| self.scaled(job.query, space)).collect();
        space.by_column.resize(self.columns.len() * width, [0; LANES]);
        space.counts.clear();
        space.counts.resize(width, [[0; 256]; LANES]);
        let (scores, counts) = (&mut space.by_column[..], &mut space.counts[..]);
        space.instructions.run(Integers { targets: self, queries: &queries, width, scores, counts });
        let mut batch =
            Batch { width, widths: [width; LANES], offsets: [0; LANES], scores: &space.by_column };
        for (lane, query) in queries.iter().enumerate() {
            batch.widths[lane] = query.spreads.len();
            batch.offsets[lane] = query.scaling.offset;
        }
        space.instructions.run(Align { targets: self, batch: &batch, best });
        for (lane, (job, query)) in jobs.into_iter().zip(&queries).enumerate() {
            let at = |strand: usize| {
                let strand = &best[strand];
                (strand.scores[lane].get(), strand.offsets[lane].get())
            };
            let offset = query.scaling.offset;
            self.candidates(job.first, (job.query.width, offset), at, &mut space.candidates);
            let counts = space.counts[..job.query.width].iter().map(|lanes| &lanes[lane]);
            let histograms: Vec<Vec<f64>> =
                counts.map(|counts| probabilities(counts, &self.columns, self.options.score_bins)).collect();
            let columns = histograms.iter().map(|it| Column::new(it, usize::from(offset))).collect();
            let null = self.null(columns, query.scaling, &space.candidates, &mut space.tables);
            let background = space.instructions.run(null);
            self.matches(&space.candidates, &background, job.matches);
        }
    }

    fn one_hot(&self, job: Job<'_>, letters: &[u8], space: &mut Workspace) {
        let groups = self.groups();
        let instructions = space.instructions;
        let (scaling, number) =
            space.letters.prepare((self, groups), (job.query, letters), (&mut space.scratch, instructions));
        let positions = space.letters.of(number, letters);
        let offset = scaling.offset;
        let best = &mut space.best_by_group;
        instructions.run(AlignLetters {
            targets: self,
            groups: &groups.groups,
            letters: &positions,
            offset,
            best,
        });
        space.best_by_strand.resize(self.starts.len() - 1, (0, 0));
        for (group, best) in groups.groups.iter().zip(best) {
            for ((strand, score), offset) in group.strands.iter().zip(best.scores).zip(best.offsets) {
                space.best_by_strand[*strand] = (i32::from(score), i32::from(offset));
            }
        }
        let at = |strand: usize| space.best_by_strand[strand];
        self.candidates(job.first, (job.query.width, offset), at, &mut space.candidates);
        let columns = positions.iter().map(|it| Column::new(&it.histogram, usize::from(offset))).collect();
        let mut null = self.null(columns, scaling, &space.candidates, &mut space.tables);
        null.known = Some(space.known.spans(number, letters));
        let background = instructions.run(null);
        self.matches(&space.candidates, &background, job.matches);
    }

    fn null<'a>(
        &'a self,
        columns: Vec<Column<'a>>,
        scaling: Scaling,
        candidates: &[Candidate],
        tables: &'a mut Tables,
    ) -> Null<'a> {
        Null {
            columns,
            score_bins: self.options.score_bins,
            offset: usize::from(scaling.offset),
            min_overlap: self.options.min_overlap,
            widths: &self.widths,
            scores: scores(candidates),
            known: None,
            tables,
        }
    }

    /// What a query's integer scores are made of.
    fn scaled(&self, query: &Matrix, space: &mut Workspace) -> Scaled {
        let distance = self.options.distance;
        let Workspace { instructions, scratch, letters, spreads, .. } = space;
        if spreads.len() > MOST_SPREADS {
            spreads.clear();
        }
        let sides: Vec<_> = query.columns().map(|column| distance.query(column)).collect();
        let spread = |(query, column)| {
            let mut measure = || instructions.run(Measure { targets: self, query, scratch: &mut *scratch });
            match (one_hot::letter(column), <[f64; 4]>::try_from(column)) {
                (Some(letter), _) => letters.spread(letter, measure),
                (None, Ok(four)) => *spreads.entry(four.map(f64::to_bits)).or_insert_with(measure),
                (None, Err(_)) => measure(),
            }
        };
        let spreads: Vec<_> = sides.iter().zip(query.columns()).map(spread).collect();
        let scaling = Scaling::new(&spreads, self.options.score_bins);
        Scaled { sides, spreads, scaling }
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::{Array2, ArrayView2};

    use super::super::{OffsetTies, TomtomOptions, TomtomStrands};
    use super::*;

    fn check(options: TomtomOptions) {
        let target = |index: u64| {
            let mut stream = Seed::new(8).stream("target", index);
            Array2::from_shape_fn((1 + stream.below(30) as usize, 4), |_| stream.uniform())
        };
        let sequence = |index: u64| {
            let mut stream = Seed::new(8).stream("sequence", index);
            let mut sequence = Array2::zeros((1 + stream.below(25) as usize, 4));
            for mut row in sequence.rows_mut() {
                // The fifth letter is unknown: a row of zeros.
                if let Some(entry) = row.get_mut(stream.below(5) as usize) {
                    *entry = 1.0;
                }
            }
            sequence
        };
        let motifs: Vec<Array2<f64>> = (0..80).map(target).collect();
        let views: Vec<ArrayView2<'_, f64>> = motifs.iter().map(|motif| motif.view()).collect();
        let targets = TomtomTargets::new(&views, options).unwrap();
        let sequences: Vec<Array2<f64>> = (0..LANES as u64).map(sequence).collect();
        let queries: Vec<Matrix> =
            sequences.iter().map(|query| targets.query(&query.view(), 0).unwrap()).collect();
        let compare = |run: &dyn Fn(Vec<Job<'_>>, &mut Workspace)| {
            let mut found = vec![Vec::new(); queries.len()];
            let job = |(query, matches)| Job { query, first: 0, matches };
            run(
                queries.iter().zip(&mut found).map(job).collect(),
                &mut Workspace::new(Instructions::detect()),
            );
            found
        };
        let width = queries.iter().map(|query| query.width).max().unwrap();
        let expected = compare(&|jobs, space| targets.batch_of::<i32>(jobs, width, space, &mut Vec::new()));
        let found = compare(&|jobs, space| targets.batch(jobs, space));
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            // Sums of letters are taken in another order.
            assert!((found.p_value - expected.p_value).abs() <= 1e-12 * expected.p_value);
            let integers = |it: &MotifMatch| (it.target, it.score, it.offset, it.overlap, it.strand);
            assert_eq!(integers(found), integers(expected));
        }
    }

    #[test]
    fn one_hot_queries_give_what_any_queries_give() {
        let base = TomtomOptions::default;
        check(base());
        check(TomtomOptions { offset_ties: OffsetTies::LongestOverlap, min_overlap: 4, ..base() });
        check(TomtomOptions { strands: TomtomStrands::Forward, score_bins: 255, ..base() });
    }
}
