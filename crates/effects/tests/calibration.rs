//! Differences of variants against a background.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use cistron_core::{Alphabet, Run, Seed, VariantRow};
use cistron_effects::{
    Calibration, EffectError, EmpiricalNull, OnMismatch, VariantOptions, VariantScore, VariantScorer,
};
use cistron_encode::{FnModel, HeadSpec, ModelSpec, SequenceBatch, SequenceModel};
use ndarray::Array3;
use support::Genome;

const LENGTH: usize = 60_000;

impl Genome {
    /// Random substitutions, `label` by `label` other ones.
    fn variants(&self, label: &str, n: usize) -> Vec<VariantRow> {
        let mut stream = Seed::new(6).stream(label, 0);
        let mut row = |_| {
            let place = stream.below(LENGTH as u64) as usize;
            let reference = self.letters[place];
            let others: Vec<u8> = b"ACGT".iter().copied().filter(|it| *it != reference).collect();
            row_of(place, &[reference], &[others[stream.below(3) as usize]])
        };
        (0..n).map(&mut row).collect()
    }
}

fn row_of(place: usize, reference: &[u8], alternate: &[u8]) -> VariantRow {
    let allele = |letters: &[u8]| std::str::from_utf8(letters).unwrap().into();
    VariantRow {
        contig: "c".into(),
        position: place as u64 + 1,
        id: None,
        reference: allele(reference),
        alternate: allele(alternate),
        alt_index: 0,
    }
}

/// Two tracks in which neighbouring letters count by their places, so that differences are many.
fn model() -> impl SequenceModel {
    let heads = vec![HeadSpec { tracks: vec!["x".into(), "y".into()], ..HeadSpec::scalar("x") }];
    let spec = ModelSpec { heads, ..ModelSpec::scalar(Alphabet::dna(), Some(24), "x") };
    FnModel::new(spec, |batch: &SequenceBatch| {
        let score = |i: usize, track: usize| {
            let codes = batch.codes();
            let pair = |p: usize| f32::from(codes[[i, p]]) * 5.0 + f32::from(codes[[i, p + 1]]);
            (0..23).map(|p| ((pair(p) + 1.0) * (p as f32 + 1.7 + track as f32)).sin()).sum()
        };
        Ok(Array3::from_shape_fn((batch.len(), 1, 2), |(i, _, track)| score(i, track)))
    })
}

