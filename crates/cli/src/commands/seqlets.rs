//! `cistron seqlets`: call, annotate, count, pairs, spacing, sites, logo.

mod annotate;
mod call;
mod counts;
mod dense;
mod logo;
mod part;
mod pictures;
mod sites;
mod table;

use clap::Subcommand;

use crate::context::Context;

pub(crate) use part::merge;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Call the spans of an attribution track that stand out
    #[command(after_help = "Examples:\n  \
        cistron seqlets call vep/attributions_custom_bed.npz -o seqlets.tsv\n  \
        cistron seqlets call vep/attributions_custom_bed.npz --method tfmodisco -o seqlets.tsv\n  \
        cistron seqlets call … --shard 3/64 -o seqlets.tsv    one part; then: cistron merge seqlets.tsv.part-* -o seqlets.tsv")]
    Call(Box<call::CallArgs>),
    /// Name seqlets by the motifs that they match best (TOMTOM)
    #[command(
        after_help = "Example: cistron seqlets annotate seqlets.tsv --sequences X.npz --motifs JASPAR2024.meme -o named.tsv"
    )]
    Annotate(annotate::AnnotateArgs),
    /// Count motifs in examples
    #[command(after_help = "Example: cistron seqlets count named.tsv --sum example")]
    Count(counts::CountArgs),
    /// Count pairs of motifs in examples
    #[command(after_help = "Example: cistron seqlets pairs named.tsv --symmetric --plot pairs.svg")]
    Pairs(counts::PairArgs),
    /// Count pairs of motifs by their distance
    #[command(
        after_help = "Example: cistron seqlets spacing named.tsv --ordered --max-distance 50 --plot spacing.svg"
    )]
    Spacing(counts::SpacingArgs),
    /// Gather annotations that overlap into sites, each named by the best
    #[command(
        after_help = "Example: cistron seqlets sites hits.tsv --attributions vep/attributions_custom_bed.npz -o sites.tsv"
    )]
    Sites(sites::SiteArgs),
    /// Draw attributions as letters, with annotations below
    #[command(
        after_help = "Example: cistron seqlets logo vep/attributions_custom_bed.npz --example 0 --start 80 --end 160 --annotations named.tsv -o logo.svg"
    )]
    Logo(logo::LogoArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Call(args) => call::call(args, context),
        Command::Annotate(args) => annotate::annotate(args, context),
        Command::Count(args) => counts::count(args, context),
        Command::Pairs(args) => counts::pairs(args, context),
        Command::Spacing(args) => counts::spacing(args, context),
        Command::Sites(args) => sites::sites(args, context),
        Command::Logo(args) => logo::draw(args, context),
    }
}
