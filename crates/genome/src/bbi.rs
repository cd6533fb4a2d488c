//! The container of bigWig and bigBed files: header, contigs, index, blocks.
//!
//! Format: Kent et al. 2010, doi:10.1093/bioinformatics/btq351, with its supplement. Both orders of bytes and files
//! without compression are read. Every offset and count is checked before it is used, and no part of a file is read
//! twice in one search, so that a damaged file costs no more than a sound one.

mod block;
mod contigs;
mod fields;
mod index;
mod write;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cistron_core::{Contig, Region};

use crate::GenomeError;
use crate::positioned::PositionedFile;
use crate::text;

pub(crate) use block::{Block, Scratch};
pub(crate) use fields::{ByteOrder, Fields};
pub(crate) use write::{Bytes, Written, contig_tree, index_tree};

/// Bytes before the zoom headers.
pub(crate) const HEADER: usize = 64;
pub(crate) const ZOOM_HEADER: usize = 24;
pub(crate) const SUMMARY: usize = 40;

/// What a file of this container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BigWig,
    BigBed,
}

impl Kind {
    pub(crate) fn magic(self) -> u32 {
        match self {
            Self::BigWig => 0x888F_FC26,
            Self::BigBed => 0x8789_F2EB,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::BigWig => "bigWig",
            Self::BigBed => "bigBed",
        }
    }

    /// What the first bytes of a file say that it is.
    pub(crate) fn of(start: [u8; 4]) -> Option<(Self, ByteOrder)> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let magic = Fields::new(&start, order).u32();
            let kind = [Self::BigWig, Self::BigBed].into_iter().find(|kind| kind.magic() == magic);
            Some((kind?, order))
        })
    }
}

/// What a bigWig or bigBed file says of all its values, or of all its covered bases.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrackSummary {
    /// The number of bases with a value.
    pub covered: u64,
    /// The least value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The sum over all covered bases.
    pub sum: f64,
    /// The sum of the squares over all covered bases.
    pub sum_of_squares: f64,
}

/// A zoom level: the bases that one of its records spans, and where its index begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zoom {
    pub(crate) reduction: u32,
    pub(crate) index: u64,
}

/// A stretch of a contig, by the number that the file gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) contig: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    /// Whether something of a contig lies in the place, if only in part.
    pub(crate) fn overlaps(self, contig: u32, start: u32, end: u32) -> bool {
        contig == self.contig && start < self.end && end > self.start
    }
}

/// An open file, shared by any number of threads.
#[derive(Debug)]
pub(crate) struct Bbi {
    file: PositionedFile,
    name: String,
    pub(crate) order: ByteOrder,
    /// The most bytes that a block inflates to; 0 if blocks are not compressed.
    largest_block: u32,
    /// Where the index of the data begins; none if the file says that it has none.
    pub(crate) index: Option<u64>,
    /// By their reduction.
    pub(crate) zooms: Vec<Zoom>,
    pub(crate) summary: Option<TrackSummary>,
    /// Columns of a bigBed file.
    pub(crate) columns: u16,
    contigs: Vec<Contig>,
    /// The file's number of each contig.
    numbers: Vec<u32>,
    by_name: HashMap<Arc<str>, usize>,
    /// Buffers of searches that are over.
    idle: Mutex<Vec<Scratch>>,
}

impl Bbi {
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self, GenomeError> {
        let name = text::name_of(path);
        let file = PositionedFile::open(path).map_err(|error| GenomeError::read(&name, error))?;
        let mut bbi = Self {
            file,
            name,
            order: ByteOrder::Little,
            largest_block: 0,
            index: None,
            zooms: Vec::new(),
            summary: None,
            columns: 0,
            contigs: Vec::new(),
            numbers: Vec::new(),
            by_name: HashMap::new(),
            idle: Mutex::default(),
        };
        bbi.read_header(kind)?;
        Ok(bbi)
    }

    fn read_header(&mut self, kind: Kind) -> Result<(), GenomeError> {
        let start = self.bytes_at(0, HEADER, "the header")?;
        let magic = start.first_chunk().copied().unwrap_or_default();
        self.order = match Kind::of(magic) {
            Some((found, order)) if found == kind => order,
            Some((found, _)) => {
                return Err(self.error(format!("is a {} file, expected {}", found.name(), kind.name())));
            }
            None => {
                let found = u32::from_le_bytes(magic);
                return Err(self.error(format!("begins with 0x{found:08X}, expected a {} file", kind.name())));
            }
        };
        let mut fields = Fields::new(&start, self.order);
        let (_magic, version, n_zooms) = (fields.u32(), fields.u16(), fields.u16());
        let (contigs, _data, index) = (fields.u64(), fields.u64(), fields.u64());
        let (columns, _defined, _auto_sql) = (fields.u16(), fields.u16(), fields.u64());
        let (summary, largest_block) = (fields.u64(), fields.u32());
        if version == 0 || version > 4 {
            return Err(self.error(format!("has version {version}, expected 1 to 4")));
        }
        self.columns = columns;
        // Blocks have been compressed since version 3.
        self.largest_block = if version < 3 { 0 } else { largest_block };
        self.index = (index != 0).then_some(index);
        self.zooms = self.read_zooms(n_zooms)?;
        self.summary = if version >= 2 && summary != 0 { Some(self.read_summary(summary)?) } else { None };
        self.read_contigs(contigs)
    }

