//! Genome files to sequences and regions.
//!
//! * [`fasta`]: random access to FASTA on disk ([`fasta::FastaFile`], plain or bgzip), the `.fai` index, whole
//!   records in order, and a writer;
//! * [`fastq`]: reads with qualities;
//! * [`Genome`]: a genome in memory; [`open_reference`] chooses between the two by what a file holds;
//! * [`bed`]: BED files and their relatives; [`read_sizes`] and [`tile()`]: lengths of contigs, tiles over them;
//! * [`text`]: text files that may be plain, gzip or bgzip.
//!
//! Coordinates are 0-based and half-open. Every error says which file, where, what was found and what was
//! expected ([`GenomeError`]).

pub mod bed;
mod bgzip;
mod error;
pub mod fasta;
pub mod fastq;
mod genome;
mod positioned;
mod sizes;
pub mod text;
mod tile;
pub mod vcf;

pub use bgzip::BgzipIndex;
pub use error::GenomeError;
pub use genome::{DEFAULT_MAX_MEMORY, Genome, open_reference};
pub use sizes::read_sizes;
pub use tile::{Tiles, tile};
