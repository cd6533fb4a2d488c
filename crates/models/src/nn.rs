//! Operations and layers of networks.
//!
//! The tensor library beneath stores values and runs operations on GPUs. On the processor several of its operations
//! give wrong values or gradients without an error (`candle-core` 0.11.1: kernel gradients of convolutions with a
//! batch of two or more, pools, products of transposed views, slopes at ties and zeros, sums of many single numbers)
//! or are slow, and its way back through the operations adds each gradient to zeros, on threads of its own that wait
//! busily. Here each operation has its own code for the processor, and the record that gradients are taken from is
//! our own. A [`Tensor`] offers just what is right; the library's own type is seen in this folder alone.
//!
//! Sequences lie as (B, L, C): batch, positions, channels.

#![allow(
    clippy::inline_always,
    reason = "what a loop calls must be compiled for the loop's vector instructions"
)]

mod activation;
mod arithmetic;
mod conv;
mod frozen;
mod gradients;
mod kernel;
mod layers;
mod linear;
mod loss;
mod matrix;
mod norm;
mod pairs;
mod parameters;
mod pool;
mod real;
mod recomputed;
mod relative;
mod softmax;
mod tensor;
mod vector;

#[cfg(test)]
mod tests;

pub use activation::Activation;
pub(crate) use activation::gelu_sigmoid;
pub use conv::ConvShape;
pub(crate) use frozen::{DeltaPass, Frozen, FrozenLayer, Letter};
pub use gradients::Gradients;
#[cfg(test)]
pub(crate) use kernel::composed;
pub use layers::{BatchNormLayer, ConvLayer, LayerNormLayer, LinearLayer, Pass};
pub use loss::Loss;
pub use parameters::{Parameters, Scope};
pub use pool::{Pool, PoolShape};
pub use tensor::{Precision, Tensor};

pub(crate) use matrix::{block_product, product};
pub(crate) use real::Real;
pub(crate) use vector::{lane_sum, vectorised};
