//! `cistron effect attribute`: what each letter contributes.

use std::path::{Path, PathBuf};

use cistron::effects::{
    Attribution, AttributionMethod, AttributionOptions, AttributionReferences, Attributor, EffectError,
    Smoothing,
};
use cistron::encode::{ElementType, NpzMember, NpzWriter, Readout, SequenceBatch, SequenceModel};
use cistron::ndarray::s;
use cistron::plot::{Logo, logo};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::option_error;
use crate::context::{Context, usage};
use crate::input::{Input, InputArgs, ModelArgs, ReadoutArgs, read_sequences};
use crate::output::check_free;
use crate::record::{Record, digests, write_text};

#[derive(Args)]
pub(crate) struct AttributeArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder of the results
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Name in the names of the results [default: custom_bed, custom_windows or the input file's name]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// How contributions are computed
    #[arg(long, value_enum, default_value_t)]
    method: MethodArg,
    /// Shuffles that each sequence is compared with, for integrated and deeplift [default: 20]
    #[arg(long, value_name = "N")]
    references: Option<usize>,
    /// What sequences are compared with: dinucleotide (shuffles), zero, or a file of sequences of the same length
    #[arg(long, value_name = "dinucleotide|zero|FILE", default_value = "dinucleotide")]
    reference: String,
    /// Gradients on the way from each reference, for integrated [default: 50]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Take the mean of both strands
    #[arg(long)]
    both_strands: bool,
    /// Average gradients over N noisy copies of the one-hot rows (SmoothGrad)
    #[arg(long, value_name = "N")]
    smooth: Option<usize>,
    /// The noise's standard deviation [default: 0.1]
    #[arg(long, value_name = "SD", requires = "smooth")]
    noise: Option<f64>,
    /// Draw the contributions to sequence I, from 0, as attribution_<I>.svg
    #[arg(long, value_name = "I")]
    plot: Option<usize>,
    // Last, since their headings would stand over whatever follows.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    readout: ReadoutArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum MethodArg {
    /// The gradient less its mean over the letters of each position
    Gradient,
    /// Gradient times input
    GradientInput,
    /// Integrated gradients
    Integrated,
    /// DeepLIFT/SHAP: multipliers beside references
    Deeplift,
    /// The effect of each substitution; any model can
    #[default]
    Mutagenesis,
}

impl AttributeArgs {
    fn options(&self, readout: Readout, model: &dyn SequenceModel) -> anyhow::Result<AttributionOptions> {
        let method = match self.method {
            MethodArg::Gradient => AttributionMethod::Gradient,
            MethodArg::GradientInput => AttributionMethod::GradientInput,
            MethodArg::Integrated => AttributionMethod::Integrated { steps: self.steps.unwrap_or(50) },
            MethodArg::Deeplift => AttributionMethod::DeepLift,
            MethodArg::Mutagenesis => AttributionMethod::Mutagenesis,
        };
        if self.steps.is_some() && self.method != MethodArg::Integrated {
            return Err(usage("--steps goes with --method integrated"));
        }
        let compares = matches!(self.method, MethodArg::Integrated | MethodArg::Deeplift);
        if !compares && (self.references.is_some() || self.reference != "dinucleotide") {
            return Err(usage("--references and --reference go with --method integrated or deeplift"));
        }
        if self.references.is_some() && self.reference != "dinucleotide" {
            return Err(usage("--references goes with --reference dinucleotide"));
        }
        let references = match self.reference.as_str() {
            "dinucleotide" => AttributionReferences::Dinucleotide(self.references.unwrap_or(20)),
            "zero" => AttributionReferences::Zero,
            file => AttributionReferences::Given(read_references(Path::new(file), model)?),
        };
        let noise = self.noise.unwrap_or(0.1);
        Ok(AttributionOptions {
            method,
            readout: Some(readout),
            references,
            both_strands: self.both_strands,
            smoothing: self.smooth.map(|samples| Smoothing { samples, noise }),
        })
    }

    /// The name of what computes.
    fn engine(&self, model: &dyn SequenceModel) -> &'static str {
        match self.method {
            MethodArg::Mutagenesis => model.as_incremental().map_or("blackbox", |exact| exact.engine()),
            MethodArg::Deeplift => "multipliers",
            _ => "gradient",
        }
    }

    fn reference_file(&self) -> Option<PathBuf> {
        (!["dinucleotide", "zero"].contains(&self.reference.as_str())).then(|| PathBuf::from(&self.reference))
    }
}

