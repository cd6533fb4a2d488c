//! Finding an Enformer's tensors in a checkpoint, under any of the names that the package and wrappers give them.

use std::collections::{BTreeMap, BTreeSet};

use super::parameters::{Parameter, parameters};
use super::parse::MAX_TRACKS;
use super::{EnformerConfig, EnformerHead, EnformerHeadInput};
use crate::checkpoint::CheckpointFile;
use crate::{LoadReport, ModelsError};

/// What stands before each name in checkpoints of wrappers.
const PREFIXES: [&str; 7] =
    ["", "enformer.", "module.", "model.", "module.enformer.", "model.enformer.", "module.model."];

/// The package registers its parts twice; each tensor stands in a checkpoint under one of the two names or both.
const ALIASES: [(&str, &str); 4] = [
    ("stem.", "_trunk.1."),
    ("conv_tower.", "_trunk.2."),
    ("transformer.", "_trunk.4."),
    ("final_pointwise.", "_trunk.6."),
];

/// What normalisation counts and nothing needs.
const COUNTER: &str = "num_batches_tracked";

/// The head of a finetuned model, beside the names of the model itself.
const NEW_HEAD: &str = "to_tracks.0";

/// The normalisation before it; what is index 0 does nothing.
const NEW_NORM: &str = "post_embed_transform.1";

/// The name of that head.
const NEW_HEAD_NAME: &str = "tracks";

/// Where each tensor of a model stands in a file.
pub(super) struct Found {
    /// The names in the file by the model's own.
    pub(super) names: BTreeMap<String, String>,
    pub(super) report: LoadReport,
}

impl Found {
    /// # Errors
    /// [`ModelsError::MissingTensors`] with every name that is not there.
    pub(super) fn new(config: &EnformerConfig, file: &CheckpointFile) -> Result<Self, ModelsError> {
        let in_file: BTreeSet<&str> = file.names().collect();
        let wanted = parameters(config);
        let search = |prefix: &'static str| (prefix, search(&wanted, prefix, &in_file));
        let searches = PREFIXES.map(search);
        let (prefix, (names, missing)) =
            searches.into_iter().min_by_key(|(_, (_, missing))| missing.len()).unwrap_or_default();
        if !missing.is_empty() {
            let found = in_file.iter().map(|name| (*name).to_owned()).collect();
            return Err(ModelsError::MissingTensors { path: file.path().to_path_buf(), missing, found });
        }
        let used: BTreeSet<&str> = names.values().map(String::as_str).collect();
        let is_known = |name: &str| {
            let own = name.strip_prefix(prefix).and_then(canonical);
            used.contains(name) || own.is_some_and(|own| names.contains_key(&own)) || name.ends_with(COUNTER)
        };
        let mut extra: Vec<String> = file.skipped().to_vec();
        extra.extend(in_file.iter().filter(|name| !is_known(name)).map(|name| (*name).to_owned()));
        extra.sort();
        let prefix_stripped = (!prefix.is_empty()).then(|| prefix.to_owned());
        let nested_in = file.nested_in().map(str::to_owned);
        Ok(Self { report: LoadReport { prefix_stripped, nested_in, extra }, names })
    }
}

/// The names in the file, and the model's own that are not there.
fn search(
    wanted: &[Parameter],
    prefix: &str,
    in_file: &BTreeSet<&str>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut names, mut missing) = (BTreeMap::new(), Vec::new());
    let new_head = format!("{}{NEW_HEAD}.", wrapper_of(prefix));
    let is_wrapper = in_file.iter().any(|name| name.starts_with(&new_head));
    for Parameter { name, .. } in wanted {
        let candidates = candidates(name, prefix);
        match candidates.iter().find(|candidate| in_file.contains(candidate.as_str())) {
            Some(found) => {
                names.insert(name.clone(), found.clone());
            }
            None => {
                missing.push(new_name(name, prefix).filter(|_| is_wrapper).unwrap_or_else(|| name.clone()));
            }
        }
    }
    (names, missing)
}

/// What stands before the names of the wrapper of a model.
fn wrapper_of(prefix: &str) -> &str {
    prefix.strip_suffix("enformer.").unwrap_or(prefix)
}

/// The names that a tensor may have in a file.
fn candidates(name: &str, prefix: &str) -> Vec<String> {
    let mut candidates = vec![format!("{prefix}{name}")];
    for (own, alias) in ALIASES {
        candidates.extend(name.strip_prefix(own).map(|rest| format!("{prefix}{alias}{rest}")));
    }
    candidates.extend(new_name(name, prefix));
    candidates
}

/// What a wrapper calls a tensor of its head.
fn new_name(name: &str, prefix: &str) -> Option<String> {
    let of_head = name.strip_prefix("_heads.")?.strip_prefix(NEW_HEAD_NAME)?;
    let names = [(".0.", NEW_HEAD), (".norm.", NEW_NORM)];
    let (part, new) = names.into_iter().find_map(|(own, new)| Some((of_head.strip_prefix(own)?, new)))?;
    Some(format!("{}{new}.{part}", wrapper_of(prefix)))
}

/// The model's own name of a name or an alias.
fn canonical(name: &str) -> Option<String> {
    let own = ALIASES.iter().find_map(|(own, alias)| Some(format!("{own}{}", name.strip_prefix(alias)?)));
    own.or_else(|| Some(name.to_owned()))
}

/// A finetuned model's own head takes the place of the heads that the configuration names, unless it is one of them.
///
/// A layer as wide as the transformer reads the transformer's rows, any other the embeddings.
pub(super) fn with_new_head(config: &EnformerConfig, file: &CheckpointFile) -> EnformerConfig {
    let is_head = |name: &str, part: &str| {
        let wrapper = name.strip_suffix(part).and_then(|name| name.strip_suffix(NEW_HEAD));
        wrapper.is_some_and(|wrapper| PREFIXES.contains(&format!("{wrapper}enformer.").as_str()))
    };
    // A bias alone is a head whose weights are missing.
    let name =
        [".weight", ".bias"].into_iter().find_map(|part| file.names().find(|name| is_head(name, part)));
    let shape = name.and_then(|name| file.shape(name));
    let mut config = config.clone();
    let Some(shape) = shape else { return config };
    let described = config.output_heads.iter().find(|head| head.name == NEW_HEAD_NAME).cloned();
    let head = described.unwrap_or_else(|| {
        // Of another shape than a layer's it is refused when it is read.
        let n_tracks = shape.first().map_or(1, |&n_tracks| n_tracks.min(MAX_TRACKS));
        let head = EnformerHead::numbered(NEW_HEAD_NAME, n_tracks);
        let reads =
            if shape.get(1) == Some(&config.dim) { EnformerHeadInput::Transformer } else { head.reads };
        EnformerHead { reads, ..head }
    });
    config.output_heads = vec![head];
    config
}
