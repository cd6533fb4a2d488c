use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{Checkpoint, ModelsError};

/// Where a run leaves its files.
///
/// | file | what |
/// |---|---|
/// | `last.safetensors` | the state of the model and, in the header, of the loop: what a run is resumed from |
/// | `model.safetensors` | the weights of the best epoch so far |
/// | `train.jsonl` | one line of JSON for each epoch, and between them as often as asked for |
/// | `speed.jsonl` | for each of those lines the seconds since training began or was resumed, examples a second since the line before, and bytes of memory |
///
/// Of two runs with the same input all files but the last are the same, byte by byte; none of them holds a time.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    start: Start,
}

/// What becomes of a run that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Create,
    Replace,
    Resume,
}

impl RunFolder {
    /// A folder for a new run; made, when training begins, if it is not there.
    ///
    /// # Errors
    /// [`ModelsError::Format`] if it holds a run already.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let folder = Self { path: path.as_ref().to_path_buf(), start: Start::Create };
        if folder.last().exists() {
            let problem = "found a training run, expected a folder without one, or to resume it";
            return Err(ModelsError::format(&folder.last(), problem));
        }
        Ok(folder)
    }

    /// A folder for a new run in the place of one that may be there, which is removed when training begins.
    pub fn replace(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), start: Start::Replace }
    }

    /// The folder of a run to go on with; one that did not come as far as its first checkpoint begins anew.
    ///
    /// # Errors
    /// [`ModelsError::Io`] if it is no folder.
    pub fn resume(path: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let path = path.as_ref().to_path_buf();
        fs::read_dir(&path).map_err(ModelsError::io(&path))?;
        Ok(Self { path, start: Start::Resume })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the best epoch's weights.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The file of the last state.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// The file of the log.
    pub fn log(&self) -> PathBuf {
        self.path.join("train.jsonl")
    }

    /// The file of what depends on the machine: times and memory.
    pub fn speed(&self) -> PathBuf {
        self.path.join("speed.jsonl")
    }

    /// The state to go on from, if there is one and it is wanted.
    pub(super) fn read_last(&self) -> Result<Option<Checkpoint>, ModelsError> {
        let is_there = self.start == Start::Resume && self.last().exists();
        if is_there { Checkpoint::read(self.last()).map(Some) } else { Ok(None) }
    }

    /// The log to go on with after its first `bytes`; from here on the folder is there, and what it replaces is not.
    pub(super) fn begin(&self, bytes: u64) -> Result<Log, ModelsError> {
        fs::create_dir_all(&self.path).map_err(ModelsError::io(&self.path))?;
        if self.start == Start::Replace {
            for file in [self.last(), self.log(), self.model(), self.speed()] {
                if file.exists() {
                    fs::remove_file(&file).map_err(ModelsError::io(&file))?;
                }
            }
        }
        Log::open(self.log(), bytes)
    }
}

/// The log of a run, line by line.
pub(super) struct Log {
    path: PathBuf,
    writer: BufWriter<File>,
    bytes: u64,
}

impl Log {
    /// The log cut to its first `bytes`: what follows was written after the state that is resumed.
    fn open(path: PathBuf, bytes: u64) -> Result<Self, ModelsError> {
        let io = ModelsError::io(&path);
        let open = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            let found = file.metadata()?.len();
            if found >= bytes {
                file.set_len(bytes)?;
                std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
            }
            Ok((file, found))
        };
        let (file, found) = open().map_err(io)?;
        if found < bytes {
            let problem =
                format!("found {found} bytes, expected at least the {bytes} of the state to resume");
            return Err(ModelsError::format(&path, problem));
        }
        Ok(Self { writer: BufWriter::new(file), path, bytes })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), ModelsError> {
        writeln!(self.writer, "{line}").map_err(ModelsError::io(&self.path))?;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }

    /// Puts the lines on disk and gives the number of bytes up to here.
    pub(super) fn flush(&mut self) -> Result<u64, ModelsError> {
        let flushed = self.writer.flush().and_then(|()| self.writer.get_ref().sync_data());
        flushed.map_err(ModelsError::io(&self.path))?;
        Ok(self.bytes)
    }
}
