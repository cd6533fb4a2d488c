//! Which crate may name which.

use super::Violation;
use crate::workspace::Package;

/// For each library below the facade, what it may use of ours.
const BELOW: [(&str, &[&str]); 7] = [
    ("cistron-core", &[]),
    ("cistron-genome", &["cistron-core"]),
    ("cistron-encode", &["cistron-core"]),
    ("cistron-motif", &["cistron-core"]),
    ("cistron-plot", &["cistron-core"]),
    ("cistron-models", &["cistron-core", "cistron-encode"]),
    ("cistron-effects", &["cistron-core", "cistron-encode"]),
];

/// What belongs to programs.
const NOT_IN_LIBRARIES: [&str; 4] = ["clap", "anyhow", "indicatif", "tokio"];

/// Names that say nothing, and so take in everything.
const NAMELESS: [&str; 5] = ["common", "helpers", "traits", "types", "utils"];

/// Checks what each package needs to be built; development dependencies are free.
pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let name = package.name.as_str();
    let mut broken: Vec<String> = Vec::new();
    if let Some(last) = name.rsplit('-').next().filter(|last| NAMELESS.contains(last)) {
        broken.push(format!("`{last}` is no name for a crate"));
    }
    let known = BELOW.iter().any(|(library, _)| *library == name);
    if package.is_library() && name != "cistron" && !known {
        broken.push("has no layer: add it to the table of xtask/src/tidy/layers.rs".to_owned());
    }
    let wrong = |dependency: &&String| refused(package, dependency).is_some();
    for dependency in package.dependencies.iter().filter(wrong) {
        let why = refused(package, dependency).unwrap_or_default();
        broken.push(format!("names {dependency}: {why}"));
    }
    broken.into_iter().map(|what| Violation::new(name, what)).collect()
}

/// Why a package must not name another.
fn refused(package: &Package, dependency: &str) -> Option<String> {
    let name = package.name.as_str();
    if dependency.starts_with("candle") && name != "cistron-models" {
        return Some("only cistron-models names candle".to_owned());
    }
    if name == "cistron-core" && dependency == "ndarray" {
        return Some("core names no ndarray".to_owned());
    }
    if package.is_library() && NOT_IN_LIBRARIES.contains(&dependency) {
        return Some("it belongs to programs, not to a library".to_owned());
    }
    let ours = dependency == "cistron" || dependency.starts_with("cistron-");
    if !ours {
        return None;
    }
    if dependency == "cistron-cli" || (name == "cistron-cli" && dependency != "cistron") {
        return Some("the program stands above the facade alone, and nothing above the program".to_owned());
    }
    let (_, allowed) = BELOW.iter().find(|(library, _)| *library == name)?;
    let may = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(" and ") };
    (!allowed.contains(&dependency)).then(|| format!("it may use {may}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, dependencies: &[&str]) -> Vec<String> {
        let dependencies = dependencies.iter().map(ToString::to_string).collect();
        let package = Package { name: name.to_owned(), dependencies, ..Package::default() };
        check(&[package]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_that_point_downward_pass() {
        let fine: [(&str, &[&str]); 7] = [
            ("cistron-core", &["thiserror"]),
            ("cistron-genome", &["cistron-core", "flate2"]),
            ("cistron-models", &["cistron-core", "cistron-encode", "candle-core", "ndarray"]),
            ("cistron", &["cistron-models", "cistron-plot", "ndarray"]),
            ("cistron-cli", &["cistron", "clap", "anyhow", "indicatif"]),
            ("benchmarks", &["cistron-core", "anyhow"]),
            ("xtask", &["anyhow", "clap"]),
        ];
        for (name, dependencies) in fine {
            assert_eq!(check_one(name, dependencies), [""; 0], "{name}");
        }
    }

    #[test]
    fn arrows_that_point_up_or_beside_fail() {
        let wrong = [
            ("cistron-core", "ndarray"),
            ("cistron-core", "cistron-encode"),
            ("cistron-genome", "cistron-encode"),
            ("cistron-genome", "cistron-plot"),
            ("cistron-plot", "cistron-motif"),
            ("cistron-encode", "candle-core"),
            ("cistron-effects", "cistron-models"),
            ("cistron-effects", "cistron-genome"),
            ("cistron-models", "cistron-effects"),
            ("cistron-models", "cistron"),
            ("cistron-genome", "anyhow"),
            ("cistron", "clap"),
            ("cistron", "cistron-cli"),
            ("cistron-cli", "cistron-core"),
            ("cistron-cli", "candle-nn"),
            ("xtask", "candle-core"),
        ];
        for (name, dependency) in wrong {
            let found = check_one(name, &["thiserror", dependency]);
            assert_eq!(found.len(), 1, "{name} > {dependency}: {found:?}");
            assert!(found[0].starts_with(&format!("{name}: names {dependency}: ")), "{found:?}");
        }
    }

    #[test]
    fn a_crate_without_a_layer_fails() {
        assert_eq!(
            check_one("cistron-new", &[]),
            ["cistron-new: has no layer: add it to the table of xtask/src/tidy/layers.rs"]
        );
        assert_eq!(check_one("cistron-utils", &[]).len(), 2);
    }
}
