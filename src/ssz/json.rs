//! The Beacon API's JSON of consensus objects: integers as decimal strings, bytes and bitfields as `0x` hex.

use super::Shape;
use serde_json::Value;

/// A type with the Beacon API's JSON form under a shape.
pub trait Json: Sized {
    /// The JSON value; absent fields do not appear.
    fn to_json(&self, shape: Shape) -> Value;

    /// Reads the JSON value. Unknown keys are ignored, as the API demands of readers; missing ones are errors.
    fn from_json(shape: Shape, value: &Value) -> Result<Self, JsonError>;
}

/// JSON that is not the form of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A value of another JSON type.
    #[error("expected {expected}, found {found}")]
    Expected { expected: &'static str, found: String },
    /// A value of the right JSON type that can't be read.
    #[error("{0}")]
    Invalid(String),
    /// An object without a key.
    #[error("key `{0}` is missing")]
    Missing(&'static str),
    /// The error of a key or element, with its name.
    #[error("{at}: {source}")]
    In { at: String, source: Box<JsonError> },
}

impl JsonError {
    /// `value` is not what was `expected`; quotes a bounded piece of it.
    pub fn expected(expected: &'static str, value: &Value) -> Self {
        let found = match value {
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string().chars().take(80).collect(),
        };
        Self::Expected { expected, found }
    }

    /// Says at which key or index the error is.
    pub fn inside(self, at: impl Into<String>) -> Self {
        Self::In { at: at.into(), source: Box::new(self) }
    }
}
