//! The peers: pinned Python packages in an environment of their own, and a program of those written in Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, status};
use crate::workspace::Workspace;

/// What the benchmarks of files need.
pub(super) const FILES: [&str; 3] = ["numpy==2.4.6", "pyfaidx==0.9.2.2", "pysam==0.24.1"];

/// What the benchmark of mutagenesis needs: some gigabytes, so only when asked for.
pub(super) const TORCH: [&str; 2] = ["numpy==2.4.6", "torch==2.15.0"];

/// What the benchmarks of motifs need.
pub(super) const MOTIFS: [&str; 6] = [
    "numpy==2.4.6",
    "numba==0.68.1",
    "pandas==3.1.1",
    "pyfaidx==0.9.2.2",
    "memelite==0.5.0",
    "MOODS-python==1.9.4.1",
];

/// What the benchmark of seqlets needs: PyTorch with it, some gigabytes.
pub(super) const SEQLETS: [&str; 6] = [
    "numpy==2.4.6",
    "numba==0.68.1",
    "pandas==3.1.1",
    "scikit-learn==1.9.1",
    "torch==2.15.0",
    "tangermeme==1.6.0",
];

/// What the benchmark of Enformer needs.
pub(super) const ENFORMER: [&str; 4] =
    ["numpy==2.4.6", "torch==2.15.0", "transformers==4.56.2", "enformer-pytorch==0.8.12"];

/// What the benchmark of statistics needs.
pub(super) const STATISTICS: [&str; 2] = ["numpy==2.4.6", "scipy==1.17.1"];

/// What the benchmark of tracks needs.
pub(super) const TRACKS: [&str; 3] = ["numpy==2.4.6", "pyBigWig==0.3.29", "pybigtools==0.3.0"];

/// What the benchmark of averages needs.
pub(super) const AVERAGES: [&str; 3] = ["numpy==2.4.6", "pyBigWig==0.3.29", "deepTools==3.5.6"];

/// What the benchmarks of motifs need of those written in Rust, as `benches/peers/rust/Cargo.toml` pins them.
pub(super) const MOTIFS_IN_RUST: [&str; 2] = ["lightmotif 0.10.1", "universalmotif 0.3.0"];

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
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"] {
            command.env(variable, "1");
        }
        command
    }
}

/// Builds the program of the peers that are written in Rust.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let manifest = workspace.root.join("benches").join("peers").join("rust").join("Cargo.toml");
    let target = workspace.target.join("peers").join("rust");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]).arg(manifest);
    status(build.arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join("peers"))
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
