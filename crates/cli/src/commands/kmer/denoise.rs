//! `cistron kmer denoise`.

use std::path::PathBuf;

use cistron::encode::kmer::Correction;
use cistron::{Observer, Warning};
use clap::Args;
use rayon::prelude::*;

use super::model::Model;
use super::sequences::{Record, Records};
use crate::context::Context;
use crate::output::Output;

#[derive(Args)]
pub(crate) struct DenoiseArgs {
    /// Folder of the model
    model: PathBuf,
    /// K-mers or reads: FASTA or FASTQ, plain, gzip or bgzip
    #[arg(value_name = "FASTA|FASTQ")]
    input: PathBuf,
    /// Let the k-mers of a spectrum vote, as those of any other model do, in place of following paths of trusted ones
    #[arg(long)]
    votes: bool,
    /// Output in the format of the input [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Records in memory at a time, and those of a piece of work.
const AT_ONCE: usize = 1 << 16;
const PIECE: usize = 1 << 10;

pub(super) fn run(args: &DenoiseArgs, context: &Context) -> anyhow::Result<()> {
    let (model, _) = Model::load(&args.model)?;
    let mut records = Records::open(&args.input)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    let run = context.run();
    let (mut untouched, mut partial) = (0, 0);
    loop {
        let mut block = records.by_ref().take(AT_ONCE).collect::<anyhow::Result<Vec<Record>>>()?;
        if block.is_empty() {
            break;
        }
        if run.is_cancelled() {
            anyhow::bail!("stopped");
        }
        let outcomes: Vec<Vec<Correction>> = block
            .par_chunks_mut(PIECE)
            .map(|piece| denoise(&model, args.votes, piece))
            .collect::<anyhow::Result<_>>()?;
        for outcome in outcomes.into_iter().flatten() {
            untouched += u64::from(outcome == Correction::Untouched);
            partial += u64::from(matches!(outcome, Correction::Partial { .. }));
        }
        block.iter().try_for_each(|record| record.write(&mut output))?;
    }
    output.commit()?;
    for (count, what) in [
        (untouched, "records left as they are: shorter than a k-mer, or without one to start from"),
        (partial, "records corrected in part"),
    ] {
        if count > 0 {
            context.progress.warn(Warning::new(count, what));
        }
    }
    Ok(())
}

/// Denoises records; letters whose base stays are kept as they are.
fn denoise(model: &Model, votes: bool, records: &mut [Record]) -> anyhow::Result<Vec<Correction>> {
    let before: Vec<Vec<u8>> = records.iter().map(Record::codes).collect();
    let mut after = before.clone();
    let outcomes = model.denoise_reads(&mut after, votes)?;
    for (record, (before, after)) in records.iter_mut().zip(before.iter().zip(&after)) {
        for (letter, (old, new)) in record.letters.iter_mut().zip(before.iter().zip(after)) {
            if old != new {
                *letter = b"ACGT"[usize::from(*new)];
            }
        }
    }
    Ok(outcomes)
}
