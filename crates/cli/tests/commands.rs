//! Every command, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write;

use cistron::encode::{NpzReader, NpzWriter};
use support::Bench;

const SATURATE: &str =
    "effect saturate --model probe.safetensors --fasta genome.fa --bed regions.bed --width 12";

#[test]
fn every_command_explains_itself_with_an_example() {
    let bench = Bench::new();
    let commands = [
        "genome index",
        "genome fetch",
        "genome onehot",
        "regions merge",
        "regions center",
        "regions tile",
        "regions split",
        "regions variants",
        "model info",
        "model train",
        "probe train",
        "probe predict",
        "effect saturate",
        "effect compare",
        "effect variants",
        "merge",
        "demo",
        "motif scan",
        "motif compare",
        "motif cluster",
        "motif convert",
        "motif logo",
        "seqlets call",
        "seqlets annotate",
        "seqlets count",
        "seqlets pairs",
        "seqlets spacing",
        "seqlets sites",
        "seqlets logo",
        "kmer train",
        "kmer simulate",
        "kmer denoise",
        "kmer evaluate",
        "kmer graph",
        "doctor",
        "completions",
    ];
    for command in commands {
        let help = bench.ok(&format!("{command} --help"));
        assert!(help.contains("Usage: cistron"), "{command}");
        assert!(help.contains("Example"), "{command} has no example");
    }
    let top = bench.ok("--help");
    for area in [
        "genome",
        "regions",
        "model",
        "probe",
        "effect",
        "motif",
        "seqlets",
        "kmer",
        "merge",
        "demo",
        "doctor",
        "completions",
    ] {
        assert!(top.contains(&format!("  {area} ")), "{area}");
    }
    assert!(bench.ok("--version").starts_with("cistron "));
    assert!(bench.ok("completions bash").contains("complete"));
    assert!(bench.ok("doctor").contains("device       cpu: found"));
}

#[test]
fn an_index_is_written_as_samtools_does() {
    let bench = Bench::new();
    bench.ok("genome index genome.fa");
    assert_eq!(bench.read("genome.fa.fai"), "chr1\t39\t12\t16\t17\nchr2\t10\t60\t10\t11\n");
}

#[test]
fn regions_are_fetched_as_fasta() {
    let bench = Bench::new();
    let fetched = bench.ok("genome fetch genome.fa chr1:1-5 chr2:7-10 chr2");
    let expected = ">chr1:0-5(+)\nACGTA\n>chr2:6-10(+)\nCCAA\n>chr2:0-10(+)\nGGGGCCCCAA\n";
    assert_eq!(fetched, expected);
    assert_eq!(bench.ok("genome fetch genome.fa --raw-case chr2:1-4"), ">chr2:0-4(+)\ngggg\n");
    let windows = bench.ok("genome fetch genome.fa --bed regions.bed --width 6");
    assert_eq!(windows, ">chr1:12-18(+)\nACGTAC\n>chr1:15-21(-)\nAACGTA\n>chr2:-1-5(+)\nNGGGGC\n");
    bench.ok("genome fetch genome.fa chr1 -o out.fa.gz");
    assert_eq!(bench.ok("genome fetch out.fa.gz chr1:0-39(+):1-2"), ">chr1:0-39(+):0-2(+)\nAC\n");
}

#[test]
fn windows_are_encoded_with_their_names() {
    let bench = Bench::new();
    bench.ok("genome onehot genome.fa --bed regions.bed --width 6 -o X.npz");
    let mut file = NpzReader::open(bench.path("X.npz")).unwrap();
    assert_eq!(file.text("names").unwrap(), ["chr1:12-18(+)", "chr1:15-21(-)", "chr2:-1-5(+)"]);
    let (shape, x) = file.numbers("X").unwrap();
    assert_eq!(shape, [3, 6, 4]);
    assert_eq!(x[48..56], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0], "N, then G");
}

#[test]
fn a_genome_is_tiled_and_what_is_dropped_is_counted() {
    let bench = Bench::new();
    bench.ok("genome index genome.fa");
    let ran = bench.run("regions tile --sizes genome.fa.fai --width 16");
    assert_eq!(ran.stdout, "chr1\t0\t16\nchr1\t16\t32\n");
    assert_eq!(ran.stderr, "warning: 2 tiles over the end of a contig dropped\n");
    let quiet = bench.run("regions tile --sizes genome.fa.fai --width 10 --step 30 --quiet");
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("chr1\t0\t10\nchr2\t0\t10\n", ""));
}

