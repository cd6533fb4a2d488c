#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Seed};
use cistron_encode::{Edit, Reduce, SequenceBatch, SequenceModel, random_sequences};
use ndarray::{Array1, array};

use super::super::Place;
use super::*;
use crate::train::Initializer;
use crate::{Checkpoint, Enformer, EnformerConfig, LoadReport, Precision, Tensor};

const NAMES: [&str; 2] = ["liver", "heart"];

fn model() -> Enformer {
    let config = EnformerConfig {
        dim: 12,
        depth: 1,
        heads: 2,
        attn_dim_key: 4,
        target_length: Some(4),
        num_downsamples: 3,
        dim_divisible_by: 6,
        input_length: 64,
        ..EnformerConfig::default()
    };
    let place = Place { precision: Precision::Double, ..Place::default() };
    Enformer::build(&config, place, &mut |parameter| parameter.initial(Seed::new(1))).unwrap()
}

fn letters() -> SequenceBatch {
    random_sequences(&Alphabet::dna(), 1, 64, &[], Seed::new(2)).unwrap()
}

/// The tensors of a head of attention: 6 numbers wide, of contexts of 3 numbers, for embeddings of 24.
fn attention() -> Vec<(&'static str, Vec<usize>)> {
    vec![
        ("query_norm.weight", vec![24]),
        ("query_norm.bias", vec![24]),
        ("key_values_norm.weight", vec![3]),
        ("key_values_norm.bias", vec![3]),
        ("to_queries.weight", vec![6, 24]),
        ("to_key_values.weight", vec![12, 3]),
        ("null_key", vec![6]),
        ("null_value", vec![6]),
        ("to_out.weight", vec![24, 6]),
        ("to_out.bias", vec![24]),
        ("to_pred.0.weight", vec![1, 24]),
        ("to_pred.0.bias", vec![1]),
    ]
}

fn layer() -> Vec<(&'static str, Vec<usize>)> {
    vec![("to_context_weights", vec![3, 24]), ("to_context_bias", vec![3])]
}

fn drawn(tensors: &[(&str, Vec<usize>)]) -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    for (name, shape) in tensors {
        let values: Vec<f32> =
            Initializer::Normal { deviation: 0.3 }.values(Seed::new(5), name, shape).unwrap();
        checkpoint.insert(*name, Tensor::from_f32(shape, &values).unwrap());
    }
    checkpoint
}

fn load(checkpoint: &Checkpoint, heads: usize) -> Result<(EnformerContextHead, LoadReport), ModelsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.safetensors");
    checkpoint.write(&path).unwrap();
    EnformerContextHead::load_with_heads(path, heads)
}

fn predict(head: &EnformerContextHead, contexts: &EnformerContexts) -> Vec<f64> {
    let model = model().with_contexts(head, contexts).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    model.predict_f64(&letters(), &readout).unwrap().into_iter().collect()
}

fn tokens() -> Array3<f32> {
    array![[[0.1, -0.4, 2.0], [1.5, 0.2, -0.3]], [[-1.0, 0.0, 0.7], [0.4, 0.9, -2.0]]]
}

