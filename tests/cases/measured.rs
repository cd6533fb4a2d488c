//! Measured saturation mutagenesis of 29 experiments: seqlets are named by the factors known to act there.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use conformance::data;
use conformance::measured::{EXPECTED, HARD, Names, name_experiments, read_experiments};

#[test]
fn seqlets_of_measured_effects_are_named_by_the_expected_factors() {
    let (Some(table), Some(motifs)) = (data("regulatory/satmut_mpra/elements.tsv.gz"), data("motifs")) else {
        return;
    };
    let experiments = read_experiments(&table).unwrap();
    assert_eq!(experiments.len(), 29);
    let sets =
        ["JASPAR2024.meme", "H13CORE_meme_format.meme"].map(|file| Names::read(&motifs.join(file)).unwrap());
    let named = name_experiments(&experiments, &sets).unwrap();
    let found = |(element, family): &&(&str, &conformance::measured::Family)| {
        let mut of_element = experiments.iter().zip(&named).filter(|(it, _)| it.element() == *element);
        of_element.any(|(_, named)| named.find(family, &sets).is_some())
    };
    let missed: Vec<String> = EXPECTED
        .iter()
        .filter(|pair| !found(pair))
        .map(|(element, family)| format!("{element} {}", family.name))
        .collect();
    println!(
        "missed: {missed:?}; of the hard ones found: {}",
        HARD.iter().filter(|pair| found(pair)).count()
    );
    assert!(EXPECTED.len() - missed.len() >= 11, "{missed:?}");
}
