//! Distinct columns in cells of neighbours: most columns are told from what is looked for by their cell alone.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::targets::Columns;

/// Columns of a cell, and cells that are looked at side by side.
pub(super) const CELL: usize = 16;

/// One number for each column of a cell, or for each of so many cells.
pub(super) type Lanes<T> = [T; CELL];

/// Points side by side: a row for each letter.
#[derive(Clone, Debug, Default)]
struct Points {
    letters: usize,
    entries: Vec<Lanes<f32>>,
}

impl Points {
    /// The distances of the points of one group.
    #[inline(always)]
    fn distances(&self, group: usize, own: &[f32]) -> Lanes<f32> {
        let rows = &self.entries[group * self.letters..][..self.letters];
        let mut sums = [0.0; CELL];
        for (own, row) in own.iter().zip(rows) {
            for lane in 0..CELL {
                let difference = own - row[lane];
                sums[lane] += difference * difference;
            }
        }
        sums.map(f32::sqrt)
    }
}

/// All distinct columns in cells.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    centres: Points,
    /// No column is farther from the centre of its cell.
    radii: Vec<Lanes<f32>>,
    /// How many positions have a column of each cell.
    pub(super) totals: Vec<Lanes<u32>>,
    columns: Points,
    /// Which columns a cell has, and how many positions have each; the last cell repeats one that no position has.
    pub(super) members: Vec<Lanes<u32>>,
    pub(super) counts: Vec<Lanes<u32>>,
}

/// Bounds of the distances of each cell's columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    pub(super) near: Vec<Lanes<f32>>,
    pub(super) far: Vec<Lanes<f32>>,
    pub(super) centres: Vec<Lanes<f32>>,
}

impl Cells {
    pub(super) fn new(columns: &Columns) -> Self {
        let letters = columns.weights.len();
        let mut order: Vec<u32> = (0..columns.len() as u32).collect();
        split(&columns.weights, &mut order);
        let mut new = Self::default();
        (new.centres.letters, new.columns.letters) = (letters, letters);
        for (cell, members) in order.chunks(CELL).enumerate() {
            let lane = cell % CELL;
            if lane == 0 {
                new.centres.entries.extend(vec![[0.0; CELL]; letters]);
                new.radii.push([0.0; CELL]);
                new.totals.push([0; CELL]);
            }
            let group = cell / CELL;
            let centres = &mut new.centres.entries[group * letters..];
            let mut squares = vec![0.0; members.len()];
            for (centre, weights) in centres.iter_mut().zip(&columns.weights) {
                let own = || members.iter().map(|&column| weights[column as usize]);
                let low = own().fold(f64::INFINITY, f64::min);
                let high = own().fold(f64::NEG_INFINITY, f64::max);
                // Lanes behind the last cell repeat it.
                centre[lane..].fill(f64::midpoint(low, high) as f32);
                let centre = f64::from(centre[lane]);
                squares.iter_mut().zip(own()).for_each(|(sum, x)| *sum += (x - centre).powi(2));
                new.columns.entries.push(std::array::from_fn(|n| weights[member(members, n)] as f32));
            }
            let radius = squares.into_iter().fold(0.0_f64, f64::max).sqrt();
            new.radii[group][lane..].fill((radius as f32).next_up());
            let counts =
                std::array::from_fn(
                    |n| if n < members.len() { columns.counts[member(members, n)] } else { 0 },
                );
            new.totals[group][lane] = counts.iter().sum();
            new.members.push(std::array::from_fn(|n| member(members, n) as u32));
            new.counts.push(counts);
        }
        new
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Fills the bounds of a query column's distances, widened by `slack`.
    #[inline(always)]
    pub(super) fn bounds(&self, own: &[f32], slack: f32, bounds: &mut Bounds) {
        let Bounds { near, far, centres } = bounds;
        let n = self.radii.len();
        for lanes in [&mut *near, &mut *far, &mut *centres] {
            lanes.resize(n, [0.0; CELL]);
        }
        let bounds = near.iter_mut().zip(far).zip(centres);
        for ((group, radii), ((near, far), centres)) in self.radii.iter().enumerate().zip(bounds) {
            let distances = self.centres.distances(group, own);
            for lane in 0..CELL {
                near[lane] = distances[lane] - (radii[lane] + slack);
            }
            for lane in 0..CELL {
                far[lane] = distances[lane] + (radii[lane] + slack);
            }
            *centres = distances;
        }
    }

    /// The distances of a cell's columns.
    #[inline(always)]
    pub(super) fn distances(&self, cell: usize, own: &[f32]) -> Lanes<f32> {
        self.columns.distances(cell, own)
    }
}

/// The column of a lane; lanes behind the last one repeat it.
fn member(members: &[u32], lane: usize) -> usize {
    members[lane.min(members.len() - 1)] as usize
}

/// Sorts columns so that every [`CELL`] of them are neighbours.
fn split(weights: &[Vec<f64>], columns: &mut [u32]) {
    if columns.len() <= CELL {
        return;
    }
    let range = |weights: &&Vec<f64>| {
        let own = || columns.iter().map(|&column| weights[column as usize]);
        own().fold(f64::NEG_INFINITY, f64::max) - own().fold(f64::INFINITY, f64::min)
    };
    let widest = weights.iter().max_by(|a, b| range(a).total_cmp(&range(b)));
    let half = columns.len().div_ceil(CELL) / 2 * CELL;
    if let Some(widest) = widest {
        columns.select_nth_unstable_by(half, |&a, &b| widest[a as usize].total_cmp(&widest[b as usize]));
    }
    let (low, high) = columns.split_at_mut(half);
    split(weights, low);
    split(weights, high);
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::{TomtomOptions, TomtomTargets};
    use super::*;

    #[test]
    fn every_column_is_in_one_cell_and_within_its_bounds() {
        for width in [1, 15, 16, 17, 300, 1000] {
            let mut stream = Seed::new(9).stream("columns", width as u64);
            let motif = Array2::from_shape_fn((width, 4), |_| stream.uniform());
            let targets = TomtomTargets::new(&[motif.view()], TomtomOptions::default()).unwrap();
            let (columns, cells) = (&targets.columns, targets.cells());
            let query = [0.9, 0.1, 0.4, 0.2];
            let (own, mut bounds) = (query.map(|x| x as f32), Bounds::default());
            cells.bounds(&own, 1e-5, &mut bounds);
            let (near, far) = (bounds.near.as_flattened(), bounds.far.as_flattened());
            let mut seen = vec![0; columns.len()];
            for cell in 0..cells.len() {
                let total: u32 = cells.counts[cell].iter().sum();
                assert_eq!(cells.totals.as_flattened()[cell], total);
                let distances = cells.distances(cell, &own);
                for (lane, &column) in cells.members[cell].iter().enumerate() {
                    let column = column as usize;
                    seen[column] += cells.counts[cell][lane];
                    let squares = columns.weights.iter().zip(query).map(|(all, x)| (x - all[column]).powi(2));
                    let distance = squares.sum::<f64>().sqrt();
                    assert!((f64::from(distances[lane]) - distance).abs() < 1e-6);
                    assert!((f64::from(near[cell])..=f64::from(far[cell])).contains(&distance));
                }
            }
            assert_eq!(seen, columns.counts);
        }
    }
}
