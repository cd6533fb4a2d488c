//! Valid files with bytes changed, cut and doubled: readers give an answer or an error, and never panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use cistron_core::{Reference, Strand, Window};
use cistron_genome::fasta::{FastaFile, FastaIndex, Reader, index};
use cistron_genome::{Genome, bed};
use proptest::prelude::*;
use proptest::sample::Index;

const FASTA: &[u8] = b">chr1 one\nACGTACGT\nacgtNNRY\nAC\n\n>chr2\r\nAC*-\r\nU\r\n>empty\n>last\nACGTACGTAC";
const FAI: &[u8] = b"chr1\t18\t10\t8\t9\nchr2\t5\t40\t4\t6\nempty\t0\t56\t0\t0\nlast\t10\t62\t10\t11\n";
const BED: &[u8] =
    b"#c\ntrack x\nchr1\t0\t10\nchr1\t5\t5\tn\t0\t-\r\nchr2\t7\t12\tp\t9.5\t+\t7\t8\t0\t1\t5,\t0,\n";

/// Changes of bytes: what to do, where, and with which byte.
fn mutations() -> impl Strategy<Value = Vec<(u8, Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\n\r\t >09-\x1f\xff".to_vec())];
    prop::collection::vec((0_u8..5, any::<Index>(), byte), 1..6)
}

fn mutated(bytes: &[u8], mutations: &[(u8, Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (kind, place, byte) in mutations {
        let place = place.index(bytes.len() + 1);
        match kind {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, *byte),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3 => bytes.extend_from_within(place..),
            _ => bytes.iter_mut().skip(place).take(1).for_each(|slot| *slot = *byte),
        }
    }
    bytes
}

/// Reads every contig of a genome in whole and in part.
fn read_all(genome: &dyn Reference) {
    for contig in genome.contigs() {
        for (start, width) in [(-3, 8), (0, contig.length.min(1 << 20) as u32), (5, 100)] {
            let window = Window::new(contig.name.clone(), start, width, Strand::Reverse).unwrap();
            let mut codes = Vec::new();
            if genome.fetch_into(&window, &mut codes).is_ok() {
                assert_eq!(codes.len(), width as usize);
            }
        }
    }
}

fn open(files: &[(&str, &[u8])]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    if let Ok(genome) = FastaFile::open(folder.path().join(files[0].0)) {
        read_all(&genome);
    }
}

fn bgzip(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.fa.gz");
    let mut file = cistron_genome::text::create(&path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file.commit().unwrap();
    index(&path).unwrap();
    (fs::read(&path).unwrap(), fs::read(folder.path().join("x.fa.gz.gzi")).unwrap())
}

proptest! {
    #[test]
    fn fasta(mutations in mutations()) {
        let bytes = mutated(FASTA, &mutations);
        let index = FastaIndex::build("x.fa", &bytes[..]);
        let records: Result<Vec<_>, _> = Reader::new("x.fa", &bytes[..]).collect();
        // What can be indexed can be read whole, and both see the same.
        if let Ok(index) = index {
            let records = records.unwrap();
            let lengths: Vec<_> = records.iter().map(|record| record.letters.len() as u64).collect();
            prop_assert_eq!(index.entries().iter().map(|entry| entry.length).collect::<Vec<_>>(), lengths);
            let genome = Genome::from_reader("x.fa", &bytes[..], 1 << 20).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.fa");
            fs::write(&path, &bytes).unwrap();
            let file = FastaFile::open(&path).unwrap();
            for contig in genome.contigs() {
                let window = Window::new(contig.name.clone(), -1, contig.length as u32 + 2, Strand::Forward).unwrap();
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                file.fetch_letters_into(&window, &mut ours).unwrap();
                genome.fetch_letters_into(&window, &mut theirs).unwrap();
                prop_assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn fasta_beside_its_old_index(mutations in mutations()) {
        open(&[("x.fa", &mutated(FASTA, &mutations)), ("x.fa.fai", FAI)]);
    }

    #[test]
    fn fai(mutations in mutations()) {
        let bytes = mutated(FAI, &mutations);
        if let Ok(index) = FastaIndex::read("x.fai", &bytes[..]) {
            let mut text = Vec::new();
            index.write(&mut text).unwrap();
            prop_assert_eq!(FastaIndex::read("x.fai", &text[..]).unwrap(), index);
        }
        open(&[("x.fa", FASTA), ("x.fa.fai", &bytes)]);
    }

    #[test]
    fn bed_rows(mutations in mutations()) {
        let bytes = mutated(BED, &mutations);
        let rows: Result<Vec<_>, _> = bed::Reader::new("x.bed", &bytes[..]).collect();
        for row in rows.unwrap_or_default() {
            let line = row.to_string();
            let again = bed::Reader::new("x.bed", line.as_bytes()).next();
            // A row of a contig named `track` or `#` reads back as a header line.
            prop_assert!(again.is_none_or(|again| again.unwrap() == row));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bgzip_and_gzi(mutations in mutations(), which in 0_u8..3) {
        let fasta = [b">a\n".to_vec(), b"ACGTTGCAAT".repeat(20_000)].concat();
        let (mut gz, mut gzi) = bgzip(&fasta);
        if which != 1 {
            gz = mutated(&gz, &mutations);
        }
        if which != 0 {
            gzi = mutated(&gzi, &mutations);
        }
        open(&[("x.fa.gz", &gz)]);
        open(&[("x.fa.gz", &gz), ("x.fa.gz.gzi", &gzi), ("x.fa.gz.fai", b"a\t200000\t3\t200000\t200001\n")]);
    }
}
