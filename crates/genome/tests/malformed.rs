//! Broken files: every table lists an input and the whole message that it gets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;

use cistron_core::{Reference, Strand, Window};
use cistron_genome::fasta::{FastaFile, FastaIndex, Reader};
use cistron_genome::{BgzipIndex, GenomeError, bed, open_reference, read_sizes};
use tempfile::TempDir;

/// A folder with files, which are written one after the other.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// A message without the folder of its file.
fn relative(folder: &TempDir, error: impl std::fmt::Display) -> String {
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gz");
    let mut file = cistron_genome::text::create(&path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file.commit().unwrap();
    fs::read(path).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn fasta_that_cannot_be_indexed() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "x.fa: no FASTA record, expected a line that starts with `>`"),
        (b"\n\r\n", "x.fa: no FASTA record, expected a line that starts with `>`"),
        (b"ACGT", "x.fa:1:1: found `A` before the first record, expected a line that starts with `>`"),
        (
            b"\n;c\n>a\nA\n",
            "x.fa:2:1: found `;` before the first record, expected a line that starts with `>`",
        ),
        (
            b"@r\nACGT\n+\nIIII\n",
            "x.fa:1:1: found `@` before the first record, expected a line that starts with `>` (FASTQ is not read)",
        ),
        (
            b"\xef\xbb\xbf>a\nA\n",
            "x.fa:1:1: found byte 0xEF before the first record, expected a line that starts with `>`",
        ),
        (
            b">a\nACGT\nAC\nACGT\n",
            "x.fa:3:3: found a line of 2 letters inside record `a`, expected 4 in each line but the last",
        ),
        (
            b">a\nACGT\n\nACGT\n",
            "x.fa:3:1: found a blank line inside record `a`, expected sequence or the next `>`",
        ),
        (
            b">a\n\nACGT\n",
            "x.fa:2:1: found a blank line inside record `a`, expected sequence or the next `>`",
        ),
        (
            b">a\nAC\nACGT\n",
            "x.fa:3:3: found a line of 4 letters in record `a`, expected at most 2 as in its first",
        ),
        (
            b">a\nAC\nACG",
            "x.fa:3:3: found a line of 3 letters in record `a`, expected at most 2 as in its first",
        ),
        (b">a\r\nACGT\r\nAC\n", "x.fa:3:3: line of record `a` ends in LF, expected CRLF as its first"),
        (b">a\nACGT\nACGT\r\n", "x.fa:3:5: line of record `a` ends in CRLF, expected LF as its first"),
        (b">a\nACGT\nAC\r", "x.fa:3:3: line of record `a` ends in CRLF, expected LF as its first"),
        (
            b">a\nAC\rGT\n",
            "x.fa:2:3: found a carriage return inside a line, expected lines that end in LF or CRLF",
        ),
        (b">a\nAC GT\n", "x.fa:2:3: found a blank in a sequence line, expected a sequence letter"),
        (b">a\nACGT \n", "x.fa:2:5: found a blank in a sequence line, expected a sequence letter"),
        (b">a\nAC\tGT\n", "x.fa:2:3: found a tab in a sequence line, expected a sequence letter"),
        (b">a\nAC\0GT\n", "x.fa:2:3: found byte 0x00 in a sequence line, expected a sequence letter"),
        (b">a\nAC\xc3\xa9\n", "x.fa:2:3: found byte 0xC3 in a sequence line, expected a sequence letter"),
        (b">a\nAC>b\n", "x.fa:2:3: found `>` in a sequence line, expected a sequence letter"),
        (b">a\n1 ACGT\n", "x.fa:2:1: found `1` in a sequence line, expected a sequence letter"),
        (b">\nACGT\n", "x.fa:1:2: found no name after `>`, expected one"),
        (b">a\nA\n> \t\r\nACGT\n", "x.fa:3:2: found no name after `>`, expected one"),
        (
            b">a\nA\n>b\nA\n>a x\nA\n",
            "x.fa:5:2: found record `a` again, expected each name once (first at line 1)",
        ),
        (b">a\xff\nA\n", "x.fa:1:3: found byte 0xFF in a header, expected UTF-8 text"),
        (b">a\rACGT\r", "x.fa:1:3: found a carriage return in a header, expected text in one line"),
        (b">a\0b\nA\n", "x.fa:1:3: found byte 0x00 in a header, expected text in one line"),
    ];
    for (fasta, message) in cases {
        let found = FastaIndex::build("x.fa", *fasta).unwrap_err().to_string();
        assert_eq!(found, *message, "{}", fasta.escape_ascii());
        // Whole records may have lines of any length; every other fault is one for them too.
        let whole: Result<Vec<_>, _> = Reader::new("x.fa", *fasta).collect();
        match whole {
            Ok(_) => assert!(message.contains("a line of"), "{message}"),
            Err(error) => assert_eq!(error.to_string(), *message),
        }
    }
}

