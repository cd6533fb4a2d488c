//! `cistron effect design`: sequences that a model gives wanted numbers for.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{DesignMethod, DesignOptions, Designer, Prediction};
use cistron::genome::fasta;
use cistron::{Alphabet, AtomicFile, Sequence};
use clap::{Args, ValueEnum};

use super::option_error;
use super::perturb::parse_word;
use crate::context::{Context, usage};
use crate::input::{InputArgs, ModelArgs, ReadoutArgs, parse_range};
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct DesignArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Wanted numbers: a line `track value` for each output
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// How substitutions are chosen
    #[arg(long, value_enum, default_value_t)]
    method: MethodArg,
    /// Substitutions at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_edits: usize,
    /// Sequences that go on together, for beam [default: 4]
    #[arg(long, value_name = "N")]
    beam: Option<usize>,
    /// Random sequences, for screen [default: 1000]
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Positions whose letters stay, half-open; may be repeated
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    protect: Vec<(usize, usize)>,
    /// A word that no substitution may make, on this strand; may be repeated
    #[arg(long, value_name = "WORD")]
    forbid: Vec<String>,
    /// The least and the largest share of G and C
    #[arg(long, value_name = "LEAST..MOST", value_parser = parse_shares)]
    gc: Option<(f64, f64)>,
    /// The mean square difference from the wanted numbers that is enough
    #[arg(long, value_name = "LOSS", default_value_t = 0.0)]
    tolerance: f64,
    /// Designed sequences; the steps go beside them, into a file of the same name that ends in .tsv
    #[arg(long, short, value_name = "FASTA")]
    output: PathBuf,
    // Last, since their headings would stand over whatever follows.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    readout: ReadoutArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum MethodArg {
    /// At each step the best of all substitutions
    #[default]
    Greedy,
    /// The best of all substitutions of several sequences
    Beam,
    /// The best of random sequences
    Screen,
}

fn parse_shares(text: &str) -> Result<(f64, f64), String> {
    let parts = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| "expected LEAST..MOST with two shares such as 0.4..0.6".to_owned())
}

impl DesignArgs {
    fn method(&self) -> anyhow::Result<DesignMethod> {
        if self.beam.is_some() && self.method != MethodArg::Beam {
            return Err(usage("--beam goes with --method beam"));
        }
        if self.samples.is_some() && self.method != MethodArg::Screen {
            return Err(usage("--samples goes with --method screen"));
        }
        Ok(match self.method {
            MethodArg::Greedy => DesignMethod::Greedy,
            MethodArg::Beam => DesignMethod::Beam { width: self.beam.unwrap_or(4) },
            MethodArg::Screen => DesignMethod::Screen { samples: self.samples.unwrap_or(1000) },
        })
    }

    fn forbidden(&self, alphabet: &Alphabet) -> anyhow::Result<Vec<Sequence>> {
        self.forbid.iter().map(|word| parse_word("--forbid", word, alphabet)).collect()
    }
}

pub(super) fn design(args: &DesignArgs, context: &Context) -> anyhow::Result<()> {
    let steps_path = args.output.with_extension("tsv");
    if steps_path == args.output {
        return Err(usage(format!("-o is {}, expected a name of FASTA", args.output.display())));
    }
    check_free(&args.output, context)?;
    let loaded = args.model.load(context)?;
    let spec = loaded.model.spec();
    let readout = args.readout.of(&*loaded.model)?;
    let options = DesignOptions {
        method: args.method()?,
        max_edits: args.max_edits,
        protected: args.protect.iter().map(|&(start, end)| start..end).collect(),
        forbidden: args.forbidden(&spec.alphabet)?,
        gc: args.gc,
        tolerance: args.tolerance,
        readout: Some(readout.clone()),
    };
    let names = Prediction::new(&*loaded.model, Some(readout))?.output_names();
    let target = read_target(&args.target, &names)?;
    let designer = Designer::new(&*loaded.model, target, options).map_err(option_error)?;
    let input = args.input.read(spec, context)?;
    let run = context.run();
    let mut steps = Output::open(Some(&steps_path), context)?;
    writeln!(steps, "name\tstep\tposition\tfrom\tto\tloss")?;
    let mut writer = fasta::Writer::new(AtomicFile::create(&args.output)?);
    let sequences = input.sequences();
    run.observer.begin("design", Some(sequences.len() as u64));
    for (index, name) in input.names.iter().enumerate() {
        for sequence in sequences.fetch(index..index + 1)?.iter() {
            let designed = designer.design(sequence, index, run).map_err(option_error)?;
            writer.write_record(name, designed.sequence.to_string().as_bytes())?;
            writeln!(steps, "{name}\t0\t\t\t\t{}", Number(designed.initial_loss))?;
            for (number, step) in (1..).zip(&designed.steps) {
                let [from, to] = [step.from, step.to].map(|code| spec.alphabet.letter(code) as char);
                writeln!(steps, "{name}\t{number}\t{}\t{from}\t{to}\t{}", step.position, Number(step.loss))?;
            }
        }
        run.observer.advance(1);
    }
    run.observer.end();
    writer.into_inner().commit()?;
    steps.commit()
}

/// A wanted number for each output, in their order; empty lines and lines that begin with `#` are left out.
fn read_target(path: &Path, names: &[String]) -> anyhow::Result<Vec<f64>> {
    let file = path.display();
    let text = std::fs::read_to_string(path).with_context(|| file.to_string())?;
    let mut target = vec![None; names.len()];
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line.rsplit_once(char::is_whitespace);
        let Some((name, value)) = parts.and_then(|(name, value)| Some((name.trim(), value.parse().ok()?)))
        else {
            anyhow::bail!("{file}:{number}:1: found `{line}`, expected a track and a number");
        };
        let place = names.iter().position(|known| known == name);
        let Some(place) = place.and_then(|place| target.get_mut(place)) else {
            anyhow::bail!("{file}:{number}:1: found track `{name}`, expected one of {}", names.join(", "));
        };
        if place.replace(value).is_some() {
            anyhow::bail!("{file}:{number}:1: track `{name}` stands twice, expected once");
        }
    }
    let missing = names.iter().zip(&target).find(|(_, value)| value.is_none());
    if let Some((name, _)) = missing {
        anyhow::bail!("{file}: no number for track `{name}`, expected one for each of {}", names.join(", "));
    }
    Ok(target.into_iter().flatten().collect())
}
