use std::io::BufRead;

use super::Alignment;
use crate::alignment::FamilyError;
use crate::alignment::lines::Lines;

/// Reads records from the current line on.
pub(super) fn read(lines: &mut Lines<impl BufRead>, alignment: &mut Alignment) -> Result<(), FamilyError> {
    loop {
        match lines.current() {
            [] => {}
            [b'>', name @ ..] => {
                let name = String::from_utf8_lossy(name).into_owned();
                if name.trim().is_empty() {
                    return Err(lines.refuse("record has no name".into()));
                }
                alignment.push(name, lines.number());
            }
            _ if alignment.is_empty() => {
                return Err(lines.refuse(format!("`{}` found, expected a name after `>`", lines.shown())));
            }
            letters => {
                lines.check_letters(0)?;
                alignment.extend(letters);
            }
        }
        if lines.next()?.is_none() {
            return Ok(());
        }
    }
}
