//! K-mer denoising on real genomes: the exact posterior, and reads corrected from nothing but themselves.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, CorrectionOptions, CountOptions, DenoisingMetrics, GraphShape,
    KmerCounts, KmerSampler, KmerSet, Noise, PackedSequences, Pass, ReadCorrector, ReadOptions,
    ReadSimulator, Search, Strands, WindowSet,
};
use cistron::genome::fasta;
use cistron::{Run, Seed};
use conformance::data;

const K: usize = 31;

fn genome(files: &[&str]) -> Option<PackedSequences> {
    let mut genome = PackedSequences::default();
    for file in files {
        for record in fasta::Reader::open(data(&format!("genomes/{file}.fa.gz"))?).unwrap() {
            genome.push(&record.unwrap().letters);
        }
    }
    Some(genome)
}

fn measure(genome: &PackedSequences, search: Search, n: u64) -> DenoisingMetrics {
    let windows = WindowSet::all(genome, K).unwrap();
    let noise = Noise::new(0.1).unwrap();
    let sampler = KmerSampler::new(genome, &windows, Strands::Both, noise, Seed::new(0)).unwrap();
    let options = CodebookOptions { search, ..CodebookOptions::default() };
    let codebook = CodebookDenoiser::new(genome.clone(), K, options).unwrap();
    DenoisingMetrics::measure(&codebook, &sampler.pass(Pass::Validation), 0..n, Run::default()).unwrap()
}

#[test]
fn lambda_is_remembered() {
    let Some(genome) = genome(&["lambda_NC_001416"]) else { return };
    let metrics = measure(&genome, Search::Seeds, 5000);
    // Four standard deviations of 155,000 bases with probability 0.1.
    assert!((metrics.identity() - 0.1).abs() < 0.0031, "{}", metrics.identity());
    assert!(metrics.hamming() <= 0.0005, "{}", metrics.hamming());
    assert_eq!(metrics, measure(&genome, Search::Exhaustive, 5000));
}

#[test]
fn both_strains_of_e_coli_are_remembered() {
    let Some(genome) = genome(&["ecoli_k12_mg1655", "ecoli_o157h7_sakai"]) else { return };
    assert_eq!((genome.n_records(), genome.width()), (4, 10_236_257));
    // 10,236,257 less 30 at the end of each of the four records.
    assert_eq!(WindowSet::all(&genome, K).unwrap().len(), 10_236_137);
    let metrics = measure(&genome, Search::Seeds, 1000);
    // The exact posterior reaches 0.0026; some 12 of 1,000 k-mers fail, each with several wrong bases.
    assert!(metrics.hamming() <= 0.0032 + 4.0 * 0.0006, "{}", metrics.hamming());
    assert!(metrics.expected_hamming() <= 0.0032, "{}", metrics.expected_hamming());
}

#[test]
fn phix_is_one_unitig() {
    let Some(genome) = genome(&["phix174_NC_001422"]) else { return };
    let shape = GraphShape::of(&KmerSet::of(&genome, K).unwrap()).unwrap();
    assert_eq!((shape.kmers, shape.unitigs, shape.longest, shape.n50), (5356, 1, 5386, 5386));
}

/// Reads of 100 bases with 1 % errors at 60-fold coverage.
struct Reads {
    noisy: Vec<Vec<u8>>,
    clean: Vec<Vec<u8>>,
}

impl Reads {
    fn draw(simulator: &ReadSimulator<'_>) -> Self {
        let mut reads = Self { noisy: Vec::new(), clean: Vec::new() };
        let (mut clean, mut noisy) = (Vec::new(), Vec::new());
        for index in 0..simulator.len() {
            simulator.read(index, &mut clean, &mut noisy);
            reads.clean.push(clean.clone());
            reads.noisy.push(noisy.clone());
        }
        reads
    }

    fn errors(&self, reads: &[Vec<u8>]) -> usize {
        let wrong = |(a, b): (&Vec<u8>, &Vec<u8>)| a.iter().zip(b).filter(|(a, b)| a != b).count();
        self.clean.iter().zip(reads).map(wrong).sum()
    }

