use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::npy::{ElementType, NpyHeader, NpyReader};
use crate::EncodeError;

/// The rows (items of the first axis) of an npy file of `f32`, each read from its place when it is asked for.
///
/// In memory is no more than what is read, and no file stays open, so that there may be many; threads may share it.
///
/// ```
/// use cistron_encode::{ElementType, NpyRows, NpyWriter};
///
/// let path = std::env::temp_dir().join(format!("rows-{}.npy", std::process::id()));
/// let mut array = NpyWriter::new(std::fs::File::create(&path)?, ElementType::Float32, &[3, 2])?;
/// array.write(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])?;
/// array.finish()?;
/// let rows = NpyRows::open(&path)?;
/// let mut row = [0.0; 2];
/// rows.read(2, &mut row)?;
/// assert_eq!(row, [4.0, 5.0]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpyRows {
    path: PathBuf,
    header: NpyHeader,
    /// Where the numbers begin.
    begin: u64,
}

impl NpyRows {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`EncodeError::Io`]; [`EncodeError::Format`] if it is no array of little-endian `f32` in C order with at least
    /// one axis, or is not as long as its shape says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EncodeError> {
        let path = path.as_ref().to_path_buf();
        let format = |problem: String| EncodeError::format(&path, problem);
        let file = File::open(&path).map_err(EncodeError::io(&path))?;
        let header = NpyReader::new(&file).map_err(|error| format(error.to_string()))?.header().clone();
        let begin = (&file).stream_position().map_err(EncodeError::io(&path))?;
        if header.element != ElementType::Float32 || header.big_endian || header.fortran_order {
            return Err(format(format!(
                "holds {:?}{}{}, expected little-endian Float32 in C order",
                header.element,
                if header.big_endian { ", big-endian" } else { "" },
                if header.fortran_order { ", in Fortran order" } else { "" },
            )));
        }
        if header.shape.is_empty() {
            return Err(format("holds a single number, expected rows".to_owned()));
        }
        let bytes = header.elements().checked_mul(4).and_then(|bytes| bytes.checked_add(begin));
        let found = file.metadata().map_err(EncodeError::io(&path))?.len();
        if bytes != Some(found) {
            let shape = &header.shape;
            return Err(format(format!("has {found} bytes, which does not fit its shape {shape:?}")));
        }
        Ok(Self { path, header, begin })
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The numbers of a row.
    pub fn width(&self) -> usize {
        self.header.shape.iter().skip(1).product()
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] if there is no such row or `out` has not its [`width`](Self::width);
    /// [`EncodeError::Io`].
    pub fn read(&self, row: usize, out: &mut [f32]) -> Result<(), EncodeError> {
        let width = self.width();
        if row >= self.header.shape.first().copied().unwrap_or(0) || out.len() != width {
            return Err(EncodeError::Shape {
                what: self.path.display().to_string(),
                found: self.header.shape.clone(),
                expected: format!("a row {row} of {} numbers", out.len()),
            });
        }
        // The file is as long as its shape says, so that its places are numbers of 64 bits.
        let place = self.begin + row as u64 * width as u64 * 4;
        let mut bytes = vec![0; width * 4];
        let mut read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(&mut bytes)
        };
        read().map_err(EncodeError::io(&self.path))?;
        for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *out = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NpyWriter;

    fn written(element: ElementType, shape: &[usize]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut array = NpyWriter::new(File::create(&path).unwrap(), element, shape).unwrap();
        let values: Vec<f64> = (0..shape.iter().product()).map(|i: usize| i as f64 / 4.0).collect();
        array.write(&values).unwrap();
        array.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn rows_are_those_of_the_whole_array() {
        let (_folder, path) = written(ElementType::Float32, &[5, 3, 2]);
        let all = NpyReader::new(File::open(&path).unwrap()).unwrap().read_all().unwrap();
        let rows = NpyRows::open(&path).unwrap();
        assert_eq!((rows.shape(), rows.width()), (&[5, 3, 2][..], 6));
        for row in [4, 0, 2, 2] {
            let mut out = [0.0; 6];
            rows.read(row, &mut out).unwrap();
            assert_eq!(out.map(f64::from), all[row * 6..][..6]);
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let (_folder, path) = written(ElementType::Float32, &[5, 3]);
        let rows = NpyRows::open(&path).unwrap();
        let message = |row, width| rows.read(row, &mut vec![0.0; width]).unwrap_err().to_string();
        assert!(message(5, 3).ends_with("a.npy has shape [5, 3], expected a row 5 of 3 numbers"));
        assert!(message(0, 2).ends_with("expected a row 0 of 2 numbers"));
    }

    #[test]
    fn other_arrays_are_refused() {
        let refused = |path: &Path| NpyRows::open(path).unwrap_err().to_string();
        let (_folder, double) = written(ElementType::Float64, &[2, 3]);
        assert!(refused(&double).ends_with("holds Float64, expected little-endian Float32 in C order"));
        let (_folder, single) = written(ElementType::Float32, &[]);
        assert!(refused(&single).ends_with("holds a single number, expected rows"));
        let (_folder, short) = written(ElementType::Float32, &[2, 3]);
        let file = File::options().write(true).open(&short).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        assert!(refused(&short).ends_with("has 151 bytes, which does not fit its shape [2, 3]"));
        std::fs::write(&short, "none").unwrap();
        assert!(refused(&short).ends_with("is shorter than the header of an array"));
        assert!(matches!(NpyRows::open("absent.npy"), Err(EncodeError::Io { .. })));
    }
}
