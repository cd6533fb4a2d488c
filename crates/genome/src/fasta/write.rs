use std::io::{self, Write};

/// Writes FASTA with lines of equal length, LF line ends.
///
/// ```
/// let mut text = Vec::new();
/// let mut writer = cistron_genome::fasta::Writer::new(&mut text);
/// writer.write_record("chr1:0-4(+)", b"ACGT")?;
/// assert_eq!(text, b">chr1:0-4(+)\nACGT\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    writer: W,
    line_bases: usize,
}

impl<W: Write> Writer<W> {
    /// Letters in a line unless asked otherwise.
    pub const LINE_BASES: usize = 60;

    /// A writer of lines of 60 letters.
    pub fn new(writer: W) -> Self {
        Self { writer, line_bases: Self::LINE_BASES }
    }

    /// Sets the letters in a line; 0 puts each sequence into one line.
    #[must_use]
    pub fn with_line_bases(mut self, line_bases: usize) -> Self {
        self.line_bases = line_bases;
        self
    }

    /// Writes a record; a sequence without letters is a header alone.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the header or the letters hold a line end, which would change the
    /// records; else the writer's own.
    pub fn write_record(&mut self, header: &str, letters: &[u8]) -> io::Result<()> {
        let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
        if header.as_bytes().iter().any(breaks) || letters.iter().any(breaks) {
            let problem = format!("record {header:?} holds a line end, expected none");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        writeln!(self.writer, ">{header}")?;
        let line_bases = if self.line_bases == 0 { letters.len().max(1) } else { self.line_bases };
        for line in letters.chunks(line_bases) {
            self.writer.write_all(line)?;
            self.writer.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_full_but_the_last() {
        for (line_bases, expected) in [
            (60, ">a\nACGTA\n>b\n"),
            (2, ">a\nAC\nGT\nA\n>b\n"),
            (5, ">a\nACGTA\n>b\n"),
            (0, ">a\nACGTA\n>b\n"),
        ] {
            let mut writer = Writer::new(Vec::new()).with_line_bases(line_bases);
            writer.write_record("a", b"ACGTA").unwrap();
            writer.write_record("b", b"").unwrap();
            assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), expected);
        }
    }

    #[test]
    fn line_ends_inside_a_record_are_refused() {
        let mut writer = Writer::new(Vec::new());
        assert!(writer.write_record("a\n>b", b"A").is_err());
        assert!(writer.write_record("a", b"A\nC").is_err());
        assert!(writer.into_inner().is_empty());
    }
}
