//! What a motif becomes for a scan: weights, the score that a hit must exceed, and p-values.

use super::survival::{PValues, Scale};
use crate::motif::ROW_TOLERANCE;
use crate::{Arithmetic, Background, FimoOptions, MatrixKind, Motif, MotifError, MotifSet, ScanThreshold};

/// A motif on the scale of its scan.
pub(super) struct Model {
    pub(super) width: usize,
    /// Raw weights, (width, A), row by row.
    pub(super) weights: Vec<f64>,
    /// A hit's raw score is above this; `None` if there can be no hit.
    pub(super) threshold: Option<f64>,
    pub(super) p_values: PValues,
}

const PSEUDOCOUNT: f64 = 1e-4;
const MEME_PSEUDOCOUNT: f64 = 0.1;
const MEME_NSITES: f64 = 20.0;
const MEME_RANGE: f64 = 1000.0;

/// The background of a scan, checked against the alphabet.
pub(super) fn background(set: &MotifSet, options: &FimoOptions) -> Result<Background, MotifError> {
    let letters = usize::from(set.alphabet().len());
    let default = || match options.arithmetic {
        Arithmetic::MemeSuite if letters == 4 => Background::nrdb(),
        _ => Background::uniform(letters),
    };
    let background = options.background.clone().unwrap_or_else(default);
    let found = background.probabilities().len();
    if found == letters {
        return Ok(background);
    }
    Err(MotifError::background(format!("has {found} letters, expected {letters}")))
}

impl Model {
    pub(super) fn new(
        motif: &Motif,
        background: &Background,
        options: &FimoOptions,
    ) -> Result<Self, MotifError> {
        let mut model = Self::untrimmed(motif, background, options)?;
        if let Some(raw) = model.threshold {
            let bin = match model.p_values.of_scale() {
                Scale::Bins(width) => (raw / width).floor() as i64,
                Scale::Integers { .. } => raw.floor() as i64,
            };
            // Rounding may put a hit a bin or two below its threshold.
            let first = bin.saturating_sub(model.p_values.lowest()).saturating_sub(3);
            model.p_values.trim(usize::try_from(first).unwrap_or(0));
        } else {
            model.p_values.trim(usize::MAX);
        }
        Ok(model)
    }

    pub(super) fn untrimmed(
        motif: &Motif,
        background: &Background,
        options: &FimoOptions,
    ) -> Result<Self, MotifError> {
        let bits = match options.arithmetic {
            Arithmetic::MemeSuite => meme_suite_bits(motif, background, options)?,
            Arithmetic::Current | Arithmetic::Peer => bits(motif, background, options),
        };
        let letters = background.probabilities().len();
        if let Some(place) = bits.iter().position(|weight| !weight.is_finite()) {
            let problem = format!(
                "has weight {} in row {}, expected finite weights (give a pseudocount above 0)",
                bits[place],
                place / letters + 1
            );
            return Err(MotifError::motif(motif.name(), problem));
        }
        match options.arithmetic {
            Arithmetic::MemeSuite => Self::integers(motif, &bits, background, options.threshold),
            Arithmetic::Current | Arithmetic::Peer => Self::bins(motif, bits, background, options),
        }
    }

    fn bins(
        motif: &Motif,
        weights: Vec<f64>,
        background: &Background,
        options: &FimoOptions,
    ) -> Result<Self, MotifError> {
        let (bin, width) = (options.bin_size, motif.width());
        let integers: Vec<i64> = weights.iter().map(|w| (w / bin).round_ties_even() as i64).collect();
        let p_values = PValues::new(motif, &integers, background, width as i64, Scale::Bins(bin))?;
        let threshold = match options.threshold {
            ScanThreshold::Score(score) => Some(score.next_down()),
            ScanThreshold::PValue(p) => {
                let first = p_values.survival().partition_point(|tail| *tail >= p);
                // The peer keeps its thresholds in f32, and this rounding is part of its results.
                let score = (first as i64 + p_values.lowest()) as f64 * bin;
                (first < p_values.survival().len()).then_some(f64::from(score as f32))
            }
        };
        Ok(Self { width, weights, threshold, p_values })
    }

