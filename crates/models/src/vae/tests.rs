#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;

use cistron_core::{Cancel, Observer, Run};
use cistron_encode::alignment::{Family, FamilyParts};
use cistron_encode::{Edit, Reduce};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::tensors::Layout;
use super::*;
use crate::train::RunFolder;
use crate::{LoadedModel, Tensor, load_model};

mod naive;

/// A small network of each kind.
fn configs() -> impl Strategy<Value = VaeConfig> {
    let activation = || {
        prop::sample::select(vec![
            VaeActivation::Relu,
            VaeActivation::Sigmoid,
            VaeActivation::Tanh,
            VaeActivation::Elu,
        ])
    };
    let sparsity = prop::sample::select(vec![
        None,
        Some(VaeSparsity::Logit),
        Some(VaeSparsity::Analytic),
        Some(VaeSparsity::Horseshoe),
        Some(VaeSparsity::Laplacian),
        Some(VaeSparsity::Ard),
    ]);
    let point = prop::option::of(
        (0.0..2.0, 0.0..2.0).prop_map(|(sparsity_lambda, l2_lambda)| VaePoint { sparsity_lambda, l2_lambda }),
    );
    let widths = || prop::collection::vec(1_usize..5, 1..3);
    let shapes = (1_usize..19, widths(), widths(), 1_usize..4, 1_usize..4);
    let convolutions = (prop::option::of(1_usize..4), prop::option::of(1_usize..4));
    let kinds = (activation(), activation(), activation(), sparsity, point);
    let likelihood = prop::sample::select(vec![VaeLikelihood::Categorical, VaeLikelihood::Bernoulli]);
    let others = (any::<bool>(), any::<bool>(), prop::bool::ANY, 0.5..2.0, likelihood);
    (shapes, convolutions, kinds, others).prop_map(|(shapes, convolutions, kinds, others)| VaeConfig {
        alphabet: "ACG".to_owned(),
        length: shapes.0,
        encoder: shapes.1,
        decoder: shapes.2,
        n_latent: shapes.3,
        n_patterns: shapes.4,
        convolution: convolutions.0,
        encoder_convolution: convolutions.1,
        encoder_activation: kinds.0,
        decoder_activation: kinds.1,
        final_activation: kinds.2,
        sparsity: kinds.3,
        point: kinds.4,
        output_bias: others.0,
        likelihood: others.4,
        temperature: others.1,
        dropout: if others.2 { 0.5 } else { 0.0 },
        pattern_sigma: others.3,
        global_scale: others.3,
        logit_p: 0.1,
        kl_scale: 0.7,
        warm_up: 8.0,
        ..VaeConfig::default()
    })
}

/// Numbers for all tensors of noise or weights.
fn random(shapes: &BTreeMap<String, Vec<usize>>, sd: f64, seed: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    for (name, shape) in shapes {
        let mut stream = Seed::new(seed).stream(name, 0);
        let mut number = || {
            let normal = stream.normal();
            if name.starts_with("dropout") { f64::from(u8::from(normal > 0.0)) } else { sd * normal }
        };
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| number()).collect();
        checkpoint.insert(name, Tensor::from_f64(shape, &values).unwrap());
    }
    checkpoint
}

fn weights(config: &VaeConfig, seed: u64) -> Checkpoint {
    let specs = tensors::tensors(config);
    let shapes =
        specs.iter().flat_map(|spec| spec.names().into_iter().map(|name| (name, spec.shape.clone())));
    random(&shapes.collect(), 0.4, seed)
}

fn noise(config: &VaeConfig, n: usize, seed: u64) -> Checkpoint {
    let specs = tensors::tensors(config);
    let mut shapes: BTreeMap<String, Vec<usize>> =
        specs.iter().map(|spec| (spec.name.clone(), spec.shape.clone())).collect();
    if let Some(shape) = shapes.get("W_out_scale").cloned() {
        shapes.insert("W_out_scale_kl".to_owned(), shape);
    }
    shapes.insert("z".to_owned(), vec![n, config.n_latent]);
    shapes.extend(tensors::dropout_masks(config, n).into_iter().map(|mask| (mask.name, mask.shape)));
    random(&shapes, 1.0, seed)
}

