//! `cistron effect compare`: whether the variants of one group do more than those of another.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use cistron::effects::{
    ComparisonOptions, EffectError, GroupComparison, MissingScores, PValueMethod, compare_columns,
};
use cistron::ndarray::{Array2, Axis, concatenate};
use cistron::plot::{GroupChart, GroupPanel, group_chart};
use cistron::{Observer, Warning, benjamini_hochberg, bonferroni};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::scores::{Groups, Scores};
use crate::context::{Context, usage};
use crate::output::{Output, check_free};

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Table of scores with a header, a row a variant
    #[arg(value_name = "SCORES")]
    scores: PathBuf,
    /// Table with the columns `id` and `group`
    #[arg(long, value_name = "FILE")]
    groups: PathBuf,
    /// Columns of scores to compare; a cell may be empty
    #[arg(long, value_name = "NAME", num_args = 1.., required = true)]
    columns: Vec<String>,
    /// What the ids of groups are in SCORES
    #[arg(long, value_enum, default_value_t)]
    key: KeyArg,
    /// The first group [default: that of the first row of the table of groups]
    #[arg(long, value_name = "GROUP")]
    first: Option<String>,
    /// The second group [default: all others]
    #[arg(long, value_name = "GROUP")]
    second: Option<String>,
    /// Compare sizes: the sign of each score is dropped
    #[arg(long)]
    absolute: bool,
    /// How p-values are computed
    #[arg(long, value_enum, default_value_t)]
    method: MethodArg,
    /// Output JSON [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw both groups for each column
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum KeyArg {
    /// The column `id`
    #[default]
    Id,
    /// The columns `chrom`, `pos`, `ref` and `alt` with colons between them
    Variant,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum MethodArg {
    /// Exact for groups of at most 8 without ties, else asymptotic
    #[default]
    Auto,
    /// From all ways to draw the groups
    Exact,
    /// From the normal distribution, corrected for ties
    Asymptotic,
}

pub(crate) fn compare(args: &CompareArgs, context: &Context) -> anyhow::Result<()> {
    for path in [&args.output, &args.plot].into_iter().flatten() {
        check_free(path, context)?;
    }
    let groups = Groups::read(&args.groups, args.first.as_deref(), args.second.as_deref())?;
    let scores = read(args, &groups, context)?;
    let method = match args.method {
        MethodArg::Auto => PValueMethod::Auto,
        MethodArg::Exact => PValueMethod::Exact,
        MethodArg::Asymptotic => PValueMethod::Asymptotic,
    };
    let options = ComparisonOptions { method, missing: MissingScores::Omit, ..ComparisonOptions::default() };
    let found =
        compare_columns(scores.values.view(), &scores.is_first, options).map_err(|error| match error {
            EffectError::Option { .. } => usage(format!("--{error}")),
            other => other.into(),
        })?;
    if let Some(path) = &args.plot {
        let mut file = Output::open(Some(path), context)?;
        file.write_all(picture(&scores, &groups, &found)?.as_bytes())?;
        file.commit()?;
    }
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "{:#}", report(&scores, &groups, &found))?;
    output.commit()
}

/// The scores, with one more column: the largest of each row.
fn read(args: &CompareArgs, groups: &Groups, context: &Context) -> anyhow::Result<Scores> {
    let mut scores = Scores::read(&args.scores, &args.columns, args.key, groups)?;
    for (is_first, name) in [(true, &groups.names[0]), (false, &groups.names[1])] {
        if !scores.is_first.contains(&is_first) {
            bail!("{}: no row is in group `{name}`, expected at least one", args.scores.display());
        }
    }
    let missing = scores.values.iter().filter(|score| score.is_nan()).count() as u64;
    for (count, what) in [
        (scores.unmatched_rows, "rows of scores in neither group left out"),
        (scores.unmatched_keys, "ids of groups without a row of scores"),
        (missing, "empty scores left out"),
    ] {
        if count > 0 {
            context.progress.warn(Warning::new(count, what));
        }
    }
    if args.absolute {
        scores.values.mapv_inplace(f64::abs);
    }
    // `max` takes the number where one is NaN.
    let largest = scores.values.map_axis(Axis(1), |row| row.iter().copied().fold(f64::NAN, f64::max));
    let largest: Array2<f64> = largest.insert_axis(Axis(1));
    scores.values = concatenate(Axis(1), &[scores.values.view(), largest.view()])?;
    Ok(scores)
}

/// The comparisons of the columns, each with its p-value corrected for their number, and that of the largest scores.
fn report(scores: &Scores, groups: &Groups, found: &[GroupComparison]) -> Value {
    let Some((of_largest, of_columns)) = found.split_last() else { return Value::Null };
    let p_values: Vec<f64> = of_columns.iter().map(|it| it.p_value).collect();
    let corrected = benjamini_hochberg(&p_values).into_iter().zip(bonferroni(&p_values));
    let columns: Map<String, Value> = scores
        .columns
        .iter()
        .zip(of_columns.iter().zip(corrected))
        .map(|(name, (comparison, corrected))| (name.clone(), numbers(comparison, corrected)))
        .collect();
    let [first, second] = &groups.names;
    // One test needs no correction.
    let largest = numbers(of_largest, (of_largest.p_value, of_largest.p_value));
    json!({
        "version": 1, "first": first, "second": second, "columns": columns, "max_over_columns": largest,
    })
}

fn numbers(it: &GroupComparison, (q_value, p_bonferroni): (f64, f64)) -> Value {
    json!({
        "n_first": it.n_first, "n_second": it.n_second,
        "mean_first": it.mean_first, "mean_second": it.mean_second,
        "median_first": it.median_first, "median_second": it.median_second,
        "u": it.u, "p_value": it.p_value, "method_used": it.method_used, "auc": it.auc,
        "cohens_d": it.cohens_d, "hedges_g": it.hedges_g,
        "q_value_bh": q_value, "p_bonferroni": p_bonferroni,
    })
}

fn picture(scores: &Scores, groups: &Groups, found: &[GroupComparison]) -> anyhow::Result<String> {
    let largest = (scores.columns.len() > 1).then_some("max over columns");
    let names = scores.columns.iter().map(String::as_str).chain(largest);
    let group = |column: usize, which: bool| -> Vec<f64> {
        let rows = scores.values.column(column).into_iter().zip(&scores.is_first);
        rows.filter(|(_, is_first)| **is_first == which).map(|(score, _)| *score).collect()
    };
    let note = |it: &GroupComparison| format!("AUC {:.3}, p = {:.1e}", it.auc, it.p_value);
    let columns: Vec<_> = names
        .zip(found)
        .enumerate()
        .map(|(column, (name, it))| (name, note(it), group(column, true), group(column, false)))
        .collect();
    let panels: Vec<GroupPanel<'_>> =
        columns.iter().map(|(name, note, first, second)| GroupPanel { name, note, first, second }).collect();
    let [first, second] = &groups.names;
    let title = format!("{first} and {second}");
    let chart = GroupChart { title: &title, names: [first, second], value_label: "score", panels: &panels };
    Ok(group_chart(&chart)?)
}
