use cistron_encode::{DeepLiftModel, GradientModel};
use ndarray::{Array2, Axis};

use super::*;

/// Two sequences of numbers that the networks read, the second as three references: another one, zeros, a mixture.
fn inputs(length: usize, number: u64) -> (Array2<f32>, Array3<f32>) {
    let batch = random_sequences(&Alphabet::dna(), 2, length, &[], Seed::new(number)).unwrap();
    let one_hot = batch.one_hot(Layout::PositionMajor, Fill::default());
    let mut references = Array3::zeros((3, length, 4));
    references.index_axis_mut(Axis(0), 0).assign(&one_hot.index_axis(Axis(0), 1));
    references.index_axis_mut(Axis(0), 2).fill(0.25);
    (one_hot.index_axis(Axis(0), 0).to_owned(), references)
}

fn random_net(number: u64, precision: Precision) -> ConvNet {
    let config = random_config(number);
    let (net, _) = ConvNet::from_checkpoint(&config, &random_weights(&config, number)).unwrap();
    net.with_precision(precision).unwrap()
}

fn assert_complete(net: &ConvNet, number: u64, tolerance: f64) {
    let (x, references) = inputs(net.spec().input_length.unwrap(), number);
    for head in ["along", "whole"] {
        let readout = net.spec().readout(Some(head), &[], None, Reduce::Mean).unwrap();
        let found = net.multipliers(x.view(), references.view(), &readout).unwrap();
        let pairs = found.multipliers.outer_iter().zip(references.outer_iter()).zip(&found.references);
        for ((multipliers, reference), output) in pairs {
            let parts = || multipliers.iter().zip(x.iter().zip(reference));
            let part = |(m, (x, r)): (&f64, (&f32, &f32))| m * f64::from(x - r);
            let (sum, size) = (parts().map(part).sum::<f64>(), parts().map(part).map(f64::abs).sum::<f64>());
            let error = (found.output - output - sum).abs();
            assert!(error <= tolerance * (1.0 + size), "{head} of {number}: off by {error} of {size}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Slopes stand for chords shorter than 1e-6, which leaves the square of that.
    #[test]
    fn multipliers_explain_the_whole_difference(number in 0_u64..10_000) {
        assert_complete(&random_net(number, Precision::Double), number, 1e-9);
        assert_complete(&random_net(number, Precision::Single), number, 2e-4);
    }
}

#[test]
fn outputs_are_the_predictions() {
    let net = random_net(7, Precision::Double);
    let length = net.spec().input_length.unwrap();
    let batch = random_sequences(&Alphabet::dna(), 2, length, &[], Seed::new(3)).unwrap();
    let one_hot = batch.one_hot(Layout::PositionMajor, Fill::default());
    let readout = net.spec().readout(Some("whole"), &["t1".to_owned()], None, Reduce::Mean).unwrap();
    let found =
        net.multipliers(one_hot.index_axis(Axis(0), 0), one_hot.slice(ndarray::s![1.., .., ..]), &readout);
    let (found, predicted) = (found.unwrap(), net.predict_f64(&batch, &readout).unwrap());
    assert!((found.output - predicted[[0, 0, 0]]).abs() < 1e-12);
    assert!((found.references[0] - predicted[[1, 0, 0]]).abs() < 1e-12);
}

/// Where a network is linear its multipliers are its gradient, whatever the reference.
#[test]
fn multipliers_of_a_linear_network_are_its_gradient() {
    let mut config = ConvNetConfig::from_json(
        r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 30,
            "layers": [{"op": "conv1d", "name": "a", "in": 4, "out": 6, "kernel": 5, "padding": 1, "stride": 2},
                       {"op": "batch_norm", "name": "b", "channels": 6},
                       {"op": "conv1d", "name": "c", "in": 6, "out": 4, "kernel": 3, "dilation": 2, "groups": 2},
                       {"op": "avg_pool", "kernel": 3, "stride": 2, "padding": 1}],
            "heads": [{"name": "y", "tracks": ["p", "q"],
                       "layers": [{"op": "flatten", "order": "channel"},
                                  {"op": "linear", "name": "d", "in": 20, "out": 2}]}]}"#,
    )
    .unwrap();
    config.check().unwrap();
    for order in [FlattenOrder::Channel, FlattenOrder::Position] {
        config.heads[0].layers[0] = ConvNetLayer::Flatten { order };
        let (net, _) = ConvNet::from_checkpoint(&config, &random_weights(&config, 5)).unwrap();
        let net = net.with_precision(Precision::Double).unwrap();
        let (x, references) = inputs(30, 1);
        let readout = net.spec().readout(None, &[], None, Reduce::Mean).unwrap();
        let found = net.multipliers(x.view(), references.view(), &readout).unwrap();
        let gradient = net.input_gradient_f64(x.view().insert_axis(Axis(0)), &readout).unwrap();
        for multipliers in found.multipliers.outer_iter() {
            for (m, g) in multipliers.iter().zip(&gradient) {
                assert!((m - g).abs() < 1e-12, "{order:?}: found {m}, expected {g}");
            }
        }
    }
}

/// A pair means the same among more references than are read at a time.
#[test]
fn references_do_not_see_one_another() {
    let net = random_net(11, Precision::Single);
    let length = net.spec().input_length.unwrap();
    let batch = random_sequences(&Alphabet::dna(), 40, length, &[], Seed::new(9)).unwrap();
    let one_hot = batch.one_hot(Layout::PositionMajor, Fill::default());
    let readout = net.spec().readout(Some("whole"), &[], None, Reduce::Mean).unwrap();
    let x = one_hot.index_axis(Axis(0), 0);
    let all = net.multipliers(x, one_hot.slice(ndarray::s![1.., .., ..]), &readout).unwrap();
    for i in [0, 15, 16, 38] {
        let one = net.multipliers(x, one_hot.slice(ndarray::s![i + 1..i + 2, .., ..]), &readout).unwrap();
        assert_eq!(one.multipliers.index_axis(Axis(0), 0), all.multipliers.index_axis(Axis(0), i));
        assert_eq!(one.references[0].to_bits(), all.references[i].to_bits());
    }
    let none = net.multipliers(x, one_hot.slice(ndarray::s![..0, .., ..]), &readout).unwrap();
    assert_eq!((none.multipliers.dim(), none.output), ((0, length, 4), all.output));
}

#[test]
fn what_does_not_fit_is_refused() {
    let net = random_net(11, Precision::Single);
    let length = net.spec().input_length.unwrap();
    let readout = net.spec().readout(Some("whole"), &[], None, Reduce::Mean).unwrap();
    let (x, references) = inputs(length, 1);
    let (long, longer) = inputs(length + 1, 1);
    assert!(net.multipliers(long.view(), references.view(), &readout).is_err());
    assert!(net.multipliers(x.view(), longer.view(), &readout).is_err());
    assert!(net.multipliers(x.view(), Array3::zeros((1, length, 3)).view(), &readout).is_err());
}
