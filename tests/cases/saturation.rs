//! Saturation mutagenesis with the notebook's probe: windows, one-hot arrays, effects and every file.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use cistron::effects::{
    ArtefactOptions, Artefacts, Compatibility, Engine, Existing, SaturationOptions, SaturationPlan, Scale,
    Sequences, UnknownLetters,
};
use cistron::encode::{Fill, Layout, NpzReader, SequenceBatch, random_sequences};
use cistron::genome::{DEFAULT_MAX_MEMORY, Genome, bed, open_reference};
use cistron::models::{KmerWeights, LinearProbe, LoadedModel, load_model};
use cistron::ndarray::Array2;
use cistron::{Alphabet, Anchor, Reference, Run, Seed, Sequence, Shard, Strand, Window};
use conformance::golden;
use proptest::prelude::*;

/// A run of the golden folder: its name and the options that it was made with.
struct Case {
    tag: &'static str,
    width: u32,
    scale: Scale,
    step: usize,
    compatibility: Compatibility,
}

const fn case(tag: &'static str, width: u32) -> Case {
    Case { tag, width, scale: Scale::Raw, step: 1, compatibility: Compatibility::Current }
}

const CASES: [Case; 5] = [
    case("fixed_L200_logit", 200),
    Case { scale: Scale::Probability, ..case("fixed_L200_prob", 200) },
    Case { step: 3, ..case("fixed_L200_logit_step3", 200) },
    case("fixed_L33_logit", 33),
    Case { compatibility: Compatibility::Notebook, ..case("seed_L200_logit", 200) },
];

fn windows(folder: &Path, fasta: &str, width: u32) -> (Vec<String>, Vec<Sequence>) {
    let reference = open_reference(folder.join(fasta), DEFAULT_MAX_MEMORY).unwrap();
    let rows = bed::read(folder.join("regions.bed")).unwrap();
    let fetch = |row: &bed::BedRecord| {
        let window = Window::centered(&row.region, width, Anchor::Half, row.strand.unwrap_or_default());
        let mut codes = Vec::new();
        reference.fetch_into(&window, &mut codes).unwrap();
        (window.to_string(), Sequence::from_codes(&Alphabet::dna(), codes).unwrap())
    };
    rows.iter().map(fetch).unzip()
}

impl Case {
    fn options(&self, engine: Engine) -> SaturationOptions {
        let unknown = match self.compatibility {
            Compatibility::Current => UnknownLetters::Substitute,
            Compatibility::Notebook => UnknownLetters::Notebook,
        };
        SaturationOptions { scale: self.scale, step: self.step, unknown, engine, ..Default::default() }
    }

    /// Writes every file of the run into a folder.
    fn write(&self, model: &LoadedModel, folder: &Path, out: &Path, mask_reference: bool) {
        let (names, sequences) = windows(folder, "mini.fa", self.width);
        let plan = SaturationPlan::new(&sequences, &*model.model, self.options(Engine::ClosedForm)).unwrap();
        let options = ArtefactOptions {
            split: "custom_bed".into(),
            letters: plan.letters(),
            outputs: plan.output_names(),
            shape: (sequences.len(), self.width as usize),
            checkpoint: "probe_best.pt".into(),
            scale: self.scale,
            step: self.step,
            chunk: None,
            batch: 256,
            top: 50,
            mask_reference,
            table: true,
            compatibility: self.compatibility,
            exact: plan.is_exact(),
        };
        let mut files = Artefacts::create(out, options, &names, Existing::Keep).unwrap();
        plan.execute(Shard::WHOLE, Run::default(), &mut |block| files.push(&block)).unwrap();
        files.finish("1970-01-01T00:00:00Z").unwrap();
    }

    /// The effects `(N, L, 4)` and the probe's own outputs `(N)`.
    fn effects(&self, model: &LoadedModel, folder: &Path, engine: Engine) -> (Vec<f64>, Vec<f64>) {
        let (_, sequences) = windows(folder, "mini.fa", self.width);
        let plan = SaturationPlan::new(&sequences, &*model.model, self.options(engine)).unwrap();
        let (mut deltas, mut reference) = (Vec::new(), Vec::new());
        plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
            deltas.extend(block.deltas.iter().copied());
            reference.extend(block.reference.iter().copied());
            Ok(())
        })
        .unwrap();
        (deltas, reference)
    }
}

