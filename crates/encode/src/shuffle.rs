use cistron_core::{Sequence, Stream};

use crate::EncodeError;

/// The same letters in random order, each order equally likely.
///
/// # Errors
/// None in practice: the codes are those of a valid sequence.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
///
/// let sequence = Sequence::parse(&Alphabet::dna(), "AACCGGTT")?;
/// let shuffled = cistron_encode::shuffle(&sequence, &mut Seed::new(0).stream("shuffle", 0))?;
/// assert_eq!(shuffled.len(), 8);
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn shuffle(sequence: &Sequence, stream: &mut Stream) -> Result<Sequence, EncodeError> {
    let mut codes = sequence.codes().to_vec();
    stream.shuffle(&mut codes);
    Ok(Sequence::from_codes(sequence.alphabet(), codes)?)
}

/// A random sequence with the same first and last letter and the same number of each pair of neighbours, every
/// such sequence equally likely.
///
/// Unknown letters, padding and gaps count as letters of their own. Time O(L) expected, memory O(L).
///
/// Source: Altschul and Erickson 1985, doi:10.1093/oxfordjournals.molbev.a040370 (a random Eulerian path); the
/// tree of last edges is drawn by Wilson's loop-erased walks, doi:10.1145/237814.237880, instead of by
/// rejection.
///
/// # Errors
/// None in practice: the codes are those of a valid sequence.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
///
/// let sequence = Sequence::parse(&Alphabet::dna(), "ACGACTACGG")?;
/// let shuffled = cistron_encode::dinucleotide_shuffle(&sequence, &mut Seed::new(0).stream("null", 0))?;
/// assert_eq!(shuffled.codes()[0], 0);
/// assert_eq!(shuffled.codes()[9], 2);
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn dinucleotide_shuffle(sequence: &Sequence, stream: &mut Stream) -> Result<Sequence, EncodeError> {
    let letters = usize::from(sequence.alphabet().len());
    let codes = dinucleotide_shuffle_codes(sequence.codes(), letters, stream);
    Ok(Sequence::from_codes(sequence.alphabet(), codes)?)
}

pub(crate) fn dinucleotide_shuffle_codes(codes: &[u8], letters: usize, stream: &mut Stream) -> Vec<u8> {
    let (Some(&first), Some(&last)) = (codes.first(), codes.last()) else {
        return Vec::new();
    };
    let mut successors = vec![Vec::new(); letters + 3];
    for pair in codes.windows(2) {
        successors[usize::from(pair[0])].push(pair[1]);
    }
    let last_edges = last_edges(&successors, last, stream);
    for (code, edges) in successors.iter_mut().enumerate() {
        // The edge of the tree is taken last from its letter; the others in random order. Edges are popped from
        // the end, so the tree's edge goes to the front.
        if let Some(next) = last_edges[code]
            && let Some(place) = edges.iter().position(|&edge| edge == next)
        {
            edges.swap(0, place);
            stream.shuffle(&mut edges[1..]);
        } else {
            stream.shuffle(edges);
        }
    }
    let mut path = Vec::with_capacity(codes.len());
    path.push(first);
    let mut at = first;
    while let Some(next) = successors[usize::from(at)].pop() {
        path.push(next);
        at = next;
    }
    path
}

/// For each letter with successors, the letter that follows its last occurrence: a random spanning tree towards
/// `root`, with the weight of each edge its number of occurrences.
fn last_edges(successors: &[Vec<u8>], root: u8, stream: &mut Stream) -> Vec<Option<u8>> {
    let mut in_tree = vec![false; successors.len()];
    in_tree[usize::from(root)] = true;
    let mut next = vec![None; successors.len()];
    for start in 0..successors.len() {
        if successors[start].is_empty() {
            continue;
        }
        let mut at = start;
        while !in_tree[at] {
            let edges = &successors[at];
            let edge = edges[stream.below(edges.len() as u64) as usize];
            next[at] = Some(edge);
            at = usize::from(edge);
        }
        let mut at = start;
        while !in_tree[at] {
            in_tree[at] = true;
            at = next[at].map_or(at, usize::from);
        }
    }
    next[usize::from(root)] = None;
    next
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cistron_core::{Alphabet, Seed};
    use proptest::prelude::*;

    use super::*;

    fn pairs(sequence: &Sequence) -> BTreeMap<(u8, u8), usize> {
        let mut counts = BTreeMap::new();
        for pair in sequence.codes().windows(2) {
            *counts.entry((pair[0], pair[1])).or_default() += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn dinucleotides_and_ends_are_kept(letters in "[ACGTN]{0,80}", seed: u64) {
            let sequence = Sequence::parse(&Alphabet::dna(), &letters).unwrap();
            let shuffled =
                dinucleotide_shuffle(&sequence, &mut Seed::new(seed).stream("test", 0)).unwrap();
            prop_assert_eq!(shuffled.len(), sequence.len());
            prop_assert_eq!(shuffled.codes().first(), sequence.codes().first());
            prop_assert_eq!(pairs(&shuffled), pairs(&sequence));
        }

        #[test]
        fn letters_are_kept(letters in "[ACGTN]{0,80}", seed: u64) {
            let sequence = Sequence::parse(&Alphabet::dna(), &letters).unwrap();
            let shuffled = shuffle(&sequence, &mut Seed::new(seed).stream("test", 0)).unwrap();
            let sorted = |s: &Sequence| { let mut c = s.codes().to_vec(); c.sort_unstable(); c };
            prop_assert_eq!(sorted(&shuffled), sorted(&sequence));
        }
    }

    #[test]
    fn every_arrangement_is_equally_likely() {
        // All sequences with the pairs of this one, found by trying each order of its letters.
        let sequence = Sequence::parse(&Alphabet::dna(), "ACAGATAACA").unwrap();
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let n = 60_000;
        for index in 0..n {
            let shuffled = dinucleotide_shuffle(&sequence, &mut Seed::new(3).stream("even", index)).unwrap();
            *counts.entry(shuffled.to_string()).or_default() += 1;
        }
        // Between the A's stand five steps: C and C (alike), G, T and the direct step A-A: 5!/2! orders.
        assert_eq!(counts.len(), 60);
        let expected = n as f64 / 60.0;
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert!(chi2 < 110.0, "59 degrees of freedom: 110 has p below 1e-4; found {chi2}");
    }
}
