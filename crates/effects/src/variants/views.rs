//! The windows of variants that models read, and what becomes of them.

use cistron_core::{Alphabet, FixedSide, Reference, Strand, Variant};
use cistron_encode::{EncodeError, HeadSpec, Readout, SequenceModel};
use ndarray::{ArrayView1, Axis};

use super::pairs::{Effect, Pairs, mirrored};
use super::{EnsembleOrder, IndelMode, Statistic, VariantScorer};
use crate::EffectError;

/// A window of a variant as models read it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// Which of the shifts.
    pub(super) window: usize,
    /// How many bases right of the variant stands what the window is about.
    pub(super) offset: i32,
    strand: Strand,
    side: FixedSide,
}

/// What models read of some variants: the views of each, whose windows follow one another in the pairs of their strand.
#[derive(Default)]
pub(super) struct Plan {
    forward: Pairs,
    reverse: Pairs,
    pub(super) views: Vec<Vec<View>>,
}

impl VariantScorer<'_> {
    /// The windows that are read of a variant; those of both sides only where alleles differ in length.
    pub(super) fn views(&self, is_indel: bool, offset: i32) -> Vec<View> {
        let sides: &[FixedSide] = match self.options.indel {
            IndelMode::Right => &[FixedSide::Right],
            IndelMode::Stitch | IndelMode::Both if is_indel => &[FixedSide::Left, FixedSide::Right],
            _ => &[FixedSide::Left],
        };
        let strands: &[Strand] =
            if self.options.both_strands { &[Strand::Forward, Strand::Reverse] } else { &[Strand::Forward] };
        let mut views = Vec::new();
        for window in 0..self.windows.of_shifts().len() {
            for &strand in strands {
                views.extend(sides.iter().map(|&side| View { window, offset, strand, side }));
            }
        }
        views
    }

    /// Reads all windows of some variants in their genomes, once for all models.
    pub(super) fn plan<'v>(
        &self,
        variants: impl Iterator<Item = (&'v dyn Reference, &'v Variant)>,
    ) -> Result<Plan, EffectError> {
        let mut plan = Plan::default();
        for (genome, variant) in variants {
            let is_indel = variant.reference().len() != variant.alternate().len();
            let views = self.views(is_indel, self.windows.offset(variant.region().start()));
            for view in &views {
                let [reference, alternate] = self.windows_of(genome, variant, *view)?;
                let pairs =
                    if view.strand == Strand::Forward { &mut plan.forward } else { &mut plan.reverse };
                pairs.push(reference, alternate);
            }
            plan.views.push(views);
        }
        Ok(plan)
    }

    /// The numbers of each variant by one model.
    pub(super) fn numbers(
        &self,
        model: &dyn SequenceModel,
        readout: &Readout,
        plan: &Plan,
    ) -> Result<Vec<Vec<f64>>, EffectError> {
        let batch = self.options.batch;
        let exact = self.options.engine.of(model)?;
        let mirrored = mirrored(model, readout);
        let mut forward = plan.forward.effects(model, exact, readout, batch)?.into_iter();
        let mut reverse = plan.reverse.effects(model, exact, &mirrored, batch)?.into_iter();
        let head = model.spec().heads.get(readout.head);
        let mut numbers = Vec::with_capacity(plan.views.len());
        for views in &plan.views {
            let mut effects = Vec::with_capacity(views.len());
            for &view in views {
                let next = if view.strand == Strand::Forward {
                    forward.next()
                } else {
                    reverse.next().map(Effect::flipped)
                };
                effects.extend(next.map(|effect| (view, effect)));
            }
            numbers.push(self.of_views(&effects, readout, head));
        }
        Ok(numbers)
    }

    /// The codes of a view with either allele.
    fn windows_of(
        &self,
        genome: &dyn Reference,
        variant: &Variant,
        view: View,
    ) -> Result<[Vec<u8>; 2], EffectError> {
        let window = self.windows.of(view)?;
        let [mut reference, mut alternate] = [Vec::new(), Vec::new()];
        window.fetch_reference(variant, genome, &mut reference)?;
        window.fetch_alternate(variant, genome, view.side, &mut alternate)?;
        if view.strand == Strand::Reverse {
            for codes in [&mut reference, &mut alternate] {
                Alphabet::dna().reverse_complement_in_place(codes).map_err(EncodeError::from)?;
            }
        }
        Ok([reference, alternate])
    }

    /// The numbers of a variant from all that was read of it.
    fn of_views(&self, effects: &[(View, Effect)], readout: &Readout, head: Option<&HeadSpec>) -> Vec<f64> {
        let one = |chosen: &dyn Fn(&View) -> bool| {
            let side = |side: FixedSide| {
                let of_side = effects.iter().filter(|(view, _)| chosen(view) && view.side == side);
                Effect::mean(&of_side.map(|(_, effect)| effect.clone()).collect::<Vec<_>>())
            };
            match (side(FixedSide::Left), side(FixedSide::Right)) {
                (Some(left), Some(right)) if self.options.indel == IndelMode::Stitch => {
                    let view = effects.iter().map(|(view, _)| view).find(|view| chosen(view));
                    let bin = view.map_or(0, |view| self.bin(*view, readout, head));
                    self.of_effect(&Effect::stitched(&left, &right, bin))
                }
                (Some(left), Some(right)) => mean(&[self.of_effect(&left), self.of_effect(&right)]),
                (Some(only), None) | (None, Some(only)) => self.of_effect(&only),
                (None, None) => Vec::new(),
            }
        };
        match self.options.ensemble {
            EnsembleOrder::Predictions => one(&|_| true),
            EnsembleOrder::Scores => {
                let mut seen: Vec<(usize, Strand)> =
                    effects.iter().map(|(view, _)| (view.window, view.strand)).collect();
                seen.dedup();
                let each = seen.iter().map(|at| one(&|view| (view.window, view.strand) == *at));
                mean(&each.collect::<Vec<_>>())
            }
        }
    }

    /// The bin of the readout in which the variant lies.
    fn bin(&self, view: View, readout: &Readout, head: Option<&HeadSpec>) -> usize {
        let index = self.windows.of(view).map_or(0, |window| window.index() as usize);
        let Some((head, width)) = head.and_then(|head| Some((head, head.bin_width?))) else { return 0 };
        (index.saturating_sub(head.first_bin) / width).saturating_sub(readout.bins.start)
    }

    fn of_effect(&self, effect: &Effect) -> Vec<f64> {
        let alternate = effect.alternate();
        let mut numbers = Vec::with_capacity(self.columns_of_a_track() * self.tracks.len() + 1);
        let mut most = f64::NEG_INFINITY;
        for (track, reference) in effect.reference.axis_iter(Axis(1)).enumerate() {
            let (alternate, difference) = (alternate.column(track), effect.difference.column(track));
            numbers.extend([reference, alternate, difference].map(mean_of));
            let (reference, alternate) = (reference.to_vec(), alternate.to_vec());
            let statistic = |it: &Statistic| it.of(&reference, &alternate, self.options.pseudocount);
            numbers.extend(self.options.statistics.iter().map(statistic));
            let size = mean_of(difference.mapv(f64::abs).view());
            most = if most.is_nan() || most >= size { most } else { size };
        }
        numbers.push(most);
        numbers
    }

    pub(super) fn columns_of_a_track(&self) -> usize {
        3 + self.options.statistics.len()
    }
}

fn mean_of(values: ArrayView1<'_, f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The means of each number.
fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let n = rows.first().map_or(0, Vec::len);
    (0..n).map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64).collect()
}
