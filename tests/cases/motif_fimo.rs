//! Motif files and scans against memelite 0.5, and the scan of a whole genome.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::io::Read;
use std::path::Path;

use cistron::encode::NpzReader;
use cistron::genome::{DEFAULT_MAX_MEMORY, open_reference};
use cistron::motif::{
    FimoOptions, Hit, HitOrder, Motif, MotifSet, PValues, ScanEngine, ScanStrands, ScanThreshold, Scanner,
    parse_meme_lenient, read_motifs,
};
use cistron::{Alphabet, Reference, Run, Strand, Window};
use conformance::{data, golden};
use serde_json::Value;

/// p-values are sums of the same terms in another order, there in log2 space.
const P_TOLERANCE: f64 = 1e-9;
/// Scores are sums of the same numbers in the same order; the logarithms may differ in their last bit.
const SCORE_TOLERANCE: f64 = 1e-12;

fn lenient(path: &Path) -> MotifSet {
    parse_meme_lenient(&fs::read(path).unwrap(), &path.display().to_string(), None).unwrap()
}

fn numbers(npz: &mut NpzReader, name: &str) -> Vec<f64> {
    npz.numbers(name).unwrap().1
}

fn subset(set: &MotifSet, rows: &[f64]) -> MotifSet {
    let mut out = MotifSet::new(Alphabet::dna());
    for row in rows {
        out.push(set.motifs()[*row as usize].clone()).unwrap();
    }
    out
}

/// The motifs of a case: the small file, or rows of the large one.
fn motifs_of(npz: &mut NpzReader, folder: &Path) -> MotifSet {
    if npz.contains("motif_rows") {
        let rows = numbers(npz, "motif_rows");
        return subset(&lenient(&folder.join("JASPAR2024.meme")), &rows);
    }
    lenient(&folder.join("test.meme"))
}

fn options_of(case: &Value) -> FimoOptions {
    let mut options = FimoOptions::peer();
    if let Some(p) = case["threshold"].as_f64() {
        options.threshold = ScanThreshold::PValue(p);
    }
    if let Some(bin_size) = case["bin_size"].as_f64() {
        options.bin_size = bin_size;
    }
    options.pseudocount = case["eps"].as_f64();
    if case["reverse_complement"].as_bool() == Some(false) {
        options.strands = ScanStrands::Forward;
    }
    options
}

fn sequences_of(npz: &mut NpzReader) -> Vec<Vec<u8>> {
    let (shape, codes) = npz.numbers("codes").unwrap();
    let code = |code: &f64| if *code < 0.0 { 4 } else { *code as u8 };
    codes.chunks(shape[1]).map(|row| row.iter().map(code).collect()).collect()
}

fn check_hits(name: &str, hits: &[Hit], npz: &mut NpzReader) {
    let [motif, sequence, start, end, strand, score, p_value] =
        ["motif_idx", "sequence", "start", "end", "strand", "score", "pvalue"].map(|it| numbers(npz, it));
    assert_eq!(hits.len(), motif.len(), "{name}");
    for (i, hit) in hits.iter().enumerate() {
        let reverse = f64::from(u8::from(hit.strand == Strand::Reverse));
        let found = [f64::from(hit.motif), f64::from(hit.example), hit.start as f64, hit.end as f64, reverse];
        assert_eq!(found, [motif[i], sequence[i], start[i], end[i], strand[i]], "{name} row {i}");
        assert!((hit.score - score[i]).abs() <= SCORE_TOLERANCE, "{name} row {i}: {}", hit.score);
        assert!(
            (hit.p_value - p_value[i]).abs() <= P_TOLERANCE * p_value[i],
            "{name} row {i}: {}",
            hit.p_value
        );
    }
}

