//! The words that every crate of cistron shares.
//!
//! Letters travel as one-byte codes ([`Alphabet`], [`Sequence`]), places are 0-based and half-open
//! ([`Region`] inside a contig, [`Window`] that may overhang it), sequences come from a [`Reference`], and
//! long operations take a [`Run`]: who watches, how to stop, and the [`Seed`] of every random number.
//!
//! Nothing here opens a genome, names a tensor or draws a picture. [`AtomicFile`] is the one way in which the
//! workspace puts a result on disk: complete or not at all.

mod alphabet;
mod atomic_file;
mod error;
mod locus;
mod mixture;
mod multiple;
mod peer_rng;
mod random;
mod rank;
mod reference;
mod run;
mod sequence;
mod variant;

pub use alphabet::{Alphabet, complement_letter, reverse_complement_letters};
pub use atomic_file::AtomicFile;
pub use error::CoreError;
pub use locus::{Anchor, MAX_POSITION, Region, Strand, Window};
pub use mixture::TwoNormals;
pub use multiple::{benjamini_hochberg, bonferroni, falling_q_values};
pub use peer_rng::PeerRng;
pub use random::{Seed, Stream};
pub use rank::{area_under_roc, average_precision, midranks, pearson, spearman};
pub use reference::{Contig, Reference, ReferenceError};
pub use run::{Cancel, Observer, Run, Shard, Warning};
pub use sequence::Sequence;
pub use variant::{FixedSide, Variant, VariantRow, VariantStatus, VariantWindow};
