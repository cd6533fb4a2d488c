//! Statistics of bins, exact, in one pass over a region.

use cistron_core::Region;

use super::BigWig;
use super::statistic::{Accumulate, Coverage, Max, Mean, Min, StandardDeviation, Statistic, Sum};
use crate::GenomeError;
use crate::bbi::Place;

/// What becomes of a region on a contig that a track does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbsentContig {
    /// An error.
    #[default]
    Refuse,
    /// As if the contig were there without any value.
    Empty,
}

/// How the bases of a region become numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BinOptions {
    /// What a bin says of its bases.
    pub statistic: Statistic,
    /// The value that bases without one have in the statistic (default: none, they are left out). With 0 the mean is
    /// that over all bases. The coverage is not touched.
    pub uncovered: Option<f32>,
    /// What a bin gets whose statistic is not a number (default: NaN): no base has a value, or one has NaN.
    pub empty: f64,
    /// What becomes of a contig that the track does not have (default: an error).
    pub absent: AbsentContig,
}

impl BinOptions {
    /// A statistic with the defaults for all else.
    pub fn new(statistic: Statistic) -> Self {
        Self { statistic, uncovered: None, empty: f64::NAN, absent: AbsentContig::Refuse }
    }

    /// Sets the value of bases without one.
    #[must_use]
    pub fn with_uncovered(mut self, uncovered: f32) -> Self {
        self.uncovered = Some(uncovered);
        self
    }

    /// Sets what a bin without a number gets.
    #[must_use]
    pub fn with_empty(mut self, empty: f64) -> Self {
        self.empty = empty;
        self
    }

    /// Sets what becomes of a contig that the track does not have.
    #[must_use]
    pub fn with_absent(mut self, absent: AbsentContig) -> Self {
        self.absent = absent;
        self
    }
}

impl BigWig {
    /// Cuts a region into as many bins as `bins` has places and puts the statistic of each there, from every value of the
    /// file: zoom levels are not used.
    ///
    /// Bin `i` of `n` ends `floor(width · (i + 1) / n)` bases after the region's start. With more bins than bases some
    /// have none: they take part in an interval that they lie strictly inside of, with a sum of 0.
    ///
    /// One pass, nothing is allocated for a base or an interval.
    ///
    /// Source: pyBigWig 0.3.29 `stats(..., exact=True)`, with its sums of products rounded to `f32`. Unlike there, the
    /// statistics of a bin without a value are what [`BinOptions::empty`] says.
    ///
    /// # Errors
    /// [`GenomeError::UnknownContig`] (see [`AbsentContig`]), [`GenomeError::BeyondContig`], [`GenomeError::Request`] for an
    /// empty region or no bins, [`GenomeError::Unusable`] for a damaged file, [`GenomeError::Read`].
    ///
    /// ```
    /// # use cistron_core::Region;
    /// # use cistron_genome::bigwig::{AbsentContig, BigWig, BinOptions, Statistic};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("toy.bw");
    /// # std::fs::write(&path, include_bytes!("../../tests/data/toy.bw"))?;
    /// let track = BigWig::open(&path)?;
    /// let region = Region::new("chr1", 8, 20)?;
    /// let mut bins = [0.0; 1];
    /// track.bin_into(&region, &BinOptions::new(Statistic::Mean), &mut bins)?;
    /// assert_eq!(bins, [1.1]); // over the ten bases with a value
    /// track.bin_into(&region, &BinOptions::new(Statistic::Mean).with_uncovered(0.0), &mut bins)?;
    /// assert_eq!(bins, [11.0 / 12.0]);
    /// let absent = BinOptions::new(Statistic::Sum).with_empty(0.0).with_absent(AbsentContig::Empty);
    /// track.bin_into(&Region::new("chrUn", 0, 5)?, &absent, &mut bins)?;
    /// assert_eq!(bins, [0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bin_into(
        &self,
        region: &Region,
        options: &BinOptions,
        bins: &mut [f64],
    ) -> Result<(), GenomeError> {
        check_bins(region, bins.len())?;
        let place = match self.bbi.place(region) {
            Err(GenomeError::UnknownContig { .. }) if options.absent == AbsentContig::Empty => None,
            place => Some(place?),
        };
        match options.statistic {
            Statistic::Sum => self.accumulate::<Sum>(region, place, options, bins),
            Statistic::Mean => self.accumulate::<Mean>(region, place, options, bins),
            Statistic::Min => self.accumulate::<Min>(region, place, options, bins),
            Statistic::Max => self.accumulate::<Max>(region, place, options, bins),
            Statistic::StandardDeviation => {
                self.accumulate::<StandardDeviation>(region, place, options, bins)
            }
            Statistic::Coverage => {
                let options = BinOptions { uncovered: None, ..*options };
                self.accumulate::<Coverage>(region, place, &options, bins)
            }
        }
    }

    fn accumulate<A: Accumulate>(
        &self,
        region: &Region,
        place: Option<Place>,
        options: &BinOptions,
        bins: &mut [f64],
    ) -> Result<(), GenomeError> {
        let cuts = Cuts::new(region, bins.len());
        let mut filler = Filler { cuts, bins, current: 0, covered: 0, open: A::default(), options };
        if let Some(place) = place {
            self.visit(place, |start, end, value| filler.add(start.into(), end.into(), value))?;
        }
        filler.finish();
        Ok(())
    }
}

