//! The proof on real data: probes trained on measured promoters, factors that name measured effects, and models of
//! families beside measured mutants, as a page of the book.

use anyhow::{Context, Result};

use crate::bench::{machine, release};
use crate::run::output;
use crate::workspace::{Workspace, folder_of};

/// Runs the benchmarks `regulatory`, `measured`, `families` and `vae` and writes their tables and pictures into the book.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let data = folder_of("CISTRON_DATA")?;
    let book = workspace.root.join("docs/src");
    let probes = output(release(workspace, "regulatory")?.arg(data.join("regulatory")))?;
    let factors = output(release(workspace, "measured")?.arg(&data).arg(book.join("images")))?;
    let families = output(release(workspace, "families")?.arg(&data).env("RAYON_NUM_THREADS", "1"))?;
    let networks = output(release(workspace, "vae")?.arg("proof").arg(&data).env("RAYON_NUM_THREADS", "1"))?;
    let page = book.join("proof.md");
    let (head, probes, factors) = (HEAD.trim(), probes.trim_end(), factors.trim_end());
    let families = format!("{}\n\n{}", families.trim_end(), networks.trim_end());
    let text = format!("{head}\n\n{probes}\n\n{factors}\n\n{families}\n\nMachine: {}.\n", machine());
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{probes}\n\n{factors}\n\n{families}");
    println!("wrote {}", workspace.relative(&page));
    Ok(())
}

const HEAD: &str = "
# Proof on real data

What models and motifs find in measured sequences. `cargo xtask proof` writes this page from the data that `CISTRON_DATA` names.
";
