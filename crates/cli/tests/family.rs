//! `vae prepare`, `train`, `score` and `couplings`, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::NpzReader;
use cistron::encode::alignment::Family;
use serde_json::Value;
use support::Bench;

/// A family whose second and fourth column go together: D with K, E with R.
const ALIGNMENT: &str =
    ">WT/10-15 kinase\nADcFKM\n>a\nAD.FKM\n>b\nAEcFRM\n>c\nGE-FRM\n>d\nAD.FKL\n>e\nAEgYR-\n>bad\nAX.FKM\n";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("family.a2m", ALIGNMENT);
    bench
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const DROPPED: &str = "warning: 1 records dropped (repeated 0, gaps 0, alphabet 1)\n";

#[test]
fn an_alignment_becomes_a_family_and_a_report() {
    let bench = bench();
    let ran = bench.run("vae prepare family.a2m -o family.npz");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), DROPPED));
    let report = json(&ran.stdout);
    assert_eq!((&report["records"], &report["kept"], &report["columns"]), (&7.into(), &6.into(), &5.into()));
    assert_eq!((&report["first_position"], &report["last_position"]), (&10.into(), &15.into()));
    assert_eq!(report["dropped_records"][0]["line"], 13);
    assert_eq!(report["dropped_records"][0]["reason"], "`X` in column 2 is not a letter of the alphabet");
    let family = Family::load(bench.path("family.npz")).unwrap();
    assert_eq!(family.positions(), [10, 11, 13, 14, 15]);
    assert_eq!((family.wild_type().letters().as_str(), family.focus()), ("ADFKM", "WT/10-15 kinase"));
    let mut file = NpzReader::open(bench.path("family.npz")).unwrap();
    let names = [
        "alphabet",
        "codes",
        "columns",
        "focus",
        "names",
        "neff",
        "positions",
        "theta",
        "weights",
        "wild_type",
    ];
    assert_eq!(file.names().unwrap(), names);
    assert_eq!(file.numbers("neff").unwrap(), (vec![], vec![report["neff"].as_f64().unwrap()]));
    let again = bench.run("vae prepare family.a2m -o family.npz");
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

