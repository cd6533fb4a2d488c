use std::collections::BTreeMap;
use std::path::Path;

use cistron_core::Seed;

use super::{EnformerTraining, HeadStart};
use crate::checkpoint::CheckpointFile;
use crate::enformer::contexts::Tensors;
use crate::enformer::parameters::{Parameter, parameters};
use crate::enformer::parse::problem;
use crate::enformer::{EnformerConfig, EnformerContexts, EnformerHead, Opened, open_folder, read_tensor};
use crate::train::Fnv;
use crate::{Activation, Checkpoint, LoadReport, ModelsError, Tensor, TrackWindows};

/// What training begins with.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "from something or from nothing")]
pub enum EnformerStart<'a> {
    /// The weights of a folder that [`Enformer::load`](crate::Enformer::load) reads.
    Folder(&'a Path),
    /// Weights as the package's begin, drawn from the seed of the run.
    Scratch(&'a EnformerConfig),
}

impl EnformerStart<'_> {
    /// The model's configuration; of a finetuned model of the package with the head in its weights.
    ///
    /// # Errors
    /// As [`Enformer::load`](crate::Enformer::load).
    pub fn config(&self) -> Result<EnformerConfig, ModelsError> {
        match self {
            Self::Folder(folder) => Ok(open_folder(folder)?.config),
            Self::Scratch(config) => Ok((*config).clone()),
        }
    }
}

impl EnformerTraining {
    /// The configuration of the model that is trained: that of the model before, with the bins of the data, and the
    /// head that is kept or a new one for the tracks of the data.
    ///
    /// # Errors
    /// [`ModelsError::Network`] if there is no such head or the bins do not fit the model's input.
    ///
    /// ```
    /// use cistron_models::{EnformerConfig, EnformerTraining};
    ///
    /// let tracks = ["liver".to_owned(), "heart".to_owned()];
    /// let config = EnformerTraining::default().config_for(&EnformerConfig::default(), 896, &tracks)?;
    /// assert_eq!(config.output_heads.len(), 1);
    /// assert_eq!(config.output_heads[0].tracks, tracks);
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn config_for(
        &self,
        before: &EnformerConfig,
        bins: usize,
        tracks: &[String],
    ) -> Result<EnformerConfig, ModelsError> {
        let mut config = before.clone();
        config.target_length = Some(bins);
        if let HeadStart::Kept(name) = &self.head {
            config.output_heads.retain(|head| head.name == *name);
            if config.output_heads.is_empty() {
                let names: Vec<&str> = before.output_heads.iter().map(|head| &*head.name).collect();
                let found = format!("found no head {name:?}, expected one of {}", names.join(", "));
                return Err(problem("output_heads", found));
            }
        } else {
            let Self { activation, reads, .. } = *self;
            let layer = self.contexts_of(tracks)?.map(|contexts| contexts.layer(self.context_attention));
            let contexts = layer.transpose()?;
            config.output_heads =
                vec![EnformerHead { activation, reads, contexts, ..EnformerHead::named(HEAD, tracks) }];
        }
        config.check()?;
        Ok(config)
    }

    /// The contexts of some tracks, if there are any.
    fn contexts_of(&self, tracks: &[String]) -> Result<Option<EnformerContexts>, ModelsError> {
        self.contexts.as_ref().map(|contexts| contexts.select(tracks)).transpose()
    }

    /// What is known of a new head: its contexts, and biases of which the mean of each track comes.
    fn new_head(&self, training: &dyn TrackWindows) -> Result<Tensors, ModelsError> {
        let biases = match self.head {
            HeadStart::TrackMeans => mean_biases(training, self.activation)?,
            HeadStart::Zero | HeadStart::Kept(_) => vec![0.0; training.tracks().len()],
        };
        let Some(contexts) = self.contexts_of(training.tracks())? else {
            return Ok(BTreeMap::from([("0.bias".to_owned(), biases)]));
        };
        let bias = if self.context_attention.is_some() {
            let mean = biases.iter().copied().map(f64::from).sum::<f64>() / biases.len().max(1) as f64;
            ("to_pred.0.bias".to_owned(), vec![mean as f32])
        } else {
            ("to_context_bias".to_owned(), contexts.weights_for(&biases))
        };
        let layer = contexts.layer(self.context_attention)?;
        Ok(contexts.tensors(layer).into_iter().chain([bias]).collect())
    }
}

/// The name of a new head.
const HEAD: &str = "tracks";

/// The model before its first step.
pub(super) struct Start {
    /// With the head that is trained and no other, and the bins of the data.
    pub(super) config: EnformerConfig,
    pub(super) loaded: LoadReport,
    /// The file of the weights, and the names there by the model's own; without, all are drawn.
    file: Option<(CheckpointFile, BTreeMap<String, String>)>,
    /// What is known of a new head, by the names of its tensors within it.
    new_head: Option<Tensors>,
    seed: Seed,
}

impl Start {
    pub(super) fn new(
        start: EnformerStart<'_>,
        options: &EnformerTraining,
        training: &dyn TrackWindows,
        seed: Seed,
    ) -> Result<Self, ModelsError> {
        let (config, file, loaded) = match start {
            EnformerStart::Scratch(config) => (config.clone(), None, LoadReport::default()),
            EnformerStart::Folder(folder) => {
                let Opened { config, file, found } = open_folder(folder)?;
                (config, Some((file, found.names)), found.report)
            }
        };
        let config = options.config_for(&config, training.bins(), training.tracks())?;
        let is_kept = matches!(options.head, HeadStart::Kept(_));
        let new_head = (!is_kept).then(|| options.new_head(training)).transpose()?;
        Ok(Self { config, loaded, file, new_head, seed })
    }

