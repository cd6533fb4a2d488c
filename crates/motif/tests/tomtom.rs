//! Properties of motif comparison, and distances against naive formulas.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use cistron_core::{Seed, Strand};
use cistron_motif::{
    MotifDistance, MotifMatch, NeighbourOrder, OffsetTies, TomtomError, TomtomOptions, TomtomStrands,
    TomtomTargets,
};
use ndarray::{Array2, ArrayView2, array, s};
use proptest::prelude::*;

const DISTANCES: [MotifDistance; 5] = [
    MotifDistance::Euclidean,
    MotifDistance::Pearson,
    MotifDistance::Allr,
    MotifDistance::KullbackLeibler,
    MotifDistance::SandelinWasserman,
];

/// Random probability columns, some of them certain.
fn motif(index: u64, width: usize) -> Array2<f64> {
    let mut stream = Seed::new(7).stream("motif", index);
    let mut motif = Array2::from_shape_fn((width, 4), |_| stream.uniform().powi(4));
    for mut row in motif.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    motif
}

fn motifs(n: u64) -> Vec<Array2<f64>> {
    (0..n).map(|index| motif(index, 5 + (index * 7 % 11) as usize)).collect()
}

fn views(motifs: &[Array2<f64>]) -> Vec<ArrayView2<'_, f64>> {
    motifs.iter().map(|motif| motif.view()).collect()
}

fn targets(motifs: &[Array2<f64>], options: TomtomOptions) -> TomtomTargets {
    TomtomTargets::new(&views(motifs), options).unwrap()
}

fn all(targets: &TomtomTargets, queries: &[Array2<f64>]) -> Vec<Vec<MotifMatch>> {
    let mut rows = Vec::new();
    let push = |_, matches| {
        rows.push(matches);
        Ok::<(), TomtomError>(())
    };
    targets.compare_each(&views(queries), push).unwrap();
    rows
}

/// Every column kept, and every query column scored as finely as possible.
fn fine(distance: MotifDistance) -> TomtomOptions {
    TomtomOptions { distance, target_bins: None, score_bins: 255, ..Default::default() }
}

fn smoothed(column: &[f64]) -> Vec<f64> {
    let sum: f64 = column.iter().sum::<f64>() + 0.04;
    column.iter().map(|x| (x + 0.01) / sum).collect()
}

/// The formulas as they are written in the documentation of the distances.
fn naive(distance: MotifDistance, q: &[f64], t: &[f64]) -> f64 {
    let squares: f64 = q.iter().zip(t).map(|(q, t)| (q - t).powi(2)).sum();
    let (p, r) = (smoothed(q), smoothed(t));
    let pairs = || p.iter().zip(&r);
    match distance {
        MotifDistance::Euclidean => -squares.sqrt(),
        MotifDistance::SandelinWasserman => 2.0 - squares,
        MotifDistance::Allr => {
            0.5 * pairs().map(|(p, r)| r * (p / 0.25).ln() + p * (r / 0.25).ln()).sum::<f64>()
        }
        MotifDistance::KullbackLeibler => {
            -0.5 * pairs().map(|(p, r)| p * (p / r).ln() + r * (r / p).ln()).sum::<f64>()
        }
        MotifDistance::Pearson => {
            let mean = |x: &[f64]| x.iter().sum::<f64>() / 4.0;
            let moment = |x: &[f64], y: &[f64]| -> f64 {
                x.iter().zip(y).map(|(a, b)| (a - mean(x)) * (b - mean(y))).sum()
            };
            moment(q, t) / (moment(q, q) * moment(t, t)).sqrt()
        }
        other => panic!("no formula for {other:?}"),
    }
}

