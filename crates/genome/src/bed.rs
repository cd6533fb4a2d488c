//! BED: regions in a table, from three columns to as many as a file has.

mod peak;

use std::io::BufRead;
use std::path::Path;

use cistron_core::{MAX_POSITION, Region, Strand};

use crate::error::quoted;
use crate::text::{self, ContigNames, Lines, TextReader};
use crate::{GenomeError, bigbed};

pub use peak::Peak;

/// A row of a BED file or of one of its relatives (narrowPeak, broadPeak, gappedPeak, bigBed).
///
/// Columns beyond the third are kept as they stand and are not validated.
///
/// ```
/// use cistron_genome::bed::Reader;
///
/// let mut rows = Reader::new("peaks.bed", &b"chr1\t10\t20\tpeak\t960\t-\t3.5\n"[..]);
/// let row = rows.next().transpose()?.ok_or("no row")?;
/// assert_eq!(row.region.to_string(), "chr1:10-20");
/// assert_eq!((row.name(), row.score(), row.rest()), (Some("peak"), Some("960"), Some("3.5")));
/// assert_eq!(row.strand, Some(cistron_core::Strand::Reverse));
/// assert_eq!(row.to_string(), "chr1\t10\t20\tpeak\t960\t-\t3.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedRecord {
    /// The first three columns.
    pub region: Region,
    /// Column 6 if it is `+` or `-`; `.`, anything else and a missing column are none.
    pub strand: Option<Strand>,
    /// Columns from the fourth on, joined by tabs; `None` in a row of three.
    columns: Option<Box<str>>,
}

impl BedRecord {
    /// A row of a region and of whatever follows its third column, joined by tabs.
    pub fn new(region: Region, columns: Option<&str>) -> Self {
        let strand = columns.and_then(|columns| columns.split('\t').nth(2)).and_then(Strand::from_symbol);
        Self { region, strand, columns: columns.map(Into::into) }
    }

    /// Column 4, as it stands: `.` is not taken for a missing name.
    pub fn name(&self) -> Option<&str> {
        self.column(4)
    }

    /// Column 5, as it stands.
    pub fn score(&self) -> Option<&str> {
        self.column(5)
    }

    /// The columns from the seventh on, joined by tabs.
    pub fn rest(&self) -> Option<&str> {
        self.columns()?.splitn(4, '\t').nth(3)
    }

    /// The columns from the fourth on, joined by tabs.
    pub fn columns(&self) -> Option<&str> {
        self.columns.as_deref()
    }

    /// A column from the fourth on, counted from 1 as in the file.
    pub fn column(&self, number: usize) -> Option<&str> {
        self.columns()?.split('\t').nth(number.checked_sub(4)?)
    }
}

/// The row as a line of a BED file, without its line end.
impl std::fmt::Display for BedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\t{}\t{}", self.region.contig(), self.region.start(), self.region.end())?;
        self.columns.iter().try_for_each(|columns| write!(f, "\t{columns}"))
    }
}

/// A row of a BED file where it stands: nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BedRow<'a> {
    /// Column 1.
    pub contig: &'a str,
    /// The first base, 0-based.
    pub start: u64,
    /// One past the last base, not below the start.
    pub end: u64,
    /// Columns from the fourth on, joined by tabs; `None` in a row of three.
    pub columns: Option<&'a str>,
    /// The line of the file, from 1.
    pub line: u64,
}

impl BedRow<'_> {
    /// Column 6 if it is `+` or `-`.
    pub fn strand(&self) -> Option<Strand> {
        Strand::from_symbol(self.column(6)?)
    }

    /// A column from the fourth on, counted from 1 as in the file.
    pub fn column(&self, number: usize) -> Option<&str> {
        self.columns?.split('\t').nth(number.checked_sub(4)?)
    }
}

/// How to read a BED file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BedOptions {
    /// What separates columns (default: one tab).
    pub separator: Separator,
    /// How the first base is numbered (default: from 0, as BED has it).
    pub origin: Origin,
}

/// What separates the columns of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// One tab.
    #[default]
    Tab,
    /// Any run of blanks and tabs.
    Blanks,
}

/// How the first base of a contig is numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// From 0, end excluded.
    #[default]
    Zero,
    /// From 1, end included: 1 is taken from the start, the end stays.
    One,
}

/// Reads all rows of a BED file, plain, gzip or bgzip, or of a bigBed file; `-` is standard input.
///
/// # Errors
/// [`GenomeError::Read`] if the file cannot be read, else as [`Reader`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("peaks.bed");
/// std::fs::write(&path, "chr1\t5\t9\nchr1\t7\t12\tb\n")?;
/// let rows = cistron_genome::bed::read(&path)?;
/// assert_eq!(rows[1].name(), Some("b"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<Vec<BedRecord>, GenomeError> {
    Reader::open(path)?.collect()
}

