//! Places of short words in a genome, and the words near a word.

use cistron_core::Strand;

use super::super::word::mask;
use super::super::{Kmer, KmerError, PackedSequences, WindowSet, data};
use super::nearest::Nearest;

/// Where every word of `width` bases stands.
#[derive(Clone, Debug)]
pub(super) struct SeedIndex {
    width: usize,
    /// The number of disjoint seeds of a k-mer.
    n_blocks: usize,
    /// Where the places of each word begin.
    starts: Vec<u32>,
    places: Vec<u32>,
    /// Which places begin a window, a bit a base.
    valid: Vec<u64>,
    /// For each number of mismatches, what to `xor` to a word to get all words within it.
    changes: Vec<Vec<u32>>,
}

/// The longest seed: a table of 16 MB.
const WIDEST: usize = 11;
/// A seed with more mismatches is never looked for.
const MOST_MISMATCHES: usize = 3;
/// How many windows of a whole scan take as long as one place of a seed.
const COST: u64 = 32;

impl SeedIndex {
    /// Indexes the windows.
    pub(super) fn new(sequences: &PackedSequences, windows: &WindowSet) -> Result<Self, KmerError> {
        if u32::try_from(sequences.width()).is_err() {
            let n = sequences.width();
            return Err(data(format!("{n} bases found, expected less than 2^32 for a codebook")));
        }
        // Some four places a word: longer seeds would leave fewer blocks and lower the radius.
        let fitting = (windows.len().max(4).ilog2() / 2) as usize - 1;
        let width = fitting.clamp(1, WIDEST).min(windows.k());
        let (starts, places) = index(sequences, windows, width);
        let mut valid = vec![0; (sequences.width() / 64) as usize + 1];
        for start in windows.starts() {
            valid[(start / 64) as usize] |= 1 << (start % 64);
        }
        let n_blocks = windows.k() / width;
        let changes = (0..=MOST_MISMATCHES.min(width)).map(|most| changes(width, most)).collect();
        Ok(Self { width, n_blocks, starts, places, valid, changes })
    }

    /// The number of disjoint seeds of a k-mer.
    pub(super) fn n_blocks(&self) -> u32 {
        self.n_blocks as u32
    }

    /// Whether seeds find all windows within a radius faster than a look at every window.
    pub(super) fn pays(&self, radius: u32) -> bool {
        let words: Option<usize> =
            (0..self.n_blocks).map(|block| Some(self.changes(block, radius)?.len())).sum();
        let places = self.places.len() as u64;
        words.is_some_and(|words| words as u64 * (1 + (places >> (2 * self.width))) * COST < places)
    }

    /// How many mismatches a seed may have so that every window within the radius is found: were each block to have
    /// more, their sum would exceed the radius. `None` for a block that need not be looked at.
    fn mismatches(&self, block: usize, radius: u32) -> Option<usize> {
        let shared = radius as usize + 1;
        (shared / self.n_blocks + usize::from(block < shared % self.n_blocks)).checked_sub(1)
    }

    /// What to `xor` to a word of a block; `None` if that would be too many.
    fn changes(&self, block: usize, radius: u32) -> Option<&[u32]> {
        match self.mismatches(block, radius) {
            Some(most) => self.changes.get(most).map(Vec::as_slice),
            None => Some(&[]),
        }
    }

    /// Finds every window within the radius, each once, and some beyond; all are within the limit.
    pub(super) fn find(
        &self,
        (sequences, windows): (&PackedSequences, &WindowSet),
        (noisy, strand): (Kmer, Strand),
        radius: u32,
        nearest: &mut Nearest,
    ) {
        let k = windows.k();
        let on_strand =
            |kmer: Kmer| if strand == Strand::Reverse { kmer.reverse_complement(k) } else { kmer };
        let query = on_strand(noisy);
        for block in 0..self.n_blocks {
            let offset = block * self.width;
            let word = word_at(query, offset, self.width);
            for change in self.changes(block, radius).unwrap_or_default() {
                let entry = (word ^ change) as usize;
                let places = self.starts[entry] as usize..self.starts[entry + 1] as usize;
                for &place in &self.places[places] {
                    let Some(start) = u64::from(place).checked_sub(offset as u64) else { continue };
                    let kmer = sequences.window(start, k);
                    let differing = kmer.mismatches(query);
                    let distance = differing.count_ones();
                    if distance <= nearest.limit()
                        && self.is_valid(start)
                        && !self.found_before(block, differing, radius)
                    {
                        nearest.push(on_strand(kmer), distance);
                    }
                }
            }
        }
    }

