//! What a change of a sequence does to motifs.

use std::ops::Range;

use cistron_core::{Alphabet, Strand};

use super::model::{Model, background};
use super::{FimoOptions, PValues, ScanStrands, ScanThreshold, engine};
use crate::{MotifError, MotifSet};

/// Differences of scores below this are rounding: such changes are equally strong.
const EQUAL_BITS: f64 = 1e-6;

/// What a change of a sequence does to one motif: the best window that holds a changed letter, with either allele.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct MotifChange {
    /// The index of the motif in its set.
    pub motif: u32,
    /// The strand of the better of the two windows.
    pub strand: Strand,
    /// The first letter of the better of the two windows, 0-based in the reference; one that begins inside an insertion
    /// begins where the insertion stands.
    pub start: u64,
    /// The best score with the reference allele, in bits.
    pub reference_score: f64,
    /// The best score with the alternate allele, in bits.
    pub alternate_score: f64,
    /// The p-value of the reference score in one window of random letters.
    pub reference_p: f64,
    /// The p-value of the alternate score.
    pub alternate_p: f64,
}

impl MotifChange {
    /// The alternate minus the reference score, in bits: positive where the motif is gained.
    pub fn change(&self) -> f64 {
        self.alternate_score - self.reference_score
    }

    fn best_p(&self) -> f64 {
        self.reference_p.min(self.alternate_p)
    }
}

/// Motifs made ready to be scored in alleles: which are gained and which are lost.
///
/// A motif is reported if the best window of one of the alleles has a p-value below the threshold; the other allele's
/// best window has its score whatever it is. Only windows that hold a changed letter count, of a deletion or an insertion
/// those that hold its place, on both strands. A motif without such a window of known letters in one of the alleles is
/// not reported.
///
/// Scores and p-values are those of a [`Scanner`](super::Scanner) with the same options.
///
/// ```
/// use cistron_core::{Alphabet, Sequence};
/// use cistron_motif::{AlleleScanner, FimoOptions, ScanThreshold, parse_motifs};
///
/// let set = parse_motifs(b">M1\tets\n0 0 0 9 9 0\n9 9 0 0 0 0\n0 0 9 0 0 9\n0 0 0 0 0 0\n", "example", &())?;
/// let options = FimoOptions { threshold: ScanThreshold::PValue(1e-3), ..FimoOptions::default() };
/// let scanner = AlleleScanner::new(&set, &options)?;
/// let codes = |letters| Sequence::parse(&Alphabet::dna(), letters).map(|it| it.codes().to_vec());
/// let changes = scanner.changes(&codes("TTTCCGGAGTTT")?, &codes("TTTCCGAAGTTT")?);
/// assert_eq!((changes.len(), changes[0].start), (1, 3));
/// assert!(changes[0].change() > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AlleleScanner {
    alphabet: Alphabet,
    models: Vec<Oriented>,
    threshold: ScanThreshold,
    widest: usize,
}

/// A motif's weights on each strand that is scored, rows of the window's own letters.
struct Oriented {
    width: usize,
    strands: Vec<(Strand, Vec<f64>)>,
    p_values: PValues,
}

impl AlleleScanner {
    /// Prepares every motif of a set; of the options, engine and tile do not matter.
    ///
    /// # Errors
    /// As [`Scanner::new`](super::Scanner::new).
    pub fn new(set: &MotifSet, options: &FimoOptions) -> Result<Self, MotifError> {
        options.check()?;
        let background = background(set, options)?;
        let alphabet = set.alphabet().clone();
        let both = options.strands == ScanStrands::Both && alphabet.complement(0).is_some();
        let models = engine::map(set.len(), |i| {
            let model = Model::untrimmed(&set.motifs()[i], &background, options)?;
            let mut strands = vec![(Strand::Forward, model.weights.clone())];
            if both {
                strands.push((Strand::Reverse, reverse_complement(&model.weights, &alphabet)));
            }
            Ok(Oriented { width: model.width, strands, p_values: model.p_values })
        });
        let models = models.into_iter().collect::<Result<Vec<Oriented>, MotifError>>()?;
        let widest = models.iter().map(|model| model.width).max().unwrap_or(0);
        Ok(Self { alphabet, models, threshold: options.threshold, widest })
    }

