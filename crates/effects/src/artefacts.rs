//! The files of a saturation mutagenesis.

mod decimal;
mod summary;
mod table;
mod top;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use cistron_core::AtomicFile;
use cistron_encode::{ElementType, NpzMember, NpzWriter};
use serde::{Deserialize, Serialize};

use crate::{DeltaBlock, EffectError, Scale, attributions};

pub use summary::Summary;

use table::Table;
use top::Top;

/// Whose rules the tables follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// Lines end in LF, masking blanks the reference letter, ties go to the lowest record and position.
    #[default]
    Current,
    /// As the notebook that this engine replaces: CR LF in the two TSV tables, masking blanks every effect of
    /// exactly 0, ties go to the highest record and position.
    Notebook,
}

/// Whether a result that is there already may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the run is refused before it begins.
    #[default]
    Keep,
    /// It is replaced when the new one is complete.
    Replace,
}

/// What the files of a run say about it, and which there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ArtefactOptions {
    /// The name in the files' names; letters, digits, `.`, `_` and `-`.
    pub split: String,
    /// The letters of the alphabet, in the order of their codes.
    pub letters: String,
    /// The names of the outputs; a table of more than one has a column for them.
    pub outputs: Vec<String>,
    /// `(N, L)`: sequences and positions.
    pub shape: (usize, usize),
    /// The model's file name.
    pub checkpoint: String,
    /// The scale of the effects.
    pub scale: Scale,
    /// The position step, for the record.
    pub step: usize,
    /// The position chunk, for the record.
    pub chunk: Option<usize>,
    /// The batch size, for the record.
    pub batch: usize,
    /// How many positions the table of the strongest has.
    pub top: usize,
    /// Whether the table leaves out the reference letter's own cell.
    pub mask_reference: bool,
    /// Whether the table of all positions is written at all.
    pub table: bool,
    /// Whose rules the tables follow.
    pub compatibility: Compatibility,
    /// Whether the effects are free of the model's rounding; if not, the strongest are compared after rounding
    /// to 12 digits.
    pub exact: bool,
}

impl ArtefactOptions {
    fn check(&self) -> Result<(), EffectError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.split.is_empty() || !self.split.bytes().all(plain) {
            return Err(EffectError::Option {
                what: "split name",
                found: format!("{:?}", self.split),
                expected: "letters, digits, `.`, `_` and `-`".into(),
            });
        }
        if self.chunk == Some(0) {
            return Err(EffectError::Option {
                what: "position chunk",
                found: "0".into(),
                expected: "at least 1".into(),
            });
        }
        Ok(())
    }
}

/// The sink that writes the files of a saturation mutagenesis, block by block.
///
/// Every file is complete or not there at all; memory does not grow with the number of sequences.
///
/// | file | content |
/// |---|---|
/// | `deltas_<split>.npz` | `deltas` (N, L, A) f32, or (N, L, A, T) with `tracks` |
/// | `deltas_<split>.tsv` | a line a position and output, 6 decimals |
/// | `top<K>_<split>.tsv` | the strongest positions |
/// | `attributions_<split>.npz` | `attributions` (N, L), `hypothetical` (N, L, A), `names` |
/// | `names_<split>.npz` | `names` (N) |
/// | `summary.csv` | a line a split: the mean effect and the mean absolute effect |
/// | `run_config.json` | the ten settings of the run, and its date |
pub struct Artefacts<'a> {
    folder: PathBuf,
    options: ArtefactOptions,
    names: &'a [String],
    deltas: (NpzWriter, NpzMember),
    attributions: (NpzWriter, Vec<NpzMember>),
    table: Option<(AtomicFile, Table)>,
    top: Top,
    summary: Summary,
}

