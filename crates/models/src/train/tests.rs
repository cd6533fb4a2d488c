use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cistron_core::{Cancel, Observer, Run, Seed};
use proptest::prelude::*;
use rayon::prelude::*;

use super::*;
use crate::Tensor;

const SEED: Seed = Seed::new(11);
const N_WEIGHTS: usize = 3;
const N_STEPS: u64 = 6;

/// Rows of three numbers and their noisy weighted sum; the noise is that of the epoch.
struct Rows;

impl Dataset for Rows {
    type Batch = Vec<([f32; N_WEIGHTS], f32)>;

    fn n_rows(&self) -> u64 {
        23
    }

    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Self::Batch, ModelsError> {
        Ok(rows.par_iter().map(|row| example(epoch, *row)).collect())
    }
}

fn example(epoch: u64, row: u64) -> ([f32; N_WEIGHTS], f32) {
    let mut stream = SEED.stream("row", row);
    let x = [(); N_WEIGHTS].map(|()| stream.normal() as f32);
    let noise = Seed::new(epoch).stream("noise", row).normal() as f32;
    (x, x[0] - 2.0 * x[1] + 0.5 * x[2] + 0.3 * noise)
}

/// Linear regression in 32 bits with clipping, dropout of inputs keyed by the step, and a buffer beside the
/// weights.
struct Regression<'a, 'd> {
    feed: &'a mut Feed<'d, Rows>,
    weights: Vec<f32>,
    moments: Moments<f32>,
    buffer: f64,
    /// What goes wrong: at this step, or at the validation of this epoch.
    killed_at: Option<u64>,
    stopped_in_validation: Option<u64>,
}

impl<'a, 'd> Regression<'a, 'd> {
    fn new(feed: &'a mut Feed<'d, Rows>) -> Self {
        let weights = Initializer::Normal { deviation: 0.1 }.values(SEED, "weights", &[N_WEIGHTS]).unwrap();
        let moments = Moments::new(Optimizer::AdamW(Adam { weight_decay: 0.01, ..Adam::default() })).unwrap();
        Self { feed, weights, moments, buffer: 0.0, killed_at: None, stopped_in_validation: None }
    }
}

impl Trainee for Regression<'_, '_> {
    fn n_steps(&self) -> u64 {
        self.feed.n_steps()
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("training data".to_owned(), "23 rows".to_owned())]
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        if self.killed_at == Some(at.global) {
            return Err(ModelsError::Data { set: "training", problem: "killed".to_owned() });
        }
        let batch = self.feed.get(at.epoch, at.index)?;
        let (mut gradient, mut loss_sum) = (vec![0.0_f32; N_WEIGHTS], 0.0);
        let mut dropout = SEED.stream("dropout", at.global);
        for (x, y) in &batch {
            let kept = x.map(|x| if dropout.uniform() < 0.1 { 0.0 } else { x });
            let error = kept.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f32>() - y;
            loss_sum += f64::from(error * error);
            gradient.iter_mut().zip(kept).for_each(|(g, x)| *g += 2.0 * error * x / batch.len() as f32);
        }
        self.buffer = 0.9 * self.buffer + 0.1 * loss_sum;
        let mut norm = GradientNorm::new();
        norm.add("weights", &gradient)?;
        scale_gradient(&mut gradient, norm.clip_factor(2.0));
        self.moments.begin_step();
        self.moments.update("weights", &mut self.weights, &mut gradient, learning_rate, true);
        Ok(StepReport {
            loss_sum,
            examples: batch.len() as f64,
            gradient_norm: Some(norm.value()),
            ..StepReport::default()
        })
    }

    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError> {
        if self.stopped_in_validation == Some(epoch) {
            return Err(ModelsError::Cancelled { done: 0, total: 0 });
        }
        let error = |row| {
            let (x, y) = example(99, row);
            (x.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f32>() - y).powi(2)
        };
        let loss = (23..40).map(|row| f64::from(error(row))).sum::<f64>() / 17.0;
        Ok(Validation { loss, metrics: vec![("fit".to_owned(), 1.0 / (loss + self.buffer))] })
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        let mut state = self.weights()?;
        state.insert("buffer", Tensor::from_f64(&[], &[self.buffer]).unwrap());
        self.moments.save(&mut state);
        Ok(state)
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.set_weights(state)?;
        self.buffer = state.values("buffer", &[])?[0];
        self.moments.restore(state, &[("weights", N_WEIGHTS)])
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        let mut weights = Checkpoint::new();
        weights.insert("weights", Tensor::from_f32(&[N_WEIGHTS], &self.weights).unwrap());
        Ok(weights)
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        let values = weights.values("weights", &[Some(N_WEIGHTS)])?;
        self.weights = values.iter().map(|value| *value as f32).collect();
        Ok(())
    }
}

