//! The filter with NEON, which every 64-bit ARM processor has: codes of two letters, one table look-up for two columns
//! of 16 windows.
#![allow(unsafe_code)]

use std::arch::aarch64::{
    vandq_u8, vdupq_n_u8, vget_lane_u64, vld1q_u8, vminvq_u8, vmvnq_u8, vqaddq_u8, vqtbl1q_u8,
    vreinterpret_u64_u8, vreinterpretq_s8_u8, vreinterpretq_u8_s8, vreinterpretq_u16_u8, vshrn_n_u16,
    vshrq_n_s8,
};

use super::lookup::{LookUp, emit, overread};

const LANES: usize = 4;
const COLUMNS: usize = 2;
const OVERREAD: usize = overread(COLUMNS, 16);

/// The look-up of this instruction set.
pub(super) struct Neon;

impl LookUp for Neon {
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
        // SAFETY: every processor of this architecture has NEON.
        unsafe { run::<BLOCKS>(tables, codes, from, to, passed) }
    }
}

#[target_feature(enable = "neon")]
fn run<const BLOCKS: usize>(
    blocks: &[[u8; 16]],
    codes: &[u8],
    from: usize,
    to: usize,
    passed: &mut [Vec<u32>],
) {
    assert!(blocks.len() == LANES * BLOCKS && codes.len() >= to + OVERREAD);
    let mut tables = [[vdupq_n_u8(0); BLOCKS]; LANES];
    for (tables, bytes) in tables.iter_mut().zip(blocks.chunks_exact(BLOCKS)) {
        for (table, bytes) in tables.iter_mut().zip(bytes) {
            // SAFETY: the array holds the 16 bytes read.
            *table = unsafe { vld1q_u8(bytes.as_ptr()) };
        }
    }
    // SAFETY: asked for below `to + COLUMNS * BLOCKS`; 16 bytes more are inside the codes, as asserted.
    let load = |at: usize| unsafe { vld1q_u8(codes.as_ptr().add(at)) };
    let mut at = from;
    while at < to {
        let near = load(at);
        let mut sums = [vdupq_n_u8(0); LANES];
        for (sum, tables) in sums.iter_mut().zip(&tables) {
            *sum = vqtbl1q_u8(tables[0], near);
        }
        for block in 1..BLOCKS {
            let far = load(at + COLUMNS * block);
            for (sum, tables) in sums.iter_mut().zip(&tables) {
                *sum = vqaddq_u8(*sum, vqtbl1q_u8(tables[block], far));
            }
        }
        let all = vandq_u8(vandq_u8(sums[0], sums[1]), vandq_u8(sums[2], sums[3]));
        if vminvq_u8(all) < 128 {
            for (sum, passed) in sums.iter().zip(passed.iter_mut()) {
                // The sign of each byte fills it; four bits of each are left.
                let signs = vreinterpretq_u8_s8(vshrq_n_s8::<7>(vreinterpretq_s8_u8(*sum)));
                let clear = vshrn_n_u16::<4>(vreinterpretq_u16_u8(vmvnq_u8(signs)));
                let clear = vget_lane_u64::<0>(vreinterpret_u64_u8(clear));
                emit::<4>(clear & 0x1111_1111_1111_1111, at, to, passed);
            }
        }
        at += 16;
    }
}
