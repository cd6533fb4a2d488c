//! The one tokenizer of FASTA: headers, runs of letters and line ends, with their places.

use std::io::{self, BufRead};

use cistron_core::Alphabet;

use crate::GenomeError;
use crate::error::byte_name;

/// Headers longer than this are refused instead of filling the memory.
const LONGEST_HEADER: usize = 1 << 20;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    Lf,
    CrLf,
    /// The end of the file, with or without a carriage return before it.
    File {
        carriage_return: bool,
    },
}

impl LineEnd {
    fn name(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::CrLf => "CRLF",
            Self::File { .. } => "the end of the file",
        }
    }
}

/// What comes next in a file.
pub(super) enum Event<'a> {
    /// A header line was read; the record's name stands in [`Scanner::name`].
    Header,
    /// Letters of the current line, which may go on.
    Letters(&'a [u8]),
    /// The end of a sequence line or of a blank line.
    LineEnd,
    /// The end of the file.
    End,
}

/// Reads FASTA from any text and checks every byte; memory does not grow with line lengths.
pub(super) struct Scanner<R> {
    reader: R,
    file: String,
    allowed: [bool; 256],
    ragged: bool,
    header: Vec<u8>,
    shape: Shape,
    /// Bytes of the reader's buffer that the last event lent out.
    lent: usize,
    offset: u64,
    line: u64,
    /// Letters of the current line so far.
    bases: u64,
    records: u64,
}

/// What the lines of the current record looked like so far.
#[derive(Clone, Copy, Default)]
struct Shape {
    /// The first line's letters and its bytes, line end included.
    first: Option<(u64, u64)>,
    end: Option<LineEnd>,
    /// A line that only the last of a record may look like: shorter than the first, or blank.
    last: Option<(u64, u64)>,
}

impl<R: BufRead> Scanner<R> {
    /// A scanner that refuses lines of unequal length inside a record.
    pub(super) fn strict(file: &str, reader: R) -> Self {
        let mut allowed = [false; 256];
        for byte in (b'A'..=b'Z').chain(b'a'..=b'z').chain(*b"*-.") {
            allowed[usize::from(byte)] = true;
        }
        Self {
            reader,
            file: file.to_owned(),
            allowed,
            ragged: false,
            header: Vec::new(),
            shape: Shape::default(),
            lent: 0,
            offset: 0,
            line: 1,
            bases: 0,
            records: 0,
        }
    }

    /// A scanner that accepts lines of any length.
    pub(super) fn ragged(file: &str, reader: R) -> Self {
        Self { ragged: true, ..Self::strict(file, reader) }
    }

    /// Accepts the letters of an alphabet too, such as digits.
    pub(super) fn allow(&mut self, alphabet: &Alphabet) {
        for &letter in alphabet.letters() {
            // A line that starts with `>` is a header whatever the alphabet.
            if letter != b'>' {
                self.allowed[usize::from(letter)] = true;
            }
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The number of bytes before the next event.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.lent as u64
    }

    /// The line of the next event, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Letters and bytes of the record's first line; the end of the file counts as one byte.
    pub(super) fn first_line(&self) -> Option<(u64, u64)> {
        self.shape.first
    }

    /// The text of the last header without `>` and leading blanks.
    fn header(&self) -> &str {
        // Checked when the header was read.
        std::str::from_utf8(&self.header).unwrap_or_default()
    }

    /// The name in the last header: its text up to the first blank.
    pub(super) fn name(&self) -> &str {
        self.header().split(is_blank).next().unwrap_or_default()
    }

    /// What follows the name in the last header.
    pub(super) fn description(&self) -> &str {
        self.header().split_once(is_blank).map(|(_, rest)| rest.trim_matches(is_blank)).unwrap_or_default()
    }

    pub(super) fn error(&self, column: u64, problem: impl Into<String>) -> GenomeError {
        GenomeError::malformed(&self.file, self.line, column, problem)
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event<'_>, GenomeError> {
        self.settle();
        if self.bases == 0 && self.peek()? == Some(b'>') {
            self.read_header()?;
            return Ok(Event::Header);
        }
        let Some(byte) = self.peek()? else { return self.end_of_file() };
        if self.allowed[usize::from(byte)] {
            self.letters_may_follow()?;
            let buffer = self.reader.fill_buf().map_err(|error| GenomeError::read(&self.file, error))?;
            let run = run_length(buffer, &self.allowed);
            self.lent = run;
            self.bases += run as u64;
            return Ok(Event::Letters(buffer.get(..run).unwrap_or_default()));
        }
        let end = match byte {
            b'\n' => LineEnd::Lf,
            b'\r' => self.carriage_return()?,
            _ => return Err(self.strange(byte)),
        };
        if end == LineEnd::Lf || end == LineEnd::CrLf {
            self.settle_one();
        }
        self.end_line(end)?;
        Ok(Event::LineEnd)
    }

    /// Gives back what the last event lent.
    fn settle(&mut self) {
        self.reader.consume(self.lent);
        self.offset += self.lent as u64;
        self.lent = 0;
    }

    fn settle_one(&mut self) {
        self.lent = 1;
        self.settle();
    }

    fn peek(&mut self) -> Result<Option<u8>, GenomeError> {
        loop {
            match self.reader.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(GenomeError::read(&self.file, error)),
            }
        }
    }

