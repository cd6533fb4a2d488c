//! From a model that nobody can look into to the words it reads and how far apart they stand.

mod section;

use cistron::effects::{SaturationOptions, SaturationPlan, attributions};
use cistron::encode::{FnModel, ModelError, ModelSpec, SequenceBatch, random_sequences};
use cistron::motif::{
    Annotations, OverlapRule, PairCounting, PairOrder, SeqletOptions, SpacingOptions, call_seqlets,
    count_pairs, spacing_enrichment,
};
use cistron::ndarray::{Array2, Array3, ArrayView1};
use cistron::{Alphabet, Run, Seed, Sequence, Shard, Stream};

use super::data::MOTIFS;
use super::names::{best_matches, candidates};

/// Sequences and their width.
const SEQUENCES: usize = 60;
const WIDTH: usize = 120;
/// The bases between the two words where they keep their distance.
pub(super) const GAP: usize = 10;
/// The chance that they do.
const CHANCE: f64 = 0.6;
/// A distance and its q-value.
struct Closest {
    distance: i64,
    q_value: f64,
}

/// What was found in the attributions of the model.
pub(super) struct Syntax {
    sequences: Vec<Sequence>,
    /// (N, L): what each letter contributes.
    importance: Array2<f64>,
    /// The engine that mutated the model.
    engine: &'static str,
    seqlets: usize,
    /// Seqlets named by a word; motifs count through `words`, the planted ones first.
    named: Annotations,
    words: Vec<String>,
    /// How many sequences hold each two of the planted words, (M, M).
    pairs: Array2<f64>,
    /// How often the planted words keep each distance.
    spacing: Vec<f64>,
    /// The distance that stands out most.
    closest: Option<Closest>,
}

impl Syntax {
    pub(super) fn find(seed: Seed, run: Run<'_>) -> anyhow::Result<Self> {
        let sequences = arranged(seed)?;
        let (importance, engine) = importance(&sequences, run)?;
        let options = SeqletOptions { threshold: 1e-3, ..SeqletOptions::default() };
        let seqlets = call_seqlets(importance.view(), options)?;
        let words = candidates(seed)?;
        let named = Annotations::from_seqlets(&seqlets, &best_matches(&seqlets, &sequences, &words)?)?;
        let planted = named.filter(|row| (row.motif as usize) < MOTIFS.len());
        let mut pairs = Array2::zeros((MOTIFS.len(), MOTIFS.len()));
        for ((a, b), n) in count_pairs(&planted, PairCounting::OncePerExample, PairOrder::ByIndex) {
            pairs[[a as usize, b as usize]] = n as f64;
            pairs[[b as usize, a as usize]] = n as f64;
        }
        let (spacing, closest) = spacings(&planted)?;
        let words = words.iter().map(ToString::to_string).collect();
        Ok(Self {
            sequences,
            importance,
            engine,
            seqlets: seqlets.len(),
            named,
            words,
            pairs,
            spacing,
            closest,
        })
    }
}

/// How often the two planted words keep each distance, and the distance that stands out.
fn spacings(planted: &Annotations) -> anyhow::Result<(Vec<f64>, Option<Closest>)> {
    let options =
        SpacingOptions { max_distance: 60, overlaps: OverlapRule::Skip, ..SpacingOptions::default() };
    let mut counts = vec![0.0; options.max_distance as usize];
    let mut closest: Option<Closest> = None;
    for (spacing, found) in spacing_enrichment(planted, options, &[WIDTH as u32; SEQUENCES])? {
        if (spacing.a, spacing.b) != (0, 1) {
            continue;
        }
        counts[spacing.distance as usize] = found.count as f64;
        if closest.as_ref().is_none_or(|best| found.q_value < best.q_value) {
            closest = Some(Closest { distance: spacing.distance, q_value: found.q_value });
        }
    }
    Ok((counts, closest))
}

/// Random sequences with both words, which in many of them stand `GAP` bases apart.
fn arranged(seed: Seed) -> anyhow::Result<Vec<Sequence>> {
    let dna = Alphabet::dna();
    let mut stream = seed.stream("demo syntax", 0);
    let background = random_sequences(&dna, SEQUENCES, WIDTH, &[], Seed::new(stream.next_u64()))?;
    let arrange = |sequence: Sequence| {
        let mut letters = sequence.to_string().into_bytes();
        let [first, second] = MOTIFS;
        let start = place(&mut stream, 0, WIDTH / 2 - first.len());
        let end = start + first.len();
        let next = if stream.uniform() < CHANCE {
            end + GAP
        } else {
            place(&mut stream, WIDTH / 2, WIDTH - second.len())
        };
        letters[start..end].copy_from_slice(first.as_bytes());
        letters[next..next + second.len()].copy_from_slice(second.as_bytes());
        Ok(Sequence::parse(&dna, std::str::from_utf8(&letters)?)?)
    };
    background.to_sequences()?.into_iter().map(arrange).collect()
}

fn place(stream: &mut Stream, from: usize, to: usize) -> usize {
    from + stream.below((to - from) as u64) as usize
}

/// What each letter contributes (N, L) to the score of a model that is a function and nothing else.
fn importance(sequences: &[Sequence], run: Run<'_>) -> anyhow::Result<(Array2<f64>, &'static str)> {
    let dna = Alphabet::dna();
    let words: Vec<[Sequence; 2]> = MOTIFS
        .iter()
        .map(|word| {
            let word = Sequence::parse(&dna, word)?;
            Ok([word.reverse_complement()?, word])
        })
        .collect::<anyhow::Result<_>>()?;
    let model = FnModel::new(ModelSpec::scalar(dna, None, "words"), |batch: &SequenceBatch| {
        let scores = batch.codes().rows().into_iter().map(|row| score(row, &words)).collect();
        Array3::from_shape_vec((batch.len(), 1, 1), scores).map_err(|error| ModelError::Backend(error.into()))
    });
    let plan = SaturationPlan::new(sequences, &model, SaturationOptions::default())?;
    let mut importance = Vec::with_capacity(SEQUENCES * WIDTH);
    plan.execute(Shard::WHOLE, run, &mut |block| {
        importance.extend(attributions(block.deltas.view(), block.codes.view()).0);
        Ok(())
    })?;
    Ok((Array2::from_shape_vec((sequences.len(), WIDTH), importance)?, plan.engine()))
}

/// The sum over the words of `ln Σ exp(log-odds)` over all places on both strands.
fn score(codes: ArrayView1<'_, u8>, words: &[[Sequence; 2]]) -> f32 {
    // Log-odds of a letter that a word has in nine sites of ten, against one in four.
    let (right, wrong) = ((0.91_f32 / 0.25).ln(), (0.03_f32 / 0.25).ln());
    let codes = codes.to_slice().unwrap_or_default();
    let of_word = |word: &[Sequence; 2]| -> f32 {
        let strand = |word: &Sequence| -> f32 {
            let places = codes.windows(word.len());
            places
                .map(|letters| {
                    let same = letters.iter().zip(word.codes()).filter(|(a, b)| a == b).count();
                    (same as f32 * right + (word.len() - same) as f32 * wrong).exp()
                })
                .sum()
        };
        word.iter().map(strand).sum::<f32>().ln()
    };
    words.iter().map(of_word).sum()
}
