use std::fs;
use std::path::Path;

/// The files of a folder of the corpus, in the order of their names.
///
/// # Panics
/// If the folder cannot be read or holds nothing.
pub(crate) fn files(folder: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let entries = fs::read_dir(&path).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let files: Vec<_> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
    assert!(!files.is_empty() && files.len() == paths.len(), "no corpus in {}", path.display());
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    /// Each target judges what once broke it.
    #[test]
    fn what_broke_a_reader_breaks_it_no_more() {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
        for folder in fs::read_dir(found).unwrap() {
            let folder = folder.unwrap();
            let name = folder.file_name();
            let target = TARGETS.iter().find(|target| *target.name == name).unwrap();
            for file in fs::read_dir(folder.path()).unwrap() {
                (target.check)(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
