//! The filters of all motifs, and how a tile goes through them.

use cistron_core::{Alphabet, Strand};

use super::model::Model;
use super::plan::Lane;
use super::tile::{Rooms, Tile};
use super::{portable, rescore};
use crate::{Arithmetic, FimoOptions, MotifError, ScanEngine};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::lookup::{self, LookUp};
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::{
    avx2::{self, Avx2},
    avx512::{self, Avx512},
};

/// A hit on the scale of its scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawHit {
    pub(super) offset: u32,
    pub(super) lane: u32,
    pub(super) raw: f64,
}

/// Every strand that is scanned, and the filters over groups of them.
pub(super) struct Plan {
    /// In the order of motifs, the forward strand first.
    pub(super) lanes: Vec<Lane>,
    groups: Vec<Group>,
    letters: u8,
    engine: ScanEngine,
    /// Whether unknown letters add 0 instead of ending windows.
    unknown_is_zero: bool,
    /// The widest motif.
    pub(super) widest: usize,
}

/// Strands that are filtered together.
struct Group {
    lanes: Vec<u32>,
    filter: Filter,
}

enum Filter {
    /// Every window is scored.
    All,
    /// No window of known letters can be a hit.
    Nothing,
    Portable(portable::Group),
    #[cfg(target_arch = "x86_64")]
    Avx2(lookup::Group<Avx2>),
    #[cfg(target_arch = "x86_64")]
    Avx512(lookup::Group<Avx512>),
    #[cfg(target_arch = "aarch64")]
    Neon(lookup::Group<Neon>),
}

/// A tile as its filters and the scoring read it.
pub(super) struct Encoded<'a> {
    tile: &'a Tile,
    rooms: Rooms,
    packed: Vec<u8>,
    bytes: Vec<u8>,
    words: Vec<u16>,
}

/// `f(0)` to `f(n - 1)`, on the caller's threads where the crate may use them.
pub(super) fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        (0..n).into_par_iter().map(f).collect()
    }
    #[cfg(not(feature = "parallel"))]
    (0..n).map(f).collect()
}

/// The number of threads that [`map`] uses.
pub(super) fn threads() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

impl Plan {
    pub(super) fn new(
        models: &[Model],
        alphabet: &Alphabet,
        strands: &[Strand],
        options: &FimoOptions,
    ) -> Result<Self, MotifError> {
        let engine = choose(alphabet, options.engine)?;
        let unknown_is_zero = options.arithmetic == Arithmetic::Peer;
        let of = |i: usize| {
            let lanes = strands.iter().filter_map(|strand| Lane::new(i, &models[i], alphabet, *strand));
            lanes.filter(|lane| lane.reachable || unknown_is_zero).collect::<Vec<Lane>>()
        };
        let lanes: Vec<Lane> = map(models.len(), of).into_iter().flatten().collect();
        let groups = groups(&lanes, alphabet, engine);
        let widest = models.iter().map(|model| model.width).max().unwrap_or(1);
        Ok(Self { lanes, groups, letters: alphabet.len(), engine, unknown_is_zero, widest })
    }

    pub(super) fn engine(&self) -> ScanEngine {
        self.engine
    }

    pub(super) fn letters(&self) -> u8 {
        self.letters
    }