    fn end_of_file(&mut self) -> Result<Event<'static>, GenomeError> {
        if self.bases > 0 {
            self.end_line(LineEnd::File { carriage_return: false })?;
            return Ok(Event::LineEnd);
        }
        if self.records == 0 {
            return Err(GenomeError::unusable(
                &self.file,
                "no FASTA record, expected a line that starts with `>`",
            ));
        }
        Ok(Event::End)
    }

    /// Reads a carriage return; the line feed after it is left in place.
    fn carriage_return(&mut self) -> Result<LineEnd, GenomeError> {
        self.settle_one();
        match self.peek()? {
            Some(b'\n') => Ok(LineEnd::CrLf),
            None => Ok(LineEnd::File { carriage_return: true }),
            Some(_) => Err(self.error(
                self.bases + 1,
                "found a carriage return inside a line, expected lines that end in LF or CRLF",
            )),
        }
    }

    fn strange(&self, byte: u8) -> GenomeError {
        if self.records == 0 {
            return self.before_first(byte);
        }
        let column = self.bases + 1;
        self.error(
            column,
            format!("found {} in a sequence line, expected a sequence letter", byte_name(byte)),
        )
    }

    fn before_first(&self, byte: u8) -> GenomeError {
        let hint = if byte == b'@' { " (FASTQ is not read)" } else { "" };
        self.error(
            self.bases + 1,
            format!(
                "found {} before the first record, expected a line that starts with `>`{hint}",
                byte_name(byte)
            ),
        )
    }

    /// Checks that the record may have one more line, at its first letter.
    fn letters_may_follow(&mut self) -> Result<(), GenomeError> {
        if self.bases > 0 {
            return Ok(());
        }
        if self.records == 0 {
            let byte = self.peek()?.unwrap_or_default();
            return Err(self.before_first(byte));
        }
        let Some((line, bases)) = self.shape.last else { return Ok(()) };
        let problem = if bases == 0 {
            format!("found a blank line inside record `{}`, expected sequence or the next `>`", self.name())
        } else {
            let expected = self.shape.first.map_or(0, |(bases, _)| bases);
            format!(
                "found a line of {bases} letters inside record `{}`, expected {expected} in each line but the last",
                self.name()
            )
        };
        Err(GenomeError::malformed(&self.file, line, bases + 1, problem))
    }

    /// Checks the line that ends here against the record's first.
    fn end_line(&mut self, end: LineEnd) -> Result<(), GenomeError> {
        let bases = self.bases;
        // The end of the file counts as one byte, as htslib has it.
        let width = bases
            + if matches!(end, LineEnd::CrLf | LineEnd::File { carriage_return: true }) { 2 } else { 1 };
        if bases == 0 {
            self.shape.last = self.shape.last.or(Some((self.line, 0)));
        } else if let Some((expected, _)) = self.shape.first {
            self.same_line_end(end)?;
            if bases > expected && !self.ragged {
                return Err(self.error(
                    expected + 1,
                    format!(
                        "found a line of {bases} letters in record `{}`, expected at most {expected} as in its first",
                        self.name()
                    ),
                ));
            }
            if bases < expected && !self.ragged {
                self.shape.last = Some((self.line, bases));
            }
        } else {
            self.shape.first = Some((bases, width));
            self.shape.end = Some(end);
        }
        self.bases = 0;
        self.line += 1;
        Ok(())
    }

    fn same_line_end(&self, end: LineEnd) -> Result<(), GenomeError> {
        let Some(first) = self.shape.end else { return Ok(()) };
        let same = match end {
            LineEnd::File { carriage_return } => !carriage_return || first == LineEnd::CrLf,
            _ => end == first,
        };
        if same {
            return Ok(());
        }
        let found = if end == (LineEnd::File { carriage_return: true }) { LineEnd::CrLf } else { end };
        let (found, expected, name) = (found.name(), first.name(), self.name());
        Err(self.error(
            self.bases + 1,
            format!("line of record `{name}` ends in {found}, expected {expected} as its first"),
        ))
    }

    fn read_header(&mut self) -> Result<(), GenomeError> {
        self.settle_one();
        self.header.clear();
        let limit = LONGEST_HEADER as u64 + 1;
        let mut limited = io::Read::take(&mut self.reader, limit);
        let read = limited.read_until(b'\n', &mut self.header);
        let read = read.map_err(|error| GenomeError::read(&self.file, error))? as u64;
        if read == limit && self.header.last() != Some(&b'\n') {
            return Err(
                self.error(1, format!("header is longer than {LONGEST_HEADER} bytes, expected a name"))
            );
        }
        self.offset += read;
        self.header.pop_if(|byte| *byte == b'\n');
        self.header.pop_if(|byte| *byte == b'\r');
        self.check_header()?;
        self.records += 1;
        self.line += 1;
        self.shape = Shape::default();
        Ok(())
    }

    fn check_header(&mut self) -> Result<(), GenomeError> {
        if let Some(i) = self.header.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t') {
            let found = byte_name(self.header[i]);
            return Err(
                self.error(i as u64 + 2, format!("found {found} in a header, expected text in one line"))
            );
        }
        if let Err(error) = std::str::from_utf8(&self.header) {
            let byte = self.header.get(error.valid_up_to()).copied().unwrap_or_default();
            let column = error.valid_up_to() as u64 + 2;
            return Err(
                self.error(column, format!("found {} in a header, expected UTF-8 text", byte_name(byte)))
            );
        }
        let blanks = self.header.iter().take_while(|&&byte| is_blank(byte as char)).count();
        self.header.drain(..blanks);
        if self.header.is_empty() {
            return Err(self.error(2, "found no name after `>`, expected one"));
        }
        Ok(())
    }
}

