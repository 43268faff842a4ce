//! One request as a handler sees it: path parameters, query, body, each parsed with an error that says what was given
//! and what is accepted. This file NEVER looks at the chain.

use std::str::FromStr;

use serde_json::Value;

use super::reply::Refusal;
use crate::api::{Accept, Body, Request};
use crate::chain::{BlockId, StateId};
use crate::ssz::{Bytes, Root};
use crate::types::{BlsPubkey, ForkName, Slot};

/// Validators in one body: more than anybody runs on one node.
pub const MOST_VALIDATORS: u64 = 1 << 17;

/// One request, routed.
pub struct Call<'a> {
    /// The request itself.
    pub request: &'a Request,
    /// The path's parameters, by the names that the route's pattern gives them.
    pub params: Vec<(&'static str, &'a str)>,
    /// Unix milliseconds.
    pub now_ms: u64,
}

impl<'a> Call<'a> {
    /// The path parameter `name`; the route's pattern has it.
    pub fn param(&self, name: &str) -> &'a str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The path parameter `name` as a number.
    pub fn number_param(&self, name: &str) -> Result<u64, Refusal> {
        number(name, self.param(name))
    }

    /// The first value of the query parameter `name`.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        self.request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name`, whether repeated or separated by commas.
    pub fn query_list(&self, name: &str) -> Vec<&'a str> {
        let values = self.request.query.iter().filter(|(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// The query parameter `name` as a number, if given.
    pub fn query_number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.query(name).map(|value| number(name, value)).transpose()
    }

    /// The query parameter `name` as a number.
    pub fn required_number(&self, name: &str) -> Result<u64, Refusal> {
        self.query_number(name)?.ok_or_else(|| missing(name, "a decimal number"))
    }

    /// The query parameter `name` as bytes, if given.
    pub fn query_bytes<const N: usize>(&self, name: &str) -> Result<Option<Bytes<N>>, Refusal> {
        self.query(name).map(|value| bytes(name, value)).transpose()
    }

    /// The query parameter `name` as bytes.
    pub fn required_bytes<const N: usize>(&self, name: &str) -> Result<Bytes<N>, Refusal> {
        self.query_bytes(name)?.ok_or_else(|| missing(name, &format!("0x and {} hexadecimal digits", 2 * N)))
    }

    /// Whether the caller wants SSZ.
    pub fn wants_ssz(&self) -> bool {
        self.request.accept == Accept::Ssz
    }

    /// The body as JSON: 415 for SSZ, 400 for nothing or for something else.
    pub fn json(&self) -> Result<Value, Refusal> {
        match &self.request.body {
            Body::Json(bytes) => parse_json(bytes),
            Body::Ssz(_) => Err(Refusal::new(415, "this endpoint reads application/json only")),
            Body::Empty => Err(Refusal::bad_request("this endpoint needs a JSON body")),
        }
    }

    /// The body as a JSON array of at most `most` items; 413 for a longer one.
    pub fn json_list(&self, most: u64) -> Result<Vec<Value>, Refusal> {
        match self.json()? {
            Value::Array(items) if items.len() as u64 > most => {
                Err(Refusal::new(413, format!("the body has {} items; accepted: at most {most}", items.len())))
            }
            Value::Array(items) => Ok(items),
            other => Err(Refusal::bad_request(format!("the body is {}; expected an array", kind(&other)))),
        }
    }

    /// The body as a list of validator indices.
    pub fn indices(&self) -> Result<Vec<u64>, Refusal> {
        let items = self.json_list(MOST_VALIDATORS)?;
        if items.is_empty() {
            return Err(Refusal::bad_request("the body is an empty array; expected at least one validator index"));
        }
        items.iter().map(|item| json_number("validator index", item)).collect()
    }

    /// The fork that `Eth-Consensus-Version` names, if the header is there.
    pub fn consensus_version(&self) -> Result<Option<ForkName>, Refusal> {
        let Some(name) = &self.request.consensus_version else { return Ok(None) };
        let fork = ForkName::from_str(&name.to_ascii_lowercase()).map_err(|_| {
            let names: Vec<&str> = ForkName::ALL.iter().map(|fork| fork.name()).collect();
            Refusal::bad_request(format!("Eth-Consensus-Version is {:?}; accepted: {}", shown(name), names.join(", ")))
        })?;
        Ok(Some(fork))
    }

    /// As [`Call::consensus_version`], refusing a request without the header.
    pub fn required_version(&self) -> Result<ForkName, Refusal> {
        self.consensus_version()?
            .ok_or_else(|| Refusal::bad_request("the header Eth-Consensus-Version is required here and missing"))
    }
}

/// Parses JSON bytes; the error says where they stop being JSON.
pub fn parse_json(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))
}

/// A decimal number out of a path or query.
pub fn number(name: &str, text: &str) -> Result<u64, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        Refusal::bad_request(format!("invalid {name}: {:?}; expected a decimal number below 2^64", shown(text)))
    })
}

