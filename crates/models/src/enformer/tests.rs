#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::Sequence;
use cistron_encode::{Edit, random_sequences};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::*;
use crate::train::Initializer;

/// 12 numbers wide, three halvings; weights of attention that begin as zeros are drawn, too.
pub(super) fn small(length: usize, target_length: Option<usize>) -> EnformerConfig {
    EnformerConfig {
        dim: 12,
        depth: 2,
        heads: 2,
        attn_dim_key: 4,
        output_heads: vec![EnformerHead::numbered("human", 3), EnformerHead::numbered("mouse", 1)],
        target_length,
        num_downsamples: 3,
        dim_divisible_by: 6,
        input_length: length,
        ..EnformerConfig::default()
    }
}

fn model(config: &EnformerConfig, precision: Precision, seed: u64) -> Enformer {
    let place = Place { precision, ..Place::default() };
    Enformer::build(config, place, &mut |parameter| drawn(parameter, Seed::new(seed))).unwrap()
}

/// What a parameter begins as, but what would begin as zeros.
pub(super) fn drawn(parameter: &parameters::Parameter, seed: Seed) -> Result<Vec<f32>, ModelsError> {
    if parameter.name.ends_with("contexts_mask") {
        // Every third token does not count.
        let n: usize = parameter.shape.iter().product();
        return Ok((0..n).map(|i| if i % 3 == 1 { 0.0 } else { 1.0 }).collect());
    }
    let rule = match &parameter.name {
        name if name.contains("to_out") => Initializer::Uniform { bound: 0.3 },
        name if name.ends_with("running_mean") => Initializer::Uniform { bound: 0.5 },
        _ => return parameter.initial(seed),
    };
    rule.values(seed, &parameter.name, &parameter.shape)
}

pub(super) fn sequence(length: usize, seed: u64) -> Sequence {
    let letters = random_sequences(&Alphabet::dna(), 1, length, &[], Seed::new(seed)).unwrap();
    letters.to_sequences().unwrap().remove(0)
}

fn config_with(key: &str, value: &str) -> Result<EnformerConfig, ModelsError> {
    let mut keys: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&small(64, Some(4)).to_json()).unwrap();
    keys.insert(key.to_owned(), serde_json::from_str(value).unwrap());
    EnformerConfig::from_json(&serde_json::Value::Object(keys).to_string())
}

#[test]
fn configurations_come_back_and_unknown_keys_are_ignored() {
    let named = EnformerHead::named("new", ["liver", "heart"]);
    let linear = EnformerHead { activation: None, ..EnformerHead::numbered("linear", 2) };
    let normed = EnformerHead { reads: EnformerHeadInput::NormedTransformer, ..named.clone() };
    let of_contexts = |tokens, attention| EnformerHead {
        name: format!("contexts of {tokens}"),
        contexts: Some(EnformerContextLayer { width: 7, tokens, attention }),
        ..named.clone()
    };
    let contexts = vec![of_contexts(1, None), of_contexts(4, Some(EnformerContextAttention::default()))];
    for config in [
        EnformerConfig::default(),
        EnformerConfig {
            target_length: None,
            output_heads: vec![linear, EnformerHead { name: "normed".into(), ..normed }, named],
            gamma_norm: GammaNorm::Positions,
            crop: EnformerCrop::Reference,
            ..small(100, None)
        },
        EnformerConfig { output_heads: contexts, ..small(64, Some(4)) },
    ] {
        assert_eq!(EnformerConfig::from_json(&config.to_json()).unwrap(), config);
    }
    assert_eq!(EnformerConfig::from_json("{}").unwrap(), EnformerConfig::default());
    assert_eq!(config_with("use_convnext", "false").unwrap(), small(64, Some(4)));
}

