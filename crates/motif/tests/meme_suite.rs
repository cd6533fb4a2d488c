//! The MEME suite's arithmetic on a motif of three columns, beside every word of three letters.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Run, Strand};
use cistron_motif::{
    Background, FimoOptions, Hit, MatrixKind, Motif, MotifSet, PValues, ScanThreshold, Scanner, q_values,
};
use ndarray::{Array2, array};

const SITES: f64 = 10.0;
const PSEUDOCOUNT: f64 = 0.5;
const BACKGROUND: [f64; 4] = [0.3, 0.2, 0.15, 0.35];

fn matrix() -> Array2<f64> {
    array![[0.7, 0.1, 0.1, 0.1], [0.0, 0.5, 0.5, 0.0], [0.2, 0.2, 0.2, 0.4]]
}

fn set() -> MotifSet {
    let mut set = MotifSet::new(Alphabet::dna());
    let motif = Motif::new("m", matrix(), MatrixKind::Probabilities).unwrap().with_nsites(SITES);
    set.push(motif).unwrap();
    set
}

fn options(threshold: f64) -> FimoOptions {
    FimoOptions {
        threshold: ScanThreshold::PValue(threshold),
        pseudocount: Some(PSEUDOCOUNT),
        background: Some(Background::new(&BACKGROUND).unwrap()),
        ..FimoOptions::meme_suite()
    }
}

/// The integers of the motif, worked by hand.
///
/// P = (10 p + 0.5 b) / 10.5 and s = log2(P / b), for instance 7.15 / 10.5 / 0.3 = 2.26984 and its logarithm 1.18259.
/// The least score is that of T in column 2: 0.175 / 10.5 / 0.35 = 1/21, of which the logarithm is -4.39232, as for A
/// there; the largest that of G: 5.075 / 10.5 / 0.15 = 3.22222, 1.68806. So the offset is -5, the scale
/// floor(1000 / 6.68806) = 149, and the entries are floor((s + 5) 149 + 0.5):
///
/// | column | A | C | G | T |
/// |---|---|---|---|---|
/// | 1 | 2.26984: 1.18259 | 0.52381: -0.93289 | 0.68254: -0.55102 | 0.31973: -1.64508 |
/// | 2 | 1/21: -4.39232 | 2.42857: 1.28011 | 3.22222: 1.68806 | 1/21: -4.39232 |
/// | 3 | 0.68254: -0.55102 | 1: 0 | 1.31746: 0.39776 | 1.13605: 0.18403 |
const INTEGERS: [[i64; 4]; 3] = [[921, 606, 663, 500], [91, 936, 997, 91], [663, 745, 804, 772]];
const SCALE: f64 = 149.0;
const OFFSET: f64 = -5.0;

/// One hit on the forward strand for each letter, of a motif of one column.
fn letters(row: [f64; 4], options: &FimoOptions) -> [(f64, f64); 4] {
    let mut set = MotifSet::new(Alphabet::dna());
    let matrix = Array2::from_shape_fn((1, 4), |(_, letter)| row[letter]);
    set.push(Motif::new("one", matrix, MatrixKind::Probabilities).unwrap()).unwrap();
    let options = FimoOptions { threshold: ScanThreshold::PValue(1.0), ..options.clone() };
    let (hits, _) = Scanner::new(&set, &options).unwrap().collect([[0, 1, 2, 3]], Run::default()).unwrap();
    std::array::from_fn(|i| (hits[i].score, hits[i].p_value))
}

#[test]
fn what_is_not_given_is_that_of_the_meme_suite() {
    // Background A 0.281774, 20 sites, pseudocount 0.1: P(A) / b = 20.0281774 / 20.1 / 0.281774 = 3.53626, of which
    // the logarithm is 1.82222; of any other letter 0.1 / 20.1 = 1/201, -7.65105. So the offset is -8, the scale
    // floor(1000 / 9.82222) = 101, and the integers are floor(9.82222 101 + 0.5) = 992 and floor(0.34895 101 + 0.5) = 35.
    let found = letters([1.0, 0.0, 0.0, 0.0], &FimoOptions::meme_suite());
    let (a, other) = (992.0 / 101.0 - 8.0, 35.0 / 101.0 - 8.0);
    assert_eq!(found.map(|(score, _)| score), [a, other, other, other]);
    assert_eq!(found[0].1, 0.281_774);
    assert!(found[1..].iter().all(|(_, p)| (p - 1.0).abs() < 1e-15), "{found:?}");
}

#[test]
fn a_motif_of_equal_scores_has_an_offset_of_one_below() {
    // Every score is 0, so that the offset is -1, the scale 1000 and every integer 1000.
    let uniform = FimoOptions { background: Some(Background::uniform(4)), ..FimoOptions::meme_suite() };
    assert_eq!(letters([0.25; 4], &uniform), [(0.0, 1.0); 4]);
}

fn words() -> Vec<[usize; 3]> {
    (0..64).map(|word| [word / 16, word / 4 % 4, word % 4]).collect()
}

