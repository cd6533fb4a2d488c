//! Commands on seqlets and annotations, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write;

use support::{AP1, Bench};

#[test]
fn seqlets_are_called_from_the_attributions_of_a_run() {
    let bench = Bench::new();
    bench.ok("demo --out-dir demo");
    let table = bench.ok("seqlets call demo/effects/attributions_positives.npz --threshold 0.001");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["example", "start", "end", "attribution", "p_value"]);
    assert!(rows.len() > 100, "{} rows", rows.len());
    let both =
        bench.ok("seqlets call demo/effects/attributions_positives.npz --threshold 0.001 --both-signs");
    assert!(both.lines().count() >= rows.len());
    let ran = bench.run("seqlets call demo/effects/attributions_positives.npz --threshold 2");
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(2), "error: threshold is 2, expected a number up to 1\n")
    );
    let ran = bench.run("seqlets call demo/effects/attributions_positives.npz --window 5");
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(2), "error: found --window, expected --method tfmodisco with it\n")
    );
    let windows = bench.ok("seqlets call demo/effects/attributions_positives.npz --method tfmodisco");
    assert!(windows.lines().count() > 100 && windows.lines().skip(1).all(|line| line.ends_with('\t')));
    let peer = "seqlets call demo/effects/attributions_positives.npz --method tfmodisco --compat peer";
    assert!(bench.ok(peer).lines().count() > 100);
}

#[test]
fn parts_of_seqlets_merge_to_the_table_of_the_whole() {
    let bench = Bench::new();
    bench.ok("demo --out-dir demo");
    for (name, options) in [
        ("recursive.tsv", "--threshold 0.05 --flanks 2"),
        ("signs.tsv.gz", "--both-signs"),
        ("windows.tsv", "--method tfmodisco"),
        ("peer.tsv", "--method tfmodisco --compat peer --window 15 --flank 5"),
    ] {
        let call = format!("seqlets call demo/effects/attributions_positives.npz {options}");
        bench.ok(&format!("{call} -o {name}"));
        for shard in 0..3 {
            bench.ok(&format!("{call} -o cut/{name} --shard {shard}/3"));
        }
        let list: Vec<String> = (0..3).rev().map(|shard| format!("cut/{name}.part-{shard}-of-3")).collect();
        bench.ok(&format!("merge {} -o merged_{name}", list.join(" ")));
        let bytes = |name: &str| std::fs::read(bench.path(name)).unwrap();
        assert!(bytes(name) == bytes(&format!("merged_{name}")), "{name}");
        let missing = bench.run(&format!("merge {} -o none.tsv", list[1..].join(" ")));
        assert!(missing.code == Some(1) && missing.stderr.contains("are missing"), "{}", missing.stderr);
        assert!(!bench.path("none.tsv").exists());
        let again = bench.run(&format!("{call} -o cut/{name} --shard 0/3"));
        assert!(again.code == Some(1) && again.stderr.contains("exists already"), "{}", again.stderr);
        let folder = bench.run(&format!("merge {} --out-dir out", list.join(" ")));
        assert!(folder.code == Some(2) && folder.stderr.contains("expected -o"), "{}", folder.stderr);
    }
    bench.write("cut/windows.tsv.part-1-of-3/seqlets.tsv", "example\tstart\n");
    let list = "cut/windows.tsv.part-0-of-3 cut/windows.tsv.part-1-of-3 cut/windows.tsv.part-2-of-3";
    let damaged = bench.run(&format!("merge {list} -o none.tsv"));
    assert!(damaged.code == Some(1) && damaged.stderr.contains("part-1-of-3/seqlets.tsv:1:1:"));
    let alone = bench.run("seqlets call demo/effects/attributions_positives.npz --shard 0/3");
    assert_eq!(alone.code, Some(2));
}

