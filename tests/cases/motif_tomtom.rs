//! Motif comparison against memelite 0.5.0 and tangermeme 1.6.0: integers and orders exactly, p-values to 1e-9.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::HashMap;
use std::fs;

use cistron::Strand;
use cistron::encode::NpzReader;
use cistron::motif::{
    MotifMatch, NeighbourOrder, TomtomError, TomtomOptions, TomtomStrands, TomtomTargets, compare_symmetric,
};
use cistron::ndarray::{Array2, ArrayView2, s};
use conformance::{data, golden};

/// The arrays of a case by name, with their shapes.
struct Case(HashMap<String, (Vec<usize>, Vec<f64>)>);

impl Case {
    fn open(name: &str) -> Option<Self> {
        let mut file = NpzReader::open(golden(&format!("motif/{name}.npz"))?).unwrap();
        let names = file.names().unwrap();
        Some(Self(names.into_iter().map(|name| (name.clone(), file.numbers(&name).unwrap())).collect()))
    }

    fn values(&self, name: &str) -> &[f64] {
        &self.0[name].1
    }

    fn rows(&self, name: &str, motifs: &[Array2<f64>]) -> Vec<Array2<f64>> {
        self.values(name).iter().map(|row| motifs[*row as usize].clone()).collect()
    }

    /// The queries, concatenated (4, widths).
    fn queries(&self) -> Vec<Array2<f64>> {
        let (shape, values) = &self.0["q"];
        let all = Array2::from_shape_vec((shape[0], shape[1]), values.clone()).unwrap();
        let mut end = 0;
        let width = |width: &f64| {
            end += *width as usize;
            all.slice(s![.., end - *width as usize..end]).t().to_owned()
        };
        self.values("q_len").iter().map(width).collect()
    }
}

/// Matrices of a MEME file in the form that all our motif files have.
fn meme(name: &str) -> Option<Vec<Array2<f64>>> {
    let text = fs::read_to_string(data(&format!("motifs/{name}"))?).unwrap();
    let mut motifs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("w=").filter(|_| line.starts_with("letter-probability")) else {
            continue;
        };
        let width: usize = rest.split_whitespace().next().unwrap().parse().unwrap();
        let rows = lines.by_ref().take(width);
        let entries = rows.flat_map(str::split_whitespace).map(|entry| entry.parse().unwrap()).collect();
        motifs.push(Array2::from_shape_vec((width, 4), entries).unwrap());
    }
    Some(motifs)
}

fn views(motifs: &[Array2<f64>]) -> Vec<ArrayView2<'_, f64>> {
    motifs.iter().map(|motif| motif.view()).collect()
}

fn compare(queries: &[Array2<f64>], targets: &[Array2<f64>], options: TomtomOptions) -> Vec<Vec<MotifMatch>> {
    let targets = TomtomTargets::new(&views(targets), options).unwrap();
    let mut rows = Vec::new();
    let sink = |query, matches| {
        assert_eq!(query, rows.len());
        rows.push(matches);
        Ok::<(), TomtomError>(())
    };
    targets.compare_each(&views(queries), sink).unwrap();
    rows
}

fn assert_close(name: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{name}: {found} is not {expected}");
}

fn assert_match(case: &Case, name: &str, at: usize, found: &MotifMatch) {
    let integers = [
        ("score", f64::from(found.score)),
        ("offset", f64::from(found.offset)),
        ("overlap", f64::from(found.overlap)),
        ("strand", f64::from(u8::from(found.strand == Strand::Reverse))),
    ];
    for (what, value) in integers {
        assert_eq!(value, case.values(what)[at], "{name}: {what} of {at}: {found:?}");
    }
    assert_close(&format!("{name}: p of {at}"), found.p_value, case.values("p")[at]);
}

fn check_rows(case: &Case, name: &str, rows: &[Vec<MotifMatch>]) {
    let found: Vec<&MotifMatch> = rows.iter().flatten().collect();
    assert_eq!(found.len(), case.values("p").len(), "{name}");
    for (at, found) in found.into_iter().enumerate() {
        assert_match(case, name, at, found);
        if let Some((_, indices)) = case.0.get("idx") {
            assert_eq!(found.target as f64, indices[at], "{name}: index of {at}");
        }
    }
}

