//! What cargo knows of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::run;

/// The workspace, as `cargo metadata` describes it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members, by name.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    /// Whether it goes to the registry.
    pub(crate) published: bool,
    /// What it needs to be built, optional ones included; names in the registry, not local renames.
    pub(crate) dependencies: Vec<String>,
    /// The names of its features.
    pub(crate) features: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let mut command = run::cargo();
        let text = run::output(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::parse(&serde_json::from_str(&text).context("the output of cargo metadata is no JSON")?)
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let folder = |key: &str| metadata[key].as_str().map(PathBuf::from);
        let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
        let mut packages = packages.iter().map(Package::parse).collect::<Result<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: folder("workspace_root").context("cargo metadata names no workspace root")?,
            target: folder("target_directory").context("cargo metadata names no target directory")?,
            packages,
        })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The path from the root, with `/`.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }
}

impl Package {
    fn parse(package: &Value) -> Result<Self> {
        let name = package["name"].as_str().context("a package without a name")?.to_owned();
        let manifest = package["manifest_path"].as_str().map(Path::new);
        let folder = manifest.and_then(Path::parent).context("a package without a manifest")?;
        let empty = Vec::new();
        let dependencies = package["dependencies"].as_array().unwrap_or(&empty);
        let dependencies = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
        let features = package["features"].as_object().into_iter().flatten();
        Ok(Self {
            name,
            folder: folder.to_owned(),
            published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            dependencies: dependencies.filter_map(|it| it["name"].as_str()).map(str::to_owned).collect(),
            features: features.map(|(name, _)| name.clone()).collect(),
        })
    }

    /// Whether others build on it: not a program, tests or benchmarks.
    pub(crate) fn is_library(&self) -> bool {
        !matches!(self.name.as_str(), "cistron-cli" | "xtask" | "conformance" | "benchmarks" | "fuzz")
    }
}

/// Files below a folder with one of the extensions, sorted; build products and hidden folders are left out, but
/// for those that hold the project's own settings.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type()?.is_dir() {
                let ours = !name.starts_with('.') || matches!(name.as_str(), ".ci" | ".cargo" | ".github");
                if ours && !matches!(name.as_str(), "target" | "demo" | "__pycache__") {
                    folders.push(path);
                }
            } else if extensions.contains(&extension(&path)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The folder that an environment variable names.
pub(crate) fn folder_of(variable: &str) -> Result<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    let folder = folder.with_context(|| format!("{variable} is not set: it names a folder of files"))?;
    ensure!(folder.is_dir(), "{variable} is {}, which is no folder", folder.display());
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_without_development_dependencies() {
        let metadata = serde_json::json!({
            "workspace_root": "/w", "target_directory": "/t",
            "packages": [
                {"name": "b", "manifest_path": "/w/b/Cargo.toml", "publish": [], "features": {"x": []},
                 "dependencies": [{"name": "a", "kind": null}, {"name": "d", "kind": "dev"},
                                  {"name": "c", "kind": "build"}]},
                {"name": "a", "manifest_path": "/w/a/Cargo.toml", "publish": null, "dependencies": []},
            ],
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        let names: Vec<_> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let b = workspace.package("b").unwrap();
        assert_eq!(b.dependencies, ["a", "c"]);
        assert_eq!(b.features, ["x"]);
        assert!(!b.published && workspace.packages[0].published);
        assert_eq!(workspace.relative(Path::new("/w/b/src/lib.rs")), "b/src/lib.rs");
    }
}
