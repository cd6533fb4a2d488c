use cistron_core::Anchor;
use cistron_encode::Readout;

use super::{OnMismatch, Statistic};
use crate::Engine;

/// What stands beside an insertion or a deletion in the window of the alternate allele.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndelMode {
    /// The bases before the variant keep their places.
    #[default]
    Left,
    /// The bases after the variant keep their places.
    Right,
    /// Bins before that of the variant as with [`Left`](Self::Left), it and those after it as with
    /// [`Right`](Self::Right).
    Stitch,
    /// The mean of the numbers of [`Left`](Self::Left) and [`Right`](Self::Right).
    Both,
}

/// What is averaged over strands, shifts and models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnsembleOrder {
    /// Predictions of a model over strands and shifts; statistics are those of the means.
    #[default]
    Predictions,
    /// Statistics of each strand and shift.
    Scores,
}

/// How variants are scored.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct VariantOptions {
    /// The bases of a window; `None` takes the input length of the model.
    pub width: Option<u32>,
    /// Where the variant stands in the window.
    pub anchor: Anchor,
    /// What stands beside insertions and deletions.
    pub indel: IndelMode,
    /// Whether windows are read on both strands. Default: the forward one.
    pub both_strands: bool,
    /// By how many bases windows are moved, each in turn. Default: 0 alone.
    pub shifts: Vec<i32>,
    /// How many bases share their windows: instead of each variant, the middle of its bases stands where the anchor
    /// says, so that variants near one another need the reference to be read once. The bases are those of a grid from
    /// each contig's start, so that a score does not depend on which others are asked for. Default 1: none share.
    pub share: u32,
    /// What is averaged over strands and shifts.
    pub ensemble: EnsembleOrder,
    /// What is done if the genome has another allele.
    pub on_mismatch: OnMismatch,
    /// The statistics of each track, after reference, alternate and difference.
    pub statistics: Vec<Statistic>,
    /// What is added to both sides of a ratio. Default 1e-6.
    pub pseudocount: f64,
    /// The outputs of each model, bins kept; `None` takes all tracks and bins of the first head.
    pub readout: Option<Readout>,
    /// Which engine computes. Default: the model's exact one if it has one.
    pub engine: Engine,
    /// Sequences of a prediction. Never changes a result but by the model's own rounding. Default 64.
    pub batch: usize,
}

impl Default for VariantOptions {
    fn default() -> Self {
        Self {
            width: None,
            anchor: Anchor::Half,
            indel: IndelMode::Left,
            both_strands: false,
            shifts: vec![0],
            share: 1,
            ensemble: EnsembleOrder::Predictions,
            on_mismatch: OnMismatch::Error,
            statistics: Vec::new(),
            pseudocount: 1e-6,
            readout: None,
            engine: Engine::Auto,
            batch: 64,
        }
    }
}