#[test]
fn seqlets_get_the_names_of_motifs() {
    let bench = Bench::new();
    bench.write(
        "ap1.meme",
        format!("{AP1}\nMOTIF M2\nletter-probability matrix: w= 3\n1 0 0 0\n1 0 0 0\n1 0 0 0\n"),
    );
    bench.write("x.fa", ">one\nAATGACTCAGG\n>two\nCCTGAGTCAAA\n");
    bench.write("seqlets.tsv", "example\tstart\tend\tp_value\n0\t2\t9\t0.1\ntwo\t2\t9\t0.2\n");
    let table = bench.ok("seqlets annotate seqlets.tsv --sequences x.fa --motifs ap1.meme --nearest 2");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0].join(" "), "example start end p_value rank motif_idx motif_name motif_p_value");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[1][..7], ["0", "2", "9", "0.1", "1", "0", "M1 AP1"]);
    assert_eq!(rows[3][..7], ["two", "2", "9", "0.2", "1", "0", "M1 AP1"]);
    let refuse = |line: &str, expected: &str| {
        bench.write("bad.tsv", line);
        let ran = bench.run("seqlets annotate bad.tsv --sequences x.fa --motifs ap1.meme");
        assert_eq!(ran.code, Some(1), "{line}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    refuse("example\tstart\n", "bad.tsv:1:1: found columns example, start, expected `end` among them");
    refuse(
        "example\tstart\tend\n7\t0\t3\n",
        "bad.tsv:2:1: found `7`, expected the name or the number of a sequence",
    );
    refuse(
        "example\tstart\tend\n0\t3\t99\n",
        "bad.tsv:2:3: found `99`, expected an end above 3 and at most 11",
    );
    refuse("example\tstart\tend\n0\tx\t9\n", "bad.tsv:2:2: found `x`, expected a position");
}

#[test]
fn annotations_become_sparse_tables() {
    let bench = Bench::new();
    bench.write(
        "a.tsv",
        "example\tstart\tend\trank\tmotif_idx\tmotif_name\n\
         x\t10\t15\t1\t4\tGATA\nx\t10\t15\t2\t9\tother\nx\t2\t7\t1\t7\tAP1\ny\t0\t5\t1\t4\tGATA\ny\t3\t8\t1\t4\tGATA\n",
    );
    assert_eq!(bench.ok("seqlets count a.tsv"), "example\tmotif\tcount\nx\tGATA\t1\nx\tAP1\t1\ny\tGATA\t2\n");
    assert_eq!(bench.ok("seqlets count a.tsv --sum example"), "motif\tcount\nGATA\t3\nAP1\t1\n");
    assert_eq!(bench.ok("seqlets pairs a.tsv"), "motif_a\tmotif_b\tcount\nGATA\tAP1\t1\n");
    assert_eq!(bench.ok("seqlets pairs a.tsv --ordered"), "motif_a\tmotif_b\tcount\nAP1\tGATA\t1\n");
    assert_eq!(
        bench.ok("seqlets pairs a.tsv --multiple --symmetric"),
        "motif_a\tmotif_b\tcount\nGATA\tGATA\t1\nGATA\tAP1\t1\nAP1\tGATA\t1\n"
    );
    assert_eq!(
        bench.ok("seqlets spacing a.tsv --ordered"),
        "motif_a\tmotif_b\tdistance\tcount\nGATA\tGATA\t-2\t1\nAP1\tGATA\t3\t1\n"
    );
    let ran = bench.run("seqlets spacing a.tsv --overlaps error");
    let expected =
        "error: a.tsv: GATA at 0-5 and GATA at 3-8 overlap in example y, expected none to overlap\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), expected));
    bench.write("bad.tsv", "example\tmotif\tstart\tend\nx\tm\t5\tq\n");
    let ran = bench.run("seqlets spacing bad.tsv");
    assert!(ran.stderr.contains("bad.tsv:2:4: found `q`, expected a position"), "{}", ran.stderr);
}

#[test]
fn pairs_and_spacings_stand_beside_what_chance_gives() {
    let bench = Bench::new();
    let mut rows = String::from("example\tmotif\tstart\tend\tstrand\n");
    let mut examples = String::new();
    for i in 0..20 {
        writeln!(examples, "e{i}\t300").unwrap();
        if i < 6 {
            let start = 9 * i;
            writeln!(rows, "e{i}\tA\t{start}\t{}\t+", start + 8).unwrap();
            writeln!(rows, "e{i}\tB\t{}\t{}\t-", start + 12, start + 20).unwrap();
        }
    }
    bench.write("found.tsv", rows);
    bench.write("examples.tsv", examples);
    let table = bench.ok("seqlets pairs found.tsv --enrichment --examples examples.tsv");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split('\t').collect();
    assert_eq!(&row[..4], ["A", "B", "6", "1.8"]);
    // All six of one in the six of the other: one in C(20, 6).
    assert!((row[4].parse::<f64>().unwrap() * 38_760.0 - 1.0).abs() < 1e-9, "{table}");
    let table = bench.ok("seqlets spacing found.tsv --enrichment --orientation --examples examples.tsv");
    assert!(
        table.starts_with("motif_a\tmotif_b\torientation\tdistance\tcount\texpected\tp_value\tq_value\n")
    );
    assert!(table.contains("A\tB\tconvergent\t4\t6\t0.0"), "{table}");
    bench.ok("seqlets spacing found.tsv --dense --max-distance 50 -o dense.npz");
    let refuse = |arguments: &str, code: i32, expected: &str| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    };
    refuse(
        "seqlets spacing found.tsv --dense --max-distance 50 --max-memory 1599 -o d.npz",
        2,
        "an array of shape [2, 2, 50] takes 1600 bytes, expected at most 1599",
    );
    refuse("seqlets spacing found.tsv --enrichment --overlaps zero", 2, "expected no --overlaps zero");
    bench.write("short.tsv", "e0\n");
    refuse("seqlets count found.tsv --examples short.tsv", 1, "example `e1` is not in short.tsv (it has 1)");
}

