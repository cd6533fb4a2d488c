use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cistron_core::{AtomicFile, Contig, Reference, ReferenceError};

use super::index::{FastaIndex, IndexEntry};
use super::layout::{Misfit, append_bases};
use super::plain::PlainFile;
use crate::bgzip::{BgzipFile, BgzipIndex, is_bgzip, is_gzip};
use crate::positioned::PositionedFile;
use crate::{GenomeError, text};

/// A genome in a FASTA file on disk, plain or bgzip, read at random by many threads at once.
///
/// A window costs one positioned read. Every byte read is checked against the index: line ends stand where the
/// index says and sequence letters elsewhere, the header above a contig names it, and the contig ends where the
/// index says. An index that belongs to another file is therefore an error and never gives wrong bases.
///
/// bgzip files are inflated by blocks; the last 16 MB of inflated blocks are kept. A plain file of at most 16 MB is
/// kept in memory once half of it was read. The file must not change while it is open.
///
/// ```
/// use cistron_core::{Reference, Strand, Window};
/// use cistron_genome::fasta::FastaFile;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("toy.fa");
/// std::fs::write(&path, ">chr1\nACGT\nAC\n")?;
/// let genome = FastaFile::open(&path)?;
/// let mut letters = Vec::new();
/// genome.fetch_letters_into(&Window::new("chr1", 3, 5, Strand::Forward)?, &mut letters)?;
/// assert_eq!(letters, b"TACNN");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FastaFile {
    source: Source,
    file: String,
    index: FastaIndex,
    contigs: Vec<Contig>,
    /// Contigs whose header and end were found where the index has them.
    checked: Vec<AtomicBool>,
}

#[derive(Debug)]
enum Source {
    Plain(PlainFile),
    Bgzip(BgzipFile),
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Self::Plain(file) => file.size(),
            Self::Bgzip(file) => file.size(),
        }
    }

    /// The bytes of a stretch where they are in memory as they stand in the file.
    fn kept(&self, offset: u64, length: usize) -> Option<&[u8]> {
        match self {
            Self::Plain(file) => file.kept(offset, length),
            Self::Bgzip(_) => None,
        }
    }

    fn read_exact_at(&self, name: &str, bytes: &mut [u8], offset: u64) -> Result<(), GenomeError> {
        match self {
            Self::Bgzip(file) => file.read_exact_at(bytes, offset),
            Self::Plain(file) => file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    GenomeError::unusable(name, "the file is shorter than it was when it was opened")
                }
                _ => GenomeError::read(name, error),
            }),
        }
    }
}

/// How much is read at once for a long stretch, in bases; it bounds the memory that a thread keeps.
const PIECE: u64 = 1 << 18;
/// How far before a contig its header is looked for, in bytes.
const HEADER: u64 = 512;
/// How far after a contig the next header is looked for, in bytes.
const TRAILER: u64 = 64;

