//! Commands on motifs, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write;

use support::{AP1, Bench};

#[test]
fn motifs_are_converted_and_drawn() {
    let bench = Bench::new();
    bench.write("one.pfm", ">MA0001.1\tAGL3\n0 3\n94 75\n1 0\n2 3\n");
    let meme = bench.ok("motif convert one.pfm --to meme");
    assert!(meme.starts_with("MEME version 4") && meme.contains("MOTIF MA0001.1 AGL3"), "{meme}");
    bench.ok("motif convert one.pfm --to homer -o one.homer");
    assert!(bench.read("one.homer").starts_with(">CC\tMA0001.1"));
    bench.ok("motif logo one.pfm --name MA0001.1 -o one.svg");
    assert!(bench.read("one.svg").starts_with("<svg "));
    let ran = bench.run("motif logo one.pfm --name MA9");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), "error: one.pfm: no motif `MA9` among 1 motifs\n"));
    bench.write("bad.pfm", ">x\n1 2\n");
    let ran = bench.run("motif convert bad.pfm --to meme");
    assert!(ran.code == Some(1) && ran.stderr.contains("bad.pfm:"), "{}", ran.stderr);
}

#[test]
fn motifs_sequences_and_letters_are_compared() {
    let bench = Bench::new();
    bench.write(
        "two.meme",
        "MEME version 4\n\nMOTIF M1 AP1\nletter-probability matrix: w= 4\n0 0 0 1\n0 0 1 0\n1 0 0 0\n0 1 0 0\n\
         MOTIF M2 GATA\nletter-probability matrix: w= 4\n0 0 1 0\n1 0 0 0\n0 0 0 1\n1 0 0 0\n",
    );
    let header =
        "query_name\ttarget_name\ttarget_idx\tp_value\te_value\tq_value\tscore\toffset\toverlap\tstrand";
    let best = |table: String| {
        let mut lines = table.lines().map(str::to_owned);
        assert_eq!(lines.next().unwrap(), header);
        lines.map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let letters = best(bench.ok("motif compare GTCA two.meme --nearest 1"));
    assert_eq!(
        (letters[0][0].as_str(), letters[0][1].as_str(), letters[0][9].as_str()),
        ("GTCA", "M1 AP1", "-")
    );
    bench.write("seqlets.fa", ">a\nTATC\n>b\nTGACN\n");
    let records = best(bench.ok("motif compare seqlets.fa two.meme --nearest 1 --threads 1"));
    assert_eq!((records[0][1].as_str(), records[1][1].as_str()), ("M2 GATA", "M1 AP1"));
    bench.ok("genome fetch seqlets.fa b:1-5 -o b.fa.gz");
    bench.ok("motif convert two.meme --to jaspar -o two.jaspar.gz");
    let packed = best(bench.ok("motif compare b.fa.gz two.jaspar.gz --nearest 1"));
    assert_eq!(packed[0][1..], records[1][1..]);
    let mut piped = bench.command("motif compare - two.meme --nearest 1");
    let piped = piped.stdin(std::fs::File::open(bench.path("seqlets.fa")).unwrap()).output().unwrap();
    assert_eq!(best(String::from_utf8(piped.stdout).unwrap()), records);
    let all = best(bench.ok("motif compare two.meme two.meme --distance pearson --target-bins none"));
    assert_eq!(all.len(), 4);
    assert_eq!(best(bench.ok("motif compare two.meme --symmetric")).len(), 1);
    let refuse = |arguments: &str, code: i32, expected: &str| bench.refuses(arguments, code, expected);
    refuse("motif compare two.meme two.meme --score-bins 0", 2, "score_bins is 0, expected 1 to 255");
    refuse(
        "motif compare none.meme two.meme",
        1,
        "none.meme: no such file, expected a file or letters of ACGTN",
    );
    refuse("motif compare TGAC none.meme", 1, "none.meme");
    refuse("motif compare TGAC", 2, "required");
}

#[test]
fn motifs_that_are_alike_are_grouped() {
    let bench = Bench::new();
    let records = [("ap1", "TGACTCA"), ("gata", "AGATAAG"), ("ap1b", "TGAGTCA"), ("other", "CCGCGGC")];
    let mut text = "MEME version 4\n".to_owned();
    for (name, letters) in records {
        writeln!(text, "\nMOTIF {name}\nletter-probability matrix: w= 7").unwrap();
        for letter in letters.chars() {
            let row = "ACGT".chars().map(|other| if other == letter { "1" } else { "0" });
            text += &(row.collect::<Vec<_>>().join(" ") + "\n");
        }
    }
    bench.write("four.meme", &text);
    for linkage in ["average", "single"] {
        let table = bench.ok(&format!("motif cluster four.meme --threshold 0.01 --linkage {linkage}"));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows[0], ["motif_name", "motif_idx", "cluster", "representative", "p_value"]);
        let groups: Vec<&str> = rows[1..].iter().map(|row| row[2]).collect();
        assert_eq!(groups, ["0", "1", "0", "2"]);
        assert_eq!((rows[1][3], rows[1][4], rows[3][3]), ("ap1", "", "ap1"));
        assert!(rows[3][4].parse::<f64>().unwrap() <= 0.01);
    }
    let ran = bench.run("motif cluster four.meme --threshold 1");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("threshold is 1, expected a p-value between 0 and 1"), "{}", ran.stderr);
}