#[test]
fn annotations_come_from_bed_as_well() {
    let bench = Bench::new();
    bench.write("a.bed", "# made up\nx\t10\t15\tGATA\t3\t+\nx\t2\t7\tAP1\t.\t-\ny\t0\t5\tGATA\n");
    let table = "example\tmotif\tcount\nx\tGATA\t1\nx\tAP1\t1\ny\tGATA\t1\n";
    assert_eq!(bench.ok("seqlets count a.bed --bed"), table);
    assert_eq!(
        bench.ok("seqlets spacing a.bed --bed --orientation"),
        "motif_a\tmotif_b\torientation\tdistance\tcount\nGATA\tAP1\tdivergent\t3\t1\n"
    );
    let refuse = |name: &str, text: &str, options: &str, expected: &str| {
        bench.write(name, text);
        let ran = bench.run(&format!("seqlets pairs {name} --bed {options}"));
        assert_eq!((ran.code, ran.stderr), (Some(1), format!("error: {expected}\n")));
    };
    refuse("n.bed", "x\t1\t5\n", "", "n.bed:1:4: found nothing, expected the name of a motif");
    refuse(
        "far.bed",
        "x\t1\t5000000000\tm\n",
        "",
        "far.bed:1:3: found 5000000000, expected at most 4294967295",
    );
    bench.write("list.tsv", "x\n");
    let expected = "b.bed:1:1: example `z` is not in list.tsv (it has 1)";
    refuse("b.bed", "z\t1\t5\tm\n", "--examples list.tsv", expected);
}

#[test]
fn pairs_and_spacings_become_pictures() {
    let bench = Bench::new();
    bench.write(
        "a.tsv",
        "example\tmotif\tstart\tend\n0\tA\t0\t5\n0\tB\t12\t20\n1\tB\t3\t9\n1\tA\t7\t12\n1\tC\t30\t35\n",
    );
    let table = bench.ok("seqlets pairs a.tsv");
    assert_eq!(bench.ok("seqlets pairs a.tsv --plot pairs.svg"), table);
    let picture = bench.read("pairs.svg");
    assert!(
        picture.starts_with("<svg ") && picture.matches(">2</text>").count() == 2,
        "both orders: {picture}"
    );
    bench.ok("seqlets pairs a.tsv --ordered --multiple --plot ordered.svg");
    assert!(!bench.read("ordered.svg").contains(">2</text>"));
    // A and B are the two that are near most often: 7 apart, and 2 over one another.
    bench.ok("seqlets spacing a.tsv --plot spacing.svg");
    let picture = bench.read("spacing.svg");
    assert!(picture.contains("Spacing of A and B"), "{picture}");
    bench.ok("seqlets spacing a.tsv --plot other.svg --pair C A --ordered");
    assert!(bench.read("other.svg").contains("Spacing of C and A to its right"));
    let refuse = |arguments: &str, code: i32, expected: &str| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    };
    refuse(
        "seqlets spacing a.tsv --plot x.svg --pair A D",
        2,
        "found motif `D`, expected one of the 3 of the table",
    );
    refuse(
        "seqlets spacing a.tsv --plot x.svg --overlaps skip --max-distance 0",
        1,
        "no two motifs are nearer than 0",
    );
    refuse("seqlets pairs a.tsv --plot pairs.svg", 1, "pairs.svg exists already");
    refuse("seqlets spacing a.tsv --pair A B", 2, "--plot");
    assert!(!bench.path("x.svg").exists());
    bench.write("empty.tsv", "example\tmotif\tstart\tend\n");
    refuse("seqlets pairs empty.tsv --plot x.svg", 1, "matrix");
}

#[test]
fn overlapping_annotations_become_sites_and_pictures() {
    let bench = Bench::new();
    bench.write(
        "hits.tsv",
        "example\tmotif\tstart\tend\tp_value\n0\tA\t10\t20\t1e-3\n0\tB\t11\t20\t1e-5\n0\tC\t40\t50\t0.1\n",
    );
    let table = bench.ok("seqlets sites hits.tsv");
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(rows, ["0\tB\t11\t20\t.\t\t1e-5\t\tA", "0\tC\t40\t50\t.\t\t0.1\t\t"]);
    bench.ok("demo --out-dir demo");
    bench.ok("genome onehot demo/genome.fa --bed demo/positives.bed --width 200 -o x.npz");
    bench.ok(
        "seqlets logo demo/effects/attributions_positives.npz --example 0 --start 0 --end 60 --sequences x.npz \
         --annotations hits.tsv -o logo.svg",
    );
}
