//! Training an Enformer from a genome and a track of it: what it predicts of a contig that it has not seen, and which
//! variants it says matter.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use cistron::effects::{VariantOptions, VariantScorer};
use cistron::encode::{ElementType, NpyWriter, Reduce, SequenceBatch, random_sequences};
use cistron::genome::bigwig::{BinOptions, Statistic, Writer};
use cistron::genome::{Genome, RegionSet, Split, TrackSet, Transform, WindowOptions, target_windows};
use cistron::models::{
    EnformerConfig, EnformerStart, EnformerTraining, RunFolder, Schedule, TrackCorrelations, TrackWindows,
    finetune_enformer, load_model,
};
use cistron::{
    Alphabet, Contig, GenomeWindows, Region, Run, Seed, TargetShards, VariantRow, area_under_roc,
    reverse_complement_letters,
};

/// The site of AP-1, which makes signal around it on either strand.
const SITE: &[u8] = b"TGACTCA";
/// Letters of an input and of a bin, and the bins in its middle that are predicted.
const LENGTH: usize = 128;
const BIN: usize = 8;
const BINS: usize = 8;

/// A contig with sites, and where their middles are.
fn contig(name: &str, length: usize, seed: u64) -> (String, Vec<u8>, Vec<usize>) {
    let batch = random_sequences(&Alphabet::dna(), 1, length, &[], Seed::new(seed)).unwrap();
    let mut letters = batch.to_sequences().unwrap()[0].to_string().into_bytes();
    let mut stream = Seed::new(seed).stream("sites", 0);
    let mut middles = Vec::new();
    for begin in (0..length - 100).step_by(100) {
        let mut site = SITE.to_vec();
        if stream.below(2) == 1 {
            reverse_complement_letters(&mut site);
        }
        let start = begin + stream.below(90) as usize;
        if stream.uniform() < 0.7 {
            letters[start..start + site.len()].copy_from_slice(&site);
            middles.push(start + site.len() / 2);
        }
    }
    (name.to_owned(), letters, middles)
}

type Contigs = [(String, Vec<u8>, Vec<usize>)];

