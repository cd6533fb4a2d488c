use std::io::{self, Read};
use std::sync::Arc;

use crate::checkpoint::half::{bf16_to_f32, f16_to_f32};

/// The type of a tensor's numbers, as safetensors files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it: float, brain float, signed, unsigned, and the bits")]
pub enum TensorElement {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    /// One byte a value, 0 or 1.
    Bool,
}

impl TensorElement {
    /// The number of bytes of a value.
    pub const fn width(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The name that safetensors files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }
}

/// Numbers of one type in a shape, row after row (the last axis fastest).
///
/// The values stay as the file has them; they become `f64` or `f32` on request. Clones share them.
///
/// ```
/// use cistron_models::Tensor;
///
/// let tensor = Tensor::from_f32(&[1, 2], &[0.5, -1.0]);
/// assert_eq!(tensor.map(|tensor| tensor.to_f64()), Some(vec![0.5, -1.0]));
/// assert!(Tensor::from_f32(&[3], &[0.5]).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Tensor {
    element: TensorElement,
    shape: Vec<usize>,
    values: Arc<Values>,
}

#[derive(Debug)]
enum Values {
    /// Numbers of 32 bits where their bytes are those of a file: a network takes them over without a copy.
    Single(Vec<f32>),
    /// As in a file.
    Bytes(Vec<u8>),
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        (self.element, &self.shape, self.bytes()) == (other.element, &other.shape, other.bytes())
    }
}

impl Eq for Tensor {}

impl Tensor {
    /// A tensor of little-endian bytes, or `None` if their number does not fit the shape.
    pub fn from_bytes(element: TensorElement, shape: &[usize], bytes: Vec<u8>) -> Option<Self> {
        let fits = bytes_len(element, shape)? == bytes.len();
        let values = if Self::lies_as_single(element) {
            Values::Single(each(&bytes, f32::from_le_bytes))
        } else {
            Values::Bytes(bytes)
        };
        fits.then(|| Self::new(element, shape, values))
    }

    /// A tensor of 64-bit numbers, or `None` if their number does not fit the shape.
    pub fn from_f64(shape: &[usize], values: &[f64]) -> Option<Self> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::from_bytes(TensorElement::F64, shape, bytes)
    }

    /// A tensor of 32-bit numbers, or `None` if their number does not fit the shape.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Option<Self> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::from_bytes(TensorElement::F32, shape, bytes)
    }

    /// Reads as many bytes as the shape holds, straight to where they stay; `None` for a shape beyond all memory.
    pub(super) fn read(
        element: TensorElement,
        shape: &[usize],
        source: &mut impl Read,
    ) -> io::Result<Option<Self>> {
        let Some(length) = bytes_len(element, shape) else { return Ok(None) };
        let values = if Self::lies_as_single(element) {
            let mut values = vec![0.0; length / element.width()];
            source.read_exact(bytemuck::cast_slice_mut(&mut values))?;
            Values::Single(values)
        } else {
            let mut bytes = vec![0; length];
            source.read_exact(&mut bytes)?;
            Values::Bytes(bytes)
        };
        Ok(Some(Self::new(element, shape, values)))
    }

    fn new(element: TensorElement, shape: &[usize], values: Values) -> Self {
        Self { element, shape: shape.to_vec(), values: Arc::new(values) }
    }

    /// Whether values of a type are kept as numbers.
    fn lies_as_single(element: TensorElement) -> bool {
        element == TensorElement::F32 && cfg!(target_endian = "little")
    }

    /// The type of the numbers.
    pub fn element(&self) -> TensorElement {
        self.element
    }

    /// The size of each axis; no axis for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.element.width()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The values as they stand in a file, little-endian.
    pub fn bytes(&self) -> &[u8] {
        match &*self.values {
            Values::Single(values) => bytemuck::cast_slice(values),
            Values::Bytes(bytes) => bytes,
        }
    }

    /// The values as 64-bit numbers; exact for all types but integers beyond 2⁵³.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.element {
            TensorElement::F64 => self.each(f64::from_le_bytes),
            TensorElement::F32 => self.each(|bytes| f64::from(f32::from_le_bytes(bytes))),
            TensorElement::F16 => self.each(|bytes| f64::from(f16_to_f32(u16::from_le_bytes(bytes)))),
            TensorElement::Bf16 => self.each(|bytes| f64::from(bf16_to_f32(u16::from_le_bytes(bytes)))),
            TensorElement::I64 => self.each(|bytes| i64::from_le_bytes(bytes) as f64),
            TensorElement::I32 => self.each(|bytes| f64::from(i32::from_le_bytes(bytes))),
            TensorElement::I16 => self.each(|bytes| f64::from(i16::from_le_bytes(bytes))),
            TensorElement::I8 => self.each(|bytes| f64::from(i8::from_le_bytes(bytes))),
            TensorElement::U8 | TensorElement::Bool => self.each(|[byte]| f64::from(byte)),
        }
    }

    /// The values as 32-bit numbers, rounded to the nearest where that is not exact.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.element {
            TensorElement::F32 => self.each(f32::from_le_bytes),
            TensorElement::F16 => self.each(|bytes| f16_to_f32(u16::from_le_bytes(bytes))),
            TensorElement::Bf16 => self.each(|bytes| bf16_to_f32(u16::from_le_bytes(bytes))),
            _ => self.to_f64().into_iter().map(|value| value as f32).collect(),
        }
    }

    /// The values as 32-bit numbers; those of the only tensor that has them are not copied.
    pub(crate) fn into_f32(self) -> Vec<f32> {
        match Arc::try_unwrap(self.values) {
            Ok(Values::Single(values)) => values,
            Ok(values) => Self { values: Arc::new(values), ..self }.to_f32(),
            Err(values) => Self { values, ..self }.to_f32(),
        }
    }

    /// The place in the row-after-row order, and the value, of the first that is no finite number.
    pub(super) fn first_not_finite(&self) -> Option<(usize, f64)> {
        match &*self.values {
            Values::Single(values) => {
                let place = values.iter().position(|value| !value.is_finite())?;
                Some((place, f64::from(values[place])))
            }
            Values::Bytes(_) => self.to_f64().into_iter().enumerate().find(|(_, value)| !value.is_finite()),
        }
    }

    fn each<const W: usize, T>(&self, read: impl Fn([u8; W]) -> T) -> Vec<T> {
        each(self.bytes(), read)
    }

    /// The index along each axis of the value at `place` in the row-after-row order.
    pub(crate) fn index_of(&self, mut place: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        for (slot, &size) in index.iter_mut().zip(&self.shape).rev() {
            // A value exists, so no axis has size 0.
            *slot = place % size.max(1);
            place /= size.max(1);
        }
        index
    }
}

