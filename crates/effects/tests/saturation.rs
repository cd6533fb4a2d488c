//! The public surface of saturation mutagenesis: engines, rules, files, shards.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cistron_core::{Alphabet, Cancel, Observer, Run, Seed, Sequence, Shard, Warning};
use cistron_effects::{
    ArtefactOptions, Artefacts, Compatibility, EffectError, Engine, Existing, InputDigest, PartPlan,
    PartWriter, Parts, SaturationOptions, SaturationPlan, Scale, UnknownLetters,
};
use cistron_encode::{
    Edit, FnModel, IncrementalModel, ModelError, ModelSpec, Mutant, NpzReader, Readout, ReferencePass,
    SequenceBatch, SequenceModel, random_sequences,
};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayViewMut3};
use proptest::prelude::*;

/// A model with a weight for each position and letter, and a formula for its edits. Two tracks: the sum and
/// twice the sum.
struct Weights {
    spec: ModelSpec,
    table: Array2<f64>,
    /// What an edit that changes nothing is said to do; 0 in an honest model.
    lie: f64,
    /// What is added to the effect of every A; 0 in an honest model.
    flaw: f64,
}

impl Weights {
    fn new(length: usize, tracks: usize, seed: u64) -> Self {
        let mut spec = ModelSpec::scalar(Alphabet::dna(), Some(length), "sum");
        spec.heads[0].tracks = ["sum", "twice"].iter().take(tracks).map(|&name| name.into()).collect();
        let mut stream = Seed::new(seed).stream("weights", 0);
        let table = Array2::from_shape_simple_fn((length, 4), || stream.uniform() - 0.5);
        Self { spec, table, lie: 0.0, flaw: 0.0 }
    }

    fn weight(&self, position: usize, code: u8) -> f64 {
        self.table.get((position, usize::from(code))).copied().unwrap_or(0.0)
    }

    fn sum<'a>(&self, codes: impl IntoIterator<Item = &'a u8>) -> f64 {
        codes.into_iter().enumerate().map(|(position, &code)| self.weight(position, code)).sum()
    }
}

impl SequenceModel for Weights {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        let tracks = self.spec.heads[0].tracks.len();
        let full = Array3::from_shape_fn((batch.len(), 1, tracks), |(row, _, track)| {
            (self.sum(batch.codes().row(row)) * (track + 1) as f64) as f32
        });
        readout.apply(full.view())
    }

    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        Some(self)
    }
}

struct Pass<'a> {
    model: &'a Weights,
    codes: Vec<u8>,
    tracks: Vec<u32>,
    prediction: Array2<f64>,
}

impl IncrementalModel for Weights {
    fn engine(&self) -> &'static str {
        "closed"
    }

    fn reference<'a>(
        &'a self,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError> {
        let sum = self.sum(sequence.codes());
        let tracks = readout.tracks.clone();
        let prediction = Array2::from_shape_fn((1, tracks.len()), |(_, i)| sum * f64::from(tracks[i] + 1));
        Ok(Box::new(Pass { model: self, codes: sequence.codes().to_vec(), tracks, prediction }))
    }
}

impl ReferencePass for Pass<'_> {
    fn prediction(&self) -> ArrayView2<'_, f64> {
        self.prediction.view()
    }

    fn deltas(&self, mutants: &[&Mutant], mut out: ArrayViewMut3<'_, f64>) -> Result<(), ModelError> {
        for (mutant, mut out) in mutants.iter().zip(out.outer_iter_mut()) {
            let change = |edit: &Edit| {
                let at = edit.position as usize;
                let honest = self.model.weight(at, edit.code) - self.model.weight(at, self.codes[at]);
                let flaw = if edit.code == 0 { self.model.flaw } else { 0.0 };
                if edit.code == self.codes[at] { self.model.lie } else { honest + flaw }
            };
            let delta: f64 = mutant.iter().map(change).sum();
            for (cell, track) in out.iter_mut().zip(&self.tracks) {
                *cell = delta * f64::from(track + 1);
            }
        }
        Ok(())
    }
}

fn sequences(letters: &[&str]) -> Vec<Sequence> {
    letters.iter().map(|letters| Sequence::parse(&Alphabet::dna(), letters).unwrap()).collect()
}

fn run_all(model: &dyn SequenceModel, sequences: &[Sequence], options: SaturationOptions) -> Array4<f64> {
    let plan = SaturationPlan::new(sequences, model, options).unwrap();
    let mut all = Vec::new();
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        all.extend(block.deltas.iter().copied());
        Ok(())
    })
    .unwrap();
    Array4::from_shape_vec(plan.shape(), all).unwrap()
}

