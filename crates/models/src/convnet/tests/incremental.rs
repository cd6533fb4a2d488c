//! Differences of mutants against two whole passes.

use cistron_core::Sequence;
use cistron_encode::{Edit, IncrementalModel, Mutant, ReferencePass};
use ndarray::ArrayView3;

use super::*;

/// Wide convolutions, pools and dense layers, as networks of long sequences have: spans are multiplied as polynomials.
fn wide_config(number: u64) -> ConvNetConfig {
    let mut stream = Seed::new(number).stream("wide network", 0);
    let (mut length, mut channels) = (60 + below(&mut stream, 80), 4);
    let input_length = length;
    let mut layers = Vec::new();
    for index in 0..3 {
        let kernel = 1 + below(&mut stream, 20);
        let (padding, outputs) = (
            below(&mut stream, 10).max(kernel.saturating_sub(length)),
            20 * (1 + index) + below(&mut stream, 20),
        );
        let name = format!("conv{index}");
        let (inputs, bias) = (channels, true);
        layers.push(ConvNetLayer::Conv1d {
            name,
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding,
            dilation: 1,
            groups: 1,
            bias,
        });
        (length, channels) = (length + 2 * padding + 1 - kernel, outputs);
        layers
            .push(ConvNetLayer::Activation([Activation::Relu, Activation::LeakyRelu][below(&mut stream, 2)]));
        let pool = 1 + below(&mut stream, 4.min(length));
        layers.push(ConvNetLayer::MaxPool { kernel: pool, stride: pool, padding: 0 });
        length /= pool;
    }
    let order = [FlattenOrder::Channel, FlattenOrder::Position][below(&mut stream, 2)];
    let linear =
        |name: &str, inputs, outputs| ConvNetLayer::Linear { name: name.into(), inputs, outputs, bias: true };
    layers.extend([
        ConvNetLayer::Flatten { order },
        linear("fc1", length * channels, 300),
        ConvNetLayer::Activation(Activation::Relu),
        linear("fc2", 300, 70),
        ConvNetLayer::Activation(Activation::Relu),
        linear("fc3", 70, 3),
    ]);
    let tracks = ["a", "b", "c"].map(String::from).to_vec();
    let head = ConvNetHead {
        name: "whole".into(),
        tracks,
        bins: 1,
        bin_width: None,
        first_bin: 0,
        activation: HeadActivation::None,
        layers: Vec::new(),
    };
    ConvNetConfig { alphabet: "ACGT".into(), input_length: Some(input_length), layers, heads: vec![head] }
}

/// Every substitution, and some mutants of several letters; letters may be unknown, padding or gaps.
fn mutants(codes: &[u8], number: u64) -> Vec<Vec<Edit>> {
    let mut stream = Seed::new(number).stream("mutants", 0);
    let places = 0..codes.len() as u32;
    let mut all: Vec<Vec<Edit>> =
        places.flat_map(|position| (0..7).map(move |code| vec![Edit { position, code }])).collect();
    all.extend((0..6).map(|_| {
        let mut positions: Vec<u32> =
            (0..=below(&mut stream, 4)).map(|_| below(&mut stream, codes.len()) as u32).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut edits: Vec<Edit> =
            positions.iter().map(|&position| Edit { position, code: below(&mut stream, 7) as u8 }).collect();
        edits.reverse();
        edits
    }));
    all.push(Vec::new());
    all
}

fn differences(pass: &dyn ReferencePass, mutants: &[Vec<Edit>], shape: (usize, usize)) -> Array3<f64> {
    let mut out = Array3::from_elem((mutants.len(), shape.0, shape.1), f64::NAN);
    let mutants: Vec<&Mutant> = mutants.iter().map(Vec::as_slice).collect();
    pass.deltas(&mutants, out.view_mut()).unwrap();
    out
}

/// The same by two whole passes in double precision.
fn expected(net: &ConvNet, codes: &[u8], mutants: &[Vec<Edit>], readout: &Readout) -> Array3<f64> {
    let mut rows = codes.to_vec();
    for mutant in mutants {
        let mut row = codes.to_vec();
        for edit in mutant {
            row[edit.position as usize] = edit.code;
        }
        rows.extend(row);
    }
    let batch = SequenceBatch::from_rows(&Alphabet::dna(), codes.len(), rows).unwrap();
    let all = net.with_precision(Precision::Double).unwrap().predict_f64(&batch, readout).unwrap();
    let reference = all.index_axis(ndarray::Axis(0), 0).to_owned();
    all.slice(ndarray::s![1.., .., ..]).to_owned() - &reference
}

