#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Cancel, Observer, Seed};
use cistron_encode::{Reduce, SequenceBatch, SequenceModel, random_sequences};

use super::*;

/// One convolution, normalisation, dropout and two heads.
fn config(activation: &str) -> ConvNetConfig {
    let text = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 24, "layers": [
        {"op": "conv1d", "name": "words", "in": 4, "out": 8, "kernel": 4, "bias": false},
        {"op": "batch_norm", "name": "norm", "channels": 8}, {"op": "relu"}, {"op": "max_pool", "kernel": 3},
        {"op": "dropout", "p": 0.1}, {"op": "flatten"}],
        "heads": [{"name": "one", "tracks": ["a"], "activation": "ACT", "layers": [
            {"op": "linear", "name": "one", "in": 56, "out": 1}]},
            {"name": "two", "tracks": ["b", "c"], "activation": "ACT", "layers": [
            {"op": "linear", "name": "two", "in": 56, "out": 2}]}]}"#;
    ConvNetConfig::from_json(&text.replace("ACT", activation)).unwrap()
}

/// Sequences, and of each whether it holds three words.
fn data(n: usize) -> (SequenceBatch, Vec<f64>) {
    let sequences = random_sequences(&Alphabet::dna(), n, 24, &[], Seed::new(n as u64)).unwrap();
    let holds =
        |row: &[u8], word: &[u8]| f64::from(u8::from(row.windows(word.len()).any(|here| here == word)));
    let of_row = |row: ndarray::ArrayView1<'_, u8>| {
        let row = row.to_vec();
        [&[3, 0, 3][..], &[2, 2, 1], &[0, 0, 1]].map(|word| holds(&row, word))
    };
    let targets = sequences.codes().outer_iter().flat_map(of_row).collect();
    (sequences, targets)
}

fn options() -> ConvNetTraining {
    ConvNetTraining {
        epochs: 3,
        batch: 32,
        learning_rate: 0.01,
        max_shift: 1,
        average: Some(0.9),
        ..ConvNetTraining::default()
    }
}

fn trained_on(
    n: usize,
    options: &ConvNetTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedConvNet, ModelsError> {
    let ((a, a_targets), (b, b_targets)) = (data(n), data(90));
    let training = ConvNetData { sequences: &a, targets: &a_targets };
    let validation = ConvNetData { sequences: &b, targets: &b_targets };
    train_convnet(&config("sigmoid"), &training, &validation, options, folder, run)
}

fn trained(
    options: &ConvNetTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedConvNet, ModelsError> {
    trained_on(200, options, folder, run)
}

fn bytes(folder: &std::path::Path) -> Vec<Vec<u8>> {
    ["model.safetensors", "last.safetensors", "train.jsonl"]
        .map(|file| std::fs::read(folder.join(file)).unwrap())
        .to_vec()
}

#[test]
fn words_are_learned() {
    let options = ConvNetTraining { epochs: 25, ..options() };
    let trained = trained_on(2000, &options, None, Run::default()).unwrap();
    let best = &trained.report.history[trained.report.best_epoch].validation;
    assert!(best.metric("auroc").unwrap() > 0.8, "{best:?}");
    // What is returned is what was measured.
    let (sequences, targets) = data(90);
    let readouts = [("one", 0), ("two", 1)].map(|(head, first)| {
        (trained.net.spec().readout(Some(head), &[], None, Reduce::Keep).unwrap(), first)
    });
    let mut loss = 0.0;
    for (readout, first) in readouts {
        let found = trained.net.predict_f64(&sequences, &readout).unwrap();
        for ((row, _, track), p) in found.indexed_iter() {
            let target = targets[row * 3 + first + track];
            loss -= target * p.ln() + (1.0 - target) * (1.0 - p).ln();
        }
    }
    // Single precision rounds near 1.
    assert!((loss / 270.0 - best.loss).abs() < 1e-4, "{} {}", loss / 270.0, best.loss);
}

#[test]
fn runs_are_the_same_on_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = RunFolder::create(folder.path()).unwrap();
        pool.install(|| trained(&options(), Some(&place), Run::default())).unwrap();
        bytes(folder.path())
    };
    assert_eq!(run(1), run(3));
}

