//! The rules of the workspace that no compiler checks: layers, manifests, sources and texts.

mod layers;
mod lengths;
mod manifests;
mod masked;
mod sources;
mod texts;

use std::fmt::{Display, Formatter};
use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace::{Package, Workspace, files, read};
use masked::Code;

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// A package or a file with a line.
    place: String,
    what: String,
}

impl Violation {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), what)
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Checks every rule; prints what is long, fails on what is wrong.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut violations = layers::check(&workspace.packages);
    violations.extend(check_manifests(workspace)?);
    let (broken, long) = check_sources(workspace)?;
    violations.extend(broken);
    violations.extend(check_texts(workspace)?);
    for line in long {
        println!("long: {line}");
    }
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        n => bail!("tidy found {n} violation(s)"),
    }
}

fn check_manifests(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let path = package.folder.join("Cargo.toml");
        let (name, manifest) = (workspace.relative(&path), read(&path)?);
        violations.extend(manifests::check(&name, &manifest));
        violations.extend(manifests::check_targets(&name, &manifest, &loose_sources(package)?));
    }
    Ok(violations)
}

/// The sources of a package that cargo finds by the manifest alone.
fn loose_sources(package: &Package) -> Result<Vec<String>> {
    let all = files(&package.folder, &["rs"])?;
    let relative = all.iter().filter_map(|path| path.strip_prefix(&package.folder).ok());
    let loose =
        |path: &&Path| path.parent().is_some_and(|it| it.as_os_str().is_empty() || it.ends_with("cases"));
    Ok(relative.filter(loose).map(|path| path.to_string_lossy().replace('\\', "/")).collect())
}

/// Violations, and a report of long files and functions.
fn check_sources(workspace: &Workspace) -> Result<(Vec<Violation>, Vec<String>)> {
    let (mut violations, mut report) = (Vec::new(), lengths::Report::default());
    for package in &workspace.packages {
        for path in files(&package.folder, &["rs"])? {
            let name = workspace.relative(&path);
            let code = Code::parse(&read(&path)?);
            violations.extend(sources::check_unsafe(&name, &code));
            violations.extend(sources::check_tensor_library(&name, &code));
            violations.extend(report.add(&name, &code));
            let own = path.strip_prefix(package.folder.join("src")).ok();
            if let Some(own) = own.filter(|_| package.is_library()) {
                violations.extend(sources::check_library(&name, &code));
                if own.as_os_str() == "lib.rs" {
                    violations.extend(sources::check_root(&name, &code, package.name == "cistron"));
                }
            }
        }
    }
    Ok((violations, report.lines()))
}

fn check_texts(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut paths = files(&workspace.root, &["rs", "md", "toml", "py", "sh"])?;
    paths.extend([".ci/run", "ci/nvcc"].map(|script| workspace.root.join(script)));
    for path in paths.iter().filter(|path| path.is_file()) {
        violations.extend(texts::check(&workspace.relative(path), &read(path)?));
    }
    Ok(violations)
}
