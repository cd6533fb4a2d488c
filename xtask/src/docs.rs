//! The book: links and files are checked always, pages are made if mdbook is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{is_installed, status};
use crate::workspace::{Workspace, files, read};

/// Checks the book and builds it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    check(workspace)?;
    if !is_installed("mdbook") {
        println!("the links are fine; for the pages, install mdbook: cargo install mdbook");
        return Ok(());
    }
    status(Command::new("mdbook").arg("build").arg(workspace.root.join("docs")))
}

/// Every page is in the summary, every page and link of the texts leads to a file and a heading.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut wrong = Vec::new();
    let book = workspace.root.join("docs").join("src");
    let mut pages = files(&book, &["md"])?;
    let summary = book.join("SUMMARY.md");
    let listed: BTreeSet<PathBuf> =
        links(&read(&summary)?).into_iter().map(|(_, link)| book.join(without_anchor(&link).0)).collect();
    for page in pages.iter().filter(|page| **page != summary && !listed.contains(*page)) {
        wrong.push(format!("{}: is not in SUMMARY.md", workspace.relative(page)));
    }
    let beside = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| workspace.root.join(name));
    pages.extend(beside.into_iter().filter(|page| page.is_file()));
    for page in &pages {
        for (line, link) in links(&read(page)?) {
            if let Some(what) = broken(page, &link)? {
                wrong.push(format!("{}:{line}: {what}", workspace.relative(page)));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("the book has broken links:\n{}", wrong.join("\n"))
}

/// What is wrong with a link; addresses of the web are not followed.
fn broken(page: &Path, link: &str) -> Result<Option<String>> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(None);
    }
    let (file, anchor) = without_anchor(link);
    let folder = page.parent().unwrap_or(Path::new("."));
    let target = if file.is_empty() { page.to_owned() } else { folder.join(file) };
    if !target.exists() {
        return Ok(Some(format!("`{link}` leads to no file")));
    }
    let Some(anchor) = anchor.filter(|_| target.extension().is_some_and(|it| it == "md")) else {
        return Ok(None);
    };
    let found = headings(&read(&target)?).contains(anchor);
    Ok((!found).then(|| format!("`{link}` leads to no heading")))
}

fn without_anchor(link: &str) -> (&str, Option<&str>) {
    match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (link, None),
    }
}

/// The lines of a text outside fenced blocks, with their 1-based numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((number, line))
    })
}

/// The targets of `[text](target)`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(targets.map(|target| (number, target.to_owned())));
    }
    found
}

/// A line without its `code` spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The anchors that mdbook and GitHub give to headings.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = prose(text).filter(|(_, line)| line.starts_with('#'));
    titles.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
}

fn anchor(title: &str) -> String {
    let letters = title.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "See [a](a.md) and [b c](../b.md#d \"title\").\n```\n[x](y)\n```\n`[x](z)` [e](#f)\n";
        let found = links(text);
        assert_eq!(found, [(1, "a.md".into()), (1, "../b.md#d".into()), (5, "#f".into())]);
    }

    #[test]
    fn headings_become_anchors() {
        let found = headings("# Codes and one-hot\n## `Region`, a type\n```\n# no\n```\n");
        assert_eq!(found, BTreeSet::from(["codes-and-one-hot".into(), "region-a-type".into()]));
    }

    #[test]
    fn links_to_this_file_are_resolved() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(broken(&page, "https://example.org/x").unwrap(), None);
        assert_eq!(broken(&page, "src/main.rs").unwrap(), None);
        assert_eq!(broken(&page, "src/no.rs").unwrap(), Some("`src/no.rs` leads to no file".into()));
    }
}
