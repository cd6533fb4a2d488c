use super::SeqletError;
use super::convolution::Terms;

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The number types of attributions, `f32` and `f64`.
///
/// Differences are taken in the type itself before anything is widened, so that a value falls into the same bin as
/// in the peer, which computes in the type of its input.
pub trait AttributionValue: Copy + PartialOrd + Send + Sync + private::Sealed {
    /// The value in f64, exactly.
    fn widened(self) -> f64;
    /// `self - other`, rounded to the type and then widened.
    fn difference(self, other: Self) -> f64;
}

impl AttributionValue for f32 {
    fn widened(self) -> f64 {
        f64::from(self)
    }
    fn difference(self, other: Self) -> f64 {
        f64::from(self - other)
    }
}

impl AttributionValue for f64 {
    fn widened(self) -> f64 {
        self
    }
    fn difference(self, other: Self) -> f64 {
        self - other
    }
}

/// How often attributions fall into each of equal bins: what the sum of a random span is measured against.
///
/// A value, so that nothing depends on what else is called with it: fit the range, add tracks in any order or in
/// several processes, merge, then call. Counts are integers, so merging is exact.
///
/// ```
/// use cistron_motif::{SeqletNull, SeqletOptions, SeqletCaller};
///
/// let track = [0.0, 0.1, -0.1, 0.0, 2.0, 2.0, 2.0, 2.0, 0.1, -0.1, 0.0, 0.0];
/// let mut null = SeqletNull::new(-0.1, 2.0, 1000)?;
/// null.add(&track);
/// let caller = SeqletCaller::new(&null, SeqletOptions { threshold: 0.05, ..SeqletOptions::default() })?;
/// let seqlets = caller.call(0, &track);
/// assert_eq!(seqlets[0].start, 4);
/// # Ok::<(), cistron_motif::SeqletError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SeqletNull<T = f64> {
    lowest: T,
    width: f64,
    counts: Vec<u64>,
}

impl<T: AttributionValue> SeqletNull<T> {
    /// Empty bins over a range: bin 0 begins at the lowest value, the last holds the highest.
    ///
    /// # Errors
    /// [`SeqletError::Option`] for fewer than two bins, or a range that is not finite and ascending.
    pub fn new(lowest: T, highest: T, bins: usize) -> Result<Self, SeqletError> {
        let span = highest.difference(lowest);
        if !(2..=1 << 20).contains(&bins) {
            return Err(SeqletError::option("number of bins", bins, "2 to 1048576"));
        }
        if !(span.is_finite() && span >= 0.0) {
            let found = format!("{} to {}", lowest.widened(), highest.widened());
            return Err(SeqletError::option("range of attributions", found, "finite and ascending"));
        }
        Ok(Self { lowest, width: span / (bins - 1) as f64, counts: vec![0; bins] })
    }

