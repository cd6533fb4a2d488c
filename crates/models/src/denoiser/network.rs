use super::{DenoiserKind, LETTERS};
use crate::ModelsError;
use crate::nn::{Activation, BatchNormLayer, ConvLayer, ConvShape, LinearLayer, Pass, Scope, Tensor};
use crate::train::Initializer;

/// The layers of a denoiser.
#[derive(Debug)]
pub(super) struct Layers {
    body: Body,
    /// What the input is multiplied with before it is added to the output, (1, 1).
    skip: Option<Tensor>,
}

#[derive(Debug)]
enum Body {
    Dense(Box<Dense>),
    Conv { conv: ConvLayer, out: LinearLayer },
}

/// The notebook's layers.
#[derive(Debug)]
struct Dense {
    narrowing: [LinearLayer; 3],
    norm: BatchNormLayer,
    rest: [LinearLayer; 5],
}

impl Layers {
    pub(super) fn new(
        scope: &mut Scope<'_>,
        k: usize,
        kind: DenoiserKind,
        noise: f64,
    ) -> Result<Self, ModelsError> {
        let body = match kind {
            DenoiserKind::Notebook | DenoiserKind::NotebookSkip => {
                Body::Dense(Box::new(Dense::new(scope, k)?))
            }
            DenoiserKind::Conv { channels } => {
                let shape = ConvShape { padding: k - 1, ..ConvShape::default() };
                let conv = ConvLayer::new(&mut scope.enter("conv"), (LETTERS, channels), 2 * k - 1, shape)?;
                Body::Conv { conv, out: LinearLayer::new(&mut scope.enter("out"), channels, LETTERS)? }
            }
        };
        let skip = match kind {
            DenoiserKind::Notebook => None,
            _ => Some(scope.parameter("skip", &[1, 1], Initializer::Constant { value: log_odds(noise) })?),
        };
        Ok(Self { body, skip })
    }

    /// (n, k, 4) to as many logits.
    pub(super) fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, ModelsError> {
        let out = match &self.body {
            Body::Dense(dense) => dense.forward(x, pass)?,
            Body::Conv { conv, out } => out.forward(&conv.forward(x)?.activate(Activation::Relu)?)?,
        };
        let Some(skip) = &self.skip else { return Ok(out) };
        let count = x.shape().iter().product();
        let skipped = x.reshape(&[count, 1])?.linear(skip, None)?.reshape(out.shape())?;
        out.add(&skipped)
    }
}

/// How much more likely a base is the one that is read than a given other.
fn log_odds(noise: f64) -> f64 {
    (3.0 * (1.0 - noise) / noise.max(1e-6)).ln()
}

impl Dense {
    fn new(scope: &mut Scope<'_>, k: usize) -> Result<Self, ModelsError> {
        let widths = [4 * k, 7 * k / 2, 3 * k, 5 * k / 2, 2 * k];
        let mut linear = |name: &str, from: usize, to: usize| {
            LinearLayer::new(&mut scope.enter(name), widths[from], widths[to])
        };
        let narrowing = [linear("encoder.1", 0, 1)?, linear("encoder.3", 1, 2)?, linear("encoder.5", 2, 3)?];
        let rest = [
            linear("encoder.8", 3, 4)?,
            linear("decoder.0", 4, 3)?,
            linear("decoder.2", 3, 2)?,
            linear("decoder.4", 2, 1)?,
            linear("decoder.6", 1, 0)?,
        ];
        Ok(Self { narrowing, norm: BatchNormLayer::new(&mut scope.enter("encoder.7"), widths[3])?, rest })
    }

    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, ModelsError> {
        let &[n, k, letters] = x.shape() else { return Ok(x.clone()) };
        let mut hidden = x.reshape(&[n, k * letters])?;
        for layer in &self.narrowing {
            hidden = layer.forward(&hidden)?.activate(Activation::Relu)?;
        }
        hidden = self.norm.forward(&hidden, pass)?;
        for (i, layer) in self.rest.iter().enumerate() {
            hidden = layer.forward(&hidden)?;
            if i + 1 < self.rest.len() {
                hidden = hidden.activate(Activation::Relu)?;
            }
        }
        Ok(hidden)
    }
}
