use cistron_core::{Alphabet, Sequence};

use super::{LETTERS, finite, wrong};
use crate::ModelsError;

/// A weight for each k-mer of DNA.
///
/// The k-mers stand in alphabetical order: `AA…A`, `AA…C`, …; 4^k weights for k from 1 to 8.
#[derive(Clone, Debug, PartialEq)]
pub struct KmerWeights {
    k: usize,
    both_strands: bool,
    values: Vec<f64>,
}

impl KmerWeights {
    /// The largest k: 65,536 weights.
    pub const MAX_K: usize = 8;

    /// All weights 0; with `both_strands` a k-mer and its reverse complement share one weight.
    ///
    /// # Errors
    /// [`ModelsError::Option`] if k is not in 1 to 8.
    pub fn zeros(k: usize, both_strands: bool) -> Result<Self, ModelsError> {
        check_k(k)?;
        Ok(Self { k, both_strands, values: vec![0.0; LETTERS.pow(k as u32)] })
    }

    /// Takes the weights (4^k) in alphabetical order of the k-mers.
    ///
    /// # Errors
    /// [`ModelsError::Option`] if k is not in 1 to 8, the number of weights is not 4^k, one is not finite, or
    /// with `both_strands` a k-mer and its reverse complement differ.
    pub fn new(k: usize, both_strands: bool, values: Vec<f64>) -> Result<Self, ModelsError> {
        check_k(k)?;
        let n = LETTERS.pow(k as u32);
        if values.len() != n {
            return Err(wrong(
                "k-mer weights",
                format!("{} numbers", values.len()),
                &format!("{n} for k {k}"),
            ));
        }
        finite("k-mer weights", &values)?;
        let weights = Self { k, both_strands, values };
        match (0..n).find(|&kmer| weights.values[kmer] != weights.values[reverse_complement(kmer, k)]) {
            Some(kmer) if both_strands => Err(wrong(
                "k-mer weights",
                format!("{} for {}", weights.values[kmer], word(kmer, k)),
                "the weight of its reverse complement",
            )),
            _ => Ok(weights),
        }
    }

    /// The length of the k-mers.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Whether a k-mer and its reverse complement share one weight.
    pub fn both_strands(&self) -> bool {
        self.both_strands
    }

    /// The weights (4^k) in alphabetical order of the k-mers.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The weight of a k-mer, or `None` for a text of another length or other letters.
    pub fn get(&self, kmer: &str) -> Option<f64> {
        self.index(kmer).map(|index| self.values[index])
    }

    /// Sets the weight of a k-mer, and of its reverse complement if they share one.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a text of another length or other letters, or a weight that is not finite.
    pub fn set(&mut self, kmer: &str, weight: f64) -> Result<(), ModelsError> {
        finite("k-mer weight", [&weight])?;
        let index = self
            .index(kmer)
            .ok_or_else(|| wrong("k-mer", format!("{kmer:?}"), &format!("{} letters of ACGT", self.k)))?;
        self.values[index] = weight;
        if self.both_strands {
            self.values[reverse_complement(index, self.k)] = weight;
        }
        Ok(())
    }

    fn index(&self, kmer: &str) -> Option<usize> {
        let sequence = Sequence::parse(&Alphabet::dna(), kmer).ok()?;
        let known = sequence.codes().iter().all(|&code| usize::from(code) < LETTERS);
        let index = || sequence.codes().iter().fold(0, |index, &code| index * LETTERS + usize::from(code));
        (known && sequence.len() == self.k).then(index)
    }

    /// The sum of the weights of all windows.
    pub(super) fn score(&self, codes: &[u8]) -> f64 {
        let mut sum = 0.0;
        for_each_kmer(codes, self.k, |_, kmer| sum += self.values[kmer]);
        sum
    }
}

pub(super) fn check_k(k: usize) -> Result<(), ModelsError> {
    match k {
        1..=KmerWeights::MAX_K => Ok(()),
        _ => Err(wrong("k", k.to_string(), "1 to 8")),
    }
}

/// Calls `each` with the start and the number of every k-mer of known letters; the number is below 4^k.
#[inline]
pub(super) fn for_each_kmer(codes: &[u8], k: usize, mut each: impl FnMut(usize, usize)) {
    let mask = LETTERS.pow(k as u32) - 1;
    let (mut kmer, mut known) = (0, 0);
    for (position, &code) in codes.iter().enumerate() {
        if usize::from(code) >= LETTERS {
            known = 0;
            continue;
        }
        kmer = (kmer << 2 | usize::from(code)) & mask;
        known += 1;
        if known >= k {
            each(position + 1 - k, kmer);
        }
    }
}

/// The number of the k-mer on the other strand.
pub(super) fn reverse_complement(kmer: usize, k: usize) -> usize {
    (0..k).fold(0, |reverse, place| reverse << 2 | (3 - (kmer >> (2 * place) & 3)))
}

/// The letters of a k-mer.
pub(super) fn word(kmer: usize, k: usize) -> String {
    (0..k).rev().map(|place| char::from(b"ACGT"[kmer >> (2 * place) & 3])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kmers_are_numbered_in_alphabetical_order() {
        let weights = KmerWeights::new(2, false, (0..16).map(f64::from).collect()).unwrap();
        assert_eq!(weights.get("AA"), Some(0.0));
        assert_eq!(weights.get("CA"), Some(4.0));
        assert_eq!(weights.get("tt"), Some(15.0));
        assert_eq!((weights.get("NA"), weights.get("A"), weights.get("")), (None, None, None));
        assert_eq!(word(6, 3), "ACG");
    }

    #[test]
    fn strands_share_a_weight_where_asked_for() {
        let mut weights = KmerWeights::zeros(3, true).unwrap();
        weights.set("AAC", 2.0).unwrap();
        assert_eq!(weights.get("GTT"), Some(2.0));
        assert!(KmerWeights::new(3, true, weights.values().to_vec()).is_ok());
        let error = KmerWeights::new(1, true, vec![1.0, 0.0, 0.0, 0.0]).unwrap_err().to_string();
        assert_eq!(error, "option k-mer weights is 1 for A, expected the weight of its reverse complement");
    }

    #[test]
    fn windows_with_an_unknown_letter_count_nothing() {
        let mut found = Vec::new();
        for_each_kmer(&[0, 1, 2, 4, 3, 3, 5, 1], 2, |start, kmer| found.push((start, word(kmer, 2))));
        assert_eq!(found, [(0, "AC".into()), (1, "CG".into()), (4, "TT".into())]);
        for_each_kmer(&[0], 2, |_, _| panic!("no window"));
    }

    #[test]
    fn k_and_the_number_of_weights_are_checked() {
        assert_eq!(KmerWeights::zeros(0, false).unwrap_err().to_string(), "option k is 0, expected 1 to 8");
        assert!(KmerWeights::zeros(9, false).is_err());
        let error = KmerWeights::new(2, false, vec![0.0; 4]).unwrap_err().to_string();
        assert_eq!(error, "option k-mer weights is 4 numbers, expected 16 for k 2");
        assert!(KmerWeights::new(1, false, vec![0.0, f64::NAN, 0.0, 0.0]).is_err());
    }
}
