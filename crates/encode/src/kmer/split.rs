use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use cistron_core::Seed;

use super::counts::MixHasher;
use super::packed::Stretch;
use super::philox::Permutation;
use super::{KmerError, PackedSequences, WindowSet, data, option};

/// How windows are parted into training and validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Contiguous blocks of `width` bases from the start of each record; windows that touch both parts are dropped.
    Blocks {
        /// Bases of a block.
        width: u64,
    },
    /// Single windows at random. This leaks: a window shares all but one of its bases with each neighbour, so that
    /// validation holds little that training has not seen. For comparison with earlier work only.
    Random,
}

impl Split {
    /// Blocks of 5,000 bases.
    pub const BLOCKS: Self = Self::Blocks { width: 5_000 };

    /// Whether the split is known to show validation data to training.
    pub fn is_leaky(self) -> bool {
        self == Self::Random
    }
}

/// How [`KmerSplit::new`] parts windows.
#[derive(Clone, Copy, Debug)]
pub struct SplitOptions {
    /// Which windows go together. Default: [`Split::BLOCKS`].
    pub split: Split,
    /// The share of blocks, or of windows, for validation, above 0 and below 1. Default: 0.1.
    pub validation: f64,
    /// Leave out the validation windows whose k-mer, on either strand, is in training. Default: no.
    pub drop_shared: bool,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { split: Split::BLOCKS, validation: 0.1, drop_shared: false }
    }
}

/// Windows for training and for validation.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_encode::kmer::{KmerSplit, PackedSequences, Split, SplitOptions};
///
/// let mut genome = PackedSequences::default();
/// genome.push(&b"ACGGTCATTA".repeat(20));
/// let options = SplitOptions { split: Split::Blocks { width: 50 }, validation: 0.25, ..SplitOptions::default() };
/// let split = KmerSplit::new(&genome, 11, options, Seed::new(1))?;
/// assert_eq!(split.training.len() + split.validation.len() + split.dropped, 190);
/// assert_eq!(split.shared, split.validation.len());
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KmerSplit {
    /// The windows to learn from.
    pub training: WindowSet,
    /// The windows to measure on.
    pub validation: WindowSet,
    /// Windows in neither, because they touch both parts.
    pub dropped: u64,
    /// Validation windows whose k-mer, on either strand, is in training: repeats leak too.
    pub shared: u64,
}

impl KmerSplit {
    /// Parts the windows of `k` known bases.
    ///
    /// Time is that of a look-up a window; memory about 20 bytes a validation window, and with
    /// [`Split::Random`] 16 bytes a run of windows of one part.
    ///
    /// # Errors
    /// [`KmerError::Option`] for a `k` not in 1 to 32, a block narrower than `k` or a share not in (0, 1);
    /// [`KmerError::Data`] if a part has no window.
    pub fn new(
        sequences: &PackedSequences,
        k: usize,
        options: SplitOptions,
        seed: Seed,
    ) -> Result<Self, KmerError> {
        let share = options.validation;
        if !(share > 0.0 && share < 1.0) {
            return Err(option("share of validation", share, "a number above 0 and below 1"));
        }
        let all = WindowSet::all(sequences, k)?;
        let key = seed.stream("kmer split", 0).next_u64();
        let (training, validation) = match options.split {
            Split::Random => random(&all, share, key),
            Split::Blocks { width } if width < k as u64 => {
                return Err(option("block width", width, format!("at least k, {k}")));
            }
            Split::Blocks { width } => blocks(sequences, k, width, share, key),
        };
        for (part, windows) in [("training", &training), ("validation", &validation)] {
            if windows.is_empty() {
                let n = all.len();
                return Err(data(format!(
                    "{part} has no window of {k} bases out of {n}, expected at least one"
                )));
            }
        }
        let dropped = all.len() - training.len() - validation.len();
        let (own, both) = part_by_occurrence(sequences, &validation, sequences, &training);
        let shared = both.len();
        let validation = if options.drop_shared { own } else { validation };
        Ok(Self { training, validation, dropped, shared })
    }
}

