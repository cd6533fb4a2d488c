use ndarray::ArrayView2;

use super::{AttributionValue, Seqlet, SeqletError, SeqletNull, call_rows};

/// How seqlets are called.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct SeqletOptions {
    /// A span and every span inside it must be rarer than this under the null. Default 0.01.
    pub threshold: f64,
    /// The shortest span, in positions. Default 4.
    pub min_length: usize,
    /// The longest span, in positions. Default 25.
    pub max_length: usize,
    /// Positions added on each side of a span that was called. Default 0.
    pub flanks: usize,
    /// Bins of the null. Default 1000.
    pub bins: usize,
}

impl Default for SeqletOptions {
    fn default() -> Self {
        Self { threshold: 0.01, min_length: 4, max_length: 25, flanks: 0, bins: 1000 }
    }
}

impl SeqletOptions {
    fn check(&self) -> Result<(), SeqletError> {
        if self.threshold.is_nan() || self.threshold > 1.0 {
            return Err(SeqletError::option("threshold", self.threshold, "a number up to 1"));
        }
        if self.min_length == 0 {
            return Err(SeqletError::option("shortest length", 0, "at least 1"));
        }
        if self.max_length < self.min_length || self.max_length > 1000 {
            let expected = "at least the shortest and at most 1000";
            return Err(SeqletError::option("longest length", self.max_length, expected));
        }
        Ok(())
    }
}

/// Calls the recursive seqlets of tracks, with their own values as the null.
///
/// * `attributions` (N, L): projected attributions, summed over the letters
/// * returns the seqlets by p-value; ties in the order of examples, longer spans first
///
/// A span is called if it and every span of at least `min_length` inside it sum to more than chance would give;
/// longer spans are taken first, and no position is in two cores. Only high positive sums are called: for negative
/// ones, call on the negated track. Since the null is fitted on the call, splitting the examples changes it; fit a
/// [`SeqletNull`] yourself and use a [`SeqletCaller`] where that matters.
///
/// **Cost**: time O(bins² · `max_length²`) once, then O(N · L) and what stands out; memory O(bins · `max_length²`).
///
/// Source: tangermeme 1.6.0 `recursive_seqlets`; rows of equal p-value stand in a stable order here.
///
/// # Errors
/// [`SeqletError::Option`] for an option out of range, [`SeqletError::Empty`] or [`SeqletError::NotFinite`] for
/// attributions that cannot be used.
///
/// ```
/// use cistron_motif::{SeqletOptions, call_seqlets};
/// use ndarray::Array2;
///
/// let mut track = Array2::from_shape_fn((1, 1000), |(_, i)| ((i * 37) % 11) as f64 / 100.0);
/// track.slice_mut(ndarray::s![0, 60..70]).fill(1.0);
/// let seqlets = call_seqlets(track.view(), SeqletOptions::default())?;
/// assert!(seqlets[0].start <= 60 && seqlets[0].end >= 70);
/// # Ok::<(), cistron_motif::SeqletError>(())
/// ```
pub fn call_seqlets<T: AttributionValue>(
    attributions: ArrayView2<'_, T>,
    options: SeqletOptions,
) -> Result<Vec<Seqlet>, SeqletError> {
    options.check()?;
    let attributions = attributions.as_standard_layout();
    let null =
        SeqletNull::of(attributions.rows().into_iter().filter_map(|row| row.to_slice()), options.bins)?;
    Ok(SeqletCaller::new(&null, options)?.call_all(attributions.view()))
}

/// A null made ready to call seqlets, one track at a time, by any number of threads.
#[derive(Clone, Debug)]
pub struct SeqletCaller<T = f64> {
    null: SeqletNull<T>,
    options: SeqletOptions,
    /// For each length, the chance of at least each sum of bins.
    survival: Vec<Vec<f64>>,
}

/// A span that may be called.
#[derive(Clone, Copy)]
struct Candidate {
    start: usize,
    /// The largest p-value of the spans that begin here, up to this one.
    prefix: f64,
    /// That of this one.
    own: f64,
}

impl<T: AttributionValue> SeqletCaller<T> {
    /// Computes the chance of every sum under the null.
    ///
    /// # Errors
    /// [`SeqletError::Option`] for an option out of range.
    pub fn new(null: &SeqletNull<T>, options: SeqletOptions) -> Result<Self, SeqletError> {
        options.check()?;
        let survival = if null.is_flat() { Vec::new() } else { null.survival(options.max_length) };
        Ok(Self { null: null.clone(), options, survival })
    }

