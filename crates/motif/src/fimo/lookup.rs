//! Filters by table look-ups: codes of a few letters, one look-up for that many columns of as many windows as a
//! register has bytes. What an instruction set adds is the loop itself.

use super::plan::Lane;

/// The largest number of blocks: with fewer, very long motifs would let a third of all windows pass.
const MOST_BLOCKS: usize = 12;

/// An instruction set with a table look-up.
pub(super) trait LookUp {
    /// The bytes of a block of columns, by the code of its letters.
    type Table: AsMut<[u8]> + Clone;
    /// The table of a strand that is not there: it passes nothing.
    const ABSENT: Self::Table;
    /// The number of strands of a group, which share the loads of the codes.
    const LANES: usize;
    /// The number of columns of a block: two bits each index the table.
    const COLUMNS: usize;
    /// The largest number of blocks.
    const MOST_BLOCKS: usize;

    /// Appends the places from `from` to `to` that pass to the list of each strand; `tables` are `BLOCKS` for each.
    fn filter<const BLOCKS: usize>(
        tables: &[Self::Table],
        codes: &[u8],
        from: usize,
        to: usize,
        passed: &mut [Vec<u32>],
    );
}

/// The tables of up to [`LookUp::LANES`] strands.
pub(super) struct Group<L: LookUp> {
    blocks: usize,
    /// For each strand, its blocks.
    tables: Vec<L::Table>,
    pub(super) shifts: Vec<usize>,
}

/// The letters from each place on as bits of a byte, the first letter lowest; `padding` zeros follow.
pub(super) fn encode<L: LookUp>(codes: &[u8], padding: usize) -> Vec<u8> {
    let mut out = vec![0; codes.len() + padding];
    let (mut word, mask) = (0, (1 << (2 * L::COLUMNS)) - 1);
    for (out, code) in out.iter_mut().zip(codes).rev() {
        word = ((word << 2) & mask) | (code & 3);
        *out = word;
    }
    out
}

/// How far beyond the last place a filter with registers of `bytes` reads.
pub(super) const fn overread(columns: usize, bytes: usize) -> usize {
    bytes + columns * MOST_BLOCKS + bytes
}

impl<L: LookUp> Group<L> {
    pub(super) fn new(lanes: &[&Lane], blocks: usize) -> Self {
        let mut tables = vec![L::ABSENT; L::LANES * blocks];
        let mut shifts = Vec::new();
        for (lane, tables) in lanes.iter().zip(tables.chunks_mut(blocks.max(1))) {
            let shift = lane.region(L::COLUMNS * blocks);
            for (block, table) in tables.iter_mut().enumerate() {
                lane.block(shift + L::COLUMNS * block, L::COLUMNS, u8::from(block == 0), table.as_mut());
            }
            shifts.push(shift);
        }
        Self { blocks, tables, shifts }
    }

    /// Appends the places from `from` to `to` that pass to the list of each strand.
    pub(super) fn filter(&self, codes: &[u8], from: usize, to: usize, passed: &mut [Vec<u32>]) {
        let filter = match self.blocks {
            2 => L::filter::<2>,
            3 => L::filter::<3>,
            4 => L::filter::<4>,
            5 => L::filter::<5>,
            6 => L::filter::<6>,
            7 => L::filter::<7>,
            8 => L::filter::<8>,
            9 => L::filter::<9>,
            10 => L::filter::<10>,
            11 => L::filter::<11>,
            _ => L::filter::<MOST_BLOCKS>,
        };
        filter(&self.tables, codes, from, to, passed);
    }
}

/// Appends the places below `to` that a mask of `BITS` bits a place names, of which the lowest counts.
#[inline]
pub(super) fn emit<const BITS: u32>(mut mask: u64, at: usize, to: usize, passed: &mut Vec<u32>) {
    while mask != 0 {
        let place = at + (mask.trailing_zeros() / BITS) as usize;
        if place < to {
            passed.push(place as u32);
        }
        mask &= mask - 1;
    }
}
