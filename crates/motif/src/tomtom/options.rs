use super::{MotifDistance, TomtomError};

/// Which strands of the targets are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TomtomStrands {
    /// Every target as it is and reverse complemented (four letters in the order A, C, G, T or U).
    #[default]
    Both,
    /// Every target as it is; any alphabet.
    Forward,
}

/// Which of several equally good alignments of a query and a target is reported.
///
/// The score and the p-value are the same for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OffsetTies {
    /// The rule of memelite 0.5.0: offsets ascending, a tied one replaces the one before if its overlap is larger
    /// than *that one's offset* (not its overlap), so nearly always the last; between strands the reverse one.
    #[default]
    Peer,
    /// The longest overlap, of those the smallest offset; between strands the forward one.
    LongestOverlap,
}

/// The order of the neighbours of one query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NeighbourOrder {
    /// p-value ascending, then score descending, then index ascending.
    #[default]
    ByScore,
    /// p-value ascending, ties as numba's unstable quicksort leaves them in memelite 0.5.0.
    Peer,
}

/// How motifs are compared.
///
/// ```
/// use cistron_motif::{MotifDistance, TomtomOptions};
///
/// let options = TomtomOptions { nearest: Some(1), distance: MotifDistance::Pearson, ..Default::default() };
/// assert_eq!(options.score_bins, 100);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TomtomOptions {
    /// Integer scores of one column run from 0 to this number; 1 to 255, default 100.
    pub score_bins: usize,
    /// Bins in which the median score of a query column is looked for; 1 to 65,536, default 1,000.
    pub median_bins: usize,
    /// Target columns that fall into the same of this many bins for every letter are taken as the first of them; 1 to
    /// 65,536, default 100; `None`: every column is kept.
    pub target_bins: Option<usize>,
    /// Which strands of the targets are compared; both by default.
    pub strands: TomtomStrands,
    /// Alignments with fewer aligned columns are left out, of the comparison and of the null model; the narrower
    /// motif's width where that is less. At least 1, the default.
    pub min_overlap: usize,
    /// How two columns are compared; Euclidean distance by default.
    pub distance: MotifDistance,
    /// Which of several best alignments is reported; the peer's by default.
    pub offset_ties: OffsetTies,
    /// The order of neighbours, for `nearest` and `threshold`.
    pub order: NeighbourOrder,
    /// Report this many targets a query, best first; at least 1.
    pub nearest: Option<usize>,
    /// Report targets with a p-value of at most this, best first; in [0, 1].
    pub threshold: Option<f64>,
}

impl Default for TomtomOptions {
    fn default() -> Self {
        Self {
            score_bins: 100,
            median_bins: 1000,
            target_bins: Some(100),
            strands: TomtomStrands::default(),
            min_overlap: 1,
            distance: MotifDistance::default(),
            offset_ties: OffsetTies::default(),
            order: NeighbourOrder::default(),
            nearest: None,
            threshold: None,
        }
    }
}

impl TomtomOptions {
    /// Whether the matches of a query are sorted; else they come in the order of the targets.
    pub(super) fn is_sorted(&self) -> bool {
        self.nearest.is_some() || self.threshold.is_some()
    }

    pub(super) fn validate(&self) -> Result<(), TomtomError> {
        within("score_bins", self.score_bins, 255)?;
        within("median_bins", self.median_bins, 65_536)?;
        within("target_bins", self.target_bins.unwrap_or(1), 65_536)?;
        within("min_overlap", self.min_overlap, usize::MAX)?;
        within("nearest", self.nearest.unwrap_or(1), usize::MAX)?;
        match self.threshold {
            Some(p) if !(0.0..=1.0).contains(&p) => Err(TomtomError::Option {
                what: "threshold",
                found: p.to_string(),
                expected: "a p-value from 0 to 1".into(),
            }),
            _ => Ok(()),
        }
    }
}

fn within(what: &'static str, found: usize, most: usize) -> Result<(), TomtomError> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    let expected = if most == usize::MAX { "at least 1".into() } else { format!("1 to {most}") };
    Err(TomtomError::Option { what, found: found.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_outside_their_range_are_refused_by_name() {
        let check = |options: TomtomOptions, expected: &str| {
            assert_eq!(options.validate().unwrap_err().to_string(), expected);
        };
        let base = TomtomOptions::default;
        check(TomtomOptions { score_bins: 0, ..base() }, "score_bins is 0, expected 1 to 255");
        check(TomtomOptions { score_bins: 256, ..base() }, "score_bins is 256, expected 1 to 255");
        check(TomtomOptions { median_bins: 0, ..base() }, "median_bins is 0, expected 1 to 65536");
        check(TomtomOptions { target_bins: Some(0), ..base() }, "target_bins is 0, expected 1 to 65536");
        check(TomtomOptions { min_overlap: 0, ..base() }, "min_overlap is 0, expected at least 1");
        check(TomtomOptions { nearest: Some(0), ..base() }, "nearest is 0, expected at least 1");
        check(
            TomtomOptions { threshold: Some(f64::NAN), ..base() },
            "threshold is NaN, expected a p-value from 0 to 1",
        );
    }
}
