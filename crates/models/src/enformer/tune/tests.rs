#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cistron_core::{Alphabet, Cancel, Observer, Seed};
use cistron_encode::{Reduce, SequenceModel, random_sequences};
use ndarray::Array3;
use serde_json::Value;

use super::*;
use crate::{Checkpoint, EnformerHead, TracksInMemory, load_model};

mod contexts;

const BINS: usize = 4;

fn config() -> EnformerConfig {
    EnformerConfig {
        dim: 12,
        depth: 2,
        heads: 2,
        attn_dim_key: 4,
        output_heads: vec![EnformerHead::numbered("human", 2), EnformerHead::numbered("mouse", 3)],
        target_length: Some(BINS),
        num_downsamples: 3,
        dim_divisible_by: 6,
        input_length: 64,
        ..EnformerConfig::default()
    }
}

/// Windows and how many Cs and Gs are in each of their bins.
fn windows(n: usize, seed: u64) -> TracksInMemory {
    let letters = random_sequences(&Alphabet::dna(), n, 64, &[], Seed::new(seed)).unwrap();
    let counts = Array3::from_shape_fn((n, BINS, 2), |(window, bin, track)| {
        let first = 16 + 8 * bin;
        let is_it = |at: &usize| usize::from(letters.codes()[(window, *at)]) == 1 + track;
        (first..first + 8).filter(is_it).count() as f32
    });
    TracksInMemory::new(letters, counts, vec!["C".to_owned(), "G".to_owned()]).unwrap()
}

fn options(trainable: &str) -> EnformerTraining {
    EnformerTraining {
        trainable: trainable.parse().unwrap(),
        learning_rate: 1e-2,
        batch: 2,
        accumulate: 2,
        epochs: 3,
        log_every: Some(1),
        ..EnformerTraining::default()
    }
}

/// Five windows are three batches, which are two steps.
fn tuned(
    options: &EnformerTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedEnformer, ModelsError> {
    let config = config();
    let start = EnformerStart::Scratch(&config);
    finetune_enformer(start, &windows(5, 1), &windows(3, 2), options, folder, run)
}

/// All files but those of times and of what is kept for speed.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()));
    named.filter(|(name, _)| name != "speed.jsonl" && name != "trunk.cache").collect()
}

fn whole(options: &EnformerTraining) -> (TrainedEnformer, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let place = RunFolder::create(folder.path()).unwrap();
    let trained = tuned(options, Some(&place), Run::default()).unwrap();
    (trained, files(folder.path()))
}

/// Stops after some steps.
struct StopAfter(AtomicU64, Cancel);

impl Observer for StopAfter {
    fn advance(&self, steps: u64) {
        if self.0.fetch_sub(steps, Ordering::Relaxed) == steps {
            self.1.cancel();
        }
    }
}

fn interrupted(options: &EnformerTraining, after: u64) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let options = &EnformerTraining {
        cache: options.cache.as_ref().map(|_| folder.path().join("trunk.cache")),
        ..options.clone()
    };
    let cancel = Cancel::default();
    let observer = StopAfter(after.into(), cancel.clone());
    let run = Run { observer: &observer, cancel: Some(&cancel), ..Run::default() };
    let place = RunFolder::create(folder.path()).unwrap();
    let stopped = tuned(options, Some(&place), run);
    assert!(matches!(stopped, Err(ModelsError::Cancelled { .. })), "{stopped:?}");
    tuned(options, Some(&RunFolder::resume(folder.path()).unwrap()), Run::default()).unwrap();
    files(folder.path())
}

#[test]
fn a_run_stopped_at_any_step_ends_with_the_same_bytes() {
    let everything = EnformerTraining {
        max_shift: 2,
        save_every: Some(1),
        ..options("head,pointwise,transformer,tower,batch-norm")
    };
    let cached = EnformerTraining { cache: Some("trunk.cache".into()), ..options("head,last:1") };
    let low_rank = EnformerTraining { recompute: true, ..options("head,lora:2") };
    for options in [everything, cached, low_rank] {
        let without = EnformerTraining { cache: None, ..options.clone() };
        let expected = whole(&without).1;
        let names: Vec<&str> = expected.keys().map(String::as_str).collect();
        let own = ["config.json", "last.safetensors", "model.safetensors"];
        let tables = ["tracks-0.tsv", "tracks-1.tsv", "tracks-2.tsv", "train.jsonl", "trained.tsv"];
        assert_eq!(names, [&own[..], &tables].concat());
        // The last step ends the last epoch: a wish to stop after it is heard by the validation.
        for after in 1..=6 {
            assert!(interrupted(&options, after) == expected, "{} stopped after {after}", options.trainable);
        }
    }
}

