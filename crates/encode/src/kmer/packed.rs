use super::Kmer;
use super::word::mask;

/// DNA sequences at two bits a base: a genome's contigs, or reads.
///
/// Bases lie in two bit planes, records one after another but never joined. Every letter other than A C G T (and U,
/// which is read as T) is kept as part of a run, upper case, so that the letters come back; case is not kept. 10 Mb
/// of bases take 2.6 MB, a record 8 bytes and a run 24.
///
/// ```
/// use cistron_encode::kmer::PackedSequences;
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"acgtNNacg");
/// genome.push(b"TT");
/// assert_eq!((genome.n_records(), genome.width()), (2, 11));
/// assert_eq!(genome.letters(0), Some(b"ACGTNNACG".to_vec()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct PackedSequences {
    low: Vec<u64>,
    high: Vec<u64>,
    width: u64,
    /// Where each record ends.
    ends: Vec<u64>,
    stretches: Vec<Stretch>,
    runs: Vec<LetterRun>,
}

/// Known bases without a break, `start..end` on the line of all records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// One letter that is no base, again and again.
#[derive(Clone, Copy, Debug)]
struct LetterRun {
    start: u64,
    end: u64,
    letter: u8,
}

const WORD: u64 = 64;

impl PackedSequences {
    /// Adds a record of letters in either case.
    pub fn push(&mut self, letters: &[u8]) {
        let end = self.width + letters.len() as u64;
        // One word beyond the last, so that a window may always read two.
        let words = (end / WORD) as usize + 2;
        self.low.resize(words, 0);
        self.high.resize(words, 0);
        let mut in_stretch = false;
        for letter in letters {
            let at = self.width;
            self.width += 1;
            let code = match letter.to_ascii_uppercase() {
                b'A' => 0,
                b'C' => 1,
                b'G' => 2,
                b'T' | b'U' => 3,
                other => {
                    self.add_to_runs(at, other, in_stretch);
                    in_stretch = false;
                    continue;
                }
            };
            let (word, bit) = ((at / WORD) as usize, at % WORD);
            self.low[word] |= (code & 1) << bit;
            self.high[word] |= (code >> 1) << bit;
            match self.stretches.last_mut().filter(|_| in_stretch) {
                Some(stretch) => stretch.end = at + 1,
                None => self.stretches.push(Stretch { start: at, end: at + 1 }),
            }
            in_stretch = true;
        }
        self.ends.push(end);
    }

    fn add_to_runs(&mut self, at: u64, letter: u8, after_base: bool) {
        let starts_record = self.ends.last().copied().unwrap_or(0) == at;
        match self.runs.last_mut() {
            Some(run) if !after_base && !starts_record && run.end == at && run.letter == letter => {
                run.end = at + 1;
            }
            _ => self.runs.push(LetterRun { start: at, end: at + 1, letter }),
        }
    }

    /// The number of records.
    pub fn n_records(&self) -> usize {
        self.ends.len()
    }

    /// The number of letters of all records.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// The place of a record on the line of all records, 0-based and half-open.
    pub fn record(&self, index: usize) -> Option<std::ops::Range<u64>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start..end)
    }

    /// The record that holds a place on the line of all records, and the place inside it.
    pub fn locate(&self, place: u64) -> Option<(usize, u64)> {
        let index = self.ends.partition_point(|&end| end <= place);
        self.record(index).map(|record| (index, place - record.start))
    }

    /// The letters of a record, upper case.
    pub fn letters(&self, index: usize) -> Option<Vec<u8>> {
        let record = self.record(index)?;
        let mut letters: Vec<u8> = record.clone().map(|at| self.base_letter(at)).collect();
        let first = self.runs.partition_point(|run| run.end <= record.start);
        for run in self.runs[first..].iter().take_while(|run| run.start < record.end) {
            let place = |at: u64| (at - record.start) as usize;
            letters[place(run.start)..place(run.end)].fill(run.letter);
        }
        Some(letters)
    }

    fn base_letter(&self, at: u64) -> u8 {
        b"ACGT"[usize::from(self.window(at, 1).base(0))]
    }

    /// The `k` bases from `start` on; whatever is no base, or lies beyond the end, reads as A.
    pub(super) fn window(&self, start: u64, k: usize) -> Kmer {
        let cut = |plane: &[u64]| bits_at(plane, start) as u32 & mask(k);
        Kmer::from_planes(cut(&self.low), cut(&self.high))
    }

    /// The stretches of known bases in order.
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The low and the high plane; both have a word more than they need.
    pub(super) fn planes(&self) -> (&[u64], &[u64]) {
        (&self.low, &self.high)
    }
}

