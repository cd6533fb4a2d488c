use super::packed::Stretch;
use super::word::check_k;
use super::{KmerError, PackedSequences};

/// Windows of `k` known bases, numbered from 0: a set of starts on the line of all records.
///
/// Starts are kept as spans, so that a whole genome takes some bytes a contig; the window of a number is found in
/// constant expected time.
///
/// ```
/// use cistron_encode::kmer::{PackedSequences, WindowSet};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGTNACG");
/// let windows = WindowSet::all(&genome, 3)?;
/// assert_eq!(windows.starts().collect::<Vec<_>>(), [0, 1, 5]);
/// assert_eq!(windows.start(2), Some(5));
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WindowSet {
    k: usize,
    spans: Vec<Span>,
    len: u64,
    /// For each `1 << shift` windows, the span of the first.
    directory: Vec<u32>,
    shift: u32,
}

/// Windows at consecutive starts.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The start of its first window.
    start: u64,
    /// The number of its first window.
    first: u64,
}

impl WindowSet {
    /// Every window of `k` known bases inside one record.
    ///
    /// # Errors
    /// [`KmerError::Option`] if k is not in 1 to 32.
    pub fn all(sequences: &PackedSequences, k: usize) -> Result<Self, KmerError> {
        check_k(k)?;
        Ok(Self::inside(sequences.stretches().iter().copied(), k))
    }

    /// The windows that lie inside one of these stretches, which ascend.
    pub(super) fn inside(stretches: impl Iterator<Item = Stretch>, k: usize) -> Self {
        let width = k as u64;
        let starts = stretches.filter(|it| it.end - it.start >= width);
        Self::from_starts(k, starts.map(|it| Stretch { start: it.start, end: it.end - width + 1 }))
    }

    /// The windows at these starts, given as ascending ranges without an empty one.
    pub(super) fn from_starts(k: usize, ranges: impl Iterator<Item = Stretch>) -> Self {
        let (mut spans, mut len, mut end) = (Vec::new(), 0, None);
        for range in ranges {
            if end != Some(range.start) {
                spans.push(Span { start: range.start, first: len });
            }
            len += range.end - range.start;
            end = Some(range.end);
        }
        // About as many entries as spans, so that few spans share one.
        let shift = (len / (spans.len() as u64 + 1)).max(1).ilog2();
        let mut directory = Vec::with_capacity((len >> shift) as usize + 1);
        let mut span = 0_u32;
        for first in (0..len).step_by(1 << shift) {
            while spans.get(span as usize + 1).is_some_and(|next: &Span| next.first <= first) {
                span += 1;
            }
            directory.push(span);
        }
        Self { k, spans, len, directory, shift }
    }

    /// The bases of a window.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of windows.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The start of window `number`, on the line of all records.
    pub fn start(&self, number: u64) -> Option<u64> {
        if number >= self.len {
            return None;
        }
        let entry = (number >> self.shift) as usize;
        let low = self.directory[entry] as usize;
        let high = self.directory.get(entry + 1).map_or(self.spans.len(), |&span| span as usize + 1);
        let after = self.spans[low..high].partition_point(|span| span.first <= number);
        let span = self.spans[low + after - 1];
        Some(span.start + (number - span.first))
    }

    /// All starts, ascending.
    pub fn starts(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges().flat_map(|range| range.start..range.end)
    }

    /// These sequences with N for every base that no window of this set covers.
    ///
    /// The windows of the result are those of the set and others that its windows cover together: a set of single
    /// windows at random gives back most of what it leaves out.
    #[must_use]
    pub fn masked(&self, sequences: &PackedSequences) -> PackedSequences {
        let mut masked = PackedSequences::default();
        let beyond = self.k as u64 - 1;
        let mut ranges = self.ranges().peekable();
        // Where the bases end that were kept; windows of one base may be a range over two records.
        let mut done = 0;
        for (index, record) in (0..).map_while(|index| Some((index, sequences.record(index)?))) {
            let mut letters = sequences.letters(index).unwrap_or_default();
            done = record.start.max(done);
            while let Some(range) = ranges.next_if(|range| range.start < record.end) {
                if range.start > done {
                    letters[(done - record.start) as usize..(range.start - record.start) as usize].fill(b'N');
                }
                done = done.max(range.end + beyond);
            }
            letters[(done.min(record.end) - record.start) as usize..].fill(b'N');
            masked.push(&letters);
        }
        masked
    }

    /// All starts as ascending ranges.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.spans.iter().enumerate().map(|(index, span)| {
            let last = self.spans.get(index + 1).map_or(self.len, |next| next.first);
            Stretch { start: span.start, end: span.start + (last - span.first) }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbered_windows_are_the_windows_in_order(
            records in prop::collection::vec("[ACGTN]{0,60}", 0..8),
            k in 1_usize..12,
        ) {
            let mut packed = PackedSequences::default();
            let mut expected = Vec::new();
            for record in &records {
                let offset = packed.width();
                packed.push(record.as_bytes());
                let known = (offset..).zip(record.as_bytes().windows(k));
                expected.extend(known.filter(|(_, window)| !window.contains(&b'N')).map(|(start, _)| start));
            }
            let windows = WindowSet::all(&packed, k).unwrap();
            prop_assert_eq!(windows.len(), expected.len() as u64);
            prop_assert_eq!(windows.starts().collect::<Vec<_>>(), expected.clone());
            let numbered: Vec<u64> = (0..windows.len()).map(|number| windows.start(number).unwrap()).collect();
            prop_assert_eq!(numbered, expected);
            prop_assert_eq!(windows.start(windows.len()), None);
        }
    }

    proptest! {
        #[test]
        fn a_mask_keeps_what_windows_cover(
            records in prop::collection::vec("[ACGT]{0,40}", 1..5),
            chosen in prop::collection::vec(any::<bool>(), 200),
            k in 1_usize..6,
        ) {
            let packed = PackedSequences::from_iter(&records);
            let starts: Vec<u64> =
                WindowSet::all(&packed, k).unwrap().starts().filter(|&start| chosen[start as usize]).collect();
            let ranges = starts.iter().map(|&start| Stretch { start, end: start + 1 });
            let masked = WindowSet::from_starts(k, ranges).masked(&packed);
            let mut expected = records.concat().into_bytes();
            for place in 0..expected.len() as u64 {
                if !starts.iter().any(|&start| (start..start + k as u64).contains(&place)) {
                    expected[place as usize] = b'N';
                }
            }
            let found: Vec<u8> = (0..records.len()).flat_map(|index| masked.letters(index).unwrap()).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn neighbouring_ranges_are_one_span() {
        let ranges = [(0, 3), (3, 5), (7, 8)].map(|(start, end)| Stretch { start, end });
        let windows = WindowSet::from_starts(4, ranges.into_iter());
        assert_eq!((windows.spans.len(), windows.len()), (2, 6));
        assert_eq!(windows.ranges().map(|it| (it.start, it.end)).collect::<Vec<_>>(), [(0, 5), (7, 8)]);
    }
}
