use cistron_core::Seed;

/// Up to this number of rows the order is a table, each order equally likely; above it, a rule without memory.
const TABLE_ROWS: u64 = 1 << 16;

/// Rounds of the network. Four suffice where the halves are wide (Luby and Rackoff 1988, doi:10.1137/0217022).
const ROUNDS: usize = 8;

/// The order of the rows of one epoch: a permutation of `0..n` in bounded memory, each place found at once.
///
/// Up to 65,536 rows are shuffled in a table of four bytes each. Of more rows, a place becomes a row by a Feistel
/// network of 8 rounds over the smallest power of two that holds them, repeated until the result is a row (Black
/// and Rogaway 2002, doi:10.1007/3-540-45760-7_9): fewer than two passes on average.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_models::RowOrder;
///
/// let order = RowOrder::new(10_000_000, Seed::new(1), 0);
/// assert!(order.row(9_999_999) < 10_000_000);
/// assert_ne!(order.row(5), RowOrder::new(10_000_000, Seed::new(1), 1).row(5));
/// ```
#[derive(Clone, Debug)]
pub struct RowOrder(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Table(Vec<u32>),
    Feistel { n: u64, bits: [u32; 2], keys: [u64; ROUNDS] },
}

impl RowOrder {
    /// The order of `n` rows in an epoch.
    pub fn new(n: u64, seed: Seed, epoch: u64) -> Self {
        Self::labelled(n, seed, "row order", epoch)
    }

    /// As [`new`](Self::new), drawn from the stream of another label.
    pub(crate) fn labelled(n: u64, seed: Seed, label: &str, epoch: u64) -> Self {
        let mut stream = seed.stream(label, epoch);
        if n <= TABLE_ROWS {
            let mut rows: Vec<u32> = (0..n as u32).collect();
            stream.shuffle(&mut rows);
            return Self(Rule::Table(rows));
        }
        let bits = u64::BITS - (n - 1).leading_zeros();
        let keys = std::array::from_fn(|_| stream.next_u64());
        Self(Rule::Feistel { n, bits: [bits / 2, bits - bits / 2], keys })
    }

    /// The number of rows.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Rule::Table(rows) => rows.len() as u64,
            Rule::Feistel { n, .. } => *n,
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a place; places from the number of rows on begin anew.
    pub fn row(&self, place: u64) -> u64 {
        match &self.0 {
            Rule::Table(rows) => {
                let place = place.checked_rem(rows.len() as u64).unwrap_or(0);
                rows.get(place as usize).map_or(0, |row| u64::from(*row))
            }
            Rule::Feistel { n, bits, keys } => {
                let mut row = feistel(place % n, *bits, keys);
                // The rule permutes a set that holds the place, so that its cycle comes back to a row.
                while row >= *n {
                    row = feistel(row, *bits, keys);
                }
                row
            }
        }
    }
}

/// A permutation of the numbers of `bits[0] + bits[1]` bits.
fn feistel(number: u64, bits: [u32; 2], keys: &[u64; ROUNDS]) -> u64 {
    let ([mut left_bits, mut right_bits], mask) = (bits, |bits: u32| (1_u64 << bits) - 1);
    let (mut left, mut right) = (number >> right_bits, number & mask(right_bits));
    for key in keys {
        (left, right) = (right, left ^ (mix(right ^ key) & mask(left_bits)));
        (left_bits, right_bits) = (right_bits, left_bits);
    }
    // The number of rounds is even: the halves have their widths again.
    left << right_bits | right
}

