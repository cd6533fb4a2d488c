#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::Seed;
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::neighbours::{Rows, neighbours_with};
use super::*;
use crate::alignment::instructions::Instructions;

const GAP: u8 = 22;

/// The definitions, letter by letter.
fn plain(codes: &Array2<u8>, rule: WeightRule, theta: f64) -> Vec<f64> {
    let near = |n: usize, m: usize| {
        let pairs = || codes.row(n).into_iter().zip(codes.row(m));
        match rule {
            WeightRule::DeepSequence => {
                let equal = pairs().filter(|(a, b)| a == b && **a != GAP).count() as f64;
                let letters = codes.row(n).iter().filter(|code| **code != GAP).count() as f64;
                equal / letters > 1.0 - theta
            }
            _ => pairs().filter(|(a, b)| a == b).count() as f64 >= (1.0 - theta) * codes.ncols() as f64,
        }
    };
    let weight = |n: usize| {
        let near = (0..codes.nrows()).filter(|&m| m == n || near(n, m)).count() as f64;
        let empty = codes.row(n).iter().all(|code| *code == GAP);
        if empty && rule == WeightRule::DeepSequence { 0.0 } else { 1.0 / near }
    };
    (0..codes.nrows()).map(weight).collect()
}

/// Rows that are copies of others, with letters and gaps changed.
fn related(n: usize, width: usize, seed: u64) -> Array2<u8> {
    let mut stream = Seed::new(seed).stream("related", 0);
    let mut below = |n: u64| stream.below(n);
    let letter = |number: u64| if number == 20 { GAP } else { number as u8 };
    let mut codes = Array2::from_shape_simple_fn((n, width), || letter(below(21)));
    for row in 1..n {
        let parent = below(row as u64) as usize;
        let rate = below(4) * 8;
        for column in 0..width {
            if below(100) >= rate {
                codes[[row, column]] = codes[[parent, column]];
            }
        }
    }
    codes
}

#[test]
fn weights_are_those_of_the_definitions() {
    // Widths below, at and above a block; more rows than a block of either loop.
    for (n, width) in [(1, 1), (7, 5), (40, 63), (33, 64), (70, 65), (65, 130), (1100, 3)] {
        let codes = related(n, width, width as u64);
        for rule in [WeightRule::DeepSequence, WeightRule::Plmc] {
            for theta in [0.01, 0.2, 0.5] {
                let found = sequence_weights(codes.view(), GAP, rule, theta).unwrap();
                assert_eq!(found, plain(&codes, rule, theta), "{n} {width} {rule:?} {theta}");
            }
        }
    }
}

#[test]
fn every_instruction_set_counts_the_same() {
    let codes = related(700, 259, 1);
    let rows = Rows::new(codes.view(), Some(GAP)).unwrap();
    let least: Vec<u16> = (0..700).map(|row| 150 + row % 60).collect();
    let expected = neighbours_with(Instructions::Portable, &rows, &least);
    assert!(expected.iter().any(|&count| count > 0));
    for instructions in Instructions::all() {
        assert_eq!(neighbours_with(instructions, &rows, &least), expected, "{instructions:?}");
    }
}

#[test]
fn thresholds_are_strict_or_not_as_published() {
    // 8 of 10 letters agree: 0.8 is not above 1 - 0.2, but it is at least that.
    let mut codes = Array2::zeros((2, 10));
    codes[[1, 0]] = 1;
    codes[[1, 1]] = 1;
    let weights = |rule| sequence_weights(codes.view(), GAP, rule, 0.2).unwrap();
    assert_eq!(weights(WeightRule::DeepSequence), [1.0, 1.0]);
    assert_eq!(weights(WeightRule::Plmc), [0.5, 0.5]);
    assert_eq!(weights(WeightRule::Equal), [1.0, 1.0]);
}

#[test]
fn theta_zero_leaves_every_sequence_its_own() {
    let codes = array![[0, 1], [0, 1], [2, 3]];
    let weights = sequence_weights(codes.view(), GAP, WeightRule::DeepSequence, 0.0).unwrap();
    assert_eq!(weights, [1.0; 3], "nothing has more than all letters in common");
    for theta in [-0.1, 1.0, f64::NAN] {
        let error = sequence_weights(codes.view(), GAP, WeightRule::Plmc, theta).unwrap_err();
        assert!(error.to_string().starts_with("theta is "), "{error}");
        assert!(sequence_weights(codes.view(), GAP, WeightRule::Equal, theta).is_ok());
    }
}

proptest! {
    #[test]
    fn copies_share_one_weight(n in 1_usize..40, width in 1_usize..80, letter in 0_u8..20) {
        let codes = Array2::from_elem((n, width), letter);
        for rule in [WeightRule::DeepSequence, WeightRule::Plmc] {
            let weights = sequence_weights(codes.view(), GAP, rule, 0.2).unwrap();
            prop_assert!(weights.iter().all(|weight| *weight == 1.0 / n as f64));
        }
    }
}
