//! A bigWig file in the making.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use cistron_core::{AtomicFile, Contig};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::section::{BED_GRAPH, HEADER as SECTION_HEADER};
use super::zoom::{RECORD, Record};
use super::{Interval, TrackSummary};
use crate::GenomeError;
use crate::bbi::{self, Bytes, Fields, Kind, Written, contig_tree, index_tree};

/// Items of a block.
const PER_BLOCK: usize = 1024;
/// The most zoom levels of a file.
const MOST_ZOOMS: usize = 10;
/// A zoom level is coarser than the one before by this factor.
const ZOOM_FACTOR: u32 = 4;
/// What precedes the contigs: header, zoom headers, summary.
const SUMMARY: u64 = (bbi::HEADER + MOST_ZOOMS * bbi::ZOOM_HEADER) as u64;
const CONTIGS: u64 = SUMMARY + bbi::SUMMARY as u64;

/// Writes a bigWig file, interval by interval, with zoom levels and a summary.
///
/// Memory holds one block and 32 bytes for each block written. The file appears under its name when
/// [`finish`](Self::finish) has completed it; dropped before, nothing of it remains.
///
/// Zoom levels follow the ladder of libBigWig 0.4.7: the first spans 16 times the mean width of an interval, but at least
/// 10 bases, each next four times as much, at most 10, as long as a level has fewer blocks than the one before. NaN is
/// kept as a value and left out of the summaries.
///
/// ```
/// use cistron_core::{Contig, Region};
/// use cistron_genome::bigwig::{BigWig, Writer};
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("toy.bw");
/// let mut track = Writer::create(&path, &[Contig { name: "chr1".into(), length: 100 }])?;
/// track.write("chr1", 10, 14, 2.0)?;
/// track.write("chr1", 14, 20, 0.5)?;
/// track.finish()?;
/// let track = BigWig::open(&path)?;
/// assert_eq!(track.values(&Region::new("chr1", 13, 15)?)?, [2.0, 0.5]);
/// assert_eq!(track.summary().map(|summary| summary.sum), Some(11.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    file: AtomicFile,
    /// Bytes written.
    size: u64,
    contigs: Vec<Contig>,
    /// The contig of the last interval, and where it ends.
    place: (usize, u32),
    /// Intervals of the block that is open.
    open: Vec<Interval>,
    blocks: Vec<Written>,
    /// Number and bases of all intervals.
    intervals: u64,
    bases: u64,
    summary: TrackSummary,
    largest: usize,
    deflate: Compress,
}

