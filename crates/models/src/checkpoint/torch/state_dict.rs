//! From a pickle's values to the tensors of a state dict.

use super::SAVE_AGAIN;
use super::pickle::{Global, Id, Pickle, Value};
use crate::TensorElement;

/// As many as PyTorch allows.
const MAX_AXES: usize = 64;

/// The raw numbers that tensors view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StorageView {
    pub(super) key: String,
    pub(super) element: TensorElement,
    pub(super) count: usize,
}

/// A tensor as a view: value `(i, j, …)` stands at `offset + i·stride_0 + j·stride_1 + …` of its storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) struct TensorView {
    pub(super) storage: StorageView,
    pub(super) shape: Vec<usize>,
    offset: usize,
    strides: Vec<usize>,
}

/// The tensors of a pickle by name.
pub(super) struct StateDict {
    pub(super) tensors: Vec<(String, TensorView)>,
    pub(super) nested_in: Option<String>,
    pub(super) skipped: Vec<String>,
}

impl StateDict {
    /// The state dict of the pickle at the start of `bytes`, and the pickle's length.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize), String> {
        let pickle = Pickle::run(bytes)?;
        let Value::Dict(top) = pickle.root() else {
            return Err(format!("found a Python object that is no dict of tensors; {SAVE_AGAIN}"));
        };
        let (tensors, others) = split(&pickle, top);
        let (tensors, nested_in, skipped) =
            if tensors.is_empty() { nested(&pickle, &others)? } else { (tensors, None, names(&others)) };
        let view = |(name, arguments): (String, Id)| {
            let view =
                tensor_view(&pickle, arguments).map_err(|problem| format!("tensor `{name}` {problem}"))?;
            Ok((name, view))
        };
        let tensors = tensors.into_iter().map(view).collect::<Result<Vec<_>, String>>()?;
        Ok((Self { tensors, nested_in, skipped }, pickle.length))
    }

    /// The storages in use; one may come more than once.
    pub(super) fn storages(&self) -> impl Iterator<Item = &StorageView> {
        self.tensors.iter().map(|(_, view)| &view.storage)
    }
}

type Named = Vec<(String, Id)>;

/// The tensors of a dict, and its other named values.
fn split(pickle: &Pickle, items: &[(Id, Id)]) -> (Named, Named) {
    let (mut tensors, mut others) = (Vec::new(), Vec::new());
    for (key, value) in items {
        let Value::Text(key) = pickle.value(*key) else { continue };
        match pickle.value(*value) {
            Value::Tensor(arguments) => tensors.push((key.clone(), *arguments)),
            _ => others.push((key.clone(), *value)),
        }
    }
    (tensors, others)
}

fn names(entries: &[(String, Id)]) -> Vec<String> {
    entries.iter().map(|(name, _)| name.clone()).collect()
}

type Nested = (Named, Option<String>, Vec<String>);

/// The tensors one level down, where exactly one entry is a dict with tensors.
fn nested(pickle: &Pickle, entries: &[(String, Id)]) -> Result<Nested, String> {
    let mut found = Vec::new();
    for (name, value) in entries {
        if let Value::Dict(items) = pickle.value(*value) {
            let (tensors, others) = split(pickle, items);
            if !tensors.is_empty() {
                found.push((name, tensors, names(&others)));
            }
        }
    }
    if found.len() > 1 {
        let list: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        return Err(format!("found tensors in {}, expected one dict of tensors", list.join(", ")));
    }
    let Some((name, tensors, mut skipped)) = found.pop() else {
        return Err(format!("holds no tensor, found the entries {}", names(entries).join(", ")));
    };
    skipped.extend(names(entries).into_iter().filter(|other| other != name));
    Ok((tensors, Some(name.clone()), skipped))
}

/// Reads the arguments of `_rebuild_tensor_v2`: storage, offset, size, stride and what is not needed.
fn tensor_view(pickle: &Pickle, arguments: Id) -> Result<TensorView, String> {
    let malformed = || "is not built as torch builds tensors".to_owned();
    let Value::Tuple(items) = pickle.value(arguments) else { return Err(malformed()) };
    let [storage, offset, shape, strides, ..] = items[..] else { return Err(malformed()) };
    let (Some(offset), Some(shape), Some(strides)) =
        (size(pickle, offset), sizes(pickle, shape), sizes(pickle, strides))
    else {
        return Err(malformed());
    };
    if shape.len() != strides.len() || shape.len() > MAX_AXES {
        return Err(malformed());
    }
    Ok(TensorView { storage: storage_view(pickle, storage)?, shape, offset, strides })
}

