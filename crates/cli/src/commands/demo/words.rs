//! The words on which a model relies most.

use std::collections::BTreeMap;

use cistron::Sequence;
use cistron::ndarray::Array2;

/// The length of a word.
const LENGTH: usize = 6;
/// Words seen less often are left out.
const LEAST: usize = 10;

/// A word and its other strand, taken together.
pub(super) struct Word {
    pub(super) letters: String,
    pub(super) occurrences: usize,
    /// The mean, over its occurrences, of the sum of its letters' contributions.
    pub(super) importance: f64,
}

/// The words with the largest mean contribution, strongest first; ties in the order of the alphabet.
pub(super) fn strongest_words(sequences: &[Sequence], importance: &Array2<f64>) -> anyhow::Result<Vec<Word>> {
    let mut sums: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for (sequence, row) in sequences.iter().zip(importance.rows()) {
        let alphabet = sequence.alphabet();
        for (codes, values) in sequence.codes().windows(LENGTH).zip(row.windows(LENGTH)) {
            let word = Sequence::from_codes(alphabet, codes.to_vec())?;
            let (forward, reverse) = (word.to_string(), word.reverse_complement()?.to_string());
            let entry = sums.entry(forward.min(reverse)).or_default();
            entry.0 += 1;
            entry.1 += values.sum();
        }
    }
    let mut words: Vec<Word> = sums
        .into_iter()
        .filter(|(_, (occurrences, _))| *occurrences >= LEAST)
        .map(|(letters, (occurrences, sum))| Word {
            letters,
            occurrences,
            importance: sum / occurrences as f64,
        })
        .collect();
    words.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    Ok(words)
}
