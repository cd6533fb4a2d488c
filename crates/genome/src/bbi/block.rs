//! Blocks of data, inflated, and those seen last.

use flate2::{Decompress, FlushDecompress, Status};

use super::Bbi;
use crate::GenomeError;

/// Blocks inflate to at most this many bytes, whatever a file says.
const LARGEST: u64 = 1 << 28;
/// Deflate makes nothing smaller than by this factor.
const RATIO: u64 = 1032;
/// A search keeps the blocks seen last, up to this many bytes: windows that lie near one another share them.
const KEPT: usize = 1 << 20;

/// Where a block lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The buffers of one search.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What the index has found.
    pub(super) blocks: Vec<Block>,
    /// Nodes of the index that have not been seen.
    pub(super) open: Vec<u64>,
    pub(super) node: Vec<u8>,
    packed: Vec<u8>,
    inflate: Decompress,
    seen: Vec<Seen>,
    /// Counts uses of blocks.
    clock: u64,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            open: Vec::new(),
            node: Vec::new(),
            packed: Vec::new(),
            inflate: Decompress::new(true),
            seen: Vec::new(),
            clock: 0,
        }
    }
}

/// An inflated block.
#[derive(Debug)]
struct Seen {
    block: Block,
    bytes: Vec<u8>,
    last_use: u64,
}

impl Bbi {
    /// The bytes of a block, inflated if they are compressed.
    pub(crate) fn load<'a>(&self, block: Block, scratch: &'a mut Scratch) -> Result<&'a [u8], GenomeError> {
        scratch.clock += 1;
        let clock = scratch.clock;
        let known = scratch.seen.iter().position(|seen| seen.block == block);
        let place = if let Some(place) = known {
            place
        } else {
            let mut bytes = scratch.make_room();
            self.fetch(block, scratch, &mut bytes)?;
            scratch.seen.push(Seen { block, bytes, last_use: clock });
            scratch.seen.len() - 1
        };
        Ok(scratch.seen.get_mut(place).map_or(&[], |seen| {
            seen.last_use = clock;
            &seen.bytes
        }))
    }

    fn fetch(&self, block: Block, scratch: &mut Scratch, bytes: &mut Vec<u8>) -> Result<(), GenomeError> {
        let size = usize::try_from(block.size).unwrap_or(usize::MAX);
        if self.largest_block == 0 {
            return self.read_into(block.offset, size, "a block", bytes);
        }
        self.read_into(block.offset, size, "a block", &mut scratch.packed)?;
        let limit = u64::from(self.largest_block).min(block.size.saturating_mul(RATIO)).min(LARGEST) as usize;
        let refuse = |problem: &str| {
            let Block { offset, size } = block;
            self.error(format!("the block of {size} bytes at byte {offset} {problem}"))
        };
        scratch.inflate.reset(true);
        bytes.clear();
        bytes.reserve(limit.min(8 * size) + 64);
        loop {
            let taken = scratch.inflate.total_in() as usize;
            let rest = scratch.packed.get(taken..).unwrap_or_default();
            match scratch.inflate.decompress_vec(rest, bytes, FlushDecompress::Finish) {
                Err(error) => return Err(refuse(&format!("is damaged: {error}"))),
                Ok(_) if bytes.len() > limit => {
                    return Err(refuse(&format!("holds more than {limit} bytes, expected at most that")));
                }
                Ok(Status::StreamEnd) => return Ok(()),
                Ok(_) if bytes.len() < bytes.capacity() => {
                    return Err(refuse("ends inside its compressed data"));
                }
                Ok(_) => bytes.reserve(bytes.len().max(1 << 12)),
            }
        }
    }
}

impl Scratch {
    /// An empty buffer, that of the block unused for longest where enough are kept.
    fn make_room(&mut self) -> Vec<u8> {
        let mut room = Vec::new();
        while self.seen.iter().map(|seen| seen.bytes.capacity()).sum::<usize>() > KEPT {
            let oldest = self.seen.iter().enumerate().min_by_key(|(_, seen)| seen.last_use);
            let Some((oldest, _)) = oldest else { break };
            room = self.seen.swap_remove(oldest).bytes;
        }
        room
    }
}
