use super::HeadActivation;
use crate::ModelsError;
use crate::nn::Loss;
use crate::train::{Adam, FitOptions, Optimizer, Schedule, Stepping, Watch};

/// What a network's numbers cost against their targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvNetLoss {
    /// Of classes, 0 or 1 (or between): the cross-entropy of each track's sigmoid. The heads end in `sigmoid`, or in
    /// nothing, their numbers then being logits.
    #[default]
    BinaryCrossEntropy,
    /// Of any numbers: the squared error of what the heads predict.
    SquaredError,
    /// Of counts from 0: Poisson's. The heads end in `softplus` and predict rates, or in nothing, their numbers then
    /// being logarithms of rates.
    Poisson,
}

impl ConvNetLoss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BinaryCrossEntropy, Self::SquaredError, Self::Poisson];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "bce",
            Self::SquaredError => "mse",
            Self::Poisson => "poisson",
        }
    }

    /// The loss of a head's numbers before its activation, and what is done to them first.
    pub(super) fn of(self, activation: HeadActivation) -> Option<(Loss, HeadActivation)> {
        match (self, activation) {
            (Self::BinaryCrossEntropy, HeadActivation::None | HeadActivation::Sigmoid) => {
                Some((Loss::BinaryCrossEntropy, HeadActivation::None))
            }
            (Self::SquaredError, _) => Some((Loss::SquaredError, activation)),
            (Self::Poisson, HeadActivation::None) => Some((Loss::PoissonOfLog, activation)),
            (Self::Poisson, HeadActivation::Softplus) => Some((Loss::Poisson, activation)),
            _ => None,
        }
    }

    pub(super) fn takes(self, target: f64) -> bool {
        match self {
            Self::BinaryCrossEntropy => (0.0..=1.0).contains(&target),
            Self::SquaredError => target.is_finite(),
            Self::Poisson => target >= 0.0 && target.is_finite(),
        }
    }

    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "numbers from 0 to 1",
            Self::SquaredError => "finite numbers",
            Self::Poisson => "finite numbers from 0",
        }
    }
}

impl std::str::FromStr for ConvNetLoss {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        Self::ALL.into_iter().find(|loss| loss.name() == text).ok_or_else(|| ModelsError::Option {
            option: "loss",
            found: text.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "options, with defaults for the rest")]
pub struct ConvNetTraining {
    /// What is learned. Default: classes.
    pub loss: ConvNetLoss,
    /// The largest number of passes over the training data. Default: 20.
    pub epochs: u64,
    /// The learning rate. Default: 1e-3.
    pub learning_rate: f64,
    /// How it changes. Default: half a cosine down to a hundredth.
    pub schedule: Schedule,
    /// The sequences of a step. Default: 64.
    pub batch: usize,
    /// The number of epochs without a lower validation loss after which training stops. Default: 5.
    pub patience: Option<u64>,
    /// The weight decay of `AdamW`, which spares biases and normalisation. Default: 0.01.
    pub weight_decay: f64,
    /// The largest norm of a step's gradient. Default: 1.
    pub clip: Option<f64>,
    /// Training sequences are shifted by up to so many letters either way, anew in each epoch; what comes in from
    /// beside them is unknown. Default: 0.
    pub max_shift: usize,
    /// If so, what is measured and kept is a running mean of the weights, of which so large a share stays at each step
    /// (Polyak's averaging). Default: none.
    pub average: Option<f64>,
}

impl Default for ConvNetTraining {
    fn default() -> Self {
        Self {
            loss: ConvNetLoss::default(),
            epochs: 20,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine { floor: 0.01 },
            batch: 64,
            patience: Some(5),
            weight_decay: 0.01,
            clip: Some(1.0),
            max_shift: 0,
            average: None,
        }
    }
}

impl ConvNetTraining {
    pub(super) fn fitting(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            schedule: self.schedule.clone(),
            best: Some(Watch::default()),
            patience: self.patience,
            ..FitOptions::default()
        }
    }

    pub(super) fn stepping(&self) -> Stepping {
        let adam = Adam { weight_decay: self.weight_decay, ..Adam::default() };
        Stepping { optimizer: Optimizer::AdamW(adam), clip: self.clip, accumulate: 1, decay_all: false }
    }

    pub(super) fn check(&self) -> Result<(), ModelsError> {
        match self.average {
            Some(share) if !(0.0..1.0).contains(&share) => Err(ModelsError::Option {
                option: "average",
                found: share.to_string(),
                expected: "a share from 0 to below 1".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
