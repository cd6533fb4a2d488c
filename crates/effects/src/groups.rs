//! How two groups of scores differ: Mann-Whitney U, the area under the ROC curve, standardised differences of means.

mod columns;
mod null;
mod p_value;
mod rank_sum;
mod sums;
mod workspace;

use crate::EffectError;
use p_value::PValues;
use workspace::Workspace;

pub use columns::compare_columns;

/// What the first group is tested to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alternative {
    /// Larger or smaller than the second.
    #[default]
    TwoSided,
    /// Smaller than the second.
    Less,
    /// Larger than the second.
    Greater,
}

/// How a p-value of U is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PValueMethod {
    /// Exact if the smaller group has at most 8 values, no two values are equal, and the product of the sizes is at most
    /// [`MAX_EXACT_PAIRS`]; else asymptotic.
    #[default]
    Auto,
    /// From the distribution of U over all ways to draw the groups. Ties are ignored: a half of U is cut off.
    Exact,
    /// From the normal distribution, its variance corrected for ties.
    Asymptotic,
}

/// What is done where a score is NaN, that is, was not evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingScores {
    /// What depends on it is NaN.
    #[default]
    Propagate,
    /// It is left out, and not counted.
    Omit,
    /// It is an error.
    Refuse,
}

/// What the difference of means is divided by to give Cohen's d.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// `sqrt(((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2))`.
    #[default]
    Pooled,
    /// `sqrt((s1^2 + s2^2) / 2)`; NaN where a group has one value.
    AverageVariance,
}

/// The largest product of the sizes of two groups for which the exact distribution of U is built: 64 MiB.
pub const MAX_EXACT_PAIRS: usize = 1 << 24;

/// How two groups are compared.
///
/// ```
/// use cistron_effects::{Alternative, ComparisonOptions};
///
/// let options = ComparisonOptions { alternative: Alternative::Greater, ..ComparisonOptions::default() };
/// assert!(options.continuity_correction);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct ComparisonOptions {
    /// What the p-value is against. Default: two-sided.
    pub alternative: Alternative,
    /// How the p-value is computed. Default: automatic.
    pub method: PValueMethod,
    /// Whether the asymptotic p-value takes U half a step nearer to its mean. Default: yes.
    pub continuity_correction: bool,
    /// What is done with NaN. Default: it makes the result NaN.
    pub missing: MissingScores,
    /// The spread in Cohen's d. Default: pooled.
    pub spread: Spread,
}

impl Default for ComparisonOptions {
    fn default() -> Self {
        Self {
            alternative: Alternative::TwoSided,
            method: PValueMethod::Auto,
            continuity_correction: true,
            missing: MissingScores::Propagate,
            spread: Spread::Pooled,
        }
    }
}

/// How two groups of scores differ.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GroupComparison {
    /// The number of values of the first group, without those left out.
    pub n_first: usize,
    /// The same of the second.
    pub n_second: usize,
    /// The mean of the first group.
    pub mean_first: f64,
    /// The mean of the second group.
    pub mean_second: f64,
    /// The median of the first group: of an even number of values the mean of the middle two.
    pub median_first: f64,
    /// The median of the second group.
    pub median_second: f64,
    /// U of the first group: the number of pairs in which its value is the larger, equal ones counting half.
    pub u: f64,
    /// The chance of such a U or a more extreme one if both groups are drawn from one distribution.
    pub p_value: f64,
    /// How the p-value was computed, never [`PValueMethod::Auto`]; `None` where it is NaN.
    pub method_used: Option<PValueMethod>,
    /// The chance that a value of the first group is above one of the second: U over the number of pairs, the area under
    /// the ROC curve of a score that should be larger in the first group.
    pub auc: f64,
    /// Cohen's d: the difference of the means, first minus second, in units of the spread.
    ///
    /// Pooled, values all equal give 0, spread 0 between different means is infinite, and fewer than three values in all
    /// give NaN.
    pub cohens_d: f64,
    /// Hedges' g: d with the pooled spread times `1 - 3 / (4 (n1 + n2 - 2) - 1)`, which takes most of d's bias in small
    /// samples away.
    pub hedges_g: f64,
}

