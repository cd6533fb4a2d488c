use cistron_core::{Alphabet, Sequence};
use cistron_encode::{
    Edit, IncrementalModel, ModelSpec, Mutant, Readout, Reduce, SequenceBatch, SequenceModel,
};
use ndarray::{Array1, Array3, ArrayViewMut1, ArrayViewMut3, Axis, s};

use super::{SaturationOptions, Scale, UnknownLetters, out_of_range};
use crate::EffectError;

/// Mutants that an exact engine scores at a time.
const EXACT_BATCH: usize = 4096;

/// What a checked effect may be off by: this share of the largest effect, and this of the model's own output.
const CHECKED: (f64, f64) = (1e-4, 1e-5);

/// Which engine computes the effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The model's exact engine if it has one, else the black box.
    #[default]
    Auto,
    /// A formula; only some models have one.
    ClosedForm,
    /// Differences propagated through the network; only some models can.
    Delta,
    /// One prediction a mutant; every model can.
    BlackBox,
}

impl Engine {
    /// The model's exact engine, if that is what computes.
    pub(crate) fn of(self, model: &dyn SequenceModel) -> Result<Option<&dyn IncrementalModel>, EffectError> {
        match (self, model.as_incremental()) {
            (Self::BlackBox, _) => Ok(None),
            (Self::Auto, exact) => Ok(exact),
            (Self::ClosedForm, Some(exact)) if exact.engine() == "closed" => Ok(Some(exact)),
            (Self::Delta, Some(exact)) if exact.engine() == "delta" => Ok(Some(exact)),
            (Self::ClosedForm, other) => Err(no_engine("closed", other)),
            (Self::Delta, other) => Err(no_engine("delta", other)),
        }
    }
}

