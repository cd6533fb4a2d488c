#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]
//! Every operation against finite differences, and the processor's code against the composition for other devices.

use cistron_core::Seed;

use super::kernel::{Kernel, apply, composed_gradients};
use super::*;
use crate::Device;

mod right;
mod stock;

/// Numbers between -2 and 2 that keep away from 0, where some slopes jump.
fn numbers(shape: &[usize], index: u64) -> Tensor {
    let mut stream = Seed::new(3).stream("test numbers", index);
    let mut draw = || {
        let x = 4.0 * stream.uniform() - 2.0;
        x + 0.05_f64.copysign(x)
    };
    let values = (0..shape.iter().product()).map(|_| draw()).collect();
    tensor(values, shape)
}

/// Numbers between 0.1 and 2.1.
fn rates(shape: &[usize], index: u64) -> Tensor {
    let values = numbers(shape, index).to_f64().unwrap().into_iter().map(|x| x.abs().max(0.1)).collect();
    tensor(values, shape)
}

fn tensor(values: Vec<f64>, shape: &[usize]) -> Tensor {
    Tensor::from_f64(values, shape, Precision::Double, Device::Cpu).unwrap()
}

/// A weighted sum, so that each output's gradient counts by itself.
fn weighed(y: &Tensor) -> Tensor {
    y.mul(&numbers(y.shape(), 99)).unwrap().sum().unwrap()
}

/// Gradients by each of the inputs against central differences, to 1e-6 relative to the largest.
fn check(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    const STEP: f64 = 1e-5;
    let variables: Vec<Tensor> = inputs.iter().map(Tensor::variable).collect();
    let gradients = weighed(&f(&variables)).gradients().unwrap();
    for (which, variable) in variables.iter().enumerate() {
        let analytic = gradients.get(variable).unwrap_or_else(|| panic!("{what}: no gradient {which}"));
        let (analytic, shape) = (analytic.to_f64().unwrap(), variable.shape());
        let base = variable.to_f64().unwrap();
        let scale = analytic.iter().fold(1.0_f64, |most, g| most.max(g.abs()));
        for i in 0..base.len() {
            let at = |shift: f64| {
                let mut values = base.clone();
                values[i] += shift;
                let mut inputs = inputs.to_vec();
                inputs[which] = tensor(values, shape);
                weighed(&f(&inputs)).scalar().unwrap()
            };
            let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let error = (analytic[i] - numeric).abs() / scale;
            assert!(error <= 1e-6, "{what}: input {which}, item {i}: {} against {numeric}", analytic[i]);
        }
    }
}

/// The composition of the library's operations against our own code: values and gradients to 1e-10, and the values of
/// single precision to 1e-5.
fn check_composed<const N: usize, K: Kernel<N>>(kernel: impl Fn() -> K, inputs: [Tensor; N]) {
    check_composed_by(kernel, inputs, N);
}

/// The same with gradients by the first inputs alone.
fn check_composed_by<const N: usize, K: Kernel<N>>(
    kernel: impl Fn() -> K,
    inputs: [Tensor; N],
    first: usize,
) {
    let variables: [Tensor; N] =
        std::array::from_fn(|i| if i < first { inputs[i].variable() } else { inputs[i].clone() });
    let ours = apply(kernel(), variables.each_ref()).unwrap();
    let raws = inputs.each_ref().map(|x| &x.raw);
    let composed = Tensor::plain(kernel().composed(raws).unwrap());
    let close = |a: &[f64], b: &[f64], tolerance: f64| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + a.abs()))
    };
    let values = ours.to_f64().unwrap();
    assert_eq!(ours.shape(), composed.shape(), "{}", K::NAME);
    assert!(close(&values, &composed.to_f64().unwrap(), 1e-10), "{}: {values:?} {composed:?}", K::NAME);
    let gradients = weighed(&ours).gradients().unwrap();
    let composed = composed_gradients(&kernel(), raws, &numbers(ours.shape(), 99).raw).unwrap();
    for (variable, composed) in variables.iter().zip(composed).take(first) {
        let ours = gradients.get(variable).unwrap().to_f64().unwrap();
        let composed = Tensor::plain(composed.unwrap()).to_f64().unwrap();
        assert!(close(&ours, &composed, 1e-8), "{}: gradients {ours:?} {composed:?}", K::NAME);
    }
    let single = inputs
        .map(|x| Tensor::from_f64(x.to_f64().unwrap(), x.shape(), Precision::Single, Device::Cpu).unwrap());
    let single = apply(kernel(), single.each_ref()).unwrap().to_f64().unwrap();
    assert!(close(&values, &single, 1e-5), "{}: single {values:?} {single:?}", K::NAME);
}