/// Blanks that may stand inside a header line.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// The number of leading bytes that are sequence letters.
fn run_length(bytes: &[u8], allowed: &[bool; 256]) -> usize {
    // Whole blocks of plain letters are the rule, and this test of a block compiles to vector code.
    const BLOCK: usize = 32;
    let plain =
        |block: &&[u8]| block.iter().fold(true, |all, &byte| all & ((byte | 0x20).wrapping_sub(b'a') < 26));
    let start = bytes.chunks_exact(BLOCK).take_while(plain).count() * BLOCK;
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|&&byte| allowed[usize::from(byte)]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events as text, with a buffer so small that every piece is cut somewhere.
    fn events(text: &[u8], buffer: usize) -> Result<Vec<String>, String> {
        let reader = io::BufReader::with_capacity(buffer, text);
        let mut scanner = Scanner::strict("x.fa", reader);
        let mut seen: Vec<String> = Vec::new();
        loop {
            let event = match scanner.next().map_err(|error| error.to_string())? {
                Event::Header => None,
                Event::Letters(letters) => Some(String::from_utf8(letters.to_vec()).unwrap()),
                Event::LineEnd => Some("|".to_owned()),
                Event::End => return Ok(seen),
            };
            match event {
                None => seen.push(format!(">{}/{}", scanner.name(), scanner.description())),
                // A blank line before the first record is an event of no record.
                Some(event) => seen.last_mut().into_iter().for_each(|record| record.push_str(&event)),
            }
        }
    }

    #[test]
    fn events_do_not_depend_on_the_buffer() {
        let text = b"\n> a one\ttwo \r\nACGTACGT\r\nacg\r\n\r\n>b\nACGU*-.\n>c\n>d\nRYK";
        let expected = [">a/one\ttwo", ">b/", ">c/", ">d/"];
        let bodies = ["ACGTACGT|acg||", "ACGU*-.|", "", "RYK|"];
        let expected: Vec<_> = expected.iter().zip(bodies).map(|(a, b)| format!("{a}{b}")).collect();
        for buffer in [1, 2, 3, 7, 64, 4096] {
            assert_eq!(events(text, buffer).unwrap(), expected, "buffer of {buffer}");
        }
    }

    #[test]
    fn long_runs_are_cut_at_the_first_byte_that_is_no_letter() {
        let scanner = Scanner::strict("x", io::empty());
        for length in 0..100 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(run_length(&bytes, &scanner.allowed), length);
            bytes.push(b'*');
            bytes.push(b'1');
            bytes.extend([b'C'; 40]);
            assert_eq!(run_length(&bytes, &scanner.allowed), length + 1);
        }
    }
}
