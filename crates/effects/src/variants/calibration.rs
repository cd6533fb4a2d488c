//! How rare a difference is among those of variants that do nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::EffectError;
use crate::saturation::out_of_range;

/// Bits of a 32-bit number that a bin does not tell apart: a bin is as wide as 2⁻¹² of its values, or less.
const UNTOLD_BITS: u32 = 11;

/// Differences of variants that are thought to do nothing, counted for each track: what others are measured against.
///
/// Counts are integers over bins that do not depend on the data, so parts merge to exactly what the whole would be, in
/// any order. A bin holds numbers that agree in sign, size and the first 12 bits after the leading one; so memory is
/// bounded, whatever is counted.
///
/// ```
/// use cistron_effects::{Calibration, EmpiricalNull};
///
/// let mut null = EmpiricalNull::new(1);
/// for difference in [-2.0, -1.0, 1.0, 4.0] {
///     null.add(&[difference])?;
/// }
/// let calibration = Calibration::new(&null)?;
/// assert_eq!(calibration.p_value(0, 3.0), 2.0 / 5.0); // itself and the 4, of five
/// assert_eq!(calibration.quantile(0, 3.0), 3.0 / 4.0);
/// # Ok::<(), cistron_effects::EffectError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmpiricalNull {
    tracks: Vec<BTreeMap<i32, u64>>,
    variants: u64,
}

impl EmpiricalNull {
    /// Of so many tracks, with nothing counted.
    pub fn new(tracks: usize) -> Self {
        Self { tracks: vec![BTreeMap::new(); tracks], variants: 0 }
    }

    /// Counts a variant: its difference in each track.
    ///
    /// # Errors
    /// [`EffectError::MissingScore`] for NaN, [`EffectError::Option`] for another number of tracks; nothing is counted
    /// then.
    pub fn add(&mut self, differences: &[f64]) -> Result<(), EffectError> {
        self.check_tracks(differences.len())?;
        if let Some(track) = differences.iter().position(|difference| difference.is_nan()) {
            let place =
                format!("the difference of variant {} of the background in track {track}", self.variants);
            return Err(EffectError::MissingScore { place });
        }
        for (counts, &difference) in self.tracks.iter_mut().zip(differences) {
            *counts.entry(bin(difference)).or_default() += 1;
        }
        self.variants += 1;
        Ok(())
    }

    /// Counts in what another has counted.
    ///
    /// # Errors
    /// [`EffectError::Option`] for another number of tracks.
    pub fn merge(&mut self, other: &Self) -> Result<(), EffectError> {
        self.check_tracks(other.tracks.len())?;
        for (counts, others) in self.tracks.iter_mut().zip(&other.tracks) {
            for (bin, count) in others {
                *counts.entry(*bin).or_default() += count;
            }
        }
        self.variants += other.variants;
        Ok(())
    }

    /// The number of variants counted.
    pub fn variants(&self) -> u64 {
        self.variants
    }

    fn check_tracks(&self, found: usize) -> Result<(), EffectError> {
        if found == self.tracks.len() {
            return Ok(());
        }
        Err(out_of_range("number of tracks of a background", found, self.tracks.len().to_string()))
    }
}

/// The bin of a number; bins ascend as numbers do.
fn bin(number: f64) -> i32 {
    let number = number as f32;
    let size = (number.abs().to_bits() >> UNTOLD_BITS) as i32;
    if number < 0.0 { -size } else { size }
}

/// A background made ready to tell how rare differences are.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    tracks: Vec<Ranks>,
    variants: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Ranks {
    /// The bins that occur, ascending, each with the number of variants below it.
    below: Vec<(i32, u64)>,
    /// The sizes of bins that occur, ascending, each with the number of variants of a smaller size.
    smaller: Vec<(i32, u64)>,
}

impl Calibration {
    /// Ranks what was counted.
    ///
    /// # Errors
    /// [`EffectError::Option`] if that is nothing.
    pub fn new(null: &EmpiricalNull) -> Result<Self, EffectError> {
        if null.variants == 0 {
            return Err(out_of_range(
                "number of variants of the background",
                0,
                "at least 1 that can be scored",
            ));
        }
        let ranks = |counts: &BTreeMap<i32, u64>| {
            let mut sizes = BTreeMap::new();
            for (bin, count) in counts {
                *sizes.entry(bin.abs()).or_default() += count;
            }
            Ranks { below: running(counts), smaller: running(&sizes) }
        };
        Ok(Self { tracks: null.tracks.iter().map(ranks).collect(), variants: null.variants })
    }

