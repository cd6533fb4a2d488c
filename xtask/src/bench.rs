//! Times of cistron beside its peers, taken in one session on one machine.

mod convnet;
mod enformer;
mod fasta;
mod fimo;
mod ism_conv;
mod ism_probe;
mod kmer;
mod measure;
mod merge;
mod nn;
mod peers;
mod report;
mod seqlets;
mod signal;
mod stats;
mod tomtom;
mod vae;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

use crate::run::{cargo, output};
use crate::workspace::Workspace;

/// What can be timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Networks of convolutions, forward and in training, beside PyTorch.
    Convnet,
    /// Enformer at its full size, beside enformer-pytorch: gigabytes and minutes.
    Enformer,
    /// Random windows of a genome, beside pyfaidx and pysam.
    Fasta,
    /// Hits of motifs in a genome, beside memelite, MOODS, lightmotif and universalmotif.
    Fimo,
    /// Motifs and seqlets against motifs, beside memelite and universalmotif.
    Tomtom,
    /// Seqlets, pairs and spacings of annotations, beside tangermeme.
    Seqlets,
    /// Every substitution through networks of convolutions, beside tangermeme.
    IsmConv,
    /// Saturation mutagenesis of a linear probe, beside a loop in PyTorch.
    IsmProbe,
    /// Training of the k-mer autoencoder, beside loops in PyTorch.
    Kmer,
    /// Operations of networks one by one, beside those of PyTorch.
    Nn,
    /// Comparisons of two groups of scores, beside scipy.
    Stats,
    /// Bins of bigWig files, beside pyBigWig and pybigtools.
    Signal,
    /// The mean of bigWig files, beside deepTools.
    Average,
    /// Merged regions, beside bedtools.
    Merge,
    /// Updates of variational autoencoders of families, beside PyTorch.
    Vae,
    /// Everything.
    All,
}

/// Runs a benchmark `runs` times, prints its table and writes it as JSON.
pub(crate) fn run(workspace: &Workspace, name: Name, runs: usize) -> Result<()> {
    println!("{}", machine());
    if matches!(name, Name::Convnet | Name::All) {
        convnet::run(workspace, runs)?;
    }
    if matches!(name, Name::Enformer | Name::All) {
        enformer::run(workspace, runs)?;
    }
    if matches!(name, Name::Fasta | Name::All) {
        fasta::run(workspace, runs)?;
    }
    if matches!(name, Name::Fimo | Name::All) {
        fimo::run(workspace, runs)?;
    }
    if matches!(name, Name::Tomtom | Name::All) {
        tomtom::run(workspace, runs)?;
    }
    if matches!(name, Name::Seqlets | Name::All) {
        seqlets::run(workspace, runs)?;
    }
    if matches!(name, Name::IsmConv | Name::All) {
        ism_conv::run(workspace, runs)?;
    }
    if matches!(name, Name::IsmProbe | Name::All) {
        ism_probe::run(workspace, runs)?;
    }
    if matches!(name, Name::Kmer | Name::All) {
        kmer::run(workspace, runs)?;
    }
    if matches!(name, Name::Nn | Name::All) {
        nn::run(workspace, runs)?;
    }
    if matches!(name, Name::Stats | Name::All) {
        stats::run(workspace, runs)?;
    }
    if matches!(name, Name::Signal | Name::All) {
        signal::run(workspace, runs)?;
    }
    if matches!(name, Name::Average | Name::All) {
        signal::run_average(workspace, runs)?;
    }
    if matches!(name, Name::Merge | Name::All) {
        merge::run(workspace, runs)?;
    }
    if matches!(name, Name::Vae | Name::All) {
        vae::run(workspace, runs)?;
    }
    Ok(())
}

/// The folder of a benchmark's files.
fn folder(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.target.join("bench").join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The program of a benchmark, built with optimisation.
pub(crate) fn release(workspace: &Workspace, name: &str) -> Result<Command> {
    let mut build = cargo();
    build.current_dir(&workspace.root).args(["bench", "--package", "benchmarks", "--no-run"]);
    let messages = output(build.args(["--bench", name, "--message-format", "json-render-diagnostics"]))?;
    let program = messages.lines().rev().find_map(|line| executable(line, name));
    let program = program.with_context(|| format!("cargo built no program for the benchmark {name}"))?;
    Ok(Command::new(program))
}

fn executable(message: &str, name: &str) -> Option<String> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_it = message["target"]["name"] == name && message["target"]["kind"][0] == "bench";
    message["executable"].as_str().filter(|_| is_it).map(str::to_owned)
}

/// The processor and the system.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_benchmark_is_found_in_cargos_messages() {
        let line =
            r#"{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"fasta"},"executable":"x"}"#;
        assert_eq!(executable(line, "fasta"), Some("x".to_owned()));
        assert_eq!(executable(line, "other"), None);
        assert_eq!(executable(&line.replace("\"x\"", "null"), "fasta"), None);
        assert_eq!(executable("no json", "fasta"), None);
    }
}
