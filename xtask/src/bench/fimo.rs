//! Hits of all motifs of JASPAR in a genome, beside memelite, MOODS, lightmotif and universalmotif.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::peers::{MOTIFS, MOTIFS_IN_RUST, Peers, build};
use super::report::{Claim, Comparison, Contender, Series, Unit, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::{Workspace, folder_of};

/// A hit has a smaller p-value. The programs hold the same number.
const P_VALUE: &str = "1e-4";

/// Our resident memory, in millions of bytes.
const MEMORY: f64 = 500.0;

/// The peer whose rule of hits ours follows: both find as many.
const SAME: &str = "memelite";

/// A file of the genome.
struct Case {
    title: &'static str,
    file: &'static str,
    /// A large file says no more in more rounds.
    most_runs: usize,
    /// CPU seconds of our fastest path.
    seconds: Option<f64>,
}

const CASES: [Case; 2] = [
    Case { title: "the first 1 Mb of E. coli", file: "first.fa", most_runs: usize::MAX, seconds: None },
    Case { title: "the whole of E. coli", file: "whole.fa", most_runs: 3, seconds: Some(1.5) },
];

/// A path of ours and what it may cost of the best peer.
struct Route {
    name: &'static str,
    engine: &'static str,
    at_most: f64,
}

const PORTABLE: Route = Route { name: "cistron, portable", engine: "portable", at_most: 1.0 / 2.0 };
const AVX2: Route = Route { name: "cistron, AVX2", engine: "avx2", at_most: 1.0 / 5.0 };
const AVX512: Route = Route { name: "cistron, AVX-512", engine: "avx512", at_most: 1.0 / 8.0 };

/// What this machine can run, the fastest last.
fn routes() -> Vec<Route> {
    let mut routes = vec![PORTABLE];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            routes.push(AVX2);
        }
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi") {
            routes.push(AVX512);
        }
    }
    routes
}

/// Whether hits are counted alone or made into rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Counts,
    Rows,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Rows => "rows",
        }
    }

    /// What our program calls it.
    fn ours(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Rows => "collect",
        }
    }
}

/// The programs and what they read.
struct Programs {
    ours: PathBuf,
    rust: PathBuf,
    python: Peers,
    folder: PathBuf,
    motifs: PathBuf,
}

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let data = folder_of("CISTRON_DATA")?;
    let programs = Programs {
        ours: PathBuf::from(release(workspace, "fimo")?.get_program()),
        rust: build(workspace)?,
        python: Peers::install(workspace, &MOTIFS)?,
        folder: folder(workspace, "fimo")?,
        motifs: data.join("motifs").join("JASPAR2024.meme"),
    };
    let mut prepare = programs.python.script("fimo.py");
    prepare.arg("prepare").arg(data.join("genomes").join("ecoli_k12_mg1655.fa.gz"));
    status(prepare.arg(&programs.folder).arg(&programs.motifs))?;
    let mut all = Vec::new();
    for case in &CASES {
        for mode in [Mode::Counts, Mode::Rows] {
            all.push(compare(&programs, case, mode, runs.min(case.most_runs))?);
        }
    }
    finish(workspace, "fimo", &[&MOTIFS[..], &MOTIFS_IN_RUST[..]].concat(), &all)
}

fn compare(programs: &Programs, case: &Case, mode: Mode, runs: usize) -> Result<Comparison> {
    let fasta = programs.folder.join(case.file);
    let routes = routes();
    let mut contenders = ours(programs, &routes, &fasta, mode);
    contenders.extend(peers(programs, &fasta, mode));
    let series = race(contenders, runs)?;
    let (ours, theirs) = series.split_at(routes.len());
    let same =
        theirs.iter().find(|peer| peer.name == SAME).context("the peer of the same rule is missing")?;
    for one in ours {
        let (our, their) = (one.agreed(hits)?, same.agreed(hits)?);
        ensure!(our == their, "{}: {} finds {our} hits, {SAME} {their}", case.title, one.name);
    }
    let claims = claims(case, mode, &routes, ours, theirs);
    let title = format!("JASPAR 2024 in {}, both strands, p < {P_VALUE}, {}", case.title, mode.word());
    Ok(Comparison { title, series, claims })
}

/// The number of hits: what stands before the word, or all there is.
fn hits(line: &str) -> Option<&str> {
    line.split_once(" hits").map_or(line, |(before, _)| before).split_whitespace().next_back()
}

fn ours(programs: &Programs, routes: &[Route], fasta: &Path, mode: Mode) -> Vec<Contender> {
    let contender = |route: &Route| {
        let mut command = Command::new(&programs.ours);
        command.arg(&programs.motifs).arg(fasta).args([route.engine, mode.ours()]);
        command.env("RAYON_NUM_THREADS", "1");
        Contender { name: route.name, command }
    };
    routes.iter().map(contender).collect()
}

fn peers(programs: &Programs, fasta: &Path, mode: Mode) -> Vec<Contender> {
    let mut contenders = Vec::new();
    for (name, word) in [(SAME, "memelite"), ("MOODS", "moods")] {
        let mut command = programs.python.script("fimo.py");
        command.arg(word).arg(&programs.folder).arg(&programs.motifs).arg(fasta).arg(mode.word());
        contenders.push(Contender { name, command });
    }
    let weights = programs.folder.join("weights.txt");
    let rust = |name: &'static str| {
        let mut command = Command::new(&programs.rust);
        command.arg(name).arg(&weights).arg(fasta);
        command
    };
    let mut lightmotif = rust("lightmotif");
    lightmotif.arg(mode.word());
    contenders.push(Contender { name: "lightmotif", command: lightmotif });
    contenders.push(Contender { name: "universalmotif", command: rust("universalmotif") });
    contenders
}

fn claims(case: &Case, mode: Mode, routes: &[Route], ours: &[Series], theirs: &[Series]) -> Vec<Claim> {
    let best = theirs.iter().min_by(|a, b| a.work().total_cmp(&b.work()));
    let Some(best) = best else { return Vec::new() };
    let mut claims = Vec::new();
    for (route, series) in routes.iter().zip(ours) {
        let what = format!("{}, CPU of the whole process / CPU of {}'s work", route.name, best.name);
        claims.push(Claim::ratio(what, series.process() / best.work(), route.at_most));
    }
    if let Some(fastest) = ours.last() {
        if let Some(at_most) = case.seconds.filter(|_| mode == Mode::Counts) {
            let what = format!("{}, CPU of the whole process", fastest.name);
            claims.push(Claim { what, unit: Unit::Seconds, value: fastest.process(), at_most });
        }
        let most = ours.iter().map(Series::megabytes).fold(0.0, f64::max);
        let what = "cistron, memory".to_owned();
        claims.push(Claim { what, unit: Unit::Megabytes, value: most, at_most: MEMORY });
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_hits_is_found_in_a_line() {
        for (line, number) in [("12", Some("12")), ("Avx2 counts: 12 hits, 0.1 s", Some("12")), ("", None)] {
            assert_eq!(hits(line), number, "{line}");
        }
    }
}