fn worst(found: ArrayView3<'_, f64>, expected: ArrayView3<'_, f64>) -> (f64, f64) {
    let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (error, expected.iter().map(|x| x.abs()).fold(0.0, f64::max))
}

fn check(
    net: &ConvNet,
    number: u64,
    head: &str,
    precision: Precision,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let net = net.with_precision(precision).unwrap();
    let batch = random_batch(&net, 1, number);
    let codes = batch.codes().row(0).to_vec();
    let sequence = Sequence::from_codes(&Alphabet::dna(), codes.clone()).unwrap();
    let readout = keep(&net, head);
    let pass = IncrementalModel::reference(&net, &sequence, &readout).unwrap();
    let mutants = mutants(&codes, number);
    let found = differences(&*pass, &mutants, pass.prediction().dim());
    let expected = expected(&net, &codes, &mutants, &readout);
    let (error, largest) = worst(found.view(), expected.view());
    prop_assert!(error <= tolerance * (largest + 1e-3), "{head}: {error} of {largest}\n{:?}", net.config());
    for (mutant, row) in mutants.iter().zip(found.outer_iter()) {
        if mutant.iter().all(|edit| codes[edit.position as usize] == edit.code) {
            prop_assert!(row.iter().all(|x| *x == 0.0), "{mutant:?} changes something");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn differences_are_those_of_two_whole_passes(number in any::<u64>()) {
        let (net, _) = random_net(number, Precision::Double);
        for head in ["along", "whole"] {
            check(&net, number, head, Precision::Double, 1e-10)?;
            check(&net, number, head, Precision::Single, 1e-4)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn differences_of_wide_networks_are_those_of_two_whole_passes(number in any::<u64>()) {
        let config = wide_config(number);
        let net = ConvNet::new(&config, Seed::new(number)).unwrap();
        check(&net, number, "whole", Precision::Double, 1e-10)?;
        check(&net, number, "whole", Precision::Single, 1e-4)?;
    }

    #[test]
    fn differences_depend_neither_on_threads_nor_on_the_others(number in any::<u64>(), double in any::<bool>()) {
        let precision = if double { Precision::Double } else { Precision::Single };
        let net = ConvNet::new(&wide_config(number), Seed::new(number)).unwrap();
        let net = net.with_precision(precision).unwrap();
        let batch = random_batch(&net, 1, number);
        let codes = batch.codes().row(0).to_vec();
        let sequence = Sequence::from_codes(&Alphabet::dna(), codes.clone()).unwrap();
        let pass = IncrementalModel::reference(&net, &sequence, &keep(&net, "whole")).unwrap();
        let mutants = mutants(&codes, number);
        let whole = differences(&*pass, &mutants, pass.prediction().dim());
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| differences(&*pass, &mutants, pass.prediction().dim()));
            prop_assert_eq!(bits(&found), bits(&whole), "{} threads", threads);
        }
        for size in [1, 3, 8, 21, 50] {
            let of_part = |part| differences(&*pass, part, pass.prediction().dim());
            let parts: Vec<_> = mutants.chunks(size).map(of_part).collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            let parts = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
            prop_assert_eq!(bits(&parts), bits(&whole), "{} at a time", size);
        }
    }
}

#[test]
fn edits_that_are_none_are_refused() {
    let (net, _) = random_net(3, Precision::Single);
    let length = net.config().input_length.unwrap();
    let sequence = Sequence::from_codes(&Alphabet::dna(), vec![0; length]).unwrap();
    let pass = IncrementalModel::reference(&net, &sequence, &keep(&net, "whole")).unwrap();
    let refused = |edits: &[Edit]| {
        let mut out = Array3::zeros((1, 1, 3));
        pass.deltas(&[edits], out.view_mut()).unwrap_err().to_string()
    };
    let edit = |position, code| Edit { position, code };
    assert!(refused(&[edit(length as u32, 1)]).contains(&format!("position {length}")));
    assert!(refused(&[edit(0, 9)]).contains('9'));
    assert!(refused(&[edit(2, 1), edit(2, 3)]).contains("edits position 2 twice"));
}
