//! Text files, plain or compressed, in and out.
//!
//! What a file holds is told by its first bytes, never by its name.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use cistron_core::AtomicFile;
use flate2::bufread::MultiGzDecoder;
use noodles_bgzf as bgzf;

use crate::{GenomeError, bgzip};

const BUFFER: usize = 1 << 16;

/// Lines longer than this are refused instead of filling the memory.
const LONGEST_LINE: u64 = 1 << 24;

/// A text that is read from its beginning.
pub type TextReader = Box<dyn BufRead + Send>;

/// Opens a text file that may be plain, gzip or bgzip; `-` is standard input.
///
/// # Errors
/// [`GenomeError::Read`] if the file cannot be opened or its first bytes cannot be read.
///
/// ```
/// use std::io::Read;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("names.txt.gz");
/// let mut file = cistron_genome::text::create(&path)?;
/// std::io::Write::write_all(&mut file, b"chr1\n")?;
/// file.commit()?;
/// let mut text = String::new();
/// cistron_genome::text::open(&path)?.read_to_string(&mut text)?;
/// assert_eq!(text, "chr1\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<TextReader, GenomeError> {
    let path = path.as_ref();
    let file = name_of(path);
    let opened = if is_standard_input(path) {
        decompressed(io::stdin())
    } else {
        open_file(path).and_then(decompressed)
    };
    opened.map_err(|error| GenomeError::read(&file, error))
}

/// A text from any source of bytes, decompressed if it begins as gzip or bgzip does.
///
/// # Errors
/// The source's own error on its first bytes.
pub fn decompressed(source: impl Read + Send + 'static) -> io::Result<TextReader> {
    let mut reader = BufReader::with_capacity(BUFFER, source);
    // A pipe may hand out its first byte alone, so the header is read by itself.
    let mut start = [0; bgzip::HEADER];
    let mut have = 0;
    while let Some(rest) = start.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let whole = io::Cursor::new(start).take(have as u64).chain(reader);
    if bgzip::is_bgzip(&start) {
        // Checks each block before it hands out its first byte, unlike the reader of gzip.
        return Ok(Box::new(bgzf::io::Reader::new(whole)));
    }
    if bgzip::is_gzip(&start) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))));
    }
    Ok(Box::new(whole))
}

/// What a path is called in messages.
pub(crate) fn name_of(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file; a folder is refused here, since reading it fails with a stranger text later.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, expected a file"));
    }
    Ok(file)
}

/// A text file that appears under its name only when it is complete; bgzip if the name ends in `.gz`.
///
/// Dropped without [`commit`](Self::commit), nothing of it remains.
#[derive(Debug)]
pub struct TextWriter(Target);

#[derive(Debug)]
enum Target {
    Plain(AtomicFile),
    Bgzip(bgzf::io::Writer<AtomicFile>),
}

/// Begins a text file; a name that ends in `.gz` is written as bgzip.
///
/// # Errors
/// [`GenomeError::Write`] if the file cannot be made.
pub fn create(path: impl AsRef<Path>) -> Result<TextWriter, GenomeError> {
    let path = path.as_ref();
    let file = AtomicFile::create(path).map_err(|error| GenomeError::write(path, error))?;
    let bgzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    Ok(TextWriter(if bgzip { Target::Bgzip(bgzf::io::Writer::new(file)) } else { Target::Plain(file) }))
}

impl TextWriter {
    /// Flushes to disk and gives the file its name.
    ///
    /// # Errors
    /// [`GenomeError::Write`]; the target is then as it was.
    pub fn commit(self) -> Result<(), GenomeError> {
        match self.0 {
            Target::Plain(file) => commit(file),
            Target::Bgzip(writer) => {
                let path = writer.get_ref().target().to_path_buf();
                commit(writer.finish().map_err(|error| GenomeError::write(&path, error))?)
            }
        }
    }
}

fn commit(file: AtomicFile) -> Result<(), GenomeError> {
    let path = file.target().to_path_buf();
    file.commit().map_err(|error| GenomeError::write(&path, error))
}

