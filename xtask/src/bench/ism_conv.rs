//! Every substitution through networks of convolutions, beside tangermeme's exact fast path.

use anyhow::{Context, Result};

use super::nn::times;
use super::peers::{Peers, SEQLETS};
use super::report::{Claim, Comparison, Contender, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

/// What ours may take of the peer's CPU seconds once warm, and of its peak memory.
const NETWORKS: [(&str, &str, f64, f64); 3] = [
    ("basset", "the shape of Basset, all 6,000 substitutions of 2,000 letters, one thread", 0.1, 0.15),
    (
        "beluga",
        "the shape of Beluga, 1,200 substitutions in the middle of 2,000 letters, one thread",
        0.08,
        0.5,
    ),
    (
        "bpnet",
        "nine dilated layers as BPNet's, all 6,000 substitutions of 2,000 letters, one thread",
        0.5,
        0.5,
    ),
];

/// The peer takes so long that more rounds say no more.
const MOST_RUNS: usize = 3;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &SEQLETS)?;
    let mut comparisons = Vec::new();
    for (network, title, cpu, memory) in NETWORKS {
        let folder = folder(workspace, &format!("ism-conv-{network}"))?;
        status(release(workspace, "ism_conv")?.args(["prepare", network]).arg(&folder))?;
        let (mut ours, mut theirs) = (release(workspace, "ism_conv")?, peers.script("ism_conv.py"));
        ours.arg("run").arg(&folder).env("RAYON_NUM_THREADS", "1");
        theirs.arg("run").arg(&folder);
        let contenders = vec![
            Contender { name: "cistron", command: ours },
            Contender { name: "tangermeme", command: theirs },
        ];
        let series = race(contenders, runs.min(MOST_RUNS))?;
        status(peers.script("ism_conv.py").arg("compare").arg(&folder))?;
        let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
        let claim = |case: &str| {
            let (ours, theirs) = (ours.get(case), theirs.get(case));
            let (ours, theirs) = ours.zip(theirs).context("a case was not run")?;
            let what = format!("CPU, {case}: {ours:.2} s beside {theirs:.2} s");
            Ok::<Claim, anyhow::Error>(Claim::ratio(what, ours / theirs, cpu))
        };
        let [mine, peer] = [0, 1].map(|place| series[place].megabytes());
        let what = format!("memory: {mine:.0} MB beside {peer:.0} MB");
        let claims = vec![claim("first")?, claim("warm")?, Claim::ratio(what, mine / peer, memory)];
        comparisons.push(Comparison { title: title.to_owned(), series, claims });
    }
    finish(workspace, "ism-conv", &SEQLETS, &comparisons)
}
