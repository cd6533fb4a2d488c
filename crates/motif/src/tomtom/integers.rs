//! Integer scores of a batch of queries with every distinct column, and how often each occurs.
//!
//! Sixteen queries are scored side by side, in the layout in which they are aligned.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::align::{LANES, Lanes};
use super::column::{Scaling, Spread};
use super::distance::{Finish, Side};
use super::instructions::Kernel;
use super::single::Singles;
use super::targets::{Columns, TomtomTargets};

/// Columns scored at a time, so that what is written stays in the nearest cache for the counts.
const TILE: usize = 128;

/// Columns between two looks at whether any score is uncertain.
const GROUP: usize = 4;

/// A query with what its scores are made of.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    pub(super) sides: Vec<Side>,
    pub(super) spreads: Vec<Spread>,
    pub(super) scaling: Scaling,
}

/// How often each integer score occurs, for one position of each query.
pub(super) type Counts = Lanes<[u32; 256]>;

/// Fills integer scores and their counts.
pub(super) struct Integers<'a> {
    pub(super) targets: &'a TomtomTargets,
    pub(super) queries: &'a [Scaled],
    /// The width of the widest query.
    pub(super) width: usize,
    /// Distinct columns, query positions, queries. Positions that a query lacks score as those beside a target.
    pub(super) scores: &'a mut [Lanes<u8>],
    /// Query positions; counts are added.
    pub(super) counts: &'a mut [Counts],
}

impl Kernel for Integers<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { targets, queries, width, scores, counts } = self;
        let columns = &targets.columns;
        let finish = targets.options.distance.finish();
        let positions: Vec<Position> =
            (0..width).map(|position| Position::new(columns, finish, queries, position)).collect();
        let mut own = [[0; LANES]; TILE];
        for (tile, rows) in scores.chunks_mut(TILE * width).enumerate() {
            let start = tile * TILE;
            let own = &mut own[..rows.len() / width];
            for (at, (position, counts)) in positions.iter().zip(counts.iter_mut()).enumerate() {
                match &position.singles {
                    Some(singles) => position.fill_single(columns, singles, start, own),
                    None => position.fill_exact(columns, finish, start, own),
                }
                for (scores, &n) in own.iter().zip(&columns.counts[start..]) {
                    for lane in 0..LANES {
                        counts[lane][usize::from(scores[lane])] += n;
                    }
                }
                for (row, scores) in rows.chunks_exact_mut(width).zip(&*own) {
                    row[at] = *scores;
                }
            }
        }
    }
}

/// One position of each query.
struct Position {
    constants: Lanes<f64>,
    weights: Vec<Lanes<f64>>,
    /// The median and the floor, which become 0.
    zeros: Lanes<f64>,
    scales: Lanes<f64>,
    /// The score of lanes without this position.
    beside: Lanes<Option<u8>>,
    singles: Option<Singles>,
}

impl Position {
    #[inline(always)]
    fn new(columns: &Columns, finish: Finish, queries: &[Scaled], position: usize) -> Self {
        let mut new = Self {
            constants: [0.0; LANES],
            weights: vec![[0.0; LANES]; columns.weights.len()],
            zeros: [0.0; LANES],
            scales: [0.0; LANES],
            beside: [Some(0); LANES],
            singles: Singles::new(columns, finish),
        };
        for (lane, query) in queries.iter().enumerate() {
            let scaling = query.scaling;
            let (Some(side), Some(spread)) = (query.sides.get(position), query.spreads.get(position)) else {
                new.beside[lane] = Some(scaling.offset);
                new.singles = new.singles.map(|singles| singles.with_constant(lane, scaling.offset));
                continue;
            };
            new.beside[lane] = None;
            new.constants[lane] = side.constant;
            for (lanes, weight) in new.weights.iter_mut().zip(&side.weights) {
                lanes[lane] = *weight;
            }
            new.zeros[lane] = spread.median + scaling.floor;
            new.scales[lane] = scaling.scale;
            new.singles =
                new.singles.and_then(|singles| singles.with(lane, columns, side, (scaling, *spread)));
        }
        new
    }

    /// Fills the scores with columns from `start` on.
    #[inline(always)]
    fn fill_single(&self, columns: &Columns, singles: &Singles, start: usize, scores: &mut [Lanes<u8>]) {
        let quads = &columns.quads[start..][..scores.len()];
        for (group, (quads, scores)) in quads.chunks(GROUP).zip(scores.chunks_mut(GROUP)).enumerate() {
            let mut signs = [0; LANES];
            for (quad, scores) in quads.iter().zip(&mut *scores) {
                singles.score(*quad, scores, &mut signs);
            }
            if signs.iter().fold(0, |any, signs| any | signs) >> 31 != 0 {
                for ((column, quad), scores) in (start + group * GROUP..).zip(quads).zip(scores) {
                    self.correct(columns, singles, (column, *quad), scores);
                }
            }
        }
    }

