//! Scanning sequences for motifs, as FIMO does.

mod alleles;
mod engine;
mod feed;
mod hit;
mod model;
mod plan;
mod portable;
mod rescore;
mod survival;
mod tile;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lookup;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(test)]
mod tests;

use cistron_core::{Run, Strand};

use crate::{Background, MotifError, MotifSet};
pub use alleles::{AlleleScanner, MotifChange};
use engine::Plan;
pub use feed::Scan;
pub use hit::{Hit, HitOrder, ScanSummary, best_hits, q_values};
use model::Model;
pub use survival::PValues;

/// By whose rules scores and p-values are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arithmetic {
    /// The scale of [`Peer`](Self::Peer); a window with a letter outside the alphabet is no window.
    #[default]
    Current,
    /// memelite 0.5: `W = log2(P + pseudocount) - log2(b)`, p-values of scores in bins of `bin_size`; a letter outside
    /// the alphabet adds 0 to the score, so that a motif whose threshold is negative hits every stretch of N.
    Peer,
    /// The FIMO of the MEME suite 5: `P = (n p + c b) / (n + c)`, scores on an integer scale of about 1000 steps, a
    /// hit at `p <= threshold`; a window with a letter outside the alphabet is no window.
    MemeSuite,
}

/// What makes a window a hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScanThreshold {
    /// A p-value below this, in (0, 1]; by the rules of [`Arithmetic`].
    PValue(f64),
    /// A score of this or more, in bits.
    Score(f64),
}

/// Which strands are scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanStrands {
    /// Both, if the letters pair; the forward strand otherwise.
    #[default]
    Both,
    /// The forward strand alone.
    Forward,
}

/// The instructions by which windows are sifted. Results never depend on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanEngine {
    /// The fastest that the processor has.
    #[default]
    Auto,
    /// Plain Rust, on every processor.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 VBMI.
    Avx512,
    /// 64-bit ARM.
    Neon,
}

/// How a [`Scanner`] scans.
///
/// ```
/// use cistron_motif::{FimoOptions, ScanThreshold};
///
/// let options = FimoOptions { threshold: ScanThreshold::PValue(1e-5), ..FimoOptions::default() };
/// assert_eq!(options.bin_size, 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FimoOptions {
    /// By whose rules; default [`Arithmetic::Current`].
    pub arithmetic: Arithmetic,
    /// What makes a hit; default a p-value below 1e-4.
    pub threshold: ScanThreshold,
    /// The width of a score bin of the p-value table, in bits; default 0.1. The MEME suite's scale is its own.
    pub bin_size: f64,
    /// What is added to each probability (default 1e-4), for the MEME suite the number of sites that the background
    /// counts for (default 0.1).
    pub pseudocount: Option<f64>,
    /// The letters' probabilities outside motifs, as the forward strand has them; default uniform, for the MEME suite
    /// [`Background::nrdb`]. The scores of the reverse strand come from the same table.
    pub background: Option<Background>,
    /// Which strands; default both.
    pub strands: ScanStrands,
    /// By which instructions; default the fastest.
    pub engine: ScanEngine,
    /// The number of letters that are scanned at a time, at least 64; default 65,536. Memory is a few times this
    /// for each thread, and results do not depend on it.
    pub tile: usize,
}

impl Default for FimoOptions {
    fn default() -> Self {
        Self {
            arithmetic: Arithmetic::Current,
            threshold: ScanThreshold::PValue(1e-4),
            bin_size: 0.1,
            pseudocount: None,
            background: None,
            strands: ScanStrands::Both,
            engine: ScanEngine::Auto,
            tile: 1 << 16,
        }
    }
}

impl FimoOptions {
    /// The options of memelite 0.5.
    #[must_use]
    pub fn peer() -> Self {
        Self { arithmetic: Arithmetic::Peer, ..Self::default() }
    }

    /// The options of the MEME suite's FIMO.
    #[must_use]
    pub fn meme_suite() -> Self {
        Self { arithmetic: Arithmetic::MemeSuite, ..Self::default() }
    }

    fn check(&self) -> Result<(), MotifError> {
        let refuse = |option, found: f64, expected| {
            Err(MotifError::Option { option, found: found.to_string(), expected })
        };
        match self.threshold {
            ScanThreshold::PValue(p) if !(p > 0.0 && p <= 1.0) => {
                return refuse("p-value threshold", p, "above 0 and at most 1");
            }
            ScanThreshold::Score(score) if !score.is_finite() => {
                return refuse("score threshold", score, "a finite number");
            }
            _ => {}
        }
        if !(self.bin_size > 0.0 && self.bin_size.is_finite()) {
            return refuse("bin size", self.bin_size, "a number of bits above 0");
        }
        match self.pseudocount {
            Some(c) if !(c >= 0.0 && c.is_finite()) => refuse("pseudocount", c, "a number from 0"),
            _ if self.tile < 64 => refuse("tile", self.tile as f64, "at least 64 letters"),
            _ => Ok(()),
        }
    }
}

