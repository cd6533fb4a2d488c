//! Records of FASTA and FASTQ files, told by their content.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::encode::kmer::PackedSequences;
use cistron::genome::text::{self, TextReader};
use cistron::genome::{fasta, fastq};

/// A record of either format.
pub(super) struct Record {
    /// The whole header without `>` or `@`.
    pub(super) header: String,
    pub(super) letters: Vec<u8>,
    /// The qualities of a FASTQ record.
    pub(super) qualities: Option<Vec<u8>>,
}

/// Reads records one after another.
pub(super) enum Records {
    Fasta(Box<fasta::Reader<TextReader>>),
    Fastq(fastq::Reader<TextReader>),
}

impl Records {
    /// Opens a file, plain, gzip or bgzip; `-` is standard input.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
        let mut reader = text::open(path)?;
        // The reader of the format reports what is wrong with a file that cannot be read.
        let is_fastq = reader.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"@"));
        Ok(if is_fastq {
            Self::Fastq(fastq::Reader::new(&name, reader))
        } else {
            Self::Fasta(Box::new(fasta::Reader::new(&name, reader).with_repeated_names()))
        })
    }
}

impl Iterator for Records {
    type Item = anyhow::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = |name: &str, description: &str| {
            if description.is_empty() { name.to_owned() } else { format!("{name} {description}") }
        };
        Some(match self {
            Self::Fasta(reader) => reader.next()?.map_err(Into::into).map(|record| Record {
                header: header(&record.name, &record.description),
                letters: record.letters,
                qualities: None,
            }),
            Self::Fastq(reader) => reader.next()?.map_err(Into::into).map(|record| Record {
                header: header(&record.name, &record.description),
                letters: record.letters,
                qualities: Some(record.qualities),
            }),
        })
    }
}

impl Record {
    /// The record as codes of DNA; anything but A C G T U is above 3.
    pub(super) fn codes(&self) -> Vec<u8> {
        let code = |letter: &u8| match letter.to_ascii_uppercase() {
            b'A' => 0,
            b'C' => 1,
            b'G' => 2,
            b'T' | b'U' => 3,
            _ => 4,
        };
        self.letters.iter().map(code).collect()
    }

    /// Writes the record in the format that it was read in.
    pub(super) fn write(&self, output: &mut impl Write) -> anyhow::Result<()> {
        match &self.qualities {
            Some(qualities) => fastq::write_record(output, &self.header, &self.letters, qualities)?,
            None => fasta::Writer::new(output).write_record(&self.header, &self.letters)?,
        }
        Ok(())
    }
}

/// All records of some files, packed.
pub(super) fn read_packed(paths: &[PathBuf]) -> anyhow::Result<PackedSequences> {
    Ok(read_named(paths)?.0)
}

/// All records of some files, packed, with the first words of their headers.
pub(super) fn read_named(paths: &[PathBuf]) -> anyhow::Result<(PackedSequences, Vec<String>)> {
    let (mut packed, mut names) = (PackedSequences::default(), Vec::new());
    for path in paths {
        for record in Records::open(path)? {
            let record = record?;
            packed.push(&record.letters);
            names.push(record.header.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
    Ok((packed, names))
}