/// Reads the rows of a BED file one by one.
///
/// Empty lines and lines that begin with `#`, `track` or `browser` are skipped, and one carriage return at the
/// end of a line is dropped. Rows may have different numbers of columns, at least three. An empty region is
/// accepted.
///
/// Each row is an error of kind [`GenomeError::Malformed`], with line and column (field), if it has fewer than
/// three columns, an empty contig name, a number that is not written in decimal digits or lies beyond
/// [`MAX_POSITION`], an end below its start, or bytes that are not UTF-8. Nothing follows an error.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    options: BedOptions,
    /// The line with one tab between its columns, where blanks separate them.
    joined: String,
    contigs: ContigNames,
    failed: bool,
}

impl Reader<TextReader> {
    /// Opens a BED file, plain, gzip or bgzip, or a bigBed file, told by its first bytes and not by its name; `-` is
    /// standard input. The entries of a bigBed file are numbered as lines are.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be opened, [`GenomeError::Unusable`] for a damaged bigBed file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        let text = match bigbed::text(path)? {
            Some(text) => text,
            None => text::open(path)?,
        };
        Ok(Self::new(&text::name_of(path), text))
    }
}

impl<R: BufRead> Reader<R> {
    /// A reader of an uncompressed text; `file` is its name in messages.
    pub fn new(file: &str, reader: R) -> Self {
        Self {
            lines: Lines::new(file, reader),
            options: BedOptions::default(),
            joined: String::new(),
            contigs: ContigNames::default(),
            failed: false,
        }
    }

    /// Sets what differs from common BED files.
    #[must_use]
    pub fn with_options(mut self, options: BedOptions) -> Self {
        self.options = options;
        self
    }

    /// The line of the row read last, from 1.
    pub fn line(&self) -> u64 {
        self.lines.number()
    }

    /// Reads the next row in place: nothing is copied. `None` at the end, and after an error.
    ///
    /// # Errors
    /// As [`Reader`] says.
    ///
    /// ```
    /// let mut rows = cistron_genome::bed::Reader::new("peaks.bed", &b"chr1\t10\t20\tpeak\n"[..]);
    /// let row = rows.advance()?.ok_or("no row")?;
    /// assert_eq!((row.contig, row.start, row.end, row.columns), ("chr1", 10, 20, Some("peak")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance(&mut self) -> Result<Option<BedRow<'_>>, GenomeError> {
        if self.failed {
            return Ok(None);
        }
        // Until the row is known to be good.
        self.failed = true;
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !is_skipped(self.lines.line()) {
                break;
            }
        }
        let line = self.lines.text()?;
        let line = match self.options.separator {
            Separator::Tab => line,
            Separator::Blanks => {
                self.joined = line.split_ascii_whitespace().collect::<Vec<_>>().join("\t");
                &self.joined
            }
        };
        let row = parse(line, &self.lines, self.options)?;
        self.failed = false;
        Ok(Some(row))
    }

    /// An error in a field, from 1, of the row read last.
    pub(crate) fn error(&self, field: usize, problem: impl Into<String>) -> GenomeError {
        self.lines.error(field, problem)
    }
}

fn parse<'a, R: BufRead>(
    line: &'a str,
    lines: &Lines<R>,
    options: BedOptions,
) -> Result<BedRow<'a>, GenomeError> {
    let (contig, rest) = cut(line);
    let (start, rest) = rest.map_or(("", None), cut);
    let Some((end, columns)) = rest.map(cut) else {
        return Err(too_few(line, lines, options));
    };
    if contig.is_empty() {
        return Err(lines.error(1, "found no contig name, expected one"));
    }
    let number = |what: &str, text: &str, field: usize| {
        parse_position(text).map_err(|expected| {
            lines.error(field, format!("{what} is {}, expected {expected}", quoted(text.as_bytes())))
        })
    };
    let (written, end) = (number("start", start, 2)?, number("end", end, 3)?);
    let problem = "start is 0, expected at least 1 where positions count from 1";
    let start = match options.origin {
        Origin::Zero => written,
        Origin::One => written.checked_sub(1).ok_or_else(|| lines.error(2, problem))?,
    };
    if end < start {
        // The numbers stand in the message as they stand in the file.
        return Err(lines.error(3, format!("end {end} is below start {written}")));
    }
    Ok(BedRow { contig, start, end, columns, line: lines.number() })
}

/// A text up to its first tab, and what follows the tab. Columns are short: a search that looks at many bytes at once
/// costs more.
fn cut(text: &str) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == b'\t') {
        Some(tab) => (&text[..tab], Some(&text[tab + 1..])),
        None => (text, None),
    }
}

