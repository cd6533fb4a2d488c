//! Motifs.