    /// What a tensor begins as.
    pub(super) fn values(&self, parameter: &Parameter) -> Result<Vec<f32>, ModelsError> {
        let own = parameter.name.strip_prefix(&format!("_heads.{HEAD}."));
        let known = own.and_then(|own| self.new_head.as_ref()?.get(own));
        match (&self.file, known) {
            (_, Some(values)) => Ok(values.clone()),
            (Some((file, names)), None) if self.new_head.is_none() || !is_of_head(parameter) => {
                read_tensor(file, names, parameter)
            }
            _ => parameter.initial(self.seed),
        }
    }

    /// What a tensor is, some of them having changed.
    pub(super) fn with(&self, changed: &Checkpoint, parameter: &Parameter) -> Result<Vec<f32>, ModelsError> {
        changed.get(&parameter.name).map_or_else(|| self.values(parameter), |tensor| Ok(tensor.to_f32()))
    }

    /// All weights, some of them having changed.
    pub(super) fn all_with(&self, changed: &Checkpoint) -> Result<Checkpoint, ModelsError> {
        let mut all = Checkpoint::new();
        for parameter in parameters(&self.config) {
            let values = self.with(changed, &parameter)?;
            let tensor = Tensor::from_f32(&parameter.shape, &values);
            let tensor = tensor.ok_or_else(|| problem(&parameter.name, "found another shape"))?;
            all.insert(parameter.name, tensor);
        }
        Ok(all)
    }

    /// A hash of the weights, without those of the heads if they are new.
    pub(super) fn digest(&self) -> Result<u64, ModelsError> {
        let mut hash = Fnv::default();
        for parameter in parameters(&self.config) {
            if self.new_head.is_some() && is_of_head(&parameter) {
                continue;
            }
            hash.add(parameter.name.as_bytes());
            self.values(&parameter)?.iter().for_each(|value| hash.add(&value.to_le_bytes()));
        }
        Ok(hash.number())
    }

    /// A hash of what is known of a new head.
    pub(super) fn head_digest(&self) -> u64 {
        let mut hash = Fnv::default();
        for (name, values) in self.new_head.iter().flatten() {
            hash.add(name.as_bytes());
            for value in values {
                hash.add(&value.to_le_bytes());
            }
        }
        hash.number()
    }
}

fn is_of_head(parameter: &Parameter) -> bool {
    parameter.name.starts_with("_heads.")
}

/// The smallest mean that a head begins with: softplus is never 0.
const LEAST_MEAN: f64 = 1e-3;

/// Biases of which a function, softplus or none, makes the mean of each track.
fn mean_biases(training: &dyn TrackWindows, activation: Option<Activation>) -> Result<Vec<f32>, ModelsError> {
    let n_tracks = training.tracks().len().max(1);
    let mut values = vec![0.0; training.bins() * n_tracks];
    let mut sums = vec![0.0; n_tracks];
    for window in 0..training.n_windows() {
        training.targets(window, &mut values)?;
        for bin in values.chunks_exact(n_tracks) {
            sums.iter_mut().zip(bin).for_each(|(sum, value)| *sum += f64::from(*value));
        }
    }
    let n = (training.n_windows() as f64 * training.bins() as f64).max(1.0);
    // ln(eᵐ - 1), which for large m is m.
    let inverse = |mean: f64| mean + (-(-mean).exp()).ln_1p();
    // Numbers that the loss does not take are refused where they are learned from.
    let bias = |sum: f64| match activation {
        _ if !sum.is_finite() => 0.0,
        None => (sum / n) as f32,
        Some(_) => inverse((sum / n).max(LEAST_MEAN)) as f32,
    };
    Ok(sums.into_iter().map(bias).collect())
}

#[cfg(test)]
mod tests {
    use cistron_core::Alphabet;
    use cistron_encode::SequenceBatch;
    use ndarray::Array3;

    use super::*;
    use crate::TracksInMemory;

    #[test]
    fn biases_begin_at_the_means() {
        let letters = SequenceBatch::from_rows(&Alphabet::dna(), 1, vec![0; 2]).unwrap();
        let means: [f64; 4] = [0.0, 0.5, 3.0, 500.0];
        let numbers = Array3::from_shape_fn((2, 3, 4), |(window, _, track)| {
            (means[track] + if window == 0 { -0.25 } else { 0.25 }) as f32
        });
        let windows =
            TracksInMemory::new(letters, numbers, ["a", "b", "c", "d"].map(String::from).to_vec()).unwrap();
        let plain = mean_biases(&windows, None).unwrap();
        assert!(
            plain.iter().zip(means).all(|(bias, mean)| (f64::from(*bias) - mean).abs() < 1e-6),
            "{plain:?}"
        );
        let softplus = Some(Activation::Softplus);
        for (bias, mean) in mean_biases(&windows, softplus).unwrap().into_iter().zip(means) {
            let softplus = f64::from(bias).exp().ln_1p();
            let softplus = if softplus.is_finite() { softplus } else { f64::from(bias) };
            assert!((softplus - mean.max(LEAST_MEAN)).abs() < 1e-6 * (1.0 + mean), "{bias} {mean}");
        }
    }
}
