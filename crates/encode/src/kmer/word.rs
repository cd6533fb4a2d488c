use super::{KmerError, option};

/// The longest k-mer.
pub const MAX_K: usize = 32;

/// Up to 32 bases as two bit planes: bit `i` of `low` and of `high` make the code of base `i` (A 0, C 1, G 2, T 3).
///
/// The number of bases is not kept; methods that need it take `k`, from 1 to [`MAX_K`], and bits from `k` on are 0.
/// In planes a distance is one population count, a complement is a `not`, and noise is an `xor`.
///
/// ```
/// use cistron_encode::kmer::Kmer;
///
/// let kmer = Kmer::from_codes(&[2, 0, 3, 3]).ok_or("GATT has known letters alone")?;
/// let mut codes = [0; 4];
/// kmer.reverse_complement(4).write_codes(&mut codes);
/// assert_eq!(codes, [0, 0, 3, 1]);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kmer {
    low: u32,
    high: u32,
}

/// The bits of a byte as the lowest bits of eight bytes.
const SPREAD: [u64; 256] = spread_table();

const fn spread_table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= ((byte as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// The lowest `k` bits.
pub(super) const fn mask(k: usize) -> u32 {
    if k >= MAX_K { u32::MAX } else { (1 << k) - 1 }
}

impl Kmer {
    /// The k-mer of these planes; bits beyond its length must be 0.
    pub(super) const fn from_planes(low: u32, high: u32) -> Self {
        Self { low, high }
    }

    /// Reads DNA codes; `None` for a code that is no base or for more than [`MAX_K`] of them.
    pub fn from_codes(codes: &[u8]) -> Option<Self> {
        let known = codes.len() <= MAX_K && codes.iter().all(|&code| code < 4);
        let plane = |bit: u8| {
            (0..).zip(codes).fold(0, |plane, (place, &code)| plane | u32::from((code >> bit) & 1) << place)
        };
        known.then(|| Self { low: plane(0), high: plane(1) })
    }

    /// Writes the codes of the first `codes.len()` bases, at most [`MAX_K`].
    pub fn write_codes(self, codes: &mut [u8]) {
        for (index, chunk) in (0..4).zip(codes.chunks_mut(8)) {
            let spread = |plane: u32| SPREAD[usize::from((plane >> (8 * index)) as u8)];
            let bytes = (spread(self.low) | spread(self.high) << 1).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    /// The code of base `place`.
    pub fn base(self, place: usize) -> u8 {
        ((self.low >> place) & 1) as u8 | (((self.high >> place) & 1) as u8) << 1
    }

    /// This k-mer with another base at `place`.
    #[must_use]
    pub fn with_base(self, place: usize, code: u8) -> Self {
        let set = |plane: u32, bit: u8| plane & !(1 << place) | u32::from(bit & 1) << place;
        Self { low: set(self.low, code), high: set(self.high, code >> 1) }
    }

    /// The next k-mer: without the first base, with one more at the end.
    #[must_use]
    pub fn followed_by(self, code: u8, k: usize) -> Self {
        Self { low: self.low >> 1, high: self.high >> 1 }.with_base(k - 1, code)
    }

    /// The same molecule read from its other strand.
    #[must_use]
    pub fn reverse_complement(self, k: usize) -> Self {
        let turn = |plane: u32| (!plane).reverse_bits() >> (MAX_K - k);
        Self { low: turn(self.low), high: turn(self.high) }
    }

    /// The one of the two strands with the smaller [`bits`](Self::bits). This is not the alphabetical order.
    #[must_use]
    pub fn canonical(self, k: usize) -> Self {
        let other = self.reverse_complement(k);
        if other.bits() < self.bits() { other } else { self }
    }

    /// Both planes in one number, `high` above `low`: distinct for distinct k-mers of one length.
    pub fn bits(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    /// The k-mer of a number from [`bits`](Self::bits).
    pub fn from_bits(bits: u64) -> Self {
        Self { low: bits as u32, high: (bits >> 32) as u32 }
    }

    /// A bit for each place at which two k-mers differ.
    pub fn mismatches(self, other: Self) -> u32 {
        (self.low ^ other.low) | (self.high ^ other.high)
    }

    /// The number of places at which two k-mers differ.
    pub fn distance(self, other: Self) -> u32 {
        self.mismatches(other).count_ones()
    }

    /// The planes, low first.
    pub(super) const fn planes(self) -> (u32, u32) {
        (self.low, self.high)
    }

    /// The bits in which the codes differ, as a k-mer to `xor` with.
    pub(super) fn xor(self, other: Self) -> Self {
        Self { low: self.low ^ other.low, high: self.high ^ other.high }
    }
}

/// Checks the length of k-mers.
pub(super) fn check_k(k: usize) -> Result<(), KmerError> {
    if (1..=MAX_K).contains(&k) { Ok(()) } else { Err(option("k", k, "1 to 32")) }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Alphabet, Sequence};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_make_a_round_trip(codes in prop::collection::vec(0_u8..4, 1..=MAX_K)) {
            let kmer = Kmer::from_codes(&codes).unwrap();
            let mut written = vec![9; codes.len()];
            kmer.write_codes(&mut written);
            prop_assert_eq!(&written, &codes);
            prop_assert_eq!(Kmer::from_bits(kmer.bits()), kmer);
            prop_assert!((0..codes.len()).all(|place| kmer.base(place) == codes[place]));
        }

        #[test]
        fn the_other_strand_is_that_of_the_sequence(codes in prop::collection::vec(0_u8..4, 1..=MAX_K)) {
            let k = codes.len();
            let kmer = Kmer::from_codes(&codes).unwrap();
            let other = Sequence::from_codes(&Alphabet::dna(), codes).unwrap().reverse_complement().unwrap();
            prop_assert_eq!(Kmer::from_codes(other.codes()), Some(kmer.reverse_complement(k)));
            prop_assert_eq!(kmer.reverse_complement(k).canonical(k), kmer.canonical(k));
        }

        #[test]
        fn distances_count_places(a in prop::collection::vec(0_u8..4, 20), b in prop::collection::vec(0_u8..4, 20)) {
            let expected = a.iter().zip(&b).filter(|(a, b)| a != b).count();
            let (a, b) = (Kmer::from_codes(&a).unwrap(), Kmer::from_codes(&b).unwrap());
            prop_assert_eq!(a.distance(b) as usize, expected);
        }

        #[test]
        fn the_next_kmer_drops_a_base_and_takes_one(codes in prop::collection::vec(0_u8..4, 2..=MAX_K)) {
            let k = codes.len() - 1;
            let (first, second) = (Kmer::from_codes(&codes[..k]).unwrap(), Kmer::from_codes(&codes[1..]).unwrap());
            prop_assert_eq!(first.followed_by(codes[k], k), second);
        }
    }

    #[test]
    fn what_is_no_base_makes_no_kmer() {
        assert_eq!(Kmer::from_codes(&[0, 4]), None);
        assert_eq!(Kmer::from_codes(&[0; 33]), None);
        assert!(check_k(0).is_err() && check_k(33).is_err() && check_k(32).is_ok());
    }
}