    /// Makes uncertain scores with a column exact.
    #[inline(always)]
    fn correct(
        &self,
        columns: &Columns,
        singles: &Singles,
        (column, quad): (usize, [f32; 4]),
        scores: &mut Lanes<u8>,
    ) {
        let certain = singles.certain(quad);
        if certain.iter().all(|certain| *certain) {
            return;
        }
        let exact = self.exact(columns, Finish::NegativeRoot, column);
        for lane in 0..LANES {
            if !certain[lane] {
                scores[lane] = exact[lane];
            }
        }
    }

    /// The same in double precision.
    #[inline(always)]
    fn fill_exact(&self, columns: &Columns, finish: Finish, start: usize, scores: &mut [Lanes<u8>]) {
        for (column, scores) in (start..).zip(scores) {
            *scores = self.exact(columns, finish, column);
        }
    }

    /// The scores in double precision.
    #[inline(always)]
    fn exact(&self, columns: &Columns, finish: Finish, column: usize) -> Lanes<u8> {
        let mut z = self.constants.map(|constant| constant + columns.constants[column]);
        for (own, weights) in self.weights.iter().zip(&columns.weights) {
            for lane in 0..LANES {
                z[lane] -= own[lane] * weights[column];
            }
        }
        let mut scores = [0; LANES];
        for lane in 0..LANES {
            let score = finish.apply(z[lane]);
            let integer = super::column::whole((score - self.zeros[lane]) * self.scales[lane] + 0.5) as u8;
            scores[lane] = self.beside[lane].unwrap_or(integer);
        }
        scores
    }
}

impl Scaled {
    /// A query of one column.
    pub(super) fn column(side: Side, spread: Spread, scaling: Scaling) -> Self {
        Self { sides: vec![side], spreads: vec![spread], scaling }
    }
}

/// How often each integer score occurs, as a probability.
pub(super) fn probabilities(counts: &[u32; 256], columns: &Columns, score_bins: usize) -> Vec<f64> {
    counts.iter().take(score_bins + 1).map(|n| f64::from(*n) / columns.total as f64).collect()
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::column::score;
    use super::super::instructions::Instructions;
    use super::super::{MotifDistance, TomtomOptions};
    use super::*;

    /// Entries on a grid, so that many scores are on the edge between two integers.
    fn grid(label: &str, n: usize, size: f64) -> Array2<f64> {
        let mut stream = Seed::new(5).stream(label, n as u64);
        Array2::from_shape_fn((n, 4), |_| stream.below(21) as f64 / 20.0 * size)
    }

    fn check(distance: MotifDistance, width: usize, size: f64) {
        let target = grid("targets", width, size);
        let options = TomtomOptions { distance, ..Default::default() };
        let targets = TomtomTargets::new(&[target.view()], options).unwrap();
        let (columns, finish) = (&targets.columns, distance.finish());
        let mut scores = vec![0.0; columns.len()];
        let mut expected = Vec::new();
        let mut queries = Vec::new();
        // Of five queries the last ones lack the second position.
        for (at, query) in
            grid("queries", 10, size).rows().into_iter().enumerate().collect::<Vec<_>>().chunks(2).enumerate()
        {
            let own = &query[..if at < 3 { 2 } else { 1 }];
            let sides: Vec<Side> = own.iter().map(|(_, row)| distance.query(&row.to_vec())).collect();
            let spread = |side| {
                let (low, high) = score(columns, side, finish, &mut scores);
                Spread { low, high, median: low + 0.4 * (high - low) }
            };
            let spreads: Vec<Spread> = sides.iter().map(spread).collect();
            let scaling = Scaling::new(&spreads, 100);
            for position in 0..2 {
                let Some((side, spread)) = sides.get(position).zip(spreads.get(position)) else {
                    expected.push(vec![scaling.offset; columns.len()]);
                    continue;
                };
                score(columns, side, finish, &mut scores);
                let zero = spread.median + scaling.floor;
                let integer = |score: &f64| ((score - zero) * scaling.scale + 0.5).floor() as u8;
                expected.push(scores.iter().map(integer).collect());
            }
            queries.push(Scaled { sides, spreads, scaling });
        }
        for instructions in Instructions::all() {
            let mut found = vec![[0; LANES]; 2 * columns.len()];
            let mut counts = vec![[[0; 256]; LANES]; 2];
            instructions.run(Integers {
                targets: &targets,
                queries: &queries,
                width: 2,
                scores: &mut found,
                counts: &mut counts,
            });
            for (at, expected) in expected.iter().enumerate() {
                let (query, position) = (at / 2, at % 2);
                let mut expected_counts = [0; 256];
                for (column, expected) in expected.iter().enumerate() {
                    assert_eq!(
                        found[2 * column + position][query],
                        *expected,
                        "{instructions:?} {distance:?}"
                    );
                    expected_counts[usize::from(*expected)] += columns.counts[column];
                }
                assert_eq!(counts[position][query], expected_counts, "{instructions:?} {distance:?}");
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_integers_of_the_definition() {
        for (width, size) in [(1, 1.0), (40, 1.0), (700, 1.0), (700, 3.0), (300, 1e-3)] {
            check(MotifDistance::Euclidean, width, size);
        }
        for distance in [MotifDistance::Pearson, MotifDistance::Allr, MotifDistance::SandelinWasserman] {
            check(distance, 90, 1.0);
        }
    }
}
