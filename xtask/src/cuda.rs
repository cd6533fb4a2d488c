//! A true build of the feature `cuda`, on a machine that has neither a GPU nor a CUDA toolkit.
//!
//! The compiler comes from NVIDIA's wheels, pinned by version and hash; the libraries that are linked are stand-ins,
//! whose names are read from the bindings. On the machine with the GPU the true ones are loaded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::run::{captured, cargo, is_installed, output, status};
use crate::workspace::{Workspace, read};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What cargo builds, in place of the command line: arguments of `cargo build`, with a feature that means CUDA
    #[arg(last = true, value_name = "CARGO ARGUMENTS", default_values = ["-p", "cistron-cli", "--features", "cuda"])]
    cargo: Vec<String>,
}

/// The wheels with the compiler.
const REQUIREMENTS: &str = include_str!("cuda/requirements.txt");

/// Leaves out kernels that nothing of ours calls.
const COMPILER: &str = include_str!("cuda/nvcc.sh");

/// What says in a program that a kernel is for Hopper.
const KERNEL: &str = ".target sm_90a";

/// The files of kernels that the tensor library loads.
const N_KERNELS: usize = 11;

/// A library that is linked: its name for the linker, its name when a program starts, the module of its bindings,
/// and what a stand-in returns: that there is no device, or no library.
type Stub = (&'static str, &'static str, &'static str, u32);

const STUBS: [Stub; 5] = [
    ("libcuda", "libcuda.so.1", "driver", 100),
    ("libnvrtc", "libnvrtc.so.13", "nvrtc", 7),
    ("libcurand", "libcurand.so.10", "curand", 203),
    ("libcublas", "libcublas.so.13", "cublas", 1),
    ("libcublasLt", "libcublasLt.so.13", "cublaslt", 1),
];

/// Builds in `target/cuda` and counts the kernels in each program.
pub(crate) fn build(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    check_machine()?;
    let folder = workspace.target.join("cuda");
    let toolkit = toolkit(&folder)?;
    stubs(&bindings(workspace)?, &toolkit.join("lib").join("stubs"))?;
    let compiler = folder.join("nvcc");
    write(&compiler, COMPILER)?;
    executable([&compiler])?;
    let programs = compile(workspace, &folder, &toolkit, &compiler, &arguments.cargo)?;
    ensure!(
        !programs.is_empty(),
        "cargo built no program: name one, such as `-- -p cistron-cli --features cuda`"
    );
    for program in &programs {
        let n = count(&fs::read(program).with_context(|| program.display().to_string())?, KERNEL.as_bytes());
        let shown = workspace.relative(program);
        ensure!(
            n >= N_KERNELS,
            "{shown}: found {n} files of kernels with `{KERNEL}`, expected {N_KERNELS} or more"
        );
        println!("{shown}: {n} files of kernels for compute capability 9.0");
    }
    Ok(())
}

fn check_machine() -> Result<()> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "cuda-build needs Linux on x86-64");
    ensure!(is_installed("cc"), "cuda-build needs a C compiler: `cc` does not run");
    ensure!(
        is_installed("python3"),
        "cuda-build needs Python to fetch NVIDIA's compiler: `python3` does not run"
    );
    let (has_pip, said) = captured(&mut pip(&["--version"]))?;
    ensure!(
        has_pip,
        "cuda-build needs pip to fetch NVIDIA's compiler: `python3 -m pip` says: {}",
        said.trim()
    );
    Ok(())
}

