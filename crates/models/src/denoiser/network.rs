use super::LETTERS;
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
    widening: [LinearLayer; 4],
    last: LinearLayer,
}

impl Layers {
    /// The notebook's layers.
    pub(super) fn dense(scope: &mut Scope<'_>, k: usize, skip: Option<f64>) -> Result<Self, ModelsError> {
        let skip = skip.map(|skip| new_skip(scope, skip)).transpose()?;
        Ok(Self { body: Body::Dense(Box::new(Dense::new(scope, k)?)), skip })
    }

    /// A convolution that sees the whole k-mer from each place.
    pub(super) fn conv(
        scope: &mut Scope<'_>,
        k: usize,
        channels: usize,
        skip: f64,
    ) -> Result<Self, ModelsError> {
        let skip = Some(new_skip(scope, skip)?);
        let shape = ConvShape { padding: k - 1, ..ConvShape::default() };
        let conv = ConvLayer::new(&mut scope.enter("conv"), (LETTERS, channels), 2 * k - 1, shape)?;
        let out = LinearLayer::new(&mut scope.enter("out"), channels, LETTERS)?;
        Ok(Self { body: Body::Conv { conv, out }, skip })
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

fn new_skip(scope: &mut Scope<'_>, value: f64) -> Result<Tensor, ModelsError> {
    scope.parameter("skip", &[1, 1], Initializer::Constant { value })
}

impl Dense {
    fn new(scope: &mut Scope<'_>, k: usize) -> Result<Self, ModelsError> {
        let widths = [4 * k, 7 * k / 2, 3 * k, 5 * k / 2, 2 * k];
        let mut linear = |name: &str, from: usize, to: usize| {
            LinearLayer::new(&mut scope.enter(name), widths[from], widths[to])
        };
        let narrowing = [linear("encoder.1", 0, 1)?, linear("encoder.3", 1, 2)?, linear("encoder.5", 2, 3)?];
        let widening = [
            linear("encoder.8", 3, 4)?,
            linear("decoder.0", 4, 3)?,
            linear("decoder.2", 3, 2)?,
            linear("decoder.4", 2, 1)?,
        ];
        let last = linear("decoder.6", 1, 0)?;
        let norm = BatchNormLayer::new(&mut scope.enter("encoder.7"), widths[3])?;
        Ok(Self { narrowing, norm, widening, last })
    }

    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, ModelsError> {
        let &[n, k, letters] = x.shape() else { return Ok(x.clone()) };
        let mut hidden = x.reshape(&[n, k * letters])?;
        for layer in &self.narrowing {
            hidden = layer.forward_relu(&hidden)?;
        }
        hidden = self.norm.forward(&hidden, pass)?;
        for layer in &self.widening {
            hidden = layer.forward_relu(&hidden)?;
        }
        self.last.forward(&hidden)
    }
}