fn read_references(path: &Path, model: &dyn SequenceModel) -> anyhow::Result<SequenceBatch> {
    let input = read_sequences(path, &model.spec().alphabet)?;
    let sequences = input.sequences();
    let sequences = sequences.fetch(0..sequences.len())?;
    SequenceBatch::from_sequences(&sequences).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

pub(super) fn attribute(args: &AttributeArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let loaded = args.model.load(context)?;
    let model = &*loaded.model;
    let readout = args.readout.of(model)?;
    let options = args.options(readout, model)?;
    let method = options.method;
    let attributor = Attributor::new(model, options).map_err(option_error)?;
    let input = args.input.read(model.spec(), context)?;
    if let Some(index) = args.plot.filter(|&index| index >= input.names.len()) {
        return Err(usage(format!("--plot is {index}, expected a sequence below {}", input.names.len())));
    }
    let split = args.split.as_ref().unwrap_or(&input.split);
    let path = args.out_dir.join(format!("attributions_{split}.npz"));
    check_free(&path, context)?;
    let files =
        [vec![args.model.model.clone()], input.files.clone(), args.reference_file().into_iter().collect()];
    let inputs = digests(&files.concat())?;
    let letters = model.spec().alphabet.to_string();
    let mut files = None;
    attributor
        .execute(input.sequences(), context.run(), &mut |found| {
            if files.is_none() {
                let length = found.codes.ncols();
                files = Some(Files::create(&path, &input, length, &letters, args.plot)?);
            }
            files.as_mut().map_or(Ok(()), |files: &mut Files<'_>| files.push(&found))
        })
        .map_err(option_error)?;
    let Some(files) = files else { return Ok(()) };
    let worst = files.worst();
    files.finish(&args.out_dir)?;
    let more = json!({
        "command": "effect attribute", "method": method.name(), "engine": args.engine(model),
        "reference": args.reference, "both_strands": args.both_strands, "smooth": args.smooth,
        "counts": {"sequences": input.names.len()}, "largest_convergence_delta": worst,
    });
    record.write(&args.out_dir, context, &inputs, &more)
}

/// The arrays of all sequences, and the picture of one.
struct Files<'a> {
    writer: NpzWriter,
    contributions: NpzMember,
    hypothetical: NpzMember,
    convergence: Vec<f64>,
    input: &'a Input,
    letters: &'a str,
    plot: Option<(usize, Vec<f64>)>,
}

impl<'a> Files<'a> {
    fn create(
        path: &Path,
        input: &'a Input,
        length: usize,
        letters: &'a str,
        plot: Option<usize>,
    ) -> Result<Self, EffectError> {
        if let Some(folder) = path.parent() {
            let failed = |source| EffectError::Io { path: folder.to_path_buf(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let writer = NpzWriter::create(path)?;
        let shape = [input.names.len(), length, letters.len()];
        Ok(Self {
            contributions: writer.begin("attributions", ElementType::Float32, &shape)?,
            hypothetical: writer.begin("hypothetical", ElementType::Float32, &shape)?,
            writer,
            convergence: Vec::with_capacity(input.names.len()),
            input,
            letters,
            plot: plot.map(|index| (index, Vec::new())),
        })
    }

    fn push(&mut self, found: &Attribution) -> Result<(), EffectError> {
        let contributions = found.contributions();
        self.contributions.write(contributions.as_slice().unwrap_or_default())?;
        self.hypothetical.write(found.hypothetical.as_standard_layout().as_slice().unwrap_or_default())?;
        self.convergence.extend(&found.convergence);
        if let Some((index, heights)) = &mut self.plot
            && let Some(row) = index.checked_sub(found.first).filter(|&row| row < found.codes.nrows())
        {
            heights.extend(contributions.slice(s![row, .., ..]));
        }
        Ok(())
    }

    /// The largest miss, if any difference was explained.
    fn worst(&self) -> Option<f64> {
        let worst = self.convergence.iter().copied().fold(f64::NAN, f64::max);
        (!worst.is_nan()).then_some(worst)
    }

    fn finish(mut self, folder: &Path) -> anyhow::Result<()> {
        self.writer.add(self.contributions)?;
        self.writer.add(self.hypothetical)?;
        self.writer.add_numbers("convergence", &[self.convergence.len()], &self.convergence)?;
        self.writer.add_text("names", &self.input.names)?;
        self.writer.finish()?;
        let Some((index, heights)) = self.plot else { return Ok(()) };
        let name = self.input.names.get(index).map_or("", String::as_str);
        let picture = logo(&Logo {
            title: &format!("What each letter contributes, {name}"),
            letters: self.letters,
            heights: &heights,
            value_label: "contribution",
            ..Logo::default()
        })?;
        write_text(&folder.join(format!("attribution_{index}.svg")), &picture)
    }
}
