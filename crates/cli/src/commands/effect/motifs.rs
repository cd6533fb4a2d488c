//! `cistron effect motifs`: which motifs a variant makes or breaks.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::effects::OnMismatch;
use cistron::genome::{fasta, open_reference, vcf};
use cistron::motif::{AlleleScanner, FimoOptions, MotifChange, MotifSet, ScanThreshold};
use cistron::{Alphabet, Reference, Strand, Variant, VariantRow, Window};
use clap::Args;
use rayon::prelude::*;

use super::tally::{MismatchArg, Tally};
use crate::commands::motif::{option_error, read_motifs};
use crate::context::{Context, usage};
use crate::input::GenomeArgs;
use crate::output::{Number, Output};

/// Variants that are compared at a time.
const AT_ONCE: usize = 1024;

const HEADER: &str =
    "id\tmotif_name\tmotif_idx\tstrand\tposition\tscore_ref\tscore_alt\tp_ref\tp_alt\tchange";

#[derive(Args)]
pub(crate) struct MotifsArgs {
    /// Motifs in any format
    motifs: PathBuf,
    /// Genome, plain, bgzip or gzip
    #[arg(long, value_name = "FASTA", requires = "variants of a genome")]
    fasta: Option<PathBuf>,
    /// Variants, plain, gzip or bgzip
    #[arg(long, value_name = "VCF", requires = "fasta", group = "variants of a genome")]
    vcf: Option<PathBuf>,
    /// A variant such as chr1:209827887_C>T; may be repeated
    #[arg(long = "variant", value_name = "VARIANT", requires = "fasta", group = "variants of a genome")]
    variants: Vec<VariantRow>,
    /// FASTA records in pairs, the reference before the alternate sequence; the id is the name of the first, without
    /// `_ref` at its end
    #[arg(long, value_name = "FASTA", conflicts_with = "fasta", required_unless_present = "fasta")]
    sequences: Option<PathBuf>,
    /// Report motifs whose best window has a p-value below P with one of the alleles
    #[arg(long, value_name = "P", default_value_t = 1e-3)]
    threshold: f64,
    /// What is done if the genome has another reference allele
    #[arg(long, value_enum, default_value_t)]
    on_mismatch: MismatchArg,
    #[command(flatten)]
    genome: GenomeArgs,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "TSV")]
    output: Option<PathBuf>,
}

/// Both sequences of a variant.
struct Alleles {
    id: String,
    /// Where the sequences begin, 0-based.
    start: i64,
    reference: Vec<u8>,
    alternate: Vec<u8>,
}

pub(super) fn motifs(args: &MotifsArgs, context: &Context) -> anyhow::Result<()> {
    let set = read_motifs(&args.motifs, context)?;
    let options = FimoOptions { threshold: ScanThreshold::PValue(args.threshold), ..FimoOptions::default() };
    let scanner = AlleleScanner::new(&set, &options).map_err(option_error)?;
    let mut table =
        Table { set: &set, scanner: &scanner, output: Output::open(args.output.as_ref(), context)? };
    writeln!(table.output, "{HEADER}")?;
    match (&args.fasta, &args.sequences) {
        (Some(fasta), _) => of_genome(args, fasta, &mut table, context)?,
        (None, Some(path)) => of_pairs(path, set.alphabet(), &mut table)?,
        (None, None) => {
            return Err(usage("no variants, expected --fasta with --vcf or --variant, or --sequences"));
        }
    }
    table.output.commit()
}

