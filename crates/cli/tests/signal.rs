//! `signal`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::NpzReader;
use support::Bench;

/// chr1 of 100 bases: 2 from 10 to 14, 0.5 from 14 to 20; chr2 of 30 bases: -1 from 0 to 5.
const TOY: &[u8] = include_bytes!("../../genome/tests/data/toy.bw");

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("toy.bw", TOY);
    bench.write("again.bw", TOY);
    bench.write("r.bed", "chr1\t8\t20\tone\nchr2\t0\t6\n");
    bench
}

#[test]
fn tracks_are_binned_to_tables_and_arrays() {
    let bench = bench();
    let expected = "chrom\tstart\tend\ttrack\tbin\tvalue\n\
        chr1\t8\t20\ttoy\t0\t4\nchr1\t8\t20\ttoy\t1\t5\nchr1\t8\t20\ttoy\t2\t2\n\
        chr2\t0\t6\ttoy\t0\t-2\nchr2\t0\t6\ttoy\t1\t-2\nchr2\t0\t6\ttoy\t2\t-1\n";
    assert_eq!(bench.ok("signal bin toy.bw --bed r.bed --bins 3 --stat sum"), expected);
    bench.ok("signal bin toy.bw --bed r.bed --bins 3 --stat sum -o out.tsv");
    assert_eq!(bench.read("out.tsv"), expected);
    bench.write("far.bed", "chr1\t30\t34\n");
    let table = bench.ok("signal bin toy.bw --bed far.bed --bins 1");
    assert!(table.ends_with("toy\t0\t\n"), "{table}");
    let table = bench.ok("signal bin toy.bw --bed far.bed --bins 1 --missing zero --log1p");
    assert!(table.ends_with("toy\t0\t0\n"), "{table}");

    for threads in [1, 3] {
        let output = format!("out{threads}.npz");
        let arguments = "signal bin toy.bw again.bw --bed r.bed --bins 2 --stat max --missing zero";
        bench.ok(&format!("{arguments} --threads {threads} -o {output}"));
        let mut arrays = NpzReader::open(bench.path(&output)).unwrap();
        let values = vec![2.0, 2.0, 0.5, 0.5, -1.0, -1.0, -1.0, -1.0];
        assert_eq!(arrays.numbers("targets").unwrap(), (vec![2, 2, 2], values));
        assert_eq!(arrays.text("tracks").unwrap(), ["toy", "again"]);
        assert_eq!(arrays.text("names").unwrap(), ["chr1:8-20", "chr2:0-6"]);
    }
    assert_eq!(
        std::fs::read(bench.path("out1.npz")).unwrap(),
        std::fs::read(bench.path("out3.npz")).unwrap()
    );
}

#[test]
fn what_cannot_be_binned_is_refused() {
    let bench = bench();
    bench.write("over.bed", "chr1\t90\t101\n");
    bench.write("other.bed", "1\t0\t5\n");
    bench.write("text.bw", "chr1\t0\t5\t1\n");
    for (arguments, code, message) in [
        (
            "toy.bw --bed over.bed --bins 1",
            1,
            "toy.bw: region chr1:90-101 ends beyond its contig of 100 bases",
        ),
        ("toy.bw --bed other.bed --bins 1", 1, "contig `1` is not in toy.bw (it has `chr1`)"),
        ("text.bw --bed r.bed --bins 1", 1, "text.bw: the header takes 64 bytes"),
        ("toy.bw --bed r.bed --bins 3 --stat sum --log1p", 1, "toy.bw: bin 0 of chr2:0-6 has a sum of -2"),
        ("toy.bw --bed r.bed --bins 0", 2, "--bins"),
        ("toy.bw --bed r.bed --bins 1 --stat median", 2, "expected sum, mean, min, max, std or coverage"),
        ("toy.bw --bed r.bed --bins 13 --stat sum -o r.bed", 1, "r.bed exists already"),
    ] {
        let ran = bench.run(&format!("signal bin {arguments}"));
        assert!(
            ran.code == Some(code) && ran.stderr.contains(message),
            "{arguments}: {} {:?}",
            ran.stderr,
            ran.code
        );
    }
}

