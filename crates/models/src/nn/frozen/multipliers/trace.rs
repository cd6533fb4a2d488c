use super::super::{FrozenLayer, Values};
use crate::nn::Real;
use crate::nn::activation::Activation;
use crate::nn::pool::Pool;
use crate::nn::tensor::RawResult;
use crate::nn::vector::vectorised;

/// A layer, without the function that may follow it, or that function.
pub(super) enum Step<'a, T> {
    Layer(&'a FrozenLayer<T>),
    Function(Activation),
    Residual(Vec<Self>),
}

/// Layers one by one.
pub(super) fn steps<'a, T>(layers: impl Iterator<Item = &'a FrozenLayer<T>>) -> Vec<Step<'a, T>> {
    let mut steps = Vec::new();
    for layer in layers {
        let function = match layer {
            FrozenLayer::Conv(conv) => conv.activation,
            FrozenLayer::Linear { activation, .. } => *activation,
            _ => None,
        };
        steps.push(match layer {
            FrozenLayer::Activate(activation) => Step::Function(*activation),
            FrozenLayer::Residual(layers) => Step::Residual(self::steps(layers.iter())),
            other => Step::Layer(other),
        });
        steps.extend(function.map(Step::Function));
    }
    steps
}

/// What a step met.
#[derive(Default)]
pub(super) struct Kept<T> {
    pub(super) rows: usize,
    pub(super) width: usize,
    /// What a function, a maximum or a softmax was taken of.
    pub(super) before: Vec<T>,
}

impl<T> Kept<T> {
    pub(super) fn size(&self) -> usize {
        self.before.len()
    }

    /// Keeps the first of so many equal parts.
    pub(super) fn first_of(&mut self, parts: usize) {
        self.rows /= parts;
        self.before.truncate(self.before.len() / parts);
    }
}

impl<T> Step<'_, T> {
    /// Whether what it makes of differences depends on the values themselves.
    fn keeps(&self) -> bool {
        match self {
            Self::Function(_) => true,
            Self::Layer(layer) => matches!(
                layer,
                FrozenLayer::Softmax | FrozenLayer::Pool(Pool::Max, _) | FrozenLayer::Global(Pool::Max)
            ),
            Self::Residual(_) => false,
        }
    }
}

/// Takes values through steps and keeps what the way back needs, in the steps' order from place `next` on.
pub(super) fn trace<T: Real>(
    steps: &[Step<'_, T>],
    values: &mut Values<T>,
    kept: &mut Vec<Kept<T>>,
    next: &mut usize,
) -> RawResult<()> {
    for step in steps {
        if kept.len() == *next {
            kept.push(Kept { rows: 0, width: 0, before: Vec::new() });
        }
        let here = &mut kept[*next];
        (here.rows, here.width) = (values.rows, values.width);
        here.before.clear();
        if step.keeps() {
            here.before.extend_from_slice(&values.current);
        }
        *next += 1;
        match step {
            Step::Layer(FrozenLayer::Conv(conv)) => values.convolve(conv, None)?,
            Step::Layer(FrozenLayer::Linear { weight, bias, .. }) => values.linear(weight, bias, None)?,
            Step::Layer(layer) => values.apply(layer)?,
            Step::Function(activation) => activation.in_place(&mut values.current),
            Step::Residual(inner) => {
                let mut input = values.kept.pop().unwrap_or_default();
                input.clone_from(&values.current);
                trace(inner, values, kept, next)?;
                add(&input, &mut values.current);
                values.kept.push(input);
            }
        }
    }
    Ok(())
}

pub(super) fn add<T: Real>(values: &[T], sum: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += *value;
            }
        },
    );
}
