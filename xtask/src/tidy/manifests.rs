//! What every manifest takes from the workspace.

use super::Violation;

const INHERITED: [&str; 7] =
    ["version", "edition", "rust-version", "license", "authors", "keywords", "categories"];

/// Checks the text of one member's manifest.
pub(super) fn check(path: &str, manifest: &str) -> Vec<Violation> {
    let missing =
        INHERITED.iter().filter(|key| !inherits(manifest, "[package]", &format!("{key}.workspace")));
    let mut broken: Vec<String> =
        missing.map(|key| format!("`{key}` is not taken from the workspace")).collect();
    if !inherits(manifest, "[lints]", "workspace") {
        broken.push("the lints are not taken from the workspace".to_owned());
    }
    if section(manifest, "[package]").all(|(key, _)| key != "description") {
        broken.push("there is no description".to_owned());
    }
    broken.into_iter().map(|what| Violation::new(path, what)).collect()
}

/// A test or benchmark that lies where cargo does not look runs only if the manifest names it.
pub(super) fn check_targets(path: &str, manifest: &str, files: &[String]) -> Vec<Violation> {
    let named = |file: &&String| manifest.lines().any(|line| line.trim() == format!("path = \"{file}\""));
    let forgotten = files.iter().filter(|file| *file != "build.rs" && !named(file));
    forgotten
        .map(|file| Violation::new(path, format!("`{file}` is never built: no target names it")))
        .collect()
}

fn inherits(manifest: &str, header: &str, wanted: &str) -> bool {
    section(manifest, header).any(|(key, value)| key == wanted && value == "true")
}

/// The `key = value` lines below a header.
fn section<'a>(manifest: &'a str, header: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\ndescription = \"b\"\nversion.workspace = true\n\
        edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
        authors.workspace = true\nkeywords.workspace = true\ncategories.workspace = true\n\n\
        [lints]\nworkspace = true\n";

    #[test]
    fn a_manifest_that_inherits_passes() {
        assert_eq!(check("Cargo.toml", GOOD), []);
    }

    #[test]
    fn each_missing_line_is_named() {
        for (from, to, expected) in [
            ("edition.workspace = true", "edition = \"2024\"", "`edition` is not taken from the workspace"),
            ("version.workspace = true\nedition", "edition", "`version` is not taken from the workspace"),
            ("[lints]\nworkspace = true", "", "the lints are not taken from the workspace"),
            ("description = \"b\"\n", "", "there is no description"),
        ] {
            let found = check("a/Cargo.toml", &GOOD.replacen(from, to, 1));
            assert_eq!(found, [Violation::new("a/Cargo.toml", expected)]);
        }
    }

    #[test]
    fn a_file_that_no_target_names_is_refused() {
        let manifest = "[[test]]\nname = \"a\"\npath = \"cases/a.rs\"\n";
        let files = ["build.rs", "cases/a.rs", "cases/b.rs"].map(str::to_owned);
        let expected = "`cases/b.rs` is never built: no target names it";
        assert_eq!(check_targets("Cargo.toml", manifest, &files), [Violation::new("Cargo.toml", expected)]);
    }
}
