use std::fmt::Write as _;

use cistron_core::Run;

use super::rows::{Examples, Rows};
use super::start::Start;
use super::{EnformerTraining, TrackLoss};
use crate::enformer::EnformerConfig;
use crate::enformer::graph::Graph;
use crate::enformer::parse::problem;
use crate::load::write_text;
use crate::nn::{Parameters, Pass, Tensor};
use crate::train::{Fnv, Network, RunFolder, Step, StepReport, Trainee, Validation};
use crate::{Checkpoint, ModelsError, TrackCorrelations, TrackWindows};

/// An Enformer in training.
pub(super) struct Learner<'a> {
    pub(super) graph: &'a Graph,
    pub(super) config: &'a EnformerConfig,
    /// The validation windows.
    pub(super) measured: &'a Rows<'a>,
    pub(super) options: &'a EnformerTraining,
    pub(super) identity: Vec<(String, String)>,
    pub(super) trained: &'a [String],
    pub(super) folder: Option<&'a RunFolder>,
    pub(super) run: Run<'a>,
}

impl Learner<'_> {
    /// The tracks of the one head, (n, bins, tracks).
    fn predict(&self, examples: &Examples, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let inputs = self.measured.inputs(examples, self.options.device)?;
        let mut heads = self.graph.forward(&inputs, pass)?;
        heads.pop().ok_or_else(|| problem("output_heads", "found none, expected one"))
    }

    fn cost(&self, predicted: &Tensor, examples: &Examples) -> Result<Tensor, ModelsError> {
        let targets = Tensor::from_f32(examples.targets.clone(), predicted.shape(), self.options.device)?;
        let loss = self.options.loss.loss();
        match self.options.loss {
            // Its rows are the bins of a track.
            TrackLoss::PoissonMultinomial { .. } => {
                predicted.transpose(1, 2)?.loss(&targets.transpose(1, 2)?, loss)
            }
            TrackLoss::Poisson | TrackLoss::SquaredError => predicted.loss(&targets, loss),
        }
    }

    /// Leaves beside the weights what is said of them.
    fn describe(
        &self,
        epoch: u64,
        correlations: &TrackCorrelations,
        tracks: &[String],
    ) -> Result<(), ModelsError> {
        let Some(folder) = self.folder else { return Ok(()) };
        let mut text = "track\tpearson\tpearson_windows\n".to_owned();
        let pairs = correlations.pooled().into_iter().zip(correlations.by_window());
        for (track, (pooled, by_window)) in tracks.iter().zip(pairs) {
            let _ = writeln!(text, "{track}\t{pooled}\t{by_window}");
        }
        write_text(folder.path(), &format!("tracks-{epoch}.tsv"), &text)?;
        let mut text = "tensor\tshape\n".to_owned();
        for name in self.trained {
            let tensor = self.graph.parameters().get(name);
            let shape = tensor.map(|tensor| format!("{:?}", tensor.shape())).unwrap_or_default();
            let _ = writeln!(text, "{name}\t{shape}");
        }
        write_text(folder.path(), "trained.tsv", &text)?;
        self.config.write(folder.path())
    }
}

