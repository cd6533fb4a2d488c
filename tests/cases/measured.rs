//! Measured saturation mutagenesis of 29 experiments: seqlets are named by the factors known to act there.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use cistron::motif::{AlleleScanner, FimoOptions, ScanThreshold, read_motifs};
use cistron::{Alphabet, Sequence};
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

#[test]
fn the_strongest_gains_of_the_tert_promoter_are_ets_motifs() {
    let (Some(table), Some(motifs)) = (data("regulatory/satmut_mpra/elements.tsv.gz"), data("motifs")) else {
        return;
    };
    // C228T and C250T, on the other strand: G to A at these places of chromosome 5 (GRCh37).
    let promoter = Stretch::read(&table, "TERT", "GRCh37").unwrap();
    // Family members of one DNA-binding domain go by many names.
    let is_ets = |name: &str| {
        let name = name.to_uppercase();
        ["ETS", "ETV", "ELK", "ELF", "ERG", "FLI", "GABPA", "EHF", "SPI1", "FEV", "ERF", "EIP74EF"]
            .iter()
            .any(|member| name.contains(member))
    };
    for file in ["JASPAR2024.meme", "H13CORE_meme_format.meme"] {
        let set = read_motifs(motifs.join(file), &()).unwrap();
        let options = FimoOptions { threshold: ScanThreshold::PValue(1e-3), ..FimoOptions::default() };
        let scanner = AlleleScanner::new(&set, &options).unwrap();
        for position in [1_295_228, 1_295_250] {
            let (reference, alternate) = promoter.with(position, b'G', b'A').unwrap();
            let best = scanner.changes(&reference, &alternate)[0];
            let name = set.motifs()[best.motif as usize].full_name();
            println!("{file}, {position}: {name} by {:.1} bits", best.change());
            assert!(is_ets(&name) && best.change() > 0.0, "{file}, {position}: {name}");
        }
    }
}

/// A stretch of a chromosome as the table spells it.
struct Stretch {
    first: u64,
    letters: Vec<u8>,
}

impl Stretch {
    fn read(table: &Path, element: &str, release: &str) -> Option<Self> {
        let mut text = String::new();
        cistron::genome::text::open(table).ok()?.read_to_string(&mut text).ok()?;
        let row = |line: &str| -> Option<(u64, u8)> {
            let cells: Vec<&str> = line.split('\t').collect();
            let wanted = cells[9].starts_with(element) && cells[10] == release;
            wanted.then(|| Some((cells[1].parse().ok()?, *cells[2].as_bytes().first()?)))?
        };
        let bases: BTreeMap<u64, u8> = text.lines().skip(1).filter_map(row).collect();
        let (first, last) = (*bases.keys().next()?, *bases.keys().next_back()?);
        let letters = (first..=last).map(|place| bases.get(&place).copied().unwrap_or(b'N')).collect();
        Some(Self { first, letters })
    }

    /// Codes of the stretch as it is, and with another letter.
    fn with(&self, position: u64, from: u8, to: u8) -> Option<(Vec<u8>, Vec<u8>)> {
        let place = (position - self.first) as usize;
        assert_eq!(self.letters[place], from);
        let mut edited = self.letters.clone();
        edited[place] = to;
        let codes = |letters: &[u8]| {
            let sequence = Sequence::parse(&Alphabet::dna(), std::str::from_utf8(letters).ok()?).ok()?;
            Some(sequence.codes().to_vec())
        };
        Some((codes(&self.letters)?, codes(&edited)?))
    }
}
