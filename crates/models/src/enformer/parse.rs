//! Reading and writing a configuration: every problem is named with its key.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{EnformerConfig, EnformerContextLayer, EnformerCrop, EnformerHead, EnformerHeadInput, GammaNorm};
use crate::{Activation, ModelsError};

const MODEL_TYPE: &str = "enformer";

/// What a head without a function says.
const NO_FUNCTION: &str = "none";

/// What a head may say.
const HEAD_KEYS: [&str; 4] = ["tracks", "activation", "reads", "contexts"];

/// The name of the weights that were converted from the published ones.
const OFFICIAL: &str = "EleutherAI/enformer-official-rough";

impl EnformerConfig {
    /// Reads a `config.json` and checks that its parts fit one another.
    ///
    /// # Errors
    /// [`ModelsError::Network`] with the key of what is wrong.
    pub fn from_json(text: &str) -> Result<Self, ModelsError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| problem("config", format!("not sound JSON: {error}")))?;
        let config = parse(&value)?;
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json`, which the package reads, too, unless a head says more than how many tracks it has.
    pub fn to_json(&self) -> String {
        let heads: Map<String, Value> =
            self.output_heads.iter().map(|head| (head.name.clone(), head_value(head))).collect();
        let value = json!({
            "model_type": MODEL_TYPE,
            "dim": self.dim,
            "depth": self.depth,
            "heads": self.heads,
            "output_heads": heads,
            "target_length": self.target_length.map_or(json!(-1), |target| json!(target)),
            "attn_dim_key": self.attn_dim_key,
            "dropout_rate": self.dropout_rate,
            "attn_dropout": self.attn_dropout,
            "pos_dropout": self.pos_dropout,
            "num_downsamples": self.num_downsamples,
            "dim_divisible_by": self.dim_divisible_by,
            "input_length": self.input_length,
            "gamma_norm": self.gamma_norm.name(),
            "crop": self.crop.name(),
        });
        format!("{value:#}\n")
    }
}

/// The shortest form that says what a head is.
fn head_value(head: &EnformerHead) -> Value {
    let numbered = EnformerHead::numbered(&head.name, head.tracks.len());
    let tracks = if head.tracks == numbered.tracks { json!(head.tracks.len()) } else { json!(head.tracks) };
    if head.contexts.is_none() && (head.activation, head.reads) == (numbered.activation, numbered.reads) {
        return tracks;
    }
    let activation = head.activation.map_or(NO_FUNCTION, Activation::name);
    let mut value = json!({"tracks": tracks, "activation": activation, "reads": head.reads.name()});
    if let Some(contexts) = head.contexts {
        value["contexts"] = json!(contexts);
    }
    value
}

pub(super) fn problem(place: impl Into<String>, problem: impl Into<String>) -> ModelsError {
    ModelsError::Network { place: place.into(), problem: problem.into() }
}

fn parse(value: &Value) -> Result<EnformerConfig, ModelsError> {
    let keys = value.as_object().ok_or_else(|| problem("config", "found no object of keys and values"))?;
    match keys.get("model_type").map(|found| found.as_str()) {
        None | Some(Some(MODEL_TYPE)) => {}
        Some(found) => {
            return Err(problem("model_type", format!("found {found:?}, expected \"{MODEL_TYPE}\"")));
        }
    }
    let default = EnformerConfig::default();
    let num_downsamples = key(keys, "num_downsamples", default.num_downsamples)?;
    Ok(EnformerConfig {
        dim: key(keys, "dim", default.dim)?,
        depth: key(keys, "depth", default.depth)?,
        heads: key(keys, "heads", default.heads)?,
        attn_dim_key: key(keys, "attn_dim_key", default.attn_dim_key)?,
        output_heads: match keys.get("output_heads") {
            None => default.output_heads,
            Some(heads) => output_heads(heads)?,
        },
        target_length: target_length(keys)?,
        num_downsamples,
        dim_divisible_by: key(keys, "dim_divisible_by", default.dim_divisible_by)?,
        dropout_rate: key(keys, "dropout_rate", default.dropout_rate)?,
        attn_dropout: key(keys, "attn_dropout", default.attn_dropout)?,
        pos_dropout: key(keys, "pos_dropout", default.pos_dropout)?,
        input_length: key(keys, "input_length", EnformerConfig::default_length(num_downsamples))?,
        gamma_norm: gamma_norm(keys)?,
        crop: match name(keys, "crop")? {
            None => default.crop,
            Some(name) => {
                choose("crop", name, [EnformerCrop::Centre, EnformerCrop::Reference], EnformerCrop::name)?
            }
        },
    })
}

fn target_length(keys: &Map<String, Value>) -> Result<Option<usize>, ModelsError> {
    match keys.get("target_length") {
        None => Ok(EnformerConfig::default().target_length),
        Some(value) if value.as_i64() == Some(-1) => Ok(None),
        Some(_) => key(keys, "target_length", 0).map(Some),
    }
}

fn gamma_norm(keys: &Map<String, Value>) -> Result<GammaNorm, ModelsError> {
    if let Some(name) = name(keys, "gamma_norm")? {
        return choose("gamma_norm", name, GammaNorm::ALL, GammaNorm::name);
    }
    let official = keys.get("_name_or_path").and_then(Value::as_str) == Some(OFFICIAL);
    let over_positions = key(keys, "use_tf_gamma", false)? || official;
    Ok(if over_positions { GammaNorm::Positions } else { GammaNorm::Features })
}

fn output_heads(value: &Value) -> Result<Vec<EnformerHead>, ModelsError> {
    let heads = value.as_object().ok_or_else(|| {
        problem("output_heads", format!("found {value}, expected an object of names and numbers of tracks"))
    })?;
    heads.iter().map(|(name, tracks)| head(name, tracks)).collect()
}

/// The tracks of a head in memory, at most: a number in a file takes no more.
pub(super) const MAX_TRACKS: usize = 1 << 20;

fn head(name: &str, value: &Value) -> Result<EnformerHead, ModelsError> {
    let place = format!("output_heads.{name}");
    let Some(keys) = value.as_object() else { return named(name, &place, value) };
    if let Some(unknown) = keys.keys().find(|key| !HEAD_KEYS.contains(&key.as_str())) {
        return Err(problem(place, format!("found the key `{unknown}`, expected {}", HEAD_KEYS.join(", "))));
    }
    let tracks = keys.get("tracks").ok_or_else(|| problem(&place, "found no `tracks`, expected some"))?;
    let mut head = named(name, &format!("{place}.tracks"), tracks)?;
    if let Some(name) = self::name(keys, "activation")? {
        let known = |it: Option<Activation>| it.map_or(NO_FUNCTION, Activation::name);
        let all = std::iter::once(None).chain(Activation::ALL.map(Some));
        head.activation = choose(&format!("{place}.activation"), name, all, known)?;
    }
    if let Some(name) = self::name(keys, "reads")? {
        let all = EnformerHeadInput::ALL;
        head.reads = choose(&format!("{place}.reads"), name, all, EnformerHeadInput::name)?;
    }
    if let Some(contexts) = keys.get("contexts") {
        let wrong = |error| problem(format!("{place}.contexts"), format!("found {contexts}: {error}"));
        head.contexts = Some(EnformerContextLayer::deserialize(contexts).map_err(wrong)?);
    }
    Ok(head)
}

/// A head of a number of tracks or a list of their names.
fn named(name: &str, place: &str, tracks: &Value) -> Result<EnformerHead, ModelsError> {
    if let Some(n) = tracks.as_u64().filter(|&n| n <= MAX_TRACKS as u64) {
        return Ok(EnformerHead::numbered(name, n as usize));
    }
    let names: Vec<String> = serde_json::from_value(tracks.clone()).map_err(|_| {
        let found =
            format!("found {tracks}, expected a number of tracks up to {MAX_TRACKS} or a list of names");
        problem(place, found)
    })?;
    Ok(EnformerHead::named(name, names))
}

fn key<T: DeserializeOwned>(keys: &Map<String, Value>, name: &str, default: T) -> Result<T, ModelsError> {
    match keys.get(name) {
        None => Ok(default),
        Some(value) => {
            T::deserialize(value).map_err(|error| problem(name, format!("found {value}: {error}")))
        }
    }
}

fn name<'a>(keys: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, ModelsError> {
    match keys.get(key) {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(found) => Err(problem(key, format!("found {found}, expected a name"))),
    }
}

fn choose<T: Copy>(
    key: &str,
    found: &str,
    all: impl IntoIterator<Item = T> + Clone,
    name: fn(T) -> &'static str,
) -> Result<T, ModelsError> {
    all.clone().into_iter().find(|it| name(*it) == found).ok_or_else(|| {
        let names: Vec<&str> = all.into_iter().map(name).collect();
        problem(key, format!("found `{found}`, expected {}", names.join(" or ")))
    })
}