impl Writer {
    /// Begins a file with these contigs, in the order in which their intervals will come.
    ///
    /// # Errors
    /// [`GenomeError::Request`] for a contig without a name or longer than 2³² − 1 bases, or two of one name;
    /// [`GenomeError::Write`] if the file cannot be made.
    pub fn create(path: impl AsRef<Path>, contigs: &[Contig]) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        let mut names = std::collections::HashSet::new();
        for contig in contigs {
            let Contig { name, length } = contig;
            if name.is_empty() || name.contains('\0') || *length > u32::MAX.into() || !names.insert(name) {
                let expected = "names of their own and at most 4294967295 bases";
                return Err(GenomeError::Request(format!(
                    "contig `{name}` of {length} bases, expected {expected}"
                )));
            }
        }
        let file = AtomicFile::create(path).map_err(|error| GenomeError::write(path, error))?;
        let mut writer = Self {
            file,
            size: 0,
            contigs: contigs.to_vec(),
            place: (0, 0),
            open: Vec::with_capacity(PER_BLOCK),
            blocks: Vec::new(),
            intervals: 0,
            bases: 0,
            summary: TrackSummary { covered: 0, min: f64::NAN, max: f64::NAN, sum: 0.0, sum_of_squares: 0.0 },
            largest: 0,
            deflate: Compress::new(Compression::default(), true),
        };
        writer.put(&[0; CONTIGS as usize])?;
        writer.put(&contig_tree(contigs, CONTIGS))?;
        // The number of blocks stands before them; `finish` knows it.
        writer.put(&[0; 8])?;
        Ok(writer)
    }

    /// Adds an interval of one value. Intervals come in the order of the contigs, then by start, and do not overlap.
    ///
    /// # Errors
    /// [`GenomeError::Request`] for an unknown contig, an empty interval, one that leaves its contig or is out of order;
    /// [`GenomeError::Write`].
    pub fn write(&mut self, contig: &str, start: u32, end: u32, value: f32) -> Result<(), GenomeError> {
        let (last, last_end) = self.place;
        // Nearly always the last one or one soon after it.
        let is_it = |it: &Contig| &*it.name == contig;
        let next = self.contigs.iter().skip(last).position(is_it).map(|more| last + more);
        let number = next.or_else(|| self.contigs.iter().position(is_it));
        let refuse = |expected: String| {
            GenomeError::Request(format!("found interval {contig}:{start}-{end}, expected {expected}"))
        };
        let Some((number, length)) = number.and_then(|it| Some((it, self.contigs.get(it)?.length))) else {
            return Err(refuse("one of the file's contigs".to_owned()));
        };
        if start >= end || u64::from(end) > length {
            return Err(refuse(format!("bases of a contig of {length}")));
        }
        if number < last || number == last && start < last_end {
            let last = self.contigs.get(last).map_or("", |contig| &contig.name);
            return Err(refuse(format!("one behind {last}:{last_end}")));
        }
        if number != last {
            self.close_block()?;
        }
        self.place = (number, end);
        self.open.push(Interval { start, end, value });
        self.count(end - start, value);
        if self.open.len() == PER_BLOCK { self.close_block() } else { Ok(()) }
    }

    fn count(&mut self, width: u32, value: f32) {
        self.intervals += 1;
        self.bases += u64::from(width);
        if !value.is_nan() {
            let (width, value, summary) = (f64::from(width), f64::from(value), &mut self.summary);
            summary.covered += width as u64;
            summary.min = summary.min.min(value);
            summary.max = summary.max.max(value);
            summary.sum += width * value;
            summary.sum_of_squares += width * value * value;
        }
    }

    fn close_block(&mut self) -> Result<(), GenomeError> {
        let contig = self.place.0 as u32;
        let (Some(first), Some(last)) = (self.open.first(), self.open.last()) else { return Ok(()) };
        let (begin, end) = ((contig, first.start), (contig, last.end));
        let mut bytes = Bytes::default();
        bytes.u32(contig).u32(first.start).u32(last.end).u32(0).u32(0).u8(BED_GRAPH).u8(0);
        bytes.u16(self.open.len() as u16);
        for interval in self.open.drain(..) {
            bytes.u32(interval.start).u32(interval.end).f32(interval.value);
        }
        let block = self.put_block(&bytes.0, begin, end)?;
        self.blocks.push(block);
        Ok(())
    }

    fn put_block(
        &mut self,
        bytes: &[u8],
        begin: (u32, u32),
        end: (u32, u32),
    ) -> Result<Written, GenomeError> {
        self.largest = self.largest.max(bytes.len());
        self.deflate.reset();
        let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 64);
        let done = self.deflate.compress_vec(bytes, &mut packed, FlushCompress::Finish);
        done.map_err(|error| self.refuse(io::Error::other(error)))?;
        let (offset, size) = (self.size, packed.len() as u64);
        self.put(&packed)?;
        Ok(Written { begin, end, offset, size })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), GenomeError> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| self.refuse(error))
    }

    fn put_index(&mut self, blocks: &[Written]) -> Result<u64, GenomeError> {
        let offset = self.size;
        self.put(&index_tree(blocks, PER_BLOCK as u32, offset))?;
        Ok(offset)
    }

    fn refuse(&self, error: io::Error) -> GenomeError {
        GenomeError::write(self.file.target(), error)
    }

    /// Adds index, zoom levels and summary, flushes to disk and gives the file its name.
    ///
    /// # Errors
    /// [`GenomeError::Write`]; the target is then as it was.
    pub fn finish(mut self) -> Result<(), GenomeError> {
        self.close_block()?;
        let blocks = std::mem::take(&mut self.blocks);
        let index = self.put_index(&blocks)?;
        let zooms = self.put_zooms(&blocks)?;
        self.put(&Kind::BigWig.magic().to_le_bytes())?;
        let data = CONTIGS + contig_tree(&self.contigs, CONTIGS).len() as u64;
        let mut bytes = Bytes::default();
        bytes.u32(Kind::BigWig.magic()).u16(4).u16(zooms.len() as u16).u64(CONTIGS).u64(data).u64(index);
        bytes.u16(0).u16(0).u64(0).u64(SUMMARY).u32(self.largest.max(1) as u32).u64(0);
        for (reduction, data, index) in zooms {
            bytes.u32(reduction).u32(0).u64(data).u64(index);
        }
        bytes.0.resize(SUMMARY as usize, 0);
        let TrackSummary { covered, min, max, sum, sum_of_squares } = self.summary;
        // Readers are not prepared for a summary that is no number.
        let number = |number: f64| if number.is_nan() { 0.0 } else { number };
        bytes.u64(covered).f64(number(min)).f64(number(max)).f64(sum).f64(sum_of_squares);
        let put = |file: &mut AtomicFile, offset: u64, bytes: &[u8]| {
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes))
        };
        let done = put(&mut self.file, 0, &bytes.0);
        let done = done.and_then(|()| put(&mut self.file, data, &(blocks.len() as u64).to_le_bytes()));
        done.map_err(|error| self.refuse(error))?;
        let path = self.file.target().to_path_buf();
        self.file.commit().map_err(|error| GenomeError::write(&path, error))
    }

    /// Writes the zoom levels: reduction, where the data begin, where the index begins.
    fn put_zooms(&mut self, blocks: &[Written]) -> Result<Vec<(u32, u64, u64)>, GenomeError> {
        let longest = self.contigs.iter().map(|contig| contig.length as u32).max().unwrap_or(0);
        let mean = self.bases.checked_div(self.intervals).unwrap_or(0);
        let mut reduction = (16 * mean).clamp(10, u64::from(longest.max(10))) as u32;
        let mut levels: Vec<(u32, u64, u64)> = Vec::new();
        let mut source = blocks.to_vec();
        while levels.len() < MOST_ZOOMS && self.intervals > 0 && reduction <= longest {
            let data = self.size;
            let written = if levels.is_empty() {
                self.put_zoom(reduction, &source, data_records)?
            } else {
                self.put_zoom(reduction, &source, zoom_records)?
            };
            if !levels.is_empty() && written.len() == source.len() {
                break;
            }
            let index = self.put_index(&written)?;
            levels.push((reduction, data, index));
            source = written;
            let Some(next) = reduction.checked_mul(ZOOM_FACTOR) else { break };
            reduction = next;
        }
        Ok(levels)
    }

    /// Writes the blocks of a zoom level, made from blocks that `records` reads.
    fn put_zoom(
        &mut self,
        reduction: u32,
        source: &[Written],
        records: fn(&[u8], &mut dyn FnMut(u32, Record)),
    ) -> Result<Vec<Written>, GenomeError> {
        self.put(&[0; 4])?;
        let mut joiner = Joiner { reduction, open: None, full: Vec::new() };
        let (mut written, mut inflate, mut packed, mut bytes) =
            (Vec::new(), Decompress::new(true), Vec::new(), Vec::new());
        for block in source {
            let read = self.read_back(*block, &mut packed, &mut bytes, &mut inflate);
            read.map_err(|error| self.refuse(error))?;
            records(&bytes, &mut |contig, record| joiner.add(contig, record));
            while joiner.full.len() >= PER_BLOCK {
                let full: Vec<_> = joiner.full.drain(..PER_BLOCK).collect();
                self.put_records(&full, &mut written)?;
            }
        }
        joiner.full.extend(joiner.open.take());
        for full in joiner.full.chunks(PER_BLOCK) {
            self.put_records(full, &mut written)?;
        }
        Ok(written)
    }

    fn put_records(
        &mut self,
        records: &[(u32, Record)],
        written: &mut Vec<Written>,
    ) -> Result<(), GenomeError> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        let (begin, end) = ((first.0, first.1.start), (last.0, last.1.end));
        let mut bytes = Bytes::default();
        for (contig, record) in records {
            bytes.u32(*contig).u32(record.start).u32(record.end).u32(record.covered);
            bytes.f32(record.min).f32(record.max).f32(record.sum).f32(record.squares);
        }
        written.push(self.put_block(&bytes.0, begin, end)?);
        Ok(())
    }

    /// Reads a block that has been written, and goes back to the file's end.
    fn read_back(
        &mut self,
        block: Written,
        packed: &mut Vec<u8>,
        bytes: &mut Vec<u8>,
        inflate: &mut Decompress,
    ) -> io::Result<()> {
        packed.resize(block.size as usize, 0);
        self.file.seek(SeekFrom::Start(block.offset))?;
        self.file.read_exact(packed)?;
        self.file.seek(SeekFrom::Start(self.size))?;
        bytes.clear();
        bytes.reserve(self.largest + 64);
        inflate.reset(true);
        inflate.decompress_vec(packed, bytes, FlushDecompress::Finish)?;
        Ok(())
    }
}

