use super::Validation;
use crate::ModelsError;

/// A number of the validation that is to become small or large. `loss` is the validation loss, other names are
/// those of its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The lower the better.
    Lowest(String),
    /// The higher the better.
    Highest(String),
}

impl Default for Watch {
    /// The lowest loss.
    fn default() -> Self {
        Self::Lowest(LOSS.to_owned())
    }
}

const LOSS: &str = "loss";

impl Watch {
    fn name(&self) -> &str {
        match self {
            Self::Lowest(name) | Self::Highest(name) => name,
        }
    }

    /// The number that is watched.
    pub(super) fn value(&self, validation: &Validation) -> Result<f64, ModelsError> {
        let numbers = validation.numbers();
        let found = numbers.iter().find(|(name, _)| *name == self.name());
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = numbers.iter().map(|(name, _)| *name).collect();
            ModelsError::Option {
                option: "metric",
                found: self.name().to_owned(),
                expected: names.join(", "),
            }
        })
    }

    /// Whether a validation is better than another: by the number watched, then by the loss. What is no number is
    /// worst.
    pub(super) fn prefers(&self, new: &Validation, old: &Validation) -> Result<bool, ModelsError> {
        let sign = if matches!(self, Self::Lowest(_)) { 1.0 } else { -1.0 };
        let rank =
            |validation: &Validation| Ok::<_, ModelsError>((sign * self.value(validation)?, validation.loss));
        let (new, old) = (rank(new)?, rank(old)?);
        Ok(below(new.0, old.0) || !below(old.0, new.0) && below(new.1, old.1))
    }
}

fn below(a: f64, b: f64) -> bool {
    a < b || b.is_nan() && !a.is_nan()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validation(loss: f64, auc: f64) -> Validation {
        Validation { loss, metrics: vec![("auc".to_owned(), auc)] }
    }

    #[test]
    fn the_metric_decides_then_the_loss_then_the_first() {
        let auc = Watch::Highest("auc".to_owned());
        let nan = f64::NAN;
        let cases = [
            ((1.0, 0.8), (0.5, 0.7), true),
            ((1.0, 0.7), (0.5, 0.8), false),
            ((0.4, 0.8), (0.5, 0.8), true),
            ((0.5, 0.8), (0.5, 0.8), false),
            ((0.5, 0.8), (nan, 0.8), true),
            ((nan, 0.8), (0.5, 0.8), false),
            ((0.5, 0.1), (0.5, nan), true),
            ((0.5, nan), (0.5, 0.1), false),
            ((0.4, nan), (0.5, nan), true),
        ];
        for (new, old, expected) in cases {
            let found = auc.prefers(&validation(new.0, new.1), &validation(old.0, old.1)).unwrap();
            assert_eq!(found, expected, "{new:?} {old:?}");
        }
        let loss = Watch::default();
        assert!(loss.prefers(&validation(0.4, 0.0), &validation(0.5, 0.0)).unwrap());
        assert!(!loss.prefers(&validation(0.5, 1.0), &validation(0.5, 0.0)).unwrap());
    }

    #[test]
    fn a_metric_that_is_not_measured_is_refused() {
        let error = Watch::Lowest("f1".to_owned()).value(&validation(0.1, 0.2)).unwrap_err().to_string();
        assert_eq!(error, "option metric is f1, expected loss, auc");
    }
}
