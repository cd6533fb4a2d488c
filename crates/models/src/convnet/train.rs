use cistron_core::{Alphabet, Run, Seed, area_under_roc};
use cistron_encode::SequenceBatch;

use super::network::Network;
use super::{Body, ConvNet, ConvNetConfig, HeadActivation};
use crate::nn::{Loss, Parameters, Pass, Precision, Tensor};
use crate::train::{
    Adam, Batches, Dataset, FitOptions, FitReport, Fnv, Network as Learning, NetworkTrainee, Optimizer,
    RunFolder, Schedule, Stepping, Validation, Watch, fit, with_feed,
};
use crate::{Device, ModelsError};

mod average;

use average::Averaged;

/// Sequences that are measured at a time.
const MEASURED: usize = 256;

/// What a network's numbers cost against their targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvNetLoss {
    /// Of classes, 0 or 1 (or between): the cross-entropy of each track's sigmoid. The heads end in `sigmoid`, or in
    /// nothing, their numbers then being logits.
    #[default]
    BinaryCrossEntropy,
    /// Of any numbers: the squared error of what the heads predict.
    SquaredError,
    /// Of counts from 0: Poisson's. The heads end in `softplus` and predict rates, or in nothing, their numbers then
    /// being logarithms of rates.
    Poisson,
}

impl ConvNetLoss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BinaryCrossEntropy, Self::SquaredError, Self::Poisson];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "bce",
            Self::SquaredError => "mse",
            Self::Poisson => "poisson",
        }
    }

    /// The loss of a head's numbers before its activation, and what is done to them first.
    fn of(self, activation: HeadActivation) -> Option<(Loss, HeadActivation)> {
        match (self, activation) {
            (Self::BinaryCrossEntropy, HeadActivation::None | HeadActivation::Sigmoid) => {
                Some((Loss::BinaryCrossEntropy, HeadActivation::None))
            }
            (Self::SquaredError, _) => Some((Loss::SquaredError, activation)),
            (Self::Poisson, HeadActivation::None) => Some((Loss::PoissonOfLog, activation)),
            (Self::Poisson, HeadActivation::Softplus) => Some((Loss::Poisson, activation)),
            _ => None,
        }
    }

    fn takes(self, target: f64) -> bool {
        match self {
            Self::BinaryCrossEntropy => (0.0..=1.0).contains(&target),
            Self::SquaredError => target.is_finite(),
            Self::Poisson => target >= 0.0 && target.is_finite(),
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "numbers from 0 to 1",
            Self::SquaredError => "finite numbers",
            Self::Poisson => "finite numbers from 0",
        }
    }
}

impl std::str::FromStr for ConvNetLoss {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        Self::ALL.into_iter().find(|loss| loss.name() == text).ok_or_else(|| ModelsError::Option {
            option: "loss",
            found: text.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "options, with defaults for the rest")]
pub struct ConvNetTraining {
    /// What is learned. Default: classes.
    pub loss: ConvNetLoss,
    /// The largest number of passes over the training data. Default: 20.
    pub epochs: u64,
    /// The learning rate. Default: 1e-3.
    pub learning_rate: f64,
    /// How it changes. Default: half a cosine down to a hundredth.
    pub schedule: Schedule,
    /// The sequences of a step. Default: 64.
    pub batch: usize,
    /// The number of epochs without a lower validation loss after which training stops. Default: 5.
    pub patience: Option<u64>,
    /// The weight decay of `AdamW`, which spares biases and normalisation. Default: 0.01.
    pub weight_decay: f64,
    /// The largest norm of a step's gradient. Default: 1.
    pub clip: Option<f64>,
    /// Training sequences are shifted by up to so many letters either way, anew in each epoch; what comes in from
    /// beside them is unknown. Default: 0.
    pub max_shift: usize,
    /// If so, what is measured and kept is a running mean of the weights, of which so large a share stays at each step
    /// (Polyak's averaging). Default: none.
    pub average: Option<f64>,
}

impl Default for ConvNetTraining {
    fn default() -> Self {
        Self {
            loss: ConvNetLoss::default(),
            epochs: 20,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine { floor: 0.01 },
            batch: 64,
            patience: Some(5),
            weight_decay: 0.01,
            clip: Some(1.0),
            max_shift: 0,
            average: None,
        }
    }
}

impl ConvNetTraining {
    fn fitting(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            schedule: self.schedule.clone(),
            best: Some(Watch::default()),
            patience: self.patience,
            ..FitOptions::default()
        }
    }

