//! Alignments as files hold them: FASTA, a2m, a3m and Stockholm.

mod fasta;
mod stockholm;

use std::borrow::Cow;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::FamilyError;
use super::lines::Lines;

/// The records of an alignment, letters as they are in the file. Memory: the letters once.
///
/// ```
/// use cistron_encode::alignment::Alignment;
///
/// let text = ">WT/10-13\nACdE\n>other\nA-.-\n";
/// let alignment = Alignment::read(text.as_bytes(), "toy.a2m".as_ref())?;
/// assert_eq!((alignment.len(), alignment.name(1)), (2, "other"));
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Alignment {
    pub(super) path: PathBuf,
    names: Vec<String>,
    /// The line of each record.
    lines: Vec<u64>,
    letters: Vec<u8>,
    /// Where the letters of each record end.
    ends: Vec<usize>,
    inserts: Inserts,
}

/// Where the inserts of a row stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inserts {
    /// In columns of their own: every row has the same length.
    Aligned,
    /// Between the columns, with nothing in the other rows (a3m).
    Unaligned,
}

impl Alignment {
    /// Reads an alignment that is not compressed; its format is told by its content. `path` names it in errors.
    ///
    /// Stockholm begins with `# STOCKHOLM`; anything else is FASTA, whose name is the whole line after `>`. Rows of
    /// different lengths are a3m if they have the same number of letters that are neither lower case nor `.`.
    ///
    /// # Errors
    /// [`FamilyError::Line`] for a line that does not belong there, a character that is no letter, or rows that do not
    /// align; [`FamilyError::File`] for no record. The error of a source that breaks off is one of
    /// its line.
    pub fn read(reader: impl BufRead, path: &Path) -> Result<Self, FamilyError> {
        let mut lines = Lines::new(reader, path);
        let mut alignment = Self {
            path: path.to_path_buf(),
            names: Vec::new(),
            lines: Vec::new(),
            letters: Vec::new(),
            ends: Vec::new(),
            inserts: Inserts::Aligned,
        };
        let is_stockholm = loop {
            match lines.next()? {
                None => {
                    return Err(FamilyError::file(path, "holds no sequence, expected FASTA or Stockholm"));
                }
                Some([]) => {}
                Some(line) => break line.starts_with(b"# STOCKHOLM"),
            }
        };
        if is_stockholm {
            stockholm::read(&mut lines, &mut alignment)?;
        } else {
            fasta::read(&mut lines, &mut alignment)?;
        }
        alignment.check_rows()?;
        Ok(alignment)
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no record; never, for what was read.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a record: the whole line after `>`; empty for a record that is not there.
    pub fn name(&self, record: usize) -> &str {
        self.names.get(record).map_or("", String::as_str)
    }

    /// The letters of a record, inserts included; none for a record that is not there.
    pub fn letters(&self, record: usize) -> &[u8] {
        let start = record.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(record).and_then(|&end| self.letters.get(start..end)).unwrap_or_default()
    }

    /// The line on which a record begins, from 1.
    pub fn line(&self, record: usize) -> u64 {
        self.lines.get(record).copied().unwrap_or(0)
    }

    /// The letters of a record in the columns that all records share.
    pub(super) fn row(&self, record: usize) -> Cow<'_, [u8]> {
        let letters = self.letters(record);
        match self.inserts {
            Inserts::Aligned => Cow::Borrowed(letters),
            Inserts::Unaligned => {
                Cow::Owned(letters.iter().copied().filter(|&letter| is_match(letter)).collect())
            }
        }
    }

    /// For each column of [`row`](Self::row), where it stands in the letters of this record.
    pub(super) fn places(&self, record: usize) -> Vec<usize> {
        let letters = self.letters(record).iter().enumerate();
        let aligned = self.inserts == Inserts::Aligned;
        letters.filter(|(_, letter)| aligned || is_match(**letter)).map(|(place, _)| place).collect()
    }

    fn push(&mut self, name: String, line: u64) {
        self.names.push(name);
        self.lines.push(line);
        self.ends.push(self.letters.len());
    }

    /// Adds letters to the last record.
    fn extend(&mut self, letters: &[u8]) {
        self.letters.extend_from_slice(letters);
        if let Some(end) = self.ends.last_mut() {
            *end = self.letters.len();
        }
    }

    fn check_rows(&mut self) -> Result<(), FamilyError> {
        let width = self.letters(0).len();
        let Some(ragged) = (0..self.len()).find(|&record| self.letters(record).len() != width) else {
            return self.check_width(width);
        };
        let matches = |record| self.letters(record).iter().filter(|&&letter| is_match(letter)).count();
        let columns = matches(0);
        let Some(record) = (0..self.len()).find(|&record| matches(record) != columns) else {
            self.inserts = Inserts::Unaligned;
            return self.check_width(columns);
        };
        let (found, expected) = (self.letters(ragged).len(), width);
        let problem = format!(
            "record `{}` has {found} letters, expected {expected} as the first (or, as a3m, {columns} that are neither \
             lower case nor `.`; record `{}` on line {} has {})",
            self.name(ragged),
            self.name(record),
            self.line(record),
            matches(record),
        );
        Err(FamilyError::Line { path: self.path.clone(), line: self.line(ragged), column: None, problem })
    }

