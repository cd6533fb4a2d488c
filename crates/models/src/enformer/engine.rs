//! The whole network in a precision: letters to numbers of tracks.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

use super::heads::{Head, Output, Pointwise};
use super::layers::{Dense, LayerNorm, Scaling};
use super::parameters::{Parameter, parameters};
use super::tower::{Stage, Tower};
use super::transformer::{Block, Transformer};
use super::{EnformerConfig, EnformerContextLayer, EnformerHead, EnformerHeadInput};
use crate::ModelsError;
use crate::nn::Real;

/// The letters of the input.
pub(super) const LETTERS: usize = 4;

/// The layers with their weights, normalisations folded.
#[derive(Debug)]
pub(super) struct Engine<T> {
    pub(super) tower: Tower<T>,
    transformer: Transformer<T>,
    pub(super) pointwise: Pointwise<T>,
    pub(super) heads: Vec<Output<T>>,
}

/// Where the numbers of a tensor come from.
pub(super) type Source<'a> = &'a mut dyn FnMut(&Parameter) -> Result<Vec<f32>, ModelsError>;

impl<T: Real + Default> Engine<T> {
    /// Takes each tensor from the source once, in no promised order; those of single precision are not copied.
    pub(super) fn new(config: &EnformerConfig, source: Source<'_>) -> Result<Self, ModelsError> {
        let wanted = parameters(config).into_iter().map(|it| (it.name.clone(), it)).collect();
        let mut builder = Builder { wanted, source };
        let mut stages = vec![builder.stem()?];
        for i in 0..config.num_downsamples - 1 {
            stages.push(builder.stage(&format!("conv_tower.{i}"))?);
        }
        let blocks = (0..config.depth).map(|i| builder.block(&format!("transformer.{i}")));
        let blocks = blocks.collect::<Result<_, ModelsError>>()?;
        let heads = config.output_heads.iter().map(|head| builder.head(head));
        Ok(Self {
            tower: Tower { stages },
            transformer: Transformer {
                blocks,
                width: config.dim,
                heads: config.heads,
                norm: config.gamma_norm,
                cached: Mutex::new(None),
            },
            heads: heads.collect::<Result<_, ModelsError>>()?,
            pointwise: Pointwise {
                scaling: builder.scaling("final_pointwise.1.0")?,
                layer: builder.dense("final_pointwise.1.2")?,
            },
        })
    }

    /// What the tower makes of letters: (positions, dim).
    pub(super) fn trunk(&self, codes: &[u8]) -> Vec<T> {
        self.tower.run(one_hot(codes), codes.len())
    }

    /// What comes into a block of the transformer, or out of the last one: (positions, dim).
    pub(super) fn rows_before(&self, codes: &[u8], block: usize) -> Vec<T> {
        self.transformer.run_blocks(self.trunk(codes), block)
    }

    /// What the transformer makes of the tower's rows, at some positions: (positions, dim).
    pub(super) fn attended(&self, trunk: Vec<T>, positions: Range<usize>) -> Vec<T> {
        self.transformer.run(trunk, positions)
    }

    /// The embeddings of letters at some positions: (positions, 2 dim).
    pub(super) fn embeddings(&self, codes: &[u8], positions: Range<usize>) -> Vec<T> {
        self.pointwise.apply(&self.attended(self.trunk(codes), positions))
    }

    /// Tracks of a head of the transformer's rows: (positions, tracks). The head and the tracks are there.
    pub(super) fn tracks(&self, rows: &[T], head: usize, tracks: &[u32]) -> Vec<T> {
        self.heads[head].tracks(rows, &self.pointwise, tracks)
    }
}

/// Rows of 1 at each letter; padding and gaps are a quarter of each letter, unknown letters nothing.
pub(super) fn one_hot<T: Real>(codes: &[u8]) -> Vec<T> {
    let mut rows = vec![T::zero(); codes.len() * LETTERS];
    for (row, code) in rows.chunks_exact_mut(LETTERS).zip(codes) {
        match row.get_mut(usize::from(*code)) {
            Some(value) => *value = T::one(),
            None if usize::from(*code) > LETTERS => row.fill(T::of(0.25)),
            None => {}
        }
    }
    rows
}

struct Builder<'a> {
    wanted: HashMap<String, Parameter>,
    source: Source<'a>,
}

