use cistron_core::{Run, area_under_roc};

use super::network::Network;
use super::{Body, ConvNet, ConvNetConfig, HeadActivation};
use crate::nn::{Loss, Parameters, Pass, Precision, Tensor};
use crate::train::{
    Batches, FitReport, Network as Learning, NetworkTrainee, RunFolder, Validation, fit, with_feed,
};
use crate::{Device, ModelsError};

mod average;
mod data;
mod options;

use average::Averaged;
pub use data::ConvNetData;
use data::{Examples, Rows};
pub use options::{ConvNetLoss, ConvNetTraining};

/// Sequences that are measured at a time.
const MEASURED: usize = 256;

/// A trained network and how it came about.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct TrainedConvNet {
    /// The network of the epoch with the lowest validation loss.
    pub net: ConvNet,
    /// Each epoch that ran; with classes the metric `auroc` is the mean over the outputs that have both.
    pub report: FitReport,
}

/// Trains a network as PyTorch's layers begin, by `AdamW`, until a number of epochs or no lower validation loss.
///
/// The result depends on the data, the options and the seed, to the last bit, and not on the number of threads. With a
/// folder, states and a log are saved on the way, and a run that was interrupted goes on as if it had not been.
///
/// # Errors
/// [`ModelsError::Network`] for layers that do not fit one another or a loss that does not fit a head;
/// [`ModelsError::Data`] for sequences or targets that do not fit the network; [`ModelsError::Option`],
/// [`ModelsError::Diverged`], [`ModelsError::Cancelled`] and those of the folder.
///
/// ```
/// use cistron_core::{Alphabet, Run, Seed};
/// use cistron_encode::random_sequences;
/// use cistron_models::{ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};
///
/// // Whether a sequence holds the word TAT.
/// let sequences = random_sequences(&Alphabet::dna(), 600, 20, &[], Seed::new(1))?;
/// let has_word = |row: ndarray::ArrayView1<u8>| row.to_vec().windows(3).any(|word| word == [3, 0, 3]);
/// let targets: Vec<f64> =
///     sequences.codes().outer_iter().map(|row| f64::from(u8::from(has_word(row)))).collect();
/// let config = ConvNetConfig::from_json(
///     r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 20,
///         "layers": [{"op": "conv1d", "name": "words", "in": 4, "out": 8, "kernel": 3}, {"op": "relu"},
///                    {"op": "global_max"}, {"op": "linear", "name": "out", "in": 8, "out": 1}],
///         "heads": [{"name": "word", "tracks": ["TAT"], "activation": "sigmoid"}]}"#,
/// )?;
/// let data = ConvNetData { sequences: &sequences, targets: &targets };
/// let options = ConvNetTraining { epochs: 40, learning_rate: 0.03, patience: None, ..Default::default() };
/// let trained = train_convnet(&config, &data, &data, &options, None, Run::default())?;
/// let best = &trained.report.history[trained.report.best_epoch].validation;
/// assert!(best.metric("auroc") > Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train_convnet(
    config: &ConvNetConfig,
    training: &ConvNetData<'_>,
    validation: &ConvNetData<'_>,
    options: &ConvNetTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedConvNet, ModelsError> {
    options.check()?;
    let mut net = ConvNet::new(config, run.seed)?;
    let heads = net.trained_heads(options.loss)?;
    training.check("training", &net, &heads, options.loss)?;
    validation.check("validation", &net, &heads, options.loss)?;
    let rows =
        Rows { data: *training, outputs: outputs(&heads), max_shift: options.max_shift, seed: run.seed };
    let batches = Batches::new(training.sequences.len() as u64, options.batch, run.seed)?;
    let report = with_feed(&rows, batches, 1, |feed| {
        let (parameters, network) = (&net.parameters, &net.network);
        let learner = Learner {
            config,
            parameters,
            network,
            heads: &heads,
            training: *training,
            validation: *validation,
            options,
            run,
        };
        let mut trainee = NetworkTrainee::new(&learner, feed, options.stepping(), run.seed)?;
        match options.average {
            None => fit(&mut trainee, &options.fitting(), folder, run),
            Some(share) => {
                let mut averaged = Averaged::new(trainee, parameters, share)?;
                let report = fit(&mut averaged, &options.fitting(), folder, run)?;
                averaged.finish()?;
                Ok(report)
            }
        }
    })?;
    net.frozen = Body::new(config, &net.parameters, Precision::Single)?;
    Ok(TrainedConvNet { net, report })
}

/// What a head is trained for.
#[derive(Clone, Copy, Debug)]
struct TrainedHead {
    outputs: usize,
    loss: Loss,
    activation: HeadActivation,
}

fn outputs(heads: &[TrainedHead]) -> usize {
    heads.iter().map(|head| head.outputs).sum()
}

