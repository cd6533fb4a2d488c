//! Counts, pairs and spacings of annotations against tangermeme 1.6.0.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::path::Path;

use cistron::encode::NpzReader;
use cistron::motif::{
    Annotation, AnnotationOrder, Annotations, ContributionOptions, OverlapRule, PairCounting, PairOrder,
    SiteOptions, SpacingOptions, contribution_hits, count_annotations, count_pairs, count_spacings,
};
use cistron::ndarray::{Array2, Array3, s};
use cistron::{Seed, Strand};
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
        for (spacing, count) in spacings.iter() {
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
    let (spacing, count) = spacings.iter().next().unwrap();
    // 600 rows, two an example: 300 pairs. The peer's byte says 44.
    assert_eq!(count, 300);
    let (shape, wrapped) = NpzReader::open(&path).unwrap().numbers("u8").unwrap();
    let cell = (spacing.a as usize * shape[1] + spacing.b as usize) * shape[2] + spacing.distance as usize;
    assert_eq!(wrapped[cell] as u64, count % 256);
}

/// Planted words and their letters' weights, none like its own reverse complement.
const PLANTED: [(&str, [f64; 8]); 2] = [
    ("AGATAAGA", [0.5, 1.0, 1.2, 1.2, 1.0, 1.0, 0.7, 0.4]),
    ("CCGGAAGT", [0.8, 0.9, 1.3, 1.3, 1.2, 1.1, 0.7, 0.5]),
];

/// A word as contributions (8, 4).
fn contributions((word, weights): (&str, [f64; 8])) -> Array2<f64> {
    let mut matrix = Array2::zeros((8, 4));
    for (i, (letter, weight)) in word.bytes().zip(weights).enumerate() {
        matrix[[i, "ACGT".find(letter as char).unwrap()]] = weight;
    }
    matrix
}

/// Attributions of a network, their positions shuffled, into which words are planted: each letter's contribution is its
/// weight, three times the root mean square of the network's, changed at random by up to 40 %. Beside each word stands
/// a decoy of letters without contributions and one of contributions at other letters.
#[test]
fn words_planted_in_the_attributions_of_a_network_are_found() {
    let Some(folder) = golden("annotations") else { return };
    let (shape, values) = NpzReader::open(folder.join("attribution.npz")).unwrap().numbers("dls_t1").unwrap();
    assert_eq!(shape, [4, 4, 120]);
    let network = Array3::from_shape_vec((4, 4, 120), values).unwrap();
    let size = (network.iter().map(|value| value * value).sum::<f64>() / 480.0).sqrt();
    let motifs = PLANTED.map(contributions);
    let (n, length) = (100, 120);
    let mut attributions = Array3::<f64>::zeros((n, length, 4));
    let mut planted = Vec::new();
    let mut stream = Seed::new(11).stream("planted", 0);
    for example in 0..n {
        let mut order: Vec<usize> = (0..length).collect();
        stream.shuffle(&mut order);
        for (to, &from) in order.iter().enumerate() {
            let column = network.slice(s![example % 4, .., from]);
            attributions.slice_mut(s![example, to, ..]).assign(&column);
        }
        // Places of 20 positions, two for words and two for decoys.
        let mut places: Vec<usize> = (0..6).map(|place| 20 * place).collect();
        stream.shuffle(&mut places);
        for (motif, matrix) in motifs.iter().enumerate() {
            let reverse = stream.uniform() < 0.5;
            let start = places[motif] + stream.below(12) as usize;
            let word = if reverse { matrix.slice(s![..;-1, ..;-1]) } else { matrix.view() };
            for (i, row) in word.rows().into_iter().enumerate() {
                let change = 3.0 * size * (0.6 + 0.8 * stream.uniform());
                let letter = row.iter().position(|weight| *weight > 0.0).unwrap();
                // The letters change, and with them where the network's own contribution stands.
                let own: f64 = attributions.slice(s![example, start + i, ..]).sum();
                attributions.slice_mut(s![example, start + i, ..]).fill(0.0);
                attributions[[example, start + i, letter]] = own + change * row[letter];
            }
            planted.push((example as u32, motif as u32, start as u32, reverse));
            let decoy = places[2 + motif];
            for i in 0..8 {
                let own: f64 = attributions.slice(s![example, decoy + i, ..]).sum();
                attributions.slice_mut(s![example, decoy + i, ..]).fill(0.0);
                let (letter, value) = if motif == 0 {
                    (motifs[0].row(i).iter().position(|weight| *weight > 0.0).unwrap(), own)
                } else {
                    (stream.below(4) as usize, own + 3.0 * size)
                };
                attributions[[example, decoy + i, letter]] = value;
            }
        }
    }
    let views: Vec<_> = motifs.iter().map(|matrix| matrix.view()).collect();
    let hits = contribution_hits(&views, attributions.view(), ContributionOptions::default()).unwrap();
    let options = SiteOptions { prefer: AnnotationOrder::Score, ..SiteOptions::default() };
    let sites = hits.sites(&options).unwrap();
    let named = hits.select(sites.iter().map(|site| site.best));
    let is_planted = |row: &Annotation| {
        let reverse = row.strand.map(Strand::symbol) == Some('-');
        planted.contains(&(row.example, row.motif, row.start, reverse))
    };
    let right = named.filter(is_planted).len() as f64;
    let (recall, precision) = (right / planted.len() as f64, right / named.len() as f64);
    println!("recall {recall:.3}, precision {precision:.3}");
    assert!(recall >= 0.9 && precision >= 0.9, "recall {recall}, precision {precision}");
}
