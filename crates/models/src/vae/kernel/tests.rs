use cistron_core::Seed;

use super::*;

fn numbers(label: &str, n: usize, sd: f64) -> Vec<f32> {
    let mut stream = Seed::new(1).stream(label, 0);
    (0..n).map(|_| (sd * stream.normal()) as f32).collect()
}

fn assert_near(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    let largest = expected.iter().fold(1e-30_f64, |largest, x| largest.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let distance = (f64::from(*a) - b).abs();
        assert!(distance <= tolerance * largest, "{what}, number {i}: found {a}, expected {b}");
    }
}

#[test]
fn functions_keep_their_accuracy() {
    let worst = |ours: fn(f32) -> f32, exact: fn(f64) -> f64, xs: &mut dyn Iterator<Item = f32>| {
        let distance = |x: f32| {
            let truth = exact(f64::from(x));
            (f64::from(ours(x)) - truth).abs() / (truth.abs() * f64::from(f32::EPSILON)).max(1e-12)
        };
        xs.map(distance).fold(0.0, f64::max)
    };
    let range = |from: f32, to: f32| (0..100_000).map(move |i| from + (to - from) * i as f32 / 100_000.0);
    assert!(worst(f32::exp_of::<false>, f64::exp, &mut range(-86.0, 87.0)) <= 2.0);
    assert!(worst(f32::exp_of::<true>, f64::exp, &mut range(-86.0, 87.0)) <= 2.0);
    // Near 1 a logarithm is small, and its last place with it; there the error is measured against the argument's.
    assert!(worst(f32::ln_of::<true>, f64::ln, &mut range(1.5, 1e6)) <= 2.0);
    assert!(worst(f32::ln_of::<false>, f64::ln, &mut range(1e-7, 0.7)) <= 2.0);
    assert_eq!((f32::exp_of::<true>(0.0), f32::ln_of::<true>(1.0)), (1.0, 0.0));
}

#[test]
fn normal_numbers_have_the_moments_of_their_distribution() {
    let n = 1 << 20;
    for level in Level::all() {
        let mut values = vec![0.0_f32; n];
        normals(level, [3, 7], [1, 2, 3], &mut values);
        let moment = |power: i32| values.iter().map(|x| f64::from(*x).powi(power)).sum::<f64>() / n as f64;
        // Standard errors are √(1, 2, 15, 96) / 1024; six of them.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)]
        {
            let found = moment(power);
            assert!((found - expected).abs() < 6.0 * variance.sqrt() / 1024.0, "{power}: {found}");
        }
        let far = values.iter().filter(|x| x.abs() > 3.0).count() as f64 / n as f64;
        assert!((far - 2.6998e-3).abs() < 3e-4, "{far}");
    }
}

#[test]
fn normal_numbers_depend_on_their_place_alone() {
    for level in Level::all() {
        let (mut long, mut short) = (vec![0.0_f32; 200], vec![0.0_f32; 70]);
        normals(level, [1, 2], [3, 4, 5], &mut long);
        normals(level, [1, 2], [3, 4, 5], &mut short);
        assert_eq!(long[..70], short);
        normals(level, [1, 2], [4, 4, 5], &mut short);
        assert!(long.iter().zip(&short).all(|(a, b)| a != b));
        let mut portable = vec![0.0_f32; 200];
        normals(Level::Portable, [1, 2], [3, 4, 5], &mut portable);
        // Fused and unfused polynomials differ in their last places.
        assert_near(&long, &portable.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), 1e-6, "normals");
    }
}

#[test]
fn draws_are_means_and_noise_on_every_level() {
    let n = 53;
    let (mean, log_sd, noise) = (numbers("m", n, 1.0), numbers("s", n, 0.5), numbers("e", n, 1.0));
    let exact = |i: usize| f64::from(mean[i]) + f64::from(log_sd[i]).exp() * f64::from(noise[i]);
    let expected: Vec<f64> = (0..n).map(exact).collect();
    for level in Level::all() {
        let mut weights = noise.clone();
        let draw = Draw { mean: &mean, log_sd: &log_sd, weights: &mut weights, prior: 0.5 };
        let sums = sample(level, draw);
        assert_near(&weights, &expected, 1e-6, "draw");
        let of = |f: fn(f64, f64) -> f64| {
            mean.iter().zip(&log_sd).map(|(m, s)| f(f64::from(*m), f64::from(*s))).sum::<f64>()
        };
        let exact = [of(|_, s| s), of(|_, s| (2.0 * s).exp()), of(|m, _| (m - 0.5).powi(2))];
        assert!(
            sums.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1.0)),
            "{sums:?} {exact:?}"
        );
        let (mut again, mut sd) = (vec![0.0; n], vec![0.0; n]);
        let draw = Draw { mean: &mean, log_sd: &log_sd, weights: &mut again, prior: 0.0 };
        redraw(level, draw, &noise, &mut sd);
        assert_eq!(again, weights);
        assert_near(&sd, &log_sd.iter().map(|s| f64::from(*s).exp()).collect::<Vec<_>>(), 1e-6, "sd");
    }
}