fn bits(values: &Array4<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn engines_agree(
        letters in prop::collection::vec("[ACGTN]{9}", 1..4), seed: u64, step in 1_usize..4, prob: bool,
        batch in 1_usize..40, block in 1_usize..4,
    ) {
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let sequences = sequences(&letters);
        let model = Weights::new(9, 2, seed);
        let scale = if prob { Scale::Probability } else { Scale::Raw };
        let with = |engine| SaturationOptions { engine, scale, step, batch, block: Some(block), ..Default::default() };
        let exact = run_all(&model, &sequences, with(Engine::ClosedForm));
        let black_box = run_all(&model, &sequences, with(Engine::BlackBox));
        for (a, b) in exact.iter().zip(&black_box) {
            // f32 predictions up to 9 in size, two of them subtracted.
            prop_assert!((a.is_nan() && b.is_nan()) || (a - b).abs() < 2e-6, "{} {}", a, b);
        }
    }

    #[test]
    fn blocks_and_batches_change_nothing(seed: u64, block in 1_usize..7, batch in 1_usize..50) {
        let batch_of = |n| random_sequences(&Alphabet::dna(), n, 12, &[], Seed::new(seed)).unwrap();
        let sequences = batch_of(6).to_sequences().unwrap();
        let model = Weights::new(12, 1, seed);
        for engine in [Engine::ClosedForm, Engine::BlackBox] {
            let options = SaturationOptions { engine, ..SaturationOptions::default() };
            let whole = run_all(&model, &sequences, options.clone());
            let cut = run_all(&model, &sequences, SaturationOptions { block: Some(block), batch, ..options });
            prop_assert_eq!(bits(&whole), bits(&cut));
        }
    }

    #[test]
    fn merged_shards_are_the_whole_byte_for_byte(seed: u64, n in 1_usize..9, shards in 1_u32..6, notebook: bool) {
        let folder = tempfile::tempdir().unwrap();
        let sequences =
            random_sequences(&Alphabet::dna(), n, 7, &[], Seed::new(seed)).unwrap().to_sequences().unwrap();
        let model = Weights::new(7, 2, seed);
        let options = SaturationOptions { block: Some(2), ..SaturationOptions::default() };
        let plan = SaturationPlan::new(&sequences, &model, options).unwrap();
        let names: Vec<String> = (0..n).map(|i| format!("idx:{i}")).collect();
        let compatibility = if notebook { Compatibility::Notebook } else { Compatibility::Current };
        let artefacts = artefact_options(&plan, compatibility);
        let whole = folder.path().join("whole");
        write_whole(&plan, &artefacts, &names, &whole);
        let parts: Vec<PathBuf> = (0..shards).rev().map(|index| {
            let part = folder.path().join(format!("part-{index}"));
            write_part(&plan, Shard::new(index, shards).unwrap(), &names, &part);
            part
        }).collect();
        let merged = folder.path().join("merged");
        let parts = Parts::open(&parts).unwrap();
        let all_names = parts.names().unwrap();
        let mut sink = Artefacts::create(&merged, artefacts, &all_names, Existing::Keep).unwrap();
        parts.replay(&mut |block| sink.push(&block)).unwrap();
        sink.finish("2026-01-01T00:00:00Z").unwrap();
        prop_assert_eq!(files(&merged), files(&whole));
    }
}

fn artefact_options(plan: &SaturationPlan<'_>, compatibility: Compatibility) -> ArtefactOptions {
    let [n, length, ..] = plan.shape();
    ArtefactOptions {
        split: "test".into(),
        letters: "ACGT".into(),
        outputs: plan.output_names(),
        shape: (n, length),
        checkpoint: "probe.safetensors".into(),
        scale: Scale::Raw,
        step: 1,
        chunk: None,
        batch: 256,
        top: 5,
        mask_reference: false,
        table: true,
        compatibility,
        exact: plan.is_exact(),
    }
}

fn write_whole(plan: &SaturationPlan<'_>, options: &ArtefactOptions, names: &[String], folder: &Path) {
    let mut sink = Artefacts::create(folder, options.clone(), names, Existing::Keep).unwrap();
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| sink.push(&block)).unwrap();
    sink.finish("2026-01-01T00:00:00Z").unwrap();
}

fn part_plan(plan: &SaturationPlan<'_>, shard: Shard) -> PartPlan {
    PartPlan {
        version: 1,
        cistron: "0.1.0".into(),
        command: "effect saturate".into(),
        inputs: vec![InputDigest { name: "x.npz".into(), sha256: "00".into() }],
        options: serde_json::Value::Null,
        seed: 0,
        block_size: plan.block_size(),
        blocks: plan.blocks(),
        shape: plan.shape(),
        shard: shard.to_string(),
        block_range: shard.blocks(plan.blocks()),
    }
}

