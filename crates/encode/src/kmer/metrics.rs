use cistron_core::Run;

use super::denoiser::KmerDenoiser;
use super::error::check_length;
use super::sampler::KmerPass;
use super::word::check_k;
use super::{KmerError, data};

/// What a denoiser did to k-mers whose clean form is known.
///
/// Everything is counted in integers (confidences in multiples of 2⁻³²), so that the counts of parts merge to those of
/// the whole exactly, in any order.
///
/// ```
/// use cistron_encode::kmer::DenoisingMetrics;
///
/// let mut metrics = DenoisingMetrics::new(4)?;
/// // One of two errors was fixed, nothing was broken.
/// metrics.add(&[0, 1, 2, 3], &[0, 2, 2, 1], &[0, 1, 2, 1], &[0.9; 4])?;
/// assert_eq!((metrics.hamming(), metrics.fixed(), metrics.gain()), (0.25, 0.5, 0.5));
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenoisingMetrics {
    k: usize,
    n: u64,
    exact: u64,
    corrupted: u64,
    fixed: u64,
    broken: u64,
    /// Wrong bases by place.
    by_position: Vec<u64>,
    by_errors: Vec<Recovered>,
    calibration: [Calibration; BINS],
}

/// K-mers with one number of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// How many k-mers had so many errors.
    pub n: u64,
    /// How many of them were predicted without an error.
    pub exact: u64,
    /// How many of their bases were predicted wrongly.
    pub wrong: u64,
}

/// Bases predicted with a confidence of one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calibration {
    /// How many bases.
    pub n: u64,
    /// How many of them were right.
    pub right: u64,
    /// The sum of their confidences in multiples of 2⁻³².
    confidence: u64,
}

impl Calibration {
    /// The mean confidence of the bases, NaN for none.
    pub fn confidence(&self) -> f64 {
        self.confidence as f64 / UNIT / self.n as f64
    }
}

/// Bins of confidence, each a twentieth.
const BINS: usize = 20;
const UNIT: f64 = (1_u64 << 32) as f64;
/// K-mers in memory at a time.
const BATCH: u64 = 1024;

impl DenoisingMetrics {
    /// No k-mer yet.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32.
    pub fn new(k: usize) -> Result<Self, KmerError> {
        check_k(k)?;
        Ok(Self {
            k,
            n: 0,
            exact: 0,
            corrupted: 0,
            fixed: 0,
            broken: 0,
            by_position: vec![0; k],
            by_errors: vec![Recovered::default(); k + 1],
            calibration: [Calibration::default(); BINS],
        })
    }

    /// What a denoiser does to these pairs of a pass.
    ///
    /// # Errors
    /// [`KmerError::Option`] if the denoiser takes k-mers of another length or the pairs go beyond the pass,
    /// [`KmerError::Cancelled`], or the denoiser's own.
    pub fn measure(
        denoiser: &dyn KmerDenoiser,
        pass: &KmerPass<'_>,
        pairs: std::ops::Range<u64>,
        run: Run<'_>,
    ) -> Result<Self, KmerError> {
        let k = pass.k();
        if denoiser.k() != k {
            return Err(super::option("k of the denoiser", denoiser.k(), k.to_string()));
        }
        let mut metrics = Self::new(k)?;
        let most = pairs.end.saturating_sub(pairs.start).min(BATCH) as usize * k;
        let mut codes = [(); 3].map(|()| vec![0; most]);
        let mut confidence = vec![0.0; most];
        for first in pairs.clone().step_by(BATCH as usize) {
            if run.is_cancelled() {
                let (done, total) = (first - pairs.start, pairs.end - pairs.start);
                return Err(KmerError::Cancelled { what: "k-mers", done, total });
            }
            let n = (pairs.end - first).min(BATCH);
            let width = n as usize * k;
            let [clean, noisy, prediction] = codes.each_mut().map(|codes| &mut codes[..width]);
            let confidence = &mut confidence[..width];
            pass.fill(first, clean, noisy)?;
            denoiser.denoise(noisy, prediction, confidence)?;
            metrics.add(clean, noisy, prediction, confidence)?;
            run.observer.advance(n);
        }
        Ok(metrics)
    }

