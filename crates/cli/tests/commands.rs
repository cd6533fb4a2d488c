//! Commands on genomes, probes and runs, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

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
        "effect attribute",
        "effect marginalize",
        "effect ablate",
        "effect space",
        "effect design",
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

/// Each of 48 windows holds each word with a chance of 0.8, whatever way the network is asked.
fn the_network_found_both_words(section: &str) {
    let counts = |row: &str| -> Vec<usize> {
        let start = section.find(row).unwrap() + row.len();
        let row = section[start..].split("</tr>").next().unwrap();
        row.split("<td>").skip(1).map(|cell| cell.trim_end_matches("</td>").parse().unwrap()).collect()
    };
    for word in ["TGACTCA", "CACGTG"] {
        let counts = counts(&format!("<tr><td><code>{word}</code></td>"));
        assert!(counts.len() == 2 && counts.iter().all(|n| (32..=46).contains(n)), "{word}: {counts:?}");
    }
    assert!(counts("random words</td>").iter().all(|n| *n <= 1), "{section}");
    assert_eq!(section.matches("<svg ").count(), 3);
}

#[test]
fn the_demo_finds_what_it_planted() {
    let bench = Bench::new();
    bench.ok("demo --out-dir demo");
    let report = bench.read("demo/report.html");
    let strongest: Vec<&str> = report.lines().filter(|line| line.contains("</td><td>in <code>")).collect();
    assert!(strongest.iter().any(|line| line.contains("in <code>CACGTG</code>")), "{strongest:?}");
    assert!(strongest.iter().any(|line| line.contains("in <code>TGACTCA</code>")), "{strongest:?}");
    let (rest, family) = report.split_at(report.find("What the relatives of a protein know").unwrap());
    let (models, reads) = rest.split_at(rest.find("Reads that correct one another").unwrap());
    let (models, syntax) = models.split_at(models.find("What a black box reads").unwrap());
    let (models, track) = models.split_at(models.find("A track that a long-range model learns").unwrap());
    the_network_found_both_words(&models[models.find("What a network reads").unwrap()..]);
    let pearson = track.split("(Pearson) by ").nth(1).unwrap().split(".</p>").next().unwrap();
    assert!(pearson.trim().parse::<f64>().unwrap() > 0.8, "{pearson}");
    assert_eq!(track.matches("<svg ").count(), 1);
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
    // A charge by itself looks harmless to a model of single positions; the pairwise one knows that a second mends it.
    let effects = |model: &str| -> Vec<f64> {
        let row = family.split(&format!("<td>{model}</td>")).nth(1).unwrap().lines().next().unwrap();
        row.split("<td>").skip(1).map(|cell| cell.split('<').next().unwrap().parse().unwrap()).collect()
    };
    assert!(effects("site-independent").iter().all(|effect| effect.abs() < 1.0), "{family}");
    let of = effects("pairwise");
    assert!(of[0] < -2.0 && of[1] < -2.0 && of[2] > of[0].max(of[1]) + 1.5, "{of:?}");
    assert!(effects("variational autoencoder").iter().all(|effect| effect.is_finite()));
    assert!(family.contains("that of positions 33 and 44") && family.matches("<svg ").count() == 1);
    assert_eq!(bench.read("demo/family.a2m").lines().count(), 802);
    assert!(
        !report.contains("http://")
            || report.matches("http://").count() == report.matches("http://www.w3.org").count()
    );
    assert!(bench.path("demo/effects/deltas_positives.npz").exists());
}
