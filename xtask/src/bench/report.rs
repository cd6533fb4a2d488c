//! Tables of costs, on the terminal and as JSON.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::machine;
use super::measure::{Cost, Spread, measure};
use crate::workspace::Workspace;

/// One program of a comparison.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) command: Command,
}

/// The costs of one program.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) costs: Vec<Cost>,
}

impl Series {
    /// CPU seconds of the whole process.
    pub(super) fn process(&self) -> f64 {
        Spread::of(self.costs.iter().map(|cost| cost.process)).map_or(f64::NAN, |spread| spread.median)
    }

    /// CPU seconds of the work alone, or of the whole process if the program does not say.
    pub(super) fn work(&self) -> f64 {
        let work = Spread::of(self.costs.iter().filter_map(|cost| cost.work));
        work.map_or_else(|| self.process(), |spread| spread.median)
    }

    /// Seconds from start to end.
    pub(super) fn wall(&self) -> f64 {
        Spread::of(self.costs.iter().map(|cost| cost.wall)).map_or(f64::NAN, |spread| spread.median)
    }

    /// The largest resident memory of all runs, in millions of bytes.
    pub(super) fn megabytes(&self) -> f64 {
        let spread = Spread::of(self.costs.iter().map(|cost| cost.memory));
        spread.map_or(f64::NAN, |spread| spread.most * 1024.0 * 1024.0 / 1e6)
    }

    /// The first line that the program printed, if all runs agree on it.
    pub(super) fn result(&self) -> Result<&str> {
        self.agreed(Some)
    }

    /// A part of the first line that the program printed, if all runs agree on it.
    pub(super) fn agreed<'a>(&'a self, part: impl Fn(&'a str) -> Option<&'a str>) -> Result<&'a str> {
        let mut parts = self.costs.iter().map(|cost| cost.printed.lines().next().and_then(&part));
        let first = parts.next().flatten();
        let first = first.with_context(|| format!("{} printed nothing of use", self.name))?;
        let agree = parts.all(|part| part == Some(first));
        anyhow::ensure!(agree, "{} printed another result than {first} in one of its runs", self.name);
        Ok(first)
    }

    /// The first line of the first run.
    fn printed(&self) -> Option<&str> {
        self.costs.first().and_then(|cost| cost.printed.lines().next())
    }

    fn json(&self) -> Value {
        let list = |of: &dyn Fn(&Cost) -> Option<f64>| self.costs.iter().map(of).collect::<Vec<_>>();
        json!({
            "name": self.name,
            "printed": self.printed(),
            "process_cpu_seconds": list(&|cost| Some(cost.process)),
            "work_cpu_seconds": list(&|cost| cost.work),
            "wall_seconds": list(&|cost| Some(cost.wall)),
            "peak_mebibytes": list(&|cost| Some(cost.memory)),
        })
    }
}

/// A program that ends within so many seconds runs several times a round: what else the machine does at the moment
/// would be a large part of what one run costs.
const SHORT: f64 = 1.0;
const SHORT_RUNS: usize = 5;

/// Runs the programs in turn, `runs` rounds after one that does not count.
pub(super) fn race(mut contenders: Vec<Contender>, runs: usize) -> Result<Vec<Series>> {
    let mut all: Vec<Series> =
        contenders.iter().map(|it| Series { name: it.name, costs: Vec::with_capacity(runs) }).collect();
    let first = contenders.iter_mut().map(|it| measure(&mut it.command)).collect::<Result<Vec<_>>>()?;
    for _ in 0..runs {
        for ((contender, series), first) in contenders.iter_mut().zip(&mut all).zip(&first) {
            for _ in 0..if first.wall < SHORT { SHORT_RUNS } else { 1 } {
                series.costs.push(measure(&mut contender.command)?);
            }
        }
    }
    Ok(all)
}

/// A comparison that has been made.
pub(super) struct Comparison {
    pub(super) title: String,
    pub(super) series: Vec<Series>,
    pub(super) claims: Vec<Claim>,
}

/// What is claimed: a number and its largest allowed value.
pub(super) struct Claim {
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) value: f64,
    pub(super) at_most: f64,
}

/// What a claimed number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Ours divided by a peer's.
    Ratio,
    Seconds,
    /// Millions of bytes.
    Megabytes,
}

impl Claim {
    /// That ours costs at most `at_most` of a peer's.
    pub(super) fn ratio(what: impl Into<String>, value: f64, at_most: f64) -> Self {
        Self { what: what.into(), unit: Unit::Ratio, value, at_most }
    }

