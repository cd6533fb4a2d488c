//! `cistron demo`: a whole analysis on made-up data.

mod data;
mod family;
mod names;
mod network;
mod reads;
mod report;
mod syntax;
mod track;
mod variants;
mod words;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{
    ArtefactOptions, Compatibility, SaturationOptions, SaturationPlan, Scale, attributions,
};
use cistron::encode::SequenceBatch;
use cistron::genome::{Genome, fasta};
use cistron::models::{LinearProbe, ProbeData, ProbeKind, ProbeTraining, TrainedProbe, train_probe};
use cistron::ndarray::Array2;
use cistron::{AtomicFile, Run, Sequence, Shard, Window};
use clap::Args as ClapArgs;
use serde_json::json;

use super::effect::SaturationFiles;
use crate::context::Context;
use crate::input::fetch_all;
use crate::output::{check_free, write_one_hot};
use crate::record::{Record, digests, write_text};
use data::{Labelled, MOTIFS, WIDTH};
use family::Relatives;
use names::name_seqlets;
use network::Network;
use reads::Reads;
use report::Report;
use syntax::Syntax;
use track::LearnedTrack;
use variants::Variants;
use words::{Word, strongest_words};

#[derive(ClapArgs)]
#[command(after_help = "Example: cistron demo --out-dir demo    then open demo/report.html")]
pub(crate) struct Args {
    /// Folder of the results
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let report_path = args.out_dir.join("report.html");
    check_free(&report_path, context)?;
    fs::create_dir_all(&args.out_dir).with_context(|| args.out_dir.display().to_string())?;
    let genome = data::genome(context.seed)?;
    write_genome(&genome, &args.out_dir)?;
    let training = data::windows(&genome, "demo1")?;
    let held_out = data::windows(&genome, "demo2")?;
    let composition = train(&genome, &training, &held_out, ProbeKind::Mean, context.run())?;
    let kmers = train(&genome, &training, &held_out, ProbeKind::Kmer, context.run())?;
    write_one_hot(
        &args.out_dir.join("train.npz"),
        &genome,
        &training.windows,
        WIDTH,
        Some(&training.labels),
    )?;
    write_one_hot(
        &args.out_dir.join("valid.npz"),
        &genome,
        &held_out.windows,
        WIDTH,
        Some(&held_out.labels),
    )?;
    let probe_path = args.out_dir.join("probe.safetensors");
    kmers.probe.save(&probe_path)?;
    let positives = held_out.positives();
    write_bed(&args.out_dir.join("positives.bed"), &positives)?;
    let effects =
        saturate(&genome, &positives, &kmers.probe, &args.out_dir.join("effects"), context, &record)?;
    let variants =
        Variants::score(&genome, &positives, &kmers.probe, &args.out_dir, (context.seed, context.run()))?;
    let report = Report {
        composition: &composition,
        kmers: &kmers,
        effects: &effects,
        words: &strongest_words(&effects.sequences, &effects.importance)?,
        names: &name_seqlets(&effects, context.seed)?,
        variants: &variants,
        network: &Network::learn(&genome, &training, &held_out, context.run())?,
        learned_track: &LearnedTrack::learn(&genome, &training, &held_out, context.run())?,
        syntax: &Syntax::find(context.seed, context.run())?,
        reads: &Reads::correct(&genome, context.seed)?,
        relatives: &Relatives::learn(&args.out_dir, (context.seed, context.run()))?,
        planted: &MOTIFS,
        counts: (training.windows.len(), held_out.windows.len()),
    };
    write_text(&report_path, &report.render()?)?;
    let inputs = digests(&[args.out_dir.join("genome.fa"), probe_path])?;
    record.write(&args.out_dir, context, &inputs, &json!({"command": "demo"}))?;
    println!("{}", report_path.display());
    Ok(())
}

/// The effects of all substitutions in the windows that hold motifs.
struct Effects {
    names: Vec<String>,
    sequences: Vec<Sequence>,
    /// `(n, L · 4)`: mutant minus reference.
    deltas: Array2<f64>,
    /// `(n, L)`: what each letter contributes.
    importance: Array2<f64>,
}

fn write_genome(genome: &Genome, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("genome.fa");
    let mut writer = fasta::Writer::new(AtomicFile::create(&path)?);
    for (index, contig) in cistron::Reference::contigs(genome).iter().enumerate() {
        writer.write_record(&contig.name, genome.letters(index).unwrap_or_default())?;
    }
    writer.into_inner().commit()?;
    fasta::index(&path)?;
    Ok(())
}

fn write_bed(path: &Path, windows: &[Window]) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(path)?;
    for window in windows {
        writeln!(file, "{}\t{}\t{}", window.contig(), window.start(), window.end())?;
    }
    Ok(file.commit()?)
}

fn train(
    genome: &Genome,
    training: &Labelled,
    held_out: &Labelled,
    kind: ProbeKind,
    run: Run<'_>,
) -> anyhow::Result<TrainedProbe> {
    let batch =
        |set: &Labelled| anyhow::Ok(SequenceBatch::from_sequences(&fetch_all(genome, &set.windows)?)?);
    let (training_batch, held_out_batch) = (batch(training)?, batch(held_out)?);
    let options = ProbeTraining { kind, both_strands: true, ..ProbeTraining::default() };
    let trained = train_probe(
        &ProbeData { sequences: &training_batch, targets: &training.labels },
        &ProbeData { sequences: &held_out_batch, targets: &held_out.labels },
        &options,
        run,
    )?;
    Ok(trained)
}

fn saturate(
    genome: &Genome,
    windows: &[Window],
    probe: &LinearProbe,
    folder: &Path,
    context: &Context,
    record: &Record,
) -> anyhow::Result<Effects> {
    let names: Vec<String> = windows.iter().map(ToString::to_string).collect();
    let sequences = fetch_all(genome, windows)?;
    let plan = SaturationPlan::new(&sequences, probe, SaturationOptions::default())?;
    let options = ArtefactOptions {
        split: "positives".to_owned(),
        letters: plan.letters(),
        outputs: plan.output_names(),
        shape: (windows.len(), WIDTH),
        checkpoint: "probe.safetensors".to_owned(),
        scale: Scale::Raw,
        step: 1,
        chunk: None,
        batch: 256,
        top: 50,
        mask_reference: false,
        table: true,
        compatibility: Compatibility::Current,
        exact: plan.is_exact(),
    };
    let mut files = SaturationFiles::create(folder, options, Some(0), &names, context)?;
    let (mut deltas, mut importance) = (Vec::new(), Vec::new());
    plan.execute(Shard::WHOLE, context.run(), &mut |block| {
        importance.extend(attributions(block.deltas.view(), block.codes.view()).0);
        deltas.extend(block.deltas.iter().copied());
        files.push(&block)
    })?;
    files.finish(&record.date())?;
    let n = windows.len();
    Ok(Effects {
        names,
        sequences: sequences.clone(),
        deltas: Array2::from_shape_vec((n, WIDTH * 4), deltas)?,
        importance: Array2::from_shape_vec((n, WIDTH), importance)?,
    })
}
