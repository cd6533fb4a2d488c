use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{Family, FamilyError, FamilyModel, WildType, site_frequencies};
use crate::Mutant;

/// A family whose columns know nothing of one another: an effect is a sum over the mutated columns.
///
/// ```
/// use cistron_encode::alignment::{Alignment, FamilyModel, PrepareOptions, SiteIndependent};
///
/// let alignment = Alignment::read(&b">a/7-8\nAC\n>b\nDC\n>c\nDK\n"[..], "x".as_ref())?;
/// let (family, _) = alignment.prepare(&PrepareOptions::default())?;
/// let model = SiteIndependent::log_odds(&family, 1.0)?;
/// // D stands in two of three sequences, A in one: ln((2 + 1) / (1 + 1)).
/// let mutant = model.wild_type().parse("A7D")?;
/// assert!((model.effect(&mutant) - 1.5_f64.ln()).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SiteIndependent {
    wild_type: WildType,
    fields: Array2<f64>,
}

impl SiteIndependent {
    /// The logarithms of the frequencies of letters, each count raised by `pseudocount`.
    ///
    /// # Errors
    /// [`FamilyError::Option`] for a pseudocount that is not above 0: a letter that is never seen would have an
    /// effect without end.
    pub fn log_odds(family: &Family, pseudocount: f64) -> Result<Self, FamilyError> {
        if pseudocount.is_nan() || pseudocount <= 0.0 {
            let found = pseudocount.to_string();
            return Err(FamilyError::Option { what: "pseudocount", found, expected: "above 0".into() });
        }
        let fields = site_frequencies(family, pseudocount)?.mapv_into(f64::ln);
        Self::from_fields(family.wild_type().clone(), fields)
    }

    /// The fields that fit the frequencies best less `lambda` times their squares, as the independent model of
    /// `EVmutation` (doi:10.1038/nbt.3769), which takes lambda 0.01 and stops its search early; here it runs to its end.
    ///
    /// # Errors
    /// [`FamilyError::Option`] for a lambda that is not above 0.
    pub fn fitted(family: &Family, lambda: f64) -> Result<Self, FamilyError> {
        let frequencies = site_frequencies(family, 0.0)?;
        Self::from_frequencies(family.wild_type().clone(), frequencies.view(), family.neff(), lambda)
    }

    /// As [`fitted`](Self::fitted), from frequencies `(L, A)` and the effective number of sequences.
    ///
    /// # Errors
    /// [`FamilyError::Option`] for a number that is not above 0; [`FamilyError::Data`] for frequencies of another
    /// shape.
    pub fn from_frequencies(
        wild_type: WildType,
        frequencies: ArrayView2<'_, f64>,
        neff: f64,
        lambda: f64,
    ) -> Result<Self, FamilyError> {
        for (what, value) in [("effective number of sequences", neff), ("lambda", lambda)] {
            if !(value > 0.0 && value.is_finite()) {
                let found = value.to_string();
                return Err(FamilyError::Option { what, found, expected: "above 0".into() });
            }
        }
        let mut fields = Array2::zeros(frequencies.dim());
        for (mut fields, frequencies) in fields.rows_mut().into_iter().zip(frequencies.rows()) {
            fields.assign(&ArrayView1::from(&fit_column(frequencies, neff, lambda)));
        }
        Self::from_fields(wild_type, fields)
    }

    /// A model of given fields `(L, A)`.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for another shape or a field that is not finite.
    pub fn from_fields(wild_type: WildType, fields: Array2<f64>) -> Result<Self, FamilyError> {
        let expected = (wild_type.len(), usize::from(wild_type.alphabet().len()));
        if fields.dim() != expected {
            let problem = format!("fields have shape {:?}, expected {expected:?}", fields.dim());
            return Err(FamilyError::data(problem));
        }
        if let Some(((column, letter), field)) = fields.indexed_iter().find(|(_, field)| !field.is_finite()) {
            return Err(FamilyError::data(format!(
                "field {field} found in column {column}, letter {letter}"
            )));
        }
        Ok(Self { wild_type, fields })
    }

    /// The fields `(L, A)`; differences within a column are effects.
    pub fn fields(&self) -> ArrayView2<'_, f64> {
        self.fields.view()
    }
}

impl FamilyModel for SiteIndependent {
    fn wild_type(&self) -> &WildType {
        &self.wild_type
    }

    fn effect(&self, mutant: &Mutant) -> f64 {
        let difference = |edit: &crate::Edit| {
            let column = edit.position as usize;
            let wild = *self.wild_type.codes().get(column)?;
            let field = |code: u8| self.fields.get((column, usize::from(code)));
            Some(field(edit.code)? - field(wild)?)
        };
        // The sum of nothing is -0.
        mutant.iter().filter_map(difference).sum::<f64>() + 0.0
    }
}

/// More steps of Newton's method than any column needs.
const MOST_STEPS: usize = 200;