#[test]
fn a_cache_changes_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let options = options("head,pointwise,last:1");
    let cached = EnformerTraining { cache: Some(folder.path().join("trunk.cache")), ..options.clone() };
    let expected = whole(&options).1;
    // The second run finds all rows.
    assert!(whole(&cached).1 == expected && whole(&cached).1 == expected);
    // Rows of a window on both strands, 8 positions of 12, and of the validation.
    let size = fs::metadata(cached.cache.as_ref().unwrap()).unwrap().len();
    assert_eq!(size, 4096 + 13 * (8 + 8 * 12 * 4));
    // Other layers or data have other rows.
    let other = EnformerTraining { trainable: "head".parse().unwrap(), ..cached.clone() };
    let place = || Some(RunFolder::replace(folder.path().join("run")));
    let refused = tuned(&other, place().as_ref(), Run::default()).unwrap_err().to_string();
    assert!(refused.contains("expected a cache of"), "{refused}");
    let run = Run { seed: Seed::new(5), ..Run::default() };
    assert!(tuned(&cached, place().as_ref(), run).is_err(), "other weights");
}

#[test]
fn threads_change_no_byte() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| whole(&options("head,tower")).1)
    };
    assert!(run(1) == run(3));
}

#[test]
fn what_is_frozen_stays_and_the_folder_is_a_model() {
    for trainable in ["head", "head,pointwise,last:1", "pointwise,transformer", "head,lora:1"] {
        let folder = tempfile::tempdir().unwrap();
        let place = RunFolder::create(folder.path()).unwrap();
        let options = options(trainable);
        let trained = tuned(&options, Some(&place), Run::default()).unwrap();
        let before = Enformer::initial_weights(&config(), Run::default().seed).unwrap();
        let after = Checkpoint::read(place.model()).unwrap();
        for (name, tensor) in after.tensors().filter(|(name, _)| !name.starts_with("_heads.")) {
            let same = before.get(name).unwrap() == tensor;
            let layer = name.strip_suffix(".weight").unwrap_or(name);
            let learns =
                trained.trained.iter().any(|it| it == name || it.starts_with(&format!("{layer}.lora")));
            assert_eq!(same, !learns, "{trainable}: {name}");
        }
        let table = fs::read_to_string(folder.path().join("trained.tsv")).unwrap();
        let names: Vec<&str> = table.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(names, trained.trained);
        // What is loaded, what is returned and what was measured are the same.
        let loaded = load_model(folder.path()).unwrap();
        assert!(loaded.report.extra.is_empty(), "{:?}", loaded.report);
        let readout = loaded.model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
        assert_eq!(&*loaded.model.spec().heads[0].tracks[1], "G");
        let letters = random_sequences(&Alphabet::dna(), 3, 64, &[], Seed::new(2)).unwrap();
        let found = loaded.model.predict(&letters, &readout).unwrap();
        assert_eq!(found, trained.model.predict(&letters, &readout).unwrap());
        let mut correlations = crate::TrackCorrelations::new(2);
        let data = windows(3, 2);
        for (window, predicted) in found.outer_iter().enumerate() {
            let mut observed = [0.0; BINS * 2];
            TrackWindows::targets(&data, window as u64, &mut observed).unwrap();
            correlations.add(&predicted.iter().copied().collect::<Vec<_>>(), &observed);
        }
        let best = &trained.report.history[trained.report.best_epoch].validation;
        let mean = correlations.pooled().iter().sum::<f64>() / 2.0;
        // The engine and the differentiable layers add up in other orders.
        assert!((mean - best.metric("pearson").unwrap()).abs() < 1e-4, "{mean} {best:?}");
    }
}

