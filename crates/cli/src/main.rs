//! The `cistron` command line: every command is a few lines over the library.
#![allow(
    clippy::doc_markdown,
    rustdoc::invalid_html_tags,
    reason = "the documentation of an option is its help text"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is where text reaches a person"
)]

mod commands;
mod context;
mod input;
mod output;
mod parts;
mod progress;
mod record;
mod sorted;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use commands::{
    demo, doctor, effect, enformer, genome, kmer, merge, model, motif, probe, regions, seqlets, signal, vae,
};
use context::{Context, RunArgs, UsageError};

/// Training and inference free and take large blocks again and again; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sequence-to-function genomics: read genomes, train and run models, and see what every mutation does.
///
/// Coordinates are 0-based and half-open unless a format says otherwise. Text inputs may be plain, gzip or bgzip;
/// `-` is standard input. Exit codes: 0 success, 1 bad data or a failed run, 2 wrong usage, 130 interrupted.
#[derive(Parser)]
#[command(
    name = "cistron",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Start with: cistron demo --out-dir demo"
)]
struct Cli {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sequences: index, fetch and encode a FASTA file
    #[command(subcommand)]
    Genome(genome::Command),
    /// Intervals: tile a genome
    #[command(subcommand)]
    Regions(regions::Command),
    /// Tracks: numbers of bigWig files over regions
    #[command(subcommand)]
    Signal(signal::Command),
    /// Models: what a model is
    #[command(subcommand)]
    Model(model::Command),
    /// Linear probes: train and predict
    #[command(subcommand)]
    Probe(probe::Command),
    /// Variant effects: saturation mutagenesis
    #[command(subcommand)]
    Effect(effect::Command),
    /// Long-range models: targets for their training
    #[command(subcommand)]
    Enformer(enformer::Command),
    /// Motifs: scan, compare, cluster and convert files, draw logos
    #[command(subcommand)]
    Motif(motif::Command),
    /// Seqlets: the spans of an attribution track that stand out
    #[command(subcommand)]
    Seqlets(seqlets::Command),
    /// K-mers: denoise k-mers and reads, and see what it does to an assembly graph
    #[command(subcommand)]
    Kmer(kmer::Command),
    /// Sequence families: alignments, and models of what mutations of a protein do
    #[command(subcommand)]
    Vae(vae::Command),
    /// Join the parts of a run that was cut with --shard
    Merge(merge::Args),
    /// A whole analysis on made-up data, with a report to open in a browser
    Demo(demo::Args),
    /// What this machine and this program offer
    #[command(after_help = "Example: cistron doctor")]
    Doctor,
    /// Completions for a shell
    #[command(
        after_help = "Example: cistron completions bash > ~/.local/share/bash-completion/completions/cistron"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = match Context::new(&cli.run) {
        Ok(context) => context,
        Err(error) => return report(&error),
    };
    match run(&cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if context.is_cancelled() => {
            eprintln!("error: interrupted");
            ExitCode::from(130)
        }
        Err(error) => report(&error),
    }
}

fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Genome(command) => genome::run(command, context),
        Command::Regions(command) => regions::run(command, context),
        Command::Signal(command) => signal::run(command, context),
        Command::Model(command) => model::run(command, context),
        Command::Probe(command) => probe::run(command, context),
        Command::Effect(command) => effect::run(command, context),
        Command::Enformer(command) => enformer::run(command, context),
        Command::Motif(command) => motif::run(command, context),
        Command::Seqlets(command) => seqlets::run(command, context),
        Command::Kmer(command) => kmer::run(command, context),
        Command::Vae(command) => vae::run(command, context),
        Command::Merge(args) => merge::run(args, context),
        Command::Demo(args) => demo::run(args, context),
        Command::Doctor => doctor::run(context),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "cistron", &mut io::stdout());
            Ok(())
        }
    }
}

/// Prints an error with its causes on one line and gives its exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    let closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    if error.chain().any(|cause| cause.downcast_ref().is_some_and(closed)) {
        // The reader of our output has seen enough.
        return ExitCode::SUCCESS;
    }
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    eprintln!("error: {text}");
    let usage = error.downcast_ref::<UsageError>().is_some();
    ExitCode::from(if usage { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