/// Everything of the loop at once.
fn options() -> FitOptions {
    FitOptions {
        epochs: 6,
        learning_rate: 0.2,
        warmup_steps: 4,
        schedule: Schedule::Plateau(Plateau { patience: 0, factor: 0.5, ..Plateau::default() }),
        best: Some(Watch::Highest("fit".to_owned())),
        patience: Some(3),
        log_every: Some(4),
        save_every: Some(3),
        ..FitOptions::default()
    }
}

/// Where a run is interrupted.
#[derive(Clone, Copy, Debug)]
enum Cut {
    No,
    /// Asked to stop when this number of steps are done.
    Cancel(u64),
    /// Gone at this step, with nothing saved.
    Kill(u64),
    /// Asked to stop during the validation of this epoch.
    Validation(u64),
}

/// Asks a run to stop when it has come to a number of steps.
struct Stopper(Cancel, AtomicU64, u64);

impl Observer for Stopper {
    fn advance(&self, items: u64) {
        if self.1.fetch_add(items, Ordering::Relaxed) + items >= self.2 {
            self.0.cancel();
        }
    }
}

/// The report and the weights that the model is left with.
type Outcome = Result<(FitReport, Vec<f32>), ModelsError>;

fn train(options: &FitOptions, folder: Option<&RunFolder>, ahead: usize, cut: Cut) -> Outcome {
    let batches = Batches::new(23, 4, SEED)?;
    let cancel = Cancel::default();
    let at = if let Cut::Cancel(step) = cut { step } else { u64::MAX };
    let stopper = Stopper(cancel.clone(), AtomicU64::new(0), at);
    let run = Run { observer: &stopper, cancel: Some(&cancel), seed: SEED };
    with_feed(&Rows, batches, ahead, |feed| {
        let mut model = Regression::new(feed);
        match cut {
            Cut::Kill(step) => model.killed_at = Some(step),
            Cut::Validation(epoch) => model.stopped_in_validation = Some(epoch),
            Cut::No | Cut::Cancel(_) => {}
        }
        let report = fit(&mut model, options, folder, run)?;
        Ok((report, model.weights))
    })
}

type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut files: Files =
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect();
    // What depends on the machine stands in a file of its own.
    assert!(files.remove("speed.jsonl").is_some());
    files
}

/// A run in a folder with interruptions, one after another.
fn interrupted(options: &FitOptions, cuts: &[Cut], ahead: usize) -> (FitReport, Vec<f32>, Files) {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path()).unwrap();
    for cut in cuts {
        let _ = train(options, Some(&run), ahead, *cut);
        run = RunFolder::resume(folder.path()).unwrap();
    }
    let (report, weights) = train(options, Some(&run), ahead, Cut::No).unwrap();
    (report, weights, files(folder.path()))
}

#[test]
fn a_run_resumed_at_any_step_ends_with_the_same_bytes() {
    let options = FitOptions { epochs: 4, save_every: Some(4), ..options() };
    let whole = interrupted(&options, &[], 0);
    assert_eq!(whole.0.history.len(), 4, "{:?}", whole.0);
    assert_eq!(whole.2.keys().collect::<Vec<_>>(), ["last.safetensors", "model.safetensors", "train.jsonl"]);
    for step in 0..=4 * N_STEPS {
        assert_eq!(interrupted(&options, &[Cut::Cancel(step)], 0), whole, "cancelled at {step}");
        assert_eq!(interrupted(&options, &[Cut::Kill(step)], 0), whole, "killed at {step}");
    }
    for epoch in 0..4 {
        assert_eq!(interrupted(&options, &[Cut::Validation(epoch)], 0), whole, "validation {epoch}");
    }
}