/// Letters and gaps.
fn sequences(n: usize, length: usize, seed: u64) -> Array2<u8> {
    let mut stream = Seed::new(seed).stream("sequences", 0);
    Array2::from_shape_simple_fn((n, length), || [0, 1, 2, 0, 1, 2, 5][stream.below(7) as usize])
}

const UPDATE: VaeUpdate = VaeUpdate { neff: 7.5, number: 3, rate: 1e-3 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn terms_are_those_of_a_slow_way(config in configs(), seed in 0_u64..1000) {
        let (n, weights) = (3, weights(&config, seed));
        let (noise, sequences) = (noise(&config, n, seed), sequences(n, config.length, seed));
        let vae = Vae::from_checkpoint(&config, &weights, Precision::Double).unwrap().0;
        let (found, _) = vae.gradients(sequences.view(), VaeNoise::Given(&noise), UPDATE).unwrap();
        let expected = naive::terms(&config, &weights, &noise, &sequences, UPDATE);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
        prop_assert!(close(found.parameters, expected.parameters), "{found:?} {expected:?}");
        prop_assert!(close(found.objective, expected.objective), "{found:?} {expected:?}");
        for (a, b) in found.log_likelihoods.iter().zip(&expected.log_likelihoods) {
            prop_assert!(close(*a, *b), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn gradients_are_differences(config in configs(), seed in 0_u64..1000) {
        let (n, weights) = (3, weights(&config, seed));
        let (noise, sequences) = (noise(&config, n, seed), sequences(n, config.length, seed));
        let objective = |weights: &Checkpoint| {
            naive::terms(&config, weights, &noise, &sequences, UPDATE).objective
        };
        let vae = Vae::from_checkpoint(&config, &weights, Precision::Double).unwrap().0;
        let (_, gradients) = vae.gradients(sequences.view(), VaeNoise::Given(&noise), UPDATE).unwrap();
        for (name, tensor) in weights.tensors() {
            // Along a random direction of each tensor.
            let shapes = [(name.to_owned(), tensor.shape().to_vec())];
            let direction = random(&shapes.into_iter().collect(), 1.0, seed + 1);
            let direction = direction.get(name).unwrap().to_f64();
            let moved = |step: f64| {
                let values: Vec<f64> =
                    tensor.to_f64().iter().zip(&direction).map(|(x, d)| x + step * d).collect();
                let mut moved = weights.clone();
                moved.insert(name, Tensor::from_f64(tensor.shape(), &values).unwrap());
                objective(&moved)
            };
            let h = 1e-6;
            let difference = (moved(h) - moved(-h)) / (2.0 * h);
            let found: f64 =
                gradients.get(name).unwrap().to_f64().iter().zip(&direction).map(|(g, d)| g * d).sum();
            // Rounding of the objective over the step, and slopes of second order.
            let tolerance = 1e-6 * (1.0 + difference.abs() + objective(&weights).abs());
            prop_assert!((found - difference).abs() <= tolerance, "{name}: {found} {difference} {config:?}");
        }
    }

    #[test]
    fn memory_holds_the_numbers_of_files(
        length in 1_usize..40, channels in 1_usize..4, rows in 1_usize..4, patterns in 1_usize..4,
    ) {
        let units = Some([rows, patterns]);
        for (layout, n) in [
            (Layout::Plain, length),
            (Layout::Units { scale_rows: rows, patterns }, length * rows * patterns),
            (Layout::Positions { length, channels, units }, rows * patterns * length * channels),
            (Layout::Positions { length, channels, units: None }, rows * length * channels),
        ] {
            let values: Vec<usize> = (1..=n).collect();
            let packed = layout.pack(&values, 0);
            prop_assert_eq!(packed.iter().filter(|x| **x > 0).count(), n);
            prop_assert_eq!(layout.unpack(&packed, n), values);
        }
    }
}

#[test]
fn every_level_makes_the_same_step() {
    let config = VaeConfig { dropout: 0.2, ..VaeConfig::small("ACG", 19) };
    let steps = |level| {
        let mut network = Network::<f32>::new(&config, Seed::new(1)).unwrap();
        network.level = level;
        network.begin_training();
        let batch: Vec<u8> = sequences(8, 19, 1).into_iter().collect();
        let mut drawn = decoder::Drawn::default();
        for step in 0..3 {
            let noise = noise::Noise::new(VaeNoise::Drawn { seed: Seed::new(2), step }, &config, 8).unwrap();
            let rule = kernel::AdamRule { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-4 };
            network.step(&config, &batch, &noise, UPDATE, rule, &mut drawn);
        }
        network.save()
    };
    let portable = steps(kernel::Level::Portable);
    for level in kernel::Level::all() {
        for (name, tensor) in steps(level).tensors() {
            let expected = portable.get(name).unwrap().to_f64();
            for (a, b) in tensor.to_f64().iter().zip(expected) {
                // Rounding of single precision over three steps of at most 1e-3 each.
                assert!((a - b).abs() < 1e-5, "{name}: {a} {b} on {level:?}");
            }
        }
    }
}

fn family() -> Family {
    let codes = Array2::from_shape_fn((60, 9), |(i, j)| ((i * (j + 1) / 7 + i % 3 * j) % 3) as u8);
    let alphabet = Alphabet::custom("ACG").unwrap();
    let wild_type = WildType::from_codes(alphabet, codes.row(0).to_vec(), (11..20).collect()).unwrap();
    Family::new(FamilyParts {
        wild_type,
        focus: "focus/11-19".to_owned(),
        columns: (0..9).collect(),
        names: (0..60).map(|i| format!("s{i}")).collect(),
        weights: (0..60).map(|i| 1.0 / f64::from(1 + i % 4)).collect(),
        codes,
        theta: None,
    })
    .unwrap()
}

fn small() -> VaeConfig {
    VaeConfig { encoder: vec![8, 6], decoder: vec![5, 3], n_latent: 2, ..VaeConfig::small("", 0) }
}

fn options() -> VaeTraining {
    VaeTraining { steps: 23, batch: 7, reports: 3, ..VaeTraining::default() }
}

fn trained(
    options: &VaeTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedVae, ModelsError> {
    train_vae(&small(), &family(), options, folder, run)
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    ["config.json", "model.safetensors", "last.safetensors", "train.jsonl"]
        .map(|file| fs::read(folder.join(file)).unwrap())
        .to_vec()
}

#[test]
fn runs_are_the_same_on_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = RunFolder::create(folder.path()).unwrap();
        pool.install(|| trained(&options(), Some(&place), Run::default())).unwrap();
        bytes(folder.path())
    };
    assert_eq!(run(1), run(3));
}

/// Stops after some steps.
struct StopAfter(std::sync::atomic::AtomicU64, Cancel);

impl Observer for StopAfter {
    fn advance(&self, steps: u64) {
        if self.0.fetch_sub(steps, std::sync::atomic::Ordering::Relaxed) == steps {
            self.1.cancel();
        }
    }
}

#[test]
fn an_interrupted_run_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    trained(&options(), Some(&RunFolder::create(whole.path()).unwrap()), Run::default()).unwrap();
    let cut = tempfile::tempdir().unwrap();
    let cancel = Cancel::default();
    let observer = StopAfter(11.into(), cancel.clone());
    let run = Run { observer: &observer, cancel: Some(&cancel), ..Run::default() };
    let stopped = trained(&options(), Some(&RunFolder::create(cut.path()).unwrap()), run);
    assert!(matches!(stopped, Err(ModelsError::Cancelled { .. })), "{stopped:?}");
    trained(&options(), Some(&RunFolder::resume(cut.path()).unwrap()), Run::default()).unwrap();
    assert_eq!(bytes(whole.path()), bytes(cut.path()));
    let other = VaeTraining { adam: VaeAdam::FixedT, ..options() };
    let refused = trained(&other, Some(&RunFolder::resume(cut.path()).unwrap()), Run::default());
    assert!(matches!(refused, Err(ModelsError::Resume { .. })), "{refused:?}");
}

#[test]
fn training_lowers_the_loss() {
    let options = VaeTraining { steps: 600, batch: 30, ..VaeTraining::default() };
    let report = trained(&options, None, Run::default()).unwrap().report;
    let losses: Vec<f64> = report.history.iter().map(|epoch| epoch.validation.loss).collect();
    // Below what a model of even letters would have.
    assert!(losses[9] < losses[0] && losses[9] < 9.0 * 3.0_f64.ln(), "{losses:?}");
}

#[test]
fn folders_hold_whole_models() {
    let folder = tempfile::tempdir().unwrap();
    let vae =
        trained(&options(), Some(&RunFolder::create(folder.path()).unwrap()), Run::default()).unwrap().vae;
    let (loaded, report) = Vae::load(folder.path()).unwrap();
    assert_eq!((loaded.weights(), &report.extra[..]), (vae.weights(), &[][..]));
    assert_eq!(loaded.wild_type().unwrap(), family().wild_type());
    let LoadedModel { model, info, .. } = load_model(folder.path()).unwrap();
    assert_eq!((info.model_type.as_str(), info.n_parameters), ("vae", vae.config().n_parameters()));
    let batch = SequenceBatch::new(family().alphabet(), family().codes().to_owned()).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Mean).unwrap();
    let bounds = model.predict_f64(&batch, &readout).unwrap();
    let samples = vae.elbo_samples(family().codes(), Vae::SAMPLES, Seed::default()).unwrap();
    assert_eq!(bounds[[5, 0, 0]], samples.row(5).iter().sum::<f64>() / Vae::SAMPLES as f64);
    // Row after row, whatever the batch.
    let one = batch.codes().slice(ndarray::s![5..6, ..]).to_owned();
    let alone = model.predict_f64(&SequenceBatch::new(family().alphabet(), one).unwrap(), &readout).unwrap();
    assert!((alone[[0, 0, 0]] - bounds[[5, 0, 0]]).abs() < 1e-4);
}

