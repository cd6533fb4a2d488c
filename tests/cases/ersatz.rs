//! Edits of sequences against tangermeme 1.6.0.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use cistron::encode::{
    LocalBins, NpzReader, SequenceBatch, dinucleotide_as_tangermeme, local_dinucleotide_as_tangermeme,
    randomize_as_tangermeme, shuffle_as_tangermeme,
};
use cistron::ndarray::Array2;
use cistron::{Alphabet, Sequence};
use conformance::golden;

/// One-hot arrays (…, 4, L) as codes, one row a sequence; a column of zeros is an unknown letter.
fn batch(path: &Path, name: &str) -> SequenceBatch {
    let (shape, values) = NpzReader::open(path).unwrap().numbers(name).unwrap();
    let width = *shape.last().unwrap();
    assert_eq!(shape[shape.len() - 2], 4, "{name}");
    let code = |matrix: &[f64], position: usize| {
        (0..4).position(|letter| matrix[letter * width + position] == 1.0).map_or(4, |letter| letter as u8)
    };
    let row = |matrix: &[f64]| (0..width).map(|position| code(matrix, position)).collect::<Vec<u8>>();
    let codes: Vec<u8> = values.chunks(4 * width).flat_map(row).collect();
    SequenceBatch::from_rows(&Alphabet::dna(), width, codes).unwrap()
}

fn motif(letters: &str) -> SequenceBatch {
    SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), letters).unwrap()]).unwrap()
}

#[test]
fn motifs_go_where_the_peer_puts_them() {
    let Some(path) = golden("annotations/ersatz.npz") else { return };
    let x = batch(&path, "X");
    let is = |found: SequenceBatch, name: &str| assert_eq!(found, batch(&path, name), "{name}");
    let five = motif("ACGTT");
    is(x.insert(x.centred_start(0).unwrap(), &five).unwrap(), "insert_mid");
    is(x.insert(10, &five).unwrap(), "insert_10");
    is(x.substitute(x.centred_start(6).unwrap(), &motif("ACNNGT")).unwrap(), "sub_mid");
    is(x.substitute(0, &motif("TTTTTGG")).unwrap(), "sub_0");
    let (ap1, ets) = (motif("GTGACTCATC"), motif("ACTTCCGCG"));
    let start = x.centred_start(10 + 10 + 9 + 25 + 25).unwrap();
    is(x.multisubstitute(start, &[&ap1, &ap1, &ets], &[25, 25]).unwrap(), "multi_list");
    let two = [&motif("GAATTC"), &motif("CCGG")];
    is(x.multisubstitute(3, &two, &[7]).unwrap(), "multi_int_start");
    is(x.delete(5..25).unwrap(), "delete_5_25");
    is(x.reverse_complement().unwrap(), "rc");
}

#[test]
fn random_edits_draw_what_the_peer_draws() {
    let Some(path) = golden("annotations/ersatz.npz") else { return };
    let x = batch(&path, "X");
    let is = |found: SequenceBatch, name: &str| assert_eq!(found, batch(&path, name), "{name}");
    let seeds = |first: u32| (first..first + x.len() as u32).collect::<Vec<u32>>();
    is(shuffle_as_tangermeme(&x, 0..120, 3, 0).unwrap(), "shuffle");
    is(shuffle_as_tangermeme(&x, 20..60, 3, 0).unwrap(), "shuffle_20_60");
    is(dinucleotide_as_tangermeme(&x, 0..120, 5, &seeds(0)).unwrap(), "dinuc");
    is(dinucleotide_as_tangermeme(&x, 20..90, 4, &seeds(3)).unwrap(), "dinuc_20_90");
    is(dinucleotide_as_tangermeme(&x, 0..120, 2, &seeds(5)).unwrap(), "dinuc_seeds");
    let bins = LocalBins { width: 40, min_width: 20 };
    is(local_dinucleotide_as_tangermeme(&x, bins, 3, 0).unwrap(), "local_dinuc");
    let even = Array2::from_elem((1, 4), 0.25);
    is(randomize_as_tangermeme(&x, 30..70, even.view(), 3, 0).unwrap(), "randomize");
    let (shape, values) = NpzReader::open(&path).unwrap().numbers("probs").unwrap();
    let own = Array2::from_shape_vec((shape[0], shape[1]), values).unwrap();
    is(randomize_as_tangermeme(&x, 30..70, own.view(), 2, 0).unwrap(), "randomize_probs");
}
