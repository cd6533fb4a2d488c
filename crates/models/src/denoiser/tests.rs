use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use cistron_core::{Cancel, Observer, Run, Seed};
use cistron_encode::kmer::{KmerDenoiser, KmerSampler, Noise, PackedSequences, Strands, WindowSet};
use cistron_encode::random_sequences;

use super::*;
use crate::train::RunFolder;

const SMALL: DenoiserKind = DenoiserKind::Conv { channels: 16 };

fn genome(width: usize) -> PackedSequences {
    let sequence = random_sequences(&cistron_core::Alphabet::dna(), 1, width, &[], Seed::new(8)).unwrap();
    let letters: Vec<u8> = sequence.codes().iter().map(|code| b"ACGT"[usize::from(*code)]).collect();
    let mut genome = PackedSequences::default();
    genome.push(&letters);
    genome
}

fn with_sampler<R>(width: usize, k: usize, work: impl FnOnce(&KmerSampler<'_>) -> R) -> R {
    let genome = genome(width);
    let windows = WindowSet::all(&genome, k).unwrap();
    let noise = Noise::new(0.1).unwrap();
    work(&KmerSampler::new(&genome, &windows, Strands::Forward, noise, Seed::new(2)).unwrap())
}

#[test]
fn networks_have_the_parameters_of_their_shapes() {
    let count = |kind| Denoiser::new(31, kind, 0.1, Seed::new(1)).unwrap().n_parameters();
    assert_eq!(count(DenoiserKind::Notebook), 71_638);
    assert_eq!(count(DenoiserKind::NotebookSkip), 71_639);
    assert_eq!(count(DenoiserKind::Conv { channels: 512 }), 127_493);
}

#[test]
fn a_network_with_a_skip_starts_near_the_identity() {
    let denoiser = Denoiser::new(12, SMALL, 0.1, Seed::new(1)).unwrap();
    let noisy: Vec<u8> = (0..120).map(|i| (i * 7 % 11 % 4) as u8).collect();
    let (mut prediction, mut confidence) = (vec![0; 120], vec![0.0; 120]);
    denoiser.denoise(&noisy, &mut prediction, &mut confidence).unwrap();
    assert_eq!(prediction, noisy);
    assert!(confidence.iter().all(|p| (0.5..1.0).contains(p)));
}

#[test]
fn training_on_a_small_genome_beats_the_identity() {
    with_sampler(300, 15, |sampler| {
        let options = DenoiserTraining {
            kind: DenoiserKind::Conv { channels: 64 },
            epochs: 60,
            batch: 32,
            learning_rate: Some(5e-3),
            ..Default::default()
        };
        let trained = train_denoiser(sampler, sampler, &options, None, Run::default()).unwrap();
        let best = &trained.report.history[trained.report.best_epoch].validation;
        let metric = |name: &str| best.metric(name).unwrap();
        assert!(metric("hamming") < 0.5 * metric("identity"), "{best:?}");
    });
}

#[test]
fn seeds_learn_a_small_genome() {
    with_sampler(2_000, 31, |sampler| {
        let kind = DenoiserKind::Seeds { width: 6 };
        let options = DenoiserTraining { kind, epochs: 10, batch: 32, ..Default::default() };
        let trained = train_denoiser(sampler, sampler, &options, None, Run::default()).unwrap();
        let best = &trained.report.history[trained.report.best_epoch].validation;
        assert!(best.metrics[0].1 < 0.2 * best.metrics[1].1, "{best:?}");
    });
}

/// Asks a run to stop once it has gone three steps further than where it was taken up.
#[derive(Default)]
struct Stopper {
    cancel: Cancel,
    calls: AtomicU64,
}

impl Observer for Stopper {
    fn advance(&self, _: u64) {
        // The first call tells of the steps of earlier runs.
        if self.calls.fetch_add(1, Ordering::Relaxed) == 3 {
            self.cancel.cancel();
        }
    }
}

#[test]
fn an_interrupted_run_ends_with_the_same_bytes() {
    let files = |folder: &Path| {
        let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        // Of times and memory.
        all.retain(|path| !path.ends_with("speed.jsonl"));
        all.into_iter()
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()))
            .collect::<Vec<_>>()
    };
    with_sampler(60, 9, |sampler| {
        for kind in [SMALL, DenoiserKind::NotebookSkip, DenoiserKind::Seeds { width: 3 }] {
            let options = DenoiserTraining { kind, epochs: 2, batch: 10, ..Default::default() };
            let folder = tempfile::tempdir().unwrap();
            let whole = folder.path().join("whole");
            train_denoiser(
                sampler,
                sampler,
                &options,
                Some(&RunFolder::create(&whole).unwrap()),
                Run::default(),
            )
            .unwrap();
            let parts = folder.path().join("parts");
            let mut store = RunFolder::create(&parts).unwrap();
            let mut stops = 0;
            loop {
                let stopper = Stopper::default();
                let run = Run { cancel: Some(&stopper.cancel), observer: &stopper, ..Run::default() };
                if train_denoiser(sampler, sampler, &options, Some(&store), run).is_ok() {
                    break;
                }
                stops += 1;
                store = RunFolder::resume(&parts).unwrap();
            }
            assert!(stops >= 4, "{stops}");
            assert_eq!(files(&whole), files(&parts), "{kind:?}");
        }
    });
}

