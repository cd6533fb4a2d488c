//! What became of variants that a command was given.

use std::collections::BTreeMap;

use cistron::effects::OnMismatch;
use cistron::{Observer, VariantStatus, Warning};
use clap::ValueEnum;

use crate::context::Context;

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum MismatchArg {
    /// Nothing is written
    #[default]
    Error,
    /// The variant is not scored
    Skip,
    /// It is scored with the genome's allele as the reference
    Warn,
    /// If the genome has the alternate allele, the alleles change places
    Swap,
}

impl From<MismatchArg> for OnMismatch {
    fn from(rule: MismatchArg) -> Self {
        match rule {
            MismatchArg::Error => Self::Error,
            MismatchArg::Skip => Self::Skip,
            MismatchArg::Warn => Self::Warn,
            MismatchArg::Swap => Self::Swap,
        }
    }
}

/// How many rows came to what.
#[derive(Default)]
pub(super) struct Tally {
    unscored: BTreeMap<VariantStatus, u64>,
    mismatches: u64,
}

impl Tally {
    pub(super) fn add(&mut self, status: VariantStatus, mismatch: bool) {
        if status == VariantStatus::Ok {
            self.mismatches += u64::from(mismatch);
        } else {
            *self.unscored.entry(status).or_default() += 1;
        }
    }

    /// Warns of what was not scored; `what` are the rows.
    pub(super) fn warn(&self, what: &str, context: &Context) {
        for (status, n) in &self.unscored {
            context.progress.warn(Warning::new(*n, format!("{what} not scored: {status}")));
        }
        if self.mismatches > 0 {
            let what = format!("{what} scored though the genome has another reference allele");
            context.progress.warn(Warning::new(self.mismatches, what));
        }
    }
}
