use super::lane::{Lane, polynomial};

/// Counters of a block, and the normal numbers that come of them.
const COUNTERS: usize = 16;
const BLOCK: usize = 4 * COUNTERS;

/// sin(πy)/y as a polynomial of y², for y from -½ to ½; coefficients from the highest power.
const SINE: [f32; 6] =
    [-7.370_43e-3, 8.214_589e-2, -0.599_264_5, 2.550_164, -5.167_713, std::f32::consts::PI];

/// Philox4x32 with 10 rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405) of the counters
/// (`first`…, `words`). Words lie in the low halves of 64 bits, so that a round needs no shuffles.
#[inline(always)]
fn philox(key: [u32; 2], first: u32, words: [u32; 3]) -> [[u32; COUNTERS]; 4] {
    let mut a = [0_u64; COUNTERS];
    for (i, a) in a.iter_mut().enumerate() {
        *a = u64::from(first.wrapping_add(i as u32));
    }
    let [mut b, mut c, mut d] = words.map(|word| [u64::from(word); COUNTERS]);
    let [mut low, mut high] = key;
    for _ in 0..10 {
        for i in 0..COUNTERS {
            let p = 0xD251_1F53 * (a[i] & 0xffff_ffff);
            let q = 0xCD9E_8D57 * (c[i] & 0xffff_ffff);
            a[i] = (q >> 32) ^ b[i] ^ u64::from(low);
            c[i] = (p >> 32) ^ d[i] ^ u64::from(high);
            b[i] = q;
            d[i] = p;
        }
        low = low.wrapping_add(0x9E37_79B9);
        high = high.wrapping_add(0xBB67_AE85);
    }
    let mut bits = [[0; COUNTERS]; 4];
    for i in 0..COUNTERS {
        bits[0][i] = a[i] as u32;
    }
    for i in 0..COUNTERS {
        bits[1][i] = b[i] as u32;
    }
    for i in 0..COUNTERS {
        bits[2][i] = c[i] as u32;
    }
    for i in 0..COUNTERS {
        bits[3][i] = d[i] as u32;
    }
    bits
}

#[inline(always)]
fn sine<const FUSED: bool>(y: f32) -> f32 {
    polynomial::<FUSED, 6>(y * y, SINE) * y
}

#[inline(always)]
fn block<const FUSED: bool>(key: [u32; 2], first: u32, words: [u32; 3]) -> [f32; BLOCK] {
    let bits = philox(key, first, words);
    let mut out = [0.0; BLOCK];
    for half in 0..2 {
        for i in 0..COUNTERS {
            // Above 0 and below 1; and an angle, in half turns, from -1 to below 1.
            let share = (bits[2 * half][i] >> 8) as i32 as f32;
            let share = f32::fma::<FUSED>(share, 1.0 / 16_777_216.0, 0.5 / 16_777_216.0);
            let angle = ((bits[2 * half + 1][i] as i32) >> 8) as f32 * (1.0 / 8_388_608.0);
            let radius = f32::root(-2.0 * f32::ln_of::<FUSED>(share));
            let size = angle.abs();
            let sin = sine::<FUSED>((0.5 - (size - 0.5).abs()).copysign(angle));
            let cos = sine::<FUSED>(0.5 - size);
            out[32 * half + i] = radius * sin;
            out[32 * half + COUNTERS + i] = radius * cos;
        }
    }
    out
}

#[inline(always)]
fn normals_body<T: Lane, const FUSED: bool, const N: usize>(key: [u32; 2], words: [u32; 3], out: &mut [T]) {
    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
        let numbers = block::<FUSED>(key, (i * COUNTERS) as u32, words);
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = T::of_single(number);
        }
    }
}

super::kernel!(
    /// Standard normal numbers by Box and Muller's transformation of Philox's bits; they depend on the key, the words
    /// and their place alone.
    normals = normals_body(key: [u32; 2], words: [u32; 3], out: &mut [T])
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers() {
        // Random123's kat_vectors, philox4x32 with 10 rounds.
        let first = |key, counter: [u32; 4]| {
            philox(key, counter[0], [counter[1], counter[2], counter[3]]).map(|word| word[0])
        };
        assert_eq!(first([0; 2], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(first([u32::MAX; 2], [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let (key, counter) =
            ([0xa409_3822, 0x299f_31d0], [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]);
        assert_eq!(first(key, counter), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }
}
