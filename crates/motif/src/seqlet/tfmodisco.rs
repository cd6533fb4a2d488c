use ndarray::ArrayView2;

use super::window_sums::append_window_sums;
use super::{Seqlet, SeqletError, SeqletThresholds, WindowSums, call_rows};

/// Which window's sum becomes a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdRule {
    /// The weakest one whose precision suffices, of all windows, so that the order of examples does not matter.
    ///
    /// This is what tfmodisco-lite does, which differs in the quantiles that its null is fitted to.
    #[default]
    Sorted,
    /// The first one in the order of the input whose precision suffices, or the last of all, of a sample of a
    /// million windows if there are more: what tangermeme 1.6.0 does, to the bit.
    ///
    /// The thresholds depend on the order of the examples. If a window's sum is the mode itself, the null may not be
    /// a number ([`SeqletError::Null`]).
    ScanOrder,
}

/// How seqlets are called by TF-MoDISco's rules.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct TfModiscoOptions {
    /// Positions over which attributions are summed. Default 21.
    pub window: usize,
    /// Positions added on each side of a window; no window this near to an end of the track is called. Default 10.
    pub flank: usize,
    /// The largest share of false calls at the thresholds, from 0 to 1. Default 0.2.
    pub target_fdr: f64,
    /// The least share of windows that may be called. Default 0.03.
    pub min_passing: f64,
    /// The largest share of windows that may be called. Default 0.2.
    pub max_passing: f64,
    /// Which window's sum becomes a threshold. Default [`ThresholdRule::Sorted`].
    pub rule: ThresholdRule,
}

impl Default for TfModiscoOptions {
    fn default() -> Self {
        Self {
            window: 21,
            flank: 10,
            target_fdr: 0.2,
            min_passing: 0.03,
            max_passing: 0.2,
            rule: ThresholdRule::Sorted,
        }
    }
}

impl TfModiscoOptions {
    pub(super) fn check(&self) -> Result<(), SeqletError> {
        if self.window == 0 {
            return Err(SeqletError::option("window", self.window, "at least 1"));
        }
        let shares = [
            ("target false discovery rate", self.target_fdr),
            ("least share of windows", self.min_passing),
            ("largest share of windows", self.max_passing),
        ];
        for (option, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(SeqletError::option(option, share, "from 0 to 1"));
            }
        }
        if self.min_passing > self.max_passing {
            let expected = "at most the largest share";
            return Err(SeqletError::option("least share of windows", self.min_passing, expected));
        }
        Ok(())
    }
}

/// Calls seqlets by TF-MoDISco's rules: windows whose sum is far from 0, strongest first, each with flanks and at a
/// distance from the others.
///
/// * `attributions` (N, L): projected attributions, summed over the letters
/// * returns the seqlets of each example, those of the largest sums first, positive and negative; `attribution` is
///   the sum of the window without flanks, and there is no p-value
///
/// Thresholds come from all windows together ([`WindowSums::thresholds`]); to cut the work, fit and merge
/// [`WindowSums`] yourself and use a [`TfModiscoCaller`].
///
/// **Cost**: a sort of the N · (L − window + 1) windows, and memory of 12 bytes for each.
///
/// Source: tangermeme 1.6.0 `tfmodisco_seqlets`, after Shrikumar et al. 2018, arXiv:1811.00416. We differ in
/// [`ThresholdRule`] unless told otherwise; a side without windows has no threshold here and is an error there; and
/// tracks of equal windows have no seqlets.
///
/// # Errors
/// As [`WindowSums::add`] and [`WindowSums::thresholds`].
///
/// ```
/// use cistron_motif::{TfModiscoOptions, call_tfmodisco_seqlets};
/// use ndarray::Array2;
///
/// let mut track = Array2::from_shape_fn((1, 1000), |(_, i)| ((i * 37) % 11) as f32 / 100.0 - 0.05);
/// track.slice_mut(ndarray::s![0, 600..610]).fill(1.0);
/// let seqlets = call_tfmodisco_seqlets(track.view(), TfModiscoOptions::default())?;
/// assert_eq!(seqlets[0].end - seqlets[0].start, 41);
/// assert!(seqlets[0].start < 600 && seqlets[0].end > 610);
/// # Ok::<(), cistron_motif::SeqletError>(())
/// ```
pub fn call_tfmodisco_seqlets(
    attributions: ArrayView2<'_, f32>,
    options: TfModiscoOptions,
) -> Result<Vec<Seqlet>, SeqletError> {
    let mut sums = WindowSums::new(options.window)?;
    let attributions = attributions.as_standard_layout();
    for (example, row) in attributions.rows().into_iter().enumerate() {
        sums.add(example, row.to_slice().unwrap_or_default())?;
    }
    let caller = TfModiscoCaller::new(sums.thresholds(&options)?, options)?;
    Ok(caller.call_all(attributions.view()))
}

