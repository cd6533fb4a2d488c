use super::Kmer;
use super::word::check_k;
use super::{KmerError, PackedSequences, WindowSet};

/// A set of canonical k-mers, each with a number from 0; 8 to 9 bytes a k-mer.
///
/// The numbers follow the scrambled order in which the k-mers are stored; they depend on the set alone.
///
/// ```
/// use cistron_encode::kmer::{Kmer, KmerSet, PackedSequences};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGTTT");
/// let set = KmerSet::of(&genome, 3)?;
/// let aac = Kmer::from_codes(&[0, 0, 1]).ok_or("known letters")?;
/// assert_eq!(set.len(), 3); // ACG = CGT, GTT, TTT
/// assert!(set.contains(aac)); // GTT on the other strand
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmerSet {
    k: usize,
    /// Scrambled canonical k-mers, ascending.
    keys: Vec<u64>,
    /// Where the keys with each value of their top bits begin.
    directory: Vec<u32>,
    shift: u32,
}

/// The most k-mers that a set numbers.
const LARGEST: usize = u32::MAX as usize;

impl KmerSet {
    /// The k-mers of all windows of known bases.
    ///
    /// Memory up to 17 bytes a window while the set is made.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32; [`KmerError::Data`] for more than 2³² - 1 k-mers.
    pub fn of(sequences: &PackedSequences, k: usize) -> Result<Self, KmerError> {
        let windows = WindowSet::all(sequences, k)?;
        let mut keys: Vec<u64> =
            windows.starts().map(|start| scramble(sequences.window(start, k).canonical(k))).collect();
        keys.sort_unstable();
        keys.dedup();
        Self::from_keys(k, keys)
    }

    /// The set of some k-mers, in any order, on either strand, each any number of times.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn from_kmers(k: usize, kmers: impl IntoIterator<Item = Kmer>) -> Result<Self, KmerError> {
        check_k(k)?;
        let mut keys: Vec<u64> = kmers.into_iter().map(|kmer| scramble(kmer.canonical(k))).collect();
        keys.sort_unstable();
        keys.dedup();
        Self::from_keys(k, keys)
    }

    /// Takes scrambled keys, ascending and distinct.
    pub(super) fn from_keys(k: usize, keys: Vec<u64>) -> Result<Self, KmerError> {
        if keys.len() > LARGEST {
            let problem = format!("{} k-mers found, expected at most {LARGEST}", keys.len());
            return Err(KmerError::Data { problem });
        }
        // About eight keys an entry.
        let bits = (keys.len() / 8 + 1).ilog2().max(1);
        let shift = u64::BITS - bits;
        let mut directory = vec![0_u32; (1 << bits) + 1];
        for key in &keys {
            directory[(key >> shift) as usize + 1] += 1;
        }
        for entry in 1..directory.len() {
            directory[entry] += directory[entry - 1];
        }
        Ok(Self { k, keys, directory, shift })
    }

    /// The bases of a k-mer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of k-mers.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no k-mer.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a k-mer, on either strand, is in the set.
    pub fn contains(&self, kmer: Kmer) -> bool {
        self.index(kmer).is_some()
    }

    /// The number of a k-mer given on either strand.
    #[inline]
    pub fn index(&self, kmer: Kmer) -> Option<usize> {
        let key = scramble(kmer.canonical(self.k));
        let entry = (key >> self.shift) as usize;
        let (low, high) = (self.directory[entry] as usize, self.directory[entry + 1] as usize);
        self.keys[low..high].iter().position(|&other| other == key).map(|place| low + place)
    }

    /// The canonical k-mers in the order of their numbers.
    pub fn kmers(&self) -> impl ExactSizeIterator<Item = Kmer> + '_ {
        self.keys.iter().map(|&key| unscramble(key))
    }

    /// The scrambled k-mer of a number.
    pub(super) fn key(&self, index: usize) -> u64 {
        self.keys[index]
    }

    /// How many k-mers two sets share.
    ///
    /// # Errors
    /// [`KmerError::Option`] if the sets differ in k.
    pub fn n_shared(&self, other: &Self) -> Result<usize, KmerError> {
        if self.k != other.k {
            return Err(super::option("k of the other set", other.k, self.k.to_string()));
        }
        let (mut a, mut b) = (self.keys.iter().peekable(), other.keys.iter().peekable());
        let mut shared = 0;
        while let (Some(&&x), Some(&&y)) = (a.peek(), b.peek()) {
            shared += usize::from(x == y);
            if x <= y {
                a.next();
            }
            if y <= x {
                b.next();
            }
        }
        Ok(shared)
    }
}

