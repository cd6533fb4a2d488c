//! The parts of a run that several processes share, and how they become one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use cistron_core::AtomicFile;
use cistron_encode::{ElementType, NpzMember, NpzReader, NpzWriter};
use ndarray::{Array2, Array4};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{DeltaBlock, EffectError};

const PLAN: &str = "plan.json";
const BLOCKS: &str = "blocks.npz";

/// An input of a run: its name without folders, and the SHA-256 of its bytes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct InputDigest {
    /// The file's name.
    pub name: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

impl InputDigest {
    /// Reads a file once, 64 KiB at a time.
    ///
    /// # Errors
    /// [`EffectError::Io`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("empty.bed");
    /// std::fs::write(&path, "")?;
    /// let digest = cistron_effects::InputDigest::of_file(&path)?;
    /// assert!(digest.sha256.starts_with("e3b0c44298fc1c14"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_file(path: &Path) -> Result<Self, EffectError> {
        let mut file = File::open(path).map_err(EffectError::io(path))?;
        let mut hash = Sha256::new();
        let mut bytes = vec![0; 1 << 16];
        loop {
            match file.read(&mut bytes).map_err(EffectError::io(path))? {
                0 => break,
                n => hash.update(&bytes[..n]),
            }
        }
        let digits: Vec<String> = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let sha256 = digits.concat();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, sha256 })
    }
}

/// What a part is a part of: equal in all parts of a run but for the shard and its blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct PartPlan {
    /// The version of this format, 1.
    pub version: u32,
    /// The release of cistron that wrote it.
    pub cistron: String,
    /// The command, such as `effect saturate`.
    pub command: String,
    /// What was read.
    pub inputs: Vec<InputDigest>,
    /// Every option that results depend on.
    pub options: serde_json::Value,
    /// The seed.
    pub seed: u64,
    /// Sequences a block.
    pub block_size: usize,
    /// The number of blocks of the whole.
    pub blocks: u64,
    /// `(N, L, A, T)` of the whole.
    pub shape: [usize; 4],
    /// Which part this is, `I/N`.
    pub shard: String,
    /// The part's blocks, half-open.
    pub block_range: Range<u64>,
}

impl PartPlan {
    fn is_of_the_same_run(&self, other: &Self) -> bool {
        let whole = |plan: &Self| Self { shard: String::new(), block_range: 0..0, ..plan.clone() };
        whole(self) == whole(other)
    }

    /// The records of the part's blocks.
    pub fn records(&self) -> Range<usize> {
        let at = |block: u64| (block as usize).saturating_mul(self.block_size).min(self.shape[0]);
        at(self.block_range.start)..at(self.block_range.end)
    }

    /// Makes the folder of a part that is about to be written, without a plan: what stood there is no part any more.
    ///
    /// # Errors
    /// [`EffectError::Io`] if the folder cannot be written.
    pub fn begin(folder: &Path) -> Result<(), EffectError> {
        fs::create_dir_all(folder).map_err(EffectError::io(folder))?;
        match fs::remove_file(folder.join(PLAN)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EffectError::io(folder)(error)),
            _ => Ok(()),
        }
    }

    /// Writes `plan.json` into the folder of a part whose blocks are there: now it is complete.
    ///
    /// # Errors
    /// [`EffectError::Io`] if the file cannot be written.
    pub fn complete(&self, folder: &Path) -> Result<(), EffectError> {
        let path = folder.join(PLAN);
        let plan = serde_json::to_string_pretty(self)
            .map_err(|error| EffectError::part(&path, error.to_string()))?;
        let mut file = AtomicFile::create(&path).map_err(EffectError::io(&path))?;
        file.write_all(plan.as_bytes()).and_then(|()| file.commit()).map_err(EffectError::io(&path))
    }
}

/// The sink that keeps a shard's blocks in a folder of their own: `plan.json` and `blocks.npz` with the effects
/// in f64, the sequences and the names.
pub struct PartWriter {
    folder: PathBuf,
    plan: PartPlan,
    file: NpzWriter,
    deltas: NpzMember,
    reference: NpzMember,
    codes: NpzMember,
}

