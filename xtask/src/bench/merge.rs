//! A million regions merged, beside bedtools.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::report::{Claim, Comparison, Contender, finish, race};
use super::signal::same_bytes;
use super::{folder, release};
use crate::run::{output, status};
use crate::workspace::Workspace;

/// Regions, as the benchmark's program makes them.
const REGIONS: &str = "1000000";

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let version = output(Command::new("bedtools").arg("--version"));
    let version = version.context("bedtools is not to be found, expected it on the PATH")?;
    let folder = folder(workspace, "merge")?;
    let program = PathBuf::from(release(workspace, "merge")?.get_program());
    let mut all = Vec::new();
    for (name, order, peer) in [
        ("sorted", "--sorted", r#"bedtools merge -i "$0" > "$1""#),
        ("in any order", "--shuffled", r#"LC_ALL=C sort -k1,1 -k2,2n "$0" | bedtools merge -i - > "$1""#),
    ] {
        let file = folder.join(order.trim_start_matches('-')).with_extension("bed");
        status(Command::new(&program).arg(&file).args([REGIONS, order]))?;
        let (ours, theirs) = (folder.join("ours.bed"), folder.join("theirs.bed"));
        let mut command = Command::new(&program);
        command.arg(&file).arg(&ours);
        let mut bedtools = Command::new("sh");
        bedtools.args(["-c", peer]).args([&file, &theirs]);
        let contenders =
            vec![Contender { name: "cistron", command }, Contender { name: "bedtools", command: bedtools }];
        let series = race(contenders, runs)?;
        same_bytes(&ours, &theirs)?;
        let what = "CPU of our process / CPU of bedtools, with sort where it is needed";
        let claims = vec![Claim::ratio(what, series[0].process() / series[1].process(), 1.0)];
        all.push(Comparison { title: format!("{REGIONS} regions, {name}"), series, claims });
    }
    finish(workspace, "merge", &[version.trim()], &all)
}
