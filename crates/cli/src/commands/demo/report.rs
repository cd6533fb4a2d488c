//! `report.html`: one page that needs no other file.

use std::fmt::Write;

use cistron::Alphabet;
use cistron::models::TrainedProbe;
use cistron::ndarray::s;
use cistron::plot::{
    DeltaHeatMap, LineChart, Logo, Mark, Series, Track, delta_heat_map, line_chart, logo, track,
};

use super::family::Relatives;
use super::names::Names;
use super::network::Network;
use super::reads::Reads;
use super::syntax::Syntax;
use super::track::LearnedTrack;
use super::variants::Variants;
use super::{Effects, WIDTH, Word};

/// Bases shown on each side of the strongest position.
const FLANK: usize = 25;

pub(super) struct Report<'a> {
    pub(super) composition: &'a TrainedProbe,
    pub(super) kmers: &'a TrainedProbe,
    pub(super) effects: &'a Effects,
    pub(super) words: &'a [Word],
    pub(super) names: &'a Names,
    pub(super) variants: &'a Variants,
    pub(super) network: &'a Network,
    pub(super) learned_track: &'a LearnedTrack,
    pub(super) syntax: &'a Syntax,
    pub(super) reads: &'a Reads,
    pub(super) relatives: &'a Relatives,
    pub(super) planted: &'a [&'a str],
    /// Training and held-out windows.
    pub(super) counts: (usize, usize),
}

