//! What the tensor library has wrong, right: cases with known answers, each by hand or from PyTorch's definition.

use super::*;

fn gradient_of(x: &Tensor, f: impl Fn(&Tensor) -> Tensor) -> Vec<f64> {
    let x = x.variable();
    f(&x).gradients().unwrap().get(&x).unwrap().to_f64().unwrap()
}

#[test]
fn the_slope_of_relu_at_zero_is_zero() {
    let slope =
        gradient_of(&tensor(vec![-1.0, -0.0, 0.0, 1.0], &[4]), |x| x.activate(Activation::Relu).unwrap());
    assert_eq!(slope, [0.0, 0.0, 0.0, 1.0]);
    let nan = tensor(vec![f64::NAN], &[1]).activate(Activation::Relu).unwrap().scalar().unwrap();
    assert!(nan.is_nan());
}

#[test]
fn the_largest_of_equal_values_takes_the_whole_gradient_once() {
    let x = tensor(vec![1.0, 3.0, 3.0, 2.0], &[1, 4, 1]);
    let slope = gradient_of(&x, |x| x.pool(Pool::Max, PoolShape::tiles(4)).unwrap());
    assert_eq!(slope, [0.0, 1.0, 0.0, 0.0]);
    let overlapping = PoolShape { kernel: 3, stride: 1, padding: 0 };
    assert_eq!(gradient_of(&x, |x| x.pool(Pool::Max, overlapping).unwrap()), [0.0, 2.0, 0.0, 0.0]);
}

