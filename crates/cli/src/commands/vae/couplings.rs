//! `cistron vae couplings`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use cistron::encode::alignment::{FamilyModel, average_product_correction};
use cistron::plot::{Matrix, matrix};
use clap::Args;

use super::model::Model;
use crate::context::Context;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct CouplingsArgs {
    /// A folder of `vae train --kind pairwise`, or a parameter file of plmc
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The corrected norms as a matrix, as SVG
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
}

pub(super) fn run(args: &CouplingsArgs, context: &Context) -> anyhow::Result<()> {
    for path in [&args.output, &args.plot].into_iter().flatten() {
        check_free(path, context)?;
    }
    let Model::Pairwise(model) = Model::load(&args.model)? else {
        bail!("{}: model has no couplings, expected a pairwise one", args.model.display());
    };
    let norms = model.coupling_norms();
    let corrected = average_product_correction(&norms);
    let information = model.mutual_information();
    if let Some(path) = &args.plot {
        let names: Vec<String> = model.wild_type().positions().iter().map(i64::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let values: Vec<f64> = corrected.iter().copied().collect();
        let title = "Couplings of pairs of columns, corrected";
        let picture =
            matrix(&Matrix { title, rows: &names, columns: &names, values: &values, value_label: "norm" })?;
        let mut file = Output::open(Some(path), context)?;
        file.write_all(picture.as_bytes())?;
        file.commit()?;
    }
    let width = model.width();
    let mut pairs: Vec<(usize, usize)> =
        (0..width).flat_map(|i| (i + 1..width).map(move |j| (i, j))).collect();
    // A stable sort keeps ties in the order of the columns.
    pairs.sort_by(|a, b| corrected[*b].total_cmp(&corrected[*a]));
    let letters: Vec<char> = model.wild_type().letters().chars().collect();
    let positions = model.wild_type().positions();
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "position_i\tletter_i\tposition_j\tletter_j\tnorm\tcorrected\tmutual_information")?;
    for pair in pairs {
        let (i, j) = pair;
        let [norm, corrected, information] =
            [&norms, &corrected, &information].map(|scores| Number(scores[pair]));
        writeln!(
            output,
            "{}\t{}\t{}\t{}\t{norm}\t{corrected}\t{information}",
            positions[i], letters[i], positions[j], letters[j],
        )?;
    }
    output.commit()
}
