#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs::File;

use cistron_encode::{ElementType, NpyWriter};

use super::*;

/// Three windows of two bins of four bases, of two tracks, in two files.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "targets.json",
        r#"{"version": 1, "bins": 2, "bin_size": 4, "log1p": true, "tracks": ["heart", "liver"]}"#,
    );
    write("train.bed", "chr1\t0\t8\twindow_0\nchr1\t12\t20\twindow_1\nchr2\t4\t12\twindow_2\n");
    write("train.index.tsv", "row\tfile\toffset\n0\ttrain-0.npy\t0\n1\ttrain-0.npy\t1\n2\ttrain-1.npy\t0\n");
    write("valid.bed", "");
    write("valid.index.tsv", "row\tfile\toffset\n");
    array(folder.path(), "train-0.npy", &[2, 2, 2], 0.0);
    array(folder.path(), "train-1.npy", &[1, 2, 2], 8.0);
    folder
}

fn array(folder: &Path, name: &str, shape: &[usize], first: f64) {
    let file = File::create(folder.join(name)).unwrap();
    let mut array = NpyWriter::new(file, ElementType::Float32, shape).unwrap();
    let values: Vec<f64> = (0..shape.iter().product()).map(|i: usize| first + i as f64).collect();
    array.write(&values).unwrap();
    array.finish().unwrap();
}

#[test]
fn rows_are_found_where_the_index_says() {
    let folder = folder();
    let shards = TargetShards::open(folder.path()).unwrap();
    assert_eq!((shards.bins(), shards.bin_size(), shards.is_log1p()), (2, 4, true));
    assert_eq!(shards.track_places(&["liver".to_owned()]).unwrap(), [1]);
    let rows = shards.part(Split::Train).unwrap();
    let windows: Vec<String> = rows.windows().iter().map(ToString::to_string).collect();
    assert_eq!(windows, ["chr1:0-8", "chr1:12-20", "chr2:4-12"]);
    let mut row = [0.0; 4];
    for (window, first) in [(2, 8.0), (0, 0.0), (1, 4.0)] {
        rows.read(window, &mut row).unwrap();
        assert_eq!(row, [first, first + 1.0, first + 2.0, first + 3.0]);
    }
    assert!(rows.read(3, &mut row).is_err() && rows.read(0, &mut row[1..]).is_err());
    assert!(shards.part(Split::Valid).unwrap().windows().is_empty());
}

#[test]
fn what_is_malformed_is_named() {
    let message = |name: &str, text: &str| {
        let folder = folder();
        fs::write(folder.path().join(name), text).unwrap();
        let result = TargetShards::open(folder.path()).and_then(|shards| shards.part(Split::Train));
        let text = result.unwrap_err().to_string();
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    for (name, text, expected) in [
        ("targets.json", "{", "targets.json: not sound JSON: EOF while parsing an object at line 1 column 1"),
        ("targets.json", "{}", "targets.json: `version` is null, expected 1"),
        (
            "targets.json",
            r#"{"version": 1, "bins": 0}"#,
            "targets.json: `bins` is 0, expected a whole number above 0",
        ),
        (
            "targets.json",
            r#"{"version": 1, "bins": 2, "bin_size": 4, "tracks": [3]}"#,
            "targets.json: `tracks` is [3], expected a list of names",
        ),
        (
            "targets.json",
            r#"{"version": 1, "bins": 1, "bin_size": 8, "tracks": ["a", "b"]}"#,
            "train-0.npy: has shape [2, 2, 2], expected rows of 1 bins and 2 tracks",
        ),
        (
            "train.bed",
            "chr1\t0\t8\nchr1\t5\t12\n",
            "train.bed:2:3: found a window of 7 bases, expected the 8 of its bins",
        ),
        ("train.bed", "chr1\t0\t8\n", "train.index.tsv: found 3 rows, expected one for each of 1 windows"),
        ("train.index.tsv", "row\n", "train.index.tsv:1:1: found \"row\", expected \"row\\tfile\\toffset\""),
        (
            "train.index.tsv",
            "row\tfile\toffset\n1\ttrain-0.npy\t0\n",
            "train.index.tsv:2:1: found row 1, expected 0",
        ),
        (
            "train.index.tsv",
            "row\tfile\toffset\n0\ttrain-0.npy\n",
            "train.index.tsv:2:1: found 2 fields, expected row, file and offset",
        ),
        (
            "train.index.tsv",
            "row\tfile\toffset\n0\ttrain-0.npy\t2\n",
            "train.index.tsv:2:3: found offset \"2\", expected below 2",
        ),
        (
            "train.index.tsv",
            "row\tfile\toffset\n0\t../x.npy\t0\n",
            "train.index.tsv:2:2: found \"../x.npy\", expected a file of the folder",
        ),
        ("train.index.tsv", "row\tfile\toffset\n0\ttrain-7.npy\t0\n", "train-7.npy cannot be read"),
        ("train-0.npy", "none", "train-0.npy: is shorter than the header of an array"),
    ] {
        assert_eq!(message(name, text), expected);
    }
    let folder = folder();
    let unknown = TargetShards::open(folder.path()).unwrap().track_places(&["lung".to_owned()]);
    assert!(unknown.unwrap_err().to_string().ends_with("has no track `lung`, it has heart, liver"));
    assert!(matches!(TargetShards::open(folder.path().join("x")), Err(GenomeError::Read { .. })));
}