fn pip(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip"]).args(arguments);
    command
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn executable(paths: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Result<()> {
    status(Command::new("chmod").arg("+x").args(paths))
}

/// The folder of the compiler, fetched if it is not there or of other wheels.
fn toolkit(folder: &Path) -> Result<PathBuf> {
    let toolkit = folder.join("toolkit");
    let stamp = toolkit.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(toolkit);
    }
    let (wheels, unpacked) = (folder.join("wheels"), folder.join("unpacked"));
    for old in [&toolkit, &wheels, &unpacked] {
        remove(old)?;
    }
    fs::create_dir_all(&wheels)?;
    let list = folder.join("requirements.txt");
    write(&list, REQUIREMENTS)?;
    println!("fetching NVIDIA's compiler (100 MiB)");
    let options = ["download", "-q", "--no-deps", "--require-hashes", "--only-binary=:all:", "-d"];
    let fetched = status(pip(&options).arg(&wheels).arg("-r").arg(&list));
    fetched.context("the compiler could not be fetched: cuda-build needs a network the first time")?;
    for wheel in entries(&wheels)? {
        status(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    }
    let home = unpacked.join("nvidia").join("cu13");
    // A zip file keeps no permissions that this way of unpacking would restore.
    executable([entries(&home.join("bin"))?, entries(&home.join("nvvm").join("bin"))?].concat())?;
    // What `-lcudart` finds goes into the program.
    let library = home.join("lib");
    fs::copy(library.join("libcudart_static.a"), library.join("libcudart.a"))?;
    fs::rename(&home, &toolkit)?;
    remove(&unpacked)?;
    remove(&wheels)?;
    // Last: a toolkit without it is fetched again.
    write(&stamp, REQUIREMENTS)?;
    Ok(toolkit)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The paths of what lies in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The folder of the bindings that the tensor library uses.
fn bindings(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--locked", "--all-features", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&output(command.current_dir(&workspace.root))?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let package = packages.iter().find(|package| package["name"] == "cudarc");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    Ok(folder.context("cudarc is not among the dependencies")?.to_owned())
}

/// Libraries to link with, whose functions return nothing but an error.
fn stubs(bindings: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (link_name, name, module, code) in STUBS {
        let text = read(&bindings.join("src").join(module).join("sys").join("mod.rs"))?;
        let names = functions(&text);
        ensure!(!names.is_empty(), "found no function in the bindings of {name}");
        let lines = names.iter().map(|name| format!("int {name}(void) {{ return {code}; }}\n"));
        let (source, library) = (folder.join(format!("{link_name}.c")), folder.join(name));
        write(&source, &lines.collect::<String>())?;
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", &format!("-Wl,-soname,{name}"), "-o"]);
        status(command.arg(&library).arg(&source))?;
        fs::copy(&library, folder.join(format!("{link_name}.so")))?;
        fs::remove_file(&source)?;
    }
    Ok(())
}

/// The names that bindings look up in their library.
fn functions(bindings: &str) -> BTreeSet<&str> {
    let calls = bindings.split("load::<_F>(\"").skip(1);
    calls.filter_map(|call| call.split_once("\")").map(|(name, _)| name)).collect()
}

/// Runs cargo and returns the programs that it built.
///
/// The target folder is one of its own: the build script of the kernels keeps what an earlier compiler wrote.
fn compile(
    workspace: &Workspace,
    folder: &Path,
    toolkit: &Path,
    compiler: &Path,
    arguments: &[String],
) -> Result<Vec<PathBuf>> {
    let threads = available_parallelism().map_or(1, usize::from).to_string();
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"]);
    command.args(arguments).current_dir(&workspace.root);
    command.env("CARGO_TARGET_DIR", folder.join("build"));
    command.env("CUDA_HOME", toolkit).env("NVCC", compiler);
    command.env("CUDA_COMPUTE_CAP", "90").env("CUDARC_CUDA_VERSION", "13000");
    command.env("CUDAFORGE_THREADS", threads);
    Ok(programs(&output(&mut command)?))
}

/// The programs of cargo's messages, one message a line.
fn programs(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect()
}

/// How often a pattern stands in bytes.
fn count(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).filter(|window| *window == pattern).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_bindings_are_named_once() {
        let text = r#"a: load::<_F>("cuInit").ok(), b: load::<_F>("cuCtx_v2"), c: load::<_F>("cuInit")"#;
        assert_eq!(functions(text).into_iter().collect::<Vec<_>>(), ["cuCtx_v2", "cuInit"]);
        assert!(functions("load::<_F>(name)").is_empty());
    }

    #[test]
    fn programs_are_found_among_messages() {
        let text = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnoise\n{\"executable\":\"/a/cistron\"}\n";
        assert_eq!(programs(text), [PathBuf::from("/a/cistron")]);
    }

    #[test]
    fn kernels_are_counted() {
        assert_eq!(count(b"..target sm_90a\n.target sm_90a\n.target sm_80", KERNEL.as_bytes()), 2);
        assert_eq!(count(b"", KERNEL.as_bytes()), 0);
    }

    #[test]
    fn every_wheel_has_a_hash() {
        let wheels = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        assert!(wheels.clone().all(|line| line.contains("==13.0.") && line.contains(" --hash=sha256:")));
        assert_eq!(wheels.count(), 5);
    }
}
