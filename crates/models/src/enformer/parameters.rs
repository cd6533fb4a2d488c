//! The tensors of an Enformer: names and shapes of the package, in its order, and what they begin as.

use cistron_core::Seed;

use super::{EnformerConfig, EnformerContextAttention, EnformerContextLayer, EnformerHeadInput};
use crate::ModelsError;
use crate::train::Initializer;

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Whether it is trained; else it is a running statistic.
    pub(super) trained: bool,
    start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Rule(Initializer),
    /// The bias of a layer with so many inputs.
    Bias(usize),
    /// 2 on the diagonal: pools begin with weights that hardly differ from the larger of two numbers.
    TwiceIdentity,
}

impl Parameter {
    /// The numbers before training, row after row; they depend on the seed and the name alone.
    pub(super) fn initial(&self, seed: Seed) -> Result<Vec<f32>, ModelsError> {
        match self.start {
            Start::Rule(rule) => rule.values(seed, &self.name, &self.shape),
            Start::Bias(inputs) => {
                Initializer::layer_bias(&[1, inputs])?.values(seed, &self.name, &self.shape)
            }
            Start::TwiceIdentity => {
                let width = self.shape.first().copied().unwrap_or(0);
                let mut values = vec![0.0; width * width];
                values.iter_mut().step_by(width + 1).for_each(|value| *value = 2.0);
                Ok(values)
            }
        }
    }
}

/// Every tensor in the package's order, without the counters of batches.
pub(super) fn parameters(config: &EnformerConfig) -> Vec<Parameter> {
    let mut list = List(Vec::new());
    let filters = config.tower_filters();
    let (dim, half) = (config.dim, config.dim / 2);
    list.layer("stem.0", &[half, 4, 15]);
    list.convolution("stem.1.fn", &[half, half, 1]);
    list.pool("stem.2", half);
    for (i, pair) in filters.windows(2).enumerate() {
        let &[inputs, outputs] = pair else { continue };
        list.convolution(&format!("conv_tower.{i}.0"), &[outputs, inputs, 5]);
        list.convolution(&format!("conv_tower.{i}.1.fn"), &[outputs, outputs, 1]);
        list.pool(&format!("conv_tower.{i}.2"), outputs);
    }
    for i in 0..config.depth {
        list.block(&format!("transformer.{i}"), config);
    }
    list.convolution("final_pointwise.1", &[2 * dim, dim, 1]);
    for head in &config.output_heads {
        if head.reads == EnformerHeadInput::NormedTransformer {
            list.scaling(&format!("_heads.{}.norm", head.name), dim);
        }
        let width = config.read_width(head.reads);
        let n_tracks = head.tracks.len();
        let name = format!("_heads.{}.", head.name);
        match head.contexts {
            Some(layer) => list.0.extend(of_contexts(&name, layer, n_tracks, width)),
            None => list.layer(&format!("{name}0"), &[n_tracks, width]),
        }
    }
    list.0
}

/// The tensors of a head of contexts, for embeddings of a width: those of the package's wrappers, and the contexts
/// themselves.
pub(super) fn of_contexts(
    prefix: &str,
    layer: EnformerContextLayer,
    n_tracks: usize,
    embeddings: usize,
) -> Vec<Parameter> {
    let mut list = List(Vec::new());
    let EnformerContextLayer { width, tokens, attention } = layer;
    let name = |part: &str| format!("{prefix}{part}");
    let normal = |deviation| Initializer::Normal { deviation };
    match attention {
        None => {
            // Of a vector of numbers around 1 this makes a row as another layer's begins.
            let deviation = (3.0 * (embeddings * width) as f64).powf(-0.5);
            list.rule(name("to_context_weights"), &[width, embeddings], normal(deviation));
            list.rule(name("to_context_bias"), &[width], Initializer::Zeros);
        }
        Some(EnformerContextAttention { heads, head_width }) => {
            let inner = heads * head_width;
            list.scaling(&name("query_norm"), embeddings);
            list.scaling(&name("key_values_norm"), width);
            list.rule(name("null_key"), &[inner], normal(1.0));
            list.rule(name("null_value"), &[inner], normal(1.0));
            list.rule(name("to_queries.weight"), &[inner, embeddings], Initializer::layer_weight());
            list.rule(name("to_key_values.weight"), &[2 * inner, width], Initializer::layer_weight());
            list.layer(&name("to_out"), &[embeddings, inner]);
            list.layer(&name("to_pred.0"), &[1, embeddings]);
        }
    }
    list.push(name(CONTEXTS), &[n_tracks, tokens, width], false, Start::Rule(normal(1.0)));
    if attention.is_some() {
        list.push(name(MASK), &[n_tracks, tokens], false, Start::Rule(Initializer::Ones));
    }
    list.0
}

