//! FASTA, its index, BED and tables of sizes.

use std::io::Write;

use cistron::genome::fasta::{FastaIndex, Reader};
use cistron::genome::{Genome, bed, read_sizes};
use cistron::{Reference, Strand, Window};

/// Records larger than this are refused.
const MEMORY: u64 = 1 << 20;

/// What can be indexed can be read whole, and both see the same.
pub(super) fn fasta(text: &[u8]) -> bool {
    let records: Result<Vec<_>, _> = Reader::new("x.fa", text).collect();
    let genome = Genome::from_reader("x.fa", text, MEMORY);
    if let Ok(genome) = &genome {
        for contig in genome.contigs() {
            let window = Window::new(contig.name.clone(), -3, contig.length as u32 + 9, Strand::Reverse);
            let (window, mut codes) = (window.unwrap_or_else(|error| panic!("{error}")), Vec::new());
            assert!(genome.fetch_into(&window, &mut codes).is_ok());
            assert_eq!(codes.len() as u64, contig.length + 9);
        }
    }
    let Ok(index) = FastaIndex::build("x.fa", text) else { return false };
    let records = records.unwrap_or_else(|error| panic!("indexed, but not read: {error}"));
    let lengths: Vec<_> = records.iter().map(|record| record.letters.len() as u64).collect();
    assert_eq!(index.entries().iter().map(|entry| entry.length).collect::<Vec<_>>(), lengths);
    true
}

pub(super) fn fai(text: &[u8]) -> bool {
    let Ok(index) = FastaIndex::read("x.fai", text) else { return false };
    let mut written = Vec::new();
    assert!(index.write(&mut written).is_ok());
    assert!(FastaIndex::read("x.fai", &written[..]).is_ok_and(|again| again == index));
    true
}

pub(super) fn bed(text: &[u8]) -> bool {
    let rows: Result<Vec<_>, _> = bed::Reader::new("x.bed", text).collect();
    for row in rows.iter().flatten() {
        let line = row.to_string();
        // A line feed behind a carriage return ends the line with both.
        if line.ends_with('\r') {
            continue;
        }
        // A row of a contig named `track` or `#` reads back as a header line.
        let again = bed::Reader::new("x.bed", line.as_bytes()).next();
        assert!(again.is_none_or(|again| again.is_ok_and(|again| again == *row)), "{line:?}");
    }
    rows.is_ok()
}

pub(super) fn sizes(text: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(text).map(|()| file));
    let file = file.unwrap_or_else(|error| panic!("no temporary file: {error}"));
    read_sizes(file.path()).is_ok()
}
