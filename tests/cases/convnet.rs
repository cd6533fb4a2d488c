//! Networks of convolutions: the golden networks' predictions, mutants, edits, strands and variants.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use cistron::effects::{
    Engine, IndelMode, OnMismatch, SaturationOptions, SaturationPlan, VariantOptions, VariantScorer,
};
use cistron::encode::{NpzReader, Readout, Reduce, SequenceBatch, SequenceModel};
use cistron::genome::{Genome, vcf};
use cistron::models::{ConvNet, Precision, load_model};
use cistron::{Alphabet, Run, Sequence, Shard, VariantRow};
use conformance::golden;

const NETS: [&str; 2] = ["netA", "netB"];
const PRECISIONS: [(Precision, f64); 2] = [(Precision::Double, 1e-10), (Precision::Single, 1e-5)];

fn net(folder: &Path, name: &str, precision: Precision) -> ConvNet {
    ConvNet::load(folder.join(name)).unwrap().0.with_precision(precision).unwrap()
}

fn all(net: &ConvNet) -> Readout {
    net.spec().readout(None, &[], None, Reduce::Keep).unwrap()
}

fn sequence(letters: &str) -> Sequence {
    Sequence::parse(&Alphabet::dna(), letters).unwrap()
}

fn sequences(folder: &Path) -> Vec<Sequence> {
    fs::read_to_string(folder.join("seqs.txt")).unwrap().lines().map(sequence).collect()
}

fn predict(net: &ConvNet, sequences: &[Sequence]) -> Vec<f64> {
    let batch = SequenceBatch::from_sequences(sequences).unwrap();
    net.predict_f64(&batch, &all(net)).unwrap().into_iter().collect()
}

fn array(path: &Path, name: &str) -> Vec<f64> {
    NpzReader::open(path).unwrap().numbers(name).unwrap().1
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "{what}, number {index}: found {a}, expected {b}");
    }
}

#[test]
fn every_mutant_is_as_the_peer_predicts() {
    let Some(folder) = golden("variant-effects/conv") else { return };
    for (name, (precision, tolerance)) in NETS.iter().flat_map(|name| PRECISIONS.map(|how| (name, how))) {
        let (net, file) = (net(&folder, name, precision), folder.join(format!("{name}_ism.npz")));
        let suffix = if precision == Precision::Double { "f64" } else { "f32" };
        let references = sequences(&folder);
        let expected = array(&file, &format!("y0_{suffix}"));
        assert_close(&predict(&net, &references), &expected, tolerance, name);
        // (N, 4, L, T), letters before positions.
        let mut mutants = Vec::new();
        for reference in &references {
            for letter in 0..4 {
                for position in 0..reference.len() {
                    let mut codes = reference.codes().to_vec();
                    codes[position] = letter;
                    mutants.push(Sequence::from_codes(&Alphabet::dna(), codes).unwrap());
                }
            }
        }
        let expected = array(&file, &format!("yhat_{suffix}"));
        assert_close(&predict(&net, &mutants), &expected, tolerance, name);
    }
}

#[test]
fn saturation_gives_the_peers_attributions() {
    let Some(folder) = golden("variant-effects/conv") else { return };
    for (name, (precision, tolerance)) in NETS.iter().flat_map(|name| PRECISIONS.map(|how| (name, how))) {
        let (net, file) = (net(&folder, name, precision), folder.join(format!("{name}_ism.npz")));
        let references = sequences(&folder);
        let readout = all(&net);
        let options = SaturationOptions {
            readout: Some(readout),
            engine: Engine::Auto,
            ..SaturationOptions::default()
        };
        let plan = SaturationPlan::new(&references, &net, options).unwrap();
        let [n, length, letters, outputs] = plan.shape();
        let mut deltas = Vec::new();
        plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
            deltas.extend(block.deltas.iter().copied());
            Ok(())
        })
        .unwrap();
        let (yhat, y0) = (array(&file, "yhat_f64"), array(&file, "y0_f64"));
        for (index, delta) in deltas.iter().enumerate() {
            let (track, cell) = (index % outputs, index / outputs);
            let (letter, place) = (cell % letters, cell / letters);
            let (position, sequence) = (place % length, place / length);
            let mutant = yhat[((sequence * letters + letter) * length + position) * outputs + track];
            let expected = mutant - y0[sequence * outputs + track];
            assert!((delta - expected).abs() <= 2.0 * tolerance, "{name} {index}: {delta} {expected}");
        }
        assert_eq!(deltas.len(), n * length * letters * outputs);
    }
}

