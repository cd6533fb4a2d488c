use std::str::FromStr;
use std::sync::Arc;

use super::Variant;
use crate::{Alphabet, CoreError, MAX_POSITION, Reference, ReferenceError, Sequence};

/// What becomes of a variant as it stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VariantStatus {
    /// It is a change of the genome.
    #[default]
    Ok,
    /// The genome has no such contig.
    ContigMissing,
    /// Its place, or the end of its reference allele, is not on the contig.
    OutOfRange,
    /// It names no alternate allele: `.`.
    NoAlternate,
    /// Its allele is missing because of another variant: `*`.
    StarAllele,
    /// Its allele is not written as bases: `<DEL>`, a breakend.
    Symbolic,
    /// An allele has letters other than A C G T N, or none.
    BadAllele,
    /// The genome has another reference allele.
    ReferenceMismatch,
}

impl VariantStatus {
    /// The word for it in tables: `ok`, `contig_missing`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ContigMissing => "contig_missing",
            Self::OutOfRange => "out_of_range",
            Self::NoAlternate => "no_alt",
            Self::StarAllele => "star_allele",
            Self::Symbolic => "symbolic",
            Self::BadAllele => "bad_allele",
            Self::ReferenceMismatch => "ref_mismatch",
        }
    }
}

impl std::fmt::Display for VariantStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One alternate allele of a record, as it is written; a record with several gives a row for each.
///
/// A row may be read from `chr1:209827887_C>T` and the other forms in use: `chr1:209827887:C:T`,
/// `chr1-209827887-C-T`, `chr1_209827887_C_T`, `chr1:209827887:C>T`, `chr1:209827887C>T`. Contigs may hold these
/// separators themselves.
///
/// ```
/// use cistron_core::VariantRow;
///
/// let row: VariantRow = "HLA-A*01:01:01:01:200_G>A".parse()?;
/// assert_eq!((&*row.contig, row.position), ("HLA-A*01:01:01:01", 200));
/// assert_eq!((&*row.reference, &*row.alternate), ("G", "A"));
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct VariantRow {
    /// The contig's name.
    pub contig: Arc<str>,
    /// The place of the first base of the reference allele, from 1 as it is written; 0 is the telomere.
    pub position: u64,
    /// The name of the record, if it has one.
    pub id: Option<Arc<str>>,
    /// The reference allele.
    pub reference: Arc<str>,
    /// The alternate allele.
    pub alternate: Arc<str>,
    /// The number of the alternate allele in its record, from 0.
    pub alt_index: u32,
}

impl VariantRow {
    /// Compares the row with a genome.
    ///
    /// The statuses are tried in the order in which [`VariantStatus`] lists them. The variant is there for `ok` and for
    /// a reference allele that is another than the genome's: what to do then is the caller's choice.
    ///
    /// # Errors
    /// [`ReferenceError::Read`] if the genome cannot be read.
    pub fn resolve(
        &self,
        genome: &dyn Reference,
    ) -> Result<(VariantStatus, Option<Variant>), ReferenceError> {
        if let Some(status) = self.refusal(genome) {
            return Ok((status, None));
        }
        let Some(variant) = self.variant() else { return Ok((VariantStatus::BadAllele, None)) };
        let status =
            if variant.matches(genome)? { VariantStatus::Ok } else { VariantStatus::ReferenceMismatch };
        Ok((status, Some(variant)))
    }

    /// Why the row is no change of this genome, whatever its bases are.
    fn refusal(&self, genome: &dyn Reference) -> Option<VariantStatus> {
        let Some(index) = genome.index_of(&self.contig) else { return Some(VariantStatus::ContigMissing) };
        let length = genome.contigs()[index].length;
        let width = self.reference.len().max(1) as u64;
        let fits = self.position >= 1 && self.position <= length && width <= length - (self.position - 1);
        if !fits {
            return Some(VariantStatus::OutOfRange);
        }
        match &*self.alternate {
            "." | "" => Some(VariantStatus::NoAlternate),
            "*" => Some(VariantStatus::StarAllele),
            allele if allele.contains(['<', '>', '[', ']']) || is_single_breakend(allele) => {
                Some(VariantStatus::Symbolic)
            }
            allele => (!is_bases(allele) || !is_bases(&self.reference)).then_some(VariantStatus::BadAllele),
        }
    }

    fn variant(&self) -> Option<Variant> {
        let dna = Alphabet::dna();
        let allele = |letters: &str| Sequence::parse(&dna, letters).ok();
        let (reference, alternate) = (allele(&self.reference)?, allele(&self.alternate)?);
        Variant::new(self.contig.clone(), self.position - 1, reference, alternate).ok()
    }
}

fn is_bases(allele: &str) -> bool {
    !allele.is_empty() && allele.bytes().all(|letter| b"ACGTN".contains(&letter.to_ascii_uppercase()))
}

/// `.A` and `A.`: a breakend whose mate is not known.
fn is_single_breakend(allele: &str) -> bool {
    allele.len() > 1 && (allele.starts_with('.') || allele.ends_with('.'))
}