fn small(name: &str, options: TomtomOptions) {
    let (Some(case), Some(motifs)) = (Case::open(name), meme("test.meme")) else { return };
    check_rows(&case, name, &compare(&motifs, &motifs, options));
}

fn jaspar(name: &str, options: TomtomOptions) {
    let (Some(case), Some(motifs)) = (Case::open(name), meme("JASPAR2024.meme")) else { return };
    assert_eq!(motifs.len(), 2346);
    let targets = if case.0.contains_key("t_rows") { case.rows("t_rows", &motifs) } else { motifs.clone() };
    let queries = if case.0.contains_key("q") { case.queries() } else { case.rows("q_rows", &motifs) };
    check_rows(&case, name, &compare(&queries, &targets, options));
}

fn forward() -> TomtomOptions {
    TomtomOptions { strands: TomtomStrands::Forward, ..Default::default() }
}

fn nearest(n: usize) -> TomtomOptions {
    TomtomOptions { nearest: Some(n), order: NeighbourOrder::Peer, ..Default::default() }
}

#[test]
fn test_motifs_with_every_option() {
    let base = TomtomOptions::default;
    small("tomtom_test_default", base());
    small("tomtom_test_norc", forward());
    small("tomtom_test_nobins", TomtomOptions { target_bins: None, ..base() });
    small("tomtom_test_tb10", TomtomOptions { target_bins: Some(10), ..base() });
    small("tomtom_test_sb30", TomtomOptions { score_bins: 30, ..base() });
    small("tomtom_test_sb200", TomtomOptions { score_bins: 200, ..base() });
    small("tomtom_test_mb50", TomtomOptions { median_bins: 50, ..base() });
}

#[test]
fn few_and_short_targets() {
    let Some(motifs) = meme("test.meme") else { return };
    if let Some(case) = Case::open("tomtom_one_target") {
        check_rows(&case, "tomtom_one_target", &compare(&motifs, &motifs[..1], TomtomOptions::default()));
    }
    if let Some(case) = Case::open("tomtom_short_targets") {
        let cut = |(at, motif): (usize, &Array2<f64>)| motif.slice(s![..at % 3 + 1, ..]).to_owned();
        let targets: Vec<Array2<f64>> = motifs.iter().enumerate().map(cut).collect();
        check_rows(&case, "tomtom_short_targets", &compare(&motifs, &targets, TomtomOptions::default()));
    }
}

#[test]
fn queries_of_every_kind_against_jaspar() {
    for name in
        ["tomtom_seqlets_jaspar", "tomtom_jaspar_sub", "tomtom_attr", "tomtom_Ncols", "tomtom_uniform"]
    {
        jaspar(name, TomtomOptions::default());
    }
    jaspar("tomtom_seqlets_norc", forward());
}

#[test]
fn neighbours_in_the_peers_order() {
    for n in [1, 5, 50, 5000] {
        jaspar(&format!("tomtom_nearest{n}"), nearest(n));
    }
}

fn symmetric(name: &str, motifs: &[Array2<f64>]) {
    let Some(case) = Case::open(name) else { return };
    let n = motifs.len();
    let mut pairs = 0;
    let sink = |query: usize, matches: Vec<MotifMatch>| {
        for found in matches {
            // The peer copies the narrower motif's row into the wider one's column.
            assert_match(&case, name, query * n + found.target, &found);
            assert_match(&case, name, found.target * n + query, &found);
            pairs += 1;
        }
        Ok::<(), TomtomError>(())
    };
    compare_symmetric(&views(motifs), TomtomOptions::default(), sink).unwrap();
    assert_eq!(pairs, n * (n - 1) / 2);
}

#[test]
fn every_pair_once() {
    let (Some(small), Some(jaspar)) = (meme("test.meme"), meme("JASPAR2024.meme")) else { return };
    symmetric("symmetric_test", &small);
    if let Some(case) = Case::open("symmetric_jaspar_sub") {
        symmetric("symmetric_jaspar_sub", &case.rows("q_rows", &jaspar));
    }
}

