//! Sums of independent values: the inner loop of the null.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;

/// The most outputs of a block.
const WIDEST: usize = 32;

/// A density between zeros, and the values of the other one that are not 0.
pub(super) struct Terms {
    padded: Vec<f64>,
    /// Where in the padded density the terms of the first output begin, and what they are multiplied by; ascending.
    factors: Vec<(usize, f64)>,
    /// Zeros on each side.
    edge: usize,
}

impl Terms {
    /// Terms of sums with a value of this density, which is not empty.
    pub(super) fn new(single: &[f64]) -> Self {
        let edge = single.len() - 1;
        let factors = single.iter().enumerate().rev().filter(|(_, factor)| **factor != 0.0);
        Self { padded: Vec::new(), factors: factors.map(|(j, factor)| (edge - j, *factor)).collect(), edge }
    }

    /// Makes the density of a value that of its sum with one more.
    ///
    /// Each sum runs over ascending values of the first without fused operations, as the peer's do, for every
    /// instruction set.
    pub(super) fn convolve(&mut self, density: &mut Vec<f64>) {
        self.fill(density);
        density.resize(density.len() + self.edge, 0.0);
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return avx2.convolve(self, density);
        }
        blocks::<16>(self, density);
    }

    fn fill(&mut self, density: &[f64]) {
        // What is added to an output is +0 where the padding is, which changes no sum.
        self.padded.clear();
        self.padded.resize(self.edge, 0.0);
        self.padded.extend_from_slice(density);
        self.padded.resize(self.padded.len() + self.edge + WIDEST, 0.0);
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
            let mut terms = Terms::new(&single);
            let mut out = density.clone();
            terms.convolve(&mut out);
            prop_assert_eq!(&out, &expected);
            out.fill(0.0);
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
