//! The mean of several tracks, bin by bin.

mod means;
mod plan;
mod text;

use std::sync::Arc;

use cistron_core::{Contig, Region, Run, Warning};
use rayon::prelude::*;

use crate::GenomeError;
use crate::bigwig::BigWig;

use means::bin_means;
use plan::{Piece, Window, pieces};

pub use text::{format_general, round_general};

/// What becomes of bases without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingBases {
    /// They count as 0.
    #[default]
    Zero,
    /// One in any track makes its bin a bin without a value (`--skipNAs` of deepTools).
    DropBin,
    /// They are left out: the mean of a bin is that over its bases with a value, the mean of tracks that over those which
    /// have one.
    LeaveOut,
}

/// The digits of a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digits {
    /// Six significant digits, as the text that deepTools writes.
    #[default]
    Six,
    /// All that a number has.
    All,
}

/// How tracks are averaged. The defaults are those of deepTools 3.5.6 `bigwigAverage`.
#[derive(Clone, Debug, PartialEq)]
pub struct AverageOptions {
    /// Bases of a bin (default 50, at least 1).
    pub bin_size: u32,
    /// What becomes of bases without a value (default: they count as 0).
    pub missing: MissingBases,
    /// The factor of each track; one for all is enough, none is 1.
    pub scale: Vec<f64>,
    /// Regions that are left out, in any order. What is left between them begins bins of its own.
    pub blacklist: Vec<Region>,
    /// The one region that is averaged; its start is moved down to a multiple of the bin size.
    pub region: Option<Region>,
    /// Digits of the means (default: six).
    pub digits: Digits,
    /// Whether the last run of a chunk of 10 million bases is kept if it is 0 (default: no, as the peer has it).
    pub keeps_trailing_zeros: bool,
}

impl Default for AverageOptions {
    fn default() -> Self {
        Self {
            bin_size: 50,
            missing: MissingBases::Zero,
            scale: Vec::new(),
            blacklist: Vec::new(),
            region: None,
            digits: Digits::Six,
            keeps_trailing_zeros: false,
        }
    }
}

/// A stretch of bins with one mean.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Average {
    /// The contig's name.
    pub contig: Arc<str>,
    /// The first base, 0-based.
    pub start: u32,
    /// One past the last base.
    pub end: u32,
    /// The mean, rounded to the digits asked for.
    pub mean: f64,
}

/// The contigs that all tracks have, in the order of the first, each with its least length; and those whose length
/// differs among the tracks.
pub fn common_contigs(tracks: &[BigWig]) -> (Vec<Contig>, Vec<Arc<str>>) {
    let (mut common, mut differing) = (Vec::new(), Vec::new());
    for contig in tracks.first().map_or(&[][..], BigWig::contigs) {
        let lengths = tracks.iter().map(|track| track.contig(&contig.name).map(|found| found.length));
        let Some(lengths) = lengths.collect::<Option<Vec<u64>>>() else { continue };
        let least = lengths.iter().copied().min().unwrap_or(0);
        if lengths.iter().any(|&length| length != least) {
            differing.push(contig.name.clone());
        }
        common.push(Contig { name: contig.name.clone(), length: least });
    }
    (common, differing)
}

/// Hands the mean of several tracks to `each`, by contig and start.
///
/// Contigs are those of [`common_contigs`]. Each is cut in chunks of 10 million bases (1 million, rounded down to a
/// multiple of the bin size, with a region), a chunk in bins from its first base on; the last bin of a chunk may be
/// shorter. The value of a track in a bin is the mean over its bases, times the track's factor; bins of one value that
/// follow one another in a chunk are joined.
///
/// Source: deepTools 3.5.6 `bigwigAverage`, whose bedGraph these numbers are to the last digit, with its trailing zeros of
/// chunks left out (see [`AverageOptions`] for what differs on request). Unlike there a stored NaN counts as missing,
/// sums are made interval by interval, and threads of the caller's pool share the work without changing it.
///
/// Memory holds some ten thousand bins for each thread.
///
/// # Errors
/// [`GenomeError::Request`] for no track, a bin size of 0, a number of factors that fits neither one nor all tracks, a
/// region on no common contig or beyond its end; [`GenomeError::Cancelled`] when the run is asked to stop; as [`BigWig::bin_into`] for damaged files; the first error of `each`.
///
/// ```
/// use cistron_core::Run;
/// use cistron_genome::average::{AverageOptions, average};
/// use cistron_genome::bigwig::BigWig;
/// use cistron_genome::GenomeError;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("toy.bw");
/// # std::fs::write(&path, include_bytes!("../tests/data/toy.bw"))?;
/// // chr1 of 100 bases has 2 from 10 to 14 and 0.5 from 14 to 20.
/// let tracks = [BigWig::open(&path)?, BigWig::open(&path)?];
/// let options = AverageOptions { bin_size: 10, scale: vec![1.0, 3.0], ..AverageOptions::default() };
/// let mut found = Vec::new();
/// average(&tracks, &options, &Run::default(), &mut |it| {
///     found.push((it.contig.to_string(), it.start, it.end, it.mean));
///     Ok::<(), GenomeError>(())
/// })?;
/// assert_eq!(found[0], ("chr1".into(), 0, 10, 0.0));
/// assert_eq!(found[1], ("chr1".into(), 10, 20, 2.2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn average<E: From<GenomeError>>(
    tracks: &[BigWig],
    options: &AverageOptions,
    run: &Run<'_>,
    each: &mut dyn FnMut(Average) -> Result<(), E>,
) -> Result<(), E> {
    let (contigs, differing) = common_contigs(tracks);
    let scale = check(tracks, options)?;
    if !differing.is_empty() {
        let names: Vec<&str> = differing.iter().map(|name| &**name).collect();
        let what = format!("contigs have different lengths, the least is taken: {}", names.join(", "));
        run.observer.warn(Warning::new(differing.len() as u64, what));
    }
    let pieces = pieces(&contigs, options)?;
    run.observer.begin("averaging", Some(pieces.iter().map(Piece::width).sum()));
    let mut windows = pieces.iter().enumerate().flat_map(|(i, piece)| piece.windows(i, options.bin_size));
    let (mut runs, mut done) = (Runs { options, pieces: &pieces, open: None }, 0);
    loop {
        let batch: Vec<Window> = windows.by_ref().take(4 * rayon::current_num_threads()).collect();
        if batch.is_empty() {
            break;
        }
        if run.is_cancelled() {
            return Err(GenomeError::Cancelled { done }.into());
        }
        let values: Vec<Result<Vec<f64>, GenomeError>> =
            batch.par_iter().map(|window| values(tracks, &scale, options, &pieces, window)).collect();
        for (window, values) in batch.iter().zip(values) {
            runs.add(window, &values?, each)?;
            let bases = u64::from(window.end - window.start);
            done += bases;
            run.observer.advance(bases);
        }
    }
    runs.close(each)?;
    run.observer.end();
    Ok(())
}