#[test]
fn what_no_window_sees_has_no_gradient() {
    let x = tensor(vec![5.0, 1.0, 2.0, 3.0, 4.0], &[1, 5, 1]);
    let mean = gradient_of(&x, |x| x.pool(Pool::Mean, PoolShape::tiles(2)).unwrap());
    assert_eq!(mean, [0.5, 0.5, 0.5, 0.5, 0.0]);
    let max = gradient_of(&x, |x| x.pool(Pool::Max, PoolShape::tiles(2)).unwrap());
    assert_eq!(max, [1.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_pool_shows_nan_wherever_it_stands() {
    for place in 0..3 {
        let mut values = vec![1.0; 3];
        values[place] = f64::NAN;
        let out = tensor(values, &[1, 3, 1]).pool(Pool::Max, PoolShape::tiles(3)).unwrap();
        assert!(out.scalar().unwrap().is_nan(), "{place}");
    }
}

#[test]
fn binary_cross_entropy_is_finite_for_every_logit() {
    let cost = |z: f32, t: f32| {
        let at = |x| Tensor::from_f32(vec![x], &[1], Device::Cpu).unwrap();
        at(z).loss(&at(t), Loss::BinaryCrossEntropy).unwrap().scalar().unwrap()
    };
    assert_eq!(cost(20.0, 0.0), 20.0);
    assert!((cost(10.0, 0.0) - 10.000_045_4).abs() < 1e-6);
    assert_eq!(cost(1e4, 0.0), 1e4);
    assert_eq!(cost(-1e4, 0.0), 0.0);
}

#[test]
fn long_sums_of_single_numbers_are_exact_to_their_precision() {
    let x = Tensor::from_f32(vec![0.1; 10_000_000], &[10_000_000], Device::Cpu).unwrap();
    assert!((x.sum().unwrap().scalar().unwrap() / 1e6 - 1.0).abs() < 1e-6);
    let rows = 1_000_000;
    let x = Tensor::from_f32(vec![0.1; 2 * rows], &[rows, 2], Device::Cpu).unwrap();
    let bias = Tensor::from_f32(vec![0.0; 2], &[2], Device::Cpu).unwrap().variable();
    let one = Tensor::from_f32(vec![1.0; 2], &[2], Device::Cpu).unwrap();
    let sum = x.scale_shift(&one, &bias).unwrap().mul(&x).unwrap().sum().unwrap();
    let gradient = sum.gradients().unwrap().get(&bias).unwrap().to_f64().unwrap();
    assert!(gradient.iter().all(|g| (g / 1e5 - 1.0).abs() < 1e-6), "{gradient:?}");
}

#[test]
fn every_parameter_of_a_normalised_network_has_a_gradient() {
    let mut parameters = Parameters::new(Device::Cpu, Precision::Single);
    let mut scope = parameters.scope(Seed::new(1));
    let first = LinearLayer::new(&mut scope.enter("first"), 6, 8).unwrap();
    let norm = LayerNormLayer::new(&mut scope.enter("norm"), 8).unwrap();
    let batch = BatchNormLayer::new(&mut scope.enter("batch"), 8).unwrap();
    let x = Tensor::from_f64(numbers(&[5, 6], 0).to_f64().unwrap(), &[5, 6], Precision::Single, Device::Cpu)
        .unwrap();
    let mut pass = Pass::Training(Box::new(Seed::new(1).stream("dropout", 0)));
    let y = norm.forward(&first.forward(&x).unwrap()).unwrap();
    let y = batch.forward(&y, &pass).unwrap().dropout(0.5, &mut pass).unwrap().softmax().unwrap();
    let gradients = y.mul(&y).unwrap().sum().unwrap().gradients().unwrap();
    for (name, parameter) in parameters.trained() {
        let gradient = gradients.get(&parameter).unwrap_or_else(|| panic!("{name}")).to_f64().unwrap();
        assert!(gradient.iter().any(|g| *g != 0.0), "{name}");
    }
    let names: Vec<&str> = parameters.all().map(|(name, _)| name).collect();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 8);
    assert_eq!(parameters.n_trained(), 6 * 8 + 8 + 16 + 16);
}

#[test]
fn running_statistics_follow_the_batch_as_in_pytorch() {
    let mut parameters = Parameters::new(Device::Cpu, Precision::Double);
    let norm = BatchNormLayer::new(&mut parameters.scope(Seed::new(1)), 1).unwrap();
    let x = tensor(vec![1.0, 2.0, 3.0, 6.0], &[4, 1]);
    norm.forward(&x, &Pass::Training(Box::new(Seed::new(1).stream("", 0)))).unwrap();
    let value = |wanted: &str| {
        let mut all = parameters.all();
        all.find(|(name, _)| *name == wanted).unwrap().1.scalar().unwrap()
    };
    // Mean 3; squares 4, 1, 0, 9, over 3 rows.
    assert!((value("running_mean") - 0.3).abs() < 1e-12);
    assert!((value("running_var") - (0.9 + 0.1 * 14.0 / 3.0)).abs() < 1e-12);
    let out = norm.forward(&x, &Pass::Evaluation).unwrap().to_f64().unwrap();
    assert!((out[0] - (1.0 - value("running_mean")) / (value("running_var") + 1e-5).sqrt()).abs() < 1e-12);
}

#[test]
fn dropout_keeps_the_mean_and_repeats_with_its_stream() {
    let x = Tensor::from_f32(vec![1.0; 10_000], &[10_000], Device::Cpu).unwrap();
    let drop = |index| {
        let mut pass = Pass::Training(Box::new(Seed::new(5).stream("dropout", index)));
        x.dropout(0.25, &mut pass).unwrap().to_f32().unwrap()
    };
    assert_eq!(drop(0), drop(0));
    assert_ne!(drop(0), drop(1));
    let kept = drop(0).iter().filter(|x| **x != 0.0).count();
    // Four standard deviations of a binomial with p = 3/4.
    assert!(kept.abs_diff(7_500) < 174, "{kept}");
    assert!(drop(0).iter().all(|x| *x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-6));
    assert!(x.dropout(1.0, &mut Pass::Evaluation).is_err());
    assert_eq!(x.dropout(0.5, &mut Pass::Evaluation).unwrap().to_f32().unwrap(), vec![1.0; 10_000]);
}

#[test]
fn gradients_of_a_batch_are_the_sum_of_those_of_its_items() {
    let weight = numbers(&[3, 2, 3], 7);
    let x = numbers(&[4, 9, 2], 8);
    let by_weight = |x: &Tensor| gradient_of(&weight, |w| x.conv(w, ConvShape::default()).unwrap());
    let whole = by_weight(&x);
    let parts: Vec<Vec<f64>> = (0..4).map(|i| by_weight(&x.narrow(0, i, 1).unwrap())).collect();
    for (i, whole) in whole.iter().enumerate() {
        let sum: f64 = parts.iter().map(|part| part[i]).sum();
        assert!((whole - sum).abs() < 1e-12);
    }
}