    /// The chance of a difference of at least this size, of either sign: (1 + how many of the background have it) /
    /// (1 + how many there are), so that it is never 0 and uniform for variants like those of the background. NaN for
    /// NaN and for a track that there is not.
    pub fn p_value(&self, track: usize, difference: f64) -> f64 {
        let Some(ranks) = self.tracks.get(track).filter(|_| !difference.is_nan()) else { return f64::NAN };
        let smaller = self.rank(&ranks.smaller, bin(difference).abs());
        (1 + self.variants - smaller) as f64 / (1 + self.variants) as f64
    }

    /// The share of the background whose difference is lower, half of those in one bin with it included. NaN for NaN and
    /// for a track that there is not.
    pub fn quantile(&self, track: usize, difference: f64) -> f64 {
        let Some(ranks) = self.tracks.get(track).filter(|_| !difference.is_nan()) else { return f64::NAN };
        let bin = bin(difference);
        let (below, up_to) = (self.rank(&ranks.below, bin), self.rank(&ranks.below, bin + 1));
        (below + up_to) as f64 / (2 * self.variants) as f64
    }

    /// How many variants lie in lower bins.
    fn rank(&self, running: &[(i32, u64)], bin: i32) -> u64 {
        let next = running.partition_point(|(other, _)| *other < bin);
        running.get(next).map_or(self.variants, |(_, before)| *before)
    }
}

fn running(counts: &BTreeMap<i32, u64>) -> Vec<(i32, u64)> {
    let mut before = 0;
    let mut place = |(bin, count): (&i32, &u64)| {
        before += count;
        (*bin, before - count)
    };
    counts.iter().map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn null_of(differences: &[f64]) -> EmpiricalNull {
        let mut null = EmpiricalNull::new(1);
        for difference in differences {
            null.add(&[*difference]).unwrap();
        }
        null
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let mut null = EmpiricalNull::new(2);
        let error = null.add(&[0.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the difference of variant 0 of the background in track 1 is NaN, expected a number"
        );
        let error = null.add(&[0.0]).unwrap_err().to_string();
        assert_eq!(error, "number of tracks of a background is 1, expected 2");
        assert!(null.merge(&EmpiricalNull::new(1)).is_err());
        assert_eq!(null, EmpiricalNull::new(2));
        let error = Calibration::new(&null).unwrap_err().to_string();
        assert!(error.ends_with("is 0, expected at least 1 that can be scored"), "{error}");
    }

    #[test]
    fn zeros_are_one_and_infinities_have_places() {
        assert_eq!(bin(-0.0), bin(0.0));
        let calibration = Calibration::new(&null_of(&[f64::NEG_INFINITY, 0.0, 1.0])).unwrap();
        assert_eq!(calibration.p_value(0, f64::INFINITY), 0.5);
        assert_eq!(calibration.p_value(0, -0.0), 1.0);
        assert_eq!(calibration.quantile(0, f64::INFINITY), 1.0);
        assert_eq!(calibration.quantile(0, -0.0), 0.5);
        assert!(calibration.p_value(0, f64::NAN).is_nan() && calibration.quantile(7, 0.0).is_nan());
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_a_sorted_list(
            // Numbers that are bins apart, or equal.
            background in prop::collection::vec(-40_i8..40, 1..60), asked in -45_i8..45,
        ) {
            let background: Vec<f64> = background.into_iter().map(f64::from).collect();
            let asked = f64::from(asked);
            let calibration = Calibration::new(&null_of(&background)).unwrap();
            let n = background.len() as f64;
            let count = |test: &dyn Fn(f64) -> bool| background.iter().filter(|it| test(**it)).count() as f64;
            let p = (1.0 + count(&|it| it.abs() >= asked.abs())) / (1.0 + n);
            prop_assert_eq!(calibration.p_value(0, asked), p);
            let quantile = (count(&|it| it < asked) + count(&|it| it <= asked)) / (2.0 * n);
            prop_assert_eq!(calibration.quantile(0, asked), quantile);
        }

        #[test]
        fn parts_merge_to_the_whole_in_any_order(
            differences in prop::collection::vec(prop::num::f64::NORMAL, 0..60), cut in 0_usize..60,
        ) {
            let cut = cut.min(differences.len());
            let mut merged = null_of(&differences[cut..]);
            merged.merge(&null_of(&differences[..cut])).unwrap();
            prop_assert_eq!(&merged, &null_of(&differences));
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<EmpiricalNull>(&text).unwrap(), merged);
        }

        #[test]
        fn bins_ascend(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            prop_assume!(a < b);
            prop_assert!(bin(a) <= bin(b));
        }
    }
}