/// What was done to the golden sequences.
struct Edits {
    meta: serde_json::Value,
    references: Vec<String>,
}

impl Edits {
    fn read(folder: &Path) -> Self {
        let meta: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let references = fs::read_to_string(folder.join("seqs.txt")).unwrap();
        Self { meta: meta["edits"].clone(), references: references.lines().map(str::to_owned).collect() }
    }

    /// What is done to one sequence: positions, and letters if there are some.
    fn rows(&self, name: &str, index: usize) -> Vec<Vec<usize>> {
        let rows: Vec<Vec<usize>> = serde_json::from_value(self.meta[name].clone()).unwrap();
        rows.into_iter().filter(|row| row[0] == index).collect()
    }

    fn each(&self, change: impl Fn(usize) -> String) -> Vec<Sequence> {
        (0..self.references.len()).map(|index| sequence(&change(index))).collect()
    }

    fn substituted(&self, index: usize) -> String {
        let mut letters = self.references[index].clone().into_bytes();
        self.rows("sub", index).iter().for_each(|row| letters[row[1]] = b"ACGT"[row[2]]);
        String::from_utf8(letters).unwrap()
    }

    fn inserted(&self, index: usize) -> String {
        let mut letters = self.references[index].clone();
        let mut rows = self.rows("ins", index);
        rows.sort_by_key(|row| std::cmp::Reverse(row[1]));
        for row in &rows {
            letters.insert(row[1], char::from(b"ACGT"[row[2]]));
        }
        letters
    }

    /// `extended` without some of its letters.
    fn deleted(&self, extended: &str, index: usize) -> String {
        let gone: Vec<usize> = self.rows("del", index).iter().map(|row| row[1]).collect();
        let kept = extended.chars().enumerate().filter(|(place, _)| !gone.contains(place));
        kept.map(|(_, letter)| letter).collect()
    }

    fn left(&self, text: &str) -> String {
        text[text.len() - self.references[0].len()..].to_owned()
    }

    fn right(&self, text: &str) -> String {
        text[..self.references[0].len()].to_owned()
    }

    /// The sequences with letters after them, which deletions make room for. The file holds those of netB; netA's are
    /// the only six that explain its prediction.
    fn extended(&self, net: &ConvNet, name: &str, before_left: &[f64]) -> Vec<String> {
        let of_net_b: Vec<String> = serde_json::from_value(self.meta["ext"].clone()).unwrap();
        if name == "netB" {
            return of_net_b;
        }
        let tracks = before_left.len() / self.references.len();
        let explain = |(reference, expected): (&String, &[f64])| {
            let tail = |number: usize| -> String {
                (0..6).map(|place| char::from(b"ACGT"[number >> (2 * place) & 3])).collect()
            };
            let texts: Vec<String> =
                (0..1 << 12).map(|number| format!("{reference}{}", tail(number))).collect();
            let windows: Vec<Sequence> = texts.iter().map(|text| sequence(&self.left(text))).collect();
            let found = predict(net, &windows);
            let fits = |row: &[f64]| row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10);
            let mut fitting = texts.iter().zip(found.chunks(tracks)).filter(|(_, row)| fits(row));
            let (text, _) = fitting.next().unwrap();
            assert!(fitting.next().is_none(), "more than one tail fits");
            text.clone()
        };
        self.references.iter().zip(before_left.chunks(tracks)).map(explain).collect()
    }
}