/// One scan of the golden folder, by every engine that this processor has.
fn check_case(name: &str) {
    let (Some(folder), Some(motifs)) = (golden("motif"), data("motifs")) else { return };
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut npz = NpzReader::open(folder.join(format!("{name}.npz"))).unwrap();
    let (set, sequences) = (motifs_of(&mut npz, &motifs), sequences_of(&mut npz));
    for engine in [ScanEngine::Auto, ScanEngine::Portable, ScanEngine::Avx2, ScanEngine::Avx512] {
        let options = FimoOptions { engine, ..options_of(&manifest["cases"][name]) };
        let Ok(scanner) = Scanner::new(&set, &options) else { continue };
        let (mut hits, summary) = scanner.collect(&sequences, Run::default()).unwrap();
        if npz.contains("counts") {
            let counts: Vec<f64> = summary.hits.iter().map(|count| *count as f64).collect();
            assert_eq!(counts, numbers(&mut npz, "counts"), "{name}");
        }
        if npz.contains("frame_len") {
            HitOrder::Sequence.sort(&mut hits);
            let frames: Vec<f64> =
                hits.chunk_by(|a, b| a.example == b.example).map(|frame| frame.len() as f64).collect();
            assert_eq!(frames, numbers(&mut npz, "frame_len"), "{name}");
        }
        check_hits(name, &hits, &mut npz);
    }
}