impl Write for TextWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Target::Plain(file) => file.write(bytes),
            Target::Bgzip(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Target::Plain(file) => file.flush(),
            Target::Bgzip(writer) => writer.flush(),
        }
    }
}

/// Lines of a text with their numbers, line ends stripped.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    file: String,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(file: &str, reader: R) -> Self {
        Self { reader, file: file.to_owned(), number: 0, buffer: Vec::new() }
    }

    /// Reads the next line into [`line`](Self::line); `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, GenomeError> {
        self.buffer.clear();
        self.number += 1;
        let mut limited = (&mut self.reader).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|error| GenomeError::read(&self.file, error))?;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
        } else if read as u64 == LONGEST_LINE {
            return Err(self.error(1, format!("line is longer than {LONGEST_LINE} bytes, expected a text")));
        } else if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        Ok(read > 0)
    }

    pub(crate) fn line(&self) -> &[u8] {
        &self.buffer
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// An error in a field, from 1, of the current line.
    pub(crate) fn error(&self, field: usize, problem: impl Into<String>) -> GenomeError {
        GenomeError::malformed(&self.file, self.number, field as u64, problem)
    }

    /// The current line as text.
    pub(crate) fn text(&self) -> Result<&str, GenomeError> {
        std::str::from_utf8(&self.buffer).map_err(|error| {
            let valid = self.buffer.get(..error.valid_up_to()).unwrap_or_default();
            let field = valid.split(|&byte| byte == b'\t').count();
            let byte = self.buffer.get(error.valid_up_to()).copied().unwrap_or_default();
            self.error(field, format!("found byte 0x{byte:02X}, expected UTF-8 text"))
        })
    }
}

/// One name for all rows of a contig.
#[derive(Debug, Default)]
pub(crate) struct ContigNames {
    names: HashSet<Arc<str>>,
    /// That of the row before, which most rows share.
    last: Option<Arc<str>>,
}

impl ContigNames {
    pub(crate) fn get(&mut self, contig: &str) -> Arc<str> {
        if let Some(last) = self.last.as_ref().filter(|last| &***last == contig) {
            return last.clone();
        }
        let name = self.names.get(contig).cloned().unwrap_or_else(|| {
            let name: Arc<str> = contig.into();
            self.names.insert(name.clone());
            name
        });
        self.last = Some(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        decompressed(io::Cursor::new(bytes.to_vec())).unwrap().read_to_end(&mut text).unwrap();
        text
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compression_is_told_by_content() {
        let members = [gzip(b"one\n"), gzip(b"two\n")].concat();
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(b"three\n").unwrap();
        let bgzip = writer.finish().unwrap();
        assert_eq!(read_all(&members), b"one\ntwo\n");
        assert_eq!(read_all(&bgzip), b"three\n");
        for plain in [&b""[..], b"\x1f", b"x", b"plain\n"] {
            assert_eq!(read_all(plain), plain);
        }
    }

    #[test]
    fn sources_that_give_one_byte_at_a_time_are_told_as_well() {
        struct Slow(Vec<u8>, usize);
        impl Read for Slow {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                let Some((byte, slot)) = self.0.get(self.1).zip(bytes.first_mut()) else { return Ok(0) };
                *slot = *byte;
                self.1 += 1;
                Ok(1)
            }
        }
        let mut text = String::new();
        decompressed(Slow(gzip(b"slow"), 0)).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "slow");
    }

    #[test]
    fn a_folder_and_a_missing_file_are_errors_that_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path()).err().unwrap();
        assert_eq!(error.to_string(), format!("{} cannot be read", folder.path().display()));
        assert!(open(folder.path().join("none")).is_err());
    }

    #[test]
    fn lines_lose_one_carriage_return() {
        let mut lines = Lines::new("x", &b"a\r\nb\r\r\n\nc\r"[..]);
        let mut seen = Vec::new();
        while lines.advance().unwrap() {
            seen.push(lines.line().to_vec());
        }
        assert_eq!(seen, [&b"a"[..], b"b\r", b"", b"c"]);
    }
}
