//! Variational autoencoders of families: terms, gradients, steps and effects of the reference in double precision.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use cistron::Seed;
use cistron::models::{
    Checkpoint, Precision, Tensor, Vae, VaeActivation, VaeAdam, VaeConfig, VaeLearner, VaeNoise, VaePoint,
    VaeSparsity, VaeUpdate,
};
use cistron::ndarray::{Array1, Array2};
use conformance::golden;
use serde_json::Value;

const PRECISIONS: [(Precision, f64); 2] = [(Precision::Double, 1e-10), (Precision::Single, 2e-5)];
const LETTERS: &str = "ACDEFGHIKLMNPQRSTVWY";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn cases() -> Option<Vec<PathBuf>> {
    let folder = golden("vae/elbo")?;
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    Some(cases)
}

/// The configuration of a case in our words.
fn config(folder: &Path) -> VaeConfig {
    let said = json(&folder.join("config.json"));
    let number = |name: &str| said[name].as_f64().unwrap();
    let count = |name: &str| said[name].as_u64().unwrap() as usize;
    let counts =
        |name: &str| said[name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let yes = |name: &str| said[name].as_bool().unwrap();
    let activation = |name: &str| serde_json::from_value::<VaeActivation>(said[name].clone()).unwrap();
    let penalties = VaePoint { sparsity_lambda: number("sparsity_lambda"), l2_lambda: number("l2_lambda") };
    VaeConfig {
        alphabet: LETTERS.to_owned(),
        length: count("seq_len"),
        encoder: counts("encoder"),
        decoder: counts("decoder"),
        n_latent: count("n_latent"),
        n_patterns: count("n_patterns"),
        encoder_activation: activation("encode_nonlinearity"),
        decoder_activation: activation("decode_nonlinearity"),
        final_activation: activation("final_decode_nonlinearity"),
        sparsity: serde_json::from_value::<Option<VaeSparsity>>(said["sparsity"].clone()).unwrap(),
        global_scale: number("global_scale"),
        logit_p: number("logit_p"),
        logit_sigma: number("logit_sigma"),
        pattern_sigma: number("pattern_sigma"),
        convolution: yes("convolve_patterns").then(|| count("conv_size")),
        encoder_convolution: yes("convolve_encoder").then(|| count("conv_encoder_size")),
        output_bias: yes("output_bias"),
        temperature: yes("temperature"),
        kl_scale: number("kl_scale"),
        warm_up: number("warm_up"),
        dropout: if yes("dropout") { 0.5 } else { 0.0 },
        point: (!yes("bayesian")).then_some(penalties),
        ..VaeConfig::default()
    }
}

fn vae(folder: &Path, precision: Precision) -> Vae {
    let checkpoint = Checkpoint::read(folder.join("params.safetensors")).unwrap();
    let (vae, report) = Vae::from_checkpoint(&config(folder), &checkpoint, precision).unwrap();
    assert!(report.extra.is_empty(), "{report:?}");
    vae
}

fn sequences(folder: &Path) -> Array2<u8> {
    let file = Checkpoint::read(folder.join("x.safetensors")).unwrap();
    let codes = file.get("codes").unwrap();
    let shape = (codes.shape()[0], codes.shape()[1]);
    let code = |code: f64| if code < 0.0 { LETTERS.len() as u8 + 2 } else { code as u8 };
    Array2::from_shape_vec(shape, codes.to_f64().into_iter().map(code).collect()).unwrap()
}

/// Compares numbers relative to the largest of them.
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{what}, number {index}: found {a}, expected {b}");
    }
}

fn assert_same_tensors(found: &Checkpoint, expected: &Path, tolerance: f64, what: &str) {
    let expected = Checkpoint::read(expected).unwrap();
    assert_eq!(found.tensors().count(), expected.tensors().count(), "{what}");
    for (name, tensor) in expected.tensors() {
        let ours = found.get(name).unwrap();
        assert_eq!(ours.shape(), tensor.shape(), "{what} {name}");
        assert_close(&ours.to_f64(), &tensor.to_f64(), tolerance, &format!("{what} {name}"));
    }
}

