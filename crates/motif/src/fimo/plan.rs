//! What the filters need of each strand of a motif: a run of columns and their quantised deficits.
//!
//! The deficit of a letter in a column is the column's largest weight less its own. A window can be a hit only if the
//! deficits of any of its columns sum to at most D, the sum of all columns' largest weights less the threshold.
//! Deficits of a block of columns are scaled so that D becomes [`LIMIT`] and rounded *down*, at most 127: the sum of
//! bytes never exceeds the real one, so no hit is lost. The first block carries a bias of 1, so that "passed over" is
//! exactly the sign bit of the sum.

use cistron_core::{Alphabet, Strand};

use super::model::Model;

const LIMIT: f64 = 126.0;

/// One strand of a motif.
pub(super) struct Lane {
    pub(super) motif: u32,
    pub(super) strand: Strand,
    pub(super) width: usize,
    /// Raw weights along the forward strand, (width, A), row by row.
    pub(super) weights: Vec<f64>,
    /// A hit's raw score is above this.
    pub(super) threshold: f64,
    /// Whether a window of known letters can be a hit.
    pub(super) reachable: bool,
    scale: f64,
    /// The largest weight of each column.
    largest: Vec<f64>,
}

impl Lane {
    /// The strand of a motif, or `None` if nothing can be a hit.
    pub(super) fn new(index: usize, model: &Model, alphabet: &Alphabet, strand: Strand) -> Option<Self> {
        let threshold = model.threshold?;
        let letters = usize::from(alphabet.len());
        let mut rows: Vec<&[f64]> = model.weights.chunks_exact(letters).collect();
        if strand == Strand::Reverse {
            rows.reverse();
        }
        let partner = |code: usize| match strand {
            Strand::Forward => code,
            Strand::Reverse => alphabet.complement(code as u8).map_or(code, usize::from),
        };
        let weights: Vec<f64> =
            rows.iter().flat_map(|row| (0..letters).map(|code| row[partner(code)])).collect();
        let largest: Vec<f64> =
            weights.chunks_exact(letters).map(|row| row.iter().copied().fold(f64::MIN, f64::max)).collect();
        // The rounding of a sum of `width` numbers is far below this share of their magnitudes.
        let magnitude = weights.iter().map(|w| w.abs()).sum::<f64>() + threshold.abs() + 1.0;
        let deficit = largest.iter().sum::<f64>() - threshold + 1e-12 * magnitude;
        Some(Self {
            motif: index as u32,
            strand,
            width: model.width,
            weights,
            threshold,
            reachable: deficit > 0.0,
            scale: LIMIT / deficit,
            largest,
        })
    }

    /// The first of `columns` columns with the largest spread; 0 for a motif that has no more.
    pub(super) fn region(&self, columns: usize) -> usize {
        if self.width <= columns {
            return 0;
        }
        let mean = |j: usize| self.weights.iter().skip(4 * j).take(4).sum::<f64>() / 4.0;
        let spread: Vec<f64> =
            self.largest.iter().enumerate().map(|(j, largest)| largest - mean(j)).collect();
        let sums = spread.windows(columns).map(|run| run.iter().sum::<f64>());
        sums.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(start, _)| start)
    }

    fn deficit(&self, column: usize, code: usize) -> f64 {
        match (self.largest.get(column), self.weights.get(4 * column + code)) {
            (Some(largest), Some(weight)) => largest - weight,
            _ => 0.0,
        }
    }

    /// The bytes of a block of `columns` columns from `first` on; two bits of the index, the low ones first, are the
    /// letter of each column.
    pub(super) fn block(&self, first: usize, columns: usize, bias: u8, out: &mut [u8]) {
        for (index, out) in out.iter_mut().enumerate() {
            let deficit: f64 = (0..columns).map(|k| self.deficit(first + k, (index >> (2 * k)) & 3)).sum();
            *out = (deficit * self.scale).min(127.0) as u8 + bias;
        }
    }

    /// About which share of random windows the columns `first..first + columns` let pass.
    pub(super) fn pass_rate(&self, first: usize, columns: usize) -> f64 {
        const LEVELS: usize = LIMIT as usize + 1;
        let mut now = [0.0_f64; LEVELS];
        now[0] = 1.0;
        for column in first..(first + columns).min(self.width) {
            let mut next = [0.0_f64; LEVELS];
            for code in 0..4 {
                let deficit = (self.deficit(column, code) * self.scale) as usize;
                let to = next.get_mut(deficit..).unwrap_or_default();
                for (to, from) in to.iter_mut().zip(&now) {
                    *to += 0.25 * from;
                }
            }
            now = next;
        }
        now.iter().sum()
    }

    /// The number of blocks of `columns` columns, 2 to `most`, with the least expected cost.
    pub(super) fn blocks(&self, columns: usize, most: usize) -> usize {
        // Measured: one block costs 1/64 of what one window that passes costs / 60.
        const BLOCK: f64 = 1.0 / 64.0;
        const PASSED: f64 = 60.0;
        let (mut best, mut least) = (2, f64::MAX);
        for blocks in 2..=most {
            let run = columns * blocks;
            let cost = blocks as f64 * BLOCK + PASSED * self.pass_rate(self.region(run), run);
            if cost < least {
                (best, least) = (blocks, cost);
            }
            if run >= self.width {
                break;
            }
        }
        best
    }
}
