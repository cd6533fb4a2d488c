//! Small models of enformer-pytorch 0.8.12.

use std::path::PathBuf;

use cistron_core::Alphabet;

use super::*;
use crate::enformer::EnformerHead;
use crate::nn::Loss;
use crate::train::{Adam, Optimizer, Stepping};

/// A folder of golden files; `None` where there are none.
fn golden(name: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CISTRON_GOLDEN") {
        return Some(PathBuf::from(folder).join("enformer").join(name));
    }
    let required = std::env::var_os("CISTRON_REQUIRE_GOLDEN").is_some_and(|value| value == "1");
    assert!(!required, "CISTRON_GOLDEN is not set, but CISTRON_REQUIRE_GOLDEN is 1");
    println!("skipped: CISTRON_GOLDEN is not set");
    None
}

fn config_of(folder: &std::path::Path, length: usize) -> EnformerConfig {
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
    EnformerConfig { input_length: length, ..EnformerConfig::from_json(&text).unwrap() }
}

fn values(file: &Checkpoint, name: &str) -> Vec<f64> {
    file.get(name).unwrap_or_else(|| panic!("{name}")).to_f64()
}

#[test]
fn small_models_predict_as_the_peer() {
    for name in ["g1_basic", "g2_odd_length", "g3_four_pool"] {
        let Some(folder) = golden(name) else { return };
        let io = Checkpoint::read(folder.join("io.safetensors")).unwrap();
        let weights = Checkpoint::read(folder.join("model.safetensors")).unwrap();
        let one_hot = io.get("in.one_hot").unwrap();
        let config = config_of(&folder, one_hot.shape()[1]);
        for precision in [Precision::Single, Precision::Double] {
            let options = GraphOptions { precision, ..GraphOptions::default() };
            let mut source = |it: &Parameter| Ok(weights.get(&it.name).unwrap().clone().into_f32());
            let graph = Graph::whole(&config, &mut source, options).unwrap();
            let x = Tensor::from_f64(one_hot.to_f64(), one_hot.shape(), precision, Device::Cpu).unwrap();
            let run = || {
                let embeddings = graph.embeddings(&x, &mut Pass::Evaluation).unwrap();
                let names = config.output_heads.iter().map(|head| format!("head.{}", head.name));
                let heads = names.zip(graph.forward(&x, &mut Pass::Evaluation).unwrap());
                heads.chain([("embeddings".to_owned(), embeddings)]).collect::<Vec<_>>()
            };
            for found in [run(), composed(run)] {
                for (what, tensor) in &found {
                    for width in ["f32", "f64"] {
                        let expected = values(&io, &format!("{width}.{what}"));
                        let pairs = tensor.to_f64().unwrap().into_iter().zip(expected);
                        // What the peer's own single and double precision differ by, and twice that for ours.
                        let wrong = pairs.filter(|(a, b)| (a - b).abs() > 2e-5 + 1e-5 * b.abs()).count();
                        assert_eq!(wrong, 0, "{name} {what} {width}");
                    }
                }
            }
        }
    }
}

/// What the peer trained: its name for it, and ours.
const MODES: [(&str, &str); 6] = [
    ("head_only", "head"),
    ("last1", "head,last:1"),
    // The package's own finetuning of normalisations trains none of them.
    ("ln_only_peer", "head"),
    ("ln_only_fixed", "head,layer-norms"),
    ("last1_plus_pointwise", "head,pointwise,last:1"),
    ("full_bn_frozen", "head,pointwise,transformer,tower"),
];

const LOSSES: [(&str, Loss); 2] = [("poisson", Loss::Poisson), ("mse", Loss::SquaredError)];

/// The peer's finetuning of a small model with a new head.
struct Finetuning {
    config: EnformerConfig,
    weights: Checkpoint,
    file: Checkpoint,
    traces: serde_json::Value,
}

impl Finetuning {
    fn open() -> Option<Self> {
        let folder = golden("t1_finetune")?;
        let file = Checkpoint::read(folder.join("train.safetensors")).unwrap();
        let mut weights = Checkpoint::read(folder.join("model.safetensors")).unwrap();
        for what in ["weight", "bias"] {
            let values = file.get(&format!("head.{what}")).unwrap().clone();
            weights.insert(format!("_heads.tracks.0.{what}"), values);
        }
        let length = file.get("in.one_hot").unwrap().shape()[1];
        let config = EnformerConfig {
            output_heads: vec![EnformerHead::numbered("tracks", 5)],
            ..config_of(&folder, length)
        };
        let traces = serde_json::from_slice(&std::fs::read(folder.join("train.json")).unwrap()).unwrap();
        Some(Self { config, weights, file, traces })
    }

