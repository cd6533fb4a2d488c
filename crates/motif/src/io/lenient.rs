use cistron_core::Alphabet;
use ndarray::Array2;

use super::lines::{Field, Line, Lines};
use super::text_of;
use crate::error::quoted;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// Reads MEME text as memelite 0.5 does: without looking at the header, the alphabet or the background.
///
/// A record is a line that begins with `MOTIF` (its words, joined by single blanks, are the name), the next line
/// that begins with `letter` and holds `w=`, and that many rows of four numbers, kept as they are. A record cut
/// short by the end of the file is left out; of two records of one name the later matrix stands in the place of
/// the earlier. `limit` stops after so many names.
///
/// Every file that memelite reads gives the same motifs here, but for infinite values, NaN and motifs of more than
/// 10,000 positions, which are refused.
///
/// # Errors
/// [`MotifError::Malformed`] for a `letter` line without `w=`, a width of 0, or a row that is not four numbers.
///
/// ```
/// let text = b"MOTIF a  b\nletter-probability matrix: w= 1\n0.1 0.2 0.3 0.4\n";
/// let set = cistron_motif::parse_meme_lenient(text, "example", None)?;
/// assert_eq!(&**set.motifs()[0].name(), "a b");
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub fn parse_meme_lenient(text: &[u8], file: &str, limit: Option<usize>) -> Result<MotifSet, MotifError> {
    let mut set = MotifSet::new(Alphabet::dna());
    // Python's text files know three line ends; the rest of the crate knows the two that are in use.
    let text = text_of(text, file)?.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Lines::new(&text, file);
    while limit.is_none_or(|limit| set.len() < limit) {
        let Some((name, number)) = next_name(&mut lines) else { break };
        let Some(width) = next_width(&mut lines)? else { break };
        let Some(matrix) = rows(&mut lines, width)? else { break };
        let motif = Motif::as_read(name, matrix, MatrixKind::Probabilities);
        set.push_or_replace(motif.map_err(|error| lines.place(number, error))?)?;
    }
    Ok(set)
}

fn next_name(lines: &mut Lines<'_>) -> Option<(String, u64)> {
    while let Some(line) = lines.next() {
        if let Some(rest) = line.text.strip_prefix("MOTIF") {
            let words: Vec<&str> = rest.split(is_blank).filter(|word| !word.is_empty()).collect();
            return Some((words.join(" "), line.number));
        }
    }
    None
}

/// What Python's `str.split` takes for a blank.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn next_width(lines: &mut Lines<'_>) -> Result<Option<usize>, MotifError> {
    while let Some(line) = lines.next() {
        if line.text.starts_with("letter") {
            let problem = || format!("found {}, expected `w=` and a width", quoted(line.text));
            let width = width_of(line.text).ok_or_else(|| lines.error(line.number, 1, problem()))?;
            return match width {
                0 => Err(lines.error(line.number, 1, "found width 0, expected at least 1")),
                width => Ok(Some(width)),
            };
        }
    }
    Ok(None)
}

/// The number matched by the regular expression `\bw=\s*(\d+)`.
fn width_of(text: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("w=") {
        let before = text.get(..at).and_then(|it| it.chars().next_back());
        let digits = text.get(at + 2..).unwrap_or("").trim_start_matches(is_blank);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if !before.is_some_and(is_word) && end > 0 {
            return Some(digits.get(..end)?.parse().unwrap_or(usize::MAX));
        }
    }
    None
}

fn rows(lines: &mut Lines<'_>, width: usize) -> Result<Option<Array2<f64>>, MotifError> {
    let mut values = Vec::new();
    for _ in 0..width {
        let Some(line) = lines.next() else { return Ok(None) };
        values.extend(row(lines, line)?);
    }
    Ok(Array2::from_shape_vec((width, 4), values).ok())
}

fn row(lines: &Lines<'_>, line: Line<'_>) -> Result<[f64; 4], MotifError> {
    let words: Vec<Field<'_>> = line.fields();
    let Ok([a, c, g, t]) = <[Field<'_>; 4]>::try_from(words) else {
        let found = line.fields().len();
        return Err(lines.error(line.number, 1, format!("found a row of {found} values, expected 4")));
    };
    let value = |field| lines.finite(line.number, field);
    Ok([value(a)?, value(c)?, value(g)?, value(t)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let set = parse_meme_lenient(text.as_bytes(), "m.meme", None).unwrap();
        set.motifs().iter().map(|motif| motif.name().to_string()).collect()
    }

    const ROW: &str = "0.1 0.2 0.3 0.4\n";

    #[test]
    fn records_are_found_as_the_peer_finds_them() {
        let matrix = format!("letter-probability matrix: alength= 4 w= 1 nsites= 20 E= 0\n{ROW}");
        let cases = [
            (format!("MOTIF MA0004.1   Arnt\n{matrix}"), vec!["MA0004.1 Arnt"]),
            (format!("MOTIFa\nanything\nMOTIF b\n{matrix}"), vec!["a"]),
            (format!("MOTIF a\n{matrix}MOTIF b\n{matrix}"), vec!["a", "b"]),
            (format!("MOTIF a\r\nletter w=1\r\n{ROW}"), vec!["a"]),
            (format!("MOTIF a\n{matrix}MOTIF b\n{matrix}MOTIF a\nletter w=1\n{ROW}"), vec!["a", "b"]),
            (format!(" MOTIF a\n{matrix}"), vec![]),
            (format!("MOTIF a\nletter w=2\n{ROW}"), vec![]),
            ("MOTIF a\n".to_owned(), vec![]),
            (String::new(), vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn later_matrix_of_a_name_wins_and_the_limit_counts_names() {
        let text =
            format!("MOTIF a\nletter w=1\n{ROW}MOTIF a\nletter w=1\n1 0 0 0\nMOTIF b\nletter w=1\n{ROW}");
        let set = parse_meme_lenient(text.as_bytes(), "m.meme", None).unwrap();
        assert_eq!(set.motifs()[0].matrix()[[0, 0]], 1.0);
        assert_eq!(parse_meme_lenient(text.as_bytes(), "m.meme", Some(1)).unwrap().len(), 1);
        assert_eq!(parse_meme_lenient(b"MOTIF a\nletter\n", "m.meme", Some(0)).unwrap().len(), 0);
    }

    #[test]
    fn width_is_what_the_regular_expression_finds() {
        let cases = [
            ("letter w= 8", Some(8)),
            ("letter raw= 9 w=12 x", Some(12)),
            ("letter w= x w= 3", Some(3)),
            ("letter (w=4)", Some(4)),
            ("letter alength= 4", None),
        ];
        for (text, width) in cases {
            assert_eq!(width_of(text), width, "{text}");
        }
    }

    #[test]
    fn broken_records_are_named() {
        let cases = [
            ("MOTIF a\nletter x\n", "m.meme:2:1: found `letter x`, expected `w=` and a width"),
            ("MOTIF a\nletter w=0\n", "m.meme:2:1: found width 0, expected at least 1"),
            ("MOTIF a\nletter w=1\n\n", "m.meme:3:1: found a row of 0 values, expected 4"),
            ("MOTIF a\nletter w=1\n1 2 3\n", "m.meme:3:1: found a row of 3 values, expected 4"),
            ("MOTIF a\nletter w=1\n1 2 x 4\n", "m.meme:3:5: found `x`, expected a number"),
            ("MOTIF a\nletter w=1\n1 2 nan 4\n", "m.meme:3:5: found `nan`, expected a number"),
        ];
        for (text, message) in cases {
            let error = parse_meme_lenient(text.as_bytes(), "m.meme", None).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
