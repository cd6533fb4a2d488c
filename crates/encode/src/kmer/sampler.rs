use cistron_core::Seed;

use super::error::check_length;
use super::philox::{Permutation, Philox};
use super::{Kmer, KmerError, Noise, PackedSequences, WindowSet, data, option};

/// Which strands of a genome are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strands {
    /// Each window on one of its two strands, equally likely.
    #[default]
    Both,
    /// As the records are written.
    Forward,
}

/// A pass over the windows: the order, the strands and the noise of its pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// An epoch of training; each has its own order, strands and noise.
    Training {
        /// The number of the epoch.
        epoch: u32,
    },
    /// Validation: always the same pairs, other than those of any epoch.
    Validation,
}

/// Draws pairs of a clean and a noisy k-mer.
///
/// A pass takes every window once, in random order. Pair `index` of a pass depends on the seed, the pass and the index
/// alone: any order of work and any number of threads gives the same data, and nothing is stored.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_encode::kmer::{KmerSampler, Noise, PackedSequences, Pass, Strands, WindowSet};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACCGATTT");
/// let windows = WindowSet::all(&genome, 9)?;
/// let sampler = KmerSampler::new(&genome, &windows, Strands::Both, Noise::new(0.1)?, Seed::new(1))?;
/// let (mut clean, mut noisy) = ([0; 4 * 9], [0; 4 * 9]);
/// sampler.pass(Pass::Training { epoch: 0 }).fill(0, &mut clean, &mut noisy)?;
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KmerSampler<'a> {
    sequences: &'a PackedSequences,
    windows: &'a WindowSet,
    strands: Strands,
    noise: Noise,
    seed: Seed,
}

impl<'a> KmerSampler<'a> {
    /// A sampler over windows of these sequences.
    ///
    /// # Errors
    /// [`KmerError::Data`] if there is no window.
    pub fn new(
        sequences: &'a PackedSequences,
        windows: &'a WindowSet,
        strands: Strands,
        noise: Noise,
        seed: Seed,
    ) -> Result<Self, KmerError> {
        if windows.is_empty() {
            let k = windows.k();
            return Err(data(format!("no window of {k} known bases found, expected at least one")));
        }
        Ok(Self { sequences, windows, strands, noise, seed })
    }

    /// The number of pairs of a pass: that of the windows.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one window")]
    pub fn len(&self) -> u64 {
        self.windows.len()
    }

    /// The bases of a k-mer.
    pub fn k(&self) -> usize {
        self.windows.k()
    }

    /// The noise of the pairs.
    pub fn noise(&self) -> Noise {
        self.noise
    }

    /// The pairs of a pass.
    pub fn pass(&self, pass: Pass) -> KmerPass<'a> {
        let (label, epoch) = match pass {
            Pass::Training { epoch } => ("kmer training", epoch),
            Pass::Validation => ("kmer validation", 0),
        };
        let key = |index| self.seed.stream(label, index).next_u64();
        let order = Permutation::new(self.windows.len(), key(0), epoch);
        KmerPass { sampler: *self, order, key: key(1), epoch }
    }
}

/// The pairs of one pass of a [`KmerSampler`].
#[derive(Clone, Copy, Debug)]
pub struct KmerPass<'a> {
    sampler: KmerSampler<'a>,
    order: Permutation,
    key: u64,
    epoch: u32,
}

