//! `model train`, and trained networks where a model is taken, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fs;

use cistron::encode::{Layout, NpzWriter, random_sequences};
use cistron::{Alphabet, Seed};
use support::Bench;

const CONFIG: &str = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 12, "layers": [
    {"op": "conv1d", "name": "words", "in": 4, "out": 6, "kernel": 5, "padding": 2}, {"op": "relu"}],
    "heads": [
        {"name": "whole", "tracks": ["liver", "heart"], "activation": "sigmoid", "layers": [
            {"op": "global_max"}, {"op": "linear", "name": "out", "in": 6, "out": 2}]},
        {"name": "along", "tracks": ["x"], "bins": 4, "bin_width": 3, "layers": [
            {"op": "avg_pool", "kernel": 3}, {"op": "conv1d", "name": "x", "in": 6, "out": 1, "kernel": 1}]}]}"#;

/// The configuration, and sequences with six targets each.
fn bench() -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("net")).unwrap();
    bench.write("net/config.json", CONFIG);
    for (name, n) in [("train.npz", 96), ("valid.npz", 40)] {
        let sequences = random_sequences(&Alphabet::dna(), n, 12, &[], Seed::new(n as u64)).unwrap();
        let x: Vec<f64> = sequences
            .one_hot(Layout::PositionMajor, cistron::encode::Fill::default())
            .iter()
            .map(|&x| f64::from(x))
            .collect();
        let y: Vec<f64> = sequences
            .codes()
            .outer_iter()
            .flat_map(|row| (0..6).map(|i| f64::from(row[i] % 2)).collect::<Vec<_>>())
            .collect();
        let mut writer = NpzWriter::create(bench.path(name)).unwrap();
        writer.add_numbers("X", &[n, 12, 4], &x).unwrap();
        writer.add_numbers("y", &[n, 6], &y).unwrap();
        writer.finish().unwrap();
    }
    bench
}

const TRAIN: &str =
    "model train --config net/config.json --train train.npz --valid valid.npz --epochs 3 --batch 16";

#[test]
fn a_trained_network_works_wherever_a_model_does() {
    let bench = bench();
    let table = bench.ok(&format!("{TRAIN} -o trained --threads 1"));
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(
        table.starts_with("epoch\ttraining_loss\tvalidation_loss\tvalidation_auroc\tbest\n1\t"),
        "{table}"
    );
    bench.ok(&format!("{TRAIN} -o again --threads 2"));
    assert_eq!(bench.results("trained"), bench.results("again"), "threads change nothing");
    let info = bench.ok("model info --model trained");
    for line in [
        "type\tconvnet",
        "input_length\t12",
        "head\twhole (1 bins): liver, heart",
        "head\talong (4 bins): x",
        "parameters\t147",
        "receptive_field\t7",
    ] {
        assert!(info.lines().any(|found| found == line), "{line}\n{info}");
    }
    let inputs = "--fasta genome.fa --bed regions.bed";
    bench.ok(&format!("effect saturate --model trained {inputs} --tracks heart --out-dir heart"));
    let table = bench.read("heart/deltas_custom_bed.tsv");
    assert_eq!(table.lines().count(), 1 + 3 * 12);
    bench.ok(&format!(
        "effect saturate --model trained {inputs} --head along --bins 1..3 --reduce sum --out-dir along"
    ));
    let variant = "--fasta genome.fa --variant chr1:17:A:G";
    let scores = bench.ok(&format!("effect variants --model trained {variant} --head along"));
    assert!(scores.lines().next().unwrap().ends_with("ref_x\talt_x\tdiff_x\tmax_over_tracks"), "{scores}");
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let bench = bench();
    let refuse = |arguments: &str, code: i32, expected: &str| bench.refuses(arguments, code, expected);
    bench.write("bad.json", CONFIG.replace("\"kernel\": 5", "\"kernel\": 50"));
    refuse(
        &TRAIN.replace("net/config.json", "bad.json").replace("--epochs", "-o out --epochs"),
        1,
        "bad.json: layers[0] (words): the kernel spans 50 positions, expected at most the 12 positions and 2 of",
    );
    refuse(&format!("{TRAIN} -o out --loss huber"), 2, "option loss is huber, expected bce, mse, poisson");
    refuse(
        &format!("{TRAIN} -o out --average 2"),
        2,
        "option average is 2, expected a share from 0 to below 1",
    );
    bench.ok(&format!("{TRAIN} -o trained"));
    refuse(
        &format!("{TRAIN} -o trained"),
        1,
        "model.safetensors exists already, expected a new name or --force",
    );
    bench.ok(&format!("{TRAIN} -o trained --force"));
    bench.write(
        "trained/config.json",
        CONFIG.replace("\"out\": 6, \"kernel\": 5", "\"out\": 7, \"kernel\": 5"),
    );
    refuse(
        "model info --model trained",
        1,
        "trained/config.json: heads[0] (whole).layers[1] (out): found `in` 6",
    );
    refuse(
        "model info --model net",
        1,
        "net: has no weights, expected model.safetensors or pytorch_model.bin",
    );
    refuse(
        &format!(
            "effect saturate --model trained --head tail --out-dir o {}",
            "--fasta genome.fa --bed regions.bed"
        ),
        1,
        "trained/config.json",
    );
}
