use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use cistron_core::{Alphabet, AtomicFile};
use ndarray::{Array3, ArrayView3};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::npy::{self, ElementType, NpyHeader, NpyReader, NpyWriter};
use crate::{EncodeError, Layout, SequenceBatch};

/// Members above this many bytes need the wide zip fields.
const WIDE: u64 = 1 << 31;

/// Named arrays of a `.npz` file, read one at a time.
///
/// ```
/// use cistron_encode::{NpzReader, NpzWriter};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("names.npz");
/// let mut writer = NpzWriter::create(&path)?;
/// writer.add_numbers("y", &[3], &[0.0, 1.0, 1.0])?;
/// writer.add_text("names", &["a".into(), "b".into(), "c".into()])?;
/// writer.finish()?;
///
/// let mut reader = NpzReader::open(&path)?;
/// assert_eq!(reader.numbers("y")?.1, [0.0, 1.0, 1.0]);
/// assert_eq!(reader.text("names")?, ["a", "b", "c"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpzReader {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

impl NpzReader {
    /// Opens an archive.
    ///
    /// # Errors
    /// [`EncodeError::Io`] or, if it is no zip archive, [`EncodeError::Format`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EncodeError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(EncodeError::io(path))?;
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|error| EncodeError::format(path, format!("is no npz archive ({error})")))?;
        Ok(Self { path: path.to_path_buf(), archive })
    }

    /// The names of the arrays, without `.npy`, sorted.
    ///
    /// # Errors
    /// [`EncodeError::Format`] for a name that is no text.
    pub fn names(&self) -> Result<Vec<String>, EncodeError> {
        let names: Result<Vec<_>, _> = self.archive.file_names().collect();
        let names = names.map_err(|error| EncodeError::format(&self.path, error.to_string()))?;
        let mut names: Vec<String> =
            names.iter().map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Whether there is an array of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.archive.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// What an array is.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if it is missing or no array.
    pub fn header(&mut self, name: &str) -> Result<NpyHeader, EncodeError> {
        self.with(name, |reader| Ok(reader.header().clone()))
    }

    /// An array's shape and its numbers in C order, as f64.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if it is missing or holds no numbers.
    pub fn numbers(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>), EncodeError> {
        self.with(name, |reader| Ok((reader.header().shape.clone(), reader.read_all()?)))
    }

    /// An array's numbers in C order, `chunk` at a time (the last may be shorter), so that it need not fit into
    /// memory.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if it is missing, holds no numbers or is in Fortran order; else the first error of
    /// `each`.
    pub fn for_each_chunk<E: From<EncodeError>>(
        &mut self,
        name: &str,
        chunk: usize,
        mut each: impl FnMut(&[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut stopped = None;
        self.with(name, |reader| {
            if reader.header().fortran_order {
                return Err(npy::invalid("is in Fortran order, expected C order"));
            }
            let mut left = reader.header().elements();
            let mut values = Vec::new();
            while left > 0 && stopped.is_none() {
                let n = left.min(chunk.max(1) as u64);
                values.resize(n as usize, 0.0);
                reader.read_into(&mut values)?;
                stopped = each(&values).err();
                left -= n;
            }
            Ok(())
        })?;
        stopped.map_or(Ok(()), Err)
    }

    /// An array's texts.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if it is missing, holds numbers, or holds pickled objects.
    pub fn text(&mut self, name: &str) -> Result<Vec<String>, EncodeError> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone fixes a lifetime")]
        self.with(name, |reader| reader.read_text())
    }

    /// A one-hot array `(N, L, A)` as codes; an all-zero row is an unknown letter. At most `limit` sequences
    /// are read. Memory N·L bytes.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if it is missing or no such array, with the first row that is not one-hot.
    pub fn one_hot(
        &mut self,
        name: &str,
        alphabet: &Alphabet,
        limit: usize,
    ) -> Result<SequenceBatch, EncodeError> {
        let path = self.path.clone();
        let refuse = |problem: String| EncodeError::format(&path, format!("array `{name}` {problem}"));
        let header = self.header(name)?;
        let letters = usize::from(alphabet.len());
        let &[n, width, channels] = &header.shape[..] else {
            return Err(refuse(format!("has shape {:?}, expected (N, L, {letters})", header.shape)));
        };
        if channels != letters || (width == 0 && n > 0) {
            return Err(refuse(format!("has shape {:?}, expected (N, L, {letters})", header.shape)));
        }
        if header.fortran_order {
            let (_, values) = self.numbers(name)?;
            let values = values.into_iter().map(|value| value as f32).collect();
            let array = Array3::from_shape_vec((n, width, letters), values)
                .map_err(|error| refuse(error.to_string()))?;
            let array = array.slice_move(ndarray::s![..n.min(limit), .., ..]);
            return SequenceBatch::from_one_hot(array.view(), Layout::PositionMajor, alphabet);
        }
        let mut codes = Vec::new();
        let mut row = Vec::new();
        self.with(name, |reader| {
            for index in 0..n.min(limit) {
                read_row(reader, width, letters, &mut row)?;
                codes.extend(codes_of(&row, index, width, alphabet)?);
            }
            Ok(())
        })?;
        SequenceBatch::from_rows(alphabet, width, codes)
    }

    fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut NpyReader<&mut dyn Read>) -> io::Result<T>,
    ) -> Result<T, EncodeError> {
        let refuse =
            |path: &Path, problem: String| EncodeError::format(path, format!("array `{name}` {problem}"));
        if !self.contains(name) {
            let found = self.names()?.join(", ");
            return Err(refuse(&self.path, format!("is missing, found {found}")));
        }
        let mut member = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|error| refuse(&self.path, format!("cannot be unpacked ({error})")))?;
        NpyReader::new(&mut member as &mut dyn Read)
            .and_then(|mut reader| read(&mut reader))
            .map_err(|error| refuse(&self.path, error.to_string()))
    }
}

