//! The hot loops compiled for AVX2.
//!
//! The loops are the portable ones; no operation is fused with another, so the results are the same.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::potts::site::{self, Site, SiteGradient, SiteRoom};
use super::weights::neighbours;

/// Proof that this machine has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    pub(super) fn count(self, row: &[u8], rows: &[u8], matches: &mut [u16]) {
        #[target_feature(enable = "avx2")]
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
        #[target_feature(enable = "avx2")]
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