/// A bump of 5 around each site, on 0.2.
fn write_track(path: &Path, contigs: &Contigs) {
    let lengths = contigs
        .iter()
        .map(|(name, letters, _)| Contig { name: name.as_str().into(), length: letters.len() as u64 });
    let mut writer = Writer::create(path, &lengths.collect::<Vec<_>>()).unwrap();
    for (name, letters, middles) in contigs {
        for position in 0..letters.len() {
            let near = middles.iter().filter(|middle| middle.abs_diff(position) < 60);
            let bump = |middle: &usize| 5.0 * (-0.5 * (middle.abs_diff(position) as f64 / 8.0).powi(2)).exp();
            let value = 0.2 + near.map(bump).sum::<f64>();
            writer.write(name, position as u32, position as u32 + 1, value as f32).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// What `cistron enformer targets` leaves, a contig for each part.
fn write_targets(folder: &Path, track: &Path, contigs: &Contigs) {
    let tracks = TrackSet::open(&[track]).unwrap();
    let lengths: Vec<Contig> =
        contigs.iter().map(|it| Contig { name: it.0.as_str().into(), length: it.1.len() as u64 }).collect();
    let mut peaks = RegionSet::default();
    for (name, _, middles) in contigs {
        // Not each middle is that of its window.
        for &middle in middles {
            peaks.push(name, middle as u64 - 3, middle as u64 + 24);
        }
    }
    let options = WindowOptions { width: (BIN * BINS) as u32, ..WindowOptions::default() };
    let windows = target_windows(&mut peaks, &lengths, &options).unwrap().windows;
    for (part, (name, ..)) in ["train", "valid", "test"].iter().zip(contigs) {
        let windows: Vec<Region> = windows.iter().filter(|it| **it.contig() == **name).cloned().collect();
        let n = windows.len() * BINS;
        let mut values = vec![0.0; n];
        let mean = BinOptions::new(Statistic::Mean).with_empty(0.0);
        tracks.bin_rows(&windows, BINS, &mean, Transform::Identity, &mut values).unwrap();
        let file = File::create(folder.join(format!("{part}-0.npy"))).unwrap();
        let mut array = NpyWriter::new(file, ElementType::Float32, &[windows.len(), BINS, 1]).unwrap();
        array.write(&values).unwrap();
        array.finish().unwrap();
        let (mut bed, mut index) = (String::new(), "row\tfile\toffset\n".to_owned());
        for (row, window) in windows.iter().enumerate() {
            writeln!(bed, "{name}\t{}\t{}", window.start(), window.end()).unwrap();
            writeln!(index, "{row}\t{part}-0.npy\t{row}").unwrap();
        }
        fs::write(folder.join(format!("{part}.bed")), bed).unwrap();
        fs::write(folder.join(format!("{part}.index.tsv")), index).unwrap();
    }
    let text = format!(
        r#"{{"version": 1, "bins": {BINS}, "bin_size": {BIN}, "tracks": ["{}"]}}"#,
        tracks.names()[0]
    );
    fs::write(folder.join("targets.json"), text).unwrap();
}

/// Whether a variant breaks a site, and the variant: in each site, and as many that are near none of its letters.
fn variants((name, letters, middles): &(String, Vec<u8>, Vec<usize>)) -> Vec<(bool, VariantRow)> {
    let mut stream = Seed::new(4).stream("variants", 0);
    let mut rows = Vec::new();
    for &middle in middles.iter().filter(|&&middle| (70..letters.len() - 70).contains(&middle)) {
        let beside = middle + 8 + stream.below(20) as usize;
        let is_free = middles.iter().all(|other| other.abs_diff(beside) > SITE.len());
        for position in [Some(middle), is_free.then_some(beside)].into_iter().flatten() {
            let reference = letters[position];
            let others: Vec<u8> = b"ACGT".iter().copied().filter(|letter| *letter != reference).collect();
            let alternate = others[stream.below(3) as usize];
            let row = VariantRow {
                contig: name.as_str().into(),
                position: position as u64 + 1,
                id: None,
                reference: char::from(reference).to_string().into(),
                alternate: char::from(alternate).to_string().into(),
                alt_index: 0,
            };
            rows.push((position == middle, row));
        }
    }
    rows
}

fn config() -> EnformerConfig {
    EnformerConfig {
        dim: 24,
        depth: 1,
        heads: 2,
        attn_dim_key: 8,
        target_length: Some(BINS),
        num_downsamples: 3,
        dim_divisible_by: 12,
        dropout_rate: 0.1,
        input_length: LENGTH,
        ..EnformerConfig::default()
    }
}

#[test]
fn a_track_is_learned_and_variants_that_break_its_sites_are_known() {
    let contigs = [contig("chr1", 80_000, 1), contig("chr2", 10_000, 2), contig("chr3", 10_000, 3)];
    let folder = tempfile::tempdir().unwrap();
    let track = folder.path().join("ap1.bw");
    write_track(&track, &contigs);
    write_targets(folder.path(), &track, &contigs);
    let letters = contigs.iter().map(|(name, letters, _)| (name.as_str(), letters.as_slice()));
    let genome = Genome::from_contigs("made up", letters).unwrap();
    let shards = TargetShards::open(folder.path()).unwrap();
    let frame = (config().input_length, config().first_bin());
    let windows = |part| GenomeWindows::new(&genome, &shards, part, frame, &[]).unwrap();
    let options = EnformerTraining {
        trainable: "head,pointwise,transformer,tower,batch-norm".parse().unwrap(),
        learning_rate: 6e-3,
        warmup_steps: 20,
        schedule: Schedule::Cosine { floor: 0.0 },
        batch: 16,
        epochs: 12,
        ..EnformerTraining::default()
    };
    let place = RunFolder::create(folder.path().join("run")).unwrap();
    let start = config();
    let trained = finetune_enformer(
        EnformerStart::Scratch(&start),
        &windows(Split::Train),
        &windows(Split::Valid),
        &options,
        Some(&place),
        Run::default(),
    )
    .unwrap();
    for epoch in &trained.report.history {
        println!("{:?}", epoch.validation);
    }
    let model = load_model(place.path()).unwrap().model;

    let test = windows(Split::Test);
    let readout = model.spec().readout(None, &[], None, Reduce::Keep).unwrap();
    let mut correlations = TrackCorrelations::new(1);
    let (mut codes, mut observed) = (Vec::new(), vec![0.0; BINS]);
    for window in 0..test.n_windows() {
        test.letters(window, 0, &mut codes).unwrap();
        test.targets(window, &mut observed).unwrap();
        let batch = SequenceBatch::from_rows(&Alphabet::dna(), LENGTH, codes.clone()).unwrap();
        let predicted: Vec<f32> = model.predict(&batch, &readout).unwrap().into_iter().collect();
        correlations.add(&predicted, &observed);
    }
    let pearson = correlations.pooled()[0];
    println!("{} windows of another contig: Pearson {pearson:.3}", test.n_windows());
    assert!(pearson > 0.8, "{pearson}");

    let scorer = VariantScorer::new(&genome, &[&*model], VariantOptions::default()).unwrap();
    let (breaks, rows): (Vec<bool>, Vec<VariantRow>) = variants(&contigs[2]).into_iter().unzip();
    let scores = scorer.score(&rows, Run::default()).unwrap();
    let effects: Vec<f64> =
        scores.iter().map(|score| scorer.differences(score).next().unwrap().abs()).collect();
    let area = area_under_roc(&effects, &breaks).unwrap();
    println!("{} variants: area {area:.3}", rows.len());
    assert!(area > 0.95, "{area}");
}
