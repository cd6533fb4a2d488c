//! The network as operations that are differentiated and run on every device.
//!
//! What is not trained is held without a record, and what lies below the lowest trained tensor is not there at all:
//! [`Engine::rows_before`](super::engine::Engine::rows_before) computes what comes in.

use std::collections::BTreeSet;
use std::sync::Arc;

use cistron_core::Seed;

use super::engine::{LETTERS, Source, one_hot};
use super::lora::{self, Addition};
use super::parameters::parameters;
use super::parse::problem;
use super::{EnformerConfig, Trainable};
use crate::nn::{Parameters, Pass, Precision, Tensor};
use crate::{Checkpoint, Device, ModelsError};

mod attention;
mod contexts;
mod head;
mod layers;
mod part;
mod tower;

use attention::{Basis, Block};
use head::{Head, Pointwise};
use layers::Weights;
use part::Part;
use tower::Stage;

/// What comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// One-hot letters, (B, L, 4).
    Letters,
    /// The rows before a block of the transformer, (B, N, dim); before the crop where there is none left.
    Block(usize),
}

/// Where and how a graph is computed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GraphOptions {
    pub(super) device: Device,
    pub(super) precision: Precision,
    /// What additions of low rank begin as.
    pub(super) seed: Seed,
    /// Whether stages of the tower and blocks keep only what goes into them and are computed again for the gradients:
    /// a third more work for a fraction of the memory, and the same numbers.
    pub(super) recompute: bool,
}

/// What there is and what of it is trained.
struct Plan {
    entry: Entry,
    trained: BTreeSet<String>,
    rank: Option<usize>,
}

impl Plan {
    /// The additions of low rank to some of the tensors, and their shapes.
    fn additions(
        &self,
        config: &EnformerConfig,
        tensors: &[(String, Vec<usize>)],
    ) -> Vec<(String, Vec<usize>)> {
        let Some(rank) = self.rank else { return Vec::new() };
        let layers = tensors.iter().filter_map(|(name, _)| lora::layer_of(name));
        let all = layers.flat_map(|layer| lora::shapes(layer, rank, config));
        all.filter(|(name, _)| self.trained.contains(name)).collect()
    }
}

/// The layers from an entry on.
#[derive(Debug)]
pub(super) struct Graph {
    config: EnformerConfig,
    entry: Entry,
    options: GraphOptions,
    parameters: Parameters,
    stages: Vec<Part<Stage>>,
    blocks: Vec<Part<Block>>,
    pointwise: Part<Pointwise>,
    heads: Vec<Head>,
    additions: Vec<Addition>,
}

impl Graph {
    /// The part of the network that gradients by what is trained pass through. Takes each tensor that it needs from
    /// the source once.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for what cannot be trained, those of the source, [`ModelsError::Tensor`] if the device
    /// fails.
    pub(super) fn new(
        config: &EnformerConfig,
        trainable: &Trainable,
        source: Source<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        let trained = trainable.resolve(config)?.into_iter().collect();
        let plan = Plan { entry: trainable.entry(config)?, trained, rank: trainable.rank() };
        Self::build(config, &plan, source, options)
    }