/// A number that looks random, distinct for distinct k-mers: the finalizer of `MurmurHash3`.
pub(super) fn scramble(kmer: Kmer) -> u64 {
    let mut key = kmer.bits();
    key = (key ^ key >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    key = (key ^ key >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ key >> 33
}

/// The inverse of [`scramble`]: the factors are the inverses modulo 2⁶⁴.
fn unscramble(mut key: u64) -> Kmer {
    key = (key ^ key >> 33).wrapping_mul(0x9cb4_b2f8_1293_37db);
    key = (key ^ key >> 33).wrapping_mul(0x4f74_430c_22a5_4005);
    Kmer::from_bits(key ^ key >> 33)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_turned_back(bits: u64) {
            prop_assert_eq!(unscramble(scramble(Kmer::from_bits(bits))).bits(), bits);
        }

        #[test]
        fn a_set_holds_its_kmers_on_both_strands(letters in "[ACGTN]{0,200}", k in 1_usize..9, probe: u32) {
            let mut packed = PackedSequences::default();
            packed.push(letters.as_bytes());
            let windows = WindowSet::all(&packed, k).unwrap();
            let kmers: Vec<Kmer> = windows.starts().map(|start| packed.window(start, k)).collect();
            let expected: BTreeSet<u64> = kmers.iter().map(|kmer| kmer.canonical(k).bits()).collect();
            let set = KmerSet::of(&packed, k).unwrap();
            prop_assert_eq!(set.kmers().map(Kmer::bits).collect::<BTreeSet<_>>(), expected.clone());
            prop_assert_eq!(set.len(), expected.len());
            for kmer in &kmers {
                prop_assert!(set.contains(*kmer) && set.contains(kmer.reverse_complement(k)));
            }
            for (number, kmer) in set.kmers().enumerate() {
                prop_assert_eq!(set.index(kmer), Some(number));
            }
            let codes: Vec<u8> = (0..k).map(|place| (probe >> (2 * place)) as u8 & 3).collect();
            let other = Kmer::from_codes(&codes).unwrap();
            prop_assert_eq!(set.contains(other), expected.contains(&other.canonical(k).bits()));
            prop_assert_eq!(KmerSet::from_kmers(k, kmers).unwrap(), set);
        }

        #[test]
        fn shared_kmers_are_counted_once(a in "[ACGT]{5,60}", b in "[ACGT]{5,60}") {
            let set = |letters: &str| {
                let mut packed = PackedSequences::default();
                packed.push(letters.as_bytes());
                KmerSet::of(&packed, 4).unwrap()
            };
            let (a, b) = (set(&a), set(&b));
            let expected = a.kmers().filter(|kmer| b.contains(*kmer)).count();
            prop_assert_eq!((a.n_shared(&b).unwrap(), b.n_shared(&a).unwrap()), (expected, expected));
        }
    }

    #[test]
    fn sets_of_other_lengths_do_not_compare() {
        let empty = |k| KmerSet::from_kmers(k, []).unwrap();
        assert!(empty(3).n_shared(&empty(4)).is_err());
        assert!(empty(3).is_empty() && !empty(3).contains(Kmer::default()));
    }
}
