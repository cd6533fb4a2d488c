use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use cistron_core::{Contig, MAX_POSITION};

use super::scan::{Event, Scanner};
use crate::GenomeError;
use crate::error::quoted;
use crate::text::{self, Lines};

/// Where a contig stands in a FASTA file: one line of a `.fai` index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The contig's name.
    pub name: Arc<str>,
    /// The number of bases.
    pub length: u64,
    /// The byte of the first base in the (uncompressed) file.
    pub offset: u64,
    /// Bases in each line but the last.
    pub line_bases: u64,
    /// Bytes in each line but the last, the line end included.
    pub line_width: u64,
}

impl IndexEntry {
    /// The byte of a base, 0-based; a place beyond the contig is not checked.
    pub(crate) fn byte_of(&self, position: u64) -> u64 {
        // An entry that was checked cannot overflow for positions inside; an empty one has no lines.
        let line = position.checked_div(self.line_bases).unwrap_or_default();
        let column = position.checked_rem(self.line_bases).unwrap_or_default();
        self.offset.saturating_add(line.saturating_mul(self.line_width)).saturating_add(column)
    }

    /// The byte after the last base.
    pub(crate) fn end(&self) -> u64 {
        if self.length == 0 { self.offset } else { self.byte_of(self.length - 1).saturating_add(1) }
    }
}

/// The index of a FASTA file, as samtools writes it to a `.fai`.
///
/// ```
/// use cistron_genome::fasta::FastaIndex;
///
/// let index = FastaIndex::build("toy.fa", &b">chr1 toy\nACGT\nAC\n"[..])?;
/// let mut fai = Vec::new();
/// index.write(&mut fai)?;
/// assert_eq!(fai, b"chr1\t6\t10\t4\t5\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FastaIndex {
    entries: Vec<IndexEntry>,
    by_name: HashMap<Arc<str>, usize>,
}

impl FastaIndex {
    /// Indexes an uncompressed FASTA text; `file` is its name in messages.
    ///
    /// The line width of a record is what stands before the first `\n` plus 1, also where the file ends without
    /// one. A record without bases is kept as `name 0 offset 0 0`, and blank lines after a record are accepted.
    ///
    /// # Errors
    /// [`GenomeError::Malformed`] for lines of unequal length, blank lines or mixed line ends inside a record,
    /// anything but blank lines before the first `>`, a byte that is no sequence letter (letters, `*`, `-`, `.`),
    /// a name that is empty, not UTF-8 or there twice; [`GenomeError::Unusable`] without any record.
    ///
    /// Source: samtools faidx 1.16, byte for byte; it differs in dropping records without bases and in accepting
    /// empty and repeated names and blanks inside lines, which are errors here.
    ///
    /// Cost: one pass; memory for the names alone.
    pub fn build(file: &str, reader: impl BufRead) -> Result<Self, GenomeError> {
        let mut scanner = Scanner::strict(file, reader);
        let mut index = Self::default();
        let mut lines = Vec::new();
        loop {
            match scanner.next()? {
                Event::Header => {
                    let entry = IndexEntry {
                        name: scanner.name().into(),
                        length: 0,
                        offset: scanner.offset(),
                        line_bases: 0,
                        line_width: 0,
                    };
                    refuse_repeated(&scanner, index.index_of(&entry.name), &mut lines)?;
                    index.push(entry);
                }
                Event::Letters(letters) => {
                    let bases = letters.len() as u64;
                    index.entries.last_mut().into_iter().for_each(|entry| entry.length += bases);
                }
                Event::LineEnd => index.set_lines(scanner.first_line()),
                Event::End => return Ok(index),
            }
        }
    }

    fn set_lines(&mut self, first_line: Option<(u64, u64)>) {
        if let Some((entry, (bases, width))) = self.entries.last_mut().zip(first_line) {
            (entry.line_bases, entry.line_width) = (bases, width);
        }
    }

    fn push(&mut self, entry: IndexEntry) {
        self.by_name.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// Reads the text of a `.fai`; `file` is its name in messages.
    ///
    /// # Errors
    /// [`GenomeError::Malformed`] with the line and the column (field) of whatever is no index: another number of
    /// columns, numbers that are not decimal digits or beyond any genome, line lengths that contradict one
    /// another, names that are empty or there twice; [`GenomeError::Unusable`] for an empty file.
    pub fn read(file: &str, reader: impl BufRead) -> Result<Self, GenomeError> {
        let mut lines = Lines::new(file, reader);
        let mut index = Self::default();
        while lines.advance()? {
            let entry = parse_entry(&lines)?;
            if let Some(first) = index.index_of(&entry.name) {
                let problem = format!(
                    "found contig `{}` again, expected each name once (first at line {})",
                    entry.name,
                    first + 1
                );
                return Err(lines.error(1, problem));
            }
            index.push(entry);
        }
        if index.entries.is_empty() {
            return Err(GenomeError::unusable(file, "no contig, expected the lines of a FASTA index"));
        }
        Ok(index)
    }

    /// Reads a `.fai` file, plain or compressed.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be opened, else as [`read`](Self::read).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        Self::read(&text::name_of(path), text::open(path)?)
    }