/// The intervals of a section of ours, each as a record of its own.
fn data_records(block: &[u8], each: &mut dyn FnMut(u32, Record)) {
    let contig = Fields::new(block, bbi::ByteOrder::Little).u32();
    for item in block.get(SECTION_HEADER..).unwrap_or_default().chunks_exact(12) {
        let mut fields = Fields::new(item, bbi::ByteOrder::Little);
        let (start, end, value) = (fields.u32(), fields.u32(), fields.f32());
        if !value.is_nan() {
            each(contig, Record::of(start, end, value));
        }
    }
}

fn zoom_records(block: &[u8], each: &mut dyn FnMut(u32, Record)) {
    for bytes in block.chunks_exact(RECORD) {
        let mut fields = Fields::new(bytes, bbi::ByteOrder::Little);
        each(fields.u32(), Record::read(&mut fields));
    }
}

/// Joins records to coarser ones of at most `reduction` bases, which begin where their first one does.
struct Joiner {
    reduction: u32,
    open: Option<(u32, Record)>,
    full: Vec<(u32, Record)>,
}

impl Joiner {
    fn add(&mut self, contig: u32, mut record: Record) {
        loop {
            let limit = match &self.open {
                Some((at, open)) if *at == contig && record.fits(open.limit(self.reduction)) => {
                    open.limit(self.reduction)
                }
                _ => {
                    self.full.extend(self.open.take());
                    record.start.saturating_add(self.reduction)
                }
            };
            let (head, tail) = record.cut(limit);
            match &mut self.open {
                Some((_, open)) => open.join(&head),
                None => self.open = Some((contig, head)),
            }
            let Some(tail) = tail else { return };
            self.full.extend(self.open.take());
            record = tail;
        }
    }
}

