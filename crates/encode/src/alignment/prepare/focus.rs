use super::PrepareOptions;
use crate::alignment::{Alignment, FamilyError};

/// The record that says which columns count and how they are numbered.
pub(super) struct Focus {
    pub(super) record: usize,
    /// The region of its name.
    pub(super) region: Option<(i64, i64)>,
    /// The position of the first column.
    pub(super) start: i64,
}

impl Focus {
    pub(super) fn find(alignment: &Alignment, options: &PrepareOptions) -> Result<Self, FamilyError> {
        let record = match &options.focus {
            None => 0,
            Some(wanted) => find(alignment, wanted)?,
        };
        let name = alignment.name(record);
        let region = region(name);
        let first = match (region, options.offset) {
            (Some((start, _)), _) => start,
            (None, Some(_)) => 1,
            (None, None) => {
                let problem = format!("focus `{name}` has no region, expected NAME/start-stop, or an offset");
                let (path, line) = (alignment.path.clone(), alignment.line(record));
                return Err(FamilyError::Line { path, line, column: None, problem });
            }
        };
        let start = first.checked_add(options.offset.unwrap_or(0));
        let start = start.filter(|start| start.unsigned_abs() < 1 << 52);
        let start = start.ok_or_else(|| FamilyError::Option {
            what: "offset",
            found: options.offset.unwrap_or(0).to_string(),
            expected: "positions below 2^52".into(),
        })?;
        Ok(Self { record, region, start })
    }
}

/// The first record of this name; else the first of this name before its region.
fn find(alignment: &Alignment, wanted: &str) -> Result<usize, FamilyError> {
    let position =
        |matches: &dyn Fn(&str) -> bool| (0..alignment.len()).find(|&record| matches(alignment.name(record)));
    let bare = |name: &str| {
        name.rsplit_once('/').is_some_and(|(bare, _)| bare == wanted)
            || name.split_whitespace().next().is_some_and(|word| word == wanted)
            || name
                .split_whitespace()
                .next()
                .and_then(|word| word.rsplit_once('/'))
                .is_some_and(|(bare, _)| bare == wanted)
    };
    position(&|name| name == wanted).or_else(|| position(&bare)).ok_or_else(|| {
        let some: Vec<_> =
            (0..alignment.len().min(3)).map(|record| format!("`{}`", alignment.name(record))).collect();
        let more = if alignment.len() > some.len() { ", …" } else { "" };
        FamilyError::file(
            &alignment.path,
            format!("focus `{wanted}` is not there (found {}{more})", some.join(", ")),
        )
    })
}

/// `start-stop` after the last `/` of a name, or of its first word.
fn region(name: &str) -> Option<(i64, i64)> {
    let parse = |text: &str| {
        let (_, region) = text.rsplit_once('/')?;
        let region = region.rsplit_once(':').map_or(region, |(region, _)| region);
        // The first number may be negative.
        let dash = region.char_indices().skip(1).find(|(_, letter)| *letter == '-')?.0;
        let (start, stop) = (region.get(..dash)?, region.get(dash + 1..)?);
        Some((start.trim().parse().ok()?, stop.trim().parse().ok()?))
    };
    parse(name).or_else(|| name.split_whitespace().next().and_then(parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_stand_after_the_last_slash() {
        let cases = [
            ("BLAT_ECOLX/24-286", Some((24, 286))),
            ("a/b/1-4", Some((1, 4))),
            ("X/5-9:0.25", Some((5, 9))),
            ("X/-3-9", Some((-3, 9))),
            ("X/5-9 beta/gamma lactamase", Some((5, 9))),
            ("X/881-769", Some((881, 769))),
            ("X", None),
            ("X/5", None),
            ("X/a-b", None),
            ("X/99999999999999999999-2", None),
        ];
        for (name, expected) in cases {
            assert_eq!(region(name), expected, "{name}");
        }
    }
}