fn sum(word: &[usize; 3]) -> i64 {
    word.iter().zip(INTEGERS).map(|(code, column)| column[*code]).sum()
}

/// The probability of all words that score as high, one by one.
fn p_value(score: i64) -> f64 {
    let probability = |word: &[usize; 3]| word.iter().map(|code| BACKGROUND[*code]).product::<f64>();
    words().iter().filter(|word| sum(word) >= score).map(probability).sum()
}

fn hits(codes: Vec<u8>, threshold: f64) -> (Vec<Hit>, Vec<u64>) {
    let scanner = Scanner::new(&set(), &options(threshold)).unwrap();
    let (hits, summary) = scanner.collect([codes], Run::default()).unwrap();
    (hits, summary.windows)
}

#[test]
fn the_integers_are_those_of_the_formulas() {
    let scores: Vec<f64> = matrix()
        .indexed_iter()
        .map(|((_, code), p)| {
            let b = BACKGROUND[code];
            ((SITES * p + PSEUDOCOUNT * b) / (SITES + PSEUDOCOUNT) / b).log2()
        })
        .collect();
    let (low, high) =
        (scores.iter().copied().fold(0.0, f64::min), scores.iter().copied().fold(0.0, f64::max));
    assert_eq!((low.floor(), (1000.0 / (high - low.floor())).floor()), (OFFSET, SCALE));
    for (score, integer) in scores.iter().zip(INTEGERS.as_flattened()) {
        assert_eq!(((score - OFFSET) * SCALE + 0.5).floor(), *integer as f64, "{score}");
    }
}

#[test]
fn every_word_has_its_score_and_p_value() {
    for word in words() {
        let codes: Vec<u8> = word.iter().map(|code| *code as u8).collect();
        let reverse: [usize; 3] = std::array::from_fn(|i| 3 - word[2 - i]);
        let (found, windows) = hits(codes, 1.0);
        assert_eq!((found.len(), windows), (2, vec![2]), "{word:?}");
        // The reverse strand is the same table on the other word.
        for (hit, (strand, word)) in found.iter().zip([(Strand::Forward, word), (Strand::Reverse, reverse)]) {
            assert_eq!((hit.strand, hit.start, hit.end), (strand, 0, 3));
            assert_eq!(hit.score, sum(&word) as f64 / SCALE + 3.0 * OFFSET, "{word:?}");
            // Sums of the same products in another order.
            let expected = p_value(sum(&word));
            assert!((hit.p_value - expected).abs() <= 1e-13 * expected, "{word:?} {}", hit.p_value);
        }
    }
}

#[test]
fn a_hit_has_at_most_the_threshold_as_its_p_value() {
    // The two best words are AGG, 2722, and AGT, 2690.
    let best = BACKGROUND[0] * BACKGROUND[2] * BACKGROUND[2];
    let second = best + BACKGROUND[0] * BACKGROUND[2] * BACKGROUND[3];
    let table = PValues::of(&set(), 0, &options(1.0)).unwrap();
    for (sum, p) in [(2722, best), (2690, second)] {
        assert!((table.p_value(f64::from(sum) / SCALE + 3.0 * OFFSET) - p).abs() < 1e-15);
    }
    for (threshold, expected) in
        [(best * (1.0 - 1e-9), 0), (best * (1.0 + 1e-9), 1), (second * (1.0 + 1e-9), 2)]
    {
        let found: usize = words()
            .iter()
            .map(|word| {
                let codes = word.iter().map(|code| *code as u8).collect();
                hits(codes, threshold).0.iter().filter(|hit| hit.strand == Strand::Forward).count()
            })
            .sum();
        assert_eq!(found, expected, "{threshold}");
    }
}

#[test]
fn q_values_are_those_of_a_naive_benjamini_hochberg() {
    // An unknown letter ends three windows.
    let mut codes: Vec<u8> = (0..300_u32).map(|i| (i * i / 7 + i / 3) as u8 % 4).collect();
    codes[100] = 4;
    let (found, windows) = hits(codes, 1.0);
    assert_eq!((found.len() as u64, windows[0]), (windows[0], 2 * (298 - 3)));
    let q = q_values(&found, &windows);
    let tests = found.len() as f64;
    let rank = |p: f64| found.iter().filter(|hit| hit.p_value <= p).count() as f64;
    let adjusted: Vec<f64> = found.iter().map(|hit| hit.p_value * tests / rank(hit.p_value)).collect();
    for (hit, q) in found.iter().zip(&q) {
        let above = found.iter().zip(&adjusted).filter(|(other, _)| other.p_value >= hit.p_value);
        let expected = above.map(|(_, p)| *p).fold(1.0, f64::min);
        assert!((q - expected).abs() <= 1e-14, "{hit:?} {q} {expected}");
        for (other, other_q) in found.iter().zip(q_values(&found, &windows)) {
            assert!(other.p_value < hit.p_value || other_q >= *q);
        }
    }
}
