//! MEME text, versions 3 to 5, minimal and full output, read strictly.

mod alphabet;
mod matrix;

use cistron_core::Alphabet;

use super::lines::{Line, Lines};
use crate::error::quoted;
use crate::motif::ROW_TOLERANCE;
use crate::{Background, MatrixKind, Motif, MotifError, MotifSet};
use matrix::Rows;

/// What the file has said so far.
struct Reader<'a> {
    lines: Lines<'a>,
    alphabet: Option<Alphabet>,
    background: Vec<(char, f64, u64)>,
    forward_only: bool,
    open: Option<Open<'a>>,
    done: Vec<(Open<'a>, MatrixKind, Rows)>,
}

/// A motif whose matrix may still come.
#[derive(Clone)]
struct Open<'a> {
    line: u64,
    name: &'a str,
    alternate: String,
    log_odds: Option<Rows>,
    /// The place in `done` once a matrix was read; the URL follows it.
    url: Option<&'a str>,
}

/// Reads a whole file; the second value counts the rows that do not sum to 1.
pub(super) fn parse(text: &str, file: &str) -> Result<(MotifSet, u64), MotifError> {
    let mut reader = Reader {
        lines: Lines::new(text, file),
        alphabet: None,
        background: Vec::new(),
        forward_only: false,
        open: None,
        done: Vec::new(),
    };
    reader.version()?;
    while let Some(line) = reader.lines.next() {
        reader.line(line)?;
    }
    reader.close()?;
    reader.finish()
}

const KEYWORDS: [&str; 5] = ["ALPHABET", "strands:", "Background letter", "MOTIF", "letter-probability"];

impl<'a> Reader<'a> {
    fn version(&mut self) -> Result<(), MotifError> {
        const EXPECTED: &str = "a line `MEME version 4` or later";
        while let Some(line) = self.lines.peek() {
            let text = line.text.trim_start();
            if let Some(version) = text.strip_prefix("MEME version") {
                let version = version.trim_start();
                let digits: &str = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
                if digits.parse::<u32>().is_ok_and(|number| number >= 3) {
                    self.lines.next();
                    return Ok(());
                }
                let column = (line.text.len() - version.len()) as u64 + 1;
                let problem = format!("found version {}, expected 3 or later", quoted(version));
                return Err(self.lines.error(line.number, column, problem));
            }
            if KEYWORDS.iter().any(|keyword| text.starts_with(keyword)) {
                return Err(self.lines.missing(EXPECTED));
            }
            self.lines.next();
        }
        Err(self.lines.missing(EXPECTED))
    }

    fn line(&mut self, line: Line<'a>) -> Result<(), MotifError> {
        let text = line.text.trim_start();
        if let Some(letters) = text.strip_prefix("ALPHABET=") {
            self.alphabet = Some(alphabet::of_letters(&self.lines, line, letters.trim())?);
        } else if line.after("ALPHABET").is_some() {
            self.alphabet = Some(alphabet::block(&mut self.lines, line)?);
        } else if let Some(strands) = line.after("strands:") {
            self.strands(line, strands)?;
        } else if text.starts_with("Background letter frequencies") {
            self.background()?;
        } else if let Some(rest) = line.after("MOTIF") {
            self.close()?;
            self.open = Some(self.motif(line, rest)?);
        } else if text.starts_with("log-odds matrix") {
            self.matrix(line, MatrixKind::LogOdds)?;
        } else if text.starts_with("letter-probability matrix") {
            self.matrix(line, MatrixKind::Probabilities)?;
        } else if let (Some(url), Some(open)) = (line.after("URL"), self.open.as_mut()) {
            open.url = Some(url).filter(|url| !url.is_empty());
        }
        Ok(())
    }

    fn strands(&mut self, line: Line<'_>, strands: &str) -> Result<(), MotifError> {
        let signs: Vec<&str> = strands.split_ascii_whitespace().collect();
        self.forward_only = match signs.as_slice() {
            ["+", "-"] => false,
            ["+" | "none"] => true,
            _ => {
                let problem = format!("found strands {}, expected `+ -` or `+`", quoted(strands));
                return Err(self.lines.error(line.number, 1, problem));
            }
        };
        Ok(())
    }

    /// Letter and frequency pairs, over one or more lines, until a line that has none.
    fn background(&mut self) -> Result<(), MotifError> {
        self.background.clear();
        while let Some(line) = self.lines.peek() {
            let fields = line.fields();
            let is_pair = matches!(fields.as_slice(), [letter, number, ..] if letter.text.chars().count() == 1 && number.is_number());
            if !is_pair {
                break;
            }
            self.lines.next();
            for pair in fields.chunks(2) {
                let [letter, number] = pair else {
                    return Err(self.lines.error(line.number, 1, "found a letter without its frequency"));
                };
                let value = self.lines.finite(line.number, *number)?;
                let letter = letter.text.chars().next().unwrap_or(' ');
                self.background.push((letter, value, line.number));
            }
        }
        if self.background.is_empty() {
            return Err(self.lines.missing("letters and their frequencies"));
        }
        Ok(())
    }

