use cistron_encode::{Readout, Reduce};
use ndarray::{Array3, ArrayView3, s};

use super::{ConvNet, Tensor};
use crate::{Device, ModelsError};

/// The values that are in memory at a time for each layer, about.
const VALUES: usize = 1 << 24;

/// The gradient of the sum of a readout by the input (N, L, A); shapes and readout fit the network.
pub(super) fn input_gradient(
    net: &ConvNet,
    one_hot: ArrayView3<'_, f32>,
    readout: &Readout,
) -> Result<Array3<f64>, ModelsError> {
    let (n, length, letters) = one_hot.dim();
    let mut gradients = Array3::zeros((n, length, letters));
    let widest =
        net.config.all_layers().into_iter().filter_map(|layer| layer.trained().first().map(|it| it.1[0]));
    let at_once = (VALUES / (length * widest.max().unwrap_or(1)).max(1)).clamp(1, 256);
    for first in (0..n).step_by(at_once) {
        let rows = first..(first + at_once).min(n);
        let part = one_hot.slice(s![rows.clone(), .., ..]);
        let values = part.iter().map(|&value| f64::from(value)).collect();
        let x = Tensor::from_f64(values, &[rows.len(), length, letters], net.precision(), Device::Cpu)?
            .variable();
        let y = net.network.predict(&x, readout.head)?;
        let chosen = y.mul(&chosen(net, &y, readout)?)?.sum()?;
        let Some(gradient) = chosen.gradients()?.get(&x) else { continue };
        let mut place = gradients.slice_mut(s![rows, .., ..]);
        place.iter_mut().zip(gradient.to_f64()?).for_each(|(to, from)| *to = from);
    }
    Ok(gradients)
}

/// How often each number of a head counts in the sum of a readout.
fn chosen(net: &ConvNet, y: &Tensor, readout: &Readout) -> Result<Tensor, ModelsError> {
    let n = y.shape().first().copied().unwrap_or(0);
    Tensor::from_f64(shares(net, readout).repeat(n), y.shape(), net.precision(), Device::Cpu)
}

/// The same for one sequence, (bins, tracks) of the readout's head.
pub(super) fn shares(net: &ConvNet, readout: &Readout) -> Vec<f64> {
    let Some(head) = net.spec.heads.get(readout.head) else { return Vec::new() };
    let share = if readout.reduce == Reduce::Mean { 1.0 / readout.bins.len() as f64 } else { 1.0 };
    let n_tracks = head.tracks.len();
    let mut one = vec![0.0; head.bins * n_tracks];
    for bin in readout.bins.clone() {
        for track in &readout.tracks {
            one[bin * n_tracks + *track as usize] += share;
        }
    }
    one
}
