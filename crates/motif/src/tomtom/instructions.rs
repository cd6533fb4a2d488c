//! Which instruction set the inner loops are compiled for; the results are the same bytes for every one.

use super::align::{Batch, Best, Count};
#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::background::{self, Convolution};
use super::column::{self, Scaling, Scratch, Spread};
use super::distance::Side;
use super::targets::TomtomTargets;
use super::{align, transpose};

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

/// Calls an inner loop as compiled for an instruction set.
macro_rules! dispatch {
    ($self:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {
        match $self {
            Instructions::Portable => $module::$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2(avx2) => avx2.$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(avx512) => avx512.$function($($argument),*),
        }
    };
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

    pub(super) fn spread(self, targets: &TomtomTargets, query: &Side, scratch: Scratch<'_>) -> Spread {
        dispatch!(self, column::spread(targets, query, scratch))
    }

    pub(super) fn quantise(
        self,
        targets: &TomtomTargets,
        query: &Side,
        how: (Scaling, Spread),
        to: (Scratch<'_>, &mut [u8]),
    ) {
        dispatch!(self, column::quantise(targets, query, how, to));
    }

    pub(super) fn transpose(self, rows: &transpose::Rows<'_>, out: &mut [[u8; 16]]) {
        dispatch!(self, transpose::transpose(rows, out));
    }

    pub(super) fn align<T: Count>(self, targets: &TomtomTargets, batch: &Batch<'_>, best: &mut Vec<Best<T>>) {
        dispatch!(self, align::align(targets, batch, best));
    }

    pub(super) fn convolve(self, what: &Convolution<'_>, out: &mut [f64]) {
        dispatch!(self, background::convolve(what, out));
    }
}
