#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Seed, Stream};
use cistron_encode::{Fill, Layout, Reduce, SequenceBatch, SequenceModel, random_sequences};
use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::Activation;

mod incremental;
mod malformed;
mod multipliers;
mod naive;

fn below(stream: &mut Stream, n: usize) -> usize {
    (stream.uniform() * n as f64) as usize
}

/// A network of a few random layers, with a head along the sequence and one of the whole.
pub(super) fn random_config(number: u64) -> ConvNetConfig {
    let mut stream = Seed::new(number).stream("random network", 0);
    let (mut length, mut channels) = (18 + below(&mut stream, 14), 4);
    let input_length = length;
    let mut layers = Vec::new();
    for index in 0..2 + below(&mut stream, 4) {
        let (layer, shape) = random_layer(&mut stream, index, (length, channels));
        layers.push(layer);
        (length, channels) = shape;
    }
    let activations =
        [HeadActivation::None, HeadActivation::Sigmoid, HeadActivation::Softplus, HeadActivation::Softmax];
    let tracks = |n: usize| (0..n).map(|track| format!("t{track}")).collect::<Vec<_>>();
    let (gathering, features) = match below(&mut stream, 4) {
        0 => (ConvNetLayer::GlobalMean, channels),
        1 => (ConvNetLayer::GlobalMax, channels),
        2 => (ConvNetLayer::Flatten { order: FlattenOrder::Position }, channels * length),
        _ => (ConvNetLayer::Flatten { order: FlattenOrder::Channel }, channels * length),
    };
    let whole = vec![
        gathering,
        ConvNetLayer::Linear {
            name: "fc1".into(),
            inputs: features,
            outputs: 5,
            bias: below(&mut stream, 2) == 0,
        },
        ConvNetLayer::BatchNorm { name: "fc1_norm".into(), channels: 5, eps: 1e-3 },
        ConvNetLayer::Activation(Activation::Elu),
        ConvNetLayer::Residual {
            layers: vec![ConvNetLayer::Linear { name: "fc2".into(), inputs: 5, outputs: 5, bias: true }],
        },
        ConvNetLayer::Linear { name: "fc3".into(), inputs: 5, outputs: 3, bias: true },
    ];
    let head = |name: &str, tracks: Vec<String>, bins: usize, layers: Vec<ConvNetLayer>, which: usize| {
        let activation = activations[which];
        ConvNetHead { name: name.into(), tracks, bins, bin_width: None, first_bin: 0, activation, layers }
    };
    let along = head("along", tracks(channels), length, Vec::new(), below(&mut stream, 4));
    let whole = head("whole", tracks(3), 1, whole, below(&mut stream, 4));
    ConvNetConfig {
        alphabet: "ACGT".into(),
        input_length: Some(input_length),
        layers,
        heads: vec![along, whole],
    }
}

fn random_layer(
    stream: &mut Stream,
    index: usize,
    (length, channels): (usize, usize),
) -> (ConvNetLayer, (usize, usize)) {
    let name = format!("layer{index}");
    match below(stream, 6) {
        0 | 1 => {
            let groups = if channels % 2 == 0 { 1 + below(stream, 2) } else { 1 };
            let outputs = groups * (1 + below(stream, 4));
            let (kernel, stride, dilation) =
                (1 + below(stream, 4), 1 + below(stream, 2), 1 + below(stream, 3));
            let span = (kernel - 1) * dilation + 1;
            let padding = below(stream, 4).max(span.saturating_sub(length).div_ceil(2));
            let bias = below(stream, 2) == 0;
            let out = (length + 2 * padding - span) / stride + 1;
            let inputs = channels;
            let layer = ConvNetLayer::Conv1d {
                name,
                inputs,
                outputs,
                kernel,
                stride,
                padding,
                dilation,
                groups,
                bias,
            };
            (layer, (out, outputs))
        }
        2 => (ConvNetLayer::BatchNorm { name, channels, eps: 1e-5 }, (length, channels)),
        3 => {
            let activation = Activation::ALL[below(stream, Activation::ALL.len())];
            (ConvNetLayer::Activation(activation), (length, channels))
        }
        4 => {
            let kernel = 1 + below(stream, 4.min(length));
            let (stride, padding) = (1 + below(stream, 3), below(stream, kernel / 2 + 1));
            let out = (length + 2 * padding - kernel) / stride + 1;
            let layer = if below(stream, 2) == 0 {
                ConvNetLayer::MaxPool { kernel, stride, padding }
            } else {
                ConvNetLayer::AvgPool { kernel, stride, padding }
            };
            (layer, (out, channels))
        }
        _ => {
            let inner = ConvNetLayer::Conv1d {
                name,
                inputs: channels,
                outputs: channels,
                kernel: 3,
                stride: 1,
                padding: 2,
                dilation: 2,
                groups: 1,
                bias: true,
            };
            let layers =
                vec![inner, ConvNetLayer::Activation(Activation::Gelu), ConvNetLayer::Dropout { p: 0.5 }];
            (ConvNetLayer::Residual { layers }, (length, channels))
        }
    }
}

