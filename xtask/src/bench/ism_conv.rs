//! Every substitution through networks of convolutions, beside tangermeme's exact fast path, and DeepLIFT beside its.

use std::env;
use std::path::Path;

use anyhow::{Context, Result};

use super::nn::times;
use super::peers::{Peers, SEQLETS};
use super::report::{Claim, Comparison, Contender, Series, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

/// A shape of networks and what ours may take of the peer.
struct Network {
    name: &'static str,
    shape: &'static str,
    mutants: &'static str,
    /// CPU seconds and peak memory of all substitutions, and of an attribution.
    shares: [(f64, f64); 2],
}

const NETWORKS: [Network; 3] = [
    Network {
        name: "basset",
        shape: "the shape of Basset",
        mutants: "all 6,000 substitutions of 2,000 letters",
        shares: [(0.1, 0.15), (0.5, 0.5)],
    },
    Network {
        name: "beluga",
        shape: "the shape of Beluga",
        mutants: "1,200 substitutions in the middle of 2,000 letters",
        shares: [(0.08, 0.5), (0.5, 0.5)],
    },
    Network {
        name: "bpnet",
        shape: "nine dilated layers as BPNet's",
        mutants: "all 6,000 substitutions of 2,000 letters",
        shares: [(0.5, 0.5), (0.5, 0.5)],
    },
];

/// What both do: the task, what is said of it, and how results are compared.
const TASKS: [(&str, &str); 2] = [("run", "compare"), ("attribute", "compare-attribution")];

/// The peer takes so long that more rounds say no more.
const MOST_RUNS: usize = 3;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &SEQLETS)?;
    let mut comparisons = Vec::new();
    for network in &NETWORKS {
        let folder = folder(workspace, &format!("ism-conv-{}", network.name))?;
        status(release(workspace, "ism_conv")?.args(["prepare", network.name]).arg(&folder))?;
        status(release(workspace, "ism_conv")?.arg("accuracy").arg(&folder))?;
        for (task, shares) in TASKS.into_iter().zip(network.shares) {
            let what = if task == TASKS[0] {
                network.mutants
            } else {
                "DeepLIFT of 2,000 letters beside 20 shuffles"
            };
            let title = format!("{}, {what}, one thread", network.shape);
            comparisons.push(beside_peer(workspace, &peers, &folder, title, task, shares, runs)?);
        }
        if network.name == "basset" {
            comparisons.push(variants(workspace, &folder, runs)?);
        }
    }
    comparisons.extend(promoters(workspace, &peers, runs)?);
    finish(workspace, "ism-conv", &SEQLETS, &comparisons)
}

/// A task by both, and whether they found the same.
fn beside_peer(
    workspace: &Workspace,
    peers: &Peers,
    folder: &Path,
    title: String,
    (task, compare): (&str, &str),
    shares: (f64, f64),
    runs: usize,
) -> Result<Comparison> {
    let (mut ours, mut theirs) = (release(workspace, "ism_conv")?, peers.script("ism_conv.py"));
    ours.arg(task).arg(folder).env("RAYON_NUM_THREADS", "1");
    theirs.arg(task).arg(folder);
    let contenders =
        vec![Contender { name: "cistron", command: ours }, Contender { name: "tangermeme", command: theirs }];
    let series = race(contenders, runs.min(MOST_RUNS))?;
    status(peers.script("ism_conv.py").arg(compare).arg(folder))?;
    Ok(Comparison { title, claims: claims(&series, shares)?, series })
}

/// A network trained on promoters, if the measured ones are there.
fn promoters(workspace: &Workspace, peers: &Peers, runs: usize) -> Result<Option<Comparison>> {
    let Some(data) = env::var_os("CISTRON_DATA") else {
        println!("skipped: the trained network of promoters, since CISTRON_DATA names no real data");
        return Ok(None);
    };
    let folder = folder(workspace, "ism-conv-promoters")?;
    let data = Path::new(&data).join("regulatory");
    status(release(workspace, "regulatory")?.arg(data).arg(&folder))?;
    status(release(workspace, "ism_conv")?.arg("accuracy").arg(&folder))?;
    let title =
        "a network trained on promoters, all substitutions of 200 of 150 letters, one thread".to_owned();
    beside_peer(workspace, peers, &folder, title, TASKS[0], (0.1, 0.5), runs).map(Some)
}

/// Variants by what changes, beside two predictions of each.
fn variants(workspace: &Workspace, folder: &Path, runs: usize) -> Result<Comparison> {
    let mut contenders = Vec::new();
    for (name, engine) in [("cistron", "auto"), ("two predictions", "blackbox")] {
        let mut command = release(workspace, "ism_conv")?;
        command.arg("variants").arg(folder).arg(engine).env("RAYON_NUM_THREADS", "1");
        contenders.push(Contender { name, command });
    }
    let series = race(contenders, runs.min(MOST_RUNS))?;
    let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
    let claim = |case: &str, what: &str, most: f64| {
        let (ours, theirs) = ours.get(case).zip(theirs.get(case)).context("a case was not run")?;
        Ok::<Claim, anyhow::Error>(Claim::ratio(what, ours / theirs, most))
    };
    let claims = vec![
        claim("dense", "CPU, 1,000 variants of 1,000 bases, 64 bases a window", 0.1)?,
        claim("apart", "CPU, 100 variants, each in a window of its own", 1.0)?,
    ];
    let title = "the shape of Basset, variants by what changes and by two predictions, one thread".to_owned();
    Ok(Comparison { title, series, claims })
}

fn claims(series: &[Series], (cpu, memory): (f64, f64)) -> Result<Vec<Claim>> {
    let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
    let claim = |case: &str| {
        let (ours, theirs) = (ours.get(case), theirs.get(case));
        let (ours, theirs) = ours.zip(theirs).context("a case was not run")?;
        let what = format!("CPU, {case}: {ours:.2} s beside {theirs:.2} s");
        Ok::<Claim, anyhow::Error>(Claim::ratio(what, ours / theirs, cpu))
    };
    let [mine, peer] = [0, 1].map(|place| series[place].megabytes());
    let what = format!("memory: {mine:.0} MB beside {peer:.0} MB");
    Ok(vec![claim("first")?, claim("warm")?, Claim::ratio(what, mine / peer, memory)])
}
