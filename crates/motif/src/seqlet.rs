//! Seqlets: short spans of an attribution track that stand out.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod convolution;
mod error;
mod fdr;
mod null;
mod recursive;
mod tfmodisco;
mod thresholds;
mod window_sums;

use ndarray::ArrayView2;

pub use error::SeqletError;
pub use fdr::{FdrCurve, FdrPoint, call_seqlets_with_control};
pub use null::{AttributionValue, SeqletNull};
pub use recursive::{SeqletCaller, SeqletOptions, call_seqlets};
pub use tfmodisco::{TfModiscoCaller, TfModiscoOptions, ThresholdRule, call_tfmodisco_seqlets};
pub use thresholds::SeqletThresholds;
pub use window_sums::WindowSums;

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
    /// The sum of the attributions of the span; of TF-MoDISco's seqlets without the flanks.
    pub attribution: f64,
    /// How likely the null is to sum to so much over the core of the span; NaN for TF-MoDISco's seqlets.
    pub p_value: f64,
}

/// The seqlets of all rows in their order, called by all threads.
fn call_rows<T: Sync>(
    attributions: ArrayView2<'_, T>,
    call: impl Fn(u32, &[T]) -> Vec<Seqlet> + Sync,
) -> Vec<Seqlet> {
    let call = |(example, row): (usize, &[T])| call(example as u32, row);
    let rows: Vec<(usize, &[T])> =
        attributions.rows().into_iter().filter_map(|row| row.to_slice()).enumerate().collect();
    #[cfg(feature = "parallel")]
    let called: Vec<Vec<Seqlet>> = {
        use rayon::prelude::*;
        rows.into_par_iter().map(call).collect()
    };
    #[cfg(not(feature = "parallel"))]
    let called: Vec<Vec<Seqlet>> = rows.into_iter().map(call).collect();
    called.concat()
}
