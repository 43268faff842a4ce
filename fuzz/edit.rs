//! Changes to valid bytes, texts and JSON documents, as the input says: one each time.

use crate::Input;
use serde_json::{Value, json};

/// A place in `len` bytes, counted from either end, so that two bytes reach both ends of what is long.
fn place(len: usize, input: &mut Input) -> usize {
    let at = input.short();
    let from = (at >> 1) % len.max(1);
    if at & 1 == 0 { from } else { len - 1 - from }
}

/// Overwrites, cuts or stretches an encoding.
pub fn bytes(bytes: &mut Vec<u8>, input: &mut Input) {
    if bytes.is_empty() {
        return bytes.extend_from_slice(input.take(8));
    }
    let at = place(bytes.len(), input);
    match input.byte() % 8 {
        0..=2 => bytes[at] ^= input.byte(),
        3..=5 => {
            let word = input.take(8);
            let end = bytes.len().min(at + word.len());
            bytes[at..end].copy_from_slice(&word[..end - at]);
        }
        6 => bytes.truncate(at),
        _ => bytes.extend_from_slice(input.take(8)),
    }
}

/// Replaces, removes or adds one byte of a text.
pub fn text(text: &mut Vec<u8>, input: &mut Input) {
    if text.is_empty() {
        return text.extend_from_slice(input.take(8));
    }
    let at = place(text.len(), input);
    match input.byte() % 3 {
        0 => text[at] = input.byte(),
        1 => drop(text.remove(at)),
        _ => text.insert(at, input.byte()),
    }
}

/// Replaces, removes or doubles one value somewhere in a document.
pub fn json(value: &mut Value, input: &mut Input) {
    let stay = input.byte() % 4 == 0;
    match value {
        Value::Object(fields) if !stay && !fields.is_empty() => {
            let at = input.below(fields.len());
            let Some(name) = fields.keys().nth(at).cloned() else { return };
            match input.byte() % 16 {
                0 => drop(fields.remove(&name)),
                _ => json(&mut fields[&name], input),
            }
        }
        Value::Array(items) if !stay && !items.is_empty() => {
            let at = input.below(items.len());
            match input.byte() % 16 {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => json(&mut items[at], input),
            }
        }
        Value::String(text) if !stay => {
            let mut bytes = std::mem::take(text).into_bytes();
            self::text(&mut bytes, input);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => *value = other(input),
    }
}

/// A value that is perhaps none of those expected.
fn other(input: &mut Input) -> Value {
    match input.byte() % 10 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(u64::MAX.to_string()),
        5 => json!("18446744073709551616"),
        6 => json!([]),
        7 => json!({}),
        8 => json!(format!("0x{}", "f".repeat(input.below(256)))),
        _ => json!(input.byte().to_string()),
    }
}
