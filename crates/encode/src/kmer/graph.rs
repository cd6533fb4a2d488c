use super::{Kmer, KmerError, KmerSet, option};

/// The shape of the de Bruijn graph of a set of k-mers.
///
/// * node: a canonical k-mer
/// * edge: two k-mers that overlap by k - 1 bases in some orientation, counted once
/// * unitig: a longest path on which each node has one successor, of which it is the one predecessor; its length is
///   its number of nodes and k - 1 more
/// * tip: a unitig with one dead end, the other end attached, of fewer than 2k k-mers
/// * bubble: two or more unitigs with the same single predecessor and the same single successor
/// * isolated: a unitig with two dead ends
///
/// ```
/// use cistron_encode::kmer::{GraphShape, KmerSet, PackedSequences};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACC");
/// let shape = GraphShape::of(&KmerSet::of(&genome, 5)?)?;
/// assert_eq!((shape.unitigs, shape.longest, shape.isolated), (1, 12, 1));
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphShape {
    /// The number of nodes.
    pub kmers: u64,
    /// The number of edges.
    pub edges: u64,
    /// The number of unitigs.
    pub unitigs: u64,
    /// The length in bases such that unitigs at least as long hold half of the length of all; 0 without unitigs.
    pub n50: u64,
    /// The length in bases of the longest unitig.
    pub longest: u64,
    /// The number of tips.
    pub tips: u64,
    /// The number of bubbles.
    pub bubbles: u64,
    /// The number of isolated unitigs.
    pub isolated: u64,
}

impl GraphShape {
    /// The shape of the graph of these k-mers.
    ///
    /// Time is that of eight look-ups a k-mer; memory 5 bytes a k-mer and 48 a unitig.
    ///
    /// # Errors
    /// [`KmerError::Option`] for an even k, where a k-mer may be its own reverse complement.
    pub fn of(set: &KmerSet) -> Result<Self, KmerError> {
        if set.k().is_multiple_of(2) {
            return Err(option("k of a de Bruijn graph", set.k(), "an odd number"));
        }
        let graph = Graph::new(set);
        let unitigs = graph.unitigs();
        let mut lengths: Vec<u64> = unitigs.iter().map(|unitig| unitig.n + set.k() as u64 - 1).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let short = 2 * set.k() as u64;
        let count = |wanted: &dyn Fn(&Unitig) -> bool| unitigs.iter().filter(|it| wanted(it)).count() as u64;
        Ok(Self {
            kmers: set.len() as u64,
            edges: graph.n_edges(),
            unitigs: unitigs.len() as u64,
            n50: n50(&lengths),
            longest: lengths.first().copied().unwrap_or(0),
            tips: count(&|unitig| unitig.n_dead_ends() == 1 && unitig.n < short),
            bubbles: n_bubbles(&unitigs),
            isolated: count(&|unitig| unitig.n_dead_ends() == 2),
        })
    }
}

/// A node read on one of its strands; paths go on at the end of its last base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    node: u32,
    reverse: bool,
}

impl Side {
    fn turned(self) -> Self {
        Self { reverse: !self.reverse, ..self }
    }
}

/// What follows an end of a unitig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    One(Side),
    Several,
}

#[derive(Clone, Copy, Debug)]
struct Unitig {
    /// The number of k-mers.
    n: u64,
    /// What follows each of its ends, read outwards. A circle has no end: both are `Several`.
    ends: [Next; 2],
}

impl Unitig {
    fn n_dead_ends(&self) -> usize {
        self.ends.iter().filter(|&&end| end == Next::Nothing).count()
    }
}

struct Graph<'a> {
    set: &'a KmerSet,
    /// For each node, which bases follow it: four bits for the canonical strand, four above for the other.
    successors: Vec<u8>,
    kmers: Vec<Kmer>,
}

impl<'a> Graph<'a> {
    fn new(set: &'a KmerSet) -> Self {
        let kmers: Vec<Kmer> = set.kmers().collect();
        let k = set.k();
        let bases = |kmer: Kmer| {
            (0..4)
                .filter(|&code| set.contains(kmer.followed_by(code, k)))
                .fold(0, |bases, code| bases | 1 << code)
        };
        let both = |kmer: &Kmer| bases(*kmer) | bases(kmer.reverse_complement(k)) << 4;
        let successors = kmers.iter().map(both).collect();
        Self { set, successors, kmers }
    }

    fn kmer(&self, side: Side) -> Kmer {
        let kmer = self.kmers[side.node as usize];
        if side.reverse { kmer.reverse_complement(self.set.k()) } else { kmer }
    }

