//! `cistron kmer simulate`.

use std::io::Write;
use std::path::PathBuf;

use cistron::Strand;
use cistron::encode::kmer::{PackedSequences, ReadOptions, ReadOrigin, ReadSimulator};
use cistron::genome::{fasta, fastq};
use clap::Args;

use super::kmer_error;
use super::sequences::read_named;
use crate::context::Context;
use crate::output::Output;

#[derive(Args)]
pub(crate) struct SimulateArgs {
    /// Genome: FASTA, plain, gzip or bgzip
    fasta: PathBuf,
    /// Bases of a read
    #[arg(long, value_name = "BASES", default_value_t = 100)]
    reads: usize,
    /// Mean number of reads over a base
    #[arg(long, value_name = "X", default_value_t = 60.0)]
    coverage: f64,
    /// The probability that a base is read wrongly
    #[arg(long, value_name = "P", default_value_t = 0.01)]
    error: f64,
    /// The probability that the second haplotype has another base; 0 for one haplotype
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    heterozygosity: f64,
    /// Also write the second haplotype
    #[arg(long, value_name = "FASTA", requires = "heterozygosity")]
    haplotype: Option<PathBuf>,
    /// Output FASTQ: names `read_N contig:start-end(strand) haplotype=H errors=E` [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs, context: &Context) -> anyhow::Result<()> {
    let (genome, names) = read_named(std::slice::from_ref(&args.fasta))?;
    let options = ReadOptions {
        width: args.reads,
        coverage: args.coverage,
        error: args.error,
        heterozygosity: args.heterozygosity,
    };
    let simulator = ReadSimulator::new(&genome, options, context.seed).map_err(kmer_error)?;
    if let Some(path) = &args.haplotype {
        write_haplotype(path, &genome, &names, &simulator, context)?;
    }
    let mut output = Output::open(args.output.as_ref(), context)?;
    let qualities = vec![quality(args.error); args.reads];
    let (mut clean, mut read) = (Vec::new(), Vec::new());
    for index in 0..simulator.len() {
        let origin = simulator.read(index, &mut clean, &mut read);
        for code in &mut read {
            *code = b"ACGT"[usize::from(*code)];
        }
        let header = format!("read_{index} {}", describe(&origin, &genome, &names));
        fastq::write_record(&mut output, &header, &read, &qualities)?;
    }
    output.commit()
}

/// The quality character of a probability of errors, at most 40 as of common machines.
fn quality(error: f64) -> u8 {
    b'!' + (-10.0 * error.log10()).round().clamp(0.0, 40.0) as u8
}

fn describe(origin: &ReadOrigin, genome: &PackedSequences, names: &[String]) -> String {
    let (record, start) = genome.locate(origin.start).unwrap_or_default();
    let end = start + (origin.end - origin.start);
    let strand = if origin.strand == Strand::Reverse { '-' } else { '+' };
    let name = names.get(record).map_or("", String::as_str);
    format!("{name}:{start}-{end}({strand}) haplotype={} errors={}", origin.haplotype, origin.errors)
}

fn write_haplotype(
    path: &PathBuf,
    genome: &PackedSequences,
    names: &[String],
    simulator: &ReadSimulator<'_>,
    context: &Context,
) -> anyhow::Result<()> {
    let mut writer = fasta::Writer::new(Output::open(Some(path), context)?);
    let mut sites = simulator.heterozygous_sites().iter().peekable();
    for (index, name) in names.iter().enumerate() {
        let (Some(mut letters), Some(record)) = (genome.letters(index), genome.record(index)) else {
            continue;
        };
        while let Some(site) = sites.next_if(|site| site.place < record.end) {
            letters[(site.place - record.start) as usize] = b"ACGT"[usize::from(site.alternate)];
        }
        writer.write_record(name, &letters)?;
    }
    let mut output = writer.into_inner();
    output.flush()?;
    output.commit()
}
