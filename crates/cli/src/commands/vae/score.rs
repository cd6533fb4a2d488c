//! `cistron vae score`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use cistron::encode::alignment::{MutantProblem, WildType};
use cistron::models::MutantEffect;
use cistron::plot::{DeltaHeatMap, delta_heat_map};
use cistron::{Observer, TwoNormals, Warning, area_under_roc, pearson, spearman};
use clap::Args;
use serde_json::{Value, json};

use super::model::{Draws, Model};
use super::mutants::{Measured, read_mutants};
use crate::context::Context;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct ScoreArgs {
    /// A folder of `vae train`, or a parameter file of plmc
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Mutants such as A23C or A23C:G45D: a table with a column `mutant`, or in its first
    #[arg(long, value_name = "TABLE", required_unless_present = "singles", conflicts_with = "singles")]
    mutants: Option<PathBuf>,
    /// Every mutant of one letter
    #[arg(long)]
    singles: bool,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Measured mutants to compare with: a table such as that of --mutants
    #[arg(long, value_name = "TABLE", requires = "column")]
    against: Option<PathBuf>,
    /// The column with what was measured
    #[arg(long, value_name = "NAME", requires = "against")]
    column: Option<String>,
    /// Added to the model's positions, where tables number the protein otherwise
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    offset: i64,
    /// Draws of weights and latent variables that effects of a variational autoencoder are means of
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Two columns more: `index`, minus the effect (EVE's evolutionary index), and `pathogenic`, the chance that it is of
    /// the upper of two normal distributions fitted to the indices of all single mutants
    #[arg(long)]
    classes: bool,
    /// Heat map of the single mutants, as SVG
    #[arg(long, value_name = "SVG", requires = "singles")]
    plot: Option<PathBuf>,
}

/// A mutant and its effect, or why it has none.
struct Scored {
    mutant: String,
    effect: Option<MutantEffect>,
    status: String,
}

pub(super) fn run(args: &ScoreArgs, context: &Context) -> anyhow::Result<()> {
    for path in [&args.output, &args.plot].into_iter().flatten() {
        check_free(path, context)?;
    }
    let measured = match (&args.against, &args.column) {
        (Some(path), Some(column)) => Some(Measured::read(path, column)?),
        _ => None,
    };
    let model = Model::load(&args.model)?;
    let draws = Draws { samples: args.samples as usize, seed: context.seed };
    let wild_type = model.wild_type()?.renumbered(args.offset)?;
    let mutants = match &args.mutants {
        Some(path) => read_mutants(path, &wild_type)?,
        None => wild_type.singles().map(|edit| wild_type.name(&[edit])).collect(),
    };
    let scored = score(&model, &wild_type, mutants, draws)?;
    if let Some(path) = &args.plot {
        let mut file = Output::open(Some(path), context)?;
        file.write_all(picture(&model, &wild_type, draws)?.as_bytes())?;
        file.commit()?;
    }
    let classes = if args.classes { Some(classes(&model, &wild_type, draws)?) } else { None };
    let comparison = measured.map(|measured| compare(&scored, &measured, context));
    let mut output = Output::open(args.output.as_ref(), context)?;
    write_table(&mut output, &scored, model.samples(draws), classes)?;
    output.commit()?;
    if let Some(comparison) = comparison {
        let mut output = Output::open(None, context)?;
        writeln!(output, "{comparison}")?;
        output.commit()?;
    }
    let without = scored.iter().filter(|it| it.effect.is_none()).count() as u64;
    if without > 0 {
        context
            .progress
            .warn(Warning::new(without, "mutants without an effect; the column `status` says why"));
    }
    Ok(())
}

fn score(
    model: &Model,
    wild_type: &WildType,
    mutants: Vec<String>,
    draws: Draws,
) -> anyhow::Result<Vec<Scored>> {
    let parsed: Vec<_> = mutants.iter().map(|mutant| wild_type.parse(mutant)).collect();
    let edits: Vec<_> = parsed.iter().filter_map(|edits| edits.as_ref().ok().cloned()).collect();
    let mut effects = model.effects(&edits, draws)?.into_iter();
    let scored = |(mutant, parsed)| match parsed {
        Ok(_) => Scored { mutant, effect: effects.next(), status: "ok".to_owned() },
        Err(problem) => Scored { mutant, effect: None, status: MutantProblem::to_string(&problem) },
    };
    Ok(mutants.into_iter().zip(parsed).map(scored).collect())
}

/// The classes of all single mutants by their indices, as EVE makes them.
fn classes(model: &Model, wild_type: &WildType, draws: Draws) -> anyhow::Result<TwoNormals> {
    let singles: Vec<_> = wild_type.singles().map(|edit| vec![edit]).collect();
    let indices: Vec<f64> = model.effects(&singles, draws)?.iter().map(|it| -it.effect).collect();
    TwoNormals::fit(&indices).context("all single mutants have the same effect, expected two classes of them")
}

fn write_table(
    output: &mut Output,
    scored: &[Scored],
    samples: Option<usize>,
    classes: Option<TwoNormals>,
) -> anyhow::Result<()> {
    let more = if classes.is_some() { "\tindex\tpathogenic" } else { "" };
    writeln!(output, "mutant\teffect\tstandard_error\tsamples\tstatus{more}")?;
    let text = |number: Option<f64>| number.map(|number| Number(number).to_string()).unwrap_or_default();
    for Scored { mutant, effect, status } in scored {
        // An exact effect has neither an error nor samples; nor has a single draw an error.
        let error = effect.map(|effect| effect.standard_error).filter(|error| !error.is_nan());
        let count = samples.filter(|_| effect.is_some()).map(|n| n.to_string()).unwrap_or_default();
        let index = effect.map(|effect| -effect.effect);
        let more = classes.map_or(String::new(), |classes| {
            format!("\t{}\t{}", text(index), text(index.map(|index| classes.upper(index))))
        });
        let effect = text(effect.map(|effect| effect.effect));
        writeln!(output, "{mutant}\t{effect}\t{}\t{count}\t{status}{more}", text(error))?;
    }
    Ok(())
}

/// Correlations of effects and measurements, and the area under the ROC curve: the chance that the effect puts a mutant
/// whose measurement is high above one whose measurement is low. High is the larger of two values, or else above the
/// median; of measurements that are all the same there is no area, and the reason is given.
fn compare(scored: &[Scored], measured: &Measured, context: &Context) -> Value {
    for (count, what) in [
        (measured.repeated, "rows measured again left out"),
        (measured.empty, "rows without a measurement left out"),
    ] {
        if count > 0 {
            context.progress.warn(Warning::new(count, what));
        }
    }
    let both = |it: &Scored| Some((it.effect?.effect, *measured.values.get(&it.mutant)?));
    let (effects, values): (Vec<f64>, Vec<f64>) = scored.iter().filter_map(both).unzip();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let lowest = sorted.first().copied().unwrap_or(f64::NAN);
    let highest = sorted.last().copied().unwrap_or(f64::NAN);
    let two = sorted.iter().all(|value| *value == lowest || *value == highest);
    let median = (sorted.len() / 2).checked_sub(usize::from(sorted.len() % 2 == 0));
    let median =
        median.and_then(|below| Some(f64::midpoint(*sorted.get(below)?, *sorted.get(sorted.len() / 2)?)));
    let threshold = if two { lowest } else { median.unwrap_or(f64::NAN) };
    let high: Vec<bool> = values.iter().map(|value| *value > threshold).collect();
    let n_high = high.iter().filter(|high| **high).count();
    let auc = area_under_roc(&effects, &high);
    let mut comparison = json!({
        "n": effects.len(),
        "spearman": spearman(&effects, &values),
        "pearson": pearson(&effects, &values),
        "auc": auc,
        "n_low": high.len() - n_high,
        "n_high": n_high,
    });
    if auc.is_none() {
        let reason = match values.first() {
            None => "no mutant has both an effect and a measurement".to_owned(),
            Some(value) => {
                format!(
                    "all {} mutants have the measurement {}, expected two classes",
                    values.len(),
                    Number(*value)
                )
            }
        };
        context.progress.warn(Warning::new(1, format!("comparison without an auc: {reason}")));
        comparison["auc_reason"] = reason.into();
    }
    comparison
}

fn picture(model: &Model, wild_type: &WildType, draws: Draws) -> anyhow::Result<String> {
    let effects: Vec<f64> = model.single_effects(draws)?.iter().copied().collect();
    let letters = wild_type.letters();
    let positions = wild_type.positions();
    let first = positions.first().copied().unwrap_or(0);
    let last = positions.last().copied().unwrap_or(0);
    let whole = last - first + 1 == positions.len() as i64;
    // Columns left out would shift the numbers of those after them.
    let (first_position, what) =
        if whole { (first, "positions") } else { (1, "columns, counted from 1, of positions") };
    Ok(delta_heat_map(&DeltaHeatMap {
        title: &format!("Effect of each single mutant; {what} {first} to {last}"),
        letters: &wild_type.alphabet().to_string(),
        deltas: &effects,
        reference: Some(&letters),
        value_label: "effect",
        first_position,
        ..DeltaHeatMap::default()
    })?)
}
