//! The pieces of contigs that are averaged, each with bins from its first base on.

use std::sync::Arc;

use cistron_core::Contig;

use super::AverageOptions;
use crate::GenomeError;

/// Bases of a chunk, and of one inside a region.
const CHUNK: u32 = 10_000_000;
const CHUNK_OF_REGION: u32 = 1_000_000;
/// Bins of a window.
const WINDOW: u32 = 1 << 14;

/// A stretch of a contig that begins bins of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) contig: Arc<str>,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Whole bins of a piece, the last of which may be shorter at the piece's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) piece: usize,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Piece {
    pub(super) fn width(&self) -> u64 {
        u64::from(self.end - self.start)
    }

    pub(super) fn windows(&self, piece: usize, bin_size: u32) -> impl Iterator<Item = Window> + use<> {
        // Wide bins make windows of fewer bins, so that no window is wider than a chunk and a bin.
        let width = (CHUNK / bin_size).clamp(1, WINDOW).saturating_mul(bin_size);
        let (begin, end) = (self.start, self.end);
        let starts = (begin..end).step_by(width as usize);
        starts.map(move |start| Window { piece, start, end: start.saturating_add(width).min(end) })
    }
}

/// All pieces, by contig and start.
pub(super) fn pieces(contigs: &[Contig], options: &AverageOptions) -> Result<Vec<Piece>, GenomeError> {
    let bin_size = options.bin_size;
    let mut pieces = Vec::new();
    let mut add = |contig: &Contig, start: u32, end: u32, chunk: u32| {
        for start in (start..end).step_by(chunk as usize) {
            let whole =
                Piece { contig: contig.name.clone(), start, end: start.saturating_add(chunk).min(end) };
            subtract(whole, options, &mut pieces);
        }
    };
    let Some(region) = &options.region else {
        for contig in contigs {
            add(contig, 0, contig.length as u32, CHUNK);
        }
        return Ok(pieces);
    };
    let Some(contig) = contigs.iter().find(|contig| contig.name == *region.contig()) else {
        let problem = format!("contig `{}` of region {region} is not in all tracks", region.contig());
        return Err(GenomeError::Request(problem));
    };
    if region.start() >= contig.length {
        let problem = format!("region {region} begins beyond its contig of {} bases", contig.length);
        return Err(GenomeError::Request(problem));
    }
    let start = region.start() as u32;
    let chunk = (CHUNK_OF_REGION - CHUNK_OF_REGION % bin_size).max(bin_size);
    add(contig, start - start % bin_size, region.end().min(contig.length) as u32, chunk);
    Ok(pieces)
}

/// Adds what the blacklist leaves of a piece: each of its regions, in their order, moves the start to its own end.
fn subtract(mut whole: Piece, options: &AverageOptions, pieces: &mut Vec<Piece>) {
    let overlaps = options.blacklist.iter().filter(|region| {
        *region.contig() == whole.contig
            && region.start() < whole.end.into()
            && region.end() > whole.start.into()
    });
    let overlaps: Vec<(u32, u32)> =
        overlaps.map(|region| (region.start() as u32, region.end().min(u32::MAX.into()) as u32)).collect();
    for (start, end) in overlaps {
        if whole.end <= whole.start {
            break;
        }
        if whole.start < start {
            pieces.push(Piece { end: start.min(whole.end), ..whole.clone() });
        }
        whole.start = end;
    }
    if whole.start < whole.end {
        pieces.push(whole);
    }
}
