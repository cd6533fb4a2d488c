use std::sync::atomic::{AtomicU64, Ordering};

use cistron_core::{Alphabet, Cancel, Observer, Seed};
use cistron_encode::random_sequences;

use super::trainee::mean_loss;
use super::*;

fn sequences(n: usize, width: usize, seed: u64) -> SequenceBatch {
    random_sequences(&Alphabet::dna(), n, width, &[], Seed::new(seed)).unwrap()
}

/// 1 where position 2 holds G.
fn labels(sequences: &SequenceBatch) -> Vec<f64> {
    sequences.codes().column(2).iter().map(|&code| f64::from(u8::from(code == 2))).collect()
}

fn train(options: &ProbeTraining, seed: u64) -> TrainedProbe {
    let (a, b) = (sequences(300, 12, 1), sequences(200, 12, 2));
    let (ya, yb) = (labels(&a), labels(&b));
    let (a, b) = (ProbeData { sequences: &a, targets: &ya }, ProbeData { sequences: &b, targets: &yb });
    train_probe(&a, &b, options, Run { seed: Seed::new(seed), ..Run::default() }).unwrap()
}

/// The mean loss of logits, and its slope by each.
fn loss<const N: usize>(logits: &[f64; N], targets: [f64; N], target: ProbeTarget) -> (f64, [f64; N]) {
    let (z, mean) = mean_loss(logits, targets.to_vec(), target).unwrap();
    let slopes = mean.gradients().unwrap().get(&z).unwrap().to_f64().unwrap();
    (mean.scalar().unwrap(), slopes.try_into().unwrap())
}