#[test]
fn terms_and_gradients_are_those_of_the_reference() {
    let Some(cases) = cases() else { return };
    for (folder, (precision, tolerance)) in
        cases.iter().flat_map(|folder| PRECISIONS.map(|precision| (folder, precision)))
    {
        let what = format!("{} in {precision:?}", folder.file_name().unwrap().display());
        let expected = json(&folder.join("expected.json"));
        let number = |name: &str| expected[name].as_f64().unwrap();
        let noise = Checkpoint::read(folder.join("noise.safetensors")).unwrap();
        let update = VaeUpdate { neff: number("neff"), number: number("update") as u64, rate: 0.0 };
        let (vae, sequences) = (vae(folder, precision), sequences(folder));
        let (terms, gradients) = vae.gradients(sequences.view(), VaeNoise::Given(&noise), update).unwrap();
        assert_close(&[terms.objective], &[number("objective")], tolerance, &what);
        assert_close(&[terms.parameters], &[number("neg_kl_params")], tolerance, &what);
        let file = Checkpoint::read(folder.join("expected.safetensors")).unwrap();
        let list = |name: &str| file.get(name).unwrap().to_f64();
        assert_close(&terms.log_likelihoods, &list("logpxz"), tolerance, &what);
        assert_close(&terms.latent, &list("neg_kl_latent"), tolerance, &what);
        assert_same_tensors(&gradients, &folder.join("grads.safetensors"), tolerance, &what);
        let embedding = vae.embed(sequences.view()).unwrap();
        assert_close(&embedding.mean.into_iter().collect::<Vec<_>>(), &list("mu"), tolerance, &what);
        assert_close(&embedding.log_sd.into_iter().collect::<Vec<_>>(), &list("log_sigma"), tolerance, &what);
        if vae.config().dropout == 0.0 {
            let z = Array2::from_shape_vec((sequences.nrows(), vae.config().n_latent), list("z")).unwrap();
            let probabilities = vae.decode(z.view(), VaeNoise::Given(&noise)).unwrap();
            let found: Vec<f64> = probabilities.into_iter().collect();
            assert_close(&found, &list("probabilities"), tolerance, &what);
            let elbo = vae.elbo(sequences.view(), VaeNoise::Given(&noise)).unwrap();
            assert_close(&elbo, &list("logpx"), tolerance, &what);
        }
    }
}

#[test]
fn three_steps_of_adam_are_those_of_the_reference() {
    let Some(cases) = cases() else { return };
    let modes = [(VaeAdam::FixedT, "fixed_t"), (VaeAdam::Standard, "standard")];
    for (folder, (precision, tolerance)) in
        cases.iter().flat_map(|folder| PRECISIONS.map(|precision| (folder, precision)))
    {
        let expected = json(&folder.join("expected.json"));
        let noise = Checkpoint::read(folder.join("noise.safetensors")).unwrap();
        let sequences = sequences(folder);
        for (adam, mode) in modes {
            let what = format!("{} in {precision:?}, {mode}", folder.file_name().unwrap().display());
            let mut learner = VaeLearner::new(vae(folder, precision), adam);
            let update = VaeUpdate {
                neff: expected["neff"].as_f64().unwrap(),
                number: expected["update"].as_f64().unwrap() as u64,
                rate: 1e-3,
            };
            let step = |_| learner.step(sequences.view(), VaeNoise::Given(&noise), update).unwrap().objective;
            let objectives: Vec<f64> = (0..3).map(step).collect();
            let before = expected[format!("adam_{mode}_objectives_before_each_step")].as_array().unwrap();
            let before: Vec<f64> = before.iter().map(|x| x.as_f64().unwrap()).collect();
            assert_close(&objectives, &before, tolerance, &what);
            let after = folder.join(format!("params_after_3_adam_{mode}.safetensors"));
            // Adam divides by roots of squares: a gradient near 0 that is off by rounding moves by a whole rate, so
            // single precision is only as near as a small part of three steps.
            let tolerance = if precision == Precision::Single { 1e-3 } else { tolerance };
            assert_same_tensors(&learner.into_vae().weights(), &after, tolerance, &what);
        }
    }
}

