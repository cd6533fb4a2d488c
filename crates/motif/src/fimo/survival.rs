use crate::{Background, FimoOptions, Motif, MotifError, MotifSet};

use super::model::{Model, background};

/// The p-value of every score of a motif: the probability that a window of random letters scores as high.
///
/// Both strands share it. The scores are binned: bin `i` holds the scores whose integer is `lowest() + i`.
///
/// Source: memelite 0.5 (bins of `bin_size` bits, in log2 space there, in f64 here: equal to 1e-13), and the MEME suite
/// 5 for [`Arithmetic::MemeSuite`](crate::Arithmetic::MemeSuite).
#[derive(Clone, Debug, PartialEq)]
pub struct PValues {
    /// The integer score of the first entry.
    low: i64,
    /// P(integer score >= low + i), never increasing.
    tail: Vec<f64>,
    scale: Scale,
}

/// How raw scores, as a scan adds them, relate to integers and to bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Raw scores are bits; the integer is the number of bins, cut towards zero.
    Bins(f64),
    /// Raw scores are integers: bits = raw / scale + shift.
    Integers { scale: f64, shift: f64 },
}

/// Tables larger than this are refused: 512 MB.
const MAX_ENTRIES: i64 = 1 << 26;

impl PValues {
    /// The table of one motif of a set.
    ///
    /// # Errors
    /// As [`Scanner::new`](crate::Scanner::new); [`MotifError::Option`] for an index beyond the motifs.
    ///
    /// ```
    /// use cistron_motif::{FimoOptions, PValues, parse_motifs};
    ///
    /// let set = parse_motifs(b">M1\tC\n0\n9\n0\n0\n", "example", &())?;
    /// let table = PValues::of(&set, 0, &FimoOptions::default())?;
    /// assert_eq!(table.p_value(1.9), 0.25);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn of(set: &MotifSet, motif: usize, options: &FimoOptions) -> Result<Self, MotifError> {
        options.check()?;
        let Some(motif) = set.motifs().get(motif) else {
            let found = motif.to_string();
            return Err(MotifError::Option { option: "motif", found, expected: "an index of the set" });
        };
        Ok(Model::untrimmed(motif, &background(set, options)?, options)?.p_values)
    }

    /// The survival function of sums of one entry of each row of `integers` (width rows of `letters`).
    ///
    /// The range is that of all prefixes, and `slack` entries more at the top.
    pub(super) fn new(
        motif: &Motif,
        integers: &[i64],
        background: &Background,
        slack: i64,
        scale: Scale,
    ) -> Result<Self, MotifError> {
        let b = background.probabilities();
        let (mut low, mut high, mut lowest, mut highest) = (i64::MAX, i64::MIN, 0_i64, 0_i64);
        for row in integers.chunks(b.len()) {
            lowest = lowest.saturating_add(row.iter().copied().min().unwrap_or(0));
            highest = highest.saturating_add(row.iter().copied().max().unwrap_or(0));
            (low, high) = (low.min(lowest), high.max(highest));
        }
        let high = high.saturating_add(slack);
        let size = high.saturating_sub(low).saturating_add(1);
        if size > MAX_ENTRIES {
            let problem =
                format!("needs {size} score bins, expected at most {MAX_ENTRIES} (take wider bins)");
            return Err(MotifError::motif(motif.name(), problem));
        }
        let density = density(integers, b);
        let mut tail = vec![0.0; size as usize];
        // Below the lowest sum every score is surpassed.
        let (below, reached) = tail.split_at_mut((lowest - low) as usize);
        let mut sum = 0.0;
        for (entry, p) in reached.iter_mut().zip(&density).rev() {
            sum += p;
            *entry = sum;
        }
        below.fill(sum);
        Ok(Self { low, tail, scale })
    }

    /// The number of the first bin: scores below it have its p-value.
    pub fn lowest(&self) -> i64 {
        self.low
    }

    /// The p-value of each bin from [`lowest`](Self::lowest) on; 0 beyond the highest score.
    pub fn survival(&self) -> &[f64] {
        &self.tail
    }

    /// The p-value of a score in bits.
    ///
    /// The bin is `trunc(score / bin_size)`; a score whose rounding puts it beyond the highest bin has p-value 0.
    pub fn p_value(&self, score: f64) -> f64 {
        let raw = match self.scale {
            Scale::Bins(_) => score,
            Scale::Integers { scale, shift } => ((score - shift) * scale).round(),
        };
        self.of_raw(raw)
    }

    /// The p-value of a score as the scan adds it.
    pub(super) fn of_raw(&self, raw: f64) -> f64 {
        let integer = match self.scale {
            Scale::Bins(width) => (raw / width) as i64,
            Scale::Integers { .. } => raw as i64,
        };
        let index = usize::try_from(integer.saturating_sub(self.low)).unwrap_or(0);
        self.tail.get(index).copied().unwrap_or(0.0)
    }

    /// The score in bits of a score as the scan adds it.
    pub(super) fn score(&self, raw: f64) -> f64 {
        match self.scale {
            Scale::Bins(_) => raw,
            Scale::Integers { scale, shift } => raw / scale + shift,
        }
    }

    pub(super) fn of_scale(&self) -> Scale {
        self.scale
    }

    /// Forgets the entries below the bin `first`, which no hit looks up.
    pub(super) fn trim(&mut self, first: usize) {
        let first = first.min(self.tail.len().saturating_sub(1));
        self.tail.drain(..first);
        self.tail.shrink_to_fit();
        self.low += first as i64;
    }
}

/// The probability of each sum, from the sum of the rows' minima on.
fn density(integers: &[i64], background: &[f64]) -> Vec<f64> {
    let (mut now, mut next) = (vec![1.0], Vec::new());
    for row in integers.chunks(background.len()) {
        let lowest = row.iter().copied().min().unwrap_or(0);
        let highest = row.iter().copied().max().unwrap_or(0);
        next.clear();
        next.resize(now.len() + (highest - lowest) as usize, 0.0);
        for (value, p) in row.iter().zip(background) {
            let to = next.get_mut((value - lowest) as usize..).unwrap_or_default();
            for (to, from) in to.iter_mut().zip(&now) {
                *to += from * p;
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
    now
}
