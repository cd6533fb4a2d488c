//! Our own operations: code for the processor, and compositions of the tensor library's for other devices.

use candle_core::{DType, Shape, Storage, Var, bail};

use super::Real;
use super::tensor::{Raw, RawResult, Tensor};

/// An input of an operation on the processor: values in row-major order.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a, T> {
    pub(super) values: &'a [T],
    pub(super) dims: &'a [usize],
}

/// An operation on `N` tensors, with its own code for the processor.
pub(super) trait Kernel<const N: usize>: Send + Sync + 'static {
    /// The name in error messages.
    const NAME: &'static str;

    /// The shape of the result, or why the inputs do not fit.
    fn shape(&self, inputs: [&[usize]; N]) -> RawResult<Vec<usize>>;

    /// Fills `out`, which is all zeros. Inputs have the shapes that [`Self::shape`] accepted.
    fn compute<T: Real>(&self, inputs: [View<'_, T>; N], out: &mut [T]) -> RawResult<()>;

    /// The gradients by the inputs, on the processor; those that are not wanted may be `None`.
    fn backward(
        &self,
        _wanted: [bool; N],
        _inputs: [&Raw; N],
        _output: &Raw,
        _gradient: &Raw,
    ) -> RawResult<[Option<Raw>; N]> {
        bail!("{} has no gradient", Self::NAME)
    }

    /// The same operation composed of the tensor library's own ones that are known to be right, for other devices.
    fn composed(&self, _inputs: [&Raw; N]) -> RawResult<Raw> {
        bail!("{} runs on the processor alone", Self::NAME)
    }
}

/// Applies an operation on any device; the result remembers how it came about.
pub(super) fn apply<K: Kernel<N>, const N: usize>(kernel: K, inputs: [&Tensor; N]) -> RawResult<Tensor> {
    let raws = inputs.map(|x| x.raw.clone());
    let on_processor = raws.iter().all(|x| x.device().is_cpu()) && !composes();
    let output =
        if on_processor { compute(&kernel, raws.each_ref())? } else { kernel.composed(raws.each_ref())? };
    let own = output.clone();
    Ok(Tensor::recorded(output, inputs, move |wanted, gradient| {
        if on_processor {
            kernel.backward(wanted, raws.each_ref(), &own, gradient)
        } else {
            composed_gradients(&kernel, raws.each_ref(), gradient)
        }
    }))
}

#[cfg(test)]
thread_local! {
    static COMPOSES: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether operations are composed on the processor, too.
fn composes() -> bool {
    #[cfg(test)]
    return COMPOSES.get();
    #[cfg(not(test))]
    false
}

/// Work whose operations on this thread are composed as on other devices.
#[cfg(test)]
pub(crate) fn composed<R>(work: impl FnOnce() -> R) -> R {
    COMPOSES.set(true);
    let result = work();
    COMPOSES.set(false);
    result
}

/// The result on the processor, from inputs of any layout.
pub(super) fn compute<K: Kernel<N>, const N: usize>(kernel: &K, inputs: [&Raw; N]) -> RawResult<Raw> {
    match inputs.first().map(|x| x.dtype()) {
        Some(DType::F32) => compute_typed::<K, f32, N>(kernel, inputs),
        Some(DType::F64) => compute_typed::<K, f64, N>(kernel, inputs),
        _ => bail!("{} takes numbers of 32 or 64 bits", K::NAME),
    }
}

fn compute_typed<K: Kernel<N>, T: Real, const N: usize>(kernel: &K, inputs: [&Raw; N]) -> RawResult<Raw> {
    let whole = inputs.iter().map(|x| x.contiguous()).collect::<RawResult<Vec<Raw>>>()?;
    let stored: Vec<_> = whole.iter().map(Raw::storage_and_layout).collect();
    let mut views = [View { values: &[] as &[T], dims: &[] }; N];
    for (view, (storage, layout)) in views.iter_mut().zip(&stored) {
        let Storage::Cpu(storage) = &**storage else { bail!("{} takes tensors on the processor", K::NAME) };
        let values = T::cpu_storage_as_slice(storage)?;
        let range = layout.contiguous_offsets().and_then(|(start, end)| values.get(start..end));
        let Some(values) = range else { bail!("{} takes tensors without gaps", K::NAME) };
        *view = View { values, dims: layout.dims() };
    }
    let shape = Shape::from(kernel.shape(views.map(|view| view.dims))?);
    let mut out = vec![T::zero(); shape.elem_count()];
    kernel.compute(views, &mut out)?;
    Raw::from_vec(out, shape, &candle_core::Device::Cpu)
}

/// The gradients by the tensor library's own record of the composition, which is run again: the forward pass keeps
/// none of what lies between.
pub(super) fn composed_gradients<K: Kernel<N>, const N: usize>(
    kernel: &K,
    inputs: [&Raw; N],
    gradient: &Raw,
) -> RawResult<[Option<Raw>; N]> {
    let variables = inputs.iter().map(|x| Var::from_tensor(x)).collect::<RawResult<Vec<Var>>>()?;
    let output = kernel.composed(std::array::from_fn(|i| variables[i].as_tensor()))?;
    let mut found = output.mul(gradient)?.sum_all()?.backward()?;
    Ok(std::array::from_fn(|i| found.remove(variables[i].as_tensor())))
}
