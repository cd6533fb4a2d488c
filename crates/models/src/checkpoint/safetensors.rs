//! The format of <https://github.com/huggingface/safetensors>: 8 bytes of header length, a JSON header, values.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::{Map, Value, json};

use super::file::{Content, Entry, Place};
use super::{Checkpoint, Tensor, TensorElement};
use crate::ModelsError;

/// Whether a file begins as these do.
pub(super) fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, _, _, _, _, b'{', ..])
}

/// The tensors and texts of a file of `length` bytes; each value is read to where it stays.
pub(super) fn read(source: &mut impl Read, length: u64, path: &Path) -> Result<Checkpoint, ModelsError> {
    let (header, _) = read_header(source, length, path)?;
    let mut checkpoint = Checkpoint::new();
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        let element = known(&name, info.dtype, path)?;
        if let Some(tensor) = Tensor::read(element, &info.shape, source).map_err(ModelsError::io(path))? {
            checkpoint.insert(name, tensor);
        }
    }
    checkpoint.metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(checkpoint)
}

/// The tensors of a file of `length` bytes and where each is.
pub(super) fn index(source: &mut impl Read, length: u64, path: &Path) -> Result<Content, ModelsError> {
    let (header, first) = read_header(source, length, path)?;
    let entry = |name: String| {
        let info = header.info(&name)?;
        let place = Place::Bytes(first + info.data_offsets.0 as u64);
        let element = known(&name, info.dtype, path);
        Some(element.map(|element| (name, Entry { element, shape: info.shape.clone(), place })))
    };
    let entries = header.offset_keys().into_iter().filter_map(entry).collect::<Result<_, _>>()?;
    Ok(Content { entries, nested_in: None, skipped: Vec::new() })
}

/// What stands before the values, and the byte at which they begin.
fn read_header(source: &mut impl Read, length: u64, path: &Path) -> Result<(Metadata, u64), ModelsError> {
    let damaged =
        |problem: String| ModelsError::format(path, format!("not a sound safetensors file: {problem}"));
    let mut size = [0; 8];
    source.read_exact(&mut size).map_err(ModelsError::io(path))?;
    let size = u64::from_le_bytes(size);
    let room = length.saturating_sub(8);
    if size > room.min(LONGEST_HEADER) {
        return Err(damaged(format!("found a header of {size} bytes, expected at most {room}")));
    }
    let mut header = vec![0; size as usize];
    source.read_exact(&mut header).map_err(ModelsError::io(path))?;
    // Tensors lie one after another and fill their shapes, or this fails.
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(format!("its header: {error}")))?;
    let (end, room) = (header.data_len(), room - size);
    if end as u64 != room {
        return Err(damaged(format!("its tensors end at byte {end}, found {room} bytes")));
    }
    Ok((header, 8 + size))
}

fn known(name: &str, found: Dtype, path: &Path) -> Result<TensorElement, ModelsError> {
    element(found).ok_or_else(|| {
        let problem = format!("tensor `{name}` holds {found:?}, expected one of {READABLE}");
        ModelsError::format(path, problem)
    })
}

/// What other readers take.
const LONGEST_HEADER: u64 = 100_000_000;

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
