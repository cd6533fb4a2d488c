//! `enformer info|predict`, and an Enformer where a model is taken, as a person uses them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron::Seed;
use cistron::encode::NpzReader;
use cistron::models::{Enformer, EnformerConfig, EnformerHead, EnformerHeadInput};
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
    bench.write("model/config.json", r#"{"model_type": "enformer", "heads": 5}"#);
    bench.refuses(
        "enformer info --model model",
        1,
        "config.json: heads: found 5, expected a divisor of dim 1536",
    );
}