/// The p-value that Kolmogorov and Smirnov give numbers that should be uniform between 0 and 1, ranks among so many
/// others, which are a sample themselves.
fn uniformity(mut numbers: Vec<f64>, background: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len() as f64;
    let away = |(i, x): (usize, &f64)| (x - i as f64 / n).abs().max(((i + 1) as f64 / n - x).abs());
    let distance =
        numbers.iter().enumerate().map(away).fold(0.0, f64::max) * (n / (1.0 + n / background)).sqrt();
    let term = |k: i32| f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * (f64::from(k) * distance).powi(2)).exp();
    (2.0 * (1..100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

fn null_of(scorer: &VariantScorer<'_>, scores: &[VariantScore]) -> EmpiricalNull {
    let mut null = EmpiricalNull::new(scorer.tracks().len());
    for score in scores {
        null.add(&scorer.differences(score).collect::<Vec<_>>()).unwrap();
    }
    null
}

#[test]
fn uniformity_tells_uniform_numbers_from_others() {
    let even: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
    assert!(uniformity(even.clone(), f64::INFINITY) > 0.99);
    assert!(uniformity(even.iter().map(|x| x * x).collect(), 1e3) < 1e-6);
    // scipy.stats.kstest of 0.1, 0.2, …, 0.9 squared, asymptotic.
    let few: Vec<f64> = (1..10).map(|i| (f64::from(i) / 10.0).powi(2)).collect();
    assert!((uniformity(few, f64::INFINITY) - 0.365_715_031).abs() < 1e-6);
}

#[test]
fn p_values_of_variants_that_do_nothing_are_uniform() {
    let (genome, model) = (Genome::random(LENGTH, 5), model());
    let scorer = VariantScorer::new(&genome, &[&model], VariantOptions::default()).unwrap();
    let score = |label: &str| scorer.score(&genome.variants(label, 10_000), Run::default()).unwrap();
    let calibration = Calibration::new(&null_of(&scorer, &score("background"))).unwrap();
    let tested = score("tested");
    for track in 0..2 {
        let differences: Vec<f64> =
            tested.iter().map(|score| scorer.differences(score).nth(track).unwrap()).collect();
        let of =
            |number: &dyn Fn(f64) -> f64| uniformity(differences.iter().map(|it| number(*it)).collect(), 1e4);
        assert!(of(&|it| calibration.p_value(track, it)) > 0.01);
        assert!(of(&|it| calibration.quantile(track, it)) > 0.01);
    }
}

#[test]
fn p_values_in_a_random_genome_are_uniform_against_shuffles() {
    let (genome, model) = (Genome::random(LENGTH, 5), model());
    let scorer = VariantScorer::new(&genome, &[&model], VariantOptions::default()).unwrap();
    let rows = genome.variants("tested", 2000);
    let null = scorer.shuffled_background(&rows, 5, Seed::new(1), Run::default()).unwrap();
    assert_eq!(null.variants(), 10_000);
    let calibration = Calibration::new(&null).unwrap();
    let scores = scorer.score(&rows, Run::default()).unwrap();
    let p_value = |score: &VariantScore| calibration.p_value(1, scorer.differences(score).nth(1).unwrap());
    assert!(uniformity(scores.iter().map(p_value).collect(), 1e4) > 0.01);
}

#[test]
fn parts_and_threads_draw_the_same_shuffles() {
    let (genome, model) = (Genome::random(LENGTH, 5), model());
    let options = VariantOptions { both_strands: true, shifts: vec![-3, 0, 2], ..VariantOptions::default() };
    let scorer = VariantScorer::new(&genome, &[&model], options).unwrap();
    let mut rows = genome.variants("tested", 40);
    // An insertion, a deletion, one at each end, and one that cannot be scored.
    for (place, n, alternate) in [(50, 1, "ACGTACGT"), (70, 9, "A"), (0, 1, "N"), (LENGTH - 3, 3, "T")] {
        rows.push(row_of(place, &genome.letters[place..place + n], alternate.as_bytes()));
    }
    rows.push(row_of(9, b"A", b"*"));
    let draw = |rows: &[VariantRow], seed: u64| {
        scorer.shuffled_background(rows, 3, Seed::new(seed), Run::default()).unwrap()
    };
    let whole = draw(&rows, 1);
    assert_eq!(whole.variants(), 3 * 44);
    let mut parts = draw(&rows[13..], 1);
    parts.merge(&draw(&rows[..13], 1)).unwrap();
    assert_eq!(parts, whole);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| draw(&rows, 1)), whole);
    assert_ne!(draw(&rows, 2), whole);
}

#[test]
fn a_model_of_the_allele_alone_sees_no_difference_in_shuffles() {
    // What is read at the variant's own place does not depend on what stands around it.
    let genome = Genome::random(LENGTH, 5);
    let spec = ModelSpec::scalar(Alphabet::dna(), Some(24), "base");
    let model = FnModel::new(spec, |batch: &SequenceBatch| {
        let base = |i: usize| f32::from(batch.codes()[[i, 12]]);
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, ..)| base(i)))
    });
    let scorer = VariantScorer::new(&genome, &[&model], VariantOptions::default()).unwrap();
    let rows = genome.variants("tested", 50);
    let scored = null_of(&scorer, &scorer.score(&rows, Run::default()).unwrap());
    let shuffled = scorer.shuffled_background(&rows, 1, Seed::new(1), Run::default()).unwrap();
    assert_eq!(shuffled, scored);
}

#[test]
fn a_background_of_nothing_that_can_be_scored_is_refused() {
    let (genome, model) = (Genome::random(LENGTH, 5), model());
    let options = VariantOptions { on_mismatch: OnMismatch::Skip, ..VariantOptions::default() };
    let scorer = VariantScorer::new(&genome, &[&model], options).unwrap();
    let wrong = if genome.letters[7] == b'A' { b"C" } else { b"A" };
    let rows = [row_of(7, wrong, b"G")];
    let null = scorer.shuffled_background(&rows, 3, Seed::new(1), Run::default()).unwrap();
    assert!(matches!(Calibration::new(&null), Err(EffectError::Option { .. })));
}