#[test]
fn a_folder_changes_no_result() {
    for best in [None, Some(Watch::default()), options().best] {
        let patience = best.as_ref().map(|_| 2);
        let options = FitOptions { best, patience, ..options() };
        let (report, weights, _) = interrupted(&options, &[], 0);
        assert_eq!(train(&options, None, 0, Cut::No).unwrap(), (report, weights));
    }
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let plateau = Plateau { patience: 0, factor: 0.3, cooldown: 1, ..Plateau::default() };
    prop_oneof![
        Just(Schedule::Constant),
        Just(Schedule::Cosine { floor: 0.1 }),
        Just(Schedule::Plateau(plateau))
    ]
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let cut = prop_oneof![
        (0_u64..30).prop_map(Cut::Cancel),
        (0_u64..30).prop_map(Cut::Kill),
        (0_u64..5).prop_map(Cut::Validation)
    ];
    prop::collection::vec(cut, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn interruptions_and_threads_change_no_byte(
        schedule in schedules(),
        cuts in cuts(),
        ahead in 0_usize..4,
        epochs in 1_u64..5,
        max_steps in prop::option::of(1_u64..25),
        save_every in prop::option::of(1_u64..9),
    ) {
        let options = FitOptions { epochs, max_steps, schedule, save_every, ..options() };
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let whole = one.install(|| interrupted(&options, &[], 0));
        prop_assert_eq!(interrupted(&options, &cuts, ahead), whole);
    }
}

/// The folder of a run that was cancelled at the end of its first epoch.
fn first_epoch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path()).unwrap();
    let stopped = train(&options(), Some(&run), 0, Cut::Cancel(N_STEPS)).unwrap_err().to_string();
    assert_eq!(stopped, "stopped after 1 of 6 epochs");
    folder
}

#[test]
fn a_run_that_died_between_the_state_and_the_weights_is_repaired() {
    let whole = interrupted(&options(), &[], 0);
    let folder = first_epoch();
    for damage in [None, Some("torn")] {
        let run = RunFolder::resume(folder.path()).unwrap();
        match damage {
            None => fs::remove_file(run.model()).unwrap(),
            Some(text) => fs::write(run.model(), text).unwrap(),
        }
        // What a killed run wrote to its log after its last state.
        fs::write(run.log(), [fs::read(run.log()).unwrap(), b"{\"epoch\":1,".to_vec()].concat()).unwrap();
        let _ = train(&options(), Some(&run), 0, Cut::Kill(N_STEPS)).unwrap_err();
    }
    let run = RunFolder::resume(folder.path()).unwrap();
    let (report, weights) = train(&options(), Some(&run), 0, Cut::No).unwrap();
    assert_eq!((report, weights, files(folder.path())), whole);
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let whole = interrupted(&options(), &[], 0);
    assert_eq!(interrupted(&options(), &[Cut::No, Cut::No], 0), whole);
}

#[test]
fn budgets_end_a_run_with_a_validation() {
    let steps = FitOptions { max_steps: Some(8), patience: None, ..options() };
    let (report, ..) = interrupted(&steps, &[], 0);
    let ends: Vec<u64> = report.history.iter().map(|epoch| epoch.steps).collect();
    assert_eq!((ends, report.ended), (vec![6, 8], Ended::Steps));
    let whole_epochs = FitOptions { max_steps: Some(12), ..steps.clone() };
    assert_eq!(interrupted(&whole_epochs, &[], 0).0.history.len(), 2);
    let epochs = FitOptions { max_steps: Some(12), epochs: 2, ..steps.clone() };
    assert_eq!(interrupted(&epochs, &[], 0).0.ended, Ended::Epochs);
    // No clock: no time at all is over after the first step.
    let time = FitOptions { max_time: Some(Duration::ZERO), ..steps };
    let (report, ..) = interrupted(&time, &[], 0);
    assert_eq!((report.history.len(), report.history[0].steps, report.ended), (1, 1, Ended::Time));
}

