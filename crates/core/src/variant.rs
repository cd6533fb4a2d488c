mod row;
mod window;

use std::sync::Arc;

pub use row::{VariantRow, VariantStatus};
pub use window::{FixedSide, VariantWindow};

use crate::{CoreError, Reference, ReferenceError, Region, Sequence, Strand, Window};

/// A change of a genome: the bases `reference` that stand at a place and the bases `alternate` that replace them.
///
/// ```
/// use cistron_core::{Alphabet, Sequence, Variant};
///
/// let dna = Alphabet::dna();
/// let variant = Variant::new("chr1", 209_827_886, Sequence::parse(&dna, "C")?, Sequence::parse(&dna, "T")?)?;
/// assert_eq!(variant.to_string(), "chr1:209827887:C:T");
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    region: Region,
    reference: Sequence,
    alternate: Sequence,
}

impl Variant {
    /// A variant whose first reference base stands at `start`, 0-based.
    ///
    /// # Errors
    /// [`CoreError::Position`] beyond the largest coordinate of a [`Region`].
    pub fn new(
        contig: impl Into<Arc<str>>,
        start: u64,
        reference: Sequence,
        alternate: Sequence,
    ) -> Result<Self, CoreError> {
        let end = start.saturating_add(reference.len() as u64);
        Ok(Self { region: Region::new(contig, start, end)?, reference, alternate })
    }

    /// Where the reference allele stands.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The allele of the genome.
    pub fn reference(&self) -> &Sequence {
        &self.reference
    }

    /// The allele that replaces it.
    pub fn alternate(&self) -> &Sequence {
        &self.alternate
    }

    /// The change back: the genome has the alternate allele, and the reference allele replaces it.
    ///
    /// # Errors
    /// [`CoreError::Position`] beyond the largest coordinate of a [`Region`].
    pub fn swapped(&self) -> Result<Self, CoreError> {
        let contig = self.region.contig().clone();
        Self::new(contig, self.region.start(), self.alternate.clone(), self.reference.clone())
    }

    /// Whether the genome has the reference allele, in either case; letters that are no base match one another.
    ///
    /// # Errors
    /// Those of [`Reference::fetch_into`].
    pub fn matches(&self, genome: &dyn Reference) -> Result<bool, ReferenceError> {
        Ok(found(genome, &self.region)?.as_deref() == Some(self.reference.codes()))
    }

    /// The same change without the bases that both alleles share at their ends, at least one base kept in each: first
    /// at the right, then at the left.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence, Variant};
    ///
    /// let dna = Alphabet::dna();
    /// let variant = Variant::new("chr1", 9, Sequence::parse(&dna, "CAGT")?, Sequence::parse(&dna, "CAT")?)?;
    /// assert_eq!(variant.trimmed().to_string(), "chr1:11:AG:A");
    /// # Ok::<(), cistron_core::CoreError>(())
    /// ```
    #[must_use]
    pub fn trimmed(&self) -> Self {
        let (reference, alternate) = (self.reference.codes(), self.alternate.codes());
        let least = reference.len().min(alternate.len()).saturating_sub(1);
        let same = |pair: &(&u8, &u8)| pair.0 == pair.1;
        let right = reference.iter().rev().zip(alternate.iter().rev()).take(least).take_while(same).count();
        let left = reference.iter().zip(alternate).take(least - right).take_while(same).count();
        self.cut(left, right)
    }

