//! Pairwise models: fields and couplings, from a plmc file or an own fit.

mod couplings;
mod fit;
mod lbfgs;
mod pairs;
mod plmc;
pub(super) mod site;

use ndarray::{Array2, ArrayView2};

use super::{FamilyError, FamilyModel, SiteIndependent, WildType};
use crate::{Edit, Mutant};
pub use couplings::average_product_correction;
pub use fit::{PottsOptions, PottsProgress};
use pairs::Pairs;

/// A pairwise model: a sequence s has probability proportional to `exp(sum h_i(s_i) + sum J_ij(s_i, s_j))`.
///
/// L columns, A letters. Memory: 8·L²·A²/2 bytes, for couplings and the frequencies of pairs. Energies are logarithms of
/// probabilities: higher is fitter, as in `EVmutation` (Hopf et al. 2017, doi:10.1038/nbt.3769).
#[derive(Clone, Debug, PartialEq)]
pub struct Potts {
    wild_type: WildType,
    fields: Array2<f32>,
    couplings: Pairs,
    /// Frequencies of letters and of pairs of letters, gaps left out where the alphabet has none.
    frequencies: Array2<f32>,
    pair_frequencies: Pairs,
    facts: PottsFacts,
}

/// How a [`Potts`] model came about, as plmc files record it.
#[derive(Clone, Debug, PartialEq)]
pub struct PottsFacts {
    /// How many sequences it was fitted to; 0 where it is not known.
    pub n_valid: usize,
    /// How many were left out.
    pub n_invalid: usize,
    /// Steps of the fit.
    pub iterations: usize,
    /// The distance within which sequences share one weight; NaN where it is not known.
    pub theta: f32,
    /// Penalty of the squares of fields.
    pub lambda_h: f32,
    /// Penalty of the squares of couplings.
    pub lambda_j: f32,
    /// Penalty of groups of couplings.
    pub lambda_group: f32,
    /// Effective number of sequences; NaN where it is not known.
    pub neff: f32,
    /// For each sequence the number of its neighbours, itself included (one over its weight), 0 for one left out.
    pub neighbours: Vec<f32>,
}

/// An energy, or the difference of two, with its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Energy {
    /// The sum of the couplings.
    pub couplings: f64,
    /// The sum of the fields.
    pub fields: f64,
}

impl Energy {
    /// Both together.
    pub fn full(self) -> f64 {
        self.couplings + self.fields
    }
}