    /// How many letters on each side of a change may be in one window with it.
    pub fn flank(&self) -> usize {
        self.widest.saturating_sub(1)
    }

    /// The motifs that a change touches, the strongest change first; of changes as strong the one whose better allele has
    /// the lower p-value, then the motif with the lower index.
    ///
    /// * `reference`, `alternate`: codes of the motifs' alphabet; what they do not share at their beginnings and ends is
    ///   the change. Equal ones have none.
    pub fn changes(&self, reference: &[u8], alternate: &[u8]) -> Vec<MotifChange> {
        let Some(change) = Change::between(reference, alternate) else { return Vec::new() };
        let mut changes: Vec<MotifChange> = (0..)
            .zip(&self.models)
            .filter_map(|(motif, model)| self.of_motif(motif, model, reference, alternate, &change))
            .collect();
        let strength = |it: &MotifChange| (it.change().abs() / EQUAL_BITS).round();
        changes.sort_by(|a, b| {
            strength(b)
                .total_cmp(&strength(a))
                .then(a.best_p().total_cmp(&b.best_p()))
                .then(a.motif.cmp(&b.motif))
        });
        changes
    }

    fn of_motif(
        &self,
        motif: u32,
        model: &Oriented,
        reference: &[u8],
        alternate: &[u8],
        change: &Change,
    ) -> Option<MotifChange> {
        let old = model.best(reference, &change.reference, self.alphabet.len())?;
        let new = model.best(alternate, &change.alternate, self.alphabet.len())?;
        let start = if new.score > old.score { change.in_reference(new.start) } else { old.start };
        let (p_values, strand) =
            (&model.p_values, if new.score > old.score { new.strand } else { old.strand });
        let change = MotifChange {
            motif,
            strand,
            start: start as u64,
            reference_score: p_values.score(old.score),
            alternate_score: p_values.score(new.score),
            reference_p: p_values.of_raw(old.score),
            alternate_p: p_values.of_raw(new.score),
        };
        let is_hit = match self.threshold {
            ScanThreshold::PValue(p) => change.best_p() < p,
            ScanThreshold::Score(score) => change.reference_score.max(change.alternate_score) >= score,
        };
        is_hit.then_some(change)
    }
}

/// A window: its raw score, its first letter and its strand.
struct Best {
    score: f64,
    start: usize,
    strand: Strand,
}

impl Oriented {
    /// The best window that holds a letter of the change; of equal ones the leftmost, on the forward strand first.
    fn best(&self, codes: &[u8], changed: &Range<usize>, letters: u8) -> Option<Best> {
        // A window begins before the change ends, and ends after it begins.
        let first = (changed.start + 1).saturating_sub(self.width);
        let end = changed.end.min((codes.len() + 1).saturating_sub(self.width));
        let mut best: Option<Best> = None;
        for start in first..end {
            let window = &codes[start..start + self.width];
            if window.iter().any(|code| *code >= letters) {
                continue;
            }
            for (strand, weights) in &self.strands {
                let score = score(weights, window, letters);
                if best.as_ref().is_none_or(|best| score > best.score) {
                    best = Some(Best { score, start, strand: *strand });
                }
            }
        }
        best
    }
}

/// Columns added from left to right, as a scan does.
fn score(weights: &[f64], window: &[u8], letters: u8) -> f64 {
    let rows = weights.chunks_exact(usize::from(letters).max(1));
    rows.zip(window).fold(0.0, |sum, (row, code)| sum + row.get(usize::from(*code)).copied().unwrap_or(0.0))
}

