use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::ModelsError;
use crate::train::Fnv;

/// What layers that do not change make of windows, on disk: a header that says of what, a hash for each place, and the
/// rows of each place, which are there if their hash is.
pub(super) struct TrunkCache {
    path: PathBuf,
    file: Mutex<File>,
    n_slots: u64,
    /// Numbers of a place.
    n_values: usize,
}

/// The bytes of the header, a line of JSON and blanks.
const HEADER: usize = 4096;

impl TrunkCache {
    /// A new file, or one that was begun for the same weights, data and block, of which `identity` has digests.
    ///
    /// # Errors
    /// [`ModelsError::Format`] for a file of anything else.
    pub(super) fn open(
        path: &Path,
        identity: &[(String, String)],
        block: usize,
        n_slots: u64,
        n_values: usize,
    ) -> Result<Self, ModelsError> {
        let told = |name: &str| identity.iter().find(|(known, _)| known == name).map(|(_, text)| text);
        let text = json!({
            "format": "cistron trunk cache", "version": 1, "block": block, "slots": n_slots, "values": n_values,
            "layers": told("layers"), "weights": told("weights"), "training data": told("training data"),
            "validation data": told("validation data"),
        });
        let mut header = text.to_string().into_bytes();
        header.resize(HEADER, b' ');
        let open = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            let length = file.metadata()?.len();
            let mut found = vec![0; HEADER];
            if length == 0 {
                file.write_all(&header)?;
                found.clone_from(&header);
            } else if length >= HEADER as u64 {
                file.read_exact(&mut found)?;
            }
            // Places that are not written yet take no room where the system knows holes.
            if found == header {
                file.set_len(end(n_slots, n_values).ok_or_else(too_large)?)?;
            }
            Ok((file, found))
        };
        let (file, found) = open().map_err(ModelsError::io(path))?;
        if found != header {
            let found = String::from_utf8_lossy(&found);
            let problem = format!(
                "found {:?}, expected a cache of {text}; remove it or name another file",
                found.trim_end_matches([' ', '\0'])
            );
            return Err(ModelsError::format(path, problem));
        }
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(file), n_slots, n_values })
    }

    /// The rows of a place, if they are there.
    pub(super) fn read(&self, slot: u64, out: &mut [f32]) -> Result<bool, ModelsError> {
        let mut bytes = vec![0; self.n_values * 4];
        let mut mark = [0; 8];
        self.at(slot, |file, mark_at, rows_at| {
            file.seek(SeekFrom::Start(mark_at))?;
            file.read_exact(&mut mark)?;
            if mark != [0; 8] {
                file.seek(SeekFrom::Start(rows_at))?;
                file.read_exact(&mut bytes)?;
            }
            Ok(())
        })?;
        // A row that was cut off by the end of a run is not what its hash says.
        if mark == [0; 8] || mark != hash(&bytes) {
            return Ok(false);
        }
        for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *out = f32::from_le_bytes(*bytes);
        }
        Ok(true)
    }

    pub(super) fn write(&self, slot: u64, rows: &[f32]) -> Result<(), ModelsError> {
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.at(slot, |file, mark_at, rows_at| {
            file.seek(SeekFrom::Start(rows_at))?;
            file.write_all(&bytes)?;
            file.seek(SeekFrom::Start(mark_at))?;
            file.write_all(&hash(&bytes))
        })
    }

    /// Works with the file, and the places of the hash and the rows.
    fn at(
        &self,
        slot: u64,
        work: impl FnOnce(&mut File, u64, u64) -> io::Result<()>,
    ) -> Result<(), ModelsError> {
        if slot >= self.n_slots {
            let problem = format!("found place {slot}, expected one below {}", self.n_slots);
            return Err(ModelsError::format(&self.path, problem));
        }
        let begin = HEADER as u64 + self.n_slots * 8;
        // A thread that died left at most another position behind, and all work begins with a place.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut file, HEADER as u64 + slot * 8, begin + slot * self.n_values as u64 * 4);
        done.map_err(ModelsError::io(&self.path))
    }
}

/// The bytes of a whole file.
fn end(n_slots: u64, n_values: usize) -> Option<u64> {
    let of_slot = (n_values as u64).checked_mul(4)?.checked_add(8)?;
    n_slots.checked_mul(of_slot)?.checked_add(HEADER as u64)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "more places than a file has")
}

/// Never 0, which stands for nothing.
fn hash(bytes: &[u8]) -> [u8; 8] {
    let mut hash = Fnv::default();
    hash.add(bytes);
    hash.number().max(1).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(weights: &str) -> Vec<(String, String)> {
        vec![("weights".to_owned(), weights.to_owned())]
    }

    #[test]
    fn rows_are_there_once_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/trunk.cache");
        let cache = TrunkCache::open(&path, &identity("a"), 3, 4, 2).unwrap();
        let mut out = [9.0; 2];
        assert!(!cache.read(2, &mut out).unwrap());
        cache.write(2, &[0.5, -0.0]).unwrap();
        drop(cache);
        let cache = TrunkCache::open(&path, &identity("a"), 3, 4, 2).unwrap();
        assert!(cache.read(2, &mut out).unwrap() && !cache.read(1, &mut out).unwrap());
        assert_eq!(out.map(f32::to_bits), [0.5_f32, -0.0].map(f32::to_bits));
        assert!(cache.read(4, &mut out).is_err() && cache.write(4, &out).is_err());
    }

    #[test]
    fn damaged_rows_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunk.cache");
        let cache = TrunkCache::open(&path, &identity("a"), 3, 1, 2).unwrap();
        cache.write(0, &[0.5, 1.0]).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let cache = TrunkCache::open(&path, &identity("a"), 3, 1, 2).unwrap();
        assert!(!cache.read(0, &mut [0.0; 2]).unwrap());
    }

    #[test]
    fn the_cache_of_another_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunk.cache");
        TrunkCache::open(&path, &identity("a"), 3, 4, 2).unwrap();
        for (weights, block, slots, values) in
            [("b", 3, 4, 2), ("a", 2, 4, 2), ("a", 3, 5, 2), ("a", 3, 4, 3)]
        {
            let before = fs::read(&path).unwrap();
            let refused = TrunkCache::open(&path, &identity(weights), block, slots, values).map(|_| ());
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("expected a cache of {\"format\""), "{text}");
            assert_eq!(fs::read(&path).unwrap(), before);
        }
        fs::write(&path, "short").unwrap();
        assert!(TrunkCache::open(&path, &identity("a"), 3, 4, 2).is_err());
    }
}
