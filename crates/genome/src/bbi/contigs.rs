//! The tree of contigs.

use cistron_core::Contig;

use super::{Bbi, Fields};
use crate::GenomeError;
use crate::error::quoted;

pub(super) const MAGIC: u32 = 0x78CA_8C91;
pub(super) const TREE_HEADER: usize = 32;
const NODE_HEADER: usize = 4;

impl Bbi {
    /// Reads all contigs from the tree at a place of the file.
    pub(super) fn read_contigs(&mut self, offset: u64) -> Result<(), GenomeError> {
        let header = self.bytes_at(offset, TREE_HEADER, "the header of the contigs")?;
        let mut fields = Fields::new(&header, self.order);
        let (magic, _block, key, value) = (fields.u32(), fields.u32(), fields.u32(), fields.u32());
        let claimed = fields.u64();
        if magic != MAGIC {
            return Err(
                self.error(format!("the tree of contigs begins with 0x{magic:08X}, expected 0x{MAGIC:08X}"))
            );
        }
        if value != 8 {
            return Err(self.error(format!("contigs have values of {value} bytes, expected 8")));
        }
        let mut found = Vec::new();
        self.walk(offset.saturating_add(TREE_HEADER as u64), key, &mut found)?;
        if found.len() as u64 != claimed {
            return Err(
                self.error(format!("has {} contigs, expected {claimed} as its header says", found.len()))
            );
        }
        found.sort_by_key(|&(number, _)| number);
        for (number, contig) in found {
            let name = contig.name.clone();
            if self.by_name.insert(name, self.contigs.len()).is_some() {
                return Err(
                    self.error(format!("found contig `{}` again, expected each name once", contig.name))
                );
            }
            if self.numbers.last() == Some(&number) {
                let problem =
                    format!("contig `{}` has number {number}, expected one of its own", contig.name);
                return Err(self.error(problem));
            }
            self.contigs.push(contig);
            self.numbers.push(number);
        }
        Ok(())
    }

    fn walk(&self, root: u64, key: u32, found: &mut Vec<(u32, Contig)>) -> Result<(), GenomeError> {
        let (mut open, mut budget, mut node) = (vec![root], self.budget(), Vec::new());
        let item = u64::from(key) + 8;
        while let Some(offset) = open.pop() {
            self.read_into(offset, NODE_HEADER, "a node of the contigs", &mut node)?;
            let mut fields = Fields::new(&node, self.order);
            let (is_leaf, _reserved, count) = (fields.u8(), fields.u8(), fields.u16());
            let bytes = item * u64::from(count);
            budget.take(NODE_HEADER as u64 + bytes, "the nodes of the contigs")?;
            self.read_into(offset + NODE_HEADER as u64, bytes as usize, "a node of the contigs", &mut node)?;
            for item in node.chunks_exact(item as usize) {
                let (name, value) = item.split_at(key as usize);
                let mut fields = Fields::new(value, self.order);
                if is_leaf == 0 {
                    open.push(fields.u64());
                } else {
                    let (number, length) = (fields.u32(), fields.u32().into());
                    found.push((number, Contig { name: self.contig_name(name)?.into(), length }));
                }
            }
        }
        Ok(())
    }

    /// A name without the zeros that fill its place.
    fn contig_name<'a>(&self, key: &'a [u8]) -> Result<&'a str, GenomeError> {
        let end = key.iter().position(|&byte| byte == 0).unwrap_or(key.len());
        let name = key.get(..end).unwrap_or_default();
        match std::str::from_utf8(name) {
            Ok(text) if !text.is_empty() && !text.contains(char::is_control) => Ok(text),
            _ => Err(self.error(format!("a contig is named {}, expected a name in UTF-8", quoted(name)))),
        }
    }
}