impl Builder<'_> {
    fn parameter(&self, name: &str) -> Result<&Parameter, ModelsError> {
        self.wanted.get(name).ok_or_else(|| super::parse::problem(name, "found no such parameter"))
    }

    fn single(&mut self, name: &str) -> Result<Vec<f32>, ModelsError> {
        let parameter = self.parameter(name)?.clone();
        (self.source)(&parameter)
    }

    fn values<T: Real>(&mut self, name: &str) -> Result<Vec<T>, ModelsError> {
        Ok(self.single(name)?.into_iter().map(|value| T::of(f64::from(value))).collect())
    }

    /// A layer, its weight called `<name>.weight`, and its bias if it has one.
    fn dense<T: Real>(&mut self, name: &str) -> Result<Dense<T>, ModelsError> {
        let weight = format!("{name}.weight");
        let &[outputs, inputs, ref taps @ ..] = &self.parameter(&weight)?.shape[..] else {
            return Err(super::parse::problem(weight, "found no matrix"));
        };
        let taps: usize = taps.iter().product();
        let mut values = self.values(&weight)?;
        if taps > 1 {
            put_taps_first(&mut values, inputs, taps);
        }
        let bias = format!("{name}.bias");
        let bias = if self.wanted.contains_key(&bias) { self.values(&bias)? } else { Vec::new() };
        Ok(Dense::new(values, bias, outputs))
    }

    fn scaling<T: Real>(&mut self, name: &str) -> Result<Scaling<T>, ModelsError> {
        let mut one = |what: &str| self.single(&format!("{name}.{what}"));
        let [weight, bias] = [one("weight")?, one("bias")?];
        let [mean, variance] = [one("running_mean")?, one("running_var")?];
        Ok(Scaling::new([&weight, &bias, &mean, &variance]))
    }

    fn norm<T: Real>(&mut self, name: &str) -> Result<LayerNorm<T>, ModelsError> {
        let weight = self.values(&format!("{name}.weight"))?;
        Ok(LayerNorm { weight, bias: self.values(&format!("{name}.bias"))? })
    }

    fn head<T: Real>(&mut self, head: &EnformerHead) -> Result<Output<T>, ModelsError> {
        let name = format!("_heads.{}", head.name);
        if let Some(layer) = head.contexts {
            return self.contexts(&format!("{name}."), head, layer);
        }
        let has_norm = head.reads == EnformerHeadInput::NormedTransformer;
        Ok(Output::Head(Head {
            reads: head.reads,
            norm: has_norm.then(|| self.norm(&format!("{name}.norm"))).transpose()?,
            layer: self.dense(&format!("{name}.0"))?,
            activation: head.activation,
        }))
    }

    fn contexts<T: Real>(
        &mut self,
        prefix: &str,
        head: &EnformerHead,
        layer: EnformerContextLayer,
    ) -> Result<Output<T>, ModelsError> {
        let own = |name: &String| name.strip_prefix(prefix).map(|own| (own.to_owned(), name.clone()));
        let names: Vec<(String, String)> = self.wanted.keys().filter_map(own).collect();
        let values = names.into_iter().map(|(own, name)| Ok((own, self.single(&name)?)));
        super::contexts::output(head, layer, &values.collect::<Result<_, ModelsError>>()?)
    }

    fn stem<T: Real>(&mut self) -> Result<Stage<T>, ModelsError> {
        self.stage_of(None, "stem.0", "stem.1.fn", "stem.2")
    }

    fn stage<T: Real>(&mut self, name: &str) -> Result<Stage<T>, ModelsError> {
        let before = self.scaling(&format!("{name}.0.0"))?;
        self.stage_of(Some(before), &format!("{name}.0.2"), &format!("{name}.1.fn"), &format!("{name}.2"))
    }

    fn stage_of<T: Real>(
        &mut self,
        before: Option<Scaling<T>>,
        conv: &str,
        residual: &str,
        pool: &str,
    ) -> Result<Stage<T>, ModelsError> {
        let taps = self.parameter(&format!("{conv}.weight"))?.shape.last().copied().unwrap_or(1);
        Ok(Stage {
            before,
            conv: self.dense(conv)?,
            taps,
            within: self.scaling(&format!("{residual}.0"))?,
            pointwise: self.dense(&format!("{residual}.2"))?,
            gate: self.dense(&format!("{pool}.to_attn_logits"))?,
        })
    }

    fn block<T: Real>(&mut self, name: &str) -> Result<Block<T>, ModelsError> {
        let attention = format!("{name}.0.fn.1");
        Ok(Block {
            attention_norm: self.norm(&format!("{name}.0.fn.0"))?,
            query: self.dense(&format!("{attention}.to_q"))?,
            key: self.dense(&format!("{attention}.to_k"))?,
            value: self.dense(&format!("{attention}.to_v"))?,
            relative: self.dense(&format!("{attention}.to_rel_k"))?,
            content_bias: self.values(&format!("{attention}.rel_content_bias"))?,
            position_bias: self.values(&format!("{attention}.rel_pos_bias"))?,
            out: self.dense(&format!("{attention}.to_out"))?,
            feed_norm: self.norm(&format!("{name}.1.fn.0"))?,
            up: self.dense(&format!("{name}.1.fn.1"))?,
            down: self.dense(&format!("{name}.1.fn.4"))?,
        })
    }
}

/// (outputs, inputs, taps) as (outputs, taps, inputs).
fn put_taps_first<T: Real>(weight: &mut [T], inputs: usize, taps: usize) {
    let mut row = vec![T::zero(); inputs * taps];
    for out in weight.chunks_exact_mut(inputs * taps) {
        for (input, values) in out.chunks_exact(taps).enumerate() {
            for (tap, value) in values.iter().enumerate() {
                row[tap * inputs + input] = *value;
            }
        }
        out.copy_from_slice(&row);
    }
}