    /// The names, which end where `key=value` pairs begin (`MOTIF ACGT MEME-1 width = 10`).
    fn motif(&self, line: Line<'a>, rest: &'a str) -> Result<Open<'a>, MotifError> {
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let key = |i: usize| {
            let next = words.get(i + 1).is_some_and(|next| next.starts_with('='));
            next || ["width=", "sites=", "llr="].iter().any(|key| words[i].starts_with(key))
        };
        let end = (1..words.len()).find(|i| key(*i)).unwrap_or(words.len());
        let Some((name, alternate)) = words.get(..end).and_then(<[&str]>::split_first) else {
            return Err(self.lines.error(line.number, 1, "found a motif without a name"));
        };
        Ok(Open { line: line.number, name, alternate: alternate.join(" "), log_odds: None, url: None })
    }

    fn matrix(&mut self, line: Line<'_>, kind: MatrixKind) -> Result<(), MotifError> {
        let rows = matrix::read(&mut self.lines, line, kind)?;
        let Some(open) = self.open.as_mut() else {
            return Err(self.lines.error(
                line.number,
                1,
                "found a matrix before any motif, expected `MOTIF`",
            ));
        };
        if kind == MatrixKind::LogOdds {
            open.log_odds = Some(rows);
            return Ok(());
        }
        if self.done.last().is_some_and(|(last, ..)| last.line == open.line) {
            let problem = format!("found a second letter-probability matrix of motif {}", quoted(open.name));
            return Err(self.lines.error(line.number, 1, problem));
        }
        self.done.push((open.clone(), kind, rows));
        Ok(())
    }

    /// Ends the motif that is open: with its log-odds if it has no probabilities.
    fn close(&mut self) -> Result<(), MotifError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        if let Some((last, ..)) = self.done.last_mut().filter(|(last, ..)| last.line == open.line) {
            last.url = open.url;
            return Ok(());
        }
        let Some(rows) = open.log_odds.take() else {
            let problem = format!("found motif {} without a matrix", quoted(open.name));
            return Err(self.lines.error(open.line, 1, problem));
        };
        self.done.push((open, MatrixKind::LogOdds, rows));
        Ok(())
    }

    fn finish(self) -> Result<(MotifSet, u64), MotifError> {
        let alphabet = self.settled_alphabet()?;
        let mut set = MotifSet::new(alphabet.clone()).with_forward_only(self.forward_only);
        if !self.background.is_empty() {
            set = set.with_background(self.settled_background(&alphabet)?)?;
        }
        let mut uneven = 0;
        for (open, kind, rows) in self.done {
            let at = |error| self.lines.place(open.line, error);
            let sums = rows.values.rows().into_iter().map(|row| row.sum());
            let off = sums.filter(|sum| (sum - 1.0).abs() > ROW_TOLERANCE).count();
            uneven += if kind == MatrixKind::Probabilities { off as u64 } else { 0 };
            let mut motif =
                Motif::new(open.name, rows.values, kind).map_err(at)?.with_alternate(open.alternate);
            motif = motif.with_nsites(rows.nsites).with_e_value(rows.e_value);
            if let Some(url) = open.url {
                motif = motif.with_url(url);
            }
            set.push(motif).map_err(at)?;
        }
        Ok((set, uneven))
    }

    fn settled_alphabet(&self) -> Result<Alphabet, MotifError> {
        if let Some(alphabet) = &self.alphabet {
            return Ok(alphabet.clone());
        }
        let letters: String = self.background.iter().map(|(letter, ..)| *letter).collect();
        for known in [Alphabet::dna(), Alphabet::rna(), Alphabet::protein()] {
            if letters.to_ascii_uppercase().as_bytes() == known.letters() {
                return Ok(known);
            }
        }
        match self.done.first().map_or(4, |(_, _, rows)| rows.values.ncols()) {
            4 => Ok(Alphabet::dna()),
            20 => Ok(Alphabet::protein()),
            n => {
                let problem =
                    format!("found rows of {n} values and no alphabet, expected a line `ALPHABET=`");
                Err(MotifError::unusable(self.lines.file, problem))
            }
        }
    }

    fn settled_background(&self, alphabet: &Alphabet) -> Result<Background, MotifError> {
        let mut values = vec![f64::NAN; usize::from(alphabet.len())];
        for (letter, value, line) in &self.background {
            let code = u8::try_from(*letter).map_or(alphabet.unknown(), |letter| alphabet.code(letter));
            let Some(place) = values.get_mut(usize::from(code)) else {
                let problem = format!("found the frequency of `{letter}`, expected a letter of {alphabet}");
                return Err(self.lines.error(*line, 1, problem));
            };
            *place = *value;
        }
        let line = self.background.first().map_or(1, |(_, _, line)| *line);
        if let Some(code) = values.iter().position(|value| value.is_nan()) {
            let letter = alphabet.letter(code as u8) as char;
            return Err(self.lines.error(line, 1, format!("found no frequency of `{letter}`")));
        }
        // MEME writes three digits, so a rare letter may stand as 0.
        let values: Vec<f64> = values.iter().map(|value| if *value == 0.0 { 1e-6 } else { *value }).collect();
        Background::new(&values).map_err(|error| self.lines.place(line, error))
    }
}
