//! The filter with AVX2: codes of two letters, one byte shuffle for two columns of 32 windows.
//!
//! Two strands share the loads of the codes; their tables stay in registers over the whole tile.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
};

use super::plan::Lane;

/// The number of strands of a group.
pub(super) const LANES: usize = 2;
/// The number of columns of a block.
pub(super) const COLUMNS: usize = 2;
/// The largest number of blocks: with fewer, very long motifs would let a third of all windows pass.
pub(super) const MOST_BLOCKS: usize = 12;
/// How far beyond the last place the filter reads.
pub(super) const OVERREAD: usize = 32 + COLUMNS * MOST_BLOCKS + 32;

/// Whether the processor can run this filter.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The tables of up to [`LANES`] strands.
pub(super) struct Group {
    blocks: usize,
    /// For each strand, its blocks.
    tables: Vec<[u8; 16]>,
    pub(super) shifts: Vec<usize>,
}

/// The two letters from each place on as four bits, the first letter lowest; `padding` zeros follow.
pub(super) fn encode(codes: &[u8], padding: usize) -> Vec<u8> {
    let mut out = vec![0; codes.len() + padding];
    let mut next = 0;
    for (out, code) in out.iter_mut().zip(codes).rev() {
        *out = (code & 3) | (next << 2);
        next = code & 3;
    }
    out
}

impl Group {
    pub(super) fn new(lanes: &[&Lane], blocks: usize) -> Self {
        // A strand that is not there has the sign bit set in its first block.
        let mut tables = vec![[128; 16]; LANES * blocks];
        let mut shifts = Vec::new();
        for (lane, tables) in lanes.iter().zip(tables.chunks_mut(blocks.max(1))) {
            let shift = lane.region(COLUMNS * blocks);
            for (block, table) in tables.iter_mut().enumerate() {
                lane.block(shift + COLUMNS * block, COLUMNS, u8::from(block == 0), table);
            }
            shifts.push(shift);
        }
        Self { blocks, tables, shifts }
    }

    /// Appends the places from `from` to `to` that pass to the list of each strand.
    pub(super) fn filter(&self, codes: &[u8], from: usize, to: usize, passed: &mut [Vec<u32>]) {
        assert!(is_available(), "the plan chose AVX2 on a processor that has it");
        // SAFETY: the processor has AVX2.
        unsafe {
            match self.blocks {
                2 => self.run::<2>(codes, from, to, passed),
                3 => self.run::<3>(codes, from, to, passed),
                4 => self.run::<4>(codes, from, to, passed),
                5 => self.run::<5>(codes, from, to, passed),
                6 => self.run::<6>(codes, from, to, passed),
                7 => self.run::<7>(codes, from, to, passed),
                8 => self.run::<8>(codes, from, to, passed),
                9 => self.run::<9>(codes, from, to, passed),
                10 => self.run::<10>(codes, from, to, passed),
                11 => self.run::<11>(codes, from, to, passed),
                _ => self.run::<MOST_BLOCKS>(codes, from, to, passed),
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn run<const BLOCKS: usize>(&self, codes: &[u8], from: usize, to: usize, passed: &mut [Vec<u32>]) {
        assert!(self.tables.len() == LANES * BLOCKS && codes.len() >= to + OVERREAD);
        let mut tables = [[_mm256_setzero_si256(); BLOCKS]; LANES];
        for (tables, bytes) in tables.iter_mut().zip(self.tables.chunks_exact(BLOCKS)) {
            for (table, bytes) in tables.iter_mut().zip(bytes) {
                // SAFETY: the array holds the 16 bytes read.
                *table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
            }
        }
        // SAFETY: asked for below `to + COLUMNS * BLOCKS`; 32 bytes more are inside the codes, as asserted.
        let load = |at: usize| unsafe { _mm256_loadu_si256(codes.as_ptr().add(at).cast()) };
        let mut at = from;
        while at < to {
            let near = load(at);
            // Not `array::from_fn`: its code knows nothing of these instructions and would not be inlined.
            let mut sums = [_mm256_setzero_si256(); LANES];
            for (sum, tables) in sums.iter_mut().zip(&tables) {
                *sum = _mm256_shuffle_epi8(tables[0], near);
            }
            for block in 1..BLOCKS {
                let far = load(at + COLUMNS * block);
                for (sum, tables) in sums.iter_mut().zip(&tables) {
                    *sum = _mm256_adds_epu8(*sum, _mm256_shuffle_epi8(tables[block], far));
                }
            }
            if _mm256_movemask_epi8(_mm256_and_si256(sums[0], sums[1])) != -1 {
                for (sum, passed) in sums.iter().zip(passed.iter_mut()) {
                    emit(!_mm256_movemask_epi8(*sum) as u32, at, to, passed);
                }
            }
            at += 32;
        }
    }
}

#[inline]
fn emit(mut clear: u32, at: usize, to: usize, passed: &mut Vec<u32>) {
    while clear != 0 {
        let place = at + clear.trailing_zeros() as usize;
        if place < to {
            passed.push(place as u32);
        }
        clear &= clear - 1;
    }
}
