//! Linear probes and networks of convolutions on measured promoters: what each kind reaches, and what it costs to train.
//!
//! `cargo bench -p benchmarks --bench regulatory -- FOLDER` reads the folder `regulatory` of the real data and
//! prints tables in Markdown. With a second folder it trains one network of promoters and writes it there, without its
//! last function, with promoters of the test as the benchmark `ism_conv` takes them.
//!
//! Promoters of E. coli: Urtecho et al., eLife 92558; the lac promoter: Kinney et al. 2010,
//! doi:10.1073/pnas.1004290107, in the table of MAVE-NN.

#![expect(clippy::print_stdout, reason = "the tables are the benchmark's result")]

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Run, Sequence, Shard, area_under_roc, average_precision, midranks};
use cistron_effects::{SaturationOptions, SaturationPlan, attributions};
use cistron_encode::{SequenceBatch, SequenceModel};
use cistron_genome::text;
use cistron_models::{
    Checkpoint, ConvNet, HeadActivation, LinearProbe, ProbeData, ProbeKind, ProbeTarget, ProbeTraining,
    TrainedProbe, train_probe,
};

#[path = "regulatory/networks.rs"]
mod networks;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// From this activity on a promoter is active, as its authors say.
const ACTIVE: f64 = 0.25;

/// The index of the first transcribed base in a window of the E. coli promoters.
const TRANSCRIPTION_START: usize = 120;

/// How many promoters of the test are mutated where engines are compared.
const MUTATED: usize = 200;

/// How many of the most active promoters are asked for their strongest word, and its letters.
const MOST_ACTIVE: usize = 350;
const WORD: usize = 6;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let mut folders = std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from);
    let Some(folder) = folders.next() else {
        println!("skipped: no folder of regulatory data was given");
        return Ok(());
    };
    let promoters = Promoters::read(&folder.join("ecoli_promoters"))?;
    if let Some(out) = folders.next() {
        return write_network(&promoters, &out);
    }
    let (probe, network) = compare_kinds(&promoters)?;
    println!("### The strongest words\n");
    println!(
        "Every substitution in the {MOST_ACTIVE} most active promoters of the test. Each promoter names the {WORD} \
         letters whose effects are largest together. The box at -10 is TATAAT, from about -13 on.\n"
    );
    println!(
        "| model | word | promoters | most frequent start, from the start of transcription |\n|---|---|---|---|"
    );
    strongest_words("kmer+positional", &probe, &promoters.test)?;
    strongest_words("network", &network, &promoters.test)?;
    println!();
    lac_promoter(&folder.join("mavenn").join("sortseq_data.csv.gz"))
}

/// A network and the first promoters of the test, all of whose positions are mutated.
fn write_network(promoters: &Promoters, folder: &Path) -> Result<()> {
    let net = networks::train_one(promoters)?;
    let mut config = net.config().clone();
    config.heads.iter_mut().for_each(|head| head.activation = HeadActivation::None);
    net.save(folder)?;
    let weights = Checkpoint::read(folder.join("model.safetensors"))?;
    ConvNet::from_checkpoint(&config, &weights)?.0.save(folder)?;
    let sequences = promoters.test.sequences.iter().take(MUTATED);
    let lines: Vec<String> = sequences.clone().map(Sequence::to_string).collect();
    std::fs::write(folder.join("sequence.txt"), lines.join("\n"))?;
    let length = sequences.map(Sequence::len).min().unwrap_or(0);
    Ok(std::fs::write(folder.join("positions.txt"), format!("0 {length}\n"))?)
}

/// Sequences with a number each.
#[derive(Default)]
struct Set {
    sequences: Vec<Sequence>,
    values: Vec<f64>,
}

impl Set {
    fn push(&mut self, letters: &str, value: f64) -> Result<()> {
        self.sequences.push(Sequence::parse(&Alphabet::dna(), letters)?);
        self.values.push(value);
        Ok(())
    }

    fn batch(&self) -> Result<SequenceBatch> {
        Ok(SequenceBatch::from_sequences(&self.sequences)?)
    }

    fn active(&self) -> Vec<bool> {
        self.values.iter().map(|value| *value >= ACTIVE).collect()
    }

    fn targets(&self, target: ProbeTarget) -> Vec<f64> {
        match target {
            ProbeTarget::Class => {
                self.active().into_iter().map(|active| f64::from(u8::from(active))).collect()
            }
            ProbeTarget::Value => self.values.clone(),
        }
    }
}

