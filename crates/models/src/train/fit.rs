use std::time::Instant;

use cistron_core::Run;
use serde_json::{Map, Value, json};

use super::folder::{Log, RunFolder};
use super::options::FitOptions;
use super::schedule::Schedule;
use super::speed::SpeedLog;
use super::state::{Ended, EpochReport, FitReport, FitState, LossSum};
use super::{StepReport, Trainee, Validation};
use crate::{Checkpoint, ModelsError};

/// Trains a model: epochs of steps, each followed by a validation, until a budget is used up or the validation
/// data get no better. The model then has the weights of the best epoch.
///
/// With a folder the run leaves its files there, and one that was interrupted (cancelled or killed) and resumed
/// with [`RunFolder::resume`] ends with the same bytes as one that was not: state, weights, log and report. It is
/// refused for other options, another seed, or a model that says it is another ([`Trainee::identity`]).
///
/// The observer hears of steps; a wish to stop is heard between steps.
///
/// # Errors
/// [`ModelsError::Option`] for an option out of its range or a metric that is not measured;
/// [`ModelsError::Diverged`] for a loss that is not finite; [`ModelsError::Resume`] for a run that is another;
/// [`ModelsError::Cancelled`], after the state was saved; those of files and of the model.
///
/// ```
/// use cistron_core::Run;
/// use cistron_models::{
///     Checkpoint, FitOptions, ModelsError, Step, StepReport, Tensor, Trainee, Validation, fit,
/// };
///
/// /// Learns the number 3 by descent on the squared error.
/// struct Three(f64);
///
/// impl Trainee for Three {
///     fn n_steps(&self) -> u64 {
///         5
///     }
///     fn identity(&self) -> Vec<(String, String)> {
///         vec![]
///     }
///     fn step(&mut self, _: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
///         let loss_sum = (self.0 - 3.0).powi(2);
///         self.0 -= learning_rate * 2.0 * (self.0 - 3.0);
///         Ok(StepReport { loss_sum, examples: 1.0, ..StepReport::default() })
///     }
///     fn validate(&mut self, _: u64) -> Result<Validation, ModelsError> {
///         Ok(Validation { loss: (self.0 - 3.0).powi(2), metrics: vec![] })
///     }
///     fn state(&self) -> Result<Checkpoint, ModelsError> {
///         let mut state = Checkpoint::new();
///         if let Some(number) = Tensor::from_f64(&[], &[self.0]) {
///             state.insert("number", number);
///         }
///         Ok(state)
///     }
///     fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
///         self.0 = state.values("number", &[])?.iter().sum();
///         Ok(())
///     }
///     fn weights(&self) -> Result<Checkpoint, ModelsError> {
///         self.state()
///     }
///     fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
///         self.restore(weights)
///     }
/// }
///
/// let mut model = Three(0.0);
/// let options = FitOptions { learning_rate: 0.1, ..FitOptions::default() };
/// let report = fit(&mut model, &options, None, Run::default())?;
/// assert_eq!((report.history.len(), report.best_epoch), (10, 9));
/// assert!((model.0 - 3.0).abs() < 1e-3);
/// # Ok::<(), ModelsError>(())
/// ```
pub fn fit(
    trainee: &mut dyn Trainee,
    options: &FitOptions,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<FitReport, ModelsError> {
    options.check()?;
    let mut fitting = Fitting::begin(trainee, options, folder, run)?;
    run.observer.begin("training", Some(fitting.total));
    run.observer.advance(fitting.state.global);
    let ended = fitting.epochs()?;
    run.observer.end();
    fitting.finish(ended)
}

struct Fitting<'a> {
    trainee: &'a mut dyn Trainee,
    options: &'a FitOptions,
    run: Run<'a>,
    store: Store<'a>,
    speed: SpeedLog,
    state: FitState,
    /// Steps of an epoch.
    n_steps: u64,
    /// Steps that are planned.
    total: u64,
    start: Instant,
}

