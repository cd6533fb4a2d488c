use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::exact;
use super::optimizer::check_option;
use super::watch::Watch;
use crate::ModelsError;

/// How the learning rate changes after the warm-up.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// It does not.
    #[default]
    Constant,
    /// Half a cosine from the learning rate to a share of it, over all planned steps (Loshchilov and Hutter 2017,
    /// arXiv:1608.03983): after `t` of `n` steps that follow the warm-up,
    /// `floor + (1 - floor)·(1 + cos(π·t/n))/2`, as PyTorch's `CosineAnnealingLR` stepped once a batch.
    Cosine {
        /// The share that would be left after the last step, 0 to 1.
        floor: f64,
    },
    /// The learning rate for a share of the planned steps that follow the warm-up, then [`Cosine`](Self::Cosine) over
    /// the rest.
    LateCosine {
        /// The share of steps before the rate falls, 0 to 1.
        hold: f64,
        /// The share of the rate that would be left after the last step, 0 to 1.
        floor: f64,
    },
    /// A smaller rate whenever a metric of the validation gets no better.
    Plateau(Plateau),
}

/// PyTorch's `ReduceLROnPlateau` (`eps` is its 1e-8).
#[derive(Clone, Debug, PartialEq)]
pub struct Plateau {
    /// The metric. Default: the lowest validation loss.
    pub watch: Watch,
    /// What the rate is multiplied by, above 0 and below 1. Default: 0.1.
    pub factor: f64,
    /// The number of epochs without a better value that are borne; one more reduces the rate. Default: 10.
    pub patience: u64,
    /// By how much a value must be better, as a share of the best one or absolute. Default: 1e-4.
    pub threshold: f64,
    /// Whether the threshold is a share of the best value. Default: yes.
    pub relative: bool,
    /// The number of epochs after a reduction that do not count. Default: 0.
    pub cooldown: u64,
    /// The smallest rate. Default: 0.
    pub floor: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            watch: Watch::default(),
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            relative: true,
            cooldown: 0,
            floor: 0.0,
        }
    }
}

/// Reductions smaller than this are not made.
const LEAST_CHANGE: f64 = 1e-8;

impl Schedule {
    pub(super) fn check(&self) -> Result<(), ModelsError> {
        match self {
            Self::Constant => Ok(()),
            Self::Cosine { floor } => {
                check_option("floor", *floor, (0.0..=1.0).contains(floor), "a share from 0 to 1")
            }
            Self::LateCosine { hold, floor } => {
                [("hold", *hold), ("floor", *floor)].into_iter().try_for_each(|(option, share)| {
                    check_option(option, share, (0.0..=1.0).contains(&share), "a share from 0 to 1")
                })
            }
            Self::Plateau(plateau) => {
                let Plateau { factor, threshold, floor, .. } = *plateau;
                check_option("factor", factor, factor > 0.0 && factor < 1.0, "above 0 and below 1")?;
                for (option, value) in [("threshold", threshold), ("floor", floor)] {
                    check_option(option, value, value.is_finite() && value >= 0.0, "a finite number from 0")?;
                }
                Ok(())
            }
        }
    }

    /// What the rate is multiplied by at a step (from 0) of `total`, of which the first `warmup` warm up.
    pub(super) fn factor(&self, step: u64, warmup: u64, total: u64) -> f64 {
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        let share = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Cosine { floor } => cosine(share, *floor),
            Self::LateCosine { hold, floor } if share > *hold => {
                cosine((share - hold) / (1.0 - hold), *floor)
            }
            Self::Constant | Self::LateCosine { .. } | Self::Plateau(_) => 1.0,
        }
    }
}

fn cosine(share: f64, floor: f64) -> f64 {
    floor + (1.0 - floor) * (1.0 + (PI * share).cos()) / 2.0
}

/// What a plateau has seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PlateauState {
    #[serde(with = "exact")]
    best: f64,
    bad_epochs: u64,
    cooldown_left: u64,
}

impl Default for PlateauState {
    /// NaN stands for no value: any number is better.
    fn default() -> Self {
        Self { best: f64::NAN, bad_epochs: 0, cooldown_left: 0 }
    }
}

