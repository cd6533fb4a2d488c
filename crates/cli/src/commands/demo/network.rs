//! A small network that learns the words, and what it reads by two ways of asking.

use std::fmt::Write;

use cistron::effects::{
    AttributionMethod, AttributionOptions, Attributor, Perturbation, Prediction, perturb,
};
use cistron::encode::{SequenceBatch, random_sequences};
use cistron::genome::Genome;
use cistron::models::{ConvNet, ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};
use cistron::motif::{Annotations, SeqletOptions, call_seqlets};
use cistron::ndarray::{Array2, Array3, s};
use cistron::plot::{LineChart, Logo, LogoSpan, Series, line_chart, logo};
use cistron::{Alphabet, Run, Sequence};

use super::data::{Labelled, MOTIFS, WIDTH};
use super::names::{best_matches, candidates};
use crate::input::fetch_all;

/// One layer of words on either strand, and the best place of each.
const CONFIG: &str = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": null,
    "layers": [{"op": "conv1d", "name": "words", "in": 4, "out": 16, "kernel": 9, "padding": 4}, {"op": "relu"},
               {"op": "global_max"}, {"op": "linear", "name": "out", "in": 16, "out": 1}],
    "heads": [{"name": "words", "tracks": ["words"]}]}"#;

/// Held-out windows that are asked about.
const WINDOWS: usize = 48;
/// Random sequences into which words are put, and the gaps between them.
const BACKGROUNDS: usize = 24;
const GAPS: usize = 40;

/// What the network learned and reads.
pub(super) struct Network {
    auroc: f64,
    /// By mutagenesis and by DeepLIFT.
    found: [Found; 2],
    words: Vec<String>,
    /// The mean difference of the output with both words at each gap.
    spacing: Vec<(f64, f64)>,
}

/// What one way of asking gives.
struct Found {
    method: AttributionMethod,
    /// (N, L, 4).
    contributions: Array3<f64>,
    named: Annotations,
}

impl Network {
    pub(super) fn learn(
        genome: &Genome,
        training: &Labelled,
        held_out: &Labelled,
        run: Run<'_>,
    ) -> anyhow::Result<Self> {
        let (net, auroc) = train(genome, training, held_out, run)?;
        let windows: Vec<_> = held_out.positives().into_iter().take(WINDOWS).collect();
        let sequences = fetch_all(genome, &windows)?;
        let words = candidates(run.seed)?;
        let ask = |method| Found::ask(&net, method, &sequences, &words, run);
        let found = [ask(AttributionMethod::Mutagenesis)?, ask(AttributionMethod::DeepLift)?];
        let words = words.iter().map(ToString::to_string).collect();
        Ok(Self { auroc, found, words, spacing: spacing(&net, run)? })
    }

    /// What was found, as HTML with pictures.
    pub(super) fn section(&self) -> anyhow::Result<String> {
        let [first, second] = MOTIFS;
        let mut page = format!(
            "<p>A network of one layer of 16 words, each as strong as its best place, learns from the same windows \
             (held-out AUROC {:.3}). {WINDOWS} held-out windows are asked in two ways what each letter contributes: by \
             every substitution, and by DeepLIFT beside 20 shuffles of each window.</p>\n\
             <table><tr><th>best match of a seqlet</th><th>by mutagenesis</th><th>by DeepLIFT</th></tr>\n",
            self.auroc
        );
        for (motif, word) in (0..).zip(MOTIFS) {
            let [a, b] = self.found.each_ref().map(|found| found.count(|other| other == motif));
            writeln!(page, "<tr><td><code>{word}</code></td><td>{a}</td><td>{b}</td></tr>")?;
        }
        let decoys = MOTIFS.len() as u32;
        let [a, b] = self.found.each_ref().map(|found| found.count(|other| other >= decoys));
        let n = self.words.len() - MOTIFS.len();
        writeln!(page, "<tr><td>one of {n} random words</td><td>{a}</td><td>{b}</td></tr></table>")?;
        for found in &self.found {
            writeln!(page, "<figure>{}</figure>", self.logo(found)?)?;
        }
        let chart = line_chart(&LineChart {
            title: &format!("{first} and {second} at each distance"),
            x_label: "bases between the two",
            y_label: "mean difference of the logit",
            series: &[Series { name: "both words", points: &self.spacing }],
        })?;
        writeln!(
            page,
            "<p>Both words are put into {BACKGROUNDS} random sequences at each distance: the network knows the words, but \
             nothing was planted that it could know of distances.</p>\n<figure>{chart}</figure>"
        )?;
        Ok(page)
    }

