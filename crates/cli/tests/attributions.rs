//! `effect attribute`, `marginalize`, `ablate`, `space` and `design`, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fs;

use cistron::Seed;
use cistron::encode::NpzReader;
use cistron::models::{ConvNet, ConvNetConfig};
use support::{AP1, Bench};

const CONFIG: &str = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": null, "layers": [
    {"op": "conv1d", "name": "words", "in": 4, "out": 6, "kernel": 7, "padding": 3}, {"op": "relu"}],
    "heads": [{"name": "y", "tracks": ["liver", "heart"], "layers": [
        {"op": "global_max"}, {"op": "linear", "name": "out", "in": 6, "out": 2}]}]}"#;

/// A random network and three sequences.
fn bench() -> Bench {
    let bench = Bench::new();
    let net = ConvNet::new(&ConvNetConfig::from_json(CONFIG).unwrap(), Seed::new(5)).unwrap();
    net.save(bench.path("net")).unwrap();
    bench.write(
        "some.fa",
        ">one\nACGTTGACTCAACGTGATTACAGGCATTAC\n>two\nTTTTGGGGCCCCAAAATTGGCCAATGCATG\n>three\nGATTACAGATTACAGATTACAGATTACAGA\n",
    );
    bench.write("motifs.meme", AP1);
    bench
}

fn numbers(bench: &Bench, file: &str, name: &str) -> (Vec<usize>, Vec<f64>) {
    NpzReader::open(bench.path(file)).unwrap().numbers(name).unwrap()
}

#[test]
fn contributions_of_each_method_are_written() {
    let bench = bench();
    for method in ["gradient", "gradient-input", "integrated", "deeplift", "mutagenesis"] {
        let out = format!("out-{method}");
        let command = format!(
            "effect attribute --model net --sequences some.fa --tracks heart --method {method} --out-dir {out}"
        );
        let ran = bench.run(&format!("{command} --plot 1 --both-strands"));
        assert_eq!(ran.code, Some(0), "{method}: {}", ran.stderr);
        // Beside kinks the gradients of 50 steps miss some of the difference.
        assert!(ran.stderr.is_empty() || method == "integrated", "{method}: {}", ran.stderr);
        let file = format!("{out}/attributions_some.npz");
        let (shape, own) = numbers(&bench, &file, "attributions");
        assert_eq!(shape, [3, 30, 4], "{method}");
        let (_, hypothetical) = numbers(&bench, &file, "hypothetical");
        // The contributions are the hypothetical ones where the sequence has its letters, and 0 elsewhere.
        for (own, hypothetical) in own.chunks(4).zip(hypothetical.chunks(4)) {
            assert!(own.iter().filter(|value| **value != 0.0).count() <= 1);
            assert!(own.iter().zip(hypothetical).all(|(a, b)| *a == 0.0 || a == b));
        }
        assert!(own.iter().any(|value| *value != 0.0), "{method}");
        let (_, convergence) = numbers(&bench, &file, "convergence");
        let explains = method == "integrated" || method == "deeplift";
        assert!(convergence.iter().all(|miss| miss.is_nan() != explains), "{method}: {convergence:?}");
        assert!(bench.read(&format!("{out}/attribution_1.svg")).contains("two"));
        let run = bench.read(&format!("{out}/run.json"));
        assert!(run.contains(&format!("\"method\": \"{method}\"")), "{run}");
        bench.refuses(&command, 1, "exists already");
        bench.ok(&format!("seqlets call {file} --threshold 0.5"));
    }
    let delta = bench.read("out-mutagenesis/run.json");
    assert!(delta.contains("\"engine\": \"delta\""), "{delta}");
}

#[test]
fn references_are_chosen() {
    let bench = bench();
    let attribute = "effect attribute --model net --sequences some.fa --method deeplift";
    bench.ok(&format!("{attribute} --out-dir shuffles --references 2"));
    bench.ok(&format!("{attribute} --out-dir again --references 2 --threads 1"));
    assert_eq!(bench.results("shuffles"), bench.results("again"));
    bench.ok(&format!("{attribute} --out-dir zero --reference zero"));
    bench.ok(&format!("{attribute} --out-dir file --reference some.fa"));
    let (_, own) = numbers(&bench, "file/attributions_some.npz", "attributions");
    let (_, zero) = numbers(&bench, "zero/attributions_some.npz", "attributions");
    assert_ne!(own, zero);
    bench.write("short.fa", ">a\nACGT\n");
    bench.refuses(&format!("{attribute} --out-dir x --reference short.fa"), 2, "expected 30");
    bench.refuses(&format!("{attribute} --out-dir x --reference none.fa"), 1, "none.fa");
    bench.refuses(&format!("{attribute} --out-dir x --reference zero --references 3"), 2, "--references");
    bench.refuses(&format!("{attribute} --out-dir x --steps 3"), 2, "--steps");
    bench.refuses(&format!("{attribute} --out-dir x --plot 3"), 2, "--plot is 3");
    bench.refuses(&format!("{attribute} --out-dir x --smooth 3"), 2, "gradient");
    let probe = "effect attribute --model probe.safetensors --fasta genome.fa --region chr1:0-20 --width 20";
    bench.refuses(&format!("{probe} --method deeplift --out-dir x"), 2, "mutagenesis, gradient");
    assert!(!bench.path("x").exists());
    bench.ok(&format!("{probe} --method gradient --smooth 4 --noise 0 --out-dir probe"));
}