    /// The seqlets of one track, in the order in which they are called: longer spans first.
    pub fn call(&self, example: u32, track: &[T]) -> Vec<Seqlet> {
        self.call_below(example, track, self.options.threshold)
    }

    /// The seqlets of tracks (N, L), by p-value; ties in the order of examples, longer spans first. Examples count
    /// from 0.
    pub fn call_all(&self, attributions: ArrayView2<'_, T>) -> Vec<Seqlet> {
        self.call_all_below(attributions, self.options.threshold)
    }

    pub(super) fn call_all_below(&self, attributions: ArrayView2<'_, T>, threshold: f64) -> Vec<Seqlet> {
        let attributions = attributions.as_standard_layout();
        let attributions = attributions.view();
        let mut seqlets =
            call_rows(attributions, |example, track| self.call_below(example, track, threshold));
        // A stable sort keeps the order of the calls among equal p-values.
        seqlets.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
        seqlets
    }

    fn call_below(&self, example: u32, track: &[T], threshold: f64) -> Vec<Seqlet> {
        if self.null.is_flat() || threshold <= 0.0 {
            return Vec::new();
        }
        let candidates = self.candidates(track, threshold);
        if candidates.is_empty() {
            return Vec::new();
        }
        let mut used = vec![false; track.len()];
        let mut seqlets = Vec::new();
        for (length, mut spans) in candidates.into_iter().enumerate().rev() {
            let length = length + self.options.min_length;
            // What is used is no shorter than the span: it holds an end of whatever it overlaps.
            let is_free = |used: &[bool], start: usize| !used[start] && !used[start + length - 1];
            spans.retain(|span| is_free(&used, span.start));
            spans.sort_unstable_by(|a, b| a.prefix.total_cmp(&b.prefix).then(a.start.cmp(&b.start)));
            for Candidate { start, own, .. } in spans {
                if !is_free(&used, start) {
                    continue;
                }
                let span = start..start + length;
                used[span.clone()].fill(true);
                let from = span.start.saturating_sub(self.options.flanks);
                let to = (span.end + self.options.flanks).min(track.len());
                seqlets.push(Seqlet {
                    example,
                    start: from as u32,
                    end: to as u32,
                    attribution: track[from..to].iter().map(|value| value.widened()).sum(),
                    p_value: own,
                });
            }
        }
        seqlets
    }

    /// For each length from the shortest, the spans that are rare with every span inside them, by start.
    ///
    /// A span is rare with all inside it only if the two spans one shorter are, those that begin where it does and
    /// one further right; so each length looks at neighbours of the one before alone.
    fn candidates(&self, track: &[T], threshold: f64) -> Vec<Vec<Candidate>> {
        let bins = self.bin_sums(track);
        let sum = |start: usize, length: usize| bins[start + length].wrapping_sub(bins[start]) as usize;
        let SeqletOptions { min_length, max_length, .. } = self.options;
        let mut candidates: Vec<Vec<Candidate>> = Vec::new();
        for (length, survival) in (1..).zip(&self.survival).take(max_length.min(track.len())) {
            let own = |start: usize| survival[sum(start, length)];
            let rare: Vec<Candidate> = if let Some(shorter) = candidates.last() {
                let neighbours = shorter.windows(2).filter(|pair| pair[0].start + 1 == pair[1].start);
                neighbours
                    .map(|pair| (pair[0], own(pair[0].start)))
                    .filter(|(_, own)| *own < threshold)
                    .map(|(left, own)| Candidate { prefix: left.prefix.max(own), own, ..left })
                    .collect()
            } else if length == min_length {
                // The table falls, so that sums can be compared instead.
                let least = survival.partition_point(|chance| *chance >= threshold) as u32;
                let candidate = |start| Candidate { start, prefix: own(start), own: own(start) };
                starts_from(least, &bins, length).into_iter().map(candidate).collect()
            } else {
                continue;
            };
            if rare.is_empty() {
                break;
            }
            candidates.push(rare);
        }
        candidates
    }

    /// The sum of the bins before each position, and of all at the end; it may wrap, differences of spans do not.
    fn bin_sums(&self, track: &[T]) -> Vec<u32> {
        let mut sums = Vec::with_capacity(track.len() + 1);
        sums.push(0);
        // Bins first, many at a time; sums after them.
        sums.extend(track.iter().map(|&value| self.null.bin(value)));
        let mut sum = 0_u32;
        for bin in &mut sums {
            sum = sum.wrapping_add(*bin);
            *bin = sum;
        }
        sums
    }
}

