//! Families of sequences: alignments, weights, site-independent and pairwise models, beside `DeepSequence`, EVE, plmc and
//! `EVmutation`.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::io::Read;
use std::path::Path;

use cistron::encode::Edit;
use cistron::encode::alignment::{
    Alignment, ColumnRule, Family, FamilyModel, MutantProblem, Potts, PottsOptions, PrepareOptions,
    PrepareReport, SiteIndependent, WeightRule, WildType, average_product_correction, sequence_weights,
    site_frequencies,
};
use cistron::genome::text;
use cistron::ndarray::{Array2, ArrayView2};
use cistron::{Alphabet, Run, spearman};
use conformance::families::Assay;
use conformance::{data, golden};
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_reader(std::fs::File::open(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn table(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// Equal to 1e-10 of the larger, or of 1: both are sums in double precision, in their own order.
fn assert_near(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() <= 1e-10 * expected.abs().max(1.0),
        "{what}: {found}, expected {expected}"
    );
}

fn assert_all_near(found: ArrayView2<'_, f64>, expected: &Array2<f64>, what: &str) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    for (place, expected) in expected.indexed_iter() {
        assert_near(found[place], *expected, &format!("{what} {place:?}"));
    }
}

/// The reference ends its search where no part of the gradient exceeds 1e-11 of Neff; the curvature is at least twice
/// lambda, so its A fields of a column, or differences of two, are known to this.
fn assert_fields_near(found: ArrayView2<'_, f64>, expected: &Array2<f64>, neff: f64, lambda: f64) {
    let tolerance = 2.0 * (expected.ncols() as f64).sqrt() * 1e-11 * neff.max(1.0) / (2.0 * lambda);
    assert_eq!(found.dim(), expected.dim());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found}, expected {expected} within {tolerance}");
    }
}

fn prepared(path: &Path, options: &PrepareOptions) -> (Family, PrepareReport) {
    let alignment = Alignment::read(text::open(path).unwrap(), path).unwrap();
    alignment.prepare(options).unwrap()
}

#[test]
fn alignments_are_prepared_as_by_deepsequence_and_eve() {
    for case in ["align_edge", "align_blat"] {
        let Some(folder) = golden(&format!("vae/{case}")) else { return };
        for (rule, file) in [
            (ColumnRule::DeepSequence, "expected_deepsequence.json"),
            (ColumnRule::eve(), "expected_eve.json"),
        ] {
            let expected = json(&folder.join(file));
            let options = PrepareOptions { rule, ..PrepareOptions::default() };
            let (family, report) = prepared(&folder.join("alignment.a2m"), &options);
            assert_eq!(family.focus(), expected["focus"]);
            let columns: Vec<f64> = family.columns().iter().map(|&it| it as f64).collect();
            assert_eq!(columns, numbers(&expected["focus_cols"]), "{case} {file}");
            let positions: Vec<f64> = family.positions().iter().map(|&it| it as f64).collect();
            assert_eq!(positions, numbers(&expected["positions"]));
            assert_eq!(family.wild_type().letters(), expected["wt"].as_str().unwrap().replace('.', "-"));
            assert_eq!(family.names(), texts(&expected["kept"]), "{case} {file}");
            check_dropped(&report, &expected);
            check_codes(&family, &expected);
            check_weights(&family, &expected["weights"]);
        }
    }
}

fn check_dropped(report: &PrepareReport, expected: &Value) {
    for (name, reason) in expected["removed"].as_object().unwrap() {
        let dropped = report.dropped.iter().find(|it| it.name == *name).unwrap();
        assert_eq!(dropped.reason.kind(), reason, "{name}");
    }
    // What shares its name with an earlier record is dropped beside them.
    let dropped = report.dropped.len() - report.n_dropped("repeated");
    assert_eq!(dropped, expected["removed"].as_object().unwrap().len());
    let records = expected["n_input"].as_u64().unwrap() as usize;
    assert_eq!((report.n_records, report.kept.len() + report.dropped.len()), (records, records));
}

fn check_codes(family: &Family, expected: &Value) {
    let gap = family.alphabet().gap();
    let codes = family.codes().mapv(|code| if code == gap { -1.0 } else { f64::from(code) });
    let first = table(&expected["first_codes"]);
    assert_eq!(codes.slice(cistron::ndarray::s![..first.nrows(), ..]), first);
    let letters = codes.iter().filter(|code| **code >= 0.0);
    let gaps = codes.len() - letters.clone().count();
    assert_near(gaps as f64 / codes.len() as f64, expected["gap_fraction"].as_f64().unwrap(), "gaps");
    if let Some(sum) = expected["code_sum"].as_f64() {
        let own: f64 = letters.sum();
        assert!(own == sum || own - gaps as f64 == sum, "{own} {gaps} {sum}");
    }
}

