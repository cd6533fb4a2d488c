//! Finding a network's tensors in a checkpoint.

use std::collections::BTreeMap;

use super::ConvNetConfig;
use crate::{Checkpoint, LoadReport, ModelsError};

/// What PyTorch's normalisation counts and nothing needs.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of a network under its own names.
pub(super) fn select(
    config: &ConvNetConfig,
    checkpoint: &Checkpoint,
    names: &BTreeMap<String, String>,
) -> Result<(Checkpoint, LoadReport), ModelsError> {
    let wanted: Vec<String> = config.tensors().into_iter().map(|(name, _)| name).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let renamed;
    let checkpoint = if names.is_empty() {
        checkpoint
    } else {
        renamed = rename(checkpoint, names, &wanted);
        &renamed
    };
    let (chosen, mut report) = checkpoint.select(&wanted)?;
    report.extra.retain(|name| !name.ends_with(COUNTER));
    Ok((chosen, report))
}

/// The checkpoint with other names. A pair names a tensor or a layer in the file and in the network, in either order:
/// whichever of the two the network has is its own.
fn rename(checkpoint: &Checkpoint, names: &BTreeMap<String, String>, wanted: &[&str]) -> Checkpoint {
    let is_ours = |name: &str| {
        let below = |tensor: &&&str| tensor.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        wanted.contains(&name) || wanted.iter().any(|tensor| below(&tensor))
    };
    let mut ours_of: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, value) in names {
        let (file, own) = if is_ours(value) { (key, value) } else { (value, key) };
        ours_of.insert(file, own);
    }
    let new_name = |name: &str| {
        if let Some(own) = ours_of.get(name) {
            return (*own).to_owned();
        }
        let layer = name.rsplit_once('.').and_then(|(layer, tensor)| Some((ours_of.get(layer)?, tensor)));
        layer.map_or_else(|| name.to_owned(), |(own, tensor)| format!("{own}.{tensor}"))
    };
    checkpoint.renamed(new_name)
}

/// No variance is below 0.
pub(super) fn check_variances(checkpoint: &Checkpoint) -> Result<(), ModelsError> {
    for (name, tensor) in checkpoint.tensors().filter(|(name, _)| name.ends_with(".running_var")) {
        if let Some((place, value)) = tensor.to_f64().into_iter().enumerate().find(|(_, value)| *value < 0.0)
        {
            let problem = format!("tensor `{name}` holds {value} at index [{place}], expected a variance");
            return Err(ModelsError::format(checkpoint.path(), problem));
        }
    }
    Ok(())
}
