//! Random access to bgzip files: blocks of at most 64 KiB, each compressed by itself.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use noodles_bgzf as bgzf;

use crate::GenomeError;
use crate::positioned::PositionedFile;
use crate::text;

/// The largest block, compressed or not.
const BLOCK: u64 = 1 << 16;
/// Bytes before a block's data where `BC` is its only extra field.
pub(crate) const HEADER: usize = 18;
/// Bytes that the cache of a file may hold.
const CACHE_BYTES: usize = 16 << 20;

/// Where the blocks of a bgzip file begin: the content of a `.gzi`, with the sizes of the file at its end.
///
/// ```
/// use std::io::Write;
/// use cistron_genome::BgzipIndex;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("toy.fa.gz");
/// let mut file = cistron_genome::text::create(&path)?;
/// file.write_all(b">chr1\nACGT\n")?;
/// file.commit()?;
/// let mut gzi = Vec::new();
/// BgzipIndex::scan(&path)?.write(&mut gzi)?;
/// assert_eq!(gzi, [0; 8]); // the first block is not listed
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgzipIndex {
    /// Compressed and uncompressed offsets of each block with data, the first at (0, 0), then those of the end.
    offsets: Vec<(u64, u64)>,
}

impl BgzipIndex {
    /// Lists the blocks of a bgzip file by hopping from header to header, without inflating.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if the file cannot be read, [`GenomeError::PlainGzip`] or
    /// [`GenomeError::Unusable`] if it is no bgzip file, damaged or cut short.
    pub fn scan(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        let name = text::name_of(path);
        let file = PositionedFile::open(path).map_err(|error| GenomeError::read(&name, error))?;
        Self::complete(&file, &name, &[])
    }

    /// Reads the content of a `.gzi` and completes it from the bgzip file that it describes.
    ///
    /// # Errors
    /// [`GenomeError::Unusable`] if the bytes are no index or one of another file, else as [`scan`](Self::scan).
    pub(crate) fn read(
        gzi: &str,
        bytes: &[u8],
        file: &PositionedFile,
        name: &str,
    ) -> Result<Self, GenomeError> {
        let listed = parse(gzi, bytes, file.size())?;
        Self::complete(file, name, &listed)
    }

    /// The offsets of a file of which some blocks are known, the others found by hopping.
    fn complete(file: &PositionedFile, name: &str, listed: &[(u64, u64)]) -> Result<Self, GenomeError> {
        let mut offsets: Vec<(u64, u64)> = Vec::with_capacity(listed.len() + 2);
        let hop = Hop::new(file, name);
        offsets.push((0, 0));
        for &(compressed, uncompressed) in listed {
            let (_, before) = offsets.last().copied().unwrap_or_default();
            if uncompressed - before > BLOCK {
                let start = offsets.pop().unwrap_or_default();
                hop.walk(start, Some((compressed, uncompressed)), &mut offsets)?;
            }
            offsets.push((compressed, uncompressed));
        }
        let start = offsets.pop().unwrap_or_default();
        hop.walk(start, None, &mut offsets)?;
        Ok(Self { offsets })
    }

    /// Writes the bytes of a `.gzi` as bgzip and samtools do: a count, then two offsets for each block but the
    /// first, all as 64-bit little-endian numbers.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        let listed = self.offsets.get(1..self.blocks()).unwrap_or_default();
        writer.write_all(&(listed.len() as u64).to_le_bytes())?;
        for (compressed, uncompressed) in listed {
            writer.write_all(&compressed.to_le_bytes())?;
            writer.write_all(&uncompressed.to_le_bytes())?;
        }
        Ok(())
    }

    /// The number of blocks that hold data.
    pub fn blocks(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of bytes of the whole file, inflated.
    pub fn size(&self) -> u64 {
        self.offsets.last().map_or(0, |&(_, uncompressed)| uncompressed)
    }

    /// The block that holds a byte of the inflated file.
    fn block_of(&self, offset: u64) -> usize {
        self.offsets.partition_point(|&(_, uncompressed)| uncompressed <= offset).saturating_sub(1)
    }
}