#[test]
fn a_model_says_what_it_is() {
    let bench = Bench::new();
    let info = bench.ok("model info --model probe.safetensors");
    for line in ["type\tprobe", "kind\tkmer", "alphabet\tACGT", "input_length\tany", "receptive_field\t3"] {
        assert!(info.lines().any(|found| found == line), "{line} in {info}");
    }
}

#[test]
fn a_probe_is_trained_and_predicts() {
    let bench = Bench::new();
    bench.write("many.bed", "chr1\t0\t12\nchr1\t16\t28\n".repeat(20));
    bench.ok("genome onehot genome.fa --bed many.bed --width 12 -o X.npz");
    let (_, x) = NpzReader::open(bench.path("X.npz")).unwrap().numbers("X").unwrap();
    let y: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
    let mut writer = NpzWriter::create(bench.path("train.npz")).unwrap();
    writer.add_numbers("X", &[40, 12, 4], &x).unwrap();
    writer.add_numbers("y", &[40], &y).unwrap();
    writer.finish().unwrap();
    let table = bench
        .ok("probe train --train train.npz --valid train.npz --kind kmer --k 3 --epochs 60 -o p.safetensors");
    assert!(table.starts_with("epoch\ttraining_loss\tvalidation_loss\tvalidation_metric\tbest\n1\t"));
    let predictions = bench.ok("probe predict --model p.safetensors --data train.npz --limit 2");
    let rows: Vec<Vec<&str>> = predictions.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["name", "logit", "probability"]);
    let logit = |row: usize| rows[row][1].parse::<f64>().unwrap();
    assert!(logit(2) > logit(1), "the second kind of window is the positive one");
    let again = bench.run("probe train --train train.npz --valid train.npz -o p.safetensors");
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("p.safetensors exists already, expected a new name or --force"));
    bench.ok("probe train --train train.npz --valid train.npz --kind kmer --k 3 --epochs 60 -o q.safetensors --threads 1");
    assert_eq!(
        std::fs::read(bench.path("p.safetensors")).unwrap(),
        std::fs::read(bench.path("q.safetensors")).unwrap()
    );
}

#[test]
fn shards_threads_and_engines_change_nothing() {
    let bench = Bench::new();
    bench.write("more.bed", "chr1\t10\t20\nchr1\t1\t2\t.\t.\t-\nchr2\t3\t4\n".repeat(9));
    let saturate = SATURATE.replace("regions.bed", "more.bed") + " --plot 20";
    let _ = bench.ok(&format!("{saturate} --out-dir whole"));
    let _ = bench.ok(&format!("{saturate} --out-dir one --threads 1"));
    let whole = bench.results("whole");
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "attributions_custom_bed.npz",
            "delta_map_20.svg",
            "deltas_custom_bed.npz",
            "deltas_custom_bed.tsv",
            "names_custom_bed.npz",
            "run_config.json",
            "summary.csv",
            "top50_custom_bed.tsv",
        ]
    );
    assert!(bench.results("one") == whole, "one thread");
    for engine in ["", " --engine blackbox --batch 7"] {
        let (out, parts) = (format!("merged{}", engine.len()), format!("parts{}", engine.len()));
        for shard in 0..7 {
            bench.ok(&format!(
                "{saturate}{engine} --out-dir {parts} --shard {shard}/7 --threads {}",
                1 + shard % 2
            ));
        }
        let list: Vec<String> = (0..7).rev().map(|shard| format!("{parts}/part-{shard}-of-7")).collect();
        bench.ok(&format!("merge {} --out-dir {out}", list.join(" ")));
        if engine.is_empty() {
            assert!(bench.results(&out) == whole, "merged");
        } else {
            bench.ok(&format!("{saturate}{engine} --out-dir box"));
            assert!(bench.results(&out) == bench.results("box"), "merged black box");
        }
        let missing = bench.run(&format!("merge {} --out-dir none", list[1..].join(" ")));
        assert_eq!(missing.code, Some(1));
        assert!(missing.stderr.contains("are missing"), "{}", missing.stderr);
    }
}