    fn bases_after(&self, side: Side) -> u8 {
        let both = self.successors[side.node as usize];
        if side.reverse { both >> 4 } else { both & 15 }
    }

    /// The side reached from a side by one more base; `None` if there is no such k-mer.
    fn step(&self, side: Side, code: u8) -> Option<Side> {
        let next = self.kmer(side).followed_by(code, self.set.k());
        let node = self.set.index(next)? as u32;
        Some(Side { node, reverse: self.kmers[node as usize] != next })
    }

    fn after(&self, side: Side) -> Next {
        let bases = self.bases_after(side);
        match bases.count_ones() {
            0 => Next::Nothing,
            1 => self.step(side, bases.trailing_zeros() as u8).map_or(Next::Nothing, Next::One),
            _ => Next::Several,
        }
    }

    /// The next side of the same unitig.
    fn follow(&self, side: Side) -> Option<Side> {
        match self.after(side) {
            Next::One(next) if self.bases_after(next.turned()).is_power_of_two() => Some(next),
            _ => None,
        }
    }

    /// Each edge is seen from both of its ends, one that is its own reverse complement once.
    fn n_edges(&self) -> u64 {
        let (mut ends, mut own) = (0, 0);
        for node in 0..self.kmers.len() as u32 {
            for side in [false, true].map(|reverse| Side { node, reverse }) {
                let bases = self.bases_after(side);
                ends += u64::from(bases.count_ones());
                let turned = self.kmer(side.turned());
                let code = turned.base(self.set.k() - 1);
                let is_own = self.kmer(side).followed_by(code, self.set.k()) == turned;
                own += u64::from(is_own && bases >> code & 1 == 1);
            }
        }
        ends.midpoint(own)
    }

    fn unitigs(&self) -> Vec<Unitig> {
        let mut seen = vec![false; self.kmers.len()];
        let mut unitigs = Vec::new();
        for node in 0..self.kmers.len() as u32 {
            if seen[node as usize] {
                continue;
            }
            seen[node as usize] = true;
            let start = Side { node, reverse: false };
            let (n_right, right) = self.walk(start, &mut seen);
            let (n_left, left) = self.walk(start.turned(), &mut seen);
            unitigs.push(Unitig { n: 1 + n_right + n_left, ends: [left, right] });
        }
        unitigs
    }

    /// Marks the nodes of a unitig beyond a side; gives their number and what follows.
    fn walk(&self, from: Side, seen: &mut [bool]) -> (u64, Next) {
        let (mut side, mut n) = (from, 0);
        while let Some(next) = self.follow(side) {
            if seen[next.node as usize] {
                // A circle, or a path that comes back on its other strand.
                return (n, Next::Several);
            }
            seen[next.node as usize] = true;
            side = next;
            n += 1;
        }
        (n, self.after(side))
    }
}

/// Of lengths in descending order.
fn n50(lengths: &[u64]) -> u64 {
    let total: u64 = lengths.iter().sum();
    let mut sum = 0;
    let reaches_half = |length: &&u64| {
        sum += **length;
        2 * sum >= total
    };
    lengths.iter().find(reaches_half).copied().unwrap_or(0)
}