/// Minimises `neff * (ln(sum(exp(h))) - f.h) + lambda * |h|^2` by damped steps of Newton's method.
///
/// The second derivative is a diagonal `d = neff * p + 2 * lambda` less `neff` times the square of p, so that a step
/// takes no matrix; what would be 1 less a sum near 1 is written as a sum of positive terms.
fn fit_column(frequencies: ArrayView1<'_, f64>, neff: f64, lambda: f64) -> Vec<f64> {
    let dot = |a: &[f64]| a.iter().zip(frequencies).map(|(a, f)| a * f).sum::<f64>();
    let objective = |h: &[f64]| {
        let max = h.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = h.iter().map(|h| (h - max).exp()).sum();
        neff * (sum.ln() + max - dot(h)) + lambda * h.iter().map(|h| h * h).sum::<f64>()
    };
    let mut h = vec![0.0; frequencies.len()];
    let mut value = objective(&h);
    for _ in 0..MOST_STEPS {
        let max = h.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut p: Vec<f64> = h.iter().map(|h| (h - max).exp()).collect();
        let sum: f64 = p.iter().sum();
        for p in &mut p {
            *p /= sum;
        }
        let gradient = p.iter().zip(frequencies).zip(&h).map(|((p, f), h)| neff * (p - f) + 2.0 * lambda * h);
        // The step of the diagonal alone, and what the rest adds to it.
        let scaled: Vec<f64> = gradient.zip(&p).map(|(g, p)| g / (neff * p + 2.0 * lambda)).collect();
        let overlap: f64 = scaled.iter().zip(&p).map(|(s, p)| s * p).sum();
        let rest: f64 = p.iter().map(|p| 2.0 * lambda * p / (neff * p + 2.0 * lambda)).sum();
        let step = |(s, p): (&f64, &f64)| s + neff * p / (neff * p + 2.0 * lambda) * overlap / rest;
        let step: Vec<f64> = scaled.iter().zip(&p).map(step).collect();
        let largest = step.iter().fold(0.0_f64, |largest, step| largest.max(step.abs()));
        let mut length = 1.0;
        let next = loop {
            let next: Vec<f64> = h.iter().zip(&step).map(|(h, step)| h - length * step).collect();
            // Near the end the objective no longer tells steps apart, and the whole one is right.
            if objective(&next) <= value || largest < 1e-6 || length < 1e-12 {
                break next;
            }
            length *= 0.5;
        };
        h = next;
        value = objective(&h);
        if largest < 1e-13 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use cistron_core::Alphabet;
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;
    use crate::Edit;

    fn dna(letters: &[u8]) -> WildType {
        WildType::new(Alphabet::dna(), letters, (1..).take(letters.len()).collect()).unwrap()
    }

    #[test]
    fn effects_add_up_over_columns() {
        let fields = array![[0.0, 1.0, 2.0, 3.0], [0.5, 0.0, 0.0, -4.0], [1.0, 1.0, 1.0, 1.0]];
        let model = SiteIndependent::from_fields(dna(b"CA-"), fields).unwrap();
        let mutant = model.wild_type().parse("C1T:A2T").unwrap();
        assert_eq!(model.effect(&mutant), 2.0 - 4.5);
        let single = model.single_effects();
        assert_eq!(single.row(0), array![-1.0, 0.0, 1.0, 2.0]);
        assert!(single.row(2).iter().all(|effect| effect.is_nan()), "a gap has no single mutant");
        let outside = model.effect(&[Edit { position: 9, code: 0 }, Edit { position: 0, code: 9 }]);
        assert_eq!(outside.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn fields_and_numbers_are_checked() {
        let wrong = SiteIndependent::from_fields(dna(b"A"), Array2::zeros((1, 3))).unwrap_err();
        assert_eq!(wrong.to_string(), "fields have shape (1, 3), expected (1, 4)");
        let nan = SiteIndependent::from_fields(dna(b"A"), array![[0.0, f64::NAN, 0.0, 0.0]]).unwrap_err();
        assert_eq!(nan.to_string(), "field NaN found in column 0, letter 1");
        let uniform = array![[0.25; 4]];
        for (neff, lambda) in [(0.0, 0.01), (1.0, 0.0), (f64::NAN, 1.0)] {
            assert!(SiteIndependent::from_frequencies(dna(b"A"), uniform.view(), neff, lambda).is_err());
        }
    }

    proptest! {
        #[test]
        fn fitted_fields_are_where_the_gradient_ends(
            counts in prop::collection::vec(0.0_f64..50.0, 4),
            neff in 1.0_f64..5000.0,
            lambda in prop::sample::select(vec![0.01, 0.5, 20.0]),
        ) {
            let sum: f64 = counts.iter().sum();
            prop_assume!(sum > 0.0);
            let f = Array2::from_shape_fn((1, 4), |(_, a)| counts[a] / sum);
            let model = SiteIndependent::from_frequencies(dna(b"A"), f.view(), neff, lambda).unwrap();
            let h = model.fields();
            let total: f64 = h.iter().map(|h| h.exp()).sum();
            for (h, f) in h.iter().zip(&f) {
                let gradient = neff * (h.exp() / total - f) + 2.0 * lambda * h;
                // Rounding of p - f, times neff.
                prop_assert!(gradient.abs() < 1e-11 * neff.max(1.0), "{gradient}");
            }
            // The penalty is least where the fields of a column sum to nothing.
            prop_assert!(h.sum().abs() < 1e-9);
        }
    }
}
