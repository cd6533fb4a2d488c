//! What each part of the variational autoencoder of a family is worth, as a page of the book.

use anyhow::{Context, Result};

use crate::bench::{machine, release};
use crate::run::output;
use crate::workspace::{Workspace, folder_of};

/// Runs the benchmark `ablation` on one thread and writes its tables into the book.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let data = folder_of("CISTRON_DATA")?;
    let tables = output(release(workspace, "ablation")?.arg(data).env("RAYON_NUM_THREADS", "1"))?;
    let page = workspace.root.join("docs/src/ablation.md");
    let text = format!("{}\n\n{}\n\nMachine: {}.\n", HEAD.trim(), tables.trim_end(), machine());
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{}", tables.trim_end());
    println!("wrote {}", workspace.relative(&page));
    Ok(())
}

const HEAD: &str = "
# Parts of the autoencoder

What each part of DeepSequence's variational autoencoder is worth on measured mutants of beta-lactamase (BLAT_ECOLX,
column 2500): the published table 1 (Riesselman et al. 2018, doi:10.1038/s41592-018-0138-4) at a size that trains in
seconds, half the widths of `--size small`. Weights are posteriors or points with penalties; scales switch units off at
positions; the convolution makes output weights of patterns of letters; the temperature multiplies all logits.
`cargo xtask ablation` writes this page from the data that `CISTRON_DATA` names.

The published figures are means over five seeds of networks of full width after 300,000 updates. There no network whose
weights are points reaches the one with posteriors and all parts.
";