/// Weights with running statistics that normalise something.
pub(super) fn random_weights(config: &ConvNetConfig, number: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    for (name, shape) in config.tensors() {
        let mut stream = Seed::new(number).stream(&name, 1);
        let n = shape.iter().product();
        let positive = name.ends_with("running_var");
        let draw = |_| {
            let x = 1.2 * stream.uniform() - 0.6;
            if positive { 0.2 + x.abs() } else { x }
        };
        let values: Vec<f64> = (0..n).map(draw).collect();
        checkpoint.insert(name, crate::Tensor::from_f64(&shape, &values).unwrap());
    }
    checkpoint
}

pub(super) fn random_net(number: u64, precision: Precision) -> (ConvNet, Checkpoint) {
    let config = random_config(number);
    let weights = random_weights(&config, number);
    (ConvNet::named(&config, weights.clone(), &BTreeMap::new(), precision).unwrap().0, weights)
}

fn random_batch(net: &ConvNet, n: usize, number: u64) -> SequenceBatch {
    let length = net.config().input_length.unwrap();
    let batch = random_sequences(&Alphabet::dna(), n, length, &[], Seed::new(number)).unwrap();
    let mut codes = batch.codes().to_owned();
    codes[[0, 3]] = Alphabet::dna().unknown();
    codes[[0, length - 1]] = Alphabet::dna().padding();
    SequenceBatch::new(&Alphabet::dna(), codes).unwrap()
}

fn keep(net: &ConvNet, head: &str) -> Readout {
    net.spec().readout(Some(head), &[], None, Reduce::Keep).unwrap()
}

fn bits(values: &Array3<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn networks_compute_what_their_definition_says(number in any::<u64>()) {
        for (precision, tolerance) in [(Precision::Double, 1e-11), (Precision::Single, 2e-4)] {
            let (net, weights) = random_net(number, precision);
            let batch = random_batch(&net, 3, number);
            for (index, head) in ["along", "whole"].iter().enumerate() {
                let found = net.predict_f64(&batch, &keep(&net, head)).unwrap();
                for (row, codes) in found.outer_iter().zip(batch.codes().outer_iter()) {
                    let expected = naive::predict(net.config(), &weights, index, codes.as_slice().unwrap());
                    prop_assert_eq!(row.len(), expected.len());
                    for (found, expected) in row.iter().zip(&expected) {
                        let error = (found - expected).abs() / (1.0 + expected.abs());
                        prop_assert!(error <= tolerance, "{head}: {found} {expected}\n{:?}", net.config());
                    }
                }
            }
        }
    }

    #[test]
    fn gradients_are_those_of_central_differences(number in any::<u64>()) {
        let (net, weights) = random_net(number, Precision::Double);
        let batch = random_batch(&net, 2, number);
        let one_hot = batch.one_hot(Layout::PositionMajor, Fill::default());
        let readout = net.spec().readout(Some("whole"), &["2".into(), "0".into()], None, Reduce::Mean).unwrap();
        let gradients = net.input_gradient(one_hot.view(), &readout).unwrap();
        let value = |x: &Array3<f64>| {
            let row = x.index_axis(ndarray::Axis(0), 1);
            let rows: Vec<Vec<f64>> = row.outer_iter().map(|row| row.to_vec()).collect();
            let out = naive::predict_rows(net.config(), &weights, 1, &rows);
            out[2] + out[0]
        };
        let x = one_hot.mapv(f64::from);
        let mut stream = Seed::new(number).stream("places", 0);
        for _ in 0..6 {
            let place = [1, below(&mut stream, x.dim().1), below(&mut stream, 4)];
            let at = |step: f64| {
                let mut x = x.clone();
                x[place] += step;
                value(&x)
            };
            let middle = at(0.0);
            let (above, below) = ((at(1e-6) - middle) / 1e-6, (middle - at(-1e-6)) / 1e-6);
            // Where the two largest of a pool are equal, or at the kink of a function, there is no one slope.
            if (above - below).abs() > 1e-4 * (1.0 + above.abs()) {
                continue;
            }
            let slope = f64::midpoint(above, below);
            let found = f64::from(gradients[place]);
prop_assert!((found - slope).abs() <= 1e-4 * (1.0 + found.abs()), "{found} {slope}");
        }
    }

    #[test]
    fn a_sequence_gives_the_same_bits_in_every_batch_and_on_every_number_of_threads(number in any::<u64>()) {
        let (net, _) = random_net(number, Precision::Single);
        let batch = random_batch(&net, 37, number);
        for head in ["along", "whole"] {
            let readout = keep(&net, head);
            let whole = net.predict_f64(&batch, &readout).unwrap();
            for size in [1, 5, 16] {
                let mut parts = Vec::new();
                for rows in batch.codes().axis_chunks_iter(ndarray::Axis(0), size) {
                    let part = SequenceBatch::new(&Alphabet::dna(), rows.to_owned()).unwrap();
                    parts.extend(bits(&net.predict_f64(&part, &readout).unwrap()));
                }
                prop_assert_eq!(&parts, &bits(&whole), "batches of {}", size);
            }
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| net.predict_f64(&batch, &readout)).unwrap();
                prop_assert_eq!(bits(&found), bits(&whole), "{} threads", threads);
            }
        }
    }

    #[test]
    fn configurations_survive_their_file(number in any::<u64>()) {
        let config = random_config(number);
        prop_assert_eq!(ConvNetConfig::from_json(&config.to_json().unwrap()).unwrap(), config);
    }
}

