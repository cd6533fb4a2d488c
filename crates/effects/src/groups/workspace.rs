use super::p_value::PValues;
use super::rank_sum::{RankSum, Sorted};
use super::sums::moments;
use super::{ComparisonOptions, GroupComparison, MissingScores, Spread};

/// Room to compare two groups, used again and again.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    options: ComparisonOptions,
    p_values: PValues,
    first: Group,
    second: Group,
}

/// Room for one group.
#[derive(Clone, Debug, Default)]
struct Group {
    /// The scores that are no NaN, where some are.
    present: Vec<f64>,
    sorted: Sorted,
}

/// What is known of one group alone.
struct Summary {
    n: usize,
    mean: f64,
    median: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
}

impl Workspace {
    pub(super) fn new(options: ComparisonOptions, p_values: PValues) -> Self {
        Self { options, p_values, first: Group::default(), second: Group::default() }
    }

    pub(super) fn compare(&mut self, first: &[f64], second: &[f64]) -> GroupComparison {
        let missing = self.options.missing;
        let (first, second) = (self.first.summary(first, missing), self.second.summary(second, missing));
        let mut comparison = GroupComparison {
            n_first: first.n,
            n_second: second.n,
            mean_first: first.mean,
            mean_second: second.mean,
            median_first: first.median,
            median_second: second.median,
            u: f64::NAN,
            p_value: f64::NAN,
            method_used: None,
            auc: f64::NAN,
            cohens_d: f64::NAN,
            hedges_g: f64::NAN,
        };
        // A median is NaN only where a score is or none is left.
        if first.median.is_nan() || second.median.is_nan() {
            return comparison;
        }
        let rank_sum = RankSum::new(&self.first.sorted, &self.second.sorted);
        let (p_value, method) = self.p_values.of(rank_sum, first.n, second.n);
        comparison.u = rank_sum.twice_u as f64 / 2.0;
        comparison.auc = comparison.u / (first.n as f64 * second.n as f64);
        (comparison.p_value, comparison.method_used) = (p_value, Some(method));
        let pooled = pooled_difference(&first, &second);
        comparison.cohens_d = match self.options.spread {
            Spread::Pooled => pooled,
            Spread::AverageVariance => averaged_difference(&first, &second),
        };
        let freedom = (first.n + second.n) as f64 - 2.0;
        comparison.hedges_g = pooled * (1.0 - 3.0 / (4.0 * freedom - 1.0));
        comparison
    }
}

impl Group {
    fn summary(&mut self, scores: &[f64], missing: MissingScores) -> Summary {
        let (mean, squares) = moments(scores);
        // A NaN makes the mean NaN, but so do infinities of both signs.
        if mean.is_nan() && scores.iter().any(|score| score.is_nan()) {
            if missing != MissingScores::Omit {
                return Summary { n: scores.len(), mean, median: f64::NAN, squares };
            }
            self.present.clear();
            self.present.extend(scores.iter().filter(|score| !score.is_nan()));
            let (mean, squares) = moments(&self.present);
            self.sorted.set(&self.present);
            return Summary { n: self.present.len(), mean, median: self.sorted.median(), squares };
        }
        self.sorted.set(scores);
        Summary { n: scores.len(), mean, median: self.sorted.median(), squares }
    }
}

fn pooled_difference(first: &Summary, second: &Summary) -> f64 {
    let n = first.n + second.n;
    let difference = first.mean - second.mean;
    let spread = ((first.squares + second.squares) / (n as f64 - 2.0)).sqrt();
    if n > 2 && spread == 0.0 && difference == 0.0 { 0.0 } else { difference / spread }
}

fn averaged_difference(first: &Summary, second: &Summary) -> f64 {
    let variance = |group: &Summary| group.squares / (group.n as f64 - 1.0);
    (first.mean - second.mean) / f64::midpoint(variance(first), variance(second)).sqrt()
}
