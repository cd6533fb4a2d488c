//! The R-tree that says which blocks hold what of a contig.

use super::block::{Block, Scratch};
use super::{Bbi, Fields, Place};
use crate::GenomeError;

pub(super) const MAGIC: u32 = 0x2468_ACE0;
pub(super) const TREE_HEADER: usize = 48;
const NODE_HEADER: usize = 4;
const LEAF: u64 = 32;
const BRANCH: u64 = 24;

impl Bbi {
    /// Fills `scratch.blocks` with the blocks that may hold something of a place, or with all, in the order of the index.
    pub(super) fn find_blocks(
        &self,
        offset: u64,
        place: Option<Place>,
        scratch: &mut Scratch,
    ) -> Result<(), GenomeError> {
        let Scratch { blocks, open, node, .. } = scratch;
        blocks.clear();
        open.clear();
        self.read_into(offset, TREE_HEADER, "the header of the index", node)?;
        let magic = Fields::new(node, self.order).u32();
        if magic != MAGIC {
            return Err(self.error(format!("the index begins with 0x{magic:08X}, expected 0x{MAGIC:08X}")));
        }
        let (mut nodes, mut data) = (self.budget(), self.budget());
        open.push(offset + TREE_HEADER as u64);
        while let Some(offset) = open.pop() {
            self.read_into(offset, NODE_HEADER, "a node of the index", node)?;
            let mut fields = Fields::new(node, self.order);
            let (is_leaf, _reserved, count) = (fields.u8() != 0, fields.u8(), fields.u16());
            let item = if is_leaf { LEAF } else { BRANCH };
            let bytes = item * u64::from(count);
            nodes.take(NODE_HEADER as u64 + bytes, "the nodes of the index")?;
            self.read_into(offset + NODE_HEADER as u64, bytes as usize, "a node of the index", node)?;
            let first_new = open.len();
            for item in node.chunks_exact(item as usize) {
                let mut fields = Fields::new(item, self.order);
                let begin = (fields.u32(), fields.u32());
                let end = (fields.u32(), fields.u32());
                let is_beside =
                    |place: Place| begin >= (place.contig, place.end) || end <= (place.contig, place.start);
                if place.is_some_and(is_beside) {
                    continue;
                }
                if is_leaf {
                    let block = Block { offset: fields.u64(), size: fields.u64() };
                    data.take(block.size, "the blocks of the index")?;
                    blocks.push(block);
                } else {
                    open.push(fields.u64());
                }
            }
            // The first child is taken from the end.
            if let Some(new) = open.get_mut(first_new..) {
                new.reverse();
            }
        }
        Ok(())
    }
}
