//! Integer scores from one row a query column to the layout in which queries are aligned side by side.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::align::LANES;

/// Rows of integer scores of a batch.
pub(super) struct Rows<'a> {
    /// For each query of the batch: its columns one after the other, a score for every distinct target column; fewer
    /// than the batch's width for a narrower query.
    pub(super) queries: &'a [Vec<u8>],
    /// The score of the positions that a narrower query lacks, and of the queries that the batch lacks.
    pub(super) beside: [u8; LANES],
    pub(super) n_columns: usize,
    pub(super) width: usize,
}

/// Writes `out[column · width + position][query]`.
#[inline(always)]
pub(super) fn transpose(rows: &Rows<'_>, out: &mut [[u8; LANES]]) {
    let n = rows.n_columns;
    for start in (0..n).step_by(LANES) {
        let count = LANES.min(n - start);
        for position in 0..rows.width {
            let mut block = [[0; LANES]; LANES];
            for (query, part) in block.iter_mut().enumerate() {
                *part = [rows.beside[query]; LANES];
                let from = position * n + start;
                if let Some(row) = rows.queries.get(query).and_then(|row| row.get(from..from + count)) {
                    if let Ok(whole) = row.try_into() {
                        *part = whole;
                    } else {
                        part[..count].copy_from_slice(row);
                    }
                }
            }
            let block = transposed(block);
            for (column, scores) in (start..start + count).zip(block) {
                out[column * rows.width + position] = scores;
            }
        }
    }
}

/// Four rounds of pairwise interleaving transpose 16 by 16 bytes.
#[inline(always)]
fn transposed(mut block: [[u8; LANES]; LANES]) -> [[u8; LANES]; LANES] {
    for _ in 0..4 {
        let before = block;
        for k in 0..LANES / 2 {
            let (a, b) = (before[k], before[k + LANES / 2]);
            for byte in 0..LANES / 2 {
                block[2 * k][2 * byte] = a[byte];
                block[2 * k][2 * byte + 1] = b[byte];
                block[2 * k + 1][2 * byte] = a[byte + LANES / 2];
                block[2 * k + 1][2 * byte + 1] = b[byte + LANES / 2];
            }
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_lands_in_its_place() {
        for (n, width, queries) in [(1, 1, 1), (16, 2, 16), (17, 3, 5), (40, 1, 16), (31, 4, 15)] {
            let score = |query: usize, position: usize, column: usize| {
                (query * 31 + position * 17 + column * 7 + query * column) as u8
            };
            // Every third query lacks the last position.
            let own = |query: usize| if query % 3 == 2 { width - 1 } else { width };
            let row = |q: usize| (0..own(q)).flat_map(|p| (0..n).map(move |c| score(q, p, c))).collect();
            let rows: Vec<Vec<u8>> = (0..queries).map(row).collect();
            let beside = std::array::from_fn(|query| query as u8 + 100);
            let mut out = vec![[0; LANES]; n * width];
            transpose(&Rows { queries: &rows, beside, n_columns: n, width }, &mut out);
            for (at, scores) in out.iter().enumerate() {
                let (column, position) = (at / width, at % width);
                for (query, found) in scores.iter().enumerate() {
                    let there = query < queries && position < own(query);
                    let expected = if there { score(query, position, column) } else { beside[query] };
                    assert_eq!(*found, expected, "{n} {width} {queries}: {query} {position} {column}");
                }
            }
        }
    }
}
