//! lightmotif.

use lightmotif::abc::{Background, Dna};
use lightmotif::dense::DenseMatrix;
use lightmotif::pwm::ScoringMatrix;
use lightmotif::scan::Scanner;
use lightmotif::seq::{EncodedSequence, StripedSequence};

use crate::Result;
use crate::weights::{self, Weights};

/// A hit: the motif, whether on the reverse strand, where, and its score.
pub type Row = (usize, bool, usize, f32);

pub fn count(weights: &str, fasta: &str) -> Result<usize> {
    let mut total = 0;
    each_strand(weights, fasta, |_, _, scanner| total += scanner.count())?;
    Ok(total)
}

pub fn rows(weights: &str, fasta: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    each_strand(weights, fasta, |motif, is_reverse, scanner| {
        rows.extend(scanner.map(|hit| (motif, is_reverse, hit.position(), hit.score())));
    })?;
    Ok(rows)
}

type Hits<'a> =
    Scanner<'a, Dna, &'a ScoringMatrix<Dna>, &'a StripedSequence<Dna, lightmotif::dense::DefaultColumns>>;

fn each_strand(weights: &str, fasta: &str, mut visit: impl FnMut(usize, bool, Hits<'_>)) -> Result<()> {
    let motifs = weights::read(weights)?;
    let text = std::fs::read_to_string(fasta)?;
    let letters: String = text.lines().skip(1).collect();
    let mut sequence = EncodedSequence::<Dna>::encode(letters)?.to_striped();
    sequence.configure_wrap(motifs.iter().map(|motif| motif.columns.len()).max().unwrap_or(0));
    for (i, motif) in motifs.iter().enumerate().filter(|(_, motif)| motif.threshold.is_finite()) {
        let forward = matrix(motif);
        let reverse = forward.reverse_complement();
        for (is_reverse, matrix) in [(false, &forward), (true, &reverse)] {
            let mut scanner = Scanner::new(matrix, &sequence);
            // The scanner takes scores of at least its threshold, where a hit has to score more.
            scanner.threshold(motif.threshold.next_up());
            visit(i, is_reverse, scanner);
        }
    }
    Ok(())
}

fn matrix(motif: &Weights) -> ScoringMatrix<Dna> {
    // Its order is A, C, T, G, N.
    let rows = motif.columns.iter().map(|[a, c, g, t]| [*a as f32, *c as f32, *t as f32, *g as f32, 0.0]);
    ScoringMatrix::new(Background::uniform(), DenseMatrix::from_rows(rows))
}
