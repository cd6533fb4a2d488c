//! A stretch of letters that is scanned at once: pieces of one or more sequences, one after the other.

/// A piece of a sequence in a tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Where the piece begins in the tile.
    pub(super) at: usize,
    /// The index of the sequence.
    pub(super) example: u32,
    /// Where the piece begins in its sequence.
    pub(super) start: u64,
    /// The number of its letters in the tile.
    pub(super) letters: usize,
    /// The number of its letters at which a window may begin; later ones begin in the next tile.
    pub(super) starts: usize,
}

/// The letters and the pieces that they belong to.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub(super) codes: Vec<u8>,
    pub(super) segments: Vec<Segment>,
}

/// What is known of every window of a tile.
pub(super) struct Rooms {
    /// For each letter, how many known letters of its piece begin there; 0 where no window may begin.
    room: Vec<u16>,
    /// Stretches of unknown letters, each inside one piece: its place in `segments`, start and end.
    pub(super) unknown: Vec<(usize, usize, usize)>,
}

impl Tile {
    /// The piece that holds a letter.
    pub(super) fn segment(&self, offset: usize) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.at <= offset);
        self.segments.get(after.checked_sub(1)?)
    }

    /// The number of letters up to the last at which a window may begin.
    pub(super) fn starts(&self) -> usize {
        self.segments.iter().map(|segment| segment.at + segment.starts).max().unwrap_or(0)
    }

    pub(super) fn rooms(&self, letters: u8) -> Rooms {
        let mut room = vec![0_u16; self.codes.len()];
        let mut unknown = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let mut known = 0_u16;
            let end = segment.at + segment.letters;
            let codes = self.codes.get(segment.at..end).unwrap_or_default();
            let rooms = room.get_mut(segment.at..end).unwrap_or_default();
            for (place, (code, room)) in codes.iter().zip(rooms).enumerate().rev() {
                known = if *code < letters { known.saturating_add(1) } else { 0 };
                *room = if place < segment.starts { known } else { 0 };
            }
            let mut at = segment.at;
            for run in codes.chunk_by(|a, b| (*a < letters) == (*b < letters)) {
                if run.first().is_some_and(|code| *code >= letters) {
                    unknown.push((index, at, at + run.len()));
                }
                at += run.len();
            }
        }
        Rooms { room, unknown }
    }
}

impl Rooms {
    /// Whether a window of known letters may begin here.
    #[inline]
    pub(super) fn fits(&self, start: usize, width: usize) -> bool {
        self.room.get(start).is_some_and(|room| usize::from(*room) >= width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_to_their_piece_and_to_known_letters() {
        let segments = vec![
            Segment { at: 0, example: 0, start: 10, letters: 4, starts: 2 },
            Segment { at: 4, example: 1, start: 0, letters: 5, starts: 5 },
        ];
        let tile = Tile { codes: vec![0, 1, 2, 3, 0, 4, 4, 1, 2], segments };
        let rooms = tile.rooms(4);
        assert_eq!(rooms.room, [4, 3, 0, 0, 1, 0, 0, 2, 1]);
        assert_eq!(rooms.unknown, [(1, 5, 7)]);
        assert!(rooms.fits(1, 3) && !rooms.fits(1, 4) && !rooms.fits(9, 0));
        assert_eq!(tile.segment(3).unwrap().example, 0);
        assert_eq!(tile.segment(8).unwrap().example, 1);
        assert_eq!(tile.starts(), 9);
    }
}