    fn graph(&self, trainable: &Trainable, recompute: bool) -> Graph {
        let mut source = |it: &Parameter| Ok(self.weights.get(&it.name).unwrap().clone().into_f32());
        let options = GraphOptions { recompute, ..GraphOptions::default() };
        Graph::new(&self.config, trainable, &mut source, options).unwrap()
    }

    /// What comes into a graph, by the engine for all that lies below.
    fn input(&self, graph: &Graph) -> Tensor {
        let one_hot = self.file.get("in.one_hot").unwrap();
        let &[n, length, _] = one_hot.shape() else { panic!("letters of three axes") };
        let Entry::Block(block) = graph.entry() else {
            return Tensor::from_f32(one_hot.clone().into_f32(), one_hot.shape(), Device::Cpu).unwrap();
        };
        let mut source = |it: &Parameter| Ok(self.weights.get(&it.name).unwrap().clone().into_f32());
        let engine: Engine<f32> = Engine::new(&self.config, &mut source).unwrap();
        let code = |index: f64| if index < 0.0 { Alphabet::dna().padding() } else { index as u8 };
        let codes: Vec<u8> = values(&self.file, "in.indices").into_iter().map(code).collect();
        let rows = codes.chunks_exact(length).flat_map(|codes| engine.rows_before(codes, block)).collect();
        let positions = self.config.n_positions(length);
        Tensor::from_f32(rows, &[n, positions, self.config.dim], Device::Cpu).unwrap()
    }

    fn target(&self, name: &str) -> Tensor {
        let target = self.file.get(name).unwrap();
        Tensor::from_f32(target.clone().into_f32(), target.shape(), Device::Cpu).unwrap()
    }

    /// The tensors under a place of the file, by our names.
    fn tensors(&self, place: &str) -> Vec<(String, Vec<f64>)> {
        let own = |name: &str| {
            let name = name.strip_prefix(place)?;
            let head = name.strip_prefix("to_tracks.0").map(|part| format!("_heads.tracks.0{part}"));
            Some(head.unwrap_or_else(|| name.strip_prefix("enformer.").unwrap_or(name).to_owned()))
        };
        let named = self.file.tensors().filter_map(|(name, tensor)| Some((own(name)?, tensor.to_f64())));
        named.collect()
    }
}

/// The largest absolute value.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// Gradients against the peer's: each within 1e-4 of the tensor's largest.
fn assert_gradients(graph: &Graph, loss: &Tensor, expected: &[(String, Vec<f64>)], what: &str) {
    let gradients = loss.gradients().unwrap();
    for (name, expected) in expected {
        let found = gradients.get(&graph.parameters().get(name).unwrap()).unwrap().to_f64().unwrap();
        let most = largest(expected);
        if what == "bn_train" && most < 1e-6 {
            // A batch normalisation further on takes constants out: on both sides this is rounding.
            assert!(name.contains("bias") && largest(&found) < 1e-6, "{name} {found:?}");
            continue;
        }
        assert!(most > 0.0, "{what} {name}");
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-4 * most, "{what} {name}: found {a}, expected {b}, largest {most}");
        }
    }
}

