//! A small network learns a word in made-up sequences, and mutagenesis reads it back:
//! `cargo run --release -p cistron --example network`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{SaturationOptions, SaturationPlan, attributions};
use cistron::encode::{SequenceBatch, random_sequences};
use cistron::models::{ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Alphabet, Run, Seed, Shard};

/// Two convolutions and the strongest answer anywhere in the sequence.
const CONFIG: &str = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 60,
    "layers": [
        {"op": "conv1d", "name": "letters", "in": 4, "out": 16, "kernel": 7, "padding": 3}, {"op": "relu"},
        {"op": "conv1d", "name": "words", "in": 16, "out": 16, "kernel": 3, "padding": 1}, {"op": "relu"},
        {"op": "global_max"}, {"op": "dropout", "p": 0.1}, {"op": "linear", "name": "out", "in": 16, "out": 1}],
    "heads": [{"name": "bound", "tracks": ["bound"]}]}"#;

/// The word that half of the sequences hold.
const WORD: [u8; 7] = [3, 2, 0, 1, 3, 1, 0];

/// Random sequences; every second one has the word somewhere.
fn made_up(n: usize, seed: u64) -> Result<(SequenceBatch, Vec<f64>), Box<dyn std::error::Error>> {
    let random = random_sequences(&Alphabet::dna(), n, 60, &[], Seed::new(seed))?;
    let mut codes = random.codes().to_owned();
    let mut stream = Seed::new(seed).stream("places", 0);
    for mut row in codes.outer_iter_mut().skip(1).step_by(2) {
        let start = stream.below(50) as usize;
        row.iter_mut().skip(start).zip(WORD).for_each(|(code, letter)| *code = letter);
    }
    let classes = (0..n).map(|i| (i % 2) as f64).collect();
    Ok((SequenceBatch::new(&Alphabet::dna(), codes)?, classes))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ((training, training_classes), (validation, validation_classes)) =
        (made_up(4000, 1)?, made_up(500, 2)?);
    let options = ConvNetTraining { epochs: 12, learning_rate: 5e-3, ..ConvNetTraining::default() };
    let trained = train_convnet(
        &ConvNetConfig::from_json(CONFIG)?,
        &ConvNetData { sequences: &training, targets: &training_classes },
        &ConvNetData { sequences: &validation, targets: &validation_classes },
        &options,
        None,
        Run::default(),
    )?;
    let history = &trained.report.history;
    let area = history[trained.report.best_epoch].validation.metric("auroc").unwrap_or(f64::NAN);
    println!("AUROC on new sequences: {area:.3}");

    // The curves of training.
    let curve = |of: &dyn Fn(&cistron::models::EpochReport) -> f64| -> Vec<(f64, f64)> {
        history.iter().map(|epoch| ((epoch.epoch + 1) as f64, of(epoch))).collect()
    };
    let (learned, new) = (curve(&|epoch| epoch.training_loss), curve(&|epoch| epoch.validation.loss));
    let series = [Series { name: "training", points: &learned }, Series { name: "validation", points: &new }];
    let chart =
        LineChart { title: "A word is learned", x_label: "epoch", y_label: "cross-entropy", series: &series };
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(path, line_chart(&chart)?)?;
    }

    // What the network reads in one sequence: the seven letters that matter most.
    let sequences = &validation.to_sequences()?[1..2];
    let plan = SaturationPlan::new(sequences, &trained.net, SaturationOptions::default())?;
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        let (contributions, _) = attributions(block.deltas.view(), block.codes.view());
        let sums: Vec<f64> = contributions.row(0).windows(7).into_iter().map(|window| window.sum()).collect();
        let best = (0..sums.len()).max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap_or(0);
        println!("the strongest word: {}", &sequences[0].to_string()[best..best + 7]);
        Ok(())
    })?;
    Ok(())
}
