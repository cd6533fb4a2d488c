use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use cistron_core::{Alphabet, CoreError, Sequence};

use super::index::refuse_repeated;
use super::scan::{Event, Scanner};
use crate::GenomeError;
use crate::text::{self, TextReader};

/// One record of a FASTA file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The name: the header up to its first blank.
    pub name: Arc<str>,
    /// The rest of the header, often empty.
    pub description: String,
    /// The letters as they stand in the file, line ends removed.
    pub letters: Vec<u8>,
}

impl Record {
    /// The letters as codes of an alphabet.
    ///
    /// # Errors
    /// [`CoreError::Letter`] for a letter that the alphabet refuses.
    pub fn to_sequence(&self, alphabet: &Alphabet) -> Result<Sequence, CoreError> {
        // The reader lets ASCII pass alone; a record made by hand may hold anything.
        Sequence::parse(alphabet, &String::from_utf8_lossy(&self.letters))
    }
}

/// Reads whole FASTA records in order, of any kind of sequence.
///
/// Lines may have any length. Everything else is as strict as [`FastaIndex::build`](super::FastaIndex::build).
///
/// ```
/// use cistron_genome::fasta::Reader;
///
/// let reader = Reader::new("toy.fa", &b">p1 a protein\nMKV\nLA*\n"[..]);
/// for record in reader {
///     let record = record?;
///     assert_eq!((&*record.name, &record.letters[..]), ("p1", &b"MKVLA*"[..]));
/// }
/// # Ok::<(), cistron_genome::GenomeError>(())
/// ```
pub struct Reader<R> {
    scanner: Scanner<R>,
    /// Names so far, each with its number; `None` where repeated names are welcome.
    names: Option<HashMap<Arc<str>, usize>>,
    lines: Vec<u64>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// No header was read.
    Before,
    /// A header was read, its letters come next.
    Inside,
    /// The end, or an error.
    Done,
}

impl Reader<TextReader> {
    /// Opens a FASTA file that may be plain, gzip or bgzip; `-` is standard input.
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
        Self {
            scanner: Scanner::ragged(file, reader),
            names: Some(HashMap::new()),
            lines: Vec::new(),
            state: State::Before,
        }
    }

    /// Accepts the letters of an alphabet too, such as the digits of [`Alphabet::custom`]`("01")`.
    #[must_use]
    pub fn with_alphabet(mut self, alphabet: &Alphabet) -> Self {
        self.scanner.allow(alphabet);
        self
    }

    /// Accepts names that are there more than once.
    #[must_use]
    pub fn with_repeated_names(mut self) -> Self {
        self.names = None;
        self
    }

    fn read(&mut self, limit: u64) -> Result<Option<Record>, GenomeError> {
        while self.state == State::Before {
            if let Event::Header = self.scanner.next()? {
                self.state = State::Inside;
            }
        }
        if self.state == State::Done {
            return Ok(None);
        }
        let name = self.take_name()?;
        let description = self.scanner.description().to_owned();
        let mut letters = Vec::new();
        loop {
            match self.scanner.next()? {
                Event::Letters(run) => letters.extend_from_slice(run),
                Event::LineEnd => {}
                Event::Header => break,
                Event::End => {
                    self.state = State::Done;
                    break;
                }
            }
            if letters.len() as u64 > limit {
                // The caller knows the whole limit and names it.
                return Err(GenomeError::TooLarge { file: self.scanner.file().to_owned(), limit });
            }
        }
        Ok(Some(Record { name, description, letters }))
    }

    fn take_name(&mut self) -> Result<Arc<str>, GenomeError> {
        let name: Arc<str> = self.scanner.name().into();
        if let Some(names) = &mut self.names {
            refuse_repeated(&self.scanner, names.get(&name).copied(), &mut self.lines)?;
            names.insert(name.clone(), names.len());
        }
        Ok(name)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, GenomeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.read(u64::MAX);
        if record.is_err() {
            self.state = State::Done;
        }
        record.transpose()
    }
}

/// A contig's name and letters.
type Loaded = (Arc<str>, Box<[u8]>);

/// All records of a text, which together may hold `limit` letters.
pub(crate) fn load(file: &str, reader: impl BufRead, limit: u64) -> Result<Vec<Loaded>, GenomeError> {
    let mut reader = Reader::new(file, reader);
    let mut loaded = Vec::new();
    let mut left = limit;
    loop {
        let record = reader.read(left).map_err(|error| match error {
            GenomeError::TooLarge { file, .. } => GenomeError::TooLarge { file, limit },
            error => error,
        })?;
        let Some(record) = record else { return Ok(loaded) };
        left -= record.letters.len() as u64;
        loaded.push((record.name, record.letters.into_boxed_slice()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let reader = Reader::new("x.fa", text.as_bytes());
        reader
            .map(|record| {
                record
                    .map(|record| format!("{}={}", record.name, String::from_utf8(record.letters).unwrap()))
                    .map_err(|error| error.to_string())
            })
            .collect()
    }

    #[test]
    fn lines_of_any_length_make_records() {
        assert_eq!(names("\n>a x\nAC\nGTT\n\n>b\n>c\r\nMK*\r\nV").unwrap(), ["a=ACGTT", "b=", "c=MK*V"]);
    }

    #[test]
    fn repeated_names_are_refused_unless_welcome() {
        let text = ">a\nA\n>b\nC\n>a\nG\n";
        let message = "x.fa:5:2: found record `a` again, expected each name once (first at line 1)";
        assert_eq!(names(text).unwrap_err(), message);
        assert_eq!(Reader::new("x", text.as_bytes()).with_repeated_names().count(), 3);
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut reader = Reader::new("x", &b">a\nA1\n>b\nC\n"[..]);
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
    }

    #[test]
    fn letters_of_a_custom_alphabet_are_letters() {
        let binary = Alphabet::custom("01").unwrap();
        let mut reader = Reader::new("x", &b">a\n0110\n"[..]).with_alphabet(&binary);
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record.to_sequence(&binary).unwrap().codes(), [0, 1, 1, 0]);
    }
}
