//! Saturation mutagenesis of a linear probe, beside a loop over mutants in PyTorch.

use anyhow::{Result, bail, ensure};

use super::peers::{Peers, TORCH};
use super::report::{Claim, Comparison, Contender, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

/// How far the effects of both may be apart: the loop subtracts two logits in 32 bits, which are off by about
/// 1e-6 each after a mean over 2,000 positions.
const TOLERANCE: &str = "2e-6";

/// The loop takes so long that more rounds say no more.
const MOST_RUNS: usize = 3;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    if !workspace.root.join("benches").join("ism_probe.rs").is_file() {
        bail!("there is no benchmark `ism_probe` yet");
    }
    let peers = Peers::install(workspace, &TORCH)?;
    let folder = folder(workspace, "ism-probe")?;
    let mut ours = release(workspace, "ism_probe")?;
    ours.arg(&folder).env("RAYON_NUM_THREADS", "1");
    status(peers.script("ism_probe.py").arg("prepare").arg(&folder))?;
    let mut theirs = peers.script("ism_probe.py");
    theirs.arg("loop").arg(&folder);
    let contenders = vec![
        Contender { name: "cistron", command: ours },
        Contender { name: "loop in PyTorch", command: theirs },
    ];
    let series = race(contenders, runs.min(MOST_RUNS))?;
    status(peers.script("ism_probe.py").arg("compare").arg(&folder).arg(TOLERANCE))?;
    ensure!(series[0].result()? == series[1].result()?, "the two did not see the same sequences");
    let ratio = series[0].process() / series[1].work();
    let claims = vec![Claim::ratio("CPU of our whole process / CPU of the loop alone", ratio, 1e-3)];
    let title =
        "every mutant of 8 sequences of 2,000 bases, linear probe of 128 units, one thread".to_owned();
    finish(workspace, "ism-probe", &TORCH, &[Comparison { title, series, claims }])
}
