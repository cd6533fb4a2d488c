//! Motifs: position weight matrices, their files, scanning and comparison.
//!
//! A [`Motif`] is a name and a matrix of shape (width, A), kept as read; a [`MotifSet`] holds motifs over one
//! alphabet, each name once. [`read_motifs`] tells the format of a file by its content. A [`Scanner`] finds where
//! motifs fit sequences (FIMO).

mod background;
mod error;
mod fimo;
mod io;
mod motif;
mod set;

pub use background::Background;
pub use error::MotifError;
pub use fimo::{
    Arithmetic, FimoOptions, Hit, HitOrder, PValues, Scan, ScanEngine, ScanStrands, ScanSummary,
    ScanThreshold, Scanner, best_hits, q_values,
};
pub use io::{MotifFormat, parse_meme_lenient, parse_motifs, parse_motifs_as, read_motifs, write_motifs};
pub use motif::{MatrixKind, Motif};
pub use set::MotifSet;