#[test]
fn fai_that_is_no_index() {
    let columns = "expected 5: name, length, offset, line bases, line width";
    let digits = "is no number, expected digits, at most 281474976710656";
    let cases: &[(&[u8], String)] = &[
        (b"", "x.fai: no contig, expected the lines of a FASTA index".into()),
        (b"\n", format!("x.fai:1:1: found 1 columns, {columns}")),
        (b"a 4 3 4 5\n", format!("x.fai:1:1: found 1 columns, {columns}")),
        (b"a\t4\t3\t4\n", format!("x.fai:1:4: found 4 columns, {columns}")),
        (
            b"a\t4\t3\t4\t5\t9\n",
            format!("x.fai:1:5: found 6 columns, {columns} (the index of a FASTQ file has 6)"),
        ),
        (b"a\t-4\t3\t4\t5\n", format!("x.fai:1:2: length `-4` {digits}")),
        (b"a\t4\t1e3\t4\t5\n", format!("x.fai:1:3: offset `1e3` {digits}")),
        (b"a\t4\t3\t\t5\n", format!("x.fai:1:4: line bases `` {digits}")),
        (b"a\t4\t3\t4\t+5\n", format!("x.fai:1:5: line width `+5` {digits}")),
        (b"a\t99999999999999999999\t3\t4\t5\n", format!("x.fai:1:2: length `99999999999999999999` {digits}")),
        (b"a\t4\t281474976710657\t4\t5\n", format!("x.fai:1:3: offset `281474976710657` {digits}")),
        (
            b"a\t4\t3\t0\t0\n",
            "x.fai:1:4: found 0 bases in a line of a contig of 4 bases, expected at least 1".into(),
        ),
        (b"a\t9\t3\t4\t3\n", "x.fai:1:5: found a line width of 3 bytes for 4 bases, expected 5 or 6".into()),
        (b"a\t9\t3\t4\t4\n", "x.fai:1:5: found a line width of 4 bytes for 4 bases, expected 5 or 6".into()),
        (b"a\t4\t3\t4\t7\n", "x.fai:1:5: found a line width of 7 bytes for 4 bases, expected 5 or 6".into()),
        (b"\t4\t3\t4\t5\n", "x.fai:1:1: name `` is no name of a contig, expected text without blanks".into()),
        (
            b"a b\t4\t3\t4\t5\n",
            "x.fai:1:1: name `a b` is no name of a contig, expected text without blanks".into(),
        ),
        (b"a\t4\t3\t4\t5\n\xff\t4\t3\t4\t5\n", "x.fai:2:1: found byte 0xFF, expected UTF-8 text".into()),
        (
            b"a\t4\t3\t4\t5\na\t4\t9\t4\t5\n",
            "x.fai:2:1: found contig `a` again, expected each name once (first at line 1)".into(),
        ),
    ];
    for (fai, message) in cases {
        let found = FastaIndex::read("x.fai", *fai).unwrap_err().to_string();
        assert_eq!(found, *message, "{}", fai.escape_ascii());
    }
}