macro_rules! scans {
    ($($name:ident)*) => {
        $(
            #[test]
            #[allow(non_snake_case, reason = "the golden file's own name")]
            fn $name() { check_case(stringify!($name)); }
        )*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

scans! {
    fimo_test_L1 fimo_test_L7 fimo_test_L8 fimo_test_L9 fimo_test_L10 fimo_test_L15 fimo_test_L20 fimo_test_L21
    fimo_test_L50 fimo_test_L200 fimo_test_L2000
    fimo_test_thr1e3 fimo_test_thr0p3 fimo_test_thr1e6 fimo_test_thr1e30
    fimo_test_bin001 fimo_test_bin1 fimo_test_bin03 fimo_test_eps001 fimo_test_eps1em9 fimo_test_norc
    fimo_allN fimo_mixN fimo_jaspar_sub fimo_planted fimo_dim1
}

#[test]
fn every_scan_of_the_manifest_is_a_case() {
    let Some(folder) = golden("motif") else { return };
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for (name, settings) in manifest["cases"].as_object().unwrap() {
        let scan = settings["kind"].as_str().unwrap().starts_with("fimo");
        let known = CASES.contains(&name.as_str()) || ["fimo_tables", "fimo_fasta"].contains(&name.as_str());
        assert!(known || !scan, "{name}");
    }
}

#[test]
fn fimo_tables() {
    let (Some(folder), Some(motifs)) = (golden("motif"), data("motifs")) else { return };
    let mut npz = NpzReader::open(folder.join("fimo_tables.npz")).unwrap();
    let rows = numbers(&mut npz, "motif_rows");
    let mut set = lenient(&motifs.join("test.meme"));
    for motif in subset(&lenient(&motifs.join("JASPAR2024.meme")), &rows).motifs() {
        set.push(motif.clone()).unwrap();
    }
    for motif in 0..set.len() {
        let table = PValues::of(&set, motif, &FimoOptions::peer()).unwrap();
        for strand in ["f", "r"] {
            assert_eq!(numbers(&mut npz, &format!("s{motif}{strand}")), [table.lowest() as f64]);
            let expected = numbers(&mut npz, &format!("t{motif}{strand}"));
            assert_eq!(table.survival().len(), expected.len());
            for (p, log2) in table.survival().iter().zip(expected) {
                // 1e-12 in log2 space: the largest deviation measured between the two ways of adding is 6e-14.
                assert!(*p == log2.exp2() || (p.log2() - log2).abs() <= 1e-12, "{motif}{strand} {p} {log2}");
            }
        }
    }
}

#[test]
fn fimo_fasta() {
    let (Some(folder), Some(motifs)) = (golden("motif"), data("motifs")) else { return };
    let reference = open_reference(folder.join("scan.fa"), DEFAULT_MAX_MEMORY).unwrap();
    let sequences: Vec<Vec<u8>> = (0..reference.contigs().len()).map(|i| contig(&*reference, i)).collect();
    let set = lenient(&motifs.join("test.meme"));
    let options = FimoOptions { threshold: ScanThreshold::PValue(1e-3), ..FimoOptions::peer() };
    let (hits, _) = Scanner::new(&set, &options).unwrap().collect(&sequences, Run::default()).unwrap();
    let expected = fs::read_to_string(folder.join("fimo_fasta.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = expected.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(hits.len(), rows.len());
    for (hit, row) in hits.iter().zip(&rows) {
        let (motif, contig) = (&set.motifs()[hit.motif as usize], &reference.contigs()[hit.example as usize]);
        let found = [
            motif.name().to_string(),
            hit.motif.to_string(),
            contig.name.to_string(),
            hit.start.to_string(),
            hit.end.to_string(),
            hit.strand.to_string(),
        ];
        assert_eq!(found[..], row[..6]);
        let [score, p_value]: [f64; 2] = [row[6].parse().unwrap(), row[7].parse().unwrap()];
        assert!(
            (hit.score - score).abs() <= SCORE_TOLERANCE
                && (hit.p_value - p_value).abs() <= P_TOLERANCE * p_value
        );
    }
}

fn contig(reference: &dyn Reference, index: usize) -> Vec<u8> {
    let contig = &reference.contigs()[index];
    let window = Window::new(contig.name.clone(), 0, contig.length as u32, Strand::Forward).unwrap();
    let mut codes = Vec::new();
    reference.fetch_into(&window, &mut codes).unwrap();
    codes
}

#[test]
fn strict_and_lenient_readers_agree_on_real_files() {
    let Some(folder) = data("motifs") else { return };
    let counts =
        [("JASPAR2024.meme", 2346), ("H13CORE_meme_format.meme", 1611), ("test.meme", 12), ("test2.meme", 4)];
    for (file, count) in counts {
        let (strict, lenient) = (read_motifs(folder.join(file), &()).unwrap(), lenient(&folder.join(file)));
        assert_eq!((strict.len(), lenient.len()), (count, count), "{file}");
        for (a, b) in strict.motifs().iter().zip(lenient.motifs()) {
            assert_eq!((a.full_name().as_str(), a.matrix()), (&**b.name(), b.matrix()));
        }
    }
}

#[test]
fn jaspar_counts_are_the_probabilities_of_its_meme_file() {
    let Some(folder) = data("motifs") else { return };
    let counts = read_motifs(folder.join("JASPAR2024.jaspar16.pfm"), &()).unwrap();
    let meme = read_motifs(folder.join("JASPAR2024.meme"), &()).unwrap();
    assert_eq!(counts.len(), 2346);
    let uniform = cistron::motif::Background::uniform(4);
    for motif in counts.motifs() {
        let other: &Motif = &meme.motifs()[meme.position(motif.name()).unwrap()];
        let probabilities = motif.probabilities(&uniform).unwrap();
        assert_eq!(motif.alternate(), other.alternate(), "{}", motif.name());
        for (p, q) in probabilities.iter().zip(&other.matrix()) {
            // 95 motifs stand in the file of counts rounded to a thousand sites or so.
            assert!((p - q).abs() < 2e-3, "{} {p} {q}", motif.name());
        }
    }
}

/// The number of hits that memelite reports for the whole genome, both strands, p < 1e-4.
const E_COLI_HITS: usize = 2_023_242;

#[test]
fn whole_genome_has_the_hits_of_the_peer() {
    let (Some(genomes), Some(motifs)) = (data("genomes"), data("motifs")) else { return };
    let mut text = Vec::new();
    let file = fs::File::open(genomes.join("ecoli_k12_mg1655.fa.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    let body = text.iter().position(|byte| *byte == b'\n').unwrap();
    let mut codes: Vec<u8> =
        text[body..].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Alphabet::dna().encode_in_place(&mut codes);
    let scanner = Scanner::new(&lenient(&motifs.join("JASPAR2024.meme")), &FimoOptions::peer()).unwrap();
    let (hits, _) = scanner.collect([&codes], Run::default()).unwrap();
    assert_eq!(hits.len(), E_COLI_HITS);
}
