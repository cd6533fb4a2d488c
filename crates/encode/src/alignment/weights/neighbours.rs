//! How many other rows agree with each row in enough letters.

use ndarray::ArrayView2;

use crate::alignment::FamilyError;
use crate::alignment::instructions::Instructions;

/// Letters compared at a time; rows are padded to a multiple.
pub(in crate::alignment) const LANES: usize = 64;
/// Rows of the outer and of the inner loop whose letters stay in the fast caches.
const OUTER: usize = 32;
const INNER: usize = 512;
/// What is no letter, on either side of a comparison: never equal.
const LEFT: u8 = 254;
const RIGHT: u8 = 255;

/// Rows of letters, each padded, for either side of a comparison.
pub(super) struct Rows {
    left: Vec<u8>,
    right: Vec<u8>,
    width: usize,
    n: usize,
}

impl Rows {
    /// Codes `(N, L)`; a code that is `blank` agrees with nothing.
    pub(super) fn new(codes: ArrayView2<'_, u8>, blank: Option<u8>) -> Result<Self, FamilyError> {
        let (n, letters) = codes.dim();
        // A lane counts up to 255 blocks.
        if letters > 255 * LANES {
            let problem = format!("alignment has {letters} columns, expected at most {}", 255 * LANES);
            return Err(FamilyError::data(problem));
        }
        let width = letters.next_multiple_of(LANES);
        let side = |filler: u8| {
            let mut side = Vec::with_capacity(n * width);
            for row in codes.rows() {
                side.extend(row.iter().map(|&code| if Some(code) == blank { filler } else { code }));
                side.resize(side.len().next_multiple_of(LANES), filler);
            }
            side
        };
        Ok(Self { left: side(LEFT), right: side(RIGHT), width, n })
    }

    fn left(&self, row: usize) -> &[u8] {
        self.left.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    fn right(&self, rows: std::ops::Range<usize>) -> &[u8] {
        self.right.get(rows.start * self.width..rows.end * self.width).unwrap_or_default()
    }
}

/// For each row, the number of other rows that agree with it in at least `least[row]` letters.
pub(super) fn neighbours(rows: &Rows, least: &[u16]) -> Vec<u32> {
    neighbours_with(Instructions::detect(), rows, least)
}

#[cfg(feature = "parallel")]
pub(super) fn neighbours_with(instructions: Instructions, rows: &Rows, least: &[u16]) -> Vec<u32> {
    use rayon::prelude::*;

    let blocks = rows.n.div_ceil(OUTER);
    let none = || vec![0; rows.n];
    let add = |mut counts: Vec<u32>, block| {
        add_block(instructions, rows, least, block, &mut counts);
        counts
    };
    // Sums of integers: no order changes them.
    (0..blocks).into_par_iter().fold(none, add).reduce(none, |mut a, b| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    })
}

#[cfg(not(feature = "parallel"))]
pub(super) fn neighbours_with(instructions: Instructions, rows: &Rows, least: &[u16]) -> Vec<u32> {
    let mut counts = vec![0; rows.n];
    for block in 0..rows.n.div_ceil(OUTER) {
        add_block(instructions, rows, least, block, &mut counts);
    }
    counts
}

/// Compares the rows of a block with themselves and all later ones.
fn add_block(instructions: Instructions, rows: &Rows, least: &[u16], block: usize, counts: &mut [u32]) {
    let outer = block * OUTER..((block + 1) * OUTER).min(rows.n);
    let mut matches = [0; INNER];
    for start in (outer.start..rows.n).step_by(INNER) {
        let end = (start + INNER).min(rows.n);
        for row in outer.clone() {
            let inner = start.max(row + 1)..end;
            let Some(matches) = matches.get_mut(..inner.len()).filter(|matches| !matches.is_empty()) else {
                continue;
            };
            instructions.count(rows.left(row), rows.right(inner.clone()), matches);
            let Some(&own) = least.get(row) else { continue };
            let others = counts.iter_mut().zip(least).skip(inner.start);
            let mut near = 0;
            for (&matches, (count, &least)) in matches.iter().zip(others) {
                near += u32::from(matches >= own);
                *count += u32::from(matches >= least);
            }
            if let Some(count) = counts.get_mut(row) {
                *count += near;
            }
        }
    }
}

/// The one loop, compiled anew for each instruction set that calls it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is compiled anew for each instruction set that calls it")]
pub(in crate::alignment) fn count(row: &[u8], rows: &[u8], matches: &mut [u16]) {
    for (other, matches) in rows.chunks_exact(row.len()).zip(matches) {
        let mut lanes = [0_u8; LANES];
        for (a, b) in row.as_chunks::<LANES>().0.iter().zip(other.as_chunks::<LANES>().0) {
            for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane += u8::from(a == b);
            }
        }
        *matches = lanes.iter().map(|&lane| u16::from(lane)).sum();
    }
}