/// The number of bytes of a shape, if a program can count that far.
fn bytes_len(element: TensorElement, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(element.width(), |product, &size| product.checked_mul(size))
}

fn each<const W: usize, T>(bytes: &[u8], read: impl Fn([u8; W]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| read(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_becomes_numbers() {
        let cases: [(TensorElement, &[u8], f64); 10] = [
            (TensorElement::F64, &(-1.5_f64).to_le_bytes(), -1.5),
            (TensorElement::F32, &0.1_f32.to_le_bytes(), f64::from(0.1_f32)),
            (TensorElement::F16, &0xC100_u16.to_le_bytes(), -2.5),
            (TensorElement::Bf16, &0x4049_u16.to_le_bytes(), 3.140_625),
            (TensorElement::I64, &(-7_i64).to_le_bytes(), -7.0),
            (TensorElement::I32, &(-7_i32).to_le_bytes(), -7.0),
            (TensorElement::I16, &(-7_i16).to_le_bytes(), -7.0),
            (TensorElement::I8, &[0xF9], -7.0),
            (TensorElement::U8, &[0xF9], 249.0),
            (TensorElement::Bool, &[1], 1.0),
        ];
        for (element, bytes, expected) in cases {
            let tensor = Tensor::from_bytes(element, &[], bytes.to_vec()).unwrap();
            assert_eq!(tensor.to_f64(), [expected], "{element:?}");
            assert_eq!(tensor.to_f32(), [expected as f32], "{element:?}");
            assert_eq!(tensor.len(), 1);
        }
    }

    #[test]
    fn bytes_must_fit_the_shape() {
        assert!(Tensor::from_bytes(TensorElement::F32, &[2], vec![0; 7]).is_none());
        assert!(Tensor::from_bytes(TensorElement::F32, &[usize::MAX, 2], vec![0; 8]).is_none());
        assert!(Tensor::from_bytes(TensorElement::F32, &[0, 5], vec![]).is_some());
    }

    #[test]
    fn places_become_indices() {
        let tensor = Tensor::from_f64(&[2, 3], &[0.0; 6]).unwrap();
        assert_eq!(tensor.index_of(5), [1, 2]);
        assert_eq!(tensor.index_of(3), [1, 0]);
    }
}