#[test]
fn motifs_are_found_in_every_format_and_order() {
    let bench = Bench::new();
    bench.write("ap1.meme", AP1);
    bench.write("x.fa", ">b first\nAATGACTCANNNNNNNNN\n>a\nccTGAGTCAtgactca\n>empty\n");
    let table = bench.ok("motif scan ap1.meme x.fa --matched-sequence --q-values");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows[0],
        [
            "motif_name",
            "motif_idx",
            "sequence_name",
            "start",
            "end",
            "strand",
            "score",
            "p_value",
            "q_value",
            "matched_sequence"
        ]
    );
    let places: Vec<_> = rows[1..].iter().map(|row| (row[2], row[3], row[5], row[9])).collect();
    // TGACTCA reads TGAGTCA on the other strand.
    assert_eq!(places, [("b", "2", "+", "TGACTCA"), ("a", "9", "+", "TGACTCA"), ("a", "2", "-", "TGACTCA")]);
    assert!(rows[1..].iter().all(|row| row[8].parse::<f64>().unwrap() <= 1.0));
    let bed = bench.ok("motif scan ap1.meme x.fa --format bed");
    assert!(bed.starts_with("b\t2\t9\tM1 AP1\t42\t+\t"), "{bed}");
    let gff = bench.ok("motif scan ap1.meme x.fa --format gff3 --forward-only");
    assert!(
        gff.starts_with("##gff-version 3\nb\tcistron\tnucleotide_motif\t3\t9\t42\t+\t.\tName=M1;Alias=AP1;"),
        "{gff}"
    );
    assert_eq!(gff.lines().count(), 3);
    let meme = bench.ok("motif scan ap1.meme x.fa --format meme --compat memesuite");
    assert!(meme.starts_with("motif_id\tmotif_alt_id\t") && meme.contains("M1\tAP1\tb\t3\t9\t+\t"), "{meme}");
    assert_eq!(bench.ok("motif scan ap1.meme x.fa --counts"), "motif_name\tmotif_idx\tcount\nM1 AP1\t0\t3\n");
    let best = bench.ok("motif scan ap1.meme x.fa --best");
    let places: Vec<_> = best.lines().skip(1).map(|line| line.split('\t').nth(3).unwrap()).collect();
    assert_eq!(places, ["2", "2"]);
    let position = bench.ok("motif scan ap1.meme x.fa --order position");
    let places: Vec<_> = position.lines().skip(1).map(|line| line.split('\t').nth(3).unwrap()).collect();
    assert_eq!(places, ["2", "2", "9"]);
    bench.write("bg.txt", "A 0.3\nC 0.2\nG 0.2\nT 0.3\n");
    for background in ["sequences", "bg.txt", "uniform"] {
        bench.ok(&format!("motif scan ap1.meme x.fa --background {background} --score-threshold 5"));
    }
}

