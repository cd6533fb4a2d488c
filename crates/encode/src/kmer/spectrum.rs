use super::denoiser::each_kmer;
use super::{Kmer, KmerCounts, KmerDenoiser, KmerError, option};

/// How a [`SpectrumDenoiser`] corrects.
#[derive(Clone, Copy, Debug)]
pub struct SpectrumOptions {
    /// The lowest count of a k-mer that is trusted. Default: the valley of the histogram
    /// ([`KmerCounts::valley`]).
    pub threshold: Option<u32>,
    /// The largest number of bases changed in a k-mer, at most 3. Default: 2.
    pub max_changes: usize,
    /// Of several trusted k-mers the one with the highest count is taken if that is so many times the next. Default: 3.
    pub dominance: f64,
}

impl Default for SpectrumOptions {
    fn default() -> Self {
        Self { threshold: None, max_changes: 2, dominance: 3.0 }
    }
}

/// Corrects k-mers towards those that are seen often.
///
/// A k-mer is solid if its count reaches a threshold. One that is not is replaced by the only solid k-mer with one base
/// changed, or by the one with the highest count where it dominates the others; if there is none, with two bases
/// changed, and so on. Everything else stays. The confidence is 1 for k-mers that are or become solid and 0 for others.
///
/// This is the class of Musket (doi:10.1093/bioinformatics/bts690), Lighter (doi:10.1186/s13059-014-0509-9) and BFC
/// (doi:10.1093/bioinformatics/btv290), in a definition of its own. It is made for error rates up to some percent: at
/// 10 % a 31-mer has three errors on average.
///
/// ```
/// use cistron_encode::kmer::*;
///
/// let mut reads = PackedSequences::default();
/// (0..5).for_each(|_| reads.push(b"ACGGTCATTACC"));
/// let counts = KmerCounts::count(&reads, 9, CountOptions::default())?;
/// let options = SpectrumOptions { threshold: Some(3), ..SpectrumOptions::default() };
/// let spectrum = SpectrumDenoiser::new(&counts, options)?;
/// let (mut prediction, mut confidence) = ([0; 9], [0.0; 9]);
/// // ACGGTCATT with another base in the middle.
/// spectrum.denoise(&[0, 1, 2, 2, 0, 1, 0, 3, 3], &mut prediction, &mut confidence)?;
/// assert_eq!(prediction, [0, 1, 2, 2, 3, 1, 0, 3, 3]);
/// # Ok::<(), KmerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectrumDenoiser {
    solid: KmerCounts,
    threshold: u32,
    max_changes: usize,
    dominance: f64,
}

/// More changes mean more tries than anybody waits for.
const MOST_CHANGES: usize = 3;

/// The solid k-mers with so many bases changed.
#[derive(Clone, Copy, Debug, Default)]
struct Neighbours {
    best: Option<(u32, Kmer)>,
    /// The second highest count.
    next: u32,
}

impl SpectrumDenoiser {
    /// Trusts the k-mers with a count of the threshold or more.
    ///
    /// # Errors
    /// [`KmerError::Data`] if no threshold is given and the histogram has no valley; [`KmerError::Option`] for a
    /// threshold of 0, more than 3 changes or a dominance below 1.
    pub fn new(counts: &KmerCounts, options: SpectrumOptions) -> Result<Self, KmerError> {
        let SpectrumOptions { threshold, max_changes, dominance } = options;
        if max_changes > MOST_CHANGES {
            return Err(option("largest number of changes", max_changes, format!("0 to {MOST_CHANGES}")));
        }
        if !(dominance >= 1.0 && dominance.is_finite()) {
            return Err(option("dominance", dominance, "a number from 1"));
        }
        let threshold = threshold.or_else(|| counts.valley()).ok_or_else(|| KmerError::Data {
            problem: "the histogram of counts has no valley between errors and genome, expected more coverage or a \
                      threshold"
                .to_owned(),
        })?;
        Ok(Self { solid: counts.solid(threshold)?, threshold, max_changes, dominance })
    }

    /// The k-mers that are trusted, with their counts.
    pub fn solid(&self) -> &KmerCounts {
        &self.solid
    }

    /// The lowest count of a k-mer that is trusted.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The options, with the threshold that was found.
    pub fn options(&self) -> SpectrumOptions {
        SpectrumOptions {
            threshold: Some(self.threshold),
            max_changes: self.max_changes,
            dominance: self.dominance,
        }
    }

