//! Arrays of numpy.

use std::fs;
use std::io::Write;

use cistron::encode::{ElementType, NpyReader, NpyWriter, NpzReader, NpzWriter};

fn array(element: ElementType, shape: &[usize]) -> Vec<u8> {
    let values: Vec<f64> = (0..shape.iter().product()).map(|i: usize| i as f64).collect();
    let writer = NpyWriter::new(Vec::new(), element, shape);
    let bytes = writer.and_then(|mut writer| {
        writer.write(&values)?;
        writer.finish()
    });
    bytes.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn npy_corpus() -> Vec<Vec<u8>> {
    let mut files = vec![
        array(ElementType::Float32, &[2, 3, 4]),
        array(ElementType::Float64, &[]),
        array(ElementType::Float64, &[0, 4]),
    ];
    // Other elements, orders and a text, as numpy writes them.
    let headers: [(&str, &[u8]); 5] = [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", b"\0\x01\xff"),
        ("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", b"\0\x01\xff\xfe"),
        ("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", b"\0\x01\x01"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", &[0; 8]),
        ("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", b"a\0\0\0b\0\0\0"),
    ];
    for (header, body) in headers {
        let length = (header.len() as u16).to_le_bytes();
        files.push([b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), body].concat());
    }
    files
}

pub(super) fn npy(bytes: &[u8]) -> bool {
    let numbers = NpyReader::new(bytes).and_then(|mut reader| {
        let elements = reader.header().elements();
        let values = reader.read_all()?;
        assert_eq!(values.len() as u64, elements);
        Ok(())
    });
    let text = NpyReader::new(bytes).and_then(|mut reader| reader.read_text());
    numbers.is_ok() || text.is_ok()
}

pub(super) fn npz_corpus() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("x.npz");
    let written = NpzWriter::create(&path).and_then(|mut file| {
        let one_hot = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        file.add_numbers("X", &[1, 2, 4], &one_hot)?;
        file.add_numbers("y", &[1], &[0.5])?;
        file.add_text("names", &["chr1:0-2".to_owned()])?;
        file.finish()
    });
    assert!(written.is_ok());
    vec![fs::read(&path).unwrap_or_default()]
}

pub(super) fn npz(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(bytes).map(|()| file));
    let file = file.unwrap_or_else(|error| panic!("no temporary file: {error}"));
    let Ok(mut arrays) = NpzReader::open(file.path()) else { return false };
    let mut sound = true;
    for name in arrays.names().unwrap_or_default() {
        let numbers = arrays.numbers(&name).is_ok();
        sound &= arrays.text(&name).is_ok() || numbers;
    }
    sound
}
