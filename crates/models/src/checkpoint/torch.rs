//! State dicts that `torch.save` wrote, in its zip format (PyTorch 1.6 on) and the one before.
//!
//! Both hold a pickle that builds a dict of tensors, each a view of a storage of raw numbers. The pickle is run
//! by a small machine that knows the dozen operations and the few names that such dicts use; any other name is
//! refused, so no code of a file can run.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::file::{Content, Entry, Place};
use super::{Checkpoint, Tensor};

mod pickle;
mod state_dict;

use pickle::Pickle;
pub(super) use state_dict::TensorView;
use state_dict::{StateDict, StorageView};

/// What to do about a file that this reader does not take.
const SAVE_AGAIN: &str = "save the model's state_dict() again with torch.save of PyTorch 1.6 or later";

/// Tensors may share a storage (tied weights), but not so often that a small file fills the memory.
const MAX_EXPANSION: usize = 8;

/// Reads the zip format: `<name>/data.pkl`, and each storage as the stored member `<name>/data/<key>`.
pub(super) fn read_zip(bytes: &[u8]) -> Result<Checkpoint, String> {
    let Dictionary { mut archive, folder, dict } = Dictionary::read(Cursor::new(bytes), bytes.len())?;
    let mut storages = HashMap::new();
    let mut room = bytes.len();
    for view in dict.storages() {
        if storages.contains_key(&view.key) {
            continue;
        }
        let name = storage_name(&archive, &folder, view)?;
        let content = member(&mut archive, &name, bytes.len())?;
        // Members that overlap one another would fill the memory from a small file.
        room = room.checked_sub(content.len()).ok_or("storages are larger than the file")?;
        storages.insert(view.key.clone(), content);
    }
    assemble(dict, &storages, bytes.len())
}

/// What a file in the zip format holds, and where.
pub(super) fn index_zip(mut file: impl Read + Seek) -> Result<Content, String> {
    let length = file.seek(SeekFrom::End(0)).map_err(|error| format!("not a sound zip file: {error}"))?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Dictionary { mut archive, folder, dict } = Dictionary::read(file, length)?;
    let mut entries = BTreeMap::new();
    for (name, view) in dict.tensors {
        let (element, shape) = (view.storage.element, view.shape.clone());
        let storage = place(&mut archive, &folder, &view.storage)?;
        let place = match view.contiguous().map_err(|problem| format!("tensor `{name}` {problem}"))? {
            Some(start) => Place::Bytes(storage.start + start as u64),
            None => Place::View(view, storage),
        };
        entries.insert(name, Entry { element, shape, place });
    }
    Ok(Content { entries, nested_in: dict.nested_in, skipped: dict.skipped })
}

/// An open zip file, the folder in it and the dict of tensors.
struct Dictionary<R> {
    archive: ZipArchive<R>,
    folder: String,
    dict: StateDict,
}

impl<R: Read + Seek> Dictionary<R> {
    fn read(reader: R, file_len: usize) -> Result<Self, String> {
        let damaged = |error| format!("not a sound zip file: {error}");
        let mut archive = ZipArchive::new(reader).map_err(damaged)?;
        let mut names = Vec::new();
        for name in archive.file_names() {
            names.push(name.map_err(damaged)?.into_owned());
        }
        let pickles: Vec<_> = names.iter().filter_map(|name| name.strip_suffix("data.pkl")).collect();
        let [folder] = pickles[..] else {
            return Err(match pickles.len() {
                0 => format!("the zip file has no data.pkl, expected a file of torch.save; {SAVE_AGAIN}"),
                n => format!("the zip file has {n} members data.pkl, expected one"),
            });
        };
        if names.iter().any(|name| *name == format!("{folder}byteorder")) {
            let order = member(&mut archive, &format!("{folder}byteorder"), file_len)?;
            if order != b"little" {
                return Err(format!("numbers are stored {}-endian, expected little", order.escape_ascii()));
            }
        }
        let pickle = member(&mut archive, &format!("{folder}data.pkl"), file_len)?;
        let (dict, _) = StateDict::parse(&pickle)?;
        Ok(Self { folder: folder.to_owned(), archive, dict })
    }
}

/// The name of a storage's member, which is there.
fn storage_name<R: Read + Seek>(
    archive: &ZipArchive<R>,
    folder: &str,
    storage: &StorageView,
) -> Result<String, String> {
    let name = format!("{folder}data/{}", storage.key);
    match archive.index_for_name(&name) {
        Some(_) => Ok(name),
        None => Err(format!("storage `{name}` is missing from the zip file")),
    }
}

