//! Comparisons of two groups, beside scipy.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::peers::{Peers, STATISTICS};
use super::report::{Claim, Comparison, Contender, Series, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

/// A call for each column takes scipy about a minute.
const MOST_RUNS: usize = 1;

/// What our work may cost of the peer's, where the peer is called for each column.
const OF_CALLS: f64 = 1.0 / 20.0;

/// What our work may cost of the peer's, where the peer takes many columns at once.
const OF_COLUMNS: f64 = 1.0 / 3.0;

struct Programs {
    ours: PathBuf,
    python: Peers,
}

impl Programs {
    /// Both on one file, ours first; fails if they do not find the same.
    fn race(&self, task: &str, file: &Path, n_first: &str, runs: usize) -> Result<Vec<Series>> {
        let mut ours = Command::new(&self.ours);
        ours.arg(file).arg(n_first).env("RAYON_NUM_THREADS", "1");
        let mut theirs = self.python.script("stats.py");
        theirs.arg(task).arg(file).arg(n_first);
        let contenders =
            vec![Contender { name: "cistron", command: ours }, Contender { name: "scipy", command: theirs }];
        let series = race(contenders, runs)?;
        let (ours, theirs) = (series[0].result()?, series[1].result()?);
        ensure!(ours == theirs, "{}: cistron finds {ours}, scipy {theirs}", file.display());
        Ok(series)
    }
}

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let folder = folder(workspace, "stats")?;
    let programs = Programs {
        ours: PathBuf::from(release(workspace, "stats")?.get_program()),
        python: Peers::install(workspace, &STATISTICS)?,
    };
    status(programs.python.script("stats.py").arg("prepare").arg(&folder))?;
    let mut all = Vec::new();
    for (title, name, n_first) in [
        ("100,000 tests of 50 against 50 values", "halves", "50"),
        ("100,000 exact tests of 8 against 42 values", "few", "8"),
        ("100,000 tests of 50 against 50 values with ties", "ties", "50"),
    ] {
        let file = folder.join(name).with_extension("npz");
        let series = programs.race("columns", &file, n_first, runs)?;
        let what = "CPU of our work / CPU of scipy's, many columns at once";
        let claims = vec![Claim::ratio(what, series[0].work() / series[1].work(), OF_COLUMNS)];
        all.push(Comparison { title: title.to_owned(), series, claims });
    }
    let series = programs.race("calls", &folder.join("halves.npz"), "50", runs.min(MOST_RUNS))?;
    let what = "CPU of our work / CPU of scipy's, a call for each test";
    let claims = vec![Claim::ratio(what, series[0].work() / series[1].work(), OF_CALLS)];
    let title = "100,000 tests of 50 against 50 values, one by one in scipy".to_owned();
    all.push(Comparison { title, series, claims });
    finish(workspace, "stats", &STATISTICS, &all)
}
