//! Reads: corrected by paths of trusted k-mers, or by the votes of their k-mers.

mod path;
mod vote;

use super::{Kmer, KmerCounts, KmerError, option};
use path::PathSearch;

pub use vote::vote;

/// How a [`ReadCorrector`] corrects.
#[derive(Clone, Copy, Debug)]
pub struct CorrectionOptions {
    /// The largest number of bases changed on either side of the part of a read that is trusted. Default: 12.
    pub max_changes: usize,
    /// How many steps a search for a path may take. Default: 20,000.
    pub max_steps: usize,
}

impl Default for CorrectionOptions {
    fn default() -> Self {
        Self { max_changes: 12, max_steps: 20_000 }
    }
}

/// Corrects reads with the fewest changes that make every k-mer of a read solid.
///
/// The longest run of solid k-mers is trusted; from its ends the read is followed through solid k-mers, cheapest path
/// first. Where several paths have the fewest changes, the bases on which they agree are changed. A read without a
/// solid k-mer is tried from k-mers that become solid by one change. Ends that no path of few enough changes reaches
/// stay as they are.
///
/// Only substitutions are corrected. Both alleles of a heterozygous site are solid at sufficient coverage, so that
/// neither is changed into the other.
///
/// ```
/// use cistron_encode::kmer::*;
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACCGATTTGCA");
/// let solid = KmerCounts::count(&genome, 7, CountOptions::default())?;
/// let corrector = ReadCorrector::new(&solid, CorrectionOptions::default())?;
/// // CGGTCATTACCGA with another base in the middle, and one that is not known at the end.
/// let mut read = [1, 2, 2, 3, 1, 0, 3, 3, 1, 1, 1, 2, 4];
/// assert_eq!(corrector.corrections().correct(&mut read), Correction::Solid { changes: 2 });
/// assert_eq!(read, [1, 2, 2, 3, 1, 0, 3, 3, 0, 1, 1, 2, 0]);
/// # Ok::<(), KmerError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReadCorrector<'a> {
    solid: &'a KmerCounts,
    options: CorrectionOptions,
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Every k-mer is solid after so many changes, but for bases on which the best paths disagree.
    Solid {
        /// The number of bases changed.
        changes: usize,
    },
    /// Some part of the read could not be corrected.
    Partial {
        /// The number of bases changed.
        changes: usize,
    },
    /// Shorter than a k-mer, or nothing to start from: not changed.
    Untouched,
}

impl<'a> ReadCorrector<'a> {
    /// A corrector that trusts these k-mers.
    ///
    /// # Errors
    /// [`KmerError::Option`] for no step.
    pub fn new(solid: &'a KmerCounts, options: CorrectionOptions) -> Result<Self, KmerError> {
        if options.max_steps == 0 {
            return Err(option("largest number of steps", 0, "at least 1"));
        }
        Ok(Self { solid, options })
    }

    /// Room for correcting one read after another; each thread takes its own.
    pub fn corrections(&self) -> ReadCorrections<'a> {
        let search = PathSearch::new(self.solid.set(), self.options);
        ReadCorrections { search, solid: Vec::new(), tried: Vec::new() }
    }
}

/// Corrects one read after another; see [`ReadCorrector`].
#[derive(Clone, Debug)]
pub struct ReadCorrections<'a> {
    search: PathSearch<'a>,
    solid: Vec<bool>,
    tried: Vec<u8>,
}

