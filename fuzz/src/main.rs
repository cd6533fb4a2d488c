//! The program behind `cargo xtask fuzz`.

#![expect(clippy::print_stdout, reason = "a tool of the terminal")]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cistron::Seed;
use clap::Parser;
use cpu_time::ProcessTime;
use fuzz::{Campaign, Failure, TARGETS};

/// CPU time between reports.
const MINUTE: Duration = Duration::from_mins(1);

/// Runs targets in turn, a second each, until each has had its minutes.
#[derive(Parser)]
struct Arguments {
    /// CPU minutes of each target.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// These targets alone (may be given more than once).
    #[arg(long = "target", value_name = "NAME", value_parser = TARGETS.map(|target| target.name))]
    targets: Vec<String>,
    /// Other numbers give other inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write this input of the one target and stop.
    #[arg(long, value_name = "INDEX", requires = "targets")]
    input: Option<u64>,
    /// Where inputs that break a target go.
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.out_dir)?;
    let chosen = |name: &str| arguments.targets.is_empty() || arguments.targets.iter().any(|it| it == name);
    let targets = TARGETS.iter().filter(|target| chosen(target.name));
    let seed = Seed::new(arguments.seed);
    let mut campaigns: Vec<_> = targets.map(|target| (Campaign::new(target, seed), 0.0)).collect();
    if let Some(index) = arguments.input {
        let (campaign, _) = &campaigns[0];
        return write_input(&arguments, campaign.target().name, index, &campaign.input(index));
    }
    // What a target says when it panics is told once, by us.
    std::panic::set_hook(Box::new(|_| {}));
    let mut failures = 0;
    let mut told = ProcessTime::try_now()?;
    while campaigns.iter().any(|(_, spent)| *spent < 60.0 * arguments.minutes) {
        for (campaign, spent) in &mut campaigns {
            failures += turn(&arguments, campaign, spent)?;
        }
        if told.try_elapsed()? > MINUTE {
            told = ProcessTime::try_now()?;
            report(&campaigns);
        }
    }
    report(&campaigns);
    if failures > 0 {
        bail!("{failures} input(s) broke a target: see {}", arguments.out_dir.display());
    }
    Ok(())
}

/// One target for about a second; returns the number of failures.
fn turn(arguments: &Arguments, campaign: &mut Campaign, spent: &mut f64) -> Result<u64> {
    let path = arguments.out_dir.join(format!("{}.running", campaign.target().name));
    let mut running = File::create(&path).with_context(|| path.display().to_string())?;
    let (cpu, wall) = (ProcessTime::try_now()?, Instant::now());
    let mut failures = 0;
    while wall.elapsed().as_secs_f64() < 1.0 {
        // If the process dies, this file names the input.
        running.seek(SeekFrom::Start(0))?;
        running.write_all(campaign.tally().inputs.to_string().as_bytes())?;
        if let Err(failure) = campaign.step() {
            failures += 1;
            record(arguments, campaign.target().name, &failure)?;
        }
    }
    *spent += cpu.try_elapsed()?.as_secs_f64();
    fs::remove_file(path)?;
    Ok(failures)
}

fn record(arguments: &Arguments, target: &str, failure: &Failure) -> Result<()> {
    println!("{target}: input {} of seed {}: {}", failure.index, arguments.seed, failure.message);
    write_input(arguments, target, failure.index, &failure.input)
}

fn write_input(arguments: &Arguments, target: &str, index: u64, input: &[u8]) -> Result<()> {
    let path = arguments.out_dir.join(format!("{target}-{}-{index}", arguments.seed));
    fs::write(&path, input).with_context(|| path.display().to_string())?;
    println!("{target}: wrote {}", path.display());
    Ok(())
}

fn report(campaigns: &[(Campaign, f64)]) {
    println!("{:14} {:>12} {:>12} {:>12}", "target", "inputs", "taken", "CPU minutes");
    for (campaign, spent) in campaigns {
        let tally = campaign.tally();
        println!(
            "{:14} {:12} {:12} {:12.2}",
            campaign.target().name,
            tally.inputs,
            tally.taken,
            spent / 60.0
        );
    }
}
