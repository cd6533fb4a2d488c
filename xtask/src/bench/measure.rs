//! What a process costs.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::run::shown;

/// One run of a program.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// CPU seconds of the whole process, of the program and of the kernel on its behalf.
    pub(super) process: f64,
    /// CPU seconds of the work alone, where the program says so: without the start of an interpreter.
    pub(super) work: Option<f64>,
    pub(super) wall: f64,
    /// The largest resident memory, in MiB.
    pub(super) memory: f64,
    /// What the program printed.
    pub(super) printed: String,
}

/// Runs a program to its end.
///
/// A last line `work SECONDS` of its output is the CPU time of the work alone.
pub(super) fn measure(command: &mut Command) -> Result<Cost> {
    let start = Instant::now();
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {}", shown(command)))?;
    let mut printed = String::new();
    let mut pipe = child.stdout.take().context("the child has no output")?;
    pipe.read_to_string(&mut printed).with_context(|| format!("cannot read from {}", shown(command)))?;
    let (success, process, memory) = wait(child)?;
    ensure!(success, "{} failed", shown(command));
    let work = printed.lines().find_map(|line| line.strip_prefix("work ")).map(str::parse).transpose()?;
    Ok(Cost { process, work, wall: start.elapsed().as_secs_f64(), memory, printed })
}

/// Whether a child succeeded, its CPU seconds and its peak memory in MiB.
#[cfg(unix)]
fn wait(mut child: Child) -> Result<(bool, f64, f64)> {
    use wait4::Wait4;

    let used = child.wait4().context("cannot wait for a child")?;
    let process = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok((used.status.success(), process, used.rusage.maxrss as f64 / 1024.0 / 1024.0))
}

#[cfg(not(unix))]
fn wait(_child: Child) -> Result<(bool, f64, f64)> {
    anyhow::bail!("the cost of a process is known on Unix alone")
}

/// The middle, the least and the largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, least: 1.0, most: 4.0 }));
        assert_eq!(spread(&[]), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_process_is_measured() {
        let mut command = Command::new("sh");
        let cost = measure(command.args(["-c", "echo sum 7; echo work 0.25"])).unwrap();
        assert_eq!(cost.work, Some(0.25));
        assert!(cost.printed.starts_with("sum 7\n") && cost.memory > 0.0 && cost.process < 1.0);
        assert!(measure(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }
}
