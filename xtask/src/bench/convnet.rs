//! Networks of convolutions, forward and in training, beside PyTorch.

use anyhow::{Context, Result, ensure};

use super::nn::times;
use super::peers::{Peers, TORCH};
use super::release;
use super::report::{Claim, Comparison, Contender, finish, race};
use crate::workspace::Workspace;

/// What ours may cost of PyTorch's.
const AT_MOST: f64 = 1.0;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &TORCH)?;
    let mut comparisons = Vec::new();
    for (task, title) in [
        ("forward", "the shape of Basset, ten times 64 sequences of 2000 letters, one thread"),
        ("training", "60 steps of 64 promoters of 150 letters, one thread"),
    ] {
        let (mut ours, mut theirs) = (release(workspace, "convnet")?, peers.script("convnet.py"));
        ours.arg(task).env("RAYON_NUM_THREADS", "1");
        theirs.arg(task);
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
        let memory =
            format!("memory: {:.0} MB beside {:.0} MB", series[0].megabytes(), series[1].megabytes());
        let claims = vec![
            Claim::ratio(what, seconds / peer, AT_MOST),
            Claim::ratio(memory, series[0].megabytes() / series[1].megabytes(), AT_MOST),
        ];
        comparisons.push(Comparison { title: title.to_owned(), series, claims });
    }
    finish(workspace, "convnet", &TORCH, &comparisons)
}
