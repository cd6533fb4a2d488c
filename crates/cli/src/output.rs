//! Where results go: standard output, or a file that appears when it is complete.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use cistron::encode::{ElementType, Fill, Layout, NpzWriter, SequenceBatch};
use cistron::genome::text::{self, TextWriter};
use cistron::{Reference, Window};

use crate::context::Context;
use crate::input::fetch_all;

/// Refuses a result that is there already, unless it may be replaced.
pub(crate) fn check_free(path: &Path, context: &Context) -> anyhow::Result<()> {
    if path.exists() && !context.force {
        anyhow::bail!("{} exists already, expected a new name or --force", path.display());
    }
    Ok(())
}

/// A table on standard output or in a file (bgzip if its name ends in `.gz`).
pub(crate) enum Output {
    Standard(BufWriter<StdoutLock<'static>>),
    File(TextWriter),
}

impl Output {
    pub(crate) fn open(path: Option<&PathBuf>, context: &Context) -> anyhow::Result<Self> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Standard(BufWriter::new(io::stdout().lock())));
        };
        check_free(path, context)?;
        Ok(Self::File(text::create(path)?))
    }

    /// Completes the table; without it a file does not appear.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        match self {
            Self::Standard(mut writer) => Ok(writer.flush()?),
            Self::File(writer) => Ok(writer.commit()?),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(writer) => writer.write(bytes),
            Self::File(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(writer) => writer.flush(),
            Self::File(writer) => writer.flush(),
        }
    }
}

/// Writes windows as `X` (N, L, 4) with `names` and, if there are any, targets `y` (N).
pub(crate) fn write_one_hot(
    path: &Path,
    reference: &dyn Reference,
    windows: &[Window],
    width: usize,
    targets: Option<&[f64]>,
) -> anyhow::Result<()> {
    let mut file = NpzWriter::create(path)?;
    let mut member = file.begin("X", ElementType::Float32, &[windows.len(), width, 4])?;
    for windows in windows.chunks(256) {
        let batch = SequenceBatch::from_sequences(&fetch_all(reference, windows)?)?;
        let array = batch.one_hot(Layout::PositionMajor, Fill::default());
        let values: Vec<f64> = array.iter().map(|&value| value.into()).collect();
        member.write(&values)?;
    }
    file.add(member)?;
    if let Some(targets) = targets {
        file.add_numbers("y", &[targets.len()], targets)?;
    }
    let names: Vec<String> = windows.iter().map(ToString::to_string).collect();
    file.add_text("names", &names)?;
    Ok(file.finish()?)
}