    pub(super) fn unknown_is_zero(&self) -> bool {
        self.unknown_is_zero
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn encode<'a>(&self, tile: &'a Tile) -> Encoded<'a> {
        // A filter begins as many letters behind a window's start as its motif has columns before the filter's.
        let padding = self.widest + 256;
        let codes = tile.codes.as_slice();
        let (mut bytes, mut words) = (Vec::new(), Vec::new());
        match self.engine {
            #[cfg(target_arch = "x86_64")]
            ScanEngine::Avx2 => bytes = lookup::encode::<Avx2>(codes, padding),
            #[cfg(target_arch = "x86_64")]
            ScanEngine::Avx512 => bytes = lookup::encode::<Avx512>(codes, padding),
            #[cfg(target_arch = "aarch64")]
            ScanEngine::Neon => bytes = lookup::encode::<Neon>(codes, padding),
            _ => words = portable::encode(codes, padding),
        }
        Encoded { rooms: tile.rooms(self.letters), packed: rescore::pack(codes), bytes, words, tile }
    }

    /// The hits of groups `from..to`: those of a strand stand together, by start.
    pub(super) fn scan(&self, encoded: &Encoded<'_>, from: usize, to: usize) -> Vec<RawHit> {
        let mut scratch = Scratch::default();
        let mut hits = Vec::new();
        for group in self.groups.get(from..to).unwrap_or_default() {
            let shifts = group.pass(encoded, &mut scratch);
            for ((id, passed), shift) in group.lanes.iter().zip(&mut scratch.passed).zip(shifts) {
                let Some(lane) = self.lanes.get(*id as usize) else { continue };
                keep_windows(passed, shift, &encoded.rooms, lane.width);
                scratch.scored.clear();
                self.score(lane, encoded, passed, &mut scratch.scored);
                if self.unknown_is_zero && !encoded.rooms.unknown.is_empty() {
                    score_unknown(lane, encoded, &mut scratch.scored);
                }
                let hit = |(offset, raw): &(u32, f64)| RawHit { offset: *offset, lane: *id, raw: *raw };
                hits.extend(scratch.scored.iter().map(hit));
                passed.clear();
            }
        }
        hits
    }

    fn score(&self, lane: &Lane, encoded: &Encoded<'_>, starts: &[u32], out: &mut Vec<(u32, f64)>) {
        #[cfg(target_arch = "x86_64")]
        if self.engine == ScanEngine::Avx512 && lane.width <= avx512::WIDEST {
            return avx512::rescore(lane, &encoded.packed, starts, out);
        }
        rescore::windows(lane, &encoded.tile.codes, &encoded.packed, starts, out);
    }
}

/// Lists that are filled and emptied again for every group.
#[derive(Default)]
struct Scratch {
    passed: [Vec<u32>; portable::LANES],
    scored: Vec<(u32, f64)>,
}

impl Group {
    /// Fills the lists of places that pass; returns how far each strand's places lie behind its windows' starts.
    fn pass(&self, encoded: &Encoded<'_>, scratch: &mut Scratch) -> Vec<usize> {
        let starts = encoded.tile.starts();
        let shifts = match &self.filter {
            Filter::All | Filter::Nothing => vec![0; self.lanes.len()],
            Filter::Portable(group) => group.shifts.clone(),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(group) => group.shifts.clone(),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(group) => group.shifts.clone(),
            #[cfg(target_arch = "aarch64")]
            Filter::Neon(group) => group.shifts.clone(),
        };
        let from = shifts.iter().copied().min().unwrap_or(0);
        let to = starts + shifts.iter().copied().max().unwrap_or(0);
        match &self.filter {
            Filter::Nothing => {}
            Filter::All => {
                for passed in scratch.passed.iter_mut().take(self.lanes.len()) {
                    passed.extend(0..starts as u32);
                }
            }
            Filter::Portable(group) => group.filter(&encoded.words, from, to, &mut scratch.passed),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(group) => group.filter(&encoded.bytes, from, to, &mut scratch.passed),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(group) => group.filter(&encoded.bytes, from, to, &mut scratch.passed),
            #[cfg(target_arch = "aarch64")]
            Filter::Neon(group) => group.filter(&encoded.bytes, from, to, &mut scratch.passed),
        }
        shifts
    }
}

/// Turns places into windows' starts and drops those where no window of known letters may begin.
fn keep_windows(passed: &mut Vec<u32>, shift: usize, rooms: &Rooms, width: usize) {
    let mut kept = 0;
    for i in 0..passed.len() {
        let start = passed[i].wrapping_sub(shift as u32);
        passed[kept] = start;
        kept += usize::from(rooms.fits(start as usize, width));
    }
    passed.truncate(kept);
}

/// Adds the hits of windows that hold unknown letters, then sorts by start.
fn score_unknown(lane: &Lane, encoded: &Encoded<'_>, scored: &mut Vec<(u32, f64)>) {
    let (known, mut done) = (scored.len(), 0);
    for (segment, from, to) in &encoded.rooms.unknown {
        let Some(segment) = encoded.tile.segments.get(*segment) else { continue };
        let first = (from + 1).saturating_sub(lane.width).max(segment.at).max(done);
        let end = (segment.at + segment.letters + 1).saturating_sub(lane.width);
        let end = end.min(*to).min(segment.at + segment.starts);
        for start in first..end {
            let window = encoded.tile.codes.get(start..start + lane.width).unwrap_or_default();
            let score = rescore::score(lane, window);
            if score > lane.threshold {
                scored.push((start as u32, score));
            }
        }
        done = end.max(done);
    }
    if scored.len() > known {
        scored.sort_unstable_by_key(|(start, _)| *start);
    }
}

