//! The cheapest path of a read's end through a set of k-mers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::hash::BuildHasherDefault;

use super::super::counts::MixHasher;
use super::super::{Kmer, KmerSet};
use super::CorrectionOptions;

/// Follows reads through a set of k-mers; room that is used again for the next read.
#[derive(Clone, Debug)]
pub(super) struct PathSearch<'a> {
    set: &'a KmerSet,
    options: CorrectionOptions,
    steps: Vec<Step>,
    /// What to do next: the fewest changes first, then the longest path, then what was found first.
    queue: BinaryHeap<(Reverse<u32>, u32, Reverse<u32>, Way)>,
    seen: HashSet<(u32, u64), BuildHasherDefault<MixHasher>>,
    /// The ends of the best paths.
    ends: Vec<u32>,
}

/// A base of a path, with its number in `steps` as name.
#[derive(Clone, Copy, Debug)]
struct Step {
    before: u32,
    kmer: Kmer,
}

/// How to go on from a step. The read's own base comes first; the others cost a change and wait until their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Own,
    Others,
}

/// The best paths that are compared; of more the first are taken.
const MOST_ENDS: usize = 16;

impl<'a> PathSearch<'a> {
    pub(super) fn new(set: &'a KmerSet, options: CorrectionOptions) -> Self {
        let seen = HashSet::default();
        Self { set, options, steps: Vec::new(), queue: BinaryHeap::new(), seen, ends: Vec::new() }
    }

    pub(super) fn k(&self) -> usize {
        self.set.k()
    }

    pub(super) fn set(&self) -> &'a KmerSet {
        self.set
    }

    /// Corrects the bases from `from` on; those before end in a k-mer of the set. Gives the number of changes, or
    /// `None` if no path was found and nothing was changed.
    pub(super) fn extend(&mut self, read: &mut [u8], from: usize) -> Option<usize> {
        if from == read.len() {
            return Some(0);
        }
        let first = Kmer::from_codes(&read[from - self.k()..from])?;
        self.find_ends(first, &read[from..]);
        let bases = self.agreed(&read[from..])?;
        let changes = bases.iter().zip(&read[from..]).filter(|(new, old)| new != old).count();
        read[from..].copy_from_slice(&bases);
        Some(changes)
    }

    /// Finds the ends of all paths with the fewest changes.
    fn find_ends(&mut self, first: Kmer, codes: &[u8]) {
        self.steps.clear();
        self.queue.clear();
        self.seen.clear();
        self.ends.clear();
        self.add(Step { before: 0, kmer: first }, 0, 0);
        let mut fewest = self.options.max_changes as u32;
        let mut left = self.options.max_steps;
        while let Some((Reverse(changes), place, Reverse(step), way)) = self.queue.pop() {
            if changes > fewest || left == 0 || self.ends.len() == MOST_ENDS {
                break;
            }
            left -= 1;
            let kmer = self.steps[step as usize].kmer;
            match way {
                Way::Own => {
                    // A k-mer is reached again at the same place by no fewer changes.
                    if !self.seen.insert((place, kmer.bits())) {
                        continue;
                    }
                    let Some(&own) = codes.get(place as usize) else {
                        fewest = changes;
                        self.ends.push(step);
                        continue;
                    };
                    self.queue.push((Reverse(changes + 1), place, Reverse(step), Way::Others));
                    if own < 4 {
                        self.follow(step, own, changes, place);
                    }
                }
                Way::Others => {
                    let own = codes.get(place as usize).copied();
                    for code in (0..4).filter(|&code| Some(code) != own) {
                        self.follow(step, code, changes, place);
                    }
                }
            }
        }
        if left == 0 {
            self.ends.clear();
        }
    }

    fn follow(&mut self, before: u32, code: u8, changes: u32, place: u32) {
        let kmer = self.steps[before as usize].kmer.followed_by(code, self.k());
        if self.set.contains(kmer) {
            self.add(Step { before, kmer }, changes, place + 1);
        }
    }

    fn add(&mut self, step: Step, changes: u32, place: u32) {
        let number = self.steps.len() as u32;
        self.steps.push(step);
        self.queue.push((Reverse(changes), place, Reverse(number), Way::Own));
    }

    /// The bases on which all best paths agree, the read's own elsewhere.
    fn agreed(&self, codes: &[u8]) -> Option<Vec<u8>> {
        let (first, others) = self.ends.split_first()?;
        let mut agreed = self.bases(*first, codes.len());
        for end in others {
            for ((agreed, other), own) in agreed.iter_mut().zip(self.bases(*end, codes.len())).zip(codes) {
                if *agreed != other {
                    *agreed = *own;
                }
            }
        }
        Some(agreed)
    }

    /// The bases of a path, from its end backwards.
    fn bases(&self, end: u32, n: usize) -> Vec<u8> {
        let mut bases = vec![0; n];
        let mut step = self.steps[end as usize];
        for base in bases.iter_mut().rev() {
            *base = step.kmer.base(self.k() - 1);
            step = self.steps[step.before as usize];
        }
        bases
    }
}