fn probe(folder: &Path) -> LoadedModel {
    load_model(folder.join("probe_best.pt")).unwrap()
}

fn array(path: PathBuf, name: &str) -> Vec<f64> {
    NpzReader::open(path).unwrap().numbers(name).unwrap().1
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance;
        assert!(same, "{what}, cell {index}: found {a}, expected {b}");
    }
}

#[test]
fn windows_are_one_hot_as_the_golden_arrays() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    for fasta in ["mini.fa", "mini_crlf.fa"] {
        let (names, sequences) = windows(&folder, fasta, 200);
        let batch = SequenceBatch::from_sequences(&sequences).unwrap();
        let x: Vec<f64> =
            batch.one_hot(Layout::PositionMajor, Fill::default()).iter().map(|&value| value.into()).collect();
        let mut file = NpzReader::open(folder.join("custom_bed_onehot.npz")).unwrap();
        assert_eq!(file.header("X").unwrap().shape, [15, 200, 4]);
        assert_eq!(file.numbers("X").unwrap().1, x, "{fasta}");
        let mut file = NpzReader::open(folder.join("custom_bed_names_unicode.npz")).unwrap();
        assert_eq!(file.text("names").unwrap(), names);
        let read = NpzReader::open(folder.join("custom_bed_onehot.npz"))
            .unwrap()
            .one_hot("X", &Alphabet::dna(), usize::MAX)
            .unwrap();
        let unknown = |code: u8| code.min(4);
        assert!(read.codes().iter().zip(batch.codes()).all(|(&a, &b)| a == unknown(b)));
    }
}

#[test]
fn pickled_names_are_refused_with_a_remedy() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let mut file = NpzReader::open(folder.join("custom_bed_names.npz")).unwrap();
    let error = file.text("names").unwrap_err().to_string();
    assert!(error.contains("holds pickled Python objects, expected numbers or text"), "{error}");
}

#[test]
fn effects_are_exact_in_f64() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let model = probe(&folder);
    for case in CASES {
        let (deltas, reference) = case.effects(&model, &folder, Engine::ClosedForm);
        let file = folder.join(format!("{}_deltas_f64.npz", case.tag));
        // f64 sums of 128 products, in another order.
        assert_close(&deltas, &array(file.clone(), "deltas"), 1e-12, case.tag);
        assert_close(&reference, &array(file, "ref_logit"), 1e-12, case.tag);
        let single = folder.join(format!("{}_deltas.npz", case.tag));
        // The golden f32 effects are off by this much themselves.
        assert_close(&deltas, &array(single, "deltas"), 2e-6, case.tag);
    }
}

#[test]
fn the_black_box_agrees_with_the_formula() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let model = probe(&folder);
    for case in CASES {
        let (exact, _) = case.effects(&model, &folder, Engine::ClosedForm);
        let (black_box, _) = case.effects(&model, &folder, Engine::BlackBox);
        // Two f32 outputs near 4, subtracted.
        assert_close(&black_box, &exact, 2e-6, case.tag);
    }
}

#[test]
fn every_file_is_byte_equal() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let model = probe(&folder);
    for case in CASES {
        let out = tempfile::tempdir().unwrap();
        let (plain, masked) = (out.path().join("plain"), out.path().join("masked"));
        case.write(&model, &folder, &plain, false);
        case.write(&model, &folder, &masked, true);
        let pairs = [
            (plain.join("deltas_custom_bed.tsv"), format!("{}.tsv", case.tag)),
            (masked.join("deltas_custom_bed.tsv"), format!("{}_masked.tsv", case.tag)),
            (plain.join("top50_custom_bed.tsv"), format!("{}_top50.tsv", case.tag)),
            (plain.join("summary.csv"), format!("{}_summary.csv", case.tag)),
            (plain.join("run_config.json"), format!("{}_run_config.json", case.tag)),
        ];
        for (ours, golden) in pairs {
            let found = fs::read_to_string(&ours).unwrap();
            let expected = fs::read_to_string(folder.join(&golden)).unwrap();
            let first = found.lines().zip(expected.lines()).position(|(a, b)| a != b);
            assert!(found == expected, "{golden} differs, first in line {first:?} (from 0)");
        }
        let stored = array(plain.join("deltas_custom_bed.npz"), "deltas");
        let golden = array(folder.join(format!("{}_deltas_f64.npz", case.tag)), "deltas");
        // Stored as f32: half a unit in the last place of numbers below 0.25.
        assert_close(&stored, &golden, 7.5e-9, case.tag);
        let names = NpzReader::open(plain.join("names_custom_bed.npz")).unwrap().text("names").unwrap();
        assert_eq!(names, windows(&folder, "mini.fa", case.width).0);
    }
}

