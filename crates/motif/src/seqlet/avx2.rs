//! The inner loop of the null compiled for AVX2.
//!
//! The loop itself is the portable one: additions and multiplications stay apart and in order, so results are the
//! same bytes.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::convolution::{self, Terms};

/// Proof that this machine has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    pub(super) fn convolve(self, terms: &Terms, out: &mut [f64]) {
        #[target_feature(enable = "avx2")]
        fn compiled(terms: &Terms, out: &mut [f64]) {
            convolution::blocks::<32>(terms, out);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(terms, out) }
    }
}