#[test]
fn one_sequence_a_region_or_a_file_of_records_will_do() {
    let bench = Bench::new();
    bench.ok("effect saturate --model probe.safetensors --fasta genome.fa --region chr1:20-28:- --width 8 --out-dir region");
    bench.write("two.fa", ">a\nACGTTGAC\n>b\nACGTNNNN\n");
    bench.ok("effect saturate --model probe.safetensors --sequences two.fa --out-dir records");
    let table = bench.read("records/deltas_two.tsv");
    assert!(table.starts_with("record\tpos\tdA\tdC\tdG\tdT\tmax_abs\targmax\na\t0\t"));
    assert!(bench.path("region/deltas_custom_windows.tsv").exists());
    bench.ok("effect saturate --model probe.safetensors --sequences two.fa --out-dir records --split b --no-table --scale prob");
    assert_eq!(bench.read("records/summary.csv").lines().count(), 3);
    assert!(!bench.path("records/deltas_b.tsv").exists());
}

#[test]
fn what_a_run_was_stands_beside_its_results() {
    let bench = Bench::new();
    bench.ok(&format!("{SATURATE} --out-dir out --seed 5"));
    let record: serde_json::Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    assert_eq!(record["seed"], 5);
    assert_eq!(record["engine"], "closed");
    assert_eq!(record["device"], "cpu");
    assert_eq!(record["counts"]["sequences"], 3);
    assert_eq!(record["inputs"][1]["name"], "genome.fa");
    assert_eq!(record["inputs"][1]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(record["options"]["artefacts"]["scale"], "logit");
    assert_eq!(record["warnings"], serde_json::json!([]));
}

#[test]
fn the_demo_finds_what_it_planted() {
    let bench = Bench::new();
    bench.ok("demo --out-dir demo");
    let report = bench.read("demo/report.html");
    let strongest: Vec<&str> = report.lines().filter(|line| line.contains("</td><td>in <code>")).collect();
    assert!(strongest.iter().any(|line| line.contains("in <code>CACGTG</code>")), "{strongest:?}");
    assert!(strongest.iter().any(|line| line.contains("in <code>TGACTCA</code>")), "{strongest:?}");
    let (models, reads) = report.split_at(report.find("Reads that correct one another").unwrap());
    let syntax = &models[models.find("What a black box reads").unwrap()..];
    let n = |row: &str| -> usize {
        let start = syntax.find(row).unwrap() + row.len();
        syntax[start..].split(['<', ' ']).next().unwrap().parse().unwrap()
    };
    // 60 sequences hold each word once.
    let named = [n("<code>TGACTCA</code></td><td>"), n("<code>CACGTG</code></td><td>")];
    let other = n("random words</td><td>");
    assert!(named.iter().all(|n| (40..=60).contains(n)) && other < 6, "{named:?} {other}");
    assert_eq!(syntax.matches("<svg ").count(), 3);
    // Planted 10 apart; a seqlet may take a base beside its word.
    let distance = n("<code>CACGTG</code>, ");
    assert!((8..=10).contains(&distance), "{distance}");
    // Reads: 200 times 40 of them; nearly all of their errors are gone.
    assert!(reads.contains("<p>8000 reads of 100 bases") && reads.matches("<svg ").count() == 1);
    let wrong = |row: &str| -> f64 {
        let start = reads.find(row).unwrap() + row.len();
        reads[start..].split('&').next().unwrap().parse().unwrap()
    };
    let (before, after) = (wrong("as drawn</td><td>"), wrong("corrected</td><td>"));
    assert!((0.9..1.1).contains(&before) && after < 0.05, "{before} {after}");
    assert!(
        !report.contains("http://")
            || report.matches("http://").count() == report.matches("http://www.w3.org").count()
    );
    assert!(bench.path("demo/effects/deltas_positives.npz").exists());
}

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
    let refuse = |arguments: &str, code: i32, expected: &str| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    };
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

const AP1: &str = "MEME version 4\n\nMOTIF M1 AP1\nletter-probability matrix: w= 7 nsites= 20\n\
    0 0 0 1\n0 0 1 0\n1 0 0 0\n0 1 0 0\n0 0 0 1\n0 1 0 0\n1 0 0 0\n";

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
    let refuse = |arguments: &str, code: i32, expected: &str| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    };
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
