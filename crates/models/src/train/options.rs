use std::time::Duration;

use super::optimizer::check_option;
use super::schedule::Schedule;
use super::watch::Watch;
use crate::ModelsError;

/// How long and how fast a model learns, and what is kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// The largest number of epochs. Default: 10.
    pub epochs: u64,
    /// The largest number of steps. Default: none but that of the epochs.
    pub max_steps: Option<u64>,
    /// The longest wall time, begun anew when a run is resumed; at least one step is made. What ends on time
    /// depends on the machine and is complete: it is not resumed. Default: none.
    pub max_time: Option<Duration>,
    /// The learning rate after the warm-up. Default: 1e-3.
    pub learning_rate: f64,
    /// The number of steps over which the rate rises evenly: step `s`, from 0, of `n` has `(s+1)/n` of it.
    /// Default: 0.
    pub warmup_steps: u64,
    /// How the rate changes then. Default: it does not.
    pub schedule: Schedule,
    /// Which epoch is the best: by this number, then by the loss, then the first. Without, the last epoch.
    /// Default: the lowest validation loss.
    pub best: Option<Watch>,
    /// The number of epochs without a better one after which training stops. Default: it does not.
    pub patience: Option<u64>,
    /// The number of steps between lines of the log inside an epoch. Default: lines at the end of epochs alone.
    pub log_every: Option<u64>,
    /// The number of steps between states on disk inside an epoch; they are also saved at the end of epochs and
    /// when the run is cancelled. Has no influence on results. Default: none inside.
    pub save_every: Option<u64>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            max_steps: None,
            max_time: None,
            learning_rate: 1e-3,
            warmup_steps: 0,
            schedule: Schedule::default(),
            best: Some(Watch::default()),
            patience: None,
            log_every: None,
            save_every: None,
        }
    }
}

impl FitOptions {
    /// Checks that every number is in its range.
    pub(super) fn check(&self) -> Result<(), ModelsError> {
        let counts = [
            ("epochs", Some(self.epochs)),
            ("steps", self.max_steps),
            ("patience", self.patience),
            ("log every", self.log_every),
            ("save every", self.save_every),
        ];
        for (option, count) in counts {
            check_option(option, 0.0, count != Some(0), "at least 1")?;
        }
        let rate = self.learning_rate;
        check_option("learning rate", rate, rate.is_finite() && rate > 0.0, "a finite number above 0")?;
        if self.best.is_none() && self.patience.is_some() {
            return Err(ModelsError::Option {
                option: "patience",
                found: "given".to_owned(),
                expected: "a metric that says which epoch is the best".to_owned(),
            });
        }
        self.schedule.check()
    }

    /// All that results depend on, as names and texts.
    pub(super) fn identity(&self) -> Vec<(String, String)> {
        let Self { epochs, learning_rate, warmup_steps, .. } = self;
        let pairs = [
            ("epochs", epochs.to_string()),
            ("steps", optional(self.max_steps)),
            ("learning rate", learning_rate.to_string()),
            ("warm-up steps", warmup_steps.to_string()),
            ("schedule", format!("{:?}", self.schedule)),
            ("best", format!("{:?}", self.best)),
            ("patience", optional(self.patience)),
            ("log every", optional(self.log_every)),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// The number of steps that are planned, with `n_steps` an epoch.
    pub(super) fn total_steps(&self, n_steps: u64) -> u64 {
        let all = self.epochs.saturating_mul(n_steps);
        self.max_steps.map_or(all, |most| most.min(all))
    }
}

fn optional(count: Option<u64>) -> String {
    count.map_or_else(|| "none".to_owned(), |count| count.to_string())
}