/// Motifs made ready to scan: weights, p-value tables and filters.
///
/// Each window is scored in f64, columns added from left to right; filters only pass over windows that cannot be
/// hits. Results are the same for every engine, tile size and number of threads.
///
/// **Cost**: about 20 ms of preparation for 2,346 motifs; scanning for one strand of a motif runs at some 10⁹ to
/// 2·10¹⁰ windows a second.
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence};
/// use cistron_motif::{FimoOptions, Scanner, ScanThreshold, parse_motifs};
///
/// let text = b">M1\tcg\n0 0 9 0 0 9\n9 0 0 9 0 0\n0 9 0 0 9 0\n0 0 0 0 0 0\n";
/// let set = parse_motifs(text, "example", &())?;
/// let options = FimoOptions { threshold: ScanThreshold::PValue(1e-3), ..FimoOptions::default() };
/// let scanner = Scanner::new(&set, &options)?;
/// let sequence = Sequence::parse(&Alphabet::dna(), "TTTTCGACGATTTT")?;
/// let (hits, _) = scanner.collect([sequence.codes()], Run::default())?;
/// assert_eq!((hits.len(), hits[0].start, hits[0].end), (1, 4, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scanner {
    models: Vec<Model>,
    plan: Plan,
    strands: u64,
    tile: usize,
}

impl Scanner {
    /// Prepares every motif of a set.
    ///
    /// # Errors
    /// [`MotifError::Option`] for an option outside its range or an engine that the processor lacks,
    /// [`MotifError::Background`] for one of another number of letters, [`MotifError::Motif`] for a motif whose
    /// weights are not finite (a probability of 0 without pseudocount) or whose p-value table would be too large.
    pub fn new(set: &MotifSet, options: &FimoOptions) -> Result<Self, MotifError> {
        options.check()?;
        let background = model::background(set, options)?;
        let models = engine::map(set.len(), |i| Model::new(&set.motifs()[i], &background, options));
        let models = models.into_iter().collect::<Result<Vec<Model>, MotifError>>()?;
        let pairs = set.alphabet().complement(0).is_some();
        let strands: &[Strand] = match options.strands {
            ScanStrands::Both if pairs => &[Strand::Forward, Strand::Reverse],
            _ => &[Strand::Forward],
        };
        let plan = Plan::new(&models, set.alphabet(), strands, options)?;
        Ok(Self { models, plan, strands: strands.len() as u64, tile: options.tile })
    }

    /// The engine that scans: the one asked for, or the one chosen. Alphabets of other than four letters are scanned
    /// by plain Rust.
    pub fn engine(&self) -> ScanEngine {
        self.plan.engine()
    }

    /// The number of motifs.
    pub fn motifs(&self) -> usize {
        self.models.len()
    }

    /// The score that a hit of this motif must exceed, in bits; `None` if no window can be a hit, or for an index
    /// beyond the motifs.
    pub fn score_threshold(&self, motif: usize) -> Option<f64> {
        let model = self.models.get(motif)?;
        model.threshold.map(|raw| model.p_values.score(raw))
    }

    /// Begins a scan whose hits go to `sink`, some at a time, in the order of [`HitOrder::Position`].
    ///
    /// The run's observer hears of letters scanned; its wish to cancel is heard between tiles.
    pub fn start<'a>(
        &'a self,
        run: Run<'a>,
        sink: &'a mut dyn FnMut(&[Hit]) -> Result<(), MotifError>,
    ) -> Scan<'a> {
        Scan::streaming(self, run, sink)
    }

    /// Scans whole sequences, given as codes of the motifs' alphabet; hits go to `sink`, some at a time, in the order
    /// of [`HitOrder::Position`]. Memory does not grow with the number of hits.
    ///
    /// # Errors
    /// [`MotifError::Cancelled`], and whatever the sink reports.
    pub fn scan<S: AsRef<[u8]>>(
        &self,
        sequences: impl IntoIterator<Item = S>,
        run: Run<'_>,
        sink: &mut dyn FnMut(&[Hit]) -> Result<(), MotifError>,
    ) -> Result<ScanSummary, MotifError> {
        let mut scan = Scan::streaming(self, run, sink);
        scan.extend(sequences)?;
        scan.finish()
    }

    /// Scans whole sequences and returns all hits in the order of [`HitOrder::Motif`].
    ///
    /// # Errors
    /// [`MotifError::Cancelled`].
    pub fn collect<S: AsRef<[u8]>>(
        &self,
        sequences: impl IntoIterator<Item = S>,
        run: Run<'_>,
    ) -> Result<(Vec<Hit>, ScanSummary), MotifError> {
        let mut scan = Scan::collecting(self, run);
        scan.extend(sequences)?;
        scan.finish_collected()
    }
}
