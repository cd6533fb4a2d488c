//! `cistron kmer`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::Seed;
use support::Bench;

/// A bench with a random genome of two contigs and an N between known bases.
fn bench() -> Bench {
    let bench = Bench::new();
    let mut stream = Seed::new(11).stream("genome", 0);
    let mut letters =
        |n: usize| -> String { (0..n).map(|_| b"ACGT"[stream.below(4) as usize] as char).collect() };
    bench.write("toy.fa", format!(">one\n{}N{}\n>two\n{}\n", letters(3000), letters(2000), letters(900)));
    bench
}

fn number(json: &str, key: &str) -> f64 {
    let start = json.find(&format!("\"{key}\": ")).unwrap() + key.len() + 4;
    let text: String = json[start..].chars().take_while(|c| !",\n}".contains(*c)).collect();
    text.parse().unwrap()
}

#[test]
fn reads_are_simulated_counted_and_corrected_from_themselves() {
    let bench = bench();
    bench.ok("kmer simulate toy.fa --coverage 40 --error 0.01 -o reads.fq --seed 3");
    let reads = bench.read("reads.fq");
    assert_eq!(reads.lines().count(), 4 * 2360);
    assert!(reads.lines().next().unwrap().starts_with("@read_0 "), "{}", &reads[..60]);
    assert!(reads.lines().nth(3).unwrap().bytes().all(|quality| quality == b'5'));
    assert_eq!(bench.ok("kmer simulate toy.fa --coverage 40 --error 0.01 --seed 3 --threads 1"), reads);

    bench.ok("kmer train reads.fq --model spectrum -k 21 -o spectrum");
    let ran = bench.run("kmer denoise spectrum reads.fq -o corrected.fq");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = bench.run("kmer denoise spectrum reads.fq --threads 1 --quiet");
    assert_eq!(again.stdout, bench.read("corrected.fq"));
    bench.ok("kmer denoise spectrum reads.fq -o votes.fq --votes");
    let graph = |file: &str| bench.ok(&format!("kmer graph {file} -k 21 --truth toy.fa"));
    let (before, after) = (graph("reads.fq"), graph("corrected.fq"));
    assert!(number(&before, "precision") < 0.5, "{before}");
    assert!(number(&after, "precision") > 0.95 && number(&after, "recall") > 0.97, "{after}");
    let votes = graph("votes.fq");
    assert!(number(&votes, "precision") > 0.9 && number(&votes, "recall") > 0.97, "{votes}");
    assert!(number(&after, "tips") * 10.0 < number(&before, "tips"), "{before}{after}");
}

#[test]
fn a_codebook_knows_its_genome_and_nothing_else() {
    let bench = bench();
    bench.ok("kmer train toy.fa --model codebook -o all");
    bench.ok("kmer evaluate all toy.fa --limit 3000 -o all.json");
    let all = bench.read("all.json");
    assert!(number(&all, "hamming") < 0.001, "{all}");
    assert_eq!(all.matches("\"information_limit\"").count(), 3);
    bench.ok("kmer train toy.fa --model codebook --split blocks --block 500 -o held");
    bench.ok("kmer evaluate held toy.fa --limit 500 -o held.json");
    let held = bench.read("held.json");
    assert!(held.contains("\"part\": \"validation\"") && held.contains("\"leaky\": false"), "{held}");
    // Worse than doing nothing: what was held out is in no memory.
    assert!(number(&held, "gain") < -1.0, "{held}");
    let json = |threads| {
        bench.ok(&format!("kmer evaluate all toy.fa --limit 3000 -o again.json --force --threads {threads}"));
        bench.read("again.json")
    };
    assert_eq!((json(1), json(3)), (all.clone(), all));
    let repaired = bench.ok("kmer denoise all toy.fa");
    // The N is outside every window and stays.
    assert_eq!(repaired.matches('N').count(), 1);
    assert_eq!(repaired.replace(['\n', '>'], ""), bench.read("toy.fa").replace(['\n', '>'], ""));
}

