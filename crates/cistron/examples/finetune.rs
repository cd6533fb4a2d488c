//! A small Enformer learns a track that follows from the letters, and knows which variants matter:
//! `cargo run --release -p cistron --example finetune -- tracks.svg` writes what was observed beside what it predicts.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{VariantOptions, VariantScorer};
use cistron::encode::{Reduce, SequenceBatch, SequenceModel, random_sequences};
use cistron::genome::Genome;
use cistron::models::{
    Enformer, EnformerConfig, EnformerStart, EnformerTraining, Schedule, TracksInMemory, finetune_enformer,
};
use cistron::ndarray::Array3;
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Alphabet, Run, Seed, VariantRow};

/// A word that makes signal around it.
const SITE: [u8; 7] = [3, 2, 0, 1, 3, 1, 0];
/// Letters of an input, bins that are predicted in its middle, and letters of a bin.
const LENGTH: usize = 128;
const BINS: usize = 8;
const BIN: usize = 8;

type Failure = Box<dyn std::error::Error>;

/// Random windows, some with sites, and the signal of their bins.
fn made_up(n: usize, seed: u64) -> Result<(SequenceBatch, Array3<f32>), Failure> {
    let mut codes = random_sequences(&Alphabet::dna(), n, LENGTH, &[], Seed::new(seed))?.codes().to_owned();
    let mut signal = Array3::from_elem((n, BINS, 1), 0.2);
    let mut stream = Seed::new(seed).stream("sites", 0);
    for (mut row, mut signal) in codes.outer_iter_mut().zip(signal.outer_iter_mut()) {
        for _ in 0..stream.below(3) {
            let start = stream.below((LENGTH - SITE.len()) as u64) as usize;
            row.iter_mut().skip(start).zip(SITE).for_each(|(code, letter)| *code = letter);
            for (bin, value) in signal.iter_mut().enumerate() {
                let middle = (LENGTH - BINS * BIN) / 2 + bin * BIN + BIN / 2;
                let distance = (middle as f32 - (start + SITE.len() / 2) as f32) / 8.0;
                *value += 5.0 * (-0.5 * distance * distance).exp();
            }
        }
    }
    Ok((SequenceBatch::new(&Alphabet::dna(), codes)?, signal))
}

fn main() -> Result<(), Failure> {
    let config = EnformerConfig {
        dim: 24,
        depth: 1,
        heads: 2,
        attn_dim_key: 8,
        target_length: Some(BINS),
        num_downsamples: 3,
        dim_divisible_by: 12,
        dropout_rate: 0.1,
        input_length: LENGTH,
        ..EnformerConfig::default()
    };
    let windows = |n, seed| {
        let (letters, signal) = made_up(n, seed)?;
        Ok::<_, Failure>(TracksInMemory::new(letters, signal, vec!["signal".to_owned()])?)
    };
    let options = EnformerTraining {
        trainable: "head,pointwise,transformer,tower,batch-norm".parse()?,
        learning_rate: 6e-3,
        warmup_steps: 20,
        schedule: Schedule::Cosine { floor: 0.0 },
        batch: 16,
        epochs: 8,
        ..EnformerTraining::default()
    };
    // Another model would begin with `EnformerStart::Folder`, and windows with files: `GenomeWindows`.
    let start = EnformerStart::Scratch(&config);
    let trained =
        finetune_enformer(start, &windows(800, 1)?, &windows(100, 2)?, &options, None, Run::default())?;
    println!("epoch  training loss  validation loss  Pearson");
    for epoch in &trained.report.history {
        let pearson = epoch.validation.metric("pearson").unwrap_or(f64::NAN);
        println!(
            "{:5}  {:13.4}  {:15.4}  {pearson:7.3}",
            epoch.epoch + 1,
            epoch.training_loss,
            epoch.validation.loss
        );
    }
    variants(&trained.model)?;
    let Some(picture) = std::env::args().nth(1) else { return Ok(()) };
    Ok(std::fs::write(picture, drawn(&trained.model)?)?)
}

/// One variant breaks a site, another stands beside it.
fn variants(model: &Enformer) -> Result<(), Failure> {
    let letters = format!("{}TGACTCA{}", "ACGTTGCAGT".repeat(7), "CATTGCAGGA".repeat(7));
    let genome = Genome::from_contigs("toy", [("chr1", letters.as_str())])?;
    let scorer = VariantScorer::new(&genome, &[model], VariantOptions::default())?;
    let row = |id: &str, position: usize, alternate: &str| VariantRow {
        contig: "chr1".into(),
        position: position as u64 + 1,
        id: Some(id.into()),
        reference: letters[position..=position].into(),
        alternate: alternate.into(),
        alt_index: 0,
    };
    let rows = [row("breaks the site", 73, "T"), row("beside the site", 86, "C")];
    for (row, score) in rows.iter().zip(scorer.score(&rows, Run::default())?) {
        let difference = scorer.differences(&score).next().unwrap_or(f64::NAN);
        println!("{} {}: {difference:+.3} a bin", row.id.as_deref().unwrap_or_default(), row.alternate);
    }
    Ok(())
}

/// What was observed and predicted of windows in a row.
fn drawn(model: &Enformer) -> Result<String, Failure> {
    let (letters, signal) = made_up(12, 3)?;
    let readout = model.spec().readout(None, &[], None, Reduce::Keep)?;
    let predicted = model.predict(&letters, &readout)?;
    let points = |values: &Array3<f32>| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(bin, value)| (bin as f64, f64::from(*value))).collect()
    };
    let (observed, predicted) = (points(&signal), points(&predicted));
    let series =
        [Series { name: "observed", points: &observed }, Series { name: "predicted", points: &predicted }];
    let title = "Twelve windows that the model has not seen";
    let chart = LineChart { title, x_label: "bin", y_label: "signal", series: &series };
    Ok(line_chart(&chart)?)
}
