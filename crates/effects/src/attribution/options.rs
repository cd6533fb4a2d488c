use cistron_encode::{Readout, SequenceBatch, SequenceModel};

use crate::EffectError;
use crate::saturation::out_of_range;

/// How contributions are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributionMethod {
    /// The gradient less its mean over the letters of each position: what a change of letters can see of it.
    ///
    /// Source: Simonyan et al. 2013, arXiv:1312.6034; the correction is that of Majdandzic et al. 2023,
    /// doi:10.1186/s13059-023-02956-3, as in tangermeme 1.6.0 `saliency`.
    Gradient,
    /// The gradient itself: the contribution of a letter is gradient × input.
    GradientInput,
    /// Gradients averaged along the straight way from each reference to the sequence, at the middles of equal steps.
    ///
    /// Source: Sundararajan et al. 2017, arXiv:1703.01365. The multipliers become contributions as those of
    /// [`DeepLift`](Self::DeepLift).
    Integrated {
        /// Gradients on each way, at least 1.
        steps: usize,
    },
    /// DeepLIFT's multipliers m beside references r, averaged over these (DeepLIFT/SHAP): a letter c would contribute
    /// `m[c] - Σ_b r[b] · m[b]`.
    ///
    /// Source: Shrikumar et al. 2017, arXiv:1704.02685, and Lundberg and Lee 2017, arXiv:1705.07874; the rules and the
    /// contributions are those of tangermeme 1.6.0 `deep_lift_shap`. Differences: curves and softmax are compared in
    /// double precision.
    DeepLift,
    /// The effect of each substitution less the mean over the letters of its position, by the model's exact engine if it
    /// has one. Any model can.
    ///
    /// Source: tangermeme 1.6.0 `saturation_mutagenesis`; see [`attributions`](crate::attributions).
    #[default]
    Mutagenesis,
}

impl AttributionMethod {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::GradientInput => "gradient-input",
            Self::Integrated { .. } => "integrated",
            Self::DeepLift => "deeplift",
            Self::Mutagenesis => "mutagenesis",
        }
    }
}

/// What sequences are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributionReferences {
    /// So many shuffles of the sequence itself that keep its pairs of neighbours
    /// ([`dinucleotide_shuffle`](cistron_encode::dinucleotide_shuffle)).
    Dinucleotide(usize),
    /// A sequence without a known letter: rows of zeros, for a model that fills them so.
    Zero,
    /// The same sequences for all.
    Given(SequenceBatch),
}

/// Gradients averaged over noisy copies of a sequence.
///
/// Source: `SmoothGrad`, Smilkov et al. 2017, arXiv:1706.03825, with noise in the units of the one-hot rows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Smoothing {
    /// Copies, at least 1.
    pub samples: usize,
    /// The standard deviation of the normal noise on each number of the one-hot rows.
    pub noise: f64,
}

/// How to attribute.
///
/// ```
/// use cistron_effects::{AttributionMethod, AttributionOptions, AttributionReferences};
///
/// let options = AttributionOptions { method: AttributionMethod::DeepLift, ..AttributionOptions::default() };
/// assert_eq!(options.references, AttributionReferences::Dinucleotide(20));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct AttributionOptions {
    /// The method. Default: mutagenesis, which any model can.
    pub method: AttributionMethod,
    /// The outputs of the model, whose mean is explained; `None` takes the first head, all tracks, the mean over all bins.
    pub readout: Option<Readout>,
    /// What integrated gradients and DeepLIFT compare with. Default: 20 shuffles.
    pub references: AttributionReferences,
    /// Whether the mean of both strands' attributions is taken, as seen on the forward strand. Default: no.
    pub both_strands: bool,
    /// Noise for `Gradient` and `GradientInput`. Default: none.
    pub smoothing: Option<Smoothing>,
}

impl Default for AttributionOptions {
    fn default() -> Self {
        Self {
            method: AttributionMethod::default(),
            readout: None,
            references: AttributionReferences::Dinucleotide(20),
            both_strands: false,
            smoothing: None,
        }
    }
}

impl AttributionOptions {
    pub(super) fn check(&self, model: &dyn SequenceModel) -> Result<(), EffectError> {
        let fits = match self.method {
            AttributionMethod::Mutagenesis => true,
            AttributionMethod::DeepLift => model.as_deep_lift().is_some(),
            _ => model.as_gradient().is_some(),
        };
        if !fits {
            return Err(self.unfit(model));
        }
        if self.method == (AttributionMethod::Integrated { steps: 0 }) {
            return Err(out_of_range("number of steps", 0, "at least 1"));
        }
        self.check_smoothing()?;
        match &self.references {
            AttributionReferences::Dinucleotide(0) => {
                Err(out_of_range("number of references", 0, "at least 1"))
            }
            AttributionReferences::Given(batch) if batch.is_empty() => {
                Err(out_of_range("number of references", 0, "at least 1"))
            }
            AttributionReferences::Given(batch) => Ok(model.spec().check(batch.alphabet(), batch.width())?),
            _ => Ok(()),
        }
    }

    fn check_smoothing(&self) -> Result<(), EffectError> {
        let Some(Smoothing { samples, noise }) = self.smoothing else { return Ok(()) };
        if !matches!(self.method, AttributionMethod::Gradient | AttributionMethod::GradientInput) {
            let found = format!("with the method `{}`", self.method.name());
            return Err(out_of_range("smoothing", found, "`gradient` or `gradient-input`"));
        }
        if samples == 0 {
            return Err(out_of_range("number of noisy copies", 0, "at least 1"));
        }
        if !(noise.is_finite() && noise >= 0.0) {
            return Err(out_of_range("noise", noise, "a number of at least 0"));
        }
        Ok(())
    }

    /// Whether given references have the length of the sequences.
    pub(super) fn check_length(&self, length: usize) -> Result<(), EffectError> {
        match &self.references {
            AttributionReferences::Given(batch) if batch.width() != length => Err(out_of_range(
                "length of the references",
                batch.width(),
                format!("{length} as the sequences"),
            )),
            _ => Ok(()),
        }
    }

    /// The method is not for this model.
    pub(super) fn unfit(&self, model: &dyn SequenceModel) -> EffectError {
        let mut can = vec!["mutagenesis"];
        if model.as_gradient().is_some() {
            can.extend(["gradient", "gradient-input", "integrated"]);
        }
        if model.as_deep_lift().is_some() {
            can.push("deeplift");
        }
        let expected = format!("one that this model can: {}", can.join(", "));
        out_of_range("attribution method", format!("`{}`", self.method.name()), expected)
    }
}
