//! The filter of every processor: 8 strands packed in one u64, a byte each.
//!
//! Two tables over five letters cover ten columns, so that a window of 8 strands costs two loads and an addition. No
//! carry crosses a byte, since a block is at most 127, and 128 with the bias.

use super::plan::Lane;

/// The number of strands of a group.
pub(super) const LANES: usize = 8;

const COLUMNS: usize = 5;
const ENTRIES: usize = 1 << (2 * COLUMNS);
const SIGNS: u64 = 0x8080_8080_8080_8080;

/// The tables of up to [`LANES`] strands.
pub(super) struct Group {
    first: Box<[u64; ENTRIES]>,
    second: Box<[u64; ENTRIES]>,
    pub(super) shifts: Vec<usize>,
}

/// The five letters from each place on as ten bits, the first letter lowest; `padding` zeros follow.
pub(super) fn encode(codes: &[u8], padding: usize) -> Vec<u16> {
    let mut out = vec![0; codes.len() + padding];
    let mut word = 0_u16;
    for (out, code) in out.iter_mut().zip(codes).rev() {
        word = ((word << 2) & 0x3ff) | u16::from(code & 3);
        *out = word;
    }
    out
}

impl Group {
    pub(super) fn new(lanes: &[&Lane]) -> Self {
        let (mut first, mut second) = (Box::new([0; ENTRIES]), Box::new([0; ENTRIES]));
        let mut bytes = [0_u8; ENTRIES];
        let mut shifts = Vec::new();
        for (index, lane) in lanes.iter().enumerate().take(LANES) {
            let shift = lane.region(2 * COLUMNS);
            for (block, table) in [&mut first, &mut second].into_iter().enumerate() {
                lane.block(shift + COLUMNS * block, COLUMNS, u8::from(block == 0), &mut bytes);
                for (entry, byte) in table.iter_mut().zip(bytes) {
                    *entry |= u64::from(byte) << (8 * index);
                }
            }
            shifts.push(shift);
        }
        // Bytes without a strand pass nothing.
        for index in lanes.len()..LANES {
            first.iter_mut().for_each(|entry| *entry |= 0x80 << (8 * index));
        }
        Self { first, second, shifts }
    }

    /// Appends the places from `from` to `to` that pass to the list of each strand.
    pub(super) fn filter(&self, codes: &[u16], from: usize, to: usize, passed: &mut [Vec<u32>]) {
        let mask = ENTRIES - 1;
        let sum =
            |near: u16, far: u16| self.first[usize::from(near) & mask] + self.second[usize::from(far) & mask];
        let near = codes.get(from..to).unwrap_or_default();
        let far = codes.get(from + COLUMNS..).unwrap_or_default();
        let far = far.get(..near.len()).unwrap_or_default();
        let quads = near.chunks_exact(4).zip(far.chunks_exact(4));
        for (index, (near, far)) in quads.enumerate() {
            let sums: [u64; 4] = std::array::from_fn(|k| sum(near[k], far[k]));
            if (sums[0] & sums[1] & sums[2] & sums[3]) & SIGNS != SIGNS {
                for (k, sum) in sums.into_iter().enumerate() {
                    emit(sum, from + 4 * index + k, passed);
                }
            }
        }
        let done = near.len() - near.len() % 4;
        for (k, (near, far)) in near.iter().zip(far).enumerate().skip(done) {
            emit(sum(*near, *far), from + k, passed);
        }
    }
}

#[cold]
#[inline(never)]
fn emit(sum: u64, place: usize, passed: &mut [Vec<u32>]) {
    let mut clear = !sum & SIGNS;
    while clear != 0 {
        if let Some(list) = passed.get_mut(clear.trailing_zeros() as usize / 8) {
            list.push(place as u32);
        }
        clear &= clear - 1;
    }
}