fn of_genome(
    args: &MotifsArgs,
    fasta: &Path,
    table: &mut Table<'_>,
    context: &Context,
) -> anyhow::Result<()> {
    let genome = open_reference(fasta, args.genome.max_memory)?;
    let mut tally = Tally::default();
    let mut some = |rows: &[VariantRow], table: &mut Table<'_>| -> anyhow::Result<()> {
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let resolved = OnMismatch::from(args.on_mismatch).resolve(row, &*genome)?;
            tally.add(resolved.status, resolved.mismatch);
            if let Some(variant) = resolved.variant {
                all.push(alleles(row, &variant, table.scanner.flank(), &*genome)?);
            }
        }
        table.write(&all)
    };
    match &args.vcf {
        None => some(&args.variants, table)?,
        Some(path) => {
            let mut records = vcf::Reader::open(path)?;
            loop {
                let block: Vec<vcf::Record> = records.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
                if block.is_empty() {
                    break;
                }
                some(&block.iter().flat_map(vcf::Record::rows).collect::<Vec<_>>(), table)?;
            }
        }
    }
    tally.warn("variants", context);
    Ok(())
}

/// The sequences of a variant with as much on both sides as a motif may reach.
fn alleles(
    row: &VariantRow,
    variant: &Variant,
    flank: usize,
    genome: &dyn Reference,
) -> anyhow::Result<Alleles> {
    let region = variant.region();
    let (begin, end) = (region.start() as i64, region.end() as i64);
    let fetch = |start: i64, width: usize| -> anyhow::Result<Vec<u8>> {
        let mut codes = Vec::new();
        genome.fetch_into(
            &Window::new(region.contig().clone(), start, width as u32, Strand::Forward)?,
            &mut codes,
        )?;
        Ok(codes)
    };
    let left = if flank > 0 { fetch(begin - flank as i64, flank)? } else { Vec::new() };
    let right = if flank > 0 { fetch(end, flank)? } else { Vec::new() };
    let middle = if end > begin { fetch(begin, (end - begin) as usize)? } else { Vec::new() };
    let VariantRow { contig, position, reference, alternate, .. } = row;
    let id = row
        .id
        .as_deref()
        .map_or_else(|| format!("{contig}:{position}:{reference}:{alternate}"), str::to_owned);
    Ok(Alleles {
        id,
        start: begin - flank as i64,
        reference: [&left[..], &middle, &right].concat(),
        alternate: [&left[..], variant.alternate().codes(), &right].concat(),
    })
}

fn of_pairs(path: &Path, alphabet: &Alphabet, table: &mut Table<'_>) -> anyhow::Result<()> {
    let file = path.display();
    let mut records = fasta::Reader::open(path)?.with_alphabet(alphabet);
    let mut all = Vec::new();
    while let Some(reference) = records.next().transpose()? {
        let Some(alternate) = records.next().transpose()? else {
            let name = &reference.name;
            anyhow::bail!("{file}: record `{name}` has no alternate after it, expected records in pairs");
        };
        let codes = |record: &fasta::Record| -> anyhow::Result<Vec<u8>> {
            Ok(record.to_sequence(alphabet)?.codes().to_vec())
        };
        let id = reference.name.strip_suffix("_ref").unwrap_or(&reference.name).to_owned();
        all.push(Alleles { id, start: 0, reference: codes(&reference)?, alternate: codes(&alternate)? });
        if all.len() == AT_ONCE {
            table.write(&all)?;
            all.clear();
        }
    }
    table.write(&all)
}

struct Table<'a> {
    set: &'a MotifSet,
    scanner: &'a AlleleScanner,
    output: Output,
}

impl Table<'_> {
    fn write(&mut self, all: &[Alleles]) -> anyhow::Result<()> {
        let changes: Vec<Vec<MotifChange>> =
            all.par_iter().map(|it| self.scanner.changes(&it.reference, &it.alternate)).collect();
        for (alleles, changes) in all.iter().zip(changes) {
            for it in changes {
                let (name, position) =
                    (self.set.motifs()[it.motif as usize].full_name(), alleles.start + it.start as i64);
                let scores =
                    [it.reference_score, it.alternate_score, it.reference_p, it.alternate_p, it.change()];
                let [r, a, p_r, p_a, change] = scores.map(Number);
                let (id, index, strand) = (&alleles.id, it.motif, it.strand);
                writeln!(
                    self.output,
                    "{id}\t{name}\t{index}\t{strand}\t{position}\t{r}\t{a}\t{p_r}\t{p_a}\t{change}"
                )?;
            }
        }
        Ok(())
    }
}
