use cistron_core::Run;

use super::Scanner;
use super::engine::{self, RawHit};
use super::tile::{Segment, Tile};
use crate::{Hit, MotifError, ScanSummary};

/// A scan that is fed sequences, whole or piece by piece.
///
/// Memory is a few tiles for each thread, however long the sequences are.
///
/// ```
/// use cistron_core::Run;
/// use cistron_motif::{FimoOptions, Scanner, ScanThreshold, parse_motifs};
///
/// let set = parse_motifs(b">M1\tx\n0 0\n9 0\n0 9\n0 0\n", "example", &())?;
/// let options = FimoOptions { threshold: ScanThreshold::Score(3.0), ..FimoOptions::default() };
/// let scanner = Scanner::new(&set, &options)?;
/// let mut starts = Vec::new();
/// let mut sink = |hits: &[cistron_motif::Hit]| {
///     starts.extend(hits.iter().map(|hit| (hit.start, hit.strand.symbol())));
///     Ok(())
/// };
/// let mut scan = scanner.start(Run::default(), &mut sink);
/// scan.begin_sequence()?;
/// scan.push(&[0, 0, 1])?;
/// scan.push(&[2, 3, 3])?;
/// scan.finish()?;
/// assert_eq!(starts, [(2, '+'), (2, '-')]);
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub struct Scan<'a> {
    scanner: &'a Scanner,
    run: Run<'a>,
    sink: Sink<'a>,
    /// The tile that is being filled; its last segment is that of the sequence being fed.
    tile: Tile,
    /// Whether a sequence is being fed.
    open: bool,
    ready: Vec<Tile>,
    /// Known letters since the last unknown one or the sequence's beginning.
    known: u64,
    /// Each width that a motif has, and the number of windows of one strand.
    widths: Vec<(usize, u64)>,
    summary: ScanSummary,
}

type HitSink<'a> = &'a mut dyn FnMut(&[Hit]) -> Result<(), MotifError>;

enum Sink<'a> {
    Stream(HitSink<'a>),
    Collect(Vec<(Tile, Vec<RawHit>)>),
}

impl<'a> Scan<'a> {
    pub(super) fn streaming(scanner: &'a Scanner, run: Run<'a>, sink: HitSink<'a>) -> Self {
        Self::new(scanner, run, Sink::Stream(sink))
    }

    pub(super) fn collecting(scanner: &'a Scanner, run: Run<'a>) -> Self {
        Self::new(scanner, run, Sink::Collect(Vec::new()))
    }

    fn new(scanner: &'a Scanner, run: Run<'a>, sink: Sink<'a>) -> Self {
        let mut widths: Vec<(usize, u64)> = scanner.models.iter().map(|model| (model.width, 0)).collect();
        widths.sort_unstable();
        widths.dedup();
        let summary = ScanSummary { hits: vec![0; scanner.models.len()], ..ScanSummary::default() };
        let tile = Tile::default();
        Self { scanner, run, sink, tile, open: false, ready: Vec::new(), known: 0, widths, summary }
    }

    pub(super) fn extend<S: AsRef<[u8]>>(
        &mut self,
        sequences: impl IntoIterator<Item = S>,
    ) -> Result<(), MotifError> {
        for sequence in sequences {
            self.begin_sequence()?;
            self.push(sequence.as_ref())?;
        }
        Ok(())
    }

    /// Ends the sequence being fed and begins the next one; its index is the number of sequences begun before.
    ///
    /// # Errors
    /// [`MotifError::Cancelled`], and whatever the sink reports; [`MotifError::Option`] for more than 2³² - 1
    /// sequences.
    pub fn begin_sequence(&mut self) -> Result<(), MotifError> {
        self.end_sequence();
        if self.tile.codes.len() >= self.scanner.tile || self.tile.segments.len() >= self.scanner.tile {
            self.ready.push(std::mem::take(&mut self.tile));
            self.work(false)?;
        }
        let example = self.summary.sequences;
        let Some(sequences) = example.checked_add(1) else {
            let found = "above 4294967295".to_owned();
            return Err(MotifError::Option {
                option: "number of sequences",
                found,
                expected: "at most that",
            });
        };
        self.summary.sequences = sequences;
        self.open = true;
        let at = self.tile.codes.len();
        self.tile.segments.push(Segment { at, example, start: 0, letters: 0, starts: 0 });
        Ok(())
    }

