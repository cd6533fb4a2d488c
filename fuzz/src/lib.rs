//! Fuzzing: every reader over damaged files, and every SIMD path beside the portable one.
//!
//! A [`Target`] judges one input: it panics if a reader or a path is wrong, and says whether the input was taken.
//! Inputs are corpus files, mutated: input `i` of a target is a function of the seed, the target's name and `i`
//! alone, so that a failure is named by a number. `cargo xtask fuzz` runs it for hours, `cargo test` for a moment.
//!
//! A file that broke a reader belongs in `found/<target>/`, once the reader is mended: tests judge it ever after.

mod campaign;
mod corpus;
mod mutate;
mod targets;

pub use campaign::{Campaign, Failure, Tally};
pub use mutate::mutate;
pub use targets::{TARGETS, Target};