/// Attention as it is written, to contexts of all tokens, for one position.
fn slowly(weights: &Checkpoint, embedding: &[f64], tokens: &[Vec<f64>]) -> f64 {
    let get = |name: &str| weights.get(name).unwrap().to_f64();
    let times = |name: &str, x: &[f64]| -> Vec<f64> {
        get(name).chunks(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    };
    let norm = |name: &str, x: &[f64]| -> Vec<f64> {
        let x = Array1::from(x.to_vec());
        let inverse = 1.0 / (x.var(0.0) + 1e-5).sqrt();
        let (weight, bias) = (get(&format!("{name}.weight")), get(&format!("{name}.bias")));
        let centred = &x - x.mean().unwrap();
        centred.iter().zip(weight).zip(bias).map(|((x, weight), bias)| x * inverse * weight + bias).collect()
    };
    let query = times("to_queries.weight", &norm("query_norm", embedding));
    let mut pairs = vec![[get("null_key"), get("null_value")].concat()];
    pairs.extend(tokens.iter().map(|token| times("to_key_values.weight", &norm("key_values_norm", token))));
    let mut attended = Vec::new();
    for head in 0..2 {
        let places = head * 3..head * 3 + 3;
        let logit = |pair: &Vec<f64>| -> f64 {
            places.clone().map(|i| query[i] * pair[i]).sum::<f64>() / 3.0_f64.sqrt()
        };
        let shares: Vec<f64> = pairs.iter().map(|pair| logit(pair).exp()).collect();
        let total: f64 = shares.iter().sum();
        for place in places.clone() {
            attended
                .push(pairs.iter().zip(&shares).map(|(pair, share)| pair[6 + place] * share / total).sum());
        }
    }
    let branch = times("to_out.weight", &attended);
    let sum: Vec<f64> =
        embedding.iter().zip(branch).zip(get("to_out.bias")).map(|((x, y), bias)| x + y + bias).collect();
    (times("to_pred.0.weight", &sum)[0] + get("to_pred.0.bias")[0]).exp().ln_1p()
}

#[test]
fn attention_is_as_computed_slowly_and_masked_tokens_are_not_there() {
    let weights = drawn(&attention());
    let (head, report) = load(&weights, 2).unwrap();
    assert_eq!((report, head.context_width()), (LoadReport::default(), 3));
    let tokens = tokens();
    let embeddings = model().embeddings(&letters()).unwrap().mapv(f64::from);
    for mask in [[[true, true], [true, true]], [[false, true], [true, false]], [[false, false], [true, true]]]
    {
        let contexts = EnformerContexts::tokens(
            NAMES,
            tokens.clone(),
            Some(Array2::from_shape_fn((2, 2), |(i, j)| mask[i][j])),
        )
        .unwrap();
        let found = predict(&head, &contexts);
        for (place, found) in found.iter().enumerate() {
            let (bin, track) = (place / 2, place % 2);
            let counted = (0..2).filter(|token| mask[track][*token]);
            let token = |token| tokens.slice(ndarray::s![track, token, ..]).mapv(f64::from).to_vec();
            let embedding = embeddings.slice(ndarray::s![0, bin, ..]).to_vec();
            let expected = slowly(&weights, &embedding, &counted.map(token).collect::<Vec<_>>());
            // Embeddings were rounded to single precision.
            assert!((found - expected).abs() < 1e-5, "{mask:?} {place}: {found} {expected}");
        }
    }
}

#[test]
fn tracks_of_contexts_do_not_depend_on_one_another() {
    let (head, _) = load(&drawn(&attention()), 2).unwrap();
    let both = predict(&head, &EnformerContexts::tokens(NAMES, tokens(), None).unwrap());
    for (track, name) in NAMES.into_iter().enumerate() {
        let one = tokens().select(Axis(0), &[track]);
        let one = predict(&head, &EnformerContexts::tokens([name], one, None).unwrap());
        let of_both = both.iter().skip(track).step_by(2);
        assert!(one.iter().zip(of_both).all(|(a, b)| (a - b).abs() < 1e-12), "{one:?} {both:?}");
    }
}

#[test]
fn variants_move_tracks_of_contexts_by_the_difference_of_two_predictions() {
    for tensors in [layer(), attention()] {
        let (head, _) = load(&drawn(&tensors), 2).unwrap();
        let contexts = EnformerContexts::vectors(NAMES, tokens().index_axis_move(Axis(1), 0)).unwrap();
        let model = model().with_contexts(&head, &contexts).unwrap();
        assert_eq!(model.spec().heads.len(), 1);
        let readout =
            model.spec().readout(Some("contexts"), &["heart".into()], Some(1..3), Reduce::Mean).unwrap();
        let reference = letters().to_sequences().unwrap().remove(0);
        let edit = Edit { position: 30, code: 3 - reference.codes()[30] };
        let mut codes = reference.codes().to_vec();
        codes[30] = edit.code;
        let mutant = SequenceBatch::from_rows(&Alphabet::dna(), 64, codes).unwrap();
        let expected =
            model.predict_f64(&mutant, &readout).unwrap() - model.predict_f64(&letters(), &readout).unwrap();
        let pass = model.as_incremental().unwrap().reference(&reference, &readout).unwrap();
        let mut found = Array3::zeros((1, 1, 1));
        pass.deltas(&[&[edit]], found.view_mut()).unwrap();
        assert!((found[[0, 0, 0]] - expected[[0, 0, 0]]).abs() < 1e-10, "{found} {expected}");
        assert!(
            expected[[0, 0, 0]].abs() > 1e-9,
            "the variant does something {expected} {}",
            model.predict_f64(&letters(), &readout).unwrap()
        );
    }
}

#[test]
fn wrappers_names_are_found_and_what_is_left_is_told() {
    let mut checkpoint = drawn(&layer()).renamed(|name| format!("module.{name}"));
    checkpoint.insert("module.enformer.stem.0.bias", Tensor::from_f32(&[1], &[0.0]).unwrap());
    checkpoint.insert("step", Tensor::from_f32(&[1], &[0.0]).unwrap());
    let (_, report) = load(&checkpoint, 8).unwrap();
    assert_eq!((report.prefix_stripped.as_deref(), report.extra), (Some("module."), vec!["step".to_owned()]));
}

#[test]
fn heads_that_do_not_fit_are_refused_by_name() {
    let refuse = |tensors: Vec<(&str, Vec<usize>)>, heads, expected: &str| {
        let message = load(&drawn(&tensors), heads).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    };
    let with = |mut tensors: Vec<(&'static str, Vec<usize>)>, name: &str, shape: &[usize]| {
        tensors.iter_mut().filter(|(it, _)| *it == name).for_each(|(_, it)| *it = shape.to_vec());
        tensors
    };
    let without = |mut tensors: Vec<(&'static str, Vec<usize>)>, gone: &[&str]| {
        tensors.retain(|(name, _)| !gone.contains(name));
        tensors
    };
    refuse(
        vec![("other", vec![1])],
        2,
        "has no head of contexts, expected a tensor to_context_weights or to_key",
    );
    refuse(without(layer(), &["to_context_bias"]), 2, "tensors to_context_bias are missing, found");
    refuse(with(layer(), "to_context_bias", &[4]), 2, "`to_context_bias` has shape [4], expected [3]");
    refuse(
        with(layer(), "to_context_weights", &[72]),
        2,
        "`to_context_weights` has shape [72], expected [any, any]",
    );
    refuse(
        with(layer(), "to_context_weights", &[0, 24]),
        2,
        "`to_context_weights` has shape [0, 24], expected",
    );
    refuse(without(attention(), &["to_queries.weight"]), 2, "tensors to_queries.weight are missing");
    let gone = ["null_key", "to_out.bias"];
    refuse(without(attention(), &gone), 2, "tensors null_key, to_out.bias are missing, found");
    refuse(
        with(attention(), "to_out.weight", &[24, 7]),
        2,
        "`to_out.weight` has shape [24, 7], expected [24, 6]",
    );
    for heads in [0, 4] {
        let expected = "`to_queries.weight` makes queries of 6 numbers, which";
        refuse(attention(), heads, expected);
    }
    let mut infinite = drawn(&layer());
    infinite.insert("to_context_bias", Tensor::from_f32(&[3], &[0.0, f32::NAN, 0.0]).unwrap());
    let message = load(&infinite, 8).unwrap_err().to_string();
    assert!(
        message.ends_with("`to_context_bias` holds NaN at index [1], expected finite numbers"),
        "{message}"
    );
}

#[test]
fn contexts_that_do_not_fit_are_refused() {
    let shapes = |names: &[&str], shape: (usize, usize, usize), mask: Option<(usize, usize)>| {
        let mask = mask.map(|shape| Array2::from_elem(shape, true));
        EnformerContexts::tokens(names.iter().copied(), Array3::zeros(shape), mask)
    };
    for (result, expected) in [
        (
            shapes(&["a"], (2, 1, 3), None),
            "contexts: found shape [2, 1, 3], expected a token or more for 1 names",
        ),
        (
            shapes(&[], (0, 1, 3), None),
            "contexts: found shape [0, 1, 3], expected a token or more for 0 names",
        ),
        (shapes(&["a"], (1, 0, 3), None), "contexts: found shape [1, 0, 3], expected a token"),
        (shapes(&["a"], (1, 2, 3), Some((2, 1))), "mask of contexts: found shape [2, 1], expected [1, 2]"),
        (
            EnformerContexts::vectors(["a"], array![[0.0, f32::INFINITY]]),
            "contexts: found inf at (0, 0, 1), expected finite numbers",
        ),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let refuse = |head: &EnformerContextHead, contexts: &EnformerContexts, expected: &str| {
        let message = model().with_contexts(head, contexts).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    };
    let (head, _) = load(&drawn(&layer()), 8).unwrap();
    refuse(
        &head,
        &shapes(&["a"], (1, 1, 4), None).unwrap(),
        "contexts: found vectors of 4 numbers, expected 3",
    );
    refuse(
        &head,
        &shapes(&["a"], (1, 2, 3), None).unwrap(),
        "contexts: found 2 tokens, masked or not, expected a vector",
    );
    let of_another: Vec<_> = vec![("to_context_weights", vec![3, 48]), ("to_context_bias", vec![3])];
    let (head, _) = load(&drawn(&of_another), 8).unwrap();
    let one = shapes(&["a"], (1, 1, 3), None).unwrap();
    refuse(&head, &one, "`to_context_weights` has shape [3, 48], expected [any, 24]");
}
