use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::graph::Entry;
use super::lora;
use super::parameters::{Parameter, parameters};
use super::{EnformerConfig, EnformerHead, EnformerHeadInput};
use crate::ModelsError;

/// Tensors of an Enformer that are trained together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TrainableGroup {
    /// `head`: the layers from embeddings to tracks.
    Head,
    /// `pointwise`: the convolution before the heads, without its normalisation.
    Pointwise,
    /// `last:N`: all tensors of the last blocks of the transformer, 1 to all of them.
    Last(usize),
    /// `transformer`: all tensors of all blocks.
    Transformer,
    /// `layer-norms`: the scales and shifts of all normalisations within the transformer.
    LayerNorms,
    /// `tower`: the convolutions and pools of the stem and the tower, without their normalisations.
    Tower,
    /// `batch-norm`: the scales and shifts of all batch normalisations, which then normalise by the batch; their
    /// running statistics follow it.
    BatchNorm,
    /// `lora:R`: products of two matrices of this rank, added to the weights of queries, values and outputs of each
    /// block whose own are not trained (Hu et al. 2021, arXiv:2106.09685). They become part of the weights where these
    /// are saved.
    Lora(usize),
}

/// Which tensors of an Enformer are trained; all others stay as they are, to the last bit.
///
/// Written as groups with commas between them. Default: `head,pointwise,last:2`. A part of the network (a block, the
/// layer before the heads, a stage of the tower) of which nothing is trained runs as in evaluation: without dropout and
/// with the running statistics of its normalisations.
///
/// ```
/// use cistron_models::{EnformerConfig, Trainable};
///
/// let trainable: Trainable = "head,last:1".parse()?;
/// let names = trainable.resolve(&EnformerConfig::default())?;
/// assert_eq!(names.len(), 4 + 16);
/// assert!(names[4].starts_with("transformer.10."));
/// assert_eq!(Trainable::default().to_string(), "head,pointwise,last:2");
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trainable {
    /// In order, each kind once.
    groups: Vec<TrainableGroup>,
}

const EXPECTED: &str = "head, pointwise, last:N, transformer, layer-norms, tower, batch-norm or lora:R, with commas \
                        between them";

impl Trainable {
    /// The groups, in the order of [`TrainableGroup`].
    pub fn groups(&self) -> &[TrainableGroup] {
        &self.groups
    }

    /// The names of what is trained, in alphabetical order: those of the package, and `….lora_a` (R, inputs) and
    /// `….lora_b` (outputs, R) of layers with an addition of low rank.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for more blocks than there are or a rank above the width of a layer.
    pub fn resolve(&self, config: &EnformerConfig) -> Result<Vec<String>, ModelsError> {
        let all = parameters(config);
        let mut names: BTreeSet<String> = BTreeSet::new();
        for group in &self.groups {
            group.check(config)?;
            names.extend(all.iter().filter(|it| group.holds(it, &all, config)).map(|it| it.name.clone()));
        }
        if let Some(rank) = self.rank() {
            let frozen = all.iter().filter(|it| !names.contains(&it.name));
            let additions: Vec<String> = frozen
                .filter_map(|it| lora::layer_of(&it.name))
                .flat_map(|layer| lora::shapes(layer, rank, config).map(|(name, _)| name))
                .collect();
            names.extend(additions);
        }
        Ok(names.into_iter().collect())
    }

    /// The rank of what is added to weights, if anything is.
    pub(super) fn rank(&self) -> Option<usize> {
        self.groups.iter().find_map(|group| match group {
            TrainableGroup::Lora(rank) => Some(*rank),
            _ => None,
        })
    }

    /// The part of the network that gradients reach, from where on.
    pub(super) fn entry(&self, config: &EnformerConfig) -> Result<Entry, ModelsError> {
        let names = self.resolve(config)?;
        let block = |name: &String| match name.split('.').next() {
            Some("stem" | "conv_tower") => Some(Entry::Letters),
            Some("transformer") => name.split('.').nth(1)?.parse().ok().map(Entry::Block),
            _ => None,
        };
        Ok(names.iter().filter_map(block).min().unwrap_or(Entry::Block(config.depth)))
    }
}

