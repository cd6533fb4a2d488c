//! The hot loops for AVX-512: equal letters counted in masks, and the portable loop of a column compiled anew.
//!
//! Counts are integers, and no operation is fused with another, so the results are those of the portable code.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use std::arch::x86_64::{_mm512_cmpeq_epi8_mask, _mm512_loadu_si512};

use super::potts::site::{self, Site, SiteGradient, SiteRoom};
use super::weights::neighbours::LANES;

/// Proof that this machine has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("popcnt");
        all.then_some(Self(()))
    }

    pub(super) fn count(self, row: &[u8], rows: &[u8], matches: &mut [u16]) {
        #[target_feature(enable = "avx512f,avx512bw,popcnt")]
        fn compiled(row: &[u8], rows: &[u8], matches: &mut [u16]) {
            let (row, _) = row.as_chunks::<LANES>();
            for (other, matches) in rows.chunks_exact(row.len() * LANES).zip(matches) {
                let mut equal = 0;
                for (a, b) in row.iter().zip(other.as_chunks::<LANES>().0) {
                    // SAFETY: each points to 64 bytes, and the load asks for no alignment.
                    let (a, b) = unsafe {
                        (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()))
                    };
                    equal += _mm512_cmpeq_epi8_mask(a, b).count_ones();
                }
                *matches = equal as u16;
            }
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
