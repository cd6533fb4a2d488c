use std::hash::Hasher;

use super::set::scramble;
use super::word::check_k;
use super::{Kmer, KmerError, KmerSet, PackedSequences, WindowSet, data, option};

/// How [`KmerCounts::count`] counts.
#[derive(Clone, Copy, Debug)]
pub struct CountOptions {
    /// The lowest count that is kept; the histogram holds all. Default: 1.
    pub min_count: u32,
    /// K-mers in memory at a time, 8 bytes each, at least 1. The sequences are read once for each so many windows.
    /// Default: 2²⁴.
    pub buffer: usize,
}

impl Default for CountOptions {
    fn default() -> Self {
        Self { min_count: 1, buffer: 1 << 24 }
    }
}

/// Canonical k-mers with the number of times that each occurs; 12 to 13 bytes a k-mer.
///
/// ```
/// use cistron_encode::kmer::{CountOptions, Kmer, KmerCounts, PackedSequences};
///
/// let mut reads = PackedSequences::default();
/// reads.push(b"ACGTA");
/// let counts = KmerCounts::count(&reads, 2, CountOptions::default())?;
/// let gt = Kmer::from_codes(&[2, 3]).ok_or("known letters")?;
/// assert_eq!(counts.get(gt), 2); // AC and GT
/// assert_eq!(counts.histogram()[..3], [0, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmerCounts {
    set: KmerSet,
    counts: Vec<u32>,
    histogram: Vec<u64>,
}

/// The last entry of a histogram stands for this count and all above.
const HIGHEST: usize = 10_000;

impl KmerCounts {
    /// Counts the windows of `k` known bases, both strands together.
    ///
    /// Sorts the k-mers, a part of all possible ones after another, so that memory is that of the buffer and of the
    /// k-mers kept.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32; [`KmerError::Data`] for 2³² k-mers or more.
    pub fn count(sequences: &PackedSequences, k: usize, options: CountOptions) -> Result<Self, KmerError> {
        let windows = WindowSet::all(sequences, k)?;
        let buffer = options.buffer.max(1);
        let parts = windows.len().div_ceil(buffer as u64).max(1);
        let part_of = |key: u64| ((u128::from(key) * u128::from(parts)) >> 64) as u64;
        let (mut keys, mut counts, mut histogram) = (Vec::new(), Vec::new(), vec![0; HIGHEST + 1]);
        let mut part_keys = Vec::with_capacity(buffer.min(windows.len() as usize));
        for part in 0..parts {
            part_keys.clear();
            let all = windows.starts().map(|start| scramble(sequences.window(start, k).canonical(k)));
            part_keys.extend(all.filter(|&key| part_of(key) == part));
            part_keys.sort_unstable();
            for equal in part_keys.chunk_by(|a, b| a == b) {
                histogram[equal.len().min(HIGHEST)] += 1;
                let count = u32::try_from(equal.len()).unwrap_or(u32::MAX);
                if count >= options.min_count {
                    keys.push(equal[0]);
                    counts.push(count);
                }
            }
        }
        Ok(Self { set: KmerSet::from_keys(k, keys)?, counts, histogram })
    }

