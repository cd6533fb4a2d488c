//! K-mers: packed genomes, training data, denoising of k-mers and reads, and what it does to a de Bruijn graph.
//!
//! * [`PackedSequences`]: genomes and reads at two bits a base; [`Kmer`]: up to 32 bases in two machine words;
//!   [`WindowSet`]: the windows of known bases by their number.
//! * [`KmerSplit`] and [`KmerSampler`]: what to learn from and what to measure on, with [`Noise`] drawn on the fly.
//! * [`KmerDenoiser`]: anything that guesses clean k-mers, measured by [`DenoisingMetrics`]; [`CodebookDenoiser`] is the
//!   exact posterior of a known genome, [`SpectrumDenoiser`] trusts what is seen often.
//! * [`ReadCorrector`]: reads corrected with the fewest changes, from nothing but reads; [`vote`]: by any denoiser.
//! * [`KmerCounts`] and [`KmerSet`]: k-mers by their number of occurrences; [`GraphShape`]: their de Bruijn graph.
//! * [`ReadSimulator`]: reads with errors from one or two haplotypes.

mod codebook;
mod counts;
mod denoiser;
mod error;
mod graph;
mod metrics;
mod noise;
mod packed;
mod philox;
mod read;
mod sampler;
mod set;
mod simulate;
mod spectrum;
mod split;
mod windows;
mod word;

pub use codebook::{CodebookDenoiser, CodebookOptions, KmerPosterior, Search};
pub use counts::{CountOptions, KmerCounts};
pub use denoiser::{Identity, KmerDenoiser};
pub use error::KmerError;
pub use graph::GraphShape;
pub use metrics::{Calibration, DenoisingMetrics, Recovered};
pub use noise::Noise;
pub use packed::PackedSequences;
pub use read::{Correction, CorrectionOptions, ReadCorrections, ReadCorrector, vote};
pub use sampler::{KmerPass, KmerSampler, Pass, Strands};
pub use set::KmerSet;
pub use simulate::{HeterozygousSite, ReadOptions, ReadOrigin, ReadSimulator};
pub use spectrum::{SpectrumDenoiser, SpectrumOptions};
pub use split::{KmerSplit, Split, SplitOptions, part_by_strain};
pub use windows::WindowSet;
pub use word::{Kmer, MAX_K};

use error::{data, option};