impl KmerPass<'_> {
    /// The bases of a k-mer.
    pub fn k(&self) -> usize {
        self.sampler.k()
    }

    /// Pair `index`, clean and noisy; `None` from the number of windows on.
    pub fn pair(&self, index: u64) -> Option<(Kmer, Kmer)> {
        let KmerSampler { sequences, windows, strands, noise, .. } = self.sampler;
        if index >= windows.len() {
            return None;
        }
        let k = windows.k();
        let mut words = Philox::new(self.key, self.epoch, index);
        let forward = sequences.window(windows.start(self.order.at(index))?, k);
        let turned = strands == Strands::Both && words.next_u32() & 1 == 1;
        let clean = if turned { forward.reverse_complement(k) } else { forward };
        Some((clean, clean.xor(noise.draw(k, &mut words))))
    }

    /// Fills codes `(N, k)` with the pairs from `first` on; nothing is allocated.
    ///
    /// # Errors
    /// [`KmerError::Length`] unless both slices hold the same whole number of k-mers; [`KmerError::Option`] if the
    /// pairs go beyond the pass.
    pub fn fill(&self, first: u64, clean: &mut [u8], noisy: &mut [u8]) -> Result<(), KmerError> {
        let k = self.sampler.k();
        check_length("noisy codes", noisy.len(), clean.len())?;
        check_length("clean codes", clean.len(), clean.len() / k * k)?;
        let rows = clean.chunks_exact_mut(k).zip(noisy.chunks_exact_mut(k));
        for (index, (clean, noisy)) in (first..).zip(rows) {
            let (a, b) = self
                .pair(index)
                .ok_or_else(|| option("index of a pair", index, format!("below {}", self.sampler.len())))?;
            a.write_codes(clean);
            b.write_codes(noisy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genome(n: usize) -> PackedSequences {
        let mut stream = Seed::new(5).stream("genome", 0);
        let letters: Vec<u8> = (0..n).map(|_| b"ACGT"[stream.below(4) as usize]).collect();
        let mut packed = PackedSequences::default();
        packed.push(&letters);
        packed
    }

    fn fill(sampler: &KmerSampler<'_>, pass: Pass, first: u64, n: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut clean, mut noisy) = (vec![0; n * sampler.k()], vec![0; n * sampler.k()]);
        sampler.pass(pass).fill(first, &mut clean, &mut noisy).unwrap();
        (clean, noisy)
    }

    #[test]
    fn batches_do_not_depend_on_how_they_are_cut() {
        let genome = genome(300);
        let windows = WindowSet::all(&genome, 31).unwrap();
        let noise = Noise::new(0.1).unwrap();
        let sampler = KmerSampler::new(&genome, &windows, Strands::Both, noise, Seed::new(3)).unwrap();
        let pass = Pass::Training { epoch: 4 };
        let whole = fill(&sampler, pass, 0, 270);
        let (a, b) = (fill(&sampler, pass, 100, 170), fill(&sampler, pass, 0, 100));
        assert_eq!(whole, ([b.0, a.0].concat(), [b.1, a.1].concat()));
        assert_ne!(whole, fill(&sampler, Pass::Training { epoch: 5 }, 0, 270));
        assert_ne!(whole, fill(&sampler, Pass::Validation, 0, 270));
        assert_eq!(fill(&sampler, Pass::Validation, 0, 270), fill(&sampler, Pass::Validation, 0, 270));
    }

    #[test]
    fn a_pass_takes_each_window_once_and_both_strands() {
        let genome = genome(5000);
        let windows = WindowSet::all(&genome, 15).unwrap();
        let noise = Noise::new(0.2).unwrap();
        let sampler = KmerSampler::new(&genome, &windows, Strands::Both, noise, Seed::new(3)).unwrap();
        let pass = sampler.pass(Pass::Training { epoch: 0 });
        let pairs: Vec<_> = (0..sampler.len()).map(|index| pass.pair(index).unwrap()).collect();
        let canonical = |kmer: Kmer| kmer.canonical(15).bits();
        let mut drawn: Vec<u64> = pairs.iter().map(|(clean, _)| canonical(*clean)).collect();
        let mut expected: Vec<u64> =
            windows.starts().map(|start| canonical(genome.window(start, 15))).collect();
        drawn.sort_unstable();
        expected.sort_unstable();
        assert_eq!(drawn, expected);
        let forward: Vec<u64> = windows.starts().map(|start| genome.window(start, 15).bits()).collect();
        let n_forward = pairs.iter().filter(|(clean, _)| forward.contains(&clean.bits())).count();
        // Five standard deviations of a fair coin.
        assert!(n_forward.abs_diff(pairs.len() / 2) < 177, "{n_forward} of {}", pairs.len());
        let errors: u32 = pairs.iter().map(|(clean, noisy)| clean.distance(*noisy)).sum();
        let (expected, spread) = (0.2 * 15.0 * 4986.0, (0.16_f64 * 15.0 * 4986.0).sqrt());
        assert!((f64::from(errors) - expected).abs() < 5.0 * spread, "{errors}");
        assert!(pass.pair(sampler.len()).is_none());
    }

    #[test]
    fn slices_of_other_lengths_are_refused() {
        let genome = genome(40);
        let windows = WindowSet::all(&genome, 31).unwrap();
        let sampler =
            KmerSampler::new(&genome, &windows, Strands::Forward, Noise::new(0.1).unwrap(), Seed::new(0))
                .unwrap();
        let pass = sampler.pass(Pass::Validation);
        assert!(pass.fill(0, &mut [0; 31], &mut [0; 62]).is_err());
        assert!(pass.fill(0, &mut [0; 30], &mut [0; 30]).is_err());
        let error = pass.fill(9, &mut [0; 62], &mut [0; 62]).unwrap_err();
        assert_eq!(error.to_string(), "index of a pair is 10, expected below 10");
        let none = WindowSet::all(&genome, 32).unwrap();
        assert!(!none.is_empty());
        let empty = PackedSequences::default();
        let none = WindowSet::all(&empty, 5).unwrap();
        assert!(
            KmerSampler::new(&empty, &none, Strands::Both, Noise::new(0.1).unwrap(), Seed::new(0)).is_err()
        );
    }
}
