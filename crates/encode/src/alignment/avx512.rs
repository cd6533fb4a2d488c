//! The hot loops compiled for AVX-512.
//!
//! The loops are the portable ones; no operation is fused with another, so the results are the same.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::potts::site::{self, Site, SiteGradient, SiteRoom};
use super::weights::neighbours;

/// Proof that this machine has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        all.then_some(Self(()))
    }

    pub(super) fn count(self, row: &[u8], rows: &[u8], matches: &mut [u16]) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn compiled(row: &[u8], rows: &[u8], matches: &mut [u16]) {
            neighbours::count(row, rows, matches);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(row, rows, matches) }
    }

    pub(super) fn evaluate<const P: usize>(
        self,
        site: &Site<'_>,
        room: &mut SiteRoom<P>,
        gradient: SiteGradient<'_, P>,
    ) -> f64 {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn compiled<const P: usize>(
            site: &Site<'_>,
            room: &mut SiteRoom<P>,
            gradient: SiteGradient<'_, P>,
        ) -> f64 {
            site::evaluate(site, room, gradient)
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(site, room, gradient) }
    }
}
