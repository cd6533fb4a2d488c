#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Run, Seed};
use proptest::prelude::*;

use super::*;
use crate::alignment::{Alignment, Family, PrepareOptions, WeightRule};

/// A model of random numbers.
fn random(width: usize, seed: u64) -> Potts {
    let mut stream = Seed::new(seed).stream("potts", 0);
    let mut value = || stream.below(2001) as f32 / 1000.0 - 1.0;
    let letters: Vec<u8> = (0..width).map(|i| b"TACG"[i % 4]).collect();
    let positions = (0..width as i64).map(|i| 3 * i - 4).collect();
    let n = width * (width - 1) / 2 * 16;
    Potts {
        wild_type: WildType::new(Alphabet::custom("ACGT").unwrap(), &letters, positions).unwrap(),
        fields: Array2::from_shape_simple_fn((width, 4), &mut value),
        couplings: Pairs::new(width, 4, (0..n).map(|_| value()).collect()),
        frequencies: Array2::from_elem((width, 4), 0.25),
        pair_frequencies: Pairs::new(width, 4, vec![0.0625; n]),
        facts: PottsFacts {
            n_valid: 2,
            n_invalid: 1,
            iterations: 7,
            theta: 0.2,
            lambda_h: 0.01,
            lambda_j: 0.6,
            lambda_group: 0.0,
            neff: 1.5,
            neighbours: vec![1.0, 2.0, 0.0],
        },
    }
}

fn family(rows: &[&str], weights: WeightRule) -> Family {
    let text: Vec<String> = rows.iter().enumerate().map(|(i, row)| format!(">r{i}/1-9\n{row}\n")).collect();
    let alignment = Alignment::read(text.concat().as_bytes(), "x".as_ref()).unwrap();
    let options = PrepareOptions { alphabet: Alphabet::dna(), weights, ..PrepareOptions::default() };
    alignment.prepare(&options).unwrap().0
}

proptest! {
    #[test]
    fn deltas_are_differences_of_energies(
        seed in 0_u64..50,
        edits in prop::collection::btree_map(0_u32..6, 0_u8..4, 0..6),
    ) {
        let model = random(6, seed);
        let edits: Vec<Edit> =
            edits.into_iter().map(|(position, code)| Edit { position, code }).collect();
        let mut codes = model.wild_type.codes().to_vec();
        for edit in &edits {
            codes[edit.position as usize] = edit.code;
        }
        let (mutant, wild) = (model.energy(&codes).unwrap(), model.energy(model.wild_type.codes()).unwrap());
        let delta = model.delta(&edits);
        // Sums of some thirty numbers below 1 in double precision.
        prop_assert!((delta.couplings - (mutant.couplings - wild.couplings)).abs() < 1e-12);
        prop_assert!((delta.fields - (mutant.fields - wild.fields)).abs() < 1e-12);
    }

    #[test]
    fn damaged_files_never_panic(place in 0_usize..120, byte: u8, cut in 0_usize..900) {
        let mut bytes = Vec::new();
        random(3, 1).write_plmc(&mut bytes).unwrap();
        if let Some(target) = bytes.get_mut(place) {
            *target = byte;
        }
        bytes.truncate(cut);
        let _ = Potts::read_plmc(&bytes[..], "x".as_ref());
    }
}

#[test]
fn double_mutants_are_those_of_two_edits() {
    let model = random(5, 3);
    let doubles = model.double_effects(3, 1).unwrap();
    for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
        let edits = [Edit { position: 3, code: a }, Edit { position: 1, code: b }];
        let found = doubles[[a.into(), b.into()]];
        assert!((found - model.effect(&edits)).abs() < 1e-12, "{a} {b}");
    }
    assert!(model.double_effects(1, 1).is_err() && model.double_effects(0, 5).is_err());
}

#[test]
fn files_read_back_in_both_versions() {
    for width in [2, 3, 7] {
        let model = random(width, 5);
        let mut bytes = Vec::new();
        model.write_plmc(&mut bytes).unwrap();
        assert_eq!(Potts::read_plmc(&bytes[..], "x".as_ref()).unwrap(), model);
        let first = Potts::read_plmc(&first_version(&model)[..], "x".as_ref()).unwrap();
        assert_eq!((&first.fields, &first.couplings), (&model.fields, &model.couplings));
        assert_eq!((first.wild_type, first.pair_frequencies), (model.wild_type, model.pair_frequencies));
    }
}

/// A file as the first version of plmc wrote it.
fn first_version(model: &Potts) -> Vec<u8> {
    let width = model.width();
    let mut bytes = [width as i32, 4].iter().flat_map(|int| int.to_le_bytes()).collect::<Vec<_>>();
    bytes.extend(model.wild_type.letters().bytes());
    bytes.extend(model.wild_type.positions().iter().flat_map(|&it| (it as i32).to_le_bytes()));
    let floats = |values: &[f32]| values.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    bytes.extend(floats(model.frequencies.as_slice().unwrap()));
    bytes.extend(floats(model.fields.as_slice().unwrap()));
    for (i, j) in (0..width).flat_map(|i| (i + 1..width).map(move |j| (i, j))) {
        bytes.extend([i as i32 + 1, j as i32 + 1].iter().flat_map(|int| int.to_le_bytes()));
        bytes.extend(floats(model.pair_frequencies.table(i, j)));
        bytes.extend(floats(model.couplings.table(i, j)));
    }
    bytes
}

