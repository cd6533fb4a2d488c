//! Variants inside and outside planted words, scored beside a background and compared.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use cistron::effects::{
    Calibration, ComparisonOptions, GroupComparison, VariantOptions, VariantScorer, compare_groups,
};
use cistron::encode::SequenceModel;
use cistron::genome::Genome;
use cistron::plot::{GroupChart, GroupPanel, group_chart};
use cistron::{AtomicFile, Reference, Run, Seed, Stream, VariantRow, Window, reverse_complement_letters};

use super::data::{MOTIFS, WIDTH};

/// Windows that get a variant inside a word and one outside.
const WINDOWS: usize = 100;
/// Shuffles around each variant for the background.
const SHUFFLES: u32 = 5;
/// Variants in the table.
const SHOWN: usize = 5;

/// A variant and what it did.
struct Scored {
    row: VariantRow,
    in_word: bool,
    difference: f64,
    p_value: f64,
}

/// What the variants did.
pub(super) struct Variants {
    scored: Vec<Scored>,
    comparison: GroupComparison,
}

impl Variants {
    /// Draws variants, scores and compares them, and writes `variants.vcf` and `groups.tsv`.
    pub(super) fn score(
        genome: &Genome,
        windows: &[Window],
        model: &dyn SequenceModel,
        folder: &Path,
        (seed, run): (Seed, Run<'_>),
    ) -> anyhow::Result<Self> {
        let drawn = draw(genome, windows, seed)?;
        write_files(&drawn, folder)?;
        let options = VariantOptions { width: Some(WIDTH as u32), ..VariantOptions::default() };
        let scorer = VariantScorer::new(genome, &[model], options)?;
        let rows: Vec<VariantRow> = drawn.iter().map(|(row, _)| row.clone()).collect();
        let null = scorer.shuffled_background(&rows, SHUFFLES, seed, run)?;
        let calibration = Calibration::new(&null)?;
        let mut scored = Vec::with_capacity(rows.len());
        for ((row, in_word), score) in drawn.into_iter().zip(scorer.score(&rows, run)?) {
            let difference = scorer.differences(&score).next().context("a variant without a score")?;
            let p_value = calibration.p_value(0, difference);
            scored.push(Scored { row, in_word, difference, p_value });
        }
        let [inside, outside] = [true, false].map(|in_word| sizes(&scored, in_word));
        let comparison = compare_groups(&inside, &outside, ComparisonOptions::default())?;
        Ok(Self { scored, comparison })
    }

    /// What was found, as HTML with a picture.
    pub(super) fn section(&self) -> anyhow::Result<String> {
        let [inside, outside] = [true, false].map(|in_word| sizes(&self.scored, in_word));
        let note = format!("p = {:.1e}", self.comparison.p_value);
        let panel = GroupPanel { name: "|Δ logit|", note: &note, first: &inside, second: &outside };
        let chart = group_chart(&GroupChart {
            title: "Sizes of the effects of variants",
            names: ["inside a word", "outside"],
            value_label: "|Δ logit|",
            panels: &[panel],
        })?;
        let mut strongest: Vec<&Scored> = self.scored.iter().collect();
        // A stable sort keeps ties in the order of the windows.
        strongest.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
        let mut rows = String::new();
        for it in strongest.into_iter().take(SHOWN) {
            let VariantRow { contig, position, reference, alternate, .. } = &it.row;
            let place = if it.in_word { "inside" } else { "outside" };
            writeln!(
                rows,
                "<tr><td>{contig}:{position} {reference}&gt;{alternate}</td><td>{place}</td><td>{:.3}</td>\
                 <td>{:.2e}</td></tr>",
                it.difference, it.p_value
            )?;
        }
        Ok(format!(
            "<p>Each of {} windows got one substitution inside a word and one outside, in <code>variants.vcf</code>. \
             The k-mer probe scores both alleles. An effect inside a word is the larger one with a chance of \
             {:.2} (the area under the ROC curve; Mann-Whitney p = {:.1e}). How rare a single effect is, is told by \
             the same variants in sequences whose dinucleotides were shuffled around them, {SHUFFLES} times each: the \
             rarest are</p>\n<table><tr><th>variant</th><th>word</th><th>Δ logit</th><th>p</th></tr>\n{rows}</table>\n\
             <figure>{chart}</figure>\n",
            inside.len(),
            self.comparison.auc,
            self.comparison.p_value
        ))
    }
}

fn sizes(scored: &[Scored], in_word: bool) -> Vec<f64> {
    scored.iter().filter(|it| it.in_word == in_word).map(|it| it.difference.abs()).collect()
}

/// One substitution inside a word and one outside, for each of the first windows that hold a word; by their position.
fn draw(genome: &Genome, windows: &[Window], seed: Seed) -> anyhow::Result<Vec<(VariantRow, bool)>> {
    let mut stream = seed.stream("demo variants", 0);
    let mut drawn = Vec::new();
    for window in windows {
        let mut letters = Vec::new();
        genome.fetch_letters_into(window, &mut letters)?;
        let in_word = places_in_words(&letters);
        let [inside, outside] = [true, false].map(|wanted| {
            (0..letters.len()).filter(|place| in_word[*place] == wanted).collect::<Vec<usize>>()
        });
        if inside.is_empty() || outside.is_empty() {
            continue;
        }
        let mut pair = [(inside, true), (outside, false)].map(|(places, in_word)| {
            let place = places[stream.below(places.len() as u64) as usize];
            (substitution(window, place, letters[place], &mut stream), in_word)
        });
        pair.sort_by_key(|(row, _)| row.position);
        drawn.extend(pair);
        if drawn.len() == 2 * WINDOWS {
            break;
        }
    }
    Ok(drawn)
}

/// Whether each letter belongs to a planted word, on either strand.
fn places_in_words(letters: &[u8]) -> Vec<bool> {
    let mut marked = vec![false; letters.len()];
    for word in MOTIFS {
        let mut reverse = word.as_bytes().to_vec();
        reverse_complement_letters(&mut reverse);
        for (start, found) in letters.windows(word.len()).enumerate() {
            if found == word.as_bytes() || found == reverse {
                marked[start..start + word.len()].fill(true);
            }
        }
    }
    marked
}

fn substitution(window: &Window, place: usize, letter: u8, stream: &mut Stream) -> VariantRow {
    let others: Vec<u8> = b"ACGT".iter().copied().filter(|other| *other != letter).collect();
    let alternate = others[stream.below(others.len() as u64) as usize];
    let position = (window.start() + place as i64 + 1) as u64;
    VariantRow {
        contig: window.contig().clone(),
        position,
        id: Some(format!("v{position}").into()),
        reference: char::from(letter).to_string().into(),
        alternate: char::from(alternate).to_string().into(),
        alt_index: 0,
    }
}

fn write_files(drawn: &[(VariantRow, bool)], folder: &Path) -> anyhow::Result<()> {
    let mut vcf = AtomicFile::create(folder.join("variants.vcf"))?;
    let mut groups = AtomicFile::create(folder.join("groups.tsv"))?;
    writeln!(vcf, "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")?;
    writeln!(groups, "id\tgroup")?;
    for (row, in_word) in drawn {
        let VariantRow { contig, position, reference, alternate, .. } = row;
        let id = row.id.as_deref().unwrap_or(".");
        writeln!(vcf, "{contig}\t{position}\t{id}\t{reference}\t{alternate}\t.\t.\t.")?;
        writeln!(groups, "{id}\t{}", if *in_word { "inside" } else { "outside" })?;
    }
    vcf.commit()?;
    Ok(groups.commit()?)
}