/// The authors' split by place in the genome.
struct Promoters {
    training: Set,
    validation: Set,
    test: Set,
    /// How many rows were left out of the training file, because the test file has their sequence.
    left_out: usize,
}

impl Promoters {
    /// Every tenth row of the training file validates.
    fn read(folder: &Path) -> Result<Self> {
        let rows = |name: &str| -> Result<Vec<(String, f64)>> {
            let lines = lines(&folder.join(name))?;
            lines.iter().map(|line| row(line)).collect()
        };
        let (all, tests) = (rows("tss_train_genome_split.txt.gz")?, rows("tss_test_genome_split.txt.gz")?);
        let in_test: HashSet<&str> = tests.iter().map(|(letters, _)| letters.as_str()).collect();
        let kept: Vec<_> = all.iter().filter(|(letters, _)| !in_test.contains(letters.as_str())).collect();
        let left_out = all.len() - kept.len();
        let (mut training, mut validation, mut test) = (Set::default(), Set::default(), Set::default());
        for (index, (letters, value)) in kept.into_iter().enumerate() {
            let set = if index % 10 == 0 { &mut validation } else { &mut training };
            set.push(letters, *value)?;
        }
        tests.iter().try_for_each(|(letters, value)| test.push(letters, *value))?;
        Ok(Self { training, validation, test, left_out })
    }
}

fn lines(path: &Path) -> Result<Vec<String>> {
    Ok(text::open(path)?.lines().collect::<std::io::Result<_>>()?)
}

fn row(line: &str) -> Result<(String, f64)> {
    let (letters, value) = line.split_once('\t').ok_or("a line without a tab")?;
    Ok((letters.to_owned(), value.parse()?))
}

/// Trains with default options; the probe and the CPU seconds.
fn train(
    training: &Set,
    validation: &Set,
    kind: ProbeKind,
    target: ProbeTarget,
) -> Result<(TrainedProbe, f64)> {
    let ((a, a_targets), (b, b_targets)) =
        ((training.batch()?, training.targets(target)), (validation.batch()?, validation.targets(target)));
    let training = ProbeData { sequences: &a, targets: &a_targets };
    let validation = ProbeData { sequences: &b, targets: &b_targets };
    let start = cpu_seconds();
    let options = ProbeTraining { kind, target, ..ProbeTraining::default() };
    let trained = train_probe(&training, &validation, &options, Run::default())?;
    Ok((trained, cpu_seconds() - start))
}

/// Prints a row for each kind of probe and for networks; returns the last probe, which sees the most, and a network.
fn compare_kinds(promoters: &Promoters) -> Result<(LinearProbe, ConvNet)> {
    let Promoters { training, validation, test, left_out } = promoters;
    let counts = [training, validation, test].map(|set| set.values.len());
    println!("## Promoters of E. coli\n");
    println!(
        "Windows of 150 bases with their measured activity (Urtecho et al.), split by place in the genome: {} for \
         training, {} for validation, {} for the test. {left_out} training rows are left out, because the test \
         has the same sequence. Active means an activity of at least {ACTIVE}. Every probe is trained with default \
         options.\n",
        counts[0], counts[1], counts[2]
    );
    println!(
        "| model | AUROC | AUPRC | AUROC within equal G+C | CPU seconds of training |\n|---|---|---|---|---|"
    );
    let batch = test.batch()?;
    let mut last = None;
    let kinds = [
        (ProbeKind::Mean, "mean (sees base composition alone)"),
        (ProbeKind::Positional, "positional"),
        (ProbeKind::Kmer, "kmer (k = 6)"),
        (ProbeKind::KmerPositional, "kmer+positional"),
    ];
    for (kind, name) in kinds {
        let (trained, seconds) = train(training, validation, kind, ProbeTarget::Class)?;
        let (scores, active) = (trained.probe.logits(&batch)?, test.active());
        let area = area_under_roc(&scores, &active).ok_or("no area")?;
        let precision = average_precision(&scores, &active).ok_or("no precision")?;
        let within = within_composition(&scores, &active, test);
        println!("| {name} | {area:.3} | {precision:.3} | {within:.3} | {seconds:.2} |");
        last = Some(trained.probe);
    }
    let network = networks::print_rows(promoters)?;
    println!(
        "\nWithin equal G+C: over pairs of an active and another promoter whose counts of G and C fall in the same \
         bin of three. Base composition can hardly help there, and 0.5 is chance.\n"
    );
    Ok((last.ok_or("no probe was trained")?, network))
}

