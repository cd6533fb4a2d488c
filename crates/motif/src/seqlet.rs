//! Seqlets: short spans of an attribution track that stand out.

mod error;
mod fdr;
mod null;
mod recursive;

pub use error::SeqletError;
pub use fdr::{FdrCurve, FdrPoint, call_seqlets_with_control};
pub use null::{AttributionValue, SeqletNull};
pub use recursive::{SeqletCaller, SeqletOptions, call_seqlets};

/// A span of an attribution track that stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Seqlet {
    /// Which example, from 0.
    pub example: u32,
    /// The first position, 0-based; flanks are inside.
    pub start: u32,
    /// One past the last position.
    pub end: u32,
    /// The sum of the attributions of the span.
    pub attribution: f64,
    /// How likely the null is to sum to so much over the core of the span.
    pub p_value: f64,
}
