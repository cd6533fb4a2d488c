//! Motif comparison against memelite 0.5.0 and tangermeme 1.6.0: integers and orders exactly, p-values to 1e-9.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use cistron::encode::NpzReader;
use cistron::genome::{DEFAULT_MAX_MEMORY, bed, open_reference};
use cistron::motif::{
    MotifMatch, NeighbourOrder, TomtomError, TomtomOptions, TomtomStrands, TomtomTargets, compare_symmetric,
    sequence_matrix,
};
use cistron::ndarray::{Array2, ArrayView2, s};
use cistron::{Alphabet, Strand, Window};
use conformance::{data, golden};
use serde_json::Value;

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

/// What the manifest says of each case.
fn manifest() -> Option<Value> {
    let text = fs::read(golden("motif/manifest.json")?).unwrap();
    Some(serde_json::from_slice::<Value>(&text).unwrap()["cases"].take())
}

/// memelite's own order of neighbours with the case's settings.
fn options_of(settings: &Value) -> TomtomOptions {
    let number = |name: &str, default: usize| {
        settings.get(name).map_or(default, |number| number.as_u64().unwrap() as usize)
    };
    let base = TomtomOptions::default();
    TomtomOptions {
        score_bins: number("n_score_bins", base.score_bins),
        median_bins: number("n_median_bins", base.median_bins),
        target_bins: match settings.get("n_target_bins") {
            None => base.target_bins,
            Some(bins) => bins.as_u64().map(|bins| bins as usize),
        },
        strands: if settings["reverse_complement"] == false {
            TomtomStrands::Forward
        } else {
            TomtomStrands::Both
        },
        nearest: settings["n_nearest"].as_u64().map(|n| n as usize),
        order: NeighbourOrder::Peer,
        ..base
    }
}

fn targets_of(case: &Case, settings: &Value) -> Option<Vec<Array2<f64>>> {
    let cut = |(at, motif): (usize, &Array2<f64>)| motif.slice(s![..at % 3 + 1, ..]).to_owned();
    Some(match settings["targets"].as_str().unwrap() {
        "JASPAR2024.meme" => meme("JASPAR2024.meme")?,
        "JASPAR2024.meme rows t_rows" => case.rows("t_rows", &meme("JASPAR2024.meme")?),
        "test.meme" => meme("test.meme")?,
        "first test.meme motif only" => meme("test.meme")?[..1].to_vec(),
        "columns 0..w of each test.meme motif, w=1,2,3 cycling" => {
            meme("test.meme")?.iter().enumerate().map(cut).collect()
        }
        other => panic!("no targets are known as {other}"),
    })
}

fn queries_of(case: &Case, settings: &Value) -> Option<Vec<Array2<f64>>> {
    match settings["queries"].as_str() {
        Some("test.meme") => meme("test.meme"),
        Some("JASPAR2024.meme rows q_rows") => Some(case.rows("q_rows", &meme("JASPAR2024.meme")?)),
        _ => Some(case.queries()),
    }
}

fn check_comparison(name: &str, settings: &Value) {
    let Some(case) = Case::open(name) else { return };
    let (Some(queries), Some(targets)) = (queries_of(&case, settings), targets_of(&case, settings)) else {
        return;
    };
    check_rows(&case, name, &compare(&queries, &targets, options_of(settings)));
}

fn check_symmetric(name: &str, settings: &Value) {
    let Some(case) = Case::open(name) else { return };
    let Some(motifs) = queries_of(&case, settings) else { return };
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
    compare_symmetric(&views(&motifs), TomtomOptions::default(), sink).unwrap();
    assert_eq!(pairs, n * (n - 1) / 2);
}

/// Seqlets of sequences and their nearest motifs.
fn check_annotation(name: &str) {
    let (Some(case), Some(motifs)) = (Case::open(name), meme("JASPAR2024.meme")) else { return };
    let length = case.0["codes"].0[1];
    let one_hot = |row: &[f64]| {
        let codes = &case.values("codes")[row[0] as usize * length..][row[1] as usize..row[2] as usize];
        Array2::from_shape_fn((codes.len(), 4), |(i, letter)| f64::from(u8::from(codes[i] == letter as f64)))
    };
    let queries: Vec<Array2<f64>> = case.values("seqlets").chunks(3).map(one_hot).collect();
    for (n, index, p) in [(1, "idx1", "p1"), (5, "idx5", "p5")] {
        let found = compare(&queries, &motifs, nearest(n));
        assert_eq!(found.iter().flatten().count(), case.values(p).len());
        for (at, found) in found.iter().flatten().enumerate() {
            assert_eq!(found.target as f64, case.values(index)[at], "{index} of {at}");
            assert_close(&format!("{p} of {at}"), found.p_value, case.values(p)[at]);
        }
    }
}

fn nearest(n: usize) -> TomtomOptions {
    TomtomOptions { nearest: Some(n), order: NeighbourOrder::Peer, ..Default::default() }
}

/// The arguments of the command `ttl` that have a meaning for us.
fn options_of_command(arguments: &[&str]) -> TomtomOptions {
    let value = |option: &str| {
        let at = arguments.iter().position(|it| *it == option)?;
        arguments.get(at + 1)
    };
    TomtomOptions {
        threshold: value("-p").map(|p| p.parse().unwrap()),
        nearest: value("-n").map(|n| n.parse().unwrap()),
        strands: if arguments.contains(&"-r") { TomtomStrands::Forward } else { TomtomStrands::Both },
        order: NeighbourOrder::Peer,
        ..TomtomOptions::default()
    }
}

/// The names in a MEME file.
fn names(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("MOTIF ")).map(|name| name.trim().to_owned()).collect()
}

