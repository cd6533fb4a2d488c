//! What a model of tracks learns from, and how well it predicts them.

mod correlations;
mod memory;
mod windows;

pub use correlations::TrackCorrelations;
pub use memory::TracksInMemory;
pub use windows::TrackWindows;