#[test]
fn products_are_sums_on_every_level() {
    // Letters that need tiles of every size.
    for (letters, rows, width) in [(20, 7, 32), (4, 3, 16), (21, 2, 16), (16, 5, 48)] {
        let coefficients = numbers("c", rows * letters, 1.0);
        let (x, scale) = (numbers("x", rows * width, 1.0), numbers("f", width, 1.0));
        let product = |j: usize, l: usize| {
            let term = |k: usize| f64::from(coefficients[k * letters + j]) * f64::from(x[k * width + l]);
            f64::from(scale[l]) * (0..rows).map(term).sum::<f64>()
        };
        let expected: Vec<f64> =
            (0..letters).flat_map(|j| (0..width).map(move |l| (j, l))).map(|(j, l)| product(j, l)).collect();
        for level in Level::all() {
            let mut out = vec![0.0; letters * width];
            combine(level, &coefficients, &x, Some(&scale), width, &mut out);
            assert_near(&out, &expected, 1e-6, "combine");
        }
    }
}

#[test]
fn tables_are_gathered_on_every_level() {
    for n in [1, 64, 131] {
        let (table, start) = (numbers("t", 5 * n, 1.0), numbers("o", n, 1.0));
        let rows = [4, 0, 4];
        let sum = |i: usize| {
            f64::from(start[i]) + rows.iter().map(|row| f64::from(table[row * n + i])).sum::<f64>()
        };
        let expected: Vec<f64> = (0..n).map(sum).collect();
        for level in Level::all() {
            let mut out = start.clone();
            gather(level, &table, &rows, &mut out);
            assert_near(&out, &expected, 1e-6, "gather");
        }
    }
}

#[test]
fn softmax_knows_gaps_and_extremes() {
    let (letters, width) = (3, 16);
    let mut logits = vec![0.0_f32; letters * width];
    // Position 0: equal; 1: far apart; 2: a gap; beyond: nothing.
    (logits[1], logits[width + 1]) = (-2000.0, 2000.0);
    for level in Level::all() {
        let mut values = logits.clone();
        let row = SoftmaxRow {
            logits: &mut values,
            bias: None,
            temperature: 0.5,
            codes: &[0, 1, 9],
            share: Some(2.0),
            width,
        };
        let [log_probability, slope] = softmax(level, row);
        assert!((log_probability + 3.0_f64.ln()).abs() < 1e-6, "{log_probability}");
        assert!(slope.abs() < 1e-3, "{slope}");
        let column = |l: usize| [values[l], values[width + l], values[2 * width + l]];
        assert_near(&column(0), &[4.0 / 3.0, -2.0 / 3.0, -2.0 / 3.0], 1e-6, "gradient");
        assert!(column(1).iter().all(|g| g.abs() < 1e-6), "{:?}", column(1));
        assert!((2..width).all(|l| column(l) == [0.0; 3]));
    }
}

#[test]
fn bernoulli_is_the_cross_entropy_of_each_letter() {
    let (letters, width, codes) = (3, 16, [0, 1, 9, 2]);
    let logits: Vec<f64> = (0..letters * width).map(|i| (f64::from(i as u8) * 0.7).sin() * 3.0).collect();
    let bound = |logits: &[f64]| -> f64 {
        let of_position = |(l, code): (usize, &u8)| {
            let norm = (0..letters).map(|a| (0.5 * logits[a * width + l]).exp()).sum::<f64>().ln();
            let of_letter = |a: usize| {
                let u = 0.5 * logits[a * width + l] - norm;
                // The cross-entropy of torch's `binary_cross_entropy_with_logits`, turned negative.
                f64::from(u8::from(usize::from(*code) == a)) * u - u.exp().ln_1p()
            };
            (0..letters).map(of_letter).sum::<f64>()
        };
        codes.iter().enumerate().map(of_position).sum()
    };
    for level in Level::all() {
        let mut values: Vec<f32> = logits.iter().map(|x| *x as f32).collect();
        let row = SoftmaxRow {
            logits: &mut values,
            bias: None,
            temperature: 0.5,
            codes: &codes,
            share: Some(2.0),
            width,
        };
        let [log_likelihood, slope] = bernoulli(level, row);
        assert!((log_likelihood - bound(&logits)).abs() < 1e-5, "{log_likelihood} {}", bound(&logits));
        let mut expected = vec![0.0; logits.len()];
        for (i, slot) in expected.iter_mut().enumerate() {
            let moved = |h: f64| {
                let mut logits = logits.clone();
                logits[i] += h;
                bound(&logits)
            };
            // By the logit after the temperature, of which there is a share of two.
            *slot = 2.0 * (moved(1e-5) - moved(-1e-5)) / 2e-5 / 0.5;
        }
        for (found, expected) in values.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} {expected}");
        }
        let expected: f64 = expected.iter().zip(&logits).map(|(g, x)| g * 0.5 * x).sum();
        assert!((slope - expected).abs() < 1e-4, "{slope} {expected}");
    }
}
