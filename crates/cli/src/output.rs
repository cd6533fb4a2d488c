//! Where results go: standard output, or a file that appears when it is complete.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use cistron::encode::{ElementType, Fill, Layout, NpzWriter, SequenceBatch};
use cistron::genome::text::{self, TextWriter};
use cistron::{Reference, Shard, Window};

use crate::context::Context;
use crate::input::fetch_all;

/// Refuses a result that is there already, unless it may be replaced.
pub(crate) fn check_free(path: &Path, context: &Context) -> anyhow::Result<()> {
    if path.exists() && !context.force {
        anyhow::bail!("{} exists already, expected a new name or --force", path.display());
    }
    Ok(())
}

/// The folder of a part of a table, `FILE.part-I-of-N`; refused if a part is there already, unless it may be replaced.
pub(crate) fn part_folder(
    path: Option<&PathBuf>,
    shard: Shard,
    context: &Context,
) -> anyhow::Result<PathBuf> {
    let mut folder = path.cloned().unwrap_or_default().into_os_string();
    folder.push(format!(".part-{}-of-{}", shard.index(), shard.count()));
    let folder = PathBuf::from(folder);
    if folder.join("plan.json").exists() && !context.force {
        anyhow::bail!("{} exists already, expected a new folder or --force", folder.display());
    }
    Ok(folder)
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

/// A number as the shortest decimal that reads back to it, with an exponent where it is very small or large.
pub(crate) struct Number(pub(crate) f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        if size != 0.0 && !(1e-4..1e16).contains(&size) && size.is_finite() {
            write!(f, "{:e}", self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// Adds a whole number in decimal digits to a line, without what formatting costs.
pub(crate) fn push_decimal(line: &mut Vec<u8>, mut number: u64) {
    let begin = line.len();
    loop {
        line.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line[begin..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_standard() {
        for number in [0, 7, 10, 1234, u64::MAX] {
            let mut line = b"chr1\t".to_vec();
            push_decimal(&mut line, number);
            assert_eq!(String::from_utf8(line).unwrap(), format!("chr1\t{number}"));
        }
    }

    #[test]
    fn numbers_are_short_and_read_back() {
        let cases =
            [(0.0, "0"), (0.5, "0.5"), (1e-4, "0.0001"), (9.6e-16, "9.6e-16"), (-2e20, "-2e20"), (3.0, "3")];
        for (value, expected) in cases {
            assert_eq!(Number(value).to_string(), expected);
            assert_eq!(expected.parse(), Ok(value));
        }
    }
}
