use ndarray::Array2;

use super::Potts;

impl Potts {
    /// How strongly columns are coupled, `(L, L)`: the Frobenius norm of their table, 0 for a column and itself. The
    /// couplings are taken as they are, in whatever gauge the fit left them, as plmc does.
    pub fn coupling_norms(&self) -> Array2<f64> {
        self.of_pairs(|i, j| {
            self.couplings.table(i, j).iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
        })
    }

    /// The information that columns have about one another, `(L, L)`, in nats, from the frequencies of the model.
    pub fn mutual_information(&self) -> Array2<f64> {
        let letters = usize::from(self.wild_type.alphabet().len());
        let single = |column, letter| self.frequencies.get((column, letter)).map_or(0.0, |&f| f64::from(f));
        self.of_pairs(|i, j| {
            let table = self.pair_frequencies.table(i, j).iter().enumerate();
            let term = |(index, &frequency): (usize, &f32)| {
                let expected = single(i, index / letters) * single(j, index % letters);
                let found = f64::from(frequency);
                if found > 0.0 && expected > 0.0 { found * (found / expected).ln() } else { 0.0 }
            };
            table.map(term).sum()
        })
    }

    fn of_pairs(&self, score: impl Fn(usize, usize) -> f64) -> Array2<f64> {
        let width = self.width();
        let mut scores = Array2::zeros((width, width));
        for i in 0..width {
            for j in i + 1..width {
                let score = score(i, j);
                for place in [(i, j), (j, i)] {
                    if let Some(it) = scores.get_mut(place) {
                        *it = score;
                    }
                }
            }
        }
        scores
    }
}

/// Scores of pairs `(L, L)` less the product of the means of their columns over the mean of all, diagonal left out: what
/// is left when a column is coupled strongly with everything (average product correction, Dunn et al. 2008,
/// doi:10.1093/bioinformatics/btm604).
///
/// ```
/// use ndarray::array;
///
/// let scores = array![[0.0, 2.0, 4.0], [2.0, 0.0, 6.0], [4.0, 6.0, 0.0]];
/// let corrected = cistron_encode::alignment::average_product_correction(&scores);
/// // Means of the first two columns 3 and 4, of all 4.
/// assert_eq!(corrected[[0, 1]], 2.0 - 3.0 * 4.0 / 4.0);
/// ```
pub fn average_product_correction(scores: &Array2<f64>) -> Array2<f64> {
    let n = scores.nrows() as f64;
    let others = |column: usize| {
        let sum: f64 = scores
            .column(column)
            .iter()
            .enumerate()
            .filter(|(row, _)| *row != column)
            .map(|(_, it)| it)
            .sum();
        sum / (n - 1.0)
    };
    let means: Vec<f64> = (0..scores.ncols()).map(others).collect();
    let mean = means.iter().sum::<f64>() / n;
    let of = |column: usize| means.get(column).copied().unwrap_or(0.0);
    let mut corrected = scores.clone();
    for ((i, j), score) in corrected.indexed_iter_mut() {
        let expected = if mean == 0.0 { 0.0 } else { of(i) * of(j) / mean };
        *score = if i == j { 0.0 } else { *score - expected };
    }
    corrected
}
