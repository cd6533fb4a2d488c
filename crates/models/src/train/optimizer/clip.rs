use crate::ModelsError;
use crate::train::Scalar;

/// The number of sums that run beside one another; fixed, so that the result is.
const LANES: usize = 8;

/// The norm of all gradients of a step, as one long vector, in 64 bits.
///
/// Tensors are added one by one; their order decides the last bits, so it should be that of their names.
///
/// ```
/// use cistron_models::GradientNorm;
///
/// let mut norm = GradientNorm::new();
/// norm.add("layer.bias", &[3.0_f32])?;
/// norm.add("layer.weight", &[0.0_f32, 4.0])?;
/// assert_eq!(norm.value(), 5.0);
/// assert!((norm.clip_factor(0.5) - 0.1).abs() < 1e-6);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GradientNorm {
    squares: f64,
}

impl GradientNorm {
    /// The norm of no gradient.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the gradient of a parameter, and gives the norm of this one alone.
    ///
    /// # Errors
    /// [`ModelsError::Gradient`] for a number that is not finite or whose square is not.
    pub fn add<T: Scalar>(&mut self, name: &str, gradient: &[T]) -> Result<Self, ModelsError> {
        let (chunks, rest) = gradient.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(sum, g)| *sum += square(*g));
        }
        let sum = lanes.iter().sum::<f64>() + rest.iter().map(|g| square(*g)).sum::<f64>();
        self.squares += sum;
        if self.squares.is_finite() {
            return Ok(Self { squares: sum });
        }
        let index = gradient.iter().position(|g| !square(*g).is_finite()).unwrap_or(0);
        let found = gradient.get(index).map_or(f64::NAN, |g| g.to_f64());
        Err(ModelsError::Gradient { parameter: name.to_owned(), index, found })
    }

    /// Adds what another norm is over.
    pub fn merge(&mut self, other: Self) {
        self.squares += other.squares;
    }

    /// The norm.
    pub fn value(self) -> f64 {
        self.squares.sqrt()
    }

    /// What every gradient is to be multiplied by so that the norm becomes `max_norm` at most: PyTorch's
    /// `min(1, max_norm / (norm + 1e-6))`.
    pub fn clip_factor(self, max_norm: f64) -> f64 {
        (max_norm / (self.value() + 1e-6)).min(1.0)
    }
}

fn square<T: Scalar>(value: T) -> f64 {
    value.to_f64() * value.to_f64()
}

/// Multiplies a gradient: `g ← factor·g`.
pub fn scale_gradient<T: Scalar>(gradient: &mut [T], factor: f64) {
    let factor = T::from_f64(factor);
    for g in gradient {
        *g = *g * factor;
    }
}