impl Default for Trainable {
    fn default() -> Self {
        Self { groups: vec![TrainableGroup::Head, TrainableGroup::Pointwise, TrainableGroup::Last(2)] }
    }
}

impl TrainableGroup {
    fn check(self, config: &EnformerConfig) -> Result<(), ModelsError> {
        let widest = config.dim.min(config.heads * config.attn_dim_key);
        match self {
            Self::Last(n) if n > config.depth => {
                Err(refuse(self, &format!("last:N with at most the {} blocks of the model", config.depth)))
            }
            Self::Lora(rank) if rank > widest => {
                Err(refuse(self, &format!("lora:R with at most the {widest} numbers of a layer")))
            }
            _ => Ok(()),
        }
    }

    fn holds(self, parameter: &Parameter, all: &[Parameter], config: &EnformerConfig) -> bool {
        let name = parameter.name.as_str();
        let block = || name.strip_prefix("transformer.")?.split('.').next()?.parse::<usize>().ok();
        let is_of_batch_norm = || {
            let statistic = name.rsplit_once('.').map(|(layer, _)| format!("{layer}.running_mean"));
            all.iter().any(|it| Some(&it.name) == statistic.as_ref())
        };
        let reads_embeddings = |head: &EnformerHead| head.reads == EnformerHeadInput::Embeddings;
        let is_read =
            !name.starts_with("final_pointwise.") || config.output_heads.iter().any(reads_embeddings);
        parameter.trained
            && is_read
            && match self {
                Self::Head => name.starts_with("_heads."),
                Self::Pointwise => name.starts_with("final_pointwise.") && !is_of_batch_norm(),
                Self::Last(n) => block().is_some_and(|block| block + n >= config.depth),
                Self::Transformer => block().is_some(),
                Self::LayerNorms => block().is_some() && name.contains(".fn.0."),
                Self::Tower => {
                    (name.starts_with("stem.") || name.starts_with("conv_tower.")) && !is_of_batch_norm()
                }
                Self::BatchNorm => is_of_batch_norm(),
                Self::Lora(_) => false,
            }
    }

    /// A number that tells kinds apart.
    fn kind(self) -> std::mem::Discriminant<Self> {
        std::mem::discriminant(&self)
    }
}

fn refuse(found: impl fmt::Display, expected: &str) -> ModelsError {
    ModelsError::Option { option: "trainable", found: found.to_string(), expected: expected.to_owned() }
}

impl FromStr for TrainableGroup {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let number = |digits: &str| digits.parse().ok().filter(|&number: &usize| number > 0);
        let numbered = || match text.split_once(':')? {
            ("last", digits) => number(digits).map(Self::Last),
            ("lora", digits) => number(digits).map(Self::Lora),
            _ => None,
        };
        match text {
            "head" => Ok(Self::Head),
            "pointwise" => Ok(Self::Pointwise),
            "transformer" => Ok(Self::Transformer),
            "layer-norms" => Ok(Self::LayerNorms),
            "tower" => Ok(Self::Tower),
            "batch-norm" => Ok(Self::BatchNorm),
            _ => numbered().ok_or_else(|| refuse(format!("{text:?}"), EXPECTED)),
        }
    }
}

impl fmt::Display for TrainableGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Pointwise => f.write_str("pointwise"),
            Self::Last(n) => write!(f, "last:{n}"),
            Self::Transformer => f.write_str("transformer"),
            Self::LayerNorms => f.write_str("layer-norms"),
            Self::Tower => f.write_str("tower"),
            Self::BatchNorm => f.write_str("batch-norm"),
            Self::Lora(rank) => write!(f, "lora:{rank}"),
        }
    }
}

impl FromStr for Trainable {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let mut groups: Vec<TrainableGroup> =
            text.split(',').map(|group| group.trim().parse()).collect::<Result<_, ModelsError>>()?;
        groups.sort_unstable();
        let twice = groups
            .windows(2)
            .find(|pair| pair.first().map(|it| it.kind()) == pair.last().map(|it| it.kind()));
        match twice.and_then(<[TrainableGroup]>::last) {
            Some(group) => Err(refuse(format!("{text:?}, which names the group of {group} twice"), EXPECTED)),
            None => Ok(Self { groups }),
        }
    }
}

impl fmt::Display for Trainable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}
