//! What a model of tracks learns from, read from files.

use cistron_core::{Reference, Strand, Window};
use cistron_genome::{GenomeError, Split};
use cistron_models::{ModelsError, TrackWindows};

use crate::{TargetRows, TargetShards};

/// Windows of [`TargetShards`] with their letters of a genome: bins around the middle of an input, which reaches into
/// what lies beside them and is padding beyond contigs.
///
/// ```no_run
/// use cistron::genome::{DEFAULT_MAX_MEMORY, Split, open_reference};
/// use cistron::models::EnformerConfig;
/// use cistron::{GenomeWindows, TargetShards};
///
/// let shards = TargetShards::open("targets")?;
/// let genome = open_reference("genome.fa", DEFAULT_MAX_MEMORY)?;
/// let config = EnformerConfig { target_length: Some(shards.bins()), ..EnformerConfig::read("enformer")? };
/// let frame = (config.input_length, config.first_bin());
/// let training = GenomeWindows::new(&*genome, &shards, Split::Train, frame, &["liver".to_owned()])?;
/// println!("{} windows", training.windows().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GenomeWindows<'a, R: ?Sized> {
    reference: &'a R,
    shards: &'a TargetShards,
    set: &'static str,
    rows: TargetRows,
    input_length: usize,
    first_bin: usize,
    /// The chosen tracks and their places in a row of the folder.
    tracks: Vec<String>,
    places: Vec<usize>,
}

impl<'a, R: Reference + ?Sized> GenomeWindows<'a, R> {
    /// The windows of a part, for a model that reads `input_length` letters and whose first bin begins at its letter
    /// `first_bin`; of some of the tracks, or of all if none is named.
    ///
    /// # Errors
    /// Those of [`TargetShards::part`] and [`TargetShards::track_places`]; [`GenomeError::Request`] for a window on a
    /// contig that the genome does not have.
    pub fn new(
        reference: &'a R,
        shards: &'a TargetShards,
        part: Split,
        (input_length, first_bin): (usize, usize),
        tracks: &[String],
    ) -> Result<Self, GenomeError> {
        let rows = shards.part(part)?;
        let tracks = if tracks.is_empty() { shards.tracks() } else { tracks }.to_vec();
        let places = shards.track_places(&tracks)?;
        for window in rows.windows() {
            let known = reference.contig(window.contig());
            let length = known.map_err(|error| GenomeError::Request(error.to_string()))?.length;
            if window.end() > length {
                let name = reference.name();
                let problem = format!("window {window} ends beyond its contig of {length} bases in {name}");
                return Err(GenomeError::Request(problem));
            }
        }
        let set = match part {
            Split::Train => "training",
            Split::Valid => "validation",
            Split::Test => "test",
        };
        Ok(Self { reference, shards, set, rows, input_length, first_bin, tracks, places })
    }

    /// The windows, as they stand in the folder.
    pub fn windows(&self) -> &[cistron_core::Region] {
        self.rows.windows()
    }

    fn place(&self, window: u64) -> Result<usize, ModelsError> {
        let n = self.rows.windows().len();
        let place = usize::try_from(window).ok().filter(|place| *place < n);
        place.ok_or_else(|| self.refuse(format!("found no window {window}, expected one below {n}")))
    }

    fn refuse(&self, problem: impl ToString) -> ModelsError {
        ModelsError::Data { set: self.set, problem: problem.to_string() }
    }

    /// Letters of a genome around the left end of a window.
    fn fetch(&self, window: u64, start: i64, width: usize, codes: &mut Vec<u8>) -> Result<(), ModelsError> {
        let Some(region) = self.rows.windows().get(self.place(window)?) else {
            return Err(self.refuse("found no window"));
        };
        let start = start.saturating_add_unsigned(region.start());
        let width = u32::try_from(width).map_err(|error| self.refuse(error))?;
        let window = Window::new(region.contig().clone(), start, width, Strand::Forward);
        let window = window.map_err(|error| self.refuse(error))?;
        codes.clear();
        self.reference.fetch_into(&window, codes).map_err(|error| self.refuse(error))
    }
}

/// Letters of each window that tell genomes apart.
const TOLD_APART: usize = 64;

