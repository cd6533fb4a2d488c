use std::io::BufRead;

use super::Alignment;
use crate::alignment::FamilyError;
use crate::alignment::lines::Lines;

/// Reads what follows the first line, up to `//`; blocks are joined, annotations left out.
pub(super) fn read(lines: &mut Lines<impl BufRead>, alignment: &mut Alignment) -> Result<(), FamilyError> {
    let mut blocks = Blocks::default();
    loop {
        if lines.next()?.is_none() {
            return Err(FamilyError::file(lines.path(), "ends without `//`, it may be cut short"));
        }
        match lines.current() {
            b"//" => break,
            [] => blocks.end(lines)?,
            [b'#', ..] => {}
            _ => blocks.add(lines)?,
        }
    }
    blocks.end(lines)?;
    while lines.next()?.is_some() {
        if !lines.current().is_empty() {
            return Err(lines.refuse(format!("`{}` found after `//`, expected one alignment", lines.shown())));
        }
    }
    for ((name, line), letters) in blocks.names.into_iter().zip(&blocks.rows) {
        alignment.push(name, line);
        alignment.extend(letters);
    }
    if alignment.is_empty() {
        return Err(FamilyError::file(lines.path(), "holds no sequence, expected FASTA or Stockholm"));
    }
    Ok(())
}

/// The rows, which come in blocks of the same order.
#[derive(Default)]
struct Blocks {
    names: Vec<(String, u64)>,
    rows: Vec<Vec<u8>>,
    /// The row that comes next, and whether the first block has ended.
    next: usize,
    named: bool,
}

impl Blocks {
    fn add(&mut self, lines: &Lines<impl BufRead>) -> Result<(), FamilyError> {
        let line = lines.current();
        let blank = line.iter().position(u8::is_ascii_whitespace);
        let Some((name, rest)) = blank.and_then(|blank| line.split_at_checked(blank)) else {
            return Err(lines.refuse(format!("`{}` found, expected a name and letters", lines.shown())));
        };
        let letters = rest.trim_ascii_start();
        lines.check_letters(line.len() - letters.len())?;
        let name = String::from_utf8_lossy(name);
        if !self.named {
            self.names.push((name.clone().into_owned(), lines.number()));
            self.rows.push(Vec::new());
        }
        let expected = self.names.get(self.next).map_or("", |(name, _)| name);
        if name != expected {
            let problem =
                format!("record `{name}` found, expected `{expected}`: blocks have the order of the first");
            return Err(lines.refuse(problem));
        }
        if let Some(row) = self.rows.get_mut(self.next) {
            row.extend_from_slice(letters);
        }
        self.next += 1;
        Ok(())
    }

    /// Ends a block at a blank line, if one has begun.
    fn end(&mut self, lines: &Lines<impl BufRead>) -> Result<(), FamilyError> {
        if self.next == 0 {
            return Ok(());
        }
        if self.next != self.names.len() {
            let problem = format!("block has {} rows, expected {} as the first", self.next, self.names.len());
            return Err(lines.refuse(problem));
        }
        self.named = true;
        self.next = 0;
        Ok(())
    }
}