#[test]
fn wide_layers_do_not_depend_on_the_batch_either() {
    let config = ConvNetConfig::from_json(
        r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 200, "layers": [
            {"op": "conv1d", "name": "a", "in": 4, "out": 40, "kernel": 9}, {"op": "relu"},
            {"op": "flatten"}, {"op": "linear", "name": "b", "in": 7680, "out": 300}, {"op": "relu"},
            {"op": "linear", "name": "c", "in": 300, "out": 2}],
            "heads": [{"name": "along", "tracks": ["x", "y"]}]}"#,
    )
    .unwrap();
    let net = ConvNet::new(&config, Seed::new(4)).unwrap();
    let batch = random_batch(&net, 300, 2);
    let readout = keep(&net, "along");
    let whole = bits(&net.predict_f64(&batch, &readout).unwrap());
    for row in [0, 17, 255, 256, 299] {
        let one = batch.codes().slice(ndarray::s![row..=row, ..]).to_owned();
        let one = SequenceBatch::new(&Alphabet::dna(), one).unwrap();
        assert_eq!(bits(&net.predict_f64(&one, &readout).unwrap()), whole[2 * row..][..2], "row {row}");
    }
}

#[test]
fn networks_survive_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (net, _) = random_net(7, Precision::Single);
    net.save(folder.path()).unwrap();
    let (read, report) = ConvNet::load(folder.path()).unwrap();
    assert_eq!((read.config(), report), (net.config(), LoadReport::default()));
    assert_eq!(read.weights().unwrap().tensors().count(), net.config().tensors().len());
    let batch = random_batch(&net, 4, 1);
    let readout = keep(&net, "whole");
    assert_eq!(read.predict(&batch, &readout).unwrap(), net.predict(&batch, &readout).unwrap());
}

#[test]
fn a_network_of_any_length_takes_any_that_its_kernels_fit() {
    let config = ConvNetConfig::from_json(
        r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": null,
            "layers": [{"op": "conv1d", "name": "a", "in": 4, "out": 3, "kernel": 9}, {"op": "global_mean"}],
            "heads": [{"name": "along", "tracks": ["x", "y", "z"]}]}"#,
    )
    .unwrap();
    let net = ConvNet::new(&config, Seed::new(4)).unwrap();
    let predict = |length: usize| {
        let batch = random_sequences(&Alphabet::dna(), 2, length, &[], Seed::new(1)).unwrap();
        net.predict(&batch, &keep(&net, "along"))
    };
    assert_eq!(predict(9).unwrap().dim(), (2, 1, 3));
    assert_eq!(predict(500).unwrap().dim(), (2, 1, 3));
    let message = predict(8).unwrap_err().to_string();
    assert_eq!(
        message,
        "sequences of 8 letters: layers[0] (a): the kernel spans 9 positions, expected at most the 8 positions and 0 \
         of padding at each end"
    );
}
