//! How much each sequence counts: less, the more of its kind there are.

pub(super) mod neighbours;

use ndarray::ArrayView2;

use super::FamilyError;
use neighbours::{Rows, neighbours};

/// How sequences share weights: each has one over the number of sequences near it, itself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightRule {
    /// Near is a sequence in which more than `1 - theta` of the letters of this one stand, gaps left out. Not
    /// symmetric: a fragment is near its whole, not the other way round. A sequence of gaps alone has weight 0
    /// (infinity in the original). `DeepSequence`, EVE and `ProteinGym`.
    #[default]
    DeepSequence,
    /// Near is a sequence that agrees in at least `1 - theta` of all columns, a gap being a letter like any other.
    /// plmc.
    Plmc,
    /// Every sequence has weight 1.
    Equal,
}

impl WeightRule {
    /// Whether theta has a meaning.
    pub fn uses_theta(self) -> bool {
        self != Self::Equal
    }

    pub(super) fn check(self, theta: f64) -> Result<(), FamilyError> {
        if self.uses_theta() && !(0.0..1.0).contains(&theta) {
            let expected = "0 or more, below 1".into();
            return Err(FamilyError::Option { what: "theta", found: theta.to_string(), expected });
        }
        Ok(())
    }
}

/// The weights of aligned sequences, codes `(N, L)`.
///
/// All pairs are compared, N²·L/2 letters, exactly; threads of the caller's pool share them and change nothing. Memory:
/// 2·N·L bytes.
///
/// # Errors
/// [`FamilyError::Option`] for theta outside 0 to 1.
///
/// ```
/// use cistron_encode::alignment::{WeightRule, sequence_weights};
/// use ndarray::array;
///
/// // 9 is a gap.
/// let codes = array![[0, 1, 2, 3], [0, 1, 2, 9], [9, 9, 9, 9]];
/// let weights = |rule| sequence_weights(codes.view(), 9, rule, 0.2);
/// // The second is near the first by none of its letters, the first is near the second by all of its own.
/// assert_eq!(weights(WeightRule::DeepSequence)?, [1.0, 0.5, 0.0]);
/// assert_eq!(weights(WeightRule::Plmc)?, [1.0, 1.0, 1.0]);
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
pub fn sequence_weights(
    codes: ArrayView2<'_, u8>,
    gap: u8,
    rule: WeightRule,
    theta: f64,
) -> Result<Vec<f64>, FamilyError> {
    rule.check(theta)?;
    if rule == WeightRule::Equal {
        return Ok(vec![1.0; codes.nrows()]);
    }
    let rows = Rows::new(codes, (rule == WeightRule::DeepSequence).then_some(gap))?;
    let (width, share) = (codes.ncols(), 1.0 - theta);
    // The comparisons of the definitions, in the same arithmetic, for every possible number of matches.
    let least = |letters: usize| {
        let enough = |matches: &usize| match rule {
            WeightRule::DeepSequence => *matches as f64 / letters as f64 > share,
            _ => *matches as f64 >= share * width as f64,
        };
        (0..=width).find(enough).map_or(u16::MAX, |least| least as u16)
    };
    let letters: Vec<usize> =
        codes.rows().into_iter().map(|row| row.iter().filter(|&&code| code != gap).count()).collect();
    let table: Vec<u16> = (0..=width).map(least).collect();
    let least: Vec<u16> =
        letters.iter().map(|&letters| table.get(letters).copied().unwrap_or(u16::MAX)).collect();
    let counts = neighbours(&rows, &least);
    let weight = |(&count, &letters): (&u32, &usize)| match rule {
        WeightRule::DeepSequence if letters == 0 => 0.0,
        _ => 1.0 / f64::from(count + 1),
    };
    Ok(counts.iter().zip(&letters).map(weight).collect())
}

#[cfg(test)]
mod tests;
