//! `cistron vae sample` and `embed`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use cistron::encode::alignment::Family;
use cistron::ndarray::{Array2, ArrayView1};
use cistron::plot::{Scatter, Series, scatter};
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
    /// The first two latent variables, coloured by likeness to the focus, as SVG
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    alignment: AlignmentArgs,
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
    let picture = args.plot.as_ref().map(|path| open(Some(path), context)).transpose()?;
    let vae = Model::load(&args.model)?.into_vae(&args.model)?;
    let family = args.alignment.read(&args.input, context)?.family;
    let (found, expected) = (family.alphabet().to_string(), &vae.config().alphabet);
    ensure!(found == *expected, "{}: letters are {found}, expected {expected}", args.input.display());
    let embedding = vae.embed(family.codes())?;
    if let Some(mut file) = picture {
        ensure!(vae.config().n_latent > 1, "--plot takes two latent variables, the model has one");
        file.write_all(plane(&embedding.mean, &family)?.as_bytes())?;
        file.commit()?;
    }
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

/// The first two latent variables of each sequence, by how many letters are those of the focus.
fn plane(mean: &Array2<f64>, family: &Family) -> anyhow::Result<String> {
    let focus = family.wild_type().codes();
    let alike = |row: ArrayView1<'_, u8>| {
        let same = row.iter().zip(focus).filter(|(a, b)| a == b).count();
        same as f64 / focus.len() as f64
    };
    let mut parts = ["below 30 %", "30 to 50 %", "50 to 80 %", "80 % or more"].map(|name| (name, Vec::new()));
    for (row, mean) in family.codes().rows().into_iter().zip(mean.rows()) {
        let part = [0.3, 0.5, 0.8].iter().filter(|least| alike(row) >= **least).count();
        if let (Some((_, points)), [x, y, ..]) = (parts.get_mut(part), &*mean.to_vec()) {
            points.push((*x, *y));
        }
    }
    let filled = parts.iter().filter(|(_, points)| !points.is_empty());
    let series: Vec<Series<'_>> = filled.map(|(name, points)| Series { name, points }).collect();
    Ok(scatter(&Scatter {
        title: "Sequences by their share of the focus' letters",
        x_label: "latent variable 1",
        y_label: "latent variable 2",
        series: &series,
    })?)
}

fn open(path: Option<&PathBuf>, context: &Context) -> anyhow::Result<Output> {
    if let Some(path) = path {
        check_free(path, context)?;
    }
    Output::open(path, context)
}
