//! `cistron signal average`.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::Region;
use cistron::genome::average::{
    Average, AverageOptions, Digits, MissingBases, average as average_tracks, common_contigs, format_general,
};
use cistron::genome::bigwig::{BigWig, Writer};
use clap::Args;

use super::bin::read_regions;
use crate::context::{Context, usage};
use crate::input::region_error;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct AverageArgs {
    /// Tracks, bigWig
    #[arg(value_name = "BW", required = true)]
    tracks: Vec<PathBuf>,
    /// Bases of a bin
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    bin_size: u32,
    /// Leave out a bin in which any track misses a base
    #[arg(long, conflicts_with = "mean_of_present")]
    skip_missing: bool,
    /// The mean over bases and tracks that have a value; without it, what is missing counts as 0
    #[arg(long)]
    mean_of_present: bool,
    /// Regions that are left out
    #[arg(long, value_name = "BED")]
    blacklist: Option<PathBuf>,
    /// A factor for all tracks, or one for each with colons between them
    #[arg(long, value_name = "S|S1:S2:…", value_delimiter = ':', allow_hyphen_values = true)]
    scale: Vec<f64>,
    /// One region, CONTIG:START-END, 0-based and half-open; the start is moved down to a whole bin
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// All digits of the means instead of six
    #[arg(long)]
    all_digits: bool,
    /// Keep the zeros that end a chunk of 10 million bases
    #[arg(long)]
    keep_trailing_zeros: bool,
    /// Output: bigWig if its name ends in .bw or .bigWig, else bedGraph [default: bedGraph on standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl AverageArgs {
    fn options(&self) -> anyhow::Result<AverageOptions> {
        if !matches!(self.scale.len(), 0 | 1) && self.scale.len() != self.tracks.len() {
            let (found, tracks) = (self.scale.len(), self.tracks.len());
            return Err(usage(format!("--scale has {found} factors, expected one or {tracks}")));
        }
        let region = |text: &String| Region::parse_with_strand(text).map(|(region, _)| region);
        Ok(AverageOptions {
            bin_size: self.bin_size,
            missing: match (self.skip_missing, self.mean_of_present) {
                (true, _) => MissingBases::DropBin,
                (_, true) => MissingBases::LeaveOut,
                _ => MissingBases::Zero,
            },
            scale: self.scale.clone(),
            blacklist: self.blacklist.as_deref().map(read_regions).transpose()?.unwrap_or_default(),
            region: self.region.as_ref().map(region).transpose().map_err(region_error)?,
            digits: if self.all_digits { Digits::All } else { Digits::Six },
            keeps_trailing_zeros: self.keep_trailing_zeros,
        })
    }
}

pub(super) fn average(args: &AverageArgs, context: &Context) -> anyhow::Result<()> {
    let options = args.options()?;
    let tracks = args.tracks.iter().map(BigWig::open).collect::<Result<Vec<_>, _>>()?;
    let binary = args.output.as_ref().filter(|path| is_bigwig(path));
    let run = context.run();
    if let Some(path) = binary {
        check_free(path, context)?;
        let mut writer = Writer::create(path, &common_contigs(&tracks).0)?;
        average_tracks(&tracks, &options, &run, &mut |run: Average| {
            writer.write(&run.contig, run.start, run.end, run.mean as f32)
        })?;
        return Ok(writer.finish()?);
    }
    let mut output = Output::open(args.output.as_ref(), context)?;
    average_tracks(&tracks, &options, &run, &mut |run: Average| {
        write!(output, "{}\t{}\t{}\t", run.contig, run.start, run.end)?;
        match options.digits {
            Digits::Six => writeln!(output, "{}", format_general(run.mean))?,
            Digits::All => writeln!(output, "{}", Number(run.mean))?,
        }
        Ok::<(), anyhow::Error>(())
    })?;
    output.commit()
}

fn is_bigwig(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("bw") || extension.eq_ignore_ascii_case("bigwig")
}
