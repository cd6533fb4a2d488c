//! A small network learns two words, and is asked what it reads: contributions by DeepLIFT and by mutagenesis, seqlets and
//! their names, what the words do together, and a sequence that it likes:
//! `cargo run --release -p cistron --example attributions`. A folder as argument gets the pictures.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{
    AttributionMethod, AttributionOptions, Attributor, DesignOptions, Designer, Perturbation, Prediction,
    perturb,
};
use cistron::encode::{SequenceBatch, random_sequences};
use cistron::models::{ConvNet, ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};
use cistron::motif::{SeqletOptions, TomtomOptions, TomtomTargets, call_seqlets, sequence_matrix};
use cistron::ndarray::{Array2, ArrayView2, s};
use cistron::plot::{LineChart, Logo, Series, line_chart, logo};
use cistron::{Alphabet, Run, Seed, Sequence};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const CONFIG: &str = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": null,
    "layers": [{"op": "conv1d", "name": "words", "in": 4, "out": 16, "kernel": 9, "padding": 4}, {"op": "relu"},
               {"op": "global_max"}, {"op": "linear", "name": "out", "in": 16, "out": 1}],
    "heads": [{"name": "bound", "tracks": ["bound"]}]}"#;
pub(crate) const WORDS: [&str; 2] = ["TGACTCA", "CACGTG"];
const WIDTH: usize = 120;

pub(crate) fn sequence(letters: &str) -> Result<Sequence> {
    Ok(Sequence::parse(&Alphabet::dna(), letters)?)
}

/// Random sequences; every second one has each word, in its half, with a chance: if both were always there, a network
/// would learn one.
pub(crate) fn made_up(n: usize, chance: f64, seed: u64) -> Result<(SequenceBatch, Vec<f64>)> {
    let random = random_sequences(&Alphabet::dna(), n, WIDTH, &[], Seed::new(seed))?;
    let mut codes = random.codes().to_owned();
    let mut stream = Seed::new(seed).stream("places", 0);
    for mut row in codes.outer_iter_mut().skip(1).step_by(2) {
        for (half, word) in [0, WIDTH / 2].into_iter().zip(WORDS) {
            if stream.uniform() >= chance {
                continue;
            }
            let start = half + stream.below((WIDTH / 2 - word.len()) as u64) as usize;
            row.iter_mut()
                .skip(start)
                .zip(sequence(word)?.codes())
                .for_each(|(code, letter)| *code = *letter);
        }
    }
    Ok((SequenceBatch::new(&Alphabet::dna(), codes)?, (0..n).map(|i| (i % 2) as f64).collect()))
}

pub(crate) fn trained() -> Result<ConvNet> {
    let ((learned, classes), (new, new_classes)) = (made_up(1600, 0.8, 1)?, made_up(400, 0.8, 2)?);
    let options = ConvNetTraining { epochs: 12, learning_rate: 0.02, ..ConvNetTraining::default() };
    let data = ConvNetData { sequences: &learned, targets: &classes };
    let held_out = ConvNetData { sequences: &new, targets: &new_classes };
    Ok(train_convnet(&ConvNetConfig::from_json(CONFIG)?, &data, &held_out, &options, None, Run::default())?
        .net)
}

/// New sequences with both words.
pub(crate) fn with_words() -> Result<Vec<Sequence>> {
    Ok(made_up(80, 1.0, 3)?.0.to_sequences()?.into_iter().skip(1).step_by(2).collect())
}

/// The planted words, then 30 random ones.
pub(crate) fn candidates() -> Result<Vec<Sequence>> {
    let mut words = vec![sequence(WORDS[0])?, sequence(WORDS[1])?];
    words.extend(random_sequences(&Alphabet::dna(), 30, 7, &[], Seed::new(4))?.to_sequences()?);
    Ok(words)
}

