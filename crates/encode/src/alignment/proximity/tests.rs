#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write;

use cistron_core::Alphabet;
use proptest::prelude::*;

use super::*;
use crate::alignment::{Structure, WildType};

/// The letters of a helix, and the position of the first.
const LETTERS: &str = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSG";
const FIRST: i64 = 21;

/// Cα atoms of an ideal alpha helix: 100 degrees and 1.5 Å a residue, 2.3 Å from the axis.
fn helix() -> Vec<[f64; 3]> {
    let place = |i: usize| {
        let (angle, rise) = ((100.0 * i as f64).to_radians(), 1.5 * i as f64);
        [2.3 * angle.cos(), 2.3 * angle.sin(), rise]
    };
    (0..LETTERS.len()).map(place).collect()
}

fn names() -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 20] = [
        "ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS", "ILE", "LYS", "LEU", "MET", "ASN", "PRO", "GLN",
        "ARG", "SER", "THR", "VAL", "TRP", "TYR",
    ];
    LETTERS.bytes().map(|letter| NAMES[usize::from(Alphabet::protein().code(letter))])
}

fn pdb() -> String {
    let mut text = String::new();
    for ((name, [x, y, z]), number) in names().zip(helix()).zip(FIRST..) {
        writeln!(text, "ATOM  {number:5}  CA  {name} A{number:4}    {x:8.3}{y:8.3}{z:8.3}  1.00  0.00")
            .unwrap();
    }
    text + "TER\nEND\n"
}

fn mmcif() -> String {
    let columns =
        ["label_atom_id", "label_comp_id", "auth_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z"];
    let mut text = "data_HELIX\nloop_\n".to_owned();
    for column in columns {
        writeln!(text, "_atom_site.{column}").unwrap();
    }
    for ((name, [x, y, z]), number) in names().zip(helix()).zip(FIRST..) {
        writeln!(text, "CA {name} A {number} {x:.3} {y:.3} {z:.3}").unwrap();
    }
    text
}

fn places(text: &str) -> Vec<Option<[f64; 3]>> {
    let structure = Structure::read(text.as_bytes(), "helix".as_ref()).unwrap();
    let positions = (FIRST..).take(LETTERS.len()).collect();
    let wild_type = WildType::new(Alphabet::protein(), LETTERS.as_bytes(), positions).unwrap();
    let placement = structure.chain(None).unwrap().place(&wild_type);
    assert_eq!((placement.missing.len(), placement.differing.len()), (0, 0));
    placement.places
}

#[test]
fn neighbours_in_a_helix_are_nearer_than_chance_and_random_groups_are_not() {
    let neighbours: Vec<Vec<usize>> = (0..6).map(|i| (7 * i..7 * i + 5).collect()).collect();
    let mut stream = Seed::new(3).stream("columns", 0);
    let mut group = || {
        let mut columns: Vec<usize> = (0..LETTERS.len()).collect();
        stream.shuffle(&mut columns);
        columns[..5].to_vec()
    };
    let random: Vec<Vec<usize>> = (0..200).map(|_| group()).collect();
    for text in [pdb(), mmcif()] {
        let places = places(&text);
        let near = group_proximity(&places, &neighbours, 9999, Seed::new(1)).unwrap();
        assert!(near.groups.iter().all(|group| group.p_value < 0.01 && group.distance < 8.0), "{near:?}");
        assert_eq!(near.all.p_value, 1e-4);
        let far = group_proximity(&places, &random, 999, Seed::new(1)).unwrap();
        assert!((0.05..0.95).contains(&far.all.p_value), "{far:?}");
        // Four standard errors of the mean of 200 uniform numbers, and of the share below 0.05.
        let mean = far.groups.iter().map(|group| group.p_value).sum::<f64>() / 200.0;
        let below = far.groups.iter().filter(|group| group.p_value <= 0.05).count();
        assert!((mean - 0.5).abs() < 0.082 && below <= 22, "{mean} {below}");
    }
}