    fn stepping(&self) -> Stepping {
        let adam = Adam { weight_decay: self.weight_decay, ..Adam::default() };
        Stepping { optimizer: Optimizer::AdamW(adam), clip: self.clip, accumulate: 1 }
    }

    fn check(&self) -> Result<(), ModelsError> {
        match self.average {
            Some(share) if !(0.0..1.0).contains(&share) => Err(ModelsError::Option {
                option: "average",
                found: share.to_string(),
                expected: "a share from 0 to below 1".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Sequences and what is known of each.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ConvNetData<'a> {
    /// The sequences (N).
    pub sequences: &'a SequenceBatch,
    /// Their targets (N, outputs), row after row: of each head its bins, of each bin its tracks.
    pub targets: &'a [f64],
}

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

impl ConvNetData<'_> {
    fn check(
        &self,
        set: &'static str,
        net: &ConvNet,
        heads: &[TrainedHead],
        loss: ConvNetLoss,
    ) -> Result<(), ModelsError> {
        let refuse = |problem: String| Err(ModelsError::Data { set, problem });
        let (n, outputs) = (self.sequences.len(), outputs(heads));
        if n == 0 {
            return refuse("found no sequence, expected at least 1".to_owned());
        }
        net.spec.check(self.sequences.alphabet(), self.sequences.width())?;
        if self.targets.len() != n * outputs {
            let found = self.targets.len();
            return refuse(format!("found {found} targets, expected {outputs} for each of {n} sequences"));
        }
        match self.targets.iter().position(|target| !loss.takes(*target)) {
            None => Ok(()),
            Some(place) => {
                let (row, output, found) = (place / outputs, place % outputs, self.targets[place]);
                refuse(format!("target {output} of sequence {row} is {found}, expected {}", loss.expected()))
            }
        }
    }
}

/// Training sequences as a data set.
struct Rows<'a> {
    data: ConvNetData<'a>,
    outputs: usize,
    max_shift: usize,
    seed: Seed,
}

/// One-hot sequences (n, L, A) and their targets (n, outputs).
struct Examples {
    n: usize,
    one_hot: Vec<f32>,
    targets: Vec<f32>,
}

impl Dataset for Rows<'_> {
    type Batch = Examples;

    fn n_rows(&self) -> u64 {
        self.data.sequences.len() as u64
    }

    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Examples, ModelsError> {
        let width = (2 * self.max_shift + 1) as u64;
        let shift = |row: u64| match self.max_shift {
            0 => 0,
            most => {
                let place = epoch.wrapping_mul(self.n_rows()).wrapping_add(row);
                self.seed.stream("shift", place).below(width) as isize - most as isize
            }
        };
        Ok(self.data.examples(rows.iter().map(|&row| (row as usize, shift(row))), self.outputs))
    }
}

impl ConvNetData<'_> {
    /// Sequences, each moved by a number of letters.
    fn examples(&self, rows: impl ExactSizeIterator<Item = (usize, isize)>, outputs: usize) -> Examples {
        let (letters, length) = (usize::from(self.alphabet().len()), self.sequences.width());
        let n = rows.len();
        let mut one_hot = vec![0.0; n * length * letters];
        let mut targets = Vec::with_capacity(n * outputs);
        let codes = self.sequences.codes();
        for (place, (row, shift)) in one_hot.chunks_exact_mut((length * letters).max(1)).zip(rows) {
            targets.extend(self.targets[row * outputs..][..outputs].iter().map(|&target| target as f32));
            for (position, code) in codes.row(row).iter().enumerate() {
                let moved = position.checked_add_signed(shift).filter(|at| *at < length);
                if let (Some(at), true) = (moved, usize::from(*code) < letters) {
                    place[at * letters + usize::from(*code)] = 1.0;
                }
            }
        }
        Examples { n, one_hot, targets }
    }

    fn alphabet(&self) -> &Alphabet {
        self.sequences.alphabet()
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
        let data = |data: &ConvNetData<'_>| {
            let codes = data.sequences.codes();
            let mut hash = Fnv::default();
            codes.iter().for_each(|code| hash.add(&[*code]));
            data.targets.iter().for_each(|target| hash.add(&target.to_le_bytes()));
            format!("{} sequences, {:016x}", codes.nrows(), hash.number())
        };
        let ConvNetTraining { loss, batch, max_shift, average, .. } = self.options;
        [
            ("network", config),
            ("training data", data(&self.training)),
            ("validation data", data(&self.validation)),
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
