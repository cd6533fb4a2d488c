//! What each difference between two inputs does to a network's readout.

use cistron_encode::{DeepLiftModel, ModelError, Multipliers, Readout};
use ndarray::{Array1, Array3, ArrayView2, ArrayView3};

use super::{Body, ConvNet, backend, gradient};
use crate::nn::{Frozen, Real};

impl DeepLiftModel for ConvNet {
    fn multipliers(
        &self,
        sequence: ArrayView2<'_, f32>,
        references: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Multipliers, ModelError> {
        let (length, letters) = sequence.dim();
        self.check_letters(letters)?;
        self.spec.check(&self.spec.alphabet, length)?;
        self.check_run(length, readout)?;
        let (n, other, other_letters) = references.dim();
        self.check_letters(other_letters)?;
        if other != length && n > 0 {
            return Err(ModelError::InputLength { found: other, expected: length });
        }
        match &self.frozen {
            Body::Single(frozen) => self.contrasts(frozen, sequence, references, readout),
            Body::Double(frozen) => self.contrasts(frozen, sequence, references, readout),
        }
    }
}

impl ConvNet {
    /// Whether rows of an input have as many numbers as the alphabet letters.
    pub(super) fn check_letters(&self, letters: usize) -> Result<(), ModelError> {
        if letters == usize::from(self.spec.alphabet.len()) {
            return Ok(());
        }
        let (found, expected) = (format!("{letters} letters"), self.spec.alphabet.to_string());
        Err(ModelError::Alphabet { found, expected })
    }

    fn contrasts<T: Real + Default>(
        &self,
        frozen: &Frozen<T>,
        sequence: ArrayView2<'_, f32>,
        references: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Multipliers, ModelError> {
        let own: Vec<T> = sequence.iter().map(|&value| T::of(value.into())).collect();
        let reference = |i: usize, place: &mut [T]| {
            for (to, from) in place.iter_mut().zip(references.index_axis(ndarray::Axis(0), i)) {
                *to = T::of(f64::from(*from));
            }
        };
        let weights: Vec<T> = gradient::shares(self, readout).into_iter().map(T::of).collect();
        let found = frozen
            .contrasts(readout.head, sequence.dim(), &own, (references.dim().0, reference), &weights)
            .map_err(backend)?;
        let values = found.multipliers.into_iter().map(Real::wide).collect();
        Ok(Multipliers {
            multipliers: Array3::from_shape_vec(references.dim(), values)
                .map_err(|error| ModelError::Backend(error.into()))?,
            output: found.output,
            references: Array1::from_vec(found.references),
        })
    }
}
