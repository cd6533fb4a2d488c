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
fn the_network_of_eve_trains_and_sorts_mutants_into_classes() {
    let bench = bench();
    said(&bench, "vae train family.a2m --kind vae --size eve --steps 1 --batch 1 --rule eve -o eve");
    let config: serde_json::Value = serde_json::from_str(&bench.read("eve/config.json")).unwrap();
    assert_eq!((&config["likelihood"], &config["n_latent"]), (&"bernoulli".into(), &50.into()));
    assert_eq!((&config["sparsity"], &config["dropout"]), (&serde_json::Value::Null, &0.1.into()));
    bench.write("m.csv", "mutant\nA11C\nA99C\n");
    let table = said(&bench, "vae score eve --mutants m.csv --samples 1 --classes");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0][5..], ["index", "pathogenic"]);
    let number = |cell: &str| cell.parse::<f64>().unwrap();
    assert_eq!(number(rows[1][5]), -number(rows[1][1]));
    assert!((0.0..=1.0).contains(&number(rows[1][6])));
    assert_eq!(rows[2][5..], ["", ""]);
    bench.refuses("vae groups eve", 1, "the model has no scales");
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

/// A structure of the family: a line of residues, 4 Å from one to the next.
fn structure(first: i64, letters: &[&str]) -> String {
    let mut text = String::new();
    for ((residue, number), i) in letters.iter().zip(first..).zip(0..) {
        let x = 4.0 * f64::from(i);
        writeln!(text, "ATOM      1  CA  {residue} A{number:4}    {x:8.3}   0.000   0.000  1.00  0.00")
            .unwrap();
    }
    text
}

#[test]
fn groups_are_compared_with_a_structure() {
    let bench = bench();
    said(&bench, &format!("{TRAIN} model"));
    let residues = ["ALA", "CYS", "ASP", "GLU", "TRP", "GLY", "HIS"];
    bench.write("family.pdb", structure(11, &residues));
    let ran = bench.run("vae groups model --top 3 --structure family.pdb --permutations 99 -o groups.tsv");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "warning: 1 positions of the model that the structure does not have; standard output names them\n\
         warning: 1 residues of the structure that differ from the model's wild type; standard output names them\n"
    );
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&summary["chain"], &summary["placed"]), (&"A".into(), &7.into()));
    assert_eq!(summary["missing"], serde_json::json!([18]));
    assert_eq!(
        summary["differing"],
        serde_json::json!([{"position": 15, "expected": "F", "found": "W", "residue": "TRP"}])
    );
    let table = bench.read("groups.tsv");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0][5..], ["distance", "random_distance", "p_value", "q_value"]);
    assert_eq!(rows.len(), 1 + 3 * 40);
    // The distance of a group is that of its positions on the line.
    for group in rows[1..].chunks(3) {
        let mut places: Vec<f64> = group.iter().map(|row| row[2].parse().unwrap()).collect();
        places.sort_by(f64::total_cmp);
        if places[2] < 18.0 {
            let expected = 4.0 * 2.0 * (places[2] - places[0]) / 3.0;
            assert!((group[0][5].parse::<f64>().unwrap() - expected).abs() < 1e-3, "{group:?}");
        }
        let p_value: f64 = group[0][7].parse().unwrap();
        assert!((0.01..=1.0).contains(&p_value));
    }
    // The same protein, numbered from 1.
    bench.write("shifted.pdb", structure(1, &residues));
    let ran = bench.run("vae groups model --top 3 --structure shifted.pdb --offset -10 --permutations 99");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (shifted, _) = ran.stdout.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(shifted, table.trim_end());
}

#[test]
fn structures_that_do_not_fit_are_refused() {
    let bench = bench();
    said(&bench, &format!("{TRAIN} model"));
    bench.write("far.pdb", structure(500, &["ALA", "CYS"]));
    bench.write("other.pdb", structure(11, &["TRP", "TRP", "TRP", "GLU"]));
    bench.write("odd.pdb", structure(11, &["ALA"]).replace("   0.000", "   0,000"));
    bench.write("none.cif", "data_x\n");
    let groups = "vae groups model -o groups.tsv";
    for (arguments, code, message) in [
        ("--structure far.pdb", 1, "far.pdb: chain `A` has residues at 0 positions of the model"),
        ("--structure other.pdb", 1, "3 of 4 residues of chain `A` differ from the model's wild type"),
        ("--structure odd.pdb", 1, "odd.pdb:1:31: `0,000` found, expected a coordinate in Å"),
        ("--structure none.cif", 1, "none.cif: holds no residue, expected PDB or mmCIF"),
        ("--structure other.pdb --chain B", 1, "chain `B` is not there, expected one of A"),
        ("--structure missing.pdb", 1, "missing.pdb"),
        ("--chain A", 2, "--structure"),
        ("--structure far.pdb --permutations 0", 2, "0 is not in 1"),
    ] {
        bench.refuses(&format!("{groups} {arguments}"), code, message);
        assert!(!bench.path("groups.tsv").exists(), "{arguments}");
    }
}