    /// The same change as far left as the genome allows, trimmed: how VCF writes it (Tan et al. 2015,
    /// doi:10.1093/bioinformatics/btv112).
    ///
    /// A change that leads nowhere, alleles that are equal, stays as it is.
    ///
    /// # Errors
    /// Those of [`Reference::fetch_into`].
    pub fn left_aligned(&self, genome: &dyn Reference) -> Result<Self, ReferenceError> {
        if self.reference == self.alternate {
            return Ok(self.clone());
        }
        let mut start = self.region.start();
        let mut reference = self.reference.codes().to_vec();
        let mut alternate = self.alternate.codes().to_vec();
        loop {
            if reference.last().is_some() && reference.last() == alternate.last() {
                reference.pop();
                alternate.pop();
            } else if (reference.is_empty() || alternate.is_empty()) && start > 0 {
                let Some(base) = found(genome, &self.region.moved(start - 1, start))? else { break };
                reference.splice(..0, base.iter().copied());
                alternate.splice(..0, base);
                start -= 1;
            } else {
                break;
            }
        }
        if reference.is_empty() || alternate.is_empty() {
            // At the first base there is none before: the one that follows stands in for it.
            let end = start + reference.len() as u64;
            let base = found(genome, &self.region.moved(end, end + 1))?.unwrap_or_default();
            reference.extend_from_slice(&base);
            alternate.extend_from_slice(&base);
        }
        Ok(self.with_alleles(start, reference, alternate).trimmed())
    }

    /// Several variants of one molecule as one change of the genome, from the first base that one of them replaces to the
    /// last: a haplotype. They may come in any order; `None` if there is none, if two overlap or stand on different
    /// contigs, or if one leaves its contig.
    ///
    /// # Errors
    /// Those of [`Reference::fetch_into`].
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence, Variant};
    /// # use cistron_core::{Contig, Reference, ReferenceError};
    /// # struct Toy([Contig; 1]);
    /// # impl Reference for Toy {
    /// #     fn name(&self) -> String { "toy".into() }
    /// #     fn contigs(&self) -> &[Contig] { &self.0 }
    /// #     fn index_of(&self, contig: &str) -> Option<usize> { (contig == "c").then_some(0) }
    /// #     fn read_into(&self, _: usize, start: u64, end: u64, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
    /// #         letters.extend_from_slice(&b"AACCGGTTA"[start as usize..end as usize]);
    /// #         Ok(())
    /// #     }
    /// # }
    /// # let genome = Toy([Contig { name: "c".into(), length: 9 }]);
    ///
    /// // A genome with the one contig `AACCGGTTA`.
    /// let dna = Alphabet::dna();
    /// let variant = |start, from, to| Variant::new("c", start, Sequence::parse(&dna, from)?, Sequence::parse(&dna, to)?);
    /// let haplotype = Variant::joined(&[variant(5, "GT", "G")?, variant(2, "C", "T")?], &genome)?;
    /// assert_eq!(haplotype.map(|it| it.to_string()), Some("c:3:CCGGT:TCGG".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn joined(variants: &[Self], genome: &dyn Reference) -> Result<Option<Self>, ReferenceError> {
        let mut variants: Vec<&Self> = variants.iter().collect();
        variants.sort_by_key(|variant| (variant.region.start(), variant.region.end()));
        let Some((&first, rest)) = variants.split_first() else { return Ok(None) };
        let mut end = first.region.end();
        let (mut reference, mut alternate) =
            (first.reference.codes().to_vec(), first.alternate.codes().to_vec());
        for next in rest {
            if next.region.contig() != first.region.contig() || next.region.start() < end {
                return Ok(None);
            }
            let between = found(genome, &first.region.moved(end, next.region.start()))?;
            let Some(between) = between else { return Ok(None) };
            for (allele, own) in [(&mut reference, &next.reference), (&mut alternate, &next.alternate)] {
                allele.extend_from_slice(&between);
                allele.extend_from_slice(own.codes());
            }
            end = next.region.end();
        }
        Ok(Some(first.with_alleles(first.region.start(), reference, alternate)))
    }

    /// Without so many bases at the left and at the right of both alleles.
    fn cut(&self, left: usize, right: usize) -> Self {
        let inner = |codes: &[u8]| codes.get(left..codes.len() - right).unwrap_or_default().to_vec();
        let start = self.region.start() + left as u64;
        self.with_alleles(start, inner(self.reference.codes()), inner(self.alternate.codes()))
    }

    fn with_alleles(&self, start: u64, reference: Vec<u8>, alternate: Vec<u8>) -> Self {
        Self {
            region: self.region.moved(start, start + reference.len() as u64),
            reference: self.reference.with_codes(reference),
            alternate: self.alternate.with_codes(alternate),
        }
    }
}