/// Compares two groups of scores by the Mann-Whitney U test, their means and their medians.
///
/// * U is that of the first group, whatever the alternative. Values are compared, never subtracted, so U, its p-value
///   and the area do not change with any rising transformation of all scores; `-0.0` and `0.0` are equal, infinite
///   scores are the largest or smallest.
/// * two-sided, `p = 2 P(U >= max(U1, U2))`, at most 1; greater uses U1, less U2
/// * exact: the number of subsets with each rank sum, from the product `(1 - q^(m+1)) ... (1 - q^(m+n)) / ((1 - q) ...
///   (1 - q^n))`. With few values the smallest p-value that can be reached is large: `2 / C(n1 + n2, n1)`.
/// * asymptotic: `z = (U - n1 n2 / 2 - 1/2) / s`, `s^2 = n1 n2 / 12 (N + 1 - sum(t^3 - t) / (N (N - 1)))` over ties of t
///   values; where all values are equal p is 1
///
/// NaN is handled as [`MissingScores`] says. A group that has no value left after NaN was left out gives NaN.
///
/// # Errors
/// [`EffectError::EmptyGroup`] if no score was given for a group, [`EffectError::MissingScore`] for a NaN that is
/// refused, [`EffectError::Option`] if the exact method is asked for groups beyond [`MAX_EXACT_PAIRS`].
///
/// Source: Mann & Whitney 1947, doi:10.1214/aoms/1177730491; agrees with scipy 1.17 `mannwhitneyu`, but for the bound of
/// the automatic method, for p where all values are equal and for empty groups. Cohen's d: Cohen 1988, Statistical Power
/// Analysis for the Behavioral Sciences, chapter 2. Hedges' g: Hedges 1981, doi:10.3102/10769986006002107.
///
/// Cost: time O(N log N), and for the exact method O(n1 n2 min(n1, n2)) and 4 bytes a pair.
///
/// ```
/// use cistron_effects::{ComparisonOptions, PValueMethod, compare_groups};
///
/// let comparison = compare_groups(&[5.1, 4.4, 6.0], &[1.2, 3.3, 4.7, 0.9], ComparisonOptions::default())?;
/// assert_eq!((comparison.u, comparison.auc), (11.0, 11.0 / 12.0));
/// // Two of the 35 ways to draw three of seven values give 11 or 12.
/// assert_eq!(comparison.p_value, 2.0 * 2.0 / 35.0);
/// assert_eq!(comparison.method_used, Some(PValueMethod::Exact));
/// # Ok::<(), cistron_effects::EffectError>(())
/// ```
#[doc(alias = "mann_whitney")]
#[doc(alias = "mannwhitneyu")]
pub fn compare_groups<T: Copy + Into<f64>>(
    first: &[T],
    second: &[T],
    options: ComparisonOptions,
) -> Result<GroupComparison, EffectError> {
    check_sizes(first.len(), second.len())?;
    let mut workspace = Workspace::new(options, PValues::new(options, first.len(), second.len())?);
    let [first, second] =
        [first, second].map(|scores| scores.iter().map(|&score| score.into()).collect::<Vec<f64>>());
    for (name, scores) in [("first", &first), ("second", &second)] {
        let missing = scores.iter().position(|score| score.is_nan());
        if let (MissingScores::Refuse, Some(index)) = (options.missing, missing) {
            return Err(EffectError::MissingScore { place: format!("value {index} of the {name} group") });
        }
    }
    Ok(workspace.compare(&first, &second))
}

fn check_sizes(n_first: usize, n_second: usize) -> Result<(), EffectError> {
    match (n_first, n_second) {
        (0, _) => Err(EffectError::EmptyGroup { group: "first" }),
        (_, 0) => Err(EffectError::EmptyGroup { group: "second" }),
        _ => Ok(()),
    }
}