fn random_probe(seed: u64, k: usize, both_strands: bool, length: usize) -> LinearProbe {
    let mut stream = Seed::new(seed).stream("random probe", 0);
    let mut weight = || (stream.uniform() - 0.5) * 0.2;
    let positional = Array2::from_shape_simple_fn((length, 4), &mut weight);
    let mut kmers = KmerWeights::zeros(k, both_strands).unwrap();
    let letters = |index: usize| (0..k).map(|i| b"ACGT"[index >> (2 * i) & 3] as char).collect::<String>();
    (0..1 << (2 * k)).for_each(|index| kmers.set(&letters(index), weight()).unwrap());
    LinearProbe::from_parts(Some(positional), Some(kmers), weight()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn engines_agree_on_random_probes(
        letters in prop::collection::vec("[ACGTN]{20}", 1..4), seed: u64, k in 1_usize..6, both_strands: bool,
        probability: bool,
    ) {
        let parse = |letters: &String| Sequence::parse(&Alphabet::dna(), letters).unwrap();
        let sequences: Vec<Sequence> = letters.iter().map(parse).collect();
        let probe = random_probe(seed, k, both_strands, 20);
        let scale = if probability { Scale::Probability } else { Scale::Raw };
        let effects = |engine| {
            let options = SaturationOptions { engine, scale, ..SaturationOptions::default() };
            let plan = SaturationPlan::new(&sequences, &probe, options).unwrap();
            let mut deltas = Vec::new();
            plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
                deltas.extend(block.deltas.iter().copied());
                Ok(())
            }).unwrap();
            deltas
        };
        // The black box subtracts two f32 outputs below 4.
        assert_close(&effects(Engine::BlackBox), &effects(Engine::ClosedForm), 1e-6, "random probe");
    }
}

#[test]
fn windows_read_block_by_block_give_the_same_effects() {
    let letters = random_sequences(&Alphabet::dna(), 1, 300, &[], Seed::new(2)).unwrap();
    let letters = letters.to_sequences().unwrap()[0].to_string();
    let genome = Genome::from_contigs("toy", [("chr1", letters.into_bytes())]).unwrap();
    let strand = |i: i64| if i % 2 == 0 { Strand::Forward } else { Strand::Reverse };
    let windows: Vec<Window> =
        (-1..16).map(|i| Window::new("chr1", i * 20, 20, strand(i)).unwrap()).collect();
    let fetch = |window: &Window| {
        let mut codes = Vec::new();
        genome.fetch_into(window, &mut codes).unwrap();
        Sequence::from_codes(&Alphabet::dna(), codes).unwrap()
    };
    let loaded: Vec<Sequence> = windows.iter().map(fetch).collect();
    let probe = random_probe(1, 3, false, 20);
    let blocks = |sequences: Sequences<'_>| {
        let options = SaturationOptions { block: Some(4), ..SaturationOptions::default() };
        let mut blocks = Vec::new();
        let plan = SaturationPlan::new(sequences, &probe, options).unwrap();
        plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
            blocks.push(block);
            Ok(())
        })
        .unwrap();
        blocks
    };
    assert_eq!(
        blocks(Sequences::Windows { reference: &genome, windows: &windows }),
        blocks((&loaded).into())
    );
    let elsewhere = [Window::new("chr2", 0, 20, Strand::Forward).unwrap()];
    let sequences = Sequences::Windows { reference: &genome, windows: &elsewhere };
    let plan = SaturationPlan::new(sequences, &probe, SaturationOptions::default()).unwrap();
    let error = plan.execute(Shard::WHOLE, Run::default(), &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "contig `chr2` is not in toy");
}
