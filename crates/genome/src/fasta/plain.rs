//! An uncompressed file whose bytes are kept once reading them again and again would cost more.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::positioned::PositionedFile;

/// Files up to this size may be kept in memory, as much as is kept of an inflated bgzip file.
const SMALL: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct PlainFile {
    file: PositionedFile,
    /// Bytes read so far, to tell one window from many.
    read: AtomicU64,
    whole: OnceLock<Box<[u8]>>,
}

impl PlainFile {
    pub(super) fn new(file: PositionedFile) -> Self {
        Self { file, read: AtomicU64::new(0), whole: OnceLock::new() }
    }

    pub(super) fn size(&self) -> u64 {
        self.file.size()
    }

    /// The bytes of a stretch if the file is in memory.
    pub(super) fn kept(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = offset as usize;
        self.whole.get()?.get(start..start.checked_add(length)?)
    }

    /// Fills `bytes` from `offset` on; the file's end is an error.
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)?;
        let read = self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // Reading a small file whole costs as much as reading half of it in windows; whoever has come so far
        // is expected to go on.
        if self.size() <= SMALL && read >= self.size() / 2 && self.whole.get().is_none() {
            let whole = self.file.read_at_most(0, SMALL as usize)?;
            // Another thread may have been faster; its bytes are the same.
            let _ = self.whole.set(whole.into_boxed_slice());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_kept_after_half_of_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let file = PlainFile::new(PositionedFile::open(&path).unwrap());
        let mut bytes = [0; 3];
        for _ in 0..3 {
            assert_eq!(file.kept(4, 3), None);
            file.read_exact_at(&mut bytes, 4).unwrap();
            assert_eq!(&bytes, b"456");
        }
        assert!(file.read_exact_at(&mut bytes, 8).is_err());
        file.read_exact_at(&mut bytes, 7).unwrap();
        assert_eq!(file.kept(4, 3), Some(&b"456"[..]));
        assert_eq!(file.kept(8, 3), None);
        assert_eq!(file.kept(u64::MAX, 3), None);
    }
}
