//! `cistron motif cluster`: groups of motifs that are alike.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use cistron::motif::{ClusterOptions, Linkage, TomtomOptions, TomtomStrands, cluster_motifs};
use clap::{Args, ValueEnum};

use super::compare::{DistanceArg, read_named};
use super::option_error;
use crate::context::Context;
use crate::output::{Number, Output};

#[derive(Args)]
pub(crate) struct ClusterArgs {
    /// Motifs in any format
    motifs: PathBuf,
    /// Link two motifs with a p-value of at most P
    #[arg(long, value_name = "P", default_value_t = 1e-5)]
    threshold: f64,
    /// When two groups become one
    #[arg(long, value_enum, default_value_t)]
    linkage: LinkageArg,
    /// How two columns are compared
    #[arg(long, value_enum, default_value_t)]
    distance: DistanceArg,
    /// Leave out alignments of fewer columns
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_overlap: usize,
    /// Compare motifs as they are, not with their reverse complements
    #[arg(long)]
    forward_only: bool,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LinkageArg {
    /// If their pairs have the threshold's similarity on average
    #[default]
    Average,
    /// If one pair is linked
    Single,
}

pub(crate) fn cluster(args: &ClusterArgs, context: &Context) -> anyhow::Result<()> {
    let motifs = read_named(&args.motifs, context)?;
    let options = ClusterOptions {
        threshold: args.threshold,
        linkage: match args.linkage {
            LinkageArg::Average => Linkage::Average,
            LinkageArg::Single => Linkage::Single,
        },
        comparison: TomtomOptions {
            distance: args.distance.into(),
            min_overlap: args.min_overlap,
            strands: if args.forward_only { TomtomStrands::Forward } else { TomtomStrands::Both },
            ..TomtomOptions::default()
        },
    };
    let members = cluster_motifs(&motifs.views(), &options)
        .map_err(option_error)
        .with_context(|| args.motifs.display().to_string())?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "motif_name\tmotif_idx\tcluster\trepresentative\tp_value")?;
    for (index, member) in members.iter().enumerate() {
        let p_value = member.p_value.map(|p| Number(p).to_string()).unwrap_or_default();
        let (name, representative) = (&motifs.names[index], &motifs.names[member.representative]);
        writeln!(output, "{name}\t{index}\t{}\t{representative}\t{p_value}", member.cluster)?;
    }
    output.commit()
}