impl Potts {
    /// The fields `(L, A)`.
    pub fn fields(&self) -> ArrayView2<'_, f32> {
        self.fields.view()
    }

    /// The coupling of a letter in column `i` and one in column `j`; 0 for a column and itself, and beyond the model.
    pub fn coupling(&self, (i, a): (usize, u8), (j, b): (usize, u8)) -> f32 {
        self.couplings.get((i, a.into()), (j, b.into()))
    }

    /// The couplings of all pairs of columns `i < j`, row after row, each `(A, A)`.
    pub fn couplings(&self) -> &[f32] {
        self.couplings.values()
    }

    /// The frequencies of letters `(L, A)`.
    pub fn frequencies(&self) -> ArrayView2<'_, f32> {
        self.frequencies.view()
    }

    /// How the model came about.
    pub fn facts(&self) -> &PottsFacts {
        &self.facts
    }

    /// The number of columns, L.
    pub fn width(&self) -> usize {
        self.wild_type.len()
    }

    /// The energy of a sequence of L codes; what is no letter counts nothing.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for another number of codes.
    pub fn energy(&self, codes: &[u8]) -> Result<Energy, FamilyError> {
        if codes.len() != self.width() {
            let problem = format!("sequence has {} codes, expected {}", codes.len(), self.width());
            return Err(FamilyError::data(problem));
        }
        let mut energy = Energy::default();
        for (i, &a) in codes.iter().enumerate() {
            energy.fields += self.field(i, a);
            for (j, &b) in codes.iter().enumerate().skip(i + 1) {
                energy.couplings += f64::from(self.coupling((i, a), (j, b)));
            }
        }
        Ok(energy)
    }

    fn field(&self, column: usize, code: u8) -> f64 {
        self.fields.get((column, usize::from(code))).map_or(0.0, |&field| field.into())
    }

    /// The energy of a mutant less that of the wild type, with its parts; cost L for each edit and their square.
    pub fn delta(&self, mutant: &Mutant) -> Energy {
        let mut delta = Energy::default();
        let wild = self.wild_type.codes();
        let edits = || mutant.iter().filter(|edit| self.holds(**edit));
        for (k, edit) in edits().enumerate() {
            let (i, new) = (edit.position as usize, edit.code);
            let Some(&old) = wild.get(i) else { continue };
            delta.fields += self.field(i, new) - self.field(i, old);
            for (j, &other) in wild.iter().enumerate().filter(|(j, _)| *j != i) {
                delta.couplings += self.difference(i, (old, new), (j, other));
            }
            // The edits before this one have changed what it meets.
            for before in edits().take(k) {
                let j = before.position as usize;
                let Some(&other) = wild.get(j) else { continue };
                delta.couplings += self.difference(i, (old, new), (j, before.code));
                delta.couplings -= self.difference(i, (old, new), (j, other));
            }
        }
        delta
    }

    fn holds(&self, edit: Edit) -> bool {
        (edit.position as usize) < self.width() && edit.code < self.wild_type.alphabet().len()
    }

    fn difference(&self, i: usize, (old, new): (u8, u8), other: (usize, u8)) -> f64 {
        f64::from(self.coupling((i, new), other)) - f64::from(self.coupling((i, old), other))
    }

    /// The effects of all double mutants of two columns, `(A, A)`: letters of column `i` by those of column `j`. 0 at
    /// the letters of the wild type.
    ///
    /// # Errors
    /// [`FamilyError::Data`] unless both are columns, and not the same.
    pub fn double_effects(&self, i: usize, j: usize) -> Result<Array2<f64>, FamilyError> {
        if i == j || i.max(j) >= self.width() {
            let problem = format!("columns {i} and {j} found, expected two below {}", self.width());
            return Err(FamilyError::data(problem));
        }
        let letters = usize::from(self.wild_type.alphabet().len());
        let edit = |column: usize, code: usize| Edit { position: column as u32, code: code as u8 };
        let single = |column, code| self.delta(&[edit(column, code)]).full();
        let of_i: Vec<f64> = (0..letters).map(|a| single(i, a)).collect();
        let of_j: Vec<f64> = (0..letters).map(|b| single(j, b)).collect();
        let wild = |column: usize| self.wild_type.codes().get(column).copied().unwrap_or_default();
        let pair = |a: u8, b: u8| f64::from(self.coupling((i, a), (j, b)));
        let (old_i, old_j) = (wild(i), wild(j));
        let epistasis = |a: u8, b: u8| pair(a, b) - pair(a, old_j) - pair(old_i, b) + pair(old_i, old_j);
        let sum = |a: usize, b: usize| {
            of_i.get(a).unwrap_or(&0.0) + of_j.get(b).unwrap_or(&0.0) + epistasis(a as u8, b as u8)
        };
        Ok(Array2::from_shape_fn((letters, letters), |(a, b)| sum(a, b)))
    }

    /// The site-independent model of the same frequencies, with the same penalty of fields, as `EVmutation` sets it
    /// beside the pairwise one.
    ///
    /// # Errors
    /// As [`SiteIndependent::from_frequencies`].
    pub fn independent(&self) -> Result<SiteIndependent, FamilyError> {
        let frequencies = self.frequencies.mapv(f64::from);
        let (neff, lambda) = (self.facts.neff.into(), self.facts.lambda_h.into());
        SiteIndependent::from_frequencies(self.wild_type.clone(), frequencies.view(), neff, lambda)
    }
}

impl FamilyModel for Potts {
    fn wild_type(&self) -> &WildType {
        &self.wild_type
    }

    fn effect(&self, mutant: &Mutant) -> f64 {
        self.delta(mutant).full()
    }
}

#[cfg(test)]
mod tests;
