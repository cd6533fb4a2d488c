//! The filter with AVX2: codes of two letters, one byte shuffle for two columns of 32 windows.
//!
//! Two strands share the loads of the codes; their tables stay in registers over the whole tile.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
};

use super::lookup::{LookUp, emit, overread};

const LANES: usize = 2;
const COLUMNS: usize = 2;
const OVERREAD: usize = overread(COLUMNS, 32);

/// Whether the processor can run this filter.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The look-up of this instruction set.
pub(super) struct Avx2;

impl LookUp for Avx2 {
    type Table = [u8; 16];
    const ABSENT: Self::Table = [128; 16];
    const LANES: usize = LANES;
    const COLUMNS: usize = COLUMNS;
    const MOST_BLOCKS: usize = 12;

    fn filter<const BLOCKS: usize>(
        tables: &[Self::Table],
        codes: &[u8],
        from: usize,
        to: usize,
        passed: &mut [Vec<u32>],
    ) {
        assert!(is_available(), "the plan chose AVX2 on a processor that has it");
        // SAFETY: the processor has AVX2.
        unsafe { run::<BLOCKS>(tables, codes, from, to, passed) }
    }
}

#[target_feature(enable = "avx2")]
fn run<const BLOCKS: usize>(
    blocks: &[[u8; 16]],
    codes: &[u8],
    from: usize,
    to: usize,
    passed: &mut [Vec<u32>],
) {
    assert!(blocks.len() == LANES * BLOCKS && codes.len() >= to + OVERREAD);
    let mut tables = [[_mm256_setzero_si256(); BLOCKS]; LANES];
    for (tables, bytes) in tables.iter_mut().zip(blocks.chunks_exact(BLOCKS)) {
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
                emit::<1>((!_mm256_movemask_epi8(*sum) as u32).into(), at, to, passed);
            }
        }
        at += 32;
    }
}
