//! Seqlets against tangermeme 1.6.0.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::Path;

use cistron::encode::{ElementType, NpzReader};
use cistron::motif::{
    AttributionValue, Seqlet, SeqletOptions, TfModiscoOptions, ThresholdRule, call_seqlets,
    call_seqlets_with_control, call_tfmodisco_seqlets,
};
use cistron::ndarray::Array2;
use conformance::golden;
use serde_json::Value;

fn tracks(path: &Path, name: &str) -> (Array2<f64>, ElementType) {
    let mut file = NpzReader::open(path).unwrap();
    let element = file.header(name).unwrap().element;
    let (shape, values) = file.numbers(name).unwrap();
    (Array2::from_shape_vec((shape[0], shape[1]), values).unwrap(), element)
}

fn options(parameters: &Value) -> SeqletOptions {
    let number = |name: &str, default: f64| parameters[name].as_f64().unwrap_or(default);
    let base = SeqletOptions::default();
    SeqletOptions {
        threshold: number("threshold", base.threshold),
        min_length: number("min_seqlet_len", base.min_length as f64) as usize,
        max_length: number("max_seqlet_len", base.max_length as f64) as usize,
        flanks: number("additional_flanks", base.flanks as f64) as usize,
        bins: number("n_bins", base.bins as f64) as usize,
    }
}

/// A row of the golden table; the p-value and the sum as they were printed.
fn rows(path: &Path) -> Vec<(u32, u32, u32, f64, f64)> {
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let whole = |i: usize| fields[i].parse().unwrap();
        (whole(0), whole(1), whole(2), fields[3].parse().unwrap(), fields[4].parse().unwrap())
    };
    text.lines().skip(1).map(row).collect()
}

/// The peer's order of equal p-values is not stable: both are compared by p-value, example and start.
fn assert_same(found: &[Seqlet], path: &Path, relative: f64, name: &str) {
    let mut expected = rows(path);
    let mut found: Vec<_> =
        found.iter().map(|s| (s.example, s.start, s.end, s.attribution, s.p_value)).collect();
    let key = |row: &(u32, u32, u32, f64, f64)| (row.0, row.1, row.2);
    expected.sort_by_key(key);
    found.sort_by_key(key);
    assert_eq!(
        found.iter().map(key).collect::<Vec<_>>(),
        expected.iter().map(key).collect::<Vec<_>>(),
        "{name}"
    );
    for (a, b) in found.iter().zip(&expected) {
        assert!((a.3 - b.3).abs() <= relative * b.3.abs().max(1e-12), "{name}: sum {} for {}", a.3, b.3);
        assert!((a.4 - b.4).abs() <= 1e-9 * b.4, "{name}: p {} for {}", a.4, b.4);
    }
}

fn call<T: AttributionValue>(tracks: &Array2<T>, options: SeqletOptions) -> Vec<Seqlet> {
    let seqlets = call_seqlets(tracks.view(), options).unwrap();
    assert!(seqlets.windows(2).all(|pair| pair[0].p_value <= pair[1].p_value));
    seqlets
}

#[test]
fn every_recursive_case() {
    let Some(folder) = golden("annotations") else { return };
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let mut n = 0;
    for (name, case) in manifest["cases"].as_object().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| name.starts_with("recursive__")) else {
            continue;
        };
        let (mut values, element) = tracks(&folder.join("seqlet_inputs.npz"), input);
        if name.ends_with("__negated") {
            values = -values;
        }
        let options = options(&case["params"]);
        let seqlets = match element {
            ElementType::Float32 => call(&values.mapv(|value| value as f32), options),
            _ => call(&values, options),
        };
        assert_same(&seqlets, &folder.join(format!("{name}.tsv")), 1e-6, name);
        n += 1;
    }
    assert!(n > 60, "{n} cases found");
}

#[test]
fn the_threshold_that_a_control_allows() {
    let Some(folder) = golden("annotations") else { return };
    let (control, _) = tracks(&folder.join("seqlet_control.npz"), "control");
    let (values, element) = tracks(&folder.join("seqlet_inputs.npz"), "syn64");
    assert_eq!(element, ElementType::Float64);
    for target in ["0.1", "0.5"] {
        let rate = target.parse().unwrap();
        let (seqlets, curve) =
            call_seqlets_with_control(values.view(), control.view(), rate, SeqletOptions::default()).unwrap();
        assert_same(&seqlets, &folder.join(format!("recursive_fdr__seqlets__{target}.tsv")), 1e-12, target);
        let text = fs::read_to_string(folder.join(format!("recursive_fdr__curve__{target}.tsv"))).unwrap();
        assert_eq!(text.lines().count() - 1, curve.points.len());
        for (line, point) in text.lines().skip(1).zip(&curve.points) {
            let fields: Vec<&str> = line.split('\t').collect();
            let threshold: f64 = fields[0].parse().unwrap();
            assert!((point.threshold - threshold).abs() <= 1e-12 * threshold, "{line}");
            let counts = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
            assert_eq!((point.n_seqlets, point.n_control_seqlets), counts, "{line}");
            let expected: f64 = fields[3].parse().unwrap_or(f64::NAN);
            let same = point.false_discovery_rate.is_nan() && expected.is_nan();
            assert!(same || (point.false_discovery_rate - expected).abs() <= 1e-12 * expected, "{line}");
        }
    }
}

/// Coordinates and order exactly; sums to the digits printed.
#[test]
fn every_tfmodisco_case() {
    let Some(folder) = golden("annotations") else { return };
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let mut n = 0;
    for (name, case) in manifest["cases"].as_object().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| name.starts_with("tfmodisco__")) else {
            continue;
        };
        let (values, _) = tracks(&folder.join("seqlet_inputs.npz"), input);
        let number = |name: &str, default: f64| case["params"][name].as_f64().unwrap_or(default);
        let base = TfModiscoOptions::default();
        let options = TfModiscoOptions {
            window: number("window_size", base.window as f64) as usize,
            flank: number("flank", base.flank as f64) as usize,
            target_fdr: number("target_fdr", base.target_fdr),
            min_passing: number("min_passing_frac", base.min_passing),
            max_passing: number("max_passing_frac", base.max_passing),
            rule: ThresholdRule::ScanOrder,
        };
        let found = call_tfmodisco_seqlets(values.mapv(|value| value as f32).view(), options).unwrap();
        let text = fs::read_to_string(folder.join(format!("{name}.tsv"))).unwrap();
        assert_eq!(text.lines().count() - 1, found.len(), "{name}");
        for (line, seqlet) in text.lines().skip(1).zip(&found) {
            let fields: Vec<&str> = line.split('\t').collect();
            let whole = |i: usize| fields[i].parse::<u32>().unwrap();
            let expected = (whole(0), whole(1), whole(2));
            assert_eq!((seqlet.example, seqlet.start, seqlet.end), expected, "{name}");
            let sum: f64 = fields[3].parse().unwrap();
            assert!((seqlet.attribution - sum).abs() <= 1e-6 * sum.abs(), "{name}: {line}");
        }
        n += 1;
    }
    assert!(n >= 15, "{n} cases found");
}
