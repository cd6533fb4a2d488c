//! Genome files to sequences, regions and signal.
//!
//! * [`fasta`]: random access to FASTA on disk ([`fasta::FastaFile`], plain or bgzip), the `.fai` index, whole
//!   records in order, and a writer;
//! * [`fastq`]: reads with qualities;
//! * [`Genome`]: a genome in memory; [`open_reference`] chooses between the two by what a file holds;
//! * [`bed`]: BED files and their relatives; [`read_sizes`] and [`tile()`]: lengths of contigs, tiles over them;
//! * [`RegionSet`], [`merge_sorted`]: regions that lie near one another as one; [`center()`]: windows of one
//!   width; [`target_windows`]: those of peaks, for training; [`ContigSplit`]: which contigs train, validate and test;
//! * [`average`](mod@average): the mean of several tracks;
//! * [`bigbed`]: regions in a binary file with an index, read wherever BED is;
//! * [`bigwig`]: tracks, a number for each base: intervals, values, statistics of bins; [`TrackSet`]: bins of many
//!   regions of many tracks at once;
//! * [`text`]: text files that may be plain, gzip or bgzip.
//!
//! Coordinates are 0-based and half-open. Every error says which file, where, what was found and what was
//! expected ([`GenomeError`]).

pub mod average;
mod bbi;
pub mod bed;
mod bgzip;
pub mod bigbed;
pub mod bigwig;
mod center;
mod error;
pub mod fasta;
pub mod fastq;
mod genome;
mod merge;
mod positioned;
mod sizes;
mod split;
mod target_windows;
pub mod text;
mod tile;
mod track_set;
pub mod vcf;

pub use bgzip::BgzipIndex;
pub use center::center;
pub use error::GenomeError;
pub use genome::{DEFAULT_MAX_MEMORY, Genome, open_reference};
pub use merge::{ColumnOperation, MergedRegion, RegionSet, merge_sorted};
pub use sizes::read_sizes;
pub use split::{ContigSplit, Split};
pub use target_windows::{TargetWindows, WindowOptions, target_windows};
pub use tile::{Tiles, tile};
pub use track_set::{TrackSet, Transform};
