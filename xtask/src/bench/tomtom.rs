//! Motifs and seqlets against all motifs of JASPAR, beside memelite and universalmotif.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::measure::measure;
use super::peers::{MOTIFS, MOTIFS_IN_RUST, Peers, build};
use super::report::{Claim, Comparison, Contender, Series, Unit, finish, race};
use super::{folder, release};
use crate::run::status;
use crate::workspace::{Workspace, folder_of};

/// Our resident memory, in millions of bytes.
const MEMORY: f64 = 500.0;

/// Seconds that a user waits for one seqlet.
const FRESH: f64 = 0.1;

/// How far the least p-values may be apart, as a part of the smaller.
const TOLERANCE: f64 = 1e-8;

/// The programs and where their files are.
struct Programs {
    ours: PathBuf,
    rust: PathBuf,
    python: Peers,
    /// The motifs of JASPAR, those of HOCOMOCO, many seqlets and one.
    jaspar: PathBuf,
    hocomoco: PathBuf,
    seqlets: PathBuf,
    seqlet: PathBuf,
}

/// A comparison and what ours may cost of memelite.
struct Case<'a> {
    title: &'static str,
    arguments: Vec<&'a Path>,
    task: &'static str,
    at_most: f64,
}

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let (data, folder) = (folder_of("CISTRON_DATA")?, folder(workspace, "tomtom")?);
    let motifs = data.join("motifs");
    let programs = Programs {
        ours: PathBuf::from(release(workspace, "tomtom")?.get_program()),
        rust: build(workspace)?,
        python: Peers::install(workspace, &MOTIFS)?,
        jaspar: motifs.join("JASPAR2024.meme"),
        hocomoco: motifs.join("H13CORE_meme_format.meme"),
        seqlets: folder.join("seqlets.txt"),
        seqlet: folder.join("seqlet.txt"),
    };
    let mut prepare = programs.python.script("tomtom.py");
    prepare.arg("prepare").arg(data.join("genomes").join("ecoli_k12_mg1655.fa.gz"));
    status(prepare.arg(&folder))?;
    let cases = cases(&programs);
    let mut all = cases.iter().map(|case| compare(&programs, case, runs)).collect::<Result<Vec<_>>>()?;
    all.push(fresh(&programs, runs)?);
    finish(workspace, "tomtom", &[&MOTIFS[..], &MOTIFS_IN_RUST[..]].concat(), &all)
}

fn cases(programs: &Programs) -> [Case<'_>; 3] {
    let Programs { jaspar, hocomoco, seqlets, .. } = programs;
    [
        Case {
            title: "each motif of JASPAR 2024 against each",
            arguments: vec![jaspar],
            task: "all",
            at_most: 1.0 / 2.0,
        },
        Case {
            title: "each motif of HOCOMOCO 13 against each of JASPAR 2024",
            arguments: vec![hocomoco, jaspar],
            task: "pairs",
            at_most: 1.0 / 2.0,
        },
        Case {
            title: "1,000 seqlets of 8 to 25 letters against each motif of JASPAR 2024",
            arguments: vec![seqlets, jaspar],
            task: "sequences",
            at_most: 1.0 / 5.0,
        },
    ]
}

fn ours(programs: &Programs, task: &str, arguments: &[&Path]) -> Contender {
    let mut command = Command::new(&programs.ours);
    command.arg(task).args(arguments).env("RAYON_NUM_THREADS", "1");
    Contender { name: "cistron", command }
}

fn memelite(programs: &Programs, task: &str, arguments: &[&Path]) -> Command {
    let mut command = programs.python.script("tomtom.py");
    command.arg(task).args(arguments);
    command
}