/// The windows of one genome whose k-mer does not occur, on either strand, in windows of another, and those whose
/// k-mer does: what a strain has for itself and what both share.
///
/// # Errors
/// [`KmerError::Option`] if the windows differ in length.
pub fn part_by_strain(
    sequences: &PackedSequences,
    windows: &WindowSet,
    others: &PackedSequences,
    other_windows: &WindowSet,
) -> Result<(WindowSet, WindowSet), KmerError> {
    if windows.k() != other_windows.k() {
        return Err(option("k of the other windows", other_windows.k(), windows.k().to_string()));
    }
    Ok(part_by_occurrence(sequences, windows, others, other_windows))
}

fn part_by_occurrence(
    sequences: &PackedSequences,
    windows: &WindowSet,
    others: &PackedSequences,
    other_windows: &WindowSet,
) -> (WindowSet, WindowSet) {
    let k = windows.k();
    let canonical = |sequences: &PackedSequences, start| sequences.window(start, k).canonical(k).bits();
    let mut own: HashSet<u64, BuildHasherDefault<MixHasher>> =
        windows.starts().map(|start| canonical(sequences, start)).collect();
    for start in other_windows.starts() {
        own.remove(&canonical(others, start));
    }
    let part = |wanted: bool| {
        let kept = windows.starts().filter(|&start| own.contains(&canonical(sequences, start)) == wanted);
        WindowSet::from_starts(k, kept.map(single))
    };
    (part(true), part(false))
}

fn single(start: u64) -> Stretch {
    Stretch { start, end: start + 1 }
}

/// Training and validation of single windows.
fn random(all: &WindowSet, share: f64, key: u64) -> (WindowSet, WindowSet) {
    let order = Permutation::new(all.len(), key, 0);
    let n_validation = (all.len() as f64 * share).round() as u64;
    let part = |validation: bool| {
        let numbered = (0..all.len()).zip(all.starts());
        let kept = numbered.filter(|&(number, _)| (order.at(number) < n_validation) == validation);
        WindowSet::from_starts(all.k(), kept.map(|(_, start)| single(start)))
    };
    (part(false), part(true))
}

/// Training and validation of whole blocks.
fn blocks(sequences: &PackedSequences, k: usize, width: u64, share: f64, key: u64) -> (WindowSet, WindowSet) {
    let records = (0..sequences.n_records()).filter_map(|index| sequences.record(index));
    let mut blocks: Vec<Stretch> = Vec::new();
    for record in records {
        let starts = record.clone().step_by(width as usize);
        blocks.extend(starts.map(|start| Stretch { start, end: (start + width).min(record.end) }));
    }
    let n = blocks.len() as u64;
    let n_validation = ((n as f64 * share).round() as u64).clamp(1, n.saturating_sub(1).max(1));
    let order = Permutation::new(n, key, 0);
    let part = |validation: bool| {
        let kept = (0..n).filter(|&block| (order.at(block) < n_validation) == validation);
        let kept = joined(kept.filter_map(|block| blocks.get(block as usize).copied()));
        WindowSet::inside(intersections(&kept, sequences.stretches()), k)
    };
    (part(false), part(true))
}

/// Neighbours made one.
fn joined(stretches: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match joined.last_mut().filter(|last| last.end == stretch.start) {
            Some(last) => last.end = stretch.end,
            None => joined.push(stretch),
        }
    }
    joined
}