    /// Counts k-mers: codes and confidences `(n, k)`.
    ///
    /// # Errors
    /// [`KmerError::Length`] for slices that do not fit each other; [`KmerError::Data`] for a confidence that is not
    /// in [0, 1]. Nothing is counted then.
    pub fn add(
        &mut self,
        clean: &[u8],
        noisy: &[u8],
        prediction: &[u8],
        confidence: &[f32],
    ) -> Result<(), KmerError> {
        check_length("clean codes", clean.len(), clean.len() / self.k * self.k)?;
        check_length("noisy codes", noisy.len(), clean.len())?;
        check_length("prediction", prediction.len(), clean.len())?;
        check_length("confidence", confidence.len(), clean.len())?;
        if let Some(found) = confidence.iter().find(|it| !(0.0..=1.0).contains(*it)) {
            return Err(data(format!("a confidence is {found}, expected a number from 0 to 1")));
        }
        let k = self.k;
        let rows = clean.chunks_exact(k).zip(noisy.chunks_exact(k));
        let guesses = prediction.chunks_exact(k).zip(confidence.chunks_exact(k));
        for ((clean, noisy), (prediction, confidence)) in rows.zip(guesses) {
            self.add_kmer(clean, noisy, prediction);
            for ((clean, predicted), sure) in clean.iter().zip(prediction).zip(confidence) {
                self.calibrate(clean == predicted, f64::from(*sure));
            }
        }
        Ok(())
    }

    fn add_kmer(&mut self, clean: &[u8], noisy: &[u8], prediction: &[u8]) {
        let (mut errors, mut wrong) = (0, 0);
        for (place, ((clean, noisy), predicted)) in clean.iter().zip(noisy).zip(prediction).enumerate() {
            let (corrupted, missed) = (clean != noisy, clean != predicted);
            errors += usize::from(corrupted);
            wrong += u64::from(missed);
            self.fixed += u64::from(corrupted && !missed);
            self.broken += u64::from(!corrupted && missed);
            self.by_position[place] += u64::from(missed);
        }
        self.n += 1;
        self.corrupted += errors as u64;
        self.exact += u64::from(wrong == 0);
        let group = &mut self.by_errors[errors];
        group.n += 1;
        group.exact += u64::from(wrong == 0);
        group.wrong += wrong;
    }

    fn calibrate(&mut self, right: bool, confidence: f64) {
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut self.calibration[bin];
        bin.n += 1;
        bin.right += u64::from(right);
        bin.confidence += (confidence * UNIT).round() as u64;
    }

    /// Adds the counts of other k-mers.
    ///
    /// # Errors
    /// [`KmerError::Option`] if they have another length.
    pub fn merge(&mut self, other: &Self) -> Result<(), KmerError> {
        if self.k != other.k {
            return Err(super::option("k of the other metrics", other.k, self.k.to_string()));
        }
        self.n += other.n;
        self.exact += other.exact;
        self.corrupted += other.corrupted;
        self.fixed += other.fixed;
        self.broken += other.broken;
        self.by_position.iter_mut().zip(&other.by_position).for_each(|(a, b)| *a += b);
        for (a, b) in self.by_errors.iter_mut().zip(&other.by_errors) {
            a.n += b.n;
            a.exact += b.exact;
            a.wrong += b.wrong;
        }
        for (a, b) in self.calibration.iter_mut().zip(&other.calibration) {
            a.n += b.n;
            a.right += b.right;
            a.confidence += b.confidence;
        }
        Ok(())
    }

    /// The bases of a k-mer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of k-mers.
    pub fn n(&self) -> u64 {
        self.n
    }

    fn n_bases(&self) -> f64 {
        self.n as f64 * self.k as f64
    }

    /// The share of bases that noise changed: the Hamming distance of doing nothing. NaN without k-mers, as are the
    /// other shares.
    pub fn identity(&self) -> f64 {
        self.corrupted as f64 / self.n_bases()
    }

    /// The share of bases predicted wrongly.
    pub fn hamming(&self) -> f64 {
        self.wrong() as f64 / self.n_bases()
    }

    fn wrong(&self) -> u64 {
        self.corrupted - self.fixed + self.broken
    }

    /// The Hamming distance as a quality, `-10 log10 h`; without a wrong base that of one wrong base.
    pub fn quality(&self) -> f64 {
        -10.0 * (self.wrong().max(1) as f64 / self.n_bases()).log10()
    }

    /// The share of k-mers predicted without an error.
    pub fn exact(&self) -> f64 {
        self.exact as f64 / self.n as f64
    }

    /// The share of changed bases that were restored.
    pub fn fixed(&self) -> f64 {
        self.fixed as f64 / self.corrupted as f64
    }

    /// The share of unchanged bases that were made wrong.
    pub fn broken(&self) -> f64 {
        self.broken as f64 / (self.n_bases() - self.corrupted as f64)
    }

    /// Bases restored less bases made wrong, as a share of the changed ones: 0 for doing nothing, 1 for perfection,
    /// negative for harm.
    pub fn gain(&self) -> f64 {
        (self.fixed as f64 - self.broken as f64) / self.corrupted as f64
    }

    /// The share of bases predicted wrongly at each place `(k)`.
    pub fn by_position(&self) -> Vec<f64> {
        self.by_position.iter().map(|&wrong| wrong as f64 / self.n as f64).collect()
    }