impl Network for Learner<'_> {
    type Batch = Examples;

    fn parameters(&self) -> &Parameters {
        self.graph.parameters()
    }

    fn loss(&self, batch: &Examples, pass: &mut Pass) -> Result<(Tensor, f64), ModelsError> {
        Ok((self.cost(&self.predict(batch, pass)?, batch)?, batch.n as f64))
    }

    fn validate(&self, epoch: u64) -> Result<Validation, ModelsError> {
        let windows = self.measured.windows;
        let (n, tracks) = (windows.n_windows(), windows.tracks());
        let mut correlations = TrackCorrelations::new(tracks.len());
        let mut loss = 0.0;
        let all: Vec<u64> = (0..n).collect();
        for batch in all.chunks(self.options.batch) {
            if self.run.is_cancelled() {
                return Err(ModelsError::Cancelled { done: epoch, total: self.options.epochs });
            }
            let examples = self.measured.examples(epoch, batch)?;
            let predicted = self.predict(&examples, &mut Pass::Evaluation)?;
            loss += self.cost(&predicted, &examples)?.scalar()? * examples.n as f64;
            let size = (windows.bins() * tracks.len()).max(1);
            let predicted = predicted.to_f32()?;
            for (predicted, observed) in predicted.chunks_exact(size).zip(examples.targets.chunks_exact(size))
            {
                correlations.add(predicted, observed);
            }
        }
        self.describe(epoch, &correlations, tracks)?;
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let metrics =
            [("pearson", mean(correlations.pooled())), ("pearson_windows", mean(correlations.by_window()))];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Validation { loss: loss / n as f64, metrics })
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.identity.clone()
    }

    fn group<'a>(&self, parameter: &'a str) -> &'a str {
        let first = |n: usize| {
            let end = parameter.match_indices('.').nth(n - 1).map_or(parameter.len(), |(place, _)| place);
            parameter.get(..end).unwrap_or(parameter)
        };
        match first(1) {
            "_heads" => "head",
            "final_pointwise" => "pointwise",
            "transformer" | "conv_tower" => first(2),
            other => other,
        }
    }
}

/// What the numbers of a run depend on beside the options of its loop.
pub(super) fn tune_identity(
    start: &Start,
    training: &dyn TrackWindows,
    validation: &dyn TrackWindows,
    options: &EnformerTraining,
) -> Result<Vec<(String, String)>, ModelsError> {
    let EnformerTraining { trainable, head, loss, batch, reverse_complement, mirror, max_shift, .. } =
        options;
    let data = |windows: &dyn TrackWindows| {
        let mut hash = Fnv::default();
        windows.identify(&mut |bytes| hash.add(bytes))?;
        Ok::<_, ModelsError>(format!("{} windows, {:016x}", windows.n_windows(), hash.number()))
    };
    let mut layers = Fnv::default();
    layers.add(EnformerConfig { output_heads: Vec::new(), ..start.config.clone() }.to_json().as_bytes());
    Ok([
        ("network", start.config.to_json()),
        ("layers", format!("{:016x}", layers.number())),
        ("weights", format!("{:016x}", start.digest()?)),
        ("training data", data(training)?),
        ("validation data", data(validation)?),
        ("trainable", trainable.to_string()),
        ("head", format!("{head:?}, {:016x}", start.head_digest())),
        ("loss", format!("{loss:?}")),
        ("batch", batch.to_string()),
        ("reverse complement", reverse_complement.to_string()),
        ("mirror", format!("{mirror:?}")),
        ("largest shift", max_shift.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec())
}

/// Training of which the finished model has all weights, and the state what changes alone.
pub(super) struct Tuned<'a, T> {
    trainee: T,
    graph: &'a Graph,
    start: &'a Start,
    /// What has changed in the best epoch, if it was not the last.
    best: Option<Checkpoint>,
}

impl<'a, T: Trainee> Tuned<'a, T> {
    pub(super) fn new(trainee: T, graph: &'a Graph, start: &'a Start) -> Self {
        Self { trainee, graph, start, best: None }
    }

    /// What has changed in the best epoch, when training is over.
    pub(super) fn changed(self) -> Result<Checkpoint, ModelsError> {
        self.best.map_or_else(|| self.graph.weights(), Ok)
    }
}

impl<T: Trainee> Trainee for Tuned<'_, T> {
    fn n_steps(&self) -> u64 {
        self.trainee.n_steps()
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.trainee.identity()
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        self.trainee.step(at, learning_rate)
    }

    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError> {
        self.trainee.validate(epoch)
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        self.trainee.state()
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.trainee.restore(state)
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        self.start.all_with(&self.graph.weights()?)
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        let mut best = Checkpoint::new();
        for (name, tensor) in self.graph.weights()?.tensors() {
            let shape: Vec<Option<usize>> = tensor.shape().iter().copied().map(Some).collect();
            weights.values(name, &shape)?;
            if let Some(tensor) = weights.get(name) {
                best.insert(name, tensor.clone());
            }
        }
        self.best = Some(best);
        Ok(())
    }
}
