//! Probe checkpoints that PyTorch 2.15 and safetensors wrote: the same weights in each format.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::Path;

use cistron::encode::{Edit, Reduce};
use cistron::models::{LinearProbe, LoadReport, load_model};
use cistron::ndarray::Array3;
use cistron::{Alphabet, Sequence};
use conformance::golden;

/// Name and letters of each window.
fn windows(folder: &Path) -> Vec<(String, Sequence)> {
    let text = fs::read_to_string(folder.join("windows_L200.tsv")).unwrap();
    let split = |line: &str| {
        let (name, letters) = line.split_once('\t').unwrap();
        (name.to_owned(), Sequence::parse(&Alphabet::dna(), letters).unwrap())
    };
    text.lines().map(split).collect()
}

/// All substitutions of a window, (L, 4).
fn deltas(path: &Path, sequence: &Sequence) -> (LoadReport, Vec<f64>) {
    let loaded = load_model(path).unwrap();
    let readout = loaded.model.spec().readout(None, &[], None, Reduce::Mean).unwrap();
    let edits: Vec<Edit> = (0..sequence.len() as u32)
        .flat_map(|position| (0..4).map(move |code| Edit { position, code }))
        .collect();
    let mutants: Vec<&[Edit]> = edits.chunks(1).collect();
    let mut out = Array3::zeros((mutants.len(), 1, 1));
    let pass = loaded.model.as_incremental().unwrap().reference(sequence, &readout).unwrap();
    pass.deltas(&mutants, out.view_mut()).unwrap();
    (loaded.report, out.into_raw_vec_and_offset().0)
}

#[test]
fn every_format_gives_the_same_deltas() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let windows = windows(&folder);
    let (plain, expected) = deltas(&folder.join("probe_best.pt"), &windows[0].1);
    assert_eq!(plain, LoadReport::default());
    for name in [
        "probe_best.safetensors",
        "probe_f64.pt",
        "probe_legacy.pt",
        "probe_prefixed.pt",
        "probe_extra_key.pt",
    ] {
        let (report, found) = deltas(&folder.join(name), &windows[0].1);
        assert_eq!(found, expected, "{name}");
        let prefix = (name == "probe_prefixed.pt").then_some("module.");
        assert_eq!(report.prefix_stripped.as_deref(), prefix, "{name}");
        assert_eq!(report.extra.is_empty(), name != "probe_extra_key.pt", "{name}: {:?}", report.extra);
    }
}

#[test]
fn a_probe_without_projection_is_refused_by_name() {
    let Some(path) = golden("variant-effects/probe/probe_noproj.pt") else { return };
    let message = load_model(&path).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "{}: tensors proj.weight, proj.bias are missing, found classifier.bias, classifier.weight",
            path.display()
        )
    );
}

#[test]
fn letter_effects_are_those_of_numpy() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("info.json")).unwrap()).unwrap();
    let (probe, _) = LinearProbe::load(folder.join("probe_best.pt")).unwrap();
    for (letter, found) in probe.letter_effects().unwrap().into_iter().enumerate() {
        let expected = info["v_ACGT"][letter].as_f64().unwrap();
        // 1e-12: f64 sums of 128 products.
        assert!((found - expected).abs() < 1e-12, "{letter}: {found} {expected}");
    }
    let info = load_model(folder.join("probe_best.pt")).unwrap().info;
    assert_eq!((info.n_parameters, info.input_length, &info.alphabet[..]), (128 * 6 + 1, None, "ACGT"));
}

#[test]
fn deltas_are_those_of_the_table() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let table = fs::read_to_string(folder.join("fixed_L200_logit.tsv")).unwrap();
    let mut rows = table.lines().skip(1);
    for (name, sequence) in windows(&folder) {
        let (_, found) = deltas(&folder.join("probe_best.pt"), &sequence);
        for (position, found) in found.chunks(4).enumerate() {
            let fields: Vec<&str> = rows.next().unwrap().split('\t').collect();
            assert_eq!((fields[0], fields[1].parse()), (&name[..], Ok(position)));
            for (delta, field) in found.iter().zip(&fields[2..6]) {
                assert_eq!(format!("{delta:.6}"), *field, "{name} {position}");
            }
        }
    }
    assert_eq!(rows.next(), None);
}
