//! Motif files: MEME, JASPAR, TRANSFAC, HOCOMOCO, `UniPROBE` and Homer.

mod detect;
mod hocomoco;
mod homer;
mod jaspar;
mod lenient;
mod lines;
mod meme;
mod transfac;
mod uniprobe;
mod write;

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use cistron_core::{Observer, Warning};

use crate::{MotifError, MotifSet};
pub use lenient::parse_meme_lenient;
pub use write::write_motifs;

/// A format of motif files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MotifFormat {
    /// MEME text, minimal or full.
    Meme,
    /// JASPAR counts, plain (`.pfm`) or with letters and brackets (`.jaspar`).
    Jaspar,
    /// TRANSFAC's tagged records.
    Transfac,
    /// HOCOMOCO matrices, a row a position: counts, probabilities or weights.
    Hocomoco,
    /// `UniPROBE` probabilities, a row a letter.
    Uniprobe,
    /// Homer motifs.
    Homer,
}

impl MotifFormat {
    /// The name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meme => "meme",
            Self::Jaspar => "jaspar",
            Self::Transfac => "transfac",
            Self::Hocomoco => "hocomoco",
            Self::Uniprobe => "uniprobe",
            Self::Homer => "homer",
        }
    }
}

impl std::fmt::Display for MotifFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MotifFormat {
    type Err = MotifError;

    fn from_str(text: &str) -> Result<Self, MotifError> {
        let all = [Self::Meme, Self::Jaspar, Self::Transfac, Self::Hocomoco, Self::Uniprobe, Self::Homer];
        all.into_iter().find(|format| format.name() == text).ok_or_else(|| MotifError::Option {
            option: "motif format",
            found: format!("`{text}`"),
            expected: "meme, jaspar, transfac, hocomoco, uniprobe or homer",
        })
    }
}

/// Reads a motif file that is not compressed; its format is told by its content.
///
/// The observer hears of rows that do not sum to 1; [`Motif::probabilities`](crate::Motif::probabilities) divides
/// them by their sum.
///
/// # Errors
/// [`MotifError::Read`] if the file cannot be read, otherwise as [`parse_motifs`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("one.pfm");
/// std::fs::write(&path, ">MA0001.1\tAGL3\n0 3\n94 75\n1 0\n2 3\n")?;
/// let set = cistron_motif::read_motifs(&path, &())?;
/// assert_eq!(set.motifs()[0].width(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_motifs(path: impl AsRef<Path>, observer: &dyn Observer) -> Result<MotifSet, MotifError> {
    let file = path.as_ref().display().to_string();
    match fs::read(path) {
        Ok(text) => parse_motifs(&text, &file, observer),
        Err(source) => Err(MotifError::Read { file, source }),
    }
}

/// Reads the text of a motif file whose format is told by its content; `file` is what messages call it.
///
/// # Errors
/// [`MotifError::Unusable`] for a text in none of the formats, [`MotifError::Malformed`] for one that breaks its
/// format, with the line and the byte.
///
/// ```
/// let text = b"MEME version 4\nMOTIF tata\nletter-probability matrix: w= 1\n0 0 0 1\n";
/// let set = cistron_motif::parse_motifs(text, "example", &())?;
/// assert_eq!(set.len(), 1);
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub fn parse_motifs(text: &[u8], file: &str, observer: &dyn Observer) -> Result<MotifSet, MotifError> {
    let text = text_of(text, file)?;
    let format = detect::format_of(&text).ok_or_else(|| {
        let expected = "expected MEME, JASPAR, TRANSFAC, HOCOMOCO, UniPROBE or Homer";
        MotifError::unusable(file, format!("found no motif in a known format, {expected}"))
    })?;
    parse_text(&text, file, format, observer)
}

/// Reads the text of a motif file of a known format.
///
/// # Errors
/// [`MotifError::Malformed`] for a text that breaks the format, with the line and the byte.
pub fn parse_motifs_as(
    text: &[u8],
    file: &str,
    format: MotifFormat,
    observer: &dyn Observer,
) -> Result<MotifSet, MotifError> {
    parse_text(&text_of(text, file)?, file, format, observer)
}

fn parse_text(
    text: &str,
    file: &str,
    format: MotifFormat,
    observer: &dyn Observer,
) -> Result<MotifSet, MotifError> {
    let (set, uneven) = match format {
        MotifFormat::Meme => meme::parse(text, file)?,
        MotifFormat::Jaspar => (jaspar::parse(text, file)?, 0),
        MotifFormat::Transfac => (transfac::parse(text, file)?, 0),
        MotifFormat::Hocomoco => (hocomoco::parse(text, file)?, 0),
        MotifFormat::Uniprobe => uniprobe::parse(text, file)?,
        MotifFormat::Homer => homer::parse(text, file)?,
    };
    if uneven > 0 {
        let what = format!("rows of {file} do not sum to 1 within 0.01 (they are divided by their sum)");
        observer.warn(Warning::new(uneven, what));
    }
    Ok(set)
}

/// The text of a file; bytes that are no UTF-8, as old comments have, become replacement characters.
fn text_of<'a>(text: &'a [u8], file: &str) -> Result<Cow<'a, str>, MotifError> {
    if text.starts_with(&[0x1f, 0x8b]) {
        return Err(MotifError::unusable(file, "found gzip, expected text (decompress it first)"));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    Ok(String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests;
