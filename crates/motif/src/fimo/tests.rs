use std::collections::BTreeMap;

use cistron_core::{Alphabet, Cancel};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::{MatrixKind, Motif};

/// A scan written for clarity alone.
struct Oracle {
    weights: Vec<[f64; 4]>,
    table: Vec<(i64, f64)>,
    low: i64,
    size: i64,
}

const BIN: f64 = 0.1;

impl Oracle {
    fn new(matrix: &Array2<f64>) -> Self {
        let weights: Vec<[f64; 4]> = matrix
            .rows()
            .into_iter()
            .map(|row| std::array::from_fn(|code| (row[code] + 1e-4).log2() - 0.25_f64.log2()))
            .collect();
        let mut sums = BTreeMap::from([(0_i64, 1.0)]);
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for row in &weights {
            let mut next = BTreeMap::new();
            for (sum, p) in &sums {
                for w in row {
                    *next.entry(sum + (w / BIN).round_ties_even() as i64).or_insert(0.0) += p * 0.25;
                }
            }
            sums = next;
            low = low.min(*sums.keys().next().unwrap());
            high = high.max(*sums.keys().next_back().unwrap());
        }
        let size = high + weights.len() as i64 - low + 1;
        Self { weights, table: sums.into_iter().collect(), low, size }
    }

    fn p_value(&self, integer: i64) -> f64 {
        self.table.iter().rev().take_while(|(sum, _)| *sum >= integer).map(|(_, p)| p).sum()
    }

    fn threshold(&self, p: f64) -> Option<f64> {
        let first = (0..self.size).find(|t| self.p_value(t + self.low) < p)?;
        Some(f64::from(((first + self.low) as f64 * BIN) as f32))
    }

    fn hits(
        &self,
        sequences: &[Vec<u8>],
        p: f64,
        unknown_is_zero: bool,
    ) -> Vec<(Strand, usize, usize, f64, f64)> {
        let mut out = Vec::new();
        let (Some(threshold), width) = (self.threshold(p), self.weights.len()) else { return out };
        for strand in [Strand::Forward, Strand::Reverse] {
            for (example, codes) in sequences.iter().enumerate() {
                for (start, window) in codes.windows(width).enumerate() {
                    let weight = |j: usize| match (window[j], strand) {
                        (4.., _) => 0.0,
                        (code, Strand::Forward) => self.weights[j][usize::from(code)],
                        (code, Strand::Reverse) => self.weights[width - 1 - j][usize::from(3 - code)],
                    };
                    let score: f64 = (0..width).map(weight).sum();
                    let known = unknown_is_zero || window.iter().all(|code| *code < 4);
                    if known && score > threshold {
                        let p_value = self.p_value((score / BIN) as i64);
                        out.push((strand, example, start, score, p_value));
                    }
                }
            }
        }
        out
    }
}

fn set_of(matrices: &[Array2<f64>]) -> MotifSet {
    let mut set = MotifSet::new(Alphabet::dna());
    for (i, matrix) in matrices.iter().enumerate() {
        set.push(Motif::new(format!("m{i}"), matrix.clone(), MatrixKind::Probabilities).unwrap()).unwrap();
    }
    set
}

fn scan(set: &MotifSet, sequences: &[Vec<u8>], options: &FimoOptions) -> Vec<Hit> {
    Scanner::new(set, options).unwrap().collect(sequences, Run::default()).unwrap().0
}

fn any_matrix(widths: std::ops::Range<usize>) -> impl Strategy<Value = Array2<f64>> {
    let row = prop::array::uniform4(0_u32..20).prop_map(|row| {
        let sum = f64::from(row.iter().sum::<u32>().max(1));
        row.map(|count| f64::from(count) / sum)
    });
    prop::collection::vec(row, widths).prop_map(|rows| {
        let rows: Vec<f64> =
            rows.into_iter().flat_map(|row| if row == [0.0; 4] { [0.25; 4] } else { row }).collect();
        Array2::from_shape_vec((rows.len() / 4, 4), rows).unwrap()
    })
}

fn any_sequences() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Codes up to 7: unknown letters are rare in some sequences and frequent in others.
    let letters = prop_oneof![3 => 0_u8..4, 1 => 0_u8..7];
    prop::collection::vec(
        prop_oneof![prop::collection::vec(0_u8..4, 0..300), prop::collection::vec(letters, 0..120)],
        0..5,
    )
}

fn reverse_complement(codes: &[u8]) -> Vec<u8> {
    codes.iter().rev().map(|code| if *code < 4 { 3 - code } else { *code }).collect()
}

