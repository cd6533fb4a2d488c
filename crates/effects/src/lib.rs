//! What a mutation does, by any [`SequenceModel`](cistron_encode::SequenceModel).
//!
//! Work is a plan cut into numbered blocks ([`SaturationPlan`]); a shard is a range of blocks; every block goes
//! to a sink in order, whatever the number of threads. [`Artefacts`] is the sink that writes the tables and
//! arrays of a saturation mutagenesis, [`PartWriter`] the one that keeps a shard's blocks for
//! [`Parts`] to merge: both ways give the same bytes.
//!
//! What each letter contributes is asked of an [`Attributor`], by gradients, DeepLIFT or mutagenesis.
//!
//! Whether effects differ between two groups of variants is asked by [`compare_groups`], and by [`compare_columns`] for
//! many tracks at once.

mod artefacts;
mod attribution;
mod design;
mod error;
mod groups;
mod part;
mod perturbation;
mod saturation;
mod variants;

pub use artefacts::{ArtefactOptions, Artefacts, Compatibility, Existing, Summary};
pub use attribution::{
    Attribution, AttributionMethod, AttributionOptions, AttributionReferences, Attributor, Smoothing,
};
pub use design::{Design, DesignMethod, DesignOptions, DesignStep, Designer};
pub use error::EffectError;
pub use groups::{
    Alternative, ComparisonOptions, GroupComparison, MAX_EXACT_PAIRS, MissingScores, PValueMethod, Spread,
    compare_columns, compare_groups,
};
pub use part::{InputDigest, PartPlan, PartWriter, Parts};
pub use perturbation::{
    Measure, Perturbation, Perturbed, Prediction, compare_edited, dependency_map, perturb,
};
pub use saturation::{
    DeltaBlock, Engine, SaturationOptions, SaturationPlan, Scale, Sequences, UnknownLetters, attributions,
};
pub use variants::{
    Calibration, EmpiricalNull, EnsembleOrder, IndelMode, OnMismatch, ResolvedVariant, Statistic,
    VariantOptions, VariantScore, VariantScorer,
};
