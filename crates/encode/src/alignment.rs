//! Families of sequences: alignments, their weights, and models of what a mutation does that need no training by steps.
//!
//! A [`Family`] is what an alignment becomes: codes `(N, L)` of the focus columns, a weight for each sequence, and a
//! [`WildType`] that knows the numbering of the protein and reads mutants such as `A23C:G45D`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod error;
mod family;
mod frequencies;
mod independent;
mod instructions;
mod model;
mod potts;
mod prepare;
mod read;
mod weights;
mod wild_type;

pub use error::FamilyError;
pub use family::{Family, FamilyParts};
pub use frequencies::site_frequencies;
pub use independent::SiteIndependent;
pub use model::FamilyModel;
pub use potts::{Energy, Potts, PottsFacts, PottsOptions, PottsProgress, average_product_correction};
pub use prepare::{ColumnRule, DropReason, DroppedRecord, PrepareOptions, PrepareReport};
pub use read::Alignment;
pub use weights::{WeightRule, sequence_weights};
pub use wild_type::{MutantProblem, WildType};
