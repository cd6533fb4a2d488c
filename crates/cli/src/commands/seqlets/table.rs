//! Tables of annotations.

use std::collections::HashMap;
use std::io::BufRead;
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;
use cistron::Strand;
use cistron::genome::{bed, text};
use cistron::motif::{Annotation, Annotations, MotifError};

use crate::context::usage;

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
        let listed = table.listed(examples);
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
            let (example, motif) = table
                .numbers(field(example)?, field(motif)?, listed.as_ref())
                .map_err(|problem| anyhow::anyhow!("{file}:{number}: {problem}"))?;
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

    /// Reads the rows of a BED file: the contig is the example, column 4 the motif.
    pub(super) fn read_bed(path: &Path, examples: Option<&Path>) -> anyhow::Result<Self> {
        let mut reader = bed::Reader::open(path)?;
        let mut table = Self::of_examples(examples)?;
        let listed = table.listed(examples);
        while let Some(record) = reader.next().transpose()? {
            let at = |problem: String| anyhow::anyhow!("{}:{}:{problem}", path.display(), reader.line());
            let name = record.name().filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| at("4: found nothing, expected the name of a motif".to_owned()))?;
            let (example, motif) = table
                .numbers(record.region.contig(), name, listed.as_ref())
                .map_err(|problem| at(format!("1: {problem}")))?;
            let position = |position: u64| {
                let beyond = || at(format!("3: found {position}, expected at most {}", u32::MAX));
                u32::try_from(position).map_err(|_| beyond())
            };
            let (start, end) = (position(record.region.start())?, position(record.region.end())?);
            let score = record.score().and_then(|score| score.parse().ok()).unwrap_or(f64::NAN);
            table.annotations.push(Annotation {
                strand: record.strand,
                score,
                ..Annotation::new(example, motif, start, end)
            });
        }
        Ok(table)
    }

    /// The list of examples by name, with their number.
    fn listed(&self, examples: Option<&Path>) -> Option<(String, usize)> {
        examples.map(|path| (path.display().to_string(), self.examples.names.len()))
    }

    /// The numbers of an example and a motif; an example that a list does not have is refused.
    fn numbers(
        &mut self,
        example: &str,
        motif: &str,
        listed: Option<&(String, usize)>,
    ) -> Result<(u32, u32), String> {
        let number = self.examples.number(example);
        match listed {
            Some((list, known)) if number as usize >= *known => {
                Err(format!("example `{example}` is not in {list} (it has {known})"))
            }
            _ => Ok((number, self.motifs.number(motif))),
        }
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

    /// The number of a motif that the user names.
    pub(super) fn motif(&self, name: &str) -> anyhow::Result<u32> {
        self.motifs.numbers.get(name).copied().ok_or_else(|| {
            let known = self.motifs.names.len();
            usage(format!("found motif `{name}`, expected one of the {known} of the table"))
        })
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
