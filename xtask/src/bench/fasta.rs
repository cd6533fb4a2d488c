//! Ten thousand random windows of a genome, beside pyfaidx and pysam.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::peers::{FILES, Peers};
use super::report::{Claim, Comparison, Contender, Series, finish, race};
use super::{folder, release};
use crate::run::{output, status};
use crate::workspace::{Workspace, folder_of};

/// Windows, their width, and the seed of their places.
const WINDOWS: [&str; 3] = ["10000", "2000", "0"];

/// A file of the genome and what is claimed for it.
struct Case {
    title: &'static str,
    file: &'static str,
    /// The peers that are raced; ours has to beat the best of them.
    peers: &'static [&'static str],
    at_most: f64,
}

const CASES: [Case; 3] = [
    Case { title: "80 letters a line", file: "lines80.fa", peers: &["pyfaidx", "pysam"], at_most: 0.5 },
    Case { title: "1 letter a line", file: "lines1.fa", peers: &["pyfaidx", "pysam"], at_most: 0.5 },
    Case { title: "bgzip", file: "lines80.fa.gz", peers: &["pysam"], at_most: 0.25 },
];

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let source = folder_of("CISTRON_DATA")?.join("genomes").join("ecoli_k12_mg1655.fa.gz");
    let peers = Peers::install(workspace, &FILES)?;
    let folder = folder(workspace, "fasta")?;
    let program = PathBuf::from(release(workspace, "fasta")?.get_program());
    status(peers.script("fasta_prepare.py").arg(&source).arg(&folder))?;
    let windows = folder.join("windows.tsv");
    let places = output(windows_of(&program, &folder.join(CASES[0].file)).arg("--list"))?;
    std::fs::write(&windows, places).with_context(|| format!("cannot write {}", windows.display()))?;
    let compare = |case: &Case| compare(case, &folder.join(case.file), &windows, &program, &peers, runs);
    let all = CASES.iter().map(compare).collect::<Result<Vec<_>>>()?;
    finish(workspace, "fasta", &FILES, &all)
}

fn windows_of(program: &Path, fasta: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(fasta).args(WINDOWS);
    command
}

fn compare(
    case: &Case,
    fasta: &Path,
    windows: &Path,
    program: &Path,
    peers: &Peers,
    runs: usize,
) -> Result<Comparison> {
    let mut contenders = vec![Contender { name: "cistron", command: windows_of(program, fasta) }];
    for name in case.peers {
        let mut command = peers.script("fasta_windows.py");
        command.arg(name).arg(fasta).arg(windows);
        contenders.push(Contender { name, command });
    }
    let series = race(contenders, runs)?;
    let [ours, theirs @ ..] = &series[..] else { bail!("nothing was run") };
    for peer in theirs {
        let (ours, theirs) = (ours.result()?, peer.result()?);
        ensure!(
            ours == theirs,
            "{}: the codes sum to {ours}, those of {} to {theirs}",
            case.title,
            peer.name
        );
    }
    let best = theirs.iter().map(Series::work).fold(f64::INFINITY, f64::min);
    let what = "CPU of our whole process / CPU of the best peer's work";
    let claims = vec![Claim::ratio(what, ours.process() / best, case.at_most)];
    let title = format!("{} random windows of {} bases, {}", WINDOWS[0], WINDOWS[1], case.title);
    Ok(Comparison { title, series, claims })
}