#[test]
fn weights_come_from_rules_and_files() {
    let bench = bench();
    let weights = |options: &str| {
        let ran = bench.run(&format!("vae prepare family.a2m -o w.npz --force {options}"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        Family::load(bench.path("w.npz")).unwrap().weights().to_vec()
    };
    assert_eq!(weights("--weights none"), [1.0; 6]);
    assert_eq!(weights("--rule plmc --theta 0"), weights("--weights plmc --theta 0"));
    bench.write("kept.txt", "1\n0.5\n0.25\n1e0\n0\n2\n");
    assert_eq!(weights("--weights kept.txt"), [1.0, 0.5, 0.25, 1.0, 0.0, 2.0]);
    // As plmc writes them: a number for each record, 0 for those left out.
    bench.write("all.txt", "1\n1\n1\n1\n1\n0.5\n0\n");
    assert_eq!(weights("--weights all.txt"), [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]);
    bench.write("short.txt", "1\n2\n");
    bench.write("odd.txt", "1\nx\n");
    for (options, expected) in [
        (
            "--weights short.txt",
            "short.txt: 2 weights found, expected 6 as records were kept, or 7 as there are",
        ),
        ("--weights odd.txt", "odd.txt:2: `x` found, expected a weight"),
    ] {
        let ran = bench.run(&format!("vae prepare family.a2m -o w2.npz {options}"));
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!bench.path("w2.npz").exists());
    }
}

#[test]
fn wrong_alignments_and_options_are_told_apart() {
    let bench = bench();
    bench.write("none.a2m", "");
    bench.write("ragged.a2m", ">a/1-2\nAC\n>b\nA\n");
    bench.write("region.a2m", ">a\nAC\n");
    let mut packed = bench.command("genome fetch genome.fa -o long.fa.gz chr1");
    assert!(packed.status().unwrap().success());
    let whole = std::fs::read(bench.path("long.fa.gz")).unwrap();
    bench.write("cut.fa.gz", &whole[..whole.len() / 2]);
    for (arguments, code, expected) in [
        ("none.a2m", 1, "none.a2m: holds no sequence"),
        ("missing.a2m", 1, "missing.a2m"),
        ("ragged.a2m", 1, "ragged.a2m:3: record `b` has 1 letters, expected 2"),
        ("region.a2m", 1, "region.a2m:1: focus `a` has no region, expected NAME/start-stop, or an offset"),
        ("cut.fa.gz --alphabet dna --offset 0", 1, "cut.fa.gz"),
        ("family.a2m --focus other", 1, "family.a2m: focus `other` is not there"),
        ("family.a2m --theta 1", 2, "theta is 1, expected 0 or more, below 1"),
        ("family.a2m --alphabet AA", 2, "holds a letter twice"),
        ("family.a2m --rule other", 2, "invalid value"),
    ] {
        let ran = bench.run(&format!("vae prepare {arguments} -o x.npz"));
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
        assert!(!bench.path("x.npz").exists(), "{arguments}");
    }
}

/// Rows of a table of scores: mutant, effect (NaN for none), status.
fn rows(table: &str) -> Vec<(String, f64, String)> {
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("mutant\teffect\tstandard_error\tsamples\tstatus"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!((cells.len(), cells[2], cells[3]), (5, "", ""));
        (cells[0].to_owned(), cells[1].parse().unwrap_or(f64::NAN), cells[4].to_owned())
    };
    lines.map(row).collect()
}

#[test]
fn an_independent_model_scores_by_counts() {
    let bench = bench();
    bench.run("vae prepare family.a2m -o family.npz --weights none");
    bench.ok("vae train family.npz --kind independent -o sites");
    bench.write("mutants.csv", "# made up\nscore,mutant\n1,A10G\n2,D11E:K14R\n3,C12A\n4,D11W:C12A\n5,K10A\n6,A10A\n7,A10*\n8,A10\n9,wt\n");
    let ran = bench.run("vae score sites --mutants mutants.csv");
    let warning = "warning: 6 mutants without an effect; the column `status` says why\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), warning));
    let rows = rows(&ran.stdout);
    // Counts with 1 added: A 6 and G 2; D 4, E 4, K 4 and R 4.
    assert!((rows[0].1 - (2.0_f64 / 6.0).ln()).abs() < 1e-12, "{}", rows[0].1);
    assert!(rows[1].1.abs() < 1e-12 && rows[8].1 == 0.0);
    let reasons: Vec<&str> = rows.iter().map(|(.., status)| status.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "ok",
            "ok",
            "position 12 is not covered",
            "part covered, position 12 is not",
            "wild type at 10 is A, found K",
            "synonymous at 10",
            "`*` at 10 is not a letter of the alphabet",
            "`A10` does not parse, expected letter, position, letter as in A23C",
            "ok",
        ]
    );
    assert!(rows[2..8].iter().all(|(_, effect, _)| effect.is_nan()));
    bench.write("moved.csv", "mutant\nA110G\n");
    let moved = bench.ok("vae score sites --mutants moved.csv --offset 100");
    assert_eq!(moved.replace("A110G", "A10G").lines().nth(1), ran.stdout.lines().nth(1));
    bench.refuses("vae score sites --singles --offset 9223372036854775807", 1, "position 10 and offset");
}

#[test]
fn a_pairwise_model_knows_what_goes_together() {
    let bench = bench();
    let options = "--kind pairwise --lambda-j 0.1 --weights none";
    assert_eq!(bench.run(&format!("vae train family.a2m {options} -o pairs")).stderr, DROPPED);
    bench.write("double.tsv", "mutant\nD11E\nK14R\nD11E:K14R\n");
    let both = [
        bench.ok("vae score pairs --mutants double.tsv"),
        bench.ok("vae score pairs/model.params --mutants double.tsv"),
    ];
    assert_eq!(both[0], both[1], "plmc's file holds the model");
    let rows = rows(&both[0]);
    assert!(rows[2].1 > rows[0].1.max(rows[1].1) && rows[0].1 < -0.5, "{rows:?}");
    let table = bench.ok("vae couplings pairs --plot couplings.svg");
    let first: Vec<&str> = table.lines().nth(1).unwrap().split('\t').collect();
    assert_eq!(first[..4], ["11", "D", "14", "K"], "{table}");
    assert!(bench.read("couplings.svg").starts_with("<svg "));
    let steps: Vec<Value> = bench.read("pairs/train.jsonl").lines().map(json).collect();
    assert!(steps.windows(2).all(|pair| pair[1]["loss"].as_f64() <= pair[0]["loss"].as_f64()));
    // Threads change nothing.
    bench.run(&format!("vae train family.a2m {options} -o again --threads 3"));
    let [a, b] = ["pairs", "again"].map(|folder| bench.results(folder));
    assert_eq!(a, b);
}

