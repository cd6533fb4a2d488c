//! Sections: the blocks of a bigWig file, of one of three types.

use super::BigWig;
use crate::GenomeError;
use crate::bbi::{Fields, Place};

/// Bytes before the items of a section.
pub(super) const HEADER: usize = 24;

/// The types of sections.
pub(super) const BED_GRAPH: u8 = 1;
pub(super) const VARIABLE_STEP: u8 = 2;
pub(super) const FIXED_STEP: u8 = 3;

impl BigWig {
    /// Hands start, end and value of the intervals that overlap a place to `each`, by start.
    pub(super) fn visit(&self, place: Place, mut each: impl FnMut(u32, u32, f32)) -> Result<(), GenomeError> {
        let Some(index) = self.bbi.index.filter(|_| place.start < place.end) else { return Ok(()) };
        let mut order = Order { track: self, place, last_end: 0 };
        self.bbi.for_each_block(index, place, |block| order.section(block, &mut each))
    }
}

/// What has been seen of a contig so far.
struct Order<'a> {
    track: &'a BigWig,
    place: Place,
    /// Where the last interval that was handed on ends.
    last_end: u32,
}

impl Order<'_> {
    fn section(&mut self, block: &[u8], each: &mut impl FnMut(u32, u32, f32)) -> Result<(), GenomeError> {
        let bbi = &self.track.bbi;
        if block.len() < HEADER {
            return Err(bbi.error(format!("a section has {} bytes, expected at least {HEADER}", block.len())));
        }
        let mut fields = Fields::new(block, bbi.order);
        let (contig, start, _end) = (fields.u32(), fields.u32(), fields.u32());
        let (step, span, kind) = (fields.u32(), fields.u32(), fields.u8());
        let (_reserved, count) = (fields.u8(), fields.u16());
        if contig != self.place.contig {
            // A node of the index may span contigs.
            return Ok(());
        }
        let width = match kind {
            BED_GRAPH => 12,
            VARIABLE_STEP => 8,
            FIXED_STEP => 4,
            _ => return Err(bbi.error(format!("a section has type {kind}, expected 1, 2 or 3"))),
        };
        let Some(items) = fields.rest().get(..width * usize::from(count)) else {
            let problem = format!("a section of {} bytes has {count} items of {width} bytes", block.len());
            return Err(bbi.error(format!("{problem}, expected fewer")));
        };
        let order = bbi.order;
        match kind {
            BED_GRAPH => {
                self.items(items, 12, each, |mut item| (item.u32(), Some(item.u32()), item.f32()), order)
            }
            VARIABLE_STEP => self.items(
                items,
                8,
                each,
                |mut item| {
                    let start = item.u32();
                    (start, start.checked_add(span), item.f32())
                },
                order,
            ),
            _ => {
                let mut next = Some(start);
                let step = |mut item: Fields<'_>| {
                    let start = next.unwrap_or(u32::MAX);
                    next = start.checked_add(step);
                    (start, start.checked_add(span), item.f32())
                };
                self.items(items, 4, each, step, order)
            }
        }
    }

    #[inline]
    fn items(
        &mut self,
        items: &[u8],
        width: usize,
        each: &mut impl FnMut(u32, u32, f32),
        mut parse: impl FnMut(Fields<'_>) -> (u32, Option<u32>, f32),
        order: crate::bbi::ByteOrder,
    ) -> Result<(), GenomeError> {
        for item in items.chunks_exact(width) {
            let (start, end, value) = parse(Fields::new(item, order));
            let Some(end) = end.filter(|&end| end > start) else { return Err(self.reversed(start, end)) };
            if end <= self.place.start {
                continue;
            }
            if start >= self.place.end {
                break;
            }
            if start < self.last_end {
                return Err(self.unsorted(start, end));
            }
            self.last_end = end;
            each(start, end, value);
        }
        Ok(())
    }

    #[cold]
    fn reversed(&self, start: u32, end: Option<u32>) -> GenomeError {
        let end = end.map_or_else(|| "beyond all positions".to_owned(), |end| end.to_string());
        self.error(format!("interval from {start} ends {end}, expected an end above the start"))
    }

    #[cold]
    fn unsorted(&self, start: u32, end: u32) -> GenomeError {
        let last = self.last_end;
        self.error(format!("interval {start}-{end} follows one that ends at {last}, expected intervals that are sorted and apart"))
    }

    fn error(&self, problem: String) -> GenomeError {
        let bbi = &self.track.bbi;
        let place = bbi.name_of(self.place.contig);
        bbi.error(format!("contig `{place}`: {problem}"))
    }
}
