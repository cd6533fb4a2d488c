use cistron_core::{Alphabet, CoreError};

use super::super::lines::{Line, Lines};
use crate::MotifError;
use crate::error::quoted;

/// `ALPHABET= ACGT`.
pub(super) fn of_letters(lines: &Lines<'_>, line: Line<'_>, letters: &str) -> Result<Alphabet, MotifError> {
    if letters.chars().count() == 1 {
        let problem = format!("found the alphabet {}, expected at least two letters", quoted(letters));
        return Err(lines.error(line.number, 1, problem));
    }
    let refused = |error| {
        let problem = match error {
            // The letters of a damaged file may be many.
            CoreError::Alphabet { problem, .. } => format!("the alphabet {} {problem}", quoted(letters)),
            other => other.to_string(),
        };
        lines.error(line.number, 1, problem)
    };
    known(letters).map_or_else(|| Alphabet::custom(letters).map_err(refused), Ok)
}

fn known(letters: &str) -> Option<Alphabet> {
    let all = [Alphabet::dna(), Alphabet::rna(), Alphabet::protein()];
    all.into_iter().find(|known| known.letters().eq_ignore_ascii_case(letters.as_bytes()))
}

/// `ALPHABET "name" DNA-LIKE` … `END ALPHABET`: core letters, complements and ambiguity codes, one a line.
pub(super) fn block(lines: &mut Lines<'_>, first: Line<'_>) -> Result<Alphabet, MotifError> {
    let (mut core, mut pairs) = (Vec::new(), Vec::new());
    loop {
        let Some(line) = lines.next() else { return Err(lines.missing("`END ALPHABET`")) };
        if line.text.trim_start().starts_with("END ALPHABET") {
            break;
        }
        let bare = without_quotes(line.text);
        let bare = bare.trim();
        let Some(symbol) = bare.chars().next().filter(|_| !bare.starts_with('#')) else { continue };
        if bare.contains('=') {
            continue;
        }
        core.push(symbol);
        if let Some((_, other)) = bare.split_once('~') {
            let Some(partner) = other.trim_start().chars().next() else {
                let problem = format!("found {}, expected a letter after `~`", quoted(line.text));
                return Err(lines.error(line.number, 1, problem));
            };
            core.push(partner);
            pairs.push((symbol, partner));
        }
    }
    // The columns of a matrix follow the letters sorted, with letters before digits.
    core.sort_by_key(|letter| (!letter.is_alphabetic(), *letter));
    let letters: String = core.iter().collect();
    of_letters(lines, first, &letters)
}

fn without_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect::<Vec<_>>().join(" ")
}