    /// The bins of some tracks, their range the tracks' own, with the tracks counted in.
    ///
    /// # Errors
    /// [`SeqletError::Empty`] for no value, [`SeqletError::NotFinite`] for one that is no number, otherwise as
    /// [`new`](Self::new).
    pub fn of<'a>(tracks: impl Iterator<Item = &'a [T]> + Clone, bins: usize) -> Result<Self, SeqletError>
    where
        T: 'a,
    {
        let mut range: Option<(T, T)> = None;
        for (example, track) in tracks.clone().enumerate() {
            // Two passes, since the first has no way out and is done for many values at once.
            if !track.iter().fold(true, |all, value| all & value.widened().is_finite()) {
                let position = track.iter().position(|value| !value.widened().is_finite()).unwrap_or(0);
                return Err(SeqletError::NotFinite { example, position, found: track[position].widened() });
            }
            let Some(&first) = track.first() else { continue };
            let (lowest, highest) = range.unwrap_or((first, first));
            range = Some(widen(track, lowest, highest));
        }
        let (lowest, highest) = range.ok_or(SeqletError::Empty)?;
        let mut null = Self::new(lowest, highest, bins)?;
        tracks.for_each(|track| null.add(track));
        Ok(null)
    }

    /// Counts a track in; values outside the range fall into the end bins.
    pub fn add(&mut self, track: &[T]) {
        // Bins of a block first, many at a time.
        let mut bins = [0; 256];
        for block in track.chunks(bins.len()) {
            for (bin, &value) in bins.iter_mut().zip(block) {
                *bin = self.bin(value);
            }
            for &bin in &bins[..block.len()] {
                self.counts[bin as usize] += 1;
            }
        }
    }

    /// Counts in what another null over the same bins has counted.
    ///
    /// # Errors
    /// [`SeqletError::Bins`] if the bins differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), SeqletError> {
        if self.describe() != other.describe() {
            return Err(SeqletError::Bins { found: other.describe(), expected: self.describe() });
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        Ok(())
    }

    fn describe(&self) -> String {
        format!("{} bins of {:e} from {:e}", self.counts.len(), self.width, self.lowest.widened())
    }

    /// The number of bins.
    pub fn bins(&self) -> usize {
        self.counts.len()
    }

    /// Whether all values counted are equal, so that nothing can stand out.
    pub fn is_flat(&self) -> bool {
        self.width <= 0.0
    }

    /// The bin of a value.
    pub(super) fn bin(&self, value: T) -> u32 {
        if self.is_flat() {
            return 0;
        }
        let bin = value.difference(self.lowest) / self.width;
        // The cast rounds down. There are at most 2^20 bins; signed casts are the faster ones.
        bin.clamp(0.0, (self.counts.len() - 1) as f64) as i32 as u32
    }

    /// `S_L[s]`, the chance that the bins of `L` independent values sum to at least `s`, for `L` from 1.
    ///
    /// The sums of the convolution run over ascending bins without fused operations, as the peer's do.
    pub(super) fn survival(&self, longest: usize) -> Vec<Vec<f64>> {
        let bins = self.counts.len();
        let total: u64 = self.counts.iter().sum();
        let single: Vec<f64> = self.counts.iter().map(|&count| count as f64 / total.max(1) as f64).collect();
        let mut terms = Terms::new(&single);
        let (mut lowest, mut density) = (0, single);
        let mut tables = Vec::with_capacity(longest);
        for length in 1..=longest {
            if length > 1 {
                terms.convolve(&mut density);
            }
            let mut table = vec![0.0; bins * length + 1];
            let mut above = 0.0;
            for (chance, probability) in table[lowest..].iter_mut().zip(&density).rev() {
                above += probability;
                *chance = above;
            }
            table[..lowest].fill(above);
            tables.push(table);
            lowest += forget_lowest(&mut density);
        }
        tables
    }
}

/// Drops the lowest sums of a density that are as good as never seen, and tells how many.
///
/// A sum of more values reaches a level at least as likely from a higher sum as from a lower one, so no chance of a
/// level or more, however small, loses a larger share of itself than what is dropped here is of 1.
fn forget_lowest(density: &mut Vec<f64>) -> usize {
    /// A hundredth of what rounding to 64 bits takes or adds.
    const NEVER: f64 = 1e-18;
    let mut mass = 0.0;
    let lowest = density.iter().position(|probability| {
        mass += probability;
        mass > NEVER
    });
    let lowest = lowest.unwrap_or(0);
    density.drain(..lowest);
    lowest
}

