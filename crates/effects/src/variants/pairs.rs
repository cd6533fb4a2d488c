//! What a model says of windows with either allele.

use std::collections::{BTreeMap, HashMap};

use cistron_core::Sequence;
use cistron_encode::{
    Edit, EncodeError, IncrementalModel, Mutant, Readout, Reduce, SequenceBatch, SequenceModel,
};
use ndarray::{Array2, Array3, Axis};

use crate::EffectError;

/// Windows that differ from one another, each once, and which of them belong together.
#[derive(Default)]
pub(super) struct Pairs {
    codes: Vec<Box<[u8]>>,
    places: HashMap<Box<[u8]>, usize>,
    /// Reference and alternate.
    members: Vec<(usize, usize)>,
}

/// A model's numbers for a window: with the reference allele, and alternate minus reference; (bins, tracks) each.
#[derive(Clone)]
pub(super) struct Effect {
    pub(super) reference: Array2<f64>,
    pub(super) difference: Array2<f64>,
}

impl Pairs {
    pub(super) fn push(&mut self, reference: Vec<u8>, alternate: Vec<u8>) {
        let pair = (self.place(reference), self.place(alternate));
        self.members.push(pair);
    }

    fn place(&mut self, codes: Vec<u8>) -> usize {
        let codes = codes.into_boxed_slice();
        let next = self.codes.len();
        let place = *self.places.entry(codes.clone()).or_insert(next);
        if place == next {
            self.codes.push(codes);
        }
        place
    }

    /// The effect of each pair; exact where an engine can, whatever the other pairs are.
    pub(super) fn effects(
        &self,
        model: &dyn SequenceModel,
        exact: Option<&dyn IncrementalModel>,
        readout: &Readout,
        batch: usize,
    ) -> Result<Vec<Effect>, EffectError> {
        let Some(exact) = exact else { return self.predicted(model, readout, batch) };
        let mut effects = self.exact(exact, readout)?;
        let mut rest = Self::default();
        for (_, (reference, alternate)) in effects.iter().zip(&self.members).filter(|(it, _)| it.is_none()) {
            rest.push(self.codes[*reference].to_vec(), self.codes[*alternate].to_vec());
        }
        let rest = rest.predicted(model, readout, batch)?;
        effects.iter_mut().filter(|it| it.is_none()).zip(rest).for_each(|(to, effect)| *to = Some(effect));
        Ok(effects.into_iter().flatten().collect())
    }

    /// None for a pair whose difference is no letter, which no edit can name. Each reference is read once.
    fn exact(
        &self,
        model: &dyn IncrementalModel,
        readout: &Readout,
    ) -> Result<Vec<Option<Effect>>, EffectError> {
        let alphabet = &model.spec().alphabet;
        let mut of_references: BTreeMap<usize, Vec<(usize, Vec<Edit>)>> = BTreeMap::new();
        for (member, &(reference, alternate)) in self.members.iter().enumerate() {
            let edits = edits(&self.codes[reference], &self.codes[alternate]);
            if edits.iter().all(|edit| edit.code < alphabet.len()) {
                of_references.entry(reference).or_default().push((member, edits));
            }
        }
        let mut effects = vec![None; self.members.len()];
        for (reference, members) in of_references {
            let codes = self.codes[reference].clone();
            let sequence = Sequence::from_codes(alphabet, codes).map_err(EncodeError::from)?;
            let pass = model.reference(&sequence, readout)?;
            let prediction = pass.prediction();
            let mut differences = Array3::zeros((members.len(), prediction.nrows(), prediction.ncols()));
            let mutants: Vec<&Mutant> = members.iter().map(|(_, edits)| &edits[..]).collect();
            pass.deltas(&mutants, differences.view_mut())?;
            for ((member, _), difference) in members.iter().zip(differences.outer_iter()) {
                let (reference, difference) = (prediction.to_owned(), difference.to_owned());
                effects[*member] = Some(Effect { reference, difference });
            }
        }
        Ok(effects)
    }

    fn predicted(
        &self,
        model: &dyn SequenceModel,
        readout: &Readout,
        batch: usize,
    ) -> Result<Vec<Effect>, EffectError> {
        let mut predictions: Vec<Array2<f64>> = Vec::with_capacity(self.codes.len());
        for codes in self.codes.chunks(batch) {
            let width = codes.first().map_or(0, |codes| codes.len());
            let batch = SequenceBatch::from_rows(&model.spec().alphabet, width, codes.concat())?;
            let predicted = model.predict_f64(&batch, readout)?;
            predictions.extend(predicted.outer_iter().map(|one| one.to_owned()));
        }
        let effect = |&(reference, alternate): &(usize, usize)| {
            let difference = &predictions[alternate] - &predictions[reference];
            Effect { reference: predictions[reference].clone(), difference }
        };
        Ok(self.members.iter().map(effect).collect())
    }
}

/// What turns one window into another of equal width.
fn edits(from: &[u8], to: &[u8]) -> Vec<Edit> {
    let changed = from.iter().zip(to).enumerate().filter(|(_, (a, b))| a != b);
    changed.map(|(place, (_, code))| Edit { position: place as u32, code: *code }).collect()
}

/// The readout of a window that is read on the reverse strand: what `readout` is on the forward one, bins from the right.
pub(crate) fn mirrored(model: &dyn SequenceModel, readout: &Readout) -> Readout {
    let Some(head) = model.spec().heads.get(readout.head) else { return readout.clone() };
    let mirror = |track: &u32| {
        let mirror = head.mirror.as_ref().and_then(|mirror| mirror.get(*track as usize));
        mirror.copied().unwrap_or(*track)
    };
    Readout {
        head: readout.head,
        tracks: readout.tracks.iter().map(mirror).collect(),
        bins: head.bins - readout.bins.end..head.bins - readout.bins.start,
        reduce: Reduce::Keep,
    }
}

impl Effect {
    pub(super) fn alternate(&self) -> Array2<f64> {
        &self.reference + &self.difference
    }

    /// With the bins in the order of the other strand.
    pub(super) fn flipped(mut self) -> Self {
        self.reference.invert_axis(Axis(0));
        self.difference.invert_axis(Axis(0));
        self
    }

    pub(super) fn mean(effects: &[Self]) -> Option<Self> {
        let (first, rest) = effects.split_first()?;
        let mut mean = first.clone();
        for effect in rest {
            mean.reference += &effect.reference;
            mean.difference += &effect.difference;
        }
        let n = effects.len() as f64;
        mean.reference /= n;
        mean.difference /= n;
        Some(mean)
    }

    /// The first `bins` bins of one effect, then those of another.
    pub(super) fn stitched(left: &Self, right: &Self, bins: usize) -> Self {
        let mut effect = right.clone();
        let bins = ndarray::s![..bins.min(effect.difference.nrows()), ..];
        effect.difference.slice_mut(bins).assign(&left.difference.slice(bins));
        effect
    }
}
