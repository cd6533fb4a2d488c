//! The distance to every stored k-mer.

use cistron_core::Strand;

use super::super::packed::{Stretch, bits_at};
use super::super::word::mask;
use super::super::{Kmer, PackedSequences, WindowSet};
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::nearest::Nearest;

/// Windows whose distances are computed together: their planes lie in 64 bits.
const LANES: usize = 32;

/// The whole scan, as compiled for the machine it runs on. The results are the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scan {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Scan {
    /// The fastest that this machine has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::detect() {
            return Self::Avx512(avx512);
        }
        Self::Portable
    }

    /// Finds every stored k-mer within the limit.
    pub(super) fn find(
        self,
        (sequences, windows): (&PackedSequences, &WindowSet),
        noisy: Kmer,
        strands: &[Strand],
        nearest: &mut Nearest,
    ) {
        let k = windows.k();
        for &strand in strands {
            let reverse = strand == Strand::Reverse;
            let query = if reverse { noisy.reverse_complement(k) } else { noisy };
            let mut take = |start: u64, distance: u32, nearest: &mut Nearest| {
                let kmer = sequences.window(start, k);
                nearest.push(if reverse { kmer.reverse_complement(k) } else { kmer }, distance);
            };
            for range in windows.ranges() {
                match self {
                    Self::Portable => scan(sequences.planes(), range, (query, k), nearest, &mut take),
                    #[cfg(target_arch = "x86_64")]
                    Self::Avx512(it) => it.scan(sequences.planes(), range, (query, k), nearest, &mut take),
                }
            }
        }
    }
}

/// Calls `take` for each window of a range within the limit of `nearest`, with its start and its distance.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is compiled anew for each instruction set that calls it")]
pub(super) fn scan(
    (low, high): (&[u64], &[u64]),
    range: Stretch,
    (query, k): (Kmer, usize),
    nearest: &mut Nearest,
    take: &mut impl FnMut(u64, u32, &mut Nearest),
) {
    let (query_low, query_high) = query.planes();
    let kept = mask(k);
    for first in (range.start..range.end).step_by(LANES) {
        let (low, high) = (bits_at(low, first), bits_at(high, first));
        let mut distances = [0; LANES];
        for (lane, distance) in distances.iter_mut().enumerate() {
            let differing = ((low >> lane) as u32 ^ query_low) | ((high >> lane) as u32 ^ query_high);
            *distance = (differing & kept).count_ones();
        }
        let least = distances.iter().fold(u32::MAX, |least, &distance| least.min(distance));
        if least <= nearest.limit() {
            for (start, &distance) in (first..range.end).zip(&distances) {
                if distance <= nearest.limit() {
                    take(start, distance, nearest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_finds_the_windows_of_a_plain_loop() {
        let mut stream = cistron_core::Seed::new(3).stream("genome", 0);
        let mut packed = PackedSequences::default();
        for n in [1, 40, 31, 32, 33, 64, 65, 500] {
            let letters: Vec<u8> = (0..n).map(|_| b"ACGT"[stream.below(4) as usize]).collect();
            packed.push(&letters);
        }
        for k in [1, 5, 17, 31, 32] {
            let windows = WindowSet::all(&packed, k).unwrap();
            let query = packed.window(100, k);
            let mut expected: Vec<(u64, u32)> =
                windows.starts().map(|start| (start, packed.window(start, k).distance(query))).collect();
            let limit = k as u32 * 2 / 3;
            expected.retain(|(_, distance)| *distance <= limit);
            let mut engines = vec![Scan::Portable];
            engines.push(Scan::detect());
            for engine in engines {
                let mut found = Vec::new();
                for range in windows.ranges() {
                    // A margin that no better distance narrows.
                    let mut nearest = Nearest::default();
                    nearest.clear(0, limit);
                    let mut take = |start, distance, _: &mut Nearest| found.push((start, distance));
                    match engine {
                        Scan::Portable => scan(packed.planes(), range, (query, k), &mut nearest, &mut take),
                        #[cfg(target_arch = "x86_64")]
                        Scan::Avx512(it) => {
                            it.scan(packed.planes(), range, (query, k), &mut nearest, &mut take);
                        }
                    }
                }
                assert_eq!(found, expected, "{engine:?} {k}");
            }
        }
    }
}