/// What lies in a stretch of both lists, which ascend.
fn intersections<'a>(a: &'a [Stretch], b: &'a [Stretch]) -> impl Iterator<Item = Stretch> + 'a {
    let (mut i, mut j) = (0, 0);
    std::iter::from_fn(move || {
        while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
            let both = Stretch { start: x.start.max(y.start), end: x.end.min(y.end) };
            if x.end < y.end {
                i += 1;
            } else {
                j += 1;
            }
            if both.start < both.end {
                return Some(both);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn packed(records: &[&str]) -> PackedSequences {
        PackedSequences::from_iter(records)
    }

    fn split(genome: &PackedSequences, k: usize, split: Split, seed: u64) -> Result<KmerSplit, KmerError> {
        let options = SplitOptions { split, validation: 0.3, ..SplitOptions::default() };
        KmerSplit::new(genome, k, options, Seed::new(seed))
    }

    proptest! {
        #[test]
        fn parts_share_no_base_between_blocks(
            records in prop::collection::vec("[ACGT]{30,90}", 2..4),
            width in 10_u64..30,
            seed: u64,
        ) {
            let genome = packed(&records.iter().map(String::as_str).collect::<Vec<_>>());
            let k = 7;
            let Ok(parts) = split(&genome, k, Split::Blocks { width }, seed) else { return Ok(()) };
            let covered = |windows: &WindowSet| -> BTreeSet<u64> {
                windows.starts().flat_map(|start| start..start + k as u64).collect()
            };
            prop_assert!(covered(&parts.training).is_disjoint(&covered(&parts.validation)));
            let all = WindowSet::all(&genome, k).unwrap().len();
            prop_assert_eq!(parts.training.len() + parts.validation.len() + parts.dropped, all);
        }

        #[test]
        fn random_windows_fall_in_one_part(letters in "[ACGTN]{40,120}", seed: u64) {
            let genome = packed(&[&letters]);
            let all = WindowSet::all(&genome, 3).unwrap();
            let Ok(parts) = split(&genome, 3, Split::Random, seed) else { return Ok(()) };
            let mut starts: Vec<u64> = parts.training.starts().chain(parts.validation.starts()).collect();
            starts.sort_unstable();
            prop_assert_eq!(starts, all.starts().collect::<Vec<_>>());
            prop_assert_eq!(parts.validation.len(), (all.len() as f64 * 0.3).round() as u64);
        }
    }

    #[test]
    fn repeats_on_the_other_strand_are_shared() {
        // The second record is the first one's other strand.
        let genome = packed(&["ACGGTCATTACC", "GGTAATGACCGT"]);
        let options =
            SplitOptions { split: Split::Blocks { width: 12 }, validation: 0.5, drop_shared: false };
        let kept = KmerSplit::new(&genome, 5, options, Seed::new(0)).unwrap();
        assert_eq!((kept.validation.len(), kept.shared), (8, 8));
        let dropped =
            KmerSplit::new(&genome, 5, SplitOptions { drop_shared: true, ..options }, Seed::new(0)).unwrap();
        assert_eq!((dropped.validation.len(), dropped.shared), (0, 8));
    }

    #[test]
    fn strains_are_parted_by_what_they_share() {
        let (one, two) = (packed(&["ACGGTCATTACC"]), packed(&["ACGGTCAAAAAA"]));
        let (all_one, all_two) = (WindowSet::all(&one, 5).unwrap(), WindowSet::all(&two, 5).unwrap());
        let (own, both) = part_by_strain(&two, &all_two, &one, &all_one).unwrap();
        assert_eq!(both.starts().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(own.len(), all_two.len() - 3);
        assert!(part_by_strain(&two, &all_two, &one, &WindowSet::all(&one, 4).unwrap()).is_err());
    }

    #[test]
    fn what_cannot_be_parted_is_refused() {
        let genome = packed(&["ACGTACGTAC"]);
        let message = |options| KmerSplit::new(&genome, 5, options, Seed::new(0)).unwrap_err().to_string();
        let narrow = SplitOptions { split: Split::Blocks { width: 4 }, ..SplitOptions::default() };
        assert_eq!(message(narrow), "block width is 4, expected at least k, 5");
        let whole = SplitOptions { validation: 1.0, ..SplitOptions::default() };
        assert_eq!(message(whole), "share of validation is 1, expected a number above 0 and below 1");
        let one = "training has no window of 5 bases out of 6, expected at least one";
        assert_eq!(message(SplitOptions::default()), one);
    }
}
