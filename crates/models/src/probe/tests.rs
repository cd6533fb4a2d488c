use cistron_encode::{Edit, Fill, Layout, Reduce};
use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::{Tensor, load_model};

const LENGTH: usize = 14;

fn weights(n: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-2.0..2.0, n)
}

fn matrix(rows: usize) -> impl Strategy<Value = Array2<f64>> {
    weights(rows * LETTERS).prop_map(move |w| Array2::from_shape_vec((rows, LETTERS), w).unwrap())
}

fn mean_probe() -> impl Strategy<Value = LinearProbe> {
    (1..6_usize).prop_flat_map(|h| (matrix(h), weights(h), weights(h), -2.0..2.0)).prop_map(
        |(projection, projection_bias, classifier, classifier_bias)| {
            LinearProbe::from_mean(MeanWeights { projection, projection_bias, classifier, classifier_bias })
                .unwrap()
        },
    )
}

fn kmers(both_strands: bool) -> impl Strategy<Value = KmerWeights> {
    (1..=4_usize).prop_flat_map(|k| (Just(k), weights(LETTERS.pow(k as u32)))).prop_map(
        move |(k, mut values)| {
            if both_strands {
                for kmer in 0..values.len() {
                    values[kmer] = values[kmer.min(kmer::reverse_complement(kmer, k))];
                }
            }
            KmerWeights::new(k, both_strands, values).unwrap()
        },
    )
}

fn probe() -> impl Strategy<Value = LinearProbe> {
    let parts = (prop::option::of(matrix(LENGTH)), kmers(false), any::<bool>(), -2.0..2.0);
    let parts = parts.prop_map(|(positional, kmer, keep, bias)| {
        let kmer = (keep || positional.is_none()).then_some(kmer);
        LinearProbe::from_parts(positional, kmer, bias).unwrap()
    });
    prop_oneof![mean_probe(), parts]
}

/// Codes with every kind of letter, unknown, padding and gap.
fn codes() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![9 => 0..4_u8, 1 => 4..7_u8];
    prop::collection::vec(code, LENGTH)
}

fn sequence(codes: &[u8]) -> Sequence {
    Sequence::from_codes(&Alphabet::dna(), codes).unwrap()
}

fn readout(probe: &LinearProbe) -> Readout {
    probe.spec().readout(None, &[], None, Reduce::Mean).unwrap()
}

/// The logit as the type's documentation defines it, from one-hot rows and words of letters.
fn naive_logit(probe: &LinearProbe, codes: &[u8]) -> f64 {
    let row = |code: u8| std::array::from_fn::<f64, 4, _>(|a| f64::from(u8::from(usize::from(code) == a)));
    let mut logit = probe.bias();
    if let Some(mean) = probe.mean() {
        let mut hidden = vec![0.0; mean.classifier.len()];
        for &code in codes {
            let x = ndarray::arr1(&row(code));
            for (unit, value) in hidden.iter_mut().enumerate() {
                *value += mean.projection.row(unit).dot(&x) + mean.projection_bias[unit];
            }
        }
        let pooled = hidden.iter().map(|value| value / codes.len() as f64);
        logit += pooled.zip(&mean.classifier).map(|(h, c)| h * c).sum::<f64>() + mean.classifier_bias;
    }
    if let Some(weights) = probe.positional() {
        for (i, &code) in codes.iter().enumerate() {
            logit += weights.row(i).dot(&ndarray::arr1(&row(code)));
        }
    }
    if let Some(weights) = probe.kmer() {
        let letters = sequence(codes).to_string();
        for start in 0..(codes.len() + 1).saturating_sub(weights.k()) {
            logit += weights.get(&letters[start..start + weights.k()]).unwrap_or(0.0);
        }
    }
    logit
}

fn edited(codes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut codes = codes.to_vec();
    for edit in edits {
        codes[edit.position as usize] = edit.code;
    }
    codes
}