proptest! {
    // The plain scan is slow.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hits_are_those_of_a_plain_scan(
        matrices in prop::collection::vec(any_matrix(1..14), 1..4),
        sequences in any_sequences(),
        p in prop_oneof![Just(0.3), Just(0.013), Just(7e-4)],
        peer: bool,
    ) {
        let arithmetic = if peer { Arithmetic::Peer } else { Arithmetic::Current };
        let options = FimoOptions { arithmetic, threshold: ScanThreshold::PValue(p), tile: 64, ..Default::default() };
        let set = set_of(&matrices);
        for engine in engine::available() {
            let hits = scan(&set, &sequences, &FimoOptions { engine, ..options.clone() });
            let mut rest = hits.as_slice();
            for (motif, matrix) in matrices.iter().enumerate() {
                let expected = Oracle::new(matrix).hits(&sequences, p, peer);
                let (found, more) = rest.split_at(expected.len().min(rest.len()));
                rest = more;
                prop_assert_eq!(found.len(), expected.len(), "{:?} motif {}", engine, motif);
                for (hit, (strand, example, start, score, p_value)) in found.iter().zip(expected) {
                    let place = (hit.motif as usize, hit.strand, hit.example as usize, hit.start as usize);
                    prop_assert_eq!(place, (motif, strand, example, start));
                    prop_assert_eq!(hit.end, hit.start + matrix.nrows() as u64);
                    prop_assert_eq!(hit.score, score);
                    // Sums of the same terms in another order.
                    prop_assert!((hit.p_value - p_value).abs() <= 1e-12 * p_value, "{} {}", hit.p_value, p_value);
                }
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn engine_tile_pieces_and_threads_change_nothing(
        matrices in prop::collection::vec(prop_oneof![any_matrix(1..20), any_matrix(20..80)], 1..12),
        sequences in any_sequences(),
        score in -8.0..14.0_f64,
        arithmetic in prop_oneof![Just(Arithmetic::Current), Just(Arithmetic::Peer), Just(Arithmetic::MemeSuite)],
        piece in 1_usize..90,
    ) {
        let set = set_of(&matrices);
        let options = FimoOptions { arithmetic, threshold: ScanThreshold::Score(score), ..Default::default() };
        let plain = FimoOptions { engine: ScanEngine::Portable, ..options.clone() };
        let expected = scan(&set, &sequences, &plain);
        let mut by_position = expected.clone();
        HitOrder::Position.sort(&mut by_position);
        for engine in engine::available() {
            for tile in [64, 101, 1 << 16] {
                let options = FimoOptions { engine, tile, ..options.clone() };
                prop_assert_eq!(&scan(&set, &sequences, &options), &expected, "{:?} {}", engine, tile);
                let scanner = Scanner::new(&set, &options).unwrap();
                let mut streamed = Vec::new();
                let mut sink = |hits: &[Hit]| { streamed.extend_from_slice(hits); Ok(()) };
                let mut feed = scanner.start(Run::default(), &mut sink);
                for sequence in &sequences {
                    feed.begin_sequence().unwrap();
                    sequence.chunks(piece).for_each(|piece| feed.push(piece).unwrap());
                }
                let summary = feed.finish().unwrap();
                prop_assert_eq!(&streamed, &by_position);
                prop_assert_eq!(summary.hits.iter().sum::<u64>(), expected.len() as u64);
            }
        }
        #[cfg(feature = "parallel")]
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| scan(&set, &sequences, &options)), &expected);
        }
    }

    #[test]
    fn reverse_complement_mirrors_the_hits(
        matrices in prop::collection::vec(any_matrix(1..16), 1..4),
        sequence in prop::collection::vec(0_u8..5, 0..300),
        p in prop_oneof![Just(0.1), Just(1e-3)],
    ) {
        // Integer scores do not depend on the order of addition.
        let options = FimoOptions { threshold: ScanThreshold::PValue(p), ..FimoOptions::meme_suite() };
        let set = set_of(&matrices);
        let length = sequence.len() as u64;
        let hits = scan(&set, &[reverse_complement(&sequence)], &options);
        let mirror = |hit: &Hit| Hit {
            start: length - hit.end,
            end: length - hit.start,
            strand: if hit.strand == Strand::Forward { Strand::Reverse } else { Strand::Forward },
            ..*hit
        };
        let mut mirrored: Vec<Hit> = hits.iter().map(mirror).collect();
        HitOrder::Motif.sort(&mut mirrored);
        prop_assert_eq!(mirrored, scan(&set, &[sequence], &options));
    }

    #[test]
    fn planted_consensus_is_found(
        matrix in any_matrix(6..24),
        flank in prop::collection::vec(0_u8..5, 0..100),
        strand: bool,
    ) {
        let largest = |row: ndarray::ArrayView1<'_, f64>| {
            (0..4_u8).rev().max_by(|a, b| row[usize::from(*a)].total_cmp(&row[usize::from(*b)])).unwrap()
        };
        let mut consensus: Vec<u8> = matrix.rows().into_iter().map(largest).collect();
        let best: f64 = matrix.rows().into_iter().map(|row| {
            (row.iter().copied().fold(0.0, f64::max) + 1e-4_f64).log2() + 2.0
        }).sum();
        if strand {
            consensus = reverse_complement(&consensus);
        }
        let sequence = [&flank[..], &consensus, &flank].concat();
        let threshold = ScanThreshold::Score(best - 1e-6);
        for engine in engine::available() {
            let options = FimoOptions { threshold, engine, ..Default::default() };
            let hits = scan(&set_of(std::slice::from_ref(&matrix)), std::slice::from_ref(&sequence), &options);
            let expected = if strand { Strand::Reverse } else { Strand::Forward };
            let planted = |hit: &Hit| hit.start == flank.len() as u64 && hit.strand == expected;
            prop_assert!(hits.iter().any(planted), "{:?}", engine);
        }
    }

    #[test]
    fn tables_fall_from_one_to_zero(matrix in any_matrix(1..30), meme_suite: bool) {
        let options = if meme_suite { FimoOptions::meme_suite() } else { FimoOptions::default() };
        let table = PValues::of(&set_of(&[matrix]), 0, &options).unwrap();
        let survival = table.survival();
        prop_assert!((survival[0] - 1.0).abs() < 1e-12);
        prop_assert!(survival.windows(2).all(|pair| pair[0] >= pair[1] && pair[1] >= 0.0));
    }
}

