//! Fuzzing with optimisation, for as long as one likes.

use anyhow::Result;
use clap::Args;

use crate::run::{cargo, status};
use crate::workspace::Workspace;

/// The one target that needs the tensor framework.
const CHECKPOINT: &str = "checkpoint";

#[derive(Args)]
pub(crate) struct Arguments {
    /// CPU minutes of each target.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// These targets alone (may be given more than once) [default: all but `checkpoint`, which takes long to build].
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Other numbers give other inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write this input of the one target and stop.
    #[arg(long, value_name = "INDEX", requires = "targets")]
    input: Option<u64>,
}

/// Runs the package `fuzz`; inputs that break a target go to `fuzz` in the target folder.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["run", "--release", "--package", "fuzz"]);
    if !arguments.targets.iter().any(|name| name == CHECKPOINT) {
        command.arg("--no-default-features");
    }
    command.arg("--").arg("--out-dir").arg(workspace.target.join("fuzz"));
    command.args(["--minutes", &arguments.minutes.to_string(), "--seed", &arguments.seed.to_string()]);
    for name in &arguments.targets {
        command.args(["--target", name]);
    }
    if let Some(index) = arguments.input {
        command.args(["--input", &index.to_string()]);
    }
    status(&mut command)
}
