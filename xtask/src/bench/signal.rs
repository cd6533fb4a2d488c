//! Bins of bigWig files over a thousand windows, beside pyBigWig and pybigtools; means of tracks, beside deepTools.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::peers::{AVERAGES, Peers, TRACKS};
use super::report::{Claim, Comparison, Contender, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::Workspace;

const BINS: &str = "896";
/// pyBigWig takes a twelfth of a second for a window.
const FEW: usize = 20;
/// deepTools takes half a minute for a run.
const MOST_RUNS: usize = 3;

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &TRACKS)?;
    let folder = folder(workspace, "signal")?;
    status(peers.script("tracks_prepare.py").arg(&folder))?;
    let program = PathBuf::from(release(workspace, "signal")?.get_program());
    let (track, all, few) = (folder.join("track.bw"), folder.join("regions.bed"), folder.join("few.bed"));
    let text = std::fs::read_to_string(&all).with_context(|| all.display().to_string())?;
    let lines: Vec<&str> = text.split_inclusive('\n').take(FEW).collect();
    std::fs::write(&few, lines.concat()).with_context(|| few.display().to_string())?;
    let race_on = |regions: &Path, names: &[&'static str]| {
        let mut ours = Command::new(&program);
        ours.arg(&track).arg(regions).arg(BINS);
        let mut contenders = vec![Contender { name: "cistron", command: ours }];
        for &name in names {
            let mut command = peers.script("tracks.py");
            command.arg(name).arg(&track).arg(regions).arg(BINS);
            contenders.push(Contender { name, command });
        }
        race(contenders, runs)
    };
    let many = race_on(&all, &["values", "pybigtools"])?;
    let [ours, values, pybigtools] = &many[..] else { bail!("nothing was run") };
    ensure!(ours.result()? == values.result()?, "the sums differ from those of pyBigWig's values");
    let claims = vec![
        Claim::ratio(
            "CPU of our whole process / CPU of pybigtools' work",
            ours.process() / pybigtools.work(),
            1.0,
        ),
        Claim::ratio(
            "CPU of our whole process / CPU of the work on pyBigWig's values",
            ours.process() / values.work(),
            0.25,
        ),
    ];
    let title = format!("{BINS} bins of 1000 windows of 114,688 bases");
    let many = Comparison { title, series: many, claims };
    let exact = race_on(&few, &["pyBigWig"])?;
    let [ours, theirs] = &exact[..] else { bail!("nothing was run") };
    ensure!(ours.result()? == theirs.result()?, "the sums differ from those of pyBigWig's stats");
    let what = "CPU of our work / CPU of pyBigWig's exact statistics";
    let claims = vec![Claim::ratio(what, ours.work() / theirs.work(), 0.01)];
    let exact = Comparison { title: format!("{BINS} bins of {FEW} windows"), series: exact, claims };
    finish(workspace, "signal", &TRACKS, &[many, exact])
}

pub(super) fn run_average(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &AVERAGES)?;
    let folder = folder(workspace, "signal")?;
    status(peers.script("tracks_prepare.py").arg(&folder))?;
    let program = PathBuf::from(release(workspace, "average")?.get_program());
    let tracks = ["rep1.bw", "rep2.bw", "rep3.bw"].map(|name| folder.join(name));
    let (ours, theirs) = (folder.join("ours.bedGraph"), folder.join("theirs.bedGraph"));
    let mut command = Command::new(program);
    command.arg(&ours).args(&tracks).env("RAYON_NUM_THREADS", "1");
    let mut peer = peers.script("average.py");
    peer.arg(&theirs).args(&tracks);
    let contenders =
        vec![Contender { name: "cistron", command }, Contender { name: "deepTools", command: peer }];
    let series = race(contenders, runs.min(MOST_RUNS))?;
    same_bytes(&ours, &theirs)?;
    let what = "CPU of our whole process / CPU of deepTools' work";
    let claims = vec![Claim::ratio(what, series[0].process() / series[1].work(), 0.05)];
    let title = "mean of 3 tracks over 30 million bases, bins of 50, as bedGraph".to_owned();
    finish(workspace, "average", &AVERAGES, &[Comparison { title, series, claims }])
}

/// That two results are the same to the byte.
pub(super) fn same_bytes(ours: &Path, theirs: &Path) -> Result<()> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let same = read(ours)? == read(theirs)?;
    ensure!(same, "{} and {} differ", ours.display(), theirs.display());
    Ok(())
}
