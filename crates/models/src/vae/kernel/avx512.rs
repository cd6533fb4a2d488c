#![allow(unsafe_code, reason = "calls code that only processors with these instructions may run")]

/// That this processor has the instructions of AVX-512 that loops are compiled for.
#[derive(Clone, Copy, Debug)]
pub(in crate::vae) struct Avx512(());

impl Avx512 {
    /// The proof, on a processor that has them.
    pub(super) fn try_new() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        has_all.then_some(Self(()))
    }

    /// Runs a loop as compiled for them; it is marked `inline(always)`.
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "it is the proof")]
    pub(super) fn vectorize<R>(self, work: impl FnOnce() -> R) -> R {
        // SAFETY: `self` is made by `try_new` alone, which has seen that the processor has every feature of `run`.
        unsafe { run(work) }
    }
}

#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn run<R>(work: impl FnOnce() -> R) -> R {
    work()
}
