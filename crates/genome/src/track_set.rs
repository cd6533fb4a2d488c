//! Several tracks over many regions.

use std::collections::HashSet;
use std::path::Path;

use cistron_core::Region;
use rayon::prelude::*;

use crate::GenomeError;
use crate::bigwig::{BigWig, BinOptions};

/// What becomes of the number of a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transform {
    /// It stays.
    #[default]
    Identity,
    /// The natural logarithm of one more.
    Log1p,
}

/// Tracks that are read together.
///
/// ```
/// use cistron_core::Region;
/// use cistron_genome::bigwig::{BinOptions, Statistic};
/// use cistron_genome::{TrackSet, Transform};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("toy.bw");
/// # std::fs::write(&path, include_bytes!("../tests/data/toy.bw"))?;
/// let tracks = TrackSet::open(&[&path, &path])?;
/// let regions = [Region::new("chr1", 8, 20)?, Region::new("chr2", 0, 6)?];
/// let mut values = vec![0.0; 2 * 3 * 2]; // regions, bins, tracks
/// let options = BinOptions::new(Statistic::Sum).with_empty(0.0);
/// tracks.bin_rows(&regions, 3, &options, Transform::Identity, &mut values)?;
/// assert_eq!(values[..6], [4.0, 4.0, 5.0, 5.0, 2.0, 2.0]);
/// assert_eq!(values[6..], [-2.0, -2.0, -2.0, -2.0, -1.0, -1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TrackSet {
    tracks: Vec<BigWig>,
    names: Vec<String>,
}

impl TrackSet {
    /// Opens bigWig files. A track is named as its file without folder and ending; where two would share a name all are
    /// named by their paths.
    ///
    /// # Errors
    /// As [`BigWig::open`].
    pub fn open(paths: &[impl AsRef<Path>]) -> Result<Self, GenomeError> {
        let tracks = paths.iter().map(BigWig::open).collect::<Result<Vec<_>, _>>()?;
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut names: Vec<String> = paths.iter().map(|path| stem(path.as_ref())).collect();
        if names.iter().collect::<HashSet<_>>().len() < names.len() {
            names = tracks.iter().map(|track| track.name().to_owned()).collect();
        }
        Ok(Self { tracks, names })
    }

    /// The tracks, in the order in which they were opened.
    pub fn tracks(&self) -> &[BigWig] {
        &self.tracks
    }

    /// The name of each track.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Puts the bins of regions into `values`, shape (regions, bins, tracks): see [`BigWig::bin_into`].
    ///
    /// Regions are shared out among the threads of the caller's pool; the numbers do not depend on them.
    ///
    /// # Errors
    /// As [`BigWig::bin_into`], that of the first region which has one; [`GenomeError::Request`] for a slice of another
    /// length, and for a number that is at most -1 where its logarithm is asked for.
    pub fn bin_rows(
        &self,
        regions: &[Region],
        bins: usize,
        options: &BinOptions,
        transform: Transform,
        values: &mut [f64],
    ) -> Result<(), GenomeError> {
        let row = bins.saturating_mul(self.tracks.len());
        let expected = row.saturating_mul(regions.len());
        if values.len() != expected {
            let found = values.len();
            return Err(GenomeError::Request(format!("found room for {found} numbers, expected {expected}")));
        }
        if expected == 0 {
            return Ok(());
        }
        let rows = regions.par_iter().zip(values.par_chunks_mut(row));
        // Neighbours share blocks of the files, so that a thread takes a few at once where there are enough.
        let few = (regions.len() / (4 * rayon::current_num_threads())).clamp(1, 8);
        let rows = rows.with_min_len(few).map_init(Vec::new, |room, (region, row)| {
            room.resize(bins, 0.0);
            self.bin_row(region, options, transform, room, row)
        });
        let done: Vec<Result<(), GenomeError>> = rows.collect();
        done.into_iter().collect()
    }

    /// One row, through `room` for the bins of one track.
    fn bin_row(
        &self,
        region: &Region,
        options: &BinOptions,
        transform: Transform,
        room: &mut [f64],
        row: &mut [f64],
    ) -> Result<(), GenomeError> {
        for (index, track) in self.tracks.iter().enumerate() {
            track.bin_into(region, options, room)?;
            let places = row.iter_mut().skip(index).step_by(self.tracks.len());
            for (bin, (place, value)) in places.zip(&*room).enumerate() {
                *place = match transform {
                    Transform::Identity => *value,
                    Transform::Log1p if *value <= -1.0 => {
                        let (file, statistic) = (track.name(), options.statistic);
                        return Err(GenomeError::Request(format!(
                            "{file}: bin {bin} of {region} has a {statistic} of {value}, expected more than -1 for its \
                             logarithm"
                        )));
                    }
                    Transform::Log1p => value.ln_1p(),
                };
            }
        }
        Ok(())
    }
}
