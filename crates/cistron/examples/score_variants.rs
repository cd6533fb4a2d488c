//! Variants of a VCF through a model, measured against shuffled sequence, with the motifs that they make or break.
//!
//! `cargo run --release -p cistron --example score_variants`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{Calibration, VariantOptions, VariantScorer};
use cistron::encode::{FnModel, ModelSpec, SequenceBatch};
use cistron::genome::{Genome, vcf};
use cistron::motif::{AlleleScanner, FimoOptions, ScanThreshold, parse_motifs};
use cistron::ndarray::Array3;
use cistron::{Alphabet, Run, Seed, Sequence, VariantRow};

/// The site of ETS factors, as a count matrix.
const ETS: &[u8] =
    b">ETS\tsite\nA [1 1 0 0 9 9 1]\nC [8 8 0 0 0 0 1]\nG [1 1 9 9 0 0 7]\nT [0 0 1 1 1 1 1]\n";
/// A G becomes an A and makes a site; then one that does nothing.
const VARIANTS: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
    chr1\t45\tmakes_a_site\tG\tA\t.\t.\t.\nchr1\t61\tdoes_little\tG\tA,C\t.\t.\t.\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let left = "ACGTTGCATCGATCGTTAGCATGCTAGCTAGCATCGATTA";
    let right = "GTTCATCGATTACGTAGCTAACGTAGCATCGATCGATGCATGC";
    let genome = Genome::from_contigs("toy", [("chr1", format!("{left}CCGGGAG{right}"))])?;
    // A model of your own: how well the best place of a window fits `CCGGAAG`.
    let model = FnModel::new(ModelSpec::scalar(Alphabet::dna(), Some(40), "fit"), |batch: &SequenceBatch| {
        let site = [1, 1, 2, 2, 0, 0, 2];
        let fit = |window: &[u8]| window.iter().zip(site).filter(|(code, base)| *code == base).count();
        let best = |i: usize| {
            let codes = batch.codes().row(i).to_vec();
            codes.windows(site.len()).map(|window| fit(window).pow(2)).max().unwrap_or(0) as f32
        };
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, ..)| best(i)))
    });
    let records = vcf::Reader::new("variants.vcf", VARIANTS.as_bytes())?.collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<VariantRow> = records.iter().flat_map(vcf::Record::rows).collect();
    let scorer = VariantScorer::new(&genome, &[&model], VariantOptions::default())?;
    let background = scorer.shuffled_background(&rows, 200, Seed::new(0), Run::default())?;
    let calibration = Calibration::new(&background)?;
    let set = parse_motifs(ETS, "ets.jaspar", &())?;
    let options = FimoOptions { threshold: ScanThreshold::PValue(0.01), ..FimoOptions::default() };
    let motifs = AlleleScanner::new(&set, &options)?;
    println!("variant          alt  difference  p       motif");
    for (row, score) in rows.iter().zip(scorer.score(&rows, Run::default())?) {
        let difference = scorer.differences(&score).next().unwrap_or(f64::NAN);
        let letters = String::from_utf8_lossy(genome.letters(0).unwrap_or_default()).into_owned();
        let place = row.position as usize - 1;
        let edited = format!("{}{}{}", &letters[..place], row.alternate, &letters[place + 1..]);
        let codes = |letters: &str| Sequence::parse(&Alphabet::dna(), letters).map(|it| it.codes().to_vec());
        let changed = motifs.changes(&codes(&letters)?, &codes(&edited)?);
        let motif = changed.first().map_or(String::new(), |it| format!("ETS by {:+.1} bits", it.change()));
        let (id, alternate) = (row.id.as_deref().unwrap_or("."), &row.alternate);
        let p = calibration.p_value(0, difference);
        println!("{id:15}  {alternate:3}  {difference:10}  {p:.4}  {motif}");
    }
    Ok(())
}