impl<'a> Artefacts<'a> {
    /// Begins the files in a folder, which is made if it is missing.
    ///
    /// * `names` (N): the records' names
    ///
    /// # Errors
    /// [`EffectError::Option`] for an option that cannot be, [`EffectError::Exists`] for a file that may not be
    /// replaced, [`EffectError::Io`].
    pub fn create(
        folder: &Path,
        options: ArtefactOptions,
        names: &'a [String],
        existing: Existing,
    ) -> Result<Self, EffectError> {
        options.check()?;
        if existing == Existing::Keep {
            let files = targets(&options).into_iter().map(|name| folder.join(name));
            if let Some(path) = files.into_iter().find(|path| path.exists()) {
                return Err(EffectError::Exists(path));
            }
        }
        fs::create_dir_all(folder).map_err(EffectError::io(folder))?;
        let (n, length) = options.shape;
        let letters = options.letters.len();
        let file = |kind: &str| NpzWriter::create(folder.join(format!("{kind}_{}.npz", options.split)));
        let mut shape = vec![n, length, letters];
        if options.outputs.len() > 1 {
            shape.push(options.outputs.len());
        }
        let deltas = file("deltas")?;
        let member = deltas.begin("deltas", ElementType::Float32, &shape)?;
        let attributed = file("attributions")?;
        let members = vec![
            attributed.begin("attributions", ElementType::Float32, &[n, length])?,
            attributed.begin("hypothetical", ElementType::Float32, &[n, length, letters])?,
        ];
        let table = options.table.then(|| begin_table(folder, &options)).transpose()?;
        Ok(Self {
            folder: folder.to_path_buf(),
            names,
            deltas: (deltas, member),
            attributions: (attributed, members),
            table,
            top: Top::new(&options),
            summary: Summary::default(),
            options,
        })
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// [`EffectError::Encode`] or [`EffectError::Io`] if a file cannot be written.
    pub fn push(&mut self, block: &DeltaBlock) -> Result<(), EffectError> {
        let deltas = block.deltas.as_standard_layout();
        if let Some(values) = deltas.as_slice() {
            self.deltas.1.write(values)?;
        }
        let (own, hypothetical) = attributions(deltas.view(), block.codes.view());
        for (member, values) in self.attributions.1.iter_mut().zip([own.as_slice(), hypothetical.as_slice()])
        {
            member.write(values.unwrap_or_default())?;
        }
        self.summary.add(deltas.view());
        self.top.add(block.first, deltas.view());
        if let Some((file, table)) = &mut self.table {
            let names = self.names.get(block.first..).unwrap_or_default();
            file.write_all(table.render(names, deltas.view(), block.codes.view()))
                .map_err(EffectError::io(file.target()))?;
        }
        Ok(())
    }

    /// Completes the files; `date` is the UTC time for `run_config.json` (`2026-01-31T23:59:59Z`).
    ///
    /// # Errors
    /// [`EffectError::Encode`] or [`EffectError::Io`] if a file cannot be written.
    pub fn finish(self, date: &str) -> Result<Summary, EffectError> {
        let Self { folder, options, names, deltas, attributions, table, top, summary } = self;
        let (mut file, member) = deltas;
        file.add(member)?;
        if options.outputs.len() > 1 {
            file.add_text("tracks", &options.outputs)?;
        }
        file.finish()?;
        let (mut file, members) = attributions;
        members.into_iter().try_for_each(|member| file.add(member))?;
        file.add_text("names", names)?;
        file.finish()?;
        let mut file = NpzWriter::create(folder.join(format!("names_{}.npz", options.split)))?;
        file.add_text("names", names)?;
        file.finish()?;
        if let Some((file, _)) = table {
            let path = file.target().to_path_buf();
            file.commit().map_err(EffectError::io(&path))?;
        }
        write(&folder.join(top.file_name()), top.render(names).as_bytes())?;
        summary.add_to_file(&folder.join("summary.csv"), &options)?;
        write(&folder.join("run_config.json"), run_config(&options, date).as_bytes())?;
        Ok(summary)
    }
}

fn targets(options: &ArtefactOptions) -> Vec<String> {
    let split = &options.split;
    let mut names = vec![
        format!("deltas_{split}.npz"),
        format!("attributions_{split}.npz"),
        format!("names_{split}.npz"),
        top::file_name(options),
    ];
    if options.table {
        names.push(format!("deltas_{split}.tsv"));
    }
    names
}

fn begin_table(folder: &Path, options: &ArtefactOptions) -> Result<(AtomicFile, Table), EffectError> {
    let path = folder.join(format!("deltas_{}.tsv", options.split));
    let mut file = AtomicFile::create(&path).map_err(EffectError::io(&path))?;
    let table = Table::new(options);
    file.write_all(table.header().as_bytes()).map_err(EffectError::io(&path))?;
    Ok((file, table))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EffectError> {
    let mut file = AtomicFile::create(path).map_err(EffectError::io(path))?;
    file.write_all(bytes).and_then(|()| file.commit()).map_err(EffectError::io(path))
}

/// The ten settings, in the order and the form in which the notebook keeps them.
fn run_config(options: &ArtefactOptions, date: &str) -> String {
    let scale = summary::scale_name(options.scale);
    let value = serde_json::json!({
        "split": options.split, "N": options.shape.0, "L": options.shape.1, "ckpt": options.checkpoint,
        "scale": scale, "pos_step": options.step, "pos_chunk": options.chunk, "batch": options.batch,
        "K": options.top, "date": date,
    });
    format!("{value:#}")
}
