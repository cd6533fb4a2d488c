use cistron_core::Run;
use ndarray::{Array2, Axis};

use super::lbfgs::{self, State};
use super::pairs::{Pairs, n_pairs, pair_at};
use super::site::{Site, SiteGradient, SiteRoom};
use super::{Potts, PottsFacts};
use crate::alignment::frequencies::pair_frequencies;
use crate::alignment::instructions::Instructions;
use crate::alignment::{Family, FamilyError, site_frequencies};

/// How a [`Potts`] model is fitted.
#[derive(Clone, Debug)]
pub struct PottsOptions {
    /// Penalty of the squares of fields. Default: 0.01.
    pub lambda_h: f64,
    /// Penalty of the squares of couplings. Default: `None`, 0.2·(L - 1).
    pub lambda_j: Option<f64>,
    /// The largest number of steps. Default: 20; plmc makes up to 100.
    pub iterations: usize,
    /// The fit ends when the gradient is so much shorter than the model, or than 1. Default: 1e-3, as plmc.
    pub tolerance: f64,
    /// How many steps the method remembers. Each takes as much memory as two models. Default: 5.
    pub memories: usize,
}

impl Default for PottsOptions {
    fn default() -> Self {
        Self { lambda_h: 0.01, lambda_j: None, iterations: 20, tolerance: 1e-3, memories: 5 }
    }
}

/// Where a fit stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PottsProgress {
    /// Steps made.
    pub iteration: usize,
    /// How often the loss was computed.
    pub evaluations: usize,
    /// Minus the log-pseudo-likelihood of the weighted sequences, penalties included.
    pub loss: f64,
    /// The length of the gradient beside that of the model, or 1.
    pub gradient: f64,
}

impl Potts {
    /// Fits a pairwise model to a family: the maximum of the pseudo-likelihood, each letter given the others of its
    /// sequence, less penalties of squares, found by L-BFGS. Gaps are left out unless the alphabet has one, as with
    /// plmc's option `-g` (Ekeberg et al. 2013, doi:10.1103/PhysRevE.87.012707).
    ///
    /// A step costs about 2·N·L²·A multiplications. It takes memory for about 15 models of 4·L²·A²/2 bytes. Threads
    /// of the caller's pool share the columns and change nothing. `each` hears of every step.
    ///
    /// # Errors
    /// [`FamilyError::Option`] for options outside their range or an alphabet of more than 64 letters,
    /// [`FamilyError::Data`] for a single column, [`FamilyError::Cancelled`].
    ///
    /// ```
    /// use cistron_core::{Alphabet, Run};
    /// use cistron_encode::alignment::{Alignment, FamilyModel, Potts, PottsOptions, PrepareOptions, WeightRule};
    ///
    /// // The columns pair A with T and C with G.
    /// let text = ">a/1-2\nAT\n>b\nCG\n>c\nAT\n>d\nCG\n";
    /// let alignment = Alignment::read(text.as_bytes(), "toy.fa".as_ref())?;
    /// let options = PrepareOptions { alphabet: Alphabet::dna(), weights: WeightRule::Equal, ..Default::default() };
    /// let (family, _) = alignment.prepare(&options)?;
    /// let model = Potts::fit(&family, &PottsOptions::default(), Run::default(), |_| ())?;
    /// let effect = |name| Ok::<_, Box<dyn std::error::Error>>(model.effect(&model.wild_type().parse(name)?));
    /// assert!(effect("A1C:T2G")? > effect("A1C")? + effect("T2G")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit(
        family: &Family,
        options: &PottsOptions,
        run: Run<'_>,
        each: impl FnMut(&PottsProgress),
    ) -> Result<Self, FamilyError> {
        match family.alphabet().len() {
            0..=4 => Fit::<4>::new(family, options)?.run(options, run, each),
            5..=8 => Fit::<8>::new(family, options)?.run(options, run, each),
            9..=20 => Fit::<20>::new(family, options)?.run(options, run, each),
            21..=24 => Fit::<24>::new(family, options)?.run(options, run, each),
            25..=64 => Fit::<64>::new(family, options)?.run(options, run, each),
            found => Err(option("letters of the alphabet", found, "at most 64")),
        }
    }
}

