//! bigWig: a number for each base of a genome, or for those that have one.
//!
//! [`BigWig`] reads intervals, values of single bases and statistics of bins, by any number of threads at once;
//! [`Writer`] writes a file.

mod as_libbigwig;
mod bins;
mod section;
mod statistic;
mod writer;
mod zoom;

use std::path::Path;

use cistron_core::{Contig, Region};

use crate::GenomeError;
use crate::bbi::{Bbi, Kind, Place};

pub use crate::bbi::TrackSummary;
pub use bins::{AbsentContig, BinOptions};
pub use statistic::Statistic;
pub use writer::Writer;

/// A stretch of a contig whose bases have one value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Interval {
    /// The first base, 0-based.
    pub start: u32,
    /// One past the last base.
    pub end: u32,
    /// The value of each base; may be NaN.
    pub value: f32,
}

/// A bigWig file.
///
/// Reading moves nobody's position: one value may be shared by all threads. Memory holds the contigs and a few blocks
/// for each thread that reads, whatever the size of the file. Version 1 to 4, both orders of bytes, with or without
/// compression, sections of all three types.
///
/// Differences from pyBigWig 0.3.29: statistics are always exact unless a function says otherwise
/// ([`statistic_from_zoom_into`](Self::statistic_from_zoom_into)); an unknown contig and an end beyond the contig are
/// errors of their own; a file whose summary is NaN is read.
///
/// ```
/// use cistron_core::Region;
/// use cistron_genome::bigwig::{BigWig, BinOptions, Statistic};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("toy.bw");
/// # std::fs::write(&path, include_bytes!("../tests/data/toy.bw"))?;
/// let track = BigWig::open(&path)?;
/// // chr1 has the value 2 from 10 to 14 and 0.5 from 14 to 20.
/// let region = Region::new("chr1", 8, 20)?;
/// let mut bins = [0.0; 3];
/// track.bin_into(&region, &BinOptions::new(Statistic::Sum), &mut bins)?;
/// assert_eq!(bins, [4.0, 5.0, 2.0]);
/// assert_eq!(track.values(&Region::new("chr1", 13, 15)?)?, [2.0, 0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BigWig {
    bbi: Bbi,
}

impl BigWig {
    /// Opens a file and reads its header and contigs.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be read, [`GenomeError::Unusable`] if it is no bigWig file (a bigBed file is
    /// none, whatever its name) or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        Ok(Self { bbi: Bbi::open(path.as_ref(), Kind::BigWig)? })
    }

    /// What the file is called in messages: its path.
    pub fn name(&self) -> &str {
        self.bbi.name()
    }

    /// The contigs, in the order of the file's own numbers for them.
    pub fn contigs(&self) -> &[Contig] {
        self.bbi.contigs()
    }

    /// The contig of a name.
    pub fn contig(&self, name: &str) -> Option<&Contig> {
        self.contigs().get(self.bbi.index_of(name)?)
    }

    /// What the file says of all its values; `None` where it says nothing.
    ///
    /// Its numbers are those of whoever wrote the file, NaN among them.
    pub fn summary(&self) -> Option<TrackSummary> {
        self.bbi.summary
    }

    /// How many bases a record of each zoom level spans, finest first.
    pub fn zoom_reductions(&self) -> Vec<u32> {
        self.bbi.zooms.iter().map(|zoom| zoom.reduction).collect()
    }

    /// Hands the intervals that overlap a region to `each`, by start, as the file has them: not clipped.
    ///
    /// # Errors
    /// [`GenomeError::UnknownContig`], [`GenomeError::BeyondContig`], [`GenomeError::Unusable`] for a damaged file or one
    /// whose intervals overlap, [`GenomeError::Read`]; the first error of `each`.
    pub fn for_each_interval(
        &self,
        region: &Region,
        each: &mut dyn FnMut(Interval) -> Result<(), GenomeError>,
    ) -> Result<(), GenomeError> {
        let place = self.bbi.place(region)?;
        let mut result = Ok(());
        self.visit(place, |start, end, value| {
            if result.is_ok() {
                result = each(Interval { start, end, value });
            }
        })?;
        result
    }

    /// Hands start, end and value of the intervals that overlap a region to `each`.
    pub(crate) fn for_each_value(
        &self,
        region: &Region,
        each: impl FnMut(u32, u32, f32),
    ) -> Result<(), GenomeError> {
        self.visit(self.bbi.place(region)?, each)
    }

    /// The intervals that overlap a region, by start, as the file has them: not clipped.
    ///
    /// # Errors
    /// As [`for_each_interval`](Self::for_each_interval).
    pub fn intervals(&self, region: &Region) -> Result<Vec<Interval>, GenomeError> {
        let mut intervals = Vec::new();
        let place = self.bbi.place(region)?;
        self.visit(place, |start, end, value| intervals.push(Interval { start, end, value }))?;
        Ok(intervals)
    }

    /// The value of each base of a region, NaN where there is none.
    ///
    /// # Errors
    /// As [`for_each_interval`](Self::for_each_interval).
    pub fn values(&self, region: &Region) -> Result<Vec<f32>, GenomeError> {
        let place = self.bbi.place(region)?;
        let mut values = vec![f32::NAN; (place.end - place.start) as usize];
        self.fill(place, &mut values)?;
        Ok(values)
    }

    /// Puts the value of each base of a region into a slice as long, `missing` where there is none.
    ///
    /// # Errors
    /// As [`for_each_interval`](Self::for_each_interval); [`GenomeError::Request`] for a slice of another length.
    pub fn values_into(&self, region: &Region, missing: f32, values: &mut [f32]) -> Result<(), GenomeError> {
        let place = self.bbi.place(region)?;
        if values.len() as u64 != region.width() {
            let (found, expected) = (values.len(), region.width());
            return Err(GenomeError::Request(format!(
                "found room for {found} values of {region}, expected {expected}"
            )));
        }
        values.fill(missing);
        self.fill(place, values)
    }

    fn fill(&self, place: Place, values: &mut [f32]) -> Result<(), GenomeError> {
        self.visit(place, |start, end, value| {
            let start = start.max(place.start) - place.start;
            let end = end.min(place.end) - place.start;
            if let Some(values) = values.get_mut(start as usize..end as usize) {
                values.fill(value);
            }
        })
    }
}