impl FromStr for VariantRow {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let parts = split_arrow(text).or_else(|| split_separated(text));
        let (contig, position, reference, alternate) = parts.ok_or_else(|| CoreError::Syntax {
            what: "variant",
            found: text.to_owned(),
            expected: "CONTIG:POSITION_REF>ALT, with a position from 1",
        })?;
        if position > MAX_POSITION {
            let (contig, found) = (contig.into(), position.to_string());
            return Err(CoreError::Position { contig, found, max: MAX_POSITION });
        }
        Ok(Self {
            contig: contig.into(),
            position,
            id: None,
            reference: reference.into(),
            alternate: alternate.into(),
            alt_index: 0,
        })
    }
}

type Parts<'a> = (&'a str, u64, &'a str, &'a str);

/// `C:P_R>A`, `C:P:R>A` and `C:PR>A`, also with other separators.
fn split_arrow(text: &str) -> Option<Parts<'_>> {
    let (left, alternate) = text.rsplit_once('>')?;
    let place = left.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let reference = left.get(place.len()..)?;
    let place = place.strip_suffix([':', '_', '-']).unwrap_or(place);
    let contig = place.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let position = number(place.get(contig.len()..)?)?;
    parts(contig.strip_suffix([':', '_', '-'])?, position, reference, alternate)
}

/// `C:P:R:A`, `C-P-R-A` and `C_P_R_A`.
fn split_separated(text: &str) -> Option<Parts<'_>> {
    [':', '-', '_'].into_iter().find_map(|separator| {
        let mut fields = text.rsplitn(4, separator);
        let (alternate, reference) = (fields.next()?, fields.next()?);
        let position = number(fields.next()?)?;
        parts(fields.next()?, position, reference, alternate)
    })
}

fn parts<'a>(contig: &'a str, position: u64, reference: &'a str, alternate: &'a str) -> Option<Parts<'a>> {
    let are_alleles = is_allele(reference) && is_allele(alternate);
    (!contig.is_empty() && are_alleles).then_some((contig, position, reference, alternate))
}

fn is_allele(text: &str) -> bool {
    matches!(text, "." | "*") || (!text.is_empty() && text.bytes().all(|letter| letter.is_ascii_alphabetic()))
}

/// A number in decimal digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::tests::Toy;

    #[test]
    fn every_form_is_read() {
        for text in [
            "chr1:1030_GCGT>GG",
            "chr1:1030:GCGT:GG",
            "chr1-1030-GCGT-GG",
            "chr1_1030_GCGT_GG",
            "chr1:1030:GCGT>GG",
            "chr1:1030GCGT>GG",
        ] {
            let row: VariantRow = text.parse().unwrap();
            assert_eq!((&*row.contig, row.position), ("chr1", 1030), "{text}");
            assert_eq!((&*row.reference, &*row.alternate, row.alt_index), ("GCGT", "GG", 0), "{text}");
        }
        let row: VariantRow = "chrUn_KI270302v1_5_A_*".parse().unwrap();
        assert_eq!((&*row.contig, row.position, &*row.alternate), ("chrUn_KI270302v1", 5, "*"));
    }

    #[test]
    fn what_is_no_variant_is_refused() {
        for text in [
            "",
            "chr1",
            "chr1:5",
            "chr1:5:A",
            ":5:A:C",
            "chr1:x:A:C",
            "chr1:5:1:C",
            "chr1:5_A>",
            "chr1:5_>A",
            "5A>C",
            "chr1:+5:A:C",
            "chr1:5:A:<DEL>",
            "chr1:99999999999999999999:A:C",
        ] {
            let error = text.parse::<VariantRow>().unwrap_err().to_string();
            let expected = format!("variant {text:?} does not parse, expected CONTIG:POSITION_REF>ALT");
            assert!(error.starts_with(&expected), "{error}");
        }
        let error = "c:999999999999999:A:C".parse::<VariantRow>().unwrap_err().to_string();
        assert!(error.contains("out of range"), "{error}");
    }

    #[test]
    fn rows_are_compared_with_the_genome() {
        let genome = Toy::new("aCGTNN");
        for (text, expected) in [
            ("c:1:A:G", "ok"),
            ("c:2_cgtn>C", "ok"),
            ("c:6:N:A", "ok"),
            ("c:2:C:C", "ok"),
            ("c:2:G:C", "ref_mismatch"),
            ("d:2:C:G", "contig_missing"),
            ("c:0:N:G", "out_of_range"),
            ("c:7:N:G", "out_of_range"),
            ("c:5:NNN:G", "out_of_range"),
            ("c:2:C:.", "no_alt"),
            ("c:2:C:*", "star_allele"),
            ("c:2:C:R", "bad_allele"),
            ("c:2:Y:C", "bad_allele"),
        ] {
            let row: VariantRow = text.parse().unwrap();
            let (status, variant) = row.resolve(&genome).unwrap();
            assert_eq!(status.to_string(), expected, "{text}");
            assert_eq!(variant.is_some(), matches!(expected, "ok" | "ref_mismatch"), "{text}");
        }
        let row: VariantRow = "c:2:C:G".parse().unwrap();
        for symbolic in ["<DEL>", "C[c:3[", "]c:3]C", "C.", ".C"] {
            let row = VariantRow { alternate: symbolic.into(), ..row.clone() };
            assert_eq!(row.resolve(&genome).unwrap().0, VariantStatus::Symbolic, "{symbolic}");
        }
    }
}