/// The last two of three axes exchanged, the values left where they lie.
fn transposed_view(x: &Tensor) -> Tensor {
    let exchange = |x: &tensor::Raw| x.transpose(1, 2);
    x.moved(exchange(&x.raw).unwrap(), exchange)
}

const ACTIVATIONS: [Activation; 10] = [
    Activation::Relu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::GeluSigmoid,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Exp,
    Activation::Softplus,
    Activation::Elu,
    Activation::LeakyRelu,
];

#[test]
fn activations() {
    for activation in ACTIVATIONS {
        check(&format!("{activation:?}"), &[numbers(&[3, 7], 0)], |x| x[0].activate(activation).unwrap());
        check_composed(|| activation, [numbers(&[3, 40], 1)]);
    }
}

#[test]
fn activations_keep_their_values_far_out() {
    let x = vec![-200.0, -30.0, -18.0, -1e-3, 0.0, 1e-3, 18.0, 30.0, 80.0];
    for activation in ACTIVATIONS {
        let double = tensor(x.clone(), &[9]).activate(activation).unwrap().to_f64().unwrap();
        let single = Tensor::from_f64(x.clone(), &[9], Precision::Single, Device::Cpu).unwrap();
        let single = single.activate(activation).unwrap().to_f64().unwrap();
        for (i, (double, single)) in double.iter().zip(&single).enumerate() {
            let error = (double - single).abs() / (1e-6 + double.abs());
            assert!(error < 2e-5, "{activation:?}({}): {double} {single}", x[i]);
        }
    }
    // The logarithm of a softplus is taken by losses: it must not round to 0.
    let small = Tensor::from_f32(vec![-20.0], &[1], Device::Cpu).unwrap();
    let small = small.activate(Activation::Softplus).unwrap().scalar().unwrap();
    assert!((small / 2.061_153_6e-9 - 1.0).abs() < 1e-6, "{small}");
}

#[test]
fn linear() {
    let inputs = [numbers(&[2, 3, 5], 0), numbers(&[4, 5], 1), numbers(&[4], 2)];
    check("linear", &inputs, |x| x[0].linear(&x[1], Some(&x[2])).unwrap());
    check("linear without bias", &inputs[..2], |x| x[0].linear(&x[1], None).unwrap());
    check("linear of a transposed view", &[numbers(&[2, 5, 3], 0), numbers(&[4, 5], 1)], |x| {
        transposed_view(&x[0]).linear(&x[1], None).unwrap()
    });
    check("linear and relu", &inputs, |x| x[0].linear_relu(&x[1], &x[2]).unwrap());
    for relu in [false, true] {
        check_composed(|| linear::Linear { relu }, inputs.clone());
    }
    // Large enough to be shared out over threads, by rows and by columns.
    check_composed(|| linear::LinearWithoutBias, [numbers(&[700, 40], 0), numbers(&[30, 40], 1)]);
    check_composed(|| linear::LinearWithoutBias, [numbers(&[30, 40], 0), numbers(&[700, 40], 1)]);
}

#[test]
fn products() {
    let inputs = [numbers(&[2, 3, 5], 0), numbers(&[2, 5, 4], 1)];
    check("product", &inputs, |x| x[0].product(&x[1]).unwrap());
    check("product of a view", &[numbers(&[2, 5, 3], 0), numbers(&[2, 5, 4], 1)], |x| {
        transposed_view(&x[0]).product(&x[1]).unwrap()
    });
}

#[test]
fn convolutions() {
    for groups in [1, 2] {
        for (stride, padding, dilation, taps) in [
            (1, 0, 1, 3),
            (1, 2, 1, 5),
            (2, 0, 1, 3),
            (2, 3, 2, 4),
            (3, 1, 1, 2),
            (1, 4, 3, 3),
            (3, 0, 2, 1),
            (1, 0, 1, 1),
            (1, 5, 1, 2),
        ] {
            let shape = ConvShape { stride, padding, dilation, groups };
            let inputs = || [numbers(&[3, 11, 4], 0), numbers(&[6, 4 / groups, taps], 1)];
            check(&format!("{shape:?}"), &inputs(), |x| x[0].conv(&x[1], shape).unwrap());
            check_composed(|| conv::Conv(shape), inputs());
        }
    }
    // More than one tile.
    let shape = ConvShape { padding: 2, ..ConvShape::default() };
    check_composed(|| conv::Conv(shape), [numbers(&[2, 600, 3], 0), numbers(&[2, 3, 5], 1)]);
}

