use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use cistron_core::{Contig, Reference, ReferenceError};

use crate::fasta::{FastaFile, load};
use crate::{GenomeError, text};

/// The memory that a genome may take unless asked otherwise, in bytes: 4 GB.
pub const DEFAULT_MAX_MEMORY: u64 = 4_000_000_000;

/// A genome in memory, one byte a base, letters as they were given.
///
/// ```
/// use cistron_core::{Reference, Strand, Window};
/// use cistron_genome::Genome;
///
/// let genome = Genome::from_contigs("toy", [("chr1", "ACGTAC")])?;
/// let mut codes = Vec::new();
/// genome.fetch_into(&Window::new("chr1", -1, 4, Strand::Reverse)?, &mut codes)?;
/// assert_eq!(codes, [1, 2, 3, 5]); // C G T, then padding on the side of the contig's start
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Genome {
    name: String,
    contigs: Vec<Contig>,
    letters: Vec<Box<[u8]>>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Genome {
    /// Reads a FASTA file, plain, gzip or bgzip, into at most `max_memory` bytes; `-` is standard input.
    ///
    /// # Errors
    /// [`GenomeError::TooLarge`] beyond the limit, [`GenomeError::Read`] if the file cannot be read, else as
    /// [`fasta::Reader`](crate::fasta::Reader).
    ///
    /// Cost: one byte a base, and while a contig is being read up to as much again for it.
    pub fn read(path: impl AsRef<Path>, max_memory: u64) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        Self::from_reader(&text::name_of(path), text::open(path)?, max_memory)
    }

    /// Reads an uncompressed FASTA text; `name` is what to call it in messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_reader(name: &str, reader: impl BufRead, max_memory: u64) -> Result<Self, GenomeError> {
        let mut genome = Self::empty(name);
        for (contig, letters) in load(name, reader, max_memory)? {
            genome.push(contig, letters);
        }
        Ok(genome)
    }

    /// A genome of contigs made by the caller, each a name and its letters.
    ///
    /// # Errors
    /// [`GenomeError::Unusable`] if a name is empty or there twice, or a letter is no sequence letter (letters,
    /// `*`, `-`, `.`).
    pub fn from_contigs<N, L>(
        name: &str,
        contigs: impl IntoIterator<Item = (N, L)>,
    ) -> Result<Self, GenomeError>
    where
        N: Into<Arc<str>>,
        L: Into<Vec<u8>>,
    {
        let mut genome = Self::empty(name);
        for (contig, letters) in contigs {
            let (contig, letters) = (contig.into(), letters.into());
            if contig.is_empty() || genome.by_name.contains_key(&contig) {
                let problem =
                    format!("found contig name `{contig}`, expected names that are not empty and differ");
                return Err(GenomeError::unusable(name, problem));
            }
            let letter = |byte: &u8| byte.is_ascii_alphabetic() || b"*-.".contains(byte);
            if let Some(position) = letters.iter().position(|byte| !letter(byte)) {
                let found = crate::error::byte_name(letters[position]);
                let problem = format!(
                    "found {found} at position {position} of contig `{contig}`, expected a sequence letter"
                );
                return Err(GenomeError::unusable(name, problem));
            }
            genome.push(contig, letters.into_boxed_slice());
        }
        Ok(genome)
    }

    fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), contigs: Vec::new(), letters: Vec::new(), by_name: HashMap::new() }
    }

    fn push(&mut self, name: Arc<str>, letters: Box<[u8]>) {
        self.by_name.insert(name.clone(), self.contigs.len());
        self.contigs.push(Contig { name, length: letters.len() as u64 });
        self.letters.push(letters);
    }

    /// All letters of a contig.
    pub fn letters(&self, contig: usize) -> Option<&[u8]> {
        self.letters.get(contig).map(|letters| &letters[..])
    }
}

impl Reference for Genome {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn contigs(&self) -> &[Contig] {
        &self.contigs
    }

    fn index_of(&self, contig: &str) -> Option<usize> {
        self.by_name.get(contig).copied()
    }

    fn read_into(
        &self,
        contig: usize,
        start: u64,
        end: u64,
        letters: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let stretch = self.letters(contig).and_then(|letters| letters.get(start as usize..end as usize));
        let stretch =
            stretch.ok_or_else(|| crate::fasta::out_of_contig(&self.contigs, contig, start, end))?;
        letters.extend_from_slice(stretch);
        Ok(())
    }
}

/// Opens a FASTA file in the way that its content asks for.
///
/// Plain and bgzip files stay on disk ([`FastaFile`]); plain gzip, standard input (`-`) and pipes are read into
/// at most `max_memory` bytes ([`Genome`], see [`DEFAULT_MAX_MEMORY`]).
///
/// # Errors
/// As [`FastaFile::open`] and [`Genome::read`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("toy.fa");
/// std::fs::write(&path, ">chr1\nACGT\n")?;
/// let genome = cistron_genome::open_reference(&path, cistron_genome::DEFAULT_MAX_MEMORY)?;
/// assert_eq!(genome.contig("chr1")?.length, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_reference(path: impl AsRef<Path>, max_memory: u64) -> Result<Box<dyn Reference>, GenomeError> {
    let path = path.as_ref();
    let stream = text::is_standard_input(path)
        || std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if stream {
        return Ok(Box::new(Genome::read(path, max_memory)?));
    }
    match FastaFile::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(GenomeError::PlainGzip { .. }) => Ok(Box::new(Genome::read(path, max_memory)?)),
        Err(error) => Err(error),
    }
}
