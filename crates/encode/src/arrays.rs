//! The arrays that `numpy.load` reads without pickle: `.npy` streams and `.npz` archives.
//!
//! The only place of the workspace that reads or writes them. Archives carry a fixed date, so that the same
//! arrays give the same bytes.

mod npy;
mod npz;
mod rows;

pub use npy::{ElementType, NpyHeader, NpyReader, NpyWriter};
pub use npz::{NpzMember, NpzReader, NpzWriter};
pub use rows::NpyRows;