fn letters(letters: &[u8]) -> Array2<f64> {
    let codes: Vec<u8> = letters.iter().map(|letter| Alphabet::dna().code(*letter)).collect();
    sequence_matrix(&codes, &Alphabet::dna())
}

/// The output of the command `ttl`, of which the numbers count.
fn check_command(name: &str, settings: &Value) {
    let (Some(output), Some(folder)) = (golden(&format!("motif/{name}.txt")), data("motifs")) else { return };
    let output = fs::read_to_string(output).unwrap();
    let arguments: Vec<&str> =
        settings["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    match arguments[..] {
        ["-q", query, ..] => check_table(name, &output, query, &folder, options_of_command(&arguments)),
        ["-f", "OUT/scan.fa", "-b", "OUT/ttl.bed"] => check_regions(&output, &folder),
        _ => panic!("{name}: no use of {arguments:?} is known"),
    }
}

/// Targets, p-values, scores, offsets, overlaps and strands for each query.
fn check_table(name: &str, output: &str, query: &str, folder: &Path, options: TomtomOptions) {
    let targets = names(&folder.join("JASPAR2024.meme"));
    let (queries, matrices) = match query.strip_prefix("DATA/") {
        Some(file) => (names(&folder.join(file)), meme(file).unwrap()),
        None => (vec![".".to_owned()], vec![letters(query.as_bytes())]),
    };
    let line = |query: &str, found: &MotifMatch| {
        let numbers = (found.score, found.offset, found.overlap, found.strand.symbol());
        (query.to_owned(), targets[found.target].clone(), format!("{:.7e}", found.p_value), numbers)
    };
    let found = compare(&matrices, &meme("JASPAR2024.meme").unwrap(), options);
    let lines = queries.iter().zip(&found).flat_map(|(name, row)| row.iter().map(|m| line(name, m)));
    let mut lines: Vec<_> = lines.collect();
    let row = |row: &str| {
        let fields: Vec<&str> = row.split('\t').map(str::trim).collect();
        let number = |at: usize| fields[at].parse::<i32>().unwrap();
        let p: f64 = fields[4].parse().unwrap();
        let numbers = (number(5) as u32, number(6), number(7) as u32, fields[8].chars().next().unwrap());
        (fields[0].to_owned(), fields[2].to_owned(), format!("{p:.7e}"), numbers)
    };
    let mut expected: Vec<_> = output.lines().skip(1).map(row).collect();
    // Rows of equal p-values are in no order of their own.
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected, "{name}");
}

/// The nearest motif of each region and the natural logarithm of its p-value.
fn check_regions(output: &str, folder: &Path) {
    let Some(golden) = golden("motif") else { return };
    let genome = open_reference(golden.join("scan.fa"), DEFAULT_MAX_MEMORY).unwrap();
    let regions = bed::read(golden.join("ttl.bed")).unwrap();
    let one_hot = |record: &bed::BedRecord| {
        let window = Window::over(&record.region, Strand::Forward).unwrap();
        let mut codes = Vec::new();
        genome.fetch_into(&window, &mut codes).unwrap();
        sequence_matrix(&codes, &Alphabet::dna())
    };
    let queries: Vec<Array2<f64>> = regions.iter().map(one_hot).collect();
    let found = compare(&queries, &meme("JASPAR2024.meme").unwrap(), nearest(1));
    let targets = names(&folder.join("JASPAR2024.meme"));
    assert_eq!((output.lines().count(), found.len()), (regions.len(), regions.len()));
    for ((line, record), found) in output.lines().zip(&regions).zip(&found) {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let (region, best) = (&record.region, &found[0]);
        let place = format!("{} {} {}", region.contig(), region.start(), region.end());
        assert_eq!((fields[..3].join(" "), fields[3]), (place, targets[best.target].as_str()));
        let logarithm: f64 = fields[4].parse().unwrap();
        // Six digits are written: the last is off by at most a half.
        assert!((-best.p_value.ln() / logarithm - 1.0).abs() <= 5e-6, "{line}: {best:?}");
    }
}

fn check_case(name: &str) {
    let Some(manifest) = manifest() else { return };
    let settings = &manifest[name];
    match settings["kind"].as_str() {
        Some("tomtom") => check_comparison(name, settings),
        Some("symmetric_tomtom") => check_symmetric(name, settings),
        Some("annotate_seqlets") => check_annotation(name),
        Some("ttl stdout") => check_command(name, settings),
        kind => panic!("{name}: no case of kind {kind:?} is known"),
    }
}

macro_rules! comparisons {
    ($($name:ident)*) => {
        $(
            #[test]
            #[allow(non_snake_case, reason = "the golden file's own name")]
            fn $name() { check_case(stringify!($name)); }
        )*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

comparisons! {
    tomtom_test_default tomtom_test_norc tomtom_test_nobins tomtom_test_tb10 tomtom_test_sb30 tomtom_test_sb200
    tomtom_test_mb50 tomtom_one_target tomtom_short_targets
    tomtom_seqlets_jaspar tomtom_seqlets_norc tomtom_jaspar_sub tomtom_attr tomtom_Ncols tomtom_uniform
    tomtom_nearest1 tomtom_nearest5 tomtom_nearest50 tomtom_nearest5000
    symmetric_test symmetric_jaspar_sub annotate
    ttl_query ttl_query_n5 ttl_query_norc ttl_none ttl_meme ttl_bed
}

#[test]
fn every_comparison_of_the_manifest_is_a_case() {
    let Some(manifest) = manifest() else { return };
    let all = manifest.as_object().unwrap().iter();
    let comparisons = all.filter(|(_, settings)| !settings["kind"].as_str().unwrap().starts_with("fimo"));
    for (name, _) in comparisons {
        assert!(CASES.contains(&name.as_str()), "{name}");
    }
}
