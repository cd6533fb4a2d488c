//! `cistron kmer graph`.

use std::io::Write;
use std::path::PathBuf;

use cistron::encode::kmer::{CountOptions, GraphShape, KmerCounts, KmerSet};
use clap::Args;
use serde_json::json;

use super::kmer_error;
use super::sequences::read_packed;
use crate::context::Context;
use crate::output::Output;

#[derive(Args)]
pub(crate) struct GraphArgs {
    /// Genomes or reads: FASTA or FASTQ, plain, gzip or bgzip
    #[arg(required = true, value_name = "FASTA|FASTQ")]
    inputs: Vec<PathBuf>,
    /// Bases of a k-mer, odd, 1 to 31
    #[arg(short, value_name = "K", default_value_t = 31)]
    k: usize,
    /// Leave out k-mers that occur less often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    min_count: u32,
    /// What was sequenced: adds precision and recall of the k-mers; may be repeated, once for each haplotype
    #[arg(long, value_name = "FASTA")]
    truth: Vec<PathBuf>,
    /// Output JSON [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &GraphArgs, context: &Context) -> anyhow::Result<()> {
    let mut output = Output::open(args.output.as_ref(), context)?;
    let sequences = read_packed(&args.inputs)?;
    let options = CountOptions { min_count: args.min_count, ..CountOptions::default() };
    let counts = KmerCounts::count(&sequences, args.k, options).map_err(kmer_error)?;
    drop(sequences);
    let set = counts.set();
    let shape = GraphShape::of(set).map_err(kmer_error)?;
    let (mut precision, mut recall) = (None, None);
    if !args.truth.is_empty() {
        let truth = KmerSet::of(&read_packed(&args.truth)?, args.k).map_err(kmer_error)?;
        let shared = set.n_shared(&truth).map_err(kmer_error)? as f64;
        precision = Some(shared / set.len() as f64);
        recall = Some(shared / truth.len() as f64);
    }
    let report = json!({
        "version": 1, "k": args.k, "min_count": args.min_count,
        "kmers": shape.kmers, "edges": shape.edges, "unitigs": shape.unitigs, "n50": shape.n50,
        "longest": shape.longest, "tips": shape.tips, "bubbles": shape.bubbles, "isolated": shape.isolated,
        "precision": precision, "recall": recall,
    });
    writeln!(output, "{report:#}")?;
    output.commit()
}
