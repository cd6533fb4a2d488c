//! One sequence through Enformer at its full size, beside enformer-pytorch, and one of its variants.

use anyhow::{Context, Result};

use super::nn::times;
use super::peers::{ENFORMER, Peers};
use super::report::{Claim, Comparison, Contender, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

/// What ours may take of the peer's CPU seconds and of its peak memory.
const CPU: f64 = 0.57;
const MEMORY: f64 = 0.4;
/// What a variant may take of a whole pass.
const VARIANT: f64 = 0.35;

/// A run takes a minute, so that more rounds say no more.
const MOST_RUNS: usize = 3;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &ENFORMER)?;
    let folder = folder(workspace, "enformer")?;
    if !folder.join("codes.bin").is_file() {
        status(release(workspace, "enformer")?.arg("prepare").arg(&folder))?;
    }
    let (mut ours, mut theirs) = (release(workspace, "enformer")?, peers.script("enformer.py"));
    ours.arg("run").arg(&folder).env("RAYON_NUM_THREADS", "2");
    theirs.arg("run").arg(&folder).env("OMP_NUM_THREADS", "2").env("MKL_NUM_THREADS", "2");
    let contenders = vec![
        Contender { name: "cistron", command: ours },
        Contender { name: "enformer-pytorch", command: theirs },
    ];
    let series = race(contenders, runs.min(MOST_RUNS))?;
    status(peers.script("enformer.py").arg("compare").arg(&folder))?;
    let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
    let window = ours.get("window").context("no window was read")?;
    let variant = ours.get("variant").context("no variant was read")?;
    let peer = theirs.get("window").context("the peer read no window")?;
    let [mine, its] = [0, 1].map(|place| series[place].megabytes());
    let claims = vec![
        Claim::ratio(format!("CPU of a window: {window:.1} s beside {peer:.1} s"), window / peer, CPU),
        Claim::ratio(format!("memory: {mine:.0} MB beside {its:.0} MB"), mine / its, MEMORY),
        Claim::ratio(format!("CPU of a variant: {variant:.1} s of {window:.1} s"), variant / window, VARIANT),
    ];
    let title = "one sequence of 196,608 letters, all human tracks, two threads".to_owned();
    finish(workspace, "enformer", &ENFORMER, &[Comparison { title, series, claims }])
}
