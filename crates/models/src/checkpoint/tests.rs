use std::fs;
use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// Writes pickles as PyTorch does, operation by operation.
struct Pickler(Vec<u8>);

impl Pickler {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn sizes(self, sizes: &[u32]) -> Self {
        let pickler = self.raw(b"(");
        sizes.iter().fold(pickler, |p, size| p.raw(b"J").raw(&size.to_le_bytes())).raw(b"t")
    }

    /// A view of storage "0" of six 32-bit floats.
    fn tensor(self, name: &str, offset: u8, shape: &[u32], strides: &[u32], legacy: bool) -> Self {
        let p = self.text(name).raw(b"ctorch._utils\n_rebuild_tensor_v2\n((").text("storage");
        let p = p.raw(b"ctorch\nFloatStorage\n").text("0").text("cpu").raw(b"K\x06");
        let p = if legacy { p.raw(b"N") } else { p };
        let p = p.raw(b"tQK").raw(&[offset]).sizes(shape).sizes(strides);
        p.raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// `{"a": [[0, 1, 2], [3, 4, 5]], "b": its transpose}`, both on one storage.
fn state_dict(legacy: bool) -> Vec<u8> {
    let p = Pickler::new().raw(b"}q\x00(").tensor("a", 0, &[2, 3], &[3, 1], legacy);
    p.tensor("b", 0, &[3, 2], &[1, 3], legacy).raw(b"u").end()
}

fn storage() -> Vec<u8> {
    (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect()
}

fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn torch_file(pickle: &[u8]) -> Vec<u8> {
    let members: [(&str, &[u8]); 3] =
        [("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", &storage())];
    archive(&members, CompressionMethod::Stored)
}

fn legacy_file() -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let protocol = Pickler::new().raw(b"M\xe9\x03").end();
    let system = Pickler::new().raw(b"}").text("little_endian").raw(b"\x88s").end();
    let keys = Pickler::new().raw(b"](").text("0").raw(b"e").end();
    [magic, &protocol[..], &system, &state_dict(true), &keys, &6_u64.to_le_bytes(), &storage()].concat()
}

fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    Checkpoint::from_bytes(bytes, "m.pt").map_err(|error| error.to_string())
}

fn sample() -> Checkpoint {
    let mut checkpoint = Checkpoint::new();
    checkpoint.insert("b.weight", Tensor::from_f32(&[2, 2], &[1.0, -2.0, 0.5, 0.0]).unwrap());
    checkpoint.insert("a.bias", Tensor::from_f64(&[1], &[0.1]).unwrap());
    checkpoint
        .insert("n", Tensor::from_bytes(TensorElement::I64, &[], vec![7, 0, 0, 0, 0, 0, 0, 0]).unwrap());
    checkpoint.set_metadata("format", "test");
    checkpoint.set_metadata("date", "none");
    checkpoint
}

fn safetensors_file(checkpoint: &Checkpoint) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    checkpoint.write(&path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn both_torch_formats_give_the_tensors() {
    for bytes in [torch_file(&state_dict(false)), legacy_file()] {
        let checkpoint = read(&bytes).unwrap();
        let names: Vec<_> = checkpoint.tensors().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(checkpoint.get("a").unwrap().to_f64(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(checkpoint.get("b").unwrap().to_f64(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(checkpoint.get("b").unwrap().shape(), [3, 2]);
    }
}

#[test]
fn a_dict_of_tensors_is_found_one_level_down() {
    let p = Pickler::new().raw(b"}(").text("epoch").raw(b"K\x03").text("state_dict").raw(b"}(");
    let p = p.text("note").raw(b"N").tensor("module.a", 1, &[2], &[2], false).raw(b"u");
    let bytes = torch_file(&p.raw(b"u").end());
    let (chosen, report) = read(&bytes).unwrap().select(&["a"]).unwrap();
    assert_eq!(chosen.get("a").unwrap().to_f64(), [1.0, 3.0]);
    assert_eq!(report.nested_in.as_deref(), Some("state_dict"));
    assert_eq!(report.prefix_stripped.as_deref(), Some("module."));
    assert_eq!(report.extra, ["epoch", "note"]);
}

#[test]
fn parameters_and_attributes_are_understood() {
    let p = Pickler::new().raw(b"ccollections\nOrderedDict\n)R(");
    // torch.nn.Parameter around a tensor, then the `_metadata` that a module's state dict carries.
    let inner = Pickler(Vec::new()).tensor("w", 0, &[1], &[1], false).0;
    let (name, tensor) = inner.split_at(6);
    let p = p.raw(name).raw(b"ctorch._utils\n_rebuild_parameter\n(").raw(tensor);
    let p = p.raw(b"\x88ccollections\nOrderedDict\n)RtRu}").text("_metadata").raw(b"}sb");
    assert_eq!(read(&torch_file(&p.end())).unwrap().get("w").unwrap().to_f64(), [0.0]);
}

#[test]
fn damaged_and_foreign_files_are_refused_with_what_is_wrong() {
    let message = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(message(b""), "m.pt: the file is empty, expected a safetensors or PyTorch file");
    assert_eq!(
        message(b"name\tvalue\n1\t2\n"),
        "m.pt: found a file that begins with \"name\\tvalue\\n1\", expected a safetensors or PyTorch file"
    );
    let again = "save the model's state_dict() again with torch.save of PyTorch 1.6 or later";
    let zip = |members: &[(&str, &[u8])]| message(&archive(members, CompressionMethod::Stored));
    assert_eq!(
        zip(&[("a.txt", b"x")]),
        format!("m.pt: the zip file has no data.pkl, expected a file of torch.save; {again}")
    );
    assert_eq!(
        zip(&[("m/data.pkl", &state_dict(false))]),
        "m.pt: storage `m/data/0` is missing from the zip file"
    );
    assert_eq!(
        zip(&[("m/data.pkl", &state_dict(false)), ("m/data/0", b"1234")]),
        "m.pt: storage `0` has 4 bytes, expected 6 values of 4 bytes"
    );
    assert_eq!(
        zip(&[("m/data.pkl", b""), ("m/byteorder", b"big")]),
        "m.pt: numbers are stored big-endian, expected little"
    );
    assert_eq!(
        message(&archive(&[("m/data.pkl", &state_dict(false))], CompressionMethod::Deflated)),
        format!("m.pt: member `m/data.pkl` is compressed, expected stored; {again}")
    );
    let evil = b"\x80\x02cos\nsystem\n(X\x04\0\0\0exittR.";
    assert_eq!(
        message(&torch_file(evil)),
        format!("m.pt: pickle, byte 2: asks for `os.system`, expected a dict of tensors only; {again}")
    );
    let empty = torch_file(&Pickler::new().raw(b"}").text("epoch").raw(b"K\x01s").end());
    assert_eq!(message(&empty), "m.pt: holds no tensor, found the entries epoch");
    let list = torch_file(&Pickler::new().raw(b"]").end());
    assert_eq!(message(&list), format!("m.pt: found a Python object that is no dict of tensors; {again}"));
    let legacy = legacy_file();
    assert_eq!(message(&legacy[..legacy.len() - 1]), "m.pt: the file ends inside storage `0`");
    assert!(message(b"\x80\x02}.").starts_with("m.pt: found a Python pickle, expected"));
    let sound = safetensors_file(&sample());
    assert!(message(&sound[..sound.len() - 1]).starts_with("m.pt: not a sound safetensors file: "));
}

#[test]
fn views_that_would_fill_the_memory_are_refused() {
    let view = |offset, shape: &[u32], strides: &[u32]| {
        let p = Pickler::new().raw(b"}(").tensor("a", offset, shape, strides, false).raw(b"u");
        read(&torch_file(&p.end())).unwrap_err()
    };
    assert_eq!(
        view(0, &[1 << 30, 1 << 10], &[0, 0]),
        "m.pt: tensor `a` of shape [1073741824, 1024] repeats the 6 values of its storage; \
         save it with .contiguous()"
    );
    assert_eq!(view(5, &[2], &[1]), "m.pt: tensor `a` of shape [2] reaches beyond its storage");
    assert_eq!(view(0, &[1; 65], &[1; 65]), "m.pt: tensor `a` is not built as torch builds tensors");
    let many = (0..255_u8).fold(Pickler::new().raw(b"}("), |p, _| {
        let name = p.0.len().to_string();
        p.tensor(&name, 0, &[6], &[1], false)
    });
    // 255 views of one storage cost more in the pickle than they hold: fine.
    assert_eq!(read(&torch_file(&many.raw(b"u").end())).unwrap().n_values(), 255 * 6);
}

#[test]
fn writing_is_the_same_for_the_same_content_and_reads_back() {
    let checkpoint = sample();
    let bytes = safetensors_file(&checkpoint);
    assert_eq!(bytes, safetensors_file(&checkpoint.clone()));
    let back = read(&bytes).unwrap();
    assert_eq!(Checkpoint { path: checkpoint.path.clone(), ..back }, checkpoint);
    // The values begin at a multiple of 8 bytes, so that any reader may map them.
    assert_eq!((bytes.len() - (8 + 16 + 8)) % 8, 0);
}

/// Whatever bytes the length of its header begins with, as those of a pickle or a zip file.
#[test]
fn safetensors_are_told_by_their_header() {
    for length in [640_usize, 0x4b50] {
        let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut file = (length as u64).to_le_bytes().to_vec();
        file.extend_from_slice(format!("{header:length$}").as_bytes());
        file.extend_from_slice(&2.5_f32.to_le_bytes());
        let read = Checkpoint::from_bytes(&file, "x").unwrap();
        assert!(read.get("a").is_some(), "{length}");
    }
}

#[test]
fn numbers_that_nobody_else_holds_are_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    sample().write(&path).unwrap();
    let mut read = Checkpoint::read(&path).unwrap();
    assert_eq!(read, Checkpoint { path: path.clone(), ..sample() });
    let tensor = read.take("b.weight", &[Some(2), None]).unwrap();
    let place = tensor.bytes().as_ptr();
    let shared = tensor.clone();
    let copied = tensor.into_f32();
    assert_ne!(copied.as_ptr().cast(), place);
    let owned = shared.into_f32();
    assert_eq!(owned.as_ptr().cast(), place);
    assert_eq!((owned, copied), (vec![1.0, -2.0, 0.5, 0.0], vec![1.0, -2.0, 0.5, 0.0]));
    assert!(read.get("b.weight").is_none());
}

#[test]
fn files_whose_tensors_do_not_lie_one_after_another_are_refused() {
    let file = |header: &str, values: usize| {
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; values]].concat();
        read(&bytes).map(|checkpoint| checkpoint.n_values())
    };
    let tensor =
        |begin, end| format!(r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}}}"#);
    assert_eq!(file(&tensor(0, 8), 8), Ok(2));
    let refused = |begin, end, values| file(&tensor(begin, end), values).unwrap_err();
    let unsound = "m.pt: not a sound safetensors file: ";
    assert_eq!(refused(0, 8, 7), format!("{unsound}its tensors end at byte 8, found 7 bytes"));
    assert_eq!(refused(0, 8, 9), format!("{unsound}its tensors end at byte 8, found 9 bytes"));
    for (begin, end) in [(4, 12), (0, 4), (8, 0)] {
        assert!(refused(begin, end, 12).starts_with(&format!("{unsound}its header: ")), "{begin} to {end}");
    }
    assert!(file("{x", 0).unwrap_err().starts_with("m.pt: not a sound safetensors file: its header: "));
    let long = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert!(
        read(&long).unwrap_err().contains("found a header of 18446744073709551615 bytes, expected at most 2")
    );
}

#[test]
fn every_missing_tensor_is_named() {
    let error = sample().select(&["a.bias", "a.weight", "c"]).unwrap_err().to_string();
    assert_eq!(error, "checkpoint: tensors a.weight, c are missing, found a.bias, b.weight, n");
    let (chosen, report) = sample().select(&["n"]).unwrap();
    assert_eq!(chosen.tensors().count(), 1);
    assert_eq!(report.extra, ["a.bias", "b.weight"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damage of any kind is an error or another checkpoint, never a panic.
    #[test]
    fn damaged_files_never_panic(
        which in 0..3_usize,
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        truncate in any::<bool>(),
    ) {
        let mut bytes = match which {
            0 => torch_file(&state_dict(false)),
            1 => legacy_file(),
            _ => {
                let sample = sample();
                let mut bytes = safetensors::header(&sample.tensors, &sample.metadata);
                for (_, tensor) in safetensors::in_file_order(&sample.tensors) {
                    bytes.extend_from_slice(tensor.bytes());
                }
                bytes
            }
        };
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(&bytes);
    }

    /// The same inside the pickle, where the zip's checksum would hide it.
    #[test]
    fn damaged_pickles_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut pickle = state_dict(false);
        for (place, byte) in damage {
            let place = place.index(pickle.len());
            pickle[place] = byte;
        }
        let _ = read(&torch_file(&pickle));
    }
}
