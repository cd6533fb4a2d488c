//! Counts, pairs and spacings of annotations against tangermeme 1.6.0.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use cistron::encode::NpzReader;
use cistron::motif::{
    Annotation, Annotations, OverlapRule, PairCounting, PairOrder, SpacingOptions, count_annotations,
    count_pairs, count_spacings,
};
use conformance::golden;

/// The rows of an integer matrix.
fn rows(path: &Path, name: &str) -> Vec<Vec<u32>> {
    let (shape, values) = NpzReader::open(path).unwrap().numbers(name).unwrap();
    values.chunks(*shape.last().unwrap()).map(|row| row.iter().map(|&value| value as u32).collect()).collect()
}

/// Annotations of which only example and motif are given: each begins where it stands in the list.
fn placed(path: &Path) -> Annotations {
    let place = |(index, row): (u32, Vec<u32>)| Annotation::new(row[0], row[1], index, index + 1);
    (0..).zip(rows(path, "pairs")).map(place).collect()
}

/// A dense matrix against sparse counts, which name no cell beyond it.
fn assert_matrix<'a>(
    expected: &[Vec<u32>],
    found: impl IntoIterator<Item = (&'a (u32, u32), &'a u64)>,
    name: &str,
) {
    let mut dense = vec![vec![0; expected[0].len()]; expected.len()];
    for (&(row, column), &count) in found {
        dense[row as usize][column as usize] = count as u32;
    }
    assert_eq!(dense, expected, "{name}");
}

#[test]
fn counts_by_example_and_motif() {
    let Some(folder) = golden("annotations") else { return };
    let path = folder.join("count.npz");
    let counts = count_annotations(&placed(&path));
    assert_matrix(&rows(&path, "i32"), &counts, "counts");
    let by_motif = rows(&path, "i64_dim0").concat();
    for (motif, expected) in (0..).zip(by_motif) {
        let found: u64 = counts.iter().filter(|((_, m), _)| *m == motif).map(|(_, count)| count).sum();
        assert_eq!(found, u64::from(expected));
    }
}

#[test]
fn pairs_of_motifs() {
    let Some(folder) = golden("annotations") else { return };
    let path = folder.join("pairwise.npz");
    let found = placed(&path);
    let once = count_pairs(&found, PairCounting::OncePerExample, PairOrder::ByIndex);
    assert_matrix(&rows(&path, "uniq_asym"), &once, "uniq_asym");
    let every = count_pairs(&found, PairCounting::Every, PairOrder::ByPosition);
    assert_matrix(&rows(&path, "all_asym"), &every, "all_asym");
    for (counts, name) in [(once, "uniq_sym"), (every, "all_sym")] {
        let mut mirrored = counts.clone();
        for (&(a, b), count) in counts.iter().filter(|((a, b), _)| a != b) {
            *mirrored.entry((b, a)).or_default() += count;
        }
        assert_matrix(&rows(&path, name), &mirrored, name);
    }
}

/// The rows (example, motif, start, end) of an array.
fn spans(path: &Path, name: &str) -> Annotations {
    rows(path, name).iter().map(|row| Annotation::new(row[0], row[1], row[2], row[3])).collect()
}

#[test]
fn spacings_of_pairs() {
    let Some(folder) = golden("annotations") else { return };
    let path = folder.join("spacing.npz");
    for (list, name, max_distance) in
        [("rows", "asym", 100), ("rows_shuffled", "shuf_asym", 100), ("rows", "max30_shape8_i32", 30)]
    {
        let options = SpacingOptions {
            max_distance,
            overlaps: OverlapRule::Refuse,
            order: PairOrder::ByPosition,
            ..SpacingOptions::default()
        };
        let spacings = count_spacings(&spans(&path, list), options).unwrap();
        let (shape, expected) = NpzReader::open(&path).unwrap().numbers(name).unwrap();
        let mut dense = vec![0.0; expected.len()];
        for (spacing, &count) in &spacings {
            let (a, b, distance) = (spacing.a as usize, spacing.b as usize, spacing.distance as usize);
            let cell = |a: usize, b: usize| (a * shape[1] + b) * shape[2] + distance;
            dense[cell(a, b)] += count as f64;
            // The third array was made with each pair in both orders.
            if name.starts_with("max30") && a != b {
                dense[cell(b, a)] += count as f64;
            }
        }
        assert_eq!(dense, expected, "{name}");
    }
}

#[test]
fn counts_beyond_a_byte_do_not_wrap() {
    let Some(folder) = golden("annotations") else { return };
    let path = folder.join("spacing_overflow.npz");
    let options = SpacingOptions { order: PairOrder::ByPosition, ..SpacingOptions::default() };
    let spacings = count_spacings(&spans(&path, "rows"), options).unwrap();
    assert_eq!(spacings.len(), 1, "all pairs keep one distance: {spacings:?}");
    let (spacing, count) = spacings.first_key_value().unwrap();
    // 600 rows, two an example: 300 pairs. The peer's byte says 44.
    assert_eq!(*count, 300);
    let (shape, wrapped) = NpzReader::open(&path).unwrap().numbers("u8").unwrap();
    let cell = (spacing.a as usize * shape[1] + spacing.b as usize) * shape[2] + spacing.distance as usize;
    assert_eq!(wrapped[cell] as u64, count % 256);
}