fn reverse_complement(weights: &[f64], alphabet: &Alphabet) -> Vec<f64> {
    let rows = weights.chunks_exact(usize::from(alphabet.len()));
    let turned = |row: &[f64]| {
        let paired = (0..alphabet.len()).map(|code| alphabet.complement(code).unwrap_or(code));
        paired.map(|code| row[usize::from(code)]).collect::<Vec<_>>()
    };
    rows.rev().flat_map(turned).collect()
}

/// What two sequences do not share; of an allele that is empty, the place between two letters, which windows hold that
/// have letters on both sides.
struct Change {
    reference: Range<usize>,
    alternate: Range<usize>,
}

impl Change {
    fn between(reference: &[u8], alternate: &[u8]) -> Option<Self> {
        let pairs = reference.iter().zip(alternate);
        let before = pairs.take_while(|(a, b)| a == b).count();
        let rest = reference[before..].iter().rev().zip(alternate[before..].iter().rev());
        let after = rest.take_while(|(a, b)| a == b).count();
        let (reference, alternate) = (before..reference.len() - after, before..alternate.len() - after);
        let is_change = !(reference.is_empty() && alternate.is_empty());
        is_change.then_some(Self { reference, alternate })
    }

    /// Where a letter of the alternate stands in the reference.
    fn in_reference(&self, place: usize) -> usize {
        if place < self.alternate.end {
            place.min(self.reference.end)
        } else {
            place - self.alternate.end + self.reference.end
        }
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Run, Seed};
    use proptest::prelude::*;

    use super::*;
    use crate::{Hit, Motif, Scanner};

    /// Random motifs of four letters.
    fn motifs(n: usize, seed: u64) -> MotifSet {
        let mut stream = Seed::new(seed).stream("motifs", 0);
        let mut set = MotifSet::new(Alphabet::dna());
        for i in 0..n {
            let width = 2 + stream.below(8) as usize;
            let counts: Vec<f64> = (0..width * 4).map(|_| (4.0 * stream.normal()).exp()).collect();
            let matrix = ndarray::Array2::from_shape_vec((width, 4), counts).unwrap();
            set.push(Motif::new(format!("m{i}"), matrix, crate::MatrixKind::Counts).unwrap()).unwrap();
        }
        set
    }

    fn options(threshold: f64) -> FimoOptions {
        FimoOptions { threshold: ScanThreshold::PValue(threshold), ..FimoOptions::default() }
    }

    #[test]
    fn nothing_changes_between_equal_sequences_or_where_no_letter_is_known() {
        let scanner = AlleleScanner::new(&motifs(5, 1), &options(1.0)).unwrap();
        assert_eq!(scanner.changes(&[0, 1, 2, 3, 0, 1, 2, 3, 0, 1], &[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]), []);
        assert_eq!(scanner.changes(&[0, 4, 4, 4], &[1, 4, 4, 4]), []);
        assert_eq!(scanner.changes(&[], &[]), []);
        assert!(AlleleScanner::new(&motifs(1, 1), &options(0.0)).is_err());
    }

    #[test]
    fn a_window_inside_an_insertion_begins_where_the_insertion_stands() {
        let set = crate::parse_motifs(b">M\tacg\n9 0 0\n0 9 0\n0 0 9\n0 0 0\n", "example", &()).unwrap();
        let options = FimoOptions { strands: ScanStrands::Forward, ..options(1.0) };
        let scanner = AlleleScanner::new(&set, &options).unwrap();
        let changes = scanner.changes(&[3, 3, 3, 3, 3], &[3, 3, 3, 0, 1, 2, 3, 3]);
        assert_eq!((changes[0].start, changes[0].alternate_p), (3, 1.0 / 64.0));
        // The same, lost: it begins where it stood.
        let changes = scanner.changes(&[3, 3, 3, 0, 1, 2, 3, 3], &[3, 3, 3, 3, 3]);
        assert_eq!((changes[0].start, changes[0].reference_p), (3, 1.0 / 64.0));
    }