    /// The first window, with the names of its seqlets.
    fn logo(&self, found: &Found) -> anyhow::Result<String> {
        let heights: Vec<f64> = found.contributions.slice(s![0, .., ..]).iter().copied().collect();
        let here = found.named.filter(|row| row.example == 0);
        let label = |motif: u32| self.words.get(motif as usize).map_or("", String::as_str);
        let spans: Vec<LogoSpan<'_>> = here
            .iter()
            .map(|row| LogoSpan { label: label(row.motif), start: row.start.into(), end: row.end.into() })
            .collect();
        let how = if found.method == AttributionMethod::DeepLift { "DeepLIFT" } else { "mutagenesis" };
        Ok(logo(&Logo {
            title: &format!("What each letter contributes, by {how}"),
            heights: &heights,
            value_label: "contribution",
            spans: &spans,
            ..Logo::default()
        })?)
    }
}

impl Found {
    fn ask(
        net: &ConvNet,
        method: AttributionMethod,
        sequences: &[Sequence],
        words: &[Sequence],
        run: Run<'_>,
    ) -> anyhow::Result<Self> {
        let options = AttributionOptions { method, ..AttributionOptions::default() };
        let attribution = Attributor::new(net, options)?.attribute(sequences, run)?;
        let importance: Array2<f64> = attribution.importance();
        let seqlets =
            call_seqlets(importance.view(), SeqletOptions { threshold: 1e-4, ..SeqletOptions::default() })?;
        let named = Annotations::from_seqlets(&seqlets, &best_matches(&seqlets, sequences, words)?)?;
        Ok(Self { method, contributions: attribution.contributions(), named })
    }

    fn count(&self, is_it: impl Fn(u32) -> bool) -> usize {
        self.named.motifs().iter().filter(|motif| is_it(**motif)).count()
    }
}

fn train(
    genome: &Genome,
    training: &Labelled,
    held_out: &Labelled,
    run: Run<'_>,
) -> anyhow::Result<(ConvNet, f64)> {
    let batch =
        |set: &Labelled| anyhow::Ok(SequenceBatch::from_sequences(&fetch_all(genome, &set.windows)?)?);
    let (learned, new) = (batch(training)?, batch(held_out)?);
    let options = ConvNetTraining { epochs: 15, learning_rate: 0.02, ..ConvNetTraining::default() };
    let trained = train_convnet(
        &ConvNetConfig::from_json(CONFIG)?,
        &ConvNetData { sequences: &learned, targets: &training.labels },
        &ConvNetData { sequences: &new, targets: &held_out.labels },
        &options,
        None,
        run,
    )?;
    let best = trained.report.history.get(trained.report.best_epoch);
    let auroc = best.and_then(|epoch| epoch.validation.metric("auroc")).unwrap_or(f64::NAN);
    Ok((trained.net, auroc))
}

/// The mean difference of the output with both words at each gap.
fn spacing(net: &ConvNet, run: Run<'_>) -> anyhow::Result<Vec<(f64, f64)>> {
    let dna = Alphabet::dna();
    let backgrounds = random_sequences(&dna, BACKGROUNDS, WIDTH, &[], run.seed)?.to_sequences()?;
    let motifs = MOTIFS.iter().map(|word| Sequence::parse(&dna, word)).collect::<Result<_, _>>()?;
    let gaps = (0..GAPS).map(|gap| vec![gap]).collect();
    let experiment = Perturbation::Space { motifs, gaps, start: None };
    let mut sums = vec![0.0; GAPS];
    perturb(&Prediction::new(net, None)?, &backgrounds, &experiment, run, &mut |found| {
        for row in found.differences().outer_iter() {
            sums.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    })?;
    Ok((0..).zip(sums).map(|(gap, sum)| (f64::from(gap), sum / BACKGROUNDS as f64)).collect())
}