impl<R: Reference + ?Sized> TrackWindows for GenomeWindows<'_, R> {
    fn n_windows(&self) -> u64 {
        self.rows.windows().len() as u64
    }

    fn input_length(&self) -> usize {
        self.input_length
    }

    fn bins(&self) -> usize {
        self.shards.bins()
    }

    fn tracks(&self) -> &[String] {
        &self.tracks
    }

    fn letters(&self, window: u64, shift: i64, codes: &mut Vec<u8>) -> Result<(), ModelsError> {
        self.fetch(window, shift.saturating_sub_unsigned(self.first_bin as u64), self.input_length, codes)
    }

    fn targets(&self, window: u64, targets: &mut [f32]) -> Result<(), ModelsError> {
        let mut row = vec![0.0; self.shards.bins() * self.shards.tracks().len()];
        self.rows.read(self.place(window)?, &mut row).map_err(|error| self.refuse(error))?;
        let bins = row.chunks_exact(self.shards.tracks().len().max(1));
        for (out, bin) in targets.chunks_exact_mut(self.places.len().max(1)).zip(bins) {
            for (out, &place) in out.iter_mut().zip(&self.places) {
                *out = bin.get(place).copied().unwrap_or(f32::NAN);
            }
        }
        Ok(())
    }

    /// The folder's description, which has digests of the tracks' files, the chosen tracks, the windows, and the first
    /// letters of each: a genome that differs in other letters alone is not told apart.
    fn identify(&self, add: &mut dyn FnMut(&[u8])) -> Result<(), ModelsError> {
        add(self.shards.description().as_bytes());
        self.tracks.iter().for_each(|track| add(track.as_bytes()));
        let mut codes = Vec::new();
        for (window, region) in self.rows.windows().iter().enumerate() {
            add(region.to_string().as_bytes());
            self.fetch(window as u64, 0, TOLD_APART, &mut codes)?;
            add(&codes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use cistron_genome::Genome;

    use super::*;
    use crate::targets::tests::folder;

    #[test]
    fn letters_reach_around_the_bins() {
        let folder = folder();
        let shards = TargetShards::open(folder.path()).unwrap();
        let genome =
            Genome::from_contigs("toy", [("chr1", "ACGTACGTAACCGGTTACGT"), ("chr2", "TTTTAAAACCCCG")])
                .unwrap();
        let liver = ["liver".to_owned()];
        let windows = GenomeWindows::new(&genome, &shards, Split::Train, (14, 3), &liver).unwrap();
        assert_eq!((windows.n_windows(), windows.bins(), windows.tracks()), (3, 2, &liver[..]));
        let text = |window, shift| {
            let mut codes = vec![7; 3];
            windows.letters(window, shift, &mut codes).unwrap();
            codes
                .iter()
                .map(|code| ["A", "C", "G", "T", "N", ".", "-"][usize::from(*code)])
                .collect::<String>()
        };
        assert_eq!(text(0, 0), "...ACGTACGTAAC");
        assert_eq!(text(0, 2), ".ACGTACGTAACCG");
        assert_eq!(text(1, 0), "ACCGGTTACGT...");
        assert_eq!(text(2, -1), "TTTTAAAACCCCG.");
        let mut targets = [0.0; 2];
        windows.targets(1, &mut targets).unwrap();
        assert_eq!(targets, [5.0, 7.0]);
        assert_eq!(
            windows.letters(3, 0, &mut Vec::new()).unwrap_err().to_string(),
            "training data: found no window 3, expected one below 3"
        );
    }

    #[test]
    fn another_genome_is_refused_or_told_apart() {
        let folder = folder();
        let shards = TargetShards::open(folder.path()).unwrap();
        let shown = |contigs: [(&str, &str); 2]| {
            let genome = Genome::from_contigs("toy", contigs).unwrap();
            let windows = GenomeWindows::new(&genome, &shards, Split::Train, (8, 0), &[]);
            let mut bytes = Vec::new();
            windows
                .map_err(|error| error.to_string())?
                .identify(&mut |more| bytes.extend_from_slice(more))
                .unwrap();
            Ok::<_, String>(bytes)
        };
        let (one, two) = ("A".repeat(20), "C".repeat(12));
        let found = shown([("chr1", &one), ("chr2", &two)]).unwrap();
        assert_eq!(shown([("chr1", &one), ("chr2", &two)]).unwrap(), found);
        assert_ne!(shown([("chr1", &one), ("chr2", &one)]).unwrap(), found);
        let short = shown([("chr1", &one), ("chr2", "CCC")]).unwrap_err();
        assert_eq!(short, "window chr2:4-12 ends beyond its contig of 3 bases in toy");
        assert!(shown([("chr1", &one), ("2", &two)]).unwrap_err().contains("contig `chr2` is not in"));
    }
}
