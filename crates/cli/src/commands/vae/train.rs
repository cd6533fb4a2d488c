//! `cistron vae train`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use cistron::AtomicFile;
use cistron::encode::alignment::{Family, Potts, PottsOptions, SiteIndependent};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::family_error;
use super::input::AlignmentArgs;
use super::model::Model;
use super::network::NetworkArgs;
use crate::context::{Context, usage};
use crate::output::check_free;
use crate::record::{Record, digests};

#[derive(Args)]
pub(crate) struct TrainArgs {
    /// A family of `vae prepare`, or an alignment
    #[arg(value_name = "FAMILY.npz|ALIGNMENT")]
    input: PathBuf,
    /// Which model
    #[arg(long, value_enum)]
    kind: KindArg,
    /// Folder of the model
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Added to the weighted count of each letter (independent) [default: 1]
    #[arg(long, value_name = "COUNT", conflicts_with = "lambda_h")]
    pseudocount: Option<f64>,
    /// Penalty of the squares of fields (pairwise; independent: fits fields with it in place of a pseudocount)
    /// [default: 0.01 (pairwise)]
    #[arg(long, value_name = "L")]
    lambda_h: Option<f64>,
    /// Penalty of the squares of couplings (pairwise) [default: 0.2 times the columns less 1]
    #[arg(long, value_name = "L")]
    lambda_j: Option<f64>,
    /// Largest number of steps (pairwise) [default: 20], or number of updates (vae) [default: 6000, eve 400000]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    alignment: AlignmentArgs,
}

/// The kinds of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// Columns by themselves
    Independent,
    /// Columns and pairs of columns
    Pairwise,
    /// A variational autoencoder: all columns at once
    Vae,
}

pub(super) fn run(args: &TrainArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    args.check()?;
    if !args.network.resume {
        check_free(&args.output.join("config.json"), context)?;
    }
    let family = args.alignment.read(&args.input, context)?.family;
    let mut log = Vec::new();
    let more = json!({"command": "vae train", "sequences": family.len(), "neff": family.neff()});
    let inputs = || digests(std::slice::from_ref(&args.input));
    let model = match args.kind {
        KindArg::Vae => {
            args.network.train(args.steps, &family, &args.output, context)?;
            return record.write(&args.output, context, &inputs()?, &more);
        }
        KindArg::Independent => independent(args, &family)?,
        KindArg::Pairwise => pairwise(args, &family, &mut log, context)?,
    };
    fs::create_dir_all(&args.output).map_err(|error| anyhow!("{}: {error}", args.output.display()))?;
    let mut file = AtomicFile::create(args.output.join("train.jsonl"))?;
    for line in &log {
        writeln!(file, "{line}")?;
    }
    file.commit()?;
    model.save(&args.output, &family)?;
    record.write(&args.output, context, &inputs()?, &more)
}

impl TrainArgs {
    /// Refuses options that the kind of model does not have.
    fn check(&self) -> anyhow::Result<()> {
        let pseudocount = ("--pseudocount", self.pseudocount.is_some());
        let [lambda_h, lambda_j] =
            [("--lambda-h", self.lambda_h.is_some()), ("--lambda-j", self.lambda_j.is_some())];
        let of_network = self.network.given();
        let network = (of_network.unwrap_or(""), of_network.is_some());
        let (kind, wrong) = match self.kind {
            KindArg::Independent => {
                ("independent", vec![lambda_j, ("--steps", self.steps.is_some()), network])
            }
            KindArg::Pairwise => ("pairwise", vec![pseudocount, network]),
            KindArg::Vae => ("vae", vec![pseudocount, lambda_h, lambda_j]),
        };
        match wrong.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(usage(format!("{option} has no meaning for --kind {kind}"))),
            None => Ok(()),
        }
    }
}

fn independent(args: &TrainArgs, family: &Family) -> anyhow::Result<Model> {
    let model = match args.lambda_h {
        Some(lambda) => SiteIndependent::fitted(family, lambda),
        None => SiteIndependent::log_odds(family, args.pseudocount.unwrap_or(1.0)),
    };
    Ok(Model::Independent(model.map_err(family_error)?))
}

fn pairwise(
    args: &TrainArgs,
    family: &Family,
    log: &mut Vec<Value>,
    context: &Context,
) -> anyhow::Result<Model> {
    let defaults = PottsOptions::default();
    let options = PottsOptions {
        lambda_h: args.lambda_h.unwrap_or(defaults.lambda_h),
        lambda_j: args.lambda_j,
        iterations: args.steps.unwrap_or(defaults.iterations),
        ..defaults
    };
    let model = Potts::fit(family, &options, context.run(), |it| {
        log.push(json!({
            "step": it.iteration, "evaluations": it.evaluations, "loss": it.loss, "gradient": it.gradient,
        }));
    });
    Ok(Model::Pairwise(Box::new(model.map_err(family_error)?)))
}
