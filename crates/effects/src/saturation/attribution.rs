use ndarray::{Array2, Array3, ArrayView2, ArrayView4, Axis};

/// What each letter contributes, from the effects of its substitutions.
///
/// * `deltas` (n, L, A, T): mutant minus reference, as in a [`DeltaBlock`](crate::DeltaBlock)
/// * `codes` (n, L): the sequences
/// * returns the attributions (n, L) and the hypothetical ones (n, L, A): the effects, averaged over the outputs,
///   less their mean over the letters. The attribution is the hypothetical one at the letter that stands there, so
///   letters that matter are positive; 0 where no letter is known, NaN where nothing was evaluated.
///
/// Source: the attribution of tangermeme 1.6 `saturation_mutagenesis`.
///
/// ```
/// use ndarray::{Array4, array};
///
/// // Every change of the letter A (code 0) costs 3.
/// let deltas = Array4::from_shape_vec((1, 1, 4, 1), vec![0.0, -3.0, -3.0, -3.0])?;
/// let (attributions, hypothetical) = cistron_effects::attributions(deltas.view(), array![[0]].view());
/// assert_eq!(attributions[[0, 0]], 2.25);
/// assert_eq!(hypothetical[[0, 0, 1]], -0.75);
/// # Ok::<(), ndarray::ShapeError>(())
/// ```
pub fn attributions(deltas: ArrayView4<'_, f64>, codes: ArrayView2<'_, u8>) -> (Array2<f64>, Array3<f64>) {
    let (n, length, letters, outputs) = deltas.dim();
    let mut hypothetical = deltas.sum_axis(Axis(3)) / outputs.max(1) as f64;
    let mut attributions = Array2::zeros((n, length));
    let rows = hypothetical.rows_mut().into_iter().zip(&mut attributions).zip(codes);
    for ((mut row, attribution), &code) in rows {
        let mean = row.sum() / letters.max(1) as f64;
        row -= mean;
        *attribution = match row.get(usize::from(code)) {
            Some(&value) => value,
            None if mean.is_nan() => f64::NAN,
            None => 0.0,
        };
    }
    (attributions, hypothetical)
}
