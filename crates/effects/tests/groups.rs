//! Comparisons of two groups keep to what they promise.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_effects::{
    Alternative, ComparisonOptions, EffectError, GroupComparison, MAX_EXACT_PAIRS, MissingScores,
    PValueMethod, Spread, compare_columns, compare_groups,
};
use ndarray::{Array2, ShapeBuilder};
use proptest::prelude::*;

const DEFAULT: ComparisonOptions = ComparisonOptions {
    alternative: Alternative::TwoSided,
    method: PValueMethod::Auto,
    continuity_correction: true,
    missing: MissingScores::Propagate,
    spread: Spread::Pooled,
};

/// Two groups of scores, with and without ties.
fn groups() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let score = || prop_oneof![(-3_i8..4).prop_map(f64::from), -2.0..2.0_f64];
    (prop::collection::vec(score(), 1..13), prop::collection::vec(score(), 1..13))
}

fn methods() -> impl Strategy<Value = ComparisonOptions> {
    let methods = vec![PValueMethod::Auto, PValueMethod::Exact, PValueMethod::Asymptotic];
    (prop::sample::select(methods), any::<bool>()).prop_map(|(method, continuity_correction)| {
        ComparisonOptions { method, continuity_correction, ..DEFAULT }
    })
}

/// All numbers of a comparison, to the bit.
fn bits(comparison: &GroupComparison) -> [u64; 11] {
    let it = comparison;
    let sizes = [it.n_first as f64, it.n_second as f64];
    let places = [it.mean_first, it.mean_second, it.median_first, it.median_second];
    let tests = [it.u, it.p_value, it.auc, it.cohens_d, it.hedges_g];
    let mut bits = [0; 11];
    for (bit, number) in bits.iter_mut().zip(sizes.into_iter().chain(places).chain(tests)) {
        *bit = if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
    }
    bits
}

#[test]
fn two_of_611_variants_give_the_published_figures() {
    // Ranks that give the published U; each p-value is a number of the C(611, 2) pairs.
    let others: Vec<f64> = (1..=609).map(f64::from).collect();
    for (largest_below, u, p_value, pairs) in [
        (588.25, 1197.0, 0.001_416_651_015_534_866, 264.0),
        (590.25, 1199.0, 0.001_180_54, 220.0),
        (585.25, 1194.0, 0.001_813_74, 338.0),
        (591.25, 1200.0, 0.001_073_22, 200.0),
        (586.25, 1195.0, 0.001_674_22, 312.0),
        (584.25, 1193.0, 0.001_953_26, 364.0),
    ] {
        let comparison = compare_groups(&[largest_below, 609.5], &others, DEFAULT).unwrap();
        assert_eq!(comparison.u, u);
        assert_eq!(comparison.p_value, pairs / 186_355.0);
        // The table shows eight places.
        assert!((comparison.p_value - p_value).abs() <= 5e-9);
        assert_eq!(comparison.auc, u / 1218.0);
        assert_eq!(comparison.method_used, Some(PValueMethod::Exact));
    }
    let comparison = compare_groups(&[588.25, 609.5], &others, DEFAULT).unwrap();
    // The published figure is a sum of rounded shares.
    assert!((comparison.p_value / 0.001_416_651_015_534_866 - 1.0).abs() < 1e-15);
    assert!((comparison.auc - 0.982_758_62).abs() < 5e-9);
}

#[test]
fn groups_without_values_are_refused() {
    let empty: [f64; 0] = [];
    let error = compare_groups(&empty, &[1.0], DEFAULT).unwrap_err();
    assert_eq!(error.to_string(), "the first group has no value, expected at least one");
    let error = compare_groups(&[1.0], &empty, DEFAULT).unwrap_err();
    assert!(matches!(error, EffectError::EmptyGroup { group: "second" }));
    let scores = Array2::<f32>::zeros((3, 2));
    let error = compare_columns(scores.view(), &[true; 3], DEFAULT).unwrap_err();
    assert!(matches!(error, EffectError::EmptyGroup { group: "second" }));
    let error = compare_columns(Array2::<f32>::zeros((0, 2)).view(), &[], DEFAULT).unwrap_err();
    assert!(matches!(error, EffectError::EmptyGroup { group: "first" }));
    let error = compare_columns(scores.view(), &[true, false], DEFAULT).unwrap_err();
    assert_eq!(error.to_string(), "2 labels of groups, expected 3, one for each row of scores");
}

