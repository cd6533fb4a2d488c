//! The best alignment of a batch of queries with every target strand.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

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
    const LEAST: Self;
    const ZERO: Self;
    fn new(value: i32) -> Self;
    fn get(self) -> i32;
}

impl Count for i16 {
    const LEAST: Self = Self::MIN;
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
    const LEAST: Self = Self::MIN;
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

/// The best alignments of a batch with one target strand: scores above `offset · width`, and offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best<T> {
    pub(super) scores: Lanes<T>,
    pub(super) offsets: Lanes<T>,
}

/// Aligns a batch with every target strand, in their order.
#[inline(always)]
pub(super) fn align<T: Count>(targets: &TomtomTargets, batch: &Batch<'_>, best: &mut Vec<Best<T>>) {
    best.clear();
    for strand in 0..targets.starts.len() - 1 {
        let columns = targets.strand(strand);
        best.push(match targets.options.offset_ties {
            OffsetTies::Peer => align_one::<T, true>(&targets.options, columns, batch),
            OffsetTies::LongestOverlap => align_one::<T, false>(&targets.options, columns, batch),
        });
    }
}

#[inline(always)]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "conditions without branches are computed for all lanes at once"
)]
fn align_one<T: Count, const PEER: bool>(
    options: &TomtomOptions,
    columns: &[u32],
    batch: &Batch<'_>,
) -> Best<T> {
    let (width, length) = (batch.width as i32, columns.len() as i32);
    let ends: Lanes<T> = batch.widths.map(|w| T::new(w as i32));
    let needed: Lanes<T> = batch.widths.map(|w| T::new(options.min_overlap.min(w).min(columns.len()) as i32));
    let beside: Lanes<T> = batch.offsets.map(T::from);
    let mut best = Best { scores: [T::LEAST; LANES], offsets: [T::ZERO; LANES] };
    let mut rivals = [T::LEAST; LANES];
    for offset in 1 - width..length {
        let (from, to) = (offset.max(0), (offset + width).min(length));
        let mut sums = [T::ZERO; LANES];
        for (position, column) in (from - offset..).zip(&columns[from as usize..to as usize]) {
            let row = &batch.scores[*column as usize * batch.width + position as usize];
            for lane in 0..LANES {
                sums[lane] += T::from(row[lane]);
            }
        }
        let (aligned, from, at, length) = (T::new(to - from), T::new(from), T::new(offset), T::new(length));
        for lane in 0..LANES {
            let score = sums[lane] - aligned * beside[lane];
            let mut end = at;
            end += ends[lane];
            let overlap = (if end < length { end } else { length }) - from;
            let better =
                (score > best.scores[lane]) | ((score == best.scores[lane]) & (overlap > rivals[lane]));
            let take = better & (overlap >= needed[lane]);
            best.scores[lane] = if take { score } else { best.scores[lane] };
            best.offsets[lane] = if take { at } else { best.offsets[lane] };
            let rival = if PEER { at } else { overlap };
            rivals[lane] = if take { rival } else { rivals[lane] };
        }
    }
    best
}
