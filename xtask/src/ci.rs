//! Everything that has to pass before a change is merged, one step after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{captured, cargo, is_installed, output, status};
use crate::workspace::Workspace;
use crate::{docs, tidy};

/// What a step that did not fail came to.
enum Outcome {
    Passed,
    /// With the reason.
    Skipped(String),
}

type Work = fn(&Workspace) -> Result<Outcome>;

/// The steps, in the order in which they run: cheap ones first, then those that share what they build.
const STEPS: [(&str, Work); 12] = [
    ("fmt", fmt),
    ("tidy", |workspace| passed(tidy::run(workspace))),
    ("docs", |workspace| passed(docs::check(workspace))),
    ("clippy", clippy),
    ("doc", doc),
    ("lean", lean),
    ("features", features),
    ("examples", examples),
    ("test", test),
    ("cuda-check", |workspace| passed(cuda_check(workspace))),
    ("publish", publish),
    ("deny", deny),
];

/// Crates that must build alone, with what is said to cargo.
const LEAN: [&[&str]; 5] = [
    &["-p", "cistron-core"],
    &["-p", "cistron-encode", "--no-default-features"],
    &["-p", "cistron-genome"],
    &["-p", "cistron-motif", "--no-default-features"],
    &["-p", "cistron-plot"],
];

/// Features of the facade that need another machine.
const NOT_HERE: [&str; 4] = ["default", "cuda", "metal", "accelerate"];

/// How cargo says that there is no network.
const OFFLINE: [&str; 6] = [
    "Could not resolve host",
    "Couldn't resolve host",
    "failed to download",
    "network failure",
    "spurious network error",
    "Unable to update registry",
];

/// Runs the chosen steps, prints a table, and fails if one failed.
pub(crate) fn run(workspace: &Workspace, only: &[String], skip: &[String]) -> Result<()> {
    for name in only.iter().chain(skip) {
        let known = || STEPS.map(|(step, _)| step).join(", ");
        ensure!(STEPS.iter().any(|(step, _)| step == name), "no step `{name}`: there are {}", known());
    }
    let chosen = |step: &str| (only.is_empty() || holds(only, step)) && !holds(skip, step);
    let mut table = Vec::new();
    for (name, work) in STEPS.into_iter().filter(|(name, _)| chosen(name)) {
        println!("== {name}");
        let start = Instant::now();
        let result = work(workspace);
        table.push((name, start.elapsed(), result));
        println!("{}", row(&table[table.len() - 1]));
    }
    println!("\n{:12} {:>8}  result", "step", "seconds");
    for entry in &table {
        println!("{}", row(entry));
    }
    match table.iter().filter(|(_, _, result)| result.is_err()).count() {
        0 => Ok(()),
        n => bail!("{n} of {} steps failed", table.len()),
    }
}

fn holds(names: &[String], step: &str) -> bool {
    names.iter().any(|name| name == step)
}

fn row((name, time, result): &(&str, Duration, Result<Outcome>)) -> String {
    let result = match result {
        Ok(Outcome::Passed) => "passed".to_owned(),
        Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
        Err(error) => format!("FAILED: {error:#}"),
    };
    format!("{name:12} {:8.1}  {result}", time.as_secs_f64())
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

/// Cargo in the root, whatever the folder we were called from.
fn cargo_in(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).current_dir(&workspace.root);
    command
}

fn fmt(workspace: &Workspace) -> Result<Outcome> {
    passed(status(&mut cargo_in(workspace, &["fmt", "--all", "--check"])))
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    passed(status(&mut cargo_in(workspace, &arguments)))
}

fn test(workspace: &Workspace) -> Result<Outcome> {
    passed(status(&mut cargo_in(workspace, &["test", "--workspace"])))
}

/// Each example of the facade runs and shows something.
fn examples(workspace: &Workspace) -> Result<Outcome> {
    let folder = workspace.root.join("crates/cistron/examples");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "rs")) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let shown = output(&mut cargo_in(workspace, &["run", "-q", "-p", "cistron", "--example", &name]))?;
        ensure!(!shown.trim().is_empty(), "the example {name} shows nothing");
    }
    Ok(Outcome::Passed)
}

fn doc(workspace: &Workspace) -> Result<Outcome> {
    let mut command = cargo_in(workspace, &["doc", "--workspace", "--no-deps"]);
    passed(status(command.env("RUSTDOCFLAGS", "-D warnings")))
}

/// The small crates build alone, and a reader of genomes compiles neither candle nor C.
fn lean(workspace: &Workspace) -> Result<Outcome> {
    for chosen in LEAN {
        status(cargo_in(workspace, &["check"]).args(chosen))?;
    }
    let arguments = ["tree", "-p", "cistron-genome", "-e", "normal,build", "--prefix", "none", "-f", "{p}"];
    let tree = output(&mut cargo_in(workspace, &arguments))?;
    let heavy = heavy(&tree);
    ensure!(heavy.is_empty(), "cistron-genome brings in {}", heavy.join(", "));
    Ok(Outcome::Passed)
}