fn write_part(plan: &SaturationPlan<'_>, shard: Shard, names: &[String], folder: &Path) {
    let mut sink = PartWriter::create(folder, part_plan(plan, shard)).unwrap();
    plan.execute(shard, Run::default(), &mut |block| sink.push(&block)).unwrap();
    sink.finish(&names[plan.sequences_of(shard.blocks(plan.blocks()))]).unwrap();
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn effects_are_the_models_own_differences() {
    let model = Weights::new(3, 1, 4);
    let deltas = run_all(&model, &sequences(&["GAT"]), SaturationOptions::default());
    for position in 0..3 {
        let own = [2, 0, 3][position];
        for letter in 0..4_u8 {
            let expected = model.weight(position, letter) - model.weight(position, own);
            assert_eq!(deltas[[0, position, usize::from(letter), 0]], expected);
        }
    }
}

#[test]
fn positions_outside_span_and_step_are_not_evaluated() {
    let model = Weights::new(8, 1, 4);
    let options = SaturationOptions { span: Some(2..7), step: 3, ..SaturationOptions::default() };
    let deltas = run_all(&model, &sequences(&["ACGTACGT"]), options);
    for position in 0..8 {
        let evaluated = !deltas[[0, position, 0, 0]].is_nan();
        assert_eq!(evaluated, [2, 5].contains(&position), "{position}");
    }
}

#[test]
fn positions_without_a_letter_follow_the_rule() {
    let model = Weights::new(2, 1, 9);
    let row = |unknown| {
        let options = SaturationOptions { unknown, ..SaturationOptions::default() };
        let deltas = run_all(&model, &sequences(&["NA"]), options);
        (0..4).map(|letter| deltas[[0, 0, letter, 0]]).collect::<Vec<_>>()
    };
    let weights: Vec<f64> = (0..4).map(|letter| model.weight(0, letter)).collect();
    assert_eq!(row(UnknownLetters::Substitute), weights);
    assert!(row(UnknownLetters::Nan).iter().all(|delta| delta.is_nan()));
    assert_eq!(row(UnknownLetters::Notebook), [0.0, weights[1], weights[2], weights[3]]);
}

#[test]
fn options_out_of_range_name_themselves() {
    let model = Weights::new(4, 1, 0);
    let good = sequences(&["ACGT"]);
    let refuse = |options: SaturationOptions, expected: &str| {
        let error = SaturationPlan::new(&good, &model, options).err().unwrap();
        assert_eq!(error.to_string(), expected);
    };
    let base = SaturationOptions::default;
    refuse(SaturationOptions { step: 0, ..base() }, "position step is 0, expected at least 1");
    refuse(SaturationOptions { batch: 0, ..base() }, "batch is 0, expected at least 1");
    refuse(SaturationOptions { block: Some(0), ..base() }, "block size is 0, expected at least 1");
    refuse(
        SaturationOptions { span: Some(2..5), ..base() },
        "span is 2..5, expected a range of positions in 0..4",
    );
    refuse(
        SaturationOptions { engine: Engine::Delta, ..base() },
        "engine is `delta`, expected `auto`, `blackbox` or `closed` for this model",
    );
    let error = SaturationPlan::new(&[], &model, base()).err().unwrap();
    assert_eq!(error.to_string(), "number of sequences is 0, expected at least 1");
    let short = sequences(&["ACG"]);
    let error = SaturationPlan::new(&short, &model, base()).err().unwrap();
    assert_eq!(error.to_string(), "model takes sequences of length 4, got 3");
}

#[test]
fn sequences_of_different_length_are_refused() {
    let spec = ModelSpec::scalar(Alphabet::dna(), None, "n");
    let model = FnModel::new(spec, |batch: &SequenceBatch| Ok(Array3::zeros((batch.len(), 1, 1))));
    let mixed = sequences(&["ACG", "AC"]);
    let error = SaturationPlan::new(&mixed, &model, SaturationOptions::default()).err().unwrap();
    assert_eq!(error.to_string(), "sequence length is 2 in sequence 1, expected 3 as in sequence 0");
}

#[test]
fn an_exact_engine_that_is_not_exact_is_found_out() {
    let model = Weights { lie: 1e-9, ..Weights::new(4, 1, 0) };
    let good = sequences(&["ACGT"]);
    let plan = SaturationPlan::new(&good, &model, SaturationOptions::default()).unwrap();
    let error = plan.execute(Shard::WHOLE, Run::default(), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, EffectError::Inexact { engine: "closed", sequence: 0, .. }), "{error}");
}