    fn is_valid(&self, start: u64) -> bool {
        (self.valid[(start / 64) as usize] >> (start % 64)) & 1 == 1
    }

    /// Whether an earlier block has found a window already.
    fn found_before(&self, block: usize, differing: u32, radius: u32) -> bool {
        let within = |block: usize| {
            let differing = differing & (mask(self.width) << (block * self.width));
            self.mismatches(block, radius).is_some_and(|most| differing.count_ones() as usize <= most)
        };
        (0..block).any(within)
    }
}

/// `width` bases from `offset` on as an entry of a table.
fn word_at(kmer: Kmer, offset: usize, width: usize) -> u32 {
    let (low, high) = kmer.planes();
    let cut = |plane: u32| (plane >> offset) & mask(width);
    cut(low) | cut(high) << width
}

/// A counting sort of all places by their word.
fn index(sequences: &PackedSequences, windows: &WindowSet, width: usize) -> (Vec<u32>, Vec<u32>) {
    let words = || {
        let beyond = (windows.k() - width) as u64;
        windows
            .ranges()
            .flat_map(move |range| range.start..range.end + beyond)
            .map(|place| (place, word_at(sequences.window(place, width), 0, width) as usize))
    };
    let mut starts = vec![0_u32; (1 << (2 * width)) + 1];
    words().for_each(|(_, word)| starts[word] += 1);
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut places = vec![0; sum as usize];
    for (place, word) in words() {
        starts[word] -= 1;
        places[starts[word] as usize] = place as u32;
    }
    (starts, places)
}

/// What to `xor` to a word for every word with at most `most` mismatches, those with fewer first.
fn changes(width: usize, most: usize) -> Vec<u32> {
    let mut all = vec![0_u32];
    let mut last = vec![(0_u32, 0)];
    for _ in 0..most {
        let mut next = Vec::new();
        for &(change, from) in &last {
            for place in from..width {
                next.extend((1..4).map(|base: u32| (change | base_at(base, place, width), place + 1)));
            }
        }
        all.extend(next.iter().map(|(change, _)| change));
        last = next;
    }
    all
}

fn base_at(base: u32, place: usize, width: usize) -> u32 {
    (base & 1) << place | (base >> 1) << (place + width)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn changes_are_all_words_within_a_distance() {
        for width in 1..6 {
            for most in 0..=3.min(width) {
                let found = changes(width, most);
                let distance = |word: u32| ((word | word >> width) & mask(width)).count_ones() as usize;
                let expected: BTreeSet<u32> =
                    (0..1 << (2 * width)).filter(|&word| distance(word) <= most).collect();
                assert_eq!(found.len(), expected.len());
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }

    #[test]
    fn every_place_of_a_window_is_indexed_once() {
        let mut packed = PackedSequences::default();
        for record in ["ACGTACGTNNACGTTTGACCA", "AC", "GATTACA"] {
            packed.push(record.as_bytes());
        }
        let windows = WindowSet::all(&packed, 5).unwrap();
        let (starts, places) = index(&packed, &windows, 3);
        let mut expected: Vec<u64> = (0..6).chain(10..19).chain(23..28).collect();
        for word in 0..64 {
            for &place in &places[starts[word] as usize..starts[word + 1] as usize] {
                assert_eq!(word_at(packed.window(place.into(), 3), 0, 3) as usize, word);
                expected.retain(|&other| other != u64::from(place));
            }
        }
        assert_eq!((expected, places.len()), (Vec::new(), 20));
    }
}