#[test]
fn an_index_of_another_file_is_an_error_and_never_wrong_bases() {
    let fasta = b">a\nACGT\nACGT\nAC\n>b\nTT\n";
    let wrong = "(is the index of another file?)";
    let no_header =
        format!("x.fa: contig `a` at position 0: no header with this name stands above it {wrong}");
    let cases: &[(&str, String)] = &[
        ("a\t10\t4\t4\t5\n", no_header.clone()),
        ("a\t10\t0\t4\t5\n", no_header.clone()),
        ("a\t2\t19\t2\t3\n", no_header),
        (
            "a\t10\t3\t3\t4\n",
            format!(
                "x.fa: contig `a` at position 10: the sequence goes on, expected an end after 10 bases {wrong}"
            ),
        ),
        (
            "a\t9\t3\t4\t5\n",
            format!(
                "x.fa: contig `a` at position 9: the sequence goes on, expected an end after 9 bases {wrong}"
            ),
        ),
        (
            "a\t11\t3\t4\t5\n",
            format!(
                "x.fa: contig `a` at position 11: the sequence goes on, expected an end after 11 bases {wrong}"
            ),
        ),
        (
            "a\t8\t3\t3\t5\n",
            format!("x.fa: contig `a` at position 2: found `T` after it, expected the end of a line {wrong}"),
        ),
        (
            "a\t12\t3\t13\t14\n",
            format!("x.fa: contig `a` at position 4: found a line end, expected a sequence letter {wrong}"),
        ),
        (
            "a\t99\t3\t4\t5\n",
            "x.fa.fai:1:3: contig `a` ends at byte 126, expected at most 22, the size of x.fa".to_owned(),
        ),
        (
            "b\t2\t19\t2\t3\na\t281474976710656\t281474976710656\t1\t3\n",
            "x.fa.fai:2:3: contig `a` ends at byte 1125899906842622, expected at most 22, the size of x.fa"
                .to_owned(),
        ),
    ];
    for (fai, message) in cases {
        let folder = folder(&[("x.fa", fasta), ("x.fa.fai", fai.as_bytes())]);
        let found = FastaFile::open(folder.path().join("x.fa")).map_err(|error| relative(&folder, error));
        let found = found.and_then(|genome| {
            let length = genome.contig("a").unwrap().length as u32;
            let window = Window::new("a", 0, length, Strand::Forward).unwrap();
            let mut letters = b"kept".to_vec();
            let fetched = genome.fetch_letters_into(&window, &mut letters);
            assert_eq!(letters, b"kept", "{fai:?}");
            fetched.map_err(|error| relative(&folder, error))
        });
        assert_eq!(found.unwrap_err(), *message, "{fai:?}");
    }
}

#[test]
fn compressed_files_that_are_damaged() {
    let fasta = [b">a\n".to_vec(), b"ACGT".repeat(40_000)].concat();
    let whole = bgzip(&fasta);
    let marker = whole.len() - 28;
    let mut flipped = whole.clone();
    flipped[100] ^= 0x55;
    let not_found = |byte: u64| format!("x.fa.gz: found no block of bgzip at byte {byte}, expected one");
    let cases: Vec<(Vec<u8>, String)> = vec![
        (
            gzip(&fasta),
            "x.fa.gz: found plain gzip, expected bgzip for random access (compress it with `bgzip`)".into(),
        ),
        (
            whole[..marker].to_vec(),
            "x.fa.gz: found no end marker of bgzip, expected one (the file may be cut short)".into(),
        ),
        (whole[..marker - 1].to_vec(), "x.fa.gz: the file ends inside the bgzip block at byte ".into()),
        (whole[..50].to_vec(), "x.fa.gz: the file ends inside the bgzip block at byte 0".into()),
        ([&whole[..], b"more"].concat(), not_found(whole.len() as u64)),
        (flipped, "x.fa.gz: compressed data are damaged: ".into()),
        (vec![0x1f, 0x8b], "x.fa.gz: found plain gzip".into()),
    ];
    for (bytes, message) in cases {
        let folder = folder(&[("x.fa.gz", &bytes)]);
        let found = relative(&folder, FastaFile::open(folder.path().join("x.fa.gz")).unwrap_err());
        assert!(found.starts_with(&message), "{found}\n{message}");
    }
}

#[test]
fn gzi_that_is_no_index_of_its_file() {
    let fasta = [b">a\n".to_vec(), b"ACGT".repeat(40_000)].concat();
    let whole = bgzip(&fasta);
    let fai = "a\t160000\t3\t160000\t160001\n";
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let size = whole.len();
    let cases: Vec<(Vec<u8>, String)> = vec![
        (
            vec![],
            "x.fa.gz.gzi: found 0 bytes, expected 8 and 16 for each of the 0 blocks that it counts".into(),
        ),
        (
            words(&[1]),
            "x.fa.gz.gzi: found 8 bytes, expected 8 and 16 for each of the 1 blocks that it counts".into(),
        ),
        (
            words(&[u64::MAX]),
            format!(
                "x.fa.gz.gzi: found 8 bytes, expected 8 and 16 for each of the {} blocks that it counts",
                u64::MAX
            ),
        ),
        (
            words(&[1, 0, 0]),
            format!(
                "x.fa.gz.gzi: entry 1 is (0, 0), expected numbers above (0, 0) inside a file of {size} bytes"
            ),
        ),
        (
            words(&[1, 1 << 60, 9]),
            format!(
                "x.fa.gz.gzi: entry 1 is ({}, 9), expected numbers above (0, 0) inside a file of {size} bytes",
                1_u64 << 60
            ),
        ),
        (words(&[1, 77, 65280]), "x.fa.gz: found no block of bgzip at byte 77, expected one".into()),
    ];
    for (gzi, message) in cases {
        let files: &[(&str, &[u8])] =
            &[("x.fa.gz", &whole), ("x.fa.gz.gzi", &gzi), ("x.fa.gz.fai", fai.as_bytes())];
        let folder = folder(files);
        let found = FastaFile::open(folder.path().join("x.fa.gz")).unwrap_err();
        assert_eq!(relative(&folder, found), message);
    }
    // An index that lists some blocks only is completed.
    let folder =
        folder(&[("x.fa.gz", &whole), ("x.fa.gz.gzi", &words(&[0])), ("x.fa.gz.fai", fai.as_bytes())]);
    let genome = FastaFile::open(folder.path().join("x.fa.gz")).unwrap();
    let mut letters = Vec::new();
    genome.fetch_letters_into(&Window::new("a", 0, 160_000, Strand::Forward).unwrap(), &mut letters).unwrap();
    assert_eq!(letters, fasta[3..]);
    assert_eq!(BgzipIndex::scan(folder.path().join("x.fa.gz")).unwrap().size(), 160_003);
}