fn parse(gzi: &str, bytes: &[u8], size: u64) -> Result<Vec<(u64, u64)>, GenomeError> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    let count = words.next().unwrap_or_default();
    let expected = count.checked_mul(16).and_then(|bytes| bytes.checked_add(8));
    if !rest.is_empty() || expected != Some(bytes.len() as u64) {
        let found = bytes.len();
        let problem =
            format!("found {found} bytes, expected 8 and 16 for each of the {count} blocks that it counts");
        return Err(GenomeError::unusable(gzi, problem));
    }
    let mut listed: Vec<(u64, u64)> = Vec::with_capacity(words.len() / 2);
    while let (Some(compressed), Some(uncompressed)) = (words.next(), words.next()) {
        let (c, u) = listed.last().copied().unwrap_or_default();
        // Compressed data shrink by no more than a factor of about 1000.
        if compressed <= c
            || uncompressed <= u
            || compressed >= size
            || uncompressed > size.saturating_mul(2048)
        {
            let entry = listed.len() + 1;
            let problem = format!(
                "entry {entry} is ({compressed}, {uncompressed}), expected numbers above ({c}, {u}) inside a file \
                 of {size} bytes"
            );
            return Err(GenomeError::unusable(gzi, problem));
        }
        listed.push((compressed, uncompressed));
    }
    Ok(listed)
}

/// A walk from block header to block header.
struct Hop<'a> {
    file: &'a PositionedFile,
    name: &'a str,
}

impl<'a> Hop<'a> {
    fn new(file: &'a PositionedFile, name: &'a str) -> Self {
        Self { file, name }
    }

