//! Families of sequences: alignments, their weights, and models of what a mutation does that need no training by steps.
//!
//! A [`Family`] is what an alignment becomes: codes `(N, L)` of the focus columns, a weight for each sequence, and a
//! [`WildType`] that knows the numbering of the protein and reads mutants such as `A23C:G45D`.

mod error;
mod family;
mod prepare;
mod read;
mod weights;
mod wild_type;

pub use error::FamilyError;
pub use family::{Family, FamilyParts};
pub use prepare::{ColumnRule, DropReason, DroppedRecord, PrepareOptions, PrepareReport};
pub use read::Alignment;
pub use weights::{WeightRule, sequence_weights};
pub use wild_type::{MutantProblem, WildType};
