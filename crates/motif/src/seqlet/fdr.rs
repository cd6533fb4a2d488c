use ndarray::ArrayView2;

use super::{AttributionValue, Seqlet, SeqletCaller, SeqletError, SeqletNull, SeqletOptions};

/// Thresholds tried: four a decade from 1e-1 to 1e-30.
const THRESHOLDS: usize = 117;

/// What a threshold calls on the tracks and on a control.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct FdrPoint {
    /// The threshold.
    pub threshold: f64,
    /// Seqlets called on the tracks.
    pub n_seqlets: usize,
    /// Seqlets called on the control with the tracks' null.
    pub n_control_seqlets: usize,
    /// The share of false calls to expect: `(control + 1) · size / size of the control / seqlets`; NaN for none.
    pub false_discovery_rate: f64,
}

/// The expected share of false calls over thresholds, the largest threshold first.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct FdrCurve {
    /// The 117 thresholds from 1e-1 to 1e-30, four a decade.
    pub points: Vec<FdrPoint>,
    /// The largest threshold whose rate is at most the target; `None` if there is none.
    pub chosen: Option<f64>,
}

/// Calls seqlets at the largest threshold at which a control has few enough of them.
///
/// * `attributions` (N, L), `control` (M, K): projected attributions, such as of shuffled sequences
/// * `target`: the largest share of false calls, in (0, 1]
/// * returns the seqlets at the chosen threshold, none if there is none, and the whole curve; the threshold of the
///   options is not used
///
/// Source: tangermeme 1.6.0 `recursive_seqlets` with a control.
///
/// # Errors
/// As [`call_seqlets`](super::call_seqlets).
pub fn call_seqlets_with_control<T: AttributionValue>(
    attributions: ArrayView2<'_, T>,
    control: ArrayView2<'_, T>,
    target: f64,
    options: SeqletOptions,
) -> Result<(Vec<Seqlet>, FdrCurve), SeqletError> {
    if !(target > 0.0 && target <= 1.0) {
        return Err(SeqletError::option("target false discovery rate", target, "above 0 and up to 1"));
    }
    if control.is_empty() {
        return Err(SeqletError::Empty);
    }
    let attributions = attributions.as_standard_layout();
    let control = control.as_standard_layout();
    let null =
        SeqletNull::of(attributions.rows().into_iter().filter_map(|row| row.to_slice()), options.bins)?;
    let caller = SeqletCaller::new(&null, SeqletOptions { threshold: 1.0, ..options })?;
    let ratio = attributions.len() as f64 / control.len() as f64;
    let mut points = Vec::with_capacity(THRESHOLDS);
    let mut ended = false;
    for threshold in thresholds() {
        let count = |tracks: ArrayView2<'_, T>| caller.call_all_below(tracks, threshold).len();
        let (n, m) = if ended { (0, 0) } else { (count(attributions.view()), count(control.view())) };
        ended = n == 0 && m == 0;
        let rate = if n == 0 { f64::NAN } else { (m as f64 + 1.0) * ratio / n as f64 };
        points.push(FdrPoint { threshold, n_seqlets: n, n_control_seqlets: m, false_discovery_rate: rate });
    }
    let chosen =
        points.iter().find(|point| point.false_discovery_rate <= target).map(|point| point.threshold);
    let seqlets =
        chosen.map(|threshold| caller.call_all_below(attributions.view(), threshold)).unwrap_or_default();
    Ok((seqlets, FdrCurve { points, chosen }))
}

/// 10 to the powers from -1 to -30 in equal steps.
fn thresholds() -> impl Iterator<Item = f64> {
    let step = -29.0 / (THRESHOLDS - 1) as f64;
    (0..THRESHOLDS).map(move |i| 10_f64.powf(-1.0 + i as f64 * step))
}
