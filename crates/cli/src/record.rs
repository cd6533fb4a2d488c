//! `run.json`: what a run did, for whoever finds its results.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use cistron::AtomicFile;
use cistron::effects::InputDigest;
use cpu_time::ProcessTime;
use serde_json::{Value, json};

use crate::context::Context;

/// A run that is being recorded.
pub(crate) struct Record {
    started: SystemTime,
    clock: Instant,
}

impl Record {
    pub(crate) fn begin() -> Self {
        Self { started: SystemTime::now(), clock: Instant::now() }
    }

    /// The start as UTC, `2026-01-31T23:59:59Z`.
    pub(crate) fn date(&self) -> String {
        humantime::format_rfc3339_seconds(self.started).to_string()
    }

    /// Writes `run.json` into a folder.
    pub(crate) fn write(
        &self,
        folder: &Path,
        context: &Context,
        inputs: &[InputDigest],
        more: &Value,
    ) -> anyhow::Result<()> {
        let mut record = json!({
            "version": 1,
            "cistron": env!("CARGO_PKG_VERSION"),
            "command_line": std::env::args().collect::<Vec<_>>(),
            "inputs": inputs,
            "seed": context.seed.number(),
            "device": context.device.to_string(),
            "started": self.date(),
            "seconds": self.clock.elapsed().as_secs_f64(),
            "cpu_seconds": ProcessTime::try_now().ok().map(|time| time.as_duration().as_secs_f64()),
            "warnings": context.progress.warnings(),
        });
        if let (Some(record), Some(more)) = (record.as_object_mut(), more.as_object()) {
            record.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        write_text(&folder.join("run.json"), &format!("{record:#}\n"))
    }
}

/// Writes a small text file, complete or not at all.
pub(crate) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    Ok(file.commit()?)
}

/// The digests of files, or of the weights and the configuration of model folders.
pub(crate) fn digests(paths: &[PathBuf]) -> anyhow::Result<Vec<InputDigest>> {
    let mut digests = Vec::new();
    for path in paths {
        if path.is_dir() {
            let files = ["config.json", "model.safetensors", "pytorch_model.bin"].map(|name| path.join(name));
            for file in files.iter().filter(|file| file.is_file()) {
                digests.push(InputDigest::of_file(file)?);
            }
        } else {
            digests.push(InputDigest::of_file(path)?);
        }
    }
    Ok(digests)
}
