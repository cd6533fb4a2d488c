//! Reading and writing a configuration.

use serde_json::{Value, json};

use super::VaeConfig;
use crate::ModelsError;

const MODEL_TYPE: &str = "vae";
const VERSION: u64 = 1;

impl VaeConfig {
    /// Reads a `config.json`; what it does not name has its default.
    ///
    /// # Errors
    /// [`ModelsError::Network`] for what is not sound JSON, another type or version, or an unknown field;
    /// [`ModelsError::Option`] as [`check`](Self::check).
    ///
    /// ```
    /// use cistron_models::VaeConfig;
    ///
    /// let text = r#"{"model_type": "vae", "version": 1, "alphabet": "ACGU", "length": 70, "sparsity": null}"#;
    /// let config = VaeConfig::from_json(text)?;
    /// assert_eq!((config.length, config.n_latent, config.sparsity), (70, 30, None));
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, ModelsError> {
        let mut value: Value =
            serde_json::from_str(text).map_err(|error| problem(format!("not sound JSON: {error}")))?;
        let fields = value.as_object_mut().ok_or_else(|| problem("found no object"))?;
        for (field, expected) in [("model_type", json!(MODEL_TYPE)), ("version", json!(VERSION))] {
            let found = fields.remove(field).unwrap_or(Value::Null);
            if found != expected {
                return Err(problem(format!("`{field}` is {found}, expected {expected}")));
            }
        }
        for field in ["alphabet", "length"] {
            if !fields.contains_key(field) {
                return Err(problem(format!("has no `{field}`")));
            }
        }
        let config: Self = serde_json::from_value(value).map_err(|error| problem(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json`.
    ///
    /// # Errors
    /// [`ModelsError::Network`] for a number that JSON has no words for.
    pub fn to_json(&self) -> Result<String, ModelsError> {
        let unwritable = |error: serde_json::Error| problem(error.to_string());
        let Value::Object(fields) = serde_json::to_value(self).map_err(unwritable)? else {
            return Err(problem("found no object"));
        };
        let mut all = serde_json::Map::new();
        all.insert("model_type".to_owned(), json!(MODEL_TYPE));
        all.insert("version".to_owned(), json!(VERSION));
        all.extend(fields);
        Ok(serde_json::to_string_pretty(&all).map_err(unwritable)? + "\n")
    }
}

fn problem(problem: impl Into<String>) -> ModelsError {
    ModelsError::Network { place: "config".to_owned(), problem: problem.into() }
}
