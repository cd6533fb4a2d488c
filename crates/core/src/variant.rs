use std::sync::Arc;

use crate::{CoreError, Region, Sequence};

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
}

/// `contig:position:reference:alternate` with a 1-based position, as VCF writes it.
impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let position_1based = self.region.start() + 1;
        write!(f, "{}:{position_1based}:{}:{}", self.region.contig(), self.reference, self.alternate)
    }
}
