//! The best alignment of a batch of queries with every target strand.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::instructions::Kernel;
use super::targets::TomtomTargets;
use super::{OffsetTies, TomtomOptions};

/// Queries aligned side by side.
pub(super) const LANES: usize = 16;

/// A number for each query of a batch.
pub(super) type Lanes<T> = [T; LANES];

/// An integer wide enough for every score and offset of a batch.
pub(super) trait Count:
    Copy + Ord + From<u8> + std::ops::AddAssign + std::ops::Sub<Output = Self> + std::ops::Mul<Output = Self>
{
    /// Less than every score; one less is still a number.
    const LEAST: Self;
    const ZERO: Self;
    fn new(value: i32) -> Self;
    fn get(self) -> i32;
}

impl Count for i16 {
    const LEAST: Self = Self::MIN + 1;
    const ZERO: Self = 0;
    #[inline(always)]
    fn new(value: i32) -> Self {
        value as Self
    }
    fn get(self) -> i32 {
        i32::from(self)
    }
}

impl Count for i32 {
    const LEAST: Self = Self::MIN + 1;
    const ZERO: Self = 0;
    #[inline(always)]
    fn new(value: i32) -> Self {
        value
    }
    fn get(self) -> i32 {
        self
    }
}

/// Whether scores of queries of at most `width` and offsets on targets of at most `target` fit in 16 bits.
pub(super) fn fits_16_bits(width: usize, target: usize) -> bool {
    let most = i16::MAX as usize;
    width * usize::from(u8::MAX) <= most && width + target <= most
}

/// A batch of queries whose widths differ little.
///
/// Queries narrower than the batch are padded on the right with positions whose integer score is the query's
/// `offset`, as that of a position beside the target.
#[derive(Clone, Debug)]
pub(super) struct Batch<'a> {
    /// The width of the widest query.
    pub(super) width: usize,
    pub(super) widths: Lanes<usize>,
    /// The integer score of a query position beside the target.
    pub(super) offsets: Lanes<u8>,
    /// Integer scores: distinct columns, query positions, queries.
    pub(super) scores: &'a [Lanes<u8>],
}

/// The best alignments with one target strand: scores above those of the positions beside, and offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best<T, const N: usize> {
    pub(super) scores: [T; N],
    pub(super) offsets: [T; N],
}

impl<T: Count, const N: usize> Best<T, N> {
    #[inline(always)]
    fn new() -> Self {
        Self { scores: [T::LEAST; N], offsets: [T::ZERO; N] }
    }
}

/// The best alignments so far, and what settles equal scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rivals<T, const N: usize> {
    best: Best<T, N>,
    /// What the overlap of a later alignment with the same score must exceed.
    overlaps: [T; N],
}

impl<T: Count, const N: usize> Rivals<T, N> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { best: Best::new(), overlaps: [T::LEAST; N] }
    }

    /// Takes the next alignment where its score is higher, or as high and the rule prefers it to the one before.
    #[inline(always)]
    pub(super) fn offer(&mut self, scores: &[T; N], (offset, overlaps): (T, [T; N]), ties: OffsetTies) {
        let rivals = if ties == OffsetTies::Peer { [offset; N] } else { overlaps };
        let Self { best, overlaps: exceeded } = self;
        // Steps for all lanes at once.
        let mut limits = best.scores;
        for lane in 0..N {
            limits[lane] = limits[lane] - T::from(u8::from(overlaps[lane] > exceeded[lane]));
        }
        for lane in 0..N {
            best.offsets[lane] = if scores[lane] > limits[lane] { offset } else { best.offsets[lane] };
        }
        for lane in 0..N {
            exceeded[lane] = if scores[lane] > limits[lane] { rivals[lane] } else { exceeded[lane] };
        }
        for (best, score) in best.scores.iter_mut().zip(scores) {
            *best = (*best).max(*score);
        }
    }

    #[inline(always)]
    pub(super) fn best(self) -> Best<T, N> {
        self.best
    }
}

/// Aligns a batch with every target strand, in their order.
pub(super) struct Align<'a, T> {
    pub(super) targets: &'a TomtomTargets,
    pub(super) batch: &'a Batch<'a>,
    pub(super) best: &'a mut Vec<Best<T, LANES>>,
}

impl<T: Count> Kernel for Align<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { targets, batch, best } = self;
        let longest = targets.widths.last().copied().unwrap_or(0);
        let mut sums = vec![[T::ZERO; LANES]; longest + batch.width];
        best.clear();
        for strand in 0..targets.starts.len() - 1 {
            best.push(align_one::<T>(&targets.options, targets.strand(strand), batch, &mut sums));
        }
    }
}

#[inline(always)]
fn align_one<T: Count>(
    options: &TomtomOptions,
    columns: &[u32],
    batch: &Batch<'_>,
    sums: &mut [Lanes<T>],
) -> Best<T, LANES> {
    let (width, length) = (batch.width, columns.len());
    let sums = &mut sums[..width + length - 1];
    sums.fill([T::ZERO; LANES]);
    // `sums[i]` is for the query's last position on target position `i`.
    for (at, column) in columns.iter().enumerate() {
        let rows = &batch.scores[*column as usize * width..][..width];
        for (row, sum) in rows.iter().rev().zip(&mut sums[at..at + width]) {
            // Copies, which do not overlap, are added all at once.
            let mut lanes = *sum;
            for lane in 0..LANES {
                lanes[lane] += T::from(row[lane]);
            }
            *sum = lanes;
        }
    }
    let (width, length) = (width as i32, length as i32);
    let ends: Lanes<T> = batch.widths.map(|w| T::new(w as i32));
    let needed: Lanes<T> = batch.widths.map(|w| T::new(options.min_overlap.min(w).min(columns.len()) as i32));
    let beside: Lanes<T> = batch.offsets.map(T::from);
    let overlaps = |offset: i32| {
        let (offset, from) = (T::new(offset), T::new(offset.max(0)));
        ends.map(|mut end| {
            end += offset;
            end.min(T::new(length)) - from
        })
    };
    let mut rivals = Rivals::new();
    for (offset, sums) in (1 - width..length).zip(sums.iter()) {
        let aligned = T::new((offset + width).min(length) - offset.max(0));
        let overlaps = overlaps(offset);
        let mut scores = [T::LEAST; LANES];
        for lane in 0..LANES {
            let score = sums[lane] - aligned * beside[lane];
            scores[lane] = if overlaps[lane] >= needed[lane] { score } else { T::LEAST };
        }
        rivals.offer(&scores, (T::new(offset), overlaps), options.offset_ties);
    }
    rivals.best()
}
