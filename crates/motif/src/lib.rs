//! Motifs: position weight matrices, their files, scanning and comparison.
//!
//! A [`Motif`] is a name and a matrix of shape (width, A), kept as read; a [`MotifSet`] holds motifs over one
//! alphabet, each name once. [`read_motifs`] tells the format of a file by its content. A [`Scanner`] finds where
//! motifs fit sequences (FIMO), [`TomtomTargets`] compares motifs, sequences or attributions with a set of motifs
//! (TOMTOM), [`cluster_motifs`] groups those that are alike, and [`call_seqlets`] finds what to compare.

mod annotation;
mod background;
mod cluster;
mod error;
mod fimo;
mod io;
mod logo;
mod motif;
mod seqlet;
mod set;
mod tomtom;

pub use annotation::{
    Annotation, AnnotationOrder, Annotations, ContributionOptions, Enrichment, Orientation, Orientations,
    OverlapRule, PairCounting, PairOrder, Site, SiteOptions, Spacing, SpacingCounts, SpacingOptions,
    contribution_hits, count_annotations, count_pairs, count_spacings, pair_enrichment, spacing_enrichment,
};
pub use background::Background;
pub use cluster::{ClusterMember, ClusterOptions, Linkage, cluster_motifs};
pub use error::MotifError;
pub use fimo::{
    AlleleScanner, Arithmetic, FimoOptions, Hit, HitOrder, MotifChange, PValues, Scan, ScanEngine,
    ScanStrands, ScanSummary, ScanThreshold, Scanner, best_hits, q_values,
};
pub use io::{MotifFormat, parse_meme_lenient, parse_motifs, parse_motifs_as, read_motifs, write_motifs};
pub use logo::LogoScale;
pub use motif::{MatrixKind, Motif, sequence_matrix};
pub use seqlet::{
    AttributionValue, FdrCurve, FdrPoint, Seqlet, SeqletCaller, SeqletError, SeqletNull, SeqletOptions,
    SeqletThresholds, TfModiscoCaller, TfModiscoOptions, ThresholdRule, WindowSums, call_seqlets,
    call_seqlets_with_control, call_tfmodisco_seqlets,
};
pub use set::MotifSet;
pub use tomtom::{
    MotifDistance, MotifMatch, NeighbourOrder, OffsetTies, TomtomError, TomtomOptions, TomtomStrands,
    TomtomTargets, compare_symmetric,
};