thread_local! {
    /// Bytes with their line ends, kept from one read to the next.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl FastaFile {
    /// Opens a FASTA file with the `.fai` (and for bgzip the `.gzi`) beside it; an index that is missing or older
    /// than the file is built in memory. Nothing is written; [`index`] does that.
    ///
    /// # Errors
    /// [`GenomeError::PlainGzip`] for gzip that is not bgzip, [`GenomeError::Read`] if a file cannot be read,
    /// [`GenomeError::Malformed`] and [`GenomeError::Unusable`] for a broken file or index.
    ///
    /// Cost: reading the index; without one, one pass over the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        let file = text::name_of(path);
        let source = open_source(path, &file, Prefer::Stored)?;
        let fai = beside(path, ".fai");
        let index = if is_fresh(&fai, path) {
            let index = FastaIndex::open(&fai)?;
            index.check_within(&text::name_of(&fai), &file, source.size())?;
            index
        } else {
            FastaIndex::build(&file, text::open(path)?)?
        };
        Ok(Self::new(source, file, index))
    }

    fn new(source: Source, file: String, index: FastaIndex) -> Self {
        let contigs = index.contigs();
        let checked = contigs.iter().map(|_| AtomicBool::new(false)).collect();
        Self { source, file, index, contigs, checked }
    }

    /// The index in use.
    pub fn index(&self) -> &FastaIndex {
        &self.index
    }

    /// Reads `[start, end)` of a contig, the stretch being inside it.
    fn append(
        &self,
        entry: &IndexEntry,
        start: u64,
        end: u64,
        letters: &mut Vec<u8>,
    ) -> Result<(), GenomeError> {
        let mut scratch = SCRATCH.take();
        let mut from = start;
        let mut done = Ok(());
        while from < end && done.is_ok() {
            let to = end.min(from + PIECE);
            done = self.append_piece(entry, from, to, &mut scratch, letters);
            from = to;
        }
        SCRATCH.set(scratch);
        done
    }

    fn append_piece(
        &self,
        entry: &IndexEntry,
        start: u64,
        end: u64,
        scratch: &mut Vec<u8>,
        letters: &mut Vec<u8>,
    ) -> Result<(), GenomeError> {
        let first = entry.byte_of(start);
        let length = (entry.byte_of(end - 1) + 1 - first) as usize;
        let raw = if let Some(kept) = self.source.kept(first, length) {
            kept
        } else {
            if scratch.len() < length {
                scratch.resize(length, 0);
            }
            let raw = scratch.get_mut(..length).unwrap_or_default();
            self.source.read_exact_at(&self.file, raw, first)?;
            raw
        };
        append_bases(entry, start, raw, letters)
            .map_err(|Misfit { position, problem }| self.wrong_index(entry, position, problem))
    }

    /// Checks once that a contig's header and end are where the index has them.
    fn check_contig(&self, contig: usize, entry: &IndexEntry) -> Result<(), GenomeError> {
        let Some(checked) = self.checked.get(contig) else { return Ok(()) };
        if checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_header(entry)?;
        self.check_end(entry)?;
        checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn check_header(&self, entry: &IndexEntry) -> Result<(), GenomeError> {
        let from = entry.offset.saturating_sub(HEADER);
        let before = self.bytes(from, entry.offset)?;
        let wrong = || self.wrong_index(entry, 0, "no header with this name stands above it".to_owned());
        let line = before.strip_suffix(b"\n").ok_or_else(wrong)?;
        let line = match line.iter().rposition(|&byte| byte == b'\n') {
            Some(i) => line.get(i + 1..).unwrap_or_default(),
            None if from == 0 => line,
            None => return Ok(()), // a header too long to look at
        };
        let name = line.strip_prefix(b">").ok_or_else(wrong)?.trim_ascii_start();
        let name = name.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if name == entry.name.as_bytes() { Ok(()) } else { Err(wrong()) }
    }

    fn check_end(&self, entry: &IndexEntry) -> Result<(), GenomeError> {
        let end = entry.end();
        let after = self.bytes(end, self.source.size().min(end + TRAILER))?;
        let blank = after.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
        match after.get(blank) {
            Some(b'>') if blank > 0 => Ok(()),
            None => Ok(()),
            Some(_) => {
                let problem = format!("the sequence goes on, expected an end after {} bases", entry.length);
                Err(self.wrong_index(entry, entry.length, problem))
            }
        }
    }

    fn bytes(&self, start: u64, end: u64) -> Result<Vec<u8>, GenomeError> {
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        self.source.read_exact_at(&self.file, &mut bytes, start)?;
        Ok(bytes)
    }

    fn wrong_index(&self, entry: &IndexEntry, position: u64, problem: String) -> GenomeError {
        GenomeError::WrongIndex { file: self.file.clone(), contig: entry.name.clone(), position, problem }
    }
}

impl Reference for FastaFile {
    fn name(&self) -> String {
        self.file.clone()
    }

    fn contigs(&self) -> &[Contig] {
        &self.contigs
    }

    fn index_of(&self, contig: &str) -> Option<usize> {
        self.index.index_of(contig)
    }

