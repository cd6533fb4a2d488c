//! Variants of a sequence: the tower is computed again only where letters changed.

use std::ops::Range;

use cistron_core::Sequence;
use cistron_encode::{Edit, IncrementalModel, ModelError, Mutant, Readout, ReferencePass};
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut3, Axis};

use super::engine::{Engine, one_hot};
use super::{Body, Enformer};
use crate::nn::Real;

impl IncrementalModel for Enformer {
    fn engine(&self) -> &'static str {
        "delta"
    }

    fn reference<'a>(
        &'a self,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError> {
        self.spec.check(sequence.alphabet(), sequence.len())?;
        self.check_readout(readout)?;
        match &self.body {
            Body::Single(engine) => Ok(self.pass(engine, sequence, readout)),
            Body::Double(engine) => Ok(self.pass(engine, sequence, readout)),
            Body::Graph(_) => Err(ModelError::Unsupported("cached references on this device".to_owned())),
        }
    }
}

impl Enformer {
    fn pass<'a, T: Real + Default>(
        &'a self,
        engine: &'a Engine<T>,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Box<dyn ReferencePass + 'a> {
        let trunk = engine.trunk(sequence.codes());
        let prediction = self.read(engine, trunk.clone(), readout).index_axis_move(Axis(0), 0);
        Box::new(EnformerPass {
            model: self,
            engine,
            codes: sequence.codes().into(),
            trunk,
            readout: readout.clone(),
            prediction,
        })
    }
}

/// A sequence that was read.
struct EnformerPass<'a, T> {
    model: &'a Enformer,
    engine: &'a Engine<T>,
    codes: Box<[u8]>,
    /// What the tower made of it.
    trunk: Vec<T>,
    readout: Readout,
    prediction: Array2<f64>,
}

impl<T: Real + Default> EnformerPass<'_, T> {
    /// The mutant's letters and the rows of the tower that they change, in order and apart.
    fn edited(&self, mutant: &Mutant) -> Result<(Vec<u8>, Vec<Range<usize>>), ModelError> {
        let (mut codes, mut places) = (self.codes.to_vec(), Vec::with_capacity(mutant.len()));
        let alphabet = &self.model.spec.alphabet;
        for &Edit { position, code } in mutant {
            let Some(place) = codes.get_mut(position as usize).filter(|_| code <= alphabet.gap()) else {
                let (length, alphabet) = (self.codes.len(), alphabet.to_string());
                return Err(ModelError::Edit { position, code, length, alphabet });
            };
            if std::mem::replace(place, code) != code {
                places.push(position as usize);
            }
        }
        places.sort_unstable();
        let mut rows: Vec<Range<usize>> = Vec::new();
        for place in places {
            let changed = self.engine.tower.spread(place..place + 1, codes.len());
            match rows.last_mut().filter(|last| last.end >= changed.start) {
                Some(last) => last.end = changed.end,
                None => rows.push(changed),
            }
        }
        Ok((codes, rows))
    }

    /// What the tower makes of a mutant.
    fn trunk_of(&self, mutant: &Mutant) -> Result<Vec<T>, ModelError> {
        let (codes, changed) = self.edited(mutant)?;
        let width = self.engine.tower.outputs();
        let n_changed: usize = changed.iter().map(ExactSizeIterator::len).sum();
        if 2 * n_changed * width > self.trunk.len() {
            return Ok(self.engine.trunk(&codes));
        }
        let (one_hot, mut trunk) = (one_hot(&codes), self.trunk.clone());
        for rows in changed {
            let place = rows.start * width..rows.end * width;
            trunk[place].copy_from_slice(&self.engine.tower.some(&one_hot, codes.len(), rows));
        }
        Ok(trunk)
    }
}

impl<T: Real + Default> ReferencePass for EnformerPass<'_, T> {
    fn prediction(&self) -> ArrayView2<'_, f64> {
        self.prediction.view()
    }

    fn deltas(&self, mutants: &[&Mutant], mut out: ArrayViewMut3<'_, f64>) -> Result<(), ModelError> {
        for (mutant, mut out) in mutants.iter().zip(out.outer_iter_mut()) {
            let trunk = self.trunk_of(mutant)?;
            if trunk == self.trunk {
                out.fill(0.0);
                continue;
            }
            let found: Array3<f64> = self.model.read(self.engine, trunk, &self.readout);
            out.assign(&(found.index_axis_move(Axis(0), 0) - &self.prediction));
        }
        Ok(())
    }
}