/// What is computed for each sequence, and how.
pub(super) struct Evaluator<'a> {
    model: &'a dyn SequenceModel,
    exact: Option<&'a dyn IncrementalModel>,
    readout: Readout,
    positions: Vec<u32>,
    scale: Scale,
    unknown: UnknownLetters,
    batch: usize,
    check: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        model: &'a dyn SequenceModel,
        readout: Readout,
        positions: Vec<u32>,
        options: &SaturationOptions,
    ) -> Result<Self, EffectError> {
        let exact = options.engine.of(model)?;
        let SaturationOptions { scale, unknown, batch, check, .. } = *options;
        Ok(Self { model, exact, readout, positions, scale, unknown, batch, check })
    }

    pub(super) fn name(&self) -> &'static str {
        self.exact.map_or("blackbox", IncrementalModel::engine)
    }

    pub(super) fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    pub(super) fn outputs(&self) -> usize {
        self.readout.bins_out() * self.readout.tracks.len()
    }

    pub(super) fn letters(&self) -> usize {
        usize::from(self.alphabet().len())
    }

    pub(super) fn alphabet(&self) -> &Alphabet {
        &self.model.spec().alphabet
    }

    pub(super) fn output_names(&self) -> Vec<String> {
        output_names(self.model.spec(), &self.readout)
    }

    /// Fills one sequence's effects `(L, A, T)` and outputs `(T)`; returns the mean absolute effect of changing
    /// nothing.
    pub(super) fn evaluate(
        &self,
        index: usize,
        sequence: &Sequence,
        mut deltas: ArrayViewMut3<'_, f64>,
        mut reference: ArrayViewMut1<'_, f64>,
    ) -> Result<f64, EffectError> {
        let edits = self.edits(sequence, deltas.view_mut());
        let noise = match self.exact {
            Some(model) => self.exact(model, index, sequence, &edits, &mut deltas, &mut reference)?,
            None => self.black_box(sequence, &edits, &mut deltas, &mut reference)?,
        };
        if self.scale == Scale::Probability {
            for mut row in deltas.rows_mut() {
                for (delta, &z) in row.iter_mut().zip(reference.iter()) {
                    *delta = if *delta == 0.0 { 0.0 } else { sigmoid(z + *delta) - sigmoid(z) };
                }
            }
        }
        Ok(noise)
    }

    /// The substitutions to score; the cells of reference letters are set to 0 on the way.
    fn edits(&self, sequence: &Sequence, mut deltas: ArrayViewMut3<'_, f64>) -> Vec<Edit> {
        let letters = self.alphabet().len();
        let mut edits = Vec::with_capacity(self.positions.len() * usize::from(letters));
        for &position in &self.positions {
            let code = sequence.codes()[position as usize];
            let reference = match self.unknown {
                _ if code < letters => Some(code),
                UnknownLetters::Substitute => None,
                UnknownLetters::Nan => continue,
                UnknownLetters::Notebook => Some(0),
            };
            if let Some(code) = reference {
                deltas
                    .index_axis_mut(Axis(0), position as usize)
                    .index_axis_mut(Axis(0), code.into())
                    .fill(0.0);
            }
            let others = (0..letters).filter(|&code| Some(code) != reference);
            edits.extend(others.map(|code| Edit { position, code }));
        }
        edits
    }

    fn exact(
        &self,
        model: &dyn IncrementalModel,
        index: usize,
        sequence: &Sequence,
        edits: &[Edit],
        deltas: &mut ArrayViewMut3<'_, f64>,
        reference: &mut ArrayViewMut1<'_, f64>,
    ) -> Result<f64, EffectError> {
        let pass = model.reference(sequence, &self.readout)?;
        reference.iter_mut().zip(pass.prediction()).for_each(|(to, from)| *to = *from);
        let shape = (self.readout.bins_out(), self.readout.tracks.len());
        let mut out = Array3::zeros((EXACT_BATCH.min(edits.len()), shape.0, shape.1));
        for edits in edits.chunks(EXACT_BATCH) {
            let mutants: Vec<&Mutant> = edits.iter().map(std::slice::from_ref).collect();
            let mut out = out.slice_mut(s![..edits.len(), .., ..]);
            pass.deltas(&mutants, out.view_mut())?;
            for (edit, out) in edits.iter().zip(out.outer_iter()) {
                put(deltas, *edit, out.iter().copied());
            }
        }
        // Quality control: the reference letter put where it stands must change nothing at all.
        let unchanged = Edit { position: 0, code: sequence.codes()[0] };
        let mut nothing = Array3::zeros((1, shape.0, shape.1));
        pass.deltas(&[&[unchanged]], nothing.view_mut())?;
        match nothing.iter().find(|delta| **delta != 0.0) {
            Some(&delta) => Err(EffectError::Inexact { engine: model.engine(), sequence: index, delta }),
            None => self.check(model, index, sequence, edits, deltas).map(|()| 0.0),
        }
    }

    /// Predicts mutants from all over the sequence, and compares.
    fn check(
        &self,
        model: &dyn IncrementalModel,
        index: usize,
        sequence: &Sequence,
        edits: &[Edit],
        deltas: &ArrayViewMut3<'_, f64>,
    ) -> Result<(), EffectError> {
        let n = self.check.min(edits.len());
        let chosen: Vec<Edit> = (0..n).map(|i| edits[i * edits.len() / n]).collect();
        let largest = deltas.iter().filter(|delta| delta.is_finite()).fold(0.0_f64, |a, b| a.max(b.abs()));
        let mut expected = Array3::zeros(deltas.raw_dim());
        let mut reference = Array1::zeros(deltas.dim().2);
        if n > 0 {
            self.black_box(sequence, &chosen, &mut expected.view_mut(), &mut reference.view_mut())?;
        }
        for Edit { position, code } in chosen {
            let place = s![position as usize, usize::from(code), ..];
            for ((&found, &expected), own) in
                deltas.slice(place).iter().zip(expected.slice(place)).zip(&reference)
            {
                let own: &f64 = own;
                // The engine's own rounding, and that of predictions.
                if (found - expected).abs() > CHECKED.0 * largest + CHECKED.1 * own.abs() {
                    let engine = model.engine();
                    return Err(EffectError::Check { engine, sequence: index, position, found, expected });
                }
            }
        }
        Ok(())
    }

    /// Every batch has the same number of rows: the reference first, then mutants, then the reference again as
    /// often as it takes.
    fn black_box(
        &self,
        sequence: &Sequence,
        edits: &[Edit],
        deltas: &mut ArrayViewMut3<'_, f64>,
        reference: &mut ArrayViewMut1<'_, f64>,
    ) -> Result<f64, EffectError> {
        let width = sequence.len();
        let rows = self.batch.min(edits.len()) + 1;
        let (mut noise, mut repeats) = (0.0, 0.0);
        for edits in edits.chunks(rows - 1) {
            let mut codes = sequence.codes().repeat(rows);
            for (row, edit) in codes.chunks_exact_mut(width).skip(1).zip(edits) {
                row[edit.position as usize] = edit.code;
            }
            let batch = SequenceBatch::from_rows(sequence.alphabet(), width, codes)?;
            let predictions = self.model.predict_f64(&batch, &self.readout)?;
            let mut predictions = predictions.outer_iter();
            let first = predictions.next().map(|row| row.iter().copied().collect());
            let first: Vec<f64> = first.unwrap_or_default();
            reference.iter_mut().zip(&first).for_each(|(to, from)| *to = *from);
            for (edit, row) in edits.iter().zip(predictions.by_ref()) {
                put(deltas, *edit, row.iter().zip(&first).map(|(mutant, own)| mutant - own));
            }
            for row in predictions {
                noise += row.iter().zip(&first).map(|(y, own)| (y - own).abs()).sum::<f64>();
                repeats += first.len() as f64;
            }
        }
        if edits.is_empty() {
            let batch = SequenceBatch::from_sequences(std::slice::from_ref(sequence))?;
            let prediction = self.model.predict_f64(&batch, &self.readout)?;
            reference.iter_mut().zip(&prediction).for_each(|(to, from)| *to = *from);
        }
        Ok(if repeats > 0.0 { noise / repeats } else { 0.0 })
    }
}

/// The names of a readout's outputs: the track, with `[bin]` where bins are kept.
pub(crate) fn output_names(spec: &ModelSpec, readout: &Readout) -> Vec<String> {
    let tracks = spec.heads.get(readout.head).map_or(&[][..], |head| &head.tracks);
    let chosen = || readout.tracks.iter().filter_map(|&track| tracks.get(track as usize)).cloned();
    match readout.reduce {
        Reduce::Keep if readout.bins.len() > 1 => {
            let bins = readout.bins.clone();
            bins.flat_map(|bin| chosen().map(move |track| format!("{track}[{bin}]"))).collect()
        }
        _ => chosen().map(|track| track.to_string()).collect(),
    }
}

fn put(deltas: &mut ArrayViewMut3<'_, f64>, edit: Edit, values: impl Iterator<Item = f64>) {
    let mut row = deltas.index_axis_mut(Axis(0), edit.position as usize);
    let cells = row.index_axis_mut(Axis(0), usize::from(edit.code));
    cells.into_iter().zip(values).for_each(|(cell, value)| *cell = value);
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn no_engine(wanted: &'static str, has: Option<&dyn IncrementalModel>) -> EffectError {
    let other = has.map_or_else(String::new, |model| format!(" or `{}`", model.engine()));
    out_of_range("engine", format!("`{wanted}`"), format!("`auto`, `blackbox`{other} for this model"))
}
