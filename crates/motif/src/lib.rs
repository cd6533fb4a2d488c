//! Motifs.

mod tomtom;

pub use tomtom::{
    MotifDistance, MotifMatch, NeighbourOrder, OffsetTies, TomtomError, TomtomOptions, TomtomStrands,
    TomtomTargets, compare_symmetric,
};