/// Groups of unitigs between the same two sides.
fn n_bubbles(unitigs: &[Unitig]) -> u64 {
    let mut between: Vec<[Side; 2]> = Vec::new();
    for unitig in unitigs {
        if let [Next::One(a), Next::One(b)] = unitig.ends {
            between.push(if a <= b { [a, b] } else { [b, a] });
        }
    }
    between.sort_unstable();
    between.chunk_by(|a, b| a == b).filter(|group| group.len() > 1).count() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cistron_core::Seed;
    use proptest::prelude::*;

    use super::super::PackedSequences;
    use super::*;

    fn set(records: &[&str], k: usize) -> KmerSet {
        let packed = PackedSequences::from_iter(records);
        KmerSet::of(&packed, k).unwrap()
    }

    fn shape(records: &[&str], k: usize) -> GraphShape {
        GraphShape::of(&set(records, k)).unwrap()
    }

    /// Random letters without a repeated word of seven.
    fn unique(n: usize, seed: u64) -> String {
        let mut stream = Seed::new(seed).stream("letters", 0);
        (0..n).map(|_| b"ACGT"[stream.below(4) as usize] as char).collect()
    }

    #[test]
    fn an_inner_error_makes_a_bubble_and_one_near_an_end_a_tip() {
        let genome = unique(200, 3);
        let replaced = |at: usize| {
            let other = if &genome[at..=at] == "A" { "C" } else { "A" };
            format!("{}{other}{}", &genome[..at], &genome[at + 1..])
        };
        let k = 21;
        let clean = shape(&[&genome], k);
        assert_eq!((clean.unitigs, clean.longest, clean.edges, clean.isolated), (1, 200, 179, 1));
        let bubble = shape(&[&genome, &replaced(100)], k);
        // Before, after, and two ways of k k-mers between.
        assert_eq!((bubble.unitigs, bubble.bubbles, bubble.tips, bubble.kmers), (4, 1, 0, 180 + 21));
        let tip = shape(&[&genome, &replaced(190)[150..195]], k);
        assert_eq!((tip.bubbles, tip.kmers), (0, 180 + 5));
        // The tip of 5 k-mers, and what the genome has beyond the branch: 190 - 20 .. 180.
        assert_eq!((tip.unitigs, tip.tips), (3, 2));
        let apart = shape(&[&genome, &unique(30, 4)], k);
        assert_eq!((apart.isolated, apart.n50, apart.longest), (2, 200, 200));
    }

    #[test]
    fn a_circle_is_one_unitig() {
        let genome = unique(100, 5);
        let circle = format!("{genome}{}", &genome[..20]);
        let shape = shape(&[&circle], 21);
        assert_eq!((shape.unitigs, shape.kmers, shape.edges, shape.longest), (1, 100, 100, 120));
        assert_eq!((shape.tips, shape.isolated, shape.bubbles), (0, 0, 0));
    }

    #[test]
    fn nothing_has_no_shape_and_even_kmers_are_refused() {
        assert_eq!(shape(&["AC"], 5), GraphShape::default());
        let error = GraphShape::of(&set(&["ACGT"], 4)).unwrap_err();
        assert_eq!(error.to_string(), "k of a de Bruijn graph is 4, expected an odd number");
    }

    /// The words of both strands, their edges, and unitigs grown one edge at a time from the definitions.
    fn oracle(records: &[String], k: usize) -> (u64, u64, u64, Vec<u64>) {
        let complement = |word: &str| -> String {
            let mut letters = word.as_bytes().to_vec();
            cistron_core::reverse_complement_letters(&mut letters);
            String::from_utf8(letters).unwrap()
        };
        let mut words = BTreeSet::new();
        for record in records {
            for at in 0..(record.len() + 1).saturating_sub(k) {
                words.insert(record[at..at + k].to_owned());
                words.insert(complement(&record[at..at + k]));
            }
        }
        let next = |word: &String| -> Vec<String> {
            let all = "ACGT".chars().map(|letter| format!("{}{letter}", &word[1..]));
            all.filter(|next| words.contains(next)).collect()
        };
        let edges: BTreeSet<_> = words
            .iter()
            .flat_map(|word| next(word).into_iter().map(|next| (word.clone(), next)).collect::<Vec<_>>())
            .map(|(a, b)| (a.clone(), b.clone()).min((complement(&b), complement(&a))))
            .collect();
        let joined: Vec<(String, String)> = words
            .iter()
            .filter_map(|word| match &next(word)[..] {
                [only] if next(&complement(only)).len() == 1 => Some((word.clone(), only.clone())),
                _ => None,
            })
            .collect();
        // Unitigs are the groups of words that are joined, both strands of a word in one group.
        let list: Vec<&String> = words.iter().collect();
        let number = |word: &String| list.binary_search(&word).unwrap();
        let mut group: Vec<usize> = (0..list.len()).collect();
        let pairs = joined.iter().cloned().chain(words.iter().map(|word| (word.clone(), complement(word))));
        for (a, b) in pairs {
            let (a, b) = (group[number(&a)], group[number(&b)]);
            group.iter_mut().filter(|it| **it == a).for_each(|it| *it = b);
        }
        let mut sizes = std::collections::BTreeMap::new();
        for it in &group {
            *sizes.entry(it).or_insert(0_u64) += 1;
        }
        let mut sizes: Vec<u64> = sizes.into_values().map(|n| n / 2).collect();
        sizes.sort_unstable();
        (words.len() as u64 / 2, edges.len() as u64, sizes.len() as u64, sizes)
    }

    proptest! {
        #[test]
        fn shapes_follow_the_definitions(records in prop::collection::vec("[ACGT]{0,30}", 1..5), odd in 1_usize..4) {
            let k = 2 * odd + 1;
            let shape = shape(&records.iter().map(String::as_str).collect::<Vec<_>>(), k);
            let (kmers, edges, unitigs, sizes) = oracle(&records, k);
            prop_assert_eq!((shape.kmers, shape.edges, shape.unitigs), (kmers, edges, unitigs));
            prop_assert_eq!(shape.longest, sizes.last().map_or(0, |n| n + k as u64 - 1));
        }
    }
}
