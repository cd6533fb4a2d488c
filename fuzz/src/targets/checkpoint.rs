//! Weights of models: safetensors, and PyTorch's pickles old and new; contexts of tracks.

use std::io::Write;

use cistron::models::{Checkpoint, EnformerContexts};

pub(super) fn check(bytes: &[u8]) -> bool {
    let Ok(checkpoint) = Checkpoint::from_bytes(bytes, "x") else { return false };
    let tensors = checkpoint.tensors().map(|(_, tensor)| tensor);
    // Reading as numbers looks at every byte.
    tensors.for_each(|tensor| assert_eq!(tensor.to_f64().len(), tensor.len()));
    true
}

pub(super) fn contexts_corpus() -> Vec<Vec<u8>> {
    [&b"track\tx\ty\nliver\t0.5\t1\nheart\t1.5\t-1\n"[..], b"track\tx\r\na\t1e-3\r\nb\t2\r\na\t.5\r\n"]
        .map(<[u8]>::to_vec)
        .to_vec()
}

pub(super) fn contexts(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(bytes).map(|()| file));
    let file = file.unwrap_or_else(|error| panic!("no temporary file: {error}"));
    let Ok(contexts) = EnformerContexts::read(file.path()) else { return false };
    assert!(contexts.select(contexts.names()).is_ok_and(|all| all == contexts));
    true
}