#[derive(Default)]
struct Listener(Mutex<Vec<Warning>>);

impl Observer for Listener {
    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

#[test]
fn a_model_that_looks_at_the_place_in_the_batch_is_reported() {
    let spec = ModelSpec::scalar(Alphabet::dna(), None, "place");
    let model = FnModel::new(spec, |batch: &SequenceBatch| {
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(row, ..)| row as f32))
    });
    let good = sequences(&["ACGT"]);
    // 12 mutants in batches of 5 leave three places for the reference.
    let options = SaturationOptions { batch: 5, ..SaturationOptions::default() };
    let plan = SaturationPlan::new(&good, &model, options).unwrap();
    let listener = Listener::default();
    let run = Run { observer: &listener, ..Run::default() };
    plan.execute(Shard::WHOLE, run, &mut |_| Ok(())).unwrap();
    let warnings = listener.0.lock().unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("mean effect of no change of 4e0"), "{}", warnings[0]);
}

#[test]
fn a_cancelled_run_says_how_far_it_came() {
    let model = Weights::new(4, 1, 0);
    let good = sequences(&["ACGT"; 3]);
    let options = SaturationOptions { block: Some(1), ..SaturationOptions::default() };
    let plan = SaturationPlan::new(&good, &model, options).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let run = Run { cancel: Some(&cancel), ..Run::default() };
    let error = plan.execute(Shard::WHOLE, run, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "cancelled after 0 of 3 blocks");
}

#[test]
fn several_outputs_get_a_column_and_an_axis() {
    let folder = tempfile::tempdir().unwrap();
    let model = Weights::new(2, 2, 1);
    let good = sequences(&["AC"]);
    let plan = SaturationPlan::new(&good, &model, SaturationOptions::default()).unwrap();
    let options = artefact_options(&plan, Compatibility::Current);
    write_whole(&plan, &options, &["a".to_owned()], folder.path());
    let table = fs::read_to_string(folder.path().join("deltas_test.tsv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "record\tpos\ttrack\tdA\tdC\tdG\tdT\tmax_abs\targmax");
    assert!(lines[1].starts_with("a\t0\tsum\t0.000000\t"));
    assert!(lines[2].starts_with("a\t0\ttwice\t0.000000\t"));
    assert_eq!(lines.len(), 5);
    let mut arrays = NpzReader::open(folder.path().join("deltas_test.npz")).unwrap();
    assert_eq!(arrays.header("deltas").unwrap().shape, [1, 2, 4, 2]);
    assert_eq!(arrays.text("tracks").unwrap(), ["sum", "twice"]);
}

#[test]
fn a_split_added_to_the_summary_keeps_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let model = Weights::new(2, 1, 1);
    let good = sequences(&["AC"]);
    let plan = SaturationPlan::new(&good, &model, SaturationOptions::default()).unwrap();
    let names = ["a".to_owned()];
    for split in ["one", "two", "three"] {
        let options =
            ArtefactOptions { split: split.into(), ..artefact_options(&plan, Compatibility::Current) };
        write_whole(&plan, &options, &names, folder.path());
    }
    let again =
        ArtefactOptions { split: "two".into(), batch: 7, ..artefact_options(&plan, Compatibility::Current) };
    let refused = Artefacts::create(folder.path(), again.clone(), &names, Existing::Keep).err().unwrap();
    assert!(matches!(refused, EffectError::Exists(_)));
    let mut sink = Artefacts::create(folder.path(), again, &names, Existing::Replace).unwrap();
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| sink.push(&block)).unwrap();
    sink.finish("date").unwrap();
    let summary = fs::read_to_string(folder.path().join("summary.csv")).unwrap();
    let splits: Vec<String> =
        summary.lines().map(|line| line.split(",logit").next().unwrap().into()).collect();
    assert_eq!(splits[1..], ["one,1,2", "two,1,2", "three,1,2"]);
    assert!(summary.lines().nth(2).unwrap().contains(",None,7,"));
}

#[test]
fn split_names_that_could_leave_the_folder_are_refused() {
    let model = Weights::new(2, 1, 1);
    let good = sequences(&["AC"]);
    let plan = SaturationPlan::new(&good, &model, SaturationOptions::default()).unwrap();
    for split in ["", "a/b", "a b", "é"] {
        let options =
            ArtefactOptions { split: split.into(), ..artefact_options(&plan, Compatibility::Current) };
        let refused =
            Artefacts::create(Path::new("/nonexistent"), options, &[], Existing::Keep).err().unwrap();
        assert!(refused.to_string().starts_with("split name is"), "{refused}");
    }
}