#[test]
fn distances_are_those_of_the_geometry() {
    // Three residues of the helix: 3.8, 5.4 and 3.8 Å from one another.
    let found = group_proximity(&places(&pdb()), &[vec![10, 11, 12]], 10, Seed::new(1)).unwrap().groups[0];
    let chord = |turns: f64, rise: f64| {
        let angle = (50.0 * turns).to_radians();
        ((2.0 * 2.3 * angle.sin()).powi(2) + rise * rise).sqrt()
    };
    let expected = (2.0 * chord(1.0, 1.5) + chord(2.0, 3.0)) / 3.0;
    assert!((found.distance - expected).abs() < 2e-3, "{} {expected}", found.distance);
}

#[test]
fn a_p_value_is_the_share_of_all_pairs() {
    // One pair of ten is as near as the group.
    let places: Vec<_> = [0.0, 1.0, 5.0, 11.0, 23.0].map(|x| Some([x, 0.0, 0.0])).into();
    let found = group_proximity(&places, &[vec![0, 1]], 20_000, Seed::new(1)).unwrap();
    let mean = (1.0 + 5.0 + 11.0 + 23.0 + 4.0 + 10.0 + 22.0 + 6.0 + 18.0 + 12.0) / 10.0;
    // Four standard errors of a share of 0.1 and of a mean distance.
    assert!((found.groups[0].p_value - 0.1).abs() < 0.009, "{found:?}");
    assert!((found.groups[0].random - mean).abs() < 0.25, "{found:?}");
    assert_eq!(found.all.p_value, found.groups[0].p_value);
}

#[test]
fn columns_without_a_place_take_no_part() {
    let at = |x: f64| Some([x, 0.0, 0.0]);
    let places = [at(0.0), None, at(1.0), at(7.0), None];
    let groups = [vec![0, 1, 2], vec![1, 3], vec![4, 1], vec![]];
    let found = group_proximity(&places, &groups, 99, Seed::new(1)).unwrap();
    let placed: Vec<usize> = found.groups.iter().map(|group| group.n_placed).collect();
    assert_eq!(placed, [2, 1, 0, 0]);
    assert_eq!(found.groups[0].distance, 1.0);
    assert!(found.groups[1..].iter().all(|group| group.p_value.is_nan() && group.distance.is_nan()));
    assert_eq!(found.all.distance, 1.0);
    let none = group_proximity(&[None; 3], &[vec![0, 1]], 9, Seed::new(1)).unwrap();
    assert!(none.all.p_value.is_nan() && none.groups[0].distance.is_nan());
}

#[test]
fn groups_and_numbers_that_cannot_be_are_refused() {
    let places = [Some([0.0; 3]); 3];
    let refused =
        |groups: &[Vec<usize>], n| group_proximity(&places, groups, n, Seed::new(1)).unwrap_err().to_string();
    assert_eq!(refused(&[vec![0, 3]], 9), "group names column 3, expected one below 3");
    assert_eq!(refused(&[vec![0, 1, 0]], 9), "group names column 0 twice");
    assert_eq!(refused(&[], 0), "the number of permutations is 0, expected at least 1");
}

proptest! {
    #[test]
    fn a_group_of_all_columns_is_as_near_as_any(xs in prop::collection::vec(-50_i32..50, 2..9), seed in 0_u64..99) {
        let places: Vec<_> = xs.iter().map(|x| Some([f64::from(*x) / 7.0, 1.0, f64::from(x * x) / 3.0])).collect();
        let group = (0..xs.len()).rev().collect();
        let found = group_proximity(&places, &[group], 50, Seed::new(seed)).unwrap();
        prop_assert_eq!(found.groups[0].p_value, 1.0);
        prop_assert!((found.groups[0].random - found.groups[0].distance).abs() < 1e-9);
    }
}