/// The factor of each track.
fn check(tracks: &[BigWig], options: &AverageOptions) -> Result<Vec<f64>, GenomeError> {
    let (n, scale) = (tracks.len(), &options.scale);
    if n == 0 || options.bin_size == 0 {
        return Err(GenomeError::Request(
            "found no track or bins of 0 bases, expected at least one".to_owned(),
        ));
    }
    match scale.len() {
        0 => Ok(vec![1.0; n]),
        1 => Ok(vec![scale[0]; n]),
        found if found == n => Ok(scale.clone()),
        found => {
            Err(GenomeError::Request(format!("found {found} factors for {n} tracks, expected one or {n}")))
        }
    }
}

/// The mean over all tracks of each bin of a window.
fn values(
    tracks: &[BigWig],
    scale: &[f64],
    options: &AverageOptions,
    pieces: &[Piece],
    window: &Window,
) -> Result<Vec<f64>, GenomeError> {
    let Some(piece) = pieces.get(window.piece) else { return Ok(Vec::new()) };
    let mut by_track = Vec::with_capacity(tracks.len());
    for (track, factor) in tracks.iter().zip(scale) {
        let mut means = bin_means(track, &piece.contig, window, options)?;
        for mean in &mut means {
            *mean *= factor;
        }
        by_track.push(means);
    }
    let mut of_bin: Vec<f64> = Vec::with_capacity(tracks.len());
    let bins = 0..by_track.first().map_or(0, Vec::len);
    let mean = |bin: usize| {
        of_bin.clear();
        of_bin.extend(by_track.iter().filter_map(|means| means.get(bin)));
        if options.missing == MissingBases::LeaveOut {
            of_bin.retain(|mean| !mean.is_nan());
        }
        means::numpy_mean(&of_bin)
    };
    Ok(bins.map(mean).collect())
}

/// Joins bins of one value.
struct Runs<'a> {
    options: &'a AverageOptions,
    pieces: &'a [Piece],
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    piece: usize,
    start: u32,
    end: u32,
    value: f64,
}

impl Runs<'_> {
    fn add<E>(
        &mut self,
        window: &Window,
        values: &[f64],
        each: &mut dyn FnMut(Average) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.open.is_some_and(|open| open.piece != window.piece) {
            self.close(each)?;
        }
        let mut start = window.start;
        for &value in values {
            let end = start.saturating_add(self.options.bin_size).min(window.end);
            match &mut self.open {
                Some(open) if open.value == value => open.end = end,
                open => {
                    if let Some(done) = open.replace(Open { piece: window.piece, start, end, value }) {
                        self.give(done, each)?;
                    }
                }
            }
            start = end;
        }
        Ok(())
    }

    /// Ends a piece: its last run is dropped if it is 0, by a test of truth in the peer.
    fn close<E>(&mut self, each: &mut dyn FnMut(Average) -> Result<(), E>) -> Result<(), E> {
        match self.open.take() {
            Some(open) if open.value != 0.0 || self.options.keeps_trailing_zeros => self.give(open, each),
            _ => Ok(()),
        }
    }

    fn give<E>(&self, open: Open, each: &mut dyn FnMut(Average) -> Result<(), E>) -> Result<(), E> {
        let Some(piece) = self.pieces.get(open.piece).filter(|_| !open.value.is_nan()) else { return Ok(()) };
        let mean = match self.options.digits {
            Digits::Six => round_general(open.value),
            Digits::All => open.value,
        };
        each(Average { contig: piece.contig.clone(), start: open.start, end: open.end, mean })
    }
}
