use std::num::NonZeroU64;

use cistron_core::{Contig, MAX_POSITION, Region};

/// Tiles of `width` bases over contigs, one every `step` bases from each contig's first base.
///
/// Tiles that would overhang their contig's end are left out; [`Tiles::dropped`] counts them.
///
/// ```
/// use std::num::NonZeroU64;
/// use cistron_core::Contig;
///
/// let contigs = [Contig { name: "chr1".into(), length: 25 }];
/// let width = NonZeroU64::new(10).ok_or("width is 0")?;
/// let tiles = cistron_genome::tile(&contigs, width, width);
/// assert_eq!(tiles.dropped(), 1);
/// let texts: Vec<String> = tiles.map(|tile| tile.to_string()).collect();
/// assert_eq!(texts, ["chr1:0-10", "chr1:10-20"]);
/// # Ok::<(), &'static str>(())
/// ```
pub fn tile(contigs: &[Contig], width: NonZeroU64, step: NonZeroU64) -> Tiles<'_> {
    Tiles { contigs, width, step, contig: 0, start: 0 }
}

/// Whole tiles over contigs, in the contigs' order; made by [`tile`].
#[derive(Clone, Debug)]
pub struct Tiles<'a> {
    contigs: &'a [Contig],
    width: NonZeroU64,
    step: NonZeroU64,
    contig: usize,
    start: u64,
}

impl Tiles<'_> {
    /// How many tiles begin inside a contig and are left out since they overhang its end.
    pub fn dropped(&self) -> u64 {
        self.contigs.iter().map(|contig| self.begun(contig) - self.whole(contig)).fold(0, u64::saturating_add)
    }

    fn begun(&self, contig: &Contig) -> u64 {
        contig.length.div_ceil(self.step.get())
    }

    fn whole(&self, contig: &Contig) -> u64 {
        match contig.length.checked_sub(self.width.get()) {
            Some(last) => last / self.step.get() + 1,
            None => 0,
        }
    }
}

impl Iterator for Tiles<'_> {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        loop {
            let contig = self.contigs.get(self.contig)?;
            // A contig longer than any genome ends where positions end.
            let length = contig.length.min(MAX_POSITION);
            let end = self.start.checked_add(self.width.get()).filter(|&end| end <= length);
            let tile = end.and_then(|end| Region::new(contig.name.clone(), self.start, end).ok());
            if tile.is_some() {
                self.start = self.start.saturating_add(self.step.get());
                return tile;
            }
            self.contig += 1;
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_start_gives_a_tile_or_is_counted(
            lengths in prop::collection::vec(0_u64..60, 0..4),
            width in 1_u64..20,
            step in 1_u64..20,
        ) {
            let contigs: Vec<_> =
                (0..).zip(&lengths).map(|(i, &length)| Contig { name: format!("c{i}").into(), length }).collect();
            let mut expected = Vec::new();
            let mut dropped = 0;
            for contig in &contigs {
                for start in (0..contig.length).step_by(step as usize) {
                    if start + width <= contig.length {
                        expected.push(Region::new(contig.name.clone(), start, start + width).unwrap());
                    } else {
                        dropped += 1;
                    }
                }
            }
            let tiles = tile(&contigs, width.try_into().unwrap(), step.try_into().unwrap());
            prop_assert_eq!(tiles.dropped(), dropped);
            prop_assert_eq!(tiles.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn absurd_numbers_end() {
        let contigs = [Contig { name: "c".into(), length: u64::MAX }];
        let most = NonZeroU64::MAX;
        assert_eq!(tile(&contigs, most, most).count(), 0);
        assert_eq!(tile(&contigs, NonZeroU64::MIN, most).count(), 1);
    }
}
