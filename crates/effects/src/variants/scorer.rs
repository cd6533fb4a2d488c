use std::sync::Arc;

use cistron_core::{Alphabet, Reference, Run, VariantRow, VariantStatus, VariantWindow};
use cistron_encode::{IncrementalModel, Readout, Reduce, SequenceModel};
use rayon::prelude::*;

use super::share::Windows;
use super::views::Plan;
use super::{ResolvedVariant, VariantOptions};
use crate::EffectError;
use crate::saturation::out_of_range;

/// Bases of windows that are in memory at a time for each thread, about.
const BASES_OF_A_PIECE: usize = 1 << 21;
/// The most rows of a piece.
const MOST_ROWS: usize = 256;

/// What became of a row.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct VariantScore {
    /// What the row is on this genome; anything but `ok` has no numbers.
    pub status: VariantStatus,
    /// Whether the genome has another reference allele: the row was scored all the same, or its alleles changed places.
    pub mismatch: bool,
    /// The numbers of [`VariantScorer::columns`], the means over models.
    pub numbers: Vec<f64>,
    /// Their standard deviations over models; empty with one model.
    pub deviations: Vec<f64>,
}

/// Scores variants with one model or several.
///
/// The numbers of a variant are those of its window with the alternate allele beside those with the reference allele. A
/// model with an exact engine gives their difference itself, never that of rounded outputs; any other predicts both.
/// Windows that are equal are read once.
///
/// ```
/// use cistron_core::{Alphabet, Run, VariantRow};
/// # use cistron_core::{Contig, Reference, ReferenceError};
/// use cistron_effects::{VariantOptions, VariantScorer};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
/// # struct Toy([Contig; 1]);
/// # impl Reference for Toy {
/// #     fn name(&self) -> String { "toy".into() }
/// #     fn contigs(&self) -> &[Contig] { &self.0 }
/// #     fn index_of(&self, contig: &str) -> Option<usize> { (contig == "c").then_some(0) }
/// #     fn read_into(&self, _: usize, start: u64, end: u64, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
/// #         letters.extend_from_slice(&b"AACCGGTTA"[start as usize..end as usize]);
/// #         Ok(())
/// #     }
/// # }
/// # let genome = Toy([Contig { name: "c".into(), length: 9 }]);
///
/// let gc = FnModel::new(ModelSpec::scalar(Alphabet::dna(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, ..)| count(i) as f32))
/// });
/// // A genome with the one contig `AACCGGTTA`.
/// let options = VariantOptions { width: Some(5), ..VariantOptions::default() };
/// let scorer = VariantScorer::new(&genome, &[&gc], options)?;
/// assert_eq!(scorer.columns(), ["ref_gc", "alt_gc", "diff_gc", "max_over_tracks"]);
/// let rows: Vec<VariantRow> = vec!["c:4_C>A".parse()?, "c:20_C>A".parse()?];
/// let scores = scorer.score(&rows, Run::default())?;
/// assert_eq!(scores[0].numbers, [4.0, 3.0, -1.0, 1.0]);
/// assert_eq!(scores[1].status.to_string(), "out_of_range");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VariantScorer<'a> {
    pub(super) genome: &'a dyn Reference,
    pub(super) models: Vec<(&'a dyn SequenceModel, Readout)>,
    pub(super) options: VariantOptions,
    pub(super) windows: Windows,
    pub(super) tracks: Vec<Arc<str>>,
}