/// Compares `add_gradient` with central differences of the mean loss.
fn check_gradient<F: Form>(form: &F, target: ProbeTarget) {
    let sequences = sequences(20, 9, 3);
    let features = form.features(&sequences);
    let mut stream = Seed::new(4).stream("weights", 0);
    let weights: Vec<f64> = form.start().iter().map(|w| w + stream.uniform() - 0.5).collect();
    let rows = [3, 1, 17, 4, 4];
    let targets = [1.0, 0.0, 0.0, 1.0, 1.0];
    let total = |weights: &[f64]| {
        let mut logits = Vec::new();
        form.logits(weights, &features, &rows, &mut logits);
        loss(&logits.try_into().unwrap(), targets, target).0
    };
    let mut logits = Vec::new();
    form.logits(&weights, &features, &rows, &mut logits);
    let (_, slopes) = loss::<5>(&logits.try_into().unwrap(), targets, target);
    let mut gradient = vec![0.0; weights.len()];
    form.add_gradient(&weights, &features, &rows, &slopes, &mut gradient);
    for i in 0..weights.len() {
        const STEP: f64 = 1e-5;
        let at = |step: f64| {
            let mut moved = weights.clone();
            moved[i] += step;
            total(&moved)
        };
        let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        // 1e-7: the error of central differences with this step is about 1e-9 times the third derivative.
        assert!((numeric - gradient[i]).abs() < 1e-7, "weight {i}: {numeric} {}", gradient[i]);
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for target in [ProbeTarget::Class, ProbeTarget::Value] {
        check_gradient(&MeanForm::new(5, Seed::new(1)), target);
        for (kind, both_strands) in
            [(ProbeKind::Positional, false), (ProbeKind::Kmer, true), (ProbeKind::KmerPositional, false)]
        {
            let options = ProbeTraining { kind, both_strands, k: 3, ..Default::default() };
            check_gradient(&SparseForm::new(&options, 9, 0.1).unwrap(), target);
        }
    }
}

#[test]
fn the_loss_is_stable_far_out() {
    // Values of the exact formula, by hand: ln(1 + e^10) = 10.0000453989 and its limit |z|.
    assert!((loss(&[10.0], [0.0], ProbeTarget::Class).0 - 10.000_045_398_9).abs() < 1e-9);
    assert_eq!(loss(&[1000.0], [0.0], ProbeTarget::Class), (1000.0, [1.0]));
    assert_eq!(loss(&[-1000.0], [1.0], ProbeTarget::Class), (1000.0, [-1.0]));
    assert_eq!(loss(&[1000.0], [1.0], ProbeTarget::Class), (0.0, [0.0]));
    assert_eq!(loss(&[3.0], [1.0], ProbeTarget::Value), (4.0, [4.0]));
}

#[test]
fn each_kind_learns_what_it_can_see() {
    for kind in ProbeKind::ALL {
        let options = ProbeTraining { kind, k: 3, batch: 32, learning_rate: 1e-2, ..Default::default() };
        let trained = train(&options, 0);
        let metric = trained.history[trained.best_epoch].validation_metric;
        // A letter at one place of twelve shows in the composition, but weakly.
        let sure = matches!(kind, ProbeKind::Positional | ProbeKind::KmerPositional);
        assert!(metric > if sure { 0.99 } else { 0.55 }, "{kind}: {metric}");
        assert_eq!(trained.probe.kind(), kind);
    }
}

#[test]
fn the_best_epoch_is_kept_and_patience_ends_the_run() {
    let options = ProbeTraining { batch: 32, patience: 2, epochs: 40, ..Default::default() };
    let trained = train(&options, 3);
    let best = trained.history[trained.best_epoch];
    for (epoch, other) in trained.history.iter().enumerate() {
        assert!(best.validation_metric >= other.validation_metric, "{epoch}");
    }
    let n = trained.history.len();
    assert!(n == 40 || n == trained.best_epoch + 3, "{n} epochs, best {}", trained.best_epoch);
}

#[test]
fn results_depend_on_the_seed_and_not_on_threads() {
    let options = ProbeTraining { epochs: 3, hidden: 4, ..Default::default() };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let first = one.install(|| train(&options, 5));
    assert_eq!(first, four.install(|| train(&options, 5)));
    assert_ne!(first.probe, train(&options, 6).probe);
}

#[test]
fn weights_are_stored_in_32_bits() {
    let trained = train(&ProbeTraining { epochs: 2, ..Default::default() }, 0);
    let checkpoint = trained.probe.to_checkpoint();
    assert!(checkpoint.tensors().all(|(_, tensor)| tensor.element().width() == 4));
    assert_eq!(LinearProbe::from_checkpoint(&checkpoint).unwrap().0, trained.probe);
}

#[test]
fn values_are_predicted_in_their_own_unit() {
    let data = sequences(400, 6, 7);
    let value = |row: ndarray::ArrayView1<'_, u8>| 1e4 + 50.0 * f64::from(row[0]) - 30.0 * f64::from(row[4]);
    let targets: Vec<f64> = data.codes().outer_iter().map(value).collect();
    let data = ProbeData { sequences: &data, targets: &targets };
    for kind in [ProbeKind::Positional, ProbeKind::Mean] {
        let options = ProbeTraining {
            kind,
            target: ProbeTarget::Value,
            learning_rate: 3e-2,
            batch: 20,
            l2: Some(0.0),
            ..Default::default()
        };
        let trained = train_probe(&data, &data, &options, Run::default()).unwrap();
        let best = trained.history[trained.best_epoch];
        let logits = trained.probe.logits(data.sequences).unwrap();
        let errors = logits.iter().zip(&targets).map(|(logit, target)| (logit - target).powi(2));
        let error = errors.sum::<f64>() / targets.len() as f64;
        // Rounding to 32 bits moves numbers around 1e4 by up to 5e-4 a weight.
        assert!((error - best.validation_loss).abs() < 1e-5 + 1e-3 * error, "{error} {best:?}");
        assert!(kind == ProbeKind::Mean || best.validation_metric > 0.999, "{best:?}");
    }
}

#[test]
fn data_that_cannot_be_learned_are_refused() {
    let (a, rna) = (sequences(3, 4, 1), random_sequences(&Alphabet::rna(), 3, 4, &[], Seed::new(1)).unwrap());
    let longer = sequences(3, 5, 1);
    let message = |sequences: &SequenceBatch, targets: &[f64], target| {
        let good = ProbeData { sequences: &a, targets: &[0.0, 1.0, 1.0] };
        let bad = ProbeData { sequences, targets };
        let options = ProbeTraining { target, ..Default::default() };
        let error = train_probe(&good, &bad, &options, Run::default());
        error.map(|_| ()).unwrap_err().to_string()
    };
    let class = ProbeTarget::Class;
    let cases = [
        (message(&a, &[0.0; 3], class), "validation data: all 3 targets are 0, expected both classes"),
        (message(&a, &[1.0; 3], class), "validation data: all 3 targets are 1, expected both classes"),
        (message(&a, &[0.0, 1.0, 0.5], class), "validation data: target of row 2 is 0.5, expected 0 or 1"),
        (
            message(&a, &[0.0, f64::NAN, 1.0], ProbeTarget::Value),
            "validation data: target of row 1 is NaN, expected a finite number",
        ),
        (message(&a, &[0.0, 1.0], class), "validation data: 3 sequences have 2 targets, expected one each"),
        (message(&rna, &[0.0, 1.0, 0.0], class), "model reads the alphabet ACGT, got ACGU"),
        (message(&longer, &[0.0, 1.0, 0.0], class), "model takes sequences of length 4, got 5"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    let flat = ProbeData { sequences: &a, targets: &[2.0; 3] };
    let options = ProbeTraining { target: ProbeTarget::Value, ..Default::default() };
    let error = train_probe(&flat, &flat, &options, Run::default()).unwrap_err().to_string();
    assert_eq!(error, "training data: targets have standard deviation 0, expected a finite number above 0");
}

#[test]
fn options_are_checked() {
    let default = ProbeTraining::default;
    let cases = [
        (ProbeTraining { k: 9, ..default() }, "option k is 9, expected 1 to 8"),
        (ProbeTraining { hidden: 0, ..default() }, "option hidden is 0, expected at least 1"),
        (ProbeTraining { batch: 0, ..default() }, "option batch is 0, expected at least 1"),
        (
            ProbeTraining { learning_rate: 0.0, ..default() },
            "option learning rate is 0, expected a finite number above 0",
        ),
        (ProbeTraining { l2: Some(-1.0), ..default() }, "option l2 is -1, expected a finite number from 0"),
    ];
    for (options, expected) in cases {
        assert_eq!(options.check().unwrap_err().to_string(), expected);
    }
}

/// Asks the run to stop at the second epoch.
struct Stopper(Cancel, AtomicU64);

impl Observer for Stopper {
    fn advance(&self, items: u64) {
        if self.1.fetch_add(items, Ordering::Relaxed) == 1 {
            self.0.cancel();
        }
    }
}

#[test]
fn a_run_stops_when_asked() {
    let a = sequences(50, 5, 1);
    let targets = labels(&a);
    let data = ProbeData { sequences: &a, targets: &targets };
    let cancel = Cancel::default();
    let stopper = Stopper(cancel.clone(), AtomicU64::new(0));
    let run = Run { observer: &stopper, cancel: Some(&cancel), seed: Seed::new(0) };
    let error = train_probe(&data, &data, &ProbeTraining::default(), run).unwrap_err().to_string();
    assert_eq!(error, "stopped after 2 of 50 epochs");
}
