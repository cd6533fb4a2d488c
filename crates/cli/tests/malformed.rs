//! Bad inputs and wrong uses: each ends with its exit code and a message that says where and what.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::NpzWriter;
use cistron::models::{Checkpoint, Tensor};
use support::Bench;

const SATURATE: &str = "effect saturate --model probe.safetensors --fasta genome.fa --width 12 --out-dir out";

/// Runs a command that must fail; returns nothing but checks code and message, and that nothing was left.
fn refuse(bench: &Bench, arguments: &str, code: i32, expected: &str) {
    let ran = bench.run(arguments);
    assert_eq!(ran.code, Some(code), "cistron {arguments}: {}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains(expected),
        "cistron {arguments}\nfound    {}\nexpected {expected}",
        ran.stderr
    );
    if code == 1 {
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    assert!(!bench.path("out/deltas_custom_bed.npz").exists(), "cistron {arguments}");
}

#[test]
fn regions_that_are_none() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "no sequence found, expected at least one"),
        (b"# nothing\n", "no sequence found, expected at least one"),
        (b"chr1\t10\n", "bad.bed:1:"),
        (b"chr1 10 20\n", "bad.bed:1:"),
        (b"chr1\t20\t10\n", "bad.bed:1:3: end 10 is below start 20"),
        (b"chr1\t1\t2\nchr1\t-5\t10\n", "bad.bed:2:2:"),
        (b"chr1\t1e3\t2000\n", "bad.bed:1:2:"),
        (b"chr1\t1.0\t2\n", "bad.bed:1:2:"),
        (b"chr1\t1\t99999999999999999999\n", "bad.bed:1:3:"),
        (b"\t1\t2\n", "bad.bed:1:1:"),
        (b"chr1\t1\t2\t\xff\xfe\n", "bad.bed:1:4:"),
        (b"chrX\t1\t2\n", "contig `chrX` is not in genome.fa"),
    ];
    for (bytes, expected) in cases {
        let bench = Bench::new();
        bench.write("bad.bed", bytes);
        refuse(&bench, &format!("{SATURATE} --bed bad.bed"), 1, expected);
    }
}

#[test]
fn genomes_that_are_none() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "bad.fa"),
        (b"ACGT\n", "bad.fa:1"),
        (b";c\n>a\nAC\n", "bad.fa:1"),
        (b">a\nACGT\nAC\nACGT\n", "bad.fa:3"),
        (b">a\nACGT\n\nACGT\n", "bad.fa:3"),
        (b">a\nAC\nACGT\n", "bad.fa:3"),
        (b">a\nAC GT\n", "bad.fa:2:3"),
        (b">\nACGT\n", "bad.fa:1"),
        (b">a\nACGT\n>a\nACGT\n", "bad.fa:3"),
    ];
    for (bytes, expected) in cases {
        let bench = Bench::new();
        bench.write("bad.fa", bytes);
        refuse(&bench, "genome index bad.fa", 1, expected);
        assert!(!bench.path("bad.fa.fai").exists());
        refuse(&bench, "genome fetch bad.fa a:1-2", 1, expected);
    }
}

#[test]
fn indices_that_do_not_fit() {
    let cases = [
        ("chr1\t39\n", "genome.fa.fai:1"),
        ("chr1\t39\t12\t0\t0\n", "genome.fa.fai:1"),
        ("chr1\tx\t12\t16\t17\n", "genome.fa.fai:1:2"),
        ("chr1\t99999999999999999999\t12\t16\t17\n", "genome.fa.fai:1:2"),
        ("chr1\t39\t9\t16\t17\nchr2\t10\t60\t10\t11\n", "genome.fa"),
        ("chr1\t390\t12\t16\t17\n", "genome.fa"),
    ];
    for (index, expected) in cases {
        let bench = Bench::new();
        bench.write("genome.fa.fai", index);
        refuse(&bench, &format!("{SATURATE} --bed regions.bed"), 1, expected);
    }
}

