//! The proof on real data: probes trained on measured promoters, as a page of the book.

use anyhow::{Context, Result, bail};

use crate::bench::{machine, release};
use crate::run::output;
use crate::workspace::{Workspace, folder_of};

/// Runs the benchmark `regulatory` and writes its tables into the book.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let data = folder_of("CISTRON_DATA")?;
    if !workspace.root.join("benches/regulatory.rs").is_file() {
        bail!("there is no benchmark `regulatory` yet");
    }
    let mut program = release(workspace, "regulatory")?;
    let tables = output(program.arg(data.join("regulatory")))?;
    let page = workspace.root.join("docs/src/proof.md");
    let text = format!("{}\n\n{}\n\nMachine: {}.\n", HEAD.trim(), tables.trim_end(), machine());
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{tables}");
    println!("wrote {}", workspace.relative(&page));
    Ok(())
}

const HEAD: &str = "
# Proof on real data

What the models reach on measured sequences. `cargo xtask proof` writes this page from the data that `CISTRON_DATA` names.
";
