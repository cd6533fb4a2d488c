//! The public surface of variant scoring: windows, strands, shifts, sides, models.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::num::NonZeroUsize;

use cistron_core::{Alphabet, Run, VariantRow};
use cistron_effects::{
    Engine, EnsembleOrder, IndelMode, OnMismatch, Statistic, VariantOptions, VariantScore, VariantScorer,
};
use cistron_encode::{FnModel, HeadSpec, ModelError, ModelSpec, SequenceBatch, SequenceModel};
use ndarray::Array3;
use support::Genome;

const LENGTH: usize = 200;
/// The bases of a bin.
const BIN: usize = 4;

impl Genome {
    fn base(&self, position: usize) -> char {
        self.letters[position - 1] as char
    }
}

/// Counts the A, the T and the CG-content of each bin, times a factor; A and T change places on the other strand.
fn counter(bins: usize, factor: f32) -> impl SequenceModel {
    let head = HeadSpec {
        name: "counts".into(),
        bins,
        bin_width: NonZeroUsize::new(BIN),
        first_bin: 0,
        tracks: ["a", "t", "cg"].map(Into::into).to_vec(),
        mirror: Some(vec![1, 0, 2]),
    };
    let length = Some(bins * BIN);
    let spec = ModelSpec {
        alphabet: Alphabet::dna(),
        input_length: length,
        fill: cistron_encode::Fill::default(),
        heads: vec![head],
    };
    FnModel::new(spec, move |batch: &SequenceBatch| -> Result<Array3<f32>, ModelError> {
        Ok(Array3::from_shape_fn((batch.len(), bins, 3), |(row, bin, track)| {
            let codes = batch.codes().row(row).to_vec();
            let of_track = |code: &&u8| match track {
                0 => **code == 0,
                1 => **code == 3,
                _ => matches!(**code, 1 | 2),
            };
            let count = codes[bin * BIN..(bin + 1) * BIN].iter().filter(of_track).count();
            factor * count as f32
        }))
    })
}

fn score(options: VariantOptions, rows: &[&str]) -> Vec<VariantScore> {
    let (genome, model) = (Genome::random(LENGTH, 3), counter(10, 1.0));
    let scorer = VariantScorer::new(&genome, &[&model], options).unwrap();
    let rows: Vec<VariantRow> = rows.iter().map(|row| row.parse().unwrap()).collect();
    scorer.score(&rows, Run::default()).unwrap()
}

