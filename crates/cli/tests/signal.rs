//! `signal`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::{NpyReader, NpzReader};
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
        bench.refuses(&format!("signal bin {arguments}"), code, message);
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
        "chr1\t10\t15\t1.7\nchr1\t15\t20\t0.5\n"
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
        bench.refuses(&format!("signal average {arguments}"), code, message);
    }
}

#[test]
fn targets_are_windows_in_parts_with_their_bins() {
    let bench = bench();
    bench.write("a.bed", "chr2\t10\t20\nchr1\t12\t18\nchr1\t80\t84\nchr1\t96\t100\n");
    bench.write("b.bed", "chr1\t16\t20\n");
    bench.write("sizes", "chr1\t100\nchr2\t30\n");
    let targets =
        "enformer targets toy.bw --peaks a.bed b.bed --sizes sizes --bins 4 --bin-size 5 --context 40";
    let split = "--train chr1,chr2 --test chr2";
    for (threads, folder) in [(1, "one"), (2, "two")] {
        let ran = bench.run(&format!("{targets} {split} --threads {threads} --out-dir {folder}"));
        let warnings = "warning: 1 contigs named for more than one part, the test wins: chr2\n\
                        warning: 1 windows over the end of a contig dropped\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), warnings));
    }
    assert_eq!(bench.results("one"), bench.results("two"));
    assert_eq!(bench.read("one/train.bed"), "chr1\t6\t26\twindow_0\nchr1\t72\t92\twindow_1\n");
    assert_eq!(bench.read("one/test.bed"), "chr2\t5\t25\twindow_2\n");
    assert_eq!(bench.read("one/valid.bed"), "");
    assert_eq!(
        bench.read("one/train.index.tsv"),
        "row\tfile\toffset\n0\ttrain-0.npy\t0\n1\ttrain-0.npy\t1\n"
    );
    let file = std::fs::File::open(bench.path("one/train-0.npy")).unwrap();
    let mut array = NpyReader::new(file).unwrap();
    assert_eq!(array.header().shape, [2, 4, 1]);
    assert_eq!(array.read_all().unwrap(), [2.0, 7.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let json = bench.read("one/targets.json");
    for part in ["\"statistic\": \"sum\"", "\"toy\"", "\"chr2\": 30", "\"sha256\"", "\"train\": 2"] {
        assert!(json.contains(part), "{part}: {json}");
    }
    // The window of the test has the value -1 at no base, that of a training with all of chr2 has.
    bench.write("low.bed", "chr2\t9\t11\n");
    let low = targets.replace("a.bed b.bed", "low.bed");
    let ran = bench.run(&format!("{low} --log1p --exclude chr1 --out-dir three"));
    let message =
        "error: toy.bw: bin 0 of chr2:0-20 has a sum of -5, expected more than -1 for its logarithm\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), message));
    assert!(!bench.path("three").exists(), "nothing is left of what failed");
    std::fs::create_dir(bench.path("three")).unwrap();
    assert_eq!(bench.run(&format!("{low} --log1p --exclude chr1 --out-dir three")).code, Some(1));
    assert!(bench.results("three").is_empty());
    let ran = bench.run(&format!("{targets} --context 10 --out-dir four").replace("--context 40 ", ""));
    assert!(ran.code == Some(2) && ran.stderr.contains("4 bins of 5 bases do not fit into a context of 10"));
}
