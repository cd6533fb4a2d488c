//! Sequence-to-function genomics: genome files, models, what mutations do, and pictures, in one crate.
//!
//! This is the stable face of the workspace. The words that everything shares stand at the root ([`Sequence`],
//! [`Region`], [`Window`], [`Reference`], [`Run`] …), each area in a module. Of its own it has what joins areas: targets
//! of training on disk ([`TargetShards`]) and their windows with the letters of a genome ([`GenomeWindows`]).
//!
//! | module | what |
//! |---|---|
//! | [`genome`] | FASTA, FASTQ, bgzip, BED, bigWig → sequences, regions, signal |
//! | [`encode`] | sequences ↔ numbers, npz files, the trait of all models, k-mers and their denoising, families of sequences |
//! | [`models`] | networks of convolutions, Enformer, linear probes, denoisers of k-mers, autoencoders of families, the training loop, checkpoints, devices |
//! | [`effects`] | saturation mutagenesis, its tables and shards, attributions, experiments with sequences and designs, scores of variants, comparison of groups |
//! | [`motif`] | motifs and their files |
//! | [`plot`] | heat maps, logos, tracks as SVG |
//!
//! Every module but [`encode`] is a feature of the same name; all are on by default. `cuda`, `metal` and
//! `accelerate` add devices.
//!
//! ```
//! use cistron::encode::SequenceBatch;
//! use cistron::genome::Genome;
//! use cistron::{Alphabet, Reference, Strand, Window};
//!
//! let genome = Genome::from_contigs("toy", [("chr1", "ACGTACGTAA")])?;
//! let mut codes = Vec::new();
//! genome.fetch_into(&Window::new("chr1", 6, 6, Strand::Forward)?, &mut codes)?;
//! let batch = SequenceBatch::from_rows(&Alphabet::dna(), 6, codes)?;
//! assert_eq!(batch.to_sequences()?[0].to_string(), "GTAANN");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(feature = "genome", feature = "models"))]
mod genome_windows;
#[cfg(feature = "genome")]
mod targets;

#[doc(inline)]
pub use cistron_core::{
    Alphabet, Anchor, AtomicFile, Cancel, Contig, CoreError, FixedSide, MAX_POSITION, Observer, PeerRng,
    Reference, ReferenceError, Region, Run, Seed, Sequence, Shard, Strand, Stream, TwoNormals, Variant,
    VariantRow, VariantStatus, VariantWindow, Warning, Window, area_under_roc, average_precision,
    benjamini_hochberg, bonferroni, complement_letter, falling_q_values, midranks, pearson,
    reverse_complement_letters, spearman,
};
#[cfg(feature = "effects")]
#[doc(inline)]
pub use cistron_effects as effects;
#[doc(inline)]
pub use cistron_encode as encode;
#[cfg(feature = "genome")]
#[doc(inline)]
pub use cistron_genome as genome;
#[cfg(feature = "models")]
#[doc(inline)]
pub use cistron_models as models;
#[cfg(feature = "motif")]
#[doc(inline)]
pub use cistron_motif as motif;
#[cfg(feature = "plot")]
#[doc(inline)]
pub use cistron_plot as plot;
#[cfg(all(feature = "genome", feature = "models"))]
pub use genome_windows::GenomeWindows;
pub use ndarray;
#[cfg(feature = "genome")]
pub use targets::{TargetRows, TargetShards};
