//! Which instruction set the inner loops are compiled for; the results are the same bytes for every one.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;

/// An inner loop, written once and compiled for every instruction set.
///
/// `run` and what it calls are `#[inline(always)]`, so that they take the instruction set of their caller. Additions
/// and multiplications stay apart and in order, so the results are the same bytes.
pub(super) trait Kernel {
    type Output;
    fn run(self) -> Self::Output;
}

/// The instruction set of the inner loops, found at run time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instructions {
    /// What the program was compiled for.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Instructions {
    /// The best that this machine has.
    pub(super) fn detect() -> Self {
        *Self::all().last().unwrap_or(&Self::Portable)
    }

    /// All that this machine has, the portable ones first.
    pub(super) fn all() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "nothing else is known"))]
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx2::detect().map(Self::Avx2));
            all.extend(Avx512::detect().map(Self::Avx512));
        }
        all
    }

    /// Runs an inner loop as compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.run(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.run(kernel),
        }
    }
}