#[test]
fn bed_that_is_no_table_of_regions() {
    let cases: &[(&[u8], &str)] = &[
        (b"chr1\t5200\t5000\n", "x.bed:1:3: end 5000 is below start 5200"),
        (b"#h\n\nchr1 5 9\n", "x.bed:3:1: found columns separated by blanks, expected tabs"),
        (b"chr1\n", "x.bed:1:2: found 1 column, expected at least 3: contig, start, end"),
        (b"chr1\t5\n", "x.bed:1:3: found 2 columns, expected at least 3: contig, start, end"),
        (b"\t5\t9\n", "x.bed:1:1: found no contig name, expected one"),
        (b"c\t-5\t9\n", "x.bed:1:2: start is `-5`, expected a number in decimal digits"),
        (b"c\t+5\t9\n", "x.bed:1:2: start is `+5`, expected a number in decimal digits"),
        (b"c\t\t9\n", "x.bed:1:2: start is ``, expected a number in decimal digits"),
        (b"c\t5\t1e3\n", "x.bed:1:3: end is `1e3`, expected a number in decimal digits"),
        (b"c\t5\t10.0\n", "x.bed:1:3: end is `10.0`, expected a number in decimal digits"),
        (b"c\t5\t9 \n", "x.bed:1:3: end is `9 `, expected a number in decimal digits"),
        (b"c\t5\t281474976710657\n", "x.bed:1:3: end is `281474976710657`, expected at most 281474976710656"),
        (
            b"c\t99999999999999999999999\t9\n",
            "x.bed:1:2: start is `99999999999999999999999`, expected at most 281474976710656",
        ),
        (b"c\t5\t9\tn\xff\n", "x.bed:1:4: found byte 0xFF, expected UTF-8 text"),
        (b"c\t5\t9\r\r\n", "x.bed:1:3: end is `9\\r`, expected a number in decimal digits"),
    ];
    for (text, message) in cases {
        let mut reader = bed::Reader::new("x.bed", *text);
        assert_eq!(reader.next().unwrap().unwrap_err().to_string(), *message);
        assert!(reader.next().is_none(), "nothing follows an error");
    }
}

#[test]
fn sizes_that_are_no_lengths_of_contigs() {
    let columns = "expected 2 (name, length) or the 5 of a FASTA index, separated by tabs";
    let cases: &[(&str, String)] = &[
        ("# empty\n", "x.sizes: no contig, expected lines of a name and a length".into()),
        ("chr1 5\n", format!("x.sizes:1:1: found 1 column, {columns}")),
        ("chr1\t5\t9\n", format!("x.sizes:1:3: found 3 columns, {columns}")),
        ("chr1\t5x\n", "x.sizes:1:2: length is `5x`, expected a number in decimal digits".into()),
        ("\t5\n", "x.sizes:1:1: found no contig name, expected one".into()),
        (
            "a\t5\n\na\t5\n",
            "x.sizes:3:1: found contig `a` again, expected each name once (first at line 1)".into(),
        ),
    ];
    for (text, message) in cases {
        let folder = folder(&[("x.sizes", text.as_bytes())]);
        assert_eq!(relative(&folder, read_sizes(folder.path().join("x.sizes")).unwrap_err()), *message);
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = folder(&[]);
    let path: PathBuf = folder.path().join("none.fa");
    for error in [
        open_reference(&path, 1).err().unwrap(),
        bed::read(&path).unwrap_err(),
        read_sizes(&path).unwrap_err(),
        cistron_genome::fasta::index(&path).unwrap_err(),
    ] {
        assert_eq!(relative(&folder, &error), "none.fa cannot be read");
        assert!(matches!(error, GenomeError::Read { .. }));
    }
    assert!(open_reference(folder.path(), 1).is_err(), "a folder is no genome");
}
