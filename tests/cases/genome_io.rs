//! FASTA, its indices, BED and merged regions against samtools, bgzip, pyfaidx and bedtools.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use cistron::genome::fasta::{FastaFile, FastaIndex, index};
use cistron::genome::{
    BgzipIndex, ContigSplit, Genome, GenomeError, RegionSet, bed, center, merge_sorted, read_sizes,
};
use cistron::{Anchor, Reference, Region, Strand, Window, reverse_complement_letters};
use conformance::{data, golden};
use serde_json::Value;
use tempfile::TempDir;

const PLAIN: [&str; 8] =
    ["w60", "w7_lower", "w1", "oneline", "crlf50", "nofinal61", "crlf_nofinal13", "iupac80"];

/// Copies golden files into a folder of their own, so that no index lies beside them.
fn copied(folder: &Path, names: &[&str]) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(copy.path().join(name), fs::read(folder.join(name)).unwrap()).unwrap();
    }
    copy
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn upper_letters(genome: &dyn Reference, window: &Window) -> String {
    let mut letters = Vec::new();
    genome.fetch_letters_into(window, &mut letters).unwrap();
    String::from_utf8(letters).unwrap().to_uppercase()
}

fn fai_of(path: &Path) -> String {
    let mut text = Vec::new();
    FastaIndex::build("x", cistron::genome::text::open(path).unwrap()).unwrap().write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn plain_indices_are_those_of_samtools() {
    let Some(folder) = golden("genome-io/fasta") else { return };
    let expected = json(folder.join("index.json"));
    for name in PLAIN {
        let file = format!("{name}.fa");
        let copy = copied(&folder, &[&file]);
        let written = index(copy.path().join(&file)).unwrap();
        let fai = fs::read_to_string(&written[0]).unwrap();
        assert_eq!(fai, text(&expected[name], "samtools"), "{name}");
        assert_eq!(fs::read_dir(copy.path()).unwrap().count(), 2, "{name} and its index, nothing else");
    }
}

#[test]
fn windows_files_have_the_indices_of_samtools() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    for name in ["mini.fa", "mini_crlf.fa"] {
        let expected = fs::read_to_string(folder.join(format!("{name}.fai"))).unwrap();
        assert_eq!(fai_of(&folder.join(name)), expected, "{name}");
    }
}

#[test]
fn bgzip_indices_are_those_of_samtools() {
    let Some(folder) = golden("genome-io/fasta") else { return };
    let copy = copied(&folder, &["bg.fa.gz"]);
    let written = index(copy.path().join("bg.fa.gz")).unwrap();
    assert_eq!(written.len(), 2);
    for suffix in ["fai", "gzi"] {
        let name = format!("bg.fa.gz.{suffix}");
        let found = fs::read(copy.path().join(&name)).unwrap();
        assert_eq!(found, fs::read(folder.join(&name)).unwrap(), "{name}");
    }
    assert_eq!(BgzipIndex::scan(folder.join("bg.fa.gz")).unwrap().blocks(), 4);
}

/// The files that samtools or pyfaidx refuse or read in their own ways: ours are refusals with their place, or the
/// index of samtools, to which only the record without bases is added.
#[test]
fn doubtful_files_are_refused_with_their_place_or_indexed_as_samtools_does() {
    let Some(folder) = golden("genome-io/fasta/bad") else { return };
    let peers = json(folder.with_file_name("bad.json"));
    let refused = [
        (
            "ragged.fa",
            "ragged.fa:3:3: found a line of 2 letters inside record `a`, expected 4 in each line but the last",
        ),
        (
            "blank_mid.fa",
            "blank_mid.fa:3:1: found a blank line inside record `a`, expected sequence or the next `>`",
        ),
        ("dup.fa", "dup.fa:3:2: found record `a` again, expected each name once (first at line 1)"),
        ("noname.fa", "noname.fa:1:2: found no name after `>`, expected one"),
        (
            "leading_text.fa",
            "leading_text.fa:1:1: found `A` before the first record, expected a line that starts with `>`",
        ),
        (
            "comment.fa",
            "comment.fa:1:1: found `;` before the first record, expected a line that starts with `>`",
        ),
        ("empty.fa", "empty.fa: no FASTA record, expected a line that starts with `>`"),
        (
            "longer_second.fa",
            "longer_second.fa:3:3: found a line of 4 letters in record `a`, expected at most 2 as in its first",
        ),
        ("mixed_nl.fa", "mixed_nl.fa:3:5: line of record `a` ends in LF, expected CRLF as its first"),
        (
            "space_in_seq.fa",
            "space_in_seq.fa:2:3: found a blank in a sequence line, expected a sequence letter",
        ),
    ];
    for (name, peer) in peers.as_object().unwrap() {
        let reader = cistron::genome::text::open(folder.join(name)).unwrap();
        let ours = FastaIndex::build(name, reader);
        if let Some((_, message)) = refused.iter().find(|(refused, _)| refused == name) {
            assert_eq!(ours.unwrap_err().to_string(), *message);
            continue;
        }
        let mut fai = Vec::new();
        ours.unwrap().write(&mut fai).unwrap();
        let empty = if name == "empty_rec.fa" { "a\t0\t3\t0\t0\n" } else { "" };
        let expected = format!("{empty}{}", text(peer, "samtools_fai"));
        assert_eq!(String::from_utf8(fai).unwrap(), expected, "{name}");
    }
}

