use std::str::FromStr;

use crate::EffectError;
use crate::saturation::out_of_range;

/// One number for what a variant does to a track, of its bins before (r) and after (a).
///
/// | name | formula | source |
/// |---|---|---|
/// | `log2fc` | mean of log2((a + e) / (r + e)) | e is the pseudocount |
/// | `sad`, `log_sad`, `sqrt_sad` | Σ f(a) − Σ f(r), f(x) = x, log2(x + 1), √x | basenji, Borzoi |
/// | `sax` | a − r where it is largest in size, of equals the first | basenji |
/// | `d1`, `log_d1`, `sqrt_d1` | Σ of the size of f(a) − f(r) | basenji, Borzoi |
/// | `d2`, `log_d2`, `sqrt_d2` | root of the sum of its squares | basenji, Borzoi |
/// | `kl` | (KL(p, q) + KL(q, p)) / 2 in nats, p and q = r and a plus the lower quartile of r, as shares | basenji's `JS` |
/// | `jsd` | the Jensen-Shannon divergence of the same shares, in nats | |
/// | `sar` | log2((Σ a + e) / (Σ r + e)) | |
/// | `logit` | mean of ln(a / (1 − a)) − ln(r / (1 − r)) | kipoi-veff2 |
/// | `deepsea` | mean of the size of the logit's change times that of a − r | `DeepSEA`, kipoi-veff2 |
/// | `max_abs`, `mean_abs` | the largest and the mean size of a − r | |
///
/// What is not defined, such as the logarithm of a negative output, is NaN; a logit of 0 or 1 is infinite.
///
/// ```
/// use cistron_effects::Statistic;
///
/// let sad: Statistic = "sad".parse()?;
/// assert_eq!(sad.of(&[1.0, 2.0], &[2.0, 4.0], 1e-6), 3.0);
/// # Ok::<(), cistron_effects::EffectError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table above describes each")]
pub enum Statistic {
    Log2Fc,
    Sad,
    LogSad,
    SqrtSad,
    Sax,
    D1,
    LogD1,
    SqrtD1,
    D2,
    LogD2,
    SqrtD2,
    Kl,
    Jsd,
    Sar,
    Logit,
    DeepSea,
    MaxAbs,
    MeanAbs,
}

impl Statistic {
    /// Every statistic, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::Log2Fc,
        Self::Sad,
        Self::LogSad,
        Self::SqrtSad,
        Self::Sax,
        Self::D1,
        Self::LogD1,
        Self::SqrtD1,
        Self::D2,
        Self::LogD2,
        Self::SqrtD2,
        Self::Kl,
        Self::Jsd,
        Self::Sar,
        Self::Logit,
        Self::DeepSea,
        Self::MaxAbs,
        Self::MeanAbs,
    ];

    /// The name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log2Fc => "log2fc",
            Self::Sad => "sad",
            Self::LogSad => "log_sad",
            Self::SqrtSad => "sqrt_sad",
            Self::Sax => "sax",
            Self::D1 => "d1",
            Self::LogD1 => "log_d1",
            Self::SqrtD1 => "sqrt_d1",
            Self::D2 => "d2",
            Self::LogD2 => "log_d2",
            Self::SqrtD2 => "sqrt_d2",
            Self::Kl => "kl",
            Self::Jsd => "jsd",
            Self::Sar => "sar",
            Self::Logit => "logit",
            Self::DeepSea => "deepsea",
            Self::MaxAbs => "max_abs",
            Self::MeanAbs => "mean_abs",
        }
    }

    /// The statistic of a track: its bins with the reference and with the alternate allele, of which there are as many.
    pub fn of(self, reference: &[f64], alternate: &[f64], pseudocount: f64) -> f64 {
        let n = reference.len() as f64;
        let pairs = || reference.iter().copied().zip(alternate.iter().copied());
        let ratio = |a: f64, r: f64| ((a + pseudocount) / (r + pseudocount)).log2();
        let log = |x: f64| (x + 1.0).log2();
        let logit = |x: f64| (x / (1.0 - x)).ln();
        let sum = |f: &dyn Fn(f64) -> f64| {
            alternate.iter().map(|x| f(*x)).sum::<f64>() - reference.iter().map(|x| f(*x)).sum::<f64>()
        };
        let sizes = |f: &dyn Fn(f64) -> f64| pairs().map(|(r, a)| (f(a) - f(r)).abs()).sum::<f64>();
        let root = |f: &dyn Fn(f64) -> f64| pairs().map(|(r, a)| (f(a) - f(r)).powi(2)).sum::<f64>().sqrt();
        let same = |x: f64| x;
        match self {
            Self::Log2Fc => pairs().map(|(r, a)| ratio(a, r)).sum::<f64>() / n,
            Self::Sad => sum(&same),
            Self::LogSad => sum(&log),
            Self::SqrtSad => sum(&f64::sqrt),
            Self::Sax => largest(pairs().map(|(r, a)| a - r)),
            Self::D1 => sizes(&same),
            Self::LogD1 => sizes(&log),
            Self::SqrtD1 => sizes(&f64::sqrt),
            Self::D2 => root(&same),
            Self::LogD2 => root(&log),
            Self::SqrtD2 => root(&f64::sqrt),
            Self::Kl => {
                let (p, q) = shares(reference, alternate);
                f64::midpoint(divergence(&p, &q), divergence(&q, &p))
            }
            Self::Jsd => {
                let (p, q) = shares(reference, alternate);
                let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| f64::midpoint(*p, *q)).collect();
                f64::midpoint(divergence(&p, &middle), divergence(&q, &middle))
            }
            Self::Sar => ratio(alternate.iter().sum(), reference.iter().sum()),
            Self::Logit => pairs().map(|(r, a)| logit(a) - logit(r)).sum::<f64>() / n,
            Self::DeepSea => {
                pairs().map(|(r, a)| (logit(a) - logit(r)).abs() * (a - r).abs()).sum::<f64>() / n
            }
            Self::MaxAbs => largest(pairs().map(|(r, a)| a - r)).abs(),
            Self::MeanAbs => sizes(&same) / n,
        }
    }
}

