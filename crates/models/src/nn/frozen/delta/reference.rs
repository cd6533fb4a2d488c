use super::super::{FrozenLayer, Values};
use super::pool::running_largest;
use crate::nn::Real;
use crate::nn::pool::Pool;
use crate::nn::tensor::RawResult;

/// What a layer saw and gave on the reference, as far as differences need it.
#[derive(Default)]
pub(super) struct Kept<T> {
    /// The positions that went in and that came out.
    pub(super) rows: usize,
    pub(super) out_rows: usize,
    /// What a function or a maximum was taken of.
    pub(super) before: Vec<T>,
    /// The maxima.
    pub(super) after: Vec<T>,
    /// Of a global maximum, the largest values before each position and from each on.
    pub(super) running: [Vec<T>; 2],
    /// Of a residual block's layers.
    pub(super) inner: Vec<Self>,
}

/// The reference at each layer, and its last numbers.
pub(super) fn read_reference<T: Real + Default>(
    layers: &[&FrozenLayer<T>],
    letters: &[Option<u8>],
    channels: usize,
) -> RawResult<(Vec<Kept<T>>, Vec<T>)> {
    let mut values = Values::default();
    values.current.resize(letters.len() * channels, T::zero());
    (values.rows, values.width) = (letters.len(), channels);
    for (row, letter) in values.current.chunks_exact_mut(channels.max(1)).zip(letters) {
        if let Some(value) = letter.and_then(|letter| row.get_mut(usize::from(letter))) {
            *value = T::one();
        }
    }
    let kept = layers.iter().map(|layer| values.read(layer)).collect::<RawResult<_>>()?;
    Ok((kept, values.current))
}

impl<T: Real + Default> Values<T> {
    /// Applies a layer and keeps what differences need.
    fn read(&mut self, layer: &FrozenLayer<T>) -> RawResult<Kept<T>> {
        let mut kept = Kept { rows: self.rows, ..Kept::default() };
        match layer {
            FrozenLayer::Conv(conv) => {
                self.convolve(conv, None)?;
                self.keep_before(conv.activation, &mut kept);
            }
            FrozenLayer::Linear { weight, bias, activation } => {
                self.linear(weight, bias, None)?;
                self.keep_before(*activation, &mut kept);
            }
            FrozenLayer::Activate(activation) => self.keep_before(Some(*activation), &mut kept),
            FrozenLayer::Softmax => {
                kept.before.clone_from(&self.current);
                self.apply(layer)?;
            }
            FrozenLayer::Pool(Pool::Max, _) | FrozenLayer::Global(Pool::Max) => {
                if matches!(layer, FrozenLayer::Global(_)) {
                    kept.running = running_largest(&self.current, self.width);
                }
                kept.before.clone_from(&self.current);
                self.apply(layer)?;
                kept.after.clone_from(&self.current);
            }
            FrozenLayer::Residual(layers) => {
                let input = self.current.clone();
                kept.inner = layers.iter().map(|layer| self.read(layer)).collect::<RawResult<_>>()?;
                self.current.iter_mut().zip(&input).for_each(|(x, before)| *x += *before);
            }
            FrozenLayer::Pool(Pool::Mean, _)
            | FrozenLayer::Global(Pool::Mean)
            | FrozenLayer::ScaleShift { .. }
            | FrozenLayer::Flatten { .. } => self.apply(layer)?,
        }
        kept.out_rows = self.rows;
        Ok(kept)
    }

    fn keep_before(&mut self, activation: Option<crate::nn::Activation>, kept: &mut Kept<T>) {
        if let Some(activation) = activation {
            kept.before.clone_from(&self.current);
            activation.in_place(&mut self.current);
        }
    }
}
