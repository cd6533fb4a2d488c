//! Tables of annotations.

use std::collections::HashMap;
use std::io::BufRead;
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;
use cistron::Strand;
use cistron::genome::text;
use cistron::motif::{Annotation, Annotations, MotifError};

/// Names with a number each, by first appearance.
#[derive(Default)]
pub(super) struct Labels {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Labels {
    /// The names in the order of their numbers.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }
}

/// Annotations with the names of their examples and motifs.
pub(super) struct Table {
    pub(super) annotations: Annotations,
    pub(super) examples: Labels,
    pub(super) motifs: Labels,
    /// The number of positions of each example, where a list of examples gives it.
    lengths: Vec<Option<u32>>,
}

impl Table {
    /// Reads annotations; without `places` the columns start and end are not needed. `examples` lists all examples by
    /// name, in the first column, and perhaps by length, in the second; without it they are those of the table.
    pub(super) fn read(path: &Path, places: bool, examples: Option<&Path>) -> anyhow::Result<Self> {
        let file = path.display();
        let mut lines = text::open(path)?.lines();
        let header = lines.next().transpose()?.unwrap_or_default();
        let names: Vec<&str> = header.split('\t').collect();
        let find =
            |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|other| other == name));
        let column = |wanted: &[&str]| {
            find(wanted).with_context(|| {
                let found = names.join(", ");
                format!("{file}:1:1: found columns {found}, expected `{}` among them", wanted[0])
            })
        };
        let (example, motif) =
            (column(&["example", "sequence_name"])?, column(&["motif", "motif_name", "motif_idx"])?);
        let span = if places { Some((column(&["start"])?, column(&["end"])?)) } else { None };
        let rank = find(&["rank"]);
        let strand = find(&["strand"]);
        let numbers = [find(&["score"]), find(&["motif_p_value", "p_value"]), find(&["attribution"])];
        let mut table = Self::of_examples(examples)?;
        let listed = examples.map(|path| (path.display(), table.examples.names.len()));
        for (number, line) in (2_u64..).zip(lines) {
            let line = line?;
            let fields: Vec<&str> = line.split('\t').collect();
            let field = |column: usize| {
                let found = fields.get(column).copied().filter(|field| !field.is_empty());
                found.with_context(|| {
                    format!("{file}:{number}:{}: found nothing, expected a value", column + 1)
                })
            };
            if rank.is_some_and(|column| fields.get(column) != Some(&"1")) {
                continue;
            }
            let position = |column: usize| {
                let text = field(column)?;
                text.parse::<u32>().map_err(|_| {
                    anyhow::anyhow!("{file}:{number}:{}: found `{text}`, expected a position", column + 1)
                })
            };
            let (start, end) = match span {
                Some((start, end)) => (position(start)?, position(end)?),
                None => (0, 0),
            };
            if end < start {
                anyhow::bail!("{file}:{number}: end {end} is below start {start}");
            }
            let (example, motif) =
                (table.examples.number(field(example)?), table.motifs.number(field(motif)?));
            if let Some((list, known)) = listed.as_ref().filter(|(_, known)| example as usize >= *known) {
                let name = table.examples.name(example);
                anyhow::bail!("{file}:{number}: example `{name}` is not in {list} (it has {known})");
            }
            let value = |column: Option<usize>| {
                let Some(column) = column else { return Ok(f64::NAN) };
                let text = fields.get(column).copied().unwrap_or_default();
                if text.is_empty() {
                    return Ok(f64::NAN);
                }
                text.parse::<f64>().map_err(|_| {
                    anyhow::anyhow!("{file}:{number}:{}: found `{text}`, expected a number", column + 1)
                })
            };
            let strand =
                strand.and_then(|column| fields.get(column)).and_then(|text| Strand::from_symbol(text));
            let [score, p_value, attribution] = [value(numbers[0])?, value(numbers[1])?, value(numbers[2])?];
            table.annotations.push(Annotation {
                strand,
                score,
                p_value,
                attribution,
                ..Annotation::new(example, motif, start, end)
            });
        }
        Ok(table)
    }

    /// A table without annotations, over the examples of a list.
    fn of_examples(list: Option<&Path>) -> anyhow::Result<Self> {
        let mut table = Self {
            annotations: Annotations::new(),
            examples: Labels::default(),
            motifs: Labels::default(),
            lengths: Vec::new(),
        };
        let Some(path) = list else { return Ok(table) };
        for (line, number) in text::open(path)?.lines().zip(1..) {
            let line = line?;
            let mut fields = line.split('\t');
            let name = fields.next().unwrap_or_default();
            let length = fields.next().map(str::parse::<u32>).transpose().map_err(|_| {
                anyhow::anyhow!(
                    "{}:{number}:2: found no length, expected a number of positions",
                    path.display()
                )
            })?;
            if table.examples.number(name) as usize != table.lengths.len() {
                anyhow::bail!("{}:{number}:1: example `{name}` is there twice", path.display());
            }
            table.lengths.push(length);
        }
        Ok(table)
    }

    /// Name, start and end of the annotations of an example, by its number or its name's, that share a position with
    /// `positions`.
    pub(super) fn here(&self, example: usize, positions: Range<usize>) -> Vec<(String, i64, i64)> {
        let name = example.to_string();
        // Examples that have names are numbered by first appearance.
        let named = self.examples.names.iter().any(|name| name.parse::<usize>().is_err());
        let numbered = || u32::try_from(example).ok().filter(|_| named);
        let number = self.examples.numbers.get(&name).copied().or_else(numbered);
        let near =
            |row: &Annotation| (row.start as usize) < positions.end && row.end as usize > positions.start;
        let rows = self.annotations.iter().filter(|row| Some(row.example) == number && near(row));
        rows.map(|row| (self.motifs.name(row.motif).to_owned(), row.start.into(), row.end.into())).collect()
    }

    /// The length of each example: of the list, or else the largest end of all annotations.
    pub(super) fn lengths(&self) -> Vec<u32> {
        let largest = self.annotations.ends().iter().copied().max().unwrap_or(0);
        let length = |example: usize| self.lengths.get(example).copied().flatten().unwrap_or(largest);
        (0..self.examples.names.len()).map(length).collect()
    }

    /// An error of the library in the names of the table.
    pub(super) fn explain(&self, error: &MotifError, path: &Path) -> anyhow::Error {
        match error {
            MotifError::Overlap { left, right } => anyhow::anyhow!(
                "{}: {} at {}-{} and {} at {}-{} overlap in example {}, expected none to overlap",
                path.display(),
                self.motifs.name(left.motif),
                left.start,
                left.end,
                self.motifs.name(right.motif),
                right.start,
                right.end,
                self.examples.name(left.example)
            ),
            other => anyhow::anyhow!("{}: {other}", path.display()),
        }
    }
}
