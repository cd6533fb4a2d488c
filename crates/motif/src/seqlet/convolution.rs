//! Sums of independent values: the inner loop of the null.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;

/// The most outputs of a block.
const WIDEST: usize = 32;

/// The density of the sum of a value of one density and one of another; neither is empty.
///
/// Each sum runs over ascending values of the first without fused operations, as the peer's do, for every
/// instruction set.
pub(super) fn convolve(density: &[f64], single: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; density.len() + single.len() - 1];
    let terms = Terms::new(density, single);
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::detect() {
        avx2.convolve(&terms, &mut out);
        return out;
    }
    blocks::<16>(&terms, &mut out);
    out
}

/// A density between zeros, and the values of the other one that are not 0.
pub(super) struct Terms {
    padded: Vec<f64>,
    /// Where in the padded density the terms of the first output begin, and what they are multiplied by; ascending.
    factors: Vec<(usize, f64)>,
}

impl Terms {
    fn new(density: &[f64], single: &[f64]) -> Self {
        let edge = single.len() - 1;
        // What is added to an output is +0 where the padding is, which changes no sum.
        let mut padded = vec![0.0; edge + density.len() + edge + WIDEST];
        padded[edge..edge + density.len()].copy_from_slice(density);
        let factors = single.iter().enumerate().rev().filter(|(_, factor)| **factor != 0.0);
        Self { padded, factors: factors.map(|(j, factor)| (edge - j, *factor)).collect() }
    }
}

/// Outputs in blocks of so many, whose sums stay in registers: up to 32.
#[inline(always)]
pub(super) fn blocks<const OUTPUTS: usize>(terms: &Terms, out: &mut [f64]) {
    for (block, out) in out.chunks_mut(OUTPUTS).enumerate() {
        let padded = &terms.padded[block * OUTPUTS..];
        let mut sums = [0.0; OUTPUTS];
        for &(shift, factor) in &terms.factors {
            // The padding is as wide as the widest block.
            let Some(values) = padded[shift..].first_chunk::<OUTPUTS>() else { continue };
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value * factor;
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(density: &[f64], single: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; density.len() + single.len() - 1];
        for (i, p) in density.iter().enumerate() {
            for (j, f) in single.iter().enumerate() {
                out[i + j] += p * f;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_plain_loops(
            density in prop::collection::vec(0.0..1.0_f64, 1..300),
            single in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0_f64], 1..100),
        ) {
            let expected = slow(&density, &single);
            prop_assert_eq!(&convolve(&density, &single), &expected);
            let terms = Terms::new(&density, &single);
            let mut out = vec![0.0; expected.len()];
            blocks::<16>(&terms, &mut out);
            prop_assert_eq!(&out, &expected);
            #[cfg(target_arch = "x86_64")]
            if let Some(avx2) = Avx2::detect() {
                out.fill(0.0);
                avx2.convolve(&terms, &mut out);
                prop_assert_eq!(&out, &expected);
            }
        }
    }
}