fn read_row(
    reader: &mut NpyReader<&mut dyn Read>,
    width: usize,
    letters: usize,
    row: &mut Vec<f64>,
) -> io::Result<()> {
    // Grows with what is there, not with what the header claims.
    row.clear();
    let total = width.checked_mul(letters).ok_or_else(|| npy::invalid("is too large"))?;
    while row.len() < total {
        let begin = row.len();
        row.resize((begin + (1 << 20)).min(total), 0.0);
        reader.read_into(&mut row[begin..])?;
    }
    Ok(())
}

fn codes_of(row: &[f64], index: usize, width: usize, alphabet: &Alphabet) -> io::Result<Vec<u8>> {
    let values: Vec<f32> = row.iter().map(|&value| value as f32).collect();
    let view = ArrayView3::from_shape((1, width, usize::from(alphabet.len())), &values)
        .map_err(|error| npy::invalid(error.to_string()))?;
    let batch = SequenceBatch::from_one_hot(view, Layout::PositionMajor, alphabet);
    batch.map(|batch| batch.codes().iter().copied().collect()).map_err(|error| match error {
        EncodeError::NotOneHot { position, found, .. } => npy::invalid(format!(
            "is not one-hot in sequence {index} at position {position}: found {found}, expected one 1 or all 0"
        )),
        other => npy::invalid(other.to_string()),
    })
}

/// A `.npz` file in the making: deflated, with a fixed date, complete or not there at all.
pub struct NpzWriter {
    zip: ZipWriter<AtomicFile>,
    path: PathBuf,
}