/// The bytes of the file that hold a storage.
fn place<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    folder: &str,
    storage: &StorageView,
) -> Result<Range<u64>, String> {
    let name = storage_name(archive, folder, storage)?;
    let file = archive.by_name(&name).map_err(|error| format!("member `{name}`: {error}"))?;
    let start = file.data_start().ok_or_else(|| format!("member `{name}` has no known place"))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(format!("member `{name}` is compressed, expected stored; {SAVE_AGAIN}"));
    }
    let expected = storage.count.checked_mul(storage.element.width()).map(|bytes| bytes as u64);
    if expected != Some(file.size()) {
        let expected = format!("{} values of {} bytes", storage.count, storage.element.width());
        return Err(format!("storage `{name}` has {} bytes, expected {expected}", file.size()));
    }
    Ok(start..start + file.size())
}

/// The bytes of a member. PyTorch compresses none, so no member is longer than the file.
fn member<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
    file_len: usize,
) -> Result<Vec<u8>, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("member `{name}`: {error}");
    let mut file = archive.by_name(name).map_err(|error| damaged(&error))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(format!("member `{name}` is compressed, expected stored; {SAVE_AGAIN}"));
    }
    let mut content = Vec::with_capacity(usize::try_from(file.size()).unwrap_or(file_len).min(file_len));
    let limit = file_len as u64;
    Read::by_ref(&mut file).take(limit).read_to_end(&mut content).map_err(|error| damaged(&error))?;
    Ok(content)
}

/// The first pickle of a file in the format before PyTorch 1.6.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Reads the older format: pickles of a magic number, the protocol, facts about the writer, the object and the
/// keys of the storages, then each storage as a count of 8 bytes and its values.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Checkpoint, String> {
    let Some(mut rest) = bytes.strip_prefix(LEGACY_MAGIC) else {
        return Err(format!("found a Python pickle, expected a file of torch.save; {SAVE_AGAIN}"));
    };
    for _ in ["protocol", "system"] {
        rest = &rest[Pickle::run(rest)?.length..];
    }
    let (dict, length) = StateDict::parse(rest)?;
    rest = &rest[length..];
    let keys = Pickle::run(rest)?;
    rest = &rest[keys.length..];
    let views: BTreeMap<_, _> = dict.storages().map(|view| (view.key.clone(), view.clone())).collect();
    let mut storages = HashMap::new();
    for key in keys.texts().ok_or_else(|| "the list of storages is no list of names".to_owned())? {
        // A storage that no tensor kept here uses cannot be measured, so those behind it cannot be found.
        let view = views.get(&key).ok_or_else(|| format!("storage `{key}` is of no tensor; {SAVE_AGAIN}"))?;
        let (content, after) = legacy_storage(rest, view)?;
        storages.insert(key, content.to_vec());
        rest = after;
    }
    assemble(dict, &storages, bytes.len())
}

/// A storage's bytes and what follows them.
fn legacy_storage<'a>(bytes: &'a [u8], view: &StorageView) -> Result<(&'a [u8], &'a [u8]), String> {
    let short = || format!("the file ends inside storage `{}`", view.key);
    let (count, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let count = u64::from_le_bytes(*count);
    if count != view.count as u64 {
        return Err(format!("storage `{}` holds {count} values, expected {}", view.key, view.count));
    }
    let length = view.count.checked_mul(view.element.width()).ok_or_else(short)?;
    rest.split_at_checked(length).ok_or_else(short)
}

/// The tensors of a dict, copied out of the storages that they view.
fn assemble(
    dict: StateDict,
    storages: &HashMap<String, Vec<u8>>,
    file_len: usize,
) -> Result<Checkpoint, String> {
    let mut checkpoint = Checkpoint::new();
    let mut total = 0_usize;
    for (name, view) in &dict.tensors {
        let storage = storages.get(&view.storage.key).map_or(&[][..], Vec::as_slice);
        let width = view.storage.element.width();
        if view.storage.count.checked_mul(width) != Some(storage.len()) {
            let expected = format!("{} values of {width} bytes", view.storage.count);
            let (key, found) = (&view.storage.key, storage.len());
            return Err(format!("storage `{key}` has {found} bytes, expected {expected}"));
        }
        let bytes = view.gather(storage).map_err(|problem| format!("tensor `{name}` {problem}"))?;
        total = total.saturating_add(bytes.len());
        if total > file_len.saturating_mul(MAX_EXPANSION) {
            return Err(format!("tensors are over {MAX_EXPANSION} times as large as the file"));
        }
        let tensor = Tensor::from_bytes(view.storage.element, &view.shape, bytes)
            .ok_or_else(|| format!("tensor `{name}` does not fill its shape {:?}", view.shape))?;
        checkpoint.insert(name, tensor);
    }
    checkpoint.nested_in = dict.nested_in;
    checkpoint.skipped = dict.skipped;
    Ok(checkpoint)
}
