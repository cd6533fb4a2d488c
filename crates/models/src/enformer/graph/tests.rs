#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use super::super::engine::Engine;
use super::super::parameters::Parameter;
use super::super::tests::{drawn, sequence, small};
use super::super::{EnformerContextAttention, EnformerContextLayer, EnformerHead, EnformerHeadInput};
use super::*;
use crate::nn::{Activation, Loss, composed};
use crate::train::{
    Batches, Dataset, Network, NetworkTrainee, Step, Stepping, Trainee, Validation, with_feed,
};

mod golden;
mod gradients;
mod trained;

fn source(parameter: &Parameter) -> Result<Vec<f32>, ModelsError> {
    drawn(parameter, Seed::new(3))
}

fn letters(length: usize, n: usize, precision: Precision) -> Tensor {
    let codes: Vec<u8> = (0..n).flat_map(|i| sequence(length, i as u64).codes().to_vec()).collect();
    Tensor::from_f64(one_hot(&codes), &[n, length, LETTERS], precision, Device::Cpu).unwrap()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}, number {i}: found {a}, expected {b}");
    }
}

/// Each kind of head, odd lengths at each stage, and both rules of the crop.
fn configs() -> Vec<EnformerConfig> {
    let reference = super::super::EnformerCrop::Reference;
    let head =
        |name: &str, activation, reads| EnformerHead { activation, reads, ..EnformerHead::numbered(name, 2) };
    let heads = vec![
        head("rows", None, EnformerHeadInput::Transformer),
        head("embeddings", Some(Activation::Sigmoid), EnformerHeadInput::Embeddings),
        head("normed", Some(Activation::Softplus), EnformerHeadInput::NormedTransformer),
    ];
    vec![
        EnformerConfig { output_heads: heads, ..small(64, Some(4)) },
        with_contexts(),
        small(64, Some(4)),
        small(83, Some(4)),
        small(75, None),
        EnformerConfig { crop: reference, ..small(83, Some(4)) },
    ]
}

/// Heads of contexts, of which some tokens do not count.
fn with_contexts() -> EnformerConfig {
    let head = |name: &str, activation, tokens, attention| EnformerHead {
        activation,
        contexts: Some(EnformerContextLayer { width: 5, tokens, attention }),
        ..EnformerHead::numbered(name, 3)
    };
    let attention = EnformerContextAttention { heads: 2, head_width: 3 };
    let heads = vec![
        head("vectors", Some(Activation::Softplus), 1, None),
        head("tokens", Some(Activation::Softplus), 3, Some(attention)),
        head("token", None, 1, Some(attention)),
    ];
    EnformerConfig { output_heads: heads, ..small(64, Some(4)) }
}

#[test]
fn the_graph_computes_what_the_engine_does() {
    for config in configs() {
        for (precision, tolerance) in [(Precision::Double, 1e-11), (Precision::Single, 2e-5)] {
            let engine: Engine<f64> = Engine::new(&config, &mut source).unwrap();
            let options = GraphOptions { precision, ..GraphOptions::default() };
            let graph = Graph::whole(&config, &mut source, options).unwrap();
            let x = letters(config.input_length, 2, precision);
            let run = || graph.forward(&x, &mut Pass::Evaluation).unwrap();
            for found in [run(), composed(run)] {
                for (head, found) in found.iter().enumerate() {
                    let tracks: Vec<u32> = (0..config.output_heads[head].tracks.len() as u32).collect();
                    let expected: Vec<f64> = (0..2)
                        .flat_map(|i| {
                            let codes = sequence(config.input_length, i).codes().to_vec();
                            let kept = config.kept_bins(config.n_positions(codes.len()));
                            let rows = engine.attended(engine.trunk(&codes), kept);
                            engine.tracks(&rows, head, &tracks)
                        })
                        .collect();
                    assert_close(&found.to_f64().unwrap(), &expected, tolerance, "head");
                }
            }
        }
    }
}

fn training_pass() -> Pass {
    Pass::Training(Box::new(Seed::new(1).stream("test", 0)))
}

/// One batch, again and again.
struct Learner<'a> {
    graph: &'a Graph,
    x: Tensor,
    /// Of each head.
    targets: Vec<Tensor>,
    loss: Loss,
}

impl Dataset for Learner<'_> {
    type Batch = ();

    fn n_rows(&self) -> u64 {
        1
    }

    fn batch(&self, _: u64, _: &[u64]) -> Result<(), ModelsError> {
        Ok(())
    }
}

impl Network for Learner<'_> {
    type Batch = ();

    fn parameters(&self) -> &Parameters {
        self.graph.parameters()
    }

    fn loss(&self, (): &(), pass: &mut Pass) -> Result<(Tensor, f64), ModelsError> {
        let predictions = self.graph.forward(&self.x, pass)?;
        let mut losses = predictions.iter().zip(&self.targets).map(|(it, target)| it.loss(target, self.loss));
        let first = losses.next().unwrap()?;
        Ok((losses.try_fold(first, |sum, loss| sum.add(&loss?))?, 1.0))
    }

    fn validate(&self, _: u64) -> Result<Validation, ModelsError> {
        Ok(Validation::default())
    }

    fn identity(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Losses and norms of some steps.
fn learn(learner: &Learner<'_>, stepping: Stepping, learning_rate: f64, n_steps: u64) -> Vec<[f64; 2]> {
    let batches = Batches::new(1, 1, Seed::new(1)).unwrap();
    with_feed(learner, batches, 0, |feed| {
        let mut trainee = NetworkTrainee::new(learner, feed, stepping, Seed::new(1)).unwrap();
        let mut step = |epoch| {
            let report = trainee.step(Step { epoch, index: 0, global: epoch }, learning_rate).unwrap();
            [report.loss_sum, report.gradient_norm.unwrap()]
        };
        (0..n_steps).map(&mut step).collect()
    })
}