/// The finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2714064.2660195).
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feistel_order(n: u64, seed: u64) -> RowOrder {
        let mut stream = Seed::new(seed).stream("keys", n);
        let bits = u64::BITS - (n - 1).leading_zeros();
        let keys = std::array::from_fn(|_| stream.next_u64());
        RowOrder(Rule::Feistel { n, bits: [bits / 2, bits - bits / 2], keys })
    }

    fn assert_permutation(order: &RowOrder, n: u64) {
        let mut seen = vec![false; n as usize];
        for place in 0..n {
            let row = order.row(place) as usize;
            assert!(!std::mem::replace(&mut seen[row], true), "row {row} of {n} comes twice");
        }
        assert_eq!(order.len(), n);
    }

    #[test]
    fn each_row_comes_once() {
        // The rule itself is tried on small numbers too, where every width of the halves occurs.
        for n in (2..600).chain([1023, 1024, 1025, 4095, 4097]) {
            assert_permutation(&feistel_order(n, n), n);
        }
        for n in [1, 2, 3, 7, 1000, 65_535, 65_536, 65_537, 100_003, 131_072, 131_073] {
            assert_permutation(&RowOrder::new(n, Seed::new(5), 2), n);
        }
        assert!(RowOrder::new(0, Seed::new(5), 2).is_empty());
        assert_eq!(RowOrder::new(0, Seed::new(5), 2).row(3), 0);
    }

    proptest! {
        #[test]
        fn the_rule_permutes_numbers_of_any_size(n in (1_u64 << 16) + 1..1 << 60, seed: u64) {
            // Two places never share a row; a thousand in a row and a thousand spread out.
            let order = RowOrder::new(n, Seed::new(seed), 0);
            let step = n / 1000;
            let places = (0..1000).chain((1..1000).map(|i| i * step + 1000).filter(|place| *place < n));
            let mut rows: Vec<u64> = places.map(|place| order.row(place)).collect();
            let count = rows.len();
            prop_assert!(rows.iter().all(|row| *row < n));
            rows.sort_unstable();
            rows.dedup();
            prop_assert!(rows.len() >= count - 1, "place 1000 may stand in both lists");
        }
    }

    /// Pearson's statistic of pairs (part of the place, part of the row) over a table of 16 by 16 has 225 degrees
    /// of freedom: mean 225, standard deviation 21. For a random permutation it lies within five of them.
    #[test]
    fn rows_are_spread_over_all_places() {
        for n in [70_000, 131_072, 200_003] {
            for epoch in 0..4 {
                let order = RowOrder::new(n, Seed::new(9), epoch);
                let mut counts = [[0.0; 16]; 16];
                for place in 0..n {
                    counts[(place * 16 / n) as usize][(order.row(place) * 16 / n) as usize] += 1.0;
                }
                let expected = n as f64 / 256.0;
                let statistic: f64 =
                    counts.iter().flatten().map(|count| (count - expected).powi(2) / expected).sum();
                assert!((120.0..330.0).contains(&statistic), "{n} rows, epoch {epoch}: {statistic}");
            }
        }
    }

    /// In a random permutation of n the number of rises from a place to the next has mean (n-1)/2 and variance
    /// (n+1)/12, and the number of rows that stay where they were is Poisson with mean 1.
    #[test]
    fn neighbours_are_torn_apart() {
        let n = 1_u64 << 17;
        let mut stayed = 0;
        for epoch in 0..8 {
            let order = RowOrder::new(n, Seed::new(2), epoch);
            let rows: Vec<u64> = (0..n).map(|place| order.row(place)).collect();
            let rises = rows.windows(2).filter(|pair| pair[0] < pair[1]).count() as f64;
            let deviation = (n as f64 / 12.0).sqrt();
            assert!((rises - n as f64 / 2.0).abs() < 5.0 * deviation, "{rises}");
            stayed += rows.iter().enumerate().filter(|(place, row)| *place as u64 == **row).count();
        }
        // Poisson with mean 8: more than 24 has a chance of 2e-6.
        assert!(stayed < 25, "{stayed}");
    }

    #[test]
    fn epochs_and_seeds_have_their_own_orders() {
        for n in [50, 100_000] {
            let first = |seed, epoch| (0..20).map(move |i| RowOrder::new(n, Seed::new(seed), epoch).row(i));
            assert!(first(1, 0).eq(first(1, 0)));
            assert!(first(1, 0).ne(first(1, 1)));
            assert!(first(1, 0).ne(first(2, 0)));
        }
    }
}