fn within_composition(scores: &[f64], active: &[bool], set: &Set) -> f64 {
    let mut bins: BTreeMap<usize, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for ((score, active), sequence) in scores.iter().zip(active).zip(&set.sequences) {
        let count = sequence.codes().iter().filter(|code| matches!(code, 1 | 2)).count();
        let bin = bins.entry(count / 3).or_default();
        bin.0.push(*score);
        bin.1.push(*active);
    }
    let (mut area, mut pairs) = (0.0, 0.0);
    for (scores, active) in bins.values() {
        let positives = active.iter().filter(|active| **active).count();
        let here = (positives * (active.len() - positives)) as f64;
        area += here * area_under_roc(scores, active).unwrap_or(0.0);
        pairs += here;
    }
    area / pairs
}

/// Asks each of the most active promoters of the test for the word whose letters matter most together to a model.
fn strongest_words(name: &str, model: &dyn SequenceModel, test: &Set) -> Result<()> {
    let mut order: Vec<usize> = (0..test.values.len()).collect();
    order.sort_by(|&a, &b| test.values[b].total_cmp(&test.values[a]));
    let chosen: Vec<Sequence> = order.iter().take(MOST_ACTIVE).map(|&i| test.sequences[i].clone()).collect();
    let mut votes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let plan = SaturationPlan::new(&chosen, model, SaturationOptions::default())?;
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        let (importance, _) = attributions(block.deltas.view(), block.codes.view());
        for (row, sequence) in importance.outer_iter().zip(&chosen[block.first..]) {
            let sums: Vec<f64> = row.windows(WORD).into_iter().map(|window| window.sum()).collect();
            let best = (0..sums.len()).reduce(|a, b| if sums[b] > sums[a] { b } else { a }).unwrap_or(0);
            let letters = sequence.to_string();
            votes.entry(letters[best..best + WORD].to_owned()).or_default().push(best);
        }
        Ok(())
    })?;
    let mut words: Vec<_> = votes.into_iter().collect();
    words.sort_by_key(|(_, starts)| std::cmp::Reverse(starts.len()));
    for (word, starts) in words.iter().take(5) {
        let start = most_frequent(starts) as i64 - TRANSCRIPTION_START as i64;
        println!("| {name} | {word} | {} | {start} |", starts.len());
    }
    Ok(())
}

fn most_frequent(starts: &[usize]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for start in starts {
        *counts.entry(*start).or_default() += 1;
    }
    let first_of_most = counts.iter().rev().max_by_key(|(_, count)| **count);
    first_of_most.map_or(0, |(start, _)| *start)
}

/// The additive probe on the lac promoter: the mean bin of a variant from its letters.
fn lac_promoter(path: &Path) -> Result<()> {
    let mut sets: BTreeMap<String, Set> = BTreeMap::new();
    for line in lines(path)?.iter().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [set, counts @ .., letters] = &fields[..] else { return Err("a line without fields".into()) };
        let counts =
            counts.iter().map(|count| count.parse()).collect::<std::result::Result<Vec<f64>, _>>()?;
        let weighted: f64 = counts.iter().enumerate().map(|(bin, count)| bin as f64 * count).sum();
        let value = weighted / counts.iter().sum::<f64>();
        sets.entry((*set).to_owned()).or_default().push(letters, value)?;
    }
    let [training, validation, test] = ["training", "validation", "test"].map(|name| sets.get(name));
    let (training, validation) =
        (training.ok_or("no training rows")?, validation.ok_or("no validation rows")?);
    let test = test.ok_or("no test rows")?;
    let (trained, seconds) = train(training, validation, ProbeKind::Positional, ProbeTarget::Value)?;
    let scores = trained.probe.logits(&test.batch()?)?;
    println!("## The lac promoter\n");
    println!(
        "Sort-Seq of 75 bases (Kinney et al. 2010), {} variants for training, {} for validation, {} for the test; \
         the number to predict is the mean bin of a variant.\n",
        training.values.len(),
        validation.values.len(),
        test.values.len()
    );
    println!("| probe | Pearson | Spearman | CPU seconds of training |\n|---|---|---|---|");
    let spearman = pearson(&midranks(&scores), &midranks(&test.values));
    println!("| positional | {:.3} | {spearman:.3} | {seconds:.2} |", pearson(&scores, &test.values));
    Ok(())
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}