    fn read_into(
        &self,
        contig: usize,
        start: u64,
        end: u64,
        letters: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let entry = self.index.entries().get(contig).filter(|entry| start <= end && end <= entry.length);
        let Some(entry) = entry else { return Err(out_of_contig(&self.contigs, contig, start, end)) };
        if start == end {
            return Ok(());
        }
        self.check_contig(contig, entry)?;
        let begin = letters.len();
        self.append(entry, start, end, letters).map_err(|error| {
            letters.truncate(begin);
            error.into()
        })
    }
}

/// The error for a stretch that its caller should have checked.
pub(crate) fn out_of_contig(contigs: &[Contig], contig: usize, start: u64, end: u64) -> ReferenceError {
    let (contig, length) = match contigs.get(contig) {
        Some(contig) => (contig.name.clone(), contig.length),
        None => (Arc::from(format!("number {contig}")), 0),
    };
    ReferenceError::OutOfContig { window: format!("{contig}:{start}-{end}"), contig, length }
}

/// Whether an index beside a file may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefer {
    Stored,
    Built,
}

fn open_source(path: &Path, name: &str, prefer: Prefer) -> Result<Source, GenomeError> {
    let file = PositionedFile::open(path).map_err(|error| GenomeError::read(name, error))?;
    let start = file.read_at_most(0, 18).map_err(|error| GenomeError::read(name, error))?;
    if !is_gzip(&start) {
        return Ok(Source::Plain(PlainFile::new(file)));
    }
    if !is_bgzip(&start) {
        return Err(GenomeError::PlainGzip { file: name.to_owned() });
    }
    let gzi = beside(path, ".gzi");
    let index = if prefer == Prefer::Stored && is_fresh(&gzi, path) {
        let gzi_name = text::name_of(&gzi);
        let bytes = fs::read(&gzi).map_err(|error| GenomeError::read(&gzi_name, error))?;
        BgzipIndex::read(&gzi_name, &bytes, &file, name)?
    } else {
        BgzipIndex::scan(path)?
    };
    Ok(Source::Bgzip(BgzipFile::new(file, name, index)))
}

/// Writes the index of a FASTA file beside it, `FASTA.fai` and for bgzip `FASTA.gzi`; returns their paths.
///
/// Each file appears complete or not at all; an old one is replaced.
///
/// # Errors
/// As [`FastaIndex::build`], [`GenomeError::PlainGzip`] for gzip that is not bgzip, [`GenomeError::Write`] if a
/// file cannot be written.
///
/// Source: samtools faidx 1.16, byte for byte for every file accepted; see [`FastaIndex::build`] for the records
/// without bases, which samtools leaves out.
pub fn index(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, GenomeError> {
    let path = path.as_ref();
    let name = text::name_of(path);
    let source = open_source(path, &name, Prefer::Built)?;
    let fasta = FastaIndex::build(&name, text::open(path)?)?;
    let mut written = Vec::new();
    if let Source::Bgzip(file) = &source {
        written.push(write_beside(path, ".gzi", |target| file.index().write(target))?);
    }
    written.push(write_beside(path, ".fai", |target| fasta.write(target))?);
    written.reverse();
    Ok(written)
}

fn write_beside(
    path: &Path,
    suffix: &str,
    write: impl FnOnce(&mut AtomicFile) -> std::io::Result<()>,
) -> Result<PathBuf, GenomeError> {
    let target = beside(path, suffix);
    let done = AtomicFile::create(&target).and_then(|mut file| {
        write(&mut file)?;
        file.commit()
    });
    done.map_err(|error| GenomeError::write(&target, error))?;
    Ok(target)
}

/// `FASTA` + suffix.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether an index is there and not older than its file.
fn is_fresh(index: &Path, file: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    match (modified(index), modified(file)) {
        (Some(index), Some(file)) => index >= file,
        // Without times, an index that is there is trusted; its use is checked anyway.
        _ => index.is_file(),
    }
}
