use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schedule::PlateauState;
use super::{Step, Validation, exact};
use crate::{Checkpoint, ModelsError};

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochReport {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of steps of the run up to its end.
    pub steps: u64,
    /// The learning rate of its last step.
    #[serde(with = "exact")]
    pub learning_rate: f64,
    /// The mean loss over the training data while the weights changed.
    #[serde(with = "exact")]
    pub training_loss: f64,
    /// What the validation data said at its end.
    pub validation: Validation,
}

/// Why training came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Ended {
    /// All epochs ran.
    Epochs,
    /// All steps ran.
    Steps,
    /// The time was over.
    Time,
    /// The validation data got no better.
    Patience,
}

/// How training went.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FitReport {
    /// Each epoch that ran; the last one may have been cut by a budget.
    pub history: Vec<EpochReport>,
    /// The best epoch as an index of the history; the model has its weights.
    pub best_epoch: usize,
    /// Why training ended.
    pub ended: Ended,
}

/// A sum of losses and the number of examples that it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LossSum {
    #[serde(with = "exact")]
    pub(super) loss: f64,
    #[serde(with = "exact")]
    pub(super) examples: f64,
}

impl LossSum {
    pub(super) fn add(&mut self, loss: f64, examples: f64) {
        self.loss += loss;
        self.examples += examples;
    }

    pub(super) fn mean(self) -> f64 {
        self.loss / self.examples
    }
}

/// Where a run stands, apart from its model: all that the loop needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FitState {
    pub(super) version: u32,
    pub(super) identity: Vec<(String, String)>,
    pub(super) epoch: u64,
    /// Steps of the epoch that are done.
    pub(super) index: u64,
    /// Steps of the run that are done.
    pub(super) global: u64,
    /// The learning rate before warm-up and cosine.
    #[serde(with = "exact")]
    pub(super) rate: f64,
    pub(super) plateau: PlateauState,
    /// Over the epoch.
    pub(super) sum: LossSum,
    /// Since the last line of the log inside the epoch.
    pub(super) since_line: LossSum,
    pub(super) history: Vec<EpochReport>,
    /// An index of the history.
    pub(super) best: Option<usize>,
    /// The number of bytes of the log.
    pub(super) log_bytes: u64,
    pub(super) ended: Option<Ended>,
}

const VERSION: u32 = 1;

/// The text of a checkpoint's header that holds the state.
const KEY: &str = "fit";

impl FitState {
    pub(super) fn new(identity: Vec<(String, String)>, rate: f64) -> Self {
        Self {
            version: VERSION,
            identity,
            epoch: 0,
            index: 0,
            global: 0,
            rate,
            plateau: PlateauState::default(),
            sum: LossSum::default(),
            since_line: LossSum::default(),
            history: Vec::new(),
            best: None,
            log_bytes: 0,
            ended: None,
        }
    }

    /// The next step.
    pub(super) fn next(&self) -> Step {
        Step { epoch: self.epoch, index: self.index, global: self.global }
    }

    /// Whether the best epoch ended right here.
    pub(super) fn is_best(&self) -> bool {
        self.best.and_then(|best| self.history.get(best)).is_some_and(|best| best.steps == self.global)
    }

    /// Adds the state to the checkpoint of its model, so that one file holds both and is whole or not there.
    pub(super) fn write_into(&self, checkpoint: &mut Checkpoint) -> Result<(), ModelsError> {
        let text = serde_json::to_string(self).map_err(|error| damaged(checkpoint.path(), &error))?;
        checkpoint.set_metadata(KEY, text);
        Ok(())
    }

    /// The state in a checkpoint, of a run of this identity with `n_steps` an epoch.
    pub(super) fn read(
        checkpoint: &Checkpoint,
        identity: &[(String, String)],
        n_steps: u64,
    ) -> Result<Self, ModelsError> {
        let path = checkpoint.path();
        let text = checkpoint.metadata(KEY).ok_or_else(|| {
            ModelsError::format(
                path,
                "found no text `fit` in its header, expected the state of a training run",
            )
        })?;
        let Version { version } = serde_json::from_str(text).map_err(|error| damaged(path, &error))?;
        if version != VERSION {
            let problem = format!("found a training state of version {version}, expected {VERSION}");
            return Err(ModelsError::format(path, problem));
        }
        let state: Self = serde_json::from_str(text).map_err(|error| damaged(path, &error))?;
        state.check_identity(identity, path)?;
        state
            .check_numbers(n_steps)
            .map_err(|problem| ModelsError::format(path, format!("not a sound training state: {problem}")))?;
        Ok(state)
    }

    fn check_identity(&self, now: &[(String, String)], path: &Path) -> Result<(), ModelsError> {
        let text = |pairs: &[(String, String)], name: &str| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map_or_else(|| "nothing".to_owned(), |pair| pair.1.clone())
        };
        let names = now.iter().chain(&self.identity).map(|pair| pair.0.as_str());
        for name in names {
            let (found, expected) = (text(now, name), text(&self.identity, name));
            if found != expected {
                let path = path.to_path_buf();
                return Err(ModelsError::Resume { path, what: name.to_owned(), found, expected });
            }
        }
        Ok(())
    }

    /// What no run would have written.
    fn check_numbers(&self, n_steps: u64) -> Result<(), String> {
        if self.index > n_steps {
            return Err(format!("{} steps of an epoch are done, expected at most {n_steps}", self.index));
        }
        if self.history.len() as u64 != self.epoch {
            return Err(format!("found {} epochs of {}", self.history.len(), self.epoch));
        }
        if self.best.is_some_and(|best| best >= self.history.len()) || (self.best.is_none() && self.epoch > 0)
        {
            return Err(format!("the best epoch is {:?} of {}", self.best, self.epoch));
        }
        let before = self.history.last().map_or(0, |epoch| epoch.steps);
        if before.checked_add(self.index) != Some(self.global) {
            return Err(format!("{} steps are done, expected {before} and {}", self.global, self.index));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn damaged(path: &Path, error: &serde_json::Error) -> ModelsError {
    ModelsError::format(path, format!("not a sound training state: {error}"))
}
