//! Variants, their statuses and the windows of their alleles.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::HashMap;
use std::fs;

use cistron::effects::Statistic;
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

#[test]
fn statistics_of_tracks_are_exact() {
    let Some(folder) = golden("variant-effects/stats") else { return };
    let golden: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("scores.json")).unwrap()).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let names = [
        ("mean_abs_diff", Statistic::MeanAbs),
        ("sum_diff_SAD", Statistic::Sad),
        ("max_abs_diff", Statistic::MaxAbs),
        ("SAX", Statistic::Sax),
        ("mean_log2fc", Statistic::Log2Fc),
        ("log2fc_of_sums", Statistic::Sar),
        ("D1", Statistic::D1),
        ("D2", Statistic::D2),
        ("logSAD", Statistic::LogSad),
        ("logD1", Statistic::LogD1),
        ("logD2", Statistic::LogD2),
        ("sqrtSAD", Statistic::SqrtSad),
        ("sqrtD1", Statistic::SqrtD1),
        ("sqrtD2", Statistic::SqrtD2),
        ("JS_basenji_symKL_half", Statistic::Kl),
        ("JSD_true_nats", Statistic::Jsd),
    ];
    let mut tracks: HashMap<String, [Vec<Vec<f64>>; 2]> = HashMap::new();
    for case in golden["cases"].as_array().unwrap() {
        let shape = format!("{} {}", case["B"], case["T"]);
        // The tracks are given once for each shape.
        if case["ref"].is_array() {
            let rows = |key: &str| case[key].as_array().unwrap().iter().map(numbers).collect();
            tracks.insert(shape.clone(), [rows("ref"), rows("alt")]);
        }
        let [reference, alternate] = &tracks[&shape];
        let pseudocount = case["eps"].as_f64().unwrap();
        for (name, statistic) in names {
            for (track, expected) in numbers(&case["scores"][name]).into_iter().enumerate() {
                let bins = |rows: &[Vec<f64>]| rows.iter().map(|row| row[track]).collect::<Vec<f64>>();
                let found = statistic.of(&bins(reference), &bins(alternate), pseudocount);
                let tolerance = 1e-10 * expected.abs().max(1e-12);
                assert!((found - expected).abs() <= tolerance, "{shape} {name} {track}: {found} {expected}");
            }
        }
    }
}
