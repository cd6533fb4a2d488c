//! universalmotif.

use universalmotif::compare::{CompareOptions, compare_motifs};
use universalmotif::io::{fasta, meme};
use universalmotif::metrics::ColumnMetric;
use universalmotif::scan::{ScanOptions, scan_encoded};
use universalmotif::{Alphabet, Matrix, Motif, MotifType};

use crate::Result;
use crate::weights::{self, Weights};

pub fn scan(weights: &str, path: &str) -> Result<usize> {
    let motifs = weights::read(weights)?.iter().map(motif).collect::<Result<Vec<_>>>()?;
    let (_, sequences) = fasta::read_encoded(path, &Alphabet::Dna, 0)?;
    Ok(scan_encoded(&motifs, &sequences, &ScanOptions::default())?.len())
}

fn motif(weights: &Weights) -> Result<Motif> {
    let matrix = Matrix::from_columns(&weights.columns)?;
    let builder = Motif::builder(matrix, Alphabet::Dna).motif_type(Some(MotifType::Pwm));
    Ok(builder.name(weights.name.as_str()).build()?)
}

pub fn compare(path: &str, queries: usize) -> Result<String> {
    let motifs = meme::read(&std::fs::read_to_string(path)?, &meme::ReadOptions::default())?;
    let options = CompareOptions {
        complete: true,
        method: ColumnMetric::Eucl,
        min_overlap: 1,
        ..CompareOptions::default()
    };
    let queries: Vec<usize> = (0..motifs.len().min(queries)).collect();
    let found = compare_motifs(&motifs, &queries, &options)?;
    let sum: f64 = found.iter().map(|it| it.score).sum();
    let least = found.iter().map(|it| it.pvalue).fold(f64::INFINITY, f64::min);
    Ok(format!("{} {sum:.6} {least:.9e}", found.len()))
}
