//! Which motif a sequence is: `cargo run --release -p cistron --example compare`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::motif::{Background, TomtomError, TomtomOptions, TomtomTargets, parse_motifs, sequence_matrix};
use cistron::ndarray::Array2;
use cistron::{Alphabet, Sequence};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Known motifs; from a file of any format it would be `read_motifs("JASPAR2024.meme", &())`.
    let text = b">AP1\n0 0 9 0 0 0 9\n0 0 0 9 0 9 0\n1 9 0 0 0 0 0\n8 0 0 0 9 0 0\n\
                 >GATA\n0 9 0 9 9\n0 0 0 0 0\n9 0 0 0 0\n0 0 9 0 0\n\
                 >MEF2\n0 0 9 9 5 9\n9 0 0 0 0 0\n0 0 0 0 0 0\n0 9 0 0 4 0\n";
    let motifs = parse_motifs(text, "example", &())?;
    let uniform = Background::uniform(4);
    let matrices =
        motifs.motifs().iter().map(|motif| motif.probabilities(&uniform)).collect::<Result<Vec<_>, _>>()?;

    // The index is made once and takes any number of queries: motifs, sequences or attributions.
    let targets: Vec<_> = matrices.iter().map(|matrix| matrix.view()).collect();
    let options = TomtomOptions { nearest: Some(2), ..TomtomOptions::default() };
    let index = TomtomTargets::new(&targets, options)?;
    let queries = ["TGAGTCA", "TTATCT"];
    let one_hot = |letters: &&str| -> Result<Array2<f64>, cistron::CoreError> {
        let sequence = Sequence::parse(&Alphabet::dna(), letters)?;
        Ok(sequence_matrix(sequence.codes(), sequence.alphabet()))
    };
    let one_hot = queries.iter().map(one_hot).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = one_hot.iter().map(|matrix| matrix.view()).collect();
    println!("query\ttarget\tp_value\toffset\toverlap\tstrand");
    index.compare_each(&views, |query, matches| {
        for found in matches {
            let (query, target) = (queries[query], motifs.motifs()[found.target].full_name());
            let (offset, overlap, strand) = (found.offset, found.overlap, found.strand);
            println!("{query}\t{target}\t{:.2e}\t{offset}\t{overlap}\t{strand}", found.p_value);
        }
        Ok::<(), TomtomError>(())
    })?;
    Ok(())
}
