//! Families of sequences: alignments, their weights, and models of what a mutation does that need no training by steps.
//!
//! A [`Family`] is what an alignment becomes: codes `(N, L)` of the focus columns, a weight for each sequence, and a
//! [`WildType`] that knows the numbering of the protein and reads mutants such as `A23C:G45D`. A [`Structure`] of the
//! protein says which groups of columns lie [near to one another](group_proximity).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod error;
mod family;
mod frequencies;
mod independent;
mod instructions;
mod lines;
mod model;
mod potts;
mod prepare;
mod proximity;
mod read;
mod structure;
mod weights;
mod wild_type;

pub use error::FamilyError;
pub use family::{Family, FamilyParts};
pub use frequencies::site_frequencies;
pub use independent::SiteIndependent;
pub use model::FamilyModel;
pub use potts::{Energy, Potts, PottsFacts, PottsOptions, PottsProgress, average_product_correction};
pub use prepare::{ColumnRule, DropReason, DroppedRecord, PrepareOptions, PrepareReport};
pub use proximity::{GroupProximity, Proximity, group_proximity};
pub use read::Alignment;
pub use structure::{Chain, DifferingResidue, Placement, Residue, Structure};
pub use weights::{WeightRule, sequence_weights};
pub use wild_type::{MutantProblem, WildType};