#[test]
fn effects_of_mutants_are_those_of_the_reference() {
    let Some(folder) = golden("vae/delta_elbo") else { return };
    let expected = json(&folder.join("expected.json"));
    let texts = |name: &str| -> Vec<String> {
        expected[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let config = VaeConfig {
        focus: expected["wt"].as_str().unwrap().to_owned(),
        positions: expected["positions"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect(),
        ..config(&folder)
    };
    let checkpoint = Checkpoint::read(folder.join("params.safetensors")).unwrap();
    let noise = Checkpoint::read(folder.join("noise_per_sample.safetensors")).unwrap();
    let file = Checkpoint::read(folder.join("expected.safetensors")).unwrap();
    let list = |name: &str| file.get(name).unwrap().to_f64();
    let matrix = file.get("prediction_matrix").unwrap();
    let samples = matrix.shape()[1];
    for (precision, tolerance) in PRECISIONS {
        let vae = Vae::from_checkpoint(&config, &checkpoint, precision).unwrap().0;
        let wild_type = vae.wild_type().unwrap();
        // What cannot be scored is what the reference skips.
        let scored: Vec<String> =
            texts("mutants_in").into_iter().filter(|mutant| wild_type.parse(mutant).is_ok()).collect();
        let mut order = vec!["wt".to_owned()];
        order.extend(scored);
        assert_eq!(order, texts("order"));
        let mut sequences = Array2::zeros((order.len(), wild_type.len()));
        for (mut row, mutant) in sequences.rows_mut().into_iter().zip(&order) {
            row.assign(&Array1::from(wild_type.codes().to_vec()));
            for edit in wild_type.parse(mutant).unwrap() {
                row[edit.position as usize] = edit.code;
            }
        }
        let mut found = Array2::zeros((order.len(), samples));
        for sample in 0..samples {
            let noise = sample_of(&noise, sample);
            let bounds = vae.elbo(sequences.view(), VaeNoise::Given(&noise)).unwrap();
            found.column_mut(sample).assign(&Array1::from(bounds));
        }
        let means: Vec<f64> = found.rows().into_iter().map(|row| row.mean().unwrap()).collect();
        let deltas: Vec<f64> = means.iter().skip(1).map(|mean| mean - means[0]).collect();
        assert_close(&found.into_iter().collect::<Vec<_>>(), &matrix.to_f64(), tolerance, "draws");
        assert_close(&means, &list("mean_elbo"), tolerance, "means");
        // Differences of numbers of the size of the means.
        let scale = list("mean_elbo").iter().fold(0.0_f64, |scale, x| scale.max(x.abs()));
        for (a, b) in deltas.iter().zip(list("delta_elbo")) {
            assert!((a - b).abs() <= 2.0 * tolerance * scale, "found {a}, expected {b}");
        }
    }
}

/// One of the draws of stacked noise.
fn sample_of(noise: &Checkpoint, sample: usize) -> Checkpoint {
    let mut one = Checkpoint::new();
    for (name, tensor) in noise.tensors() {
        let shape = &tensor.shape()[1..];
        let n: usize = shape.iter().product();
        one.insert(name, Tensor::from_f64(shape, &tensor.to_f64()[sample * n..][..n]).unwrap());
    }
    one
}

#[test]
fn shared_draws_make_errors_small_and_the_wild_type_zero() {
    let Some(folder) = golden("vae/delta_elbo") else { return };
    let expected = json(&folder.join("expected.json"));
    let config = VaeConfig { focus: expected["wt"].as_str().unwrap().to_owned(), ..config(&folder) };
    let checkpoint = Checkpoint::read(folder.join("params.safetensors")).unwrap();
    let vae = Vae::from_checkpoint(&config, &checkpoint, Precision::Single).unwrap().0;
    let mutants = vec![vec![], vae.wild_type().unwrap().parse("F1A").unwrap()];
    let effects = vae.mutant_effects(&mutants, 200, Seed::new(1)).unwrap();
    assert_eq!((effects[0].effect, effects[0].standard_error), (0.0, 0.0));
    // Two more seeds agree within four standard errors.
    for seed in [2, 3] {
        let other = vae.mutant_effects(&mutants, 200, Seed::new(seed)).unwrap()[1];
        let error = effects[1].standard_error.hypot(other.standard_error);
        assert!((effects[1].effect - other.effect).abs() < 4.0 * error, "{effects:?} {other:?}");
    }
}