#[test]
fn effects_are_differences_under_shared_draws() {
    let vae = trained(&options(), None, Run::default()).unwrap().vae;
    let wild_type = vae.wild_type().unwrap().clone();
    let matrix = vae.single_effects(16, Seed::new(4)).unwrap();
    let name = wild_type.name(&[Edit { position: 3, code: (wild_type.codes()[3] + 1) % 3 }]);
    let mutant = wild_type.parse(&name).unwrap();
    let effect = vae.mutant_effects(std::slice::from_ref(&mutant), 16, Seed::new(4)).unwrap()[0];
    assert!((matrix[[3, usize::from(mutant[0].code)]] - effect.effect).abs() < 1e-4);
    assert_eq!(matrix[[3, usize::from(wild_type.codes()[3])]], 0.0);
    let mut both = Array2::zeros((2, 9));
    both.row_mut(0).assign(&ndarray::Array1::from(wild_type.codes().to_vec()));
    both.row_mut(1).assign(&ndarray::Array1::from(wild_type.codes().to_vec()));
    both[[1, 3]] = mutant[0].code;
    let samples = vae.elbo_samples(both.view(), 16, Seed::new(4)).unwrap();
    let deltas: Vec<f64> = samples.columns().into_iter().map(|draw| draw[1] - draw[0]).collect();
    let mean = deltas.iter().sum::<f64>() / 16.0;
    let variance = deltas.iter().map(|delta| (delta - mean).powi(2)).sum::<f64>() / 15.0;
    assert!((effect.effect - mean).abs() < 1e-9, "{effect:?} {mean}");
    assert!((effect.standard_error - (variance / 16.0).sqrt()).abs() < 1e-9, "{effect:?} {variance}");
    let outside = vec![Edit { position: 9, code: 0 }];
    assert!(vae.mutant_effects(&[outside], 4, Seed::new(4)).is_err());
    assert!(vae.mutant_effects(&[mutant], 0, Seed::new(4)).is_err());
}