#[test]
fn a_bigbed_file_is_regions_whatever_its_name() {
    let bench = bench();
    bench.write("peaks.bed", include_bytes!("../../genome/tests/data/toy.bb"));
    bench.write("more.bed", "chr2\t5\t7\nchr1\t50\t60\n");
    bench.write("sizes", "chr1\t100\nchr2\t30\n");
    let merged = "chr1\t10\t20\nchr1\t40\t60\nchr2\t0\t7\n";
    assert_eq!(bench.ok("regions merge peaks.bed more.bed"), merged);
    let apart = "chr1\t10\t20\t2\nchr1\t40\t50\t1\nchr2\t0\t5\t1\n";
    assert_eq!(bench.ok("regions merge peaks.bed --columns 4 --operations count"), apart);
    let ran = bench.run("regions center peaks.bed --width 8 --sizes sizes");
    let windows = "chr1\t11\t19\tone\t5\t+\nchr1\t8\t16\ttwo\t0\t-\nchr1\t41\t49\tthree\t7\t.\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), windows));
    bench.ok("regions split peaks.bed --test chr2 --out-dir parts");
    assert_eq!(bench.read("parts/test.bed"), "chr2\t0\t5\tfour\t1\t+\n");
    let table = bench.ok("signal bin toy.bw --bed peaks.bed --bins 1 --stat coverage --missing zero");
    let lines = table.lines().skip(1).map(|line| line.rsplit('\t').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(lines, ["1", "1", "0", "1"]);
}

#[test]
fn tracks_are_averaged_to_either_format() {
    let bench = bench();
    let expected = "chr1\t0\t10\t0\nchr1\t10\t20\t2.2\nchr2\t0\t10\t-1\n";
    let average = "signal average toy.bw again.bw --bin-size 10 --scale 1:3";
    assert_eq!(bench.ok(average), expected);
    bench.ok(&format!("{average} -o mean.bedGraph --threads 1"));
    bench.ok(&format!("{average} -o mean.bw --threads 3"));
    assert_eq!(bench.read("mean.bedGraph"), expected);
    let table = bench.ok("signal bin mean.bw --bed r.bed --bins 1 --stat mean");
    // Bases 8 and 9 are 0, the others 2.2 in single precision.
    assert!(table.contains("chr1\t8\t20\tmean\t0\t1.833"), "{table}");
    assert_eq!(
        bench.ok(&format!("{average} --mean-of-present --all-digits")),
        "chr1\t10\t20\t2.2\nchr2\t0\t10\t-2\n"
    );
    let kept = bench.ok(&format!("{average} --region chr1:13-40 --keep-trailing-zeros"));
    assert_eq!(kept, "chr1\t10\t20\t2.2\nchr1\t20\t40\t0\n");
    bench.write("black.bed", "chr1\t12\t100\nchr2\t0\t30\n");
    assert_eq!(bench.ok(&format!("{average} --blacklist black.bed")), "chr1\t0\t10\t0\nchr1\t10\t12\t4\n");
    assert_eq!(
        bench.ok("signal average toy.bw --bin-size 5 --skip-missing --region chr1:0-20"),
        "chr1\t15\t20\t0.5\n"
    );
}

#[test]
fn what_cannot_be_averaged_is_refused() {
    let bench = bench();
    for (arguments, code, message) in [
        ("toy.bw --scale 1:2", 2, "--scale has 2 factors, expected one or 1"),
        ("toy.bw --region chr9:0-5", 1, "contig `chr9` of region chr9:0-5 is not in all tracks"),
        ("toy.bw --region chr1:100-105", 1, "region chr1:100-105 begins beyond its contig of 100 bases"),
        ("toy.bw --region chr1", 2, "chr1"),
        ("toy.bw --bin-size 0", 2, "--bin-size"),
        ("toy.bw -o toy.bw", 1, "toy.bw exists already"),
    ] {
        let ran = bench.run(&format!("signal average {arguments}"));
        assert!(
            ran.code == Some(code) && ran.stderr.contains(message),
            "{arguments}: {} {:?}",
            ran.stderr,
            ran.code
        );
    }
}
