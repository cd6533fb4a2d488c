//! Probes as checkpoints.

use ndarray::Array2;

use super::{KmerWeights, LETTERS, LinearProbe, MeanWeights, ProbeKind};
use crate::{Checkpoint, LoadReport, ModelsError, Tensor};

const FORMAT: &str = "cistron-probe";
const VERSION: &str = "1";

const MEAN: [&str; 4] = ["proj.weight", "proj.bias", "classifier.weight", "classifier.bias"];
const POSITIONAL: &str = "positional.weight";
const KMER: &str = "kmer.weight";
const BIAS: &str = "bias";

impl LinearProbe {
    /// Makes a probe of a checkpoint; tensors that it does not use are reported.
    ///
    /// Files without our header are read by their tensors: `positional.weight` or `kmer.weight` if they have
    /// them, else the four tensors of a mean probe.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`] with every name that is not there, [`ModelsError::TensorShape`],
    /// [`ModelsError::NonFinite`], or [`ModelsError::Format`] for a header of another kind or version.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<(Self, LoadReport), ModelsError> {
        let (probe, report) = match kind(checkpoint)? {
            ProbeKind::Mean => read_mean(checkpoint),
            kind => read_parts(checkpoint, kind),
        }?;
        let target = checkpoint.metadata("target").filter(|_| is_ours(checkpoint)).map(|target| {
            target.parse().map_err(|_| header_problem(checkpoint, "target", target, "class or value"))
        });
        Ok((Self { target: target.transpose()?, ..probe }, report))
    }

    /// The probe as a checkpoint.
    pub fn to_checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::new();
        let mut tensors: Vec<(&str, Vec<usize>, Vec<f64>)> = Vec::new();
        if let Some(part) = &self.mean {
            let MeanWeights { projection, projection_bias, classifier, classifier_bias } = &part.weights;
            let hidden = classifier.len();
            tensors.push((MEAN[0], vec![hidden, LETTERS], projection.iter().copied().collect()));
            tensors.push((MEAN[1], vec![hidden], projection_bias.clone()));
            tensors.push((MEAN[2], vec![1, hidden], classifier.clone()));
            tensors.push((MEAN[3], vec![1], vec![*classifier_bias]));
        } else {
            tensors.push((BIAS, vec![1], vec![self.bias]));
        }
        if let Some(weights) = &self.positional {
            tensors.push((POSITIONAL, vec![weights.nrows(), LETTERS], weights.iter().copied().collect()));
        }
        if let Some(weights) = &self.kmer {
            tensors.push((KMER, vec![weights.values().len()], weights.values().to_vec()));
            checkpoint.set_metadata("k", weights.k().to_string());
            checkpoint.set_metadata("both_strands", weights.both_strands().to_string());
        }
        let exact_in_f32 = |values: &[f64]| values.iter().all(|&value| f64::from(value as f32) == value);
        let narrow = tensors.iter().all(|(_, _, values)| exact_in_f32(values));
        for (name, shape, values) in tensors {
            let tensor = if narrow {
                let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                Tensor::from_f32(&shape, &values)
            } else {
                Tensor::from_f64(&shape, &values)
            };
            // The shapes above are those of the values.
            if let Some(tensor) = tensor {
                checkpoint.insert(name, tensor);
            }
        }
        for (key, value) in [("format", FORMAT), ("version", VERSION), ("kind", self.kind().name())] {
            checkpoint.set_metadata(key, value);
        }
        if let Some(target) = self.target {
            checkpoint.set_metadata("target", target.name());
        }
        checkpoint
    }
}

/// Whether the header is one that we write.
fn is_ours(checkpoint: &Checkpoint) -> bool {
    checkpoint.metadata("format") == Some(FORMAT)
}

fn header_problem(checkpoint: &Checkpoint, key: &str, found: &str, expected: &str) -> ModelsError {
    ModelsError::format(checkpoint.path(), format!("header says {key} `{found}`, expected {expected}"))
}