#[test]
fn edited_sequences_are_as_the_peer_predicts() {
    let Some(folder) = golden("variant-effects/conv") else { return };
    let edits = Edits::read(&folder);
    for name in NETS {
        let file = folder.join(format!("{name}_edits.npz"));
        let extended =
            edits.extended(&net(&folder, name, Precision::Double), name, &array(&file, "del_before_L"));
        let deleted = |index: usize| edits.deleted(&extended[index], index);
        let motif = edits.meta["marg_motif"].as_str().unwrap();
        let placed = |start: usize| {
            edits.each(|i| {
                let letters = &edits.references[i];
                format!("{}{motif}{}", &letters[..start], &letters[start + motif.len()..])
            })
        };
        let middle = edits.references[0].len() / 2 - motif.len() / 2;
        let cases: Vec<(&str, Vec<Sequence>)> = vec![
            ("sub_before", edits.each(|i| edits.references[i].clone())),
            ("sub_after", edits.each(|i| edits.substituted(i))),
            ("del_before_R", edits.each(|i| edits.right(&extended[i]))),
            ("del_before_L", edits.each(|i| edits.left(&extended[i]))),
            ("del_after_R", edits.each(|i| edits.right(&deleted(i)))),
            ("del_after_L", edits.each(|i| edits.left(&deleted(i)))),
            ("ins_after_R", edits.each(|i| edits.right(&edits.inserted(i)))),
            ("ins_after_L", edits.each(|i| edits.left(&edits.inserted(i)))),
            ("marg_after", placed(middle)),
            ("marg17_after", placed(17)),
        ];
        for (precision, tolerance) in PRECISIONS {
            let net = net(&folder, name, precision);
            for (case, sequences) in &cases {
                let what = format!("{name} {case}");
                assert_close(&predict(&net, sequences), &array(&file, case), tolerance, &what);
            }
        }
    }
}

#[test]
fn both_strands_are_as_the_peer_predicts() {
    let Some(folder) = golden("variant-effects/conv") else { return };
    for (name, (precision, tolerance)) in NETS.iter().flat_map(|name| PRECISIONS.map(|how| (name, how))) {
        let (net, file) = (net(&folder, name, precision), folder.join(format!("{name}_rc.npz")));
        let batch = SequenceBatch::from_sequences(&sequences(&folder)).unwrap();
        let forward = predict(&net, &batch.to_sequences().unwrap());
        let reverse = predict(&net, &batch.reverse_complement().unwrap().to_sequences().unwrap());
        let mean: Vec<f64> = forward.iter().zip(&reverse).map(|(a, b)| (a + b) / 2.0).collect();
        for (what, found) in [("fwd", forward), ("rc", reverse), ("mean", mean)] {
            assert_close(&found, &array(&file, what), tolerance, &format!("{name} {what}"));
        }
    }
}