/// A range made wide enough for some values; lanes of their own, so that no comparison waits for another.
fn widen<T: AttributionValue>(track: &[T], lowest: T, highest: T) -> (T, T) {
    const LANES: usize = 16;
    let least = |a: T, b: T| if b < a { b } else { a };
    let most = |a: T, b: T| if b > a { b } else { a };
    let (mut low, mut high) = ([lowest; LANES], [highest; LANES]);
    let chunks = track.chunks_exact(LANES);
    for &value in chunks.remainder() {
        (low[0], high[0]) = (least(low[0], value), most(high[0], value));
    }
    for chunk in chunks {
        for (lane, &value) in chunk.iter().enumerate() {
            (low[lane], high[lane]) = (least(low[lane], value), most(high[lane], value));
        }
    }
    (low.into_iter().fold(lowest, least), high.into_iter().fold(highest, most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_span_the_range() {
        let null = SeqletNull::new(0.0, 9.0, 10).unwrap();
        assert_eq!([-5.0, 0.0, 0.99, 1.0, 9.0, 99.0].map(|value| null.bin(value)), [0, 0, 0, 1, 9, 9]);
    }

    #[test]
    fn survival_is_the_chance_of_at_least_so_much() {
        // Bins 0, 1, 2 with 1/2, 1/4, 1/4: two of them sum to 4 with chance 1/16, to 3 or more with 3/16.
        let mut null = SeqletNull::new(0.0, 2.0, 3).unwrap();
        null.add(&[0.0, 0.0, 1.0, 2.0]);
        let tables = null.survival(2);
        assert_eq!(tables[0][..3], [1.0, 0.5, 0.25]);
        assert_eq!(tables[1][..5], [1.0, 0.75, 0.5, 0.1875, 0.0625]);
        assert_eq!(tables[1][5], 0.0);
    }

    #[test]
    fn bad_ranges_and_values_are_refused() {
        assert!(SeqletNull::new(0.0, 1.0, 1).is_err());
        assert!(SeqletNull::new(1.0, 0.0, 10).is_err());
        assert!(SeqletNull::new(0.0, f64::INFINITY, 10).is_err());
        let of = |track: &[f64]| SeqletNull::of([track].into_iter(), 10).unwrap_err().to_string();
        assert_eq!(of(&[]), "found no attribution, expected at least one");
        assert_eq!(
            of(&[0.0, f64::NAN]),
            "attribution of example 0 at position 1 is NaN, expected a finite number"
        );
        let mut one = SeqletNull::new(0.0, 1.0, 10).unwrap();
        assert!(one.merge(&SeqletNull::new(0.0, 2.0, 10).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in prop::collection::vec(-3.0_f32..3.0, 1..80), cut in 0_usize..80) {
            let cut = cut.min(values.len());
            let mut whole = SeqletNull::new(-3.0_f32, 3.0, 50).unwrap();
            let (mut a, mut b) = (whole.clone(), whole.clone());
            whole.add(&values);
            a.add(&values[..cut]);
            b.add(&values[cut..]);
            b.merge(&a).unwrap();
            prop_assert_eq!(b, whole);
        }

        #[test]
        fn sums_that_are_forgotten_take_nothing_from_any_chance(
            common in 1_usize..30, rare in prop::collection::vec((0_usize..30, 1_u64..4), 0..4),
        ) {
            // Almost all values in one bin: low sums become as good as impossible after a few values.
            let mut null = SeqletNull::new(0.0, 29.0, 30).unwrap();
            null.counts[common - 1] = 1 << 40;
            for &(bin, count) in &rare {
                null.counts[bin] += count;
            }
            let total: u64 = null.counts.iter().sum();
            let single: Vec<f64> = null.counts.iter().map(|&count| count as f64 / total as f64).collect();
            let mut density = single.clone();
            for table in null.survival(8) {
                let slow = |from: usize| density[from..].iter().rev().sum::<f64>();
                for (from, &chance) in table[..density.len()].iter().enumerate() {
                    prop_assert!((chance - slow(from)).abs() <= 1e-14 * slow(from), "{from}: {chance}");
                }
                density = (0..density.len() + 29)
                    .map(|sum| {
                        let terms = (0..30.min(sum + 1)).filter(|bin| sum - bin < density.len());
                        terms.map(|bin| density[sum - bin] * single[bin]).sum()
                    })
                    .collect();
            }
        }

        #[test]
        fn survival_falls_from_one_to_zero(values in prop::collection::vec(-3.0..3.0_f64, 1..60)) {
            let null = SeqletNull::of([&values[..]].into_iter(), 20).unwrap();
            for table in null.survival(5) {
                prop_assert!((table[0] - 1.0).abs() < 1e-12);
                prop_assert!(table.windows(2).all(|pair| pair[0] >= pair[1] && pair[1] >= 0.0));
                prop_assert_eq!(table.last(), Some(&0.0));
            }
        }
    }
}