#[test]
fn every_length_and_place_of_an_unknown_letter_agrees() {
    let matrix =
        array![[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.0, 0.5, 0.5, 0.0], [0.1, 0.2, 0.3, 0.4]];
    let set = set_of(&[matrix]);
    let options = FimoOptions { threshold: ScanThreshold::PValue(0.2), ..Default::default() };
    for engine in engine::available() {
        for length in 0..=130_usize {
            let mut sequence: Vec<u8> = (0..length).map(|i| ((i * i / 3 + i) % 4) as u8).collect();
            for unknown in [None, Some(0), Some(length / 2), length.checked_sub(1)] {
                if let Some(code) = unknown.and_then(|place| sequence.get_mut(place)) {
                    *code = 4;
                }
                let of = |engine| scan(&set, &[sequence.clone()], &FimoOptions { engine, ..options.clone() });
                assert_eq!(of(engine), of(ScanEngine::Portable), "{engine:?} {length} {unknown:?}");
            }
        }
    }
}

#[test]
fn windows_and_hits_are_counted() {
    let set = set_of(&[array![[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], array![[0.0, 1.0, 0.0, 0.0]]]);
    let options = FimoOptions { threshold: ScanThreshold::Score(1.0), ..Default::default() };
    let sequences = [vec![0, 0, 0, 4, 0, 0], vec![1], vec![]];
    let summary =
        |options| Scanner::new(&set, &options).unwrap().collect(&sequences, Run::default()).unwrap().1;
    let both = summary(options.clone());
    assert_eq!((both.sequences, both.letters), (3, 7));
    assert_eq!((both.windows, both.hits), (vec![6, 12], vec![3, 1]));
    let forward = summary(FimoOptions { strands: ScanStrands::Forward, ..options.clone() });
    assert_eq!((forward.windows, forward.hits), (vec![3, 6], vec![3, 1]));
    let peer = summary(FimoOptions { arithmetic: Arithmetic::Peer, ..options });
    assert_eq!(peer.windows, [10, 14]);
}

#[test]
fn integers_of_the_meme_suite_follow_its_formulas() {
    // One column 0.97 0.01 0.01 0.01, 20 sites, a uniform background, pseudocount 0.1.
    let set = set_of(&[array![[0.97, 0.01, 0.01, 0.01], [0.97, 0.01, 0.01, 0.01]]]);
    let options = FimoOptions {
        background: Some(Background::uniform(4)),
        threshold: ScanThreshold::PValue(0.0625),
        ..FimoOptions::meme_suite()
    };
    let score = |p: f64| ((20.0 * p + 0.1 * 0.25) / 20.1 / 0.25).log2();
    let (high, low) = (score(0.97), score(0.01));
    let scale = (1000.0 / (high - low.floor())).floor();
    let integer = ((high - low.floor()) * scale + 0.5).floor();
    let hits = scan(&set, &[vec![0, 0, 1]], &options);
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].score, 2.0 * integer / scale + 2.0 * low.floor());
    assert_eq!(hits[0].p_value, 0.0625);
    let table = PValues::of(&set, 0, &options).unwrap();
    assert_eq!(table.p_value(hits[0].score), 0.0625);
    assert_eq!(table.p_value(hits[0].score + 1.0), 0.0);
}

