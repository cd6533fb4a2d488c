use std::collections::{BTreeMap, BTreeSet};

/// The part of a data set that a contig belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What a model learns from.
    Train,
    /// What stops the training and chooses between models.
    Valid,
    /// What the chosen model is judged by.
    Test,
}

/// Which contigs train, validate and test: whole contigs, so that no base is in two parts.
///
/// A contig named for more than one part goes to the test, then to the validation, then to the excluded:
/// [`ContigSplit::doubled`] lists such names.
///
/// ```
/// use cistron_genome::{ContigSplit, Split};
///
/// let split = ContigSplit::new(None, &["chr8"], &["chr2", "chr10"], &["chrY"]);
/// assert_eq!(split.of("chr10"), Some(Split::Test));
/// assert_eq!(split.of("chr1"), Some(Split::Train));
/// assert_eq!(split.of("chrY"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContigSplit {
    /// `None` for excluded contigs.
    named: BTreeMap<String, Option<Split>>,
    /// Whether contigs that are not named train.
    rest_trains: bool,
    doubled: BTreeSet<String>,
}

impl ContigSplit {
    /// From the names of contigs; without `train` all that are not named train.
    pub fn new<S: AsRef<str>>(train: Option<&[S]>, valid: &[S], test: &[S], exclude: &[S]) -> Self {
        let mut split =
            Self { named: BTreeMap::new(), rest_trains: train.is_none(), doubled: BTreeSet::new() };
        // Later parts win.
        for (part, names) in [
            (Some(Split::Train), train.unwrap_or_default()),
            (None, exclude),
            (Some(Split::Valid), valid),
            (Some(Split::Test), test),
        ] {
            for name in names {
                let before = split.named.insert(name.as_ref().to_owned(), part);
                if before.is_some_and(|before| before != part) {
                    split.doubled.insert(name.as_ref().to_owned());
                }
            }
        }
        split
    }

    /// The part of a contig; `None` if it is in none.
    pub fn of(&self, contig: &str) -> Option<Split> {
        self.named.get(contig).copied().unwrap_or_else(|| self.rest_trains.then_some(Split::Train))
    }

    /// The contigs that were named for more than one part, by name.
    pub fn doubled(&self) -> impl Iterator<Item = &str> {
        self.doubled.iter().map(String::as_str)
    }

    /// The contigs that were named, by name.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_wins_then_the_validation() {
        let split =
            ContigSplit::new(Some(&["a", "b", "c", "d"]), &["b", "c", "e"], &["c", "e", "e"], &["d", "b"]);
        let parts = ["a", "b", "c", "d", "e", "f"].map(|name| split.of(name));
        let (train, valid, test) = (Some(Split::Train), Some(Split::Valid), Some(Split::Test));
        assert_eq!(parts, [train, valid, test, None, test, None]);
        assert_eq!(split.doubled().collect::<Vec<_>>(), ["b", "c", "d", "e"]);
        assert_eq!(ContigSplit::new::<&str>(None, &[], &["x", "x"], &[]).doubled().count(), 0);
    }
}