    /// Writes the text of a `.fai`, byte for byte as samtools faidx does.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write(&self, mut writer: impl Write) -> std::io::Result<()> {
        for entry in &self.entries {
            let IndexEntry { name, length, offset, line_bases, line_width } = entry;
            writeln!(writer, "{name}\t{length}\t{offset}\t{line_bases}\t{line_width}")?;
        }
        Ok(())
    }

    /// The contigs in the order of the file.
    pub fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The place of a contig in [`entries`](Self::entries).
    pub fn index_of(&self, contig: &str) -> Option<usize> {
        self.by_name.get(contig).copied()
    }

    /// Names and lengths, in the order of the file.
    pub fn contigs(&self) -> Vec<Contig> {
        self.entries.iter().map(|entry| Contig { name: entry.name.clone(), length: entry.length }).collect()
    }

    /// Checks that every contig lies inside a file of `size` bytes.
    pub(super) fn check_within(&self, fai: &str, fasta: &str, size: u64) -> Result<(), GenomeError> {
        match self.entries.iter().position(|entry| entry.end() > size) {
            None => Ok(()),
            Some(i) => {
                let (name, end) = (&self.entries[i].name, self.entries[i].end());
                let problem = format!(
                    "contig `{name}` ends at byte {end}, expected at most {size}, the size of {fasta}"
                );
                // An index has no other lines than entries.
                Err(GenomeError::malformed(fai, i as u64 + 1, 3, problem))
            }
        }
    }
}

/// Notes the line of the header just read; an error if its name is there already, as record `earlier`.
pub(super) fn refuse_repeated<R: BufRead>(
    scanner: &Scanner<R>,
    earlier: Option<usize>,
    lines: &mut Vec<u64>,
) -> Result<(), GenomeError> {
    let line = scanner.line().saturating_sub(1);
    if let Some(first) = earlier.and_then(|i| lines.get(i)) {
        let name = scanner.name();
        let problem = format!("found record `{name}` again, expected each name once (first at line {first})");
        return Err(GenomeError::malformed(scanner.file(), line, 2, problem));
    }
    lines.push(line);
    Ok(())
}

fn parse_entry<R: BufRead>(lines: &Lines<R>) -> Result<IndexEntry, GenomeError> {
    const COLUMNS: [&str; 5] = ["name", "length", "offset", "line bases", "line width"];
    let fields: Vec<&str> = lines.text()?.split('\t').collect();
    let &[name, length, offset, line_bases, line_width] = fields.as_slice() else {
        let hint = if fields.len() == 6 { " (the index of a FASTQ file has 6)" } else { "" };
        let (found, expected) = (fields.len(), COLUMNS.join(", "));
        let problem = format!("found {found} columns, expected 5: {expected}{hint}");
        return Err(lines.error(fields.len().min(COLUMNS.len()), problem));
    };
    if name.is_empty() || name.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
        let problem =
            format!("name {} is no name of a contig, expected text without blanks", quoted(name.as_bytes()));
        return Err(lines.error(1, problem));
    }
    let number = |text: &str, column: usize| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.then(|| text.parse().ok().filter(|&value| value <= MAX_POSITION)).flatten();
        value.ok_or_else(|| {
            let (what, found) = (COLUMNS[column - 1], quoted(text.as_bytes()));
            lines.error(
                column,
                format!("{what} {found} is no number, expected digits, at most {MAX_POSITION}"),
            )
        })
    };
    let entry = IndexEntry {
        name: name.into(),
        length: number(length, 2)?,
        offset: number(offset, 3)?,
        line_bases: number(line_bases, 4)?,
        line_width: number(line_width, 5)?,
    };
    check_lines(&entry).map_err(|(column, problem)| lines.error(column, problem))?;
    Ok(entry)
}

/// Whether line bases and line width can be those of a file.
fn check_lines(entry: &IndexEntry) -> Result<(), (usize, String)> {
    let IndexEntry { length, line_bases: bases, line_width: width, .. } = *entry;
    if length == 0 {
        return Ok(());
    }
    if bases == 0 {
        return Err((
            4,
            format!("found 0 bases in a line of a contig of {length} bases, expected at least 1"),
        ));
    }
    // An index of pyfaidx has no line end where the file ends without one: then there is a single line.
    let least = if length > bases { bases + 1 } else { bases };
    if (least..=bases + 2).contains(&width) {
        return Ok(());
    }
    Err((
        5,
        format!(
            "found a line width of {width} bytes for {bases} bases, expected {} or {}",
            bases + 1,
            bases + 2
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fai(fasta: &[u8]) -> String {
        let mut text = Vec::new();
        FastaIndex::build("x.fa", fasta).unwrap().write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn width_counts_the_line_end_also_where_the_file_has_none() {
        // What samtools faidx 1.16 writes for each, save for the record without bases.
        for (fasta, expected) in [
            (&b">a\nACGT\nAC\n"[..], "a\t6\t3\t4\t5\n"),
            (b">a\r\nACGT\r\nAC\r\n", "a\t6\t4\t4\t6\n"),
            (b">a\r\nACGTA", "a\t5\t4\t5\t6\n"),
            (b">a\nACGTA\r", "a\t5\t3\t5\t7\n"),
            (b"\n\n> a b\nAC\n\n\n>c\nU*-n.\n\n", "a\t2\t8\t2\t3\nc\t5\t16\t5\t6\n"),
            (b">a\n>b\nACGT\n", "a\t0\t3\t0\t0\nb\t4\t6\t4\t5\n"),
            (b">a", "a\t0\t2\t0\t0\n"),
        ] {
            assert_eq!(fai(fasta), expected, "{}", fasta.escape_ascii());
        }
    }

    #[test]
    fn an_index_reads_back_as_it_was_written() {
        let index = FastaIndex::build("x", &b">a\nAC\nG\n>b\n>c x\nACGTNN"[..]).unwrap();
        let mut text = Vec::new();
        index.write(&mut text).unwrap();
        assert_eq!(FastaIndex::read("x.fai", &text[..]).unwrap(), index);
        assert_eq!(index.index_of("c"), Some(2));
        assert_eq!(index.index_of("d"), None);
    }
}
