//! Our own operations, put beneath the tensor library's record of operations.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Shape, bail};

use super::Real;
use super::tensor::{Raw, RawResult};

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

    /// The gradients by the inputs; `None` for one that needs none.
    fn backward(&self, _inputs: [&Raw; N], _output: &Raw, _gradient: &Raw) -> RawResult<[Option<Raw>; N]> {
        bail!("{} has no gradient", Self::NAME)
    }

    /// The same operation composed of the tensor library's own ones that are known to be right, for other devices.
    fn composed(&self, _inputs: [&Raw; N]) -> RawResult<Raw> {
        bail!("{} runs on the processor alone", Self::NAME)
    }
}

/// Whether a gradient by this tensor is of use to anyone.
pub(super) fn wants_gradient(x: &Raw) -> bool {
    x.track_op()
}

/// Our operation as the tensor library takes it.
struct Adapter<K>(K);

/// Runs an operation on tensors of any layout and device.
macro_rules! apply {
    ($apply:ident, $apply_untracked:ident, $n:literal, $op:ident, $untracked:ident, $first:ident $(, $more:ident)*) => {
        /// Applies an operation; the result remembers how it came about.
        pub(super) fn $apply<K: Kernel<$n>>(kernel: K, [$first $(, $more)*]: [&Raw; $n]) -> RawResult<Raw> {
            if !$first.device().is_cpu() {
                return kernel.composed([$first $(, $more)*]);
            }
            $first.contiguous()?.$op($(&$more.contiguous()?,)* Adapter(kernel))
        }

        /// Applies an operation on the processor as a part of a gradient.
        pub(super) fn $apply_untracked<K: Kernel<$n>>(kernel: K, [$first $(, $more)*]: [&Raw; $n]) -> RawResult<Raw> {
            $first.contiguous()?.$untracked($(&$more.contiguous()?,)* &Adapter(kernel))
        }
    };
}

apply!(apply1, gradient1, 1, apply_op1, apply_op1_no_bwd, a);
apply!(apply2, gradient2, 2, apply_op2, apply_op2_no_bwd, a, b);
apply!(apply3, gradient3, 3, apply_op3, apply_op3_no_bwd, a, b, c);

impl<K: Kernel<1>> CustomOp1 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, a: &CpuStorage, a_layout: &Layout) -> RawResult<(CpuStorage, Shape)> {
        run(&self.0, [(a, a_layout)])
    }

    fn bwd(&self, a: &Raw, output: &Raw, gradient: &Raw) -> RawResult<Option<Raw>> {
        let [a] = self.0.backward([a], output, gradient)?;
        Ok(a)
    }
}

impl<K: Kernel<2>> CustomOp2 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> RawResult<(CpuStorage, Shape)> {
        run(&self.0, [(a, a_layout), (b, b_layout)])
    }

    fn bwd(&self, a: &Raw, b: &Raw, output: &Raw, gradient: &Raw) -> RawResult<(Option<Raw>, Option<Raw>)> {
        self.0.backward([a, b], output, gradient).map(Into::into)
    }
}

impl<K: Kernel<3>> CustomOp3 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> RawResult<(CpuStorage, Shape)> {
        run(&self.0, [(a, a_layout), (b, b_layout), (c, c_layout)])
    }

    fn bwd(
        &self,
        a: &Raw,
        b: &Raw,
        c: &Raw,
        output: &Raw,
        gradient: &Raw,
    ) -> RawResult<(Option<Raw>, Option<Raw>, Option<Raw>)> {
        self.0.backward([a, b, c], output, gradient).map(Into::into)
    }
}

fn run<K: Kernel<N>, const N: usize>(
    kernel: &K,
    inputs: [(&CpuStorage, &Layout); N],
) -> RawResult<(CpuStorage, Shape)> {
    match inputs.first() {
        Some((CpuStorage::F32(_), _)) => run_typed::<K, f32, N>(kernel, inputs),
        Some((CpuStorage::F64(_), _)) => run_typed::<K, f64, N>(kernel, inputs),
        _ => bail!("{} takes numbers of 32 or 64 bits", K::NAME),
    }
}

fn run_typed<K: Kernel<N>, T: Real, const N: usize>(
    kernel: &K,
    inputs: [(&CpuStorage, &Layout); N],
) -> RawResult<(CpuStorage, Shape)> {
    let mut views = [View { values: &[] as &[T], dims: &[] }; N];
    for (view, (storage, layout)) in views.iter_mut().zip(inputs) {
        let values = T::cpu_storage_as_slice(storage)?;
        let range = layout.contiguous_offsets().and_then(|(start, end)| values.get(start..end));
        let Some(values) = range else { bail!("{} takes tensors without gaps", K::NAME) };
        *view = View { values, dims: layout.dims() };
    }
    let shape = Shape::from(kernel.shape(views.map(|view| view.dims))?);
    let mut out = vec![T::zero(); shape.elem_count()];
    kernel.compute(views, &mut out)?;
    Ok((T::to_cpu_storage_owned(out), shape))
}
