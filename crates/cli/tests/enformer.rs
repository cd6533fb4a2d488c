//! `enformer info|predict|finetune`, and an Enformer where a model is taken, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::encode::{NpzReader, random_sequences};
use cistron::genome::bigwig::Writer;
use cistron::models::{Enformer, EnformerConfig, EnformerHead, EnformerHeadInput};
use cistron::{Alphabet, Contig, Seed};
use support::Bench;

/// A model of 64 letters, 8 positions of which 2 are kept: 16 letters in the middle.
fn bench() -> Bench {
    let bench = Bench::new();
    let config = EnformerConfig {
        dim: 12,
        depth: 1,
        heads: 2,
        attn_dim_key: 4,
        output_heads: vec![
            EnformerHead::named("human", ["liver", "heart"]),
            EnformerHead {
                activation: None,
                reads: EnformerHeadInput::Transformer,
                ..EnformerHead::numbered("mouse", 30)
            },
        ],
        target_length: Some(2),
        num_downsamples: 3,
        dim_divisible_by: 6,
        input_length: 64,
        ..EnformerConfig::default()
    };
    config.write(bench.path("model")).unwrap();
    let weights = Enformer::initial_weights(&config, Seed::new(1)).unwrap();
    weights.write(bench.path("model/model.safetensors")).unwrap();
    let letters: String = "GATTACACCTGAGTCAAC".chars().cycle().take(200).collect();
    bench.write("long.fa", format!(">chr1\n{letters}\n"));
    bench
}

const PREDICT: &str = "enformer predict --model model --fasta long.fa";

#[test]
fn models_are_described() {
    let bench = bench();
    let info = bench.ok("enformer info --model model");
    for line in [
        "input_length\t64",
        "positions\t8",
        "bins\t2 of 8 bases, from bin 3",
        "head\thuman (2 tracks, reads embeddings, activation softplus)",
        "head\tmouse (30 tracks, reads transformer, activation none)",
        "filters\t6, 6, 12",
        "gamma_norm\tfeatures",
    ] {
        assert!(info.lines().any(|found| found == line), "{line}\n{info}");
    }
    assert!(bench.ok("model info --model model").starts_with("type\tenformer\n"));
}

#[test]
fn predictions_are_arrays_and_pictures_beside_what_was_observed() {
    let bench = bench();
    // Both windows have their bins at 88 to 104.
    bench.write("regions.bed", "chr1\t96\t97\ta\t0\t+\nchr1\t96\t97\tb\t0\t-\n");
    observed(&bench);
    bench.ok(&format!("{PREDICT} --bed regions.bed -o p.npz --plot 1 --targets targets"));
    let mut file = NpzReader::open(bench.path("p.npz")).unwrap();
    let (shape, values) = file.numbers("predictions").unwrap();
    assert_eq!(shape, [2, 2, 2]);
    assert!(values.iter().all(|value| *value > 0.0), "{values:?}");
    assert_eq!(file.text("names").unwrap(), ["chr1:64-128(+)", "chr1:64-128(-)"]);
    assert_eq!(file.text("tracks").unwrap(), ["liver", "heart"]);
    for name in ["p_1_liver.svg", "p_1_heart.svg"] {
        let picture = bench.read(name);
        assert!(picture.contains("predicted") && picture.contains("observed"), "{name}");
    }
    bench.ok(&format!("{PREDICT} --region chr1:90-100 --tracks heart --bins 1..2 -o one.npz --plot"));
    let (shape, found) = NpzReader::open(bench.path("one.npz")).unwrap().numbers("predictions").unwrap();
    assert_eq!(shape, [1, 1, 1]);
    assert!(!bench.read("one_0_heart.svg").contains("observed"));
    bench.ok(&format!("{PREDICT} --region chr1:90-100 --threads 2 -o all.npz"));
    let (_, all) = NpzReader::open(bench.path("all.npz")).unwrap().numbers("predictions").unwrap();
    assert!((all[3] - found[0]).abs() < 1e-6, "{all:?} {found:?}");
}

