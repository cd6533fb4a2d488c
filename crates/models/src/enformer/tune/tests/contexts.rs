//! Tracks that come from contexts.

use cistron_encode::SequenceBatch;
use ndarray::{Array2, array};

use super::*;
use crate::{EnformerContextAttention, EnformerContextHead, EnformerContexts, TrackCorrelations};

const ATTENTION: EnformerContextAttention = EnformerContextAttention { heads: 2, head_width: 3 };

/// Contexts of the tracks of `windows` and of another, some with two tokens if they are to be attended to.
fn contexts(is_attended: bool) -> EnformerContexts {
    let names = ["G", "unseen", "C"];
    if !is_attended {
        return EnformerContexts::vectors(names, array![[0.2, 1.0], [0.7, 0.7], [1.0, -0.1]]).unwrap();
    }
    let tokens = array![[[0.2, 1.0], [0.0, 0.0]], [[0.7, 0.7], [1.0, 1.0]], [[1.0, -0.1], [0.5, 0.3]]];
    let mask = array![[true, false], [true, true], [true, true]];
    EnformerContexts::tokens(names, tokens, Some(mask)).unwrap()
}

fn with_contexts(trainable: &str, is_attended: bool) -> EnformerTraining {
    EnformerTraining {
        contexts: Some(contexts(is_attended)),
        context_attention: is_attended.then_some(ATTENTION),
        ..options(trainable)
    }
}

fn predict(model: &dyn SequenceModel) -> Vec<f64> {
    let letters = random_sequences(&Alphabet::dna(), 3, 64, &[], Seed::new(2)).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    model.predict_f64(&letters, &readout).unwrap().into_iter().collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

#[test]
fn heads_of_contexts_are_trained_saved_and_resumed() {
    for is_attended in [false, true] {
        let options = with_contexts("head,last:1", is_attended);
        let (trained, expected) = whole(&options);
        for after in [1, 4] {
            assert!(interrupted(&options, after) == expected, "stopped after {after}");
        }
        let of_head: Vec<&str> =
            trained.trained.iter().filter_map(|name| name.strip_prefix("_heads.tracks.")).collect();
        assert_eq!(of_head.len(), if is_attended { 12 } else { 2 }, "{of_head:?}");
        assert!(!of_head.contains(&"contexts"));
        let head = &trained.model.config().output_heads[0];
        assert_eq!(head.tracks, ["C", "G"]);
        let layer = head.contexts.unwrap();
        assert_eq!((layer.width, layer.attention), (2, options.context_attention));
    }
}

#[test]
fn a_trained_head_reads_other_contexts() {
    for is_attended in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let place = RunFolder::create(folder.path().join("run")).unwrap();
        let options = with_contexts("head,pointwise", is_attended);
        let trained = tuned(&options, Some(&place), Run::default()).unwrap();
        let both = predict(&trained.model);
        assert_close(&predict(&*load_model(place.path()).unwrap().model), &both);
        let (head, report) = EnformerContextHead::load(place.path()).unwrap();
        assert_eq!((report, head.context_width()), (LoadReport::default(), 2));
        let all = contexts(is_attended);
        let given = Enformer::load(place.path()).unwrap().0.with_contexts(&head, &all).unwrap();
        let three = predict(&given);
        let seen: Vec<f64> = three.chunks_exact(3).flat_map(|bin| [bin[2], bin[0]]).collect();
        assert_close(&seen, &both);
        let out = folder.path().join("more");
        Enformer::write_with_contexts(place.path(), &head, &all, &out).unwrap();
        let loaded = load_model(&out).unwrap();
        assert!(loaded.report.extra.is_empty(), "{:?}", loaded.report);
        assert_close(&predict(&*loaded.model), &three);
        // The head that was written is one of a model, and is read as such.
        let (again, _) = EnformerContextHead::load(&out).unwrap();
        let unseen = all.select(&["unseen"]).unwrap();
        let one = Enformer::load(&out).unwrap().0.with_contexts(&again, &unseen).unwrap();
        let of_three: Vec<f64> = three.iter().copied().skip(1).step_by(3).collect();
        assert_close(&predict(&one), &of_three);
        // Elsewhere it is not told how many heads it has.
        let message = EnformerContextHead::load(place.model()).unwrap_err().to_string();
        assert!(message.contains("has no head of contexts"), "{message}");
    }
}

/// Windows of which each track counts Cs and Gs as often as its context says.
fn mixtures(n: usize, seed: u64, contexts: &Array2<f32>, names: &[String]) -> TracksInMemory {
    let letters: SequenceBatch = random_sequences(&Alphabet::dna(), n, 64, &[], Seed::new(seed)).unwrap();
    let counts = Array3::from_shape_fn((n, BINS, names.len()), |(window, bin, track)| {
        let first = 16 + 8 * bin;
        let count =
            |code| (first..first + 8).filter(|at| letters.codes()[(window, *at)] == code).count() as f32;
        contexts[(track, 0)] * count(1) + contexts[(track, 1)] * count(2)
    });
    TracksInMemory::new(letters, counts, names.to_vec()).unwrap()
}

