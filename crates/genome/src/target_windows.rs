//! The windows whose signal a model is trained to predict.

use std::collections::HashMap;

use cistron_core::{Anchor, Contig, Region};

use crate::{GenomeError, RegionSet, center};

/// How peaks become windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOptions {
    /// The bases of a window (default 114,688: 896 bins of 128).
    pub width: u32,
    /// The bases that a model reads around the middle of a window; one whose context leaves its contig is left out
    /// (default: none, padding is for the reader of sequences).
    pub context: Option<u32>,
    /// The least distance of the starts of two windows of a contig (default 0: none is left out).
    pub distance: u64,
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self { width: 114_688, context: None, distance: 0 }
    }
}

/// Windows by contig (the order of bytes) and start, and what was left out.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TargetWindows {
    /// The windows.
    pub windows: Vec<Region>,
    /// How many would leave their contig, or their context would.
    pub over_end: u64,
    /// How many were too near the one before.
    pub too_near: u64,
    /// The share of all covered bases that are in more than one window.
    pub shared: f64,
}

/// One window around the middle of each union of peaks that touch.
///
/// A union `[a, b)` has its middle at `floor((a + b) / 2)`, and its window ends half a width on either side of it. A
/// window that begins before its contig or ends beyond it is left out; one that ends with it is kept.
///
/// # Errors
/// [`GenomeError::Request`] for a peak on a contig without a known length.
///
/// ```
/// use cistron_core::Contig;
/// use cistron_genome::{RegionSet, WindowOptions, target_windows};
///
/// let mut peaks = RegionSet::default();
/// for (start, end) in [(40, 50), (45, 61), (5, 9), (52, 58), (70, 80)] {
///     peaks.push("chr1", start, end);
/// }
/// let contigs = [Contig { name: "chr1".into(), length: 95 }];
/// let options = WindowOptions { width: 40, ..WindowOptions::default() };
/// let found = target_windows(&mut peaks, &contigs, &options)?;
/// let windows: Vec<String> = found.windows.iter().map(ToString::to_string).collect();
/// assert_eq!(windows, ["chr1:30-70", "chr1:55-95"]);
/// assert_eq!(found.over_end, 1);
/// # Ok::<(), cistron_genome::GenomeError>(())
/// ```
pub fn target_windows(
    peaks: &mut RegionSet,
    contigs: &[Contig],
    options: &WindowOptions,
) -> Result<TargetWindows, GenomeError> {
    let lengths: HashMap<&str, u64> = contigs.iter().map(|contig| (&*contig.name, contig.length)).collect();
    let mut found = TargetWindows::default();
    let mut cover = Cover::default();
    peaks.merge(0, &mut |peak| {
        let Some(&length) = lengths.get(peak.contig) else {
            let problem = format!("contig `{}` has peaks, but no length is known of it", peak.contig);
            return Err(GenomeError::Request(problem));
        };
        let whole = Region::new(peak.contig, peak.start, peak.end);
        let whole = whole.map_err(|error| GenomeError::Request(error.to_string()))?;
        let fits = |width: u32| center(&whole, width, Anchor::Half, length);
        let Some(window) =
            fits(options.width).filter(|_| options.context.is_none_or(|it| fits(it).is_some()))
        else {
            found.over_end += 1;
            return Ok(());
        };
        let near = |last: &Region| {
            last.contig() == window.contig() && window.start() < last.start().saturating_add(options.distance)
        };
        if found.windows.last().is_some_and(near) {
            found.too_near += 1;
            return Ok(());
        }
        cover.add(found.windows.last(), &window);
        found.windows.push(window);
        Ok(())
    })?;
    found.shared = cover.shared();
    Ok(found)
}

/// Bases that windows of one width cover, which come by start.
#[derive(Default)]
struct Cover {
    once: u64,
    more: u64,
    /// Where the bases end that are in more than one window.
    end_of_shared: u64,
}

impl Cover {
    fn add(&mut self, last: Option<&Region>, window: &Region) {
        let Some(last) = last.filter(|last| last.contig() == window.contig()) else {
            self.end_of_shared = 0;
            self.once += window.width();
            return;
        };
        let end = last.end().min(window.end());
        let shared = end.saturating_sub(window.start().max(self.end_of_shared));
        self.more += shared;
        self.end_of_shared = self.end_of_shared.max(end);
        self.once += window.end() - last.end().max(window.start());
    }

    fn shared(&self) -> f64 {
        if self.once == 0 { 0.0 } else { self.more as f64 / self.once as f64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shared_bases_are_counted_as_base_by_base(
            starts in prop::collection::vec(0_u64..300, 1..20), width in 1_u32..60, distance in 0_u64..30,
        ) {
            let mut peaks = RegionSet::default();
            for start in starts {
                peaks.push("c", start + 50, start + 51);
            }
            let contigs = [Contig { name: "c".into(), length: 400 }];
            let options = WindowOptions { width, distance, ..WindowOptions::default() };
            let found = target_windows(&mut peaks, &contigs, &options).unwrap();
            let mut depth = vec![0; 400];
            for window in &found.windows {
                depth[window.start() as usize..window.end() as usize].iter_mut().for_each(|it| *it += 1);
            }
            let count = |least: i32| depth.iter().filter(|&&it| it >= least).count() as f64;
            prop_assert_eq!(found.shared, count(2) / count(1));
            for pair in found.windows.windows(2) {
                prop_assert!(pair[1].start() - pair[0].start() >= distance.max(1));
            }
        }
    }

    #[test]
    fn a_context_that_leaves_the_contig_leaves_the_window_out() {
        let contigs = [Contig { name: "c".into(), length: 100 }];
        let mut peaks = RegionSet::default();
        peaks.push("c", 20, 22);
        peaks.push("c", 49, 51);
        let options = WindowOptions { width: 10, context: Some(60), distance: 0 };
        let found = target_windows(&mut peaks, &contigs, &options).unwrap();
        assert_eq!((found.windows.len(), found.over_end), (1, 1));
        peaks.push("d", 1, 2);
        let error = target_windows(&mut peaks, &contigs, &options).unwrap_err();
        assert_eq!(error.to_string(), "contig `d` has peaks, but no length is known of it");
    }
}