fn choose(alphabet: &Alphabet, asked: ScanEngine) -> Result<ScanEngine, MotifError> {
    let available = available();
    if asked != ScanEngine::Auto && !available.contains(&asked) {
        let found = format!("{asked:?}").to_ascii_lowercase();
        let expected = "an engine that this processor has";
        return Err(MotifError::Option { option: "engine", found, expected });
    }
    if alphabet.len() != 4 {
        return Ok(ScanEngine::Portable);
    }
    let fastest = available.last().copied().unwrap_or(ScanEngine::Portable);
    Ok(if asked == ScanEngine::Auto { fastest } else { asked })
}

/// The engines of this processor, the fastest last.
pub(super) fn available() -> Vec<ScanEngine> {
    #[allow(unused_mut, reason = "some processors have but one")]
    let mut out = vec![ScanEngine::Portable];
    #[cfg(target_arch = "aarch64")]
    out.push(ScanEngine::Neon);
    #[cfg(target_arch = "x86_64")]
    {
        out.extend(avx2::is_available().then_some(ScanEngine::Avx2));
        out.extend(avx512::is_available().then_some(ScanEngine::Avx512));
    }
    out
}

fn groups(lanes: &[Lane], alphabet: &Alphabet, engine: ScanEngine) -> Vec<Group> {
    let all: Vec<u32> = (0..lanes.len() as u32).collect();
    let refs = |ids: &[u32]| ids.iter().filter_map(|id| lanes.get(*id as usize)).collect::<Vec<&Lane>>();
    if alphabet.len() != 4 {
        return all.iter().map(|id| Group { lanes: vec![*id], filter: Filter::All }).collect();
    }
    let reachable = |id: &u32| lanes.get(*id as usize).is_some_and(|lane| lane.reachable);
    let (filtered, others): (Vec<u32>, Vec<u32>) = all.into_iter().partition(reachable);
    let mut out: Vec<Group> = match engine {
        #[cfg(target_arch = "x86_64")]
        ScanEngine::Avx2 => by_blocks(lanes, &filtered, Filter::Avx2),
        #[cfg(target_arch = "x86_64")]
        ScanEngine::Avx512 => by_blocks(lanes, &filtered, Filter::Avx512),
        #[cfg(target_arch = "aarch64")]
        ScanEngine::Neon => by_blocks(lanes, &filtered, Filter::Neon),
        _ => {
            let group = |ids: &[u32]| Filter::Portable(portable::Group::new(&refs(ids)));
            let chunks = filtered.chunks(portable::LANES);
            chunks.map(|ids| Group { lanes: ids.to_vec(), filter: group(ids) }).collect()
        }
    };
    // Only an unknown letter, which may add more than the letters do, can make hits of these.
    out.extend(others.iter().map(|id| Group { lanes: vec![*id], filter: Filter::Nothing }));
    out
}

/// Groups of strands that take the same number of blocks.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn by_blocks<L: LookUp>(
    lanes: &[Lane],
    ids: &[u32],
    filter: impl Fn(lookup::Group<L>) -> Filter + Sync + Send,
) -> Vec<Group> {
    let lane = |id: &u32| lanes.get(*id as usize);
    let count = |i: usize| lane(&ids[i]).map_or(2, |lane| lane.blocks(L::COLUMNS, L::MOST_BLOCKS));
    let mut sorted: Vec<(usize, u32)> = map(ids.len(), count).into_iter().zip(ids.iter().copied()).collect();
    sorted.sort_unstable();
    let same = sorted.chunk_by(|a, b| a.0 == b.0).flat_map(|run| run.chunks(L::LANES));
    let parts: Vec<(usize, Vec<u32>)> =
        same.map(|part| (part[0].0, part.iter().map(|(_, id)| *id).collect())).collect();
    map(parts.len(), |i| {
        let (blocks, ids) = &parts[i];
        let members: Vec<&Lane> = ids.iter().filter_map(lane).collect();
        Group { lanes: ids.clone(), filter: filter(lookup::Group::new(&members, *blocks)) }
    })
}