    /// Corrected by the solid k-mers of the reads themselves.
    fn corrected(&self) -> Vec<Vec<u8>> {
        let counts = KmerCounts::count(&packed(&self.noisy), K, CountOptions::default()).unwrap();
        let solid = counts.solid(counts.valley().unwrap()).unwrap();
        let mut corrections = ReadCorrector::new(&solid, CorrectionOptions::default()).unwrap().corrections();
        let mut reads = self.noisy.clone();
        for read in &mut reads {
            corrections.correct(read);
        }
        reads
    }
}

fn packed(reads: &[Vec<u8>]) -> PackedSequences {
    let letters = |read: &Vec<u8>| read.iter().map(|&code| b"ACGT"[usize::from(code)]).collect::<Vec<u8>>();
    reads.iter().map(letters).collect()
}

/// Precision, recall and shape of the k-mers of sequences.
fn graph(sequences: &PackedSequences, truth: &KmerSet, min_count: u32) -> (f64, f64, GraphShape) {
    let options = CountOptions { min_count, ..CountOptions::default() };
    let counts = KmerCounts::count(sequences, K, options).unwrap();
    let shared = counts.set().n_shared(truth).unwrap() as f64;
    let shape = GraphShape::of(counts.set()).unwrap();
    (shared / counts.set().len() as f64, shared / truth.len() as f64, shape)
}

#[test]
fn reads_of_phix_have_the_graph_that_was_measured() {
    let Some(genome) = genome(&["phix174_NC_001422"]) else { return };
    let simulator = ReadSimulator::new(&genome, ReadOptions::default(), Seed::new(5)).unwrap();
    let reads = packed(&Reads::draw(&simulator).noisy);
    let truth = KmerSet::of(&genome, K).unwrap();
    // Measured on other reads: 64,377 k-mers, 5,095 unitigs, 1,554 tips and 13 bubbles at a precision of 0.083; 8,138
    // k-mers seen twice at 0.657. The number of errors, 3,232, spreads by 57, or 2 %; two such draws differ by up to
    // four times 2.5 %.
    let (precision, recall, shape) = graph(&reads, &truth, 1);
    let near = |found: u64, expected: f64| {
        assert!((found as f64 / expected - 1.0).abs() < 0.1, "{found}, {expected}");
    };
    near(shape.kmers, 64_377.0);
    near(shape.unitigs, 5_095.0);
    near(shape.tips, 1_554.0);
    assert!((precision - 0.083).abs() < 0.009 && recall > 0.997, "{precision} {recall}");
    assert!((3..=30).contains(&shape.bubbles), "{shape:?}");
    // False k-mers seen twice come from some 90 errors that happened twice, a number that spreads by 10 %; two such
    // draws differ by up to three times 14 %.
    let (precision, recall, shape) = graph(&reads, &truth, 2);
    let n_false = (1.0 - precision) * shape.kmers as f64;
    assert!((n_false / (0.343 * 8_138.0) - 1.0).abs() < 0.42 && recall > 0.994, "{n_false} {recall}");
}

#[test]
fn reads_of_lambda_lose_their_errors_and_keep_both_alleles() {
    let Some(genome) = genome(&["lambda_NC_001416"]) else { return };
    for heterozygosity in [0.0, 0.001] {
        let options = ReadOptions { heterozygosity, ..ReadOptions::default() };
        let simulator = ReadSimulator::new(&genome, options, Seed::new(1)).unwrap();
        let reads = Reads::draw(&simulator);
        let corrected = reads.corrected();
        let (before, after) = (reads.errors(&reads.noisy), reads.errors(&corrected));
        assert!(after * 10 <= before, "{before} errors became {after}");
        // The k-mers of reads without errors are the truth: those of both haplotypes.
        let truth = KmerCounts::count(&packed(&reads.clean), K, CountOptions::default()).unwrap();
        let (precision, recall, shape) = graph(&packed(&corrected), truth.set(), 1);
        let (raw_precision, _, raw) = graph(&packed(&reads.noisy), truth.set(), 1);
        assert!(precision > 0.95 && raw_precision < 0.1, "{precision}, {raw_precision} before");
        assert!(recall > 0.9999, "{recall}");
        assert!(shape.tips * 10 < raw.tips && shape.unitigs * 10 < raw.unitigs, "{shape:?}, {raw:?} before");
    }
}