    fn read_zooms(&self, count: u16) -> Result<Vec<Zoom>, GenomeError> {
        let bytes =
            self.bytes_at(HEADER as u64, usize::from(count) * ZOOM_HEADER, "the list of zoom levels")?;
        let zooms = bytes.chunks_exact(ZOOM_HEADER).map(|bytes| {
            let mut fields = Fields::new(bytes, self.order);
            let (reduction, _reserved, _data) = (fields.u32(), fields.u32(), fields.u64());
            Zoom { reduction, index: fields.u64() }
        });
        let mut zooms: Vec<Zoom> = zooms.collect();
        zooms.sort_by_key(|zoom| zoom.reduction);
        Ok(zooms)
    }

    fn read_summary(&self, offset: u64) -> Result<TrackSummary, GenomeError> {
        let bytes = self.bytes_at(offset, SUMMARY, "the summary")?;
        let mut fields = Fields::new(&bytes, self.order);
        Ok(TrackSummary {
            covered: fields.u64(),
            min: fields.f64(),
            max: fields.f64(),
            sum: fields.f64(),
            sum_of_squares: fields.f64(),
        })
    }

    /// The file's name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The contigs in the order of the file's numbers for them.
    pub(crate) fn contigs(&self) -> &[Contig] {
        &self.contigs
    }

    /// The contig's place in [`contigs`](Self::contigs).
    pub(crate) fn index_of(&self, contig: &str) -> Option<usize> {
        self.by_name.get(contig).copied()
    }

    /// A region as the file numbers it.
    ///
    /// A contig that is not there is [`GenomeError::UnknownContig`], an end beyond the contig's
    /// [`GenomeError::BeyondContig`].
    pub(crate) fn place(&self, region: &Region) -> Result<Place, GenomeError> {
        let found = self.index_of(region.contig());
        let found = found.and_then(|index| self.contigs.get(index).zip(self.numbers.get(index)));
        let Some((contig, &number)) = found else { return Err(self.unknown(region.contig())) };
        if region.end() > contig.length {
            return Err(GenomeError::BeyondContig {
                file: self.name.clone(),
                region: region.to_string(),
                length: contig.length,
            });
        }
        Ok(Place { contig: number, start: region.start() as u32, end: region.end() as u32 })
    }

    /// The name of a contig by the file's number for it.
    pub(crate) fn name_of(&self, number: u32) -> &str {
        let index = self.numbers.binary_search(&number).ok();
        index.and_then(|index| self.contigs.get(index)).map_or("", |contig| &contig.name)
    }

    fn unknown(&self, contig: &Arc<str>) -> GenomeError {
        let other = contig.strip_prefix("chr").map_or_else(|| format!("chr{contig}"), str::to_owned);
        let similar = self.by_name.get_key_value(&*other).map(|(name, _)| name.clone());
        GenomeError::UnknownContig { file: self.name.clone(), contig: contig.clone(), similar }
    }

    /// Buffers for a search; [`put_back`](Self::put_back) keeps them for the next.
    pub(crate) fn scratch(&self) -> Scratch {
        // Whoever died with the lock left a list of buffers, which is always sound.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn put_back(&self, scratch: Scratch) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }

    /// Hands each block that the index names for a place to `each`, inflated, in the order of the index.
    pub(crate) fn for_each_block(
        &self,
        index: u64,
        place: Place,
        mut each: impl FnMut(&[u8]) -> Result<(), GenomeError>,
    ) -> Result<(), GenomeError> {
        let mut scratch = self.scratch();
        let done = self.find_blocks(index, Some(place), &mut scratch).and_then(|()| {
            let blocks = std::mem::take(&mut scratch.blocks);
            let done = blocks.iter().try_for_each(|block| each(self.load(*block, &mut scratch)?));
            scratch.blocks = blocks;
            done
        });
        self.put_back(scratch);
        done
    }

    /// Where all blocks of the data lie, in the order of the index.
    pub(crate) fn all_blocks(&self) -> Result<Vec<Block>, GenomeError> {
        let Some(index) = self.index else { return Ok(Vec::new()) };
        let mut scratch = self.scratch();
        let found = self.find_blocks(index, None, &mut scratch);
        let blocks = std::mem::take(&mut scratch.blocks);
        self.put_back(scratch);
        found.map(|()| blocks)
    }

    /// Bytes of the file as they stand there.
    fn bytes_at(&self, offset: u64, length: usize, what: &str) -> Result<Vec<u8>, GenomeError> {
        let mut bytes = Vec::new();
        self.read_into(offset, length, what, &mut bytes)?;
        Ok(bytes)
    }

    fn read_into(
        &self,
        offset: u64,
        length: usize,
        what: &str,
        bytes: &mut Vec<u8>,
    ) -> Result<(), GenomeError> {
        let size = self.file.size();
        if offset.checked_add(length as u64).is_none_or(|end| end > size) {
            let problem =
                format!("{what} takes {length} bytes from byte {offset} on, but the file has {size}");
            return Err(self.error(problem));
        }
        bytes.clear();
        bytes.resize(length, 0);
        self.file.read_exact_at(bytes, offset).map_err(|error| GenomeError::read(&self.name, error))
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> GenomeError {
        GenomeError::unusable(&self.name, problem)
    }

    /// How many bytes may still be read in a search: sound trees and blocks do not overlap.
    fn budget(&self) -> Budget<'_> {
        Budget { bbi: self, left: self.file.size() }
    }
}

/// What is left to read in one search.
struct Budget<'a> {
    bbi: &'a Bbi,
    left: u64,
}

impl Budget<'_> {
    fn take(&mut self, bytes: u64, what: &str) -> Result<(), GenomeError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| {
            self.bbi.error(format!(
                "{what} take more bytes than the file has, expected parts that do not overlap"
            ))
        })?;
        Ok(())
    }
}