#[test]
fn networks_are_trained_measured_and_used() {
    let bench = bench();
    let seeds = "kmer train toy.fa --split random --model seeds --seed-width 6 --epochs";
    bench.ok(&format!("{seeds} 12 -o seeds"));
    for file in ["config.json", "model.safetensors", "last.safetensors", "train.jsonl", "run.json"] {
        assert!(bench.path("seeds").join(file).is_file(), "{file}");
    }
    for picture in ["seeds/loss.svg", "seeds/hamming.svg"] {
        assert!(bench.read(picture).contains("<svg"), "{picture}");
    }
    assert!(bench.read("seeds/hamming.svg").contains("good denoise"));
    assert_eq!(bench.read("seeds/train.jsonl").lines().count(), 12);
    bench.ok("kmer evaluate seeds toy.fa -o seeds.json");
    let report = bench.read("seeds.json");
    assert!(report.contains("\"leaky\": true") && number(&report, "gain") > 0.1, "{report}");
    // The same bytes for any number of threads; a finished run that is resumed stays as it is.
    bench.ok(&format!("{seeds} 12 -o again --threads 1"));
    let model = |folder: &str| std::fs::read(bench.path(folder).join("model.safetensors")).unwrap();
    assert_eq!(model("seeds"), model("again"));
    bench.ok(&format!("{seeds} 12 -o again --resume"));
    assert_eq!(model("seeds"), model("again"));
    let repaired = bench.ok("kmer denoise seeds toy.fa");
    assert_eq!(repaired.matches('N').count(), 1);

    let info = bench.ok("model info --model seeds");
    let expected = "type\tdenoiser\nkind\tseeds\nalphabet\tACGT\nk\t31\nnoise\t0.1\nparameters\t917505\n\
                    held_out\tsingle windows, 0.1 of all, seed 0\n";
    assert_eq!(info, expected);

    // The spread over seeds, and what is no other seed of the same model. A run that was resumed tells no CPU time.
    // Four numbers for each of 4⁶ words and each of 56 places of a base beside it, and the weight of the input.
    assert_eq!(number(&report, "parameters"), 4096.0 * 56.0 * 4.0 + 1.0);
    assert!(number(&report, "training_cpu_minutes") > 0.0, "{report}");
    bench.ok(&format!("{seeds} 12 -o other --seed 5"));
    bench.ok("kmer evaluate seeds toy.fa --replicate other -o both.json");
    bench.ok("kmer evaluate other toy.fa -o other.json");
    let (both, second) = (bench.read("both.json"), bench.read("other.json"));
    let (first, second) = (number(&report, "hamming"), number(&second, "hamming"));
    let spread = &both[both.find("\"seeds\"").unwrap()..];
    assert!((number(spread, "mean") - f64::midpoint(first, second)).abs() < 1e-15, "{spread}");
    assert!((number(spread, "sd") - (first - second).abs() / 2_f64.sqrt()).abs() < 1e-15, "{spread}");
    bench.ok("kmer evaluate again toy.fa -o again.json");
    assert!(bench.read("again.json").contains("\"training_cpu_minutes\": null"));

    bench.ok("kmer train toy.fa --split blocks --block 500 --model conv --channels 8 --epochs 2 -o conv");
    bench.ok("kmer evaluate conv toy.fa -o conv.json");
    let report = bench.read("conv.json");
    assert!(number(&report, "hamming") <= number(&report, "identity"), "{report}");
    for (arguments, code, expected) in [
        ("kmer train toy.fa --model conv -o x", 2, "expected --split blocks or random"),
        (
            "kmer train toy.fa --split random --model conv --channels 0 -o x",
            2,
            "channels is 0, expected 1 to 65536",
        ),
        ("kmer train toy.fa --split random --model seeds --seed-width 12 -o x", 2, "expected 1 to 11"),
        ("kmer train toy.fa --split random --model seeds --lr=-1 -o x", 2, "learning rate"),
        (
            "kmer train toy.fa --split random --model seeds --epochs 0 -o x",
            2,
            "epochs is 0, expected at least 1",
        ),
        ("kmer train toy.fa --split random --model seeds --batch 0 -o x", 2, "batch"),
        ("kmer train toy.fa --split random --model seeds --minutes=-1 -o x", 2, "--minutes"),
        ("kmer train toy.fa --split random --model seeds -o seeds", 1, "config.json exists already"),
        (
            "kmer train toy.fa --split random --model seeds --seed-width 5 --epochs 12 --resume -o seeds",
            1,
            "network is",
        ),
        ("kmer train toy.fa --split random --model seeds --resume -o none", 1, "none"),
        ("kmer evaluate seeds toy.fa --replicate conv -o x", 2, "conv is another model than seeds"),
    ] {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    assert!(!bench.path("x").exists(), "a wrong use left something");
    let weights = model("conv");
    std::fs::write(bench.path("conv/model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    let ran = bench.run("kmer denoise conv toy.fa");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("model.safetensors"), "{}", ran.stderr);
}

#[test]
fn two_haplotypes_are_written_and_kept_apart() {
    let bench = bench();
    bench.ok("kmer simulate toy.fa --coverage 60 --heterozygosity 0.002 --haplotype second.fa -o reads.fq");
    let (first, second) =
        (bench.ok("genome fetch toy.fa one two"), bench.ok("genome fetch second.fa one two"));
    let sites = first.bytes().zip(second.bytes()).filter(|(a, b)| a != b).count();
    assert!((1..40).contains(&sites), "{sites}");
    let truth = bench.ok("kmer graph toy.fa second.fa --truth toy.fa --truth second.fa");
    assert!(number(&truth, "bubbles") >= 1.0 && number(&truth, "recall") == 1.0, "{truth}");
}

#[test]
fn wrong_uses_and_bad_files_are_told_apart() {
    let bench = bench();
    bench.ok("kmer train toy.fa --model codebook -o model");
    bench.write("short.fa", ">one\nACGTACGTACGTACGTACGTACGTACGT\n");
    bench.write("cut.fq", "@r1\nACGT\n+\nII\n");
    for (arguments, code, expected) in [
        ("kmer train toy.fa --model codebook -k 33 -o x", 2, "k is 33, expected 1 to 32"),
        (
            "kmer train toy.fa --model codebook --noise 0.9 -o x",
            2,
            "noise is 0.9, expected a probability above 0",
        ),
        ("kmer train toy.fa --model codebook -o model", 1, "config.json exists already"),
        ("kmer train short.fa --model codebook -o x", 1, "no window of 31 known bases found"),
        ("kmer train toy.fa --model spectrum -o x", 2, "no valley between errors and genome"),
        ("kmer graph toy.fa -k 30", 2, "k of a de Bruijn graph is 30, expected an odd number"),
        ("kmer graph cut.fq", 1, "cut.fq:4:1: found 2 qualities, expected 4 as there are letters"),
        ("kmer denoise model cut.fq", 1, "cut.fq:4:1"),
        ("kmer denoise none cut.fq", 1, "none/config.json"),
        ("kmer simulate toy.fa --reads 4000", 1, "no stretch of 4000 known bases found"),
        ("kmer simulate toy.fa --error 1", 2, "noise is 1, expected"),
        ("kmer evaluate model toy.fa --windows validation -o r.json", 2, "was trained without --split"),
    ] {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    bench.write(
        "model/config.json",
        "{\"version\":2,\"model_type\":\"denoiser\",\"k\":31,\"type\":\"kmer-codebook\",\"noise\":0.1,\"strands\":\"both\",\"margin\":2}",
    );
    let ran = bench.run("kmer denoise model toy.fa");
    assert!(ran.stderr.contains("version is 2, expected 1"), "{}", ran.stderr);
    assert!(!bench.path("x").exists() && !bench.path("r.json").exists());
}
