//! `cistron vae groups`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use cistron::encode::alignment::{Chain, GroupProximity, Placement, Structure, WildType, group_proximity};
use cistron::genome::text;
use cistron::{Observer, Warning, benjamini_hochberg};
use clap::Args;
use serde_json::{Value, json};

use super::model::Model;
use crate::context::Context;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct GroupsArgs {
    /// A folder of `vae train --kind vae`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Positions of a group
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// A structure of the protein, PDB or mmCIF, plain or compressed: are the positions of a group near to one another?
    #[arg(long, value_name = "PDB|CIF")]
    structure: Option<PathBuf>,
    /// Chain of the structure [default: the first]
    #[arg(long, value_name = "NAME", requires = "structure")]
    chain: Option<String>,
    /// Added to the model's positions, where the structure numbers the protein otherwise
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true,
        requires = "structure"
    )]
    offset: i64,
    /// Random groups that each group is compared with
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "structure",
          value_parser = clap::value_parser!(u32).range(1..))]
    permutations: u32,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &GroupsArgs, context: &Context) -> anyhow::Result<()> {
    if let Some(path) = &args.output {
        check_free(path, context)?;
    }
    let vae = Model::load(&args.model)?.into_vae(&args.model)?;
    let Ok(wild_type) = vae.wild_type() else {
        bail!("{}: model has no focus sequence, expected one", args.model.display());
    };
    let groups = vae.position_groups(args.top)?;
    let compared = match &args.structure {
        Some(path) => Some(compare(path, args, wild_type, &groups, context)?),
        None => None,
    };
    let mut output = Output::open(args.output.as_ref(), context)?;
    let proximity = compared.as_ref().map(|(proximity, _)| proximity);
    write_table(&mut output, &groups, wild_type, proximity)?;
    output.commit()?;
    if let Some((_, summary)) = &compared {
        let mut output = Output::open(None, context)?;
        writeln!(output, "{summary}")?;
        output.commit()?;
    }
    Ok(())
}

/// The columns of a group, with their scales.
type Group = Vec<(usize, f64)>;

/// What the structure says of the groups, and of all of them in a line of JSON.
fn compare(
    path: &Path,
    args: &GroupsArgs,
    wild_type: &WildType,
    groups: &[Group],
    context: &Context,
) -> anyhow::Result<(GroupProximity, Value)> {
    let shown = || path.display().to_string();
    let structure = Structure::read(text::open(path)?, path)?;
    let chain = structure.chain(args.chain.as_deref()).with_context(shown)?;
    let placement = chain.place(&wild_type.renumbered(args.offset)?);
    check(chain, &placement, context).with_context(shown)?;
    let columns: Vec<Vec<usize>> =
        groups.iter().map(|group| group.iter().map(|(column, _)| *column).collect()).collect();
    let proximity = group_proximity(&placement.places, &columns, args.permutations, context.seed)?;
    let differing: Vec<Value> = placement
        .differing
        .iter()
        .map(|it| json!({"position": it.position, "expected": it.expected, "found": it.found, "residue": it.name}))
        .collect();
    let summary = json!({
        "chain": chain.name(),
        "placed": placement.places.iter().flatten().count(),
        "missing": placement.missing,
        "differing": differing,
        "inserted": chain.inserted(),
        "groups": proximity.groups.iter().filter(|group| !group.distance.is_nan()).count(),
        "distance": proximity.all.distance,
        "random_distance": proximity.all.random,
        "p_value": proximity.all.p_value,
        "permutations": args.permutations,
    });
    Ok((proximity, summary))
}

/// Warns of what does not fit, and refuses a structure that is numbered otherwise or of another protein.
fn check(chain: &Chain, placement: &Placement, context: &Context) -> anyhow::Result<()> {
    let placed = placement.places.iter().flatten().count();
    let (name, differing) = (chain.name(), placement.differing.len());
    ensure!(
        placed > 1,
        "chain `{name}` has residues at {placed} positions of the model, expected two or more; \
                         another --chain or --offset?"
    );
    ensure!(
        2 * differing <= placed,
        "{differing} of {placed} residues of chain `{name}` differ from the model's wild type, expected most to be the \
         same; another --chain or --offset?"
    );
    for (count, what) in [
        (placement.missing.len(), "positions of the model that the structure does not have"),
        (differing, "residues of the structure that differ from the model's wild type"),
        (chain.inserted().len(), "residues with an insertion code left out"),
    ] {
        if count > 0 {
            let what = format!("{what}; standard output names them");
            context.progress.warn(Warning::new(count as u64, what));
        }
    }
    Ok(())
}

fn write_table(
    output: &mut Output,
    groups: &[Group],
    wild_type: &WildType,
    proximity: Option<&GroupProximity>,
) -> anyhow::Result<()> {
    let letters: Vec<char> = wild_type.letters().chars().collect();
    let p_values: Vec<f64> =
        proximity.map(|it| it.groups.iter().map(|group| group.p_value).collect()).unwrap_or_default();
    let q_values = benjamini_hochberg(&p_values);
    let more = if proximity.is_some() { "\tdistance\trandom_distance\tp_value\tq_value" } else { "" };
    writeln!(output, "group\trank\tposition\tletter\tscale{more}")?;
    for (group, members) in groups.iter().enumerate() {
        let near = proximity.and_then(|it| it.groups.get(group)).zip(q_values.get(group));
        let more = near.map_or(String::new(), |(near, q_value)| {
            let numbers = [near.distance, near.random, near.p_value, *q_value];
            // Of a group with fewer than two places nothing is known.
            let text = |number: f64| if number.is_nan() { String::new() } else { Number(number).to_string() };
            numbers.map(|number| format!("\t{}", text(number))).concat()
        });
        for ((column, scale), rank) in members.iter().zip(1..) {
            let (position, letter) = (wild_type.positions()[*column], letters[*column]);
            writeln!(output, "{group}\t{rank}\t{position}\t{letter}\t{}{more}", Number(*scale))?;
        }
    }
    Ok(())
}
