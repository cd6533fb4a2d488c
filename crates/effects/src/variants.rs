//! What variants do: statistics of a model's tracks with either allele.

mod background;
mod calibration;
mod mismatch;
mod options;
mod pairs;
mod scorer;
mod share;
mod statistic;
mod views;

pub use calibration::{Calibration, EmpiricalNull};
pub use mismatch::{OnMismatch, ResolvedVariant};
pub use options::{EnsembleOrder, IndelMode, VariantOptions};
pub use scorer::{VariantScore, VariantScorer};
pub use statistic::Statistic;

pub(crate) use pairs::mirrored;
