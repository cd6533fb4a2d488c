//! Linear probes on measured regulatory sequences: what they reach, beside what base composition alone reaches.
//!
//! Promoters of E. coli: Urtecho et al., eLife 92558 (windows of 150 bases, the start of transcription at index
//! 120; active from 0.25 on). lac promoter: Kinney et al. 2010, doi:10.1073/pnas.1004290107, in the table of
//! MAVE-NN. The figures to reach were measured with scikit-learn 1.9.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use cistron::encode::{Edit, Reduce, SequenceBatch, SequenceModel};
use cistron::models::{
    LinearProbe, ProbeData, ProbeKind, ProbeTarget, ProbeTraining, TrainedProbe, train_probe,
};
use cistron::ndarray::Array3;
use cistron::{Alphabet, Run, Sequence, area_under_roc, average_precision};
use conformance::data;
use flate2::read::MultiGzDecoder;

fn lines(path: &Path) -> Vec<String> {
    let reader = BufReader::new(MultiGzDecoder::new(File::open(path).unwrap()));
    reader.lines().map(Result::unwrap).collect()
}

/// Sequences with a number each.
struct Set {
    letters: Vec<String>,
    values: Vec<f64>,
}

impl Set {
    fn new(rows: impl IntoIterator<Item = (String, f64)>) -> Self {
        let (letters, values) = rows.into_iter().unzip();
        Self { letters, values }
    }

    fn batch(&self) -> SequenceBatch {
        let parse = |letters: &String| Sequence::parse(&Alphabet::dna(), letters).unwrap();
        SequenceBatch::from_sequences(&self.letters.iter().map(parse).collect::<Vec<_>>()).unwrap()
    }

    fn active(&self) -> Vec<bool> {
        self.values.iter().map(|&value| value >= 0.25).collect()
    }
}

fn train(training: &Set, validation: &Set, options: &ProbeTraining) -> TrainedProbe {
    let targets = |set: &Set| match options.target {
        ProbeTarget::Class => set.active().into_iter().map(|active| f64::from(u8::from(active))).collect(),
        ProbeTarget::Value => set.values.clone(),
    };
    let (a, b): ((_, Vec<f64>), (_, Vec<f64>)) =
        ((training.batch(), targets(training)), (validation.batch(), targets(validation)));
    let (a, b) = (ProbeData { sequences: &a.0, targets: &a.1 }, ProbeData { sequences: &b.0, targets: &b.1 });
    train_probe(&a, &b, options, Run::default()).unwrap()
}

/// Training, validation and test promoters. Training rows whose sequence stands in the test file are left out;
/// each tenth of the others validates.
fn promoters(folder: &Path) -> (Set, Set, Set) {
    let read = |name: &str| {
        let split = |line: &String| {
            let (letters, value) = line.split_once('\t').unwrap();
            (letters.to_owned(), value.parse::<f64>().unwrap())
        };
        lines(&folder.join(name)).iter().map(split).collect::<Vec<_>>()
    };
    let (all, test) = (read("tss_train_genome_split.txt.gz"), read("tss_test_genome_split.txt.gz"));
    assert_eq!((all.len(), test.len()), (13_118, 4_549));
    let in_test: HashSet<&String> = test.iter().map(|(letters, _)| letters).collect();
    let shared: HashSet<&String> =
        all.iter().map(|(letters, _)| letters).filter(|letters| in_test.contains(letters)).collect();
    assert_eq!(shared.len(), 28);
    let kept: Vec<_> =
        all.iter().filter(|(letters, _)| !shared.contains(letters)).cloned().enumerate().collect();
    let (validation, training): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(i, _)| i % 10 == 0);
    let set = |rows: Vec<(usize, (String, f64))>| Set::new(rows.into_iter().map(|(_, row)| row));
    (set(training), set(validation), Set::new(test))
}

/// The area under the ROC curve over pairs of almost equal G+C: counts in bins of 3 letters.
fn within_composition(scores: &[f64], active: &[bool], set: &Set) -> f64 {
    let mut bins: HashMap<usize, (Vec<f64>, Vec<bool>)> = HashMap::new();
    for ((score, active), letters) in scores.iter().zip(active).zip(&set.letters) {
        let count = letters.bytes().filter(|letter| matches!(letter, b'G' | b'C')).count();
        let bin = bins.entry(count / 3).or_default();
        bin.0.push(*score);
        bin.1.push(*active);
    }
    let mut bins: Vec<_> = bins.into_iter().collect();
    bins.sort_by_key(|(bin, _)| *bin);
    let (mut area, mut pairs) = (0.0, 0.0);
    for (_, (scores, active)) in bins {
        let n_active = active.iter().filter(|active| **active).count();
        let here = (n_active * (active.len() - n_active)) as f64;
        area += here * area_under_roc(&scores, &active).unwrap_or(0.0);
        pairs += here;
    }
    area / pairs
}

fn figures(probe: &LinearProbe, set: &Set) -> [f64; 3] {
    let (scores, active) = (probe.logits(&set.batch()).unwrap(), set.active());
    [
        area_under_roc(&scores, &active).unwrap(),
        average_precision(&scores, &active).unwrap(),
        within_composition(&scores, &active, set),
    ]
}