/// Where spans of a length begin whose bins sum to at least so much.
fn starts_from(least: u32, bins: &[u32], length: usize) -> Vec<usize> {
    // Most blocks have none, which many comparisons at once tell.
    const BLOCK: usize = 32;
    let mut starts = Vec::new();
    for (block, (ends, begins)) in bins[length..].chunks(BLOCK).zip(bins.chunks(BLOCK)).enumerate() {
        let passes = |(end, begin): (&u32, &u32)| end.wrapping_sub(*begin) >= least;
        if ends.iter().zip(begins).fold(false, |any, span| any | passes(span)) {
            let found = ends.iter().zip(begins).enumerate().filter(|(_, span)| passes(*span));
            starts.extend(found.map(|(i, _)| block * BLOCK + i));
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn refuse(options: SeqletOptions) -> String {
        call_seqlets(Array2::<f64>::zeros((1, 5)).view(), options).unwrap_err().to_string()
    }

    #[test]
    fn options_are_checked() {
        let base = SeqletOptions::default;
        assert_eq!(
            refuse(SeqletOptions { threshold: 1.5, ..base() }),
            "threshold is 1.5, expected a number up to 1"
        );
        assert!(refuse(SeqletOptions { threshold: f64::NAN, ..base() }).starts_with("threshold is NaN"));
        assert_eq!(
            refuse(SeqletOptions { min_length: 0, ..base() }),
            "shortest length is 0, expected at least 1"
        );
        assert!(refuse(SeqletOptions { max_length: 3, ..base() }).starts_with("longest length is 3"));
        assert!(refuse(SeqletOptions { bins: 1, ..base() }).starts_with("number of bins is 1"));
    }

    #[test]
    fn nothing_stands_out_of_a_flat_track() {
        let flat = Array2::from_elem((2, 30), 0.3_f32);
        assert_eq!(call_seqlets(flat.view(), SeqletOptions::default()), Ok(vec![]));
        let none = SeqletOptions { threshold: 0.0, ..SeqletOptions::default() };
        let track = Array2::from_shape_fn((1, 30), |(_, i)| i as f64);
        assert_eq!(call_seqlets(track.view(), none), Ok(vec![]));
    }

    #[test]
    fn tracks_shorter_than_a_seqlet_have_none() {
        let track = Array2::from_shape_fn((1, 3), |(_, i)| i as f64);
        assert_eq!(call_seqlets(track.view(), SeqletOptions::default()), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn cores_never_overlap_and_sums_are_the_tracks(
            values in prop::collection::vec(-1.0..1.0_f64, 30..120), threshold in 0.01..1.0_f64,
        ) {
            let track = Array2::from_shape_vec((1, values.len()), values.clone()).unwrap();
            let options = SeqletOptions { threshold, min_length: 2, max_length: 9, flanks: 0, bins: 50 };
            let seqlets = call_seqlets(track.view(), options).unwrap();
            let mut used = vec![false; values.len()];
            for seqlet in &seqlets {
                let span = seqlet.start as usize..seqlet.end as usize;
                prop_assert!((2..=9).contains(&span.len()));
                prop_assert!(!used[span.clone()].contains(&true));
                used[span.clone()].fill(true);
                prop_assert!((values[span].iter().sum::<f64>() - seqlet.attribution).abs() < 1e-12);
                prop_assert!(seqlet.p_value < threshold);
            }
            prop_assert!(seqlets.windows(2).all(|pair| pair[0].p_value <= pair[1].p_value));
        }

        #[test]
        fn each_track_alone_gives_the_same_calls(values in prop::collection::vec(-1.0..1.0_f32, 120)) {
            let tracks = Array2::from_shape_vec((3, 40), values).unwrap();
            let options = SeqletOptions { threshold: 0.2, bins: 60, ..SeqletOptions::default() };
            let together = call_seqlets(tracks.view(), options).unwrap();
            let rows = || tracks.rows().into_iter().filter_map(|row| row.to_slice());
            let caller = SeqletCaller::new(&SeqletNull::of(rows(), options.bins).unwrap(), options).unwrap();
            let mut alone: Vec<Seqlet> =
                rows().enumerate().flat_map(|(example, track)| caller.call(example as u32, track)).collect();
            alone.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
            prop_assert_eq!(alone, together);
        }
    }
}
