//! Tables of scores and of the groups that their rows are in.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context as _, bail};
use cistron::genome::text;
use cistron::ndarray::Array2;

use super::compare::KeyArg;
use crate::context::usage;

/// Which group each key is in: one of two, or another.
pub(super) struct Groups {
    /// Whether it is in the first, where it is in one of the two.
    is_first: HashMap<String, Option<bool>>,
    /// The names of the two.
    pub(super) names: [String; 2],
}

impl Groups {
    /// Reads a table of `id` and `group`. `first` is the group of its first row unless given, `second` all others.
    pub(super) fn read(path: &Path, first: Option<&str>, second: Option<&str>) -> anyhow::Result<Self> {
        let file = path.display();
        let mut table = Table::open(path)?;
        let (id, group) = (table.column("id")?, table.column("group")?);
        let mut names: Vec<String> = Vec::new();
        let mut found: HashMap<String, usize> = HashMap::new();
        while table.advance()? {
            let (id, group) = (table.field(id)?, table.field(group)?);
            let number = names.iter().position(|name| name == group).unwrap_or_else(|| {
                names.push(group.to_owned());
                names.len() - 1
            });
            if let Some(other) = found.insert(id.to_owned(), number).filter(|other| *other != number) {
                let (line, other) = (table.line, &names[other]);
                bail!("{file}:{line}: `{id}` is in group `{group}` and was in `{other}`, expected one group");
            }
        }
        let place = |wanted: &str| {
            let place = names.iter().position(|name| name == wanted);
            place.with_context(|| format!("{file} has no group `{wanted}` (it has `{}`)", names.join("`, `")))
        };
        let first = first.map_or(Ok(0), place)?;
        let second = second.map(place).transpose()?;
        if names.len() < 2 {
            bail!("{file}: found {} groups, expected at least two", names.len());
        }
        if second == Some(first) {
            return Err(usage(format!(
                "--second is `{}`, expected another group than the first",
                names[first]
            )));
        }
        let of = |number: usize| match second {
            _ if number == first => Some(true),
            Some(second) => (number == second).then_some(false),
            None => Some(false),
        };
        let second_name = match second {
            Some(second) => &names[second],
            None if names.len() == 2 => &names[1 - first],
            None => "others",
        };
        Ok(Self {
            is_first: found.into_iter().map(|(id, number)| (id, of(number))).collect(),
            names: [names[first].clone(), second_name.to_owned()],
        })
    }
}

/// The scores of the rows that are in one of two groups.
pub(super) struct Scores {
    /// (R, C), by row and chosen column; NaN where there is no score.
    pub(super) values: Array2<f64>,
    /// For each row, whether it is in the first group.
    pub(super) is_first: Vec<bool>,
    /// The names of the columns.
    pub(super) columns: Vec<String>,
    /// Rows that are in neither group.
    pub(super) unmatched_rows: u64,
    /// Keys of the two groups that no row has.
    pub(super) unmatched_keys: u64,
}

impl Scores {
    pub(super) fn read(
        path: &Path,
        columns: &[String],
        key: KeyArg,
        groups: &Groups,
    ) -> anyhow::Result<Self> {
        let mut table = Table::open(path)?;
        let columns = table.chosen(columns)?;
        let places = columns.iter().map(|name| table.column(name)).collect::<anyhow::Result<Vec<_>>>()?;
        let keys = match key {
            KeyArg::Id => vec![table.column("id")?],
            KeyArg::Variant => ["chrom", "pos", "ref", "alt"]
                .iter()
                .map(|name| table.column(name))
                .collect::<anyhow::Result<_>>()?,
        };
        let (mut values, mut is_first, mut unmatched_rows) = (Vec::new(), Vec::new(), 0);
        let mut unseen: HashMap<&str, bool> =
            groups.is_first.iter().filter_map(|(id, is_first)| Some((id.as_str(), (*is_first)?))).collect();
        let mut text = String::new();
        while table.advance()? {
            text.clear();
            for (index, &key) in keys.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ":" });
                text.push_str(table.field(key)?);
            }
            let Some(&Some(group)) = groups.is_first.get(text.as_str()) else {
                unmatched_rows += 1;
                continue;
            };
            unseen.remove(text.as_str());
            is_first.push(group);
            for &place in &places {
                values.push(table.number(place)?);
            }
        }
        let values = Array2::from_shape_vec((is_first.len(), columns.len()), values)?;
        let unmatched_keys = unseen.len() as u64;
        Ok(Self { values, is_first, columns, unmatched_rows, unmatched_keys })
    }
}

/// A table with a header, read row by row.
struct Table {
    file: String,
    reader: text::TextReader,
    header: Vec<String>,
    row: String,
    /// The line of the row, from 1.
    line: u64,
}

impl Table {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let (file, reader) = (path.display().to_string(), text::open(path)?);
        let mut table = Self { file, reader, header: Vec::new(), row: String::new(), line: 0 };
        if !table.advance()? {
            bail!("{}: is empty, expected a line of column names", table.file);
        }
        table.header = table.row.split('\t').map(str::to_owned).collect();
        Ok(table)
    }

    /// Reads the next row; false at the end.
    fn advance(&mut self) -> anyhow::Result<bool> {
        self.row.clear();
        self.line += 1;
        let n = self.reader.read_line(&mut self.row);
        if n.with_context(|| format!("{}:{}", self.file, self.line))? == 0 {
            return Ok(false);
        }
        let kept = self.row.trim_end_matches(['\n', '\r']).len();
        self.row.truncate(kept);
        Ok(true)
    }

    fn column(&self, name: &str) -> anyhow::Result<usize> {
        self.header.iter().position(|other| other == name).with_context(|| {
            let found = self.header.join(", ");
            format!("{}:1:1: found columns {found}, expected `{name}` among them", self.file)
        })
    }

    /// The columns named one by one or with commas between them, each once.
    fn chosen(&self, names: &[String]) -> anyhow::Result<Vec<String>> {
        let mut chosen = Vec::new();
        for text in names {
            if self.header.contains(text) {
                chosen.push(text.clone());
            } else {
                chosen.extend(text.split(',').map(str::to_owned));
            }
        }
        for (index, name) in chosen.iter().enumerate() {
            if chosen[..index].contains(name) {
                return Err(usage(format!("--columns names `{name}` twice, expected each column once")));
            }
        }
        Ok(chosen)
    }

    fn field(&self, column: usize) -> anyhow::Result<&str> {
        let found = self.row.split('\t').nth(column).filter(|field| !field.is_empty());
        found.with_context(|| {
            format!("{}:{}:{}: found nothing, expected a value", self.file, self.line, column + 1)
        })
    }

    /// A number, or NaN where the cell is empty.
    fn number(&self, column: usize) -> anyhow::Result<f64> {
        let (file, line) = (&self.file, self.line);
        let Some(text) = self.row.split('\t').nth(column) else {
            bail!(
                "{file}:{line}:{}: found the end of the line, expected a number or an empty cell",
                column + 1
            );
        };
        if text.is_empty() {
            return Ok(f64::NAN);
        }
        text.parse().map_err(|_| {
            anyhow::anyhow!(
                "{file}:{line}:{}: found `{text}`, expected a number or an empty cell",
                column + 1
            )
        })
    }
}
