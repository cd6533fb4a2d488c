use crate::MotifError;
use crate::error::quoted;

/// The lines of a motif file, each with its number.
pub(super) struct Lines<'a> {
    pub(super) file: &'a str,
    all: Vec<&'a str>,
    at: usize,
}

/// One line: its number from 1 and its text without the line end.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) text: &'a str,
}

/// A word of a line and the byte at which it begins, from 1.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) text: &'a str,
    pub(super) column: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, file: &'a str) -> Self {
        Self { file, all: text.lines().map(|line| line.trim_end_matches('\r')).collect(), at: 0 }
    }

    pub(super) fn peek(&self) -> Option<Line<'a>> {
        self.all.get(self.at).map(|text| Line { number: self.at as u64 + 1, text })
    }

    pub(super) fn next(&mut self) -> Option<Line<'a>> {
        let line = self.peek()?;
        self.at += 1;
        Some(line)
    }

    /// The next line that holds more than blanks.
    pub(super) fn next_filled(&mut self) -> Option<Line<'a>> {
        while let Some(line) = self.next() {
            if !line.text.trim().is_empty() {
                return Some(line);
            }
        }
        None
    }

    /// The line at which something missing was noticed: the next one, or the one after the last.
    pub(super) fn number(&self) -> u64 {
        self.at as u64 + 1
    }

    pub(super) fn error(&self, line: u64, column: u64, problem: impl Into<String>) -> MotifError {
        MotifError::Malformed { file: self.file.to_owned(), line, column, problem: problem.into() }
    }

    /// An error at the beginning of the next line that says what stands there instead of what was expected.
    pub(super) fn missing(&self, expected: &str) -> MotifError {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(line) if line.text.trim().is_empty() => "an empty line".to_owned(),
            Some(line) => quoted(line.text.trim()),
        };
        self.error(self.number(), 1, format!("found {found}, expected {expected}"))
    }

    /// Puts the place of a motif in front of what is wrong with it.
    pub(super) fn place(&self, line: u64, error: MotifError) -> MotifError {
        match error {
            MotifError::Malformed { .. } | MotifError::Unusable { .. } => error,
            other => self.error(line, 1, other.to_string()),
        }
    }

    pub(super) fn finite(&self, line: u64, field: Field<'_>) -> Result<f64, MotifError> {
        match field.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => {
                let found = quoted(field.text);
                Err(self.error(line, field.column, format!("found {found}, expected a number")))
            }
        }
    }

    /// All fields of a line as numbers of which none may be negative.
    pub(super) fn amounts(&self, line: u64, fields: &[Field<'_>]) -> Result<Vec<f64>, MotifError> {
        let amount = |field: &Field<'_>| match self.finite(line, *field)? {
            value if value >= 0.0 => Ok(value),
            value => Err(self.error(line, field.column, format!("found {value}, expected a number from 0"))),
        };
        fields.iter().map(amount).collect()
    }
}

impl<'a> Line<'a> {
    /// The words of the line, separated by blanks and tabs.
    pub(super) fn fields(self) -> Vec<Field<'a>> {
        self.fields_from(0)
    }

    /// The words after the first `skip` bytes.
    pub(super) fn fields_from(self, skip: usize) -> Vec<Field<'a>> {
        let rest = self.text.get(skip..).unwrap_or("");
        let place = |word: &str| (word.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize) as u64;
        rest.split_ascii_whitespace().map(|text| Field { text, column: place(text) + 1 }).collect()
    }

    /// The rest of the line, trimmed, if it begins with this word (followed by a blank or nothing).
    pub(super) fn after(self, word: &str) -> Option<&'a str> {
        let rest = self.text.trim_start().strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim())
    }
}

impl Field<'_> {
    pub(super) fn is_number(self) -> bool {
        self.text.parse::<f64>().is_ok_and(f64::is_finite)
    }
}

/// Whether a line is one or more numbers and nothing else.
pub(super) fn is_numeric(line: Line<'_>) -> bool {
    let fields = line.fields();
    !fields.is_empty() && fields.iter().all(|field| field.is_number())
}