#[test]
fn parts_that_do_not_make_a_whole_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = Weights::new(3, 1, 1);
    let good = sequences(&["ACG"; 4]);
    let options = SaturationOptions { block: Some(1), ..SaturationOptions::default() };
    let plan = SaturationPlan::new(&good, &model, options).unwrap();
    let names: Vec<String> = (0..4).map(|i| i.to_string()).collect();
    let part = |index: u32| {
        let path = folder.path().join(format!("part-{index}"));
        write_part(&plan, Shard::new(index, 3).unwrap(), &names, &path);
        path
    };
    let (a, b, c) = (part(0), part(1), part(2));
    assert!(Parts::open(&[c.clone(), a.clone(), b.clone()]).is_ok());
    let refuse = |parts: &[&PathBuf]| {
        let parts: Vec<PathBuf> = parts.iter().copied().cloned().collect();
        Parts::open(&parts).unwrap_err().to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(refuse(&[]), "merge: no part given, expected at least one");
    assert_eq!(refuse(&[&a, &c]), "part-2: blocks 1..2 are missing before part 2/3");
    assert_eq!(refuse(&[&b, &c]), "part-1: blocks 0..1 are missing before part 1/3");
    assert_eq!(refuse(&[&a, &b]), "part-0: blocks 2..4 are missing after the last part");
    assert_eq!(refuse(&[&a, &b, &b, &c]), "part-1: part 1/3 repeats blocks 1..2");
    let text = fs::read_to_string(b.join("plan.json")).unwrap();
    fs::write(b.join("plan.json"), text.replace("\"seed\": 0", "\"seed\": 1")).unwrap();
    assert_eq!(
        refuse(&[&a, &b, &c]),
        format!("part-1: is of another run than {}: their plans differ", a.display())
            .replace(&format!("{}/", folder.path().display()), "")
    );
    for (bad, expected) in [("", "part-1/plan.json: is no plan of a part"), ("{}", "missing field")] {
        fs::write(b.join("plan.json"), bad).unwrap();
        assert!(refuse(&[&a, &b, &c]).contains(expected));
    }
    fs::remove_file(b.join("plan.json")).unwrap();
    assert!(refuse(&[&a, &b, &c]).starts_with("part-1/plan.json: No such file"));
}

#[test]
fn a_part_with_damaged_blocks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = Weights::new(3, 1, 1);
    let good = sequences(&["ACG"; 4]);
    let plan = SaturationPlan::new(&good, &model, SaturationOptions::default()).unwrap();
    let names: Vec<String> = (0..4).map(|i| i.to_string()).collect();
    let part = folder.path().join("part");
    write_part(&plan, Shard::WHOLE, &names, &part);
    let blocks = part.join("blocks.npz");
    let bytes = fs::read(&blocks).unwrap();
    let parts = Parts::open(std::slice::from_ref(&part)).unwrap();
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&blocks, &bytes[..cut]).unwrap();
        assert!(parts.replay(&mut |_| Ok(())).is_err(), "cut at {cut}");
    }
    let text = fs::read_to_string(part.join("plan.json")).unwrap();
    let tampered = text.replace("    3,\n    4,", "    99999999,\n    4,");
    assert_ne!(tampered, text);
    fs::write(&blocks, &bytes).unwrap();
    fs::write(part.join("plan.json"), tampered).unwrap();
    let parts = Parts::open(&[part]).unwrap();
    assert!(parts.replay(&mut |_| Ok(())).is_err());
}

#[test]
fn exact_effects_are_checked_by_predictions() {
    let sequences = sequences(&["GATTACAGAT"]);
    let effects = |flaw, check| {
        let model = Weights { flaw, ..Weights::new(10, 2, 4) };
        let options = SaturationOptions { check, ..SaturationOptions::default() };
        let plan = SaturationPlan::new(&sequences[..], &model, options).unwrap();
        plan.execute(Shard::WHOLE, Run::default(), &mut |_| Ok(())).map_err(|error| error.to_string())
    };
    for check in [0, 1, 7, 1000] {
        assert_eq!(effects(0.0, check), Ok(()));
    }
    assert_eq!(effects(0.01, 0), Ok(()));
    let error = effects(0.01, 1000).unwrap_err();
    // The first position where A is a substitution is the first.
    assert!(
        error.starts_with("engine `closed` gives the change at position 0 of sequence 0 the effect "),
        "{error}"
    );
    assert!(error.ends_with("as by two predictions"), "{error}");
}
