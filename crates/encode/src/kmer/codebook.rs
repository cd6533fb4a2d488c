//! The exact posterior of a known genome.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod nearest;
mod scan;
mod seeds;

use cistron_core::Strand;

use super::denoiser::each_kmer;
use super::word::MAX_K;
use super::{Kmer, KmerDenoiser, KmerError, PackedSequences, Strands, WindowSet, data, option};
use nearest::Nearest;
use scan::Scan;
use seeds::SeedIndex;

/// What a [`CodebookDenoiser`] stores and how far it looks.
#[derive(Clone, Copy, Debug)]
pub struct CodebookOptions {
    /// The strands that are stored. Default: both.
    pub strands: Strands,
    /// The probability that a base is wrong, above 0 and below 0.75. Default: 0.1.
    pub noise: f64,
    /// Stored k-mers count if they have at most so many mismatches more than the nearest one. Default: 2.
    pub margin: u32,
    /// How they are found; the answers are the same. Default: [`Search::Seeds`].
    pub search: Search,
}

impl Default for CodebookOptions {
    fn default() -> Self {
        Self { strands: Strands::Both, noise: 0.1, margin: 2, search: Search::Seeds }
    }
}

/// How a [`CodebookDenoiser`] finds what is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// By seeds with few mismatches, and by all stored k-mers where that is faster.
    Seeds,
    /// By all stored k-mers.
    Exhaustive,
}

/// The posterior of the clean k-mer under a uniform prior on all windows of a genome.
///
/// A stored k-mer at distance `d` of the noisy one weighs `r^-d` with `r = 3 (1 - p) / p`; weights are summed for each
/// place and base, and the base of the largest sum is the answer (ties: the lowest code). No other rule has a lower
/// expected Hamming distance on k-mers drawn from these windows with this noise.
///
/// Every stored k-mer with at most `margin` mismatches more than the nearest is found, whatever the search. Each one
/// left out weighs at most `r^-(margin + 1)` of the nearest (5·10⁻⁵ at p = 0.1 and margin 2);
/// [`KmerPosterior::truncation`] bounds what they may change together.
///
/// The search is by the pigeonhole principle: of the disjoint seeds of a k-mer within a radius one has few mismatches;
/// the radius grows until it covers the nearest one found and the margin (Norouzi et al. 2012,
/// doi:10.1109/CVPR.2012.6248043). Memory: 4.6 bytes a base and 4 MB.
///
/// ```
/// use cistron_encode::kmer::{CodebookDenoiser, CodebookOptions, KmerDenoiser, PackedSequences};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACCGATTTGCA");
/// let codebook = CodebookDenoiser::new(genome, 9, CodebookOptions::default())?;
/// let (mut prediction, mut confidence) = ([0; 9], [0.0; 9]);
/// // GGTCATTAC with another base in the middle.
/// codebook.denoise(&[2, 2, 3, 1, 2, 3, 3, 0, 1], &mut prediction, &mut confidence)?;
/// assert_eq!(prediction, [2, 2, 3, 1, 0, 3, 3, 0, 1]);
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CodebookDenoiser {
    sequences: PackedSequences,
    windows: WindowSet,
    options: CodebookOptions,
    seeds: SeedIndex,
    scan: Scan,
    /// The weight of so many mismatches more than the nearest.
    weights: Vec<f64>,
}

impl CodebookDenoiser {
    /// Stores the windows of `k` known bases of these sequences.
    ///
    /// # Errors
    /// [`KmerError::Option`] for a `k` not in 1 to 32 or noise not in (0, 0.75); [`KmerError::Data`] if there is no
    /// window, or 2³² bases or more.
    pub fn new(sequences: PackedSequences, k: usize, options: CodebookOptions) -> Result<Self, KmerError> {
        if !(options.noise > 0.0 && options.noise < 0.75) {
            return Err(option("noise", options.noise, "a probability above 0 and below 0.75"));
        }
        let windows = WindowSet::all(&sequences, k)?;
        if windows.is_empty() {
            return Err(data(format!("no window of {k} known bases found, expected at least one")));
        }
        let ratio = 3.0 * (1.0 - options.noise) / options.noise;
        let margin = options.margin.min(k as u32);
        let weights = (0..=margin as i32).map(|more| ratio.powi(-more)).collect();
        let seeds = SeedIndex::new(&sequences, &windows)?;
        let options = CodebookOptions { margin, ..options };
        Ok(Self { sequences, windows, options, seeds, scan: Scan::detect(), weights })
    }

    /// The number of stored k-mers, each as often as it occurs.
    pub fn len(&self) -> u64 {
        self.windows.len() * self.n_strands()
    }

    /// Whether nothing is stored; never, since [`new`](Self::new) asks for a window.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The stored sequences.
    pub fn sequences(&self) -> &PackedSequences {
        &self.sequences
    }

    /// What was stored and how far is looked.
    pub fn options(&self) -> CodebookOptions {
        self.options
    }