impl Report<'_> {
    pub(super) fn render(&self) -> anyhow::Result<String> {
        let (example, position) = self.strongest();
        let sections = [
            ("What was planted", self.planted_text()),
            ("Two probes", self.probes()?),
            ("Every substitution of one window", self.heat_map(example)?),
            ("What each letter contributes", self.contributions(example, position)?),
            ("The strongest words", self.word_table()?),
            ("Seqlets and their names", self.seqlets()?),
            ("The strongest positions", self.position_table()?),
            ("What variants do", self.variants.section()?),
            ("What a network reads", self.network.section()?),
            ("A track that a long-range model learns", self.learned_track.section()?),
            ("What a black box reads", self.syntax.section()?),
            ("Reads that correct one another", self.reads.section()?),
            ("What the relatives of a protein know", self.relatives.section()?),
            ("Do it yourself", COMMANDS.to_owned()),
        ];
        let mut page = String::from(HEAD);
        for (title, body) in sections {
            write!(page, "<section><h2>{title}</h2>\n{body}</section>\n")?;
        }
        page.push_str("</main></body></html>\n");
        Ok(page)
    }

    /// The window and position with the largest contribution; ties to the first.
    fn strongest(&self) -> (usize, usize) {
        let mut best = ((0, 0), f64::NEG_INFINITY);
        for (place, &value) in self.effects.importance.indexed_iter() {
            if value > best.1 {
                best = (place, value);
            }
        }
        best.0
    }

    fn planted_text(&self) -> String {
        let words: Vec<String> = self.planted.iter().map(|word| format!("<code>{word}</code>")).collect();
        format!(
            "<p>A random genome of two contigs is cut into windows of {WIDTH} bases. Every second window holds \
             {}, each with a chance of 80&nbsp;%, anywhere in its half and on either strand. The question to the \
             models: which windows hold words? {} windows train, {} windows of the other contig are held out.</p>",
            words.join(" and "),
            self.counts.0,
            self.counts.1
        )
    }

    fn probes(&self) -> anyhow::Result<String> {
        let area = |trained: &TrainedProbe| trained.history[trained.best_epoch].validation_metric;
        let points = |trained: &TrainedProbe| -> Vec<(f64, f64)> {
            (1..).zip(&trained.history).map(|(epoch, e)| (f64::from(epoch), e.validation_metric)).collect()
        };
        let (kmers, composition) = (points(self.kmers), points(self.composition));
        let chart = line_chart(&LineChart {
            title: "Held-out AUROC by epoch",
            x_label: "epoch",
            y_label: "AUROC",
            series: &[
                Series { name: "k-mers (k = 6)", points: &kmers },
                Series { name: "composition", points: &composition },
            ],
        })?;
        Ok(format!(
            "<p>The <em>mean</em> probe averages over positions, so it sees the base composition and nothing else; \
             its effects do not depend on position. The <em>k-mer</em> probe sees words.</p>\n\
             <table><tr><th>probe</th><th>held-out AUROC</th></tr>\n\
             <tr><td>mean (composition)</td><td>{:.3}</td></tr>\n\
             <tr><td>k-mers, k = 6, both strands</td><td>{:.3}</td></tr></table>\n<figure>{chart}</figure>\n",
            area(self.composition),
            area(self.kmers)
        ))
    }

    fn heat_map(&self, example: usize) -> anyhow::Result<String> {
        let deltas = self.effects.deltas.row(example).to_vec();
        let map = delta_heat_map(&DeltaHeatMap {
            title: &format!("Effect of every substitution, {}", self.effects.names[example]),
            deltas: &deltas,
            reference: Some(&self.effects.sequences[example].to_string()),
            value_label: "Δ logit",
            ..DeltaHeatMap::default()
        })?;
        Ok(format!(
            "<p>Each cell is the exact change of the model's output when that letter is put there (closed form, no \
             forward pass). Blue lowers, red raises; a dot marks the letter that stands there.</p>\n\
             <figure>{map}</figure>\n"
        ))
    }

    fn contributions(&self, example: usize, position: usize) -> anyhow::Result<String> {
        let importance = self.effects.importance.row(example).to_vec();
        let whole = track(&Track {
            title: "Contribution of each letter",
            values: &importance,
            value_label: "contribution",
            position_label: "position",
            mark: Mark::Bars,
            ..Track::default()
        })?;
        let start = position.saturating_sub(FLANK).min(WIDTH - 2 * FLANK);
        let span = start..start + 2 * FLANK;
        let codes = &self.effects.sequences[example].codes()[span.clone()];
        let mut heights = vec![0.0; codes.len() * 4];
        for ((cells, &code), &value) in heights.chunks_mut(4).zip(codes).zip(&importance[span.clone()]) {
            if let Some(cell) = cells.get_mut(usize::from(code)) {
                *cell = value;
            }
        }
        let close = logo(&Logo {
            title: &format!("Positions {start} to {} as letters", span.end),
            heights: &heights,
            value_label: "contribution",
            first_position: start as i64,
            ..Logo::default()
        })?;
        Ok(format!(
            "<p>The mean loss over the three substitutions of a letter is what the letter contributes.</p>\n\
             <figure>{whole}</figure>\n<figure>{close}</figure>\n"
        ))
    }

    fn word_table(&self) -> anyhow::Result<String> {
        let mut rows = String::new();
        for word in self.words.iter().take(8) {
            let reverse = reverse_complement(&word.letters);
            let known =
                self.planted.iter().find(|motif| motif.contains(&word.letters) || motif.contains(&reverse));
            let known = known.map_or(String::new(), |motif| format!("in <code>{motif}</code>"));
            writeln!(
                rows,
                "<tr><td><code>{}</code></td><td><code>{reverse}</code></td><td>{}</td><td>{:.3}</td>\
                 <td>{known}</td></tr>",
                word.letters, word.occurrences, word.importance
            )?;
        }
        Ok(format!(
            "<p>Six letters at a time, both strands together, by the mean contribution of their occurrences in the \
             {} held-out windows with words.</p>\n<table><tr><th>word</th><th>other strand</th><th>occurrences</th>\
             <th>mean contribution</th><th>planted</th></tr>\n{rows}</table>\n",
            self.effects.sequences.len()
        ))
    }

    fn seqlets(&self) -> anyhow::Result<String> {
        let names = self.names;
        let mut rows = String::new();
        for (word, count) in self.planted.iter().zip(&names.of_each) {
            writeln!(rows, "<tr><td><code>{word}</code></td><td>{count}</td></tr>")?;
        }
        let other = names.seqlets - names.of_each.iter().sum::<usize>();
        writeln!(
            rows,
            "<tr><td>one of {} random words</td><td>{other}</td></tr>",
            names.candidates - self.planted.len()
        )?;
        Ok(format!(
            "<p>A seqlet is a span that stands out of its contribution track. The {} seqlets of the held-out windows \
             were compared with {} words, the planted ones among random ones (TOMTOM); each is named by its best \
             match.</p>\n<table><tr><th>best match</th><th>seqlets</th></tr>\n{rows}</table>\n",
            names.seqlets, names.candidates
        ))
    }

    fn position_table(&self) -> anyhow::Result<String> {
        let strength = |(record, position): (usize, usize)| {
            let cells = self.effects.deltas.slice(s![record, position * 4..position * 4 + 4]);
            cells.iter().fold(0.0_f64, |largest, delta| largest.max(delta.abs()))
        };
        let mut places: Vec<(usize, usize)> =
            self.effects.importance.indexed_iter().map(|(place, _)| place).collect();
        // A stable sort keeps ties in the order of records and positions.
        places.sort_by(|&a, &b| strength(b).total_cmp(&strength(a)));
        let mut rows = String::new();
        for (rank, &place) in (1..=10).zip(&places) {
            let (record, position) = place;
            let sequence = &self.effects.sequences[record];
            let letter = sequence.alphabet().letter(sequence.codes()[position]);
            writeln!(
                rows,
                "<tr><td>{rank}</td><td>{}</td><td>{position}</td><td><code>{}</code></td><td>{:.4}</td></tr>",
                self.effects.names[record],
                letter as char,
                strength(place)
            )?;
        }
        Ok(format!(
            "<p>The first rows of <code>effects/top50_positives.tsv</code>.</p>\n<table><tr><th>rank</th>\
             <th>window</th><th>position</th><th>letter</th><th>largest |Δ|</th></tr>\n{rows}</table>\n"
        ))
    }
}