#[test]
fn times_and_memory_have_a_log_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let options = FitOptions { epochs: 2, patience: None, ..options() };
    let run = RunFolder::create(folder.path()).unwrap();
    train(&options, Some(&run), 0, Cut::No).unwrap();
    let lines = |path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    let (speed, log) = (lines(run.speed()), lines(run.log()));
    let places = |lines: &[serde_json::Value]| {
        lines
            .iter()
            .map(|line| [&line["epoch"], &line["step"]].map(serde_json::Value::as_u64))
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&speed), places(&log));
    let seconds: Vec<f64> = speed.iter().map(|line| line["seconds"].as_f64().unwrap()).collect();
    assert!(seconds.is_sorted() && seconds[0] >= 0.0, "{seconds:?}");
    assert!(speed.iter().all(|line| line["examples_per_second"].as_f64() >= Some(0.0)));
    if cfg!(target_os = "linux") {
        assert!(speed.iter().all(|line| line["resident_bytes"].as_u64() > Some(1 << 20)), "{speed:?}");
    }
}

/// The log, line by line, without the numbers that training came to.
#[test]
fn the_log_has_a_line_for_each_epoch_and_as_often_as_asked_between() {
    let options = FitOptions { epochs: 2, schedule: Schedule::Constant, ..options() };
    let (report, _, files) = interrupted(&options, &[], 0);
    let log = String::from_utf8(files["train.jsonl"].clone()).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> = lines.iter().map(|line| (line["epoch"].as_u64(), line["step"].as_u64())).collect();
    let expected = [(0, 4), (0, 6), (1, 8), (1, 12), (1, 12)].map(|(epoch, step)| (Some(epoch), Some(step)));
    assert_eq!(places, expected);
    let keys =
        |line: &serde_json::Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&lines[0]), "epoch step learning_rate training_loss gradient_norm");
    assert_eq!(keys(&lines[1]), "epoch step learning_rate training_loss validation");
    assert_eq!(keys(&lines[1]["validation"]), "loss fit");
    let close = |found: &serde_json::Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-12;
    assert!(close(&lines[1]["training_loss"], report.history[0].training_loss));
    assert!(close(&lines[1]["validation"]["loss"], report.history[0].validation.loss));
    // The last step of the warm-up has the whole rate.
    assert!(close(&lines[0]["learning_rate"], 0.2));
}

fn resume_error(options: &FitOptions, folder: &Path, seed: Seed) -> String {
    let run = RunFolder::resume(folder).unwrap();
    let batches = Batches::new(23, 4, SEED).unwrap();
    let error = with_feed(&Rows, batches, 0, |feed| {
        fit(&mut Regression::new(feed), options, Some(&run), Run { seed, ..Run::default() }).unwrap_err()
    });
    error.to_string().replace(&folder.display().to_string(), "run")
}

#[test]
fn another_run_is_not_resumed() {
    let folder = first_epoch();
    let before = files(folder.path());
    let cases = [
        (FitOptions { epochs: 7, ..options() }, SEED, "epochs is 7, but the run to resume began with 6"),
        (
            FitOptions { learning_rate: 0.1, ..options() },
            SEED,
            "learning rate is 0.1, but the run to resume began with 0.2",
        ),
        (
            FitOptions { patience: None, ..options() },
            SEED,
            "patience is none, but the run to resume began with 3",
        ),
        (options(), Seed::new(12), "seed is 12, but the run to resume began with 11"),
    ];
    for (options, seed, expected) in cases {
        assert_eq!(resume_error(&options, folder.path(), seed), format!("run/last.safetensors: {expected}"));
    }
    let batches = Batches::new(23, 5, SEED).unwrap();
    let run = RunFolder::resume(folder.path()).unwrap();
    let other = with_feed(&Rows, batches, 0, |feed| {
        fit(&mut Regression::new(feed), &options(), Some(&run), Run { seed: SEED, ..Run::default() })
    });
    let other = other.unwrap_err().to_string();
    assert!(other.ends_with("steps of an epoch is 5, but the run to resume began with 6"), "{other}");
    assert!(RunFolder::create(folder.path()).unwrap_err().to_string().contains("found a training run"));
    assert_eq!(files(folder.path()), before);
    // How often and how long has no influence.
    let harmless = FitOptions { save_every: None, max_time: Some(Duration::from_hours(1)), ..options() };
    assert!(train(&harmless, Some(&run), 0, Cut::No).is_ok());
}