impl NpzWriter {
    /// Begins an archive that will replace `path`.
    ///
    /// # Errors
    /// [`EncodeError::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, EncodeError> {
        let path = path.as_ref();
        let file = AtomicFile::create(path).map_err(EncodeError::io(path))?;
        Ok(Self { zip: ZipWriter::new(file), path: path.to_path_buf() })
    }

    /// Adds an array of numbers, kept as f32.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if the numbers do not fill the shape, or the file cannot be written.
    pub fn add_numbers(&mut self, name: &str, shape: &[usize], values: &[f64]) -> Result<(), EncodeError> {
        let mut member = self.begin(name, ElementType::Float32, shape)?;
        member.write(values)?;
        self.add(member)
    }

    /// Adds an array of integers (int64).
    ///
    /// # Errors
    /// As [`add_numbers`](Self::add_numbers).
    pub fn add_integers(&mut self, name: &str, shape: &[usize], values: &[i64]) -> Result<(), EncodeError> {
        let mut member = self.begin(name, ElementType::Integer(8), shape)?;
        member.array.write_integers(values).map_err(self.refuse(name))?;
        self.add(member)
    }

    /// Adds an array of texts of fixed width (`<U`).
    ///
    /// # Errors
    /// [`EncodeError::Format`] if the file cannot be written.
    pub fn add_text(&mut self, name: &str, texts: &[String]) -> Result<(), EncodeError> {
        let bytes = texts.iter().map(String::len).sum::<usize>() as u64 * 4;
        let start = self.zip.start_file(format!("{name}.npy"), options(bytes));
        let written = start.map_err(io::Error::from).and_then(|()| npy::write_text(&mut self.zip, texts));
        written.map_err(self.refuse(name))
    }

    /// Begins an array that is written piece by piece, beside the archive; several may grow at once. Hand it to
    /// [`add`](Self::add) when it is complete.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if the file cannot be written.
    pub fn begin(&self, name: &str, element: ElementType, shape: &[usize]) -> Result<NpzMember, EncodeError> {
        let bytes = NpyHeader::new(element, shape).elements().saturating_mul(element.size() as u64);
        let start = || {
            let mut zip = ZipWriter::new(AtomicFile::create(&self.path)?);
            zip.start_file(format!("{name}.npy"), options(bytes))?;
            NpyWriter::new(zip, element, shape)
        };
        let array = start().map_err(self.refuse(name))?;
        Ok(NpzMember { name: name.to_owned(), path: self.path.clone(), array })
    }

    /// Adds an array that was written piece by piece.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if numbers are missing or the file cannot be written.
    pub fn add(&mut self, member: NpzMember) -> Result<(), EncodeError> {
        let name = member.name;
        let copy = || {
            let mut packed = member.array.finish()?.finish_into_readable()?;
            let file = packed.by_index_raw(0)?;
            self.zip.raw_copy_file(file)?;
            Ok(())
        };
        let copied: io::Result<()> = copy();
        copied.map_err(refuse(&self.path, &name))
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`EncodeError::Format`] if the file cannot be written; the old file is then as it was.
    pub fn finish(self) -> Result<(), EncodeError> {
        let path = self.path;
        let file = self.zip.finish().map_err(io::Error::from);
        file.and_then(AtomicFile::commit).map_err(EncodeError::io(&path))
    }

    fn refuse<'a>(&'a self, name: &'a str) -> impl FnOnce(io::Error) -> EncodeError + 'a {
        refuse(&self.path, name)
    }
}

fn refuse<'a>(path: &'a Path, name: &'a str) -> impl FnOnce(io::Error) -> EncodeError + 'a {
    move |error| EncodeError::format(path, format!("array `{name}` cannot be written ({error})"))
}

fn options(bytes: u64) -> SimpleFileOptions {
    // The default date is the zip format's first, 1980-01-01: never the clock's.
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(bytes > WIDE)
}

/// One array of an [`NpzWriter`] while it grows.
pub struct NpzMember {
    name: String,
    path: PathBuf,
    array: NpyWriter<ZipWriter<AtomicFile>>,
}

impl NpzMember {
    /// Writes the next numbers, rounded to the array's type.
    ///
    /// # Errors
    /// [`EncodeError::Format`] for more numbers than the shape has, or if the file cannot be written.
    pub fn write(&mut self, values: &[f64]) -> Result<(), EncodeError> {
        self.array.write(values).map_err(refuse(&self.path, &self.name))
    }

