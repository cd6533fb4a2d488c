//! Windows of a genome with the numbers that a model of tracks learns, on disk.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use cistron_core::Region;
use cistron_encode::{EncodeError, NpyRows};
use cistron_genome::{GenomeError, Split, bed};
use serde_json::Value;

/// A folder of target windows and the numbers of their bins, as `cistron enformer targets` writes it.
///
/// `targets.json` describes it; of each part (`train`, `valid`, `test`) `<part>.bed` holds the windows,
/// `<part>.index.tsv` the file and the place of each window's row, and `<part>-<k>.npy` the rows, (n, bins, tracks).
///
/// ```
/// use cistron::TargetShards;
/// use cistron::encode::{ElementType, NpyWriter};
/// use cistron::genome::Split;
///
/// # let folder = tempfile::tempdir()?;
/// let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
/// write("targets.json", r#"{"version": 1, "bins": 2, "bin_size": 8, "tracks": ["liver"]}"#)?;
/// write("train.bed", "chr1\t16\t32\n")?;
/// write("train.index.tsv", "row\tfile\toffset\n0\ttrain-0.npy\t0\n")?;
/// let file = std::fs::File::create(folder.path().join("train-0.npy"))?;
/// let mut array = NpyWriter::new(file, ElementType::Float32, &[1, 2, 1])?;
/// array.write(&[0.5, 2.0])?;
/// array.finish()?;
///
/// let shards = TargetShards::open(folder.path())?;
/// let rows = shards.part(Split::Train)?;
/// let mut row = [0.0; 2];
/// rows.read(0, &mut row)?;
/// assert_eq!((rows.windows()[0].start(), row), (16, [0.5, 2.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TargetShards {
    folder: PathBuf,
    description: String,
    bins: usize,
    bin_size: usize,
    log1p: bool,
    tracks: Vec<String>,
}

