use ndarray::Array2;

use super::WildType;
use crate::{Edit, Mutant};

/// A model of a family that says exactly what a mutant is worth: no samples, no noise.
pub trait FamilyModel {
    /// What is mutated.
    fn wild_type(&self) -> &WildType;

    /// The log-probability of a mutant less that of the wild type: higher is fitter, 0 is the wild type itself.
    ///
    /// Edits outside the wild type or the alphabet count nothing; [`WildType::parse`] makes none.
    fn effect(&self, mutant: &Mutant) -> f64;

    /// The effect of each single mutant, `(L, A)`: columns of the family by letters of its alphabet. 0 for the letter
    /// of the wild type; NaN where the wild type has none.
    fn single_effects(&self) -> Array2<f64> {
        let wild_type = self.wild_type();
        let letters = wild_type.alphabet().len();
        let mut effects = Array2::zeros((wild_type.len(), letters.into()));
        for ((mut row, &wild), position) in effects.rows_mut().into_iter().zip(wild_type.codes()).zip(0..) {
            for (code, effect) in (0..letters).zip(&mut row) {
                *effect = match code {
                    _ if wild >= letters => f64::NAN,
                    code if code == wild => 0.0,
                    code => self.effect(&[Edit { position, code }]),
                };
            }
        }
        effects
    }
}