/// Every stretch of `cases.json`, from disk with and without stored indices and from memory.
#[test]
fn stretches_are_those_of_pyfaidx_and_windows_are_padded() {
    let Some(folder) = golden("genome-io/fasta") else { return };
    let cases = json(folder.join("cases.json"));
    let mut checked = 0;
    for name in PLAIN.map(|name| format!("{name}.fa")) {
        let copy = copied(&folder, &[&name]);
        let references: [Box<dyn Reference>; 3] = [
            Box::new(FastaFile::open(folder.join(&name)).unwrap()),
            Box::new(FastaFile::open(copy.path().join(&name)).unwrap()),
            Box::new(Genome::read(folder.join(&name), 1 << 20).unwrap()),
        ];
        for case in cases.as_array().unwrap().iter().filter(|case| case["file"] == *name) {
            for reference in &references {
                check_case(&**reference, case);
            }
            checked += 1;
        }
    }
    assert!(checked > 600, "{checked} cases");
}

fn window_of(case: &Value, strand: Strand) -> Window {
    let (start, end) = (case["start"].as_i64().unwrap(), case["end"].as_i64().unwrap());
    Window::new(text(case, "chrom"), start, (end - start) as u32, strand).unwrap()
}

fn check_case(reference: &dyn Reference, case: &Value) {
    let (forward, reverse) = (window_of(case, Strand::Forward), window_of(case, Strand::Reverse));
    let padded = text(case, "ref_padded_upper");
    assert_eq!(upper_letters(reference, &forward), padded, "{case}");
    let mut complement = padded.as_bytes().to_vec();
    reverse_complement_letters(&mut complement);
    assert_eq!(upper_letters(reference, &reverse).as_bytes(), complement, "{case}");
    // pyfaidx answers with the file's own letters where the stretch lies inside its contig.
    for (key, window) in [("pyfaidx", &forward), ("pyfaidx_rc", &reverse)] {
        let inside =
            window.start() >= 0 && window.end() as u64 <= reference.contig(window.contig()).unwrap().length;
        if let Some(expected) = case[key].as_str().filter(|_| inside) {
            let mut letters = Vec::new();
            reference.fetch_letters_into(window, &mut letters).unwrap();
            assert_eq!(String::from_utf8(letters).unwrap(), expected, "{case}");
        }
    }
}

#[test]
fn bgzip_stretches_are_those_of_samtools() {
    let Some(folder) = golden("genome-io/fasta") else { return };
    let copy = copied(&folder, &["bg.fa.gz"]);
    let stored = FastaFile::open(folder.join("bg.fa.gz")).unwrap();
    let built = FastaFile::open(copy.path().join("bg.fa.gz")).unwrap();
    let whole = Genome::read(folder.join("bg.fa.gz"), 1 << 20).unwrap();
    let cases = json(folder.join("cases.json"));
    let mut checked = 0;
    for case in cases.as_array().unwrap().iter().filter(|case| case["file"] == "bg.fa.gz") {
        let window = window_of(case, Strand::Forward);
        let fetch = |reference: &dyn Reference| {
            let mut letters = Vec::new();
            reference.fetch_letters_into(&window, &mut letters).unwrap();
            String::from_utf8(letters).unwrap()
        };
        let letters = fetch(&whole);
        assert_eq!([fetch(&stored), fetch(&built)], [letters.clone(), letters.clone()], "{case}");
        if let Some(expected) = case["samtools"].as_str() {
            assert_eq!(letters, expected);
        }
        assert_eq!(md5(letters.as_bytes()), text(case, "md5"), "{case}");
        checked += 1;
    }
    assert_eq!(checked, 60);
}