fn option(what: &'static str, found: impl ToString, expected: &str) -> FamilyError {
    FamilyError::Option { what, found: found.to_string(), expected: expected.to_owned() }
}

/// A family made ready, and the room for a step.
struct Fit<'a, const P: usize> {
    family: &'a Family,
    lambda_h: f64,
    lambda_j: f64,
    letters: usize,
    /// The letters of each column, `(L, N)`.
    by_column: Array2<u8>,
    rows: Vec<u32>,
    weights: Vec<f32>,
    sequences: Vec<u32>,
    starts: Vec<usize>,
    instructions: Instructions,
    /// The gradient of each column, L times L·A rows.
    gradient: Vec<[f32; P]>,
}

impl<'a, const P: usize> Fit<'a, P> {
    fn new(family: &'a Family, options: &PottsOptions) -> Result<Self, FamilyError> {
        let (n, width, letters) = (family.len(), family.width(), usize::from(family.alphabet().len()));
        let lambda_j = options.lambda_j.unwrap_or(0.2 * (width as f64 - 1.0));
        if width < 2 {
            return Err(FamilyError::data(
                "family has one column, expected two or more for a pairwise model",
            ));
        }
        for (what, value) in [
            ("lambda of fields", options.lambda_h),
            ("lambda of couplings", lambda_j),
            ("tolerance", options.tolerance),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(option(what, value, "0 or more"));
            }
        }
        if options.memories == 0 {
            return Err(option("steps remembered", 0, "at least 1"));
        }
        let zero = (width * letters) as u32;
        let row = |((_, column), &code): ((usize, usize), &u8)| {
            let code = usize::from(code);
            if code < letters { (column * letters + code) as u32 } else { zero }
        };
        let rows: Vec<u32> = family.codes().indexed_iter().map(row).collect();
        let (mut sequences, mut starts) = (Vec::with_capacity(n * width), vec![0]);
        let by_column = family.codes().t().as_standard_layout().into_owned();
        for column in by_column.rows() {
            for letter in 0..letters {
                let with = (0..).zip(column).filter(|(_, code)| usize::from(**code) == letter);
                sequences.extend(with.map(|(sequence, _): (u32, _)| sequence));
                starts.push(sequences.len());
            }
        }
        Ok(Self {
            family,
            lambda_h: options.lambda_h,
            lambda_j,
            letters,
            by_column,
            rows,
            weights: family.weights().iter().map(|&weight| weight as f32).collect(),
            sequences,
            starts,
            instructions: Instructions::detect(),
            gradient: vec![[0.0; P]; width * width * letters],
        })
    }

    fn run(
        mut self,
        options: &PottsOptions,
        run: Run<'_>,
        mut each: impl FnMut(&PottsProgress),
    ) -> Result<Potts, FamilyError> {
        let (width, letters) = (self.family.width(), self.letters);
        let frequencies = site_frequencies(self.family, 0.0)?;
        let mut point = self.start(&frequencies);
        let mut iterations = 0;
        run.observer.begin("fit", Some(options.iterations as u64));
        let walked = lbfgs::minimise(
            &mut point,
            options.memories,
            |point, gradient| self.evaluate(point, gradient),
            |State { iteration, evaluations, loss, gradient }| {
                each(&PottsProgress { iteration, evaluations, loss, gradient });
                run.observer.advance(u64::from(iteration > 0));
                iterations = iteration;
                if run.is_cancelled() {
                    return Err(FamilyError::Cancelled { done: iteration, total: options.iterations });
                }
                Ok(iteration < options.iterations && gradient > options.tolerance)
            },
        );
        run.observer.end();
        walked?;
        let couplings = point.split_off(width * letters);
        let fields = Array2::from_shape_vec((width, letters), point);
        Ok(Potts {
            wild_type: self.family.wild_type().clone(),
            fields: fields.map_err(|error| FamilyError::data(error.to_string()))?,
            couplings: Pairs::new(width, letters, couplings),
            frequencies: frequencies.mapv(|frequency| frequency as f32),
            pair_frequencies: self.pair_frequencies(),
            facts: PottsFacts {
                n_valid: self.family.len(),
                n_invalid: 0,
                iterations,
                theta: self.family.theta().unwrap_or(f64::NAN) as f32,
                lambda_h: self.lambda_h as f32,
                lambda_j: self.lambda_j as f32,
                lambda_group: 0.0,
                neff: self.family.neff() as f32,
                neighbours: self.family.weights().iter().map(|&weight| one_over(weight)).collect(),
            },
        })
    }

    /// Fields of the frequencies, no couplings: plmc's start.
    fn start(&self, frequencies: &Array2<f64>) -> Vec<f32> {
        let size = self.letters * self.letters;
        let mut point = Vec::with_capacity(frequencies.len() + n_pairs(self.family.width()) * size);
        for row in frequencies.rows() {
            let fields = row.mapv(|frequency| (frequency * self.family.neff() + 1.0).ln());
            let mean = fields.mean().unwrap_or(0.0);
            point.extend(fields.iter().map(|field| (field - mean) as f32));
        }
        point.resize(point.capacity(), 0.0);
        point
    }

    fn pair_frequencies(&self) -> Pairs {
        let (width, letters) = (self.family.width(), self.letters);
        let mut values = Vec::with_capacity(n_pairs(width) * letters * letters);
        let mut counts = vec![0.0; letters * letters];
        for (i, a) in self.by_column.axis_iter(Axis(0)).enumerate() {
            for b in self.by_column.axis_iter(Axis(0)).skip(i + 1) {
                pair_frequencies(a, b, self.family.weights(), &mut counts, letters);
                values.extend(counts.iter().map(|&count| count as f32));
            }
        }
        Pairs::new(width, letters, values)
    }

    /// The loss at a point (fields, then couplings of pairs `i < j`); writes its gradient.
    fn evaluate(&mut self, point: &[f32], gradient: &mut [f32]) -> f64 {
        let n_fields = self.family.width() * self.letters;
        let (fields, couplings) = point.split_at(n_fields);
        let squares = |values: &[f32]| values.chunks(4096).map(sum_of_squares).sum::<f64>();
        let penalty = self.lambda_h * squares(fields) + self.lambda_j * squares(couplings);
        let mut of_columns = std::mem::take(&mut self.gradient);
        let losses = self.columns(point, &mut of_columns);
        let (of_fields, of_couplings) = gradient.split_at_mut(n_fields);
        for ((to, (_, from)), row) in
            of_fields.chunks_exact_mut(self.letters).zip(&losses).zip(fields.chunks_exact(self.letters))
        {
            for ((to, from), field) in to.iter_mut().zip(from).zip(row) {
                *to = from + 2.0 * self.lambda_h as f32 * field;
            }
        }
        self.join(&of_columns, couplings, of_couplings);
        self.gradient = of_columns;
        penalty + losses.iter().map(|(loss, _)| loss).sum::<f64>()
    }

    /// The loss of each column and the gradient of its fields; that of the couplings goes to `of_columns`.
    #[cfg(feature = "parallel")]
    fn columns(&self, point: &[f32], of_columns: &mut [[f32; P]]) -> Vec<(f64, [f32; P])> {
        use rayon::prelude::*;

        let parts = of_columns.par_chunks_mut(self.starts.len() - 1).enumerate();
        parts
            .map_init(|| self.room(), |room, (column, part)| self.column(column, point, room, part))
            .collect()
    }

    #[cfg(not(feature = "parallel"))]
    fn columns(&self, point: &[f32], of_columns: &mut [[f32; P]]) -> Vec<(f64, [f32; P])> {
        let mut room = self.room();
        let parts = of_columns.chunks_mut(self.starts.len() - 1).enumerate();
        parts.map(|(column, part)| self.column(column, point, &mut room, part)).collect()
    }

    fn room(&self) -> SiteRoom<P> {
        let rows = self.starts.len();
        SiteRoom {
            fields: [0.0; P],
            couplings: vec![[0.0; P]; rows],
            residuals: vec![[0.0; P]; self.family.len()],
        }
    }

    fn column(
        &self,
        column: usize,
        point: &[f32],
        room: &mut SiteRoom<P>,
        couplings: &mut [[f32; P]],
    ) -> (f64, [f32; P]) {
        self.fill(column, point, room);
        let letters = self.by_column.row(column);
        let site = Site {
            letters: letters.as_slice().unwrap_or_default(),
            rows: &self.rows,
            width: self.family.width(),
            n_letters: self.letters,
            weights: &self.weights,
            sequences: &self.sequences,
            starts: &self.starts,
            column,
        };
        let mut fields = [0.0; P];
        let gradient = SiteGradient { fields: &mut fields, couplings };
        (self.instructions.evaluate(&site, room, gradient), fields)
    }

    /// Puts the fields and couplings of a column where its loop wants them.
    fn fill(&self, column: usize, point: &[f32], room: &mut SiteRoom<P>) {
        let (width, letters) = (self.family.width(), self.letters);
        let (fields, couplings) = point.split_at(width * letters);
        let own = fields.iter().skip(column * letters).take(letters);
        room.fields.iter_mut().zip(own).for_each(|(to, from)| *to = *from);
        for (other, rows) in room.couplings.chunks_exact_mut(letters).enumerate().take(width) {
            let (i, j) = (column.min(other), column.max(other));
            if i == j {
                rows.fill([0.0; P]);
                continue;
            }
            let table = couplings.get(pair_at(width, i, j) * letters * letters..).unwrap_or_default();
            for (b, row) in rows.iter_mut().enumerate() {
                for (a, to) in row.iter_mut().enumerate().take(letters) {
                    let index = if column == i { a * letters + b } else { b * letters + a };
                    *to = table.get(index).copied().unwrap_or(0.0);
                }
            }
        }
    }

    /// Both columns of a pair have a share in the gradient of its couplings, beside their penalty.
    fn join(&self, of_columns: &[[f32; P]], couplings: &[f32], gradient: &mut [f32]) {
        let (width, letters) = (self.family.width(), self.letters);
        let size = letters * letters;
        let twice = 2.0 * self.lambda_j as f32;
        let rows = |column: usize, other: usize| {
            let start = (column * width + other) * letters;
            of_columns.get(start..start + letters).unwrap_or_default()
        };
        let pairs = (0..width).flat_map(|i| (i + 1..width).map(move |j| (i, j)));
        let tables = gradient.chunks_exact_mut(size).zip(couplings.chunks_exact(size));
        for ((i, j), (gradient, couplings)) in pairs.zip(tables) {
            let (of_i, of_j) = (rows(i, j), rows(j, i));
            let lines = gradient.chunks_exact_mut(letters).zip(couplings.chunks_exact(letters)).zip(of_j);
            for (a, ((gradient, couplings), of_j)) in lines.enumerate() {
                for (((to, coupling), of_j), of_i) in gradient.iter_mut().zip(couplings).zip(of_j).zip(of_i) {
                    *to = of_i.get(a).unwrap_or(&0.0) + of_j + twice * coupling;
                }
            }
        }
    }
}

fn sum_of_squares(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
}

fn one_over(weight: f64) -> f32 {
    if weight > 0.0 { (1.0 / weight) as f32 } else { 0.0 }
}