fn reverse_complement(letters: &str) -> String {
    let sequence = cistron::Sequence::parse(&Alphabet::dna(), letters);
    let reverse = sequence.and_then(|sequence| sequence.reverse_complement());
    reverse.map(|sequence| sequence.to_string()).unwrap_or_default()
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cistron demo</title>
<style>
body { margin: 0; background: #f5f6f8; color: #1d2430; font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0 0 .25rem; font-size: 2rem; } h2 { margin: 0 0 .5rem; font-size: 1.25rem; }
.lead { color: #4b5668; margin: 0 0 1.5rem; }
section { background: #fff; border: 1px solid #e1e5eb; border-radius: 10px; padding: 1.25rem 1.5rem; margin: 0 0 1.25rem; }
figure { margin: 1rem 0 0; overflow-x: auto; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .95rem; } th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid #e8ebf0; }
th { color: #4b5668; font-weight: 600; } code { font-family: ui-monospace, monospace; font-size: .92em; }
pre { background: #f5f6f8; border-radius: 8px; padding: .9rem 1rem; overflow-x: auto; }
</style></head><body><main>
<h1>cistron demo</h1>
<p class="lead">From a genome to the words that a model relies on, on made-up data.</p>
"#;

const COMMANDS: &str = "<p>The same steps by hand, on the files beside this page:</p>\n<pre><code>\
cistron probe train --train train.npz --valid valid.npz --kind kmer --both-strands -o my-probe.safetensors
cistron probe predict --model my-probe.safetensors --data valid.npz -o predictions.tsv
cistron effect saturate --model my-probe.safetensors --fasta genome.fa --bed positives.bed --width 200 \\
        --out-dir my-effects --plot 0
cistron effect variants --model my-probe.safetensors --fasta genome.fa --vcf variants.vcf --width 200 \\
        --background shuffles:5 -o scores.tsv
cistron effect compare scores.tsv --groups groups.tsv --columns diff_logit --absolute --plot groups.svg
cistron seqlets call my-effects/attributions_custom_bed.npz --threshold 0.0001 -o seqlets.tsv
cistron kmer simulate genome.fa --coverage 40 --error 0.01 -o reads.fq
cistron kmer train reads.fq --model spectrum -o spectrum
cistron kmer denoise spectrum reads.fq -o corrected.fq
cistron kmer graph corrected.fq --truth genome.fa
cistron vae prepare family.a2m -o family.npz
cistron vae train family.npz --kind pairwise -o pairs
cistron vae score pairs --singles --plot singles.svg -o singles.tsv</code></pre>\n";
