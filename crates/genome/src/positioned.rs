//! Reading at a place of a file without moving anybody's position, for many threads at once.

use std::io;
use std::path::Path;

use crate::text::open_file;

/// An open file of known size.
#[derive(Debug)]
pub(crate) struct PositionedFile {
    file: imp::Shared,
    size: u64,
}

impl PositionedFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: imp::share(file), size })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Fills `bytes` from `offset` on; the file's end is an error.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        imp::read_exact_at(&self.file, bytes, offset)
    }

    /// At most `limit` bytes from `offset` on, fewer at the file's end.
    pub(crate) fn read_at_most(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let length = self.size.saturating_sub(offset).min(limit as u64) as usize;
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    pub(super) type Shared = File;

    pub(super) fn share(file: File) -> Shared {
        file
    }

    pub(super) fn read_exact_at(file: &Shared, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(bytes, offset)
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::File;
    use std::io::{self, Read, Seek, SeekFrom};
    use std::sync::{Mutex, PoisonError};

    pub(super) type Shared = Mutex<File>;

    pub(super) fn share(file: File) -> Shared {
        Mutex::new(file)
    }

    pub(super) fn read_exact_at(file: &Shared, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        // A reader that died left at most another position behind, and every read sets its own.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}
