//! The container in the making: the tree of contigs and the index, little-endian.

use cistron_core::Contig;

use super::contigs::{MAGIC as CONTIGS_MAGIC, TREE_HEADER as CONTIGS_HEADER};
use super::index::{MAGIC as INDEX_MAGIC, TREE_HEADER as INDEX_HEADER};

/// The most items of a node.
const FANOUT: usize = 256;
const NODE_HEADER: usize = 4;

/// Where a block lies that has been written, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The contig and the first base.
    pub(crate) begin: (u32, u32),
    /// The contig and the base after the last.
    pub(crate) end: (u32, u32),
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// Numbers as bytes, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

macro_rules! number {
    ($($name:ident)*) => {$(
        pub(crate) fn $name(&mut self, number: $name) -> &mut Self {
            self.0.extend_from_slice(&number.to_le_bytes());
            self
        }
    )*};
}

impl Bytes {
    number!(u8 u16 u32 u64 f32 f64);

    fn node(&mut self, is_leaf: bool, count: usize) {
        self.u8(is_leaf.into()).u8(0).u16(count as u16);
    }
}

/// The tree of contigs that begins at `offset`; contigs are numbered as they come and sorted by name, as readers that
/// search the tree expect.
pub(crate) fn contig_tree(contigs: &[Contig], offset: u64) -> Vec<u8> {
    let key = contigs.iter().map(|contig| contig.name.len()).max().unwrap_or(1).max(1);
    let mut sorted: Vec<(usize, &Contig)> = contigs.iter().enumerate().collect();
    sorted.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    let mut bytes = Bytes::default();
    bytes.u32(CONTIGS_MAGIC).u32(FANOUT as u32).u32(key as u32).u32(8).u64(contigs.len() as u64).u64(0);
    let put_key = |bytes: &mut Bytes, name: &str| {
        bytes.0.extend_from_slice(name.as_bytes());
        bytes.0.extend(std::iter::repeat_n(0, key - name.len()));
    };
    let item = key + 8;
    let levels = Levels::new(sorted.len(), item, item, offset + CONTIGS_HEADER as u64);
    for level in (1..levels.nodes.len()).rev() {
        for node in 0..levels.nodes(level) {
            let children = levels.children(level, node);
            bytes.node(false, children.len());
            for child in children {
                let first = child * FANOUT.pow(level as u32);
                put_key(&mut bytes, sorted.get(first).map_or("", |(_, contig)| &contig.name));
                bytes.u64(levels.offset(level - 1, child));
            }
        }
    }
    for leaf in chunks(&sorted) {
        bytes.node(true, leaf.len());
        for (number, contig) in leaf {
            put_key(&mut bytes, &contig.name);
            bytes.u32(*number as u32).u32(contig.length as u32);
        }
    }
    bytes.0
}

/// The index over blocks that begins at `offset`, behind the blocks.
pub(crate) fn index_tree(blocks: &[Written], per_block: u32, offset: u64) -> Vec<u8> {
    let span = |blocks: &[Written]| {
        let begin = blocks.first().map_or((0, 0), |block| block.begin);
        (begin, blocks.last().map_or((0, 0), |block| block.end))
    };
    let mut bytes = Bytes::default();
    let put_span = |bytes: &mut Bytes, blocks: &[Written]| {
        let (begin, end) = span(blocks);
        bytes.u32(begin.0).u32(begin.1).u32(end.0).u32(end.1);
    };
    bytes.u32(INDEX_MAGIC).u32(FANOUT as u32).u64(blocks.len() as u64);
    put_span(&mut bytes, blocks);
    bytes.u64(offset).u32(per_block).u32(0);
    let levels = Levels::new(blocks.len(), 32, 24, offset + INDEX_HEADER as u64);
    for level in (1..levels.nodes.len()).rev() {
        let below = FANOUT.pow(level as u32);
        for node in 0..levels.nodes(level) {
            let children = levels.children(level, node);
            bytes.node(false, children.len());
            for child in children {
                let blocks = blocks.get(child * below..).unwrap_or_default();
                put_span(&mut bytes, blocks.get(..below).unwrap_or(blocks));
                bytes.u64(levels.offset(level - 1, child));
            }
        }
    }
    for leaf in chunks(blocks) {
        bytes.node(true, leaf.len());
        for block in leaf {
            put_span(&mut bytes, std::slice::from_ref(block));
            bytes.u64(block.offset).u64(block.size);
        }
    }
    bytes.0
}

/// The items of each leaf; one empty leaf where there is no item.
fn chunks<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let empty = items.is_empty().then_some(&items[..0]);
    items.chunks(FANOUT).chain(empty)
}

/// The nodes of a tree whose nodes are full but for the last of each level: leaves are level 0, the root stands first.
struct Levels {
    /// The nodes of each level.
    nodes: Vec<usize>,
    /// Where each level begins.
    begins: Vec<u64>,
    /// The bytes of a full node of each level.
    sizes: Vec<u64>,
}

impl Levels {
    fn new(items: usize, leaf: usize, branch: usize, root: u64) -> Self {
        let mut nodes = vec![items.div_ceil(FANOUT).max(1)];
        while let Some(&below) = nodes.last().filter(|below| **below > 1) {
            nodes.push(below.div_ceil(FANOUT));
        }
        let size = |level: usize| (NODE_HEADER + FANOUT * if level == 0 { leaf } else { branch }) as u64;
        let sizes: Vec<u64> = (0..nodes.len()).map(size).collect();
        let mut begins = vec![root; nodes.len()];
        for level in (1..nodes.len()).rev() {
            // Below the root: its items are the nodes of the level below, in nodes that may not all be full.
            let (count, items) = (nodes[level], nodes[level - 1]);
            begins[level - 1] = begins[level] + (NODE_HEADER * count + branch * items) as u64;
        }
        Self { nodes, begins, sizes }
    }

    fn nodes(&self, level: usize) -> usize {
        self.nodes[level]
    }

    fn children(&self, level: usize, node: usize) -> std::ops::Range<usize> {
        node * FANOUT..((node + 1) * FANOUT).min(self.nodes[level - 1])
    }

    fn offset(&self, level: usize, node: usize) -> u64 {
        self.begins[level] + self.sizes[level] * node as u64
    }
}
