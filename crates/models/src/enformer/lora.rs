//! Additions of low rank to frozen weights (Hu et al. 2021, arXiv:2106.09685).

use cistron_core::Seed;

use super::EnformerConfig;
use super::parse::problem;
use crate::ModelsError;
use crate::nn::Tensor;
use crate::train::Initializer;

/// The layers of a block that can have one.
const LAYERS: [&str; 3] = ["to_q", "to_v", "to_out"];

/// The layer of a weight, if it is one that can have an addition.
pub(super) fn layer_of(weight: &str) -> Option<&str> {
    let layer = weight.strip_suffix(".weight")?;
    LAYERS.contains(&layer.rsplit('.').next()?).then_some(layer)
}

/// The names of a layer's two matrices and their shapes, (R, inputs) and (outputs, R).
pub(super) fn shapes(layer: &str, rank: usize, config: &EnformerConfig) -> [(String, Vec<usize>); 2] {
    let outputs = if layer.ends_with("to_q") { config.heads * config.attn_dim_key } else { config.dim };
    let name = |which: &str| format!("{layer}.lora_{which}");
    [(name("a"), vec![rank, config.dim]), (name("b"), vec![outputs, rank])]
}

/// What a matrix begins as: the first as a layer of its own, the second as zeros, so that nothing is added yet.
pub(super) fn initial(name: &str, shape: &[usize], seed: Seed) -> Result<Vec<f32>, ModelsError> {
    let is_first = name.ends_with(".lora_a");
    let rule = if is_first { Initializer::layer_weight() } else { Initializer::Zeros };
    rule.values(seed, name, shape)
}

/// Whether a name is one of those.
pub(super) fn is_addition(name: &str) -> bool {
    name.ends_with(".lora_a") || name.ends_with(".lora_b")
}

/// An addition to the weights of a layer: `B A`.
#[derive(Clone, Debug)]
pub(super) struct Addition {
    /// The name of the weights.
    pub(super) weight_name: String,
    /// The weights that it is added to, (outputs, inputs).
    pub(super) weight: Tensor,
    pub(super) a: Tensor,
    pub(super) b: Tensor,
}

impl Addition {
    /// What it gives for rows of inputs.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.linear(&self.a, None)?.linear(&self.b, None)
    }

    /// The sum with the weights, in double precision until the end.
    pub(super) fn merged(&self) -> Result<crate::Tensor, ModelsError> {
        let (mut sum, a, b) = (self.weight.to_f64()?, self.a.to_f64()?, self.b.to_f64()?);
        let &[rank, inputs] = self.a.shape() else {
            return Err(problem(&self.weight_name, "found no matrix"));
        };
        for (row, b) in sum.chunks_exact_mut(inputs).zip(b.chunks_exact(rank)) {
            for (a, b) in a.chunks_exact(inputs).zip(b) {
                row.iter_mut().zip(a).for_each(|(sum, a)| *sum += a * b);
            }
        }
        let sum: Vec<f32> = sum.into_iter().map(|value| value as f32).collect();
        crate::Tensor::from_f32(self.weight.shape(), &sum)
            .ok_or_else(|| problem(&self.weight_name, "found another shape"))
    }
}
