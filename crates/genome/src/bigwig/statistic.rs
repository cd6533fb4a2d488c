//! What a bin says of its bases.

use crate::error::quoted;

/// What a bin says of its bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Statistic {
    /// The sum of the values of its bases.
    Sum,
    /// The mean over the bases that have a value.
    Mean,
    /// The least value.
    Min,
    /// The largest value.
    Max,
    /// The standard deviation over the bases that have a value, with one taken from their number.
    StandardDeviation,
    /// The share of bases that have a value.
    Coverage,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 6] =
        [Self::Sum, Self::Mean, Self::Min, Self::Max, Self::StandardDeviation, Self::Coverage];

    /// `sum`, `mean`, `min`, `max`, `std` or `coverage`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::StandardDeviation => "std",
            Self::Coverage => "coverage",
        }
    }
}

impl std::fmt::Display for Statistic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Statistic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|statistic| statistic.name() == text);
        found.ok_or_else(|| {
            format!("found {}, expected sum, mean, min, max, std or coverage", quoted(text.as_bytes()))
        })
    }
}

/// Makes one number of a bin's stretches, which come from left to right.
pub(super) trait Accumulate: Default {
    /// Adds `width` bases of one value; 0 for a bin without a base that lies inside the stretch.
    fn add(&mut self, width: u32, value: f32);

    /// The number, NaN if there is none, for a bin of `width` bases; ready for the next bin.
    fn finish(&mut self, width: u64) -> f64;
}

#[derive(Default)]
pub(super) struct Mean {
    sum: f64,
    covered: u64,
}

impl Accumulate for Mean {
    fn add(&mut self, width: u32, value: f32) {
        self.sum += f64::from(width) * f64::from(value);
        self.covered += u64::from(width);
    }

    fn finish(&mut self, _width: u64) -> f64 {
        let Self { sum, covered } = std::mem::take(self);
        sum / covered as f64
    }
}

#[derive(Default)]
pub(super) struct Sum(Option<f64>);

impl Accumulate for Sum {
    fn add(&mut self, width: u32, value: f32) {
        // The product is rounded to single precision, as in libBigWig.
        *self.0.get_or_insert(0.0) += f64::from(width as f32 * value);
    }

    fn finish(&mut self, _width: u64) -> f64 {
        self.0.take().unwrap_or(f64::NAN)
    }
}

#[derive(Default)]
pub(super) struct Min(Option<f32>);

impl Accumulate for Min {
    fn add(&mut self, _width: u32, value: f32) {
        // A NaN that comes first stays, one that comes later is passed over.
        if self.0.is_none_or(|least| value < least) {
            self.0 = Some(value);
        }
    }

    fn finish(&mut self, _width: u64) -> f64 {
        self.0.take().map_or(f64::NAN, f64::from)
    }
}

#[derive(Default)]
pub(super) struct Max(Option<f32>);

impl Accumulate for Max {
    fn add(&mut self, _width: u32, value: f32) {
        if self.0.is_none_or(|largest| value > largest) {
            self.0 = Some(value);
        }
    }

    fn finish(&mut self, _width: u64) -> f64 {
        self.0.take().map_or(f64::NAN, f64::from)
    }
}

#[derive(Default)]
pub(super) struct Coverage(Option<u64>);

impl Accumulate for Coverage {
    fn add(&mut self, width: u32, _value: f32) {
        *self.0.get_or_insert(0) += u64::from(width);
    }

    fn finish(&mut self, width: u64) -> f64 {
        self.0.take().map_or(f64::NAN, |covered| covered as f64 / width as f64)
    }
}

/// Stretches of a bin whose mean is taken before their deviations; more are joined part by part.
const PART: usize = 1 << 14;

/// Of parts with `n` bases, mean and sum of squared deviations.
#[derive(Default)]
pub(super) struct StandardDeviation {
    open: Vec<(u32, f32)>,
    n: u64,
    mean: f64,
    squares: f64,
}

impl StandardDeviation {
    /// Joins the open part to those before it (Chan et al. 1983, doi:10.1080/00031305.1983.10483115).
    fn close(&mut self) {
        let (mut sum, mut n) = (0.0, 0);
        for &(width, value) in &self.open {
            sum += f64::from(width) * f64::from(value);
            n += u64::from(width);
        }
        let mean = sum / n as f64;
        let mut squares = 0.0;
        for &(width, value) in &self.open {
            let deviation = f64::from(value) - mean;
            squares += f64::from(width) * deviation * deviation;
        }
        self.open.clear();
        if self.n == 0 {
            (self.n, self.mean, self.squares) = (n, mean, squares);
            return;
        }
        let total = self.n + n;
        let apart = mean - self.mean;
        self.squares += squares + apart * apart * (self.n as f64 * n as f64 / total as f64);
        self.mean += apart * (n as f64 / total as f64);
        self.n = total;
    }
}

impl Accumulate for StandardDeviation {
    fn add(&mut self, width: u32, value: f32) {
        if self.open.len() == PART {
            self.close();
        }
        self.open.push((width, value));
    }

    fn finish(&mut self, _width: u64) -> f64 {
        if !self.open.is_empty() {
            self.close();
        }
        let (n, squares) = (std::mem::take(&mut self.n), std::mem::take(&mut self.squares));
        match n {
            0 => f64::NAN,
            1 => squares.sqrt(),
            _ => (squares / (n - 1) as f64).sqrt(),
        }
    }
}