fn check_weights(family: &Family, expected: &Value) {
    for (theta, expected) in expected.as_object().unwrap() {
        let theta: f64 = theta.parse().unwrap();
        let rules = [
            (WeightRule::DeepSequence, "deepsequence", "neff"),
            (WeightRule::Plmc, "plmc_style", "neff_plmc_style"),
        ];
        for (rule, weights, neff) in rules {
            let found = sequence_weights(family.codes(), family.alphabet().gap(), rule, theta).unwrap();
            assert_eq!(found, numbers(&expected[weights]), "{theta} {rule:?}");
            assert_near(found.iter().sum(), expected[neff].as_f64().unwrap(), neff);
        }
    }
}

#[test]
fn weights_of_dhfr_are_those_that_plmc_wrote() {
    let (Some(path), Some(folder)) =
        (data("families/DYR_ECOLI_DHFR.a2m.gz"), golden("vae/weights_dhfr_plmc"))
    else {
        return;
    };
    let mut written = String::new();
    text::open(folder.join("DHFR_plmc_weights_raw.txt.gz")).unwrap().read_to_string(&mut written).unwrap();
    let written: Vec<f64> = written.lines().map(|line| line.parse().unwrap()).collect();
    let options =
        PrepareOptions { rule: ColumnRule::Plmc, weights: WeightRule::Plmc, ..PrepareOptions::default() };
    let (family, report) = prepared(&path, &options);
    let expected = json(&folder.join("expected.json"));
    assert_eq!((family.width(), family.len()), (159, 3616));
    let mut own = vec![0.0; report.n_records];
    report.kept.iter().zip(family.weights()).for_each(|(&record, weight)| own[record] = *weight);
    assert_eq!(own, written, "records that were dropped have weight 0 there");
    assert_near(family.neff(), expected["neff"].as_f64().unwrap(), "neff");
}

#[test]
fn the_family_of_beta_lactamase_has_the_published_size() {
    let Some(path) = data("families/BLAT_ECOLX_r24-286_b105.a2m.gz") else { return };
    let options = PrepareOptions { weights: WeightRule::Equal, ..PrepareOptions::default() };
    let (family, report) = prepared(&path, &options);
    assert_eq!((report.n_records, family.len(), family.width()), (8403, 8355, 253));
}

#[test]
fn site_independent_models_are_those_of_the_reference() {
    let (Some(folder), Some(alignment)) = (golden("vae/site_blat"), golden("vae/align_blat/alignment.a2m"))
    else {
        return;
    };
    let expected = json(&folder.join("expected.json"));
    let (family, _) = prepared(&alignment, &PrepareOptions::default());
    assert_near(family.neff(), expected["neff"].as_f64().unwrap(), "neff");
    for (pseudocount, key) in [(0.0, "frequencies_pc0"), (0.5, "frequencies_pc0.5"), (1.0, "frequencies_pc1")]
    {
        let found = site_frequencies(&family, pseudocount).unwrap();
        assert_all_near(found.view(), &table(&expected[key]), key);
    }
    let log_odds = SiteIndependent::log_odds(&family, 1.0).unwrap();
    assert_all_near(log_odds.single_effects().view(), &table(&expected["log_odds_pc1"]), "log odds");
    let fitted = SiteIndependent::fitted(&family, 0.01).unwrap();
    assert_fields_near(fitted.fields(), &table(&expected["l2_fields_lambda0.01"]), family.neff(), 0.01);
    let effects = fitted.single_effects();
    assert_fields_near(effects.view(), &table(&expected["l2_delta"]), family.neff(), 0.01);
}

/// Edits of a mutant of a pairwise golden, in which a letter may stay as it is.
fn edits(wild_type: &WildType, mutant: &str) -> Vec<Edit> {
    let part = |part: &str| match wild_type.parse(part) {
        Ok(edits) => edits,
        Err(MutantProblem::Synonymous { .. }) => Vec::new(),
        other => other.unwrap(),
    };
    mutant.split(',').flat_map(part).collect()
}

#[test]
fn pairwise_models_are_those_of_the_reference() {
    for case in ["potts_random", "potts_random_gap"] {
        let Some(folder) = golden(&format!("vae/{case}")) else { return };
        let path = folder.join("model.params");
        let bytes = std::fs::read(&path).unwrap();
        let model = Potts::read_plmc(&bytes[..], &path).unwrap();
        let mut written = Vec::new();
        model.write_plmc(&mut written).unwrap();
        assert!(written == bytes, "{case} is written as it was read");
        let expected = json(&folder.join("expected.json"));
        let wild_type = model.wild_type().clone();
        assert_eq!(wild_type.letters(), expected["header"]["target"].as_str().unwrap());
        let parts =
            |energy: cistron::encode::alignment::Energy| [energy.full(), energy.couplings, energy.fields];
        let compare = |found: [f64; 3], expected: &Value, what: &str| {
            for (found, expected) in found.into_iter().zip(numbers(expected)) {
                assert_near(found, expected, what);
            }
        };
        let sequences = texts(&expected["sequences"]);
        for (sequence, energy) in sequences.iter().zip(expected["hamiltonians"].as_array().unwrap()) {
            let codes: Vec<u8> = sequence.bytes().map(|letter| wild_type.alphabet().code(letter)).collect();
            compare(parts(model.energy(&codes).unwrap()), energy, sequence);
        }
        for (position, row) in expected["single_mutant_matrix"].as_array().unwrap().iter().enumerate() {
            for (code, energy) in row.as_array().unwrap().iter().enumerate() {
                let edit = Edit { position: position as u32, code: code as u8 };
                compare(parts(model.delta(&[edit])), energy, "single mutant");
            }
        }
        let deltas = expected["delta"].as_array().unwrap();
        for (mutant, delta) in texts(&expected["mutants"]).iter().zip(deltas) {
            compare(parts(model.delta(&edits(&wild_type, mutant))), delta, mutant);
        }
        let norms = model.coupling_norms();
        assert_all_near(norms.view(), &table(&expected["fn"]), "norms");
        assert_all_near(
            average_product_correction(&norms).view(),
            &table(&expected["cn"]),
            "corrected norms",
        );
        assert_all_near(model.mutual_information().view(), &table(&expected["mi_raw"]), "information");
        let fields = table(&expected["independent_fields"]);
        let facts = model.facts();
        let independent = model.independent().unwrap();
        assert_fields_near(independent.fields(), &fields, facts.neff.into(), facts.lambda_h.into());
    }
}