/// Stops after some steps.
struct StopAfter(std::sync::atomic::AtomicU64, Cancel);

impl Observer for StopAfter {
    fn advance(&self, steps: u64) {
        if self.0.fetch_sub(steps, std::sync::atomic::Ordering::Relaxed) == steps {
            self.1.cancel();
        }
    }
}

#[test]
fn an_interrupted_run_ends_with_the_same_bytes() {
    for average in [None, Some(0.9)] {
        let options = ConvNetTraining { average, ..options() };
        let whole = tempfile::tempdir().unwrap();
        trained(&options, Some(&RunFolder::create(whole.path()).unwrap()), Run::default()).unwrap();
        let cut = tempfile::tempdir().unwrap();
        let cancel = Cancel::default();
        let observer = StopAfter(9.into(), cancel.clone());
        let run = Run { observer: &observer, cancel: Some(&cancel), ..Run::default() };
        let stopped = trained(&options, Some(&RunFolder::create(cut.path()).unwrap()), run);
        assert!(matches!(stopped, Err(ModelsError::Cancelled { .. })), "{stopped:?}");
        trained(&options, Some(&RunFolder::resume(cut.path()).unwrap()), Run::default()).unwrap();
        assert_eq!(bytes(whole.path()), bytes(cut.path()));
        // Another run does not go on from there.
        let other = ConvNetTraining { max_shift: 2, ..options };
        let refused = trained(&other, Some(&RunFolder::resume(cut.path()).unwrap()), Run::default());
        assert!(matches!(refused, Err(ModelsError::Resume { .. })), "{refused:?}");
    }
}

#[test]
fn each_loss_falls() {
    let (sequences, targets) = data(120);
    let data = ConvNetData { sequences: &sequences, targets: &targets };
    for (loss, activation) in [
        (ConvNetLoss::BinaryCrossEntropy, "none"),
        (ConvNetLoss::SquaredError, "sigmoid"),
        (ConvNetLoss::SquaredError, "softmax"),
        (ConvNetLoss::Poisson, "softplus"),
        (ConvNetLoss::Poisson, "none"),
    ] {
        let options = ConvNetTraining { loss, epochs: 8, patience: None, average: None, ..options() };
        let trained =
            train_convnet(&config(activation), &data, &data, &options, None, Run::default()).unwrap();
        let losses: Vec<f64> = trained.report.history.iter().map(|epoch| epoch.validation.loss).collect();
        let best = losses[trained.report.best_epoch];
        assert!(best < losses[0], "{loss:?} {activation}: {losses:?}");
    }
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let (sequences, mut targets) = data(10);
    let message = |activation: &str, targets: &[f64], options: &ConvNetTraining| {
        let data = ConvNetData { sequences: &sequences, targets };
        let result = train_convnet(&config(activation), &data, &data, options, None, Run::default());
        result.unwrap_err().to_string()
    };
    assert_eq!(
        message("softmax", &targets, &options()),
        "head one: found activation Softmax, which bce does not fit"
    );
    assert_eq!(
        message("none", &targets[1..], &options()),
        "training data: found 29 targets, expected 3 for each of 10 sequences"
    );
    let wrong = ConvNetTraining { average: Some(1.0), ..options() };
    assert_eq!(message("none", &targets, &wrong), "option average is 1, expected a share from 0 to below 1");
    targets[4] = 2.0;
    assert_eq!(
        message("none", &targets, &options()),
        "training data: target 1 of sequence 1 is 2, expected numbers from 0 to 1"
    );
    let shorter = random_sequences(&Alphabet::dna(), 10, 23, &[], Seed::new(1)).unwrap();
    let data = ConvNetData { sequences: &shorter, targets: &[0.0; 30] };
    let refused = train_convnet(&config("none"), &data, &data, &options(), None, Run::default());
    assert_eq!(refused.unwrap_err().to_string(), "model takes sequences of length 24, got 23");
    assert!("huber".parse::<ConvNetLoss>().is_err());
}
