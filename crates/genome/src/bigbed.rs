//! bigBed: the rows of a BED file in blocks, with an index.
//!
//! [`bed::Reader::open`](crate::bed::Reader::open) takes such files wherever it takes BED; [`BigBed`] finds what overlaps
//! a region without reading the rest.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use cistron_core::{Contig, Region};

use crate::bbi::{Bbi, Block, Fields, Kind, Scratch};
use crate::bed::BedRecord;
use crate::positioned::PositionedFile;
use crate::text::{self, TextReader};
use crate::{GenomeError, error::quoted};

/// A bigBed file, shared by any number of threads as [`BigWig`](crate::bigwig::BigWig) is.
///
/// ```
/// use cistron_core::Region;
/// use cistron_genome::bigbed::BigBed;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("toy.bb");
/// # std::fs::write(&path, include_bytes!("../tests/data/toy.bb"))?;
/// let peaks = BigBed::open(&path)?;
/// let found = peaks.entries(&Region::new("chr1", 15, 40)?)?;
/// assert_eq!(found[0].to_string(), "chr1\t10\t20\tone\t5\t+");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BigBed {
    bbi: Bbi,
}

/// An entry where it stands: start, end, and the columns from the fourth on.
struct Entry<'a> {
    contig: u32,
    start: u32,
    end: u32,
    rest: &'a [u8],
}

impl BigBed {
    /// Opens a file and reads its header and contigs.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be read, [`GenomeError::Unusable`] if it is no bigBed file or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        Ok(Self { bbi: Bbi::open(path.as_ref(), Kind::BigBed)? })
    }

    /// What the file is called in messages: its path.
    pub fn name(&self) -> &str {
        self.bbi.name()
    }

    /// The contigs, in the order of the file's own numbers for them.
    pub fn contigs(&self) -> &[Contig] {
        self.bbi.contigs()
    }

    /// The number of columns that the file says its rows have.
    pub fn columns(&self) -> u16 {
        self.bbi.columns
    }

    /// The entries that overlap a region, in the order of the file: by start.
    ///
    /// An entry `[a, b)` overlaps `[s, e)` if `a < e` and `b > s`. The columns beyond the third are the file's own text.
    ///
    /// # Errors
    /// [`GenomeError::UnknownContig`], [`GenomeError::BeyondContig`], [`GenomeError::Unusable`] for a damaged file,
    /// [`GenomeError::Read`].
    pub fn entries(&self, region: &Region) -> Result<Vec<BedRecord>, GenomeError> {
        let place = self.bbi.place(region)?;
        let mut records = Vec::new();
        let Some(index) = self.bbi.index else { return Ok(records) };
        self.bbi.for_each_block(index, place, |block| {
            self.for_each_entry(block, |entry| {
                if !place.overlaps(entry.contig, entry.start, entry.end) {
                    return Ok(());
                }
                let found = Region::new(region.contig().clone(), entry.start.into(), entry.end.into());
                let found = found.map_err(|error| self.bbi.error(error.to_string()))?;
                let columns = std::str::from_utf8(entry.rest).map_err(|_| {
                    let rest = quoted(entry.rest);
                    self.bbi.error(format!("entry {found} has columns {rest}, expected UTF-8 text"))
                })?;
                records.push(BedRecord::new(found, Some(columns).filter(|columns| !columns.is_empty())));
                Ok(())
            })
        })?;
        Ok(records)
    }

    fn for_each_entry(
        &self,
        block: &[u8],
        mut each: impl FnMut(Entry<'_>) -> Result<(), GenomeError>,
    ) -> Result<(), GenomeError> {
        let mut fields = Fields::new(block, self.bbi.order);
        while !fields.rest().is_empty() {
            let size = fields.rest().len();
            let (contig, start, end) = (fields.u32(), fields.u32(), fields.u32());
            let length = fields.rest().iter().position(|&byte| byte == 0);
            let Some((rest, next)) = length.and_then(|length| fields.rest().split_at_checked(length)) else {
                let problem = format!("an entry does not end in the {size} bytes that are left of its block");
                return Err(self.bbi.error(problem));
            };
            if rest.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                let rest = quoted(rest);
                return Err(self
                    .bbi
                    .error(format!("an entry has columns {rest}, expected no line end in them")));
            }
            if end < start {
                let contig = self.bbi.name_of(contig);
                return Err(self
                    .bbi
                    .error(format!("contig `{contig}`: an entry ends {end}, below its start {start}")));
            }
            each(Entry { contig, start, end, rest })?;
            fields = Fields::new(next.get(1..).unwrap_or_default(), self.bbi.order);
        }
        Ok(())
    }
}

/// The rows of a bigBed file as BED; `None` if the file is none.
pub(crate) fn text(path: &Path) -> Result<Option<TextReader>, GenomeError> {
    // What is no file, a pipe for one, is not read twice.
    if text::is_standard_input(path) || !path.is_file() {
        return Ok(None);
    }
    let name = text::name_of(path);
    let start = PositionedFile::open(path).and_then(|file| file.read_at_most(0, 4));
    let start = start.map_err(|error| GenomeError::read(&name, error))?;
    let kind = start.first_chunk().and_then(|start| Kind::of(*start));
    if !matches!(kind, Some((Kind::BigBed, _))) {
        return Ok(None);
    }
    let file = BigBed::open(path)?;
    let blocks = file.bbi.all_blocks()?.into_iter();
    let rows = Rows { scratch: file.bbi.scratch(), file, blocks, text: Vec::new(), taken: 0 };
    Ok(Some(Box::new(rows)))
}

/// A bigBed file as the text of a BED file, a block at a time.
struct Rows {
    file: BigBed,
    blocks: std::vec::IntoIter<Block>,
    scratch: Scratch,
    /// The rows of the current block, and how much of them has been read.
    text: Vec<u8>,
    taken: usize,
}

impl Rows {
    /// Reads blocks until there is text or no block is left.
    fn refill(&mut self) -> Result<(), GenomeError> {
        while self.taken == self.text.len() {
            let Some(block) = self.blocks.next() else { break };
            let Self { file, scratch, text, taken, .. } = self;
            text.clear();
            *taken = 0;
            let block = file.bbi.load(block, scratch)?;
            file.for_each_entry(block, |entry| {
                let contig = file.bbi.name_of(entry.contig);
                let line = write!(text, "{contig}\t{}\t{}", entry.start, entry.end);
                line.map_err(|error| GenomeError::read(file.name(), error))?;
                if !entry.rest.is_empty() {
                    text.push(b'\t');
                    text.extend_from_slice(entry.rest);
                }
                text.push(b'\n');
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Read for Rows {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(bytes)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Rows {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill().map_err(io::Error::other)?;
        Ok(self.text.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.taken = self.taken.saturating_add(amount).min(self.text.len());
    }
}
