//! Sequences that a model gives wanted numbers for, found by substitutions.

mod constraints;
mod scores;
mod search;

use std::ops::Range;

use cistron_core::{Run, Sequence};
use cistron_encode::{Edit, Readout, Reduce, SequenceModel};

pub use search::DesignMethod;

use crate::EffectError;
use crate::saturation::out_of_range;
use constraints::Constraints;
use scores::Losses;

/// How to design.
///
/// ```
/// use cistron_effects::{DesignMethod, DesignOptions};
///
/// let options = DesignOptions { method: DesignMethod::Beam { width: 4 }, protected: vec![0..20], ..Default::default() };
/// assert_eq!(options.max_edits, 10);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct DesignOptions {
    /// How substitutions are chosen. Default: greedily.
    pub method: DesignMethod,
    /// Substitutions at most. Default 10.
    pub max_edits: usize,
    /// Spans whose letters stay. Default: none.
    pub protected: Vec<Range<usize>>,
    /// Words that no substitution may make, on this strand; unknown letters stand for any. Those that stand there already
    /// may stay. Default: none.
    pub forbidden: Vec<Sequence>,
    /// The least and the largest share of G and C among the known letters: no substitution leads out of it, or further
    /// away from it. Default: none.
    pub gc: Option<(f64, f64)>,
    /// The loss at which the search ends. Default 0.
    pub tolerance: f64,
    /// The outputs of the model; `None` takes the first head, all tracks, the mean over all bins.
    pub readout: Option<Readout>,
}

impl Default for DesignOptions {
    fn default() -> Self {
        Self {
            method: DesignMethod::default(),
            max_edits: 10,
            protected: Vec::new(),
            forbidden: Vec::new(),
            gc: None,
            tolerance: 0.0,
            readout: None,
        }
    }
}

/// One substitution of a design.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct DesignStep {
    /// 0-based position.
    pub position: u32,
    /// The code before.
    pub from: u8,
    /// The code after.
    pub to: u8,
    /// The loss after this step and all before it.
    pub loss: f64,
}

/// A designed sequence.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Design {
    /// The sequence.
    pub sequence: Sequence,
    /// The loss of the sequence that it began as.
    pub initial_loss: f64,
    /// The substitutions in order.
    pub steps: Vec<DesignStep>,
    /// The sequences that the model scored.
    pub evaluations: u64,
}

impl Design {
    /// The loss of the designed sequence.
    pub fn loss(&self) -> f64 {
        self.steps.last().map_or(self.initial_loss, |step| step.loss)
    }
}

/// A model with wanted numbers.
///
/// The loss is the mean square of the differences between the model's numbers and the wanted ones. All substitutions of a
/// sequence are scored by the model's exact engine if it has one.
///
/// Source: the greedy, beam and screening designs of tangermeme 1.6.0. Differences: substitutions of single letters, not
/// of motifs; constraints; ties go to the first position and letter; a run without improvement ends.
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence};
/// use cistron_effects::{DesignOptions, Designer};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let gc = FnModel::new(ModelSpec::scalar(dna.clone(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
/// });
/// let designer = Designer::new(&gc, vec![2.0], DesignOptions::default())?;
/// let design = designer.design(&Sequence::parse(&dna, "ATATA")?, 0, Run::default())?;
/// assert_eq!(design.sequence.to_string(), "CCATA");
/// assert_eq!((design.initial_loss, design.loss(), design.steps.len()), (4.0, 0.0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Designer<'a> {
    model: &'a dyn SequenceModel,
    readout: Readout,
    target: Vec<f64>,
    options: DesignOptions,
}

impl<'a> Designer<'a> {
    /// Checks wanted numbers `(T)`, one for each output of the readout (bins before tracks), and options against a model.
    ///
    /// # Errors
    /// [`EffectError::Option`] for another number of wanted numbers, one that is not finite, or an option out of range.
    pub fn new(
        model: &'a dyn SequenceModel,
        target: Vec<f64>,
        options: DesignOptions,
    ) -> Result<Self, EffectError> {
        let readout = match options.readout.clone() {
            Some(readout) => readout,
            None => model.spec().readout(None, &[], None, Reduce::Mean)?,
        };
        let outputs = readout.bins_out() * readout.tracks.len();
        if target.len() != outputs {
            return Err(out_of_range("number of targets", target.len(), format!("{outputs}, one an output")));
        }
        if let Some(value) = target.iter().find(|value| !value.is_finite()) {
            return Err(out_of_range("target", value, "a finite number"));
        }
        options.method.check()?;
        constraints::check(&options, model.spec())?;
        Ok(Self { model, readout, target, options })
    }

    /// Designs a sequence from one to begin with; random numbers come from the seed and `index`.
    ///
    /// The loss of greedy and beam designs never rises. With a screen only its last step's loss is below the first.
    ///
    /// # Errors
    /// [`EffectError::Model`] for a sequence that does not fit the model, [`EffectError::Option`] for protected positions
    /// outside of it, [`EffectError::Cancelled`] if the run was asked to stop (counted in steps).
    pub fn design(&self, sequence: &Sequence, index: usize, run: Run<'_>) -> Result<Design, EffectError> {
        self.model.spec().check(sequence.alphabet(), sequence.len())?;
        let constraints = Constraints::new(&self.options, sequence)?;
        let mut losses = Losses::new(self.model, &self.readout, &self.target);
        let initial_loss = losses.of(std::slice::from_ref(sequence))?.first().copied().unwrap_or(f64::NAN);
        let edits = search::search(
            &self.options,
            (sequence, initial_loss),
            &constraints,
            &mut losses,
            (index as u64, run),
        )?;
        let mut codes = sequence.codes().to_vec();
        let mut steps = Vec::with_capacity(edits.len());
        for (Edit { position, code }, loss) in edits {
            let Some(place) = codes.get_mut(position as usize) else { continue };
            steps.push(DesignStep { position, from: *place, to: code, loss });
            *place = code;
        }
        let sequence = constraints::sequence(sequence, codes)?;
        Ok(Design { sequence, initial_loss, steps, evaluations: losses.evaluations() })
    }
}