#[test]
fn parts_of_a_scan_merge_to_the_result_of_the_whole() {
    let bench = Bench::new();
    let other = AP1.replace("M1 AP1", "M2 other").replace("MEME version 4", "");
    let third = other.replace("M2 other", "M3").replace("1 0 0 0", "0.4 0.2 0.2 0.2");
    bench.write("three.meme", format!("{AP1}\n{other}\n{third}"));
    bench.write("x.fa", ">b first\nAATGACTCANNNTGAGTGATTCANNNNNN\n>a\nccTGAGTCAtgactcaTGACTCC\n>empty\n");
    bench.write("bg.txt", "A 0.3\nC 0.2\nG 0.2\nT 0.3\n");
    for (name, options) in [
        ("motif.tsv", ""),
        ("position.tsv.gz", "--order position --q-values --matched-sequence"),
        ("hits.bed", "--format bed --threshold 1e-3"),
        ("hits.gff", "--format gff3 --background sequences"),
        ("fimo.tsv", "--format meme --compat memesuite --background bg.txt"),
        ("best.tsv", "--best --threshold 0.01"),
        ("counts.tsv", "--counts"),
    ] {
        let scan = format!("motif scan three.meme x.fa {options}");
        bench.ok(&format!("{scan} -o {name}"));
        // Five parts of three motifs: two of them are empty.
        for shard in 0..5 {
            bench.ok(&format!("{scan} -o cut/{name} --shard {shard}/5 --threads {}", 1 + shard % 2));
        }
        let list: Vec<String> = (0..5).rev().map(|shard| format!("cut/{name}.part-{shard}-of-5")).collect();
        bench.ok(&format!("merge {} -o merged_{name}", list.join(" ")));
        let bytes = |name: &str| std::fs::read(bench.path(name)).unwrap();
        assert!(bytes(name) == bytes(&format!("merged_{name}")), "{name}");
        let missing = bench.run(&format!("merge {} -o none.tsv", list[1..].join(" ")));
        assert!(missing.code == Some(1) && missing.stderr.contains("are missing"), "{}", missing.stderr);
        let folder = bench.run(&format!("merge {} --out-dir out", list.join(" ")));
        assert!(folder.code == Some(2) && folder.stderr.contains("expected -o"), "{}", folder.stderr);
    }
    assert!(bench.read("motif.tsv").lines().count() > 5);
    let again = bench.run("motif scan three.meme x.fa -o cut/motif.tsv --shard 0/5");
    assert!(again.code == Some(1) && again.stderr.contains("exists already"), "{}", again.stderr);
    bench.ok("motif scan three.meme x.fa -o cut/hits.bed --format bed --threshold 1e-2 --shard 0/5 --force");
    let list: Vec<String> = (0..5).map(|shard| format!("cut/hits.bed.part-{shard}-of-5")).collect();
    let foreign = bench.run(&format!("merge {} -o none.bed", list.join(" ")));
    assert!(foreign.code == Some(1) && foreign.stderr.contains("is of another run"), "{}", foreign.stderr);
    bench.write("cut/counts.tsv.part-1-of-5/rows.txt", "1 0 0\n");
    let list: Vec<String> = (0..5).map(|shard| format!("cut/counts.tsv.part-{shard}-of-5")).collect();
    let damaged = bench.run(&format!("merge {} -o none.tsv", list.join(" ")));
    assert!(damaged.code == Some(1) && damaged.stderr.contains("part-1-of-5/rows.txt:1:1: found \"1 0 0\""));
    assert!(!bench.path("none.tsv").exists() && !bench.path("none.bed").exists());
    assert_eq!(bench.run("motif scan three.meme x.fa --shard 0/5").code, Some(2));
}

#[test]
fn scans_that_cannot_be_are_refused() {
    let bench = Bench::new();
    bench.write("ap1.meme", AP1);
    let refuse = |arguments: &str, code: i32, expected: &str| bench.refuses(arguments, code, expected);
    refuse(
        "motif scan ap1.meme genome.fa --threshold 0",
        2,
        "p-value threshold is 0, expected above 0 and at most 1",
    );
    refuse("motif scan ap1.meme genome.fa --bin-size -1", 2, "unexpected argument");
    refuse("motif scan ap1.meme genome.fa --background motif-file", 1, "ap1.meme: no background in the file");
    refuse("motif scan ap1.meme genome.fa --background none.txt", 1, "none.txt cannot be read");
    refuse("motif scan ap1.meme none.fa", 1, "none.fa cannot be read");
    bench.write("bad.meme", "MEME version 4\nMOTIF x\nletter-probability matrix: w= 2\n0 0 0 1\n");
    refuse("motif scan bad.meme genome.fa", 1, "bad.meme:");
}
