use serde::{Deserialize, Serialize};

use crate::enformer::parse::problem;
use crate::{Activation, ModelsError};

/// One output of an [`EnformerConfig`](crate::EnformerConfig): a layer that each bin goes through, and a function of
/// what it gives.
///
/// ```
/// use cistron_models::{EnformerConfig, EnformerHead};
///
/// let text = r#"{"output_heads": {"tracks": {"tracks": ["liver", "heart"], "activation": "none"}}}"#;
/// let expected = EnformerHead { activation: None, ..EnformerHead::named("tracks", ["liver", "heart"]) };
/// assert_eq!(EnformerConfig::from_json(text)?.output_heads, [expected]);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct EnformerHead {
    /// The head's name, as in `_heads.<name>.0.weight`.
    pub name: String,
    /// The names of the tracks; their numbers from 0 where a file gives only how many.
    pub tracks: Vec<String>,
    /// The function of the layer's numbers, `None` for the numbers themselves. Default: [`Activation::Softplus`].
    pub activation: Option<Activation>,
    /// What the layer reads. Default: [`EnformerHeadInput::Embeddings`].
    pub reads: EnformerHeadInput,
    /// How tracks come from contexts of theirs, which the weights hold. Default: they do not, each has a row of the
    /// layer.
    pub contexts: Option<EnformerContextLayer>,
}

/// How the tracks of an [`EnformerHead`] come from contexts: of each track one or more vectors, such as embeddings of
/// a cell type or a protein, so that the layer also knows tracks that it was not trained with.
///
/// ```
/// use cistron_models::{EnformerConfig, EnformerContextLayer};
///
/// let text = r#"{"output_heads": {"cells": {"tracks": ["liver", "heart"], "contexts": {"width": 128}}}}"#;
/// let head = &EnformerConfig::from_json(text)?.output_heads[0];
/// assert_eq!(head.contexts, Some(EnformerContextLayer { width: 128, tokens: 1, attention: None }));
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct EnformerContextLayer {
    /// The numbers of a vector.
    pub width: usize,
    /// The most vectors that a track has. Default: 1.
    #[serde(default = "one")]
    pub tokens: usize,
    /// Embeddings attend to a track's vectors and to a learned one that stands for none; without, a track has one
    /// vector, of which the layer's weights and bias are made. Default: without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<EnformerContextAttention>,
}

/// The attention of an [`EnformerContextLayer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct EnformerContextAttention {
    /// How many heads it has. Default: 8.
    pub heads: usize,
    /// The width of the keys, queries and values of a head. Default: 64.
    pub head_width: usize,
}

impl Default for EnformerContextAttention {
    fn default() -> Self {
        Self { heads: 8, head_width: 64 }
    }
}

const fn one() -> usize {
    1
}

/// More numbers in all than the heads of an attention have.
const MAX_INNER: usize = 1 << 20;

impl EnformerContextLayer {
    pub(super) fn check(self, reads: EnformerHeadInput, place: &str) -> Result<(), ModelsError> {
        let EnformerContextLayer { width, tokens, attention } = self;
        let refuse = |key: &str, found: String| Err(problem(format!("{place}.{key}"), found));
        if reads != EnformerHeadInput::Embeddings {
            return refuse("reads", format!("found {} with contexts, expected embeddings", reads.name()));
        }
        for (key, value) in [("width", width), ("tokens", tokens)] {
            if value == 0 {
                return refuse(&format!("contexts.{key}"), "found 0, expected at least 1".to_owned());
            }
        }
        match attention {
            None if tokens > 1 => {
                let found = format!("found {tokens} without attention, expected 1");
                refuse("contexts.tokens", found)
            }
            Some(EnformerContextAttention { heads, head_width })
                if !heads.checked_mul(head_width).is_some_and(|inner| (1..=MAX_INNER).contains(&inner)) =>
            {
                let found = format!("found {heads} heads of {head_width}, expected 1 to {MAX_INNER} numbers");
                refuse("contexts.attention", found)
            }
            _ => Ok(()),
        }
    }
}

impl EnformerHead {
    /// A head whose tracks are called by their numbers, with softplus of what it reads from the embeddings.
    pub fn numbered(name: &str, n_tracks: usize) -> Self {
        Self::named(name, (0..n_tracks).map(|track| track.to_string()))
    }

    /// A head with tracks of these names, with softplus of what it reads from the embeddings.
    pub fn named(name: &str, tracks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: name.to_owned(),
            tracks: tracks.into_iter().map(Into::into).collect(),
            activation: Some(Activation::Softplus),
            reads: EnformerHeadInput::Embeddings,
            contexts: None,
        }
    }
}

/// What the layer of an [`EnformerHead`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what the package's heads read, and what it meant them to")]
pub enum EnformerHeadInput {
    /// The embeddings, 2 dim wide: what the last convolution of one tap makes of the transformer's rows.
    Embeddings,
    /// The transformer's rows, dim wide: `post_transformer_embed` of enformer-pytorch 0.8.12, whose normalisation
    /// `post_embed_transform` is there and never applied.
    Transformer,
    /// The transformer's rows after a layer normalisation of the head's own, `_heads.<name>.norm`.
    NormedTransformer,
}

impl EnformerHeadInput {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Embeddings, Self::Transformer, Self::NormedTransformer];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Transformer => "transformer",
            Self::NormedTransformer => "normed_transformer",
        }
    }
}
