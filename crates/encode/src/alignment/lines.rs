use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use crate::alignment::FamilyError;

/// Lines longer than this are refused instead of filling the memory.
const LONGEST_LINE: u64 = 1 << 26;

/// The lines of a text without their ends and what is blank before them, numbered from 1.
pub(super) struct Lines<R> {
    reader: R,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, path: &Path) -> Self {
        Self { reader, path: path.to_path_buf(), line: Vec::new(), number: 0 }
    }

    /// The next line, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, FamilyError> {
        self.line.clear();
        self.number += 1;
        // An error of the source (a file cut short while it was packed) has the line on which it came.
        let mut limited = (&mut self.reader).take(LONGEST_LINE);
        if let Err(error) = limited.read_until(b'\n', &mut self.line) {
            return Err(self.refuse(error.to_string()));
        }
        if self.line.len() as u64 == LONGEST_LINE {
            return Err(self.refuse(format!("line has {LONGEST_LINE} bytes or more, expected fewer")));
        }
        Ok((!self.line.is_empty()).then(|| self.current()))
    }

    /// The line that was read last.
    pub(super) fn current(&self) -> &[u8] {
        self.line.trim_ascii_end()
    }

    /// Its number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// An error on this line.
    pub(super) fn refuse(&self, problem: String) -> FamilyError {
        FamilyError::Line { path: self.path.clone(), line: self.number, column: None, problem }
    }

    /// An error at a byte of this line, counted from 1.
    pub(super) fn refuse_at(&self, column: usize, problem: String) -> FamilyError {
        FamilyError::Line { path: self.path.clone(), line: self.number, column: Some(column), problem }
    }

    /// The line as text of an error.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(self.current()).chars().take(40).collect()
    }

    /// Checks that the letters from a column (from 0) of this line on may stand in a row.
    pub(super) fn check_letters(&self, from: usize) -> Result<(), FamilyError> {
        let letters = self.current().iter().enumerate().skip(from);
        let Some((column, &byte)) = { letters }.find(|(_, byte)| !byte.is_ascii_graphic()) else {
            return Ok(());
        };
        let found = if byte.is_ascii() {
            format!("{:?}", char::from(byte).to_string())
        } else {
            format!("byte {byte}")
        };
        let problem = format!("{found} found, expected a letter or a gap");
        Err(self.refuse_at(column + 1, problem))
    }
}