impl ConvNet {
    fn trained_heads(&self, loss: ConvNetLoss) -> Result<Vec<TrainedHead>, ModelsError> {
        let head = |head: &super::ConvNetHead| {
            let (of_head, activation) = loss.of(head.activation).ok_or_else(|| {
                let place = format!("head {}", head.name);
                super::parse::problem(
                    place,
                    format!("found activation {:?}, which {} does not fit", head.activation, loss.name()),
                )
            })?;
            Ok(TrainedHead { outputs: head.bins * head.tracks.len(), loss: of_head, activation })
        };
        self.config.heads.iter().map(head).collect()
    }
}

/// A network in training.
struct Learner<'a> {
    config: &'a ConvNetConfig,
    parameters: &'a Parameters,
    network: &'a Network,
    heads: &'a [TrainedHead],
    training: ConvNetData<'a>,
    validation: ConvNetData<'a>,
    options: &'a ConvNetTraining,
    run: Run<'a>,
}

impl Learner<'_> {
    /// Each head's numbers as its loss takes them.
    fn forward(&self, examples: &Examples, pass: &mut Pass) -> Result<Vec<Tensor>, ModelsError> {
        let (letters, length) =
            (usize::from(self.training.alphabet().len()), self.training.sequences.width());
        let x = Tensor::from_f32(examples.one_hot.clone(), &[examples.n, length, letters], Device::Cpu)?;
        let numbers = self.network.forward(&x, pass)?;
        numbers.iter().zip(self.heads).map(|(z, head)| head.activation.of(z)).collect()
    }

    /// The mean loss over all outputs.
    fn cost(&self, numbers: &[Tensor], examples: &Examples) -> Result<Tensor, ModelsError> {
        let all = outputs(self.heads);
        let mut first = 0;
        let mut sum: Option<Tensor> = None;
        for (z, head) in numbers.iter().zip(self.heads) {
            let rows = examples.targets.chunks_exact(all.max(1));
            let targets = rows.flat_map(|row| &row[first..first + head.outputs]).copied().collect();
            first += head.outputs;
            let cost = z.loss(&Tensor::from_f32(targets, z.shape(), Device::Cpu)?, head.loss)?;
            let part =
                if head.outputs == all { cost } else { cost.affine(head.outputs as f64 / all as f64, 0.0)? };
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
        sum.ok_or_else(|| super::parse::problem("heads", "found none, expected at least one"))
    }
}

impl Learning for Learner<'_> {
    type Batch = Examples;

    fn parameters(&self) -> &Parameters {
        self.parameters
    }

    fn loss(&self, batch: &Examples, pass: &mut Pass) -> Result<(Tensor, f64), ModelsError> {
        Ok((self.cost(&self.forward(batch, pass)?, batch)?, batch.n as f64))
    }

    fn validate(&self, epoch: u64) -> Result<Validation, ModelsError> {
        let (n, all) = (self.validation.sequences.len(), outputs(self.heads));
        let mut numbers = vec![0.0; n * all];
        let mut loss = 0.0;
        for first in (0..n).step_by(MEASURED) {
            if self.run.is_cancelled() {
                return Err(ModelsError::Cancelled { done: epoch, total: self.options.epochs });
            }
            let rows = first..(first + MEASURED).min(n);
            let examples = self.validation.examples(rows.map(|row| (row, 0)), all);
            let found = self.forward(&examples, &mut Pass::Evaluation)?;
            loss += self.cost(&found, &examples)?.scalar()? * examples.n as f64;
            let mut place = 0;
            for (z, head) in found.iter().zip(self.heads) {
                for (row, values) in z.to_f64()?.chunks_exact(head.outputs.max(1)).enumerate() {
                    numbers[(first + row) * all + place..][..head.outputs].copy_from_slice(values);
                }
                place += head.outputs;
            }
        }
        Ok(Validation { loss: loss / n as f64, metrics: self.metrics(&numbers, all) })
    }

    fn identity(&self) -> Vec<(String, String)> {
        let config = serde_json::to_string(self.config).unwrap_or_default();
        let ConvNetTraining { loss, batch, max_shift, average, .. } = self.options;
        [
            ("network", config),
            ("training data", self.training.digest()),
            ("validation data", self.validation.digest()),
            ("loss", loss.name().to_owned()),
            ("batch", batch.to_string()),
            ("largest shift", max_shift.to_string()),
            ("average", format!("{average:?}")),
            ("seed", self.run.seed.number().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl Learner<'_> {
    /// With classes the mean area under the ROC curve over the outputs that have both.
    fn metrics(&self, numbers: &[f64], all: usize) -> Vec<(String, f64)> {
        if self.options.loss != ConvNetLoss::BinaryCrossEntropy {
            return Vec::new();
        }
        let area = |output: usize| {
            let of = |values: &[f64]| values.iter().skip(output).step_by(all).copied().collect::<Vec<f64>>();
            let positive: Vec<bool> =
                of(self.validation.targets).iter().map(|target| *target >= 0.5).collect();
            area_under_roc(&of(numbers), &positive)
        };
        let areas: Vec<f64> = (0..all).filter_map(area).collect();
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        vec![("auroc".to_owned(), if areas.is_empty() { 0.5 } else { mean })]
    }
}

#[cfg(test)]
mod tests;
