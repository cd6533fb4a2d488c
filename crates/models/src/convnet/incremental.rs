//! Point mutants by what they change.

use cistron_core::Sequence;
use cistron_encode::{Edit, IncrementalModel, ModelError, Mutant, Readout, ReferencePass};
use ndarray::{Array2, ArrayView2, ArrayViewMut3, Axis};

use super::{Body, ConvNet, backend, reduced};
use crate::nn::{DeltaPass, Frozen, Letter, Real};

impl IncrementalModel for ConvNet {
    fn engine(&self) -> &'static str {
        "delta"
    }

    fn reference<'a>(
        &'a self,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError> {
        self.spec.check(sequence.alphabet(), sequence.len())?;
        self.check_run(sequence.len(), readout)?;
        match &self.frozen {
            Body::Single(frozen) => self.pass(frozen, sequence, readout),
            Body::Double(frozen) => self.pass(frozen, sequence, readout),
        }
    }
}

impl ConvNet {
    fn pass<'a, T: Real + Default>(
        &'a self,
        frozen: &'a Frozen<T>,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError> {
        let letters = self.spec.alphabet.len();
        let known = |code: u8| (code < letters).then_some(code);
        let channels = sequence.codes().iter().map(|&code| known(code)).collect();
        let delta = frozen.reference(readout.head, channels, letters.into()).map_err(backend)?;
        let n_tracks = self.spec.heads.get(readout.head).map_or(1, |head| head.tracks.len());
        let prediction = reduced(delta.output(), 1, n_tracks, readout).remove_axis(Axis(0));
        Ok(Box::new(ConvNetPass {
            net: self,
            codes: sequence.codes().into(),
            delta,
            n_tracks,
            readout: readout.clone(),
            prediction,
        }))
    }
}

/// A sequence that a network has read.
struct ConvNetPass<'a, T> {
    net: &'a ConvNet,
    codes: Box<[u8]>,
    delta: DeltaPass<'a, T>,
    n_tracks: usize,
    readout: Readout,
    prediction: Array2<f64>,
}

impl<T: Real> ConvNetPass<'_, T> {
    /// The letters that a mutant changes.
    fn letters(&self, mutant: &Mutant) -> Result<Vec<Letter>, ModelError> {
        let alphabet = &self.net.spec.alphabet;
        let mut letters = Vec::with_capacity(mutant.len());
        for &Edit { position, code } in mutant {
            let known = (code < alphabet.len()).then_some(code);
            let old = self.codes.get(position as usize);
            let nothing = [alphabet.unknown(), alphabet.padding(), alphabet.gap()].contains(&code);
            let (Some(&old), true) = (old, known.is_some() || nothing) else {
                return Err(ModelError::Edit {
                    position,
                    code,
                    length: self.codes.len(),
                    alphabet: alphabet.to_string(),
                });
            };
            if letters.iter().any(|(other, _)| *other == position) {
                return Err(ModelError::Unsupported(format!(
                    "a mutant edits position {position} twice, expected once"
                )));
            }
            if (old < alphabet.len()).then_some(old) != known {
                letters.push((position, known));
            }
        }
        Ok(letters)
    }
}

impl<T: Real + Default> ReferencePass for ConvNetPass<'_, T> {
    fn prediction(&self) -> ArrayView2<'_, f64> {
        self.prediction.view()
    }

    fn deltas(&self, mutants: &[&Mutant], mut out: ArrayViewMut3<'_, f64>) -> Result<(), ModelError> {
        let letters: Vec<Vec<Letter>> =
            mutants.iter().map(|mutant| self.letters(mutant)).collect::<Result<_, _>>()?;
        let put = |mutant: usize, differences: &[T]| {
            let row = reduced(differences, 1, self.n_tracks, &self.readout).remove_axis(Axis(0));
            out.index_axis_mut(Axis(0), mutant).assign(&row);
        };
        self.delta.differences(&letters, put).map_err(backend)
    }
}
