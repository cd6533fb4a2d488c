use ndarray::ArrayView2;

use super::Annotations;
use crate::{AttributionValue, MotifError};

impl Annotations {
    /// Gives each row the sum of the attributions of its positions.
    ///
    /// * `attributions` (N, L): projected attributions, summed over the letters
    ///
    /// Sums are differences of running sums in f64, one pass over each example that has a row: a sum of values that
    /// are tiny beside others before them carries their rounding error, about 10⁻¹⁶ of the largest running sum.
    ///
    /// **Cost**: time O(rows + L · examples with rows), memory O(L).
    ///
    /// # Errors
    /// [`MotifError::Annotation`] for a row beyond the examples or their positions, or that ends before it starts; then
    /// no row has changed.
    ///
    /// ```
    /// use cistron_motif::{Annotation, Annotations};
    /// use ndarray::array;
    ///
    /// let mut found: Annotations = [Annotation::new(1, 0, 1, 3)].into_iter().collect();
    /// found.sum_attributions(array![[9.0, 9.0, 9.0], [0.5, 2.0, -1.0]].view())?;
    /// assert_eq!(found.attributions(), [1.0]);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn sum_attributions<T: AttributionValue>(
        &mut self,
        attributions: ArrayView2<'_, T>,
    ) -> Result<(), MotifError> {
        self.check_spans(attributions.dim())?;
        let rows = self.rows_by_example();
        let mut sums = Vec::with_capacity(attributions.ncols() + 1);
        for rows in rows.chunk_by(|&a, &b| self.examples[a as usize] == self.examples[b as usize]) {
            let Some(&first) = rows.first() else { continue };
            let mut sum = 0.0;
            sums.clear();
            sums.push(sum);
            sums.extend(attributions.row(self.examples[first as usize] as usize).iter().map(|value| {
                sum += value.widened();
                sum
            }));
            for &row in rows {
                let row = row as usize;
                self.attributions[row] = sums[self.ends[row] as usize] - sums[self.starts[row] as usize];
            }
        }
        Ok(())
    }

    /// Refuses the first row that does not lie in (N, L).
    pub(crate) fn check_spans(&self, (n, length): (usize, usize)) -> Result<(), MotifError> {
        for (row, found) in self.iter().enumerate() {
            let refuse = |problem| Err(MotifError::Annotation { row, problem });
            if found.example as usize >= n {
                return refuse(format!("is of example {}, expected one below {n}", found.example));
            }
            if found.start > found.end || found.end as usize > length {
                return refuse(format!(
                    "is at {}-{}, expected a span of the {length} positions",
                    found.start, found.end
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use crate::{Annotation, Annotations};

    #[test]
    fn rows_outside_are_refused_and_nothing_changes() {
        let track = Array2::from_elem((2, 10), 1.0_f32);
        for (row, expected) in [
            (Annotation::new(2, 0, 0, 1), "annotation 1 is of example 2, expected one below 2"),
            (Annotation::new(1, 0, 4, 11), "annotation 1 is at 4-11, expected a span of the 10 positions"),
            (Annotation::new(1, 0, 4, 3), "annotation 1 is at 4-3, expected a span of the 10 positions"),
        ] {
            let mut found: Annotations = [Annotation::new(0, 0, 0, 5), row].into_iter().collect();
            assert_eq!(found.sum_attributions(track.view()).unwrap_err().to_string(), expected);
            assert!(found.attributions().iter().all(|sum| sum.is_nan()));
        }
    }

    proptest! {
        #[test]
        fn sums_are_those_of_a_loop(
            values in prop::collection::vec(-1.0_f64..1.0, 60),
            rows in prop::collection::vec((0_u32..3, 0_u32..20, 0_u32..20), 0..40),
        ) {
            let track = Array2::from_shape_vec((3, 20), values).unwrap();
            let mut found: Annotations =
                rows.iter().map(|&(e, a, b)| Annotation::new(e, 0, a.min(b), a.max(b))).collect();
            found.sum_attributions(track.view()).unwrap();
            for row in found.iter() {
                let positions = row.start as usize..row.end as usize;
                let sum: f64 = positions.map(|i| track[[row.example as usize, i]]).sum();
                // Running sums reach 20, so each is off by at most 20 roundings of 20.
                prop_assert!((row.attribution - sum).abs() < 1e-13);
            }
        }
    }
}