/// Reads the tuple `("storage", type, key, device, count)`, in the older format with a view behind it.
fn storage_view(pickle: &Pickle, id: Id) -> Result<StorageView, String> {
    let malformed = || "has no storage as torch writes it".to_owned();
    let Value::Storage(id) = pickle.value(id) else { return Err(malformed()) };
    let Value::Tuple(items) = pickle.value(*id) else { return Err(malformed()) };
    let [_, kind, key, _, count, view @ ..] = &items[..] else { return Err(malformed()) };
    let (Value::Global(Global::Storage(element)), Value::Text(key), Some(count)) =
        (pickle.value(*kind), pickle.value(*key), size(pickle, *count))
    else {
        return Err(malformed());
    };
    if view.iter().any(|id| !matches!(pickle.value(*id), Value::Other)) {
        return Err(format!("is a view of a storage inside a storage; {SAVE_AGAIN}"));
    }
    Ok(StorageView { key: key.clone(), element: *element, count })
}

fn size(pickle: &Pickle, id: Id) -> Option<usize> {
    match pickle.value(id) {
        Value::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn sizes(pickle: &Pickle, id: Id) -> Option<Vec<usize>> {
    match pickle.value(id) {
        Value::Tuple(items) => items.iter().map(|item| size(pickle, *item)).collect(),
        _ => None,
    }
}

impl TensorView {
    /// The tensor's bytes, row after row.
    pub(in crate::checkpoint) fn gather(&self, storage: &[u8]) -> Result<Vec<u8>, String> {
        let outside = || format!("of shape {:?} reaches beyond its storage", self.shape);
        let count = self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let count = count.ok_or_else(outside)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        if count > self.storage.count {
            return Err(format!(
                "of shape {:?} repeats the {} values of its storage; save it with .contiguous()",
                self.shape, self.storage.count
            ));
        }
        self.last().filter(|last| *last < self.storage.count).ok_or_else(outside)?;
        let width = self.storage.element.width();
        let mut bytes = Vec::with_capacity(count * width);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let place: usize = index.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum();
            let start = (self.offset + place) * width;
            bytes.extend_from_slice(storage.get(start..start + width).ok_or_else(outside)?);
            advance(&mut index, &self.shape);
        }
        Ok(bytes)
    }

    /// The byte of the storage at which the tensor begins, if its values lie there row after row.
    pub(super) fn contiguous(&self) -> Result<Option<usize>, String> {
        let outside = || format!("of shape {:?} reaches beyond its storage", self.shape);
        let mut stride = 1_usize;
        for (size, found) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *found != stride {
                return Ok(None);
            }
            stride = stride.checked_mul(*size).ok_or_else(outside)?;
        }
        let end = self.offset.checked_add(stride).filter(|end| *end <= self.storage.count);
        end.ok_or_else(outside)?;
        Ok(Some(self.offset * self.storage.element.width()))
    }

    /// The largest place that the view reaches.
    fn last(&self) -> Option<usize> {
        self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (size, stride)| {
            last.checked_add(size.checked_sub(1)?.checked_mul(*stride)?)
        })
    }
}

/// The next index in the row-after-row order.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (i, size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < *size {
            return;
        }
        *i = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(count: usize, offset: usize, shape: &[usize], strides: &[usize]) -> TensorView {
        let storage = StorageView { key: "0".into(), element: TensorElement::U8, count };
        TensorView { storage, shape: shape.to_vec(), offset, strides: strides.to_vec() }
    }

    #[test]
    fn strided_views_are_copied_in_row_order() {
        let storage: Vec<u8> = (0..12).collect();
        let gather = |offset, shape: &[usize], strides: &[usize]| {
            view(12, offset, shape, strides).gather(&storage).unwrap()
        };
        assert_eq!(gather(0, &[2, 3], &[3, 1]), [0, 1, 2, 3, 4, 5]);
        // A transpose of (3, 2), and every other column from the second on.
        assert_eq!(gather(0, &[2, 3], &[1, 2]), [0, 2, 4, 1, 3, 5]);
        assert_eq!(gather(1, &[2, 2], &[6, 2]), [1, 3, 7, 9]);
        assert_eq!(gather(11, &[], &[]), [11]);
        assert!(gather(0, &[0, 5], &[5, 1]).is_empty());
    }

    #[test]
    fn views_beyond_their_storage_are_refused() {
        let storage = [0; 12];
        for (offset, shape, strides) in [
            (10, [3], [1]),
            (usize::MAX, [2], [1]),
            (0, [2], [usize::MAX]),
            (12, [1], [1]),
            (0, [1_000_000_000_000], [0]),
        ] {
            assert!(view(12, offset, &shape, &strides).gather(&storage).is_err(), "{offset} {shape:?}");
        }
        let overflow = view(12, 0, &[usize::MAX, usize::MAX], &[0, 0]).gather(&storage).unwrap_err();
        assert!(overflow.contains("reaches beyond its storage"), "{overflow}");
    }
}
