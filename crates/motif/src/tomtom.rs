//! TOMTOM: how similar motifs are, and how often chance alone makes them so.
//!
//! A query is slid along every target and its reverse complement; the best sum of column scores is compared with
//! what the query's columns score against all target columns in random order ([`TomtomTargets::compare`]).
//!
//! Source: Gupta et al. 2007, doi:10.1186/gb-2007-8-2-r24, as computed by memelite 0.5.0 (Schreiber 2024): integer
//! scores, offsets, overlaps and strands are equal; p-values keep their precision in the far tail.

mod align;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod background;
mod batch;
mod cells;
mod column;
mod compare;
mod distance;
mod error;
mod instructions;
mod integers;
mod known;
mod matches;
mod one_hot;
mod options;
mod order;
mod single;
mod spread;
mod survival;
mod symmetric;
mod targets;

pub use compare::MotifMatch;
pub use distance::MotifDistance;
pub use error::TomtomError;
pub use options::{NeighbourOrder, OffsetTies, TomtomOptions, TomtomStrands};
pub use symmetric::compare_symmetric;
pub use targets::TomtomTargets;