#[test]
fn the_model_of_a_ww_domain_has_the_published_energies() {
    let Some(folder) = golden("vae/potts_yap1") else { return };
    let path = folder.join("YAP1_HUMAN_plmc.params.gz");
    let model = Potts::read_plmc(text::open(&path).unwrap(), &path).unwrap();
    let expected = json(&folder.join("expected.json"));
    assert_eq!((model.width(), model.facts().n_valid, model.facts().n_invalid), (30, 193_046, 114));
    assert_eq!(model.facts().neighbours[..5], [1653.0, 4.0, 4.0, 2.0, 2.0]);
    let rows = expected["rows"].as_array().unwrap();
    let independent = model.independent().unwrap();
    let (mut full, mut fields, mut alone, mut measured) = (vec![], vec![], vec![], vec![]);
    for row in rows {
        let mutant = model.wild_type().parse(row["file_numbering"].as_str().unwrap()).unwrap();
        let delta = model.delta(&mutant);
        let name = row["variant"].as_str().unwrap();
        assert_near(delta.full(), row["delta"][0].as_f64().unwrap(), name);
        assert_near(delta.couplings, row["delta"][1].as_f64().unwrap(), name);
        assert_near(delta.fields, row["delta"][2].as_f64().unwrap(), name);
        // Published to fewer digits than the parameters have.
        assert!((delta.full() - row["published_dE"].as_f64().unwrap()).abs() < 0.01, "{name}");
        full.push(delta.full());
        fields.push(delta.fields);
        alone.push(independent.effect(&mutant));
        measured.push(row["experiment"].as_f64().unwrap());
    }
    for (scores, key) in
        [(full, "spearman_full"), (fields, "spearman_fields_of_pair_model"), (alone, "spearman_independent")]
    {
        assert_near(spearman(&scores, &measured).unwrap(), expected[key].as_f64().unwrap(), key);
    }
}

#[test]
fn sites_alone_explain_the_published_part_of_beta_lactamase() {
    let (Some(path), Some(assay)) =
        (data("families/BLAT_ECOLX_r24-286_b105.a2m.gz"), data("families/BLAT_ECOLX_Ranganathan2015.csv.gz"))
    else {
        return;
    };
    // Weights change the correlation in the third digit; the comparison of all pairs is slow without optimisation.
    let options = PrepareOptions { weights: WeightRule::Equal, ..PrepareOptions::default() };
    let (family, _) = prepared(&path, &options);
    let assay = Assay::read(&assay, "2500").unwrap();
    let model = SiteIndependent::log_odds(&family, 1.0).unwrap();
    let (n, rho) = assay.spearman(&model).unwrap();
    // Published 0.60; 0.6013 by the reference without weights.
    assert_eq!(n, 4807);
    assert!((rho - 0.6013).abs() < 0.0001, "{rho}");
}

#[test]
fn a_chain_of_three_letters_is_found_to_be_a_chain() {
    let Some(path) = data("families/potts3.a2m.gz") else { return };
    let options = PrepareOptions {
        alphabet: Alphabet::custom("_*^").unwrap(),
        offset: Some(0),
        weights: WeightRule::Equal,
        ..PrepareOptions::default()
    };
    let (family, _) = prepared(&path, &options);
    assert_eq!((family.len(), family.width()), (500, 60));
    let fit = PottsOptions { lambda_j: Some(0.6), iterations: 12, ..PottsOptions::default() };
    let model = Potts::fit(&family, &fit, Run::default(), |_| ()).unwrap();
    let corrected = average_product_correction(&model.coupling_norms());
    let pairs = (0..60).flat_map(|i| (i + 1..60).map(move |j| (i, j)));
    let mut pairs: Vec<(usize, usize)> = pairs.collect();
    pairs.sort_by(|a, b| corrected[*b].total_cmp(&corrected[*a]));
    let neighbours = pairs[..59].iter().filter(|(i, j)| j - i == 1).count();
    assert!(neighbours >= 57, "{neighbours} of 59");
}
