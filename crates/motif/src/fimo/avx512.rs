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

use super::plan::Lane;

/// The number of strands of a group.
pub(super) const LANES: usize = 4;
/// The number of columns of a block.
pub(super) const COLUMNS: usize = 3;
/// The largest number of blocks: with fewer, very long motifs would let a third of all windows pass.
pub(super) const MOST_BLOCKS: usize = 9;
/// How far beyond the last place the filter reads.
pub(super) const OVERREAD: usize = 64 + COLUMNS * MOST_BLOCKS + 64;
/// The widest window that one load of 8 bytes holds, whatever its phase.
pub(super) const WIDEST: usize = 29;

/// Whether the processor can run this filter.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
}

/// The tables of up to [`LANES`] strands.
pub(super) struct Group {
    blocks: usize,
    /// For each strand, its blocks.
    tables: Vec<[u8; 64]>,
    pub(super) shifts: Vec<usize>,
}

/// The three letters from each place on as six bits, the first letter lowest; `padding` zeros follow.
pub(super) fn encode(codes: &[u8], padding: usize) -> Vec<u8> {
    let mut out = vec![0; codes.len() + padding];
    let mut word = 0;
    for (out, code) in out.iter_mut().zip(codes).rev() {
        word = ((word << 2) & 0x3f) | (code & 3);
        *out = word;
    }
    out
}

impl Group {
    pub(super) fn new(lanes: &[&Lane], blocks: usize) -> Self {
        // A strand that is not there has the sign bit set in its first block.
        let mut tables = vec![[128; 64]; LANES * blocks];
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
        assert!(is_available(), "the plan chose AVX-512 on a processor that has it");
        // SAFETY: the processor has AVX-512 F, BW and VBMI.
        unsafe {
            match self.blocks {
                2 => self.run::<2>(codes, from, to, passed),
                3 => self.run::<3>(codes, from, to, passed),
                4 => self.run::<4>(codes, from, to, passed),
                5 => self.run::<5>(codes, from, to, passed),
                6 => self.run::<6>(codes, from, to, passed),
                7 => self.run::<7>(codes, from, to, passed),
                8 => self.run::<8>(codes, from, to, passed),
                _ => self.run::<MOST_BLOCKS>(codes, from, to, passed),
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn run<const BLOCKS: usize>(&self, codes: &[u8], from: usize, to: usize, passed: &mut [Vec<u32>]) {
        assert!(self.tables.len() == LANES * BLOCKS && codes.len() >= to + OVERREAD);
        let mut tables = [[_mm512_setzero_si512(); BLOCKS]; LANES];
        for (tables, bytes) in tables.iter_mut().zip(self.tables.chunks_exact(BLOCKS)) {
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
            let all =
                _mm512_and_si512(_mm512_and_si512(sums[0], sums[1]), _mm512_and_si512(sums[2], sums[3]));
            if _mm512_movepi8_mask(all) != u64::MAX {
                for (sum, passed) in sums.iter().zip(passed.iter_mut()) {
                    emit(!_mm512_movepi8_mask(*sum), at, to, passed);
                }
            }
            at += 64;
        }
    }
}

#[inline]
fn emit(mut clear: u64, at: usize, to: usize, passed: &mut Vec<u32>) {
    while clear != 0 {
        let place = at + clear.trailing_zeros() as usize;
        if place < to {
            passed.push(place as u32);
        }
        clear &= clear - 1;
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