/// A number out of JSON: a decimal string, as the standard has it, or a plain number.
pub fn json_number(name: &str, value: &Value) -> Result<u64, Refusal> {
    match value {
        Value::String(text) => number(name, text),
        Value::Number(plain) => plain.as_u64().ok_or_else(|| Refusal::bad_request(format!("invalid {name}: {plain}"))),
        other => Err(Refusal::bad_request(format!("invalid {name}: {}; expected a decimal string", kind(other)))),
    }
}

/// A JSON array of decimal strings.
pub fn json_numbers(numbers: impl IntoIterator<Item = u64>) -> Value {
    Value::Array(numbers.into_iter().map(|number| Value::String(number.to_string())).collect())
}

/// `0x` and hexadecimal digits out of a path or query.
pub fn bytes<const N: usize>(name: &str, text: &str) -> Result<Bytes<N>, Refusal> {
    let prefixed = text.starts_with("0x");
    prefixed.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        Refusal::bad_request(format!("invalid {name}: {:?}; expected 0x and {} hexadecimal digits", shown(text), 2 * N))
    })
}

fn missing(name: &str, expected: &str) -> Refusal {
    Refusal::bad_request(format!("the query parameter {name} is required: {expected}"))
}

/// What kind of JSON value this is, for messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A stranger's text, cut so that an error message stays short.
pub fn shown(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_string();
    }
    text.chars().take(MOST).chain("...".chars()).collect()
}

/// Parses `state_id`.
pub fn state_id(text: &str) -> Result<StateId, Refusal> {
    Ok(match text {
        "head" => StateId::Head,
        "genesis" => StateId::Genesis,
        "finalized" => StateId::Finalized,
        "justified" => StateId::Justified,
        _ => match slot_or_root(text) {
            Some(Ok(slot)) => StateId::Slot(slot),
            Some(Err(root)) => StateId::Root(root),
            None => {
                return Err(Refusal::bad_request(format!(
                    "invalid state ID: {:?}; accepted: head, genesis, finalized, justified, a slot, or a 0x state root",
                    shown(text)
                )));
            }
        },
    })
}

/// Parses `block_id`. (`justified` is not in the standard, but most servers take it.)
pub fn block_id(text: &str) -> Result<BlockId, Refusal> {
    Ok(match text {
        "head" => BlockId::Head,
        "genesis" => BlockId::Genesis,
        "finalized" => BlockId::Finalized,
        "justified" => BlockId::Justified,
        _ => match slot_or_root(text) {
            Some(Ok(slot)) => BlockId::Slot(slot),
            Some(Err(root)) => BlockId::Root(root),
            None => {
                return Err(Refusal::bad_request(format!(
                    "invalid block ID: {:?}; accepted: head, genesis, finalized, a slot, or a 0x block root",
                    shown(text)
                )));
            }
        },
    })
}

/// `validator_id` of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidatorId {
    /// By index in the registry.
    Index(u64),
    /// By public key.
    Pubkey(BlsPubkey),
}

impl ValidatorId {
    /// Parses a path or query parameter.
    pub fn parse(text: &str) -> Result<ValidatorId, Refusal> {
        if text.starts_with("0x") {
            return bytes("validator ID", text).map(ValidatorId::Pubkey);
        }
        number("validator ID", text).map(ValidatorId::Index).map_err(|_| {
            Refusal::bad_request(format!(
                "invalid validator ID: {:?}; accepted: an index, or 0x and 96 hexadecimal digits of a public key",
                shown(text)
            ))
        })
    }
}

fn slot_or_root(text: &str) -> Option<Result<Slot, Root>> {
    if text.starts_with("0x") {
        return bytes::<32>("root", text).ok().map(Err);
    }
    number("slot", text).ok().map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_accept_what_the_standard_lists() {
        assert_eq!(state_id("justified"), Ok(StateId::Justified));
        assert_eq!(state_id("12"), Ok(StateId::Slot(12)));
        let root = format!("0x{}", "ab".repeat(32));
        assert_eq!(block_id(&root), Ok(BlockId::Root(Bytes([0xab; 32]))));
        assert_eq!(block_id("finalized"), Ok(BlockId::Finalized));
        assert_eq!(ValidatorId::parse("7"), Ok(ValidatorId::Index(7)));
        let key = format!("0x{}", "01".repeat(48));
        assert_eq!(ValidatorId::parse(&key), Ok(ValidatorId::Pubkey(Bytes([1; 48]))));
    }

    #[test]
    fn identifiers_refuse_the_rest_and_say_what_is_accepted() {
        for text in ["", "current", "-1", "+1", " 1", "1 ", "0x", "0xzz", "0xab", "18446744073709551616", "\u{663}"] {
            let refusal = state_id(text).expect_err(text);
            assert_eq!(refusal.status, 400);
            assert!(refusal.message.contains("accepted: head"), "{}", refusal.message);
            assert!(block_id(text).is_err(), "{text}");
            assert!(ValidatorId::parse(text).is_err(), "{text}");
        }
        assert!(shown(&"x".repeat(10_000)).len() < 100);
    }
}
