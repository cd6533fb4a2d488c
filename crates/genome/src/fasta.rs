//! FASTA: random access on disk, its index, records in order, and a writer.

mod file;
mod index;
mod layout;
mod plain;
mod record;
mod scan;
mod write;

pub use file::{FastaFile, index};
pub use index::{FastaIndex, IndexEntry};
pub use record::{Reader, Record};
pub use write::Writer;

pub(crate) use file::out_of_contig;
pub(crate) use record::load;