    /// All layers, of which none is trained.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn whole(
        config: &EnformerConfig,
        source: Source<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        let plan = Plan { entry: Entry::Letters, trained: BTreeSet::new(), rank: None };
        Self::build(config, &plan, source, options)
    }

    fn build(
        config: &EnformerConfig,
        plan: &Plan,
        source: Source<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        let entry = plan.entry;
        let wanted = parameters(config).into_iter().filter(|it| is_within(&it.name, entry));
        let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
        let mut given = Checkpoint::new();
        for parameter in wanted {
            insert(&mut given, &parameter.name, &parameter.shape, &source(&parameter)?)?;
            tensors.push((parameter.name, parameter.shape));
        }
        for (name, shape) in plan.additions(config, &tensors) {
            insert(&mut given, &name, &shape, &lora::initial(&name, &shape, options.seed)?)?;
            tensors.push((name, shape));
        }
        let mut parameters = Parameters::given(options.device, options.precision, given);
        let mut weights = Weights::new(parameters.scope(options.seed), tensors, &plan.trained);
        let basis = Arc::new(Basis::new(config, options));
        let (stages, first_block) = match entry {
            Entry::Letters => (tower::stages(config, &mut weights)?, 0),
            Entry::Block(first) => (Vec::new(), first),
        };
        let blocks = (first_block..config.depth).map(|i| Block::part(i, config, &basis, &mut weights));
        let blocks = blocks.collect::<Result<_, ModelsError>>()?;
        let pointwise = Pointwise::part(config, &mut weights)?;
        let heads = config.output_heads.iter().map(|head| Head::new(head, &mut weights, options));
        let heads = heads.collect::<Result<_, ModelsError>>()?;
        let additions = weights.into_additions();
        let config = config.clone();
        Ok(Self { config, entry, options, parameters, stages, blocks, pointwise, heads, additions })
    }

    pub(super) fn entry(&self) -> Entry {
        self.entry
    }

    /// What is trained, and the running statistics that follow it; nothing that is frozen.
    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Each head's tracks, (B, bins, tracks), of what comes in.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the input has another shape or the device fails.
    pub(super) fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Vec<Tensor>, ModelsError> {
        let rows = self.rows(x, pass)?;
        let are_read = self.heads.iter().any(Head::reads_embeddings);
        let embeddings = are_read.then(|| self.pointwise.forward(&rows, pass, false)).transpose()?;
        self.heads.iter().map(|head| head.forward(&rows, embeddings.as_ref())).collect()
    }

    /// The transformer's rows of the bins that are kept, (B, bins, dim).
    fn rows(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        self.check(x)?;
        let mut x = x.clone();
        for stage in &self.stages {
            x = stage.forward(&x, pass, self.options.recompute)?;
        }
        for block in &self.blocks {
            x = block.forward(&x, pass, self.options.recompute)?;
        }
        let kept = self.config.kept_bins(x.shape().get(1).copied().unwrap_or(0));
        x.narrow(1, kept.start, kept.len())
    }

    /// The embeddings, (B, bins, 2 dim).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub(super) fn embeddings(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        self.pointwise.forward(&self.rows(x, pass)?, pass, false)
    }

    /// The embeddings of one sequence of letters in evaluation, (1, bins, 2 dim).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub(super) fn embed(&self, codes: &[u8]) -> Result<Tensor, ModelsError> {
        self.embeddings(&self.letters(codes)?, &mut Pass::Evaluation)
    }

    /// The tracks of a head of one sequence of letters in evaluation, (1, bins, tracks).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub(super) fn tracks(&self, codes: &[u8], head: usize) -> Result<Tensor, ModelsError> {
        let head = self.heads.get(head).ok_or_else(|| problem("output_heads", "found no such head"))?;
        let pass = &mut Pass::Evaluation;
        let rows = self.rows(&self.letters(codes)?, pass)?;
        let embeddings =
            head.reads_embeddings().then(|| self.pointwise.forward(&rows, pass, false)).transpose()?;
        head.forward(&rows, embeddings.as_ref())
    }

    fn letters(&self, codes: &[u8]) -> Result<Tensor, ModelsError> {
        let GraphOptions { device, precision, .. } = self.options;
        Tensor::from_f64(one_hot(codes), &[1, codes.len(), LETTERS], precision, device)
    }

    /// All tensors that training can have changed, under the package's names: additions of low rank are part of their
    /// weights.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub(super) fn weights(&self) -> Result<Checkpoint, ModelsError> {
        let mut weights = Checkpoint::new();
        for (name, tensor) in self.parameters.all().filter(|(name, _)| !lora::is_addition(name)) {
            let values = crate::Tensor::from_f32(tensor.shape(), &tensor.to_f32()?);
            weights.insert(name, values.ok_or_else(|| problem(name, "found another shape"))?);
        }
        for addition in &self.additions {
            weights.insert(&*addition.weight_name, addition.merged()?);
        }
        Ok(weights)
    }

    fn check(&self, x: &Tensor) -> Result<(), ModelsError> {
        let width = if self.entry == Entry::Letters { LETTERS } else { self.config.dim };
        match x.shape() {
            &[batch, length, found] if batch > 0 && length > 0 && found == width => Ok(()),
            found => {
                Err(problem("input", format!("found shape {found:?}, expected [batch, length, {width}]")))
            }
        }
    }
}

/// Whether a tensor belongs to what follows an entry.
fn is_within(name: &str, entry: Entry) -> bool {
    let Entry::Block(first) = entry else { return true };
    let mut parts = name.split('.');
    match parts.next() {
        Some("stem" | "conv_tower") => false,
        Some("transformer") => {
            parts.next().and_then(|part| part.parse().ok()).is_some_and(|block: usize| block >= first)
        }
        _ => true,
    }
}

fn insert(given: &mut Checkpoint, name: &str, shape: &[usize], values: &[f32]) -> Result<(), ModelsError> {
    let found = || problem(name, format!("found {} numbers, expected shape {shape:?}", values.len()));
    given.insert(name, crate::Tensor::from_f32(shape, values).ok_or_else(found)?);
    Ok(())
}

#[cfg(test)]
mod tests;
