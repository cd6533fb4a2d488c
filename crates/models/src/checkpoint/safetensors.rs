//! The format of <https://github.com/huggingface/safetensors>: 8 bytes of header length, a JSON header, values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::file::{Content, Entry, Place};
use super::{Checkpoint, Tensor, TensorElement};

/// The tensors and texts of a file, or what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let damaged = |error| format!("not a sound safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut checkpoint = Checkpoint::new();
    for (name, view) in file.iter() {
        let element = element(view.dtype())
            .ok_or_else(|| format!("tensor `{name}` holds {:?}, expected one of {READABLE}", view.dtype()))?;
        let tensor = Tensor::from_bytes(element, view.shape(), view.data().to_vec())
            .ok_or_else(|| format!("tensor `{name}` does not fill its shape {:?}", view.shape()))?;
        checkpoint.insert(name, tensor);
    }
    checkpoint.metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(checkpoint)
}

/// What a file's header says, and where its values are.
pub(super) fn index(mut file: File) -> Result<Content, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("not a sound safetensors file: {error}");
    let mut length = [0; 8];
    file.seek(SeekFrom::Start(0)).map_err(|error| damaged(&error))?;
    file.read_exact(&mut length).map_err(|error| damaged(&error))?;
    let whole = file.metadata().map_err(|error| damaged(&error))?.len();
    let length = u64::from_le_bytes(length);
    let values_len = whole.checked_sub(8).and_then(|rest| rest.checked_sub(length));
    let values_len = values_len.ok_or_else(|| damaged(&"the header is longer than the file"))?;
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(|error| damaged(&error))?;
    let header: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(&error))?;
    let expected = header.data_len() as u64;
    if values_len != expected {
        return Err(damaged(&format!("found {values_len} bytes of values, expected {expected}")));
    }
    let mut entries = BTreeMap::new();
    for (name, info) in header.tensors() {
        let element = element(info.dtype)
            .ok_or_else(|| format!("tensor `{name}` holds {:?}, expected one of {READABLE}", info.dtype))?;
        let (start, end) = info.data_offsets;
        let bytes = 8 + length + start as u64..8 + length + end as u64;
        entries.insert(name, Entry { element, shape: info.shape.clone(), place: Place::Bytes(bytes) });
    }
    Ok(Content { entries, nested_in: None, skipped: Vec::new() })
}

const READABLE: &str = "F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL";

fn element(found: Dtype) -> Option<TensorElement> {
    Some(match found {
        Dtype::F64 => TensorElement::F64,
        Dtype::F32 => TensorElement::F32,
        Dtype::F16 => TensorElement::F16,
        Dtype::BF16 => TensorElement::Bf16,
        Dtype::I64 => TensorElement::I64,
        Dtype::I32 => TensorElement::I32,
        Dtype::I16 => TensorElement::I16,
        Dtype::I8 => TensorElement::I8,
        Dtype::U8 => TensorElement::U8,
        Dtype::BOOL => TensorElement::Bool,
        _ => return None,
    })
}

/// The tensors as their values stand in a file: wide types first, so that each is aligned; then by name.
pub(super) fn in_file_order(tensors: &BTreeMap<String, Tensor>) -> Vec<(&String, &Tensor)> {
    let mut order: Vec<_> = tensors.iter().collect();
    order.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.element().width()));
    order
}

/// Everything before the values. The crate's own writer orders the texts by hash, which differs from run to run.
pub(super) fn header(tensors: &BTreeMap<String, Tensor>, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut entries = Map::new();
    if !metadata.is_empty() {
        entries.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut end = 0;
    for (name, tensor) in in_file_order(tensors) {
        let start = end;
        end += tensor.bytes().len();
        let (dtype, shape) = (tensor.element().name(), tensor.shape());
        entries.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
    }
    let mut text = Value::Object(entries).to_string().into_bytes();
    // Spaces up to a multiple of 8, as the format asks, so that the values are aligned.
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes()[..], &text].concat()
}
