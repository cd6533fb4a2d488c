//! FASTQ: reads with qualities, records in order, and a writer.

use std::io::{self, BufRead, Write};
use std::path::Path;

use crate::GenomeError;
use crate::error::quoted;
use crate::text::{self, Lines, TextReader};

/// One read of a FASTQ file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The name: the header up to its first blank.
    pub name: String,
    /// The rest of the header, often empty.
    pub description: String,
    /// The letters as they stand in the file.
    pub letters: Vec<u8>,
    /// A quality character for each letter, `!` to `~`.
    pub qualities: Vec<u8>,
}

/// Reads FASTQ records in order.
///
/// A record is four lines: `@` and a header, letters, `+` with nothing or the header again, and as many quality
/// characters as letters. Records over more lines are refused: `@` may begin a line of qualities, so that nothing in
/// such a file tells where a record ends. Names may repeat, as those of pairs do.
///
/// ```
/// use cistron_genome::fastq::Reader;
///
/// for record in Reader::new("toy.fq", &b"@r1 first\nACGT\n+\nIIII\n"[..]) {
///     let record = record?;
///     assert_eq!((record.name.as_str(), &record.letters[..]), ("r1", &b"ACGT"[..]));
/// }
/// # Ok::<(), cistron_genome::GenomeError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    done: bool,
}

impl Reader<TextReader> {
    /// Opens a FASTQ file that may be plain, gzip or bgzip; `-` is standard input.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        Ok(Self::new(&text::name_of(path), text::open(path)?))
    }
}

impl<R: BufRead> Reader<R> {
    /// A reader of an uncompressed text; `file` is its name in messages.
    pub fn new(file: &str, reader: R) -> Self {
        Self { lines: Lines::new(file, reader), done: false }
    }