    /// Appends letters to the sequence being fed (the first one begins by itself); a code outside the alphabet is an
    /// unknown letter.
    ///
    /// # Errors
    /// [`MotifError::Cancelled`], and whatever the sink reports.
    pub fn push(&mut self, codes: &[u8]) -> Result<(), MotifError> {
        if !self.open {
            self.begin_sequence()?;
        }
        self.summary.letters += codes.len() as u64;
        self.count_windows(codes);
        let capacity = self.scanner.tile + self.overlap();
        let mut rest = codes;
        while !rest.is_empty() {
            let space = capacity.saturating_sub(self.tile.codes.len());
            if space == 0 {
                self.turn()?;
                continue;
            }
            let (now, later) = rest.split_at(space.min(rest.len()));
            self.tile.codes.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    /// Ends the last sequence; returns what was seen, and the hits of a scan that collects them.
    ///
    /// # Errors
    /// [`MotifError::Cancelled`], and whatever the sink reports.
    pub(super) fn finish_collected(mut self) -> Result<(Vec<Hit>, ScanSummary), MotifError> {
        self.end_sequence();
        self.ready.push(std::mem::take(&mut self.tile));
        self.work(true)?;
        let windows = |width: usize| {
            let found = self.widths.iter().find(|(w, _)| *w == width);
            found.map_or(0, |(_, count)| count * self.scanner.strands)
        };
        self.summary.windows = self.scanner.models.iter().map(|model| windows(model.width)).collect();
        let hits = match self.sink {
            Sink::Stream(_) => Vec::new(),
            Sink::Collect(tiles) => in_motif_order(self.scanner, &tiles),
        };
        Ok((hits, self.summary))
    }

    /// How many letters of a tile stand in the next one again.
    fn overlap(&self) -> usize {
        self.scanner.plan.widest - 1
    }

    /// The tile is full inside a sequence: hands it on and keeps what windows across its end need.
    fn turn(&mut self) -> Result<(), MotifError> {
        let mut next = Tile::default();
        if let Some(mut segment) = self.tile.segments.pop() {
            segment.letters = self.tile.codes.len() - segment.at;
            let kept = segment.letters.min(self.overlap());
            segment.starts = segment.letters - kept;
            let from = self.tile.codes.len() - kept;
            next.codes.extend_from_slice(self.tile.codes.get(from..).unwrap_or_default());
            let start = segment.start + segment.starts as u64;
            next.segments.push(Segment { at: 0, start, letters: 0, starts: 0, ..segment });
            if segment.starts > 0 {
                self.tile.segments.push(segment);
            }
        }
        self.ready.push(std::mem::replace(&mut self.tile, next));
        self.work(false)
    }

    fn end_sequence(&mut self) {
        if let Some(segment) = self.tile.segments.last_mut().filter(|_| self.open) {
            segment.letters = self.tile.codes.len() - segment.at;
            segment.starts = segment.letters;
        }
        self.end_run();
        self.open = false;
    }

    fn count_windows(&mut self, codes: &[u8]) {
        let plan = &self.scanner.plan;
        if plan.unknown_is_zero() {
            self.known += codes.len() as u64;
            return;
        }
        let letters = plan.letters();
        for (i, run) in codes.split(|code| *code >= letters).enumerate() {
            if i > 0 {
                self.end_run();
            }
            self.known += run.len() as u64;
        }
    }

    fn end_run(&mut self) {
        let known = std::mem::take(&mut self.known);
        for (width, count) in &mut self.widths {
            *count += (known + 1).saturating_sub(*width as u64);
        }
    }

    /// Scans the tiles that are ready, once there is one for each thread.
    fn work(&mut self, last: bool) -> Result<(), MotifError> {
        let threads = engine::threads();
        if !last && self.ready.len() < threads {
            return Ok(());
        }
        if self.run.is_cancelled() {
            let waiting: usize = self.ready.iter().map(|tile| tile.codes.len()).sum();
            return Err(MotifError::Cancelled { done: self.summary.letters.saturating_sub(waiting as u64) });
        }
        let plan = &self.scanner.plan;
        let tiles = std::mem::take(&mut self.ready);
        let encoded = engine::map(tiles.len(), |i| plan.encode(&tiles[i]));
        // A few parts of the motifs for each tile keep every thread busy when tiles are few.
        let parts = (4 * threads).div_ceil(encoded.len().max(1)).min(plan.groups()).max(1);
        let cut = |part: usize| part * plan.groups() / parts;
        let found = engine::map(encoded.len() * parts, |i| {
            let part = i % parts;
            plan.scan(&encoded[i / parts], cut(part), cut(part + 1))
        });
        let mut found = found.into_iter();
        for tile in tiles {
            let starts = tile.starts() as u64;
            let hits: Vec<RawHit> = found.by_ref().take(parts).flatten().collect();
            self.hand_out(tile, hits)?;
            self.run.observer.advance(starts);
        }
        Ok(())
    }

    fn hand_out(&mut self, tile: Tile, mut hits: Vec<RawHit>) -> Result<(), MotifError> {
        for hit in &hits {
            let motif = self.scanner.plan.lanes.get(hit.lane as usize).map(|lane| lane.motif as usize);
            if let Some(count) = motif.and_then(|motif| self.summary.hits.get_mut(motif)) {
                *count += 1;
            }
        }
        match &mut self.sink {
            Sink::Collect(tiles) => {
                let tile = Tile { codes: Vec::new(), segments: tile.segments };
                tiles.push((tile, hits));
                Ok(())
            }
            Sink::Stream(_) if hits.is_empty() => Ok(()),
            Sink::Stream(sink) => {
                hits.sort_unstable_by_key(|hit| (u64::from(hit.offset) << 32) | u64::from(hit.lane));
                let hits: Vec<Hit> = hits.iter().filter_map(|hit| to_hit(self.scanner, &tile, hit)).collect();
                sink(&hits)
            }
        }
    }
}

impl Scan<'_> {
    /// Ends the last sequence; returns what was seen.
    ///
    /// # Errors
    /// [`MotifError::Cancelled`], and whatever the sink reports.
    pub fn finish(self) -> Result<ScanSummary, MotifError> {
        Ok(self.finish_collected()?.1)
    }
}

fn to_hit(scanner: &Scanner, tile: &Tile, hit: &RawHit) -> Option<Hit> {
    let lane = scanner.plan.lanes.get(hit.lane as usize)?;
    let p_values = &scanner.models.get(lane.motif as usize)?.p_values;
    let segment = tile.segment(hit.offset as usize)?;
    let start = segment.start + (hit.offset as usize - segment.at) as u64;
    Some(Hit {
        motif: lane.motif,
        example: segment.example,
        start,
        end: start + lane.width as u64,
        strand: lane.strand,
        score: p_values.score(hit.raw),
        p_value: p_values.of_raw(hit.raw),
    })
}

/// All hits by strand of a motif; those of one strand keep their order, which is that of sequences and starts.
fn in_motif_order(scanner: &Scanner, tiles: &[(Tile, Vec<RawHit>)]) -> Vec<Hit> {
    let mut first = vec![0_usize; scanner.plan.lanes.len() + 1];
    for hit in tiles.iter().flat_map(|(_, hits)| hits) {
        if let Some(count) = first.get_mut(hit.lane as usize + 1) {
            *count += 1;
        }
    }
    let mut total = 0;
    for count in &mut first {
        total += *count;
        *count = total;
    }
    let mut order = vec![(0_u32, 0_u32); total];
    for (t, (_, hits)) in tiles.iter().enumerate() {
        for (h, hit) in hits.iter().enumerate() {
            if let Some(next) = first.get_mut(hit.lane as usize) {
                if let Some(place) = order.get_mut(*next) {
                    *place = (t as u32, h as u32);
                }
                *next += 1;
            }
        }
    }
    let hit = |(t, h): &(u32, u32)| {
        let (tile, hits) = tiles.get(*t as usize)?;
        to_hit(scanner, tile, hits.get(*h as usize)?)
    };
    order.iter().filter_map(hit).collect()
}
