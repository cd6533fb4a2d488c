use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use cistron_core::{Alphabet, Sequence};
use ndarray::{Array1, Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis, s};

use crate::{Fill, SequenceBatch};

/// One output of a model: `bins` places along the sequence times named tracks.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSpec {
    /// The head's name, unique in its model.
    pub name: Arc<str>,
    /// The number of places along the sequence; 1 for a model of the whole sequence.
    pub bins: usize,
    /// The width of a bin in bases; `None` if the head has no place along the sequence.
    pub bin_width: Option<NonZeroUsize>,
    /// The number of bases before bin 0 in the input.
    pub first_bin: usize,
    /// The names of the tracks.
    pub tracks: Vec<Arc<str>>,
    /// The track that each track becomes under reverse complement; `None` if each stays itself.
    pub mirror: Option<Vec<u32>>,
}

impl HeadSpec {
    /// A head of one number for the whole sequence.
    pub fn scalar(name: &str) -> Self {
        Self {
            name: name.into(),
            bins: 1,
            bin_width: None,
            first_bin: 0,
            tracks: vec![name.into()],
            mirror: None,
        }
    }
}

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The letters that it reads.
    pub alphabet: Alphabet,
    /// The number of letters of an input; `None` if any number will do.
    pub input_length: Option<usize>,
    /// The numbers that stand for what is no letter.
    pub fill: Fill,
    /// The outputs, at least one.
    pub heads: Vec<HeadSpec>,
}

/// What becomes of the chosen bins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduce {
    /// Each bin stays.
    Keep,
    /// Their sum, one bin.
    Sum,
    /// Their mean, one bin.
    #[default]
    Mean,
}

/// Which numbers of a model are wanted. Made by [`ModelSpec::readout`], which checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readout {
    /// The head, as an index into [`ModelSpec::heads`].
    pub head: usize,
    /// The tracks, as indices into [`HeadSpec::tracks`], in the order wanted.
    pub tracks: Vec<u32>,
    /// The bins.
    pub bins: Range<usize>,
    /// What becomes of them.
    pub reduce: Reduce,
}

impl Readout {
    /// The number of bins of the result.
    pub fn bins_out(&self) -> usize {
        match self.reduce {
            Reduce::Keep => self.bins.len(),
            Reduce::Sum | Reduce::Mean => 1,
        }
    }

    /// The readout of a head's full output: `(N, bins, tracks)` of the head to `(N, bins, tracks)` of the
    /// readout. Sums run in f64.
    ///
    /// # Errors
    /// [`ModelError::Readout`] if the array is smaller than the readout asks for.
    pub fn apply(&self, full: ArrayView3<'_, f32>) -> Result<Array3<f32>, ModelError> {
        let (n, bins, tracks) = full.dim();
        if self.bins.end > bins || self.tracks.iter().any(|&track| track as usize >= tracks) {
            return Err(ModelError::Readout {
                found: format!("bins {:?} and tracks {:?}", self.bins, self.tracks),
                expected: format!("below {bins} bins and {tracks} tracks"),
            });
        }
        let tracks: Vec<usize> = self.tracks.iter().map(|&track| track as usize).collect();
        let chosen = full.slice(s![.., self.bins.clone(), ..]).select(Axis(2), &tracks);
        let divisor = match self.reduce {
            Reduce::Keep => return Ok(chosen),
            Reduce::Sum => 1.0,
            Reduce::Mean => self.bins.len() as f64,
        };
        Ok(Array3::from_shape_fn((n, 1, tracks.len()), |(i, _, track)| {
            let sum: f64 = chosen.slice(s![i, .., track]).iter().map(|&value| f64::from(value)).sum();
            (sum / divisor) as f32
        }))
    }
}

impl ModelSpec {
    /// A model of one number for the whole sequence.
    pub fn scalar(alphabet: Alphabet, input_length: Option<usize>, name: &str) -> Self {
        Self { alphabet, input_length, fill: Fill::default(), heads: vec![HeadSpec::scalar(name)] }
    }

