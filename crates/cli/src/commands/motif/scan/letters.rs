//! The sequences of a scan, piece by piece: a genome on disk, or records of another alphabet in memory.

use std::path::Path;

use anyhow::Context as _;
use cistron::genome::{DEFAULT_MAX_MEMORY, fasta, open_reference};
use cistron::motif::Scan;
use cistron::{Alphabet, Reference, Sequence, Strand, reverse_complement_letters};

/// Letters read at a time.
const PIECE: u64 = 1 << 20;

pub(super) struct Sequences {
    alphabet: Alphabet,
    source: Source,
}

enum Source {
    Genome(Box<dyn Reference>),
    Records(Vec<(String, Sequence)>),
}

impl Sequences {
    pub(super) fn open(path: &Path, alphabet: &Alphabet) -> anyhow::Result<Self> {
        let source = if *alphabet == Alphabet::dna() {
            Source::Genome(open_reference(path, DEFAULT_MAX_MEMORY)?)
        } else {
            Source::Records(read_records(path, alphabet)?)
        };
        Ok(Self { alphabet: alphabet.clone(), source })
    }

    pub(super) fn name(&self, index: u32) -> &str {
        let index = index as usize;
        match &self.source {
            Source::Genome(reference) => &reference.contigs()[index].name,
            Source::Records(records) => &records[index].0,
        }
    }

    /// Gives every sequence to a scan.
    pub(super) fn feed(&self, scan: &mut Scan<'_>) -> anyhow::Result<()> {
        self.for_each_piece(&mut |first, codes| {
            if first {
                scan.begin_sequence()?;
            }
            Ok(scan.push(codes)?)
        })
    }

    /// How often each letter of the alphabet stands in the sequences.
    pub(super) fn count_letters(&self) -> anyhow::Result<Vec<u64>> {
        let mut counts = vec![0; usize::from(self.alphabet.len())];
        self.for_each_piece(&mut |_, codes| {
            for &code in codes {
                if let Some(count) = counts.get_mut(usize::from(code)) {
                    *count += 1;
                }
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// The upper-case letters of a stretch on a strand.
    pub(super) fn letters(&self, index: u32, start: u64, end: u64, strand: Strand) -> anyhow::Result<String> {
        let mut letters = Vec::new();
        match &self.source {
            Source::Genome(reference) => reference.read_into(index as usize, start, end, &mut letters)?,
            Source::Records(records) => {
                let codes = &records[index as usize].1.codes()[start as usize..end as usize];
                letters.extend(codes.iter().map(|&code| self.alphabet.letter(code)));
            }
        }
        if strand == Strand::Reverse {
            reverse_complement_letters(&mut letters);
        }
        letters.make_ascii_uppercase();
        Ok(String::from_utf8_lossy(&letters).into_owned())
    }

    /// Calls `each` with the codes of every piece, and whether it is the first of its sequence.
    fn for_each_piece(&self, each: &mut dyn FnMut(bool, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match &self.source {
            Source::Records(records) => {
                records.iter().try_for_each(|(_, sequence)| each(true, sequence.codes()))
            }
            Source::Genome(reference) => {
                let mut codes = Vec::new();
                for (index, contig) in reference.contigs().iter().enumerate() {
                    let mut start = 0;
                    while start < contig.length || start == 0 {
                        let end = contig.length.min(start + PIECE);
                        codes.clear();
                        reference.read_into(index, start, end, &mut codes)?;
                        self.alphabet.encode_in_place(&mut codes);
                        each(start == 0, &codes)?;
                        start = end.max(1);
                    }
                }
                Ok(())
            }
        }
    }
}

fn read_records(path: &Path, alphabet: &Alphabet) -> anyhow::Result<Vec<(String, Sequence)>> {
    let mut records = Vec::new();
    for record in fasta::Reader::open(path)?.with_alphabet(alphabet) {
        let record = record?;
        let sequence = record.to_sequence(alphabet);
        let sequence = sequence.with_context(|| format!("{}: record `{}`", path.display(), record.name))?;
        records.push((record.name.to_string(), sequence));
    }
    Ok(records)
}
