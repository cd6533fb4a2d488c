//! Motifs with the peers that are written in Rust, on one thread: time the whole process.
//!
//! `peers lightmotif WEIGHTS FASTA counts|rows` and `peers universalmotif WEIGHTS FASTA` scan both strands and print
//! the number of hits. WEIGHTS holds for each motif a line of its name, width and score threshold and a line for each
//! position with the weights of A, C, G and T. lightmotif takes the thresholds; universalmotif finds its own for
//! p <= 1e-4, on a finer grid of scores, and always makes rows.
//!
//! `peers tomtom MOTIFS QUERIES` compares the first QUERIES motifs of a MEME file with each by universalmotif, as near
//! to TOMTOM as it comes: complete scores of Euclidean distances. It prints the number of pairs, the sum of the mean distances, which
//! are no integers, and the least p-value.

mod light;
mod universal;
mod weights;

use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["lightmotif", weights, fasta, "counts"] => println!("{}", light::count(weights, fasta)?),
        ["lightmotif", weights, fasta, "rows"] => println!("{}", light::rows(weights, fasta)?.len()),
        ["universalmotif", weights, fasta] => println!("{}", universal::scan(weights, fasta)?),
        ["tomtom", motifs, queries] => println!("{}", universal::compare(motifs, queries.parse()?)?),
        _ => return Err("expected `lightmotif`, `universalmotif` or `tomtom` and its files".into()),
    }
    Ok(())
}