impl PlateauState {
    /// Takes in the metric of an epoch and gives the rate of the next.
    pub(super) fn next_rate(&mut self, rule: &Plateau, value: f64, rate: f64) -> f64 {
        if self.is_better(rule, value) {
            self.best = value;
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs <= rule.patience {
            return rate;
        }
        self.cooldown_left = rule.cooldown;
        self.bad_epochs = 0;
        let reduced = (rate * rule.factor).max(rule.floor);
        if rate - reduced > LEAST_CHANGE { reduced } else { rate }
    }

    fn is_better(&self, rule: &Plateau, value: f64) -> bool {
        let Plateau { threshold, relative, .. } = *rule;
        if self.best.is_nan() {
            return !value.is_nan();
        }
        match rule.watch {
            Watch::Lowest(_) if relative => value < self.best * (1.0 - threshold),
            Watch::Lowest(_) => value < self.best - threshold,
            Watch::Highest(_) if relative => value > self.best * (1.0 + threshold),
            Watch::Highest(_) => value > self.best + threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rule: &Plateau, values: &[f64]) -> Vec<f64> {
        let (mut state, mut rate) = (PlateauState::default(), 1.0);
        let step = |value: &f64| {
            rate = state.next_rate(rule, *value, rate);
            rate
        };
        values.iter().map(step).collect()
    }

    /// By hand from the definition: a value counts as bad unless it is below 0.9 of the best; the third bad one
    /// in a row is one more than the patience of 2.
    #[test]
    fn a_plateau_reduces_the_rate() {
        let rule = Plateau { factor: 0.5, patience: 2, threshold: 0.1, ..Plateau::default() };
        let values = [10.0, 9.5, 8.9, 8.5, 8.1, 8.02, 8.0, 8.0, 8.0, 8.0];
        // best 10; bad 1; best 8.9 (< 9); bad 1, 2 (8.1 > 8.01), 3: half; then bad 1 (8.0 < 8.01: best);
        assert_eq!(rates(&rule, &values), [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn the_mode_threshold_cooldown_and_floor_are_followed() {
        let highest = Plateau {
            watch: Watch::Highest("auc".to_owned()),
            patience: 0,
            relative: false,
            ..Default::default()
        };
        let absolute = Plateau { threshold: 0.1, factor: 0.5, ..highest };
        // 0.55 and 0.6 are not above 0.5 + 0.1 (0.6 is not greater); 0.75 is.
        assert_eq!(rates(&absolute, &[0.5, 0.55, 0.6, 0.75, 0.7]), [1.0, 0.5, 0.25, 0.25, 0.125]);
        let relative = Plateau { relative: true, ..absolute.clone() };
        assert_eq!(rates(&relative, &[0.5, 0.56, 0.6, 0.62]), [1.0, 1.0, 0.5, 1.0 * 0.5]);
        let rest = Plateau { cooldown: 2, ..absolute.clone() };
        // After a reduction two epochs are not counted.
        assert_eq!(rates(&rest, &[0.5; 6]), [1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
        let floored = Plateau { floor: 0.3, ..absolute.clone() };
        assert_eq!(rates(&floored, &[0.5; 5]), [1.0, 0.5, 0.3, 0.3, 0.3]);
        let lowest = Plateau { watch: Watch::default(), ..absolute };
        assert_eq!(rates(&lowest, &[1.0, 0.95, 0.85, f64::NAN]), [1.0, 0.5, 0.5, 0.25]);
        assert_eq!(rates(&lowest, &[f64::NAN, 0.95, 0.9]), [0.5, 0.5, 0.25]);
    }

    #[test]
    fn warm_up_rises_and_the_cosine_falls() {
        let cosine = Schedule::Cosine { floor: 0.2 };
        // 4 steps of warm-up, then 1, 0.2 + 0.8·(1 + √½)/2, 0.6, 0.2 + 0.8·(1 - √½)/2 of 4 steps.
        let root = 0.5_f64.sqrt();
        let expected = [0.25, 0.5, 0.75, 1.0, 1.0, 0.6 + 0.4 * root, 0.6, 0.6 - 0.4 * root, 0.2];
        for (step, expected) in expected.into_iter().enumerate() {
            let found = cosine.factor(step as u64, 4, 8);
            assert!((found - expected).abs() < 1e-15, "step {step}: {found}");
        }
        let late = Schedule::LateCosine { hold: 0.5, floor: 0.2 };
        for (step, expected) in [(3, 1.0), (4, 1.0), (6, 0.6 + 0.4 * root), (7, 0.6), (9, 0.2)] {
            // After one step of warm-up the rate is held for 4 of 8 and falls over 4.
            assert!((late.factor(step, 1, 9) - expected).abs() < 1e-15, "step {step}");
        }
        assert_eq!(Schedule::Constant.factor(1, 4, 8), 0.5);
        assert_eq!(Schedule::Constant.factor(7, 4, 8), 1.0);
        assert_eq!(cosine.factor(0, 0, 0), 1.0);
    }

    #[test]
    fn options_are_checked() {
        let message = |schedule: Schedule| schedule.check().unwrap_err().to_string();
        assert_eq!(
            message(Schedule::Cosine { floor: 1.5 }),
            "option floor is 1.5, expected a share from 0 to 1"
        );
        assert_eq!(
            message(Schedule::LateCosine { hold: -0.5, floor: 0.1 }),
            "option hold is -0.5, expected a share from 0 to 1"
        );
        let plateau =
            |factor, threshold| Schedule::Plateau(Plateau { factor, threshold, ..Default::default() });
        assert_eq!(message(plateau(1.0, 0.1)), "option factor is 1, expected above 0 and below 1");
        assert_eq!(message(plateau(0.1, -1.0)), "option threshold is -1, expected a finite number from 0");
        assert!(plateau(0.1, 0.1).check().is_ok());
    }
}
