//! `cistron vae` with a variational autoencoder: train, score, sample, embed, groups.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write;

use support::Bench;

/// An alignment of forty sequences of eight letters.
fn bench() -> Bench {
    let bench = Bench::new();
    let letters = ["ACDEFGHI", "ACDEYGHI", "SCDEFGKI", "ACDKFGHV"];
    let mut records = String::new();
    for i in 0..40 {
        writeln!(records, ">s{i}/11-18\n{}", letters[i % 4]).unwrap();
    }
    bench.write("family.a2m", &records);
    bench
}

const TRAIN: &str = "vae train family.a2m --kind vae --steps 12 --batch 5 --latent 2 -o";

/// What a run said that must succeed.
fn said(bench: &Bench, arguments: &str) -> String {
    let ran = bench.run(arguments);
    assert_eq!(ran.code, Some(0), "cistron {arguments}: {}", ran.stderr);
    ran.stdout
}

#[test]
fn a_trained_model_scores_samples_and_places_sequences() {
    let bench = bench();
    said(&bench, &format!("{TRAIN} model"));
    said(&bench, &format!("{TRAIN} again"));
    let bytes = |model: &str| std::fs::read(bench.path(model).join("model.safetensors")).unwrap();
    assert_eq!(bytes("model"), bytes("again"));
    bench.write("m.csv", "mutant\nA11C\nA11C:I18V\nF15F\nA99C\n");
    let table = said(&bench, "vae score model --mutants m.csv --samples 7");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!((rows[0][0], rows[0][3], rows[0][4]), ("A11C", "7", "ok"));
    assert!(rows[0][1].parse::<f64>().unwrap().is_finite() && rows[0][2].parse::<f64>().unwrap() > 0.0);
    assert_eq!((rows[2][1], rows[2][2], rows[2][3], rows[2][4]), ("", "", "", "synonymous at 15"));
    assert_eq!(rows[3][4], "position 99 is not covered");
    let singles = said(&bench, "vae score model --singles --samples 2 --plot singles.svg");
    assert_eq!(singles.lines().count(), 1 + 8 * 19);
    assert!(bench.path("singles.svg").is_file());
    let fasta = said(&bench, "vae sample model --count 3");
    assert_eq!((fasta.lines().count(), fasta.lines().next()), (6, Some(">sample_1")));
    let places = said(&bench, "vae embed model family.a2m --plot places.svg");
    assert_eq!(places.lines().next(), Some("name\tmu_1\tmu_2\tlog_sigma_1\tlog_sigma_2"));
    assert_eq!(places.lines().count(), 41);
    assert!(bench.read("places.svg").contains("latent variable 2"));
    assert_eq!(said(&bench, "vae groups model --top 2").lines().count(), 1 + 2 * 40);
}

#[test]
fn options_of_other_kinds_are_wrong_uses() {
    let bench = bench();
    let other = format!("{TRAIN} model --lambda-j 1");
    bench.refuses(&other, 2, "--lambda-j has no meaning for --kind vae");
    let independent = "vae train family.a2m --kind independent -o sites";
    bench.refuses(&format!("{independent} --latent 2"), 2, "--latent has no meaning for --kind independent");
    said(&bench, independent);
    bench.refuses("vae sample sites", 1, "model has no latent variables");
}
