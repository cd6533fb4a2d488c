//! Random words that any thread can draw at any place of a stream.

/// Philox 4x32 with 10 rounds: words that depend on a key, an epoch and an index alone.
///
/// Source: Salmon et al. 2011, doi:10.1145/2063384.2063405 (`philox4x32_10` of Random123). The counter holds, from
/// its first word, the number of the block, the epoch, and the index with its low half first.
#[derive(Clone, Debug)]
pub(super) struct Philox {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Philox {
    pub(super) fn new(key: u64, epoch: u32, index: u64) -> Self {
        Self {
            key: [key as u32, (key >> 32) as u32],
            counter: [0, epoch, index as u32, (index >> 32) as u32],
            block: [0; 4],
            used: 4,
        }
    }

    /// 32 random bits.
    #[inline]
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = rounds(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// 64 random bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// An integer in `0..bound` without bias (0 for a bound of 0), by Lemire's multiplication with rejection
    /// (doi:10.1145/3230636).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }
}

#[inline]
fn rounds(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(counter[0]) * 0xd251_1f53;
        let second = u64::from(counter[2]) * 0xcd9e_8d57;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

/// A random order of `0..len` of which any place can be asked by itself.
///
/// A Feistel network of six rounds over the smallest even number of bits that holds `len`; numbers beyond `len` go
/// through it again (Black and Rogaway 2002, doi:10.1007/3-540-45760-7_9), at most four times on average.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permutation {
    len: u64,
    half: u32,
    keys: [u64; 6],
}

impl Permutation {
    /// The order of a key and an epoch.
    pub(super) fn new(len: u64, key: u64, epoch: u32) -> Self {
        let mut words = Philox::new(key, epoch, u64::MAX);
        let half = (u64::BITS - len.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
        Self { len, half, keys: [(); 6].map(|()| words.next_u64()) }
    }

    /// The item at a place, both below `len`.
    pub(super) fn at(&self, place: u64) -> u64 {
        let mut item = self.turn(place);
        while item >= self.len {
            item = self.turn(item);
        }
        item
    }

    fn turn(&self, value: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in self.keys {
            let mixed = (right ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
            (left, right) = (right, left ^ (mixed >> 32) & mask);
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_those_of_random123() {
        // The known answers of Random123 1.14, kat_vectors, philox4x32 10.
        assert_eq!(rounds([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            rounds([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            rounds([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    proptest! {
        #[test]
        fn an_order_holds_each_item_once(len in 1_u64..3000, key: u64, epoch: u32) {
            let order = Permutation::new(len, key, epoch);
            let mut items: Vec<u64> = (0..len).map(|place| order.at(place)).collect();
            items.sort_unstable();
            prop_assert_eq!(items, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn orders_look_random() {
        // Ranks of neighbours are uncorrelated; four standard errors of n = 10,000 are 0.04.
        for (key, len) in [(1, 10_000), (2, 10_001), (3, 16_384)] {
            let order = Permutation::new(len, key, 0);
            let centred = |place| order.at(place) as f64 - (len - 1) as f64 / 2.0;
            let covariance: f64 = (1..len).map(|place| centred(place) * centred(place - 1)).sum();
            let variance: f64 = (0..len).map(|place| centred(place).powi(2)).sum();
            assert!((covariance / variance).abs() < 0.04, "{}", covariance / variance);
            let moved = (0..len).filter(|&place| order.at(place) == place).count();
            assert!(moved < 8, "a random order keeps one item on average, found {moved}");
        }
    }
}