    fn n_strands(&self) -> u64 {
        if self.options.strands == Strands::Both { 2 } else { 1 }
    }

    /// The posterior of one noisy k-mer.
    pub fn posterior(&self, noisy: Kmer) -> KmerPosterior {
        self.posterior_with(noisy, &mut Nearest::default())
    }

    fn posterior_with(&self, noisy: Kmer, nearest: &mut Nearest) -> KmerPosterior {
        self.find(noisy, nearest);
        let counts = nearest.count(self.k());
        let total: f64 = counts.kmers.iter().zip(&self.weights).map(|(&n, weight)| n as f64 * weight).sum();
        let mut probabilities = [[0.0; 4]; MAX_K];
        for (bases, weight) in counts.bases.iter().zip(&self.weights) {
            for (sums, bases) in probabilities.iter_mut().zip(bases) {
                sums.iter_mut().zip(bases).for_each(|(sum, &n)| *sum += f64::from(n) * weight / total);
            }
        }
        let omitted = (self.len() - counts.kmers.iter().sum::<u64>()) as f64 * self.omitted_weight();
        KmerPosterior { probabilities, distance: nearest.best(), truncation: omitted / (total + omitted) }
    }

    /// The largest weight of a stored k-mer that is left out.
    fn omitted_weight(&self) -> f64 {
        let last = self.weights.last().copied().unwrap_or(1.0);
        last * self.options.noise / (3.0 * (1.0 - self.options.noise))
    }

    /// Finds every stored k-mer within the margin of the nearest.
    fn find(&self, noisy: Kmer, nearest: &mut Nearest) {
        let text = (&self.sequences, &self.windows);
        let strands = if self.options.strands == Strands::Both { &BOTH[..] } else { &BOTH[..1] };
        nearest.clear(self.k() as u32, self.options.margin);
        let blocks = self.seeds.n_blocks();
        let mut radius = blocks - 1;
        while self.options.search == Search::Seeds && self.seeds.pays(radius) {
            nearest.clear(nearest.best(), self.options.margin);
            for &strand in strands {
                self.seeds.find(text, (noisy, strand), radius, nearest);
            }
            if radius >= nearest.limit() {
                return;
            }
            // One more mismatch in each seed; what is found so far may be far from the nearest.
            radius = nearest.limit().min(radius + blocks);
        }
        nearest.clear(nearest.best(), self.options.margin);
        self.scan.find(text, noisy, strands, nearest);
    }
}

const BOTH: [Strand; 2] = [Strand::Forward, Strand::Reverse];

impl KmerDenoiser for CodebookDenoiser {
    fn k(&self) -> usize {
        self.windows.k()
    }

    fn denoise(&self, noisy: &[u8], prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), KmerError> {
        let mut nearest = Nearest::default();
        each_kmer(self.k(), noisy, prediction, confidence, |kmer, prediction, confidence| {
            let posterior = self.posterior_with(kmer, &mut nearest);
            for (place, (code, sure)) in prediction.iter_mut().zip(confidence).enumerate() {
                let (best, probability) = posterior.best(place);
                (*code, *sure) = (best, probability as f32);
            }
        })
    }
}

/// What is known of a clean k-mer.
#[derive(Clone, Debug)]
pub struct KmerPosterior {
    probabilities: [[f64; 4]; MAX_K],
    distance: u32,
    truncation: f64,
}

impl KmerPosterior {
    /// The probabilities of A, C, G and T at a place, from 0 to below `k`.
    pub fn at(&self, place: usize) -> [f64; 4] {
        self.probabilities[place]
    }

    /// The most probable base at a place (ties: the lowest code) and its probability.
    pub fn best(&self, place: usize) -> (u8, f64) {
        let at = self.probabilities[place];
        (0..4).fold((0, at[0]), |best, code| {
            let probability = at[usize::from(code)];
            if probability > best.1 { (code, probability) } else { best }
        })
    }

    /// The number of mismatches to the nearest stored k-mer.
    pub fn distance(&self) -> u32 {
        self.distance
    }