/// Integer scores of every query column with every target position on both strands, by the method's definition.
fn naive_integers(
    distance: MotifDistance,
    query: &Array2<f64>,
    targets: &[Array2<f64>],
) -> (Vec<Vec<usize>>, usize) {
    let flipped = targets.iter().map(|t| t.slice(s![..;-1, ..;-1]).to_owned());
    let columns: Vec<Vec<f64>> = targets
        .iter()
        .cloned()
        .chain(flipped)
        .flat_map(|t| t.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>())
        .collect();
    let mut centred = Vec::new();
    for row in query.rows() {
        let scores: Vec<f64> = columns.iter().map(|t| naive(distance, &row.to_vec(), t)).collect();
        let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bin = |score: f64| ((score - low) / (high - low) * 999.0) as usize;
        let members = |b: usize| scores.iter().copied().filter(move |s| bin(*s) == b);
        let half = (0..1000).find(|&b| 2 * scores.iter().filter(|s| bin(**s) <= b).count() >= scores.len());
        let median = members(half.unwrap()).sum::<f64>() / members(half.unwrap()).count() as f64;
        centred.push(scores.iter().map(|s| s - median).collect::<Vec<f64>>());
    }
    let every = || centred.iter().flatten().copied();
    let floor = every().fold(f64::INFINITY, f64::min).floor();
    let most = every().fold(f64::NEG_INFINITY, f64::max);
    let scale = (255.0 / (most - floor).max(1.0)).floor();
    let integer = |x: &f64| ((x - floor) * scale + 0.5).floor() as usize;
    (centred.iter().map(|row| row.iter().map(integer).collect()).collect(), (-floor * scale) as usize)
}

/// P(sum of one random score of each of these columns, plus `beside`, is at least `score`), by enumerating sums.
fn naive_survival(columns: &[Vec<usize>], beside: usize, score: usize) -> f64 {
    let mut sums = vec![1.0];
    for column in columns {
        let mut next = vec![0.0; sums.len() + 256];
        for (sum, p) in sums.iter().enumerate() {
            for x in column {
                next[sum + x] += p / column.len() as f64;
            }
        }
        sums = next;
    }
    sums.iter().enumerate().filter(|(sum, _)| sum + beside >= score).map(|(_, p)| p).sum()
}

#[test]
fn every_distance_is_that_of_naive_formulas() {
    let set: Vec<Array2<f64>> = (0..6).map(|i| motif(i, 3 + i as usize % 4)).collect();
    let lengths: Vec<usize> = set.iter().map(Array2::nrows).collect();
    for distance in DISTANCES {
        let index = targets(&set, fine(distance));
        for query in &set {
            let (integers, offset) = naive_integers(distance, query, &set);
            let width = query.nrows();
            for found in index.compare(query.view()).unwrap() {
                let at: usize = lengths[..found.target].iter().sum();
                let strand = if found.strand == Strand::Reverse { lengths.iter().sum() } else { 0 };
                let length = lengths[found.target] as i32;
                let place = |i: usize| found.offset + i as i32;
                let score = |i: usize| match place(i) {
                    p if (0..length).contains(&p) => integers[i][at + strand + p as usize],
                    _ => offset,
                };
                let expected: usize = (0..width).map(score).sum();
                assert_eq!(found.score as usize, expected, "{distance:?} {found:?}");
                let p = naive_p_value(&integers, offset, (length as usize, found.score as usize));
                let p = 1.0 - (1.0 - p) * (1.0 - p);
                assert!((found.p_value - p).abs() < 1e-12, "{distance:?} {found:?}, expected {p}");
            }
        }
    }
}

/// The p-value on one strand for a target of some width and a score.
fn naive_p_value(integers: &[Vec<usize>], offset: usize, (length, score): (usize, usize)) -> f64 {
    let width = integers.len();
    // Every alignment covers a span of the query, from the first possible start to the last.
    let span = |o: i32| {
        let (from, to) = ((-o).max(0) as usize, (length as i32 - o).min(width as i32) as usize);
        1.0 - naive_survival(&integers[from..to], (width - (to - from)) * offset, score)
    };
    1.0 - (1 - width as i32..length as i32).map(span).product::<f64>()
}

#[test]
fn p_values_of_shuffled_motifs_are_about_uniform() {
    let set = motifs(60);
    let shuffled: Vec<Array2<f64>> = (0..60).map(|index| motif(index + 1000, 9)).collect();
    for distance in DISTANCES {
        let rows = all(&targets(&set, TomtomOptions { distance, ..Default::default() }), &shuffled);
        let p_values: Vec<f64> = rows.iter().flatten().map(|found| found.p_value).collect();
        let n = p_values.len() as f64;
        for level in [0.01, 0.1, 0.5] {
            let share = p_values.iter().filter(|p| **p <= level).count() as f64 / n;
            // Alignments of one pair overlap, so the product over them is a bound more than a probability.
            assert!(share < 1.3 * level + 0.005 && share > 0.5 * level, "{distance:?}: {share} at {level}");
        }
    }
}