#[test]
fn variants_score_as_the_peer_does() {
    let Some(folder) = golden("variant-effects") else { return };
    let genome = Genome::read(folder.join("probe/mini.fa"), 1 << 20).unwrap();
    let records = vcf::Reader::open(folder.join("variants/variants.vcf")).unwrap();
    let rows: Vec<VariantRow> =
        records.flat_map(|record| record.unwrap().rows().collect::<Vec<_>>()).collect();
    let text = fs::read_to_string(folder.join("variants/scores.tsv")).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let expected: Vec<HashMap<&str, &str>> =
        lines.map(|line| head.iter().copied().zip(line.split('\t')).collect()).collect();
    for (precision, tolerance) in PRECISIONS {
        let net = net(&folder.join("conv"), "netA", precision);
        let mut seen = 0;
        for (indel, mode) in [(IndelMode::Left, "left_fixed"), (IndelMode::Right, "right_fixed")] {
            for (both_strands, suffix) in [(false, ""), (true, "rcmean_")] {
                let options = VariantOptions { indel, both_strands, ..VariantOptions::default() };
                let scorer = VariantScorer::new(&genome, &[&net], options).unwrap();
                let columns = scorer.columns();
                let chosen: Vec<&HashMap<&str, &str>> =
                    expected.iter().filter(|cells| cells["indel_mode"] == mode).collect();
                let its_row = |cells: &&HashMap<&str, &str>| {
                    let is_it = |row: &&VariantRow| {
                        row.id.as_deref() == Some(cells["id"])
                            && row.alt_index.to_string() == cells["alt_index"]
                            && row.position.to_string() == cells["pos"]
                    };
                    rows.iter().find(is_it).unwrap().clone()
                };
                let wanted: Vec<VariantRow> = chosen.iter().map(its_row).collect();
                let scores = scorer.score(&wanted, Run::default()).unwrap();
                for (cells, score) in chosen.iter().zip(&scores) {
                    for (column, found) in columns.iter().zip(&score.numbers) {
                        let Some((what, track)) = column.split_once('_').filter(|(what, _)| *what != "max")
                        else {
                            continue;
                        };
                        let number: f64 = cells[&*format!("{what}_{suffix}{track}")].parse().unwrap();
                        assert!((found - number).abs() <= tolerance, "{cells:?} {column}: {found} {number}");
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, expected.len() * 2 * 9, "every number of every row");
    }
}

/// In windows that variants share, the exact engine says what two predictions say, and of each variant the same
/// whatever else is asked for.
#[test]
fn shared_windows_score_as_two_predictions() {
    let Some(folder) = golden("variant-effects") else { return };
    let genome = Genome::read(folder.join("probe/mini.fa"), 1 << 20).unwrap();
    let records = vcf::Reader::open(folder.join("variants/variants.vcf")).unwrap();
    let rows: Vec<VariantRow> =
        records.flat_map(|record| record.unwrap().rows().collect::<Vec<_>>()).collect();
    for (precision, tolerance) in PRECISIONS {
        let net = net(&folder.join("conv"), "netA", precision);
        let score = |engine, rows: &[VariantRow]| {
            let options = VariantOptions {
                engine,
                share: 48,
                indel: IndelMode::Both,
                on_mismatch: OnMismatch::Skip,
                ..VariantOptions::default()
            };
            VariantScorer::new(&genome, &[&net], options).unwrap().score(rows, Run::default()).unwrap()
        };
        let (exact, predicted) = (score(Engine::Delta, &rows), score(Engine::BlackBox, &rows));
        for ((row, exact), predicted) in rows.iter().zip(&exact).zip(&predicted) {
            assert_close(&exact.numbers, &predicted.numbers, tolerance, &format!("{row:?}"));
            assert_eq!(
                score(Engine::Delta, std::slice::from_ref(row)),
                std::slice::from_ref(exact),
                "{row:?}"
            );
        }
        assert!(exact.iter().filter(|score| !score.numbers.is_empty()).count() > 8);
    }
}

#[test]
fn loading_says_what_the_networks_are() {
    let Some(folder) = golden("variant-effects/conv") else { return };
    // Counted by hand from the table of layers.
    let parameters = [
        16 * 45 + 24 * (16 * 7 + 1) + 24 * (24 * 3 + 1) + 32 * 241 + 3 * 33,
        12 * 33 + 24 + 12 * 61 + 24 + 20 * 73 + 2 * 21,
    ];
    for ((name, parameters), field) in NETS.iter().zip(parameters).zip([88, 27]) {
        let loaded = load_model(folder.join(name)).unwrap();
        assert_eq!(loaded.info.model_type, "convnet");
        assert_eq!(
            (loaded.info.n_parameters, loaded.info.receptive_field),
            (parameters, Some(field)),
            "{name}"
        );
        assert_eq!((loaded.info.input_length, &*loaded.info.alphabet), (Some(120), "ACGT"));
        assert!(loaded.report.extra.is_empty(), "{:?}", loaded.report);
    }
}
