//! What variants do: statistics of a model's tracks with either allele.

mod options;
mod pairs;
mod scorer;
mod statistic;

pub use options::{EnsembleOrder, IndelMode, OnMismatch, VariantOptions};
pub use scorer::{VariantScore, VariantScorer};
pub use statistic::Statistic;
