use std::cmp::Reverse;

use super::{Annotation, Annotations, PairOrder};

/// The annotations of every example from left to right, and where each motif stands among them.
///
/// Pairs are asked for motif by motif, so that counts of them come in order and no more than those of one motif are
/// unfinished at a time.
pub(super) struct Arrangement {
    /// Examples ascending; in each by start, of equal starts the later in the list first: of two in one example the
    /// former is the left one.
    rows: Vec<Annotation>,
    /// The places in `rows`, by motif.
    by_motif: Vec<u32>,
    /// The width of the widest annotation.
    widest: i64,
}

impl Arrangement {
    pub(super) fn of(annotations: &Annotations) -> Self {
        let mut order: Vec<u32> = (0..annotations.len() as u32).collect();
        let place = |&row: &u32| {
            (annotations.examples()[row as usize], annotations.starts()[row as usize], Reverse(row))
        };
        order.sort_unstable_by_key(place);
        let rows: Vec<Annotation> = order.iter().map(|&row| annotations.row(row as usize)).collect();
        let mut by_motif = order;
        by_motif.sort_unstable();
        by_motif.sort_by_key(|&place| rows[place as usize].motif);
        let widest = rows.iter().map(|row| i64::from(row.end) - i64::from(row.start)).max().unwrap_or(0);
        Self { rows, by_motif, widest }
    }

    /// The annotations, of two in one example the left one first.
    pub(super) fn rows(&self) -> &[Annotation] {
        &self.rows
    }

    /// The first annotation that overlaps one to its left, with the one of these that ends last.
    pub(super) fn overlap(&self) -> Option<(&Annotation, &Annotation)> {
        let mut last: Option<&Annotation> = None;
        for row in &self.rows {
            let before = last.filter(|before| before.example == row.example);
            if let Some(before) = before.filter(|before| row.start < before.end) {
                return Some((before, row));
            }
            last = Some(before.filter(|before| before.end > row.end).unwrap_or(row));
        }
        None
    }

    /// The places of each motif, motifs ascending.
    pub(super) fn motifs(&self) -> impl Iterator<Item = &[u32]> {
        self.by_motif.chunk_by(|&a, &b| self.rows[a as usize].motif == self.rows[b as usize].motif)
    }

    /// Calls `each` with the pairs nearer than `max_distance` of which the first motif, in this order, is the one at
    /// these places; the left annotation first. Pairs further apart may be among them.
    pub(super) fn for_each_pair<'a>(
        &'a self,
        places: &[u32],
        order: PairOrder,
        max_distance: u32,
        mut each: impl FnMut(&'a Annotation, &'a Annotation),
    ) {
        let far = i64::from(max_distance);
        for &place in places {
            let (before, rest) = self.rows.split_at(place as usize);
            let Some((here, after)) = rest.split_first() else { continue };
            let together = |other: &&Annotation| other.example == here.example;
            let near = |other: &&Annotation| i64::from(other.start) - i64::from(here.end) < far;
            for right in after.iter().take_while(|other| together(other) && near(other)) {
                if order == PairOrder::ByPosition || right.motif >= here.motif {
                    each(here, right);
                }
            }
            if order == PairOrder::ByPosition {
                continue;
            }
            // Ends are in no order: one further left may reach further right, by as much as it is wider.
            let near = |other: &&Annotation| {
                i64::from(here.start) - i64::from(other.start) < far.saturating_add(self.widest)
            };
            for left in before.iter().rev().take_while(|other| together(other) && near(other)) {
                if left.motif > here.motif {
                    each(left, here);
                }
            }
        }
    }
}
