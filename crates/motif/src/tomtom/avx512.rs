//! The inner loops compiled for AVX-512 F, BW, DQ and VL.
#![expect(unsafe_code, reason = "only code that knows the machine may call code compiled for more of it")]
#![expect(clippy::unused_self, reason = "`self` is the proof that the call is sound")]

use super::instructions::Kernel;

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

    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn compiled<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: `self` exists only where these instructions were detected.
        unsafe { compiled(kernel) }
    }
}
