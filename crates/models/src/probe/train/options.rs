use super::super::{ProbeKind, check_k, wrong};
use crate::ModelsError;

/// More hidden units than any probe of four letters needs.
const MAX_HIDDEN: usize = 1 << 20;

/// What the numbers to be predicted are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeTarget {
    /// 0 or 1. The loss is the binary cross-entropy of the logit, training stops on the area under the ROC
    /// curve.
    #[default]
    Class,
    /// Any number. The loss is the squared error, training stops on the Pearson correlation.
    Value,
}

impl ProbeTarget {
    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Value => "value",
        }
    }
}

impl std::fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ProbeTarget {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        [Self::Class, Self::Value]
            .into_iter()
            .find(|target| target.name() == text)
            .ok_or_else(|| wrong("target", text.to_owned(), "class or value"))
    }
}

/// How a probe is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeTraining {
    /// The parts of the probe. Default: mean.
    pub kind: ProbeKind,
    /// The length of k-mers, 1 to 8. Default: 6.
    pub k: usize,
    /// Whether a k-mer and its reverse complement share a weight. Default: no.
    pub both_strands: bool,
    /// What the targets are. Default: classes.
    pub target: ProbeTarget,
    /// The penalty `l2/2 · Σ w²` on all weights (not on the biases of positional and k-mer probes), added to the
    /// mean loss. Default (`None`): 0 for the mean, [`Self::POSITIONAL_L2`] for positional probes and
    /// [`Self::KMER_L2`] for those with k-mers.
    pub l2: Option<f64>,
    /// The number of hidden units of a mean probe. Default: 128.
    pub hidden: usize,
    /// The largest number of passes over the training data. Default: 50.
    pub epochs: usize,
    /// The step of Adam. Default: 1e-3.
    pub learning_rate: f64,
    /// The number of sequences of a step. Default: 256.
    pub batch: usize,
    /// The number of epochs without a better validation metric after which training stops. Default: 5.
    pub patience: usize,
}

impl ProbeTraining {
    /// The default penalty of a positional probe.
    pub const POSITIONAL_L2: f64 = 1e-3;

    /// The default penalty of a probe with k-mers: there are more weights than most training sets can settle.
    pub const KMER_L2: f64 = 0.005;

    pub(super) fn penalty(&self) -> f64 {
        self.l2.unwrap_or(match self.kind {
            ProbeKind::Mean => 0.0,
            ProbeKind::Positional => Self::POSITIONAL_L2,
            ProbeKind::Kmer | ProbeKind::KmerPositional => Self::KMER_L2,
        })
    }

    pub(super) fn check(&self) -> Result<(), ModelsError> {
        check_k(self.k)?;
        let counts = [
            ("hidden", self.hidden),
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("patience", self.patience),
        ];
        for (option, value) in counts {
            if value == 0 {
                return Err(wrong(option, "0".to_owned(), "at least 1"));
            }
        }
        if self.hidden > MAX_HIDDEN {
            return Err(wrong("hidden", self.hidden.to_string(), &format!("at most {MAX_HIDDEN}")));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(wrong("learning rate", self.learning_rate.to_string(), "a finite number above 0"));
        }
        let l2 = self.penalty();
        if !(l2.is_finite() && l2 >= 0.0) {
            return Err(wrong("l2", l2.to_string(), "a finite number from 0"));
        }
        Ok(())
    }
}

impl Default for ProbeTraining {
    fn default() -> Self {
        Self {
            kind: ProbeKind::default(),
            k: 6,
            both_strands: false,
            target: ProbeTarget::default(),
            l2: None,
            hidden: 128,
            epochs: 50,
            learning_rate: 1e-3,
            batch: 256,
            patience: 5,
        }
    }
}
