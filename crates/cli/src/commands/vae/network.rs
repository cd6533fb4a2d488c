//! Training of a variational autoencoder for `cistron vae train`.

use std::path::Path;

use cistron::encode::alignment::Family;
use cistron::models::{
    ModelsError, RunFolder, TrainedVae, VaeAdam, VaeConfig, VaePoint, VaeTraining, train_vae,
};
use clap::{Args, ValueEnum};

use crate::context::{Context, usage};

/// What only variational autoencoders have.
#[derive(Args)]
#[command(next_help_heading = "Variational autoencoders")]
pub(super) struct NetworkArgs {
    /// Width of the layers [default: small]
    #[arg(long, value_enum)]
    size: Option<SizeArg>,
    /// Latent variables; 2 for a picture [default: small 20, medium and full 30, eve 50]
    #[arg(long, value_name = "N")]
    latent: Option<usize>,
    /// Sequences of an update [default: 100, eve 256]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate of the first half of all updates, of all for eve [default: small 0.003, medium and full 0.001,
    /// eve 0.0001]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// standard, or fixed-t: as DeepSequence, whose steps all count as the first [default: standard]
    #[arg(long, value_name = "RULE", value_parser = parse_adam)]
    adam: Option<VaeAdam>,
    /// Weights are points with penalties, not posteriors
    #[arg(long)]
    map: bool,
    /// Go on with an interrupted run; the result is that of one that was not
    #[arg(long)]
    pub(super) resume: bool,
}

/// Widths of layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SizeArg {
    /// Encoder 200, decoder 50 and 4 x 40: minutes
    #[default]
    Small,
    /// Encoder 300 and 300, decoder 100 and 4 x 100
    Medium,
    /// DeepSequence's: encoder 1500 and 1500, decoder 100 and 4 x 500
    Full,
    /// EVE's network, likelihood and training: encoder 2000, 1000 and 300, decoder 300, 1000 and 2000
    Eve,
}

fn parse_adam(text: &str) -> Result<VaeAdam, String> {
    text.parse().map_err(|error: ModelsError| error.to_string())
}

impl NetworkArgs {
    /// An option that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let options = [
            ("--size", self.size.is_some()),
            ("--latent", self.latent.is_some()),
            ("--batch", self.batch.is_some()),
            ("--lr", self.lr.is_some()),
            ("--adam", self.adam.is_some()),
            ("--map", self.map),
            ("--resume", self.resume),
        ];
        options.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    fn config(&self, family: &Family) -> VaeConfig {
        let (letters, length) = (family.alphabet().to_string(), family.width());
        let config = match self.size.unwrap_or_default() {
            SizeArg::Small => VaeConfig::small(&letters, length),
            SizeArg::Medium => VaeConfig::medium(&letters, length),
            SizeArg::Full => VaeConfig { alphabet: letters, length, ..VaeConfig::default() },
            SizeArg::Eve => VaeConfig::eve(&letters, length),
        };
        VaeConfig {
            n_latent: self.latent.unwrap_or(config.n_latent),
            point: self.map.then(VaePoint::default),
            ..config
        }
    }

    fn training(&self, steps: Option<usize>) -> VaeTraining {
        let defaults = VaeTraining::default();
        let defaults = match self.size.unwrap_or_default() {
            SizeArg::Small => defaults,
            SizeArg::Medium | SizeArg::Full => VaeTraining { learning_rate: 1e-3, ..defaults },
            SizeArg::Eve => VaeTraining::eve(),
        };
        VaeTraining {
            steps: steps.map_or(defaults.steps, |steps| steps as u64),
            batch: self.batch.unwrap_or(defaults.batch),
            learning_rate: self.lr.unwrap_or(defaults.learning_rate),
            adam: self.adam.unwrap_or_default(),
            ..defaults
        }
    }

    /// Trains into a folder, which then holds the model.
    pub(super) fn train(
        &self,
        steps: Option<usize>,
        family: &Family,
        output: &Path,
        context: &Context,
    ) -> anyhow::Result<TrainedVae> {
        let folder = if self.resume {
            RunFolder::resume(output)?
        } else if context.force {
            RunFolder::replace(output)
        } else {
            RunFolder::create(output)?
        };
        let trained =
            train_vae(&self.config(family), family, &self.training(steps), Some(&folder), context.run());
        trained.map_err(|error| match error {
            ModelsError::Option { .. } => usage(error.to_string()),
            other => other.into(),
        })
    }
}