#[test]
fn a_motif_is_its_own_best_match_at_offset_0() {
    let set = motifs(40);
    for distance in DISTANCES {
        let options = TomtomOptions { nearest: Some(1), distance, ..Default::default() };
        for (query, found) in all(&targets(&set, options), &set).iter().enumerate() {
            let found = found[0];
            assert_eq!(
                (found.target, found.offset, found.strand),
                (query, 0, Strand::Forward),
                "{distance:?}"
            );
        }
    }
}

#[test]
fn a_reverse_complement_scores_the_same_on_the_other_strand() {
    let set = motifs(12);
    let flipped: Vec<Array2<f64>> = set.iter().map(|m| m.slice(s![..;-1, ..;-1]).to_owned()).collect();
    let keep =
        TomtomOptions { target_bins: None, offset_ties: OffsetTies::LongestOverlap, ..Default::default() };
    let rows = all(&targets(&set, keep.clone()), &set);
    for (row, other) in rows.iter().zip(all(&targets(&flipped, keep), &set)) {
        for (found, other) in row.iter().zip(other) {
            assert_eq!(found.score, other.score);
            assert!((found.p_value - other.p_value).abs() <= 1e-12 * found.p_value);
            // A tie between strands is the forward one's.
            assert!(found.strand != other.strand || found.strand == Strand::Forward);
        }
    }
}

#[test]
fn the_order_of_queries_changes_no_byte() {
    let set = motifs(70);
    let index = targets(&set, TomtomOptions::default());
    let expected: Vec<Vec<MotifMatch>> = set.iter().map(|m| index.compare(m.view()).unwrap()).collect();
    assert_eq!(all(&index, &set), expected);
    let mut reversed: Vec<Array2<f64>> = set.clone();
    reversed.reverse();
    let mut rows = all(&index, &reversed);
    rows.reverse();
    assert_eq!(rows, expected);
}

#[test]
fn far_tails_are_neither_negative_nor_zero() {
    let set: Vec<Array2<f64>> = (0..30).map(|i| motif(i, 30)).collect();
    for row in all(&targets(&set, TomtomOptions::default()), &set) {
        let least = row.iter().map(|found| found.p_value).fold(f64::INFINITY, f64::min);
        assert!(least > 0.0 && least < 1e-40, "{least}");
        assert!(row.iter().all(|m| (0.0..=1.0).contains(&m.p_value)
            && m.q_value >= m.p_value * (1.0 - 1e-12)
            && m.q_value <= 1.0));
        assert!(row.iter().all(|m| (m.e_value - 30.0 * m.p_value).abs() <= 1e-12 * m.e_value));
    }
}

#[test]
fn neighbours_are_sorted_and_cut() {
    let set = motifs(50);
    let base = TomtomOptions::default;
    let every = all(&targets(&set, base()), &set[..3]);
    let sorted = all(&targets(&set, TomtomOptions { nearest: Some(50), ..base() }), &set[..3]);
    let cut = TomtomOptions { nearest: Some(9), threshold: Some(0.05), ..base() };
    let peer = TomtomOptions { order: NeighbourOrder::Peer, nearest: Some(60), ..base() };
    let (cut, peer) = (all(&targets(&set, cut), &set[..3]), all(&targets(&set, peer), &set[..3]));
    for (query, row) in sorted.iter().enumerate() {
        let mut expected = every[query].clone();
        expected.sort_by(|a, b| {
            a.p_value.total_cmp(&b.p_value).then(b.score.cmp(&a.score)).then(a.target.cmp(&b.target))
        });
        assert_eq!(*row, expected);
        assert!(peer[query].is_sorted_by_key(|m| m.p_value) && peer[query].len() == 50);
        expected.truncate(9);
        expected.retain(|m| m.p_value <= 0.05);
        assert_eq!(cut[query], expected);
    }
}

#[test]
fn short_overlaps_can_be_left_out() {
    let set = motifs(30);
    for min_overlap in [2, 5, 8, 100] {
        let options = TomtomOptions { min_overlap, ..Default::default() };
        for (query, row) in set.iter().zip(all(&targets(&set, options), &set)) {
            for found in row {
                let narrower = query.nrows().min(set[found.target].nrows());
                assert!(found.overlap as usize >= min_overlap.min(narrower), "{found:?}");
            }
        }
    }
}

