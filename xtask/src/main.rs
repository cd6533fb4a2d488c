//! Development tasks of the workspace: `cargo xtask help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the terminal")]

mod ablation;
mod bench;
mod ci;
mod cuda;
mod docs;
mod fuzz;
mod proof;
mod run;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of the cistron workspace")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that has to pass before a change is merged.
    Ci {
        /// Run these steps alone (may be given more than once).
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
        /// Leave these steps out.
        #[arg(long, value_name = "STEP", conflicts_with = "only")]
        skip: Vec<String>,
    },
    /// Check the rules of layers, manifests, sources and texts.
    Tidy,
    /// Type-check the feature `cuda` without a CUDA toolkit.
    CudaCheck,
    /// Build with the feature `cuda` for compute capability 9.0, with a compiler that is fetched.
    CudaBuild(cuda::Arguments),
    /// Time cistron beside its peers.
    Bench {
        /// What to time.
        #[arg(value_enum)]
        name: bench::Name,
        /// How often each program runs.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
    },
    /// Try readers with damaged files, and SIMD paths with anything.
    Fuzz(fuzz::Arguments),
    /// Check the book, and build it if mdbook is there.
    Docs,
    /// Train probes and models of families and name seqlets on real data, and write tables and pictures into the book.
    Proof {
        /// Run these parts alone (may be given more than once).
        #[arg(long, value_enum, value_name = "PART")]
        only: Vec<proof::Part>,
    },
    /// Train autoencoders of a family without some of their parts, and write the table into the book.
    Ablation,
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: Task) -> Result<()> {
    let workspace = Workspace::load()?;
    match task {
        Task::Ci { only, skip } => ci::run(&workspace, &only, &skip),
        Task::Tidy => tidy::run(&workspace),
        Task::CudaCheck => ci::cuda_check(&workspace),
        Task::CudaBuild(arguments) => cuda::build(&workspace, &arguments),
        Task::Bench { name, runs } => bench::run(&workspace, name, usize::from(runs)),
        Task::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Task::Docs => docs::run(&workspace),
        Task::Proof { only } => proof::run(&workspace, &only),
        Task::Ablation => ablation::run(&workspace),
    }
}
