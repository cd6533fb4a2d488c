//! The log of what depends on the machine.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::folder::RunFolder;
use crate::ModelsError;

/// Seconds, examples a second and bytes of memory, line by line; without a folder, nothing.
pub(super) struct SpeedLog {
    file: Option<(PathBuf, File)>,
    start: Instant,
    last: Instant,
    /// Since the last line.
    examples: f64,
}

impl SpeedLog {
    /// In a folder that is there; a run that is resumed goes on with the lines that it has.
    pub(super) fn begin(folder: Option<&RunFolder>, is_resumed: bool) -> Result<Self, ModelsError> {
        let open = |path: PathBuf| {
            let mut options = OpenOptions::new();
            let options = options.create(true).write(true).append(is_resumed).truncate(!is_resumed);
            let file = options.open(&path).map_err(ModelsError::io(&path))?;
            Ok::<_, ModelsError>((path, file))
        };
        let file = folder.map(|folder| open(folder.speed())).transpose()?;
        let start = Instant::now();
        Ok(Self { file, start, last: start, examples: 0.0 })
    }

    pub(super) fn add(&mut self, examples: f64) {
        self.examples += examples;
    }

    /// One line, in one piece.
    pub(super) fn line(&mut self, epoch: u64, step: u64) -> Result<(), ModelsError> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        let line = json!({
            "epoch": epoch,
            "step": step,
            "seconds": (now - self.start).as_secs_f64(),
            "examples_per_second": if seconds > 0.0 { self.examples / seconds } else { 0.0 },
            "resident_bytes": resident_bytes(),
        });
        (self.last, self.examples) = (now, 0.0);
        file.write_all(format!("{line}\n").as_bytes()).map_err(ModelsError::io(path))
    }
}

/// The memory that the process occupies, where the system tells it in `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
