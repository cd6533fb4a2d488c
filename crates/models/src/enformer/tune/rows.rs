use cistron_core::{Alphabet, Seed};

use super::cache::TrunkCache;
use super::{EnformerConfig, EnformerTraining};
use crate::enformer::engine::{Engine, LETTERS, one_hot};
use crate::nn::Tensor;
use crate::train::Dataset;
use crate::{Device, ModelsError, TrackWindows};

/// What comes into the trained layers.
pub(super) struct Inlet<'a> {
    /// The layers below, and the block before which they end; without, letters come in.
    frozen: Option<&'a (Engine<f32>, usize)>,
    cache: Option<&'a TrunkCache>,
    /// Rows of an input and numbers of a row.
    length: usize,
    width: usize,
}

impl<'a> Inlet<'a> {
    pub(super) fn new(
        config: &EnformerConfig,
        frozen: Option<&'a (Engine<f32>, usize)>,
        cache: Option<&'a TrunkCache>,
    ) -> Self {
        let (length, width) = match frozen {
            Some(_) => (config.n_positions(config.input_length), config.dim),
            None => (config.input_length, LETTERS),
        };
        Self { frozen, cache, length, width }
    }

    /// Adds the rows of a window as it is seen, which has a place of its own in the cache.
    fn append(
        &self,
        slot: u64,
        letters: impl FnOnce() -> Result<Vec<u8>, ModelsError>,
        inputs: &mut Vec<f32>,
    ) -> Result<(), ModelsError> {
        let Some((engine, block)) = self.frozen else {
            inputs.extend(one_hot::<f32>(&letters()?));
            return Ok(());
        };
        let Some(cache) = self.cache else {
            inputs.extend(engine.rows_before(&letters()?, *block));
            return Ok(());
        };
        let begin = inputs.len();
        inputs.resize(begin + self.length * self.width, 0.0);
        let place = inputs.get_mut(begin..).unwrap_or_default();
        if !cache.read(slot, place)? {
            let rows = engine.rows_before(&letters()?, *block);
            cache.write(slot, &rows)?;
            place.copy_from_slice(&rows);
        }
        Ok(())
    }
}

/// How training windows are seen, anew in each epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Views {
    pub(super) seed: Seed,
    pub(super) reverse: bool,
    pub(super) max_shift: u32,
}

/// How a window is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    reverse: bool,
    shift: i64,
}

impl Views {
    fn draw(self, epoch: u64, n_windows: u64, window: u64) -> View {
        let index = epoch.wrapping_mul(n_windows).wrapping_add(window);
        let mut stream = self.seed.stream("view of a window", index);
        let reverse = self.reverse && stream.below(2) == 1;
        let shifts = 2 * u64::from(self.max_shift) + 1;
        View { reverse, shift: stream.below(shifts) as i64 - i64::from(self.max_shift) }
    }
}

/// Windows as a data set.
pub(super) struct Rows<'a> {
    pub(super) set: &'static str,
    pub(super) windows: &'a dyn TrackWindows,
    pub(super) inlet: &'a Inlet<'a>,
    /// None for windows that are seen as they are.
    pub(super) views: Option<Views>,
    /// The place of the first window in the cache.
    pub(super) first_slot: u64,
    pub(super) options: &'a EnformerTraining,
}

/// What comes into the trained layers and what should come out: (n, length, width) and (n, bins, tracks).
pub(super) struct Examples {
    pub(super) n: usize,
    inputs: Vec<f32>,
    pub(super) targets: Vec<f32>,
}

impl Rows<'_> {
    /// Windows as they are seen in an epoch.
    pub(super) fn examples(&self, epoch: u64, windows: &[u64]) -> Result<Examples, ModelsError> {
        let mut examples = Examples { n: windows.len(), inputs: Vec::new(), targets: Vec::new() };
        for &window in windows {
            let draw = |views: Views| views.draw(epoch, self.windows.n_windows(), window);
            let view = self.views.map(draw).unwrap_or_default();
            self.targets(window, view, &mut examples.targets)?;
            let letters = || self.letters(window, view);
            self.inlet.append(self.slot(window, view), letters, &mut examples.inputs)?;
        }
        Ok(examples)
    }

    /// The place in the cache: of each window one for each strand on which it can be seen.
    fn slot(&self, window: u64, view: View) -> u64 {
        let strands = 1 + u64::from(self.views.is_some_and(|views| views.reverse));
        self.first_slot + window * strands + u64::from(view.reverse)
    }

    fn letters(&self, window: u64, view: View) -> Result<Vec<u8>, ModelsError> {
        let mut codes = Vec::new();
        self.windows.letters(window, view.shift, &mut codes)?;
        let expected = self.windows.input_length();
        if codes.len() != expected {
            return Err(
                self.refuse(format!("found {} letters of window {window}, expected {expected}", codes.len()))
            );
        }
        if view.reverse {
            let paired = Alphabet::dna().reverse_complement_in_place(&mut codes);
            paired.map_err(|error| self.refuse(error.to_string()))?;
        }
        Ok(codes)
    }

    /// Adds the numbers of a window as it is seen.
    fn targets(&self, window: u64, view: View, out: &mut Vec<f32>) -> Result<(), ModelsError> {
        let n_tracks = self.windows.tracks().len().max(1);
        let mut values = vec![0.0; self.windows.bins() * n_tracks];
        self.windows.targets(window, &mut values)?;
        let loss = self.options.loss;
        if let Some(place) = values.iter().position(|target| !loss.takes(*target)) {
            let (bin, track) = (place / n_tracks, place % n_tracks);
            let (found, expected) = (values.get(place).copied().unwrap_or(f32::NAN), loss.expected());
            return Err(self.refuse(format!(
                "track {track} of window {window} is {found} in bin {bin}, expected {expected}"
            )));
        }
        if !view.reverse {
            out.extend(values);
            return Ok(());
        }
        let mirror = self.options.mirror.as_deref();
        for bin in values.chunks_exact(n_tracks).rev() {
            let of = |track: usize| mirror.and_then(|mirror| mirror.get(track).copied()).unwrap_or(track);
            out.extend((0..n_tracks).filter_map(|track| bin.get(of(track))));
        }
        Ok(())
    }

    fn refuse(&self, problem: String) -> ModelsError {
        ModelsError::Data { set: self.set, problem }
    }

    /// What comes in, as a tensor.
    pub(super) fn inputs(&self, examples: &Examples, device: Device) -> Result<Tensor, ModelsError> {
        let shape = [examples.n, self.inlet.length, self.inlet.width];
        Tensor::from_f32(examples.inputs.clone(), &shape, device)
    }
}

