/// The rank of each value from 1, the mean rank for equal values; NaN counts as largest.
///
/// `-0.0` and `0.0` are equal. Time O(n log n).
///
/// ```
/// assert_eq!(cistron_core::midranks(&[3.0, 1.0, 3.0]), [2.5, 1.0, 2.5]);
/// ```
pub fn midranks(values: &[f64]) -> Vec<f64> {
    let order = ascending(values);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + f64::midpoint(group.len() as f64, 1.0);
        for &i in group {
            ranks[i] = rank;
        }
        before += group.len();
    }
    ranks
}

fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| (values[a] + 0.0).total_cmp(&(values[b] + 0.0)));
    order
}

/// Pearson's correlation. `None` if the lists differ in number, one does not vary, or a value is not finite.
///
/// ```
/// assert_eq!(cistron_core::pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
/// assert_eq!(cistron_core::pearson(&[1.0, 1.0], &[2.0, 4.0]), None);
/// ```
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if a.len() != b.len() || !finite(a) || !finite(b) {
        return None;
    }
    let centred = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let (a, b) = (centred(a), centred(b));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// Spearman's rank correlation: Pearson's of the [`midranks`]. `None` as [`pearson`].
///
/// ```
/// assert_eq!(cistron_core::spearman(&[1.0, 2.0, 9.0], &[0.1, 0.5, 0.2]), Some(0.5));
/// ```
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if !finite(a) || !finite(b) {
        return None;
    }
    pearson(&midranks(a), &midranks(b))
}

/// The area under the ROC curve: the chance that a positive scores above a negative, ties counting half.
///
/// `None` if the scores and labels differ in number, one class is missing, or a score is NaN.
///
/// ```
/// let area = cistron_core::area_under_roc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
/// assert_eq!(area, Some(0.75));
/// ```
pub fn area_under_roc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let (n_positive, n_negative) = classes(scores, positive)?;
    let ranks = midranks(scores);
    let sum: f64 = ranks.iter().zip(positive).filter(|(_, p)| **p).map(|(rank, _)| rank).sum();
    Some((sum - n_positive * (n_positive + 1.0) / 2.0) / (n_positive * n_negative))
}

/// The area under the precision-recall curve as average precision: the mean, over the positives, of the
/// precision at each positive's score (ties are one step, no interpolation).
///
/// `None` as [`area_under_roc`].
///
/// Source: scikit-learn 1.9 `average_precision_score`.
///
/// ```
/// let area = cistron_core::average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
/// assert!((area.unwrap_or_default() - 0.833_333_333).abs() < 1e-9);
/// ```
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let (n_positive, _) = classes(scores, positive)?;
    let mut order = ascending(scores);
    order.reverse();
    let (mut found, mut seen, mut area) = (0.0, 0.0, 0.0);
    for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let hits = group.iter().filter(|&&i| positive[i]).count() as f64;
        seen += group.len() as f64;
        found += hits;
        area += hits * found / seen;
    }
    Some(area / n_positive)
}

fn classes(scores: &[f64], positive: &[bool]) -> Option<(f64, f64)> {
    let n_positive = positive.iter().filter(|p| **p).count();
    let n_negative = positive.len() - n_positive;
    let usable = scores.len() == positive.len() && n_positive > 0 && n_negative > 0;
    (usable && !scores.iter().any(|score| score.is_nan())).then_some((n_positive as f64, n_negative as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_either_sign_tie() {
        assert_eq!(midranks(&[0.0, -0.0, -1.0]), [2.5, 2.5, 1.0]);
        assert_eq!(midranks(&[]), [0.0; 0]);
    }

    #[test]
    fn area_counts_pairs() {
        let scores = [0.2, 0.2, 0.9, -1.0, 0.3];
        let labels = [true, false, true, false, false];
        let mut pairs = 0.0;
        for (s, _) in scores.iter().zip(labels).filter(|(_, l)| *l) {
            for (t, _) in scores.iter().zip(labels).filter(|(_, l)| !*l) {
                pairs += if s > t {
                    1.0
                } else if s == t {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert_eq!(area_under_roc(&scores, &labels), Some(pairs / 6.0));
    }

    #[test]
    fn areas_need_both_classes_and_numbers() {
        assert_eq!(area_under_roc(&[1.0], &[true]), None);
        assert_eq!(area_under_roc(&[1.0, f64::NAN], &[true, false]), None);
        assert_eq!(average_precision(&[1.0], &[true, false]), None);
    }

    #[test]
    fn average_precision_takes_ties_as_one_step() {
        let area = average_precision(&[1.0, 1.0, 0.0], &[true, false, false]);
        assert_eq!(area, Some(0.5));
    }
}
