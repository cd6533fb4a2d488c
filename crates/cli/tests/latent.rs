//! `cistron vae` with a variational autoencoder: train, score, sample, embed, groups.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use support::{Bench, Ran};

fn text(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

/// An alignment of forty sequences of eight letters.
fn bench() -> Bench {
    let bench = Bench::new();
    let letters = ["ACDEFGHI", "ACDEYGHI", "SCDEFGKI", "ACDKFGHV"];
    let mut records = String::new();
    for i in 0..40 {
        records += &format!(">s{i}/11-18\n{}\n", letters[i % 4]);
    }
    bench.write("family.a2m", &records);
    bench
}

const TRAIN: [&str; 12] =
    ["vae", "train", "family.a2m", "--kind", "vae", "--steps", "12", "--batch", "5", "--latent", "2", "-o"];

fn train(bench: &Bench, output: &str, more: &[&str]) -> Ran {
    bench.run(&[&TRAIN[..], &[output], more].concat())
}

#[test]
fn a_trained_model_scores_samples_and_places_sequences() {
    let bench = bench();
    text(&train(&bench, "model", &[]));
    text(&train(&bench, "again", &[]));
    let bytes = |model: &str| std::fs::read(bench.path(model).join("model.safetensors")).unwrap();
    assert_eq!(bytes("model"), bytes("again"));
    bench.write("m.csv", "mutant\nA11C\nA11C:I18V\nF15F\nA99C\n");
    let scores = ["vae", "score", "model", "--mutants", "m.csv", "--samples", "7"];
    let table = text(&bench.run(&scores));
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!((rows[0][0], rows[0][3], rows[0][4]), ("A11C", "7", "ok"));
    assert!(rows[0][1].parse::<f64>().unwrap().is_finite() && rows[0][2].parse::<f64>().unwrap() > 0.0);
    assert_eq!((rows[2][1], rows[2][2], rows[2][3], rows[2][4]), ("", "", "", "synonymous at 15"));
    assert_eq!(rows[3][4], "position 99 is not covered");
    let singles = ["vae", "score", "model", "--singles", "--samples", "2", "--plot", "singles.svg"];
    assert_eq!(text(&bench.run(&singles)).lines().count(), 1 + 8 * 19);
    assert!(bench.path("singles.svg").is_file());
    let fasta = text(&bench.run(&["vae", "sample", "model", "--count", "3"]));
    assert_eq!((fasta.lines().count(), fasta.lines().next()), (6, Some(">sample_1")));
    let places = text(&bench.run(&["vae", "embed", "model", "family.a2m"]));
    assert_eq!(places.lines().next(), Some("name\tmu_1\tmu_2\tlog_sigma_1\tlog_sigma_2"));
    assert_eq!(places.lines().count(), 41);
    let groups = text(&bench.run(&["vae", "groups", "model", "--top", "2"]));
    assert_eq!(groups.lines().count(), 1 + 2 * 40);
}

#[test]
fn options_of_other_kinds_are_wrong_uses() {
    let bench = bench();
    let wrong = train(&bench, "model", &["--lambda-j", "1"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--lambda-j has no meaning for --kind vae"), "{}", wrong.stderr);
    let independent = ["vae", "train", "family.a2m", "--kind", "independent", "-o", "sites"];
    let wrong = bench.run(&[&independent[..], &["--latent", "2"]].concat());
    assert_eq!(wrong.code, Some(2));
    text(&bench.run(&independent));
    let wrong = bench.run(&["vae", "sample", "sites"]);
    assert!(wrong.stderr.contains("model has no latent variables"));
}