#[test]
fn any_alphabet_on_one_strand() {
    let protein = |index| {
        let mut stream = Seed::new(3).stream("protein", index);
        Array2::from_shape_fn((6, 20), |_| stream.uniform())
    };
    let set: Vec<Array2<f64>> = (0..5).map(protein).collect();
    let options = TomtomOptions { strands: TomtomStrands::Forward, nearest: Some(1), ..Default::default() };
    for (query, found) in all(&targets(&set, options), &set).iter().enumerate() {
        assert_eq!((found[0].target, found[0].offset, found[0].strand), (query, 0, Strand::Forward));
    }
}

#[test]
fn wide_queries_and_entries_of_any_size() {
    // Beyond 128 positions sums need more than 16 bits; far from 1 single precision is of no use.
    let wide = [motif(1, 300), motif(2, 140), motif(3, 8)];
    for scale in [1.0, 1e-3, 1e5, 1e20] {
        let wide: Vec<Array2<f64>> = wide.iter().map(|m| m * scale).collect();
        let options = TomtomOptions { nearest: Some(1), ..Default::default() };
        for (query, found) in all(&targets(&wide, options), &wide).iter().enumerate() {
            // Integer scores are at most 100 a unit: all equal for entries far from 1, which tells nothing apart.
            let spread = scale == 1.0;
            assert_eq!(found[0].target == query && found[0].p_value < 0.01, spread, "{scale}: {found:?}");
        }
    }
}

#[test]
fn malformed_motifs_are_named() {
    let good = array![[0.1, 0.2, 0.3, 0.4]];
    let index = targets(std::slice::from_ref(&good), TomtomOptions::default());
    let query = |bad: Array2<f64>| {
        index
            .compare_each(&[good.view(), bad.view()], |_, _| Ok::<(), TomtomError>(()))
            .unwrap_err()
            .to_string()
    };
    let target = |bad: Array2<f64>, distance| {
        let options = TomtomOptions { distance, ..Default::default() };
        TomtomTargets::new(&[good.view(), bad.view()], options).unwrap_err().to_string()
    };
    let euclidean = MotifDistance::Euclidean;
    assert_eq!(query(Array2::zeros((0, 4))), "query 1 has 0 positions, expected 1 to 1000");
    assert_eq!(query(Array2::zeros((2, 20))), "query 1 has 20 letters, expected 4 as the targets");
    assert_eq!(
        query(array![[0.0, 0.0, f64::NAN, 0.0]]),
        "query 1 has NaN for letter 2 at position 0, expected a finite number of at most 1e100 in magnitude"
    );
    assert_eq!(
        target(array![[0.0; 4], [0.0, f64::INFINITY, 0.0, 0.0]], euclidean),
        "target 1 has inf for letter 1 at position 1, expected a finite number of at most 1e100 in magnitude"
    );
    assert_eq!(
        target(array![[0.0, -0.5, 0.0, 0.0]], MotifDistance::Allr),
        "target 1 has -0.5 for letter 1 at position 0, expected at least 0 for a distance with logarithms"
    );
    assert_eq!(
        target(Array2::ones((1, 5)), euclidean),
        "target 1 has 5 letters, expected 4 for both strands"
    );
    let none = TomtomTargets::new(&[], TomtomOptions::default()).unwrap_err();
    assert_eq!(none, TomtomError::NoTargets);
    let zeros = TomtomTargets::new(&[Array2::zeros((3, 4)).view()], TomtomOptions::default()).unwrap_err();
    assert_eq!(zeros, TomtomError::AllZero);
}

proptest! {
    #[test]
    fn any_numbers_give_p_values(
        entries in prop::collection::vec(-3.0_f64..3.0, 4..80),
        widths in prop::collection::vec(1_usize..9, 1..6),
        min_overlap in 1_usize..5,
    ) {
        let n = entries.len() / 4;
        let query = Array2::from_shape_vec((n, 4), entries[..4 * n].to_vec()).unwrap();
        let set: Vec<Array2<f64>> = widths.iter().enumerate().map(|(i, w)| motif(i as u64, *w)).collect();
        let options = TomtomOptions { min_overlap, ..Default::default() };
        for found in targets(&set, options).compare(query.view()).unwrap() {
            prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0);
            let length = widths[found.target] as i32;
            let overlap = (found.offset + n as i32).min(length) - found.offset.max(0);
            prop_assert_eq!(found.overlap as i32, overlap);
        }
    }
}