impl ReadCorrections<'_> {
    /// Corrects a read in place: DNA codes, anything above 3 is an unknown base.
    pub fn correct(&mut self, read: &mut [u8]) -> Correction {
        let k = self.search.k();
        if read.len() < k {
            return Correction::Untouched;
        }
        self.find_solid(read);
        match longest_run(&self.solid) {
            Some(run) if run.len() == self.solid.len() => Correction::Solid { changes: 0 },
            Some(run) => {
                let (left, right) = self.extend(read, run.start, run.end - 1 + k);
                total(left, right)
            }
            None => self.correct_from_a_change(read),
        }
    }

    fn find_solid(&mut self, read: &[u8]) {
        let k = self.search.k();
        self.solid.clear();
        let set = self.search.set();
        let (mut kmer, mut known) = (Kmer::default(), 0);
        for (place, &code) in read.iter().enumerate() {
            known = if code < 4 { known + 1 } else { 0 };
            kmer = kmer.followed_by(code & 3, k);
            if place + 1 >= k {
                self.solid.push(known >= k && set.contains(kmer));
            }
        }
    }

    /// Corrects what lies before `start` and from `end` on; the number of changes of each, `None` without a path.
    fn extend(&mut self, read: &mut [u8], start: usize, end: usize) -> (Option<usize>, Option<usize>) {
        let right = self.search.extend(read, end);
        turn(read);
        let left = self.search.extend(read, read.len() - start);
        turn(read);
        (left, right)
    }

    /// Starts from the first k-mer that one change makes solid and from which the whole read can be reached.
    fn correct_from_a_change(&mut self, read: &mut [u8]) -> Correction {
        let k = self.search.k();
        for start in 0..=read.len() - k {
            let window = &read[start..start + k];
            let Some((kmer, places)) = with_one_unknown(window) else { continue };
            for place in places {
                for code in 0..4 {
                    let changed = kmer.with_base(place, code);
                    if self.search.set().contains(changed) && self.correct_around(read, start, changed) {
                        let changes = read.iter().zip(&self.tried).filter(|(a, b)| a != b).count();
                        return Correction::Solid { changes };
                    }
                }
            }
        }
        Correction::Untouched
    }

    /// Puts a k-mer into the read and corrects the rest; if that fails the read is as it was. The read as it was is
    /// left in `tried`.
    fn correct_around(&mut self, read: &mut [u8], start: usize, kmer: Kmer) -> bool {
        let k = self.search.k();
        self.tried.clear();
        self.tried.extend_from_slice(read);
        kmer.write_codes(&mut read[start..start + k]);
        let (left, right) = self.extend(read, start, start + k);
        let whole = left.is_some() && right.is_some();
        if !whole {
            read.copy_from_slice(&self.tried);
        }
        whole
    }
}

fn total(left: Option<usize>, right: Option<usize>) -> Correction {
    let changes = left.unwrap_or(0) + right.unwrap_or(0);
    if left.is_some() && right.is_some() {
        Correction::Solid { changes }
    } else {
        Correction::Partial { changes }
    }
}

/// A k-mer and the places at which it may be changed: all of them, or that of its one unknown base.
fn with_one_unknown(codes: &[u8]) -> Option<(Kmer, std::ops::Range<usize>)> {
    let mut unknown = (0..codes.len()).filter(|&place| codes[place] > 3);
    match (unknown.next(), unknown.next()) {
        (None, _) => Some((Kmer::from_codes(codes)?, 0..codes.len())),
        (Some(place), None) => {
            let before = Kmer::from_codes(&codes[..place])?;
            let fill = |kmer: Kmer, place: usize| kmer.with_base(place, codes[place]);
            Some(((place + 1..codes.len()).fold(before, fill), place..place + 1))
        }
        _ => None,
    }
}

/// The longest run of `true`, the first of equals.
fn longest_run(solid: &[bool]) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    let mut longest: Option<std::ops::Range<usize>> = None;
    for run in solid.chunk_by(|a, b| a == b) {
        let range = at..at + run.len();
        at = range.end;
        if run[0] && longest.as_ref().is_none_or(|longest| longest.len() < run.len()) {
            longest = Some(range);
        }
    }
    longest
}

