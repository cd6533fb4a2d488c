//! Networks of convolutions on the promoters of E. coli.

use std::collections::HashMap;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Run, Seed, area_under_roc, average_precision};
use cistron_encode::{Reduce, SequenceModel};
use cistron_models::{ConvNet, ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};

use super::{ACTIVE, Promoters, Result, Set, within_composition};

/// Windows that share a word of so many letters, on either strand, stay on one side of training and validation.
const SHARED: usize = 20;

/// The share of the training windows that validates.
const VALIDATION: usize = 10;

/// The layers, chosen by what they reach on windows held out of the training file.
const CONFIG: &str = include_str!("promoters.json");

/// How many networks are trained, each with a seed of its own.
const SEEDS: u64 = 5;

/// Area under the ROC curve, average precision, and the area within equal composition.
#[derive(Clone, Copy)]
struct Measures([f64; 3]);

impl Measures {
    fn of(scores: &[f64], set: &Set) -> Result<Self> {
        let active = set.active();
        Ok(Self([
            area_under_roc(scores, &active).ok_or("no area")?,
            average_precision(scores, &active).ok_or("no precision")?,
            within_composition(scores, &active, set),
        ]))
    }

    fn print(self, name: &str, seconds: Option<f64>) {
        let [area, precision, within] = self.0;
        let seconds = seconds.map(|seconds| format!("{seconds:.0}")).unwrap_or_default();
        println!("| {name} | {area:.3} | {precision:.3} | {within:.3} | {seconds} |");
    }
}

/// How each network is trained.
fn options() -> ConvNetTraining {
    ConvNetTraining {
        epochs: 18,
        learning_rate: 3e-3,
        patience: None,
        weight_decay: 0.05,
        max_shift: 2,
        average: Some(0.995),
        ..ConvNetTraining::default()
    }
}

/// What networks learn from: windows with how active they are, and others to choose an epoch by.
struct Lesson {
    training: Set,
    validation: Set,
}

impl Lesson {
    fn new(promoters: &Promoters) -> Result<Self> {
        let (training, validation) = apart(promoters)?;
        Ok(Self { training, validation })
    }

    /// The network of a seed and the CPU seconds.
    fn train(&self, config: &ConvNetConfig, seed: u64) -> Result<(ConvNet, f64)> {
        let (a, b) = (self.training.batch()?, self.validation.batch()?);
        let (a_degrees, b_degrees) = (degrees(&self.training), degrees(&self.validation));
        let training = ConvNetData { sequences: &a, targets: &a_degrees };
        let validation = ConvNetData { sequences: &b, targets: &b_degrees };
        let (start, run) = (cpu_seconds(), Run { seed: Seed::new(seed), ..Run::default() });
        let trained = train_convnet(config, &training, &validation, &options(), None, run)?;
        Ok((trained.net, cpu_seconds() - start))
    }
}

/// The network of the first seed.
pub(super) fn train_one(promoters: &Promoters) -> Result<ConvNet> {
    Ok(Lesson::new(promoters)?.train(&ConvNetConfig::from_json(CONFIG)?, 0)?.0)
}

/// Prints rows of the table of probes for networks of several seeds; returns the network of the first.
pub(super) fn print_rows(promoters: &Promoters) -> Result<ConvNet> {
    let config = ConvNetConfig::from_json(CONFIG)?;
    let (lesson, test) = (Lesson::new(promoters)?, promoters.test.batch()?);
    let mut measures = Vec::new();
    let mut all_seconds = Vec::new();
    let mut mean = vec![0.0; promoters.test.values.len()];
    let mut first = None;
    for seed in 0..SEEDS {
        let (net, seconds) = lesson.train(&config, seed)?;
        all_seconds.push(seconds);
        let readout = net.spec().readout(None, &[], None, Reduce::Mean)?;
        let scores: Vec<f64> = net.predict_f64(&test, &readout)?.into_iter().collect();
        measures.push(Measures::of(&scores, &promoters.test)?);
        mean.iter_mut().zip(&scores).for_each(|(mean, score)| *mean += score / SEEDS as f64);
        first = first.or(Some(net));
    }
    let column = |place: usize| measures.iter().map(|measures| measures.0[place]).collect::<Vec<f64>>();
    let medians = Measures([0, 1, 2].map(|place| median(column(place))));
    medians.print(&format!("network, median of {SEEDS} seeds"), Some(median(all_seconds)));
    Measures::of(&mean, &promoters.test)?.print(&format!("mean of the {SEEDS} networks"), None);
    let range = |place: usize| {
        let values = column(place);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        format!("{least:.3} to {:.3}", values.iter().copied().fold(0.0, f64::max))
    };
    println!(
        "\nThe network has {} trained numbers in three convolutions and two linear layers (`benches/regulatory/promoters.json`). \
         It learns how active a window is on a curve from 0 to 1, activity² / (activity² + {ACTIVE}²), \
         and its epoch is chosen by {} validation windows that overlap none of the {} that it learns from. Over its \
         seeds the numbers range over {}, {} and {}.",
        config.n_parameters(),
        lesson.validation.values.len(),
        lesson.training.values.len(),
        range(0),
        range(1),
        range(2),
    );
    first.ok_or_else(|| "no network was trained".into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The training and validation windows of the probes, divided anew so that no window of the one overlaps one of the
/// other: those of neighbouring starts of transcription do, and a network can learn them by heart.
fn apart(promoters: &Promoters) -> Result<(Set, Set)> {
    let all: Vec<_> = [&promoters.training, &promoters.validation]
        .into_iter()
        .flat_map(|set| set.sequences.iter().zip(&set.values))
        .collect();
    let mut group: Vec<usize> = (0..all.len()).collect();
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    for (index, (sequence, _)) in all.iter().enumerate() {
        let mut reverse = sequence.codes().to_vec();
        Alphabet::dna().reverse_complement_in_place(&mut reverse)?;
        for word in sequence.codes().windows(SHARED).chain(reverse.windows(SHARED)) {
            let other = *seen.entry(word.to_vec()).or_insert(index);
            let (a, b) = (root(&mut group, index), root(&mut group, other));
            group[a.max(b)] = a.min(b);
        }
    }
    let (mut training, mut validation) = (Set::default(), Set::default());
    for (index, (sequence, value)) in all.into_iter().enumerate() {
        // The first of a group decides for all.
        let validates = root(&mut group, index).is_multiple_of(VALIDATION);
        let set = if validates { &mut validation } else { &mut training };
        set.sequences.push(sequence.clone());
        set.values.push(*value);
    }
    Ok((training, validation))
}

fn root(group: &mut [usize], mut index: usize) -> usize {
    while group[index] != index {
        group[index] = group[group[index]];
        index = group[index];
    }
    index
}

/// How active each window is, on a curve from 0 over a half at the least activity of a class to 1: it tells a network more
/// than the class, which noise decides near that activity.
fn degrees(set: &Set) -> Vec<f64> {
    let square = |value: f64| value.max(0.0).powi(2);
    set.values.iter().map(|value| square(*value) / (square(*value) + square(ACTIVE))).collect()
}
