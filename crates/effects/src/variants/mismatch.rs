use cistron_core::{Reference, Strand, Variant, VariantRow, VariantStatus, Window};

use crate::EffectError;

/// What is done with a variant whose reference allele is another than the genome's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// Nothing is scored at all.
    #[default]
    Error,
    /// It is not scored.
    Skip,
    /// It is scored: the alternate allele replaces as many bases of the genome as the reference allele has.
    Warn,
    /// If the genome has the alternate allele, the alleles change places; else it is not scored.
    Swap,
}

/// What a row is on a genome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ResolvedVariant {
    /// Anything but `ok` is not scored.
    pub status: VariantStatus,
    /// What is scored.
    pub variant: Option<Variant>,
    /// Whether the genome has another reference allele.
    pub mismatch: bool,
}

impl OnMismatch {
    /// Resolves a row on a genome, by this rule if the genome has another reference allele.
    ///
    /// # Errors
    /// [`EffectError::Mismatch`] if that is an error, [`EffectError::Reference`] if the genome cannot be read.
    pub fn resolve(self, row: &VariantRow, genome: &dyn Reference) -> Result<ResolvedVariant, EffectError> {
        let (status, variant) = row.resolve(genome)?;
        let (VariantStatus::ReferenceMismatch, Some(variant)) = (status, &variant) else {
            return Ok(ResolvedVariant { status, variant, mismatch: false });
        };
        let scored = match self {
            Self::Error => return Err(mismatch(row, variant, genome)?),
            Self::Skip => None,
            Self::Warn => Some(variant.clone()),
            Self::Swap => match variant.swapped() {
                Ok(swapped) if swapped.matches(genome)? => Some(swapped),
                _ => None,
            },
        };
        let status = if scored.is_some() { VariantStatus::Ok } else { status };
        Ok(ResolvedVariant { status, variant: scored, mismatch: true })
    }
}

fn mismatch(row: &VariantRow, variant: &Variant, genome: &dyn Reference) -> Result<EffectError, EffectError> {
    let mut letters = Vec::new();
    if let Ok(window) = Window::over(variant.region(), Strand::Forward) {
        genome.fetch_letters_into(&window, &mut letters)?;
    }
    let found = String::from_utf8_lossy(&letters).into_owned();
    let (contig, position, expected) = (&row.contig, row.position, &row.reference);
    Ok(EffectError::Mismatch { place: format!("{contig}:{position}"), found, expected: expected.to_string() })
}
