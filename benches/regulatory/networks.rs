//! Networks of convolutions on the promoters of E. coli.

use std::collections::HashMap;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Run, Seed, area_under_roc, average_precision};
use cistron_encode::{Reduce, SequenceModel};
use cistron_models::{ConvNet, ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};

use super::{Promoters, Result, Set, within_composition};

/// Windows that share a word of so many letters, on either strand, stay on one side of training and validation.
const SHARED: usize = 20;

/// The share of the training windows that validates.
const VALIDATION: usize = 10;

/// What a network says of promoters.
struct Measures([f64; 3]);

impl Measures {
    fn of(net: &ConvNet, set: &Set) -> Result<(Vec<f64>, Self)> {
        let readout = net.spec().readout(None, &[], None, Reduce::Mean)?;
        let scores: Vec<f64> = net.predict_f64(&set.batch()?, &readout)?.into_iter().collect();
        let measures = Self::of_scores(&scores, set)?;
        Ok((scores, measures))
    }

    fn of_scores(scores: &[f64], set: &Set) -> Result<Self> {
        let active = set.active();
        Ok(Self([
            area_under_roc(scores, &active).ok_or("no area")?,
            average_precision(scores, &active).ok_or("no precision")?,
            within_composition(scores, &active, set),
        ]))
    }
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

fn classes(set: &Set) -> Vec<f64> {
    set.active().into_iter().map(|active| f64::from(u8::from(active))).collect()
}

pub(super) fn tune(promoters: &Promoters) -> Result<()> {
    let (training, validation) = apart(promoters)?;
    println!(
        "{} {} active {} {}",
        training.values.len(),
        validation.values.len(),
        training.active().iter().filter(|a| **a).count(),
        validation.active().iter().filter(|a| **a).count()
    );
    let config = ConvNetConfig::from_json(&std::fs::read_to_string(std::env::var("NET_CONFIG")?)?)?;
    let mut o = ConvNetTraining::default();
    for pair in std::env::var("NET_OPTS").unwrap_or_default().split(',').filter(|p| !p.is_empty()) {
        let (k, v) = pair.split_once('=').ok_or("pair")?;
        match k {
            "epochs" => o.epochs = v.parse()?,
            "lr" => o.learning_rate = v.parse()?,
            "wd" => o.weight_decay = v.parse()?,
            "shift" => o.max_shift = v.parse()?,
            "avg" => o.average = Some(v.parse()?),
            "batch" => o.batch = v.parse()?,
            "pat" => o.patience = Some(v.parse()?),
            _ => return Err("key".into()),
        }
    }
    let (a, b) = (training.batch()?, validation.batch()?);
    let (at, bt) = (classes(&training), classes(&validation));
    let seeds: u64 = std::env::var("NET_SEEDS").unwrap_or("2".into()).parse()?;
    for seed in 0..seeds {
        let start = cpu_seconds();
        let run = Run { seed: Seed::new(seed), ..Run::default() };
        let trained = train_convnet(
            &config,
            &ConvNetData { sequences: &a, targets: &at },
            &ConvNetData { sequences: &b, targets: &bt },
            &o,
            None,
            run,
        )?;
        let t = cpu_seconds() - start;
        let m = Measures::of(&trained.net, &validation)?.1;
        let h = &trained.report.history;
        let best = &h[trained.report.best_epoch];
        println!(
            "seed {seed} auroc {:.4} auprc {:.4} within {:.4} vloss {:.4} best {}/{} tloss {:.4} last {:.4} cpu {:.1} params {}",
            m.0[0],
            m.0[1],
            m.0[2],
            best.validation.loss,
            trained.report.best_epoch,
            h.len(),
            best.training_loss,
            h[h.len() - 1].training_loss,
            t,
            config.n_parameters()
        );
    }
    Ok(())
}