/// Records of letters in order.
impl<T: AsRef<[u8]>> FromIterator<T> for PackedSequences {
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        let mut packed = Self::default();
        for record in records {
            packed.push(record.as_ref());
        }
        packed
    }
}

/// The 64 bits of a plane from `start` on, 0 beyond its end.
#[inline]
pub(super) fn bits_at(plane: &[u64], start: u64) -> u64 {
    let (word, bit) = ((start / WORD) as usize, start % WORD);
    match plane.get(word..word + 2) {
        Some(words) => words[0] >> bit | (words[1] << 1) << (WORD - 1 - bit),
        None => plane.get(word).map_or(0, |last| last >> bit),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn letters_come_back(records in prop::collection::vec("[ACGTNRacgtn-]{0,150}", 0..6)) {
            let packed = PackedSequences::from_iter(&records);
            prop_assert_eq!(packed.n_records(), records.len());
            for (index, record) in records.iter().enumerate() {
                prop_assert_eq!(packed.letters(index), Some(record.to_ascii_uppercase().into_bytes()));
            }
            prop_assert_eq!(packed.letters(records.len()), None);
        }

        #[test]
        fn stretches_are_the_runs_of_bases(records in prop::collection::vec("[ACGTN]{0,40}", 0..5)) {
            let mut packed = PackedSequences::default();
            let mut expected = Vec::new();
            let mut offset = 0;
            for record in &records {
                packed.push(record.as_bytes());
                for part in record.split('N').filter(|part| !part.is_empty()) {
                    let start = offset + (part.as_ptr() as usize - record.as_ptr() as usize) as u64;
                    expected.push(Stretch { start, end: start + part.len() as u64 });
                }
                offset += record.len() as u64;
            }
            prop_assert_eq!(packed.stretches(), expected);
        }

        #[test]
        fn windows_are_the_bases(letters in "[ACGT]{32,200}", k in 1_usize..=32) {
            let mut packed = PackedSequences::default();
            packed.push(b"ACG");
            packed.push(letters.as_bytes());
            for (start, window) in (3..).zip(letters.as_bytes().windows(k)) {
                let mut codes = vec![0; k];
                packed.window(start, k).write_codes(&mut codes);
                let found: Vec<u8> = codes.iter().map(|&code| b"ACGT"[usize::from(code)]).collect();
                prop_assert_eq!(found, window);
            }
        }
    }

    #[test]
    fn places_are_found_in_their_record() {
        let mut packed = PackedSequences::default();
        for record in ["ACG", "", "TT"] {
            packed.push(record.as_bytes());
        }
        let found: Vec<_> = (0..6).map(|place| packed.locate(place)).collect();
        assert_eq!(found, [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((2, 0)), Some((2, 1)), None]);
    }

    #[test]
    fn equal_letters_of_two_records_are_two_runs() {
        let mut packed = PackedSequences::default();
        packed.push(b"AN");
        packed.push(b"NA");
        assert_eq!((packed.letters(0), packed.letters(1)), (Some(b"AN".to_vec()), Some(b"NA".to_vec())));
        assert_eq!(packed.runs.len(), 2);
    }
}