    /// The readout of a head: `None` for the head means the first, no track means all, no range means all bins.
    ///
    /// A track is named or given by its index.
    ///
    /// # Errors
    /// [`ModelError::Readout`] for a head, track or bin that the model does not have.
    ///
    /// ```
    /// use cistron_core::Alphabet;
    /// use cistron_encode::{ModelSpec, Reduce};
    ///
    /// let spec = ModelSpec::scalar(Alphabet::dna(), None, "logit");
    /// let readout = spec.readout(None, &[], None, Reduce::Mean)?;
    /// assert_eq!(readout.tracks, [0]);
    /// # Ok::<(), cistron_encode::ModelError>(())
    /// ```
    pub fn readout(
        &self,
        head: Option<&str>,
        tracks: &[String],
        bins: Option<Range<usize>>,
        reduce: Reduce,
    ) -> Result<Readout, ModelError> {
        let index = match head {
            None => 0,
            Some(name) => self.heads.iter().position(|head| &*head.name == name).ok_or_else(|| {
                let names: Vec<_> = self.heads.iter().map(|head| &*head.name).collect();
                ModelError::Readout { found: format!("head `{name}`"), expected: names.join(", ") }
            })?,
        };
        let head = self.heads.get(index).ok_or_else(|| ModelError::Readout {
            found: "a model without heads".into(),
            expected: "at least one".into(),
        })?;
        let all = 0..head.tracks.len() as u32;
        let tracks = if tracks.is_empty() {
            all.collect()
        } else {
            tracks.iter().map(|track| head.track(track)).collect::<Result<_, _>>()?
        };
        let bins = bins.unwrap_or(0..head.bins);
        if bins.is_empty() || bins.end > head.bins {
            return Err(ModelError::Readout {
                found: format!("bins {}..{}", bins.start, bins.end),
                expected: format!("a range in 0..{}", head.bins),
            });
        }
        Ok(Readout { head: index, tracks, bins, reduce })
    }

    /// Whether a batch fits this model.
    ///
    /// # Errors
    /// [`ModelError::Alphabet`] or [`ModelError::InputLength`].
    pub fn check(&self, alphabet: &Alphabet, length: usize) -> Result<(), ModelError> {
        if *alphabet != self.alphabet {
            return Err(ModelError::Alphabet {
                found: alphabet.to_string(),
                expected: self.alphabet.to_string(),
            });
        }
        match self.input_length {
            Some(expected) if expected != length => Err(ModelError::InputLength { found: length, expected }),
            _ if length == 0 => Err(ModelError::EmptyInput),
            _ => Ok(()),
        }
    }
}

impl HeadSpec {
    fn track(&self, name: &str) -> Result<u32, ModelError> {
        let named = self.tracks.iter().position(|track| &**track == name);
        let numbered = || name.parse().ok().filter(|&index: &usize| index < self.tracks.len());
        named.or_else(numbered).map(|index| index as u32).ok_or_else(|| {
            let names: Vec<_> = self.tracks.iter().take(10).map(|track| &**track).collect();
            ModelError::Readout {
                found: format!("track `{name}`"),
                expected: format!("one of the {} tracks ({})", self.tracks.len(), names.join(", ")),
            }
        })
    }
}

/// A substitution of one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// 0-based position in the sequence.
    pub position: u32,
    /// The code of the new letter.
    pub code: u8,
}

/// Substitutions that are made together; no position stands twice.
pub type Mutant = [Edit];