#[test]
fn pools() {
    for pool in [Pool::Max, Pool::Mean] {
        for (kernel, stride, padding) in
            [(2, 2, 0), (4, 4, 0), (3, 2, 1), (3, 1, 0), (2, 3, 0), (4, 3, 2), (1, 1, 0)]
        {
            let shape = PoolShape { kernel, stride, padding };
            check(&format!("{pool:?} {shape:?}"), &[numbers(&[2, 11, 3], 0)], |x| {
                x[0].pool(pool, shape).unwrap()
            });
            check_composed(|| pool::Pooling(pool, shape), [numbers(&[2, 11, 3], 0)]);
        }
    }
}

#[test]
fn normalisations() {
    let inputs = || [numbers(&[4, 3, 5], 0), numbers(&[5], 1), numbers(&[5], 2)];
    check("layer norm", &inputs(), |x| x[0].layer_norm(&x[1], &x[2], 1e-5).unwrap());
    check("scale and shift", &inputs(), |x| x[0].scale_shift(&x[1], &x[2]).unwrap());
    check("batch norm", &inputs(), |x| norm::normalised_batch(&x[0], &x[1], &x[2], 1e-5).unwrap().0);
    check_composed(|| norm::LayerNorm { epsilon: 1e-5 }, inputs());
    check_composed(|| norm::ScaleShift, inputs());
    let batch_norm = || norm::BatchNorm::new(&inputs()[0].raw, 1e-5).unwrap().0;
    check_composed(batch_norm, inputs());
}

#[test]
fn softmaxes() {
    check("softmax", &[numbers(&[3, 4], 0)], |x| x[0].softmax().unwrap());
    check("log-softmax", &[numbers(&[3, 4], 0)], |x| x[0].log_softmax().unwrap());
    check_composed(|| softmax::Softmax, [numbers(&[3, 37], 0)]);
    check_composed(|| softmax::LogSoftmax, [numbers(&[3, 37], 0)]);
    let far = tensor(vec![1e4, 0.0, -1e4], &[1, 3]).softmax().unwrap().to_f64().unwrap();
    assert_eq!(far, [1.0, 0.0, 0.0]);
}

#[test]
fn pairs_of_rows() {
    // The last more than are worked on at a time.
    for length in [2, 3, 6, 7, 128, 131] {
        let x = || numbers(&[2, length, 3], 0);
        let logits = || numbers(&[2, length / 2, 3], 1);
        if length < 10 {
            check("differences of pairs", &[x()], |x| x[0].pair_differences().unwrap());
            check("means of pairs", &[x(), logits()], |x| x[0].pair_means(&x[1]).unwrap());
        }
        check_composed(|| pairs::PairDifferences, [x()]);
        check_composed(|| pairs::PairMeans, [x(), logits()]);
    }
    let x = tensor(vec![5.0, 3.0, 7.0], &[1, 3, 1]);
    assert_eq!(x.pair_differences().unwrap().to_f64().unwrap(), [2.0]);
    let found = x.pair_means(&tensor(vec![0.0], &[1, 1, 1])).unwrap();
    assert_eq!(found.to_f64().unwrap(), [4.0, 7.0]);
    assert!(x.pair_means(&numbers(&[1, 2, 1], 0)).is_err());
}

#[test]
fn logits_of_distances() {
    for positions in [1, 2, 5] {
        let inputs = || [numbers(&[2, 3, positions, 4], 0), numbers(&[2, 2 * positions - 1, 4], 1)];
        check("logits of distances", &inputs(), |x| x[0].relative_logits(&x[1]).unwrap());
        check_composed(|| relative::RelativeLogits, inputs());
    }
    // More than one block of queries, the last one short.
    let (queries, keys) = (numbers(&[2, 2, 150, 3], 0), numbers(&[2, 299, 3], 1));
    check_composed(|| relative::RelativeLogits, [queries.clone(), keys.clone()]);
    let found = queries.relative_logits(&keys).unwrap().to_f64().unwrap();
    let (queries, keys) = (queries.to_f64().unwrap(), keys.to_f64().unwrap());
    for (head, item, i, j) in [(0, 0, 0, 0), (1, 1, 149, 0), (1, 0, 70, 130), (0, 1, 64, 63)] {
        let query = &queries[((head * 2 + item) * 150 + i) * 3..][..3];
        let key = &keys[(head * 299 + 149 + j - i) * 3..][..3];
        let expected: f64 = query.iter().zip(key).map(|(q, k)| q * k).sum();
        let found = found[((head * 2 + item) * 150 + i) * 150 + j];
        assert!((found - expected).abs() < 1e-12, "{head} {item} {i} {j}: {found} {expected}");
    }
    let (queries, keys) = (numbers(&[2, 2, 5, 3], 0), numbers(&[2, 10, 3], 1));
    assert!(queries.relative_logits(&keys).is_err());
}

