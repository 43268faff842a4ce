//! Comparing values, and saying where two of them differ.

use lockin::ssz::{Json, Shape, Ssz};
use serde_json::Value;

/// Differences named in a failure.
const SHOWN: usize = 6;

/// An error that names the differing fields unless both values and their roots are the same.
pub fn same<T: Ssz + Json>(what: &str, shape: Shape, expected: &T, actual: &T) -> Result<(), String> {
    if expected.encode(shape) != actual.encode(shape) {
        let mut found = Vec::new();
        differences(String::new(), &expected.to_json(shape), &actual.to_json(shape), &mut found);
        let more = if found.len() > SHOWN { format!(" and {} more", found.len() - SHOWN) } else { String::new() };
        found.truncate(SHOWN);
        return Err(format!("{what} differs: {}{more}", found.join("; ")));
    }
    // Equal bytes: then unequal roots are a stale cache.
    let (expected, actual) = (expected.hash_tree_root(shape), actual.hash_tree_root(shape));
    if expected != actual {
        return Err(format!("{what} has the right fields but the root {actual} instead of {expected}"));
    }
    Ok(())
}

/// What an operation came to, against what it should: `expected` is `None` if it is to be refused.
pub fn outcome<T: Ssz + Json, E: std::fmt::Display>(
    shape: Shape,
    expected: Option<&T>,
    actual: Result<T, E>,
) -> Result<(), String> {
    match (expected, actual) {
        (Some(expected), Ok(actual)) => same("the result", shape, expected, &actual),
        (None, Err(_)) => Ok(()),
        (Some(_), Err(error)) => Err(format!("is valid but was refused: {error}")),
        (None, Ok(_)) => Err("is invalid but was accepted".into()),
    }
}

fn differences(path: String, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, expected) in left {
                differences(format!("{path}.{key}"), expected, right.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (expected, actual)) in left.iter().zip(right).enumerate() {
                differences(format!("{path}[{index}]"), expected, actual, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            found.push(format!("{path} has {} elements, expected {}", right.len(), left.len()));
        }
        _ if expected != actual => found.push(format!("{path} is {actual}, expected {expected}")),
        _ => {}
    }
}