impl<'a> Fitting<'a> {
    fn begin(
        trainee: &'a mut dyn Trainee,
        options: &'a FitOptions,
        folder: Option<&'a RunFolder>,
        run: Run<'a>,
    ) -> Result<Self, ModelsError> {
        let start = Instant::now();
        let n_steps = trainee.n_steps();
        if n_steps == 0 {
            let problem = "found no step, expected at least 1 an epoch".to_owned();
            return Err(ModelsError::Data { set: "training", problem });
        }
        let mut identity = options.identity();
        identity.push(("seed".to_owned(), run.seed.number().to_string()));
        identity.push(("steps of an epoch".to_owned(), n_steps.to_string()));
        identity.extend(trainee.identity());
        let last = folder.map(RunFolder::read_last).transpose()?.flatten();
        let state = match &last {
            Some(checkpoint) => {
                let state = FitState::read(checkpoint, &identity, n_steps)?;
                trainee.restore(checkpoint)?;
                state
            }
            None => FitState::new(identity, options.learning_rate),
        };
        let store = Store::open(folder, state.log_bytes)?;
        let speed = SpeedLog::begin(folder, last.is_some())?;
        let total = options.total_steps(n_steps);
        let mut fitting = Self { trainee, options, run, store, speed, state, n_steps, total, start };
        if last.is_some() && fitting.state.is_best() {
            // The run may have ended between the state of this epoch and its weights.
            fitting.store.save_best(fitting.trainee)?;
        }
        Ok(fitting)
    }

    /// All epochs that are left.
    fn epochs(&mut self) -> Result<Ended, ModelsError> {
        loop {
            if let Some(ended) = self.state.ended {
                return Ok(ended);
            }
            let budget = self.steps()?;
            self.end_epoch(budget)?;
        }
    }

    /// The steps that are left of an epoch, as far as the budget goes; what ended it if that was all.
    fn steps(&mut self) -> Result<Option<Ended>, ModelsError> {
        let mut ended = self.planned_end();
        while ended.is_none() && self.state.index < self.n_steps {
            if self.run.is_cancelled() {
                self.save()?;
                return Err(self.cancelled());
            }
            self.step()?;
            ended = self.planned_end().or_else(|| self.time_is_over());
            if self.options.save_every.is_some_and(|every| self.state.global.is_multiple_of(every)) {
                self.save()?;
            }
        }
        Ok(ended)
    }

    fn planned_end(&self) -> Option<Ended> {
        let is_last = self.state.epoch + 1 == self.options.epochs && self.state.index == self.n_steps;
        let is_over = (self.state.global >= self.total).then_some(Ended::Steps);
        if is_last { Some(Ended::Epochs) } else { is_over }
    }

    fn time_is_over(&self) -> Option<Ended> {
        self.options.max_time.filter(|most| self.start.elapsed() >= *most).map(|_| Ended::Time)
    }

    fn step(&mut self) -> Result<(), ModelsError> {
        let (at, rate) = (self.state.next(), self.learning_rate(self.state.global));
        let report = self.trainee.step(at, rate)?;
        if !report.loss_sum.is_finite() {
            return Err(ModelsError::Diverged { step: at.global, found: report.loss_sum });
        }
        let state = &mut self.state;
        state.sum.add(report.loss_sum, report.examples);
        state.since_line.add(report.loss_sum, report.examples);
        self.speed.add(report.examples);
        state.index += 1;
        state.global += 1;
        if self.options.log_every.is_some_and(|every| state.global.is_multiple_of(every)) {
            self.store.line(&step_line(state, rate, &report))?;
            self.speed.line(state.epoch, state.global)?;
            state.since_line = LossSum::default();
        }
        self.run.observer.advance(1);
        Ok(())
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.state.rate * self.options.schedule.factor(step, self.options.warmup_steps, self.total)
    }

    /// Validates, and closes the epoch.
    fn end_epoch(&mut self, ended: Option<Ended>) -> Result<(), ModelsError> {
        let validation = match self.trainee.validate(self.state.epoch) {
            Err(ModelsError::Cancelled { .. }) => {
                self.save()?;
                return Err(self.cancelled());
            }
            validation => validation?,
        };
        let report = EpochReport {
            epoch: self.state.epoch,
            steps: self.state.global,
            learning_rate: self.learning_rate(self.state.global.saturating_sub(1)),
            training_loss: self.state.sum.mean(),
            validation,
        };
        self.store.line(&epoch_line(&report))?;
        self.speed.line(report.epoch, report.steps)?;
        self.plan_rate(&report.validation)?;
        self.choose(report)?;
        self.state.ended = ended.or_else(|| self.patience_is_over());
        (self.state.epoch, self.state.index) = (self.state.epoch + 1, 0);
        (self.state.sum, self.state.since_line) = (LossSum::default(), LossSum::default());
        // First the state, then the weights: those on disk are never of an epoch that the state does not know.
        self.save()?;
        if self.state.is_best() { self.store.save_best(self.trainee) } else { Ok(()) }
    }

