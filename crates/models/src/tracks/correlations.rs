/// Pearson's correlation of predicted and observed numbers of each track, as windows come by; in `f64` and in memory
/// that does not grow with their number.
///
/// Of a track there are two: over all bins of all windows, and the mean of the windows' own over their bins. Numbers
/// that do not vary correlate by 0, as in enformer-pytorch 0.8.12, whose cosine of centred numbers has 1e-8 added to
/// norms; here nothing is added. Sums are of differences from means, so that large numbers do not cancel (Chan et al.
/// 1983, doi:10.1080/00031305.1983.10483115).
///
/// ```
/// use cistron_models::TrackCorrelations;
///
/// let mut correlations = TrackCorrelations::new(1);
/// correlations.add(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]);
/// correlations.add(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]);
/// assert_eq!(correlations.by_window(), [0.5]);
/// assert!((correlations.pooled()[0] - 4.0 / 38.0_f64.sqrt()).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct TrackCorrelations {
    tracks: Vec<Track>,
    n_windows: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    all: Moments,
    /// The sum of the windows' correlations.
    sum: f64,
}

impl TrackCorrelations {
    /// Of so many tracks, before the first window.
    pub fn new(n_tracks: usize) -> Self {
        Self { tracks: vec![Track::default(); n_tracks], n_windows: 0 }
    }

    /// Adds a window: predicted and observed numbers, each (bins, tracks).
    pub fn add(&mut self, predicted: &[f32], observed: &[f32]) {
        let n_tracks = self.tracks.len().max(1);
        for (place, track) in self.tracks.iter_mut().enumerate() {
            let pairs = predicted.iter().zip(observed).skip(place).step_by(n_tracks);
            let window = Moments::new(pairs.map(|(x, y)| (f64::from(*x), f64::from(*y))));
            track.sum += window.correlation();
            track.all.merge(window);
        }
        self.n_windows += 1;
    }

    /// Of each track, over all bins of all windows; 0 before the first.
    pub fn pooled(&self) -> Vec<f64> {
        self.tracks.iter().map(|track| track.all.correlation()).collect()
    }

    /// Of each track, the mean of the windows' own; 0 before the first.
    pub fn by_window(&self) -> Vec<f64> {
        let n = self.n_windows.max(1) as f64;
        self.tracks.iter().map(|track| track.sum / n).collect()
    }
}

/// Means and sums of products of differences from them.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    n: f64,
    mean: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Moments {
    fn new(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        // Against the first, numbers that do not vary are 0 exactly.
        let Some((x0, y0)) = pairs.clone().next() else { return Self::default() };
        let moved = pairs.map(|(x, y)| (x - x0, y - y0));
        let (mut n, mut sums) = (0.0, [0.0; 2]);
        for (x, y) in moved.clone() {
            n += 1.0;
            sums = [sums[0] + x, sums[1] + y];
        }
        let [x_mean, y_mean] = sums.map(|sum| sum / n);
        let mut all = Self { n, mean: [x0 + x_mean, y0 + y_mean], ..Self::default() };
        for (x, y) in moved {
            let (x, y) = (x - x_mean, y - y_mean);
            all.squares = [all.squares[0] + x * x, all.squares[1] + y * y];
            all.products += x * y;
        }
        all
    }

    fn merge(&mut self, other: Self) {
        if self.n == 0.0 {
            *self = other;
            return;
        }
        let n = self.n + other.n;
        let apart = [other.mean[0] - self.mean[0], other.mean[1] - self.mean[1]];
        let weight = self.n * other.n / n;
        for (axis, apart) in apart.iter().enumerate() {
            self.squares[axis] += other.squares[axis] + apart * apart * weight;
            self.mean[axis] += apart * other.n / n;
        }
        self.products += other.products + apart[0] * apart[1] * weight;
        self.n = n;
    }

    fn correlation(&self) -> f64 {
        let spread = (self.squares[0] * self.squares[1]).sqrt();
        if spread == 0.0 { 0.0 } else { self.products / spread }
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Seed, pearson};
    use proptest::prelude::*;

    use super::*;

    type Window = (Vec<f32>, Vec<f32>);

    /// The definition: all numbers of a track in lists.
    fn by_definition(windows: &[Window], n_tracks: usize) -> (Vec<f64>, Vec<f64>) {
        let of = |values: &[f32], track: usize| -> Vec<f64> {
            values.iter().skip(track).step_by(n_tracks).copied().map(f64::from).collect()
        };
        let pooled = |track: usize| {
            let all =
                |side: &dyn Fn(&Window) -> Vec<f64>| -> Vec<f64> { windows.iter().flat_map(side).collect() };
            let (x, y) = (all(&|window| of(&window.0, track)), all(&|window| of(&window.1, track)));
            pearson(&x, &y).unwrap_or(0.0)
        };
        let mean = |track: usize| {
            let each = windows.iter().map(|(x, y)| pearson(&of(x, track), &of(y, track)).unwrap_or(0.0));
            each.sum::<f64>() / windows.len() as f64
        };
        ((0..n_tracks).map(pooled).collect(), (0..n_tracks).map(mean).collect())
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_lists(
            seed: u64, n_tracks in 1_usize..4, bins in 1_usize..9, n in 1_usize..6, offset in -1e3_f64..1e3
        ) {
            let mut stream = Seed::new(seed).stream("numbers", 0);
            let mut draw = || (0..bins * n_tracks).map(|_| (stream.normal() + offset) as f32).collect();
            let windows: Vec<Window> = (0..n).map(|_| (draw(), draw())).collect();
            let mut found = TrackCorrelations::new(n_tracks);
            for (x, y) in &windows {
                found.add(x, y);
            }
            let (pooled, mean) = by_definition(&windows, n_tracks);
            // Of few numbers that lie near one another, means of different order differ in the last digits.
            for (found, expected) in found.pooled().iter().zip(pooled).chain(found.by_window().iter().zip(mean)) {
                prop_assert!((found - expected).abs() < 1e-7, "{found} {expected}");
            }
        }
    }

    #[test]
    fn what_does_not_vary_correlates_by_0() {
        let mut found = TrackCorrelations::new(2);
        assert_eq!((found.pooled(), found.by_window()), (vec![0.0; 2], vec![0.0; 2]));
        // 0.1 is no sum of powers of two: its mean over three is not itself.
        found.add(&[0.1, 1.0, 0.1, 2.0, 0.1, 4.0], &[3.0, 0.1, 4.0, 0.1, 7.0, 0.1]);
        assert_eq!((found.pooled(), found.by_window()), (vec![0.0; 2], vec![0.0; 2]));
    }

    /// Sums of squares of such numbers have no digit left for what varies.
    #[test]
    fn large_numbers_do_not_cancel() {
        let mut found = TrackCorrelations::new(1);
        for window in 0..50 {
            let x: Vec<f32> = (0..4).map(|bin| 8e6 + (window + bin) as f32).collect();
            found.add(&x, &x);
        }
        assert!((found.pooled()[0] - 1.0).abs() < 1e-12, "{:?}", found.pooled());
    }
}