#[test]
fn no_columns_give_no_comparisons() {
    let scores = Array2::<f32>::zeros((2, 0));
    assert_eq!(compare_columns(scores.view(), &[true, false], DEFAULT).unwrap(), []);
}

#[test]
fn an_exact_test_of_too_many_is_refused_and_never_made_unasked() {
    let few: Vec<f64> = (0..4).map(|i| f64::from(i) + 0.5).collect();
    let many: Vec<f64> = (0..=MAX_EXACT_PAIRS / 4).map(|i| i as f64).collect();
    let comparison = compare_groups(&few, &many, DEFAULT).unwrap();
    assert_eq!(comparison.method_used, Some(PValueMethod::Asymptotic));
    let options = ComparisonOptions { method: PValueMethod::Exact, ..DEFAULT };
    assert_eq!(
        compare_groups(&few, &many, options).unwrap_err().to_string(),
        "method is exact for groups of 4 and 4194305 values, expected asymptotic or automatic above 16777216 pairs of \
         values"
    );
    let found = compare_groups(&few, &many[1..1000], DEFAULT).unwrap();
    assert_eq!(found.method_used, Some(PValueMethod::Exact));
}

#[test]
fn the_automatic_method_is_exact_for_small_groups_without_ties() {
    let rising = |n: usize, from: f64| (0..n).map(|i| from + i as f64).collect::<Vec<f64>>();
    for (n_first, n_second, from, expected) in [
        (8, 8, 0.5, PValueMethod::Exact),
        (8, 9, 0.5, PValueMethod::Exact),
        (9, 8, 0.5, PValueMethod::Exact),
        (9, 9, 0.5, PValueMethod::Asymptotic),
        (2, 9, 1.0, PValueMethod::Asymptotic),
    ] {
        let found = compare_groups(&rising(n_first, from), &rising(n_second, 0.0), DEFAULT).unwrap();
        assert_eq!(found.method_used, Some(expected), "{n_first} {n_second}");
    }
    // A tie inside one group is a tie.
    let found = compare_groups(&[1.0, 1.0], &[2.0, 3.0], DEFAULT).unwrap();
    assert_eq!(found.method_used, Some(PValueMethod::Asymptotic));
}

#[test]
fn missing_scores_are_propagated_omitted_or_refused() {
    let (first, second) = ([1.0, f64::NAN, 3.0], [2.0, 4.0, 5.0, 6.0]);
    let found = compare_groups(&first, &second, DEFAULT).unwrap();
    assert_eq!((found.n_first, found.n_second, found.method_used), (3, 4, None));
    let depends = [found.mean_first, found.median_first, found.u, found.p_value, found.auc, found.cohens_d];
    assert!(depends.iter().all(|number| number.is_nan()) && found.hedges_g.is_nan());
    assert_eq!((found.mean_second, found.median_second), (4.25, 4.5));

    let omit = ComparisonOptions { missing: MissingScores::Omit, ..DEFAULT };
    let found = compare_groups(&first, &second, omit).unwrap();
    assert_eq!(found, compare_groups(&[1.0, 3.0], &second, DEFAULT).unwrap());

    let found = compare_groups(&[f64::NAN], &second, omit).unwrap();
    assert_eq!((found.n_first, found.n_second, found.method_used), (0, 4, None));
    assert!(found.p_value.is_nan() && found.auc.is_nan() && found.median_first.is_nan());

    let refuse = ComparisonOptions { missing: MissingScores::Refuse, ..DEFAULT };
    let error = compare_groups(&second, &first, refuse).unwrap_err();
    assert_eq!(error.to_string(), "value 1 of the second group is NaN, expected a number");
    let mut scores = Array2::<f64>::zeros((3, 70));
    scores[[2, 40]] = f64::NAN;
    scores[[0, 69]] = f64::NAN;
    let error = compare_columns(scores.view(), &[true, false, false], refuse).unwrap_err();
    assert_eq!(error.to_string(), "row 2, column 40 is NaN, expected a number");
}

