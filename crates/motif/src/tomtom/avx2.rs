//! The inner loops compiled for AVX2.
//!
//! The loops themselves are the portable ones: additions and multiplications stay apart and in order, so results
//! are the same bytes.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::align::{self, Batch, Best, Count};
use super::background::{self, Convolution};
use super::column::{self, Scaling, Scratch, Spread};
use super::distance::Side;
use super::targets::TomtomTargets;
use super::transpose::{self, Rows};

/// Proof that this machine has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2");
        all.then_some(Self(()))
    }

    pub(super) fn spread(self, targets: &TomtomTargets, query: &Side, scratch: Scratch<'_>) -> Spread {
        #[target_feature(enable = "avx2")]
        fn compiled(targets: &TomtomTargets, query: &Side, scratch: Scratch<'_>) -> Spread {
            column::spread(targets, query, scratch)
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(targets, query, scratch) }
    }

    pub(super) fn quantise(
        self,
        targets: &TomtomTargets,
        query: &Side,
        how: (Scaling, Spread),
        to: (Scratch<'_>, &mut [u8]),
    ) {
        #[target_feature(enable = "avx2")]
        fn compiled(
            targets: &TomtomTargets,
            query: &Side,
            how: (Scaling, Spread),
            to: (Scratch<'_>, &mut [u8]),
        ) {
            column::quantise(targets, query, how, to);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(targets, query, how, to) }
    }

    pub(super) fn transpose(self, rows: &Rows<'_>, out: &mut [[u8; 16]]) {
        #[target_feature(enable = "avx2")]
        fn compiled(rows: &Rows<'_>, out: &mut [[u8; 16]]) {
            transpose::transpose(rows, out);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(rows, out) }
    }

    pub(super) fn align<T: Count>(self, targets: &TomtomTargets, batch: &Batch<'_>, best: &mut Vec<Best<T>>) {
        #[target_feature(enable = "avx2")]
        fn compiled<T: Count>(targets: &TomtomTargets, batch: &Batch<'_>, best: &mut Vec<Best<T>>) {
            align::align(targets, batch, best);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(targets, batch, best) }
    }

    pub(super) fn convolve(self, what: &Convolution<'_>, out: &mut [f64]) {
        #[target_feature(enable = "avx2")]
        fn compiled(what: &Convolution<'_>, out: &mut [f64]) {
            background::convolve(what, out);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(what, out) }
    }
}
