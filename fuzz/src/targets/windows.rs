//! Folders of target windows, their files one after the other.

use std::fs;

use cistron::TargetShards;
use cistron::encode::{ElementType, NpyWriter};
use cistron::genome::Split;

/// The files of a folder, in this order.
const FILES: [&str; 4] = ["targets.json", "train.bed", "train.index.tsv", "train-0.npy"];

/// What stands between them, a byte that no text has.
const BETWEEN: u8 = 0x1e;

pub(super) fn corpus() -> Vec<Vec<u8>> {
    let array = NpyWriter::new(Vec::new(), ElementType::Float32, &[2, 2, 1]).and_then(|mut array| {
        array.write(&[0.5, 2.0, 0.0, 1.0])?;
        array.finish()
    });
    let array = array.unwrap_or_else(|error| panic!("{error}"));
    let texts: [&[u8]; 3] = [
        br#"{"version": 1, "bins": 2, "bin_size": 8, "tracks": ["liver"], "log1p": true}"#,
        b"chr1\t16\t32\twindow_0\nchr2\t0\t16\n",
        b"row\tfile\toffset\n0\ttrain-0.npy\t1\n1\ttrain-0.npy\t0\n",
    ];
    let files: Vec<&[u8]> = texts.into_iter().chain([array.as_slice()]).collect();
    vec![files.join(&BETWEEN)]
}

pub(super) fn check(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    for (name, bytes) in FILES.into_iter().zip(bytes.splitn(FILES.len(), |byte| *byte == BETWEEN)) {
        fs::write(folder.path().join(name), bytes)
            .unwrap_or_else(|error| panic!("no temporary file: {error}"));
    }
    let Ok(shards) = TargetShards::open(folder.path()) else { return false };
    let Ok(rows) = shards.part(Split::Train) else { return false };
    // Without rows an array may be said to be of any width.
    if rows.windows().is_empty() {
        return true;
    }
    let mut row = vec![0.0; shards.bins() * shards.tracks().len()];
    (0..rows.windows().len()).all(|window| rows.read(window, &mut row).is_ok())
}
