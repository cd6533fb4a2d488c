use std::collections::BTreeMap;

use cistron_core::Seed;

use super::config::VaeConfig;
use super::kernel::{Lane, Level, normals};
use super::prior::{Prior, normal_quantile};
use super::tensors::{self, LATENT, SCALE_DIVERGENCE, TensorSpec};
use crate::{Checkpoint, ModelsError};

/// Where the random numbers of a pass come from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum VaeNoise<'a> {
    /// A seed and the number of the pass: Philox's numbers, any of which can be drawn without those before it.
    Drawn {
        /// The seed.
        seed: Seed,
        /// The number of the pass.
        step: u64,
    },
    /// Given ones, for comparisons: standard normal numbers by the names of the weights (`W_out`), `z` (n, latent),
    /// `W_out_scale_kl` if the prior of the scales asks for them, and `dropout_<layer>` (n, units), 0 where a unit is
    /// left out and 1 elsewhere.
    Given(&'a Checkpoint),
}

/// The noise of a pass, as it lies in memory.
pub(super) enum Noise<T> {
    Drawn { key: [u32; 2], step: u64 },
    Given(BTreeMap<u32, Vec<T>>),
}

impl<T: Lane> Noise<T> {
    /// The noise of a pass over `n` sequences.
    pub(super) fn new(noise: VaeNoise<'_>, config: &VaeConfig, n: usize) -> Result<Self, ModelsError> {
        let given = match noise {
            VaeNoise::Drawn { seed, step } => {
                let bits = seed.stream("vae noise", 0).next_u64();
                return Ok(Self::Drawn { key: [bits as u32, (bits >> 32) as u32], step });
            }
            VaeNoise::Given(given) => given,
        };
        let mut all = BTreeMap::new();
        let mut add = |spec: &TensorSpec, name: &str, stream| -> Result<(), ModelsError> {
            all.insert(stream, spec.read(given, name, T::zero())?);
            Ok(())
        };
        for spec in tensors::tensors(config).iter().filter(|spec| spec.is_drawn()) {
            add(spec, &spec.name, spec.stream)?;
            if matches!(spec.prior, Prior::Sampled(_)) {
                add(spec, &format!("{}_kl", spec.name), SCALE_DIVERGENCE)?;
            }
        }
        for spec in tensors::dropout_masks(config, n).iter().filter(|_| config.dropout > 0.0) {
            add(spec, &spec.name, spec.stream)?;
        }
        let z = given.values("z", &[Some(n), Some(config.n_latent)])?;
        all.insert(LATENT, z.into_iter().map(T::of).collect());
        Ok(Self::Given(all))
    }

    /// The numbers of a row of a stream.
    pub(super) fn fill(&self, level: Level, stream: u32, row: usize, out: &mut [T]) {
        match self {
            Self::Drawn { key: [low, high], step } => {
                let key = [low ^ stream.wrapping_mul(0x9E37_79B9), *high];
                normals(level, key, [row as u32, *step as u32, (step >> 32) as u32], out);
            }
            Self::Given(all) => {
                let values = all.get(&stream).and_then(|values| values.get(row * out.len()..));
                for (out, value) in out.iter_mut().zip(values.unwrap_or(&[])) {
                    *out = *value;
                }
            }
        }
    }

    /// What units are multiplied by if a share of them is left out: 0 or the inverse of the share that is not.
    pub(super) fn mask(&self, level: Level, stream: u32, share: f64, out: &mut [T]) {
        self.fill(level, stream, 0, out);
        let least = match self {
            Self::Drawn { .. } => normal_quantile(share),
            Self::Given(_) => 0.5,
        };
        let (least, factor) = (T::of(least), T::of(1.0 / (1.0 - share)));
        for x in out {
            *x = if *x >= least { factor } else { T::zero() };
        }
    }
}