#[test]
fn background_enters_scores_and_p_values() {
    let set = set_of(&[array![[1.0, 0.0, 0.0, 0.0]]]);
    let background = Background::new(&[0.4, 0.1, 0.2, 0.3]).unwrap();
    let options = FimoOptions {
        background: Some(background),
        threshold: ScanThreshold::Score(0.0),
        ..Default::default()
    };
    let hits = scan(&set, &[vec![0]], &options);
    assert_eq!(hits[0].score, 1.0001_f64.log2() - 0.4_f64.log2());
    assert!((hits[0].p_value - 0.4).abs() < 1e-15);
    let wrong = FimoOptions { background: Some(Background::uniform(3)), ..options };
    let error = Scanner::new(&set, &wrong).err().unwrap();
    assert_eq!(error.to_string(), "background has 3 letters, expected 4");
}

#[test]
fn proteins_are_scanned_forward() {
    let mut set = MotifSet::new(Alphabet::protein());
    let mut matrix = Array2::zeros((2, 20));
    (matrix[[0, 3]], matrix[[1, 5]]) = (1.0, 1.0);
    set.push(Motif::new("p", matrix, MatrixKind::Probabilities).unwrap()).unwrap();
    let options = FimoOptions { threshold: ScanThreshold::PValue(0.01), tile: 64, ..Default::default() };
    let mut sequence = vec![7; 200];
    sequence[120..122].copy_from_slice(&[3, 5]);
    sequence[198..].copy_from_slice(&[3, 20]);
    let hits = scan(&set, &[sequence], &options);
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].start, hits[0].strand), (120, Strand::Forward));
    assert!((hits[0].p_value - 0.0025).abs() < 1e-15);
}

#[test]
fn options_are_checked() {
    let set = set_of(&[array![[1.0, 0.0, 0.0, 0.0]]]);
    let refused = |options: FimoOptions| Scanner::new(&set, &options).err().unwrap().to_string();
    let of = |threshold| FimoOptions { threshold, ..Default::default() };
    let cases = [
        (of(ScanThreshold::PValue(0.0)), "p-value threshold is 0, expected above 0 and at most 1"),
        (of(ScanThreshold::Score(f64::NAN)), "score threshold is NaN, expected a finite number"),
        (
            FimoOptions { bin_size: 0.0, ..Default::default() },
            "bin size is 0, expected a number of bits above 0",
        ),
        (FimoOptions { tile: 63, ..Default::default() }, "tile is 63, expected at least 64 letters"),
        (
            FimoOptions { pseudocount: Some(-1.0), ..Default::default() },
            "pseudocount is -1, expected a number from 0",
        ),
        (
            FimoOptions { pseudocount: Some(0.0), ..Default::default() },
            "motif `m0` has weight -inf in row 1, expected finite weights (give a pseudocount above 0)",
        ),
        (
            FimoOptions { bin_size: 1e-9, ..Default::default() },
            "motif `m0` needs 13287856644 score bins, expected at most 67108864 (take wider bins)",
        ),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
}

#[test]
fn a_scan_stops_when_asked_to_and_when_its_sink_fails() {
    let set = set_of(&[array![[1.0, 0.0, 0.0, 0.0]]]);
    let options = FimoOptions { threshold: ScanThreshold::Score(0.0), tile: 64, ..Default::default() };
    let scanner = Scanner::new(&set, &options).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let run = Run { cancel: Some(&cancel), ..Run::default() };
    let error = scanner.collect([vec![0; 10_000]], run).unwrap_err();
    assert!(matches!(error, MotifError::Cancelled { .. }), "{error}");
    let mut sink = |_: &[Hit]| Err(MotifError::Caller("full".into()));
    let error = scanner.scan([vec![0; 100]], Run::default(), &mut sink).unwrap_err();
    assert_eq!(error.to_string(), "full");
}
