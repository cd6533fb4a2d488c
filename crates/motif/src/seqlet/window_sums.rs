use super::SeqletError;

/// Terms that are added side by side.
const LANES: usize = 8;

/// The sums of all windows of some tracks: what the thresholds of TF-MoDISco's seqlets come from.
///
/// A value, so that nothing depends on what else is called with it: add tracks, merge what several processes have
/// added, then ask for [`thresholds`](Self::thresholds). Memory is four bytes a window.
///
/// ```
/// use cistron_motif::{TfModiscoCaller, TfModiscoOptions, WindowSums};
///
/// let track: Vec<f32> = (0..400).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
/// let options = TfModiscoOptions { window: 5, flank: 2, ..TfModiscoOptions::default() };
/// let mut sums = WindowSums::new(options.window)?;
/// sums.add(0, &track)?;
/// let caller = TfModiscoCaller::new(sums.thresholds(&options)?, options)?;
/// assert!(caller.call(0, &track).iter().all(|seqlet| seqlet.end - seqlet.start == 9));
/// # Ok::<(), cistron_motif::SeqletError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSums {
    window: usize,
    sums: Vec<f32>,
}

impl WindowSums {
    /// No sum yet, of windows of so many positions.
    ///
    /// # Errors
    /// [`SeqletError::Option`] for a window of none.
    pub fn new(window: usize) -> Result<Self, SeqletError> {
        if window == 0 {
            return Err(SeqletError::option("window", window, "at least 1"));
        }
        Ok(Self { window, sums: Vec::new() })
    }

    /// Adds the windows of a track; `example` is its number in errors.
    ///
    /// # Errors
    /// [`SeqletError::Length`] for a track shorter than a window, [`SeqletError::NotFinite`] for a value or a sum
    /// that is no number. Nothing is added then.
    pub fn add(&mut self, example: usize, track: &[f32]) -> Result<(), SeqletError> {
        if track.len() < self.window {
            return Err(SeqletError::Length { example, found: track.len(), expected: self.window });
        }
        let before = self.sums.len();
        append_window_sums(track, self.window, &mut self.sums);
        let not_finite = |values: &[f32]| values.iter().position(|value| !value.is_finite());
        if let Some(sum) = not_finite(&self.sums[before..]) {
            let value = not_finite(track).map(|position| (position, track[position]));
            let (position, found) = value.unwrap_or((sum, self.sums[before + sum]));
            self.sums.truncate(before);
            return Err(SeqletError::NotFinite { example, position, found: f64::from(found) });
        }
        Ok(())
    }

    /// Adds the windows of what follows.
    ///
    /// # Errors
    /// [`SeqletError::Window`] if those are of another width.
    pub fn merge(&mut self, next: &Self) -> Result<(), SeqletError> {
        if self.window != next.window {
            return Err(SeqletError::Window { found: next.window, expected: self.window });
        }
        self.sums.extend_from_slice(&next.sums);
        Ok(())
    }

    /// The positions of a window.
    pub fn window(&self) -> usize {
        self.window
    }

    /// The sums in the order in which they were added.
    pub(super) fn in_order(&self) -> &[f32] {
        &self.sums
    }
}

/// The sum of each window of a track, none if the track is shorter.
///
/// The order of additions is that of PyTorch 2 on every CPU for windows below 32, so that sums, ties and thresholds
/// are the peer's to the bit: eight sums side by side over the whole eights of a window, then what is left over,
/// then the eight.
pub(super) fn append_window_sums(track: &[f32], window: usize, sums: &mut Vec<f32>) {
    let Some(n) = (track.len() + 1).checked_sub(window) else { return };
    let begin = sums.len();
    sums.resize(begin + n, 0.0);
    let sums = &mut sums[begin..];
    let whole = window / LANES;
    for offset in whole * LANES..window {
        add(sums, &track[offset..]);
    }
    if whole > 0 {
        let mut lanes = vec![0.0; n + LANES - 1];
        (0..whole).for_each(|eight| add(&mut lanes, &track[eight * LANES..]));
        (0..LANES).for_each(|lane| add(sums, &lanes[lane..]));
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_number_is_refused_and_leaves_nothing() {
        let mut sums = WindowSums::new(3).unwrap();
        sums.add(0, &[1.0; 4]).unwrap();
        let before = sums.clone();
        assert_eq!(
            sums.add(7, &[0.0, f32::NAN, 0.0, 0.0]).unwrap_err().to_string(),
            "attribution of example 7 at position 1 is NaN, expected a finite number"
        );
        assert!(sums.add(8, &[f32::MAX; 3]).is_err());
        assert_eq!(
            sums.add(9, &[0.0; 2]).unwrap_err().to_string(),
            "example 9 has 2 positions, expected at least 3, the window"
        );
        assert_eq!(sums, before);
        assert!(sums.merge(&WindowSums::new(4).unwrap()).is_err());
        assert!(WindowSums::new(0).is_err());
    }

    proptest! {
        #[test]
        fn each_sum_is_that_of_its_window(
            track in prop::collection::vec(-1000_i16..1000, 0..70), window in 1_usize..40,
        ) {
            // Whole numbers have one sum in any order.
            let values: Vec<f32> = track.iter().map(|&value| f32::from(value)).collect();
            let mut sums = Vec::new();
            append_window_sums(&values, window, &mut sums);
            let slow: Vec<f32> = values.windows(window).map(|window| window.iter().sum()).collect();
            prop_assert_eq!(sums, slow);
        }
    }
}
