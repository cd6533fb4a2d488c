//! Updates of variational autoencoders of families, beside PyTorch.

use anyhow::{Context, Result, ensure};

use super::nn::times;
use super::peers::{Peers, TORCH};
use super::release;
use super::report::{Claim, Comparison, Contender, finish, race};
use crate::workspace::Workspace;

/// What ours may cost of PyTorch's: the full network and the small one.
const AT_MOST: [(&str, f64); 2] = [("full", 0.2), ("small", 0.45)];

/// The megabytes that the full network may take.
const MEMORY: f64 = 800.0;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &TORCH)?;
    let mut comparisons = Vec::new();
    for (size, at_most) in AT_MOST {
        let (mut ours, mut theirs) = (release(workspace, "vae")?, peers.script("vae.py"));
        ours.arg(size).env("RAYON_NUM_THREADS", "1");
        theirs.arg(size);
        let contenders = vec![
            Contender { name: "cistron", command: ours },
            Contender { name: "PyTorch", command: theirs },
        ];
        let series = race(contenders, runs)?;
        let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
        ensure!(ours.keys().eq(theirs.keys()), "the two did not run the same cases");
        let (name, seconds) = ours.first_key_value().context("no case was run")?;
        let peer = theirs.values().next().context("no case was run")?;
        let what = format!("CPU of {name}: {:.1} ms beside {:.1} ms", 1e3 * seconds, 1e3 * peer);
        let memory = format!("memory: {:.0} MB, of {MEMORY} MB", series[0].megabytes());
        let claims = vec![
            Claim::ratio(what, seconds / peer, at_most),
            Claim::ratio(memory, series[0].megabytes() / MEMORY, 1.0),
        ];
        let title = format!("20 updates of the {size} network, 253 positions, batches of 100, one thread");
        comparisons.push(Comparison { title, series, claims });
    }
    finish(workspace, "vae", &TORCH, &comparisons)
}