    /// Appends the blocks with data from `start` on, up to `stop` or with the end of the file as last.
    fn walk(
        &self,
        start: (u64, u64),
        stop: Option<(u64, u64)>,
        offsets: &mut Vec<(u64, u64)>,
    ) -> Result<(), GenomeError> {
        let (mut compressed, mut uncompressed) = start;
        let mut marked = false;
        let mut header = self.bytes(compressed, HEADER)?;
        while compressed < stop.map_or(self.file.size(), |(compressed, _)| compressed) {
            let length = self.block_length(compressed, &header)?;
            // The inflated size stands in the block's last 4 bytes; the next header follows.
            let tail = self.bytes(compressed + length - 4, 4 + HEADER)?;
            let (size, next) = tail.split_first_chunk::<4>().ok_or_else(|| self.cut_short(compressed))?;
            let size = u64::from(u32::from_le_bytes(*size));
            if size > BLOCK {
                return Err(self.no_block(compressed));
            }
            if size > 0 {
                offsets.push((compressed, uncompressed));
            }
            marked = size == 0;
            header = next.to_vec();
            compressed += length;
            uncompressed += size;
        }
        match stop {
            Some(stop) if stop != (compressed, uncompressed) => Err(self.no_block(stop.0)),
            None if !marked => Err(GenomeError::unusable(
                self.name,
                "found no end marker of bgzip, expected one (the file may be cut short)",
            )),
            None => {
                offsets.push((compressed, uncompressed));
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    fn bytes(&self, offset: u64, limit: usize) -> Result<Vec<u8>, GenomeError> {
        self.file.read_at_most(offset, limit).map_err(|error| GenomeError::read(self.name, error))
    }

    /// The length of the block that begins at `offset` with these bytes.
    fn block_length(&self, offset: u64, header: &[u8]) -> Result<u64, GenomeError> {
        let length = block_length(header).ok_or_else(|| {
            if offset == 0 && is_gzip(header) {
                return GenomeError::PlainGzip { file: self.name.to_owned() };
            }
            self.no_block(offset)
        })?;
        if offset + length > self.file.size() {
            return Err(self.cut_short(offset));
        }
        Ok(length)
    }

    fn no_block(&self, offset: u64) -> GenomeError {
        GenomeError::unusable(self.name, format!("found no block of bgzip at byte {offset}, expected one"))
    }

    fn cut_short(&self, offset: u64) -> GenomeError {
        GenomeError::unusable(self.name, format!("the file ends inside the bgzip block at byte {offset}"))
    }
}

/// Whether bytes begin as a gzip file does.
pub(crate) fn is_gzip(header: &[u8]) -> bool {
    header.starts_with(&[0x1f, 0x8b])
}

/// Whether bytes, at least 18, begin as a bgzip file does.
pub(crate) fn is_bgzip(header: &[u8]) -> bool {
    block_length(header).is_some()
}

/// The length of the bgzip block with this header: gzip with the extra field `BC` alone, as every writer has it.
fn block_length(header: &[u8]) -> Option<u64> {
    let &[0x1f, 0x8b, 8, 4, _, _, _, _, _, _, 6, 0, b'B', b'C', 2, 0, low, high, ..] = header else {
        return None;
    };
    let length = u64::from(u16::from_le_bytes([low, high])) + 1;
    // A header, the shortest deflate stream and two numbers of 4 bytes.
    (length >= HEADER as u64 + 10).then_some(length)
}

/// A bgzip file read at random through a bounded cache of inflated blocks.
#[derive(Debug)]
pub(crate) struct BgzipFile {
    file: PositionedFile,
    name: String,
    index: BgzipIndex,
    cache: Mutex<Cache>,
}

impl BgzipFile {
    pub(crate) fn new(file: PositionedFile, name: &str, index: BgzipIndex) -> Self {
        Self { file, name: name.to_owned(), index, cache: Mutex::default() }
    }

    pub(crate) fn index(&self) -> &BgzipIndex {
        &self.index
    }

    pub(crate) fn size(&self) -> u64 {
        self.index.size()
    }

    /// Fills `bytes` with the inflated file from `offset` on; its end is an error.
    pub(crate) fn read_exact_at(&self, mut bytes: &mut [u8], mut offset: u64) -> Result<(), GenomeError> {
        let mut number = self.index.block_of(offset);
        while !bytes.is_empty() {
            let block = self.block(number)?;
            let &(_, start) = self.index.offsets.get(number).ok_or_else(|| self.beyond(offset))?;
            let data = block.get((offset - start) as usize..).unwrap_or_default();
            let length = data.len().min(bytes.len());
            let (Some((filled, rest)), Some(data)) = (bytes.split_at_mut_checked(length), data.get(..length))
            else {
                return Err(self.beyond(offset));
            };
            filled.copy_from_slice(data);
            bytes = rest;
            offset += length as u64;
            number += 1;
        }
        Ok(())
    }

    fn beyond(&self, offset: u64) -> GenomeError {
        let size = self.size();
        GenomeError::unusable(&self.name, format!("byte {offset} was asked for, expected one of {size}"))
    }

    /// An inflated block, from the cache if it is there.
    fn block(&self, number: usize) -> Result<Arc<[u8]>, GenomeError> {
        // Whoever held the lock and died left a cache that is a cache still.
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = lock().get(number) {
            return Ok(block);
        }
        // Inflated without the lock: others go on, and at worst a block is inflated twice.
        let block = self.inflate(number)?;
        lock().insert(number, block.clone());
        Ok(block)
    }

    fn inflate(&self, number: usize) -> Result<Arc<[u8]>, GenomeError> {
        let range = self.index.offsets.get(number..number + 2);
        let Some(&[(compressed, start), (next, end)]) = range else {
            return Err(self.beyond(self.size()));
        };
        let length = (end - start).min(BLOCK) as usize;
        // Empty blocks may stand before the one with data.
        let limit = (next - compressed).min(2 * BLOCK) as usize;
        let bytes = self.file.read_at_most(compressed, limit);
        let bytes = bytes.map_err(|error| GenomeError::read(&self.name, error))?;
        let mut data = vec![0; length];
        let read = bgzf::io::Reader::new(&bytes[..]).read_exact(&mut data);
        read.map_err(|error| {
            let problem =
                format!("bgzip block at byte {compressed} is damaged or not where its index says: {error}");
            GenomeError::unusable(&self.name, problem)
        })?;
        Ok(data.into())
    }
}

/// Inflated blocks; the least recently used leave first.
#[derive(Debug, Default)]
struct Cache {
    blocks: HashMap<usize, (Arc<[u8]>, u64)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    fn get(&mut self, number: usize) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let (block, used) = self.blocks.get_mut(&number)?;
        *used = self.clock;
        Some(block.clone())
    }

    fn insert(&mut self, number: usize, block: Arc<[u8]>) {
        self.clock += 1;
        self.bytes += block.len();
        if let Some((old, _)) = self.blocks.insert(number, (block, self.clock)) {
            self.bytes -= old.len();
        }
        // The scan over some 256 blocks is far cheaper than the inflating that led here.
        while self.bytes > CACHE_BYTES {
            let oldest = self.blocks.iter().min_by_key(|(_, (_, used))| *used).map(|(&number, _)| number);
            let Some((old, _)) = oldest.and_then(|number| self.blocks.remove(&number)) else { return };
            self.bytes -= old.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_was_used_last() {
        let mut cache = Cache::default();
        let block: Arc<[u8]> = vec![0; BLOCK as usize].into();
        for number in 0..1000 {
            cache.insert(number, block.clone());
            assert!(cache.get(0).is_some(), "block 0 is used all the time");
        }
        assert_eq!(cache.bytes, CACHE_BYTES);
        assert_eq!(cache.blocks.len(), 256);
        assert!(cache.get(999).is_some() && cache.get(500).is_none());
    }
}