#[test]
fn motifs_are_put_in_and_spans_are_shuffled() {
    let bench = bench();
    let model = "--model net --sequences some.fa";
    let table = bench.ok(&format!("effect marginalize {model} --motif TGACTCA"));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["name", "track", "before", "after", "difference"]);
    assert_eq!(
        (rows.len(), &rows[1][..2], &rows[6][..2]),
        (7, &["one", "liver"][..], &["three", "heart"][..])
    );
    for row in &rows[1..] {
        let [before, after, difference] = [2, 3, 4].map(|i| row[i].parse::<f64>().unwrap());
        assert_eq!(after - before, difference);
    }
    // A motif of a file says its likeliest letters; one that stands there already changes nothing.
    assert_eq!(bench.ok(&format!("effect marginalize {model} --motif motifs.meme:M1")), table);
    let there = bench.ok(&format!("effect marginalize {model} --motif TGACTCA --position 4 --limit 1"));
    assert!(there.lines().skip(1).all(|line| line.ends_with("\t0")), "{there}");
    let table = bench.ok(&format!("effect ablate {model} --start 3 --end 12 --repeats 2 --seed 1"));
    assert!(table.starts_with("name\trepeat\ttrack\tbefore\tafter\tdifference\none\t0\tliver\t"), "{table}");
    assert_eq!(table.lines().count(), 1 + 3 * 2 * 2);
    bench.ok(&format!(
        "effect space {model} --motif TGACTCA --motif CACGTG --gaps 0..5 -o s.tsv --plot s.svg"
    ));
    let table = bench.read("s.tsv");
    assert!(table.starts_with("name\tgap\ttrack\tbefore\tafter\tdifference\none\t0\tliver\t"), "{table}");
    assert_eq!(table.lines().count(), 1 + 3 * 5 * 2);
    assert!(bench.read("s.svg").contains("bases between the two"));
    bench.refuses(&format!("effect marginalize {model} --motif TGXX"), 2, "--motif TGXX");
    bench.refuses(&format!("effect marginalize {model} --motif motifs.meme:M2"), 1, "no motif `M2`");
    bench.refuses(&format!("effect marginalize {model} --motif ACGT --position 28 -o t.tsv"), 1, "28");
    bench.refuses(&format!("effect ablate {model} --start 9 --end 31 -o t.tsv"), 2, "span is 9..31");
    bench.refuses(&format!("effect space {model} --motif ACGT --gaps 0..5 -o t.tsv"), 2, "expected twice");
    bench.refuses(&format!("effect space {model} --motif AC --motif GT --gaps 0..40 -o t.tsv"), 1, "30");
    assert!(!bench.path("t.tsv").exists());
}

#[test]
fn sequences_are_designed() {
    let bench = bench();
    bench.write("wanted.tsv", "# both\nliver\t0.5\nheart -0.5\n");
    let design = "effect design --model net --sequences some.fa --target wanted.tsv --max-edits 3";
    bench.ok(&format!("{design} -o greedy.fa --protect 0..10"));
    let (before, after) = (bench.read("some.fa"), bench.read("greedy.fa"));
    for (before, after) in before.lines().zip(after.lines()) {
        let head = before.len().min(10);
        assert_eq!(before[..head], after[..head]);
        assert!(before.bytes().zip(after.bytes()).filter(|(a, b)| a != b).count() <= 3);
    }
    let steps = bench.read("greedy.tsv");
    let mut loss = f64::INFINITY;
    for row in steps.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        let next: f64 = row[5].parse().unwrap();
        assert!(row[1] == "0" || next < loss, "{steps}");
        loss = next;
    }
    bench.ok(&format!("{design} --method beam --beam 2 -o beam.fa --forbid GATC --gc 0.2..0.8"));
    bench.ok(&format!("{design} --method screen --samples 20 -o screen.fa"));
    bench.refuses(&format!("{design} -o greedy.fa"), 1, "exists already");
    bench.refuses(&format!("{design} -o greedy.tsv"), 2, "expected a name of FASTA");
    bench.refuses(&format!("{design} -o x.fa --beam 3"), 2, "--beam");
    bench.refuses(&format!("{design} -o x.fa --protect 20..40"), 2, "protected span is 20..40");
    for (text, message) in [
        ("liver 1\n", "wanted.tsv: no number for track `heart`"),
        ("liver 1\nliver 2\n", "wanted.tsv:2:1: track `liver` stands twice"),
        ("liver\n", "wanted.tsv:1:1: found `liver`"),
        ("lung 3\n", "wanted.tsv:1:1: found track `lung`"),
    ] {
        fs::write(bench.path("wanted.tsv"), text).unwrap();
        bench.refuses(&format!("{design} -o x.fa"), 1, message);
    }
    assert!(!bench.path("x.fa").exists() && !bench.path("x.tsv").exists());
}