#[test]
fn scores_are_compared_with_measurements() {
    let bench = bench();
    bench.run("vae train family.a2m --kind independent -o sites");
    bench.write(
        "dms.csv",
        "mutant;fitness;class\nA10G;0.5;1\nD11W;0.1;0\nF13Y;0.3;1\nM15L;0.4;1\nK14W;;0\nC12A;9;1\nA10G;7;0\n",
    );
    let ran = bench.run("vae score sites --mutants dms.csv --against dms.csv --column class -o scores.tsv");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: 1 rows measured again left out\n"), "{}", ran.stderr);
    let found = json(ran.stdout.lines().last().unwrap());
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["n", "spearman", "pearson", "auc", "n_low", "n_high"]);
    assert_eq!((&found["n"], &found["auc"]), (&6.into(), &1.0.into()));
    assert_eq!((&found["n_low"], &found["n_high"]), (&2.into(), &4.into()));
    let ran = bench.run("vae score sites --singles --plot map.svg --against dms.csv --column fitness");
    let found = json(ran.stdout.lines().last().unwrap());
    assert_eq!((&found["n"], found["spearman"].as_f64().is_some()), (&4.into(), true));
    assert_eq!(ran.stdout.lines().count(), 1 + 5 * 19 + 1);
    assert!(bench.read("map.svg").starts_with("<svg "));
}

#[test]
fn one_class_alone_has_no_area() {
    let bench = bench();
    bench.run("vae train family.a2m --kind independent -o sites");
    bench.write("one.csv", "mutant,class\nA10G,1\nD11W,1\nC12A,0\n");
    bench.write("none.csv", "mutant,class\nC12A,0\n");
    for (table, low, reason) in [
        ("one.csv", 2, "all 2 mutants have the measurement 1, expected two classes"),
        ("none.csv", 0, "no mutant has both an effect and a measurement"),
    ] {
        let ran = bench.run(&format!("vae score sites --mutants {table} --against {table} --column class"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("comparison without an auc: {reason}\n")), "{}", ran.stderr);
        let found = json(ran.stdout.lines().last().unwrap());
        assert!(found["auc"].is_null() && found["spearman"].is_null(), "{found}");
        assert_eq!((&found["n_low"], &found["n_high"]), (&low.into(), &0.into()));
        assert_eq!(found["auc_reason"], reason);
    }
}

#[test]
fn malformed_tables_and_models_are_refused() {
    let bench = bench();
    bench.run("vae train family.a2m --kind independent -o sites");
    bench.write("empty.csv", "# nothing\n");
    bench.write("bare.csv", "A10G\nD11W\n");
    bench.write("short.csv", "score,mutant\n1,A10G\n2\n");
    bench.write("good.csv", "mutant,x\nA10G,a\n");
    bench.write("not.params", "no model at all, but long enough to be read");
    std::fs::create_dir(bench.path("other")).unwrap();
    bench.write("other/config.json", r#"{"model_type":"convnet"}"#);
    for (arguments, code, expected) in [
        (
            "sites --mutants empty.csv",
            1,
            "empty.csv: holds no line, expected a header with a column `mutant`",
        ),
        ("sites --mutants bare.csv", 1, "bare.csv: `A10G` found in the first line, expected a header"),
        ("sites --mutants short.csv", 1, "short.csv:3: row ends before the column of the mutants"),
        (
            "sites --singles --against good.csv --column y",
            1,
            "good.csv: has no column `y` (it has mutant, x)",
        ),
        (
            "sites --singles --against good.csv --column x",
            1,
            "good.csv:2: `a` found in column `x`, expected a number",
        ),
        ("not.params --singles", 1, "not.params: has"),
        ("other --singles", 1, "config.json"),
        ("absent --singles", 1, "absent"),
        ("sites", 2, "--mutants"),
        ("sites --singles --mutants good.csv", 2, "cannot be used with"),
        ("sites --singles --against good.csv", 2, "--column"),
    ] {
        let ran = bench.run(&format!("vae score {arguments}"));
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments}");
    }
    for (arguments, expected) in [
        (
            "train family.a2m --kind independent --steps 3 -o x",
            "--steps has no meaning for --kind independent",
        ),
        (
            "train family.a2m --kind pairwise --pseudocount 1 -o x",
            "--pseudocount has no meaning for --kind pairwise",
        ),
        ("train family.a2m --kind independent --pseudocount 0 -o x", "pseudocount is 0, expected above 0"),
        ("prepare family.a2m", "--output"),
    ] {
        let ran = bench.run(&format!("vae {arguments}"));
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    let ran = bench.run("vae couplings sites");
    assert!(ran.stderr.contains("sites: model has no couplings, expected a pairwise one"), "{}", ran.stderr);
}