#[test]
fn new_sequences_have_the_letters_that_are_likely() {
    let vae = trained(&options(), None, Run::default()).unwrap().vae;
    // Of one latent point and one draw of weights the letters are independent.
    let z = Array2::zeros((1, 2));
    let probabilities = vae.decode(z.view(), VaeNoise::Drawn { seed: Seed::new(1), step: 0 }).unwrap();
    assert_eq!(probabilities.dim(), (1, 9, 3));
    assert!(probabilities.sum_axis(ndarray::Axis(2)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
    let sampled = vae.sample(300, Seed::new(3)).unwrap();
    assert!(sampled.iter().all(|code| *code < 3));
    assert_eq!(sampled, vae.sample(300, Seed::new(3)).unwrap());
    assert_ne!(sampled, vae.sample(300, Seed::new(4)).unwrap());
    assert_eq!(vae.embed(sampled.view()).unwrap().mean.dim(), (300, 2));
    assert!(vae.decode(array![[0.0]].view(), VaeNoise::Drawn { seed: Seed::new(1), step: 0 }).is_err());
}

#[test]
fn groups_are_positions_by_their_scales() {
    let config = VaeConfig { length: 4, alphabet: "AC".to_owned(), decoder: vec![2], ..small() };
    let mut weights = Vae::new(&config, Seed::new(1)).unwrap().weights();
    let scales = Tensor::from_f64(&[2, 4], &[0.0, 3.0, -1.0, 3.0, 1.0, 0.0, 0.0, 2.0]).unwrap();
    weights.insert("W_out_scale-mu", scales);
    let vae = Vae::from_checkpoint(&config, &weights, Precision::Single).unwrap().0;
    let columns: Vec<Vec<usize>> = vae
        .position_groups(3)
        .unwrap()
        .into_iter()
        .map(|group| group.into_iter().map(|(position, _)| position).collect())
        .collect();
    assert_eq!(columns, [[1, 3, 0], [3, 0, 1]]);
    assert!((vae.scales().unwrap()[[0, 1]] - 1.0 / (1.0 + (-3.0_f64).exp())).abs() < 1e-12);
    let without = VaeConfig { sparsity: None, ..config };
    assert!(Vae::new(&without, Seed::new(1)).unwrap().position_groups(3).is_err());
}

/// Makes a configuration unsound.
type Spoil = fn(&mut VaeConfig);

#[test]
fn what_makes_no_network_is_refused() {
    let sound = VaeConfig { focus: "ACGT".to_owned(), ..VaeConfig::small("ACGT", 4) };
    sound.check().unwrap();
    let cases: [(Spoil, &str); 9] = [
        (|c| c.length = 0, "option length is 0, expected 1 to 1048576"),
        (|c| c.alphabet = "AA".to_owned(), "option alphabet is \"AA\", expected letters"),
        (|c| c.encoder = vec![], "option encoder is no layer, expected at least one"),
        (|c| c.decoder = vec![5, 0], "option decoder is 0, expected 1 to 1048576"),
        (|c| c.logit_p = 1.0, "option logit p is 1, expected a probability above 0 and below 1"),
        (|c| c.pattern_sigma = 0.0, "option pattern sigma is 0, expected a finite number above 0"),
        (|c| c.dropout = 1.0, "option dropout is 1, expected a probability below 1"),
        (|c| c.warm_up = f64::NAN, "option warm up is NaN, expected a finite number from 0"),
        (
            |c| c.focus = "ACG".to_owned(),
            "option focus is 3, expected as many letters as the length, or none",
        ),
    ];
    for (spoil, expected) in cases {
        let mut config = sound.clone();
        spoil(&mut config);
        let message = Vae::new(&config, Seed::new(1)).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let text = sound.to_json().unwrap();
    assert_eq!(VaeConfig::from_json(&text).unwrap(), sound);
    for (from, to, expected) in [
        ("\"vae\"", "\"gan\"", "config: `model_type` is \"gan\", expected \"vae\""),
        ("\"version\": 1", "\"version\": 2", "config: `version` is 2, expected 1"),
        ("n_latent", "latents", "config: unknown field `latents`"),
        ("\"length\": 4,", "", "config: has no `length`"),
    ] {
        let message = VaeConfig::from_json(&text.replace(from, to)).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let vae = Vae::new(&sound, Seed::new(1)).unwrap();
    assert!(vae.elbo(array![[0, 1, 2]].view(), VaeNoise::Drawn { seed: Seed::new(1), step: 0 }).is_err());
    let mut learner = VaeLearner::new(vae, VaeAdam::Standard);
    let none = Array2::zeros((0, 4));
    assert!(learner.step(none.view(), VaeNoise::Drawn { seed: Seed::new(1), step: 0 }, UPDATE).is_err());
}