    fn read(&mut self) -> Result<Option<Record>, GenomeError> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        let Some(header) = self.lines.text()?.strip_prefix('@') else {
            let found = quoted(self.lines.line());
            return Err(self.lines.error(1, format!("found {found}, expected `@` and the name of a read")));
        };
        let header = header.to_owned();
        let (name, description) = header.split_once([' ', '\t']).unwrap_or((&header, ""));
        if name.is_empty() {
            return Err(self.lines.error(2, "found no name, expected the name of a read"));
        }
        let letters = self.letters()?;
        self.separator(&header)?;
        let qualities = self.qualities(letters.len())?;
        let (name, description) = (name.to_owned(), description.to_owned());
        Ok(Some(Record { name, description, letters, qualities }))
    }

    fn next_line(&mut self, expected: &str) -> Result<(), GenomeError> {
        if self.lines.advance()? {
            return Ok(());
        }
        Err(self.lines.error(1, format!("the file ends inside a record, expected {expected}")))
    }

    fn letters(&mut self) -> Result<Vec<u8>, GenomeError> {
        self.next_line("the letters of a read")?;
        let line = self.lines.line();
        let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'.' | b'*');
        match line.iter().position(|byte| !is_letter(byte)) {
            Some(place) => {
                let found = quoted(&line[place..=place]);
                Err(self.lines.error(place + 1, format!("found {found}, expected a sequence letter")))
            }
            None => Ok(line.to_vec()),
        }
    }

    fn separator(&mut self, header: &str) -> Result<(), GenomeError> {
        self.next_line("`+`")?;
        match self.lines.line().split_first() {
            Some((b'+', rest)) if rest.is_empty() || rest == header.as_bytes() => Ok(()),
            _ => {
                let found = quoted(self.lines.line());
                let expected = "expected `+` alone or with the header of the read, after one line of letters";
                Err(self.lines.error(1, format!("found {found}, {expected}")))
            }
        }
    }

    fn qualities(&mut self, n: usize) -> Result<Vec<u8>, GenomeError> {
        self.next_line("the qualities of a read")?;
        let line = self.lines.line();
        if line.len() != n {
            let problem = format!("found {} qualities, expected {n} as there are letters", line.len());
            return Err(self.lines.error(1, problem));
        }
        match line.iter().position(|byte| !byte.is_ascii_graphic()) {
            Some(place) => {
                let found = quoted(&line[place..=place]);
                Err(self.lines.error(place + 1, format!("found {found}, expected a quality from `!` to `~`")))
            }
            None => Ok(line.to_vec()),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, GenomeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.read();
        self.done = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}

/// Writes a record: header, letters, `+`, qualities.
///
/// # Errors
/// The writer's own, and [`io::ErrorKind::InvalidInput`] if there are not as many qualities as letters or a line end
/// stands inside a line; nothing is written then.
///
/// ```
/// let mut text = Vec::new();
/// cistron_genome::fastq::write_record(&mut text, "r1", b"ACGT", b"IIII")?;
/// assert_eq!(text, b"@r1\nACGT\n+\nIIII\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_record(
    writer: &mut impl Write,
    header: &str,
    letters: &[u8],
    qualities: &[u8],
) -> io::Result<()> {
    let broken = |line: &[u8]| line.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if letters.len() != qualities.len() || [header.as_bytes(), letters, qualities].into_iter().any(broken) {
        let problem = format!("a record has {} letters and {} qualities", letters.len(), qualities.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    for part in [b"@", header.as_bytes(), b"\n", letters, b"\n+\n", qualities, b"\n"] {
        writer.write_all(part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Record>, String> {
        Reader::new("x.fq", text.as_bytes()).map(|record| record.map_err(|error| error.to_string())).collect()
    }

    proptest! {
        #[test]
        fn records_come_back(reads in prop::collection::vec(("[!-~]{1,9}( [ -~]{1,9})?", "[ACGTNacgt]{0,30}", "[!-~]{30}"), 0..6)) {
            let mut text = Vec::new();
            for (header, letters, qualities) in &reads {
                write_record(&mut text, header, letters.as_bytes(), &qualities.as_bytes()[..letters.len()]).unwrap();
            }
            let found = read(&String::from_utf8(text).unwrap()).unwrap();
            prop_assert_eq!(found.len(), reads.len());
            for (record, (header, letters, qualities)) in found.iter().zip(&reads) {
                let (name, description) = header.split_once(' ').unwrap_or((header, ""));
                prop_assert_eq!((record.name.as_str(), record.description.as_str()), (name, description));
                prop_assert_eq!(&record.letters, letters.as_bytes());
                prop_assert_eq!(&record.qualities, &qualities.as_bytes()[..letters.len()]);
            }
        }
    }

    #[test]
    fn line_ends_and_headers_may_differ() {
        let found = read("@a x\r\nAC\r\n+a x\r\n@@\r\n@b\n\n+\n\n@a\nG\n+\n!").unwrap();
        let letters: Vec<&[u8]> = found.iter().map(|record| &record.letters[..]).collect();
        assert_eq!(letters, [&b"AC"[..], b"", b"G"]);
        assert_eq!(found[0].qualities, b"@@");
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_place() {
        for (text, message) in [
            (">a\nAC\n", "x.fq:1:1: found `>a`, expected `@` and the name of a read"),
            ("@a\nA\n+\nI\n\n", "x.fq:5:1: found ``, expected `@` and the name of a read"),
            ("@ a\nA\n+\nI\n", "x.fq:1:2: found no name, expected the name of a read"),
            ("@a\nA1\n+\nII\n", "x.fq:2:2: found `1`, expected a sequence letter"),
            (
                "@a\nAC\nGT\n+\nIIII\n",
                "x.fq:3:1: found `GT`, expected `+` alone or with the header of the read, after one line of letters",
            ),
            (
                "@a\nAC\n+b\nII\n",
                "x.fq:3:1: found `+b`, expected `+` alone or with the header of the read, after one line of letters",
            ),
            ("@a\nAC\n+\nI\n", "x.fq:4:1: found 1 qualities, expected 2 as there are letters"),
            ("@a\nAC\n+\nI \n", "x.fq:4:2: found ` `, expected a quality from `!` to `~`"),
            ("@a\nAC\n+\n", "x.fq:4:1: the file ends inside a record, expected the qualities of a read"),
            ("@a\n", "x.fq:2:1: the file ends inside a record, expected the letters of a read"),
        ] {
            assert_eq!(read(text).unwrap_err(), message);
        }
    }

    #[test]
    fn nothing_follows_an_error_and_bad_records_are_not_written() {
        let mut reader = Reader::new("x", &b"@a\nA\n-\nI\n@b\nC\n+\nI\n"[..]);
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
        let mut text = Vec::new();
        assert!(write_record(&mut text, "a", b"AC", b"I").is_err());
        assert!(write_record(&mut text, "a\nb", b"A", b"I").is_err());
        assert!(text.is_empty());
    }
}
