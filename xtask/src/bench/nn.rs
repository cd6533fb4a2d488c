//! Operations of networks one by one, beside those of PyTorch.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::measure::Spread;
use super::peers::{Peers, TORCH};
use super::release;
use super::report::{Claim, Comparison, Contender, Series, finish, race};
use crate::workspace::Workspace;

/// Each run repeats each operation.
const MOST_RUNS: usize = 3;

/// What ours may cost of PyTorch's.
const AT_MOST: f64 = 1.5;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &TORCH)?;
    let mut ours = release(workspace, "nn")?;
    ours.arg("all").env("RAYON_NUM_THREADS", "1");
    let contenders = vec![
        Contender { name: "cistron", command: ours },
        Contender { name: "PyTorch", command: peers.script("nn.py") },
    ];
    let series = race(contenders, runs.min(MOST_RUNS))?;
    let (ours, theirs) = (times(&series[0])?, times(&series[1])?);
    ensure!(ours.keys().eq(theirs.keys()), "the two did not run the same operations");
    let claim = |((name, ours), theirs): ((&String, &f64), &f64)| {
        let what = format!("{name}: {:.3} ms beside {:.3} ms", 1e3 * ours, 1e3 * theirs);
        Claim::ratio(what, ours / theirs, AT_MOST)
    };
    let claims = ours.iter().zip(theirs.values()).map(claim).collect();
    let title = "CPU of one run of an operation, one thread, numbers of 32 bits".to_owned();
    finish(workspace, "nn", &TORCH, &[Comparison { title, series, claims }])
}

/// The median CPU seconds of each operation, as in lines `case NAME: SECONDS`.
pub(super) fn times(series: &Series) -> Result<BTreeMap<String, f64>> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in series.costs.iter().flat_map(|cost| cost.printed.lines()) {
        let Some(case) = line.strip_prefix("case ") else { continue };
        let (name, seconds) = case.rsplit_once(": ").with_context(|| format!("no time in {line:?}"))?;
        all.entry(name.to_owned()).or_default().push(seconds.parse()?);
    }
    let median = |(name, times): (String, Vec<f64>)| Spread::of(times).map(|spread| (name, spread.median));
    all.into_iter().map(|entry| median(entry).context("an operation without a time")).collect()
}