#[test]
fn differences_of_means_that_are_not_defined_are_nan_or_zero() {
    let d = |first: &[f64], second: &[f64], spread| {
        compare_groups(first, second, ComparisonOptions { spread, ..DEFAULT }).unwrap().cohens_d
    };
    assert!(d(&[1.0], &[2.0], Spread::Pooled).is_nan());
    assert_eq!(d(&[1.0, 1.0], &[1.0], Spread::Pooled), 0.0);
    assert_eq!(d(&[1.0, 1.0], &[2.0], Spread::Pooled), f64::NEG_INFINITY);
    assert!(d(&[1.0, 1.0], &[1.0, 1.0], Spread::AverageVariance).is_nan());
    assert!(d(&[1.0], &[1.0, 2.0], Spread::AverageVariance).is_nan());
    assert!(d(&[f64::INFINITY, 1.0], &[1.0, 2.0], Spread::Pooled).is_nan());
}

/// The share of all ways to split the values at which U of the first part is at least (or at most) that found.
fn share_of_splits(first: &[f64], second: &[f64]) -> [f64; 2] {
    let all: Vec<f64> = first.iter().chain(second).copied().collect();
    let u = |in_first: &dyn Fn(usize) -> bool| {
        let pairs = (0..all.len()).flat_map(|i| (0..all.len()).map(move |j| (i, j)));
        pairs.filter(|&(i, j)| in_first(i) && !in_first(j) && all[i] > all[j]).count()
    };
    let found = u(&|i| i < first.len());
    let splits = (0_u32..1 << all.len()).filter(|split| split.count_ones() as usize == first.len());
    let us: Vec<usize> = splits.map(|split| u(&|i| split >> i & 1 == 1)).collect();
    let share =
        |is_so: &dyn Fn(usize) -> bool| us.iter().filter(|u| is_so(**u)).count() as f64 / us.len() as f64;
    [share(&|u| u >= found), share(&|u| u <= found)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exact_p_values_are_shares_of_all_splits(
        scores in prop::collection::hash_set(-1000_i32..1000, 2..9), cut in any::<prop::sample::Index>(),
    ) {
        let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
        let (first, second) = scores.split_at(1 + cut.index(scores.len() - 1));
        let p_value = |alternative| {
            compare_groups(first, second, ComparisonOptions { alternative, ..DEFAULT }).unwrap().p_value
        };
        let [at_least, at_most] = share_of_splits(first, second);
        prop_assert!((p_value(Alternative::Greater) - at_least).abs() < 1e-14);
        prop_assert!((p_value(Alternative::Less) - at_most).abs() < 1e-14);
        prop_assert!((p_value(Alternative::TwoSided) - (2.0 * at_least.min(at_most)).min(1.0)).abs() < 1e-14);
    }
}

proptest! {
    #[test]
    fn groups_that_change_places_mirror_everything((first, second) in groups(), options in methods()) {
        let there = compare_groups(&first, &second, options).unwrap();
        let back = compare_groups(&second, &first, options).unwrap();
        let pairs = (first.len() * second.len()) as f64;
        prop_assert_eq!(there.u + back.u, pairs);
        prop_assert!((there.auc + back.auc - 1.0).abs() < 1e-15);
        prop_assert_eq!(there.p_value, back.p_value);
        prop_assert_eq!(there.method_used, back.method_used);
        prop_assert_eq!((there.mean_first, there.median_second), (back.mean_second, back.median_first));
        if !there.cohens_d.is_nan() {
            prop_assert_eq!(there.cohens_d, -back.cohens_d);
            prop_assert_eq!(there.hedges_g, -back.hedges_g);
        }
        let sided = |alternative| ComparisonOptions { alternative, ..options };
        let less = compare_groups(&first, &second, sided(Alternative::Less)).unwrap();
        let greater = compare_groups(&second, &first, sided(Alternative::Greater)).unwrap();
        prop_assert_eq!(less.p_value, greater.p_value);
    }

    #[test]
    fn p_values_are_chances_and_two_sided_is_twice_the_lesser((first, second) in groups(), options in methods()) {
        let p_value = |alternative| {
            compare_groups(&first, &second, ComparisonOptions { alternative, ..options }).unwrap().p_value
        };
        let (less, greater) = (p_value(Alternative::Less), p_value(Alternative::Greater));
        let both = p_value(Alternative::TwoSided);
        prop_assert!([less, greater, both].iter().all(|p| (0.0..=1.0).contains(p)));
        prop_assert!((both - (2.0 * less.min(greater)).min(1.0)).abs() < 1e-14);
    }

    #[test]
    fn ranks_know_no_scale((first, second) in groups(), options in methods()) {
        let found = compare_groups(&first, &second, options).unwrap();
        // A cube keeps the order; eighths of whole numbers and their cubes are exact.
        let rise = |scores: &[f64]| -> Vec<f64> {
            scores.iter().map(|score| (score * 8.0).round().powi(3) + 7.0).collect()
        };
        let round = |scores: &[f64]| -> Vec<f64> { scores.iter().map(|score| (score * 8.0).round()).collect() };
        let plain = compare_groups(&round(&first), &round(&second), options).unwrap();
        let risen = compare_groups(&rise(&first), &rise(&second), options).unwrap();
        prop_assert_eq!((plain.u, plain.auc, plain.p_value), (risen.u, risen.auc, risen.p_value));
        // Scaling by a power of two leaves the effect sizes as they are.
        let double = |scores: &[f64]| -> Vec<f64> { scores.iter().map(|score| score * 2.0).collect() };
        let doubled = compare_groups(&double(&first), &double(&second), options).unwrap();
        prop_assert_eq!(&bits(&doubled)[6..], &bits(&found)[6..]);
    }

    #[test]
    fn columns_are_compared_as_groups_are(
        n_rows in 2..20_usize,
        n_columns in 0..80_usize,
        cells in prop::collection::vec(prop_oneof![8 => -3.0..3.0_f32, 3 => Just(1.0), 1 => Just(f32::NAN)], 1600),
        labels in prop::collection::vec(any::<bool>(), 18),
        options in methods(),
        is_omitted in any::<bool>(),
        is_transposed in any::<bool>(),
    ) {
        let missing = if is_omitted { MissingScores::Omit } else { MissingScores::Propagate };
        let options = ComparisonOptions { missing, ..options };
        let shape = (n_rows, n_columns).set_f(is_transposed);
        let scores = Array2::from_shape_vec(shape, cells[..n_rows * n_columns].to_vec()).unwrap();
        let mut is_first = vec![true, false];
        is_first.extend(&labels[..n_rows - 2]);
        let found = compare_columns(scores.view(), &is_first, options).unwrap();
        prop_assert_eq!(found.len(), n_columns);
        for (column, found) in scores.columns().into_iter().zip(&found) {
            let group = |which| -> Vec<f32> {
                column.iter().zip(&is_first).filter(|(_, is)| **is == which).map(|(score, _)| *score).collect()
            };
            let expected = compare_groups(&group(true), &group(false), options).unwrap();
            prop_assert_eq!(bits(found), bits(&expected));
            prop_assert_eq!(found.method_used, expected.method_used);
        }
    }
}
