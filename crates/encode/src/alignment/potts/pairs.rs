/// A table `(A, A)` for each pair of columns `i < j`: pairs row after row, letters of `i` by letters of `j`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pairs {
    values: Vec<f32>,
    width: usize,
    letters: usize,
}

impl Pairs {
    /// Tables of these numbers, or of zeros if there are fewer.
    pub(super) fn new(width: usize, letters: usize, mut values: Vec<f32>) -> Self {
        values.resize(n_pairs(width) * letters * letters, 0.0);
        Self { values, width, letters }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The table of a pair of columns, `i < j`; empty for any other.
    pub(super) fn table(&self, i: usize, j: usize) -> &[f32] {
        if i >= j || j >= self.width {
            return &[];
        }
        let size = self.letters * self.letters;
        let start = pair_at(self.width, i, j) * size;
        self.values.get(start..start + size).unwrap_or_default()
    }

    /// The number for a letter of one column and a letter of another, in either order; 0 where there is none.
    pub(super) fn get(&self, (i, a): (usize, usize), (j, b): (usize, usize)) -> f32 {
        if a >= self.letters || b >= self.letters {
            return 0.0;
        }
        let (table, index) = if i < j {
            (self.table(i, j), a * self.letters + b)
        } else {
            (self.table(j, i), b * self.letters + a)
        };
        table.get(index).copied().unwrap_or(0.0)
    }
}

/// The number of pairs of columns.
pub(super) fn n_pairs(width: usize) -> usize {
    width * width.saturating_sub(1) / 2
}

/// The number of a pair of columns, `i < j`.
pub(super) fn pair_at(width: usize, i: usize, j: usize) -> usize {
    i * (2 * width - i - 1) / 2 + j - i - 1
}