    fn check_width(&self, width: usize) -> Result<(), FamilyError> {
        if width == 0 {
            return Err(FamilyError::file(&self.path, "holds names without letters, expected an alignment"));
        }
        Ok(())
    }
}

/// Whether a letter of an a3m row stands in a column of its own.
fn is_match(letter: u8) -> bool {
    !letter.is_ascii_lowercase() && letter != b'.'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Alignment, String> {
        Alignment::read(text.as_bytes(), "x".as_ref()).map_err(|error| error.to_string())
    }

    fn rows(text: &str) -> Vec<(String, String)> {
        let alignment = read(text).unwrap();
        let row = |record| String::from_utf8(alignment.row(record).into_owned()).unwrap();
        (0..alignment.len()).map(|record| (alignment.name(record).to_owned(), row(record))).collect()
    }

    fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
        rows.iter().map(|(name, row)| ((*name).to_owned(), (*row).to_owned())).collect()
    }

    #[test]
    fn rows_of_each_format_are_read() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            (">a/1-4 more\nAC\ndE\n>b\nA-\n.-", &[("a/1-4 more", "ACdE"), ("b", "A-.-")]),
            // Blanks at the end, other line ends, empty lines.
            ("\n>a \r\nAC  \r\n\r\n>b\r\n--\r\n", &[("a", "AC"), ("b", "--")]),
            // Inserts of a3m.
            (">a\nACDE\n>b\nAxyC-E\n>c\nkA--.E", &[("a", "ACDE"), ("b", "AC-E"), ("c", "A--E")]),
            (
                "# STOCKHOLM 1.0\n#=GF ID x\n\na/1-4 AC\nb AG\n#=GC RF xx\n\na/1-4  -E\nb ..\n//\n",
                &[("a/1-4", "AC-E"), ("b", "AG..")],
            ),
            ("# STOCKHOLM 1.0\r\na\tAC\r\n//\r\n\r\n", &[("a", "AC")]),
            // Names may stand twice in FASTA.
            (">a\nA\n>a\nC\n", &[("a", "A"), ("a", "C")]),
        ];
        for (text, expected) in cases {
            assert_eq!(rows(text), pairs(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_alignment_says_where() {
        let cases = [
            ("", "x: holds no sequence, expected FASTA or Stockholm"),
            ("\n\n", "x: holds no sequence, expected FASTA or Stockholm"),
            ("ACGT\n", "x:1: `ACGT` found, expected a name after `>`"),
            (">\nAC\n", "x:1: record has no name"),
            (">a\n>b\n", "x: holds names without letters, expected an alignment"),
            (
                ">a\nACD\n\n>b\nAC\n",
                "x:4: record `b` has 2 letters, expected 3 as the first (or, as a3m, 3 that are neither lower case nor \
                 `.`; record `b` on line 4 has 2)",
            ),
            (">a\nA C\n", "x:2:2: \" \" found, expected a letter or a gap"),
            (">a\nAC\n>b\nA\u{7}\n", "x:4:2: \"\\u{7}\" found, expected a letter or a gap"),
            (">a\nAé\n", "x:2:2: byte 195 found, expected a letter or a gap"),
            ("# STOCKHOLM 1.0\na\n//", "x:2: `a` found, expected a name and letters"),
            ("# STOCKHOLM 1.0\na AC\n", "x: ends without `//`, it may be cut short"),
            ("# STOCKHOLM 1.0\na AC\n//\nb AC\n", "x:4: `b AC` found after `//`, expected one alignment"),
            ("# STOCKHOLM 1.0\n//\n", "x: holds no sequence, expected FASTA or Stockholm"),
            (
                "# STOCKHOLM 1.0\na AC\nb AC\n\nb AC\na AC\n//\n",
                "x:5: record `b` found, expected `a`: blocks have the order of the first",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_error_of_a_source_that_breaks_off_has_the_name_of_the_file() {
        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "cut short"))
            }
        }
        let reader = std::io::BufReader::new(std::io::Read::chain(&b">a\nAC\n>b\nA"[..], Broken));
        let error = Alignment::read(reader, "x.gz".as_ref()).unwrap_err();
        assert_eq!(error.to_string(), "x.gz:4: cut short");
    }

    #[test]
    fn the_places_of_columns_count_inserts() {
        let alignment = read(">a\nAxC.D\n>b\nACD\n").unwrap();
        assert_eq!((alignment.places(0), alignment.places(1)), (vec![0, 2, 4], vec![0, 1, 2]));
        let aligned = read(">a\nAxC.D\n>b\n--...\n").unwrap();
        assert_eq!(aligned.places(0), [0, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(# STOCKHOLM 1.0\n)?[>aA.\\- /#=\n]{0,40}") {
            if let Ok(alignment) = read(&text) {
                let width = alignment.row(0).len();
                prop_assert!((0..alignment.len()).all(|record| alignment.row(record).len() == width));
                prop_assert!((0..alignment.len()).all(|record| alignment.places(record).len() == width));
            }
        }
    }
}
