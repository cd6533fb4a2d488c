//! Variants, their statuses and the windows of their alleles.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use std::collections::HashMap;
use std::fs;

use cistron::genome::{Genome, vcf};
use cistron::{Alphabet, Anchor, FixedSide, Sequence, Variant, VariantRow, VariantStatus, VariantWindow};
use conformance::golden;

/// The rows of a table, by column.
fn table(text: &str) -> Vec<HashMap<&str, &str>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines.map(|line| head.iter().copied().zip(line.split('\t')).collect()).collect()
}

fn letters(codes: Vec<u8>) -> String {
    Sequence::from_codes(&Alphabet::dna(), codes).unwrap().to_string()
}

/// Both windows of a variant, as letters.
fn windows(genome: &Genome, variant: &Variant, window: VariantWindow, side: FixedSide) -> (String, String) {
    let (mut reference, mut alternate) = (Vec::new(), Vec::new());
    window.fetch_reference(variant, genome, &mut reference).unwrap();
    window.fetch_alternate(variant, genome, side, &mut alternate).unwrap();
    (letters(reference), letters(alternate))
}

#[test]
fn statuses_and_windows_are_exact() {
    let Some(folder) = golden("variant-effects") else { return };
    let genome = Genome::read(folder.join("probe/mini.fa"), 1 << 20).unwrap();
    let records = vcf::Reader::open(folder.join("variants/variants.vcf")).unwrap();
    let rows: Vec<VariantRow> =
        records.flat_map(|record| record.unwrap().rows().collect::<Vec<_>>()).collect();
    let expected = fs::read_to_string(folder.join("variants/windows.tsv")).unwrap();
    let expected = table(&expected);
    let mut seen = 0;
    for cells in &expected {
        let is_it = |row: &&VariantRow| {
            row.id.as_deref() == Some(cells["id"]) && row.alt_index.to_string() == cells["alt_index"]
        };
        let row = rows.iter().find(is_it).unwrap();
        assert_eq!((&*row.contig, row.position.to_string()), (cells["chrom"], cells["pos"].to_owned()));
        let (status, variant) = row.resolve(&genome).unwrap();
        assert_eq!(status.to_string(), cells["status"], "{row:?}");
        if status != VariantStatus::Ok {
            assert!(cells.get("ref_seq").is_none_or(|letters| letters.is_empty()), "{cells:?}");
            continue;
        }
        let anchor = match cells["anchor"] {
            "half" => Anchor::Half,
            "half_minus_1" => Anchor::HalfMinusOne,
            other => panic!("{other}"),
        };
        let side = match cells["indel_mode"] {
            "left_fixed" => FixedSide::Left,
            "right_fixed" => FixedSide::Right,
            other => panic!("{other}"),
        };
        let variant = variant.unwrap();
        let window = VariantWindow::new(cells["L"].parse().unwrap(), anchor).unwrap();
        assert_eq!(window.of(&variant).start().to_string(), cells["win_start"], "{cells:?}");
        assert_eq!(window.index().to_string(), cells["idx"], "{cells:?}");
        let (reference, alternate) = windows(&genome, &variant, window, side);
        assert_eq!((&*reference, &*alternate), (cells["ref_seq"], cells["alt_seq"]), "{cells:?}");
        seen += 1;
    }
    assert_eq!(seen % 8, 0);
    // Every row of every record is there, and each that is sound in eight ways.
    let all: std::collections::HashSet<_> =
        expected.iter().map(|cells| (cells["id"], cells["alt_index"])).collect();
    assert_eq!(all.len(), rows.len());
    assert!(seen > 100, "{seen}");
}

#[test]
fn texts_are_read_in_every_form() {
    let Some(folder) = golden("variant-effects/variants") else { return };
    let text = fs::read_to_string(folder.join("variant_strings.txt")).unwrap();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let row: VariantRow = fields[0].parse().unwrap();
        let position = row.position.to_string();
        assert_eq!([&*row.contig, &*position, &*row.reference, &*row.alternate], fields[1..5], "{line}");
    }
    assert!(text.lines().count() >= 8);
}

#[test]
fn a_file_comes_back_as_it_was() {
    let Some(folder) = golden("variant-effects/variants") else { return };
    let text = fs::read_to_string(folder.join("variants.vcf")).unwrap();
    let mut records = vcf::Reader::new("variants.vcf", text.as_bytes()).unwrap();
    let mut writer = vcf::Writer::new(Vec::new(), records.header(), &[]).unwrap();
    records.try_for_each(|record| writer.write(&record.unwrap(), &[])).unwrap();
    assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), text);
}
