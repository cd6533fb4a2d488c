//! Designs: what is reached, what is kept, and which way is better.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::single_range_in_vec_init, reason = "a list of spans may have one")]

use cistron_core::{Alphabet, Run, Seed, Sequence};
use cistron_effects::{Design, DesignMethod, DesignOptions, Designer};
use cistron_encode::{FnModel, ModelSpec, SequenceBatch, SequenceModel, random_sequences};
use ndarray::Array3;
use proptest::prelude::*;

const WORD: &str = "TGACTCA";

fn sequence(letters: &str) -> Sequence {
    Sequence::parse(&Alphabet::dna(), letters).unwrap()
}

fn random(length: usize, seed: u64) -> Sequence {
    let batch = random_sequences(&Alphabet::dna(), 1, length, &[], Seed::new(seed)).unwrap();
    batch.to_sequences().unwrap().remove(0)
}

/// The best count of letters that agree with a word, over all places.
fn word_model() -> impl SequenceModel {
    FnModel::new(ModelSpec::scalar(Alphabet::dna(), None, "word"), |batch: &SequenceBatch| {
        let word = sequence(WORD);
        let best = |i: usize| {
            let row = batch.codes().row(i).to_vec();
            let same = |place: &[u8]| place.iter().zip(word.codes()).filter(|(a, b)| a == b).count();
            row.windows(word.len()).map(same).max().unwrap_or(0)
        };
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| best(i) as f32))
    })
}

fn design(options: DesignOptions, start: &Sequence) -> Design {
    let model = word_model();
    let designer = Designer::new(&model, vec![7.0], options).unwrap();
    designer.design(start, 0, Run::default()).unwrap()
}

/// What the steps say is what the sequence is.
fn assert_told(start: &Sequence, design: &Design) {
    let mut codes = start.codes().to_vec();
    for step in &design.steps {
        assert_eq!(codes[step.position as usize], step.from);
        codes[step.position as usize] = step.to;
    }
    assert_eq!(codes, design.sequence.codes());
}

#[test]
fn a_greedy_design_reaches_what_a_screen_of_as_many_calls_misses() {
    let (start, hidden) = (random(60, 3), random(60, 4));
    let agree = |row: &[u8]| row.iter().zip(hidden.codes()).filter(|(a, b)| a == b).count() as f32;
    let model = FnModel::new(ModelSpec::scalar(Alphabet::dna(), None, "agree"), |batch: &SequenceBatch| {
        let row = |i: usize| batch.codes().row(i).to_vec();
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| agree(&row(i))))
    });
    let wanted = f64::from(agree(start.codes())) + 10.0;
    let design = |method| {
        let options = DesignOptions { method, ..DesignOptions::default() };
        Designer::new(&model, vec![wanted], options).unwrap().design(&start, 0, Run::default()).unwrap()
    };
    let greedy = design(DesignMethod::Greedy);
    assert_eq!((greedy.initial_loss, greedy.loss(), greedy.steps.len()), (100.0, 0.0, 10));
    let screened = design(DesignMethod::Screen { samples: greedy.evaluations as usize });
    assert!(screened.evaluations >= greedy.evaluations);
    assert!(0.0 < screened.loss() && screened.loss() < 100.0, "{}", screened.loss());
    for one in [&greedy, &screened] {
        assert_told(&start, one);
    }
}

#[test]
fn a_beam_is_no_worse_than_its_best_way() {
    for seed in 0..6 {
        let start = random(40, seed);
        let options = |method| DesignOptions { method, max_edits: 3, ..DesignOptions::default() };
        let greedy = design(options(DesignMethod::Greedy), &start);
        let one = design(options(DesignMethod::Beam { width: 1 }), &start);
        assert_eq!(greedy, one);
        let beam = design(options(DesignMethod::Beam { width: 4 }), &start);
        assert!(beam.loss() <= greedy.loss());
        assert_told(&start, &beam);
    }
}

#[test]
fn the_first_of_equal_substitutions_is_made() {
    let model = FnModel::new(ModelSpec::scalar(Alphabet::dna(), None, "gc"), |batch: &SequenceBatch| {
        let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
    });
    let designer = |options| Designer::new(&model, vec![2.0], options).unwrap();
    let design = |options: DesignOptions, letters: &str| {
        designer(options).design(&sequence(letters), 0, Run::default()).unwrap().sequence.to_string()
    };
    assert_eq!(design(DesignOptions::default(), "ANTAT"), "CNCAT");
    let kept = DesignOptions { protected: vec![0..1, 2..4], ..DesignOptions::default() };
    assert_eq!(design(kept, "ATATAT"), "ACATCT");
    let forbidden = DesignOptions { forbidden: vec![sequence("CN"), sequence("GTT")], ..Default::default() };
    assert_eq!(design(forbidden, "ATTAT"), "GGTAT");
    let gc = DesignOptions { gc: Some((0.0, 0.25)), ..DesignOptions::default() };
    assert_eq!(design(gc, "ATAT"), "CTAT");
}

#[test]
fn what_cannot_be_is_refused() {
    let model = word_model();
    let refuses = |target: Vec<f64>, options: DesignOptions, expected: &str| {
        let error = Designer::new(&model, target, options).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let default = DesignOptions::default;
    refuses(vec![], default(), "number of targets is 0, expected 1");
    refuses(vec![f64::NAN], default(), "target is NaN");
    refuses(vec![1.0], DesignOptions { gc: Some((0.6, 0.4)), ..default() }, "range of GC is 0.6..0.4");
    let protein = Sequence::parse(&Alphabet::protein(), "MK").unwrap();
    refuses(vec![1.0], DesignOptions { forbidden: vec![protein], ..default() }, "forbidden word");
    for method in [DesignMethod::Beam { width: 0 }, DesignMethod::Screen { samples: 0 }] {
        refuses(vec![1.0], DesignOptions { method, ..default() }, "expected at least 1");
    }
    let outside = DesignOptions { protected: vec![3..9], ..default() };
    let designer = Designer::new(&model, vec![7.0], outside).unwrap();
    assert!(designer.design(&sequence("ACGTACGT"), 0, Run::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn losses_never_rise_and_constraints_hold(seed in 0_u64..1000, width in 1_usize..4, max_edits in 0_usize..5) {
        let start = random(30, seed);
        let word = sequence("GA");
        let options = DesignOptions {
            method: DesignMethod::Beam { width },
            max_edits,
            protected: vec![4..9],
            forbidden: vec![word],
            gc: Some((0.3, 0.6)),
            ..DesignOptions::default()
        };
        let found = design(options, &start);
        assert_told(&start, &found);
        prop_assert!(found.steps.len() <= max_edits);
        let mut loss = found.initial_loss;
        for step in &found.steps {
            prop_assert!(step.loss <= loss);
            loss = step.loss;
        }
        prop_assert_eq!(&start.codes()[4..9], &found.sequence.codes()[4..9]);
        let words = |sequence: &Sequence| sequence.codes().windows(2).filter(|pair| *pair == [2, 0]).count();
        prop_assert!(words(&found.sequence) <= words(&start));
        let away = |sequence: &Sequence| {
            let strong = sequence.codes().iter().filter(|code| matches!(**code, 1 | 2)).count() as f64;
            (0.3 - strong / 30.0).max(strong / 30.0 - 0.6).max(0.0)
        };
        prop_assert!(away(&found.sequence) <= away(&start));
    }
}
