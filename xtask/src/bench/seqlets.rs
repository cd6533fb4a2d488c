//! Seqlets and counts of annotations, beside tangermeme.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::peers::{Peers, SEQLETS};
use super::report::{Claim, Comparison, Contender, Series, Unit, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::{Workspace, folder_of};

/// The peer's counts take so long that more rounds say no more.
const MOST_RUNS: usize = 2;

/// What ours may cost, as a part of tangermeme's work.
const AT_MOST: f64 = 1.0 / 50.0;

struct Programs {
    ours: PathBuf,
    python: Peers,
}

impl Programs {
    fn ours(&self, task: &str, files: &[&Path]) -> Contender {
        let mut command = Command::new(&self.ours);
        command.arg(task).args(files).env("RAYON_NUM_THREADS", "1");
        Contender { name: "cistron", command }
    }

    /// Both on one task, ours first; fails if they do not find the same.
    fn race(&self, task: &str, file: &Path, runs: usize) -> Result<Vec<Series>> {
        let mut command = self.python.script("seqlets.py");
        command.arg(task).arg(file);
        let series = race(vec![self.ours(task, &[file]), Contender { name: "tangermeme", command }], runs)?;
        let (ours, theirs) = (series[0].result()?, series[1].result()?);
        ensure!(ours == theirs, "{task}: cistron finds {ours}, tangermeme {theirs}");
        Ok(series)
    }
}

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let (data, folder) = (folder_of("CISTRON_DATA")?, folder(workspace, "seqlets")?);
    let programs = Programs {
        ours: PathBuf::from(release(workspace, "seqlets")?.get_program()),
        python: Peers::install(workspace, &SEQLETS)?,
    };
    status(programs.python.script("seqlets.py").arg("prepare").arg(&folder))?;
    let (tracks, table) = (folder.join("attributions.npz"), folder.join("annotations.txt"));
    let mut all = vec![recursive(&programs, &tracks, runs)?, fresh(&programs, &tracks, runs)?];
    for (title, task, file) in [
        ("TF-MoDISco's seqlets of 1,000 tracks of 2,000 positions", "tfmodisco", &tracks),
        ("pairs of 100,000 annotations in 1,000 examples", "pairs", &table),
        ("spacings of 100,000 annotations in 1,000 examples", "spacing", &table),
    ] {
        let series = programs.race(task, file, runs.min(MOST_RUNS))?;
        let what = "CPU of our whole process / CPU of tangermeme's work";
        let claims = vec![Claim::ratio(what, series[0].process() / series[1].work(), AT_MOST)];
        all.push(Comparison { title: title.to_owned(), series, claims });
    }
    all.push(hits(&programs, &data, runs)?);
    finish(workspace, "seqlets", &SEQLETS, &all)
}

fn recursive(programs: &Programs, tracks: &Path, runs: usize) -> Result<Comparison> {
    let series = programs.race("recursive", tracks, runs)?;
    let what = "CPU of a warm call / CPU of a warm call of tangermeme";
    let claims = vec![Claim::ratio(what, series[0].work() / series[1].work(), 1.0)];
    let title = "recursive seqlets of 1,000 tracks of 2,000 positions, warm".to_owned();
    Ok(Comparison { title, series, claims })
}

fn fresh(programs: &Programs, tracks: &Path, runs: usize) -> Result<Comparison> {
    let series = programs.race("fresh", tracks, runs.min(MOST_RUNS))?;
    let claims = vec![seconds("CPU of our whole process", series[0].process(), 0.3)];
    let title = "the same in a fresh process".to_owned();
    Ok(Comparison { title, series, claims })
}

/// Ours alone: the peer would need weeks.
fn hits(programs: &Programs, data: &Path, runs: usize) -> Result<Comparison> {
    let motifs = data.join("motifs").join("JASPAR2024.meme");
    let genome = data.join("genomes").join("ecoli_k12_mg1655.fa.gz");
    let series = race(vec![programs.ours("hits", &[&motifs, &genome])], runs.min(MOST_RUNS))?;
    let claims = vec![
        seconds("CPU from hits to tables", series[0].work(), 20.0),
        Claim {
            what: "memory".to_owned(),
            unit: Unit::Megabytes,
            value: series[0].megabytes(),
            at_most: 1000.0,
        },
    ];
    let title =
        "counts, pairs and spacings of the hits of JASPAR 2024 in 1,000 windows of E. coli".to_owned();
    Ok(Comparison { title, series, claims })
}

fn seconds(what: &str, value: f64, at_most: f64) -> Claim {
    Claim { what: what.to_owned(), unit: Unit::Seconds, value, at_most }
}
