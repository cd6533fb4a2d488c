//! What every command runs in: threads, seed, device, progress, interruption.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use cistron::models::Device;
use cistron::{Cancel, Run, Seed};
use clap::{Args, ValueEnum};

use crate::progress::Progress;

/// A wrong use of the command line, exit code 2.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A usage error as an [`anyhow::Error`].
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// On a terminal
    #[default]
    Auto,
    /// Even if standard error is no terminal
    Always,
    /// No bars
    Never,
}

/// The options that every command takes.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct RunArgs {
    /// Threads; results never depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Seed of every random number
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, global = true, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Progress bars
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    progress: ProgressMode,
    /// No progress bars and no warnings
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Replace existing results
    #[arg(long, global = true)]
    force: bool,
}

/// The options, made ready.
pub(crate) struct Context {
    pub(crate) seed: Seed,
    pub(crate) device: Device,
    pub(crate) force: bool,
    pub(crate) progress: Progress,
    cancel: Cancel,
}

/// Whether a task is running that hears a wish to stop; without one, an interrupt ends the process at once.
static LISTENING: AtomicBool = AtomicBool::new(false);

impl Context {
    pub(crate) fn new(args: &RunArgs) -> anyhow::Result<Self> {
        let device: Device = args.device.parse().map_err(|error| usage(format!("{error}")))?;
        device.check().map_err(|error| usage(describe(&error)))?;
        if let Some(threads) = args.threads {
            rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
        }
        let cancel = Cancel::default();
        listen(cancel.clone())?;
        Ok(Self {
            seed: Seed::new(args.seed),
            device,
            force: args.force,
            progress: Progress::new(args.progress, args.quiet),
            cancel,
        })
    }

    /// How a long operation of the library runs; from now on an interrupt asks it to stop.
    pub(crate) fn run(&self) -> Run<'_> {
        LISTENING.store(true, Ordering::Relaxed);
        Run { observer: &self.progress, cancel: Some(&self.cancel), seed: self.seed }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The first interrupt asks a running task to stop, the second ends the process.
fn listen(cancel: Cancel) -> anyhow::Result<()> {
    let handler = move || {
        if cancel.is_cancelled() || !LISTENING.load(Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "there is nothing left to wait for")]
            std::process::exit(130);
        }
        cancel.cancel();
    };
    ctrlc::set_handler(handler).context("interrupts cannot be heard")
}
