//! Whole contigs for training, validation and test.

use cistron::genome::{ContigSplit, Split};
use clap::Args;
use serde_json::{Value, json};

/// The parts and the names of their files.
pub(crate) const PARTS: [(Split, &str); 3] =
    [(Split::Train, "train"), (Split::Valid, "valid"), (Split::Test, "test")];

#[derive(Args)]
pub(crate) struct PartsArgs {
    /// Contigs of the validation, with commas between them
    #[arg(long, value_name = "CONTIG,…", value_delimiter = ',')]
    valid: Vec<String>,
    /// Contigs of the test; a contig that is named for more than one part is tested
    #[arg(long, value_name = "CONTIG,…", value_delimiter = ',')]
    test: Vec<String>,
    /// Contigs of the training [default: all others]
    #[arg(long, value_name = "CONTIG,…", value_delimiter = ',')]
    train: Option<Vec<String>>,
    /// Contigs that are left out
    #[arg(long, value_name = "CONTIG,…", value_delimiter = ',')]
    exclude: Vec<String>,
}

impl PartsArgs {
    pub(crate) fn split(&self) -> ContigSplit {
        ContigSplit::new(self.train.as_deref(), &self.valid, &self.test, &self.exclude)
    }

    /// As [`split`](Self::split), if any contig is named.
    pub(crate) fn named(&self) -> Option<ContigSplit> {
        let lists = [&self.valid, &self.test, &self.exclude];
        (self.train.is_some() || lists.iter().any(|list| !list.is_empty())).then(|| self.split())
    }

    /// The options for the record of a run.
    pub(crate) fn options(&self) -> Value {
        json!({"train": self.train, "valid": self.valid, "test": self.test, "exclude": self.exclude})
    }
}
