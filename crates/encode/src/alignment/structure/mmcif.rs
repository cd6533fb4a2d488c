//! mmCIF: of its tables that of the atoms.

use std::io::BufRead;

use super::{Atom, Collector, number, stands_for_residue};
use crate::alignment::FamilyError;
use crate::alignment::lines::Lines;

/// Reads the atoms of the first model from the current line on.
pub(super) fn read(lines: &mut Lines<impl BufRead>, residues: &mut Collector) -> Result<(), FamilyError> {
    let mut reader = Reader { state: State::Outside, model: None };
    let mut in_text = false;
    loop {
        let line = lines.current();
        let is_text = line.starts_with(b";");
        if in_text || is_text {
            if is_text && !in_text {
                reader.value(Value::new(lines, 0, ""), lines, residues)?;
            }
            in_text = in_text != is_text;
        } else {
            let mut from = 0;
            while let Some(word) = word(lines, from)? {
                from = word.end;
                if reader.word(&word, lines, residues)? {
                    return Ok(());
                }
            }
        }
        if lines.next()?.is_none() {
            break;
        }
    }
    if in_text {
        return Err(FamilyError::file(
            lines.path(),
            "ends inside a text that `;` begins, it may be cut short",
        ));
    }
    reader.end(lines)
}

/// A word of a line.
struct Word {
    text: String,
    quoted: bool,
    start: usize,
    end: usize,
}

/// The next word of the current line from a byte on.
fn word(lines: &Lines<impl BufRead>, from: usize) -> Result<Option<Word>, FamilyError> {
    let line = lines.current();
    let is_blank = |at: usize| line.get(at).is_none_or(u8::is_ascii_whitespace);
    let Some(start) = (from..line.len()).find(|&at| !is_blank(at)) else { return Ok(None) };
    let shown = |from, to| String::from_utf8_lossy(line.get(from..to).unwrap_or_default()).into_owned();
    match line.get(start).copied() {
        Some(b'#') => Ok(None),
        Some(quote @ (b'\'' | b'"')) => {
            // A quote inside a word is followed by more of it, as in 'C1''.
            let closes = |at: &usize| line.get(*at) == Some(&quote) && is_blank(at + 1);
            let Some(end) = (start + 1..line.len()).find(closes) else {
                return Err(
                    lines.refuse_at(start + 1, "quote found that is not closed on its line".to_owned())
                );
            };
            Ok(Some(Word { text: shown(start + 1, end), quoted: true, start, end: end + 1 }))
        }
        _ => {
            let end = (start..line.len()).find(|&at| is_blank(at)).unwrap_or(line.len());
            Ok(Some(Word { text: shown(start, end), quoted: false, start, end }))
        }
    }
}

/// A value, and where it stands.
struct Value {
    text: String,
    line: u64,
    column: usize,
}

impl Value {
    fn new(lines: &Lines<impl BufRead>, start: usize, text: &str) -> Self {
        Self { text: text.to_owned(), line: lines.number(), column: start + 1 }
    }
}

enum State {
    /// Nothing here is wanted.
    Outside,
    /// The names of a table's columns, in lower case.
    Names(Vec<String>),
    /// The atoms, and the values of the row that has begun.
    Atoms(Columns, Vec<Value>),
}

struct Reader {
    state: State,
    /// The model that is read: that of the first atom.
    model: Option<String>,
}

impl Reader {
    /// Takes a word; gives whether the atoms have ended.
    fn word(
        &mut self,
        word: &Word,
        lines: &Lines<impl BufRead>,
        residues: &mut Collector,
    ) -> Result<bool, FamilyError> {
        let lower = word.text.to_ascii_lowercase();
        let is_keyword = ["data_", "save_", "global_", "stop_"].iter().any(|key| lower.starts_with(key));
        let is_loop = lower == "loop_";
        if word.quoted || !(is_keyword || is_loop || lower.starts_with('_')) {
            self.value(Value::new(lines, word.start, &word.text), lines, residues)?;
            return Ok(false);
        }
        if let State::Atoms(..) = self.state {
            self.end(lines)?;
            return Ok(true);
        }
        match &mut self.state {
            State::Names(names) if !is_keyword && !is_loop => names.push(lower),
            state => *state = if is_loop { State::Names(Vec::new()) } else { State::Outside },
        }
        Ok(false)
    }