    fn integers(
        motif: &Motif,
        bits: &[f64],
        background: &Background,
        threshold: ScanThreshold,
    ) -> Result<Self, MotifError> {
        let low = bits.iter().copied().fold(f64::INFINITY, f64::min);
        let high = bits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let offset = if low == high { (high - 1.0).floor() } else { low.floor() };
        let scale = (MEME_RANGE / (high - offset)).floor();
        if scale < 1.0 {
            let problem = format!("has weights from {low} to {high}, expected a range below 1000 bits");
            return Err(MotifError::motif(motif.name(), problem));
        }
        let weights: Vec<f64> = bits.iter().map(|s| ((s - offset) * scale + 0.5).floor()).collect();
        let integers: Vec<i64> = weights.iter().map(|w| *w as i64).collect();
        let width = motif.width();
        let scale = Scale::Integers { scale, shift: width as f64 * offset };
        let p_values = PValues::new(motif, &integers, background, 0, scale)?;
        let threshold = match threshold {
            ScanThreshold::Score(score) => (p_values.raw_of_bits(score) - 1e-9).ceil() - 0.5,
            ScanThreshold::PValue(p) => {
                let first = p_values.survival().partition_point(|tail| *tail > p) as i64;
                (first + p_values.lowest()) as f64 - 0.5
            }
        };
        Ok(Self { width, weights, threshold: Some(threshold), p_values })
    }
}

/// `log2(P + pseudocount) - log2(b)`; scores as they are.
fn bits(motif: &Motif, background: &Background, options: &FimoOptions) -> Vec<f64> {
    if motif.kind().is_score() {
        return motif.matrix().iter().copied().collect();
    }
    let pseudocount = options.pseudocount.unwrap_or(PSEUDOCOUNT);
    let b: Vec<f64> = background.probabilities().iter().map(|b| b.log2()).collect();
    let mut out = Vec::with_capacity(motif.matrix().len());
    for row in motif.matrix().rows() {
        let sum = row.sum();
        // The peer takes every row as it is; rows that are plainly no probabilities are divided by their sum here.
        let keep = motif.kind() == MatrixKind::Probabilities
            && (options.arithmetic == Arithmetic::Peer || (sum - 1.0).abs() <= ROW_TOLERANCE);
        let (scale, uniform) =
            if keep { (1.0, None) } else { (sum, (sum <= 0.0).then(|| 1.0 / b.len() as f64)) };
        out.extend(row.iter().zip(&b).map(|(p, b)| (uniform.unwrap_or(p / scale) + pseudocount).log2() - b));
    }
    out
}

fn meme_suite_bits(
    motif: &Motif,
    background: &Background,
    options: &FimoOptions,
) -> Result<Vec<f64>, MotifError> {
    if motif.kind().is_score() {
        return Ok(motif.matrix().iter().copied().collect());
    }
    let c = options.pseudocount.unwrap_or(MEME_PSEUDOCOUNT);
    let n = motif.nsites().filter(|n| *n > 0.0).unwrap_or(MEME_NSITES);
    let probabilities = motif.probabilities(background)?;
    let b = background.probabilities();
    let rows = probabilities.rows().into_iter().flat_map(|row| row.to_vec().into_iter().zip(b));
    Ok(rows.map(|(p, b)| ((n * p + c * b) / (n + c) / b).log2()).collect())
}

impl PValues {
    pub(super) fn raw_of_bits(&self, bits: f64) -> f64 {
        match self.of_scale() {
            Scale::Bins(_) => bits,
            Scale::Integers { scale, shift } => (bits - shift) * scale,
        }
    }
}
