//! `cistron vae sample`, `embed` and `groups`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;

use super::input::AlignmentArgs;
use super::model::Model;
use crate::context::Context;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct SampleArgs {
    /// A folder of `vae train --kind vae`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// How many sequences
    #[arg(long, short, value_name = "N", default_value_t = 100)]
    count: usize,
    /// Output FASTA [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct EmbedArgs {
    /// A folder of `vae train --kind vae`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The family or alignment whose sequences are placed, of the columns of the model
    #[arg(value_name = "FAMILY.npz|ALIGNMENT")]
    input: PathBuf,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    alignment: AlignmentArgs,
}

#[derive(Args)]
pub(crate) struct GroupsArgs {
    /// A folder of `vae train --kind vae`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Positions of a group
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn sample(args: &SampleArgs, context: &Context) -> anyhow::Result<()> {
    let mut output = open(args.output.as_ref(), context)?;
    let vae = Model::load(&args.model)?.into_vae(&args.model)?;
    let alphabet = cistron::Alphabet::custom(&vae.config().alphabet)?;
    for (row, number) in vae.sample(args.count, context.seed)?.rows().into_iter().zip(1..) {
        let letters: String = row.iter().map(|code| char::from(alphabet.letter(*code))).collect();
        writeln!(output, ">sample_{number}\n{letters}")?;
    }
    output.commit()
}

pub(super) fn embed(args: &EmbedArgs, context: &Context) -> anyhow::Result<()> {
    let mut output = open(args.output.as_ref(), context)?;
    let vae = Model::load(&args.model)?.into_vae(&args.model)?;
    let family = args.alignment.read(&args.input, context)?.family;
    let (found, expected) = (family.alphabet().to_string(), &vae.config().alphabet);
    ensure!(found == *expected, "{}: letters are {found}, expected {expected}", args.input.display());
    let embedding = vae.embed(family.codes())?;
    write!(output, "name")?;
    for (what, column) in
        ["mu", "log_sigma"].iter().flat_map(|what| (1..=vae.config().n_latent).map(move |i| (what, i)))
    {
        write!(output, "\t{what}_{column}")?;
    }
    writeln!(output)?;
    let rows = embedding.mean.rows().into_iter().zip(embedding.log_sd.rows());
    for (name, (mean, log_sd)) in family.names().iter().zip(rows) {
        write!(output, "{name}")?;
        for number in mean.iter().chain(log_sd) {
            write!(output, "\t{}", Number(*number))?;
        }
        writeln!(output)?;
    }
    output.commit()
}

pub(super) fn groups(args: &GroupsArgs, context: &Context) -> anyhow::Result<()> {
    let mut output = open(args.output.as_ref(), context)?;
    let vae = Model::load(&args.model)?.into_vae(&args.model)?;
    let Ok(wild_type) = vae.wild_type() else {
        bail!("{}: model has no focus sequence, expected one", args.model.display());
    };
    let letters: Vec<char> = wild_type.letters().chars().collect();
    writeln!(output, "group\trank\tposition\tletter\tscale")?;
    for (group, members) in vae.position_groups(args.top)?.into_iter().enumerate() {
        for ((column, scale), rank) in members.into_iter().zip(1..) {
            let (position, letter) = (wild_type.positions()[column], letters[column]);
            writeln!(output, "{group}\t{rank}\t{position}\t{letter}\t{}", Number(scale))?;
        }
    }
    output.commit()
}

fn open(path: Option<&PathBuf>, context: &Context) -> anyhow::Result<Output> {
    if let Some(path) = path {
        check_free(path, context)?;
    }
    Output::open(path, context)
}
