//! From the best alignment with every target strand to matches with p-values.

use std::ops::RangeInclusive;

use cistron_core::{Strand, falling_q_values};

use super::background::Background;
use super::order::{argsort_as_numba, by_score};
use super::targets::TomtomTargets;
use super::{MotifMatch, NeighbourOrder, OffsetTies, TomtomStrands};

/// A target before it has a p-value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    target: usize,
    score: i32,
    offset: i32,
    overlap: u32,
    strand: Strand,
}

/// The lowest and the highest score of candidates.
pub(super) fn scores(candidates: &[Candidate]) -> RangeInclusive<i32> {
    let scores = || candidates.iter().map(|candidate| candidate.score);
    scores().min().unwrap_or(0)..=scores().max().unwrap_or(0)
}

impl TomtomTargets {
    /// The better strand of every target from `first` on, for a query of some width and score beside the targets.
    ///
    /// `at` gives the score and the offset of a strand.
    pub(super) fn candidates(
        &self,
        first: usize,
        (width, beside): (usize, u8),
        at: impl Fn(usize) -> (i32, i32),
        candidates: &mut Vec<Candidate>,
    ) {
        let (width, base) = (width as i32, width as i32 * i32::from(beside));
        candidates.clear();
        candidates.extend((first..self.n_targets).map(|target| {
            let forward = at(target);
            let mut chosen = (forward, Strand::Forward);
            if self.options.strands == TomtomStrands::Both {
                let reverse = at(target + self.n_targets);
                let tied = self.options.offset_ties == OffsetTies::Peer && reverse.0 == forward.0;
                if tied || reverse.0 > forward.0 {
                    chosen = (reverse, Strand::Reverse);
                }
            }
            let ((score, offset), strand) = chosen;
            let length = self.strand(target).len() as i32;
            let overlap = (offset + width).min(length) - offset.max(0);
            Candidate { target, score: score + base, offset, overlap: overlap as u32, strand }
        }));
    }

    /// Gives candidates their p-values, and orders and limits them as asked.
    pub(super) fn matches(
        &self,
        candidates: &[Candidate],
        background: &Background,
        matches: &mut Vec<MotifMatch>,
    ) {
        let both = self.options.strands == TomtomStrands::Both;
        let p_value = |candidate: &Candidate| {
            let class = self.width_classes[candidate.target] as usize;
            let p = background.p_value(class, candidate.score);
            if both { p * (2.0 - p) } else { p }
        };
        let p_values: Vec<f64> = candidates.iter().map(p_value).collect();
        let mut order = by_score(&p_values, |index| candidates[index].score);
        let mut q_values = vec![0.0; p_values.len()];
        let falling = falling_q_values(order.iter().map(|&index| p_values[index]), order.len() as u64);
        for (&index, q_value) in order.iter().rev().zip(falling) {
            q_values[index] = q_value;
        }
        let n = self.n_targets as f64;
        let found = |index: usize| {
            let Candidate { target, score, offset, overlap, strand } = candidates[index];
            let (p_value, q_value) = (p_values[index], q_values[index]);
            let score = score.max(0) as u32;
            MotifMatch { target, p_value, e_value: p_value * n, q_value, score, offset, overlap, strand }
        };
        matches.clear();
        if !self.options.is_sorted() {
            matches.extend((0..candidates.len()).map(found));
            return;
        }
        if self.options.order == NeighbourOrder::Peer {
            order = argsort_as_numba(&p_values);
        }
        let nearest = self.options.nearest.unwrap_or(order.len());
        let threshold = self.options.threshold.unwrap_or(1.0);
        let nearest = order.into_iter().take(nearest).map(found);
        matches.extend(nearest.filter(|found| found.p_value <= threshold));
    }
}
