use ndarray::Array2;

use crate::{Background, Motif, MotifError};

/// What the height of a letter in a logo shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogoScale {
    /// The letter's share of the information of its position, in bits.
    #[default]
    Information,
    /// The letter's probability.
    Probability,
    /// The matrix's own numbers: counts, scores or what else was read.
    Counts,
}

impl Motif {
    /// The height of each letter at each position of a logo, shape (width, A).
    ///
    /// The information of a position is `Σ p log2(p / b)` for background `b`, with a uniform background
    /// `log2(A)` less the entropy; a letter has the share `p` of it. No correction for small samples is taken off.
    ///
    /// Source: Schneider and Stephens 1990, doi:10.1093/nar/18.20.6097.
    ///
    /// # Errors
    /// [`MotifError::Background`] if the background has another number of letters.
    ///
    /// ```
    /// use cistron_motif::{Background, LogoScale, MatrixKind, Motif};
    /// use ndarray::array;
    ///
    /// let motif = Motif::new("x", array![[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]], MatrixKind::Probabilities)?;
    /// let heights = motif.letter_heights(LogoScale::Information, &Background::uniform(4))?;
    /// assert_eq!(heights, array![[2.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn letter_heights(
        &self,
        scale: LogoScale,
        background: &Background,
    ) -> Result<Array2<f64>, MotifError> {
        if scale == LogoScale::Counts {
            return Ok(self.matrix().to_owned());
        }
        let mut heights = self.probabilities(background)?;
        if scale == LogoScale::Information {
            for mut row in heights.rows_mut() {
                let bits = |(p, b): (&f64, &f64)| if *p > 0.0 { p * (p / b).log2() } else { 0.0 };
                let information: f64 = row.iter().zip(background.probabilities()).map(bits).sum();
                row.mapv_inplace(|p| p * information.max(0.0));
            }
        }
        Ok(heights)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::MatrixKind;

    #[test]
    fn heights_follow_the_scale() {
        let motif = Motif::new("x", array![[3.0, 1.0], [2.0, 2.0]], MatrixKind::Counts).unwrap();
        let heights = |scale| motif.letter_heights(scale, &Background::uniform(2)).unwrap();
        assert_eq!(heights(LogoScale::Counts), array![[3.0, 1.0], [2.0, 2.0]]);
        assert_eq!(heights(LogoScale::Probability), array![[0.75, 0.25], [0.5, 0.5]]);
        // 1 bit less the entropy of (3/4, 1/4), 2 - 3/4 log2(3).
        let information = 1.0 - (2.0 - 0.75 * 3.0_f64.log2());
        let found = heights(LogoScale::Information);
        assert!((found[[0, 0]] - 0.75 * information).abs() < 1e-15, "{found}");
        assert_eq!(found.row(1).to_vec(), [0.0, 0.0]);
    }

    #[test]
    fn the_background_must_fit() {
        let motif = Motif::new("x", array![[1.0, 0.0]], MatrixKind::Probabilities).unwrap();
        assert!(motif.letter_heights(LogoScale::Information, &Background::uniform(4)).is_err());
    }
}
