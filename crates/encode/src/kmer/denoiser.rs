use super::error::check_length;
use super::{Kmer, KmerError, option};

/// Anything that guesses the clean k-mer behind a noisy one.
pub trait KmerDenoiser: Send + Sync {
    /// The bases of a k-mer.
    fn k(&self) -> usize;

    /// Guesses each base of `n` k-mers.
    ///
    /// * `noisy` (n, k): DNA codes 0 to 3
    /// * `prediction` (n, k): filled with codes 0 to 3
    /// * `confidence` (n, k): filled with the probability, in the denoiser's eyes, that the base is right
    ///
    /// # Errors
    /// [`KmerError::Length`] for slices that do not fit each other, [`KmerError::Option`] for a code that is no base,
    /// [`KmerError::Model`] if a model fails.
    fn denoise(&self, noisy: &[u8], prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), KmerError>;
}

/// The denoiser that returns what it was given: what every other has to beat.
///
/// ```
/// use cistron_encode::kmer::{Identity, KmerDenoiser};
///
/// let (mut prediction, mut confidence) = ([0; 3], [0.0; 3]);
/// Identity::new(3, 0.1)?.denoise(&[2, 0, 1], &mut prediction, &mut confidence)?;
/// assert_eq!((prediction, confidence), ([2, 0, 1], [0.9; 3]));
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    k: usize,
    noise: f64,
}

impl Identity {
    /// The identity on k-mers whose bases are wrong with probability `noise`.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32 or the noise not a probability.
    pub fn new(k: usize, noise: f64) -> Result<Self, KmerError> {
        super::word::check_k(k)?;
        if (0.0..=1.0).contains(&noise) {
            Ok(Self { k, noise })
        } else {
            Err(option("noise", noise, "a probability"))
        }
    }
}

impl KmerDenoiser for Identity {
    fn k(&self) -> usize {
        self.k
    }

    fn denoise(&self, noisy: &[u8], prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), KmerError> {
        each_kmer(self.k, noisy, prediction, confidence, |kmer, prediction, confidence| {
            kmer.write_codes(prediction);
            confidence.fill(1.0 - self.noise as f32);
        })
    }
}

/// Checks the slices of [`KmerDenoiser::denoise`] and calls `guess` for each k-mer.
pub(super) fn each_kmer(
    k: usize,
    noisy: &[u8],
    prediction: &mut [u8],
    confidence: &mut [f32],
    mut guess: impl FnMut(Kmer, &mut [u8], &mut [f32]),
) -> Result<(), KmerError> {
    check_length("noisy codes", noisy.len(), noisy.len() / k * k)?;
    check_length("prediction", prediction.len(), noisy.len())?;
    check_length("confidence", confidence.len(), noisy.len())?;
    let outputs = prediction.chunks_exact_mut(k).zip(confidence.chunks_exact_mut(k));
    for (codes, (prediction, confidence)) in noisy.chunks_exact(k).zip(outputs) {
        let kmer = Kmer::from_codes(codes)
            .ok_or_else(|| option("noisy k-mer", format!("{codes:?}"), "codes from 0 to 3"))?;
        guess(kmer, prediction, confidence);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_codes_are_checked() {
        let identity = Identity::new(2, 0.1).unwrap();
        let run = |noisy: &[u8], n: usize, m: usize| {
            identity.denoise(noisy, &mut vec![0; n], &mut vec![0.0; m]).map_err(|error| error.to_string())
        };
        assert_eq!(run(&[0, 1, 2, 3], 4, 4), Ok(()));
        assert_eq!(run(&[0, 1, 2], 3, 3).unwrap_err(), "noisy codes has 3 items, expected 2");
        assert_eq!(run(&[0, 1], 3, 2).unwrap_err(), "prediction has 3 items, expected 2");
        assert_eq!(run(&[0, 1], 2, 1).unwrap_err(), "confidence has 1 items, expected 2");
        assert_eq!(run(&[0, 4], 2, 2).unwrap_err(), "noisy k-mer is [0, 4], expected codes from 0 to 3");
    }
}
