//! The two hot loops, compiled for what the machine has. Results are the same for each.

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use super::{
    potts::site::{Site, SiteGradient, SiteRoom, evaluate},
    weights::neighbours::count,
};

/// What the machine can do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Instructions {
    pub(super) fn detect() -> Self {
        Self::all().pop().unwrap_or(Self::Portable)
    }

    /// All that this machine has, the best last.
    pub(super) fn all() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is nothing to add"))]
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx2::detect().map(Self::Avx2));
            all.extend(Avx512::detect().map(Self::Avx512));
        }
        all
    }

    /// The number of equal letters of one row and each of several.
    pub(super) fn count(self, row: &[u8], rows: &[u8], matches: &mut [u16]) {
        match self {
            Self::Portable => count(row, rows, matches),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(it) => it.count(row, rows, matches),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(it) => it.count(row, rows, matches),
        }
    }

    /// The loss of one column of a pairwise model, and its gradient.
    pub(super) fn evaluate<const P: usize>(
        self,
        site: &Site<'_>,
        room: &mut SiteRoom<P>,
        gradient: SiteGradient<'_, P>,
    ) -> f64 {
        match self {
            Self::Portable => evaluate(site, room, gradient),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(it) => it.evaluate(site, room, gradient),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(it) => it.evaluate(site, room, gradient),
        }
    }
}
