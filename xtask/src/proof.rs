//! The proof on real data: probes trained on measured promoters, factors that name measured effects, and models of
//! families beside measured mutants, as a page of the book.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::bench::{machine, release};
use crate::run::output;
use crate::workspace::{Workspace, folder_of};

/// A part of the page, what the benchmark of its name prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Probes and networks of promoters.
    Regulatory,
    /// Factors that name measured effects.
    Measured,
    /// Models of families.
    Families,
    /// Variational autoencoders of a family.
    Vae,
}

impl Part {
    const ALL: [Self; 4] = [Self::Regulatory, Self::Measured, Self::Families, Self::Vae];

    const fn name(self) -> &'static str {
        match self {
            Self::Regulatory => "regulatory",
            Self::Measured => "measured",
            Self::Families => "families",
            Self::Vae => "vae",
        }
    }

    /// The program, which is built, with its arguments.
    fn command(self, workspace: &Workspace) -> Result<Command> {
        let data = folder_of("CISTRON_DATA")?;
        let mut command = release(workspace, self.name())?;
        match self {
            Self::Regulatory => command.arg(data.join("regulatory")),
            Self::Measured => command.arg(data).arg(workspace.root.join("docs/src/images")),
            Self::Families => command.arg(data).env("RAYON_NUM_THREADS", "1"),
            Self::Vae => command.arg("proof").arg(data).env("RAYON_NUM_THREADS", "1"),
        };
        Ok(command)
    }

    /// The line before the part's text.
    fn mark(self) -> String {
        format!("<!-- {} -->", self.name())
    }

    /// The text of the part in the page as it is.
    fn text(self, page: &str) -> Option<&str> {
        let (_, rest) = page.split_once(&self.mark())?;
        Some(rest.split_once("<!--").map_or(rest, |(text, _)| text).trim())
    }
}

/// Runs the benchmarks of some parts, or of all, and writes their tables and pictures into the book; the other parts
/// stay as they are.
pub(crate) fn run(workspace: &Workspace, only: &[Part]) -> Result<()> {
    let page = workspace.root.join("docs/src/proof.md");
    let chosen: Vec<Part> =
        Part::ALL.into_iter().filter(|part| only.is_empty() || only.contains(part)).collect();
    // All are built before the first runs: what is edited meanwhile changes nothing.
    let commands: Vec<Command> = chosen.iter().map(|part| part.command(workspace)).collect::<Result<_>>()?;
    for (part, mut command) in chosen.into_iter().zip(commands) {
        let text = format!("{}\n\nMachine: {}.", output(&mut command)?.trim_end(), machine());
        println!("{text}\n");
        // What an interrupted run has done stays.
        let before = fs::read_to_string(&page).unwrap_or_default();
        let after = replaced(&before, part, &text);
        fs::write(&page, after).with_context(|| format!("cannot write {}", page.display()))?;
    }
    let written = fs::read_to_string(&page)?;
    if let Some(part) = Part::ALL.into_iter().find(|part| part.text(&written).is_none()) {
        bail!("{} has no part {} yet", workspace.relative(&page), part.name());
    }
    println!("wrote {}", workspace.relative(&page));
    Ok(())
}

/// The page with another text of a part.
fn replaced(page: &str, part: Part, text: &str) -> String {
    let mut after = HEAD.trim().to_owned();
    for other in Part::ALL {
        let text = if other == part { Some(text) } else { other.text(page) };
        if let Some(text) = text {
            after.extend(["\n\n", &other.mark(), "\n\n", text]);
        }
    }
    after + "\n"
}

const HEAD: &str = "
# Proof on real data

What models and motifs find in measured sequences. `cargo xtask proof` writes this page from the data that `CISTRON_DATA` names.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_order_and_what_is_not_run() {
        let page = replaced("", Part::Vae, "## V");
        let page = replaced(&page, Part::Regulatory, "## R\n\none");
        let page = replaced(&page, Part::Regulatory, "## R\n\ntwo");
        let expected =
            format!("{}\n\n<!-- regulatory -->\n\n## R\n\ntwo\n\n<!-- vae -->\n\n## V\n", HEAD.trim());
        assert_eq!(page, expected);
        assert_eq!(Part::Measured.text(&page), None);
    }
}