#[test]
fn models_that_are_none() {
    let tensor = |shape: &[usize], values: &[f64]| Tensor::from_f64(shape, values).unwrap();
    let mean = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert("proj.weight", tensor(&[2, 4], &[0.5; 8]));
        checkpoint.insert("proj.bias", tensor(&[2], &[0.5; 2]));
        checkpoint.insert("classifier.weight", tensor(&[1, 2], &[0.5; 2]));
        checkpoint.insert("classifier.bias", tensor(&[1], &[0.5]));
        change(&mut checkpoint);
        checkpoint
    };
    let with = |name: &'static str, shape: &'static [usize], values: &'static [f64]| {
        mean(&|checkpoint| checkpoint.insert(name, tensor(shape, values)))
    };
    let cases = [
        (with("proj.weight", &[2, 4], &[0.5, 0.5, 0.5, f64::NAN, 0.5, 0.5, 0.5, 0.5]), "proj.weight"),
        (with("proj.weight", &[2, 3], &[0.5; 6]), "proj.weight"),
        (with("classifier.weight", &[1, 3], &[0.5; 3]), "classifier.weight"),
        (with("classifier.bias", &[2], &[0.5; 2]), "classifier.bias"),
        (with("proj.bias", &[2], &[f64::INFINITY, 0.0]), "proj.bias"),
    ];
    for (checkpoint, expected) in cases {
        let bench = Bench::new();
        checkpoint.write(bench.path("probe.safetensors")).unwrap();
        refuse(&bench, &format!("{SATURATE} --bed regions.bed"), 1, expected);
    }
    let good = Bench::new();
    let bytes = std::fs::read(good.path("probe.safetensors")).unwrap();
    for bad in [&b""[..], b"text", b"PK\x03\x04", &bytes[..20], &bytes[..bytes.len() - 1]] {
        let bench = Bench::new();
        bench.write("probe.safetensors", bad);
        refuse(&bench, &format!("{SATURATE} --bed regions.bed"), 1, "probe.safetensors");
    }
    refuse(
        &good,
        &format!("{SATURATE} --bed regions.bed --model none.pt"),
        2,
        "cannot be used multiple times",
    );
    refuse(&good, "model info --model none.pt", 1, "none.pt");
}

#[test]
fn arrays_that_are_none() {
    let bench = Bench::new();
    let npz = |name: &str, shape: &[usize], values: &[f64]| {
        let mut writer = NpzWriter::create(bench.path("X.npz")).unwrap();
        writer.add_numbers(name, shape, values).unwrap();
        writer.finish().unwrap();
    };
    let saturate = "effect saturate --model probe.safetensors --data X.npz --out-dir out";
    npz("Y", &[1], &[0.0]);
    refuse(&bench, saturate, 1, "X.npz: array `X` is missing, found Y");
    npz("X", &[1, 2, 3], &[0.0; 6]);
    refuse(&bench, saturate, 1, "X.npz: array `X` has shape [1, 2, 3], expected (N, L, 4)");
    npz("X", &[1, 1, 4], &[0.5, 0.5, 0.0, 0.0]);
    refuse(&bench, saturate, 1, "X.npz: array `X` is not one-hot in sequence 0 at position 0");
    npz("X", &[0, 5, 4], &[]);
    refuse(&bench, saturate, 1, "X.npz: no sequence found, expected at least one");
    bench.write("X.npz", "PK");
    refuse(&bench, saturate, 1, "X.npz: is no npz archive");
    refuse(&bench, "probe train --train X.npz --valid X.npz -o p.safetensors", 1, "X.npz");
    assert!(!bench.path("p.safetensors").exists());
}