#[test]
fn seqlets_of_sequences() {
    let (Some(case), Some(motifs)) = (Case::open("annotate"), meme("JASPAR2024.meme")) else { return };
    let length = case.0["codes"].0[1];
    let one_hot = |row: &[f64]| {
        let codes = &case.values("codes")[row[0] as usize * length..][row[1] as usize..row[2] as usize];
        Array2::from_shape_fn((codes.len(), 4), |(i, letter)| f64::from(u8::from(codes[i] == letter as f64)))
    };
    let queries: Vec<Array2<f64>> = case.values("seqlets").chunks(3).map(one_hot).collect();
    for (n, index, p) in [(1, "idx1", "p1"), (5, "idx5", "p5")] {
        let found = compare(&queries, &motifs, nearest(n));
        for (at, found) in found.iter().flatten().enumerate() {
            assert_eq!(found.target as f64, case.values(index)[at], "{index} of {at}");
            assert_close(&format!("{p} of {at}"), found.p_value, case.values(p)[at]);
        }
    }
}

/// The numbers of a table on the standard output of `ttl`: target, p, score, offset, overlap, strand.
fn ttl(name: &str, queries: &[(&str, Array2<f64>)], options: TomtomOptions) {
    let (Some(file), Some(motifs)) = (golden(&format!("motif/{name}.txt")), meme("JASPAR2024.meme")) else {
        return;
    };
    let names = fs::read_to_string(data("motifs/JASPAR2024.meme").unwrap()).unwrap();
    let names: Vec<&str> = names.lines().filter_map(|line| line.strip_prefix("MOTIF ")).collect();
    let line = |query: &str, found: &MotifMatch| {
        let numbers = (found.score, found.offset, found.overlap, found.strand.symbol());
        (query.to_owned(), names[found.target].to_owned(), format!("{:.7e}", found.p_value), numbers)
    };
    let matrices: Vec<Array2<f64>> = queries.iter().map(|(_, matrix)| matrix.clone()).collect();
    let found = compare(&matrices, &motifs, options);
    let lines = queries.iter().zip(&found).flat_map(|((name, _), row)| row.iter().map(|m| line(name, m)));
    let mut lines: Vec<_> = lines.collect();
    let text = fs::read_to_string(file).unwrap();
    let row = |row: &str| {
        let fields: Vec<&str> = row.split('\t').map(str::trim).collect();
        let number = |at: usize| fields[at].parse::<i32>().unwrap();
        let p: f64 = fields[4].parse().unwrap();
        let numbers = (number(5) as u32, number(6), number(7) as u32, fields[8].chars().next().unwrap());
        (fields[0].to_owned(), fields[2].to_owned(), format!("{p:.7e}"), numbers)
    };
    let mut expected: Vec<_> = text.lines().skip(1).map(row).collect();
    // Rows of equal p-values are in no order of their own.
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected, "{name}");
}

#[test]
fn tables_of_the_peers_command() {
    let letters = "CCCAGGACCC".bytes().map(|byte| "ACGT".find(char::from(byte)).unwrap());
    let letters: Vec<usize> = letters.collect();
    let query = Array2::from_shape_fn((10, 4), |(i, letter)| f64::from(u8::from(letters[i] == letter)));
    let below = |threshold| TomtomOptions { threshold: Some(threshold), ..Default::default() };
    let word = [(".", query)];
    ttl("ttl_query", &word, below(0.001));
    ttl("ttl_query_norc", &word, TomtomOptions { strands: TomtomStrands::Forward, ..below(0.0005) });
    ttl("ttl_query_n5", &word, nearest(5));
    ttl("ttl_none", &word, below(1e-40));
    let (Some(motifs), Some(path)) = (meme("test2.meme"), data("motifs/test2.meme")) else { return };
    let text = fs::read_to_string(path).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("MOTIF ")).map(str::trim);
    let queries: Vec<(&str, Array2<f64>)> = names.zip(motifs).collect();
    ttl("ttl_meme", &queries, below(1e-6));
}