#[test]
fn promoter_probes_reach_their_figures_with_default_options() {
    let Some(folder) = data("regulatory/ecoli_promoters") else { return };
    let (training, validation, test) = promoters(&folder);
    // Area under the ROC curve, average precision, area within equal composition: at least these. The mean probe
    // shows what composition alone reaches (scikit-learn: 0.816, 0.412, 0.539), and that it is no more.
    let cases = [
        (ProbeKind::Mean, [0.81, 0.40, 0.50]),
        (ProbeKind::Positional, [0.82, 0.43, 0.61]),
        (ProbeKind::Kmer, [0.845, 0.45, 0.70]),
        (ProbeKind::KmerPositional, [0.855, 0.48, 0.73]),
    ];
    for (kind, least) in cases {
        let trained = train(&training, &validation, &ProbeTraining { kind, ..Default::default() });
        let found = figures(&trained.probe, &test);
        println!("{kind}: {found:.4?}, best epoch {} of {}", trained.best_epoch, trained.history.len());
        assert!(found.iter().zip(least).all(|(found, least)| *found >= least), "{kind}: {found:?}");
        assert!(kind != ProbeKind::Mean || found[2] < 0.56, "composition sees more than it can: {found:?}");
    }
}

/// The index of the start of transcription in each window.
const TRANSCRIPTION_START: usize = 120;

/// The importance of each letter (L): minus the mean effect of the four letters there, so that a letter whose
/// loss lowers the logit is positive.
fn importance(probe: &LinearProbe, letters: &str) -> Vec<f64> {
    let sequence = Sequence::parse(&Alphabet::dna(), letters).unwrap();
    let readout = probe.spec().readout(None, &[], None, Reduce::Mean).unwrap();
    let pass = probe.as_incremental().unwrap().reference(&sequence, &readout).unwrap();
    let edits: Vec<Edit> = (0..letters.len() as u32)
        .flat_map(|position| (0..4).map(move |code| Edit { position, code }))
        .collect();
    let mut out = Array3::zeros((edits.len(), 1, 1));
    pass.deltas(&edits.chunks(1).collect::<Vec<_>>(), out.view_mut()).unwrap();
    out.into_raw_vec_and_offset().0.chunks(4).map(|deltas| -deltas.iter().sum::<f64>() / 4.0).collect()
}

#[test]
fn mutagenesis_of_active_promoters_finds_the_minus_ten_box() {
    let Some(folder) = data("regulatory/ecoli_promoters") else { return };
    let (training, validation, test) = promoters(&folder);
    let options = ProbeTraining { kind: ProbeKind::KmerPositional, ..Default::default() };
    let probe = train(&training, &validation, &options).probe;
    let mut order: Vec<usize> = (0..test.values.len()).collect();
    order.sort_by(|&a, &b| test.values[b].total_cmp(&test.values[a]));
    // Of each promoter the window of six letters with the largest summed importance votes for its word.
    let mut votes: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut totals: HashMap<&str, f64> = HashMap::new();
    for &i in order.iter().take(350) {
        let importance = importance(&probe, &test.letters[i]);
        let sums: Vec<f64> = importance.windows(6).map(|window| window.iter().sum()).collect();
        let start = (0..sums.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap();
        votes.entry(&test.letters[i][start..start + 6]).or_default().push(start);
        for (start, sum) in sums.iter().enumerate() {
            *totals.entry(&test.letters[i][start..start + 6]).or_default() += sum;
        }
    }
    let mut words: Vec<_> = votes.iter().map(|(word, starts)| (starts.len(), *word)).collect();
    words.sort_unstable();
    words.reverse();
    println!("votes: {:?}", &words[..6]);
    assert_eq!(words[0].1, "TATAAT");
    assert!(words[0].0 > 2 * words[1].0 - 1, "TATAAT stands out: {:?}", &words[..2]);
    // So it does when all occurrences count, not only the best of each promoter.
    let strongest = totals.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    assert_eq!(*strongest.0, "TATAAT");
    // The box begins 13 or 12 bases before the start of transcription.
    let count = |start| votes["TATAAT"].iter().filter(|found| **found == start).count();
    let place = (0..145).max_by_key(|start| count(*start)).unwrap();
    assert!([TRANSCRIPTION_START - 13, TRANSCRIPTION_START - 12].contains(&place), "{place}");
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn an_additive_probe_predicts_the_lac_promoter_as_ridge_regression_does() {
    let Some(path) = data("regulatory/mavenn/sortseq_data.csv.gz") else { return };
    let mut sets: HashMap<String, Vec<(String, f64)>> = HashMap::new();
    for line in lines(&path).iter().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // The mean number of the bin in which a sequence was counted.
        let counts: Vec<f64> = fields[1..11].iter().map(|count| count.parse().unwrap()).collect();
        let weighted: f64 = counts.iter().enumerate().map(|(bin, count)| bin as f64 * count).sum();
        let row = (fields[11].to_owned(), weighted / counts.iter().sum::<f64>());
        sets.entry(fields[0].to_owned()).or_default().push(row);
    }
    let mut set = |name: &str| Set::new(sets.remove(name).unwrap());
    let (training, validation, test) = (set("training"), set("validation"), set("test"));
    let options =
        ProbeTraining { kind: ProbeKind::Positional, target: ProbeTarget::Value, ..Default::default() };
    let trained = train(&training, &validation, &options);
    let found = pearson(&trained.probe.logits(&test.batch()).unwrap(), &test.values);
    println!("lac: {found:.4}");
    // Ridge regression of scikit-learn: 0.549.
    assert!((found - 0.549).abs() < 0.005, "{found}");
}
