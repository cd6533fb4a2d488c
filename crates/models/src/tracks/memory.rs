use cistron_core::Alphabet;
use cistron_encode::SequenceBatch;
use ndarray::Array3;

use super::TrackWindows;
use crate::ModelsError;

/// Windows whose letters and numbers are in memory.
///
/// ```
/// use cistron_core::{Alphabet, Seed};
/// use cistron_encode::random_sequences;
/// use cistron_models::{TrackWindows, TracksInMemory};
///
/// let letters = random_sequences(&Alphabet::dna(), 5, 64, &[], Seed::new(1))?;
/// let targets = ndarray::Array3::zeros((5, 4, 2));
/// let windows = TracksInMemory::new(letters, targets, vec!["liver".into(), "heart".into()])?;
/// assert_eq!((windows.n_windows(), windows.bins()), (5, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TracksInMemory {
    letters: SequenceBatch,
    /// (windows, bins, tracks).
    targets: Array3<f32>,
    tracks: Vec<String>,
}

impl TracksInMemory {
    /// Letters (windows, length) and their numbers (windows, bins, tracks). Beyond the letters is padding.
    ///
    /// # Errors
    /// [`ModelsError::Data`] if the letters are not DNA, or the numbers are of another number of windows or tracks.
    pub fn new(
        letters: SequenceBatch,
        targets: Array3<f32>,
        tracks: Vec<String>,
    ) -> Result<Self, ModelsError> {
        if *letters.alphabet() != Alphabet::dna() {
            return Err(refuse(format!(
                "found alphabet {}, expected {}",
                letters.alphabet(),
                Alphabet::dna()
            )));
        }
        let (windows, _, found) = targets.dim();
        if (windows, found) != (letters.len(), tracks.len()) {
            let (n, named) = (letters.len(), tracks.len());
            return Err(refuse(format!(
                "found numbers of {windows} windows and {found} tracks, expected {n} and {named}"
            )));
        }
        Ok(Self { letters, targets: targets.as_standard_layout().into_owned(), tracks })
    }

    fn row(&self, window: u64) -> Result<usize, ModelsError> {
        let n = self.letters.len();
        let row = usize::try_from(window).ok().filter(|row| *row < n);
        row.ok_or_else(|| refuse(format!("found no window {window}, expected one below {n}")))
    }
}

fn refuse(problem: String) -> ModelsError {
    ModelsError::Data { set: "windows", problem }
}

impl TrackWindows for TracksInMemory {
    fn n_windows(&self) -> u64 {
        self.letters.len() as u64
    }

    fn input_length(&self) -> usize {
        self.letters.width()
    }

    fn bins(&self) -> usize {
        self.targets.dim().1
    }

    fn tracks(&self) -> &[String] {
        &self.tracks
    }

    fn letters(&self, window: u64, shift: i64, codes: &mut Vec<u8>) -> Result<(), ModelsError> {
        let (row, padding) = (self.row(window)?, self.letters.alphabet().padding());
        let all = self.letters.codes();
        let letter = |position: usize| {
            let from = i64::try_from(position).ok()?.checked_add(shift)?;
            all.get((row, usize::try_from(from).ok()?)).copied()
        };
        codes.clear();
        codes.extend((0..self.letters.width()).map(|position| letter(position).unwrap_or(padding)));
        Ok(())
    }

    fn targets(&self, window: u64, targets: &mut [f32]) -> Result<(), ModelsError> {
        let row = self.targets.index_axis(ndarray::Axis(0), self.row(window)?);
        if row.len() != targets.len() {
            return Err(refuse(format!(
                "found {} numbers of a window, expected {}",
                row.len(),
                targets.len()
            )));
        }
        targets.iter_mut().zip(row).for_each(|(out, value)| *out = *value);
        Ok(())
    }

    fn identify(&self, add: &mut dyn FnMut(&[u8])) -> Result<(), ModelsError> {
        self.tracks.iter().for_each(|track| add(track.as_bytes()));
        self.letters.codes().iter().for_each(|code| add(&[*code]));
        self.targets.iter().for_each(|value| add(&value.to_le_bytes()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> TracksInMemory {
        let letters = SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![0, 1, 2, 3, 4, 0]).unwrap();
        let targets = Array3::from_shape_fn((2, 2, 1), |(window, bin, _)| (2 * window + bin) as f32);
        TracksInMemory::new(letters, targets, vec!["a".to_owned()]).unwrap()
    }

    #[test]
    fn a_shift_moves_the_letters_and_not_the_numbers() {
        let (windows, padding) = (windows(), Alphabet::dna().padding());
        let mut codes = vec![9; 7];
        for (shift, expected) in [
            (0, [3, 4, 0]),
            (1, [4, 0, padding]),
            (-1, [padding, 3, 4]),
            (3, [padding; 3]),
            (i64::MAX, [padding; 3]),
            (i64::MIN, [padding; 3]),
        ] {
            windows.letters(1, shift, &mut codes).unwrap();
            assert_eq!(codes, expected, "shift {shift}");
        }
        let mut targets = [0.0; 2];
        windows.targets(1, &mut targets).unwrap();
        assert_eq!(targets, [2.0, 3.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (mut codes, mut targets) = (Vec::new(), [0.0; 3]);
        let message = |result: Result<(), ModelsError>| result.unwrap_err().to_string();
        assert_eq!(
            message(windows().letters(2, 0, &mut codes)),
            "windows data: found no window 2, expected one below 2"
        );
        assert_eq!(
            message(windows().targets(0, &mut targets)),
            "windows data: found 2 numbers of a window, expected 3"
        );
        let letters = || SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![0; 6]).unwrap();
        let other = TracksInMemory::new(letters(), Array3::zeros((3, 2, 1)), vec!["a".to_owned()]);
        let expected = "windows data: found numbers of 3 windows and 1 tracks, expected 2 and 1";
        assert_eq!(message(other.map(|_| ())), expected);
    }
}
