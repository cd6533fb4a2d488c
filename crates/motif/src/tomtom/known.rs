//! Survival functions of spans of one-hot sequences, which depend on how often each letter occurs in the span alone.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::collections::HashMap;

use super::survival::{Column, Survival};

/// The letters of longer spans are too rarely the same ones.
const LONGEST: u32 = 12;

/// The bits in which the occurrences of a letter are counted.
const BITS: u32 = 4;

/// Letters that can be told apart, with that of an unknown letter.
pub(super) const MOST_LETTERS: usize = (u128::BITS / BITS) as usize;

/// So many numbers are kept, about 32 MiB.
const MOST_NUMBERS: usize = 4 << 20;

/// Spans of all one-hot queries so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Where the span of a scaling with these letters is.
    places: HashMap<(usize, u128), usize>,
    spans: Vec<Survival>,
    n_numbers: usize,
}

/// What is known of a query's spans.
#[derive(Debug)]
pub(super) struct KnownSpans<'a> {
    known: &'a mut Known,
    /// Which of the scalings the query has.
    scaling: usize,
    letters: &'a [u8],
    /// How often each letter is in the span so far.
    counts: u128,
    n: u32,
}

impl Known {
    pub(super) fn spans<'a>(&'a mut self, scaling: usize, letters: &'a [u8]) -> KnownSpans<'a> {
        if self.n_numbers > MOST_NUMBERS {
            *self = Self::default();
        }
        KnownSpans { known: self, scaling, letters, counts: 0, n: 0 }
    }
}

impl KnownSpans<'_> {
    /// Begins a span.
    pub(super) fn restart(&mut self) {
        (self.counts, self.n) = (0, 0);
    }

    /// Whether the span with one more position is the longest that is known.
    pub(super) fn is_longest_next(&self) -> bool {
        self.n + 1 == LONGEST
    }

    /// The span with one more position; none if it is too long.
    #[inline(always)]
    pub(super) fn extend(&mut self, position: usize, columns: &[Column<'_>]) -> Option<&Survival> {
        self.n += 1;
        if self.n > LONGEST {
            return None;
        }
        self.counts += one(self.letters[position]);
        let place = match self.known.places.get(&(self.scaling, self.counts)) {
            Some(place) => *place,
            None => self.compute(columns),
        };
        Some(&self.known.spans[place])
    }

    /// Adds letters in the order of their codes, whatever the sequence, so that the bytes are the same ones.
    #[inline(always)]
    fn compute(&mut self, columns: &[Column<'_>]) -> usize {
        let (mut counts, mut missing) = (self.counts, Vec::new());
        let mut place = None;
        while counts > 0 && place.is_none() {
            let letter = (counts.ilog2() / BITS) as u8;
            missing.push(letter);
            counts -= one(letter);
            place = self.known.places.get(&(self.scaling, counts)).copied();
        }
        let mut empty = Survival::default();
        empty.restart(columns[0].limit);
        for letter in missing.into_iter().rev() {
            let column = self.letters.iter().position(|other| *other == letter).unwrap_or(0);
            let mut span = Survival::default();
            let before = place.map_or(&empty, |place| &self.known.spans[place]);
            before.extend(&columns[column], 0..=usize::MAX, &mut span);
            counts += one(letter);
            self.known.n_numbers += span.len();
            self.known.places.insert((self.scaling, counts), self.known.spans.len());
            place = Some(self.known.spans.len());
            self.known.spans.push(span);
        }
        place.unwrap_or(0)
    }
}

fn one(letter: u8) -> u128 {
    1 << (BITS * u32::from(letter))
}
