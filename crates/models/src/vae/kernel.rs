//! The loops of the VAE, compiled for the vector instructions of the machine.
//!
//! All of them run along positions in full vectors. Multiplications and additions are fused where the processor can,
//! so the last bits differ between processors with and without fused instructions; lanes and threads change none.

#![allow(
    clippy::inline_always,
    reason = "what a loop calls must be compiled for the loop's vector instructions"
)]

mod adam;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bernoulli;
mod draw;
mod lane;
mod normal;
mod product;
mod rows;
mod softmax;

pub(super) use adam::{AdamRule, GaussianStep, adam, adam_gaussian};
pub(super) use bernoulli::bernoulli;
pub(super) use draw::{Draw, redraw, sample};
pub(super) use lane::Lane;
pub(super) use normal::normals;
pub(super) use product::{ScaleGradient, combine, scale_gradient};
pub(super) use rows::{add, gather};
pub(super) use softmax::{SoftmaxRow, softmax};

/// The positions of a vector at most: rows of positions are filled up to a multiple of it.
pub(super) const LANES: usize = 16;

/// The vector instructions that loops are compiled for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Level {
    /// Those that every processor of the kind has; products are not fused.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Level {
    /// The best of this machine.
    pub(super) fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Portable)
    }

    /// Those of this machine, the best last.
    pub(super) fn all() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(pulp::x86::V3::try_new().map(Self::Avx2));
            levels.extend(avx512::Avx512::try_new().map(Self::Avx512));
        }
        levels
    }
}

/// Makes `name(level, arguments)` of `body::<T, FUSED, LANES>(arguments)`, compiled for each level.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident = $body:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        pub(in crate::vae) fn $name<T: $crate::vae::kernel::Lane>(
            level: $crate::vae::kernel::Level,
            $($argument: $type),*
        ) $(-> $result)? {
            use $crate::vae::kernel::Level;
            match level {
                Level::Portable => $body::<T, false, 8>($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(avx2) => avx2.vectorize(
                    #[inline(always)]
                    || $body::<T, true, 8>($($argument),*),
                ),
                #[cfg(target_arch = "x86_64")]
                Level::Avx512(avx512) => avx512.vectorize(
                    #[inline(always)]
                    || $body::<T, true, 16>($($argument),*),
                ),
            }
        }
    };
}
use kernel;

#[cfg(test)]
mod tests;
