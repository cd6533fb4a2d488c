use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a hidden file beside the target; [`commit`](Self::commit) flushes it to disk and renames it.
/// Dropped before that, it is removed and the target stays as it was.
///
/// ```
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("table.tsv");
/// let mut file = cistron_core::AtomicFile::create(&path)?;
/// file.write_all(b"name\tvalue\n")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert!(path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    // Taken by `commit`; `None` only while the value is being dropped.
    writer: Option<BufWriter<File>>,
    temporary: PathBuf,
    target: PathBuf,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl AtomicFile {
    /// Begins a file that will replace `target`.
    ///
    /// # Errors
    /// The error of the file system, with the path in its text.
    pub fn create(target: impl AsRef<Path>) -> io::Result<Self> {
        let target = target.as_ref().to_path_buf();
        let name = target.file_name().ok_or_else(|| {
            with_path(&target, &io::Error::new(io::ErrorKind::InvalidInput, "is not the name of a file"))
        })?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{number}.tmp", process::id()));
        let temporary = target.with_file_name(hidden);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary);
        let file = file.map_err(|error| with_path(&target, &error))?;
        Ok(Self { writer: Some(BufWriter::with_capacity(1 << 17, file)), temporary, target })
    }

    /// The path that the file will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Flushes to disk and gives the file its name.
    ///
    /// # Errors
    /// The error of the file system, with the path in its text; the target is then as it was.
    pub fn commit(mut self) -> io::Result<()> {
        let finish = |writer: BufWriter<File>| {
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&self.temporary, &self.target)
        };
        let done = self.writer.take().map_or(Ok(()), finish);
        done.map_err(|error| with_path(&self.target, &error))
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.writer.as_mut().ok_or_else(|| io::Error::other("file is closed"))
    }
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.open()?.seek(position)
    }
}

/// Reads back what was written, for formats that are assembled from parts.
impl Read for AtomicFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let writer = self.open()?;
        writer.flush()?;
        writer.get_mut().read(bytes)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit the temporary name is gone; before it, nobody else knows the file.
        drop(self.writer.take());
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_the_old_one_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_committed_file_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_target() {
        let error = AtomicFile::create("/nonexistent/folder/a.txt").unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/folder/a.txt: "), "{error}");
        assert!(AtomicFile::create("/").is_err());
    }
}