    /// Writes the next bytes of an array of one-byte numbers.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.array.write_bytes(bytes).map_err(refuse(&self.path, &self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(write: impl FnOnce(&mut NpzWriter)) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut writer = NpzWriter::create(&path).unwrap();
        write(&mut writer);
        writer.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn arrays_may_grow_side_by_side() {
        let (folder, path) = written(|writer| {
            let mut a = writer.begin("a", ElementType::Float32, &[2, 2]).unwrap();
            let mut b = writer.begin("b", ElementType::Float64, &[2]).unwrap();
            for i in 0..2 {
                let value = f64::from(i);
                a.write(&[value, value + 0.5]).unwrap();
                b.write(&[value / 3.0]).unwrap();
            }
            writer.add(a).unwrap();
            writer.add(b).unwrap();
        });
        let mut reader = NpzReader::open(&path).unwrap();
        assert_eq!(reader.names().unwrap(), ["a", "b"]);
        assert_eq!(reader.numbers("a").unwrap(), (vec![2, 2], vec![0.0, 0.5, 1.0, 1.5]));
        assert_eq!(reader.numbers("b").unwrap().1, [0.0, 1.0 / 3.0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file is left over");
    }

    #[test]
    fn the_same_arrays_give_the_same_bytes() {
        let write = |writer: &mut NpzWriter| {
            writer.add_numbers("x", &[3], &[1.0, f64::NAN, -0.0]).unwrap();
            writer.add_integers("i", &[2, 1], &[-3, i64::MAX]).unwrap();
            writer.add_text("names", &["é".into(), String::new()]).unwrap();
        };
        let (one, two) = (written(write), written(write));
        assert_eq!(fs::read(one.1).unwrap(), fs::read(two.1).unwrap());
    }

    #[test]
    fn one_hot_arrays_are_read_as_codes() {
        let x = [0., 1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0.];
        let (_folder, path) = written(|writer| writer.add_numbers("X", &[2, 2, 4], &x).unwrap());
        let mut reader = NpzReader::open(&path).unwrap();
        let batch = reader.one_hot("X", &Alphabet::dna(), usize::MAX).unwrap();
        assert_eq!(batch.codes().iter().copied().collect::<Vec<_>>(), [1, 4, 3, 0]);
        assert_eq!(reader.one_hot("X", &Alphabet::dna(), 1).unwrap().len(), 1);
    }

    #[test]
    fn errors_name_file_array_and_place() {
        let x = [0., 1., 0., 0., 0., 0.5, 0., 0.];
        let (_folder, path) = written(|writer| writer.add_numbers("X", &[1, 2, 4], &x).unwrap());
        let mut reader = NpzReader::open(&path).unwrap();
        let place = path.display();
        let cases = [
            (
                reader.one_hot("X", &Alphabet::dna(), 9).unwrap_err(),
                format!(
                    "{place}: array `X` is not one-hot in sequence 0 at position 1: found 0 0.5 0 0, \
                     expected one 1 or all 0"
                ),
            ),
            (
                reader.one_hot("X", &Alphabet::protein(), 9).unwrap_err(),
                format!("{place}: array `X` has shape [1, 2, 4], expected (N, L, 20)"),
            ),
            (reader.numbers("y").unwrap_err(), format!("{place}: array `y` is missing, found X")),
            (reader.text("X").unwrap_err(), format!("{place}: array `X` holds numbers, expected text")),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        for bytes in [&b""[..], b"text", b"PK\x03\x04", b"\x93NUMPY\x01\x00"] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(NpzReader::open(&path), Err(EncodeError::Format { .. })));
        }
        assert!(matches!(NpzReader::open(folder.path().join("none")), Err(EncodeError::Io { .. })));
    }

    #[test]
    fn incomplete_arrays_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut writer = NpzWriter::create(&path).unwrap();
        let member = writer.begin("a", ElementType::Float32, &[2]).unwrap();
        assert!(writer.add(member).is_err());
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
