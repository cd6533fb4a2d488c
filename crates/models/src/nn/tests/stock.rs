//! What the tensor library has wrong. Each test fails once it is mended: then our own code for it may go.

use candle_core::{DType, Device, Tensor as Stock, Var};

const MENDED: &str = "candle has mended this: reconsider our own operation";

fn var(values: &[f64], shape: &[usize]) -> Var {
    Var::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
}

fn gradient(x: &Var, y: &Stock) -> Vec<f64> {
    y.sum_all().unwrap().backward().unwrap().get(x).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// 0, 1, 2 … scaled, so that nothing is equal.
fn count(shape: &[usize]) -> Stock {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
    Stock::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn kernel_gradient_of_a_convolution_of_two() {
    let weight = Var::from_tensor(&count(&[2, 2, 3])).unwrap();
    let x = count(&[2, 2, 7]);
    let of = |x: &Stock| gradient(&weight, &x.conv1d(&weight, 0, 1, 1, 1).unwrap().sqr().unwrap());
    let (whole, first, second) = (of(&x), of(&x.narrow(0, 0, 1).unwrap()), of(&x.narrow(0, 1, 1).unwrap()));
    let right = (0..whole.len()).all(|i| (whole[i] - first[i] - second[i]).abs() < 1e-9);
    assert!(!right, "{MENDED}");
}

#[test]
fn convolution_with_a_transposed_kernel() {
    let (x, weight) = (count(&[1, 2, 7]), count(&[2, 3, 3]).transpose(0, 1).unwrap());
    let of = |weight: &Stock| {
        x.conv1d(weight, 0, 1, 1, 1).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
    };
    assert_ne!(of(&weight), of(&weight.contiguous().unwrap()), "{MENDED}");
}

#[test]
fn product_of_a_transposed_view_with_one_matrix() {
    let x = count(&[2, 5, 3]).transpose(1, 2).unwrap();
    let weight = count(&[5, 4]).broadcast_left(2).unwrap();
    let of = |x: &Stock| x.matmul(&weight).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    assert_ne!(of(&x), of(&x.contiguous().unwrap()), "{MENDED}");
}

#[test]
fn gradient_of_the_largest_value() {
    let x = var(&[1.0, 4.0, 3.0, 2.0], &[1, 1, 1, 4]);
    assert_ne!(gradient(&x, &x.max_pool2d((1, 4)).unwrap()), [0.0, 1.0, 0.0, 0.0], "{MENDED}");
    let ties = var(&[3.0, 3.0], &[1, 2]);
    assert_eq!(gradient(&ties, &ties.max(1).unwrap()), [1.0, 1.0], "{MENDED}");
}

#[test]
fn gradient_beside_the_windows_of_a_mean() {
    let x = var(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1, 1, 1, 5]);
    assert_ne!(gradient(&x, &x.avg_pool2d((1, 2)).unwrap())[4], 0.0, "{MENDED}");
}

#[test]
fn slopes_at_zero() {
    let x = var(&[0.0], &[1]);
    assert_eq!(gradient(&x, &x.relu().unwrap()), [1.0], "{MENDED}");
    assert_eq!(gradient(&x, &x.abs().unwrap()), [1.0], "{MENDED}");
}

#[test]
fn long_sums() {
    let x = Stock::full(0.1_f32, 10_000_000, &Device::Cpu).unwrap();
    let sum = f64::from(x.sum_all().unwrap().to_scalar::<f32>().unwrap());
    assert!((sum / 1e6 - 1.0).abs() > 1e-4, "{MENDED}");
}

#[test]
fn the_largest_of_nan() {
    let largest = |values: [f64; 2]| {
        let x = Stock::new(&values, &Device::Cpu).unwrap();
        x.max(0).unwrap().to_scalar::<f64>().unwrap().is_nan()
    };
    assert_ne!(largest([f64::NAN, 1.0]), largest([1.0, f64::NAN]), "{MENDED}");
}

#[test]
fn random_numbers_without_a_seed() {
    assert!(Device::Cpu.set_seed(1).is_err(), "{MENDED}");
}

#[test]
fn gradients_that_are_errors() {
    let x = var(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1, 6]);
    let windows = x.unfold(1, 3, 1).unwrap().sum_all().unwrap();
    assert!(windows.backward().is_err(), "{MENDED}");
    let pool = x.reshape((1, 1, 1, 6)).unwrap().max_pool2d_with_stride((1, 3), (1, 2)).unwrap();
    assert!(pool.sum_all().unwrap().backward().is_err(), "{MENDED}");
    let kernel = Var::zeros((1, 1, 2), DType::F64, &Device::Cpu).unwrap();
    let wide = x.reshape((1, 1, 6)).unwrap().conv_transpose1d(&kernel, 0, 0, 1, 1, 1).unwrap();
    assert!(wide.sum_all().unwrap().backward().is_err(), "{MENDED}");
}
