//! Sequences to numbers, and the one trait for every predictor.
//!
//! Letters travel as codes in a [`SequenceBatch`] `(N, L)` and become numbers only at a model's door, by
//! [`SequenceBatch::one_hot`] with a named [`Layout`] and a [`Fill`] for what is no letter. A model is anything
//! that implements [`SequenceModel`]: it knows its input ([`ModelSpec`]) and answers a [`Readout`]. No tensor
//! framework is in sight.
//!
//! Batches are edited as codes: [`SequenceBatch::insert`], [`delete`](SequenceBatch::delete),
//! [`substitute`](SequenceBatch::substitute), [`randomize`](SequenceBatch::randomize),
//! [`shuffle`](SequenceBatch::shuffle) and others.
//!
//! [`alignment`] holds families of sequences and models of them, [`kmer`] packed genomes, k-mers and their denoising.
//! [`NpzReader`] and [`NpzWriter`] read and write what `numpy.load` understands without pickle.

pub mod alignment;
mod arrays;
mod batch;
mod edit;
mod error;
pub mod kmer;
mod model;
mod one_hot;
mod random;
mod shuffle;

pub use arrays::{ElementType, NpyHeader, NpyReader, NpyRows, NpyWriter, NpzMember, NpzReader, NpzWriter};
pub use batch::SequenceBatch;
pub use edit::{
    LocalBins, dinucleotide_as_tangermeme, local_dinucleotide_as_tangermeme, randomize_as_tangermeme,
    shuffle_as_tangermeme,
};
pub use error::EncodeError;
pub use model::{
    DeepLiftModel, Edit, FnModel, GradientModel, HeadSpec, IncrementalModel, ModelError, ModelSpec,
    Multipliers, Mutant, Readout, Reduce, ReferencePass, SequenceModel,
};
pub use one_hot::{Fill, Layout};
pub use random::random_sequences;
pub use shuffle::{dinucleotide_shuffle, shuffle};
