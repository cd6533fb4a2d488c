//! A small Enformer that learns a track of the genome, and what it predicts of windows that it has not seen.

use cistron::encode::{Reduce, SequenceBatch, SequenceModel};
use cistron::genome::Genome;
use cistron::models::{
    Enformer, EnformerConfig, EnformerStart, EnformerTraining, Schedule, TrackCorrelations, TracksInMemory,
    finetune_enformer,
};
use cistron::ndarray::{Array3, ArrayView2, s};
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Run, Sequence};

use super::data::{Labelled, MOTIFS, WIDTH};
use crate::input::fetch_all;

/// Bases of a bin, and bins of a window.
const BIN: usize = 8;
const BINS: usize = WIDTH / BIN;
/// The deviation of the signal around a word, in bases.
const SPREAD: f64 = 10.0;
/// Windows to learn from, to choose an epoch by, and to be asked about.
const COUNTS: [usize; 3] = [500, 100, 200];
/// Windows in the picture.
const SHOWN: usize = 8;

/// What was observed and predicted of new windows: (windows, bins, 1).
pub(super) struct LearnedTrack {
    observed: Array3<f32>,
    predicted: Array3<f32>,
    pearson: f64,
}

impl LearnedTrack {
    pub(super) fn learn(
        genome: &Genome,
        training: &Labelled,
        held_out: &Labelled,
        run: Run<'_>,
    ) -> anyhow::Result<Self> {
        let [learned, chosen, asked] = COUNTS;
        let (new, observed) = windows(genome, held_out, chosen, asked)?;
        let model =
            train(windows(genome, training, 0, learned)?, windows(genome, held_out, 0, chosen)?, run)?;
        let readout = model.spec().readout(None, &[], None, Reduce::Keep)?;
        let predicted = model.predict(&new, &readout)?;
        let mut correlations = TrackCorrelations::new(1);
        let values = |row: ArrayView2<'_, f32>| row.iter().copied().collect::<Vec<f32>>();
        for (predicted, observed) in predicted.outer_iter().zip(observed.outer_iter()) {
            correlations.add(&values(predicted), &values(observed));
        }
        let pearson = correlations.pooled().first().copied().unwrap_or(f64::NAN);
        Ok(Self { observed, predicted, pearson })
    }

    /// What was learned, as HTML with a picture.
    pub(super) fn section(&self) -> anyhow::Result<String> {
        let [learned, _, asked] = COUNTS;
        let points = |values: &Array3<f32>| -> Vec<(f64, f64)> {
            let shown = values.slice(s![..SHOWN, .., ..]);
            (0..).zip(shown.iter()).map(|(bin, value)| (f64::from(bin), f64::from(*value))).collect()
        };
        let (observed, predicted) = (points(&self.observed), points(&self.predicted));
        let series = [
            Series { name: "observed", points: &observed },
            Series { name: "predicted", points: &predicted },
        ];
        let chart = line_chart(&LineChart {
            title: &format!("{SHOWN} windows that the model has not seen, side by side"),
            x_label: "bin of 8 bases",
            y_label: "signal",
            series: &series,
        })?;
        Ok(format!(
            "<p>A track is made up that rises around each <code>{}</code> on either strand. An Enformer of 24 channels \
             and one block of attention begins with random weights and learns it from {learned} windows; on {asked} \
             windows of the other contig what it predicts of each bin correlates with the track (Pearson) by \
             {:.3}.</p>\n<figure>{chart}</figure>",
            MOTIFS[0], self.pearson
        ))
    }
}

fn train(
    training: (SequenceBatch, Array3<f32>),
    validation: (SequenceBatch, Array3<f32>),
    run: Run<'_>,
) -> anyhow::Result<Enformer> {
    let config = EnformerConfig {
        dim: 24,
        depth: 1,
        heads: 2,
        attn_dim_key: 8,
        target_length: None,
        num_downsamples: 3,
        dim_divisible_by: 12,
        dropout_rate: 0.1,
        input_length: WIDTH,
        ..EnformerConfig::default()
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
    let memory = |(letters, signal)| TracksInMemory::new(letters, signal, vec!["signal".to_owned()]);
    let (training, validation) = (memory(training)?, memory(validation)?);
    let start = EnformerStart::Scratch(&config);
    Ok(finetune_enformer(start, &training, &validation, &options, None, run)?.model)
}

/// Windows from the first on, and the signal of their bins.
fn windows(
    genome: &Genome,
    set: &Labelled,
    first: usize,
    count: usize,
) -> anyhow::Result<(SequenceBatch, Array3<f32>)> {
    let chosen: Vec<_> = set.windows.iter().skip(first).take(count).cloned().collect();
    let sequences = fetch_all(genome, &chosen)?;
    let word = Sequence::parse(&cistron::Alphabet::dna(), MOTIFS[0])?;
    let words = [word.reverse_complement()?, word];
    let mut signal = Array3::from_elem((sequences.len(), BINS, 1), 0.2);
    for (sequence, mut signal) in sequences.iter().zip(signal.outer_iter_mut()) {
        let starts = sequence.codes().windows(MOTIFS[0].len()).enumerate();
        for (start, _) in starts.filter(|(_, found)| words.iter().any(|word| word.codes() == *found)) {
            for (bin, value) in signal.iter_mut().enumerate() {
                let middle = (bin * BIN + BIN / 2) as f64 - (start + MOTIFS[0].len() / 2) as f64;
                *value += (5.0 * (-0.5 * (middle / SPREAD).powi(2)).exp()) as f32;
            }
        }
    }
    Ok((SequenceBatch::from_sequences(&sequences)?, signal))
}
