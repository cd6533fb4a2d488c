//! Regions that touch or lie near one another, as one.

mod operation;

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use cistron_core::MAX_POSITION;

use crate::GenomeError;
use crate::bed::Reader;

pub use operation::ColumnOperation;

/// Some regions of a contig as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergedRegion<'a> {
    /// The contig's name.
    pub contig: &'a str,
    /// The first base, 0-based.
    pub start: u64,
    /// One past the last base.
    pub end: u64,
    /// The numbers of the regions that it is made of, by start; of a stream none are kept.
    pub members: &'a [usize],
}

/// Regions in any order, to be merged.
///
/// 24 bytes a region on 64-bit machines.
///
/// ```
/// use cistron_genome::{GenomeError, RegionSet};
///
/// let mut set = RegionSet::default();
/// for (contig, start, end) in [("chr2", 5, 9), ("chr1", 40, 50), ("chr1", 10, 20), ("chr1", 15, 30)] {
///     set.push(contig, start, end);
/// }
/// let mut found = Vec::new();
/// set.merge(0, &mut |merged| {
///     found.push((merged.contig.to_owned(), merged.start, merged.end, merged.members.to_vec()));
///     Ok::<(), GenomeError>(())
/// })?;
/// assert_eq!(found[0], ("chr1".to_owned(), 10, 30, vec![2, 3]));
/// assert_eq!(found.len(), 3);
/// # Ok::<(), GenomeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RegionSet {
    /// By the bytes of their names.
    contigs: BTreeMap<Arc<str>, Vec<Member>>,
    len: usize,
    /// The contig of the region added last, which most share, with its regions.
    open: Option<(Arc<str>, Vec<Member>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    start: u64,
    end: u64,
    number: usize,
}

impl RegionSet {
    /// Adds a region; they are numbered from 0. A position beyond [`MAX_POSITION`] is taken for it, an end
    /// below the start for the start.
    pub fn push(&mut self, contig: &str, start: u64, end: u64) {
        if self.open.as_ref().is_none_or(|(open, _)| **open != *contig) {
            self.close();
            let name =
                self.contigs.get_key_value(contig).map_or_else(|| contig.into(), |(name, _)| name.clone());
            let members = self.contigs.remove(contig).unwrap_or_default();
            self.open = Some((name, members));
        }
        if let Some((_, members)) = &mut self.open {
            let start = start.min(MAX_POSITION);
            members.push(Member { start, end: end.clamp(start, MAX_POSITION), number: self.len });
            self.len += 1;
        }
    }

    /// The number of regions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no region.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn close(&mut self) {
        if let Some((name, members)) = self.open.take() {
            self.contigs.insert(name, members);
        }
    }

    /// Hands regions to `each`, those that belong together as one, by contig (the order of bytes), then start.
    ///
    /// A region joins those before it on its contig if its start is at most `distance` beyond their end: 0 joins regions
    /// that touch, -1 asks for an overlap of a base, -k of k. An empty region is taken one base wider on each side; if it
    /// joined nothing it is given back empty.
    ///
    /// Source: bedtools 2.30 `merge -d`. Unlike there, the order of the input is free, and an empty region at the first
    /// base is not widened beyond it.
    ///
    /// # Errors
    /// The first error of `each`.
    pub fn merge<E>(
        &mut self,
        distance: i64,
        each: &mut dyn FnMut(&MergedRegion<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.close();
        let mut numbers = Vec::new();
        for (contig, members) in &mut self.contigs {
            if !members.is_sorted() {
                members.sort_unstable();
            }
            let mut open: Option<Cluster> = None;
            for member in members {
                if !open.as_mut().is_some_and(|open| open.join(member.start, member.end, distance)) {
                    if let Some(done) = open.replace(Cluster::new(member.start, member.end)) {
                        each(&done.merged(contig, &numbers))?;
                    }
                    numbers.clear();
                }
                numbers.push(member.number);
            }
            if let Some(done) = open {
                each(&done.merged(contig, &numbers))?;
            }
            numbers.clear();
        }
        Ok(())
    }
}

/// Merges rows that are sorted already, as [`RegionSet::merge`] does, with one merged region in memory.
///
/// The rows of a contig follow one another, their starts ascend; the order of contigs is free and kept.
///
/// # Errors
/// [`GenomeError::Malformed`] for rows that are not sorted, with their line, and for those that [`Reader`] refuses; the
/// first error of `each`.
///
/// ```
/// use cistron_genome::{GenomeError, bed::Reader, merge_sorted};
///
/// let mut rows = Reader::new("peaks.bed", &b"chr2\t0\t10\nchr2\t10\t12\nchr1\t3\t5\n"[..]);
/// let mut found = Vec::new();
/// merge_sorted(&mut rows, 0, &mut |merged| {
///     found.push(format!("{}:{}-{}", merged.contig, merged.start, merged.end));
///     Ok::<(), GenomeError>(())
/// })?;
/// assert_eq!(found, ["chr2:0-12", "chr1:3-5"]);
/// # Ok::<(), GenomeError>(())
/// ```
pub fn merge_sorted<R: BufRead, E: From<GenomeError>>(
    rows: &mut Reader<R>,
    distance: i64,
    each: &mut dyn FnMut(&MergedRegion<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut contigs: HashSet<String> = HashSet::new();
    let (mut contig, mut last_start) = (String::new(), 0);
    let mut open: Option<Cluster> = None;
    while let Some(row) = rows.advance()? {
        let (start, end, is_new) = (row.start, row.end, row.contig != contig);
        if is_new {
            if let Some(done) = open.take() {
                each(&done.merged(&contig, &[]))?;
            }
            row.contig.clone_into(&mut contig);
            if !contigs.insert(contig.clone()) {
                let problem =
                    format!("found contig `{contig}` again, expected the rows of a contig together");
                return Err(rows.error(1, problem).into());
            }
        } else if start < last_start {
            let problem =
                format!("start {start} is below {last_start}, that of the row before, expected sorted rows");
            return Err(rows.error(2, problem).into());
        }
        last_start = start;
        if !open.as_mut().is_some_and(|open| open.join(start, end, distance))
            && let Some(done) = open.replace(Cluster::new(start, end))
        {
            each(&done.merged(&contig, &[]))?;
        }
    }
    match open {
        Some(done) => each(&done.merged(&contig, &[])),
        None => Ok(()),
    }
}

/// Regions that have been joined so far.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    /// With empty regions widened, which may be -1.
    start: i64,
    end: i64,
    /// The first region, which is given back as it is if nothing joins it.
    alone: Option<(u64, u64)>,
}