impl PartWriter {
    /// Begins a part in a folder, which is made if it is missing. What stood there is replaced.
    ///
    /// # Errors
    /// [`EffectError::Io`] or [`EffectError::Encode`] if the folder cannot be written.
    pub fn create(folder: &Path, plan: PartPlan) -> Result<Self, EffectError> {
        PartPlan::begin(folder)?;
        let file = NpzWriter::create(folder.join(BLOCKS))?;
        let [_, length, letters, outputs] = plan.shape;
        let n = plan.records().len();
        Ok(Self {
            deltas: file.begin("deltas", ElementType::Float64, &[n, length, letters, outputs])?,
            reference: file.begin("reference", ElementType::Float64, &[n, outputs])?,
            codes: file.begin("codes", ElementType::Unsigned(1), &[n, length])?,
            folder: folder.to_path_buf(),
            plan,
            file,
        })
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// [`EffectError::Encode`] if the file cannot be written.
    pub fn push(&mut self, block: &DeltaBlock) -> Result<(), EffectError> {
        self.deltas.write(block.deltas.as_standard_layout().as_slice().unwrap_or_default())?;
        self.reference.write(block.reference.as_standard_layout().as_slice().unwrap_or_default())?;
        Ok(self.codes.write_bytes(block.codes.as_standard_layout().as_slice().unwrap_or_default())?)
    }

    /// Completes the part; `names` are those of its records.
    ///
    /// # Errors
    /// [`EffectError::Encode`] or [`EffectError::Io`] if a file cannot be written.
    pub fn finish(mut self, names: &[String]) -> Result<(), EffectError> {
        self.file.add(self.deltas)?;
        self.file.add(self.reference)?;
        self.file.add(self.codes)?;
        self.file.add_text("names", names)?;
        self.file.finish()?;
        self.plan.complete(&self.folder)
    }
}

/// The parts of one run, checked to be all of them, in order.
#[derive(Debug)]
pub struct Parts {
    folders: Vec<(PathBuf, PartPlan)>,
}

impl Parts {
    /// Reads the plans of some parts, given in any order.
    ///
    /// # Errors
    /// [`EffectError::Part`] naming the part that is not of the same run, is there twice, or is missing.
    pub fn open(folders: &[PathBuf]) -> Result<Self, EffectError> {
        let mut parts = folders
            .iter()
            .map(|folder| Ok((folder.clone(), read_plan(folder)?)))
            .collect::<Result<Vec<_>, EffectError>>()?;
        parts.sort_by_key(|(_, plan)| (plan.block_range.start, plan.block_range.end));
        let Some((first, plan)) = parts.first() else {
            return Err(EffectError::part(Path::new("merge"), "no part given, expected at least one"));
        };
        if let Some((other, _)) = parts.iter().find(|(_, other)| !other.is_of_the_same_run(plan)) {
            let problem = format!("is of another run than {}: their plans differ", first.display());
            return Err(EffectError::part(other, problem));
        }
        let mut next = 0;
        for (folder, plan) in &parts {
            let Range { start, end } = plan.block_range;
            if start > next {
                let problem = format!("blocks {next}..{start} are missing before part {}", plan.shard);
                return Err(EffectError::part(folder, problem));
            }
            if start < next && start < end {
                let problem = format!("part {} repeats blocks {start}..{}", plan.shard, next.min(end));
                return Err(EffectError::part(folder, problem));
            }
            next = next.max(end);
        }
        if next != plan.blocks {
            let problem = format!("blocks {next}..{} are missing after the last part", plan.blocks);
            return Err(EffectError::part(first, problem));
        }
        Ok(Self { folders: parts })
    }

    /// The plan that the parts share; its shard and block range are those of the first part.
    pub fn plan(&self) -> &PartPlan {
        // `open` refuses an empty list.
        &self.folders[0].1
    }

    /// The folders of the parts and their plans, in the order of their blocks.
    pub fn folders(&self) -> impl Iterator<Item = (&Path, &PartPlan)> {
        self.folders.iter().map(|(folder, plan)| (folder.as_path(), plan))
    }