#[test]
fn the_gamma_norm_is_what_the_weights_were_trained_with() {
    let read = |text: &str| EnformerConfig::from_json(text).unwrap().gamma_norm;
    assert_eq!(read("{}"), GammaNorm::Features);
    assert_eq!(read(r#"{"use_tf_gamma": true}"#), GammaNorm::Positions);
    assert_eq!(read(r#"{"use_tf_gamma": true, "gamma_norm": "features"}"#), GammaNorm::Features);
    assert_eq!(read(r#"{"use_tf_gamma": false, "gamma_norm": "table"}"#), GammaNorm::Table);
    let official = r#"{"_name_or_path": "EleutherAI/enformer-official-rough", "use_tf_gamma": false}"#;
    assert_eq!(read(official), GammaNorm::Positions);
}

#[test]
fn configurations_that_do_not_fit_are_refused_with_the_key() {
    let cases = [
        ("dim", "13", "dim: found 13, expected an even number"),
        ("dim", "0", "dim: found 0, expected at least 1"),
        ("dim", "-4", "dim: found -4: invalid value: integer `-4`, expected usize"),
        ("heads", "5", "heads: found 5, expected a divisor of dim 12"),
        ("heads", "4", "heads: found 4, which makes dim / heads 3, expected a multiple of 6"),
        ("num_downsamples", "2", "num_downsamples: found 2, expected 3 to 24"),
        ("num_downsamples", "70", "num_downsamples: found 70, expected 3 to 24"),
        (
            "dim_divisible_by",
            "5",
            "dim_divisible_by: found 5, which rounds the last width to 10, expected dim 12",
        ),
        (
            "dim_divisible_by",
            "128",
            "dim_divisible_by: found 128, which rounds the last width to 0, expected dim 12",
        ),
        ("target_length", "9", "target_length: found 9, expected -1 or 1 to 8, the positions of an input"),
        ("target_length", "0", "target_length: found 0, expected -1 or 1 to 8, the positions of an input"),
        ("output_heads", "{}", "output_heads: found none, expected at least one"),
        ("output_heads", "{\"a\": 0}", "output_heads.a: found no track, expected at least one"),
        ("output_heads", "{\"a\": 9e9}", "output_heads.a: found 9000000000.0, expected a number of tracks"),
        ("output_heads", "3", "output_heads: found 3, expected an object of names and numbers of tracks"),
        ("output_heads", "{\"a\": {}}", "output_heads.a: found no `tracks`, expected some"),
        ("output_heads", "{\"a\": {\"tracks\": -1}}", "output_heads.a.tracks: found -1, expected a number"),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"activaton\": \"none\"}}",
            "output_heads.a: found the key `activaton`, expected tracks, activation, reads",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"activation\": \"softmax\"}}",
            "output_heads.a.activation: found `softmax`, expected none or relu or",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"reads\": \"stem\"}}",
            "output_heads.a.reads: found `stem`, expected embeddings or transformer or normed_transformer",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"contexts\": {\"tokens\": 2}}}",
            "output_heads.a.contexts: found {\"tokens\":2}: missing field `width`",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"contexts\": {\"width\": 0}}}",
            "output_heads.a.contexts.width: found 0, expected at least 1",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"contexts\": {\"width\": 3, \"tokens\": 2}}}",
            "output_heads.a.contexts.tokens: found 2 without attention, expected 1",
        ),
        (
            "output_heads",
            "{\"a\": {\"tracks\": 1, \"contexts\": {\"width\": 3, \"attention\": {\"heads\": 0}}}}",
            "output_heads.a.contexts.attention: found 0 heads of 64, expected 1 to 1048576 numbers",
        ),
        ("dropout_rate", "1", "dropout_rate: found 1, expected at least 0 and below 1"),
        ("gamma_norm", "\"both\"", "gamma_norm: found `both`, expected positions or features or table"),
        (
            "gamma_norm",
            "\"table\"",
            "gamma_norm: found table for 8 positions and 6 functions, expected 1536 and 192",
        ),
        ("crop", "1", "crop: found 1, expected a name"),
        ("model_type", "\"bert\"", "model_type: found Some(\"bert\"), expected \"enformer\""),
    ];
    for (key, value, expected) in cases {
        let message = config_with(key, value).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{key} {value}: {message}");
    }
    assert!(EnformerConfig::from_json("[]").is_err());
    assert!(EnformerConfig::from_json("{").is_err());
    let of_one = EnformerConfig { crop: EnformerCrop::Reference, ..small(16, Some(1)) };
    assert!(of_one.check().unwrap_err().to_string().contains("the reference's rule keeps no bin of 2"));
}

/// A folder with the weights of a small model, changed.
fn folder_with(change: impl FnOnce(&mut Checkpoint)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = small(64, Some(4));
    let mut weights = Enformer::initial_weights(&config, Seed::new(1)).unwrap();
    change(&mut weights);
    config.write(folder.path()).unwrap();
    weights.write(folder.path().join("model.safetensors")).unwrap();
    folder
}

#[test]
fn the_graph_reads_out_as_the_engine_does() {
    let config = small(83, Some(4));
    let engine = model(&config, Precision::Double, 1);
    let options = GraphOptions { precision: Precision::Double, ..GraphOptions::default() };
    let graph = Graph::whole(&config, &mut |it| drawn(it, Seed::new(1)), options).unwrap();
    let graph = Enformer { body: Body::Graph(Box::new(graph)), spec: spec(&config), config };
    assert!(graph.as_incremental().is_none() && engine.as_incremental().is_some());
    let batch = SequenceBatch::from_sequences(&[sequence(83, 2), sequence(83, 3)]).unwrap();
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10);
    for reduce in [Reduce::Keep, Reduce::Sum, Reduce::Mean] {
        let readout = engine.spec().readout(None, &["2".into(), "0".into()], Some(1..3), reduce).unwrap();
        let [found, expected] = [&graph, &engine].map(|it| it.predict_f64(&batch, &readout).unwrap());
        assert_eq!(found.dim(), expected.dim());
        assert!(close(found.as_slice().unwrap(), expected.as_slice().unwrap()), "{found} {expected}");
    }
    let [found, expected] = [&graph, &engine].map(|it| it.embeddings(&batch).unwrap().mapv(f64::from));
    // Both are rounded to single precision.
    assert!((&found - &expected).iter().all(|x| x.abs() < 1e-6));
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_device_that_is_not_there_is_an_error() {
    let folder = folder_with(|_| ());
    let error = Enformer::load_on(folder.path(), Device::Cuda(0)).unwrap_err();
    assert!(matches!(error, ModelsError::DeviceFeature { .. }), "{error}");
    assert!(Enformer::load_on(folder.path(), Device::Cpu).is_ok());
}

#[test]
fn weights_come_back() {
    let folder = folder_with(|_| ());
    let (read, report) = Enformer::load(folder.path()).unwrap();
    assert_eq!(report, LoadReport::default());
    let made = Enformer::new(&small(64, Some(4)), Seed::new(1)).unwrap();
    let batch = SequenceBatch::from_sequences(&[sequence(64, 5)]).unwrap();
    let readout = made.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    assert_eq!(made.predict(&batch, &readout).unwrap(), read.predict(&batch, &readout).unwrap());
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let refuse = |change: &dyn Fn(&mut Checkpoint)| {
        let folder = folder_with(|weights| change(weights));
        Enformer::load(folder.path()).unwrap_err().to_string()
    };
    let shape = refuse(&|weights| weights.insert("stem.0.weight", numbers(&[6, 4, 14], 1.0)));
    assert!(shape.ends_with("`stem.0.weight` has shape [6, 4, 14], expected [6, 4, 15]"), "{shape}");
    let nan = refuse(&|weights| weights.insert("transformer.1.1.fn.4.bias", numbers(&[12], f32::NAN)));
    assert!(
        nan.ends_with("`transformer.1.1.fn.4.bias` holds NaN at index [0], expected finite numbers"),
        "{nan}"
    );
    let variance = refuse(&|weights| weights.insert("stem.1.fn.0.running_var", numbers(&[6], -1.0)));
    assert!(variance.ends_with("`stem.1.fn.0.running_var` holds a number below 0, expected variances"));
    let missing = refuse(&|weights| {
        *weights = weights.renamed(|name| name.replace("_heads.mouse.0", "mouse"));
    });
    assert!(
        missing.contains("tensors _heads.mouse.0.weight, _heads.mouse.0.bias are missing, found"),
        "{missing}"
    );
}

/// A folder with a finetuned model: a wrapper's names, a head of 5 tracks.
fn wrapper_with(width: usize, change: impl FnOnce(&mut Checkpoint)) -> tempfile::TempDir {
    folder_with(|weights| {
        *weights = weights.renamed(|name| format!("enformer.{name}"));
        weights.insert("to_tracks.0.weight", numbers(&[5, width], 0.5));
        weights.insert("to_tracks.0.bias", numbers(&[5], 0.5));
        change(weights);
    })
}

fn numbers(shape: &[usize], value: f32) -> Tensor {
    Tensor::from_f32(shape, &vec![value; shape.iter().product()]).unwrap()
}

#[test]
fn heads_of_wrappers_that_do_not_fit_are_refused_by_name() {
    let refuse = |change: &dyn Fn(&mut Checkpoint), expected: &str| {
        let message = Enformer::load(wrapper_with(24, change).path()).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    };
    for (name, shape, value, expected) in [
        ("weight", &[5, 13][..], 1.0, "`to_tracks.0.weight` has shape [5, 13], expected [5, 24]"),
        ("weight", &[24], 1.0, "`to_tracks.0.weight` has shape [24], expected [24, 24]"),
        ("weight", &[], 1.0, "`to_tracks.0.weight` has shape [], expected [1, 24]"),
        ("weight", &[5, 24, 1], 1.0, "`to_tracks.0.weight` has shape [5, 24, 1], expected [5, 24]"),
        ("weight", &[0, 24], 1.0, "output_heads.tracks: found no track, expected at least one"),
        ("weight", &[1 << 40, 0], 1.0, "has shape [1099511627776, 0], expected [1048576, 24]"),
        ("weight", &[5, 24], f32::NAN, "`to_tracks.0.weight` holds NaN at index [0, 0], expected finite"),
        ("bias", &[4], 1.0, "`to_tracks.0.bias` has shape [4], expected [5]"),
        ("bias", &[5], f32::INFINITY, "`to_tracks.0.bias` holds inf at index [0], expected finite numbers"),
    ] {
        let name = format!("to_tracks.0.{name}");
        refuse(&|weights| weights.insert(&*name, numbers(shape, value)), expected);
    }
    for gone in ["to_tracks.0.weight", "to_tracks.0.bias"] {
        let renamed = |name: &str| if name == gone { "gone".to_owned() } else { name.to_owned() };
        let expected = format!("tensors {gone} are missing, found");
        refuse(&|weights| *weights = weights.renamed(renamed), &expected);
    }
    // A head that is said to be normalised needs the wrapper's normalisation.
    let reads = EnformerHeadInput::NormedTransformer;
    let head = EnformerHead { reads, ..EnformerHead::numbered("tracks", 5) };
    let config = EnformerConfig { output_heads: vec![head], ..small(64, Some(4)) };
    let load = |folder: &tempfile::TempDir| {
        Enformer::from_file(&config, folder.path().join("model.safetensors"), Precision::Single)
    };
    let message = load(&wrapper_with(12, |_| ())).unwrap_err().to_string();
    let missing = "tensors post_embed_transform.1.weight, post_embed_transform.1.bias are missing, found";
    assert!(message.contains(missing), "{message}");
    let folder = wrapper_with(12, |weights| {
        weights.insert("post_embed_transform.1.weight", numbers(&[12], 1.0));
        weights.insert("post_embed_transform.1.bias", numbers(&[12], 0.0));
    });
    let (_, report) = load(&folder).unwrap();
    assert!(report.extra.iter().all(|name| name.starts_with("enformer._heads.")), "{report:?}");
}

#[test]
fn truncated_files_are_refused() {
    let folder = folder_with(|_| ());
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 4, 9, 100, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let message = Enformer::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("model.safetensors: "), "{length}: {message}");
    }
    fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
    assert!(Enformer::load(folder.path()).is_err(), "bytes that are of no tensor");
}

/// Heads that show what they read: the weights of track i are 1 at place i.
#[test]
fn heads_read_embeddings_or_the_rows_of_the_transformer() {
    let head = |name: &str, reads, width| EnformerHead {
        activation: None,
        reads,
        ..EnformerHead::numbered(name, width)
    };
    let config = EnformerConfig {
        output_heads: vec![
            head("embeddings", EnformerHeadInput::Embeddings, 24),
            head("rows", EnformerHeadInput::Transformer, 12),
            head("normed", EnformerHeadInput::NormedTransformer, 12),
        ],
        ..small(64, Some(4))
    };
    let (seed, place) = (Seed::new(3), Place { precision: Precision::Double, ..Place::default() });
    let model = Enformer::build(&config, place, &mut |parameter| match &*parameter.name {
        "_heads.normed.norm.weight" => Ok((0..12).map(|i| i as f32).collect()),
        "_heads.normed.norm.bias" => Ok(vec![0.5; 12]),
        name if name.starts_with("_heads") && name.ends_with("weight") => {
            let width = parameter.shape[1];
            Ok((0..width * width).map(|i| f32::from(u8::from(i / width == i % width))).collect())
        }
        name if name.starts_with("_heads") => Ok(vec![0.0; parameter.shape[0]]),
        _ => parameter.initial(seed),
    })
    .unwrap();
    let batch = SequenceBatch::from_sequences(&[sequence(64, 5)]).unwrap();
    let read = |head: &str| {
        let readout = model.spec().readout(Some(head), &[], None, Reduce::Keep).unwrap();
        model.predict_f64(&batch, &readout).unwrap()
    };
    let embeddings = model.embeddings(&batch).unwrap();
    assert!(read("embeddings").iter().zip(&embeddings).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-6));
    let (rows, normed) = (read("rows"), read("normed"));
    for bin in 0..4 {
        let row: Vec<f64> = (0..12).map(|i| rows[[0, bin, i]]).collect();
        let mean = row.iter().sum::<f64>() / 12.0;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 12.0;
        for (i, x) in row.iter().enumerate() {
            let expected = (x - mean) / (variance + 1e-5).sqrt() * i as f64 + 0.5;
            assert!((normed[[0, bin, i]] - expected).abs() < 1e-12, "{bin} {i}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let config = small(5000, None);
    let model = model(&config, Precision::Single, 1);
    let batch = SequenceBatch::from_sequences(&[sequence(5000, 2)]).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    let with = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| model.predict(&batch, &readout).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn readouts_and_inputs_that_do_not_fit_are_refused() {
    let model = model(&small(64, Some(4)), Precision::Single, 1);
    let batch = |length| SequenceBatch::from_sequences(&[sequence(length, 2)]).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    let message = model.predict(&batch(63), &readout).unwrap_err().to_string();
    assert_eq!(message, "model takes sequences of length 64, got 63");
    for wrong in [
        Readout { head: 2, ..readout.clone() },
        Readout { bins: 0..5, ..readout.clone() },
        Readout { bins: 2..2, ..readout.clone() },
        Readout { tracks: vec![3], ..readout.clone() },
    ] {
        assert!(matches!(model.predict(&batch(64), &wrong), Err(ModelError::Readout { .. })), "{wrong:?}");
    }
    let pass = model.as_incremental().unwrap().reference(&sequence(64, 2), &readout).unwrap();
    let mut out = Array3::zeros((1, 4, 3));
    for edit in [Edit { position: 64, code: 0 }, Edit { position: 0, code: 7 }] {
        assert!(matches!(pass.deltas(&[&[edit]], out.view_mut()), Err(ModelError::Edit { .. })));
    }
}

/// The pool as the package computes it: logits of both rows of a pair, and their softmax.
#[test]
fn the_first_stage_is_as_computed_slowly() {
    let config = EnformerConfig { depth: 1, ..small(21, None) };
    let source = |parameter: &parameters::Parameter| parameter.initial(Seed::new(4)).unwrap();
    let tensors: std::collections::HashMap<String, Vec<f64>> = parameters::parameters(&config)
        .iter()
        .map(|it| (it.name.clone(), source(it).into_iter().map(f64::from).collect()))
        .collect();
    let model = model(&config, Precision::Double, 4);
    let Body::Double(engine) = &model.body else { return };
    let (codes, width) = (sequence(21, 3).codes().to_vec(), 6);
    let conv = |x: &[f64], inputs: usize, name: &str| -> Vec<f64> {
        let (weight, bias) = (&tensors[&format!("{name}.weight")], &tensors[&format!("{name}.bias")]);
        let taps = weight.len() / width / inputs;
        let n = x.len() / inputs;
        let mut out = Vec::new();
        for place in 0..n {
            for output in 0..width {
                let mut sum = bias[output];
                for tap in 0..taps {
                    let Some(from) = (place + tap).checked_sub(taps / 2).filter(|from| *from < n) else {
                        continue;
                    };
                    for input in 0..inputs {
                        sum += x[from * inputs + input] * weight[(output * inputs + input) * taps + tap];
                    }
                }
                out.push(sum);
            }
        }
        out
    };
    let gelu = |x: f64| x / (1.0 + (-1.702 * x).exp());
    let one_hot = engine::one_hot::<f64>(&codes);
    let x = conv(&one_hot, 4, "stem.0");
    // The running means are drawn as in `model`.
    let means = Initializer::Uniform { bound: 0.5 };
    let means: Vec<f64> = means.values(Seed::new(4), "stem.1.fn.0.running_mean", &[width]).unwrap();
    let scaled: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, x)| gelu((x - f64::from(means[i % width] as f32)) / (1.0_f64 + 1e-5).sqrt()))
        .collect();
    let y: Vec<f64> = conv(&scaled, width, "stem.1.fn.2").iter().zip(&x).map(|(y, x)| y + x).collect();
    let gate = &tensors["stem.2.to_attn_logits.weight"];
    let logit = |row: &[f64], output: usize| -> f64 {
        (0..width).map(|input| gate[output * width + input] * row[input]).sum()
    };
    let mut expected = Vec::new();
    for pair in y.chunks(2 * width) {
        for channel in 0..width {
            let logits: Vec<f64> = pair.chunks(width).map(|row| logit(row, channel).exp()).collect();
            let values = pair.chunks(width).zip(&logits).map(|(row, weight)| row[channel] * weight);
            expected.push(values.sum::<f64>() / logits.iter().sum::<f64>());
        }
    }
    let found = engine.tower.first_stage(&one_hot, codes.len());
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn variants_are_the_difference_of_two_predictions(
        length in 40_usize..700,
        edits in prop::collection::btree_map(0_u32..1000, 0_u8..6, 1..4),
        seed in 0_u64..1000,
        single in any::<bool>(),
    ) {
        let config = small(length, None);
        let (precision, tolerance) =
            if single { (Precision::Single, 1e-4) } else { (Precision::Double, 1e-10) };
        let model = model(&config, precision, seed);
        let reference = sequence(length, seed);
        let edits: Vec<Edit> = edits
            .into_iter()
            .map(|(place, code)| Edit { position: place * length as u32 / 1000, code })
            .collect();
        let mut codes = reference.codes().to_vec();
        for edit in &edits {
            codes[edit.position as usize] = edit.code;
        }
        let readout = model.spec().readout(None, &["1".into()], None, Reduce::Keep).unwrap();
        let pass = model.as_incremental().unwrap().reference(&reference, &readout).unwrap();
        let mut found = Array3::zeros((1, readout.bins_out(), 1));
        pass.deltas(&[&edits], found.view_mut()).unwrap();
        let rows = [reference.codes(), &codes[..]].concat();
        let both = SequenceBatch::from_rows(&Alphabet::dna(), length, rows).unwrap();
        let both = model.predict_f64(&both, &readout).unwrap();
        for bin in 0..readout.bins_out() {
            let expected = both[[1, bin, 0]] - both[[0, bin, 0]];
            prop_assert!((found[[0, bin, 0]] - expected).abs() <= tolerance, "bin {bin}");
        }
    }

    #[test]
    fn rows_of_the_tower_are_those_of_the_whole(length in 1_usize..900, from in 0.0_f64..1.0, n in 1_usize..40) {
        let model = model(&small(length.max(40), None), Precision::Double, 1);
        let Body::Double(engine) = &model.body else { return Ok(()) };
        let codes = sequence(length, 7).codes().to_vec();
        let (whole, width) = (engine.trunk(&codes), 12);
        let positions = whole.len() / width;
        prop_assert_eq!(positions, model.config.n_positions(length));
        let start = (from * positions as f64) as usize;
        let range = start..(start + n).min(positions);
        let some = engine.tower.some(&engine::one_hot(&codes), length, range.clone());
        for (a, b) in some.iter().zip(&whole[range.start * width..range.end * width]) {
            prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b);
        }
    }
}