/// The other strand; what is no base stays.
fn turn(read: &mut [u8]) {
    read.reverse();
    read.iter_mut().filter(|code| **code < 4).for_each(|code| *code = 3 - *code);
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;

    use super::super::{CountOptions, PackedSequences, ReadOptions, ReadSimulator};
    use super::*;

    fn genome(n: usize, seed: u64) -> (PackedSequences, Vec<u8>) {
        let mut stream = Seed::new(seed).stream("genome", 0);
        let codes: Vec<u8> = (0..n).map(|_| stream.below(4) as u8).collect();
        let letters: Vec<u8> = codes.iter().map(|&code| b"ACGT"[usize::from(code)]).collect();
        let mut packed = PackedSequences::default();
        packed.push(&letters);
        (packed, codes)
    }

    #[test]
    fn errors_anywhere_are_corrected_on_both_strands() {
        let (packed, codes) = genome(2000, 1);
        let solid = KmerCounts::count(&packed, 21, CountOptions::default()).unwrap();
        let corrector = ReadCorrector::new(&solid, CorrectionOptions::default()).unwrap();
        let mut corrections = corrector.corrections();
        let clean = &codes[500..600];
        // First and last base, neighbours, one for each k-mer (so that none is solid), unknown bases.
        for places in [&[0][..], &[99], &[50, 51], &[20, 40, 60, 80], &[15, 30, 45, 60, 75, 90], &[]] {
            for unknown in [false, true] {
                let mut read = clean.to_vec();
                for &place in places {
                    read[place] = if unknown { 4 } else { read[place] ^ 1 };
                }
                let turned = {
                    let mut read = read.clone();
                    turn(&mut read);
                    read
                };
                for mut read in [read.clone(), turned] {
                    let found = corrections.correct(&mut read);
                    assert_eq!(found, Correction::Solid { changes: places.len() }, "{places:?} {unknown}");
                    if read != clean {
                        turn(&mut read);
                    }
                    assert_eq!(read, clean, "{places:?} {unknown}");
                }
            }
        }
    }

    #[test]
    fn what_no_path_reaches_stays() {
        let (packed, codes) = genome(2000, 1);
        let solid = KmerCounts::count(&packed, 21, CountOptions::default()).unwrap();
        let corrector = ReadCorrector::new(&solid, CorrectionOptions::default()).unwrap();
        // Half of the read is of another genome.
        let mut read = [&codes[500..550], &genome(50, 2).1[..]].concat();
        let before = read.clone();
        assert_eq!(corrector.corrections().correct(&mut read), Correction::Partial { changes: 0 });
        assert_eq!(read, before);
        let mut other = genome(100, 2).1;
        assert_eq!(corrector.corrections().correct(&mut other), Correction::Untouched);
        assert_eq!(other, genome(100, 2).1);
        assert_eq!(corrector.corrections().correct(&mut [0; 20]), Correction::Untouched);
        assert!(
            ReadCorrector::new(&solid, CorrectionOptions { max_steps: 0, ..Default::default() }).is_err()
        );
    }

    #[test]
    fn equal_paths_change_what_they_agree_on() {
        // After the same 30 bases come two ends that differ in the last base but one.
        let (_, codes) = genome(40, 3);
        let mut other = codes.clone();
        other[38] ^= 1;
        let mut packed = PackedSequences::default();
        for codes in [&codes, &other] {
            packed.push(&codes.iter().map(|&code| b"ACGT"[usize::from(code)]).collect::<Vec<_>>());
        }
        let solid = KmerCounts::count(&packed, 15, CountOptions::default()).unwrap();
        let corrector = ReadCorrector::new(&solid, CorrectionOptions::default()).unwrap();
        let mut read = codes.clone();
        read[30] ^= 2;
        read[38] ^= 2;
        let unknown = read[38];
        corrector.corrections().correct(&mut read);
        assert_eq!((&read[..38], read[38], read[39]), (&codes[..38], unknown, codes[39]));
    }

    #[test]
    fn reads_trusted_by_their_own_coverage_lose_their_errors() {
        let (packed, _) = genome(5000, 7);
        let options = ReadOptions { heterozygosity: 0.003, ..ReadOptions::default() };
        let simulator = ReadSimulator::new(&packed, options, Seed::new(1)).unwrap();
        let mut reads = PackedSequences::default();
        let (mut clean, mut read) = (Vec::new(), Vec::new());
        for index in 0..simulator.len() {
            simulator.read(index, &mut clean, &mut read);
            reads.push(&read.iter().map(|&code| b"ACGT"[usize::from(code)]).collect::<Vec<_>>());
        }
        let counts = KmerCounts::count(&reads, 31, CountOptions::default()).unwrap();
        let solid = counts.solid(counts.valley().unwrap()).unwrap();
        let corrector = ReadCorrector::new(&solid, CorrectionOptions::default()).unwrap();
        let mut corrections = corrector.corrections();
        let (mut before, mut after) = (0, 0);
        for index in 0..simulator.len() {
            before += simulator.read(index, &mut clean, &mut read.clone()).errors;
            simulator.read(index, &mut clean, &mut read);
            corrections.correct(&mut read);
            after += clean.iter().zip(&read).filter(|(a, b)| a != b).count() as u32;
        }
        assert!(after * 10 < before, "{before} errors became {after}, expected less than a tenth");
    }
}