#[test]
fn each_loss_is_its_definition() {
    let data = windows(3, 2);
    for loss in ["poisson", "mse", "poisson-multinomial"] {
        let options = EnformerTraining { loss: loss.parse().unwrap(), ..options("head,pointwise") };
        let trained = tuned(&options, None, Run::default()).unwrap();
        let readout = trained.model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
        let letters = random_sequences(&Alphabet::dna(), 3, 64, &[], Seed::new(2)).unwrap();
        let found = trained.model.predict_f64(&letters, &readout).unwrap();
        let mut sum = 0.0;
        for (window, predicted) in found.outer_iter().enumerate() {
            let mut observed = [0.0; BINS * 2];
            TrackWindows::targets(&data, window as u64, &mut observed).unwrap();
            for track in 0..2 {
                let pairs = predicted.column(track).to_vec().into_iter();
                let pairs = pairs.zip(observed.iter().skip(track).step_by(2).map(|y| f64::from(*y)));
                let pairs: Vec<(f64, f64)> = pairs.collect();
                let (total, counts) = pairs.iter().fold((0.0, 0.0), |(a, b), (p, y)| (a + p, b + y));
                sum += match loss {
                    "poisson" => pairs.iter().map(|(p, y)| p - y * p.ln()).sum(),
                    "mse" => pairs.iter().map(|(p, y)| (p - y).powi(2)).sum(),
                    _ => {
                        let multinomial: f64 = pairs.iter().map(|(p, y)| -y * (p / total).ln()).sum();
                        total - counts * total.ln() + 5.0 * multinomial
                    }
                };
            }
        }
        let best = trained.report.history[trained.report.best_epoch].validation.loss;
        let expected = sum / (3 * BINS * 2) as f64;
        assert!((best - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{loss}: {best} {expected}");
    }
}

#[test]
fn the_log_has_norms_of_groups() {
    let log = whole(&options("head,pointwise,transformer,tower")).1;
    let log = String::from_utf8(log["train.jsonl"].clone()).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 9);
    for line in lines.iter().filter(|line| line.get("group_norms").is_some()) {
        let groups = line["group_norms"].as_object().unwrap();
        let names: Vec<&str> = groups.keys().map(String::as_str).collect();
        let expected =
            ["head", "conv_tower.0", "conv_tower.1", "pointwise", "stem", "transformer.0", "transformer.1"];
        assert_eq!(names, expected);
        let squares: f64 = groups.values().map(|norm| norm.as_f64().unwrap().powi(2)).sum();
        let norm = line["gradient_norm"].as_f64().unwrap();
        assert!((squares.sqrt() - norm).abs() < 1e-12 * norm, "{line}");
    }
}

#[test]
fn a_head_is_kept_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    config().write(&model).unwrap();
    let weights = Enformer::initial_weights(&config(), Seed::new(7)).unwrap();
    weights.write(model.join("model.safetensors")).unwrap();
    let tuned = |head: &str, tracks: [&str; 2]| {
        let data = |n, seed| {
            let of = windows(n, seed);
            let letters = random_sequences(&Alphabet::dna(), n, 64, &[], Seed::new(seed)).unwrap();
            let mut numbers = Array3::zeros((n, BINS, 2));
            for (window, mut row) in numbers.outer_iter_mut().enumerate() {
                let row = row.as_slice_mut().unwrap();
                TrackWindows::targets(&of, window as u64, row).unwrap();
            }
            TracksInMemory::new(letters, numbers, tracks.map(String::from).to_vec()).unwrap()
        };
        let options = EnformerTraining { head: HeadStart::Kept(head.to_owned()), ..options("pointwise") };
        finetune_enformer(
            EnformerStart::Folder(&model),
            &data(5, 1),
            &data(3, 2),
            &options,
            None,
            Run::default(),
        )
    };
    let trained = tuned("human", ["0", "1"]).unwrap();
    assert_eq!(trained.model.config().output_heads, config().output_heads[..1]);
    assert!(trained.trained.iter().all(|name| name.starts_with("final_pointwise.")));
    let message = |head, tracks| tuned(head, tracks).unwrap_err().to_string();
    assert_eq!(
        message("rat", ["0", "1"]),
        "output_heads: found no head \"rat\", expected one of human, mouse"
    );
    assert_eq!(message("mouse", ["0", "1"]), "training data: found tracks 0, 1, expected 0, 1, 2");
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = |config: &EnformerConfig, validation: &TracksInMemory, options: &EnformerTraining| {
        let start = EnformerStart::Scratch(config);
        let result = finetune_enformer(start, &windows(5, 1), validation, options, None, Run::default());
        result.unwrap_err().to_string()
    };
    let good = options("head");
    assert_eq!(
        message(&config(), &windows(0, 1), &good),
        "validation data: found no window, expected at least 1"
    );
    let longer = EnformerConfig { input_length: 72, ..config() };
    assert_eq!(
        message(&longer, &windows(3, 2), &good),
        "training data: found 64 letters of an input, expected the model's 72"
    );
    let odd = EnformerConfig { input_length: 64, num_downsamples: 4, dim_divisible_by: 1, ..config() };
    let error = message(&odd, &windows(3, 2), &options("head,last:3"));
    assert!(error.contains("last:3"), "{error}");
    let mirror = EnformerTraining { mirror: Some(vec![1, 1]), ..good.clone() };
    assert_eq!(
        message(&config(), &windows(3, 2), &mirror),
        "option mirror is [1, 1], expected tracks in pairs, one number for each track"
    );
    let shifted = EnformerTraining { max_shift: 1, cache: Some("x".into()), ..good.clone() };
    assert!(message(&config(), &windows(3, 2), &shifted).starts_with("option cache is given with shifts"));
    let deep = EnformerTraining { cache: Some("x".into()), ..options("tower") };
    assert!(message(&config(), &windows(3, 2), &deep).starts_with("option cache is given, while the first"));
    let none = EnformerTraining { accumulate: 0, ..good };
    assert_eq!(message(&config(), &windows(3, 2), &none), "option accumulate is 0, expected at least 1");
    assert!("huber".parse::<TrackLoss>().is_err());
}

#[test]
fn bins_that_are_not_in_the_middle_have_one_strand() {
    // 9 positions, of which 4 are kept: 2 are before them and 3 after.
    let config = EnformerConfig { input_length: 72, ..config() };
    assert!(check_mirror(&config, &options("head")).is_err());
    let forward = EnformerTraining { reverse_complement: false, ..options("head") };
    check_mirror(&config, &forward).unwrap();
}
