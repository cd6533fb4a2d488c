//! The peers: pinned Python packages in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::status;
use crate::workspace::Workspace;

/// What the benchmarks of files need.
pub(super) const FILES: [&str; 3] = ["numpy==2.4.6", "pyfaidx==0.9.2.2", "pysam==0.24.1"];

/// What the benchmark of mutagenesis needs: some gigabytes, so only when asked for.
pub(super) const TORCH: [&str; 2] = ["numpy==2.4.6", "torch==2.15.0"];

/// The environment's Python, with the packages in it.
#[derive(Debug)]
pub(super) struct Peers {
    python: PathBuf,
    scripts: PathBuf,
}

impl Peers {
    /// Makes the environment and installs what is not there yet.
    pub(super) fn install(workspace: &Workspace, packages: &[&str]) -> Result<Self> {
        let folder = workspace.target.join("peers");
        let python = folder.join("bin").join("python");
        if !python.is_file() {
            status(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        }
        for package in packages {
            install(&folder, &python, package)?;
        }
        Ok(Self { python, scripts: workspace.root.join("benches").join("peers") })
    }

    /// A script of `benches/peers`, on one thread.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join(name));
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, "1");
        }
        command
    }
}

/// Installs one package; a note beside it says that it is there, so that pip is not asked again.
fn install(folder: &Path, python: &Path, package: &str) -> Result<()> {
    let note = folder.join(format!("{package}.installed"));
    if !note.is_file() {
        status(Command::new(python).args(["-m", "pip", "install", "--quiet", package]))?;
        std::fs::write(&note, "").with_context(|| format!("cannot write {}", note.display()))?;
    }
    Ok(())
}