impl Cluster {
    fn new(start: u64, end: u64) -> Self {
        let (wide_start, wide_end) = widened(start, end);
        Self { start: wide_start, end: wide_end, alone: Some((start, end)) }
    }

    fn join(&mut self, start: u64, end: u64, distance: i64) -> bool {
        let (start, end) = widened(start, end);
        let joins = start <= self.end.saturating_add(distance);
        if joins {
            *self = Self { start: self.start.min(start), end: self.end.max(end), alone: None };
        }
        joins
    }

    fn merged<'a>(&self, contig: &'a str, members: &'a [usize]) -> MergedRegion<'a> {
        let joined = (self.start.max(0) as u64, self.end as u64);
        let (start, end) = self.alone.unwrap_or(joined);
        MergedRegion { contig, start, end, members }
    }
}

/// An empty region takes a base on each side.
fn widened(start: u64, end: u64) -> (i64, i64) {
    let (start, end) = (start as i64, end as i64);
    if start == end { (start - 1, end + 1) } else { (start, end) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(rows: &[(&str, u64, u64)], distance: i64) -> Vec<(String, u64, u64, Vec<usize>)> {
        let mut set = RegionSet::default();
        for (contig, start, end) in rows {
            set.push(contig, *start, *end);
        }
        assert_eq!((set.len(), set.is_empty()), (rows.len(), rows.is_empty()));
        let mut found = Vec::new();
        let keep = &mut |it: &MergedRegion<'_>| {
            found.push((it.contig.to_owned(), it.start, it.end, it.members.to_vec()));
            Ok::<(), GenomeError>(())
        };
        set.merge(distance, keep).unwrap();
        found
    }

    fn streamed(text: &str, distance: i64) -> Result<Vec<(String, u64, u64)>, String> {
        let mut found = Vec::new();
        merge_sorted(&mut Reader::new("x.bed", text.as_bytes()), distance, &mut |it| {
            found.push((it.contig.to_owned(), it.start, it.end));
            Ok::<(), GenomeError>(())
        })
        .map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn empty_regions_are_wide_where_they_join() {
        let found =
            merged(&[("c", 5, 5), ("c", 5, 10), ("c", 10, 10), ("c", 20, 20), ("c", 0, 0), ("c", 0, 1)], 0);
        let places: Vec<_> =
            found.iter().map(|(_, start, end, members)| (*start, *end, members.len())).collect();
        assert_eq!(places, [(0, 1, 2), (4, 11, 3), (20, 20, 1)]);
    }

    #[test]
    fn rows_that_are_not_sorted_are_refused_with_their_line() {
        let message = "x.bed:2:2: start 0 is below 50, that of the row before, expected sorted rows";
        assert_eq!(streamed("c\t50\t60\nc\t0\t5\n", 0).unwrap_err(), message);
        let message = "x.bed:4:1: found contig `c` again, expected the rows of a contig together";
        assert_eq!(streamed("c\t0\t5\n#\nd\t0\t5\nc\t9\t10\n", 0).unwrap_err(), message);
        assert_eq!(streamed("", 0), Ok(vec![]));
    }

    #[test]
    fn distances_beyond_all_positions_join_all_or_nothing() {
        let rows = [("c", 0, 5), ("c", 3, 9), ("c", MAX_POSITION, u64::MAX)];
        assert_eq!(merged(&rows, i64::MAX).len(), 1);
        assert_eq!(merged(&rows, i64::MIN).len(), 3);
    }

    proptest! {
        #[test]
        fn merged_regions_cover_what_their_members_cover(
            rows in prop::collection::vec((0_usize..3, 0_u64..60, 1_u64..9), 0..40),
            distance in 0_i64..6,
        ) {
            let names = ["chr10", "chr2", "x"];
            let rows: Vec<_> = rows.into_iter().map(|(c, start, width)| (names[c], start, start + width)).collect();
            let found = merged(&rows, distance);
            let mut members: Vec<usize> = found.iter().flat_map(|it| it.3.clone()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..rows.len()).collect::<Vec<_>>());
            for (contig, start, end, members) in &found {
                prop_assert!(members.iter().all(|&it| rows[it].0 == contig));
                prop_assert_eq!(members.iter().map(|&it| rows[it].1).min(), Some(*start));
                prop_assert_eq!(members.iter().map(|&it| rows[it].2).max(), Some(*end));
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].0 <= pair[1].0);
                prop_assert!(pair[0].0 != pair[1].0 || pair[0].2 + (distance as u64) < pair[1].1);
            }
            // Sorted rows stream to the same.
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            let lines: Vec<String> = sorted.iter().map(|(c, start, end)| format!("{c}\t{start}\t{end}\n")).collect();
            let places: Vec<_> = found.into_iter().map(|(contig, start, end, _)| (contig, start, end)).collect();
            prop_assert_eq!(streamed(&lines.concat(), distance), Ok(places));
        }
    }
}