    /// By how much a probability may differ from that under all stored k-mers, at most.
    ///
    /// It counts all that were left out as if each had one mismatch more than the margin. On real genomes they have
    /// far more; this bound holds for any.
    pub fn truncation(&self) -> f64 {
        self.truncation
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use proptest::prelude::*;

    use super::super::Noise;
    use super::super::philox::Philox;
    use super::*;

    /// The posterior by its definition: all stored k-mers, all weights.
    fn oracle(records: &[String], k: usize, both: bool, noise: f64, noisy: Kmer) -> Vec<[f64; 4]> {
        let mut stored = Vec::new();
        for record in records {
            for window in record.as_bytes().windows(k) {
                let codes: Vec<u8> = window
                    .iter()
                    .filter_map(|letter| b"ACGT".iter().position(|it| it == letter))
                    .map(|code| code as u8)
                    .collect();
                if codes.len() == k {
                    stored.push(codes.clone());
                    if both {
                        stored.push(codes.iter().rev().map(|code| 3 - code).collect());
                    }
                }
            }
        }
        let mut codes = vec![0; k];
        noisy.write_codes(&mut codes);
        let mut sums = vec![[0.0; 4]; k];
        let mut total = 0.0;
        for kmer in &stored {
            let likelihood: f64 = kmer
                .iter()
                .zip(&codes)
                .map(|(a, b)| if a == b { 1.0 - noise } else { noise / 3.0 })
                .product();
            total += likelihood;
            kmer.iter().zip(&mut sums).for_each(|(&code, sums)| sums[usize::from(code)] += likelihood);
        }
        sums.into_iter().map(|sums| sums.map(|sum| sum / total)).collect()
    }

    fn packed(records: &[String]) -> PackedSequences {
        PackedSequences::from_iter(records)
    }

    fn close(posterior: &KmerPosterior, expected: &[[f64; 4]], tolerance: f64) {
        for (place, expected) in expected.iter().enumerate() {
            for (found, expected) in posterior.at(place).iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{place}: {found}, not {expected} by {tolerance}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn with_all_kmers_the_posterior_is_that_of_bayes(
            records in prop::collection::vec("[ACGTN]{10,120}", 1..4),
            codes in prop::collection::vec(0_u8..4, 4..=32),
            noise in 0.01_f64..0.7,
            both: bool,
            exhaustive: bool,
        ) {
            let k = codes.len();
            let noisy = Kmer::from_codes(&codes).unwrap();
            let strands = if both { Strands::Both } else { Strands::Forward };
            let search = if exhaustive { Search::Exhaustive } else { Search::Seeds };
            let options = CodebookOptions { strands, noise, margin: 32, search };
            let Ok(codebook) = CodebookDenoiser::new(packed(&records), k, options) else { return Ok(()) };
            let posterior = codebook.posterior(noisy);
            // 1e-9: sums of some hundred products in another order.
            close(&posterior, &oracle(&records, k, both, noise, noisy), 1e-9);
            prop_assert_eq!(posterior.truncation(), 0.0);
        }

        #[test]
        fn a_margin_changes_no_more_than_the_bound(
            letters in "[ACGT]{300,900}",
            at in 0_usize..260,
            k in 8_usize..=32,
            margin in 0_u32..4,
            seed: u64,
        ) {
            let records = [letters];
            let genome = packed(&records);
            let noise = Noise::new(0.15).unwrap().draw(k, &mut Philox::new(seed, 0, 0));
            let noisy = genome.window(at as u64, k).xor(noise);
            let expected = oracle(&records, k, true, 0.15, noisy);
            let [seeds, all] = [Search::Seeds, Search::Exhaustive].map(|search| {
                let options = CodebookOptions { noise: 0.15, margin, search, ..CodebookOptions::default() };
                CodebookDenoiser::new(genome.clone(), k, options).unwrap().posterior(noisy)
            });
            // 1e-9 for rounding.
            close(&seeds, &expected, seeds.truncation() + 1e-9);
            prop_assert_eq!((seeds.probabilities, seeds.distance), (all.probabilities, all.distance));
        }
    }

    #[test]
    fn seeds_and_the_whole_scan_agree_on_a_larger_genome() {
        let mut stream = Seed::new(9).stream("genome", 0);
        let mut letters: String = (0..60_000).map(|_| b"ACGT"[stream.below(4) as usize] as char).collect();
        letters.insert_str(30_000, "NNNNN");
        let genome = packed(&[letters.clone(), letters[100..9000].to_owned()]);
        let books = [Search::Seeds, Search::Exhaustive].map(|search| {
            let options = CodebookOptions { search, ..CodebookOptions::default() };
            CodebookDenoiser::new(genome.clone(), 31, options).unwrap()
        });
        let noise = Noise::new(0.2).unwrap();
        for index in 0..200 {
            let clean = genome.window(stream.below(29_900), 31);
            let noisy = clean.xor(noise.draw(31, &mut Philox::new(1, 1, index)));
            let [a, b] = [0, 1].map(|book| books[book].posterior(noisy));
            assert_eq!((a.probabilities, a.distance), (b.probabilities, b.distance));
        }
    }

    #[test]
    fn options_are_checked() {
        let genome = packed(&["ACGTACGT".to_owned()]);
        let with = |noise, k| {
            let options = CodebookOptions { noise, ..CodebookOptions::default() };
            CodebookDenoiser::new(genome.clone(), k, options).map_err(|error| error.to_string())
        };
        assert!(with(0.1, 8).is_ok());
        assert_eq!(with(0.0, 8).unwrap_err(), "noise is 0, expected a probability above 0 and below 0.75");
        assert_eq!(with(0.1, 9).unwrap_err(), "no window of 9 known bases found, expected at least one");
        assert!(with(0.1, 0).is_err());
    }
}