#[test]
fn tracks_that_were_not_trained_with_are_predicted_from_their_contexts() {
    let seen = array![[1.0, 0.1], [0.1, 1.0], [0.6, 0.3], [0.2, 0.6]];
    let names: Vec<String> = (0..4).map(|track| format!("cell {track}")).collect();
    let options = EnformerTraining {
        contexts: Some(EnformerContexts::vectors(names.clone(), seen.clone()).unwrap()),
        trainable: "head,pointwise,transformer,tower,batch-norm".parse().unwrap(),
        learning_rate: 1e-2,
        batch: 16,
        epochs: 12,
        // Cs are Gs on the other strand.
        reverse_complement: false,
        ..EnformerTraining::default()
    };
    let config = EnformerConfig { dropout_rate: 0.0, attn_dropout: 0.0, ..config() };
    let folder = tempfile::tempdir().unwrap();
    let place = RunFolder::create(folder.path().join("run")).unwrap();
    let (training, validation) = (mixtures(320, 1, &seen, &names), mixtures(40, 2, &seen, &names));
    let start = EnformerStart::Scratch(&config);
    finetune_enformer(start, &training, &validation, &options, Some(&place), Run::default()).unwrap();
    let unseen = array![[0.9, 0.5], [0.2, 0.8]];
    let contexts = EnformerContexts::vectors(["more C", "more G"], unseen.clone()).unwrap();
    let (head, _) = EnformerContextHead::load(place.path()).unwrap();
    let model = Enformer::load(place.path()).unwrap().0.with_contexts(&head, &contexts).unwrap();
    let data = mixtures(40, 3, &unseen, contexts.names());
    let letters = random_sequences(&Alphabet::dna(), 40, 64, &[], Seed::new(3)).unwrap();
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    let mut correlations = TrackCorrelations::new(2);
    for (window, predicted) in model.predict(&letters, &readout).unwrap().outer_iter().enumerate() {
        let mut observed = [0.0; BINS * 2];
        data.targets(window as u64, &mut observed).unwrap();
        correlations.add(&predicted.iter().copied().collect::<Vec<_>>(), &observed);
    }
    let pooled = correlations.pooled();
    assert!(pooled.iter().all(|pearson| *pearson > 0.8), "{pooled:?}");
}

#[test]
fn a_new_head_begins_with_the_means_of_tracks() {
    let (head, tracks) = ("_heads.tracks.", ["C".to_owned(), "G".to_owned()]);
    for is_attended in [false, true] {
        let options = with_contexts("head", is_attended);
        let config = config();
        let start =
            Start::new(EnformerStart::Scratch(&config), &options, &windows(5, 1), Seed::new(1)).unwrap();
        let biases = |options: &EnformerTraining| {
            let plain = EnformerTraining { contexts: None, context_attention: None, ..options.clone() };
            let start = EnformerStart::Scratch(&config);
            Start::new(start, &plain, &windows(5, 1), Seed::new(1)).unwrap()
        };
        let value = |start: &Start, name: &str| {
            let all = crate::enformer::parameters::parameters(&start.config);
            start.values(all.iter().find(|it| it.name == format!("{head}{name}")).unwrap()).unwrap()
        };
        let expected = value(&biases(&options), "0.bias");
        if is_attended {
            let mean = f32::midpoint(expected[0], expected[1]);
            assert!((value(&start, "to_pred.0.bias")[0] - mean).abs() < 1e-6);
            continue;
        }
        let bias = value(&start, "to_context_bias");
        let chosen = contexts(false).select(&tracks).unwrap();
        let given = &chosen.tensors(chosen.layer(None).unwrap())["contexts"];
        for (vector, expected) in given.chunks(2).zip(expected) {
            let found = vector[0] * bias[0] + vector[1] * bias[1];
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}

#[test]
fn contexts_that_do_not_fit_are_refused() {
    let message = |options: &EnformerTraining| tuned(options, None, Run::default()).unwrap_err().to_string();
    let vectors = with_contexts("head", false);
    let without = EnformerTraining { context_attention: Some(ATTENTION), ..options("head") };
    assert_eq!(message(&without), "option context attention is given, expected contexts with it");
    let kept = EnformerTraining { head: HeadStart::Kept("human".into()), ..vectors.clone() };
    assert_eq!(message(&kept), "option contexts is given with head human, expected a new head");
    let masked = EnformerTraining { context_attention: None, ..with_contexts("head", true) };
    assert!(message(&masked).starts_with("contexts: found 2 tokens, masked or not"), "{}", message(&masked));
    let reads = EnformerTraining { reads: crate::EnformerHeadInput::Transformer, ..vectors.clone() };
    let expected = "output_heads.tracks.reads: found transformer with contexts, expected embeddings";
    assert_eq!(message(&reads), expected);
    let others = EnformerContexts::vectors(["C"], array![[1.0]]).unwrap();
    let others = EnformerTraining { contexts: Some(others), ..vectors };
    assert_eq!(message(&others), "contexts: found none for track G, expected one for each");
}
