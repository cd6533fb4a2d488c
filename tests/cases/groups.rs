//! Comparisons of two groups give what scipy 1.17.1 and scikit-learn 1.9.1 give.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron::benjamini_hochberg;
use cistron::effects::{
    Alternative, ComparisonOptions, GroupComparison, PValueMethod, Spread, compare_columns, compare_groups,
};
use cistron::ndarray::Array2;
use conformance::golden;
use serde_json::Value;

fn statistics() -> Option<Value> {
    let text = std::fs::read_to_string(golden("variant-effects/stats/stats.json")?).unwrap();
    Some(serde_json::from_str(&quoted(&text)).unwrap())
}

/// Every bare word in quotes: the reader of JSON loses the last digit of numbers, and Python writes some that it refuses.
fn quoted(text: &str) -> String {
    let (mut out, mut is_string, mut was_word) = (String::new(), false, false);
    for c in text.chars() {
        is_string ^= c == '"';
        let is_word = !is_string && (c.is_ascii_alphanumeric() || "+-.".contains(c));
        if is_word != was_word {
            out.push('"');
        }
        was_word = is_word;
        out.push(c);
    }
    out
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// To ten digits, which leaves room for another order of additions.
#[track_caller]
fn assert_close(found: f64, expected: f64, what: &str) {
    let is_close =
        found == expected || (found / expected - 1.0).abs() < 1e-10 || found.is_nan() && expected.is_nan();
    assert!(is_close, "{what}: {found}, expected {expected}");
}

fn compare(case: &Value, options: ComparisonOptions) -> GroupComparison {
    compare_groups(&numbers(&case["x"]), &numbers(&case["y"]), options).unwrap()
}

#[test]
fn the_published_comparison_of_variants_is_found() {
    let Some(golden) = statistics() else { return };
    let published = golden["published"].as_array().unwrap();
    assert_eq!(published.len(), 6);
    // One column for each row of the published table, the two functional variants first.
    let mut scores = Array2::from_shape_fn((611, 6), |(row, _)| row as f64 - 1.0);
    for (column, case) in published.iter().enumerate() {
        assert_eq!(case["y_is"], "1..609");
        for (row, score) in numbers(&case["x"]).into_iter().enumerate() {
            scores[[row, column]] = score;
        }
    }
    let mut is_functional = [false; 611];
    is_functional[..2].fill(true);
    let found = compare_columns(scores.view(), &is_functional, ComparisonOptions::default()).unwrap();
    for (found, case) in found.iter().zip(published) {
        let label = case["label"].as_str().unwrap();
        assert_eq!((found.n_first, found.n_second), (2, 609));
        assert_eq!(found.u, number(&case["U"]), "{label}");
        assert_close(found.p_value, number(&case["scipy_auto_p"]), label);
        assert_close(found.auc, number(&case["sklearn_auc"]), label);
        assert!((found.p_value - number(&case["published_p"])).abs() <= 5e-9, "{label}");
        assert!((found.auc - number(&case["published_auc"])).abs() <= 5e-9, "{label}");
    }
}

#[test]
fn u_and_its_p_values_are_those_of_scipy() {
    let Some(golden) = statistics() else { return };
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        for test in case["tests"].as_array().unwrap() {
            let (alternative, method) = (test[0].as_str().unwrap(), test[1].as_str().unwrap());
            let options = ComparisonOptions {
                alternative: match alternative {
                    "two-sided" => Alternative::TwoSided,
                    "less" => Alternative::Less,
                    _ => Alternative::Greater,
                },
                method: match method {
                    "auto" => PValueMethod::Auto,
                    "exact" => PValueMethod::Exact,
                    _ => PValueMethod::Asymptotic,
                },
                continuity_correction: test[2] == "true",
                ..ComparisonOptions::default()
            };
            let found = compare(case, options);
            let what = format!("{name}, {test}");
            assert_close(found.u, number(&test[3]), &what);
            // Where all values are equal nothing speaks against one distribution; scipy divides 0 by 0.
            let all_are_equal = name == "all_equal" || name == "one_vs_one_tie";
            let expected = if all_are_equal && test[4] == "nan" { 1.0 } else { number(&test[4]) };
            assert_close(found.p_value, expected, &what);
        }
    }
}

#[test]
fn areas_means_medians_and_effect_sizes_are_those_of_numpy_and_scikit_learn() {
    let Some(golden) = statistics() else { return };
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let found = compare(case, ComparisonOptions::default());
        let [mean, median] = ["mean", "median"].map(|key| numbers(&case[key]));
        assert_close(found.mean_first, mean[0], name);
        assert_close(found.mean_second, mean[1], name);
        assert_close(found.median_first, median[0], name);
        assert_close(found.median_second, median[1], name);
        let averaged = compare(
            case,
            ComparisonOptions { spread: Spread::AverageVariance, ..ComparisonOptions::default() },
        );
        assert_close(averaged.cohens_d, number(&case["cohens_d_avg_sd"]), name);
        if name == "with_nan" || name == "with_inf" {
            // The peer's area is an error, and its branch for a spread of zero takes a spread that is NaN for infinite.
            assert!(found.cohens_d.is_nan() && found.hedges_g.is_nan());
            continue;
        }
        assert_close(found.auc, number(&case["auc"]), name);
        assert_close(found.cohens_d, number(&case["cohens_d_pooled"]), name);
        assert_close(found.hedges_g, number(&case["hedges_g"]), name);
    }
}

#[test]
fn false_discovery_rates_are_those_of_scipy() {
    let Some(golden) = statistics() else { return };
    let bh = &golden["bh"];
    for (found, expected) in benjamini_hochberg(&numbers(&bh["p"])).into_iter().zip(numbers(&bh["adj"])) {
        assert_close(found, expected, "Benjamini and Hochberg");
    }
}
