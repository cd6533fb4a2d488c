//! Enformers: configurations, names of tensors, the basis of positions, predictions and variants of small models.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cistron::encode::{Edit, Readout, Reduce, SequenceBatch, SequenceModel};
use cistron::models::{
    Activation, Checkpoint, Enformer, EnformerConfig, EnformerContextHead, EnformerContexts, EnformerCrop,
    EnformerHead, EnformerHeadInput, GammaNorm, LoadReport, Precision, load_model, relative_position_basis,
};
use cistron::ndarray::{Array, Dim, Dimension};
use cistron::{Alphabet, Seed};
use conformance::golden;

const PRECISIONS: [Precision; 2] = [Precision::Single, Precision::Double];

fn close(found: f64, expected: f64) -> bool {
    // What the peer's single and double precision differ by, and twice that for ours.
    (found - expected).abs() <= 2e-5 + 1e-5 * expected.abs()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(close(*a, *b), "{what}, number {index}: found {a}, expected {b}");
    }
}

fn config_of(folder: &Path, length: usize) -> EnformerConfig {
    let config = EnformerConfig::from_json(&fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
    EnformerConfig { input_length: length, ..config }
}

/// The letters of an array of 0 to 3, 4 for an unknown letter and -1 for padding.
fn letters(file: &Checkpoint) -> SequenceBatch {
    let tensor = file.get("in.indices").unwrap();
    let code = |index: &f64| if *index < 0.0 { Alphabet::dna().padding() } else { *index as u8 };
    let codes = tensor.to_f64().iter().map(code).collect();
    SequenceBatch::from_rows(&Alphabet::dna(), tensor.shape()[1], codes).unwrap()
}

fn whole(model: &Enformer, head: &str) -> Readout {
    model.spec().readout(Some(head), &[], None, Reduce::Keep).unwrap()
}

fn predict(model: &Enformer, batch: &SequenceBatch, head: &str) -> Vec<f64> {
    model.predict_f64(batch, &whole(model, head)).unwrap().into_iter().collect()
}

fn weights(folder: &Path) -> std::path::PathBuf {
    folder.join("model.safetensors")
}

#[test]
fn small_models_predict_as_the_peer() {
    for name in ["g1_basic", "g2_odd_length", "g3_four_pool"] {
        let Some(folder) = golden(&format!("enformer/{name}")) else { return };
        let io = Checkpoint::read(folder.join("io.safetensors")).unwrap();
        let batch = letters(&io);
        let config = config_of(&folder, batch.width());
        for precision in PRECISIONS {
            let (model, report) = Enformer::from_file(&config, weights(&folder), precision).unwrap();
            assert_eq!((report.extra.len(), report.prefix_stripped), (0, None), "{name}");
            let embeddings: Vec<f64> = model.embeddings(&batch).unwrap().into_iter().map(f64::from).collect();
            for width in ["f32", "f64"] {
                let expected = |what: &str| io.get(&format!("{width}.{what}")).unwrap().to_f64();
                assert_close(&embeddings, &expected("embeddings"), name);
                for head in &config.output_heads {
                    let what = format!("head.{}", head.name);
                    assert_close(&predict(&model, &batch, &head.name), &expected(&what), name);
                }
            }
        }
    }
}

#[test]
fn readouts_choose_tracks_and_bins_of_the_whole() {
    let Some(folder) = golden("enformer/g2_odd_length") else { return };
    let batch = letters(&Checkpoint::read(folder.join("io.safetensors")).unwrap());
    let (model, _) =
        Enformer::from_file(&config_of(&folder, batch.width()), weights(&folder), Precision::Double).unwrap();
    let all = model.predict_f64(&batch, &whole(&model, "human")).unwrap();
    let tracks = ["5", "2"].map(String::from);
    for (reduce, bins) in [(Reduce::Keep, 7..9), (Reduce::Sum, 60..126), (Reduce::Mean, 0..1)] {
        let readout = model.spec().readout(Some("human"), &tracks, Some(bins.clone()), reduce).unwrap();
        let found = model.predict_f64(&batch, &readout).unwrap();
        for (index, track) in [5, 2].into_iter().enumerate() {
            let chosen: Vec<f64> = bins.clone().map(|bin| all[[0, bin, track]]).collect();
            let sum: f64 = chosen.iter().sum();
            let expected = match reduce {
                Reduce::Keep => chosen,
                Reduce::Sum => vec![sum],
                Reduce::Mean => vec![sum / bins.len() as f64],
            };
            let found: Vec<f64> = (0..readout.bins_out()).map(|bin| found[[0, bin, index]]).collect();
            // In double precision only the order of sums differs.
            assert!(
                found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn pickles_with_aliases_are_the_same_models() {
    let Some(folder) = golden("enformer/g1_basic") else { return };
    let batch = letters(&Checkpoint::read(folder.join("io.safetensors")).unwrap());
    let config = config_of(&folder, batch.width());
    let pickle = folder.join("pytorch_model.bin");
    let (plain, _) = Enformer::from_file(&config, weights(&folder), Precision::Single).unwrap();
    let (aliased, report) = Enformer::from_file(&config, &pickle, Precision::Single).unwrap();
    assert!(report.extra.is_empty(), "{report:?}");
    assert_eq!(predict(&plain, &batch, "human"), predict(&aliased, &batch, "human"));
    // The aliases alone, behind what wrappers leave, and a tensor that nothing needs.
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("wrapped.safetensors");
    let mut wrapped = Checkpoint::new();
    for (name, tensor) in Checkpoint::read(&pickle).unwrap().tensors() {
        let part = name.split('.').next().unwrap();
        if !["stem", "conv_tower", "transformer", "final_pointwise"].contains(&part) {
            wrapped.insert(format!("model.enformer.{name}"), tensor.clone());
        }
    }
    wrapped.insert("model.step", plain_tensor());
    wrapped.write(&path).unwrap();
    let (model, report) = Enformer::from_file(&config, &path, Precision::Single).unwrap();
    assert_eq!(report.prefix_stripped.as_deref(), Some("model.enformer."));
    assert_eq!(report.extra, ["model.step"]);
    assert_eq!(predict(&plain, &batch, "mouse"), predict(&model, &batch, "mouse"));
}

fn plain_tensor() -> cistron::models::Tensor {
    cistron::models::Tensor::from_f32(&[1], &[3.0]).unwrap()
}

/// A checkpoint of a wrapper as the package saves it, in a folder with the configuration of what is wrapped.
fn wrapper(case: &str, of: &Path) -> (tempfile::TempDir, Checkpoint) {
    let io = Checkpoint::read(of.join("wrappers.safetensors")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut wrapper = Checkpoint::new();
    for (name, tensor) in Checkpoint::read(weights(of)).unwrap().tensors() {
        wrapper.insert(format!("enformer.{name}"), tensor.clone());
    }
    for (name, tensor) in io.tensors() {
        if let Some(name) = name.strip_prefix(&format!("{case}.param.")) {
            wrapper.insert(name, tensor.clone());
        }
    }
    wrapper.write(weights(scratch.path())).unwrap();
    (scratch, io)
}

const OLD_HEADS: [&str; 4] = [
    "enformer._heads.human.0.bias",
    "enformer._heads.human.0.weight",
    "enformer._heads.mouse.0.bias",
    "enformer._heads.mouse.0.weight",
];

#[test]
fn a_finetuned_head_takes_the_place_of_the_others() {
    let Some(folder) = golden("enformer/w1_wrappers") else { return };
    // The package makes this normalisation and does not apply it.
    let unused_norm = ["post_embed_transform.1.bias", "post_embed_transform.1.weight"];
    let softplus = Some(Activation::Softplus);
    for (case, reads, activation, unused) in [
        ("linear_head", EnformerHeadInput::Embeddings, None, &[][..]),
        ("post_transformer", EnformerHeadInput::Transformer, softplus, &unused_norm),
    ] {
        let (wrapped, io) = wrapper(case, &folder);
        let batch = letters(&io);
        let config = config_of(&folder, batch.width());
        let head = EnformerHead { reads, ..EnformerHead::numbered("tracks", 5) };
        let (made, report) =
            Enformer::from_file(&config, weights(wrapped.path()), Precision::Single).unwrap();
        assert_eq!(made.config().output_heads, std::slice::from_ref(&head));
        assert_eq!(report.prefix_stripped.as_deref(), Some("enformer."));
        assert_eq!(report.extra, [&OLD_HEADS[..], unused].concat(), "{case}");
        // What a configuration says of the head stands.
        let config = EnformerConfig { output_heads: vec![EnformerHead { activation, ..head }], ..config };
        let expected = io.get(&format!("{case}.pred")).unwrap().to_f64();
        for precision in PRECISIONS {
            let (model, _) = Enformer::from_file(&config, weights(wrapped.path()), precision).unwrap();
            assert_eq!(model.config(), &config);
            assert_close(&predict(&model, &batch, "tracks"), &expected, case);
        }
    }
}

/// Numbers of an array of a file.
fn array<const N: usize>(file: &Checkpoint, name: &str) -> Array<f32, Dim<[usize; N]>>
where
    Dim<[usize; N]>: Dimension,
{
    let tensor = file.get(name).unwrap();
    let values = tensor.to_f64().into_iter().map(|value| value as f32).collect();
    Array::from_shape_vec(tensor.shape(), values).unwrap().into_dimensionality().unwrap()
}

const CELLS: [&str; 3] = ["liver", "heart", "brain"];

#[test]
fn tracks_of_contexts_are_as_the_peer_predicts() {
    let Some(folder) = golden("enformer/w1_wrappers") else { return };
    let (wrapped, io) = wrapper("context", &folder);
    let batch = letters(&io);
    let (head, report) = EnformerContextHead::load(weights(wrapped.path())).unwrap();
    assert_eq!((report, head.context_width()), (LoadReport::default(), 10));
    let contexts = EnformerContexts::vectors(CELLS, array(&io, "context.context")).unwrap();
    for precision in PRECISIONS {
        let config = config_of(&folder, batch.width());
        let (model, report) = Enformer::from_file(&config, weights(wrapped.path()), precision).unwrap();
        assert_eq!(report.extra, ["to_context_bias", "to_context_weights"]);
        let model = model.with_contexts(&head, &contexts).unwrap();
        assert_eq!(*model.spec().heads[0].tracks, CELLS.map(Into::into));
        let found = predict(&model, &batch, "contexts");
        assert_close(&found, &io.get("context.pred").unwrap().to_f64(), "contexts");
        // The package's loss of its own prediction, of this one.
        let target = io.get("context.target").unwrap().to_f64();
        let loss = found.iter().zip(&target).map(|(x, y)| x - y * x.ln()).sum::<f64>() / found.len() as f64;
        assert_close(&[loss], &io.get("context.loss").unwrap().to_f64(), "loss");
        let chosen = model.spec().readout(None, &["brain".into(), "liver".into()], Some(1..3), Reduce::Sum);
        let some = model.predict_f64(&batch, &chosen.unwrap()).unwrap();
        for (place, track) in [2, 0].into_iter().enumerate() {
            let expected = found[3 + track] + found[6 + track];
            assert!((some[[0, 0, place]] - expected).abs() < 1e-5, "{some} {found:?}");
        }
    }
}

#[test]
fn attention_to_contexts_is_as_the_peer_s() {
    let Some(folder) = golden("enformer/w1_wrappers") else { return };
    let (wrapped, io) = wrapper("ctxattn", &folder);
    let one_hot = io.get("ctxattn.in.one_hot").unwrap().to_f64();
    let code = |row: &[f64]| {
        let other = if row[0] > 0.0 { Alphabet::dna().padding() } else { Alphabet::dna().unknown() };
        row.iter().position(|value| *value == 1.0).map_or(other, |letter| letter as u8)
    };
    let codes = one_hot.chunks(4).map(code).collect();
    let batch = SequenceBatch::from_rows(&Alphabet::dna(), 256, codes).unwrap();
    let (head, report) = EnformerContextHead::load_with_heads(weights(wrapped.path()), 2).unwrap();
    assert_eq!((report, head.context_width()), (LoadReport::default(), 10));
    let mask = array::<2>(&io, "ctxattn.mask").mapv(|value| value != 0.0);
    let tokens = || array(&io, "ctxattn.context");
    for (name, contexts) in [
        ("pred", EnformerContexts::tokens(CELLS, tokens(), None)),
        ("pred2d", EnformerContexts::vectors(CELLS, array(&io, "ctxattn.context2d"))),
        // Not `pred_masked`, where the package takes the tracks of the mask for sequences.
        ("pred_masked_per_track_fixed", EnformerContexts::tokens(CELLS, tokens(), Some(mask))),
    ] {
        let expected = io.get(&format!("ctxattn.{name}")).unwrap().to_f64();
        for precision in PRECISIONS {
            let config = config_of(&folder, batch.width());
            let (model, _) = Enformer::from_file(&config, weights(wrapped.path()), precision).unwrap();
            let model = model.with_contexts(&head, contexts.as_ref().unwrap()).unwrap();
            assert_close(&predict(&model, &batch, "contexts"), &expected, name);
        }
        // The same as a folder of a model.
        config_of(&folder, batch.width()).write(wrapped.path()).unwrap();
        let out = wrapped.path().join(name);
        Enformer::write_with_contexts(wrapped.path(), &head, contexts.as_ref().unwrap(), &out).unwrap();
        let (model, report) = Enformer::load(&out).unwrap();
        assert_eq!((report, model.spec().heads.len()), (LoadReport::default(), 1));
        assert_close(&predict(&model, &batch, "contexts"), &expected, name);
    }
}

#[test]
fn the_full_model_has_the_package_s_tensors() {
    let Some(folder) = golden("enformer") else { return };
    let config = EnformerConfig::default();
    let text = fs::read_to_string(folder.join("full_model_state_dict_keys.txt")).unwrap();
    let expected: Vec<(&str, Vec<usize>)> = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|cells| !cells[0].starts_with("_trunk.") && !cells[0].ends_with("num_batches_tracked"))
        .map(|cells| (cells[0], cells[2].split('x').map(|size| size.parse().unwrap()).collect()))
        .collect();
    let found = Enformer::tensors(&config);
    let found: Vec<(&str, Vec<usize>)> = found.iter().map(|(name, shape)| (&**name, shape.clone())).collect();
    assert_eq!(found, expected);
    assert_eq!(config.n_parameters(), 251_221_292);
}

#[test]
fn filters_are_rounded_as_the_peer_rounds() {
    let Some(folder) = golden("enformer/ops") else { return };
    let lists: BTreeMap<String, Vec<usize>> =
        serde_json::from_slice(&fs::read(folder.join("filter_lists.json")).unwrap()).unwrap();
    for (name, expected) in lists {
        let number = |prefix: &str| {
            name.split('_').find_map(|part| part.strip_prefix(prefix)).unwrap().parse::<usize>().unwrap()
        };
        let config = EnformerConfig {
            dim: number("dim"),
            num_downsamples: number("down"),
            dim_divisible_by: number("div"),
            ..EnformerConfig::default()
        };
        assert_eq!(config.tower_filters(), expected, "{name}");
    }
}

#[test]
fn the_basis_is_that_of_exact_arithmetic() {
    let Some(folder) = golden("enformer/ops") else { return };
    let ops = Checkpoint::read(folder.join("ops.safetensors")).unwrap();
    let mut seen = 0;
    for (name, tensor) in ops.tensors() {
        let parts: Vec<&str> = name.split('.').collect();
        let &["posbasis", positions, functions, kind] = &parts[..] else { continue };
        let (n, f) = (positions[1..].parse().unwrap(), functions[1..].parse().unwrap());
        let (norm, tolerance) = match kind {
            "exact_f64_norm_features" => (GammaNorm::Features, 1e-9),
            "exact_f64_norm_positions" => (GammaNorm::Positions, 1e-9),
            // Single precision loses digits of exponents, the more the more positions: up to this much.
            _ => (GammaNorm::Features, 3e-3),
        };
        let found = relative_position_basis(n, f, norm).unwrap();
        assert_eq!(found.len(), tensor.len(), "{name}");
        for (a, b) in found.iter().zip(tensor.to_f64()) {
            assert!((a - b).abs() <= tolerance, "{name}: found {a}, expected {b}");
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_table_of_the_published_weights_is_the_package_s() {
    let Some(folder) = golden("enformer/ops") else { return };
    let table = Checkpoint::read(folder.join("tf_gammas.safetensors")).unwrap();
    let table = table.tensors().next().unwrap().1.to_f64();
    let basis = |norm| relative_position_basis(1536, 192, norm).unwrap();
    let (exact, found) = (basis(GammaNorm::Positions), basis(GammaNorm::Table));
    assert_eq!(table.len(), 3071 * 32);
    for (place, expected) in table.into_iter().enumerate() {
        let (row, column) = (place / 32, 64 + place % 32);
        assert_eq!(found[[row, column]].to_bits(), expected.to_bits(), "{place}");
        let sign = (row as f64 - 1535.0).signum() * f64::from(u8::from(row != 1535));
        assert_eq!(found[[row, column + 96]], sign * expected, "{place}, signed");
        // The table was made in single precision.
        assert!((exact[[row, column]] - expected).abs() < 3e-3, "{place}: {expected}");
    }
    // What is not a gamma function does not change.
    for column in (0..64).chain(96..160) {
        assert!(exact.column(column) == found.column(column), "{column}");
    }
    for (n, functions) in [(1535, 192), (1536, 96), (896, 192)] {
        let message = relative_position_basis(n, functions, GammaNorm::Table).unwrap_err().to_string();
        assert!(message.starts_with("gamma_norm: found table for"), "{message}");
    }
}

#[test]
fn the_middle_is_cut_by_our_rule_or_the_peer_s() {
    let Some(folder) = golden("enformer/ops") else { return };
    let ops = Checkpoint::read(folder.join("ops.safetensors")).unwrap();
    let mut seen = 0;
    for (name, tensor) in ops.tensors() {
        let Some(case) = name.strip_prefix("crop.L") else { continue };
        let (length, target) = case.split_once(".T").unwrap();
        let (length, target): (usize, i64) = (length.parse().unwrap(), target.parse().unwrap());
        let target_length = usize::try_from(target).ok();
        let crop = EnformerCrop::Reference;
        let reference = EnformerConfig { target_length, crop, ..EnformerConfig::default() };
        let expected: Vec<usize> = tensor.to_f64().into_iter().map(|row| row as usize).collect();
        assert_eq!(reference.kept_bins(length).collect::<Vec<_>>(), expected, "{name}");
        let ours = EnformerConfig { crop: EnformerCrop::Centre, ..reference }.kept_bins(length);
        assert_eq!(ours.len(), target_length.unwrap_or(length), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn variants_are_as_two_whole_predictions() {
    let Some(folder) = golden("enformer/g3_four_pool") else { return };
    let (dna, width) = (Alphabet::dna(), 1024);
    let config = EnformerConfig { target_length: None, ..config_of(&folder, width) };
    let (model, _) = Enformer::from_file(&config, weights(&folder), Precision::Single).unwrap();
    let sequence = cistron::encode::random_sequences(&dna, 1, width, &[], Seed::new(3)).unwrap();
    let sequence = sequence.to_sequences().unwrap().remove(0);
    let readout = whole(&model, "human");
    let pass = model.as_incremental().unwrap().reference(&sequence, &readout).unwrap();
    let edit = |position: u32, code| Edit { position, code };
    let mutants: Vec<Vec<Edit>> = vec![
        vec![],
        vec![edit(500, sequence.codes()[500])],
        vec![edit(0, 3 - sequence.codes()[0])],
        vec![edit(1023, 3 - sequence.codes()[1023])],
        vec![edit(500, 3 - sequence.codes()[500]), edit(503, dna.unknown()), edit(90, dna.padding())],
        (0..width as u32).step_by(9).map(|place| edit(place, 2)).collect(),
    ];
    let borrowed: Vec<&[Edit]> = mutants.iter().map(Vec::as_slice).collect();
    let mut deltas = ndarray_of(mutants.len(), &readout);
    pass.deltas(&borrowed, deltas.view_mut()).unwrap();
    for (mutant, found) in mutants.iter().zip(deltas.outer_iter()) {
        let mut codes = sequence.codes().to_vec();
        for edit in mutant {
            codes[edit.position as usize] = edit.code;
        }
        let rows = [sequence.codes().to_vec(), codes].concat();
        let both = SequenceBatch::from_rows(&dna, width, rows).unwrap();
        let both = model.predict_f64(&both, &readout).unwrap();
        let size = found.len();
        let both: Vec<f64> = both.into_iter().collect();
        for (place, found) in found.iter().enumerate() {
            let expected = both[size + place] - both[place];
            assert!((found - expected).abs() <= 1e-5, "{mutant:?}: found {found}, expected {expected}");
        }
    }
    assert!(deltas.iter().any(|delta| delta.abs() > 1e-3), "the variants do something");
}

fn ndarray_of(n: usize, readout: &Readout) -> cistron::ndarray::Array3<f64> {
    cistron::ndarray::Array3::zeros((n, readout.bins_out(), readout.tracks.len()))
}

#[test]
fn folders_tell_what_they_are() {
    let Some(folder) = golden("enformer/g1_basic") else { return };
    let loaded = load_model(&folder).unwrap();
    assert_eq!((loaded.info.model_type.as_str(), loaded.info.input_length), ("enformer", Some(12_288)));
    let head = &loaded.info.heads[0];
    assert_eq!((head.bins, head.bin_width.unwrap().get(), head.first_bin), (4, 8, 766 * 8));
    assert_eq!(loaded.info.receptive_field, None);
}