#[test]
fn threads_do_not_change_a_trained_network() {
    with_sampler(80, 9, |sampler| {
        let options = DenoiserTraining { kind: SMALL, epochs: 2, batch: 16, ..Default::default() };
        let train = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let trained =
                pool.install(|| train_denoiser(sampler, sampler, &options, None, Run::default()).unwrap());
            let weights = trained.denoiser.weights().unwrap();
            weights
                .tensors()
                .map(|(name, tensor)| (name.to_owned(), tensor.bytes().to_vec()))
                .collect::<Vec<_>>()
        };
        assert_eq!(train(1), train(2));
    });
}

#[test]
fn weights_return_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let denoiser = Denoiser::new(7, DenoiserKind::NotebookSkip, 0.05, Seed::new(4)).unwrap();
    denoiser.save(&path).unwrap();
    let weights = Checkpoint::read(&path).unwrap();
    let loaded = Denoiser::from_checkpoint(7, DenoiserKind::NotebookSkip, 0.05, &weights).unwrap();
    assert_eq!(loaded.weights().unwrap().n_values(), weights.n_values());
    assert!(Denoiser::from_checkpoint(8, DenoiserKind::NotebookSkip, 0.05, &weights).is_err());
    assert!(Denoiser::from_checkpoint(7, SMALL, 0.05, &weights).is_err());
}

#[test]
fn options_and_slices_are_checked() {
    let new = |k, kind, noise| Denoiser::new(k, kind, noise, Seed::new(1)).map_err(|error| error.to_string());
    assert_eq!(new(0, SMALL, 0.1).unwrap_err(), "option k is 0, expected 1 to 32");
    assert_eq!(new(33, SMALL, 0.1).unwrap_err(), "option k is 33, expected 1 to 32");
    assert!(new(5, DenoiserKind::Conv { channels: 0 }, 0.1).is_err());
    assert!(new(5, SMALL, 0.75).is_err() && new(5, SMALL, f64::NAN).is_err());
    let denoiser = new(2, SMALL, 0.1).unwrap();
    let run = |noisy: &[u8], n: usize| denoiser.denoise(noisy, &mut vec![0; n], &mut vec![0.0; n]).is_ok();
    assert!(run(&[0, 1, 2, 3], 4) && run(&[], 0));
    assert!(!run(&[0, 1, 2], 3) && !run(&[0, 1], 4) && !run(&[0, 4], 2));
}

#[test]
fn what_was_learned_of_another_genome_is_not_kept() {
    let own = genome(2_000);
    let other = random_sequences(&cistron_core::Alphabet::dna(), 1, 2_000, &[], Seed::new(9)).unwrap();
    let letters: Vec<u8> = other.codes().iter().map(|code| b"ACGT"[usize::from(*code)]).collect();
    let mut unseen = PackedSequences::default();
    unseen.push(&letters);
    let noise = Noise::new(0.1).unwrap();
    let windows = [&own, &unseen].map(|genome| WindowSet::all(genome, 31).unwrap());
    let sampler =
        |genome, windows| KmerSampler::new(genome, windows, Strands::Forward, noise, Seed::new(2)).unwrap();
    let (training, validation) = (sampler(&own, &windows[0]), sampler(&unseen, &windows[1]));
    let kind = DenoiserKind::Seeds { width: 6 };
    let options = DenoiserTraining { kind, epochs: 3, ..Default::default() };
    let trained = train_denoiser(&training, &validation, &options, None, Run::default()).unwrap();
    assert!(trained.untrained);
    let noisy: Vec<u8> = (0..31).map(|i| i % 4).collect();
    let (mut prediction, mut confidence) = (vec![0; 31], vec![0.0; 31]);
    trained.denoiser.denoise(&noisy, &mut prediction, &mut confidence).unwrap();
    assert_eq!(prediction, noisy);
}
