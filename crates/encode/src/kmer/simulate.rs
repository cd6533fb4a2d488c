use cistron_core::{Seed, Strand};

use super::philox::Philox;
use super::word::MAX_K;
use super::{Kmer, KmerError, Noise, PackedSequences, WindowSet, data, option};

/// How reads are made.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Bases of a read, at least 1. Default: 100.
    pub width: usize,
    /// Mean number of reads over a base, above 0. Default: 60.
    pub coverage: f64,
    /// The probability that a base is read as one of the three others, at least 0 and below 1. Default: 0.01.
    pub error: f64,
    /// The probability that the second of two haplotypes has another base, at least 0 and below 1; 0 for a single
    /// haplotype. Default: 0.
    pub heterozygosity: f64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { width: 100, coverage: 60.0, error: 0.01, heterozygosity: 0.0 }
    }
}

/// Draws reads from a genome: any place, both strands, and both haplotypes equally likely, with substitutions.
///
/// A read lies on known bases of one record. Read `index` depends on the genome, the options, the seed and the index
/// alone. Insertions, deletions and a rise of errors towards the end of a read are not simulated.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_encode::kmer::{PackedSequences, ReadOptions, ReadSimulator};
///
/// let mut genome = PackedSequences::default();
/// genome.push(&b"ACGGTCATTA".repeat(10));
/// let options = ReadOptions { width: 20, coverage: 5.0, ..ReadOptions::default() };
/// let simulator = ReadSimulator::new(&genome, options, Seed::new(1))?;
/// assert_eq!(simulator.len(), 25);
/// let (mut clean, mut letters) = (Vec::new(), Vec::new());
/// let place = simulator.read(7, &mut clean, &mut letters);
/// assert_eq!((letters.len(), place.end - place.start), (20, 20));
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReadSimulator<'a> {
    sequences: &'a PackedSequences,
    /// Where reads start.
    windows: WindowSet,
    options: ReadOptions,
    error: Noise,
    variants: Vec<HeterozygousSite>,
    key: u64,
}

/// A base at which two haplotypes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeterozygousSite {
    /// The place on the line of all records.
    pub place: u64,
    /// The code of the genome's base.
    pub reference: u8,
    /// The code of the second haplotype's base.
    pub alternate: u8,
}

/// Where a read comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOrigin {
    /// First base on the line of all records.
    pub start: u64,
    /// After the last base.
    pub end: u64,
    /// The strand that was read.
    pub strand: Strand,
    /// 0 for the genome, 1 for the second haplotype.
    pub haplotype: u8,
    /// The number of wrong bases.
    pub errors: u32,
}

impl<'a> ReadSimulator<'a> {
    /// A simulator over these sequences.
    ///
    /// # Errors
    /// [`KmerError::Option`] for an option outside its range; [`KmerError::Data`] if no stretch of known bases is as
    /// long as a read.
    pub fn new(sequences: &'a PackedSequences, options: ReadOptions, seed: Seed) -> Result<Self, KmerError> {
        if options.width == 0 {
            return Err(option("width of reads", 0, "at least 1"));
        }
        if !(options.coverage > 0.0 && options.coverage.is_finite()) {
            return Err(option("coverage", options.coverage, "a number above 0"));
        }
        let error = Noise::new(options.error)?;
        let variation = Noise::new(options.heterozygosity)?;
        let windows = WindowSet::inside(sequences.stretches().iter().copied(), options.width);
        if windows.is_empty() {
            let width = options.width;
            return Err(data(format!(
                "no stretch of {width} known bases found, expected one as long as a read"
            )));
        }
        let key = |label| seed.stream(label, 0).next_u64();
        let variants = variants(sequences, variation, key("heterozygous sites"));
        Ok(Self { sequences, windows, options, error, variants, key: key("reads") })
    }

    /// The number of reads that gives the coverage of all records.
    pub fn len(&self) -> u64 {
        (self.sequences.width() as f64 * self.options.coverage / self.options.width as f64).round() as u64
    }

    /// Whether there is no read, for a coverage too low for one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sites at which the second haplotype differs, ascending.
    pub fn heterozygous_sites(&self) -> &[HeterozygousSite] {
        &self.variants
    }

    /// Makes read `index`, any number: puts its codes without and with errors into the buffers.
    pub fn read(&self, index: u64, clean: &mut Vec<u8>, read: &mut Vec<u8>) -> ReadOrigin {
        let mut words = Philox::new(self.key, 0, index);
        // There is a window for each number below the length.
        let start = self.windows.start(words.below(self.windows.len())).unwrap_or_default();
        let end = start + self.options.width as u64;
        let flags = words.next_u32();
        let strand = if flags & 1 == 1 { Strand::Reverse } else { Strand::Forward };
        let haplotype = if self.variants.is_empty() { 0 } else { (flags >> 1 & 1) as u8 };
        clean.clear();
        read.clear();
        for piece in (start..end).step_by(MAX_K) {
            let width = (end - piece).min(MAX_K as u64) as usize;
            extend(clean, self.sequences.window(piece, width), width);
        }
        if haplotype == 1 {
            let first = self.variants.partition_point(|site| site.place < start);
            for site in self.variants[first..].iter().take_while(|site| site.place < end) {
                clean[(site.place - start) as usize] = site.alternate;
            }
        }
        if strand == Strand::Reverse {
            clean.reverse();
            for code in clean.iter_mut() {
                *code = 3 - *code;
            }
        }
        let errors = self.add_errors(clean, read, &mut words);
        ReadOrigin { start, end, strand, haplotype, errors }
    }

