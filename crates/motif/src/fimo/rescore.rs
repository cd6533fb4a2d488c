//! Exact scores of the windows that passed a filter: f64, columns added from left to right.

use super::plan::Lane;

/// The widest window that one load of 16 bytes holds, whatever its phase.
const PACKED: usize = 61;

/// Two bits a letter, four letters a byte, the low bits first, with 16 bytes of slack.
pub(super) fn pack(codes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; codes.len() / 4 + 17];
    for (out, four) in out.iter_mut().zip(codes.chunks(4)) {
        *out = four.iter().rev().fold(0, |byte, code| (byte << 2) | (code & 3));
    }
    out
}

/// The scores above the lane's threshold of windows of known letters, appended as (start, raw score).
pub(super) fn windows(lane: &Lane, codes: &[u8], packed: &[u8], starts: &[u32], out: &mut Vec<(u32, f64)>) {
    if lane.width > PACKED || lane.weights.len() != 4 * lane.width {
        return wide(lane, codes, starts, out);
    }
    // Three of four windows are no hits, in no order that a branch predictor could learn: each is written, and the
    // next one over it if it was no hit.
    let mut kept = out.len();
    out.resize(kept + starts.len(), (0, 0.0));
    for start in starts {
        let at = *start as usize / 4;
        let Some(chunk) = packed.get(at..).and_then(|rest| rest.first_chunk::<16>()) else { continue };
        let mut bits = u128::from_le_bytes(*chunk) >> (2 * (start % 4));
        let mut score = 0.0;
        for columns in lane.weights.chunks(4 * 32) {
            let mut word = bits as u64;
            for weights in columns.as_chunks::<4>().0 {
                score += weights[word as usize & 3];
                word >>= 2;
            }
            bits >>= 64;
        }
        if let Some(place) = out.get_mut(kept) {
            *place = (*start, score);
        }
        kept += usize::from(score > lane.threshold);
    }
    out.truncate(kept);
}

fn wide(lane: &Lane, codes: &[u8], starts: &[u32], out: &mut Vec<(u32, f64)>) {
    for start in starts {
        let window = codes.get(*start as usize..).unwrap_or_default();
        let score = score(lane, window);
        if score > lane.threshold {
            out.push((*start, score));
        }
    }
}

/// The raw score of the window that begins here; letters outside the alphabet add 0.
pub(super) fn score(lane: &Lane, window: &[u8]) -> f64 {
    let letters = lane.weights.len() / lane.width.max(1);
    let columns = lane.weights.chunks_exact(letters.max(1));
    columns.zip(window).map(|(weights, code)| weights.get(usize::from(*code)).copied().unwrap_or(0.0)).sum()
}
