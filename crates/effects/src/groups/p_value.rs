use std::f64::consts::FRAC_1_SQRT_2;

use super::null::ExactNull;
use super::rank_sum::RankSum;
use super::{Alternative, ComparisonOptions, MAX_EXACT_PAIRS, PValueMethod};
use crate::EffectError;

/// Above this size of the smaller group the automatic method is asymptotic.
const MOST_EXACT: usize = 8;

/// Turns U into p-values, and keeps the distribution that it last needed.
#[derive(Clone, Debug)]
pub(super) struct PValues {
    alternative: Alternative,
    method: PValueMethod,
    continuity_correction: bool,
    null: Option<ExactNull>,
}

impl PValues {
    /// Prepares for groups of these sizes or smaller ones.
    pub(super) fn new(
        options: ComparisonOptions,
        n_first: usize,
        n_second: usize,
    ) -> Result<Self, EffectError> {
        let pairs = n_first.checked_mul(n_second).filter(|pairs| *pairs <= MAX_EXACT_PAIRS);
        if options.method == PValueMethod::Exact && pairs.is_none() {
            return Err(EffectError::Option {
                what: "method",
                found: format!("exact for groups of {n_first} and {n_second} values"),
                expected: format!("asymptotic or automatic above {MAX_EXACT_PAIRS} pairs of values"),
            });
        }
        let ComparisonOptions { alternative, method, continuity_correction, .. } = options;
        let mut p_values = Self { alternative, method, continuity_correction, null: None };
        if p_values.may_be_exact(n_first, n_second) {
            p_values.null = Some(ExactNull::new(n_first, n_second));
        }
        Ok(p_values)
    }

    fn may_be_exact(&self, n_first: usize, n_second: usize) -> bool {
        match self.method {
            PValueMethod::Auto => {
                n_first.min(n_second) <= MOST_EXACT && n_first.saturating_mul(n_second) <= MAX_EXACT_PAIRS
            }
            PValueMethod::Exact => true,
            PValueMethod::Asymptotic => false,
        }
    }

    /// The p-value of two groups that are not empty, and how it was computed.
    pub(super) fn of(&mut self, rank_sum: RankSum, n_first: usize, n_second: usize) -> (f64, PValueMethod) {
        let is_tied = rank_sum.ties > 0.0 && self.method == PValueMethod::Auto;
        if !is_tied && self.may_be_exact(n_first, n_second) {
            return (self.exact(rank_sum, n_first, n_second), PValueMethod::Exact);
        }
        (self.asymptotic(rank_sum, n_first, n_second), PValueMethod::Asymptotic)
    }

    fn exact(&mut self, rank_sum: RankSum, n_first: usize, n_second: usize) -> f64 {
        let kept = self.null.take().filter(|null| null.sizes() == (n_first, n_second));
        let null = kept.unwrap_or_else(|| ExactNull::new(n_first, n_second));
        // A half of a tie is cut off.
        let (twice_u, _) = self.tested(rank_sum, n_first, n_second);
        let tail = null.at_least((twice_u / 2) as usize);
        self.null = Some(null);
        self.sided(tail)
    }

    fn asymptotic(&self, rank_sum: RankSum, n_first: usize, n_second: usize) -> f64 {
        let (n1, n2) = (n_first as f64, n_second as f64);
        let n = n1 + n2;
        let variance = n1 * n2 / 12.0 * (n + 1.0 - rank_sum.ties / (n * (n - 1.0)));
        if variance <= 0.0 {
            return 1.0;
        }
        let (twice_u, twice_mean) = self.tested(rank_sum, n_first, n_second);
        let above = (twice_u as f64 - twice_mean) / 2.0 - if self.continuity_correction { 0.5 } else { 0.0 };
        self.sided(libm::erfc(above / variance.sqrt() * FRAC_1_SQRT_2) / 2.0)
    }

    /// Twice the U whose upper tail is tested, and twice its mean.
    fn tested(&self, rank_sum: RankSum, n_first: usize, n_second: usize) -> (u64, f64) {
        let pairs = n_first as u64 * n_second as u64;
        let (first, second) = (rank_sum.twice_u, 2 * pairs - rank_sum.twice_u);
        let twice_u = match self.alternative {
            Alternative::TwoSided => first.max(second),
            Alternative::Greater => first,
            Alternative::Less => second,
        };
        (twice_u, pairs as f64)
    }

    fn sided(&self, tail: f64) -> f64 {
        match self.alternative {
            Alternative::TwoSided => (2.0 * tail).min(1.0),
            Alternative::Less | Alternative::Greater => tail,
        }
    }
}
