use super::MotifFormat;
use super::lines::{Line, Lines, is_numeric};

/// The format of a text, by what its lines look like; `None` if it holds nothing known.
pub(super) fn format_of(text: &str) -> Option<MotifFormat> {
    let mut lines = Lines::new(text, "");
    while let Some(line) = lines.next_filled() {
        let text = line.text.trim_start();
        let transfac = ["AC", "ID", "VV", "P0", "PO", "NA"].iter().any(|tag| line.after(tag).is_some());
        if text.starts_with("MEME version") || line.after("MOTIF").is_some() || text.starts_with("ALPHABET") {
            return Some(MotifFormat::Meme);
        } else if transfac {
            return Some(MotifFormat::Transfac);
        } else if text.starts_with('>') {
            return Some(of_records(text, lines));
        } else if is_uniprobe_row(line) {
            return Some(MotifFormat::Uniprobe);
        }
    }
    None
}

fn is_uniprobe_row(line: Line<'_>) -> bool {
    let mut letters = line.text.trim_start().chars();
    let letter = letters.next().is_some_and(|c| "ACGTUacgtu".contains(c));
    letter && letters.as_str().trim_start().starts_with(':')
}

/// Formats whose records begin with `>` differ by what follows.
fn of_records(header: &str, mut lines: Lines<'_>) -> MotifFormat {
    let columns: Vec<&str> = header.split('\t').collect();
    let is_homer = columns.len() >= 3 && columns.get(2).is_some_and(|it| it.trim().parse::<f64>().is_ok());
    let mut widths = Vec::new();
    while let Some(line) = lines.peek().filter(|line| !line.text.starts_with('>')) {
        lines.next();
        if line.text.trim().is_empty() {
            continue;
        }
        if !is_numeric(line) && line.text.trim_start().starts_with(|c: char| c.is_ascii_alphabetic()) {
            return MotifFormat::Jaspar;
        }
        widths.push(line.fields().len());
    }
    let rows_of_four = widths.iter().all(|width| *width == 4);
    // Four rows of four: JASPAR names its motifs twice, HOCOMOCO once.
    let four_by_four = widths.len() == 4 && header.split_ascii_whitespace().count() > 1;
    match (is_homer && rows_of_four, rows_of_four && !four_by_four) {
        (true, _) => MotifFormat::Homer,
        (_, true) => MotifFormat::Hocomoco,
        _ => MotifFormat::Jaspar,
    }
}