/// A folder of targets with one window: bins of 8 letters, written by hand as `enformer targets` does.
fn observed(bench: &Bench) {
    std::fs::create_dir(bench.path("targets")).unwrap();
    bench.write("targets/targets.json", r#"{"version": 1, "bins": 2, "bin_size": 8, "tracks": ["l", "h"]}"#);
    for part in ["train", "valid", "test"] {
        bench.write(&format!("targets/{part}.bed"), "");
        bench.write(&format!("targets/{part}.index.tsv"), "row\tfile\toffset\n");
    }
    bench.write("targets/valid.bed", "chr1\t8\t24\twindow_0\nchr1\t88\t104\twindow_1\n");
    bench.write("targets/valid.index.tsv", "row\tfile\toffset\n0\tvalid-0.npy\t0\n1\tvalid-0.npy\t1\n");
    let file = std::fs::File::create(bench.path("targets/valid-0.npy")).unwrap();
    let shape = [2, 2, 2];
    let mut array =
        cistron::encode::NpyWriter::new(file, cistron::encode::ElementType::Float32, &shape).unwrap();
    array.write(&[9.0, 9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 4.0]).unwrap();
    array.finish().unwrap();
}

#[test]
fn variants_are_scored_through_the_model() {
    let bench = bench();
    let variant = "--fasta long.fa --variant chr1:97:A:T --head human --tracks heart";
    let scores = bench.ok(&format!("effect variants --model model {variant}"));
    let mut lines = scores.lines();
    assert!(lines.next().unwrap().contains("ref_heart\talt_heart\tdiff_heart"), "{scores}");
    assert_eq!(lines.count(), 1, "{scores}");
    bench
        .ok("effect saturate --model model --fasta long.fa --region chr1:90-100 --tracks heart --span 30..34 --out-dir out");
    assert_eq!(bench.read("out/deltas_custom_windows.tsv").lines().count(), 1 + 64);
}

/// A genome of two contigs, two tracks of it, and their targets: bins of 8 letters, two a window.
fn targets(bench: &Bench) {
    let batch = random_sequences(&Alphabet::dna(), 2, 500, &[], Seed::new(2)).unwrap();
    let letters: Vec<String> = batch.to_sequences().unwrap().iter().map(ToString::to_string).collect();
    bench.write("two.fa", format!(">chr1\n{}\n>chr2\n{}\n", letters[0], letters[1]));
    bench.write("sizes", "chr1\t500\nchr2\t500\n");
    let contigs = ["chr1", "chr2"].map(|name| Contig { name: name.into(), length: 500 });
    for (track, letter) in [("liver", 'G'), ("heart", 'A')] {
        let mut writer = Writer::create(bench.path(&format!("{track}.bw")), &contigs).unwrap();
        for (contig, letters) in contigs.iter().zip(&letters) {
            for (start, found) in (0..).zip(letters.chars()) {
                let value = if found == letter { 2.0 } else { 0.5 };
                writer.write(&contig.name, start, start + 1, value).unwrap();
            }
        }
        writer.finish().unwrap();
    }
    let peaks =
        (0..20).map(|i| format!("chr{}\t{}\t{}\n", 1 + i / 14, 20 + 30 * (i % 14), 22 + 30 * (i % 14)));
    bench.write("peaks.bed", peaks.collect::<String>());
    bench.ok(
        "enformer targets liver.bw heart.bw --peaks peaks.bed --sizes sizes --bins 2 --bin-size 8 --context 64 \
         --stat mean --train chr1 --valid chr2 --out-dir targets",
    );
}

const FINETUNE: &str = "enformer finetune --targets targets --fasta two.fa --lr 1e-3 --batch 3 --epochs 2";

#[test]
fn a_model_is_finetuned_and_the_run_is_a_model() {
    let bench = bench();
    targets(&bench);
    let train = "--train head,last:1 --rc-augment --mirror liver:heart --log-every 1";
    let said = bench.ok(&format!("{FINETUNE} --model model {train} --out-dir run"));
    let (trained, epochs): (Vec<&str>, Vec<&str>) =
        said.lines().partition(|line| line.starts_with("trained\t"));
    assert_eq!((trained.len(), trained[0]), (2 + 16, "trained\t_heads.tracks.0.bias"));
    assert_eq!(epochs.len(), 3, "{said}");
    assert!(epochs[0].starts_with("epoch\ttraining_loss\tvalidation_loss\tpearson\tpearson_windows\tbest"));
    assert!(bench.ok("enformer info --model run").contains("head\ttracks (2 tracks, reads embeddings"));
    let run = bench.results("run");
    let names: Vec<&str> = run.keys().map(String::as_str).collect();
    let weights = ["config.json", "last.safetensors", "model.safetensors"];
    let tables = ["tracks-0.tsv", "tracks-1.tsv", "train.jsonl", "trained.tsv"];
    assert_eq!(names, [&weights[..], &tables].concat());
    assert!(bench.read("run/tracks-1.tsv").starts_with("track\tpearson\tpearson_windows\nliver\t"));
    assert_eq!(bench.read("run/trained.tsv").lines().count(), 1 + 18);
    // Threads, a cache and going on with what is complete change nothing.
    bench.ok(&format!("{FINETUNE} --model model {train} --cache-trunk --threads 1 --out-dir other"));
    let mut other = bench.results("other");
    assert!(other.remove("trunk.cache").is_some() && other == run);
    let again = format!("{FINETUNE} --model model {train} --cache-trunk other/trunk.cache");
    bench.ok(&format!("{again} --out-dir third"));
    assert!(bench.results("third") == run);
    bench.refuses(&format!("{again} --out-dir third"), 1, "model.safetensors exists already");
    bench.refuses(&format!("{again} --out-dir fourth --seed 9 --from-scratch"), 1, "expected a cache of");
    bench.ok(&format!("{FINETUNE} --model model {train} --resume --out-dir run"));
    assert!(bench.results("run") == run);
    bench.ok(
        "enformer predict --model run --fasta two.fa --region chr2:51-52 -o p.npz --plot --targets targets",
    );
    assert!(bench.read("p_0_heart.svg").contains("observed"));
    let scratch =
        "--from-scratch --train head,pointwise,transformer,tower --loss mse --tracks heart --cosine";
    let said = bench.ok(&format!("{FINETUNE} --model model {scratch} --out-dir new"));
    assert!(said.contains("trained\tstem.0.weight\n"), "{said}");
    assert!(bench.ok("enformer info --model new").contains("head\ttracks (1 tracks, "));
    let linear = "--loss mse --activation none --reads normed_transformer --rc-augment";
    let said = bench.ok(&format!("{FINETUNE} --model model --train head,last:1 {linear} --out-dir linear"));
    assert!(said.contains("trained\t_heads.tracks.norm.weight\n"), "{said}");
    let info = bench.ok("enformer info --model linear");
    assert!(info.contains("(2 tracks, reads normed_transformer, activation none)"), "{info}");
    bench.ok("enformer predict --model linear --fasta two.fa --region chr2:51-52 -o linear.npz");
}

#[test]
fn what_cannot_be_finetuned_is_refused() {
    let bench = bench();
    targets(&bench);
    let model = format!("{FINETUNE} --model model --out-dir run");
    for (more, code, message) in [
        ("--tracks lung", 1, "targets.json: has no track `lung`, it has liver, heart"),
        ("--train head,tail", 2, "head, pointwise, last:N"),
        ("--train last:2", 2, "last:N with at most the 1 blocks of the model"),
        ("--loss huber", 2, "poisson, mse, poisson-multinomial"),
        ("--head rat", 1, "found no head \"rat\", expected one of human, mouse"),
        (
            "--train head --cache-trunk --shift-augment 2",
            2,
            "option cache is given with shifts of up to 2 bases",
        ),
        ("--train tower --cache-trunk", 2, "option cache is given, while the first layers are trained"),
        ("--rc-augment --mirror liver:lung", 2, "--mirror has \"liver:lung\", expected two of liver, heart"),
        ("--mirror liver:heart", 2, "--rc-augment"),
        ("--activation none --loss poisson", 2, "option activation is none, with loss poisson"),
        ("--reads letters", 2, "expected one of embeddings, transformer, normed_transformer"),
        ("--accumulate 0", 2, "option accumulate is 0, expected at least 1"),
    ] {
        let train = if more.contains("--train") { "" } else { "--train head" };
        bench.refuses(&format!("{model} {train} {more}"), code, message);
    }
    assert!(!bench.path("run/model.safetensors").exists());
    let text = bench.read("targets/targets.json").replace("\"bin_size\": 8", "\"bin_size\": 4");
    bench.write("targets/targets.json", text);
    bench.refuses(&model, 1, "targets.json: `bin_size` is 4, expected the model's 8");
}

#[test]
fn what_does_not_fit_is_refused() {
    let bench = bench();
    let region = "--region chr1:90-100";
    bench.refuses(
        &format!("{PREDICT} {region} -o p.npz --plot 1"),
        2,
        "--plot is 1, expected a sequence below 1",
    );
    let many = format!("{PREDICT} {region} --head mouse -o p.npz --plot");
    bench.refuses(&many, 2, "--plot would draw 30 tracks, expected --tracks with at most 20");
    let other =
        "enformer predict --model probe.safetensors --fasta long.fa --region chr1:90-100 --width 9 -o p.npz";
    bench.refuses(other, 1, "probe.safetensors: found a probe, expected an enformer");
    observed(&bench);
    let elsewhere = format!("{PREDICT} --region chr1:90-100 -o p.npz --plot --targets targets");
    bench.refuses(&elsewhere, 1, "targets: found no window chr1:87-103, the bins of chr1:63-127");
    bench.write("targets/targets.json", r#"{"version": 1, "bins": 3, "bin_size": 8, "tracks": ["l", "h"]}"#);
    bench.refuses(&elsewhere, 1, "targets.json: `bins` is 3, expected the model's 2");
    assert!(!bench.path("p.npz").exists());
    // A sequence that cannot be read after one that is drawn.
    bench.write("far.bed", "chr1\t96\t97\nchr9\t1\t2\n");
    bench.refuses(&format!("{PREDICT} --bed far.bed --plot 0 --tracks heart -o p.npz"), 1, "chr9");
    assert!(!bench.path("p.npz").exists() && !bench.path("p_0_heart.svg").exists());
    bench.write("model/config.json", r#"{"model_type": "enformer", "heads": 5}"#);
    bench.refuses(
        "enformer info --model model",
        1,
        "config.json: heads: found 5, expected a divisor of dim 1536",
    );
}
