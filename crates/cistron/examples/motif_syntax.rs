//! From attributions to the arrangement of motifs: `cargo run --release -p cistron --example motif_syntax`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{SaturationOptions, SaturationPlan, attributions};
use cistron::encode::{FnModel, ModelSpec, SequenceBatch, random_sequences};
use cistron::motif::{
    Annotations, PairCounting, PairOrder, Seqlet, SeqletOptions, SpacingOptions, TomtomOptions,
    TomtomTargets, call_seqlets, count_annotations, count_pairs, count_spacings, sequence_matrix,
};
use cistron::ndarray::{Array2, Array3};
use cistron::{Alphabet, Run, Seed, Sequence, Shard};

const WORDS: [&str; 3] = ["TGACTCA", "CCGGAAGT", "GATAAGG"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Sequences with the first two words, 6 bases apart.
    let dna = Alphabet::dna();
    let words: Vec<Sequence> =
        WORDS.iter().map(|word| Sequence::parse(&dna, word)).collect::<Result<_, _>>()?;
    let word = |i: usize| SequenceBatch::from_sequences(&words[i..=i]);
    let random = random_sequences(&dna, 20, 80, &[], Seed::new(1))?;
    let batch = random.multisubstitute(30, &[&word(0)?, &word(1)?], &[6])?;

    // A model of yours is a function; this one counts the letters that fit where a word fits best.
    let model = FnModel::new(ModelSpec::scalar(dna.clone(), None, "words"), |batch: &SequenceBatch| {
        let fit = |i: usize, word: &Sequence| {
            let codes = batch.codes().row(i).to_vec();
            let same = |letters: &[u8]| letters.iter().zip(word.codes()).filter(|(a, b)| a == b).count();
            codes.windows(word.len()).map(same).max().unwrap_or(0) as f32
        };
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, ..)| fit(i, &words[0]) + fit(i, &words[1])))
    });

    // What each letter contributes.
    let sequences = batch.to_sequences()?;
    let plan = SaturationPlan::new(&sequences[..], &model, SaturationOptions::default())?;
    let mut tracks = Vec::new();
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        tracks.extend(attributions(block.deltas.view(), block.codes.view()).0);
        Ok(())
    })?;
    let tracks = Array2::from_shape_vec((batch.len(), batch.width()), tracks)?;

    // Spans that stand out, each named by the motif that is most like its letters.
    let seqlets = call_seqlets(tracks.view(), SeqletOptions { threshold: 0.05, ..SeqletOptions::default() })?;
    let letters = |seqlet: &Seqlet| {
        let codes = sequences[seqlet.example as usize].codes();
        sequence_matrix(&codes[seqlet.start as usize..seqlet.end as usize], &dna)
    };
    let queries: Vec<Array2<f64>> = seqlets.iter().map(letters).collect();
    let motifs: Vec<Array2<f64>> = words.iter().map(|word| sequence_matrix(word.codes(), &dna)).collect();
    let motifs: Vec<_> = motifs.iter().map(|matrix| matrix.view()).collect();
    let queries: Vec<_> = queries.iter().map(|matrix| matrix.view()).collect();
    let options = TomtomOptions { nearest: Some(1), ..TomtomOptions::default() };
    let mut names = Vec::new();
    TomtomTargets::new(&motifs, options)?.compare_each(&queries, |_, matches| {
        names.push(matches);
        Ok::<(), cistron::motif::TomtomError>(())
    })?;
    let found = Annotations::from_seqlets(&seqlets, &names)?;

    // How many there are, which stand together, and how far apart.
    println!("{} seqlets, {} cells of counts", found.len(), count_annotations(&found).len());
    for ((a, b), n) in count_pairs(&found, PairCounting::OncePerExample, PairOrder::ByIndex) {
        println!("{} with {}: {n} sequences", WORDS[a as usize], WORDS[b as usize]);
    }
    for (spacing, n) in count_spacings(&found, SpacingOptions::default())?.iter() {
        println!(
            "{}, {} bases, {}: {n}",
            WORDS[spacing.a as usize], spacing.distance, WORDS[spacing.b as usize]
        );
    }
    Ok(())
}
