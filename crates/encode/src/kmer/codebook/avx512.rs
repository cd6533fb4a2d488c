//! The scan compiled for AVX-512 with its population count.
//!
//! The loop is the portable one: integers, so the results are the same.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::super::Kmer;
use super::super::packed::Stretch;
use super::nearest::Nearest;
use super::scan;

/// Proof that this machine has AVX-512 F, BW, DQ, VL and VPOPCNTDQ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The proof, if it holds.
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vpopcntdq");
        all.then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        planes: (&[u64], &[u64]),
        range: Stretch,
        query: (Kmer, usize),
        nearest: &mut Nearest,
        take: &mut impl FnMut(u64, u32, &mut Nearest),
    ) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
        fn compiled(
            planes: (&[u64], &[u64]),
            range: Stretch,
            query: (Kmer, usize),
            nearest: &mut Nearest,
            take: &mut impl FnMut(u64, u32, &mut Nearest),
        ) {
            scan::scan(planes, range, query, nearest, take);
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(planes, range, query, nearest, take) }
    }
}