    fn holds(&self) -> bool {
        self.value <= self.at_most
    }

    fn line(&self) -> String {
        let Self { what, unit, value, at_most } = self;
        let verdict = if self.holds() { "holds" } else { "DOES NOT HOLD" };
        let number = match unit {
            Unit::Ratio => format!("{value:.5} (1/{:.1}), at most {at_most}", 1.0 / value),
            Unit::Seconds => format!("{value:.4} s, at most {at_most}"),
            Unit::Megabytes => format!("{value:.0} MB, at most {at_most}"),
        };
        format!("{what}: {number}: {verdict}")
    }

    fn json(&self) -> Value {
        let unit = match self.unit {
            Unit::Ratio => "ratio",
            Unit::Seconds => "seconds",
            Unit::Megabytes => "megabytes",
        };
        json!({"what": self.what, "unit": unit, "value": self.value, "at_most": self.at_most,
               "holds": self.holds()})
    }
}

impl Comparison {
    pub(super) fn print(&self) {
        println!("\n{}", self.title);
        println!(
            "{:24} {:>28} {:>28} {:>9} {:>10}  printed",
            "", "CPU s, process", "CPU s, work", "wall s", "peak MiB"
        );
        for series in &self.series {
            let of = |value: &dyn Fn(&Cost) -> Option<f64>| Spread::of(series.costs.iter().filter_map(value));
            let spread = |spread: Option<Spread>| match spread {
                Some(Spread { median, least, most }) => format!("{median:.4} ({least:.4} to {most:.4})"),
                None => "-".to_owned(),
            };
            let median = |spread: Option<Spread>| spread.map_or(f64::NAN, |spread| spread.median);
            println!(
                "{:24} {:>28} {:>28} {:9.4} {:10.1}  {}",
                series.name,
                spread(of(&|cost| Some(cost.process))),
                spread(of(&|cost| cost.work)),
                median(of(&|cost| Some(cost.wall))),
                median(of(&|cost| Some(cost.memory))),
                series.printed().unwrap_or_default(),
            );
        }
        self.claims.iter().for_each(|claim| println!("{}", claim.line()));
    }

    fn json(&self) -> Value {
        json!({
            "title": self.title,
            "series": self.series.iter().map(Series::json).collect::<Vec<_>>(),
            "claims": self.claims.iter().map(Claim::json).collect::<Vec<_>>(),
        })
    }
}

/// Prints and writes the comparisons of a benchmark; fails if a claim does not hold.
pub(super) fn finish(workspace: &Workspace, name: &str, peers: &[&str], all: &[Comparison]) -> Result<()> {
    let comparisons: Vec<Value> = all.iter().map(Comparison::json).collect();
    let value = json!({"name": name, "machine": machine(), "peers": peers, "comparisons": comparisons});
    let path = super::folder(workspace, "")?.join(format!("{name}.json"));
    std::fs::write(&path, format!("{value:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    all.iter().for_each(Comparison::print);
    println!("\nwrote {}", path.display());
    let failed = all.iter().flat_map(|it| &it.claims).filter(|claim| !claim.holds()).count();
    anyhow::ensure!(failed == 0, "{failed} claim(s) of {name} do not hold");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(printed: &[&str]) -> Series {
        let cost = |text: &&str| Cost {
            process: 2.0,
            work: Some(1.0),
            wall: 3.0,
            memory: 4.0,
            printed: (*text).to_owned(),
        };
        Series { name: "x", costs: printed.iter().map(cost).collect() }
    }

    #[test]
    fn runs_have_to_agree() {
        assert_eq!(series(&["7\nwork 1", "7\nwork 2"]).result().unwrap(), "7");
        assert!(series(&["7", "8"]).result().is_err());
        assert!(series(&[""]).result().is_err());
    }

    #[test]
    fn a_claim_holds_up_to_its_bound() {
        let claim = |value| Claim::ratio("a / b", value, 0.5);
        assert!(claim(0.5).holds());
        assert!(!claim(0.51).holds());
        assert!(!claim(f64::NAN).holds());
        assert_eq!(claim(0.25).line(), "a / b: 0.25000 (1/4.0), at most 0.5: holds");
        let memory = Claim { unit: Unit::Megabytes, ..claim(501.0) };
        assert_eq!(memory.line(), "a / b: 501 MB, at most 0.5: DOES NOT HOLD");
    }
}