impl Record {
    fn of(start: u32, end: u32, value: f32) -> Self {
        let covered = end - start;
        let (width, wide) = (f64::from(covered), f64::from(value));
        let (sum, squares) = ((width * wide) as f32, (width * wide * wide) as f32);
        Self { start, end, covered, min: value, max: value, sum, squares }
    }

    /// One past the last base that a record from this start may span.
    fn limit(&self, reduction: u32) -> u32 {
        self.start.saturating_add(reduction)
    }

    /// Whether all bases have one value, so that a part of them is known as exactly as the whole.
    fn is_one(&self) -> bool {
        self.min == self.max && self.covered == self.end - self.start
    }

    /// Whether the record, or a part of it, may be joined to one that ends at most at a base.
    fn fits(&self, limit: u32) -> bool {
        self.end <= limit || self.start < limit && self.is_one()
    }

    /// What lies before a base, and what does not.
    fn cut(self, at: u32) -> (Self, Option<Self>) {
        if self.end <= at || !self.is_one() {
            return (self, None);
        }
        (Self::of(self.start, at, self.min), Some(Self::of(at, self.end, self.min)))
    }

    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.covered += next.covered;
        self.min = self.min.min(next.min);
        self.max = self.max.max(next.max);
        self.sum += next.sum;
        self.squares += next.squares;
    }
}
