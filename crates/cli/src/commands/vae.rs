//! `cistron vae`: models of sequence families.

mod couplings;
mod groups;
mod input;
mod latent;
mod model;
mod mutants;
mod network;
mod prepare;
mod score;
mod train;

use cistron::encode::alignment::FamilyError;
use clap::Subcommand;

use crate::context::{Context, usage};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a family of an alignment: codes of its focus columns, and a weight for each sequence
    #[command(after_help = "Examples:\n  cistron vae prepare BLAT_ECOLX.a2m.gz -o blat.npz\n  \
                      cistron vae prepare riboswitch.fasta --alphabet rna --offset 0 --rule plmc -o riboswitch.npz")]
    Prepare(prepare::PrepareArgs),
    /// Fit a model of a family
    #[command(after_help = "Examples:\n  cistron vae train blat.npz --kind independent -o sites\n  \
                      cistron vae train blat.npz --kind pairwise -o pairs\n  \
                      cistron vae train blat.npz --kind vae --seed 1 -o vae\n  \
                      cistron vae train PTEN.a2m --rule eve --kind vae --size eve --steps 20000 -o eve")]
    Train(train::TrainArgs),
    /// Score mutants: higher is fitter, 0 is the wild type
    #[command(
        after_help = "Examples:\n  cistron vae score pairs --singles --plot singles.svg -o singles.tsv\n  \
                      cistron vae score pairs --mutants dms.csv --against dms.csv --column 2500 -o scores.tsv\n  \
                      cistron vae score YAP1_HUMAN_plmc.params --mutants mutants.csv\n  \
                      cistron vae score eve --singles --classes -o variants.tsv"
    )]
    Score(score::ScoreArgs),
    /// How strongly pairs of columns are coupled in a pairwise model, strongest first
    #[command(after_help = "Example: cistron vae couplings pairs --plot couplings.svg -o couplings.tsv")]
    Couplings(couplings::CouplingsArgs),
    /// New sequences of a variational autoencoder, as FASTA
    #[command(after_help = "Example: cistron vae sample vae --count 1000 -o new.fa")]
    Sample(latent::SampleArgs),
    /// Where sequences lie among the latent variables of a variational autoencoder
    #[command(after_help = "Example: cistron vae embed vae blat.npz -o latent.tsv")]
    Embed(latent::EmbedArgs),
    /// Positions that a variational autoencoder switches on together
    #[command(after_help = "Examples:\n  cistron vae groups vae --top 5 -o groups.tsv\n  \
                      cistron vae groups vae --structure blat.cif.gz --chain A -o groups.tsv")]
    Groups(groups::GroupsArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Prepare(args) => prepare::run(args, context),
        Command::Train(args) => train::run(args, context),
        Command::Score(args) => score::run(args, context),
        Command::Couplings(args) => couplings::run(args, context),
        Command::Sample(args) => latent::sample(args, context),
        Command::Embed(args) => latent::embed(args, context),
        Command::Groups(args) => groups::run(args, context),
    }
}

/// An option outside its range is a wrong use.
fn family_error(error: FamilyError) -> anyhow::Error {
    match error {
        FamilyError::Option { .. } => usage(error.to_string()),
        other => other.into(),
    }
}