    /// The names of all records.
    ///
    /// # Errors
    /// [`EffectError::Encode`] or [`EffectError::Part`] for a part that is not complete.
    pub fn names(&self) -> Result<Vec<String>, EffectError> {
        let mut names = Vec::new();
        for (folder, plan) in &self.folders {
            let own = NpzReader::open(folder.join(BLOCKS))?.text("names")?;
            if own.len() != plan.records().len() {
                let problem = format!("has {} names, expected {}", own.len(), plan.records().len());
                return Err(EffectError::part(folder, problem));
            }
            names.extend(own);
        }
        Ok(names)
    }

    /// Hands every block to the sink in order, as the run would have.
    ///
    /// # Errors
    /// [`EffectError::Encode`] or [`EffectError::Part`] for a part that is not complete, else the first error of
    /// the sink.
    pub fn replay(
        &self,
        sink: &mut dyn FnMut(DeltaBlock) -> Result<(), EffectError>,
    ) -> Result<(), EffectError> {
        self.folders.iter().try_for_each(|(folder, plan)| replay_part(folder, plan, sink))
    }
}

fn read_plan(folder: &Path) -> Result<PartPlan, EffectError> {
    let path = folder.join(PLAN);
    let text = fs::read_to_string(&path).map_err(EffectError::io(&path))?;
    let plan: PartPlan = serde_json::from_str(&text)
        .map_err(|error| EffectError::part(&path, format!("is no plan of a part: {error}")))?;
    let [n, ..] = plan.shape;
    let whole = plan.block_size > 0 && n.div_ceil(plan.block_size) as u64 == plan.blocks;
    let cells = plan.shape.iter().try_fold(8_usize, |product, &length| product.checked_mul(length));
    let inside = plan.block_range.start <= plan.block_range.end && plan.block_range.end <= plan.blocks;
    match plan.version {
        1 if whole && inside && cells.is_some() => Ok(plan),
        1 => Err(EffectError::part(&path, "has blocks that do not fit its number of records")),
        other => Err(EffectError::part(&path, format!("has version {other}, expected 1"))),
    }
}

fn replay_part(
    folder: &Path,
    plan: &PartPlan,
    sink: &mut dyn FnMut(DeltaBlock) -> Result<(), EffectError>,
) -> Result<(), EffectError> {
    let path = folder.join(BLOCKS);
    let mut file = NpzReader::open(&path)?;
    let [_, length, letters, outputs] = plan.shape;
    let records = plan.records();
    let mut expect = |name: &str, shape: &[usize]| -> Result<Vec<f64>, EffectError> {
        let (found, values) = file.numbers(name)?;
        let problem = || format!("array `{name}` has shape {found:?}, expected {shape:?}");
        if found == shape { Ok(values) } else { Err(EffectError::part(&path, problem())) }
    };
    let codes = expect("codes", &[records.len(), length])?;
    let codes: Vec<u8> = codes.into_iter().map(|code| code as u8).collect();
    let reference = expect("reference", &[records.len(), outputs])?;
    let header = file.header("deltas")?;
    if header.shape != [records.len(), length, letters, outputs] {
        let problem = format!("array `deltas` has shape {:?}, expected the plan's", header.shape);
        return Err(EffectError::part(&path, problem));
    }
    let mut id = plan.block_range.start;
    let mut begin = 0;
    let cells = length * letters * outputs;
    file.for_each_chunk("deltas", plan.block_size.saturating_mul(cells), |values| {
        let n = values.len() / cells.max(1);
        let shape = |error: ndarray::ShapeError| EffectError::part(&path, error.to_string());
        let rows = begin..begin + n;
        let own_codes = codes[rows.start * length..rows.end * length].to_vec();
        let own_reference = reference[rows.start * outputs..rows.end * outputs].to_vec();
        let block = DeltaBlock {
            id,
            first: records.start + begin,
            codes: Array2::from_shape_vec((n, length), own_codes).map_err(shape)?,
            deltas: Array4::from_shape_vec((n, length, letters, outputs), values.to_vec()).map_err(shape)?,
            reference: Array2::from_shape_vec((n, outputs), own_reference).map_err(shape)?,
        };
        id += 1;
        begin += n;
        sink(block)
    })
}
