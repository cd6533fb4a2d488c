//! `cistron regions split`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use cistron::genome::{ContigSplit, bed};
use cistron::{Observer, Warning};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::output::Output;
use crate::parts::{PARTS, PartsArgs};
use crate::record::{Record, digests};

#[derive(Args)]
pub(crate) struct SplitArgs {
    /// Regions, plain, gzip, bgzip or bigBed
    bed: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
    /// Folder of train.bed, valid.bed and test.bed
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

pub(super) fn split(args: &SplitArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let split = args.parts.split();
    fs::create_dir_all(&args.out_dir).with_context(|| args.out_dir.display().to_string())?;
    let mut outputs = Vec::new();
    for (part, name) in PARTS {
        let path = args.out_dir.join(format!("{name}.bed"));
        outputs.push((part, name, Output::open(Some(&path), context)?, 0_u64));
    }
    let mut rows = bed::Reader::open(&args.bed)?;
    let (mut left_out, mut seen) = (0, BTreeSet::new());
    while let Some(row) = rows.next().transpose()? {
        let contig = row.region.contig();
        let part = split.of(contig);
        if !seen.contains(contig) {
            seen.insert(contig.clone());
        }
        match outputs.iter_mut().find(|(of, ..)| Some(*of) == part) {
            Some((_, _, output, count)) => {
                writeln!(output, "{row}")?;
                *count += 1;
            }
            None => left_out += 1,
        }
    }
    warn(&split, &seen.iter().map(|name| &**name).collect(), left_out, context);
    let mut counts = serde_json::Map::new();
    for (_, name, output, count) in outputs {
        output.commit()?;
        counts.insert(name.to_owned(), count.into());
    }
    counts.insert("left_out".to_owned(), left_out.into());
    let inputs = digests(std::slice::from_ref(&args.bed))?;
    let more = json!({"command": "regions split", "options": args.parts.options(), "counts": counts});
    record.write(&args.out_dir, context, &inputs, &more)
}

fn warn(split: &ContigSplit, seen: &BTreeSet<&str>, left_out: u64, context: &Context) {
    let list = |names: &[&str]| names.join(", ");
    let doubled: Vec<&str> = split.doubled().collect();
    let absent: Vec<&str> = split.named().filter(|name| !seen.contains(name)).collect();
    for (count, what) in [
        (doubled.len() as u64, format!("contigs named for more than one part: {}", list(&doubled))),
        (absent.len() as u64, format!("contigs named that no region is on: {}", list(&absent))),
        (left_out, "regions in no part left out".to_owned()),
    ] {
        if count > 0 {
            context.progress.warn(Warning::new(count, what));
        }
    }
}
