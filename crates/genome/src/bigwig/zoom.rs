//! Statistics from zoom levels: summaries of stretches, made by whoever wrote the file.

use cistron_core::Region;

use super::bins::{Cuts, check_bins};
use super::statistic::{Accumulate, Max, Min};
use super::{BigWig, BinOptions, Statistic};
use crate::GenomeError;
use crate::bbi::{Fields, Place, Zoom};

/// Bytes of a record of a zoom level.
pub(super) const RECORD: usize = 32;

/// What a zoom level says of a stretch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Bases with a value.
    pub(super) covered: u32,
    pub(super) min: f32,
    pub(super) max: f32,
    pub(super) sum: f32,
    pub(super) squares: f32,
}

impl Record {
    /// What follows the contig.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            start: fields.u32(),
            end: fields.u32(),
            covered: fields.u32(),
            min: fields.f32(),
            max: fields.f32(),
            sum: fields.f32(),
            squares: fields.f32(),
        }
    }
}

impl BigWig {
    /// As [`bin_into`](Self::bin_into), from the coarsest zoom level that has at least two records for each bin; gives
    /// back how many bases one of its records spans. Where the file has no such level the result is exact, and `None` is
    /// given back.
    ///
    /// A record counts by the share of it that lies in the bin, as if its values were spread evenly. For a few bins over
    /// a whole contig this reads far less of the file.
    ///
    /// Differences from pyBigWig 0.3.29, which takes this path by default: sums are sums (there, a whole record adds its
    /// mean and a cut one nothing), and a record that spans a bin counts for the bin alone.
    ///
    /// # Errors
    /// As [`bin_into`](Self::bin_into).
    pub fn statistic_from_zoom_into(
        &self,
        region: &Region,
        statistic: Statistic,
        bins: &mut [f64],
    ) -> Result<Option<u32>, GenomeError> {
        check_bins(region, bins.len())?;
        let place = self.bbi.place(region)?;
        let Some(zoom) = self.usable_zoom(region.width(), bins.len()) else {
            self.bin_into(region, &BinOptions::new(statistic), bins)?;
            return Ok(None);
        };
        let mut cuts = Cuts::new(region, bins.len());
        let (mut current, mut open) = (0, Sums::default());
        let mut close = |open: &mut Sums, cuts: &mut Cuts| {
            if let Some(bin) = bins.get_mut(current) {
                *bin = std::mem::take(open).statistic(statistic, cuts.end - cuts.start);
            }
            current += 1;
            cuts.advance();
        };
        self.visit_zoom(zoom, place, |record| {
            let (start, end) = (u64::from(record.start), u64::from(record.end));
            while cuts.start < end && cuts.start < region.end() {
                let overlap = end.min(cuts.end).saturating_sub(start.max(cuts.start));
                if overlap > 0 {
                    open.add(&record, overlap as f64 / (end - start) as f64);
                }
                if end <= cuts.end {
                    break;
                }
                close(&mut open, &mut cuts);
            }
        })?;
        while cuts.start < region.end() {
            close(&mut open, &mut cuts);
        }
        Ok(Some(zoom.reduction))
    }

    /// The coarsest level with at least two records for each bin.
    pub(super) fn usable_zoom(&self, width: u64, bins: usize) -> Option<Zoom> {
        let most = width / bins as u64 / 2;
        let mut zooms = self.bbi.zooms.iter().rev();
        zooms.find(|zoom| (1..=most).contains(&zoom.reduction.into())).copied()
    }

    /// Hands the records that overlap a place to `each`, in the order of the file.
    pub(super) fn visit_zoom(
        &self,
        zoom: Zoom,
        place: Place,
        mut each: impl FnMut(Record),
    ) -> Result<(), GenomeError> {
        self.bbi.for_each_block(zoom.index, place, |block| {
            for bytes in block.chunks_exact(RECORD) {
                let mut fields = Fields::new(bytes, self.bbi.order);
                let contig = fields.u32();
                let record = Record::read(&mut fields);
                if record.start < record.end && place.overlaps(contig, record.start, record.end) {
                    each(record);
                }
            }
            Ok(())
        })
    }
}

/// What the records of a bin add up to.
#[derive(Default)]
pub(super) struct Sums {
    covered: f64,
    sum: f64,
    squares: f64,
    min: Min,
    max: Max,
}

impl Sums {
    pub(super) fn add(&mut self, record: &Record, share: f64) {
        self.covered += f64::from(record.covered) * share;
        self.sum += f64::from(record.sum) * share;
        self.squares += f64::from(record.squares) * share;
        self.min.add(record.covered, record.min);
        self.max.add(record.covered, record.max);
    }

    /// A statistic of a bin of `width` bases; NaN where no base has a value.
    pub(super) fn statistic(self, statistic: Statistic, width: u64) -> f64 {
        let Self { covered, sum, squares, mut min, mut max } = self;
        if covered == 0.0 {
            return f64::NAN;
        }
        match statistic {
            Statistic::Sum => sum,
            Statistic::Mean => sum / covered,
            Statistic::Min => min.finish(width),
            Statistic::Max => max.finish(width),
            Statistic::Coverage => covered / width as f64,
            Statistic::StandardDeviation if covered <= 1.0 => f64::NAN,
            Statistic::StandardDeviation => {
                let variance = (squares - sum * sum / covered) / (covered - 1.0);
                // What rounding leaves of a constant.
                if variance.is_nan() || variance.abs() <= 1e-8 { 0.0 } else { variance.sqrt() }
            }
        }
    }
}
