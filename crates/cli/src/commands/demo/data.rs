//! A made-up genome in which some windows hold two known words.

use cistron::encode::random_sequences;
use cistron::genome::Genome;
use cistron::{Alphabet, Reference, Seed, Strand, Stream, Window, reverse_complement_letters};

/// The words planted, on either strand: the site of AP-1 and the E-box.
pub(super) const MOTIFS: [&str; 2] = ["TGACTCA", "CACGTG"];
/// The width of a window in bases.
pub(super) const WIDTH: usize = 200;
/// Contigs and their windows.
const CONTIGS: [(&str, usize); 2] = [("demo1", 2000), ("demo2", 1000)];
/// The chance that a window of the second kind holds each of the words.
const CHANCE: f64 = 0.8;

/// Windows and what each is: 1 if words were planted in it, else 0.
pub(super) struct Labelled {
    pub(super) windows: Vec<Window>,
    pub(super) labels: Vec<f64>,
}

impl Labelled {
    /// The windows with words.
    pub(super) fn positives(&self) -> Vec<Window> {
        let both = self.windows.iter().zip(&self.labels);
        both.filter(|(_, label)| **label == 1.0).map(|(window, _)| window.clone()).collect()
    }
}

/// Every second window of each contig has words in it.
pub(super) fn genome(seed: Seed) -> anyhow::Result<Genome> {
    let mut contigs = Vec::new();
    for (index, (name, n)) in (0..).zip(CONTIGS) {
        let background = [0.29, 0.21, 0.21, 0.29];
        let contig_seed = Seed::new(seed.stream("demo contig", index).next_u64());
        let batch = random_sequences(&Alphabet::dna(), n, WIDTH, &background, contig_seed)?;
        let mut stream = seed.stream("demo words", index);
        let mut letters = Vec::with_capacity(n * WIDTH);
        for (window, sequence) in batch.to_sequences()?.iter().enumerate() {
            let mut bases = sequence.to_string().into_bytes();
            if has_words(window) {
                plant(&mut bases, &mut stream);
            }
            letters.extend(bases);
        }
        contigs.push((name, letters));
    }
    Ok(Genome::from_contigs("demo genome", contigs)?)
}

fn has_words(window: usize) -> bool {
    window % 2 == 1
}

/// Writes each word with its chance into its own half of the window, on a random strand.
fn plant(bases: &mut [u8], stream: &mut Stream) {
    for (half, word) in bases.chunks_mut(WIDTH / 2).zip(MOTIFS) {
        let mut word = word.as_bytes().to_vec();
        if stream.uniform() < 0.5 {
            reverse_complement_letters(&mut word);
        }
        let start = stream.below((half.len() - word.len()) as u64) as usize;
        if stream.uniform() < CHANCE {
            half[start..start + word.len()].copy_from_slice(&word);
        }
    }
}

/// The windows of a contig with their labels.
pub(super) fn windows(genome: &Genome, contig: &str) -> anyhow::Result<Labelled> {
    let contig = genome.contig(contig)?;
    let n = contig.length as usize / WIDTH;
    let window =
        |i: usize| Window::new(contig.name.clone(), (i * WIDTH) as i64, WIDTH as u32, Strand::Forward);
    Ok(Labelled {
        windows: (0..n).map(window).collect::<Result<_, _>>()?,
        labels: (0..n).map(|i| f64::from(u8::from(has_words(i)))).collect(),
    })
}