    fn plan_rate(&mut self, validation: &Validation) -> Result<(), ModelsError> {
        if let Schedule::Plateau(rule) = &self.options.schedule {
            let value = rule.watch.value(validation)?;
            self.state.rate = self.state.plateau.next_rate(rule, value, self.state.rate);
        }
        Ok(())
    }

    /// Adds an epoch to the history, and remembers it if it is the best.
    fn choose(&mut self, report: EpochReport) -> Result<(), ModelsError> {
        let FitState { history, best, .. } = &mut self.state;
        let before = best.and_then(|best| history.get(best));
        let is_best = match (&self.options.best, before) {
            (Some(watch), Some(before)) => watch.prefers(&report.validation, &before.validation)?,
            // Also a first epoch must have the number that is watched.
            (Some(watch), None) => watch.value(&report.validation).map(|_| true)?,
            (None, _) => true,
        };
        if is_best {
            *best = Some(history.len());
        }
        history.push(report);
        Ok(())
    }

    fn patience_is_over(&self) -> Option<Ended> {
        let since_best = self.state.epoch - self.state.best? as u64;
        self.options.patience.filter(|patience| since_best >= *patience).map(|_| Ended::Patience)
    }

    fn save(&mut self) -> Result<(), ModelsError> {
        self.store.save(self.trainee, &mut self.state)
    }

    fn cancelled(&self) -> ModelsError {
        ModelsError::Cancelled { done: self.state.epoch, total: self.options.epochs }
    }

    fn finish(self, ended: Ended) -> Result<FitReport, ModelsError> {
        if !self.state.is_best() {
            self.trainee.set_weights(&self.store.best()?)?;
        }
        let best_epoch = self.state.best.unwrap_or(0);
        Ok(FitReport { history: self.state.history, best_epoch, ended })
    }
}

/// What is kept of a run: in memory the best weights alone, in a folder all its files.
enum Store<'a> {
    Memory(Checkpoint),
    Folder(&'a RunFolder, Log),
}

impl<'a> Store<'a> {
    fn open(folder: Option<&'a RunFolder>, log_bytes: u64) -> Result<Self, ModelsError> {
        let Some(folder) = folder else { return Ok(Self::Memory(Checkpoint::new())) };
        Ok(Self::Folder(folder, folder.begin(log_bytes)?))
    }

    fn line(&mut self, line: &Value) -> Result<(), ModelsError> {
        if let Self::Folder(_, log) = self { log.line(&line.to_string()) } else { Ok(()) }
    }

    fn save(&mut self, trainee: &dyn Trainee, state: &mut FitState) -> Result<(), ModelsError> {
        let Self::Folder(folder, log) = self else { return Ok(()) };
        state.log_bytes = log.flush()?;
        let mut checkpoint = trainee.state()?;
        state.write_into(&mut checkpoint)?;
        checkpoint.write(folder.last())
    }

    fn save_best(&mut self, trainee: &dyn Trainee) -> Result<(), ModelsError> {
        match self {
            Self::Memory(best) => *best = trainee.weights()?,
            Self::Folder(folder, _) => trainee.weights()?.write(folder.model())?,
        }
        Ok(())
    }

    fn best(self) -> Result<Checkpoint, ModelsError> {
        match self {
            Self::Memory(best) => Ok(best),
            Self::Folder(folder, _) => Checkpoint::read(folder.model()),
        }
    }
}

fn step_line(state: &FitState, learning_rate: f64, report: &StepReport) -> Value {
    let mut line = json!({
        "epoch": state.epoch,
        "step": state.global,
        "learning_rate": learning_rate,
        "training_loss": state.since_line.mean(),
    });
    if let (Some(norm), Some(line)) = (report.gradient_norm, line.as_object_mut()) {
        line.insert("gradient_norm".to_owned(), json!(norm));
        if !report.group_norms.is_empty() {
            let groups = report.group_norms.iter().map(|(group, norm)| (group.clone(), json!(norm)));
            line.insert("group_norms".to_owned(), Value::Object(groups.collect()));
        }
    }
    line
}

fn epoch_line(report: &EpochReport) -> Value {
    let numbers = report.validation.numbers().into_iter();
    let validation: Map<_, _> = numbers.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "epoch": report.epoch,
        "step": report.steps,
        "learning_rate": report.learning_rate,
        "training_loss": report.training_loss,
        "validation": validation,
    })
}
