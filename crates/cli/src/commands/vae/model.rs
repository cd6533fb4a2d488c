//! A model of a family in a folder, or in a parameter file of plmc.

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use cistron::encode::Edit;
use cistron::encode::alignment::{Family, FamilyModel, Potts, SiteIndependent, WildType};
use cistron::genome::text;
use cistron::models::{Checkpoint, MutantEffect, Tensor, Vae};
use cistron::ndarray::Array2;
use cistron::{Alphabet, AtomicFile, Seed};
use serde::{Deserialize, Serialize};

use crate::record::write_text;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const PARAMETERS: &str = "model.params";
/// The version of the folder that is written; older ones are read.
const VERSION: u32 = 1;

/// What `config.json` says.
#[derive(Serialize, Deserialize)]
struct Config {
    model_type: String,
    version: u32,
    alphabet: String,
    focus: String,
    wild_type: String,
    positions: Vec<i64>,
    neff: f64,
    theta: Option<f64>,
}

/// A model that was loaded or fitted.
pub(super) enum Model {
    Independent(SiteIndependent),
    Pairwise(Box<Potts>),
    Vae(Box<Vae>),
}

/// The draws of a model whose effects are means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    pub(super) samples: usize,
    pub(super) seed: Seed,
}

impl Model {
    /// Reads a folder, or a parameter file of plmc, plain or compressed.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            return Ok(Self::Pairwise(Box::new(Potts::read_plmc(text::open(path)?, path)?)));
        }
        let file = path.join(CONFIG);
        let shown = || file.display().to_string();
        let config = std::fs::read_to_string(&file).with_context(shown)?;
        let kind: serde_json::Value = serde_json::from_str(&config).with_context(shown)?;
        if kind["model_type"] == "vae" {
            return Ok(Self::Vae(Box::new(Vae::load(path)?.0)));
        }
        let config: Config = serde_json::from_str(&config).with_context(shown)?;
        if config.version != VERSION {
            anyhow::bail!("{}: version is {}, expected {VERSION}", shown(), config.version);
        }
        match config.model_type.as_str() {
            "independent" => {
                let (rows, letters) = (config.positions.len(), config.alphabet.len());
                let weights = Checkpoint::read(path.join(WEIGHTS))?;
                let fields = weights.values("fields", &[Some(rows), Some(letters)])?;
                let fields = Array2::from_shape_vec((rows, letters), fields)?;
                let alphabet = Alphabet::custom(&config.alphabet).with_context(shown)?;
                let wild_type = WildType::new(alphabet, config.wild_type.as_bytes(), config.positions);
                let wild_type = wild_type.with_context(shown)?;
                Ok(Self::Independent(SiteIndependent::from_fields(wild_type, fields).with_context(shown)?))
            }
            "pairwise" => {
                let file = path.join(PARAMETERS);
                Ok(Self::Pairwise(Box::new(Potts::read_plmc(text::open(&file)?, &file)?)))
            }
            other => {
                anyhow::bail!("{}: model type is `{other}`, expected independent, pairwise or vae", shown())
            }
        }
    }

    /// Writes a folder, which is there; `config.json` comes last.
    pub(super) fn save(&self, folder: &Path, family: &Family) -> anyhow::Result<()> {
        let mut weights = Checkpoint::new();
        let model_type = match self {
            Self::Independent(model) => {
                let fields = model.fields();
                let values: Vec<f64> = fields.iter().copied().collect();
                insert(&mut weights, "fields", Tensor::from_f64(fields.shape(), &values))?;
                "independent"
            }
            Self::Pairwise(model) => {
                let fields = model.fields();
                let values: Vec<f32> = fields.iter().copied().collect();
                insert(&mut weights, "fields", Tensor::from_f32(fields.shape(), &values))?;
                let (letters, couplings) = (fields.ncols(), model.couplings());
                let shape = [couplings.len() / (letters * letters), letters, letters];
                insert(&mut weights, "couplings", Tensor::from_f32(&shape, couplings))?;
                let mut file = AtomicFile::create(folder.join(PARAMETERS))?;
                model.write_plmc(&mut file)?;
                file.flush()?;
                file.commit()?;
                "pairwise"
            }
            Self::Vae(model) => return Ok(model.save(folder)?),
        };
        weights.write(folder.join(WEIGHTS))?;
        let config = Config {
            model_type: model_type.to_owned(),
            version: VERSION,
            alphabet: family.alphabet().to_string(),
            focus: family.focus().to_owned(),
            wild_type: family.wild_type().letters(),
            positions: family.positions().to_vec(),
            neff: family.neff(),
            theta: family.theta(),
        };
        write_text(&folder.join(CONFIG), &format!("{}\n", serde_json::to_string_pretty(&config)?))
    }

    /// What is mutated.
    pub(super) fn wild_type(&self) -> anyhow::Result<&WildType> {
        Ok(match self {
            Self::Independent(model) => model.wild_type(),
            Self::Pairwise(model) => model.wild_type(),
            Self::Vae(model) => model.wild_type()?,
        })
    }

    /// What mutants do; exact effects have no standard error.
    pub(super) fn effects(&self, mutants: &[Vec<Edit>], draws: Draws) -> anyhow::Result<Vec<MutantEffect>> {
        let exact = |model: &dyn FamilyModel| {
            let effect = |mutant: &Vec<Edit>| model.effect(mutant);
            mutants
                .iter()
                .map(effect)
                .map(|effect| MutantEffect { effect, standard_error: f64::NAN })
                .collect()
        };
        Ok(match self {
            Self::Independent(model) => exact(model),
            Self::Pairwise(model) => exact(&**model),
            Self::Vae(model) => model.mutant_effects(mutants, draws.samples, draws.seed)?,
        })
    }

    /// The draws that effects are means of, if they are.
    pub(super) fn samples(&self, draws: Draws) -> Option<usize> {
        matches!(self, Self::Vae(_)).then_some(draws.samples)
    }

    /// The effect of each single mutant, (L, A).
    pub(super) fn single_effects(&self, draws: Draws) -> anyhow::Result<Array2<f64>> {
        Ok(match self {
            Self::Independent(model) => model.single_effects(),
            Self::Pairwise(model) => model.single_effects(),
            Self::Vae(model) => model.single_effects(draws.samples, draws.seed)?,
        })
    }

    /// The variational autoencoder of a path.
    pub(super) fn into_vae(self, path: &Path) -> anyhow::Result<Box<Vae>> {
        match self {
            Self::Vae(vae) => Ok(vae),
            _ => {
                anyhow::bail!("{}: model has no latent variables, expected one of --kind vae", path.display())
            }
        }
    }
}

fn insert(weights: &mut Checkpoint, name: &str, tensor: Option<Tensor>) -> anyhow::Result<()> {
    let tensor = tensor.with_context(|| format!("tensor `{name}` does not fit its shape"))?;
    weights.insert(name, tensor);
    Ok(())
}