    fn add_errors(&self, clean: &[u8], read: &mut Vec<u8>, words: &mut Philox) -> u32 {
        let mut errors = 0;
        for piece in clean.chunks(MAX_K) {
            let change = self.error.draw(piece.len(), words);
            errors += change.mismatches(Kmer::default()).count_ones();
            read.extend(piece.iter().enumerate().map(|(place, code)| code ^ change.base(place)));
        }
        errors
    }
}

fn extend(codes: &mut Vec<u8>, kmer: Kmer, width: usize) {
    let from = codes.len();
    codes.resize(from + width, 0);
    kmer.write_codes(&mut codes[from..]);
}

/// The sites of the second haplotype: each known base by itself.
fn variants(sequences: &PackedSequences, variation: Noise, key: u64) -> Vec<HeterozygousSite> {
    let mut sites = Vec::new();
    if variation.probability() == 0.0 {
        return sites;
    }
    for stretch in sequences.stretches() {
        for piece in (stretch.start..stretch.end).step_by(MAX_K) {
            let width = (stretch.end - piece).min(MAX_K as u64) as usize;
            let change = variation.draw(width, &mut Philox::new(key, 0, piece));
            for place in (0..width).filter(|&place| change.base(place) != 0) {
                let at = piece + place as u64;
                let reference = sequences.window(at, 1).base(0);
                sites.push(HeterozygousSite {
                    place: at,
                    reference,
                    alternate: reference ^ change.base(place),
                });
            }
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genome(n: usize) -> PackedSequences {
        let mut stream = Seed::new(5).stream("genome", 0);
        let mut packed = PackedSequences::default();
        for n in [n, 30] {
            let letters: Vec<u8> = (0..n).map(|_| b"ACGT"[stream.below(4) as usize]).collect();
            packed.push(&letters);
        }
        packed
    }

    fn letters(codes: &[u8]) -> String {
        codes.iter().map(|&code| b"ACGT"[usize::from(code)] as char).collect()
    }

    #[test]
    fn clean_reads_are_the_genome_on_their_strand_and_haplotype() {
        let genome = genome(3000);
        let options = ReadOptions { width: 77, error: 0.02, heterozygosity: 0.05, ..ReadOptions::default() };
        let simulator = ReadSimulator::new(&genome, options, Seed::new(2)).unwrap();
        let reference = String::from_utf8(genome.letters(0).unwrap()).unwrap();
        let mut second: Vec<u8> = reference.bytes().collect();
        for site in simulator.heterozygous_sites().iter().filter(|site| site.place < 3000) {
            assert_eq!(second[site.place as usize], b"ACGT"[usize::from(site.reference)]);
            assert_ne!(site.reference, site.alternate);
            second[site.place as usize] = b"ACGT"[usize::from(site.alternate)];
        }
        let second = String::from_utf8(second).unwrap();
        let (mut clean, mut read) = (Vec::new(), Vec::new());
        let (mut errors, mut reverse, mut other) = (0, 0, 0);
        let n = simulator.len();
        assert_eq!(n, 2361);
        for index in 0..n {
            let origin = simulator.read(index, &mut clean, &mut read);
            let source = if origin.haplotype == 1 { &second } else { &reference };
            let mut expected = source.as_bytes()[origin.start as usize..origin.end as usize].to_vec();
            if origin.strand == Strand::Reverse {
                cistron_core::reverse_complement_letters(&mut expected);
            }
            assert_eq!(letters(&clean).into_bytes(), expected);
            let wrong = clean.iter().zip(&read).filter(|(a, b)| a != b).count() as u32;
            assert_eq!(wrong, origin.errors);
            errors += wrong;
            reverse += u64::from(origin.strand == Strand::Reverse);
            other += u64::from(origin.haplotype == 1);
        }
        // Five standard deviations each.
        let near = |found: f64, n: f64, p: f64| (found - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt();
        assert!(near(errors.into(), n as f64 * 77.0, 0.02), "{errors}");
        assert!(
            near(reverse as f64, n as f64, 0.5) && near(other as f64, n as f64, 0.5),
            "{reverse} {other}"
        );
        assert!(near(simulator.heterozygous_sites().len() as f64, 3030.0, 0.05));
    }

    #[test]
    fn a_read_does_not_depend_on_the_others() {
        let genome = genome(500);
        let simulator = ReadSimulator::new(&genome, ReadOptions::default(), Seed::new(2)).unwrap();
        let read = |index| {
            let (mut clean, mut read) = (Vec::new(), Vec::new());
            (simulator.read(index, &mut clean, &mut read), clean, read)
        };
        let second = read(2);
        assert_ne!(read(1), second);
        assert_eq!(read(2), second);
        assert!(simulator.heterozygous_sites().is_empty());
    }

    #[test]
    fn options_are_checked() {
        let genome = genome(50);
        let with =
            |options| ReadSimulator::new(&genome, options, Seed::new(0)).map_err(|error| error.to_string());
        let default = ReadOptions { width: 50, ..ReadOptions::default() };
        assert!(with(default).is_ok());
        let long = "no stretch of 51 known bases found, expected one as long as a read";
        assert_eq!(with(ReadOptions { width: 51, ..default }).unwrap_err(), long);
        assert!(with(ReadOptions { width: 0, ..default }).is_err());
        assert!(with(ReadOptions { coverage: f64::NAN, ..default }).is_err());
        assert!(with(ReadOptions { error: 1.0, ..default }).is_err());
        assert!(with(ReadOptions { heterozygosity: -0.1, ..default }).is_err());
    }
}