impl Dataset for Rows<'_> {
    type Batch = Examples;

    fn n_rows(&self) -> u64 {
        self.windows.n_windows()
    }

    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Examples, ModelsError> {
        self.examples(epoch, rows)
    }
}

#[cfg(test)]
mod tests {
    use cistron_encode::SequenceBatch;
    use ndarray::Array3;

    use super::*;
    use crate::TracksInMemory;

    fn config() -> EnformerConfig {
        EnformerConfig { input_length: 4, ..EnformerConfig::default() }
    }

    fn windows() -> TracksInMemory {
        let letters = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0, 0, 1, 2, 3, 3, 3, 0]).unwrap();
        let numbers = Array3::from_shape_fn((2, 3, 2), |(w, b, t)| (100 * w + 10 * b + t) as f32);
        TracksInMemory::new(letters, numbers, vec!["plus".to_owned(), "minus".to_owned()]).unwrap()
    }

    fn text(inputs: &[f32]) -> String {
        let letter = |row: &[f32]| match row.iter().position(|value| *value == 1.0) {
            Some(code) => ["A", "C", "G", "T"][code],
            None => ".",
        };
        inputs.chunks_exact(4).map(letter).collect()
    }

    #[test]
    fn the_reverse_strand_reverses_bins_and_exchanges_tracks() {
        let (windows, config) = (windows(), config());
        let inlet = Inlet::new(&config, None, None);
        for mirror in [None, Some(vec![1, 0])] {
            let options = EnformerTraining { mirror: mirror.clone(), ..EnformerTraining::default() };
            let views = Views { seed: Seed::new(1), reverse: true, max_shift: 0 };
            let rows = Rows {
                set: "training",
                windows: &windows,
                inlet: &inlet,
                views: Some(views),
                first_slot: 0,
                options: &options,
            };
            let seen: Vec<View> = (0..20).map(|epoch| views.draw(epoch, 2, 0)).collect();
            assert!(seen.iter().any(|view| view.reverse) && seen.iter().any(|view| !view.reverse));
            for (epoch, view) in seen.into_iter().enumerate() {
                let found = rows.examples(epoch as u64, &[0]).unwrap();
                let expected: (&str, &[f32]) = match (view.reverse, &mirror) {
                    (false, _) => ("AACG", &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]),
                    (true, None) => ("CGTT", &[20.0, 21.0, 10.0, 11.0, 0.0, 1.0]),
                    (true, Some(_)) => ("CGTT", &[21.0, 20.0, 11.0, 10.0, 1.0, 0.0]),
                };
                assert_eq!((&*text(&found.inputs), &*found.targets), expected);
                assert_eq!(rows.slot(1, view), 2 + u64::from(view.reverse));
            }
        }
    }

    #[test]
    fn shifts_move_letters_alone_and_are_even() {
        let (windows, config) = (windows(), config());
        let inlet = Inlet::new(&config, None, None);
        let options = EnformerTraining::default();
        let views = Views { seed: Seed::new(2), reverse: false, max_shift: 1 };
        let rows = Rows {
            set: "training",
            windows: &windows,
            inlet: &inlet,
            views: Some(views),
            first_slot: 0,
            options: &options,
        };
        let mut counts = [0; 3];
        for epoch in 0..300 {
            let found = rows.examples(epoch, &[1]).unwrap();
            let place = ["....", ".TTT", "TTTA", "TTA."].iter().position(|it| *it == text(&found.inputs));
            counts[place.unwrap() - 1] += 1;
            assert_eq!(found.targets[..2], [100.0, 101.0]);
        }
        // Each has 100 of 300 with deviation 8.2.
        assert!(counts.iter().all(|count| (60..140).contains(count)), "{counts:?}");
    }

    #[test]
    fn numbers_that_a_loss_does_not_take_are_named() {
        let letters = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0; 4]).unwrap();
        let mut numbers = Array3::zeros((1, 3, 2));
        numbers[(0, 2, 1)] = -1.0;
        let windows = TracksInMemory::new(letters, numbers, vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let (config, options) = (config(), EnformerTraining::default());
        let inlet = Inlet::new(&config, None, None);
        let rows = Rows {
            set: "validation",
            windows: &windows,
            inlet: &inlet,
            views: None,
            first_slot: 0,
            options: &options,
        };
        let refused = rows.examples(0, &[0]).map(|_| ()).unwrap_err().to_string();
        let expected = "validation data: track 1 of window 0 is -1 in bin 2, expected finite numbers from 0";
        assert_eq!(refused, expected);
    }
}