    proptest! {
        #[test]
        fn changes_are_those_of_the_hits_of_both_alleles(
            letters in prop::collection::vec(0_u8..5, 6..40), place in 0_usize..40, n in 0_usize..4,
            allele in prop::collection::vec(0_u8..4, 0..5), seed in 0_u64..50,
        ) {
            let place = place.min(letters.len());
            let end = (place + n).min(letters.len());
            let mut edited = letters.clone();
            edited.splice(place..end, allele);
            let set = motifs(6, seed);
            // Every window is a hit.
            let everything = FimoOptions { threshold: ScanThreshold::Score(-1e6), ..FimoOptions::default() };
            let scanner = Scanner::new(&set, &everything).unwrap();
            let (hits, _) = scanner.collect([&letters, &edited], Run::default()).unwrap();
            let before = letters.iter().zip(&edited).take_while(|(a, b)| a == b).count();
            let rest = letters[before..].iter().rev().zip(edited[before..].iter().rev());
            let after = rest.take_while(|(a, b)| a == b).count();
            let best = |motif: u32, example: u32, length: usize| {
                let holds = |hit: &&Hit| {
                    (hit.motif, hit.example) == (motif, example)
                        && hit.start < (length - after) as u64
                        && hit.end > before as u64
                };
                let own: Vec<&Hit> = hits.iter().filter(holds).collect();
                own.iter().map(|hit| hit.score).fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))))
            };
            let found = AlleleScanner::new(&set, &everything).unwrap().changes(&letters, &edited);
            for motif in 0..6 {
                let expected = best(motif, 0, letters.len()).zip(best(motif, 1, edited.len()));
                let expected = expected.filter(|_| letters != edited);
                let one = found.iter().find(|it| it.motif == motif);
                prop_assert_eq!(one.map(|it| (it.reference_score, it.alternate_score)), expected);
            }
            let sizes: Vec<f64> = found.iter().map(|it| it.change().abs()).collect();
            prop_assert!(sizes.windows(2).all(|pair| pair[0] + EQUAL_BITS >= pair[1]));
        }

        #[test]
        fn a_threshold_keeps_what_passes_with_either_allele(seed in 0_u64..200, threshold in 0.001..1.0_f64) {
            let set = motifs(20, seed);
            let mut stream = Seed::new(seed).stream("letters", 1);
            let letters: Vec<u8> = (0..30).map(|_| stream.below(4) as u8).collect();
            let mut edited = letters.clone();
            edited[15] = (edited[15] + 1) % 4;
            let changes = |p: f64| AlleleScanner::new(&set, &options(p)).unwrap().changes(&letters, &edited);
            let mut all = changes(1.0);
            all.retain(|it| it.best_p() < threshold);
            prop_assert_eq!(changes(threshold), all);
        }

        #[test]
        fn the_other_strand_changes_alike(seed in 0_u64..200) {
            let set = motifs(20, seed);
            let mut stream = Seed::new(seed).stream("letters", 2);
            let letters: Vec<u8> = (0..40).map(|_| stream.below(4) as u8).collect();
            let mut edited = letters.clone();
            edited[20] = (edited[20] + 2) % 4;
            let scanner = AlleleScanner::new(&set, &options(1.0)).unwrap();
            let turned = |codes: &[u8]| codes.iter().rev().map(|code| 3 - code).collect::<Vec<u8>>();
            let here = scanner.changes(&letters, &edited);
            let there = scanner.changes(&turned(&letters), &turned(&edited));
            prop_assert_eq!(here.len(), there.len());
            for one in here {
                let other = there.iter().find(|it| it.motif == one.motif).unwrap();
                prop_assert!((one.change() - other.change()).abs() < 1e-9);
            }
        }
    }
}