#[test]
fn losses() {
    let shape = [3, 5];
    let poisson_multinomial = Loss::PoissonMultinomial { weight: 5.0 };
    for (loss, z) in [
        (Loss::CrossEntropy, numbers(&shape, 0)),
        (Loss::BinaryCrossEntropy, numbers(&shape, 0)),
        (Loss::SquaredError, numbers(&shape, 0)),
        (Loss::Poisson, rates(&shape, 0)),
        (Loss::PoissonOfLog, numbers(&shape, 0)),
        (poisson_multinomial, rates(&shape, 0)),
    ] {
        let target = rates(&shape, 1);
        check(&format!("{loss:?}"), std::slice::from_ref(&z), |x| x[0].loss(&target, loss).unwrap());
        check_composed_by(|| loss, [z, target.clone()], 1);
    }
}

#[test]
fn sums_and_arithmetic() {
    check("sum", &[numbers(&[3, 4], 0)], |x| x[0].sum().unwrap());
    let two = [numbers(&[3, 4], 0), numbers(&[3, 4], 1)];
    check("add", &two, |x| x[0].add(&x[1]).unwrap());
    check("sub", &two, |x| x[0].sub(&x[1]).unwrap());
    check("mul", &two, |x| x[0].mul(&x[1]).unwrap());
    check("affine", &two[..1], |x| x[0].affine(3.0, 1.0).unwrap());
    check("shapes", &two[..1], |x| {
        let x = x[0].transpose(0, 1).unwrap().narrow(0, 1, 2).unwrap().pad(1, 1, 2).unwrap();
        x.reshape(&[3, 4]).unwrap()
    });
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let x = numbers(&[2, 6, 4], 0);
    let none = ConvShape { stride: 0, ..ConvShape::default() };
    assert!(x.linear(&numbers(&[3, 5], 0), None).is_err());
    assert!(x.linear(&numbers(&[3, 4], 0), Some(&numbers(&[4], 0))).is_err());
    assert!(x.conv(&numbers(&[3, 4, 7], 0), ConvShape::default()).is_err(), "longer than the input");
    assert!(x.conv(&numbers(&[3, 3, 2], 0), ConvShape::default()).is_err());
    assert!(x.conv(&numbers(&[3, 4, 2], 0), none).is_err());
    assert!(x.pool(Pool::Max, PoolShape::tiles(0)).is_err());
    assert!(x.pool(Pool::Max, PoolShape { kernel: 2, stride: 1, padding: 2 }).is_err());
    assert!(x.pool(Pool::Max, PoolShape::tiles(7)).is_err());
    assert!(x.layer_norm(&numbers(&[3], 0), &numbers(&[4], 0), 1e-5).is_err());
    assert!(x.loss(&numbers(&[2, 6, 3], 0), Loss::SquaredError).is_err());
    assert!(x.add(&numbers(&[4], 0)).is_err());
    let row = norm::normalised_batch(&numbers(&[1, 4], 0), &numbers(&[4], 0), &numbers(&[4], 0), 1e-5);
    assert!(row.is_err(), "one row has no variance");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let single = |x: Tensor| {
                Tensor::from_f64(x.to_f64().unwrap(), x.shape(), Precision::Single, Device::Cpu).unwrap()
            };
            let x = single(numbers(&[3, 900, 16], 0)).variable();
            let w = single(numbers(&[24, 16, 7], 1)).variable();
            let (scale, shift) = (single(rates(&[24], 2)), single(numbers(&[24], 3)));
            let y = x.conv(&w, ConvShape::default()).unwrap();
            let y = norm::normalised_batch(&y, &scale, &shift, 1e-5).unwrap().0;
            let y = y.activate(Activation::Gelu).unwrap().pool(Pool::Max, PoolShape::tiles(2)).unwrap();
            let loss = y.loss(&single(numbers(y.shape(), 4)), Loss::SquaredError).unwrap();
            let gradients = loss.gradients().unwrap();
            let all = [Some(loss), gradients.get(&x), gradients.get(&w)];
            all.map(|x| x.unwrap().to_f32().unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>())
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(3));
}
