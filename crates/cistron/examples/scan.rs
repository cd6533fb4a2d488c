//! Where a motif fits a sequence, with p- and q-values: `cargo run --release -p cistron --example scan`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::motif::{FimoOptions, ScanThreshold, Scanner, parse_motifs, q_values};
use cistron::{Alphabet, Run, Sequence};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Counts of A, C, G and T; from a file of any format it would be `read_motifs("JASPAR2024.meme", &())`.
    let counts = b">MA0001.1\tAP1\n0 0 9 0 0 0 9\n0 0 0 9 0 9 0\n1 9 0 0 0 0 0\n8 0 0 0 9 0 0\n";
    let motifs = parse_motifs(counts, "example", &())?;

    // Sequences as codes; those of a genome on disk go to `Scanner::start` piece by piece.
    let sequence = Sequence::parse(&Alphabet::dna(), "ACCGTTGACTCAGGATTACATGAGTCANNNNTGACTGA")?;

    // Weights, p-value tables and filters are made once; the scan itself uses what the processor has.
    let options = FimoOptions { threshold: ScanThreshold::PValue(1e-3), ..FimoOptions::default() };
    let scanner = Scanner::new(&motifs, &options)?;
    let (hits, summary) = scanner.collect([sequence.codes()], Run::default())?;
    println!("{} windows by {:?}", summary.windows[0], scanner.engine());
    println!("motif\tstart\tend\tstrand\tscore\tp_value\tq_value");
    for (hit, q) in hits.iter().zip(q_values(&hits, &summary.windows)) {
        let name = motifs.motifs()[hit.motif as usize].full_name();
        let (start, end, strand) = (hit.start, hit.end, hit.strand);
        println!("{name}\t{start}\t{end}\t{strand}\t{:.2}\t{:.2e}\t{q:.2e}", hit.score, hit.p_value);
    }
    Ok(())
}