    /// The solid k-mer that stands for this one, itself if it is solid; `None` if it is to stay as it is.
    pub fn correct(&self, kmer: Kmer) -> Option<Kmer> {
        if self.solid.get(kmer) > 0 {
            return Some(kmer);
        }
        for changes in 1..=self.max_changes {
            let mut found = Neighbours::default();
            self.try_changes(kmer, 0, changes, &mut found);
            if let Some((count, best)) = found.best {
                let dominates = f64::from(count) >= self.dominance * f64::from(found.next);
                return dominates.then_some(best);
            }
        }
        None
    }

    /// Looks up every k-mer with exactly `changes` bases changed from `place` on.
    fn try_changes(&self, kmer: Kmer, from: usize, changes: usize, found: &mut Neighbours) {
        if changes == 0 {
            let count = self.solid.get(kmer);
            let best = found.best.map_or(0, |(count, _)| count);
            if count > best {
                *found = Neighbours { best: Some((count, kmer)), next: best };
            } else {
                found.next = found.next.max(count);
            }
            return;
        }
        for place in from..self.k() {
            let own = kmer.base(place);
            for code in (0..4).filter(|&code| code != own) {
                self.try_changes(kmer.with_base(place, code), place + 1, changes - 1, found);
            }
        }
    }
}

impl KmerDenoiser for SpectrumDenoiser {
    fn k(&self) -> usize {
        self.solid.set().k()
    }

    fn denoise(&self, noisy: &[u8], prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), KmerError> {
        each_kmer(self.k(), noisy, prediction, confidence, |kmer, prediction, confidence| {
            let corrected = self.correct(kmer);
            corrected.unwrap_or(kmer).write_codes(prediction);
            confidence.fill(if corrected.is_some() { 1.0 } else { 0.0 });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kmer(letters: &str) -> Kmer {
        let codes: Vec<u8> = letters
            .bytes()
            .map(|letter| b"ACGT".iter().position(|it| *it == letter).unwrap() as u8)
            .collect();
        Kmer::from_codes(&codes).unwrap()
    }

    fn spectrum(pairs: &[(&str, u32)], options: SpectrumOptions) -> SpectrumDenoiser {
        let pairs = pairs.iter().map(|(letters, count)| (kmer(letters), *count));
        SpectrumDenoiser::new(&KmerCounts::from_pairs(7, pairs).unwrap(), options).unwrap()
    }

    #[test]
    fn the_only_or_the_dominant_neighbour_is_taken() {
        let options = SpectrumOptions { threshold: Some(2), ..SpectrumOptions::default() };
        let pairs = [("AACCGTA", 30), ("AACCGTC", 9), ("TTTTTTA", 4), ("TTTTTTC", 3), ("GGGGAAC", 1)];
        let spectrum = spectrum(&pairs, options);
        for (from, to) in [
            ("AACCGTA", Some("AACCGTA")),
            // One change: AACCGTA dominates AACCGTC.
            ("AACCGTG", Some("AACCGTA")),
            // One change to AACCGTC alone.
            ("ATCCGTC", Some("AACCGTC")),
            // Neither TTTTTTA nor TTTTTTC dominates.
            ("TTTTTTG", None),
            // Two changes.
            ("AATTGTA", Some("AACCGTA")),
            // Three are too many, and GGGGAAC is not solid.
            ("TTGGGTA", None),
            ("GGGGAAC", None),
        ] {
            assert_eq!(spectrum.correct(kmer(from)), to.map(kmer), "{from}");
            let turned = spectrum.correct(kmer(from).reverse_complement(7));
            assert_eq!(turned.map(|it| it.reverse_complement(7)), to.map(kmer), "{from} on the other strand");
        }
    }

    #[test]
    fn options_are_checked() {
        let counts = KmerCounts::from_pairs(7, [(kmer("AACCGTA"), 3)]).unwrap();
        let with = |options| SpectrumDenoiser::new(&counts, options).map_err(|error| error.to_string());
        let default = SpectrumOptions { threshold: Some(1), ..SpectrumOptions::default() };
        assert_eq!(with(default).unwrap().threshold(), 1);
        let message = with(SpectrumOptions { max_changes: 4, ..default }).unwrap_err();
        assert_eq!(message, "largest number of changes is 4, expected 0 to 3");
        assert!(with(SpectrumOptions { dominance: 0.5, ..default }).is_err());
        assert!(with(SpectrumOptions { threshold: Some(0), ..default }).is_err());
    }
}
