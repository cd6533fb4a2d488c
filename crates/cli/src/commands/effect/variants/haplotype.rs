//! Haplotypes: several variants of one molecule, scored as one.

use std::str::FromStr;

use cistron::effects::OnMismatch;
use cistron::{CoreError, Reference, Variant, VariantRow};

/// Variants of one molecule, as the command line has them.
#[derive(Clone, Debug)]
pub(super) struct Haplotype {
    text: String,
    variants: Vec<VariantRow>,
}

impl FromStr for Haplotype {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let variants = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), variants })
    }
}

impl Haplotype {
    /// The row of the change that the variants make together, named as they are; the row of the first variant that is
    /// none on this genome, if there is one.
    pub(super) fn row(
        &self,
        rule: OnMismatch,
        width: Option<usize>,
        genome: &dyn Reference,
    ) -> anyhow::Result<VariantRow> {
        let mut variants = Vec::with_capacity(self.variants.len());
        for row in &self.variants {
            match rule.resolve(row, genome)?.variant {
                Some(variant) => variants.push(variant),
                None => return Ok(VariantRow { id: Some(self.text.as_str().into()), ..row.clone() }),
            }
        }
        let Some(joined) = Variant::joined(&variants, genome)? else {
            anyhow::bail!(
                "haplotype {}: its variants overlap or stand on different contigs, expected variants side by side",
                self.text
            );
        };
        let span = joined.reference().len();
        if let Some(width) = width.filter(|width| span > *width) {
            anyhow::bail!(
                "haplotype {} spans {span} bases, expected at most {width}, the width of a window",
                self.text
            );
        }
        Ok(VariantRow {
            contig: joined.region().contig().clone(),
            position: joined.region().start() + 1,
            id: Some(self.text.as_str().into()),
            reference: joined.reference().to_string().into(),
            alternate: joined.alternate().to_string().into(),
            alt_index: 0,
        })
    }
}
