//! Reading a configuration: every problem is named with its place.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ConvNetConfig, ConvNetHead, ConvNetLayer};
use crate::{Activation, ModelsError};

const MODEL_TYPE: &str = "convnet";
const VERSION: u64 = 1;

/// Each operation with weights or settings, and the fields that it may have.
const OPERATIONS: [(&str, &[&str]); 10] = [
    ("conv1d", &["name", "in", "out", "kernel", "stride", "padding", "dilation", "groups", "bias"]),
    ("batch_norm", &["name", "channels", "eps"]),
    ("max_pool", &["kernel", "stride", "padding"]),
    ("avg_pool", &["kernel", "stride", "padding"]),
    ("residual", &["layers"]),
    ("flatten", &["order"]),
    ("global_mean", &[]),
    ("global_max", &[]),
    ("linear", &["name", "in", "out", "bias"]),
    ("dropout", &["p"]),
];

const TOP: [&str; 6] = ["model_type", "version", "alphabet", "input_length", "layers", "heads"];
const HEAD: [&str; 7] = ["name", "tracks", "bins", "bin_width", "first_bin", "activation", "layers"];

impl ConvNetConfig {
    /// Reads a `config.json` and checks that its layers fit one another.
    ///
    /// # Errors
    /// [`ModelsError::Network`] with the place of what is wrong, such as `layers[3] (conv2)`.
    pub fn from_json(text: &str) -> Result<Self, ModelsError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| problem("config", format!("not sound JSON: {error}")))?;
        let config = parse(&value)?;
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json`.
    ///
    /// # Errors
    /// [`ModelsError::Network`] for a number that JSON has no words for.
    pub fn to_json(&self) -> Result<String, ModelsError> {
        let unwritable = |error: serde_json::Error| problem("config", error.to_string());
        let mut value = serde_json::to_value(self).map_err(unwritable)?;
        if let Value::Object(fields) = &mut value {
            fields.insert("model_type".to_owned(), json!(MODEL_TYPE));
            fields.insert("version".to_owned(), json!(VERSION));
        }
        Ok(serde_json::to_string_pretty(&value).map_err(unwritable)? + "\n")
    }
}

pub(super) fn problem(place: impl Into<String>, problem: impl Into<String>) -> ModelsError {
    ModelsError::Network { place: place.into(), problem: problem.into() }
}

fn parse(value: &Value) -> Result<ConvNetConfig, ModelsError> {
    let top = object(value, "config")?;
    no_others(top, &TOP, "config")?;
    match top.get("model_type").and_then(Value::as_str) {
        Some(MODEL_TYPE) => {}
        found => return Err(problem("model_type", format!("found {found:?}, expected \"{MODEL_TYPE}\""))),
    }
    if let Some(version) = top.get("version").filter(|version| version.as_u64() != Some(VERSION)) {
        return Err(problem("version", format!("found {version}, expected {VERSION}")));
    }
    let alphabet = field(top, "alphabet", "config")?;
    let heads = list(top, "heads", "config")?.iter().enumerate();
    Ok(ConvNetConfig {
        alphabet,
        input_length: match top.get("input_length") {
            None => None,
            Some(_) => field(top, "input_length", "config")?,
        },
        layers: layers(top, "config", "layers")?,
        heads: heads.map(|(i, value)| head(value, &format!("heads[{i}]"))).collect::<Result<_, _>>()?,
    })
}

fn head(value: &Value, place: &str) -> Result<ConvNetHead, ModelsError> {
    let fields = object(value, place)?;
    no_others(fields, &HEAD, place)?;
    let layers = match fields.get("layers") {
        None => Vec::new(),
        Some(_) => layers(fields, place, &format!("{place}.layers"))?,
    };
    let mut rest = fields.clone();
    rest.remove("layers");
    let head: ConvNetHead = typed(Value::Object(rest), place)?;
    Ok(ConvNetHead { layers, ..head })
}

fn layers(fields: &Map<String, Value>, owner: &str, place: &str) -> Result<Vec<ConvNetLayer>, ModelsError> {
    let values = list(fields, "layers", owner)?.iter().enumerate();
    values.map(|(i, value)| layer(value, &format!("{place}[{i}]"))).collect()
}

pub(super) fn layer(value: &Value, place: &str) -> Result<ConvNetLayer, ModelsError> {
    let fields = object(value, place)?;
    let op: String = field(fields, "op", place)?;
    if let Some(activation) = Activation::ALL.into_iter().find(|activation| activation.name() == op) {
        no_others(fields, &["op"], place)?;
        return Ok(ConvNetLayer::Activation(activation));
    }
    let Some((_, allowed)) = OPERATIONS.iter().find(|(known, _)| *known == op) else {
        let names = OPERATIONS.iter().map(|(name, _)| *name).chain(Activation::ALL.map(Activation::name));
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(problem(place, format!("found op `{op}`, expected one of {names}")));
    };
    no_others(fields, &[*allowed, &["op"]].concat(), place)?;
    if op == "residual" {
        return Ok(ConvNetLayer::Residual { layers: layers(fields, place, &format!("{place}.layers"))? });
    }
    let mut fields = fields.clone();
    if op.ends_with("_pool") && !fields.contains_key("stride") {
        fields.extend(fields.get("kernel").cloned().map(|kernel| ("stride".to_owned(), kernel)));
    }
    ConvNetLayer::deserialize(Value::Object(fields)).map_err(|error| problem(place, error.to_string()))
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, ModelsError> {
    value.as_object().ok_or_else(|| problem(place, format!("found {}, expected an object", kind(value))))
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str, place: &str) -> Result<&'a Vec<Value>, ModelsError> {
    match fields.get(name) {
        Some(Value::Array(values)) => Ok(values),
        Some(other) => Err(problem(place, format!("`{name}` is {}, expected a list", kind(other)))),
        None => Err(missing(name, place)),
    }
}

fn field<T: DeserializeOwned>(
    fields: &Map<String, Value>,
    name: &str,
    place: &str,
) -> Result<T, ModelsError> {
    let value = fields.get(name).ok_or_else(|| missing(name, place))?;
    T::deserialize(value).map_err(|error| problem(place, format!("`{name}`: {error}")))
}

fn typed<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, ModelsError> {
    serde_json::from_value(value).map_err(|error| problem(place, error.to_string()))
}

fn missing(name: &str, place: &str) -> ModelsError {
    problem(place, format!("`{name}` is missing"))
}

fn no_others(fields: &Map<String, Value>, allowed: &[&str], place: &str) -> Result<(), ModelsError> {
    match fields.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(name) => Err(problem(place, format!("found `{name}`, expected {}", allowed.join(", ")))),
        None => Ok(()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