/// The vectors of a head's tracks, (tracks, tokens, numbers), and, for attention, 1 or 0 for those that count or do not.
pub(super) const CONTEXTS: &str = "contexts";
pub(super) const MASK: &str = "contexts_mask";

struct List(Vec<Parameter>);

impl List {
    fn push(&mut self, name: String, shape: &[usize], trained: bool, start: Start) {
        self.0.push(Parameter { name, shape: shape.to_vec(), trained, start });
    }

    fn rule(&mut self, name: String, shape: &[usize], rule: Initializer) {
        self.push(name, shape, true, Start::Rule(rule));
    }

    /// A layer with a bias.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        let inputs = shape.iter().skip(1).product();
        self.rule(format!("{name}.weight"), shape, Initializer::layer_weight());
        self.push(format!("{name}.bias"), &shape[..1], true, Start::Bias(inputs));
    }

    fn scaling(&mut self, name: &str, width: usize) {
        self.rule(format!("{name}.weight"), &[width], Initializer::Ones);
        self.rule(format!("{name}.bias"), &[width], Initializer::Zeros);
    }

    /// Normalisation, GELU and a convolution.
    fn convolution(&mut self, name: &str, shape: &[usize; 3]) {
        let norm = format!("{name}.0");
        self.scaling(&norm, shape[1]);
        let mut statistic = |what, rule| {
            self.push(format!("{norm}.{what}"), &shape[1..2], false, Start::Rule(rule));
        };
        statistic("running_mean", Initializer::Zeros);
        statistic("running_var", Initializer::Ones);
        self.layer(&format!("{name}.2"), shape);
    }

    fn pool(&mut self, name: &str, width: usize) {
        let name = format!("{name}.to_attn_logits.weight");
        self.push(name, &[width, width, 1, 1], true, Start::TwiceIdentity);
    }

    fn block(&mut self, name: &str, config: &EnformerConfig) {
        let &EnformerConfig { dim, heads, attn_dim_key, .. } = config;
        let (keys, weight) = (heads * attn_dim_key, Initializer::layer_weight());
        self.scaling(&format!("{name}.0.fn.0"), dim);
        let attention = format!("{name}.0.fn.1");
        for bias in ["rel_content_bias", "rel_pos_bias"] {
            let normal = Initializer::Normal { deviation: 1.0 };
            self.rule(format!("{attention}.{bias}"), &[1, heads, 1, attn_dim_key], normal);
        }
        self.rule(format!("{attention}.to_q.weight"), &[keys, dim], weight);
        self.rule(format!("{attention}.to_k.weight"), &[keys, dim], weight);
        self.rule(format!("{attention}.to_v.weight"), &[dim, dim], weight);
        self.rule(format!("{attention}.to_out.weight"), &[dim, dim], Initializer::Zeros);
        self.rule(format!("{attention}.to_out.bias"), &[dim], Initializer::Zeros);
        self.rule(format!("{attention}.to_rel_k.weight"), &[keys, config.head_width()], weight);
        self.scaling(&format!("{name}.1.fn.0"), dim);
        self.layer(&format!("{name}.1.fn.1"), &[2 * dim, dim]);
        self.layer(&format!("{name}.1.fn.4"), &[dim, 2 * dim]);
    }
}