    fn value(
        &mut self,
        value: Value,
        lines: &Lines<impl BufRead>,
        residues: &mut Collector,
    ) -> Result<(), FamilyError> {
        if let State::Names(names) = &self.state {
            self.state = match Columns::find(names, lines)? {
                Some(columns) => State::Atoms(columns, Vec::new()),
                None => State::Outside,
            };
        }
        let State::Atoms(columns, row) = &mut self.state else { return Ok(()) };
        row.push(value);
        if row.len() == columns.n {
            columns.add(row, &mut self.model, lines, residues)?;
            row.clear();
        }
        Ok(())
    }

    /// What is begun must be whole where the atoms end.
    fn end(&self, lines: &Lines<impl BufRead>) -> Result<(), FamilyError> {
        match &self.state {
            State::Atoms(columns, row) if !row.is_empty() => {
                let problem = format!("row of atoms has {} values, expected {}", row.len(), columns.n);
                let line = row.first().map_or(0, |value| value.line);
                Err(FamilyError::Line { path: lines.path().to_path_buf(), line, column: None, problem })
            }
            _ => Ok(()),
        }
    }
}

/// Which column of the table of atoms holds what.
struct Columns {
    n: usize,
    atom: usize,
    residue: usize,
    chain: usize,
    number: usize,
    coordinates: [usize; 3],
    group: Option<usize>,
    insertion: Option<usize>,
    occupancy: Option<usize>,
    model: Option<usize>,
}

impl Columns {
    /// The columns of a table, `None` if it is not that of the atoms.
    fn find(names: &[String], lines: &Lines<impl BufRead>) -> Result<Option<Self>, FamilyError> {
        if !names.iter().any(|name| name.starts_with("_atom_site.")) {
            return Ok(None);
        }
        let maybe = |column: &str| {
            names.iter().position(|name| {
                name.strip_prefix("_atom_site.").is_some_and(|name| name.eq_ignore_ascii_case(column))
            })
        };
        let one_of = |columns: &[&str]| {
            columns.iter().find_map(|column| maybe(column)).ok_or_else(|| {
                let column = columns.last().copied().unwrap_or_default();
                lines.refuse(format!("atoms begin without a column `_atom_site.{column}`"))
            })
        };
        Ok(Some(Self {
            n: names.len(),
            atom: one_of(&["label_atom_id", "auth_atom_id"])?,
            residue: one_of(&["label_comp_id", "auth_comp_id"])?,
            chain: one_of(&["auth_asym_id", "label_asym_id"])?,
            number: one_of(&["auth_seq_id", "label_seq_id"])?,
            coordinates: [one_of(&["Cartn_x"])?, one_of(&["Cartn_y"])?, one_of(&["Cartn_z"])?],
            group: maybe("group_PDB"),
            insertion: maybe("pdbx_PDB_ins_code"),
            occupancy: maybe("occupancy"),
            model: maybe("pdbx_PDB_model_num"),
        }))
    }

    /// Takes a row, if it is an atom of the first model that stands for its residue.
    fn add(
        &self,
        row: &[Value],
        model: &mut Option<String>,
        lines: &Lines<impl BufRead>,
        residues: &mut Collector,
    ) -> Result<(), FamilyError> {
        let text = |column: usize| row.get(column).map_or("", |value| value.text.as_str());
        // What is not known, or does not apply.
        let maybe = |column: Option<usize>| column.map_or("", text);
        let maybe = |column| Some(maybe(column)).filter(|text| !matches!(*text, "" | "?" | "."));
        let own = maybe(self.model).unwrap_or_default();
        if model.get_or_insert_with(|| own.to_owned()) != own {
            return Ok(());
        }
        let residue = text(self.residue);
        if !stands_for_residue(text(self.atom), residue, maybe(self.group) == Some("HETATM")) {
            return Ok(());
        }
        let refuse = |column: usize, expected: &str| {
            let (line, at) = row.get(column).map_or((0, 1), |value| (value.line, value.column));
            let problem = format!("`{}` found, expected {expected}", text(column));
            FamilyError::Line { path: lines.path().to_path_buf(), line, column: Some(at), problem }
        };
        let coordinate =
            |column: usize| number(text(column)).ok_or_else(|| refuse(column, "a coordinate in Å"));
        let [x, y, z] = self.coordinates;
        let occupancy = match maybe(self.occupancy) {
            None => 1.0,
            Some(text) => {
                number(text).ok_or_else(|| refuse(self.occupancy.unwrap_or_default(), "an occupancy"))?
            }
        };
        residues.add(&Atom {
            chain: text(self.chain),
            number: text(self.number).parse().map_err(|_| refuse(self.number, "the number of a residue"))?,
            insertion: maybe(self.insertion).unwrap_or_default(),
            residue,
            occupancy,
            place: [coordinate(x)?, coordinate(y)?, coordinate(z)?],
        });
        Ok(())
    }
}