fn refusal(options: VariantOptions, row: &str) -> String {
    let (genome, model) = (Genome::random(LENGTH, 3), counter(10, 1.0));
    match VariantScorer::new(&genome, &[&model], options) {
        Ok(scorer) => scorer.score(&[row.parse().unwrap()], Run::default()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

/// A deletion, an insertion and a substitution, as the genome has them.
fn rows() -> Vec<String> {
    let genome = Genome::random(LENGTH, 3);
    let of = |from: usize, to: usize| (from..=to).map(|position| genome.base(position)).collect::<String>();
    let other = if genome.base(90) == 'A' { 'C' } else { 'A' };
    vec![
        format!("c:90:{}:{other}", genome.base(90)),
        format!("c:60:{}:{}", of(60, 66), genome.base(60)),
        format!("c:70:{}:{}AATTACGTA", genome.base(70), genome.base(70)),
        format!("c:3:{}:{}AA", genome.base(3), genome.base(3)),
    ]
}

fn scored(options: VariantOptions) -> Vec<Vec<f64>> {
    let rows = rows();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    score(options, &rows).into_iter().map(|score| score.numbers).collect()
}

/// Counts of the bins of a window, cut from the genome with the alternate allele in it.
fn counted(edited: &str, start: i64) -> Vec<[f64; 3]> {
    let letter = |i: i64| usize::try_from(start + i).ok().and_then(|p| edited.as_bytes().get(p)).copied();
    let window: Vec<u8> = (0..40).map(|i| letter(i).unwrap_or(b'N')).collect();
    let count = |bin: &[u8], letters: &[u8]| bin.iter().filter(|it| letters.contains(it)).count() as f64;
    window.chunks(BIN).map(|bin| [count(bin, b"A"), count(bin, b"T"), count(bin, b"CG")]).collect()
}

#[test]
fn numbers_are_those_of_the_edited_genome() {
    let genome = Genome::random(LENGTH, 3);
    let text = String::from_utf8(genome.letters.clone()).unwrap();
    for (mode, fixed_right) in [(IndelMode::Left, false), (IndelMode::Right, true)] {
        let options =
            VariantOptions { indel: mode, statistics: vec![Statistic::D1], ..VariantOptions::default() };
        for (row, numbers) in rows().iter().zip(scored(options)) {
            let row: VariantRow = row.parse().unwrap();
            let start = row.position as usize - 1;
            let mut edited = text.clone();
            edited.replace_range(start..start + row.reference.len(), &row.alternate);
            let moved = row.alternate.len() as i64 - row.reference.len() as i64;
            let window = start as i64 - 20;
            let reference = counted(&text, window);
            let alternate = counted(&edited, if fixed_right { window + moved } else { window });
            let mut expected = Vec::new();
            let mut most = 0.0_f64;
            for track in 0..3 {
                let mean = |bins: &[[f64; 3]]| bins.iter().map(|bin| bin[track]).sum::<f64>() / 10.0;
                let pairs = reference.iter().zip(&alternate);
                let size: f64 = pairs.map(|(r, a)| (a[track] - r[track]).abs()).sum();
                expected.extend([
                    mean(&reference),
                    mean(&alternate),
                    mean(&alternate) - mean(&reference),
                    size,
                ]);
                most = most.max(size / 10.0);
            }
            expected.push(most);
            for (found, expected) in numbers.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{row:?} {mode:?}: {numbers:?} {expected:?}");
            }
            assert_eq!(numbers.len(), expected.len());
        }
    }
}

#[test]
fn the_other_strand_says_the_same_of_a_model_that_mirrors() {
    let statistics = vec![Statistic::Sax, Statistic::Jsd];
    let forward = VariantOptions { statistics, ..VariantOptions::default() };
    for indel in [IndelMode::Left, IndelMode::Right, IndelMode::Both, IndelMode::Stitch] {
        let forward = VariantOptions { indel, ..forward.clone() };
        for ensemble in [EnsembleOrder::Predictions, EnsembleOrder::Scores] {
            let both = VariantOptions { both_strands: true, ensemble, ..forward.clone() };
            for (one, two) in scored(forward.clone()).iter().zip(scored(both)) {
                let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan());
                assert!(one.iter().zip(&two).all(close), "{indel:?} {one:?} {two:?}");
            }
        }
    }
}

#[test]
fn both_sides_are_averaged_and_stitched_at_the_variant() {
    let with = |indel| {
        let statistics = vec![Statistic::D1];
        scored(VariantOptions { indel, statistics, ..VariantOptions::default() })
    };
    let (left, right, both, stitch) =
        (with(IndelMode::Left), with(IndelMode::Right), with(IndelMode::Both), with(IndelMode::Stitch));
    for i in 0..4 {
        for (k, number) in both[i].iter().enumerate() {
            assert!((number - f64::midpoint(left[i][k], right[i][k])).abs() < 1e-12);
        }
    }
    // A substitution has one window; of an insertion stitched together, flanks do not change at all.
    assert_eq!(left[0], stitch[0]);
    assert!(stitch[2][3] <= left[2][3] && stitch[2][3] <= right[2][3], "{:?}", stitch[2]);
    assert!(stitch[1].iter().zip(&left[1]).any(|(a, b)| a != b));
}

#[test]
fn shifts_are_averaged() {
    let shifted = |shifts: &[i32], ensemble| {
        let statistics = vec![Statistic::D2];
        scored(VariantOptions { shifts: shifts.to_vec(), ensemble, statistics, ..VariantOptions::default() })
    };
    let one = |shift| shifted(&[shift], EnsembleOrder::Predictions);
    let (minus, plus) = (one(-3), one(2));
    let scores = shifted(&[-3, 2], EnsembleOrder::Scores);
    let predictions = shifted(&[-3, 2], EnsembleOrder::Predictions);
    for i in 0..4 {
        for k in 0..scores[i].len() {
            let mean = f64::midpoint(minus[i][k], plus[i][k]);
            assert!((scores[i][k] - mean).abs() < 1e-12);
            // Means of tracks are the same either way, statistics are not.
            assert!(k % 4 == 3 || k == 12 || (predictions[i][k] - mean).abs() < 1e-12);
        }
    }
    assert!(scores[0][3] > predictions[0][3]);
}

#[test]
fn models_are_averaged_and_their_spread_is_told() {
    let genome = Genome::random(LENGTH, 3);
    let (one, three) = (counter(10, 1.0), counter(10, 3.0));
    let rows: Vec<VariantRow> = rows().iter().map(|row| row.parse().unwrap()).collect();
    let score = |models: &[&dyn SequenceModel]| {
        let scorer = VariantScorer::new(&genome, models, VariantOptions::default()).unwrap();
        assert_eq!(scorer.columns().len(), 10);
        scorer.score(&rows, Run::default()).unwrap()
    };
    let (single, both) = (score(&[&one]), score(&[&one, &three]));
    for (single, both) in single.iter().zip(&both) {
        assert!(single.deviations.is_empty());
        for (k, number) in single.numbers.iter().enumerate() {
            assert!((both.numbers[k] - 2.0 * number).abs() < 1e-12);
            assert!((both.deviations[k] - 2.0_f64.sqrt() * number.abs()).abs() < 1e-6);
        }
    }
    let other = counter(9, 1.0);
    let options = VariantOptions::default();
    assert!(VariantScorer::new(&genome, &[&one, &other], options.clone()).is_err());
    assert!(VariantScorer::new(&genome, &[], options).is_err());
}

#[test]
fn another_allele_is_an_error_or_what_was_asked_for() {
    let genome = Genome::random(LENGTH, 3);
    let (base, position) = (genome.base(50), 50);
    let other = if base == 'G' { 'T' } else { 'G' };
    let swapped = format!("c:{position}:{other}:{base}");
    let wrong = format!("c:{position}:{other}{other}:{other}");
    let error = refusal(VariantOptions::default(), &swapped);
    let expected =
        format!("variant at c:50: the genome has `{base}`, expected the reference allele `{other}`");
    assert_eq!(error, expected);
    let with = |on_mismatch| {
        score(
            VariantOptions { on_mismatch, ..VariantOptions::default() },
            &[&swapped, &wrong, "c:0:A:C", "d:1:A:C"],
        )
    };
    let statuses = |scores: &[VariantScore]| -> Vec<String> {
        scores.iter().map(|score| format!("{} {}", score.status, score.numbers.len())).collect()
    };
    let rest = ["out_of_range 0", "contig_missing 0"];
    let skip = with(OnMismatch::Skip);
    assert_eq!(statuses(&skip), ["ref_mismatch 0", "ref_mismatch 0", rest[0], rest[1]]);
    assert!(skip[0].mismatch && !skip[2].mismatch);
    assert_eq!(statuses(&with(OnMismatch::Warn)), ["ok 10", "ok 10", rest[0], rest[1]]);
    let swap = with(OnMismatch::Swap);
    assert_eq!(statuses(&swap), ["ok 10", "ref_mismatch 0", rest[0], rest[1]]);
    let right = score(VariantOptions::default(), &[&format!("c:{position}:{base}:{other}")]);
    assert_eq!(swap[0].numbers, right[0].numbers);
}

/// A score in a shared window is that of the window moved to where the grid has it.
#[test]
fn variants_share_the_windows_of_a_grid() {
    let rows = rows();
    for share in [1, 2, 7, 20] {
        let options = |shifts: Vec<i32>, share| VariantOptions {
            shifts,
            share,
            indel: IndelMode::Both,
            ..VariantOptions::default()
        };
        for (row, start) in rows.iter().zip([89_i32, 59, 69, 2]) {
            let middle = start / share * share + share / 2;
            for shift in [0, 4] {
                let shared = score(options(vec![shift], share as u32), &[row]);
                let alone = score(options(vec![shift + middle - start], 1), &[row]);
                assert_eq!(shared, alone, "{row}, {share} bases");
            }
        }
    }
}

#[test]
fn options_are_checked() {
    let base = VariantOptions::default;
    for (options, expected) in [
        (VariantOptions { width: Some(30), ..base() }, "30"),
        (VariantOptions { width: Some(0), ..base() }, "window width is 0, expected at least 1"),
        (VariantOptions { shifts: vec![], ..base() }, "number of shifts"),
        (
            VariantOptions { shifts: vec![0, 21], ..base() },
            "shift is 21, expected one that leaves the variant",
        ),
        (
            VariantOptions { share: 0, ..base() },
            "number of bases that share a window is 0, expected at least 1",
        ),
        (VariantOptions { share: 50, ..base() }, "number of bases that share a window is 50"),
        (VariantOptions { engine: Engine::Delta, ..base() }, "engine is `delta`, expected `auto`"),
        (VariantOptions { batch: 0, ..base() }, "size of a batch is 0"),
        (VariantOptions { pseudocount: 0.0, ..base() }, "pseudocount is 0, expected a number above 0"),
    ] {
        let error = refusal(options, "c:1:A:C");
        assert!(error.contains(expected), "{error}");
    }
}
