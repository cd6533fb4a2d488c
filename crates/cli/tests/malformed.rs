//! Bad inputs and wrong uses: each ends with its exit code and a message that says where and what.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::NpzWriter;
use cistron::models::{Checkpoint, Tensor};
use support::Bench;

const SATURATE: &str = "effect saturate --model probe.safetensors --fasta genome.fa --width 12 --out-dir out";

/// A command that must fail with one line, and leave nothing.
fn refuse(bench: &Bench, arguments: &str, code: i32, expected: &str) {
    let ran = bench.refuses(arguments, code, expected);
    if code == 1 {
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    assert!(!bench.path("out/deltas_custom_bed.npz").exists(), "cistron {arguments}");
}

#[test]
fn regions_that_are_none() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "bad.bed: no sequence found, expected at least one"),
        (b"# nothing\n", "bad.bed: no sequence found, expected at least one"),
        (b"chr1\t10\n", "bad.bed:1:3: found 2 columns, expected at least 3: contig, start, end"),
        (b"chr1 10 20\n", "bad.bed:1:1: found columns separated by blanks, expected tabs"),
        (b"chr1\t20\t10\n", "bad.bed:1:3: end 10 is below start 20"),
        (b"chr1\t1\t2\nchr1\t-5\t10\n", "bad.bed:2:2: start is `-5`, expected a number in decimal digits"),
        (b"chr1\t1e3\t2000\n", "bad.bed:1:2: start is `1e3`, expected a number in decimal digits"),
        (b"chr1\t1.0\t2\n", "bad.bed:1:2: start is `1.0`, expected a number in decimal digits"),
        (
            b"chr1\t1\t99999999999999999999\n",
            "bad.bed:1:3: end is `99999999999999999999`, expected at most 281474976710656",
        ),
        (b"\t1\t2\n", "bad.bed:1:1: found no contig name, expected one"),
        (b"chr1\t1\t2\t\xff\xfe\n", "bad.bed:1:4: found byte 0xFF, expected UTF-8 text"),
        (b"chrX\t1\t2\n", "bad.bed:1:1: contig `chrX` is not in genome.fa"),
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
        (b"", "bad.fa: no FASTA record, expected a line that starts with `>`"),
        (b"ACGT\n", "bad.fa:1:1: found `A` before the first record, expected a line that starts with `>`"),
        (
            b";c\n>a\nAC\n",
            "bad.fa:1:1: found `;` before the first record, expected a line that starts with `>`",
        ),
        (
            b">a\nACGT\nAC\nACGT\n",
            "bad.fa:3:3: found a line of 2 letters inside record `a`, expected 4 in each line but the last",
        ),
        (
            b">a\nACGT\n\nACGT\n",
            "bad.fa:3:1: found a blank line inside record `a`, expected sequence or the next `>`",
        ),
        (
            b">a\nAC\nACGT\n",
            "bad.fa:3:3: found a line of 4 letters in record `a`, expected at most 2 as in its first",
        ),
        (b">a\nAC GT\n", "bad.fa:2:3: found a blank in a sequence line, expected a sequence letter"),
        (b">\nACGT\n", "bad.fa:1:2: found no name after `>`, expected one"),
        (
            b">a\nACGT\n>a\nACGT\n",
            "bad.fa:3:2: found record `a` again, expected each name once (first at line 1)",
        ),
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
        (
            "chr1\t39\n",
            "genome.fa.fai:1:2: found 2 columns, expected 5: name, length, offset, line bases, line width",
        ),
        (
            "chr1\t39\t12\t0\t0\n",
            "genome.fa.fai:1:4: found 0 bases in a line of a contig of 39 bases, expected at least 1",
        ),
        ("chr1\tx\t12\t16\t17\n", "genome.fa.fai:1:2: length `x` is no number, expected digits"),
        (
            "chr1\t99999999999999999999\t12\t16\t17\n",
            "genome.fa.fai:1:2: length `99999999999999999999` is no number, expected digits, at most 281474976710656",
        ),
        (
            "chr1\t39\t9\t16\t17\nchr2\t10\t60\t10\t11\n",
            "genome.fa: contig `chr1` at position 0: no header with this name stands above it",
        ),
        (
            "chr1\t390\t12\t16\t17\n",
            "genome.fa.fai:1:3: contig `chr1` ends at byte 426, expected at most 71, the size of genome.fa",
        ),
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
        (
            with("proj.weight", &[2, 4], &[0.5, 0.5, 0.5, f64::NAN, 0.5, 0.5, 0.5, 0.5]),
            "probe.safetensors: tensor `proj.weight` holds NaN at index [0, 3], expected finite numbers",
        ),
        (
            with("proj.weight", &[2, 3], &[0.5; 6]),
            "probe.safetensors: tensor `proj.weight` has shape [2, 3], expected [2, 4]",
        ),
        (
            with("classifier.weight", &[1, 3], &[0.5; 3]),
            "probe.safetensors: tensor `proj.weight` has shape [2, 4], expected [3, 4]",
        ),
        (
            with("classifier.bias", &[2], &[0.5; 2]),
            "probe.safetensors: tensor `classifier.bias` has shape [2], expected [1]",
        ),
        (
            with("proj.bias", &[2], &[f64::INFINITY, 0.0]),
            "probe.safetensors: tensor `proj.bias` holds inf at index [0], expected finite numbers",
        ),
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
    refuse(&good, "model info --model none.pt", 1, "none.pt: No such file or directory");
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
    refuse(&bench, train, 1, "X.npz: all 2 targets are 1, expected both classes");
    npz(&[0.0, 0.5]);
    refuse(&bench, train, 1, "X.npz: target of row 1 is 0.5, expected 0 or 1");
    npz(&[0.0, f64::NAN]);
    refuse(&bench, train, 1, "X.npz: target of row 1 is NaN, expected a finite number");
    refuse(&bench, &format!("{train} --k 9 --kind kmer"), 2, "option k is 9, expected 1 to 8");
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
        (
            "genome fetch genome.fa chr1:30-400",
            "region chr1:30-400: chr1:29-400 leaves contig `chr1` of 39 bases",
        ),
        ("genome fetch genome.fa chr1:9-3", "end 3 is below start 9 on contig `chr1`"),
        ("genome fetch genome.fa chr9:1-3", "region chr9:1-3: contig `chr9` is not in genome.fa"),
        ("genome fetch genome.fa 1:1-3", "contig `1` is not in genome.fa (it has `chr1`)"),
        ("genome fetch none.fa chr9:1-3", "none.fa cannot be read: No such file or directory"),
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