#[test]
fn training_data_that_cannot_be_learned() {
    let bench = Bench::new();
    let npz = |targets: &[f64]| {
        let mut writer = NpzWriter::create(bench.path("X.npz")).unwrap();
        let x = [1.0, 0.0, 0.0, 0.0].repeat(targets.len());
        writer.add_numbers("X", &[targets.len(), 1, 4], &x).unwrap();
        writer.add_numbers("y", &[targets.len()], targets).unwrap();
        writer.finish().unwrap();
    };
    let train = "probe train --train X.npz --valid X.npz -o p.safetensors";
    npz(&[1.0, 1.0]);
    refuse(&bench, train, 1, "expected both classes");
    npz(&[0.0, 0.5]);
    refuse(&bench, train, 1, "target of row 1 is 0.5, expected 0 or 1");
    npz(&[0.0, f64::NAN]);
    refuse(&bench, train, 1, "target of row 1 is NaN, expected a finite number");
    refuse(&bench, &format!("{train} --k 9 --kind kmer"), 1, "9");
    assert!(!bench.path("p.safetensors").exists());
}

#[test]
fn wrong_uses_end_with_two() {
    let bench = Bench::new();
    let cases = [
        ("", "Usage: cistron"),
        ("genome", "Usage: cistron genome"),
        ("genome fetch genome.fa", "no region"),
        ("genome fetch genome.fa chr1:x-5", "expected CONTIG:START-END"),
        ("regions tile --sizes genome.fa.fai --width 0", "invalid value '0'"),
        ("effect saturate --model probe.safetensors --out-dir out", "no input"),
        (
            "effect saturate --model probe.safetensors --fasta genome.fa --bed regions.bed --out-dir out",
            "expected --width",
        ),
        (&format!("{SATURATE} --bed regions.bed --scale odds"), "invalid value 'odds'"),
        (
            &format!("{SATURATE} --bed regions.bed --position-step 0"),
            "position step is 0, expected at least 1",
        ),
        (&format!("{SATURATE} --bed regions.bed --position-chunk 0"), "position chunk is 0"),
        (&format!("{SATURATE} --bed regions.bed --span 3..40"), "span is 3..40"),
        (&format!("{SATURATE} --bed regions.bed --split a/b"), "split name is \"a/b\""),
        (&format!("{SATURATE} --bed regions.bed --engine delta"), "engine is `delta`"),
        (&format!("{SATURATE} --bed regions.bed --shard 3/3"), "expected I/N"),
        (&format!("{SATURATE} --bed regions.bed --plot 3"), "--plot is 3"),
        (&format!("{SATURATE} --bed regions.bed --device cuda"), "cuda"),
        (&format!("{SATURATE} --bed regions.bed --device abacus"), "abacus"),
        (&format!("{SATURATE} --bed regions.bed --threads 0"), "0 is not in 1.."),
        (&format!("{SATURATE} --region chr1:5"), "expected CONTIG:START-END"),
    ];
    for (arguments, expected) in cases {
        refuse(&bench, arguments, 2, expected);
    }
}

#[test]
fn regions_that_do_not_exist_are_bad_data() {
    let bench = Bench::new();
    let cases = [
        ("genome fetch genome.fa chr1:30-400", "leaves contig `chr1` of 39 bases"),
        ("genome fetch genome.fa chr1:9-3", "end 3 is below start 8"),
        ("genome fetch genome.fa chr9:1-3", "contig `chr9` is not in genome.fa"),
        ("genome fetch genome.fa 1:1-3", "contig `1` is not in genome.fa (it has `chr1`)"),
        ("genome fetch none.fa chr9:1-3", "none.fa"),
    ];
    for (arguments, expected) in cases {
        refuse(&bench, arguments, 1, expected);
    }
}

#[test]
fn results_are_replaced_only_when_asked() {
    let bench = Bench::new();
    let saturate = format!("{SATURATE} --bed regions.bed");
    bench.ok(&saturate);
    let before = bench.results("out");
    let again = bench.run(&saturate);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    bench.ok(&format!("{saturate} --force"));
    assert!(bench.results("out") == before);
}
