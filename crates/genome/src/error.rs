use std::io;
use std::path::Path;
use std::sync::Arc;

use cistron_core::ReferenceError;

/// What can be wrong with a genome's files.
///
/// `file` is the path as it was given, or a description such as `standard input`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenomeError {
    /// A place in a text that breaks its format.
    ///
    /// Lines and columns count from 1; the column is a byte of a FASTA line and a field of a tabular line.
    #[error("{file}:{line}:{column}: {problem}")]
    Malformed {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The byte (FASTA) or the field (tables) of the line, from 1.
        column: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file that is not what it should be as a whole: empty, cut short, another format.
    #[error("{file}: {problem}")]
    Unusable {
        /// The file read.
        file: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A FASTA file compressed by gzip, which cannot be read at random.
    #[error("{file}: found plain gzip, expected bgzip for random access (compress it with `bgzip`)")]
    PlainGzip {
        /// The file read.
        file: String,
    },
    /// A genome that does not fit into the memory allowed.
    #[error(
        "{file}: the sequences need more than {limit} bytes of memory, expected at most that \
         (compress the file with `bgzip` to read it from disk, or raise the limit)"
    )]
    TooLarge {
        /// The file read.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A place of a FASTA file that its index describes wrongly.
    #[error("{file}: contig `{contig}` at position {position}: {problem} (is the index of another file?)")]
    WrongIndex {
        /// The FASTA file.
        file: String,
        /// The contig as the index names it.
        contig: Arc<str>,
        /// The first position that is wrong, 0-based.
        position: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// A contig that a track does not have.
    #[error("contig `{contig}` is not in {file}{}", similar.as_ref().map(|name| format!(" (it has `{name}`)")).unwrap_or_default())]
    UnknownContig {
        /// The file read.
        file: String,
        /// The name asked for.
        contig: Arc<str>,
        /// A contig of the file that differs by the prefix `chr` alone.
        similar: Option<Arc<str>>,
    },
    /// A region that ends beyond its contig.
    #[error("{file}: region {region} ends beyond its contig of {length} bases")]
    BeyondContig {
        /// The file read.
        file: String,
        /// The region asked for, 0-based and half-open.
        region: String,
        /// The contig's length in bases.
        length: u64,
    },
    /// A question that no file could answer: an empty region, no bins.
    #[error("{0}")]
    Request(String),
    /// A run that was asked to stop.
    #[error("cancelled after {done} bases")]
    Cancelled {
        /// Bases done.
        done: u64,
    },
    /// A file that could not be opened or read.
    #[error("{file} cannot be read")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A result that could not be written.
    #[error("{file} cannot be written")]
    Write {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl GenomeError {
    pub(crate) fn read(file: &str, source: io::Error) -> Self {
        // A reader of ours below has said already what is wrong.
        let source = match source.downcast::<Self>() {
            Ok(error) => return error,
            Err(source) => source,
        };
        // A decoder reports damaged data as an error of reading; the file itself was read well.
        match source.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::Unusable {
                file: file.to_owned(),
                problem: format!("compressed data are damaged: {source}"),
            },
            io::ErrorKind::UnexpectedEof => Self::Unusable {
                file: file.to_owned(),
                problem: "the file ends inside its compressed data".to_owned(),
            },
            _ => Self::Read { file: file.to_owned(), source },
        }
    }

    pub(crate) fn write(file: &Path, source: io::Error) -> Self {
        Self::Write { file: file.display().to_string(), source }
    }

    pub(crate) fn unusable(file: &str, problem: impl Into<String>) -> Self {
        Self::Unusable { file: file.to_owned(), problem: problem.into() }
    }

    pub(crate) fn malformed(file: &str, line: u64, column: u64, problem: impl Into<String>) -> Self {
        Self::Malformed { file: file.to_owned(), line, column, problem: problem.into() }
    }
}

impl From<GenomeError> for ReferenceError {
    fn from(error: GenomeError) -> Self {
        Self::Read(Box::new(error))
    }
}

/// A text from a file as it may stand in a message: quoted, at most 60 bytes.
pub(crate) fn quoted(text: &[u8]) -> String {
    const LIMIT: usize = 60;
    let shown = text.get(..LIMIT).unwrap_or(text);
    let more = if text.len() > LIMIT { "…" } else { "" };
    format!("`{}{more}`", shown.escape_ascii())
}

/// One byte of a file as it may stand in a message.
pub(crate) fn byte_name(byte: u8) -> String {
    match byte {
        b' ' => "a blank".to_owned(),
        b'\t' => "a tab".to_owned(),
        b'\n' => "a line end".to_owned(),
        b'\r' => "a carriage return".to_owned(),
        _ if byte.is_ascii_graphic() => format!("`{}`", byte as char),
        _ => format!("byte 0x{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_messages_are_short_and_printable() {
        assert_eq!(quoted(b"a\tb"), "`a\\tb`");
        assert_eq!(quoted(&[b'x'; 61]), format!("`{}…`", "x".repeat(60)));
        let names = [b' ', b'\t', b'\n', b'\r', b'>', 0, 0xff].map(byte_name);
        let expected =
            ["a blank", "a tab", "a line end", "a carriage return", "`>`", "byte 0x00", "byte 0xFF"];
        assert_eq!(names, expected);
    }
}
