//! One-hot queries: few distinct columns, so their scores are looked up, and targets are aligned side by side.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::collections::HashMap;

use super::align::{Best, LANES as QUERIES, Rivals, fits_16_bits};
use super::column::{Measure, Scaling, Scratch, Spread};
use super::distance::{Matrix, Side};
use super::instructions::{Instructions, Kernel};
use super::integers::{Integers, Scaled, probabilities};
use super::known::MOST_LETTERS;
use super::targets::TomtomTargets;

/// Target strands aligned side by side.
pub(super) const LANES: usize = 32;

/// Ways to scale scores that are kept.
const MOST_SCALINGS: usize = 16;

/// Target strands of one width, side by side.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) width: usize,
    /// Where its columns begin.
    start: usize,
    /// At most [`LANES`]; further lanes repeat the last one.
    pub(super) strands: Vec<usize>,
}

/// All target strands in groups, and the distinct columns of each position of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    pub(super) groups: Vec<Group>,
    columns: Vec<[u32; LANES]>,
}

impl Groups {
    pub(super) fn new(targets: &TomtomTargets) -> Self {
        let mut strands: Vec<usize> = (0..targets.starts.len() - 1).collect();
        strands.sort_by_key(|&strand| targets.strand(strand).len());
        let mut new = Self::default();
        for same in strands.chunk_by(|&a, &b| targets.strand(a).len() == targets.strand(b).len()) {
            for strands in same.chunks(LANES) {
                let width = targets.strand(strands[0]).len();
                new.groups.push(Group { width, start: new.columns.len(), strands: strands.to_vec() });
                let lane = |lane: usize| targets.strand(strands[lane.min(strands.len() - 1)]);
                new.columns.extend((0..width).map(|at| std::array::from_fn(|n| lane(n)[at])));
            }
        }
        new
    }
}

/// The letters of a one-hot query, that of a column of zeros behind all others; `None` if it has other columns.
pub(super) fn letters(query: &Matrix, targets: &TomtomTargets) -> Option<Vec<u8>> {
    let longest = targets.widths.last().copied().unwrap_or(0);
    let is_small = query.letters < MOST_LETTERS && fits_16_bits(query.width, longest);
    is_small.then(|| query.columns().map(letter).collect()).flatten()
}

/// The letter of a one-hot column, or the number of letters if all entries are 0.
pub(super) fn letter(column: &[f64]) -> Option<u8> {
    let mut others = column.iter().enumerate().filter(|(_, x)| **x != 0.0);
    match (others.next(), others.next()) {
        (None, _) => u8::try_from(column.len()).ok(),
        (Some((letter, 1.0)), None) => u8::try_from(letter).ok(),
        _ => None,
    }
}

/// The integer scores of a letter in the layout of the groups, and their probabilities.
#[derive(Debug)]
pub(super) struct Letter {
    scores: Vec<[i16; LANES]>,
    pub(super) histogram: Vec<f64>,
}

/// What was found for earlier queries.
#[derive(Debug, Default)]
pub(super) struct Letters {
    spreads: HashMap<u8, Spread>,
    scalings: HashMap<(u64, u64), usize>,
    by_scaling: HashMap<(usize, u8), Letter>,
    /// Scalings so far.
    n_scalings: usize,
}

impl Letters {
    /// The spread of a letter's column.
    pub(super) fn spread(&mut self, letter: u8, measure: impl FnOnce() -> Spread) -> Spread {
        *self.spreads.entry(letter).or_insert_with(measure)
    }

    /// Prepares a query's letters: the scaling and its number.
    pub(super) fn prepare(
        &mut self,
        (targets, groups): (&TomtomTargets, &Groups),
        (query, letters): (&Matrix, &[u8]),
        (scratch, instructions): (&mut Scratch, Instructions),
    ) -> (Scaling, usize) {
        let distance = targets.options.distance;
        let mut own: Vec<(u8, Side)> = Vec::new();
        for (letter, column) in letters.iter().zip(query.columns()) {
            if own.iter().all(|(other, _)| other != letter) {
                own.push((*letter, distance.query(column)));
            }
        }
        let mut spread = |(letter, query): &(u8, Side)| {
            self.spread(*letter, || instructions.run(Measure { targets, query, scratch }))
        };
        let spreads: Vec<Spread> = own.iter().map(&mut spread).collect();
        let scaling = Scaling::new(&spreads, targets.options.score_bins);
        let key = (scaling.floor.to_bits(), scaling.scale.to_bits());
        if self.scalings.len() == MOST_SCALINGS && !self.scalings.contains_key(&key) {
            self.scalings.clear();
            self.by_scaling.clear();
        }
        let number = *self.scalings.entry(key).or_insert_with(|| {
            self.n_scalings += 1;
            self.n_scalings
        });
        for ((letter, side), spread) in own.into_iter().zip(spreads) {
            let make = || Letter::new(targets, groups, Scaled::column(side, spread, scaling), instructions);
            self.by_scaling.entry((number, letter)).or_insert_with(make);
        }
        (scaling, number)
    }

    /// The letters of a query, which were prepared.
    pub(super) fn of(&self, scaling: usize, letters: &[u8]) -> Vec<&Letter> {
        letters.iter().filter_map(|letter| self.by_scaling.get(&(scaling, *letter))).collect()
    }
}

impl Letter {
    fn new(targets: &TomtomTargets, groups: &Groups, query: Scaled, instructions: Instructions) -> Self {
        let mut scores = vec![[0; QUERIES]; targets.columns.len()];
        let mut counts = [[[0; 256]; QUERIES]];
        let queries = &[query];
        instructions.run(Integers { targets, queries, width: 1, scores: &mut scores, counts: &mut counts });
        let score = |column: u32| i16::from(scores[column as usize][0]);
        let histogram = probabilities(&counts[0][0], &targets.columns, targets.options.score_bins);
        Self { scores: groups.columns.iter().map(|lanes| lanes.map(score)).collect(), histogram }
    }
}

/// Aligns a query with every group.
pub(super) struct AlignLetters<'a> {
    pub(super) targets: &'a TomtomTargets,
    pub(super) groups: &'a [Group],
    /// What each position of the query is.
    pub(super) letters: &'a [&'a Letter],
    /// The integer score of a query position beside the target.
    pub(super) offset: u8,
    pub(super) best: &'a mut Vec<Best<i16, LANES>>,
}

impl Kernel for AlignLetters<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.best.clear();
        for group in self.groups {
            let rows = group.start..group.start + group.width;
            self.best.push(align_group(self.targets, self.letters, (rows, self.offset)));
        }
    }
}

#[inline(always)]
fn align_group(
    targets: &TomtomTargets,
    letters: &[&Letter],
    (rows, beside): (std::ops::Range<usize>, u8),
) -> Best<i16, LANES> {
    let (width, length) = (letters.len() as i32, rows.len() as i32);
    let needed = targets.options.min_overlap.min(letters.len()).min(rows.len()) as i32;
    let mut rivals = Rivals::new();
    for offset in needed - width..=length - needed {
        let (from, to) = (offset.max(0), (offset + width).min(length));
        let overlap = (to - from) as i16;
        let mut sum = [-(overlap * i16::from(beside)); LANES];
        let positions = &letters[(from - offset) as usize..(to - offset) as usize];
        for (letter, at) in positions.iter().zip(rows.start + from as usize..) {
            let row = &letter.scores[at];
            for lane in 0..LANES {
                sum[lane] += row[lane];
            }
        }
        rivals.offer(&sum, (offset as i16, [overlap; LANES]), targets.options.offset_ties);
    }
    rivals.best()
}