/// How many seqlets are named by each word, planted ones first.
pub(crate) fn names(
    importance: ArrayView2<'_, f64>,
    sequences: &[Sequence],
    words: &[Sequence],
) -> Result<Vec<usize>> {
    let seqlets = call_seqlets(importance, SeqletOptions { threshold: 1e-3, ..SeqletOptions::default() })?;
    let matrix = |codes: &[u8]| sequence_matrix(codes, &Alphabet::dna());
    let targets: Vec<Array2<f64>> = words.iter().map(|word| matrix(word.codes())).collect();
    let views: Vec<ArrayView2<'_, f64>> = targets.iter().map(|target| target.view()).collect();
    let targets = TomtomTargets::new(&views, TomtomOptions { nearest: Some(1), ..TomtomOptions::default() })?;
    let letters = |seqlet: &cistron::motif::Seqlet| {
        matrix(&sequences[seqlet.example as usize].codes()[seqlet.start as usize..seqlet.end as usize])
    };
    let queries: Vec<Array2<f64>> = seqlets.iter().map(letters).collect();
    let queries: Vec<ArrayView2<'_, f64>> = queries.iter().map(|query| query.view()).collect();
    let mut counts = vec![0; words.len()];
    targets.compare_each(&queries, |_, matches| {
        if let Some(count) = matches.first().and_then(|best| counts.get_mut(best.target)) {
            *count += 1;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;
    Ok(counts)
}

fn main() -> Result<()> {
    let pictures = std::env::args().nth(1);
    let save = |name: &str, svg: String| match &pictures {
        Some(folder) => std::fs::write(std::path::Path::new(folder).join(name), svg),
        None => Ok(()),
    };
    let net = trained()?;
    let (sequences, words) = (with_words()?, candidates()?);
    for method in [AttributionMethod::DeepLift, AttributionMethod::Mutagenesis] {
        let options = AttributionOptions { method, ..AttributionOptions::default() };
        let found = Attributor::new(&net, options)?.attribute(&sequences, Run::default())?;
        let counts = names(found.importance().view(), &sequences, &words)?;
        let others: usize = counts[2..].iter().sum();
        println!(
            "{}: {} seqlets are {}, {} are {}, {others} another word",
            method.name(),
            counts[0],
            WORDS[0],
            counts[1],
            WORDS[1]
        );
        let heights: Vec<f64> = found.contributions().slice(s![0, .., ..]).iter().copied().collect();
        let title = format!("What each letter contributes, by {}", method.name());
        let picture =
            Logo { title: &title, heights: &heights, value_label: "contribution", ..Logo::default() };
        save(&format!("attribution_{}.svg", method.name()), logo(&picture)?)?;
    }

    // What the words do together, at each distance.
    let backgrounds = random_sequences(&Alphabet::dna(), 20, WIDTH, &[], Seed::new(5))?.to_sequences()?;
    let gaps: Vec<Vec<usize>> = (0..30).map(|gap| vec![gap]).collect();
    let experiment = Perturbation::Space { motifs: words[..2].to_vec(), gaps, start: None };
    let mut curve: Vec<(f64, f64)> = (0..30).map(|gap| (f64::from(gap), 0.0)).collect();
    perturb(&Prediction::new(&net, None)?, &backgrounds, &experiment, Run::default(), &mut |found| {
        for row in found.differences().outer_iter() {
            curve.iter_mut().zip(&row).for_each(|(point, value)| point.1 += value / backgrounds.len() as f64);
        }
        Ok(())
    })?;
    println!("both words 10 bases apart: {:+.1} on average", curve[10].1);
    let series = [Series { name: "both words", points: &curve }];
    let chart = LineChart {
        title: "TGACTCA and CACGTG at each distance",
        x_label: "bases between the two",
        y_label: "mean difference of the logit",
        series: &series,
    };
    save("spacing_curve.svg", line_chart(&chart)?)?;

    // Substitutions until the network says 4.
    let designer =
        Designer::new(&net, vec![4.0], DesignOptions { tolerance: 0.01, ..DesignOptions::default() })?;
    let design = designer.design(&backgrounds[0], 0, Run::default())?;
    println!(
        "{} substitutions bring the loss from {:.1} to {:.3}",
        design.steps.len(),
        design.initial_loss,
        design.loss()
    );
    Ok(())
}