/// A predictor of numbers from sequences. Object-safe; shared by threads.
///
/// ```
/// use cistron_core::{Alphabet, Sequence};
/// use cistron_encode::{FnModel, ModelSpec, Reduce, SequenceBatch, SequenceModel};
/// use ndarray::Array3;
///
/// // A model that counts G and C.
/// let model = FnModel::new(ModelSpec::scalar(Alphabet::dna(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
/// });
/// let batch = SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), "GATTACA")?])?;
/// let readout = model.spec().readout(None, &[], None, Reduce::Mean)?;
/// assert_eq!(model.predict(&batch, &readout)?[[0, 0, 0]], 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SequenceModel: Send + Sync {
    /// What the model takes and gives.
    fn spec(&self) -> &ModelSpec;

    /// The numbers of a readout, `(N, bins, tracks)`.
    ///
    /// Row `i` depends on sequence `i` alone.
    ///
    /// # Errors
    /// [`ModelError`] if the batch or the readout does not fit the model, or its back end fails.
    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError>;

    /// The same numbers before they are rounded to single precision; a model that computes in it has no others.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    fn predict_f64(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f64>, ModelError> {
        Ok(self.predict(batch, readout)?.mapv(f64::from))
    }

    /// The model with gradients, if it has them.
    fn as_gradient(&self) -> Option<&dyn GradientModel> {
        None
    }

    /// The model with a way to score point edits that is exact and cheaper than a prediction, if it has one.
    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        None
    }

    /// The model with DeepLIFT's multipliers, if it has them.
    fn as_deep_lift(&self) -> Option<&dyn DeepLiftModel> {
        None
    }
}

