//! `cistron seqlets`: call, annotate, count, pairs, spacing.

mod annotate;
mod call;
mod part;
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
    Count(table::CountArgs),
    /// Count pairs of motifs in examples
    #[command(after_help = "Example: cistron seqlets pairs named.tsv --symmetric")]
    Pairs(table::PairArgs),
    /// Count pairs of motifs by their distance
    #[command(after_help = "Example: cistron seqlets spacing named.tsv --ordered --max-distance 50")]
    Spacing(table::SpacingArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Call(args) => call::call(args, context),
        Command::Annotate(args) => annotate::annotate(args, context),
        Command::Count(args) => table::count(args, context),
        Command::Pairs(args) => table::pairs(args, context),
        Command::Spacing(args) => table::spacing(args, context),
    }
}