fn too_few<R: BufRead>(line: &str, lines: &Lines<R>, options: BedOptions) -> GenomeError {
    if options.separator == Separator::Tab && line.split_ascii_whitespace().nth(2).is_some() {
        return lines.error(1, "found columns separated by blanks, expected tabs");
    }
    let found = line.split('\t').count();
    let noun = if found == 1 { "column" } else { "columns" };
    lines.error(found + 1, format!("found {found} {noun}, expected at least 3: contig, start, end"))
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<BedRecord, GenomeError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The names are held apart while a row borrows the rest.
        let mut contigs = std::mem::take(&mut self.contigs);
        let record = self.advance().map(|row| {
            let row = row?;
            let region = Region::new(contigs.get(row.contig), row.start, row.end);
            Some(region.map(|region| BedRecord::new(region, row.columns)))
        });
        self.contigs = contigs;
        match record {
            Ok(record) => record.map(|row| row.map_err(|error| self.error(2, error.to_string()))),
            Err(error) => Some(Err(error)),
        }
    }
}

fn is_skipped(line: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        line.strip_prefix(word).is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
    };
    line.trim_ascii().is_empty() || line.starts_with(b"#") || is_word(b"track") || is_word(b"browser")
}

/// A position in decimal digits; the error says what was expected.
pub(crate) fn parse_position(text: &str) -> Result<u64, String> {
    let mut number = 0_u64;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return Err("a number in decimal digits".to_owned());
        }
        number = number.saturating_mul(10).saturating_add((byte - b'0').into());
    }
    if text.is_empty() {
        return Err("a number in decimal digits".to_owned());
    }
    if number > MAX_POSITION {
        return Err(format!("at most {MAX_POSITION}"));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn rows(text: &str, options: BedOptions) -> Result<Vec<String>, String> {
        let reader = Reader::new("x.bed", text.as_bytes()).with_options(options);
        reader.map(|row| row.map(|row| row.to_string()).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn lines_without_a_region_are_skipped() {
        let text = "track name=x\n#c\nbrowser position chr1\n\n \t\r\ntrack\nchr1\t0\t10\r\ntracks\t1\t2\n";
        assert_eq!(rows(text, BedOptions::default()).unwrap(), ["chr1\t0\t10", "tracks\t1\t2"]);
    }

    #[test]
    fn rows_are_written_as_they_were_read() {
        let text = "c\t1\t2\nc\t0\t0\t\nc\t007\t9\tn\t.\t.\ta\tb\t\n";
        let expected = ["c\t1\t2", "c\t0\t0\t", "c\t7\t9\tn\t.\t.\ta\tb\t"];
        assert_eq!(rows(text, BedOptions::default()).unwrap(), expected);
    }

    #[test]
    fn only_plus_and_minus_are_strands() {
        let text =
            "c\t1\t2\tn\t0\t+\nc\t1\t2\tn\t0\t-\r\nc\t1\t2\tn\t0\t.\nc\t1\t2\tn\t0\t--\nc\t1\t2\tn\t0\n";
        let reader = Reader::new("x", text.as_bytes());
        let strands: Vec<_> = reader.map(|row| row.unwrap().strand).collect();
        assert_eq!(strands, [Some(Strand::Forward), Some(Strand::Reverse), None, None, None]);
    }

    #[test]
    fn blanks_separate_where_asked() {
        let options = BedOptions { separator: Separator::Blanks, ..BedOptions::default() };
        assert_eq!(rows(" chr1  5\t 9 name\n", options).unwrap(), ["chr1\t5\t9\tname"]);
        let message = "x.bed:1:1: found columns separated by blanks, expected tabs";
        assert_eq!(rows("chr1 5 9\n", BedOptions::default()).unwrap_err(), message);
    }

    #[test]
    fn positions_may_count_from_one() {
        let options = BedOptions { origin: Origin::One, ..BedOptions::default() };
        assert_eq!(rows("c\t1\t10\nc\t6\t5\n", options).unwrap(), ["c\t0\t10", "c\t5\t5"]);
        let message = "x.bed:1:2: start is 0, expected at least 1 where positions count from 1";
        assert_eq!(rows("c\t0\t5\n", options).unwrap_err(), message);
        assert_eq!(rows("c\t9\t5\n", options).unwrap_err(), "x.bed:1:3: end 5 is below start 9");
    }

    #[test]
    fn rows_of_a_contig_share_its_name() {
        let rows: Vec<_> =
            Reader::new("x", &b"a\t1\t2\nb\t1\t2\na\t3\t4\n"[..]).map(|row| row.unwrap().region).collect();
        assert!(Arc::ptr_eq(rows[0].contig(), rows[2].contig()));
    }
}