/// The codes of a stretch of the genome; none if it leaves its contig.
fn found(genome: &dyn Reference, region: &Region) -> Result<Option<Vec<u8>>, ReferenceError> {
    if region.end() > genome.contig(region.contig())?.length {
        return Ok(None);
    }
    let mut codes = Vec::new();
    if let Ok(window) = Window::over(region, Strand::Forward) {
        genome.fetch_into(&window, &mut codes)?;
    }
    Ok(Some(codes))
}

/// `contig:position:reference:alternate` with a 1-based position, as VCF writes it.
impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let position_1based = self.region.start() + 1;
        write!(f, "{}:{position_1based}:{}:{}", self.region.contig(), self.reference, self.alternate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Alphabet, Contig};

    /// A genome of one contig, `c`.
    pub(super) struct Toy {
        contigs: [Contig; 1],
        letters: Vec<u8>,
    }

    impl Toy {
        pub(super) fn new(letters: &str) -> Self {
            let contig = Contig { name: "c".into(), length: letters.len() as u64 };
            Self { contigs: [contig], letters: letters.as_bytes().to_vec() }
        }

        pub(super) fn of_codes(codes: &[u8]) -> Self {
            Self::new(&codes.iter().map(|&code| Alphabet::dna().letter(code) as char).collect::<String>())
        }
    }

    impl Reference for Toy {
        fn name(&self) -> String {
            "toy".into()
        }
        fn contigs(&self) -> &[Contig] {
            &self.contigs
        }
        fn index_of(&self, contig: &str) -> Option<usize> {
            (contig == "c").then_some(0)
        }
        fn read_into(
            &self,
            _: usize,
            start: u64,
            end: u64,
            letters: &mut Vec<u8>,
        ) -> Result<(), ReferenceError> {
            letters.extend_from_slice(&self.letters[start as usize..end as usize]);
            Ok(())
        }
    }

    pub(super) fn variant(start: u64, reference: &[u8], alternate: &[u8]) -> Variant {
        let sequence = |codes: &[u8]| Sequence::from_codes(&Alphabet::dna(), codes).unwrap();
        Variant::new("c", start, sequence(reference), sequence(alternate)).unwrap()
    }

    fn parse(text: &str) -> Variant {
        let row: VariantRow = text.parse().unwrap();
        row.resolve(&Toy::new(&"ACGT".repeat(100))).unwrap().1.unwrap()
    }

    #[test]
    fn alleles_are_compared_in_either_case() {
        let genome = Toy::new("acGtRn");
        for (text, expected) in
            [("c:1:AC:G", true), ("c:5:NN:A", true), ("c:1:C:A", false), ("c:6:NA:A", false)]
        {
            assert_eq!(parse(text).matches(&genome).unwrap(), expected, "{text}");
        }
        assert!(!parse("c:6:NN:A").matches(&genome).unwrap(), "beyond the end");
    }

    #[test]
    fn shared_bases_are_trimmed_and_one_stays() {
        for (text, expected) in [
            ("c:5:A:C", "c:5:A:C"),
            ("c:5:AC:AC", "c:5:A:A"),
            ("c:5:CACA:CA", "c:5:CAC:C"),
            ("c:5:GAT:GCT", "c:6:A:C"),
            ("c:5:TA:TTA", "c:5:T:TT"),
        ] {
            assert_eq!(parse(text).trimmed().to_string(), expected);
        }
    }

    #[test]
    fn insertions_and_deletions_go_left() {
        // Of the paper: the deletion of one CA of a repeat, written at any of its places.
        let genome = Toy::new("GGGCACACACAGGG");
        for text in ["c:8:CAC:C", "c:6:CAC:C", "c:10:CAG:G", "c:3:GCA:G", "c:4:CACACACA:CACACA"] {
            assert_eq!(parse(text).left_aligned(&genome).unwrap().to_string(), "c:3:GCA:G", "{text}");
        }
        // At the first base the one that follows is the anchor.
        let genome = Toy::new("AAAC");
        for text in ["c:2:AA:A", "c:1:AA:A", "c:3:AC:C"] {
            assert_eq!(parse(text).left_aligned(&genome).unwrap().to_string(), "c:1:AA:A", "{text}");
        }
        assert_eq!(parse("c:3:A:A").left_aligned(&genome).unwrap().to_string(), "c:3:A:A");
    }

    #[test]
    fn what_overlaps_or_lies_apart_is_no_haplotype() {
        let genome = Toy::of_codes(&[0, 1, 2, 3, 0, 1, 2, 3]);
        let joined = |all: &[Variant]| Variant::joined(all, &genome).unwrap().map(|it| it.to_string());
        assert_eq!(joined(&[]), None);
        let one = variant(3, &[3, 0], &[1]);
        assert_eq!(joined(std::slice::from_ref(&one)), Some(one.to_string()));
        assert_eq!(joined(&[one.clone(), variant(4, &[0], &[2])]), None);
        assert!(joined(&[one.clone(), variant(5, &[1], &[2])]).is_some());
        let mut elsewhere = variant(6, &[2], &[0]);
        elsewhere.region = Region::new("other", 6, 7).unwrap();
        assert_eq!(joined(&[one, elsewhere]), None);
    }

    proptest! {
        #[test]
        fn a_haplotype_is_each_of_its_variants_in_turn(
            letters in prop::collection::vec(0_u8..4, 12..40),
            edits in prop::collection::vec((1_usize..4, 0_usize..3, prop::collection::vec(0_u8..4, 0..4)), 1..5),
        ) {
            let genome = Toy::of_codes(&letters);
            let (mut variants, mut next) = (Vec::new(), 0);
            for (gap, n, allele) in &edits {
                let start = next + gap;
                if start + n > letters.len() {
                    break;
                }
                variants.push(variant(start as u64, &letters[start..start + n], allele));
                next = start + n;
            }
            prop_assume!(!variants.is_empty());
            let mut edited = letters.clone();
            for it in variants.iter().rev() {
                let (start, end) = (it.region.start() as usize, it.region.end() as usize);
                edited.splice(start..end, it.alternate.codes().iter().copied());
            }
            variants.reverse();
            let haplotype = Variant::joined(&variants, &genome).unwrap().unwrap();
            let mut at_once = letters.clone();
            let (start, end) = (haplotype.region.start() as usize, haplotype.region.end() as usize);
            prop_assert_eq!(&letters[start..end], haplotype.reference.codes());
            at_once.splice(start..end, haplotype.alternate.codes().iter().copied());
            prop_assert_eq!(at_once, edited);
        }

        #[test]
        fn alignment_changes_the_writing_and_not_the_sequence(
            letters in prop::collection::vec(0_u8..2, 4..30), place in 0_usize..30, n in 1_usize..6,
            allele in prop::collection::vec(0_u8..2, 1..6),
        ) {
            let genome = Toy::of_codes(&letters);
            let place = place % letters.len();
            let n = n.min(letters.len() - place);
            let edited = |variant: &Variant| {
                let (start, end) = (variant.region().start() as usize, variant.region().end() as usize);
                let mut edited = letters.clone();
                edited.splice(start..end, variant.alternate().codes().iter().copied());
                edited
            };
            let variant = variant(place as u64, &letters[place..place + n], &allele);
            let aligned = variant.left_aligned(&genome).unwrap();
            for other in [&aligned, &variant.trimmed()] {
                prop_assert!(other.matches(&genome).unwrap());
                prop_assert_eq!(edited(other), edited(&variant));
            }
            prop_assert_eq!(&aligned.left_aligned(&genome).unwrap(), &aligned);
            // Two ways to write one change become one.
            prop_assume!(edited(&variant) != letters && place + n < letters.len());
            let longer = self::variant(
                place as u64, &letters[place..=place + n], &[&allele[..], &letters[place + n..=place + n]].concat(),
            );
            prop_assert_eq!(longer.left_aligned(&genome).unwrap(), aligned);
        }
    }
}