fn compare(programs: &Programs, case: &Case<'_>, runs: usize) -> Result<Comparison> {
    let command = memelite(programs, case.task, &case.arguments);
    let contenders =
        vec![ours(programs, case.task, &case.arguments), Contender { name: "memelite", command }];
    let mut series = race(contenders, runs)?;
    let (ours, theirs) = ours_and_theirs(&series)?;
    let what = "CPU of our whole process / CPU of memelite's work";
    let claims = vec![Claim::ratio(what, ours.process() / theirs.work(), case.at_most), memory(ours)];
    if case.task == "all" {
        // All of them take minutes.
        let mut command = Command::new(&programs.rust);
        command.arg("tomtom").args(&case.arguments).arg("100");
        series.push(once("universalmotif, 100", &mut command)?);
    }
    Ok(Comparison { title: case.title.to_owned(), series, claims })
}

/// One seqlet in a process of its own, with all that its user waits for.
fn fresh(programs: &Programs, runs: usize) -> Result<Comparison> {
    let arguments = [programs.seqlet.as_path(), programs.jaspar.as_path()];
    let mut command = memelite(programs, "sequences", &arguments);
    command.arg("--fresh");
    let contenders = vec![ours(programs, "sequences", &arguments), Contender { name: "memelite", command }];
    let mut series = race(contenders, runs)?;
    let (ours, _) = ours_and_theirs(&series)?;
    let claim =
        |what: &str, value| Claim { what: what.to_owned(), unit: Unit::Seconds, value, at_most: FRESH };
    let claims = vec![
        claim("CPU of our whole process", ours.process()),
        claim("wall time of our whole process", ours.wall()),
        memory(ours),
    ];
    // The first process after an installation.
    let mut command = memelite(programs, "sequences", &arguments);
    series.push(once("memelite, compiling", command.arg("--compile"))?);
    Ok(Comparison { title: "one seqlet in a fresh process".to_owned(), series, claims })
}

/// A program that takes minutes runs once.
fn once(name: &'static str, command: &mut Command) -> Result<Series> {
    Ok(Series { name, costs: vec![measure(command)?] })
}

fn memory(ours: &Series) -> Claim {
    Claim { what: "memory".to_owned(), unit: Unit::Megabytes, value: ours.megabytes(), at_most: MEMORY }
}

/// Ours and memelite; fails if they did not find the same.
fn ours_and_theirs(series: &[Series]) -> Result<(&Series, &Series)> {
    let of =
        |name: &str| series.iter().find(|series| series.name == name).context(format!("{name} was not run"));
    let (ours, theirs) = (of("cistron")?, of("memelite")?);
    let (our, their) = (Checksum::parse(ours.result()?)?, Checksum::parse(theirs.result()?)?);
    ensure!(our.agrees(&their), "cistron finds {our:?}, memelite {their:?}");
    Ok((ours, theirs))
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
struct Checksum {
    pairs: u64,
    scores: u64,
    least_p: f64,
}

impl Checksum {
    fn parse(line: &str) -> Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [pairs, scores, least_p] = words[..] else {
            anyhow::bail!("`{line}` is no checksum, expected pairs, sum of scores and least p-value");
        };
        Ok(Self { pairs: pairs.parse()?, scores: scores.parse()?, least_p: least_p.parse()? })
    }

    fn agrees(&self, other: &Self) -> bool {
        let apart = (self.least_p - other.least_p).abs();
        let near = apart <= TOLERANCE * self.least_p.min(other.least_p);
        (self.pairs, self.scores) == (other.pairs, other.scores) && near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_on_scores_exactly_and_on_the_p_value_nearly() {
        let parse = |line| Checksum::parse(line).unwrap();
        let one = parse("4 120 2.5e-3");
        assert!(one.agrees(&parse("4 120 2.50000000001e-3")));
        for other in ["5 120 2.5e-3", "4 121 2.5e-3", "4 120 2.50001e-3", "4 120 NaN"] {
            assert!(!one.agrees(&parse(other)), "{other}");
        }
        assert!(Checksum::parse("4 120").is_err());
        assert!(Checksum::parse("4 1.5 0.1").is_err());
    }
}