    /// Takes k-mers with their counts, each once and on either strand.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32; [`KmerError::Data`] for a k-mer twice, or a count of 0.
    pub fn from_pairs(k: usize, pairs: impl IntoIterator<Item = (Kmer, u32)>) -> Result<Self, KmerError> {
        check_k(k)?;
        let scrambled = |(kmer, count): (Kmer, u32)| (scramble(kmer.canonical(k)), count);
        let mut pairs: Vec<(u64, u32)> = pairs.into_iter().map(scrambled).collect();
        pairs.sort_unstable();
        if pairs.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(data("a k-mer is there twice, expected each once on one of its strands"));
        }
        let mut histogram = vec![0; HIGHEST + 1];
        for &(_, count) in &pairs {
            if count == 0 {
                return Err(data("a k-mer has count 0, expected at least 1"));
            }
            histogram[(count as usize).min(HIGHEST)] += 1;
        }
        let (keys, counts) = pairs.into_iter().unzip();
        Ok(Self { set: KmerSet::from_keys(k, keys)?, counts, histogram })
    }

    /// The k-mers kept.
    pub fn set(&self) -> &KmerSet {
        &self.set
    }

    /// The k-mers kept with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Kmer, u32)> + '_ {
        self.set.kmers().zip(self.counts.iter().copied())
    }

    /// The count of a k-mer given on either strand, 0 if it was not kept.
    #[inline]
    pub fn get(&self, kmer: Kmer) -> u32 {
        self.set.index(kmer).map_or(0, |index| self.counts[index])
    }

    /// How many distinct k-mers have each count, from 0 to 10,000; the last entry holds all higher counts too.
    pub fn histogram(&self) -> &[u64] {
        &self.histogram
    }

    /// The count at the valley between errors and the k-mers of the genome: the lowest entry of the histogram before
    /// it first rises, of equal ones that of the lowest count.
    ///
    /// `None` if the histogram never rises: the coverage is too low to tell errors.
    pub fn valley(&self) -> Option<u32> {
        let counted = &self.histogram[1..HIGHEST];
        let rise = counted.windows(2).position(|two| two[1] > two[0])?;
        (0..=rise).min_by_key(|&index| counted[index]).map(|index| index as u32 + 1)
    }

    /// Only the k-mers with at least this count. The histogram stays as it is.
    ///
    /// # Errors
    /// [`KmerError::Option`] for a threshold of 0.
    pub fn solid(&self, threshold: u32) -> Result<Self, KmerError> {
        if threshold == 0 {
            return Err(option("threshold of solid k-mers", 0, "at least 1"));
        }
        let kept = |(index, count): (usize, &u32)| (*count >= threshold).then_some(index);
        let kept: Vec<usize> = self.counts.iter().enumerate().filter_map(kept).collect();
        let keys = kept.iter().map(|&index| self.set.key(index)).collect();
        let counts = kept.iter().map(|&index| self.counts[index]).collect();
        Ok(Self { set: KmerSet::from_keys(self.set.k(), keys)?, counts, histogram: self.histogram.clone() })
    }
}

/// Hashes k-mers by their scrambled bits: fast, and the same in every run.
#[derive(Default)]
pub(super) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = scramble(Kmer::from_bits(self.0.rotate_left(5) ^ value));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(
            records in prop::collection::vec("[ACGN]{0,60}", 0..5),
            k in 1_usize..6,
            buffer in 1_usize..300,
            min_count in 1_u32..4,
        ) {
            let packed = PackedSequences::from_iter(&records);
            let mut expected: BTreeMap<u64, u32> = BTreeMap::new();
            for start in WindowSet::all(&packed, k).unwrap().starts() {
                *expected.entry(packed.window(start, k).canonical(k).bits()).or_default() += 1;
            }
            let counts = KmerCounts::count(&packed, k, CountOptions { min_count, buffer }).unwrap();
            for (&bits, &count) in &expected {
                let found = counts.get(Kmer::from_bits(bits));
                prop_assert_eq!(found, if count >= min_count { count } else { 0 });
            }
            let distinct: u64 = counts.histogram().iter().sum();
            prop_assert_eq!(distinct, expected.len() as u64);
            let whole = KmerCounts::count(&packed, k, CountOptions::default()).unwrap();
            let solid = whole.solid(min_count).unwrap();
            prop_assert_eq!(solid.set(), counts.set());
            prop_assert_eq!(KmerCounts::from_pairs(k, whole.iter()).unwrap(), whole);
        }
    }

    fn of_histogram(entries: &[(usize, u64)]) -> KmerCounts {
        let mut histogram = vec![0; HIGHEST + 1];
        for &(count, n) in entries {
            histogram[count] = n;
        }
        let set = KmerSet::from_kmers(3, []).unwrap();
        KmerCounts { set, counts: Vec::new(), histogram }
    }

    #[test]
    fn the_valley_lies_before_the_first_rise() {
        let cases = [
            (&[(1, 900), (2, 50), (3, 9), (4, 20), (5, 80), (6, 70)][..], Some(3)),
            // Nothing between errors and genome: the first empty count.
            (&[(1, 900), (2, 50), (20, 80), (21, 90), (22, 70)], Some(3)),
            // The peak of one of two haplotypes before the main one.
            (&[(1, 900), (2, 8), (3, 5), (4, 30), (5, 20), (6, 40), (7, 90), (8, 60)], Some(3)),
            (&[(1, 900), (2, 50), (3, 9)], None),
            (&[], None),
        ];
        for (entries, expected) in cases {
            assert_eq!(of_histogram(entries).valley(), expected, "{entries:?}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused() {
        let kmer = Kmer::from_codes(&[0, 1, 2]).unwrap();
        assert!(KmerCounts::from_pairs(3, [(kmer, 1), (kmer.reverse_complement(3), 2)]).is_err());
        assert!(KmerCounts::from_pairs(3, [(kmer, 0)]).is_err());
        assert!(of_histogram(&[]).solid(0).is_err());
    }
}
