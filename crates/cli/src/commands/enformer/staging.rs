//! Files that appear in a folder together.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A hidden folder of files inside the one that they go to when all are there; removed with what it holds before that.
pub(super) struct Staging<'a> {
    pub(super) folder: PathBuf,
    target: &'a Path,
    /// Whether the target was made for them.
    is_new: bool,
}

impl<'a> Staging<'a> {
    pub(super) fn begin(target: &'a Path) -> anyhow::Result<Self> {
        let is_new = !target.exists();
        let folder = target.join(format!(".part-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| target.display().to_string())?;
        Ok(Self { folder, target, is_new })
    }

    /// Gives all files their places.
    pub(super) fn commit(mut self) -> anyhow::Result<()> {
        let place = || self.target.display().to_string();
        for entry in fs::read_dir(&self.folder).with_context(place)? {
            let entry = entry.with_context(place)?;
            fs::rename(entry.path(), self.target.join(entry.file_name())).with_context(place)?;
        }
        self.is_new = false;
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // What cannot be removed is hidden, and in nobody's way.
        let _ = fs::remove_dir_all(&self.folder);
        if self.is_new {
            let _ = fs::remove_dir(self.target);
        }
    }
}