impl std::fmt::Display for Statistic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Statistic {
    type Err = EffectError;

    fn from_str(name: &str) -> Result<Self, EffectError> {
        let known = Self::ALL.into_iter().find(|statistic| statistic.name() == name);
        known.ok_or_else(|| {
            out_of_range("statistic", format!("`{name}`"), Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// The number of the largest size, of equals the first; NaN if one is.
fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    let larger = |best: f64, number: f64| {
        if best.is_nan() || best.abs() >= number.abs() { best } else { number }
    };
    numbers.reduce(larger).unwrap_or(f64::NAN)
}

/// Both tracks plus the lower quartile of the first, as shares of their sums.
fn shares(reference: &[f64], alternate: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let floor = lower_quartile(reference);
    let share = |track: &[f64]| {
        let sum: f64 = track.iter().map(|value| value + floor).sum();
        track.iter().map(|value| (value + floor) / sum).collect()
    };
    (share(reference), share(alternate))
}

/// With linear interpolation between the values beside it.
fn lower_quartile(track: &[f64]) -> f64 {
    let mut sorted = track.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = 0.25 * (sorted.len() as f64 - 1.0);
    let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract()
}

/// Kullback-Leibler, in nats; a share of 0 adds nothing.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p != 0.0).map(|(p, q)| p * (p / q).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for statistic in Statistic::ALL {
            assert_eq!(statistic.name().parse::<Statistic>().unwrap(), statistic);
        }
        let error = "SAD".parse::<Statistic>().unwrap_err().to_string();
        assert!(error.starts_with("statistic is `SAD`, expected log2fc, sad, log_sad"), "{error}");
    }

    #[test]
    fn no_change_is_no_effect() {
        let track = [0.5, 0.25, 0.125];
        for statistic in Statistic::ALL {
            assert_eq!(statistic.of(&track, &track, 1e-6), 0.0, "{statistic}");
        }
    }

    #[test]
    fn what_is_not_defined_is_no_number() {
        let of = |statistic: Statistic, r: &[f64], a: &[f64]| statistic.of(r, a, 1e-6);
        assert!(of(Statistic::LogSad, &[-2.0], &[0.0]).is_nan());
        assert!(of(Statistic::MaxAbs, &[0.0, f64::NAN], &[1.0, 0.0]).is_nan());
        assert_eq!(of(Statistic::Logit, &[0.5], &[1.0]), f64::INFINITY);
        assert_eq!(of(Statistic::Sax, &[0.0, 0.0, 1.0], &[-1.0, 1.0, 1.0]), -1.0);
        assert!((of(Statistic::Logit, &[0.2], &[0.8]) - 2.0 * 4.0_f64.ln()).abs() < 1e-15);
        assert!((of(Statistic::DeepSea, &[0.2], &[0.8]) - 0.6 * 2.0 * 4.0_f64.ln()).abs() < 1e-15);
    }
}