#[test]
fn complements_are_those_of_pyfaidx() {
    let Some(folder) = golden("genome-io/fasta") else { return };
    for pair in json(folder.join("revcomp_pyfaidx.json")).as_array().unwrap() {
        let mut letters = pair[0].as_str().unwrap().as_bytes().to_vec();
        reverse_complement_letters(&mut letters);
        // pyfaidx refuses U, `-` and `*`.
        if let Some(expected) = pair[1].as_str() {
            assert_eq!(String::from_utf8(letters).unwrap(), expected);
        }
    }
}

#[test]
fn windows_of_regions_are_centred_and_padded() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let rows = bed::read(folder.join("regions.bed")).unwrap();
    for (name, width) in [("mini.fa", 200), ("mini.fa", 33), ("mini_crlf.fa", 200), ("mini_crlf.fa", 33)] {
        let genome = FastaFile::open(folder.join(name)).unwrap();
        let expected = fs::read_to_string(folder.join(format!("windows_L{width}.tsv"))).unwrap();
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let strand = row.strand.unwrap_or_default();
                let window = Window::centered(&row.region, width, Anchor::Half, strand);
                format!("{window}\t{}", upper_letters(&genome, &window))
            })
            .collect();
        assert_eq!(lines, expected.lines().collect::<Vec<_>>(), "{name} {width}");
    }
}

#[test]
fn bed_files_read_back_as_they_are() {
    let Some(folder) = golden("genome-io/bed") else { return };
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let tables =
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "bed" || e == "narrowPeak"));
    let mut checked = 0;
    for path in tables {
        let rows: Vec<String> = bed::read(path).unwrap().iter().map(ToString::to_string).collect();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(rows, text.lines().collect::<Vec<_>>(), "{}", path.display());
        checked += 1;
    }
    assert!(checked > 40, "{checked} files");
}

/// What bedtools thinks of untidy tables. We agree on every refusal but these: rows of unequal width and unsorted rows
/// are read here, `1e3` is refused.
#[test]
fn untidy_bed_is_judged_as_by_bedtools() {
    let Some(folder) = golden("genome-io/bed") else { return };
    for (name, case) in json(folder.join("messy.json")).as_object().unwrap() {
        let rows: Result<Vec<_>, _> = bed::Reader::new(name, text(case, "input").as_bytes()).collect();
        let expected = match name.as_str() {
            "ragged" | "unsorted_pos" | "unsorted_chrom" | "trailing_tab" => true,
            "sci" => false,
            _ => case["rc"] == 0,
        };
        assert_eq!(rows.is_ok(), expected, "{name}: {rows:?}");
    }
}

#[test]
fn contigs_of_an_index_are_sizes() {
    let Some(folder) = golden("variant-effects/probe") else { return };
    let contigs = read_sizes(folder.join("mini.fa.fai")).unwrap();
    let found: Vec<_> = contigs.iter().map(|contig| (&*contig.name, contig.length)).collect();
    assert_eq!(found, [("chr1", 1500), ("chr2", 731), ("chrTiny", 45), ("chrN", 150)]);
}

/// Genomes compressed by plain gzip are read into memory within the limit given.
#[test]
fn genomes_compressed_by_gzip_are_read_into_memory() {
    let Some(folder) = data("genomes") else { return };
    let path = folder.join("phix174_NC_001422.fa.gz");
    let genome = cistron::genome::open_reference(&path, 5386).unwrap();
    assert_eq!(genome.contigs()[0].length, 5386);
    let error = cistron::genome::open_reference(&path, 5385).err().unwrap().to_string();
    assert!(error.contains("need more than 5385 bytes") && error.contains("bgzip"), "{error}");
}

