//! The stored k-mers nearest to a noisy one.

use super::super::Kmer;
use super::super::word::MAX_K;

/// The nearest stored k-mers found so far; room that is used again for the next noisy k-mer.
#[derive(Clone, Debug, Default)]
pub(super) struct Nearest {
    found: Vec<(Kmer, u32)>,
    best: u32,
    margin: u32,
    counts: Counts,
}

/// What was found, by the number of mismatches beyond the nearest.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// How many k-mers.
    pub(super) kmers: Vec<u64>,
    /// How many of them have each base at each place.
    pub(super) bases: Vec<[[u32; 4]; MAX_K]>,
}

impl Nearest {
    /// Forgets what was found; nothing farther than `best` and the margin will count.
    pub(super) fn clear(&mut self, best: u32, margin: u32) {
        self.found.clear();
        self.best = best;
        self.margin = margin;
    }

    /// The distance of the nearest.
    pub(super) fn best(&self) -> u32 {
        self.best
    }

    /// The largest distance that counts.
    pub(super) fn limit(&self) -> u32 {
        self.best + self.margin
    }

    /// Takes a stored k-mer within the limit.
    pub(super) fn push(&mut self, kmer: Kmer, distance: u32) {
        self.best = self.best.min(distance);
        self.found.push((kmer, distance));
    }

    /// Counts what lies within the limit. Integers: no order of finding changes a sum made of them.
    pub(super) fn count(&mut self, k: usize) -> &Counts {
        let levels = self.margin as usize + 1;
        self.counts.kmers.clear();
        self.counts.kmers.resize(levels, 0);
        self.counts.bases.clear();
        self.counts.bases.resize(levels, [[0; 4]; MAX_K]);
        let limit = self.limit();
        for &(kmer, distance) in self.found.iter().filter(|(_, distance)| *distance <= limit) {
            let more = (distance - self.best) as usize;
            self.counts.kmers[more] += 1;
            for (place, bases) in self.counts.bases[more][..k].iter_mut().enumerate() {
                bases[usize::from(kmer.base(place))] += 1;
            }
        }
        &self.counts
    }
}