/// Thresholds made ready to call seqlets, one track at a time, by any number of threads.
#[derive(Clone, Debug)]
pub struct TfModiscoCaller {
    thresholds: SeqletThresholds,
    options: TfModiscoOptions,
}

impl TfModiscoCaller {
    /// Takes thresholds and the options that they were found with.
    ///
    /// # Errors
    /// [`SeqletError::Option`] for an option out of range.
    pub fn new(thresholds: SeqletThresholds, options: TfModiscoOptions) -> Result<Self, SeqletError> {
        options.check()?;
        Ok(Self { thresholds, options })
    }

    /// The seqlets of tracks (N, L), those of the first first. Examples count from 0.
    pub fn call_all(&self, attributions: ArrayView2<'_, f32>) -> Vec<Seqlet> {
        let attributions = attributions.as_standard_layout();
        call_rows(attributions.view(), |example, track| self.call(example, track))
    }

    /// The seqlets of one track, those of the largest sums first; of equal ones the leftmost.
    pub fn call(&self, example: u32, track: &[f32]) -> Vec<Seqlet> {
        let TfModiscoOptions { window, flank, .. } = self.options;
        let SeqletThresholds { positive, negative } = self.thresholds;
        let mut sums = Vec::new();
        append_window_sums(track, window, &mut sums);
        let inner = flank..sums.len().saturating_sub(flank);
        let passes = |&start: &usize| sums[start] >= positive || sums[start] <= negative;
        let mut starts: Vec<usize> = inner.filter(passes).collect();
        starts.sort_unstable_by(|&a, &b| sums[b].abs().total_cmp(&sums[a].abs()).then(a.cmp(&b)));
        let apart = window / 2 + flank;
        let mut suppressed = vec![false; sums.len()];
        let mut seqlets = Vec::new();
        for start in starts {
            if suppressed[start] {
                continue;
            }
            suppressed[start.saturating_sub(apart)..(start + apart + 1).min(sums.len())].fill(true);
            seqlets.push(Seqlet {
                example,
                start: (start - flank) as u32,
                end: (start + window + flank) as u32,
                attribution: f64::from(sums[start]),
                p_value: f64::NAN,
            });
        }
        seqlets
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;

    fn spans(seqlets: &[Seqlet]) -> Vec<(u32, u32, u32)> {
        seqlets.iter().map(|it| (it.example, it.start, it.end)).collect()
    }

    #[test]
    fn options_are_checked() {
        let refuse = |options| {
            call_tfmodisco_seqlets(Array2::<f32>::zeros((1, 50)).view(), options).unwrap_err().to_string()
        };
        let base = TfModiscoOptions::default;
        assert_eq!(refuse(TfModiscoOptions { window: 0, ..base() }), "window is 0, expected at least 1");
        assert_eq!(
            refuse(TfModiscoOptions { target_fdr: f64::NAN, ..base() }),
            "target false discovery rate is NaN, expected from 0 to 1"
        );
        assert_eq!(
            refuse(TfModiscoOptions { min_passing: 0.5, ..base() }),
            "least share of windows is 0.5, expected at most the largest share"
        );
        assert_eq!(
            refuse(TfModiscoOptions { window: 60, ..base() }),
            "example 0 has 50 positions, expected at least 60, the window"
        );
        let none = Array2::<f32>::zeros((0, 50));
        assert_eq!(call_tfmodisco_seqlets(none.view(), base()), Err(SeqletError::Empty));
    }

    #[test]
    fn nothing_stands_out_of_equal_windows() {
        let flat = Array2::from_elem((3, 100), 0.25_f32);
        assert_eq!(call_tfmodisco_seqlets(flat.view(), TfModiscoOptions::default()), Ok(vec![]));
    }

    #[test]
    fn tracks_of_one_sign_have_no_threshold_on_the_other_side() {
        let track = Array2::from_shape_fn((2, 300), |(i, j)| 1.0 + ((i + j) * 37 % 101) as f32 / 100.0);
        let seqlets = call_tfmodisco_seqlets(track.view(), TfModiscoOptions::default()).unwrap();
        assert!(!seqlets.is_empty() && seqlets.iter().all(|seqlet| seqlet.attribution > 0.0));
    }

    #[test]
    fn a_window_at_the_mode_has_no_null_in_scan_order() {
        // The fullest bin is that from -500 to 1500, the fullest bin of its values that from 500 to 501.
        let values = [-1_000_500.0, 0.0, 500.5, 500.5, 1000.0, 999_500.0];
        let track = Array2::from_shape_vec((1, 6), values.to_vec()).unwrap();
        let options = TfModiscoOptions { window: 1, flank: 0, ..TfModiscoOptions::default() };
        assert!(call_tfmodisco_seqlets(track.view(), options).is_ok());
        let error = call_tfmodisco_seqlets(
            track.view(),
            TfModiscoOptions { rule: ThresholdRule::ScanOrder, ..options },
        );
        assert_eq!(error, Err(SeqletError::Null { side: "positive", mode: 500.5 }));
    }

    /// The peer's way: again and again the first largest of all that is left.
    fn slow(caller: &TfModiscoCaller, track: &[f32]) -> Vec<(u32, u32, u32)> {
        let TfModiscoOptions { window, flank, .. } = caller.options;
        let mut sums = Vec::new();
        append_window_sums(track, window, &mut sums);
        let n = sums.len();
        let mut left: Vec<Option<f32>> = sums
            .iter()
            .enumerate()
            .map(|(k, &sum)| {
                let passes = sum >= caller.thresholds.positive || sum <= caller.thresholds.negative;
                (passes && k >= flank && k + flank < n).then_some(sum.abs())
            })
            .collect();
        let mut found = Vec::new();
        while let Some(most) = left.iter().flatten().copied().reduce(f32::max) {
            let k = left.iter().position(|it| *it == Some(most)).unwrap();
            found.push((0, (k - flank) as u32, (k + window + flank) as u32));
            let apart = window / 2 + flank;
            for (i, it) in left.iter_mut().enumerate() {
                if i.abs_diff(k) <= apart {
                    *it = None;
                }
            }
        }
        found
    }

    proptest! {
        #[test]
        fn calls_are_those_of_the_slow_way(
            values in prop::collection::vec(-20_i8..20, 10..90),
            window in 1_usize..9, flank in 0_usize..6, threshold in 0.0_f32..30.0,
        ) {
            let track: Vec<f32> = values.into_iter().map(f32::from).collect();
            let options = TfModiscoOptions { window, flank, ..TfModiscoOptions::default() };
            let thresholds = SeqletThresholds { positive: threshold, negative: -threshold };
            let caller = TfModiscoCaller::new(thresholds, options).unwrap();
            prop_assert_eq!(spans(&caller.call(0, &track)), slow(&caller, &track));
        }

        #[test]
        fn parts_that_are_merged_call_what_the_whole_does(
            values in prop::collection::vec(-1.0..1.0_f32, 5 * 60), cut in 0_usize..5, scan: bool,
        ) {
            let tracks = ArrayView2::from_shape((5, 60), &values).unwrap();
            let rule = if scan { ThresholdRule::ScanOrder } else { ThresholdRule::Sorted };
            let options = TfModiscoOptions { window: 5, flank: 2, rule, ..TfModiscoOptions::default() };
            let fit = |rows: std::ops::Range<usize>| {
                let mut sums = WindowSums::new(options.window).unwrap();
                rows.for_each(|i| sums.add(i, tracks.row(i).to_slice().unwrap()).unwrap());
                sums
            };
            let mut merged = fit(0..cut);
            merged.merge(&fit(cut..5)).unwrap();
            // In scan order a window may be the mode itself: then neither has a null, and both say so.
            let parts = merged.thresholds(&options).map(|thresholds| {
                let caller = TfModiscoCaller::new(thresholds, options).unwrap();
                let call = |(i, row): (usize, &[f32])| caller.call(i as u32, row);
                values.chunks_exact(60).enumerate().flat_map(call).collect::<Vec<Seqlet>>()
            });
            let whole = call_tfmodisco_seqlets(tracks, options);
            prop_assert_eq!(parts.map(|it| spans(&it)), whole.map(|it| spans(&it)));
        }

        #[test]
        fn the_order_of_examples_does_not_change_sorted_thresholds(
            values in prop::collection::vec(-1.0..1.0_f32, 4 * 50), turn in 0_usize..4,
        ) {
            let tracks = Array2::from_shape_vec((4, 50), values).unwrap();
            let fit = |turn: usize| {
                let mut sums = WindowSums::new(7).unwrap();
                for i in 0..4 {
                    sums.add(i, tracks.slice(s![(i + turn) % 4, ..]).to_slice().unwrap()).unwrap();
                }
                sums.thresholds(&TfModiscoOptions { window: 7, ..TfModiscoOptions::default() }).unwrap()
            };
            prop_assert_eq!(fit(turn), fit(0));
        }
    }
}
