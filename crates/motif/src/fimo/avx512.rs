//! The filter with AVX-512 VBMI: codes of three letters, one byte permutation for three columns of 64 windows; and
//! the exact scores of eight windows at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    _CMP_GT_OQ, _mm256_and_si256, _mm256_loadu_pd, _mm256_maskz_loadu_epi32, _mm256_set1_epi32,
    _mm256_srli_epi32, _mm512_add_pd, _mm512_adds_epu8, _mm512_and_si512, _mm512_broadcast_f64x4,
    _mm512_cmp_pd_mask, _mm512_cvtepu32_epi64, _mm512_i32gather_epi64, _mm512_loadu_si512,
    _mm512_movepi8_mask, _mm512_permutexvar_epi8, _mm512_permutexvar_pd, _mm512_set1_pd, _mm512_setzero_pd,
    _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_storeu_pd,
};

use super::lookup::{LookUp, emit, overread};
use super::plan::Lane;

const LANES: usize = 4;
const COLUMNS: usize = 3;
const OVERREAD: usize = overread(COLUMNS, 64);
/// The widest window that one load of 8 bytes holds, whatever its phase.
pub(super) const WIDEST: usize = 29;

/// Whether the processor can run this filter.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
}

/// The look-up of this instruction set.
pub(super) struct Avx512;

impl LookUp for Avx512 {
    type Table = [u8; 64];
    const ABSENT: Self::Table = [128; 64];
    const LANES: usize = LANES;
    const COLUMNS: usize = COLUMNS;
    const MOST_BLOCKS: usize = 9;

    fn filter<const BLOCKS: usize>(
        tables: &[Self::Table],
        codes: &[u8],
        from: usize,
        to: usize,
        passed: &mut [Vec<u32>],
    ) {
        assert!(is_available(), "the plan chose AVX-512 on a processor that has it");
        // SAFETY: the processor has AVX-512 F, BW and VBMI.
        unsafe { run::<BLOCKS>(tables, codes, from, to, passed) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn run<const BLOCKS: usize>(
    blocks: &[[u8; 64]],
    codes: &[u8],
    from: usize,
    to: usize,
    passed: &mut [Vec<u32>],
) {
    assert!(blocks.len() == LANES * BLOCKS && codes.len() >= to + OVERREAD);
    let mut tables = [[_mm512_setzero_si512(); BLOCKS]; LANES];
    for (tables, bytes) in tables.iter_mut().zip(blocks.chunks_exact(BLOCKS)) {
        for (table, bytes) in tables.iter_mut().zip(bytes) {
            // SAFETY: the array holds the 64 bytes read.
            *table = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        }
    }
    // SAFETY: asked for below `to + COLUMNS * BLOCKS`; 64 bytes more are inside the codes, as asserted.
    let load = |at: usize| unsafe { _mm512_loadu_si512(codes.as_ptr().add(at).cast()) };
    let mut at = from;
    while at < to {
        let near = load(at);
        // Not `array::from_fn`: its code knows nothing of these instructions and would not be inlined.
        let mut sums = [_mm512_setzero_si512(); LANES];
        for (sum, tables) in sums.iter_mut().zip(&tables) {
            *sum = _mm512_permutexvar_epi8(near, tables[0]);
        }
        for block in 1..BLOCKS {
            let far = load(at + COLUMNS * block);
            for (sum, tables) in sums.iter_mut().zip(&tables) {
                *sum = _mm512_adds_epu8(*sum, _mm512_permutexvar_epi8(far, tables[block]));
            }
        }
        let all = _mm512_and_si512(_mm512_and_si512(sums[0], sums[1]), _mm512_and_si512(sums[2], sums[3]));
        if _mm512_movepi8_mask(all) != u64::MAX {
            for (sum, passed) in sums.iter().zip(passed.iter_mut()) {
                emit::<1>(!_mm512_movepi8_mask(*sum), at, to, passed);
            }
        }
        at += 64;
    }
}

/// As `rescore::windows`, for a lane of at most [`WIDEST`] columns of four letters.
pub(super) fn rescore(lane: &Lane, packed: &[u8], starts: &[u32], out: &mut Vec<(u32, f64)>) {
    assert!(is_available(), "the plan chose AVX-512 on a processor that has it");
    assert!(lane.width <= WIDEST && lane.weights.len() == 4 * lane.width);
    let inside = |start: &u32| *start as usize / 4 + 8 <= packed.len() && i32::try_from(*start).is_ok();
    assert!(starts.iter().all(inside), "the packed letters have slack behind every window");
    // SAFETY: the processor has AVX-512 F, VL and BW; every gather is inside `packed`, as asserted.
    unsafe { rescore_eight(lane, packed, starts, out) }
}

/// The four weights of a column stand twice in a register, and the permutation picks by the low three bits of the
/// shifted window, so the third bit, of the next letter, does no harm.
///
/// # Safety
/// Eight bytes from each start's byte on are inside `packed`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn rescore_eight(lane: &Lane, packed: &[u8], starts: &[u32], out: &mut Vec<(u32, f64)>) {
    let threshold = _mm512_set1_pd(lane.threshold);
    for eight in starts.chunks(8) {
        let live = u8::MAX >> (8 - eight.len());
        // SAFETY: the mask covers the starts of this chunk alone.
        let places = unsafe { _mm256_maskz_loadu_epi32(live, eight.as_ptr().cast()) };
        let bytes = _mm256_srli_epi32::<2>(places);
        // SAFETY: the caller's promise; places that the mask leaves out read the first eight bytes.
        let words = unsafe { _mm512_i32gather_epi64::<1>(bytes, packed.as_ptr().cast()) };
        let phase = _mm512_cvtepu32_epi64(_mm256_and_si256(places, _mm256_set1_epi32(3)));
        let mut words = _mm512_srlv_epi64(words, _mm512_slli_epi64::<1>(phase));
        let mut sums = _mm512_setzero_pd();
        for weights in lane.weights.as_chunks::<4>().0 {
            // SAFETY: the chunk holds the four numbers read.
            let column = _mm512_broadcast_f64x4(unsafe { _mm256_loadu_pd(weights.as_ptr()) });
            sums = _mm512_add_pd(sums, _mm512_permutexvar_pd(words, column));
            words = _mm512_srli_epi64::<2>(words);
        }
        let mut hits = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(sums, threshold) & live;
        if hits != 0 {
            let mut scores = [0.0_f64; 8];
            // SAFETY: the array holds the eight numbers written.
            unsafe { _mm512_storeu_pd(scores.as_mut_ptr(), sums) };
            while hits != 0 {
                let lane = hits.trailing_zeros() as usize;
                out.push((eight[lane], scores[lane]));
                hits &= hits - 1;
            }
        }
    }
}