#[test]
fn a_run_is_replaced_when_training_begins_and_not_before() {
    let folder = first_epoch();
    let before = files(folder.path());
    let run = RunFolder::replace(folder.path());
    let refused = train(&FitOptions { epochs: 0, ..options() }, Some(&run), 0, Cut::No);
    assert!(refused.is_err());
    assert_eq!(files(folder.path()), before);
    train(&options(), Some(&run), 0, Cut::No).unwrap();
    let anew = tempfile::tempdir().unwrap();
    train(&options(), Some(&RunFolder::create(anew.path().join("new")).unwrap()), 0, Cut::No).unwrap();
    assert_eq!(files(folder.path()), files(&anew.path().join("new")));
}

type Change<'a> = &'a dyn Fn(&mut serde_json::Value);

#[test]
fn damaged_states_are_refused() {
    let folder = first_epoch();
    let run = RunFolder::resume(folder.path()).unwrap();
    let (good, log) = (fs::read(run.last()).unwrap(), fs::read(run.log()).unwrap());
    let refusal = || resume_error(&options(), folder.path(), SEED);
    let edit = |change: Change| {
        let mut checkpoint = Checkpoint::from_bytes(&good, "last").unwrap();
        let mut state = serde_json::from_str(checkpoint.metadata("fit").unwrap()).unwrap();
        change(&mut state);
        checkpoint.set_metadata("fit", state.to_string());
        checkpoint.write(run.last()).unwrap();
        refusal()
    };
    let cases: [(&str, Change); 7] = [
        ("found a training state of version 2, expected 1", &|state| state["version"] = 2.into()),
        ("not a sound training state: missing field `rate`", &|state| {
            state.as_object_mut().unwrap().remove("rate");
        }),
        ("not a sound training state: found \"fast\", expected a number", &|state| {
            state["rate"] = "fast".into();
        }),
        ("7 steps of an epoch are done, expected at most 6", &|state| state["index"] = 7.into()),
        ("found 1 epochs of 2", &|state| state["epoch"] = 2.into()),
        ("the best epoch is Some(1) of 1", &|state| state["best"] = 1.into()),
        ("8 steps are done, expected 6 and 0", &|state| state["global"] = 8.into()),
    ];
    for (expected, change) in cases {
        let found = edit(change);
        assert!(found.starts_with("run/last.safetensors: ") && found.contains(expected), "{found}");
    }
    let mut plain = Checkpoint::new();
    plain.insert("weights", Tensor::from_f32(&[N_WEIGHTS], &[0.0; N_WEIGHTS]).unwrap());
    plain.write(run.last()).unwrap();
    assert!(refusal().contains("expected the state of a training run"));
    for end in [0, 4, good.len() / 2, good.len() - 1] {
        fs::write(run.last(), &good[..end]).unwrap();
        assert!(refusal().starts_with("run/last.safetensors: "), "{end} bytes");
    }
    fs::write(run.last(), &good).unwrap();
    fs::write(run.log(), &log[..10]).unwrap();
    let expected = format!(
        "run/train.jsonl: found 10 bytes, expected at least the {} of the state to resume",
        log.len()
    );
    assert_eq!(refusal(), expected);
    assert_eq!(fs::read(run.log()).unwrap(), &log[..10]);
    assert!(RunFolder::resume(folder.path().join("none")).is_err());
}

/// A model whose validations are given; its weight is the number of steps.
struct Script {
    weight: f64,
    validations: Vec<(f64, f64)>,
    diverges_at: Option<u64>,
}