/// That there is something to cut and something to cut it into.
pub(super) fn check_bins(region: &Region, bins: usize) -> Result<(), GenomeError> {
    let problem = if region.width() == 0 {
        format!("region {region} is empty, expected at least one base")
    } else if bins == 0 {
        format!("found room for no bin of {region}, expected at least one")
    } else {
        return Ok(());
    };
    Err(GenomeError::Request(problem))
}

/// The bins of a region, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    /// The current bin.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whole bases of each bin, and the part of a base beside them, in units of one over the number of bins.
    step: u64,
    part: u64,
    carry: u64,
    n: u64,
}

impl Cuts {
    pub(super) fn new(region: &Region, n: usize) -> Self {
        let (start, n) = (region.start(), n as u64);
        let mut cuts =
            Self { start, end: start, step: region.width() / n, part: region.width() % n, carry: 0, n };
        cuts.advance();
        cuts
    }

    /// Goes to the next bin.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.start = self.end;
        self.end += self.step;
        self.carry += self.part;
        if self.carry >= self.n {
            self.carry -= self.n;
            self.end += 1;
        }
    }
}

/// Fills bins with what intervals, which come from left to right, add up to.
struct Filler<'a, A> {
    cuts: Cuts,
    bins: &'a mut [f64],
    current: usize,
    /// Bases of the current bin that have a value.
    covered: u64,
    open: A,
    options: &'a BinOptions,
}

impl<A: Accumulate> Filler<'_, A> {
    #[inline]
    fn add(&mut self, start: u64, end: u64, value: f32) {
        while self.current < self.bins.len() {
            let bin = &self.cuts;
            let (from, to) = (start.max(bin.start), end.min(bin.end));
            if from < to {
                self.open.add((to - from) as u32, value);
                self.covered += to - from;
            } else if bin.start == bin.end && start < bin.start && bin.start < end {
                self.open.add(0, value);
            }
            if end <= self.cuts.end {
                break;
            }
            self.close();
        }
    }

    fn close(&mut self) {
        let width = self.cuts.end - self.cuts.start;
        if let Some(value) = self.options.uncovered {
            let mut left = width.saturating_sub(self.covered);
            while left > 0 {
                let part = left.min(u32::MAX.into());
                self.open.add(part as u32, value);
                left -= part;
            }
        }
        let value = self.open.finish(width);
        if let Some(bin) = self.bins.get_mut(self.current) {
            *bin = if value.is_nan() { self.options.empty } else { value };
        }
        self.current += 1;
        self.covered = 0;
        self.cuts.advance();
    }

    fn finish(mut self) {
        while self.current < self.bins.len() {
            self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cuts_are_floors_of_fractions(start in 0_u64..1000, width in 1_u64..500, n in 1_usize..700) {
            let mut cuts = Cuts::new(&Region::new("c", start, start + width).unwrap(), n);
            for i in 0..n as u64 {
                prop_assert_eq!(cuts.start, start + width * i / n as u64);
                prop_assert_eq!(cuts.end, start + width * (i + 1) / n as u64);
                cuts.advance();
            }
        }
    }
}
