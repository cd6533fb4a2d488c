//! Reads with errors, corrected by nothing but one another.

use std::fmt::Write;

use cistron::Seed;
use cistron::encode::kmer::{
    CorrectionOptions, CountOptions, GraphShape, KmerCounts, KmerSet, PackedSequences, ReadCorrector,
    ReadOptions, ReadSimulator,
};
use cistron::genome::Genome;
use cistron::plot::{LineChart, Series, line_chart};

const K: usize = 31;
/// The bases that are sequenced.
const WIDTH: usize = 20_000;
const COVERAGE: f64 = 40.0;
const ERROR: f64 = 0.01;

/// Reads before or after correction.
struct State {
    /// The share of wrong bases.
    wrong: f64,
    /// The share of k-mers that the genome has.
    precision: f64,
    shape: GraphShape,
}

/// What correction did to the reads.
pub(super) struct Reads {
    n: usize,
    /// How many k-mers occur so often.
    histogram: Vec<u64>,
    /// The count from which a k-mer is trusted.
    threshold: u32,
    states: [State; 2],
}

impl Reads {
    /// Draws reads of the start of the genome and corrects them.
    pub(super) fn correct(genome: &Genome, seed: Seed) -> anyhow::Result<Self> {
        let letters = genome.letters(0).unwrap_or_default();
        let mut truth = PackedSequences::default();
        truth.push(&letters[..WIDTH.min(letters.len())]);
        let options = ReadOptions { coverage: COVERAGE, error: ERROR, ..ReadOptions::default() };
        let simulator = ReadSimulator::new(&truth, options, seed)?;
        let (mut clean, mut noisy) = (Vec::new(), Vec::new());
        for index in 0..simulator.len() {
            let (mut of_genome, mut read) = (Vec::new(), Vec::new());
            simulator.read(index, &mut of_genome, &mut read);
            clean.push(of_genome);
            noisy.push(read);
        }
        let counts = KmerCounts::count(&packed(&noisy), K, CountOptions::default())?;
        let threshold = counts.valley().unwrap_or(2);
        let solid = counts.solid(threshold)?;
        let mut corrections = ReadCorrector::new(&solid, CorrectionOptions::default())?.corrections();
        let mut corrected = noisy.clone();
        for read in &mut corrected {
            corrections.correct(read);
        }
        let truth = KmerSet::of(&truth, K)?;
        let states = [State::of(&noisy, &clean, &truth)?, State::of(&corrected, &clean, &truth)?];
        Ok(Self { n: noisy.len(), histogram: counts.histogram().to_vec(), threshold, states })
    }

    /// What was found, as HTML with a picture.
    pub(super) fn section(&self) -> anyhow::Result<String> {
        let mut page = format!(
            "<p>{} reads of 100 bases cover the first {WIDTH} bases {COVERAGE} times; {:.0}&nbsp;% of their bases are \
             wrong. A k-mer with an error is seen once or twice, one of the genome some {:.0} times. Those seen at \
             least {} times are trusted, and reads are changed, as little as possible, until they hold no others; the \
             genome itself is used for nothing but the last columns.</p>\n",
            self.n,
            100.0 * ERROR,
            COVERAGE * (100 - K + 1) as f64 / 100.0 * (1.0 - ERROR).powi(K as i32),
            self.threshold
        );
        page.push_str(
            "<table><tr><th>reads</th><th>wrong bases</th><th>true among their k-mers</th>\
             <th>unitigs of the assembly graph</th><th>tips</th></tr>\n",
        );
        for (name, state) in ["as drawn", "corrected"].iter().zip(&self.states) {
            let State { wrong, precision, shape } = state;
            writeln!(
                page,
                "<tr><td>{name}</td><td>{:.4}&nbsp;%</td><td>{:.1}&nbsp;%</td><td>{}</td><td>{}</td></tr>",
                100.0 * wrong,
                100.0 * precision,
                shape.unitigs,
                shape.tips
            )?;
        }
        let shown = (1..).zip(self.histogram.iter().skip(1)).take(COVERAGE as usize);
        let points: Vec<(f64, f64)> =
            shown.map(|(count, &n)| (f64::from(count), (1.0 + n as f64).log10())).collect();
        let chart = line_chart(&LineChart {
            title: "K-mers of the reads by how often they are seen",
            x_label: "times seen",
            y_label: "log10 of 1 + k-mers",
            series: &[Series { name: "as drawn", points: &points }],
        })?;
        writeln!(page, "</table>\n<figure>{chart}</figure>")?;
        Ok(page)
    }
}

impl State {
    fn of(reads: &[Vec<u8>], clean: &[Vec<u8>], truth: &KmerSet) -> anyhow::Result<Self> {
        let bases = || reads.iter().flatten().zip(clean.iter().flatten());
        let wrong = bases().filter(|(read, clean)| read != clean).count() as f64 / bases().count() as f64;
        let kmers = KmerSet::of(&packed(reads), K)?;
        let precision = kmers.n_shared(truth)? as f64 / kmers.len() as f64;
        Ok(Self { wrong, precision, shape: GraphShape::of(&kmers)? })
    }
}

fn packed(reads: &[Vec<u8>]) -> PackedSequences {
    let letters = |read: &Vec<u8>| read.iter().map(|&code| b"ACGT"[usize::from(code)]).collect::<Vec<u8>>();
    reads.iter().map(letters).collect()
}
