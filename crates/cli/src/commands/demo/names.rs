//! Seqlets and the words that name them.

use cistron::encode::random_sequences;
use cistron::motif::{
    MotifMatch, Seqlet, SeqletOptions, TomtomOptions, TomtomTargets, call_seqlets, sequence_matrix,
};
use cistron::ndarray::{Array2, ArrayView2};
use cistron::{Alphabet, Seed, Sequence};

use super::Effects;
use super::data::MOTIFS;

/// Random words among which the planted ones have to be found.
const DECOYS: usize = 48;

/// How many seqlets each planted word names best, of how many.
pub(super) struct Names {
    pub(super) seqlets: usize,
    pub(super) of_each: Vec<usize>,
    pub(super) candidates: usize,
}

/// Calls seqlets on the contributions and compares each with the planted words and random ones.
pub(super) fn name_seqlets(effects: &Effects, seed: Seed) -> anyhow::Result<Names> {
    let options = SeqletOptions { threshold: 1e-4, ..SeqletOptions::default() };
    let seqlets = call_seqlets(effects.importance.view(), options)?;
    let words = candidates(seed)?;
    let mut of_each = vec![0; MOTIFS.len()];
    for matches in best_matches(&seqlets, &effects.sequences, &words)? {
        if let Some(count) = matches.first().and_then(|best| of_each.get_mut(best.target)) {
            *count += 1;
        }
    }
    Ok(Names { seqlets: seqlets.len(), of_each, candidates: words.len() })
}

/// The planted words, then random ones.
pub(super) fn candidates(seed: Seed) -> anyhow::Result<Vec<Sequence>> {
    let dna = Alphabet::dna();
    let mut words: Vec<Sequence> =
        MOTIFS.iter().map(|word| Sequence::parse(&dna, word)).collect::<Result<_, _>>()?;
    words.extend(random_sequences(&dna, DECOYS, 7, &[], seed)?.to_sequences()?);
    Ok(words)
}

/// The word that is most like the letters of each seqlet.
pub(super) fn best_matches(
    seqlets: &[Seqlet],
    sequences: &[Sequence],
    words: &[Sequence],
) -> anyhow::Result<Vec<Vec<MotifMatch>>> {
    let dna = Alphabet::dna();
    let targets: Vec<Array2<f64>> = words.iter().map(|word| sequence_matrix(word.codes(), &dna)).collect();
    let views: Vec<ArrayView2<'_, f64>> = targets.iter().map(|target| target.view()).collect();
    let targets = TomtomTargets::new(&views, TomtomOptions { nearest: Some(1), ..TomtomOptions::default() })?;
    let letters = |seqlet: &Seqlet| {
        let codes = sequences[seqlet.example as usize].codes();
        sequence_matrix(&codes[seqlet.start as usize..seqlet.end as usize], &dna)
    };
    let queries: Vec<Array2<f64>> = seqlets.iter().map(letters).collect();
    let queries: Vec<ArrayView2<'_, f64>> = queries.iter().map(|query| query.view()).collect();
    let mut names = Vec::with_capacity(seqlets.len());
    targets.compare_each(&queries, |_, matches| {
        names.push(matches);
        anyhow::Ok(())
    })?;
    Ok(names)
}
