use cistron_core::Region;

use super::bins::{Cuts, check_bins};
use super::zoom::Sums;
use super::{BigWig, BinOptions, Statistic};
use crate::GenomeError;
use crate::bbi::{Place, Zoom};

impl BigWig {
    /// As [`bin_into`](Self::bin_into), with the numbers of pyBigWig 0.3.29 (libBigWig) by default: from a zoom level where
    /// one is fine enough, with the faults that it has there. To compare with older results; not for new ones.
    ///
    /// Where no zoom level has two records for each bin the result is exact. Elsewhere a record that overlaps a bin counts
    /// by the share of it that lies right of the bin's start, even beyond the bin's end, and a sum is wrong: a record that
    /// lies inside the bin adds its mean, any other nothing.
    ///
    /// # Errors
    /// As [`bin_into`](Self::bin_into).
    pub fn as_libbigwig(
        &self,
        region: &Region,
        statistic: Statistic,
        bins: &mut [f64],
    ) -> Result<(), GenomeError> {
        check_bins(region, bins.len())?;
        let place = self.bbi.place(region)?;
        match self.usable_zoom(region.width(), bins.len()) {
            Some(zoom) => self.zoomed(zoom, place, region, statistic, bins),
            None => self.bin_into(region, &BinOptions::new(statistic), bins),
        }
    }

    fn zoomed(
        &self,
        zoom: Zoom,
        place: Place,
        region: &Region,
        statistic: Statistic,
        bins: &mut [f64],
    ) -> Result<(), GenomeError> {
        let mut records = Vec::new();
        self.visit_zoom(zoom, place, |record| records.push(record))?;
        let mut cuts = Cuts::new(region, bins.len());
        let mut first = 0;
        for bin in bins {
            let (from, to) = (cuts.start, cuts.end);
            // Records come by start and do not overlap.
            while records.get(first).is_some_and(|record| u64::from(record.end) <= from) {
                first += 1;
            }
            let (mut sums, mut means) = (Sums::default(), 0.0);
            for record in
                records.iter().skip(first).take_while(|record| u64::from(record.start) < to.max(from + 1))
            {
                let (start, end) = (u64::from(record.start), u64::from(record.end));
                if !(from <= start && to > start || from >= start && from < end) {
                    continue;
                }
                let share = share(start, end, from, to);
                sums.add(record, share);
                // The share becomes a whole number there before it is used, and the mean is one of single precision.
                means += f64::from(record.sum * share.trunc() as f32 / record.covered as f32);
            }
            *bin = match statistic {
                Statistic::Sum if means == 0.0 => f64::NAN,
                Statistic::Sum => means,
                statistic => sums.statistic(statistic, to - from),
            };
            cuts.advance();
        }
        Ok(())
    }
}

fn share(start: u64, end: u64, from: u64, to: u64) -> f64 {
    let part = if start <= from {
        end - from
    } else if end < to {
        return 1.0;
    } else {
        to - start
    };
    part as f64 / (end - start) as f64
}