#[test]
fn the_first_step_of_finetuning_has_the_peer_s_loss_and_gradients() {
    let Some(finetuning) = Finetuning::open() else { return };
    for (mode, trainable) in MODES {
        let trainable: Trainable = trainable.parse().unwrap();
        for (name, loss) in LOSSES {
            let what = format!("{mode}.{name}");
            let expected = finetuning.tensors(&format!("{what}.grad."));
            assert!(!expected.is_empty());
            for recompute in [false, true] {
                let graph = finetuning.graph(&trainable, recompute);
                let x = finetuning.input(&graph);
                let run = || graph.forward(&x, &mut training_pass()).unwrap().remove(0);
                for prediction in [run(), composed(run)] {
                    let expected_prediction = values(&finetuning.file, &format!("{what}.pred"));
                    assert_close(&prediction.to_f64().unwrap(), &expected_prediction, 2e-5, &what);
                    let cost = prediction.loss(&finetuning.target("target.log1p"), loss).unwrap();
                    let expected_cost = values(&finetuning.file, &format!("{what}.loss"))[0];
                    assert!((cost.scalar().unwrap() - expected_cost).abs() <= 1e-5, "{what}");
                    assert_gradients(&graph, &cost, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn batch_normalisation_is_trained_as_by_the_peer() {
    let Some(mut finetuning) = Finetuning::open() else { return };
    finetuning.config.output_heads = vec![EnformerHead::numbered("human", 7)];
    let trainable: Trainable = "head,pointwise,transformer,tower,batch-norm".parse().unwrap();
    // The first track of the targets stands for all seven.
    let target = finetuning.target("target.log1p").narrow(2, 0, 1).unwrap().to_f32().unwrap();
    let target = target.into_iter().flat_map(|value| [value; 7]).collect();
    let target = Tensor::from_f32(target, &[2, 6, 7], Device::Cpu).unwrap();
    for recompute in [false, true] {
        let graph = finetuning.graph(&trainable, recompute);
        let prediction = graph.forward(&finetuning.input(&graph), &mut training_pass()).unwrap().remove(0);
        let cost = prediction.loss(&target, Loss::Poisson).unwrap();
        let expected = values(&finetuning.file, "bn_train.loss")[0];
        assert!((cost.scalar().unwrap() - expected).abs() <= 1e-5);
        assert_gradients(&graph, &cost, &finetuning.tensors("bn_train.grad."), "bn_train");
        let saved = graph.weights().unwrap();
        let mut n_buffers = 0;
        for (name, expected) in finetuning.tensors("bn_train.buffer_after.") {
            if let Some(found) = saved.get(&name) {
                n_buffers += 1;
                assert_close(&found.to_f64(), &expected, 5e-6, &name);
            }
        }
        assert_eq!(n_buffers, 12);
    }
}

const LEARNING_RATE: f64 = 1e-3;

#[test]
fn three_steps_of_finetuning_are_the_peer_s() {
    let Some(finetuning) = Finetuning::open() else { return };
    let decaying = Adam { weight_decay: 0.01, ..Adam::default() };
    for (mode, trainable) in MODES {
        let trainable: Trainable = trainable.parse().unwrap();
        for (name, loss) in LOSSES {
            let gradients = finetuning.tensors(&format!("{mode}.{name}.grad."));
            for (rule, optimizer) in
                [("adam", Optimizer::Adam(Adam::default())), ("adamw", Optimizer::AdamW(decaying))]
            {
                let what = format!("{mode}.{name}.{rule}");
                let graph = finetuning.graph(&trainable, false);
                let (x, target) = (finetuning.input(&graph), finetuning.target("target.log1p"));
                let learner = Learner { graph: &graph, x, targets: vec![target], loss };
                let stepping = Stepping { optimizer, clip: Some(0.5), accumulate: 1, decay_all: true };
                let traces = learn(&learner, stepping, LEARNING_RATE, 3);
                let expected =
                    |key: &str, step: usize| finetuning.traces["runs"][&what][key][step].as_f64().unwrap();
                for (step, [loss, norm]) in traces.into_iter().enumerate() {
                    let (expected_loss, expected_norm) =
                        (expected("losses", step), expected("total_grad_norms_before_clip", step));
                    assert!((loss - expected_loss).abs() <= 1e-5, "{what} {step}: {loss} {expected_loss}");
                    assert!((norm / expected_norm - 1.0).abs() <= 1e-4, "{what} {step}: {norm}");
                }
                let saved = graph.weights().unwrap();
                for (name, expected) in finetuning.tensors(&format!("{what}.after3.")) {
                    let found = saved.get(&name).unwrap().to_f64();
                    let gradient = &gradients.iter().find(|(known, _)| *known == name).unwrap().1;
                    assert_moved(&found, &expected, gradient, &format!("{what} {name}"));
                }
            }
        }
    }
}

/// Weights after three steps: within 5e-6. Adam divides a gradient by its own size, so that the sign of what is
/// rounding alone moves a weight by the learning rate: where the first gradient is below 1e-5 of the tensor's largest,
/// within three steps' learning rate.
fn assert_moved(found: &[f64], expected: &[f64], gradient: &[f64], what: &str) {
    let most = largest(gradient);
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let bound = if gradient[i].abs() < 1e-5 * most { 3.0 * LEARNING_RATE } else { 5e-6 };
        assert!(
            (a - b).abs() <= bound,
            "{what}, number {i}: found {a}, expected {b}, gradient {}",
            gradient[i]
        );
    }
}