/// Packages of a tree that are candle, bind a foreign library or compile C.
fn heavy(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let is_heavy = |name: &&str| {
        name.starts_with("candle") || name.ends_with("-sys") || matches!(*name, "cc" | "cmake" | "bindgen")
    };
    let mut found: Vec<_> = names.filter(is_heavy).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The facade builds with no feature and with each one alone.
fn features(workspace: &Workspace) -> Result<Outcome> {
    let facade = workspace.package("cistron").context("there is no package cistron")?;
    let alone = ["check", "-p", "cistron", "--no-default-features"];
    status(&mut cargo_in(workspace, &alone))?;
    for feature in facade.features.iter().filter(|feature| !NOT_HERE.contains(&feature.as_str())) {
        println!("-- {feature}");
        status(cargo_in(workspace, &alone).args(["--features", feature]))?;
    }
    Ok(Outcome::Passed)
}

/// Type-checks the feature `cuda` with a stand-in for nvcc, in a target folder of its own: the build script of
/// the kernels keeps what a stand-in wrote, and a true build must never find it.
pub(crate) fn cuda_check(workspace: &Workspace) -> Result<()> {
    let settings = Path::new("ci").join("cuda-check.toml");
    let mut command = cargo_in(workspace, &["check", "-p", "cistron-cli", "--features", "cuda"]);
    command.arg("--config").arg(settings).env("CARGO_TARGET_DIR", workspace.target.join("cuda-check"));
    // What a machine with a toolkit sets would win over the stand-in.
    for variable in ["NVCC", "CUDA_COMPUTE_CAP", "CUDARC_CUDA_VERSION"] {
        command.env_remove(variable);
    }
    status(&mut command)
}

/// What a release would do, up to the upload.
///
/// Each package is built as a user would get it, all in one target folder, so that candle is built once. Without
/// a network the packages are assembled alone.
fn publish(workspace: &Workspace) -> Result<Outcome> {
    forget_unpacked(workspace)?;
    let mut command = cargo_in(workspace, &["publish", "--workspace", "--dry-run", "--allow-dirty"]);
    command.env("CARGO_TARGET_DIR", workspace.target.join("publish"));
    let (success, text) = captured(&mut command)?;
    print!("{text}");
    if success {
        return Ok(Outcome::Passed);
    }
    ensure!(OFFLINE.iter().any(|words| text.contains(words)), "cargo publish would fail");
    let mut command =
        cargo_in(workspace, &["package", "--workspace", "--allow-dirty", "--no-verify", "--offline"]);
    for package in workspace.packages.iter().filter(|package| !package.published) {
        command.args(["--exclude", &package.name]);
    }
    status(&mut command)?;
    Ok(Outcome::Skipped("no network: the packages were assembled, not built".to_owned()))
}

/// Removes what an earlier dry run from the same path has unpacked: cargo keeps packages by name and version and
/// would build against those again, whatever they hold by now.
fn forget_unpacked(workspace: &Workspace) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry").join("src")).filter(|path| path.is_dir())
    else {
        return Ok(());
    };
    for entry in std::fs::read_dir(&sources)? {
        let folder = entry?.path();
        // A registry on disk has no host in its name.
        let on_disk = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('-'));
        let ours = |entry: &std::fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            workspace.packages.iter().any(|package| name.starts_with(&format!("{}-", package.name)))
        };
        if on_disk && std::fs::read_dir(&folder)?.filter_map(Result::ok).any(|entry| ours(&entry)) {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// Licences, sources and versions of what we depend on, if the tool is there.
fn deny(workspace: &Workspace) -> Result<Outcome> {
    if !is_installed("cargo-deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    passed(status(&mut cargo_in(workspace, &["deny", "check", "licenses", "bans", "sources"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_packages_of_a_tree_are_named_once() {
        let tree =
            "cistron-genome v0.1.0 (x)\nflate2 v1.1\nlibz-sys v1.1\ncc v1.2\ncc v1.2 (*)\nsysinfo v1\n";
        assert_eq!(heavy(tree), ["cc", "libz-sys"]);
        assert_eq!(heavy("cistron-genome v0.1.0\ncandle-core v0.11.1\n"), ["candle-core"]);
    }

    #[test]
    fn rows_say_the_result() {
        let row = |result| row(&("fmt", Duration::from_millis(1250), result));
        assert_eq!(row(Ok(Outcome::Passed)), "fmt               1.2  passed");
        assert_eq!(row(Ok(Outcome::Skipped("why".into()))), "fmt               1.2  skipped: why");
        assert_eq!(row(Err(anyhow::anyhow!("a").context("b"))), "fmt               1.2  FAILED: b: a");
    }
}