    /// K-mers by their number of errors, from 0 to k.
    pub fn by_errors(&self) -> &[Recovered] {
        &self.by_errors
    }

    /// Bases by the confidence of their prediction, in twenty equal bins from 0 to 1.
    pub fn calibration(&self) -> &[Calibration] {
        &self.calibration
    }

    /// The Hamming distance that the denoiser itself expects: the mean of 1 less its confidence.
    ///
    /// For the exact posterior ([`CodebookDenoiser`](super::CodebookDenoiser)) it is the limit of information: no
    /// denoiser can be expected below it.
    pub fn expected_hamming(&self) -> f64 {
        let sum: u64 = self.calibration.iter().map(|bin| bin.confidence).sum();
        1.0 - sum as f64 / UNIT / self.n_bases()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kmers(k: usize, n: usize) -> impl Strategy<Value = [Vec<u8>; 3]> {
        let codes = move || prop::collection::vec(0_u8..4, k * n);
        (codes(), codes(), codes()).prop_map(|(a, b, c)| [a, b, c])
    }

    proptest! {
        #[test]
        fn shares_follow_their_definitions([clean, noisy, prediction] in kmers(7, 12)) {
            let mut metrics = DenoisingMetrics::new(7).unwrap();
            metrics.add(&clean, &noisy, &prediction, &[0.5; 84]).unwrap();
            let share = |wanted: &dyn Fn(usize) -> bool| (0..84).filter(|&i| wanted(i)).count() as f64;
            let corrupted = share(&|i| clean[i] != noisy[i]);
            prop_assert_eq!(metrics.hamming(), share(&|i| clean[i] != prediction[i]) / 84.0);
            prop_assert_eq!(metrics.identity(), corrupted / 84.0);
            prop_assert_eq!(metrics.fixed(), share(&|i| clean[i] != noisy[i] && clean[i] == prediction[i]) / corrupted);
            let p = metrics.identity();
            // 1e-12: the identity of the definitions, rounded.
            let h = p * (1.0 - metrics.fixed()) + (1.0 - p) * metrics.broken();
            prop_assert!((metrics.hamming() - h).abs() < 1e-12);
            let by_position: f64 = metrics.by_position().iter().sum();
            prop_assert!((by_position / 7.0 - metrics.hamming()).abs() < 1e-12);
            prop_assert_eq!(metrics.by_errors().iter().map(|group| group.n).sum::<u64>(), 12);
            let right: u64 = metrics.calibration().iter().map(|bin| bin.right).sum();
            prop_assert_eq!(right as f64, share(&|i| clean[i] == prediction[i]));
        }

        #[test]
        fn parts_merge_to_the_whole([clean, noisy, prediction] in kmers(5, 9), cut in 0_usize..=9, seed in 0_u32..99) {
            let confidence: Vec<f32> = (0..45).map(|i| (i * 37 + seed) as f32 % 101.0 / 101.0).collect();
            let add = |range: std::ops::Range<usize>| {
                let mut metrics = DenoisingMetrics::new(5).unwrap();
                let rows = range.start * 5..range.end * 5;
                let codes = [&clean, &noisy, &prediction].map(|codes| &codes[rows.clone()]);
                metrics.add(codes[0], codes[1], codes[2], &confidence[rows.clone()]).unwrap();
                metrics
            };
            let mut merged = add(cut..9);
            merged.merge(&add(0..cut)).unwrap();
            prop_assert_eq!(merged, add(0..9));
        }
    }

    #[test]
    fn perfection_has_the_quality_of_its_bound() {
        let mut metrics = DenoisingMetrics::new(2).unwrap();
        metrics.add(&[0; 1000], &[1; 1000], &[0; 1000], &[1.0; 1000]).unwrap();
        assert_eq!((metrics.hamming(), metrics.exact(), metrics.gain()), (0.0, 1.0, 1.0));
        assert_eq!(metrics.quality(), 30.0);
        assert_eq!(metrics.expected_hamming(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut metrics = DenoisingMetrics::new(2).unwrap();
        assert!(metrics.add(&[0; 3], &[0; 3], &[0; 3], &[0.5; 3]).is_err());
        assert!(metrics.add(&[0; 2], &[0; 2], &[0; 2], &[0.5; 1]).is_err());
        let error = metrics.add(&[0; 2], &[0; 2], &[0; 2], &[f32::NAN; 2]).unwrap_err();
        assert_eq!(error.to_string(), "a confidence is NaN, expected a number from 0 to 1");
        assert_eq!(metrics, DenoisingMetrics::new(2).unwrap());
        assert!(metrics.merge(&DenoisingMetrics::new(3).unwrap()).is_err());
    }
}