fn script(validations: &[(f64, f64)]) -> Script {
    Script { weight: 0.0, validations: validations.to_vec(), diverges_at: None }
}

impl Trainee for Script {
    fn n_steps(&self) -> u64 {
        2
    }

    fn identity(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn step(&mut self, at: Step, _: f64) -> Result<StepReport, ModelsError> {
        assert_eq!((at.global as f64, at.epoch * 2 + at.index), (self.weight, at.global));
        self.weight += 1.0;
        let loss_sum = if self.diverges_at == Some(at.global) { f64::INFINITY } else { self.weight };
        Ok(StepReport { loss_sum, examples: 1.0, ..StepReport::default() })
    }

    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError> {
        let (loss, auc) = self.validations[epoch as usize];
        Ok(Validation { loss, metrics: vec![("auc".to_owned(), auc)] })
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        let mut state = Checkpoint::new();
        state.insert("weight", Tensor::from_f64(&[], &[self.weight]).unwrap());
        Ok(state)
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.weight = state.values("weight", &[])?[0];
        Ok(())
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        self.state()
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.restore(weights)
    }
}

#[test]
fn the_best_epoch_is_kept_and_patience_ends_the_run() {
    let (highest, lowest) = (Some(Watch::Highest("auc".to_owned())), Some(Watch::default()));
    let falling = [(0.5, 0.9), (0.4, 0.8), (0.4, 0.8), (0.3, 0.9), (0.9, 0.5)];
    let nan = [(f64::NAN, f64::NAN), (0.5, 0.6), (f64::NAN, f64::NAN), (0.6, 0.5), (0.7, 0.4)];
    // Validations, best by, patience; epochs that ran, the best, why it ended.
    let cases = [
        (&falling, highest.clone(), Some(2), (3, 0, Ended::Patience)),
        (&falling, highest.clone(), Some(3), (5, 3, Ended::Epochs)),
        (&falling, lowest.clone(), Some(2), (5, 3, Ended::Epochs)),
        (&falling, lowest.clone(), Some(1), (3, 1, Ended::Patience)),
        (&falling, None, None, (5, 4, Ended::Epochs)),
        (&nan, highest, None, (5, 1, Ended::Epochs)),
        (&nan, lowest, Some(1), (3, 1, Ended::Patience)),
    ];
    for (validations, best, patience, expected) in cases {
        let mut model = script(validations);
        let options = FitOptions { epochs: 5, best, patience, ..FitOptions::default() };
        let report = fit(&mut model, &options, None, Run::default()).unwrap();
        assert_eq!((report.history.len(), report.best_epoch, report.ended), expected, "{options:?}");
        assert_eq!(model.weight, 2.0 * (report.best_epoch + 1) as f64, "the weights of the best epoch");
        assert_eq!(report.history[1].training_loss, 3.5, "the mean of 3 and 4");
    }
}

#[test]
fn options_and_losses_are_checked() {
    let default = FitOptions::default;
    let run = |options: FitOptions| {
        fit(&mut script(&[(0.1, 0.2); 10]), &options, None, Run::default()).unwrap_err().to_string()
    };
    let cases = [
        (FitOptions { epochs: 0, ..default() }, "option epochs is 0, expected at least 1"),
        (FitOptions { save_every: Some(0), ..default() }, "option save every is 0, expected at least 1"),
        (
            FitOptions { learning_rate: f64::INFINITY, ..default() },
            "option learning rate is inf, expected a finite number above 0",
        ),
        (
            FitOptions { best: None, patience: Some(1), ..default() },
            "option patience is given, expected a metric that says which epoch is the best",
        ),
        (
            FitOptions { best: Some(Watch::Highest("f1".to_owned())), ..default() },
            "option metric is f1, expected loss, auc",
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(run(options), expected);
    }
    let mut diverging = Script { diverges_at: Some(2), ..script(&[(0.1, 0.2); 10]) };
    let error = fit(&mut diverging, &default(), None, Run::default()).unwrap_err().to_string();
    assert_eq!(error, "training loss of step 2 is inf, expected a finite number; try a lower learning rate");
}