impl TargetShards {
    /// Reads the description of a folder.
    ///
    /// # Errors
    /// [`GenomeError::Read`]; [`GenomeError::Unusable`] if `targets.json` is not what it should be.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let folder = folder.as_ref().to_path_buf();
        let path = folder.join("targets.json");
        let description = fs::read_to_string(&path).map_err(|source| read_error(&path, source))?;
        let refuse = |problem: String| unusable(&path, problem);
        let described: Value =
            serde_json::from_str(&description).map_err(|error| refuse(format!("not sound JSON: {error}")))?;
        let version = described.get("version").unwrap_or(&Value::Null);
        if version.as_u64() != Some(1) {
            return Err(refuse(format!("`version` is {version}, expected 1")));
        }
        let number = |key: &str| {
            let found = described.get(key).unwrap_or(&Value::Null);
            let number = found.as_u64().and_then(|it| usize::try_from(it).ok()).filter(|&it| it > 0);
            number.ok_or_else(|| refuse(format!("`{key}` is {found}, expected a whole number above 0")))
        };
        let (bins, bin_size) = (number("bins")?, number("bin_size")?);
        if bins.checked_mul(bin_size).is_none_or(|width| u32::try_from(width).is_err()) {
            return Err(refuse(format!("{bins} bins of {bin_size} bases are longer than any contig")));
        }
        let names = described.get("tracks").unwrap_or(&Value::Null);
        let tracks = names.as_array().filter(|names| !names.is_empty()).and_then(|names| {
            names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let tracks =
            tracks.ok_or_else(|| refuse(format!("`tracks` is {names}, expected a list of names")))?;
        let log1p = described.get("log1p").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { folder, description, bins, bin_size, log1p, tracks })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The text of `targets.json`, which has digests of what the numbers were made from.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The bins of a window.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// The bases of a bin.
    pub fn bin_size(&self) -> usize {
        self.bin_size
    }

    /// Whether numbers are logarithms of one more than the signal.
    pub fn is_log1p(&self) -> bool {
        self.log1p
    }

    /// The names of the tracks.
    pub fn tracks(&self) -> &[String] {
        &self.tracks
    }

    /// The places of tracks by name.
    ///
    /// # Errors
    /// [`GenomeError::Unusable`] for a name that is none of theirs.
    pub fn track_places(&self, names: &[String]) -> Result<Vec<usize>, GenomeError> {
        let place = |name: &String| {
            self.tracks.iter().position(|track| track == name).ok_or_else(|| {
                let problem = format!("has no track `{name}`, it has {}", self.tracks.join(", "));
                unusable(&self.folder.join("targets.json"), problem)
            })
        };
        names.iter().map(place).collect()
    }

    /// The windows of a part and where their rows are.
    ///
    /// # Errors
    /// [`GenomeError::Read`], [`GenomeError::Malformed`] with file and line, or [`GenomeError::Unusable`]: a file is
    /// missing, of another shape or type, a row is not where the index says, a window has not the width of its bins,
    /// or windows and index differ in number.
    pub fn part(&self, part: Split) -> Result<TargetRows, GenomeError> {
        let name = match part {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        };
        let windows = self.windows(&self.folder.join(format!("{name}.bed")))?;
        let mut rows = TargetRows { windows, places: Vec::new(), files: Vec::new() };
        self.read_index(&self.folder.join(format!("{name}.index.tsv")), &mut rows)?;
        Ok(rows)
    }

    fn windows(&self, path: &Path) -> Result<Vec<Region>, GenomeError> {
        let mut reader = bed::Reader::open(path)?;
        let mut windows: Vec<Region> = Vec::new();
        let width = self.bins as u64 * self.bin_size as u64;
        while let Some(row) = reader.advance()? {
            let found = row.end - row.start;
            // Windows come by contig: names are shared.
            let contig = match windows.last() {
                Some(last) if **last.contig() == *row.contig => last.contig().clone(),
                _ => row.contig.into(),
            };
            let (start, end) = (row.start, row.end);
            if found != width {
                let problem = format!("found a window of {found} bases, expected the {width} of its bins");
                return Err(malformed(path, reader.line(), 3, problem));
            }
            let region = Region::new(contig, start, end);
            windows.push(region.map_err(|error| GenomeError::Request(error.to_string()))?);
        }
        Ok(windows)
    }

    fn read_index(&self, path: &Path, rows: &mut TargetRows) -> Result<(), GenomeError> {
        let file = fs::File::open(path).map_err(|source| read_error(path, source))?;
        let mut known: HashMap<String, usize> = HashMap::new();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|source| read_error(path, source))?;
            let refuse = |column: u64, problem: String| malformed(path, number as u64 + 1, column, problem);
            if number == 0 {
                if line != HEADER {
                    return Err(refuse(1, format!("found {line:?}, expected {HEADER:?}")));
                }
                continue;
            }
            let fields: Vec<&str> = line.split('\t').collect();
            let &[row, file, offset] = &fields[..] else {
                return Err(refuse(
                    1,
                    format!("found {} fields, expected row, file and offset", fields.len()),
                ));
            };
            if row.parse() != Ok(number - 1) {
                return Err(refuse(1, format!("found row {row}, expected {}", number - 1)));
            }
            let place = if let Some(&place) = known.get(file) {
                place
            } else {
                if file.is_empty() || file.contains(['/', '\\']) {
                    return Err(refuse(2, format!("found {file:?}, expected a file of the folder")));
                }
                rows.files.push(self.open_rows(&self.folder.join(file))?);
                known.insert(file.to_owned(), rows.files.len() - 1);
                rows.files.len() - 1
            };
            let n = rows.files.get(place).and_then(|file| file.shape().first()).copied().unwrap_or(0);
            let offset = offset.parse::<usize>().ok().filter(|&offset| offset < n);
            let offset = offset
                .ok_or_else(|| refuse(3, format!("found offset {:?}, expected below {n}", fields[2])))?;
            rows.places.push((place, offset));
        }
        if rows.places.len() != rows.windows.len() {
            let (found, expected) = (rows.places.len(), rows.windows.len());
            let problem = format!("found {found} rows, expected one for each of {expected} windows");
            return Err(unusable(path, problem));
        }
        Ok(())
    }

    fn open_rows(&self, path: &Path) -> Result<NpyRows, GenomeError> {
        let rows = NpyRows::open(path).map_err(of_array)?;
        match rows.shape() {
            &[_, bins, tracks] if (bins, tracks) == (self.bins, self.tracks.len()) => Ok(rows),
            found => {
                let (bins, tracks) = (self.bins, self.tracks.len());
                let problem =
                    format!("has shape {found:?}, expected rows of {bins} bins and {tracks} tracks");
                Err(unusable(path, problem))
            }
        }
    }
}

const HEADER: &str = "row\tfile\toffset";

/// The windows of a part of [`TargetShards`]; the numbers stay on disk.
#[derive(Debug)]
pub struct TargetRows {
    windows: Vec<Region>,
    /// Of each window its file and its row there.
    places: Vec<(usize, usize)>,
    files: Vec<NpyRows>,
}

impl TargetRows {
    /// The windows.
    pub fn windows(&self) -> &[Region] {
        &self.windows
    }

    /// Reads the numbers of a window, (bins, tracks).
    ///
    /// # Errors
    /// [`GenomeError::Request`] if there is no such window or `out` has another size; [`GenomeError::Read`].
    pub fn read(&self, window: usize, out: &mut [f32]) -> Result<(), GenomeError> {
        let place = self.places.get(window).and_then(|&(file, row)| Some((self.files.get(file)?, row)));
        let (file, row) = place.ok_or_else(|| {
            GenomeError::Request(format!("found window {window}, expected below {}", self.places.len()))
        })?;
        file.read(row, out).map_err(of_array)
    }
}

fn unusable(path: &Path, problem: String) -> GenomeError {
    GenomeError::Unusable { file: path.display().to_string(), problem }
}

fn malformed(path: &Path, line: u64, column: u64, problem: String) -> GenomeError {
    GenomeError::Malformed { file: path.display().to_string(), line, column, problem }
}

fn read_error(path: &Path, source: std::io::Error) -> GenomeError {
    GenomeError::Read { file: path.display().to_string(), source }
}

fn of_array(error: EncodeError) -> GenomeError {
    match error {
        EncodeError::Format { path, problem } => unusable(&path, problem),
        EncodeError::Io { path, source } => read_error(&path, source),
        other => GenomeError::Request(other.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