/// A model that can differentiate its readout by its input.
pub trait GradientModel: SequenceModel {
    /// The gradient of the sum of a readout by the input `(N, L, A)`, of the same shape.
    ///
    /// # Errors
    /// As [`SequenceModel::predict`].
    fn input_gradient(
        &self,
        one_hot: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Array3<f32>, ModelError>;

    /// The same gradient before it is rounded to single precision; a model that computes in it has no other.
    ///
    /// # Errors
    /// As [`input_gradient`](Self::input_gradient).
    fn input_gradient_f64(
        &self,
        one_hot: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Array3<f64>, ModelError> {
        Ok(self.input_gradient(one_hot, readout)?.mapv(f64::from))
    }
}

/// A model that can say what each difference between a sequence and a reference does to its readout (DeepLIFT).
///
/// Linear layers take multipliers back as gradients; a function of one number takes the slope of its chord between
/// reference and sequence (the rescale rule). The products of multipliers and differences sum to the difference of the
/// outputs, up to rounding.
///
/// Source: Shrikumar et al. 2017, arXiv:1704.02685.
pub trait DeepLiftModel: SequenceModel {
    /// The multipliers of the sum of a readout, for a sequence `(L, A)` beside each of its references `(R, L, A)`, both
    /// as one-hot numbers; rows of zeros and mixtures of letters are fine.
    ///
    /// # Errors
    /// As [`SequenceModel::predict`], also for references of another length.
    fn multipliers(
        &self,
        sequence: ArrayView2<'_, f32>,
        references: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Multipliers, ModelError>;
}

/// What each difference between a sequence and its references does to an output.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, made by every implementer of DeepLiftModel")]
pub struct Multipliers {
    /// `(R, L, A)`: output per number of the input.
    pub multipliers: Array3<f64>,
    /// The sum of the readout for the sequence.
    pub output: f64,
    /// `(R)`: the same for each reference.
    pub references: Array1<f64>,
}

/// A model that scores point edits of a reference exactly and for less than a prediction.
pub trait IncrementalModel: SequenceModel {
    /// How the model scores edits: `closed` for a formula, `delta` for propagated differences.
    fn engine(&self) -> &'static str;

    /// Reads a reference sequence once.
    ///
    /// # Errors
    /// As [`SequenceModel::predict`].
    fn reference<'a>(
        &'a self,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError>;
}

/// A reference sequence that a model has read, ready for edits.
pub trait ReferencePass: Send + Sync {
    /// The reference's own numbers, `(bins, tracks)`.
    fn prediction(&self) -> ArrayView2<'_, f64>;

    /// Mutant minus reference for each mutant, `(mutants, bins, tracks)`, never by subtracting rounded
    /// predictions.
    ///
    /// # Errors
    /// [`ModelError::Edit`] for an edit outside the sequence or the alphabet.
    fn deltas(&self, mutants: &[&Mutant], out: ArrayViewMut3<'_, f64>) -> Result<(), ModelError>;
}

/// A closure as a model: it gets a batch that fits the [`ModelSpec`] and returns the first head's
/// `(N, bins, tracks)`.
pub struct FnModel<F> {
    spec: ModelSpec,
    forward: F,
}

impl<F> FnModel<F>
where
    F: Fn(&SequenceBatch) -> Result<Array3<f32>, ModelError> + Send + Sync,
{
    /// The model that computes `forward`.
    pub fn new(spec: ModelSpec, forward: F) -> Self {
        Self { spec, forward }
    }
}

impl<F> SequenceModel for FnModel<F>
where
    F: Fn(&SequenceBatch) -> Result<Array3<f32>, ModelError> + Send + Sync,
{
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        readout.apply((self.forward)(batch)?.view())
    }
}

/// Why a model could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Sequences of another length than the model takes.
    #[error("model takes sequences of length {expected}, got {found}")]
    InputLength {
        /// The length given.
        found: usize,
        /// The length that the model takes.
        expected: usize,
    },
    /// Sequences without a letter.
    #[error("model got sequences of length 0, expected at least 1")]
    EmptyInput,
    /// Sequences of another alphabet than the model reads.
    #[error("model reads the alphabet {expected}, got {found}")]
    Alphabet {
        /// The alphabet given.
        found: String,
        /// The alphabet that the model reads.
        expected: String,
    },
    /// Numbers that the model does not have.
    #[error("model has no {found}, expected {expected}")]
    Readout {
        /// What was asked for.
        found: String,
        /// What there is.
        expected: String,
    },
    /// An edit outside the sequence or the alphabet.
    #[error(
        "edit to code {code} at position {position} does not fit a sequence of {length} letters of {alphabet}"
    )]
    Edit {
        /// 0-based position of the edit.
        position: u32,
        /// The new code.
        code: u8,
        /// The length of the sequence.
        length: usize,
        /// The alphabet of the sequence.
        alphabet: String,
    },
    /// A model that cannot do what was asked.
    #[error("{0}")]
    Unsupported(String),
    /// The numeric back end failed.
    #[error("model failed: {0}")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn spec() -> ModelSpec {
        let mut spec = ModelSpec::scalar(Alphabet::dna(), Some(4), "cage");
        spec.heads[0].bins = 3;
        spec.heads[0].tracks = vec!["liver".into(), "7".into()];
        spec
    }

    #[test]
    fn readouts_name_what_is_missing() {
        let ask = |head, track: &str, bins| {
            spec().readout(head, &[track.to_owned()], bins, Reduce::Keep).unwrap_err().to_string()
        };
        assert_eq!(ask(Some("dnase"), "0", None), "model has no head `dnase`, expected cage");
        assert_eq!(
            ask(None, "heart", None),
            "model has no track `heart`, expected one of the 2 tracks (liver, 7)"
        );
        assert_eq!(ask(None, "0", Some(2..4)), "model has no bins 2..4, expected a range in 0..3");
    }

    #[test]
    fn tracks_are_named_before_they_are_numbered() {
        let tracks = ["7", "0", "1"].map(String::from);
        assert_eq!(spec().readout(None, &tracks, None, Reduce::Keep).unwrap().tracks, [1, 0, 1]);
    }

    #[test]
    fn readouts_choose_and_reduce() {
        let full = array![[[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]];
        let readout = |reduce| spec().readout(None, &["1".into()], Some(1..3), reduce).unwrap();
        let apply = |reduce| readout(reduce).apply(full.view()).unwrap();
        assert_eq!(apply(Reduce::Keep), array![[[20.0], [60.0]]]);
        assert_eq!(apply(Reduce::Sum), array![[[80.0]]]);
        assert_eq!(apply(Reduce::Mean), array![[[40.0]]]);
        assert!(readout(Reduce::Keep).apply(full.slice(s![.., ..2, ..])).is_err());
    }

    #[test]
    fn inputs_are_checked() {
        let error = spec().check(&Alphabet::dna(), 5).unwrap_err();
        assert_eq!(error.to_string(), "model takes sequences of length 4, got 5");
        assert!(spec().check(&Alphabet::rna(), 4).is_err());
        assert!(ModelSpec::scalar(Alphabet::dna(), None, "x").check(&Alphabet::dna(), 0).is_err());
    }
}