#[test]
fn what_is_no_parameter_file_says_why() {
    let mut good = Vec::new();
    random(3, 1).write_plmc(&mut good).unwrap();
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "x: ends early, expected a parameter file of plmc"),
        (
            b">a\nAC\n".to_vec(),
            "x: has 1091199294 columns, expected a parameter file of plmc with 1 to 16384",
        ),
        (with(4, &[0, 0, 0, 0]), "x: has 0 letters, expected a parameter file of plmc with 1 to 200"),
        (
            good[..good.len() - 1].to_vec(),
            "x: has 550 bytes, expected 551 (version 2) or 527 (version 1) of a model of 3 columns and 4 letters",
        ),
        (with(40, b"AA"), "x: alphabet \"AAGT\" holds a letter twice"),
        (with(59, &9_i32.to_le_bytes()), "x: position -1 follows 9, expected positions that rise"),
        (with(good.len() - 4, &f32::NAN.to_le_bytes()), "x: holds a parameter that is not finite"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Potts::read_plmc(&bytes[..], "x".as_ref()).unwrap_err().to_string(), expected);
    }
}

/// The loss of the definition, sequence by sequence in double precision.
fn plain_loss(family: &Family, model: &Potts, lambda_h: f64, lambda_j: f64) -> f64 {
    let letters = family.alphabet().len();
    let squares =
        |values: &mut dyn Iterator<Item = &f32>| values.map(|&it| f64::from(it).powi(2)).sum::<f64>();
    let mut loss =
        lambda_h * squares(&mut model.fields.iter()) + lambda_j * squares(&mut model.couplings().iter());
    for (row, weight) in family.codes().rows().into_iter().zip(family.weights()) {
        for i in (0..row.len()).filter(|&i| row[i] < letters) {
            let logit = |a: u8| {
                let others = (0..row.len()).filter(|&j| j != i && row[j] < letters);
                model.field(i, a)
                    + others.map(|j| f64::from(model.coupling((i, a), (j, row[j])))).sum::<f64>()
            };
            let sum: f64 = (0..letters).map(|a| logit(a).exp()).sum();
            loss += weight * (sum.ln() - logit(row[i]));
        }
    }
    loss
}

const ROWS: [&str; 6] = ["ACGTA", "ACGTC", "CCTTA", "A-GTA", "GAT-C", "ACATA"];

#[test]
fn the_fit_is_a_minimum_of_the_definition() {
    let family = family(&ROWS, WeightRule::DeepSequence);
    let options =
        PottsOptions { lambda_j: Some(0.3), iterations: 200, tolerance: 1e-6, ..PottsOptions::default() };
    let mut reported = Vec::new();
    let model = Potts::fit(&family, &options, Run::default(), |progress| reported.push(*progress)).unwrap();
    let least = plain_loss(&family, &model, 0.01, 0.3);
    // Six digits of single precision.
    assert!((reported.last().unwrap().loss / least - 1.0).abs() < 1e-5, "{reported:?} {least}");
    // No number can be moved to a lower loss.
    let moved = |change: &mut dyn FnMut(&mut Potts, f32)| {
        for step in [0.05, -0.05] {
            let mut other = model.clone();
            change(&mut other, step);
            assert!(plain_loss(&family, &other, 0.01, 0.3) > least);
        }
    };
    for place in 0..20 {
        moved(&mut |model, step| model.fields[[place / 4, place % 4]] += step);
    }
    for place in 0..160 {
        moved(&mut |model, step| {
            let mut values = model.couplings.values().to_vec();
            values[place] += step;
            model.couplings = Pairs::new(5, 4, values);
        });
    }
}

#[test]
fn options_are_checked() {
    let family_of_one = family(&["A", "C"], WeightRule::Equal);
    let whole = family(&ROWS, WeightRule::Equal);
    let fit = |family: &Family, options: PottsOptions| {
        Potts::fit(family, &options, Run::default(), |_| ()).map(|_| ()).map_err(|error| error.to_string())
    };
    let cases = [
        (
            fit(&family_of_one, PottsOptions::default()),
            "family has one column, expected two or more for a pairwise model",
        ),
        (
            fit(&whole, PottsOptions { lambda_h: -1.0, ..PottsOptions::default() }),
            "lambda of fields is -1, expected 0 or more",
        ),
        (
            fit(&whole, PottsOptions { lambda_j: Some(f64::NAN), ..PottsOptions::default() }),
            "lambda of couplings is NaN, expected 0 or more",
        ),
        (
            fit(&whole, PottsOptions { memories: 0, ..PottsOptions::default() }),
            "steps remembered is 0, expected at least 1",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found.unwrap_err(), expected);
    }
}

#[test]
fn every_instruction_set_and_width_of_lanes_fits_the_same() {
    // 3 and 4 letters share a width of lanes, 6 have another; gaps as letters have theirs.
    for alphabet in ["ACGT", "ACGT-", "ACGTKL", "ACGTDEFHIKL"] {
        let text: Vec<String> =
            ROWS.iter().enumerate().map(|(i, row)| format!(">r{i}/1-9\n{row}\n")).collect();
        let alignment = Alignment::read(text.concat().as_bytes(), "x".as_ref()).unwrap();
        let alphabet = Alphabet::custom(alphabet).unwrap();
        let options = PrepareOptions { alphabet, ..PrepareOptions::default() };
        let (family, _) = alignment.prepare(&options).unwrap();
        let options = PottsOptions { iterations: 4, ..PottsOptions::default() };
        let model = Potts::fit(&family, &options, Run::default(), |_| ()).unwrap();
        let lambda_j = 0.2 * 4.0;
        let loss = plain_loss(&family, &model, 0.01, lambda_j);
        let mut last = f64::NAN;
        let again = Potts::fit(&family, &options, Run::default(), |progress| last = progress.loss).unwrap();
        assert_eq!(again, model);
        assert!((last / loss - 1.0).abs() < 1e-5, "{last} {loss}");
    }
}