proptest! {
    #[test]
    fn logits_follow_the_definition(probe in probe(), codes in codes()) {
        let batch = SequenceBatch::from_sequences(&[sequence(&codes)]).unwrap();
        let naive = naive_logit(&probe, &codes);
        // 1e-12: f64 sums of some dozen numbers below 10.
        prop_assert!((probe.logits(&batch).unwrap()[0] - naive).abs() < 1e-12);
        let predicted = probe.predict(&batch, &readout(&probe)).unwrap();
        prop_assert_eq!(predicted.dim(), (1, 1, 1));
        prop_assert!((f64::from(predicted[[0, 0, 0]]) - naive).abs() < 1e-5);
    }

    #[test]
    fn deltas_are_the_differences_of_predictions(
        probe in probe(),
        codes in codes(),
        edits in prop::collection::btree_map(0..LENGTH as u32, 0..7_u8, 0..6),
        reverse in any::<bool>(),
    ) {
        let mut edits: Vec<Edit> =
            edits.into_iter().map(|(position, code)| Edit { position, code }).collect();
        if reverse {
            edits.reverse();
        }
        let singles: Vec<Vec<Edit>> = edits.iter().map(|&edit| vec![edit]).collect();
        // The mutant of all edits stands between others, so that nothing of one leaks into the next.
        let mut mutants: Vec<&[Edit]> = singles.iter().map(Vec::as_slice).collect();
        mutants.push(&edits);
        mutants.extend(singles.iter().map(Vec::as_slice));
        let mut readout = readout(&probe);
        readout.tracks = vec![0, 0];
        let reference = sequence(&codes);
        let pass = probe.reference(&reference, &readout).unwrap();
        let mut out = Array3::zeros((mutants.len(), 1, 2));
        pass.deltas(&mutants, out.view_mut()).unwrap();
        let before = naive_logit(&probe, &codes);
        prop_assert!((pass.prediction()[[0, 1]] - before).abs() < 1e-12);
        for (mutant, found) in mutants.iter().zip(out.outer_iter()) {
            let expected = naive_logit(&probe, &edited(&codes, mutant)) - before;
            prop_assert!((found[[0, 0]] - expected).abs() < 1e-12, "{mutant:?} {found} {expected}");
            prop_assert_eq!(found[[0, 0]], found[[0, 1]]);
        }
    }

    #[test]
    fn gradients_are_the_effects_of_letters(probe in probe(), codes in codes()) {
        let batch = SequenceBatch::from_sequences(&[sequence(&codes)]).unwrap();
        let x = batch.one_hot(Layout::PositionMajor, Fill::default());
        let gradient = probe.input_gradient(x.view(), &readout(&probe)).unwrap();
        let unknown = |position| naive_logit(&probe, &edited(&codes, &[Edit { position, code: 4 }]));
        for (position, row) in gradient.index_axis(Axis(0), 0).outer_iter().enumerate() {
            for (code, value) in (0..4).zip(row) {
                let position = position as u32;
                let with = naive_logit(&probe, &edited(&codes, &[Edit { position, code }]));
                prop_assert!((f64::from(*value) - (with - unknown(position))).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn strands_score_alike_where_they_share_weights(kmer in kmers(true), codes in codes()) {
        let probe = LinearProbe::from_parts(None, Some(kmer), 0.5).unwrap();
        let batch = SequenceBatch::from_sequences(&[sequence(&codes)]).unwrap();
        let other = batch.reverse_complement().unwrap();
        let difference = probe.logits(&batch).unwrap()[0] - probe.logits(&other).unwrap()[0];
        prop_assert!(difference.abs() < 1e-12);
    }

    #[test]
    fn saving_and_loading_keeps_every_bit(probe in probe(), narrow in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.safetensors");
        let mut checkpoint = probe.to_checkpoint();
        if narrow {
            let tensors: Vec<_> = checkpoint.tensors().map(|(n, t)| (n.to_owned(), t.clone())).collect();
            for (name, tensor) in tensors {
                // Shares of 1/64 keep a k-mer and its reverse complement equal and are exact in 32 bits.
                let values: Vec<f64> = tensor.to_f64().iter().map(|v| (v * 64.0).round() / 64.0).collect();
                checkpoint.insert(name, Tensor::from_f64(tensor.shape(), &values).unwrap());
            }
        }
        let (mut probe, _) = LinearProbe::from_checkpoint(&checkpoint).unwrap();
        if narrow {
            probe = probe.with_target(ProbeTarget::Value);
        }
        probe.save(&path).unwrap();
        let (back, report) = LinearProbe::load(&path).unwrap();
        prop_assert_eq!(&back, &probe);
        prop_assert_eq!(report, LoadReport::default());
        let stored = Checkpoint::read(&path).unwrap();
        let elements: Vec<_> = stored.tensors().map(|(_, tensor)| tensor.element().width()).collect();
        prop_assert!(!narrow || elements.iter().all(|&width| width == 4));
        let first = std::fs::read(&path).unwrap();
        back.save(&path).unwrap();
        prop_assert_eq!(std::fs::read(&path).unwrap(), first);
    }
}

fn one_letter() -> LinearProbe {
    LinearProbe::from_parts(Some(Array2::eye(4)), None, 0.0).unwrap()
}

#[test]
fn a_mean_probe_sees_composition_only() {
    let projection = ndarray::array![[1.0, 2.0, 4.0, 8.0]];
    let weights =
        MeanWeights { projection, projection_bias: vec![0.5], classifier: vec![2.0], classifier_bias: 1.0 };
    let probe = LinearProbe::from_mean(weights).unwrap();
    assert_eq!(probe.letter_effects(), Some([2.0, 4.0, 8.0, 16.0]));
    let reference = Sequence::parse(&Alphabet::dna(), "AACN").unwrap();
    let pass = probe.reference(&reference, &readout(&probe)).unwrap();
    // (2 + 2 + 4) / 4 + 2·0.5 + 1.
    assert_eq!(pass.prediction()[[0, 0]], 4.0);
    let mutants: Vec<Edit> =
        [(0, 3), (1, 3), (3, 3), (0, 0), (0, 4)].map(|(position, code)| Edit { position, code }).to_vec();
    let mutants: Vec<&[Edit]> = mutants.chunks(1).collect();
    let mut out = Array3::zeros((5, 1, 1));
    pass.deltas(&mutants, out.view_mut()).unwrap();
    assert_eq!(out.into_raw_vec_and_offset().0, [3.5, 3.5, 4.0, 0.0, -0.5]);
}

#[test]
fn edits_that_do_not_fit_are_refused() {
    let kmer = LinearProbe::from_parts(None, Some(KmerWeights::zeros(2, false).unwrap()), 0.0).unwrap();
    for probe in [one_letter(), kmer] {
        let reference = Sequence::parse(&Alphabet::dna(), "ACGT").unwrap();
        let pass = probe.reference(&reference, &readout(&probe)).unwrap();
        let message = |mutant: &[Edit]| {
            let mut out = Array3::zeros((1, 1, 1));
            pass.deltas(&[mutant], out.view_mut()).unwrap_err().to_string()
        };
        let edit = |position, code| Edit { position, code };
        let outside = "edit to code 1 at position 4 does not fit a sequence of 4 letters of ACGT";
        assert_eq!(message(&[edit(4, 1)]), outside);
        assert_eq!(message(&[edit(0, 1), edit(4, 1)]), outside);
        assert!(message(&[edit(0, 7)]).starts_with("edit to code 7"));
        assert_eq!(message(&[edit(2, 0), edit(2, 1)]), "mutant 0 edits position 2 twice, expected once");
        let mut small = Array3::zeros((2, 1, 1));
        assert!(pass.deltas(&[], small.view_mut()).is_err());
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let probe = one_letter();
    let mut readout = readout(&probe);
    let short = SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![0; 3]).unwrap();
    let error = probe.predict(&short, &readout).unwrap_err().to_string();
    assert_eq!(error, "model takes sequences of length 4, got 3");
    let rna = Sequence::parse(&Alphabet::rna(), "ACGU").unwrap();
    assert!(probe.reference(&rna, &readout).is_err());
    assert!(probe.input_gradient(Array3::zeros((1, 4, 3)).view(), &readout).is_err());
    readout.head = 1;
    assert!(probe.predict(&short, &readout).is_err());
    let kmer = LinearProbe::from_parts(None, Some(KmerWeights::zeros(2, false).unwrap()), 0.0).unwrap();
    let soft = Array3::from_elem((1, 4, 4), 0.25);
    let readout = kmer.spec().readout(None, &[], None, Reduce::Mean).unwrap();
    assert!(matches!(kmer.input_gradient(soft.view(), &readout), Err(ModelError::Unsupported(_))));
}

#[test]
fn parts_are_checked() {
    let message = |result: Result<LinearProbe, ModelsError>| result.unwrap_err().to_string();
    assert_eq!(
        message(LinearProbe::from_parts(None, None, 0.0)),
        "option probe is no part, expected a positional part, a k-mer part or both"
    );
    assert_eq!(
        message(LinearProbe::from_parts(Some(Array2::zeros((3, 5))), None, 0.0)),
        "option positional weights is (3, 5), expected shape (L, 4)"
    );
    assert!(LinearProbe::from_parts(Some(Array2::from_elem((3, 4), f64::NAN)), None, 0.0).is_err());
    let (projection, projection_bias) = (Array2::zeros((2, 4)), vec![0.0; 2]);
    let weights = MeanWeights { projection, projection_bias, classifier: vec![0.0; 3], classifier_bias: 0.0 };
    assert!(LinearProbe::from_mean(weights).is_err());
    assert_eq!("kmer+positional".parse::<ProbeKind>().unwrap(), ProbeKind::KmerPositional);
    assert_eq!("value".parse::<ProbeTarget>().unwrap(), ProbeTarget::Value);
    assert!("cnn".parse::<ProbeKind>().is_err());
}

/// A checkpoint of a mean probe with one unit, changed by `change`, as the message of its refusal.
fn refusal(change: impl FnOnce(&mut Checkpoint)) -> String {
    let mut checkpoint = Checkpoint::new();
    let shapes: [(&str, &[usize]); 4] = [
        ("proj.weight", &[1, 4]),
        ("proj.bias", &[1]),
        ("classifier.weight", &[1, 1]),
        ("classifier.bias", &[1]),
    ];
    for (name, shape) in shapes {
        let n = shape.iter().product();
        checkpoint.insert(name, Tensor::from_f64(shape, &vec![0.5; n]).unwrap());
    }
    change(&mut checkpoint);
    LinearProbe::from_checkpoint(&checkpoint).unwrap_err().to_string()
}

#[test]
fn malformed_checkpoints_are_refused_with_what_is_wrong() {
    let tensor = |shape: &[usize], values: &[f64]| Tensor::from_f64(shape, values).unwrap();
    assert_eq!(
        refusal(|c| c.insert("proj.weight", tensor(&[2, 4], &[0.0; 8]))),
        "checkpoint: tensor `proj.weight` has shape [2, 4], expected [1, 4]"
    );
    assert_eq!(
        refusal(|c| c.insert("classifier.weight", tensor(&[2], &[0.0; 2]))),
        "checkpoint: tensor `classifier.weight` has shape [2], expected [1, any]"
    );
    assert_eq!(
        refusal(|c| c.insert("proj.weight", tensor(&[1, 4], &[0.0, 0.0, f64::NAN, 0.0]))),
        "checkpoint: tensor `proj.weight` holds NaN at index [0, 2], expected finite numbers"
    );
    assert_eq!(
        refusal(|c| *c = Checkpoint::new()),
        "checkpoint: tensors proj.weight, proj.bias, classifier.weight, classifier.bias are missing, found none"
    );
    assert_eq!(
        refusal(|c| c.insert("kmer.weight", tensor(&[5], &[0.0; 5]))),
        "checkpoint: tensors bias are missing, found classifier.bias, classifier.weight, kmer.weight, \
         proj.bias, proj.weight"
    );
    assert_eq!(
        refusal(|c| {
            c.insert("kmer.weight", tensor(&[5], &[0.0; 5]));
            c.insert("bias", tensor(&[1], &[0.0]));
        }),
        "checkpoint: tensor `kmer.weight` has shape [5], expected [4^k] with k from 1 to 8"
    );
    let header = |key: &'static str, value: &'static str| {
        refusal(move |c| {
            let probe = LinearProbe::from_parts(None, Some(KmerWeights::zeros(1, false).unwrap()), 0.0);
            *c = probe.unwrap().to_checkpoint();
            c.set_metadata(key, value);
        })
    };
    assert_eq!(header("version", "2"), "checkpoint: header says version `2`, expected 1");
    assert_eq!(
        header("kind", "cnn"),
        "checkpoint: header says kind `cnn`, expected mean, positional, kmer, kmer+positional"
    );
    assert_eq!(header("k", "3"), "checkpoint: header says k `3`, expected 1");
    assert_eq!(
        header("both_strands", "maybe"),
        "checkpoint: header says both_strands `maybe`, expected true or false"
    );
    assert_eq!(header("target", "rank"), "checkpoint: header says target `rank`, expected class or value");
}

#[test]
fn folders_are_models_by_their_config() {
    let folder = tempfile::tempdir().unwrap();
    let message = || load_model(folder.path()).map(|_| ()).unwrap_err().to_string();
    let config = folder.path().join("config.json");
    let shown = config.display();
    assert!(message().starts_with(&format!("{shown}: ")), "{}", message());
    let cases = [
        ("{", format!("{shown}: not sound JSON: EOF while parsing an object at line 1 column 1")),
        ("{}", format!("{shown}: has no text `model_type`, expected probe or convnet or enformer or vae")),
        (
            r#"{"model_type":"oracle"}"#,
            format!(
                "{shown}: model type `oracle` is not supported by this version, expected probe or convnet or enformer or vae"
            ),
        ),
        (
            r#"{"model_type":"probe"}"#,
            format!(
                "{}: has no weights, expected model.safetensors or pytorch_model.bin",
                folder.path().display()
            ),
        ),
    ];
    for (text, expected) in cases {
        std::fs::write(&config, text).unwrap();
        assert_eq!(message(), expected);
    }
    one_letter().save(folder.path().join("model.safetensors")).unwrap();
    let loaded = load_model(folder.path()).unwrap();
    assert_eq!(loaded.info.variant, "positional");
    assert_eq!((loaded.info.input_length, loaded.info.n_parameters), (Some(4), 17));
    assert_eq!(loaded.info.receptive_field, Some(1));
    assert!(loaded.model.as_incremental().is_some() && loaded.model.as_gradient().is_some());
}