/// RFC 1321, for goldens that are given by digest alone.
fn md5(bytes: &[u8]) -> String {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut message = bytes.to_vec();
    message.push(0x80);
    // Zeros up to 8 bytes before a block's end, then the length in bits.
    message.resize((message.len() + 8).next_multiple_of(64) - 8, 0);
    message.extend((8 * bytes.len() as u64).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in message.chunks(64) {
        let word = |i: usize| u32::from_le_bytes(block[4 * i..4 * i + 4].try_into().unwrap());
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (f, at) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sine = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(f).wrapping_add(sine).wrapping_add(word(at));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (word, more) in state.iter_mut().zip([a, b, c, d]) {
            *word = word.wrapping_add(more);
        }
    }
    state
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn digests_are_those_of_the_standard() {
    assert_eq!(md5(b""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(md5(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    let long = b"12345678901234567890123456789012345678901234567890123456789012345678901234567890";
    assert_eq!(md5(long), "57edf4a22be3c955ac49da2e2107b67a");
}

/// The merged regions of a golden table as bedtools writes them, of sorted and of unsorted rows.
fn merged(path: &Path, distance: i64) -> String {
    let mut set = RegionSet::default();
    for row in bed::read(path).unwrap() {
        set.push(row.region.contig(), row.region.start(), row.region.end());
    }
    let mut text = String::new();
    set.merge(distance, &mut |it| writeln!(text, "{}\t{}\t{}", it.contig, it.start, it.end)).unwrap();
    text
}

#[test]
fn merged_regions_are_those_of_bedtools() {
    let Some(folder) = golden("genome-io/bed") else { return };
    let mut checked = 0;
    for case in json(folder.join("merge_cases.json")).as_array().unwrap() {
        if case["args"].as_str().is_some_and(|args| !args.is_empty()) {
            continue;
        }
        let distance = case["d"].as_i64().unwrap_or(0);
        let (sorted, expected) =
            (text(case, "in"), fs::read_to_string(folder.join(text(case, "out"))).unwrap());
        assert_eq!(merged(&folder.join(sorted), distance), expected, "{case}");
        assert_eq!(merged(&folder.join(sorted.replace(".sorted", "")), distance), expected, "{case}");
        let mut streamed = String::new();
        let mut rows = bed::Reader::open(folder.join(sorted)).unwrap();
        merge_sorted(&mut rows, distance, &mut |it| {
            writeln!(streamed, "{}\t{}\t{}", it.contig, it.start, it.end).unwrap();
            Ok::<(), GenomeError>(())
        })
        .unwrap();
        assert_eq!(streamed, expected, "{case}");
        checked += 1;
    }
    assert_eq!(checked, 36);
    let union: String =
        (0..3).map(|i| fs::read_to_string(folder.join(format!("rep{i}.gappedPeak.bed"))).unwrap()).collect();
    let all = tempfile::tempdir().unwrap();
    fs::write(all.path().join("all.bed"), union).unwrap();
    let expected = fs::read_to_string(folder.join("union.merged.bed")).unwrap();
    assert_eq!(merged(&all.path().join("all.bed"), 0), expected);
}

#[test]
fn windows_around_peaks_and_their_parts_are_those_of_the_rule() {
    let Some(folder) = golden("genome-io/regions") else { return };
    let golden = json(folder.join("ref_windows.json"));
    let width = u32::try_from(golden["length"].as_u64().unwrap()).unwrap();
    let split = ContigSplit::new(None, &["chr8"], &["chr2", "chr10"], &["chrY", "chrM"]);
    for case in golden["regions"].as_array().unwrap() {
        let contig = text(case, "chrom");
        let [start, end] = ["start", "end"].map(|key| case[key].as_u64().unwrap());
        let region = Region::new(contig, start, end).unwrap();
        let length = golden["sizes"][contig].as_u64().unwrap();
        let found = center(&region, width, Anchor::Half, length).map(|it| [it.start(), it.end()]);
        let expected = case["win"].as_array().map(|win| [win[0].as_u64().unwrap(), win[1].as_u64().unwrap()]);
        assert_eq!(found, expected, "{case}");
        let part = split.of(contig).map(|part| format!("{part:?}").to_lowercase());
        let expected = case["split"].as_str().map(|part| if part == "val" { "valid" } else { part });
        assert_eq!(part.as_deref(), expected, "{case}");
    }
}