/// What a checkpoint says that it is, or else seems to be.
fn kind(checkpoint: &Checkpoint) -> Result<ProbeKind, ModelsError> {
    if is_ours(checkpoint) {
        let version = checkpoint.metadata("version").unwrap_or_default();
        if version != VERSION {
            return Err(header_problem(checkpoint, "version", version, VERSION));
        }
        let name = checkpoint.metadata("kind").unwrap_or_default();
        let names = ProbeKind::ALL.map(ProbeKind::name).join(", ");
        return name.parse().map_err(|_| header_problem(checkpoint, "kind", name, &names));
    }
    let has = |name: &str| checkpoint.tensors().any(|(found, _)| found.ends_with(name));
    Ok(match (has(POSITIONAL), has(KMER)) {
        (true, true) => ProbeKind::KmerPositional,
        (true, false) => ProbeKind::Positional,
        (false, true) => ProbeKind::Kmer,
        (false, false) => ProbeKind::Mean,
    })
}

fn read_mean(checkpoint: &Checkpoint) -> Result<(LinearProbe, LoadReport), ModelsError> {
    let (chosen, report) = checkpoint.select(&MEAN)?;
    let classifier = chosen.values(MEAN[2], &[Some(1), None])?;
    let hidden = classifier.len();
    let projection = chosen.values(MEAN[0], &[Some(hidden), Some(LETTERS)])?;
    let projection_bias = chosen.values(MEAN[1], &[Some(hidden)])?;
    let bias = chosen.values(MEAN[3], &[Some(1)])?;
    let weights = MeanWeights {
        projection: matrix(projection),
        projection_bias,
        classifier,
        classifier_bias: bias.iter().sum(),
    };
    Ok((LinearProbe::from_mean(weights)?, report))
}

fn read_parts(checkpoint: &Checkpoint, kind: ProbeKind) -> Result<(LinearProbe, LoadReport), ModelsError> {
    let mut names = vec![BIAS];
    names.extend(kind.has_positional().then_some(POSITIONAL));
    names.extend(kind.has_kmer().then_some(KMER));
    let (chosen, report) = checkpoint.select(&names)?;
    let bias = chosen.values(BIAS, &[Some(1)])?.iter().sum();
    let positional = if kind.has_positional() {
        Some(matrix(chosen.values(POSITIONAL, &[None, Some(LETTERS)])?))
    } else {
        None
    };
    let kmer = if kind.has_kmer() { Some(read_kmers(&chosen)?) } else { None };
    Ok((LinearProbe::from_parts(positional, kmer, bias)?, report))
}

fn read_kmers(checkpoint: &Checkpoint) -> Result<KmerWeights, ModelsError> {
    let values = checkpoint.values(KMER, &[None])?;
    let k = (1..=KmerWeights::MAX_K).find(|&k| LETTERS.pow(k as u32) == values.len());
    let k = k.ok_or_else(|| ModelsError::TensorShape {
        path: checkpoint.path().to_path_buf(),
        tensor: KMER.to_owned(),
        found: vec![values.len()],
        expected: "[4^k] with k from 1 to 8".to_owned(),
    })?;
    let header = |key, expected: &str, fits: bool| match checkpoint.metadata(key) {
        Some(found) if !fits => Err(header_problem(checkpoint, key, found, expected)),
        _ => Ok(()),
    };
    header("k", &k.to_string(), checkpoint.metadata("k") == Some(&k.to_string()))?;
    let strands = checkpoint.metadata("both_strands");
    header("both_strands", "true or false", matches!(strands, Some("true" | "false")))?;
    KmerWeights::new(k, strands == Some("true"), values)
        .map_err(|error| ModelsError::format(checkpoint.path(), error.to_string()))
}

/// Rows of four.
fn matrix(values: Vec<f64>) -> Array2<f64> {
    let rows = values.len() / LETTERS;
    Array2::from_shape_fn((rows, LETTERS), |(row, letter)| values[row * LETTERS + letter])
}
