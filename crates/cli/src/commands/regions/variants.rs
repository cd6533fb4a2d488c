//! `cistron regions variants`.

use std::io::Write;
use std::path::PathBuf;

use cistron::genome::open_reference;
use cistron::{Alphabet, Observer, Region, Sequence, Strand, Warning};
use clap::Args;

use super::super::genome::inside;
use crate::context::Context;
use crate::input::{GenomeArgs, region_error};
use crate::output::Output;

/// Bases that are read at a time.
const STRETCH: u64 = 1 << 16;

#[derive(Args)]
pub(crate) struct VariantsArgs {
    /// Genome, plain, bgzip or gzip
    fasta: PathBuf,
    /// Region, CONTIG:START-END, 0-based and half-open
    #[arg(long, value_name = "REGION")]
    region: String,
    #[command(flatten)]
    genome: GenomeArgs,
    /// Output VCF, bgzip if its name ends in .gz [default: standard output]
    #[arg(long, short, value_name = "VCF")]
    output: Option<PathBuf>,
}

pub(super) fn variants(args: &VariantsArgs, context: &Context) -> anyhow::Result<()> {
    let (region, _) = Region::parse_with_strand(&args.region).map_err(region_error)?;
    let reference = open_reference(&args.fasta, args.genome.max_memory)?;
    inside(&*reference, &region, Strand::Forward)?;
    let contig = reference.contig(region.contig())?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "##fileformat=VCFv4.2\n##contig=<ID={},length={}>", contig.name, contig.length)?;
    writeln!(output, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")?;
    let (mut unknown, mut codes) = (0, Vec::new());
    for start in (region.start()..region.end()).step_by(STRETCH as usize) {
        let end = region.end().min(start + STRETCH);
        let window = inside(&*reference, &Region::new(contig.name.clone(), start, end)?, Strand::Forward)?;
        codes.clear();
        reference.fetch_into(&window, &mut codes)?;
        let letters = Sequence::from_codes(&Alphabet::dna(), std::mem::take(&mut codes))?.to_string();
        for (position_1based, letter) in (start + 1..).zip(letters.chars()) {
            if !"ACGT".contains(letter) {
                unknown += 1;
                continue;
            }
            for other in "ACGT".chars().filter(|other| *other != letter) {
                writeln!(output, "{}\t{position_1based}\t.\t{letter}\t{other}\t.\t.\t.", contig.name)?;
            }
        }
    }
    output.commit()?;
    if unknown > 0 {
        context.progress.warn(Warning::new(unknown, "positions without a known base left out"));
    }
    Ok(())
}
