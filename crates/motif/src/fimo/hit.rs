use std::collections::HashMap;

use cistron_core::{Strand, falling_q_values};

/// A window that fits a motif.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The index of the motif in its set.
    pub motif: u32,
    /// The index of the sequence, in the order in which they were scanned.
    pub example: u32,
    /// The first letter, 0-based on the forward strand.
    pub start: u64,
    /// The letter after the last, on the forward strand.
    pub end: u64,
    /// The strand that fits.
    pub strand: Strand,
    /// The score in bits.
    pub score: f64,
    /// The probability of such a score in random letters; 0 where rounding puts it beyond the table.
    pub p_value: f64,
}

/// An order of hits; each is total, so that it does not depend on how the hits were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HitOrder {
    /// By motif, then the forward strand before the reverse, then sequence and start.
    Motif,
    /// By sequence and start, then motif, then the forward strand before the reverse.
    Position,
    /// By sequence, and within each as [`Motif`](Self::Motif).
    Sequence,
}

impl HitOrder {
    /// Sorts hits.
    pub fn sort(self, hits: &mut [Hit]) {
        hits.sort_unstable_by_key(|hit| {
            let (motif, strand) = (u64::from(hit.motif), u64::from(hit.strand == Strand::Reverse));
            let example = u64::from(hit.example);
            match self {
                Self::Motif => [motif, strand, example, hit.start],
                Self::Position => [example, hit.start, motif, strand],
                Self::Sequence => [example, motif, strand, hit.start],
            }
        });
    }
}

/// What a scan has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanSummary {
    /// The number of sequences.
    pub sequences: u32,
    /// The number of letters, known or not.
    pub letters: u64,
    /// For each motif, the number of windows scored, on all strands scanned: the tests of a q-value.
    pub windows: Vec<u64>,
    /// For each motif, the number of hits on all strands.
    pub hits: Vec<u64>,
}

/// The q-value of each hit: Benjamini and Hochberg's, over all windows of its motif (`windows` as
/// [`ScanSummary::windows`]).
///
/// `q = min over p' >= p of p' n / rank(p')`, at most 1, where the minimum runs over the hits given; windows that are
/// no hits are counted in n only, as FIMO does with what it does not store. A motif that `windows` does not name gives
/// NaN.
///
/// Source: Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; the MEME suite's FIMO multiplies by an
/// estimate of the share of true null hypotheses besides.
pub fn q_values(hits: &[Hit], windows: &[u64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..hits.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&hits[*a], &hits[*b]);
        a.motif.cmp(&b.motif).then(a.p_value.total_cmp(&b.p_value))
    });
    let mut out = vec![f64::NAN; hits.len()];
    for group in order.chunk_by(|a, b| hits[*a].motif == hits[*b].motif) {
        let tests = group.first().and_then(|i| windows.get(hits[*i].motif as usize));
        let Some(tests) = tests else { continue };
        let falling = falling_q_values(group.iter().map(|i| hits[*i].p_value), *tests);
        for (i, q_value) in group.iter().rev().zip(falling) {
            out[*i] = q_value;
        }
    }
    out
}

/// The best hit of each motif in each sequence, in the order of [`HitOrder::Motif`] but for the strand: by motif, then
/// sequence. Ties go to the lower start, then to the forward strand.
pub fn best_hits(hits: &[Hit]) -> Vec<Hit> {
    let mut best: HashMap<(u32, u32), Hit> = HashMap::new();
    for hit in hits {
        let kept = best.entry((hit.motif, hit.example)).or_insert(*hit);
        let earlier = (hit.start, hit.strand) < (kept.start, kept.strand);
        if hit.score > kept.score || (hit.score == kept.score && earlier) {
            *kept = *hit;
        }
    }
    let mut out: Vec<Hit> = best.into_values().collect();
    out.sort_unstable_by_key(|hit| (hit.motif, hit.example));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(motif: u32, example: u32, start: u64, strand: Strand, p_value: f64) -> Hit {
        Hit { motif, example, start, end: start + 5, strand, score: -p_value.log2(), p_value }
    }

    const BOTH: [Strand; 2] = [Strand::Forward, Strand::Reverse];

    #[test]
    fn q_values_are_those_of_benjamini_and_hochberg() {
        // Ten tests, p = 0.01, 0.02, 0.02, 0.2: p n / rank = 0.1, 0.1, 0.0667, 0.5, then minima from the right.
        let p_values = [0.02, 0.2, 0.01, 0.02];
        let hits = p_values.map(|p| hit(0, 0, 0, Strand::Forward, p));
        let q_values = q_values(&hits, &[10]);
        let expected = [0.2 / 3.0, 0.5, 0.2 / 3.0, 0.2 / 3.0];
        for (q, expected) in q_values.iter().zip(expected) {
            assert!((q - expected).abs() < 1e-15, "{q} {expected}");
        }
        assert_eq!(super::q_values(&hits[..1], &[1000]), [1.0]);
        assert!(super::q_values(&hits[..1], &[])[0].is_nan());
    }

    #[test]
    fn best_hits_break_ties_by_place() {
        let [plus, minus] = BOTH;
        let hits = [
            hit(1, 0, 9, plus, 0.1),
            hit(1, 0, 4, minus, 0.1),
            hit(1, 0, 4, plus, 0.1),
            hit(0, 1, 0, plus, 0.2),
            hit(1, 0, 2, plus, 0.3),
        ];
        assert_eq!(best_hits(&hits), [hits[3], hits[2]]);
    }

    #[test]
    fn orders_are_as_named() {
        let [plus, minus] = BOTH;
        let a = hit(0, 1, 5, minus, 0.1);
        let b = hit(1, 0, 7, plus, 0.1);
        let c = hit(0, 1, 8, plus, 0.1);
        let sorted = |order: HitOrder| {
            let mut hits = [a, b, c];
            order.sort(&mut hits);
            hits
        };
        assert_eq!(sorted(HitOrder::Motif), [c, a, b]);
        assert_eq!(sorted(HitOrder::Position), [b, a, c]);
        assert_eq!(sorted(HitOrder::Sequence), [b, c, a]);
    }
}
