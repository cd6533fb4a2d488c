//! One module a command area.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod effect;
pub(crate) mod enformer;
pub(crate) mod genome;
pub(crate) mod kmer;
pub(crate) mod merge;
pub(crate) mod model;
pub(crate) mod motif;
pub(crate) mod probe;
pub(crate) mod regions;
pub(crate) mod seqlets;
pub(crate) mod signal;
pub(crate) mod vae;