impl<'a> VariantScorer<'a> {
    /// Checks the options against the models.
    ///
    /// # Errors
    /// [`EffectError::Option`] for an option out of range or models whose tracks differ, [`EffectError::Model`] for a
    /// width or a readout that a model does not take.
    pub fn new(
        genome: &'a dyn Reference,
        models: &[&'a dyn SequenceModel],
        options: VariantOptions,
    ) -> Result<Self, EffectError> {
        let Some(first) = models.first() else {
            return Err(out_of_range("number of models", 0, "at least 1"));
        };
        let width = options.width.or(first.spec().input_length.map(|length| length as u32));
        let width = width.ok_or_else(|| out_of_range("window width", "missing", "a number of bases"))?;
        let window = VariantWindow::new(width, options.anchor)
            .map_err(|_| out_of_range("window width", width, "at least 1, or 2 before the middle"))?;
        let shifted = |&by: &i32| {
            let expected = "one that leaves the variant in its window";
            window.shifted(by).map_err(|_| out_of_range("shift", by, expected))
        };
        let windows: Vec<_> = options.shifts.iter().map(shifted).collect::<Result<_, _>>()?;
        if windows.is_empty() || options.batch == 0 {
            return Err(out_of_range("number of shifts or size of a batch", 0, "at least 1"));
        }
        if !(options.pseudocount > 0.0 && options.pseudocount.is_finite()) {
            return Err(out_of_range("pseudocount", options.pseudocount, "a number above 0"));
        }
        let windows = Windows::new(windows, options.share)?;
        let mut read = Vec::new();
        for model in models {
            options.engine.of(*model)?;
            let readout = match &options.readout {
                Some(readout) => Readout { reduce: Reduce::Keep, ..readout.clone() },
                None => model.spec().readout(None, &[], None, Reduce::Keep)?,
            };
            model.spec().check(&Alphabet::dna(), width as usize)?;
            read.push((*model, readout));
        }
        let tracks = tracks_of(&read[0]);
        if let Some(other) = read.iter().map(tracks_of).find(|other| *other != tracks) {
            return Err(out_of_range("tracks of a model", other.join(", "), tracks.join(", ")));
        }
        Ok(Self { genome, models: read, options, windows, tracks })
    }

    /// The name of the engine that runs: `closed`, `delta` or `blackbox`, those of several models joined.
    pub fn engine(&self) -> String {
        let name = |(model, _): &(&'a dyn SequenceModel, Readout)| {
            self.options.engine.of(*model).ok().flatten().map_or("blackbox", IncrementalModel::engine)
        };
        let mut names: Vec<&str> = self.models.iter().map(name).collect();
        names.dedup();
        names.join(", ")
    }

    /// The names of the tracks.
    pub fn tracks(&self) -> &[Arc<str>] {
        &self.tracks
    }

    /// The names of the numbers of a variant: for each track `ref_`, `alt_` and `diff_` (means over bins) and the
    /// statistics, then `max_over_tracks`, the largest mean size of a difference.
    pub fn columns(&self) -> Vec<String> {
        let of_track = |track: &Arc<str>| {
            let means = ["ref", "alt", "diff"].into_iter();
            let names = means.chain(self.options.statistics.iter().map(|statistic| statistic.name()));
            names.map(|name| format!("{name}_{track}")).collect::<Vec<_>>()
        };
        let mut columns: Vec<String> = self.tracks.iter().flat_map(of_track).collect();
        columns.push("max_over_tracks".to_owned());
        columns
    }

    /// Scores rows, on the current rayon pool; one score for each, in their order.
    ///
    /// Scores do not depend on what else is asked for, nor on threads, but for what a black-box model's own rounding
    /// makes of the place in a batch.
    ///
    /// # Errors
    /// [`EffectError::Mismatch`] if the genome has another allele and that is an error, [`EffectError::Cancelled`],
    /// [`EffectError::Reference`], [`EffectError::Model`].
    pub fn score(&self, rows: &[VariantRow], run: Run<'_>) -> Result<Vec<VariantScore>, EffectError> {
        let pieces = self.pieces(rows, 1, run, &|piece| self.score_piece(piece))?;
        Ok(pieces.into_iter().flatten().collect())
    }

    /// The differences of a score, one a track; none of a row that was not scored.
    pub fn differences<'s>(&self, score: &'s VariantScore) -> impl Iterator<Item = f64> + use<'s> {
        let step = self.columns_of_a_track();
        let tracks = score.numbers.len() / step;
        (0..tracks).map(move |track| score.numbers[track * step + 2])
    }

    /// What is made of the rows, a piece at a time, in order; each row costs as much memory as `times` variants.
    pub(super) fn pieces<T: Send>(
        &self,
        rows: &[VariantRow],
        times: usize,
        run: Run<'_>,
        of_piece: &(dyn Fn(&[VariantRow]) -> Result<T, EffectError> + Sync),
    ) -> Result<Vec<T>, EffectError> {
        let width = self.windows.of_shifts().first().map_or(1, |window| window.width() as usize);
        let at_once =
            (BASES_OF_A_PIECE / (2 * self.views(true, 0).len() * width * times.max(1))).clamp(1, MOST_ROWS);
        let pieces: Vec<_> = rows
            .par_chunks(at_once)
            .map(|piece| {
                if run.is_cancelled() {
                    let total = rows.len().div_ceil(at_once) as u64;
                    return Err(EffectError::Cancelled { done: 0, total });
                }
                let made = of_piece(piece)?;
                run.observer.advance(piece.len() as u64);
                Ok(made)
            })
            .collect();
        pieces.into_iter().collect()
    }

    fn score_piece(&self, rows: &[VariantRow]) -> Result<Vec<VariantScore>, EffectError> {
        let resolved = rows
            .iter()
            .map(|row| self.options.on_mismatch.resolve(row, self.genome))
            .collect::<Result<Vec<_>, _>>()?;
        let variants = resolved.iter().filter_map(|row| Some((self.genome, row.variant.as_ref()?)));
        let mut scored = self.score_plan(&self.plan(variants)?)?.into_iter();
        let score = |row: &ResolvedVariant| {
            let score = row.variant.as_ref().and_then(|_| scored.next()).unwrap_or_default();
            VariantScore { status: row.status, mismatch: row.mismatch, ..score }
        };
        Ok(resolved.iter().map(score).collect())
    }

    pub(super) fn score_plan(&self, plan: &Plan) -> Result<Vec<VariantScore>, EffectError> {
        let of_models = self.models.iter().map(|(model, readout)| self.numbers(*model, readout, plan));
        let of_models = of_models.collect::<Result<Vec<_>, _>>()?;
        let score = |i: usize| {
            let (numbers, deviations) =
                ensemble(&of_models.iter().map(|numbers| &numbers[i]).collect::<Vec<_>>());
            VariantScore { numbers, deviations, ..VariantScore::default() }
        };
        Ok((0..plan.views.len()).map(score).collect())
    }
}

fn tracks_of((model, readout): &(&dyn SequenceModel, Readout)) -> Vec<Arc<str>> {
    let tracks = model.spec().heads.get(readout.head).map_or(&[][..], |head| &head.tracks);
    readout.tracks.iter().filter_map(|track| tracks.get(*track as usize)).cloned().collect()
}

/// Means over models, and standard deviations if there are several.
fn ensemble(of_models: &[&Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let n = of_models.len() as f64;
    let width = of_models.first().map_or(0, |numbers| numbers.len());
    let means: Vec<f64> =
        (0..width).map(|i| of_models.iter().map(|numbers| numbers[i]).sum::<f64>() / n).collect();
    if of_models.len() < 2 {
        return (means, Vec::new());
    }
    let deviation = |(i, mean): (usize, &f64)| {
        let squares: f64 = of_models.iter().map(|numbers| (numbers[i] - mean).powi(2)).sum();
        (squares / (n - 1.0)).sqrt()
    };
    let deviations = means.iter().enumerate().map(deviation).collect();
    (means, deviations)
}
