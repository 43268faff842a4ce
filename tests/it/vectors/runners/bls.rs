//! `bls`: the spec's signature functions. Undecodable input is invalid input.

use super::super::case::Case;
use super::unknown_handler;
use lockin::crypto::{self, SecretKey};
use lockin::ssz::{Bytes, Root};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Data<I, O> {
    input: I,
    output: O,
}

#[derive(Deserialize)]
struct ManyKeys {
    pubkeys: Vec<String>,
    #[serde(alias = "messages")]
    message: OneOrMany,
    signature: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct OneKey {
    pubkey: String,
    message: String,
    signature: String,
}

#[derive(Deserialize)]
struct ToSign {
    privkey: String,
    message: String,
}

pub fn run(case: &Case) -> Result<(), String> {
    match case.id.handler.as_str() {
        "sign" => check(case, |ToSign { privkey, message }| {
            let key = SecretKey::from_bytes(&bytes::<32>(&privkey)?.0).ok()?;
            Some(key.sign(&bytes(&message)?).to_string())
        }),
        "aggregate" => check(case, |signatures: Vec<String>| {
            crypto::aggregate(&all(&signatures)?).ok().map(|signature| signature.to_string())
        }),
        "eth_aggregate_pubkeys" => check(case, |pubkeys: Vec<String>| {
            crypto::eth_aggregate_pubkeys(&all(&pubkeys)?).ok().map(|pubkey| pubkey.to_string())
        }),
        "verify" => check(case, |OneKey { pubkey, message, signature }| {
            let verify = || Some(crypto::verify(&bytes(&pubkey)?, &bytes(&message)?, &bytes(&signature)?));
            verify().unwrap_or(false)
        }),
        "fast_aggregate_verify" => check(case, |input| fast_aggregate(&input, crypto::fast_aggregate_verify)),
        "eth_fast_aggregate_verify" => check(case, |input| fast_aggregate(&input, crypto::eth_fast_aggregate_verify)),
        "aggregate_verify" => check(case, |ManyKeys { pubkeys, message, signature }| {
            let OneOrMany::Many(messages) = message else { return false };
            let verify = || Some(crypto::aggregate_verify(&all(&pubkeys)?, &all(&messages)?, &bytes(&signature)?));
            verify().unwrap_or(false)
        }),
        _ => Err(unknown_handler(case)),
    }
}

type FastAggregate = fn(&[Bytes<48>], &Root, &Bytes<96>) -> bool;

fn fast_aggregate(input: &ManyKeys, function: FastAggregate) -> bool {
    let OneOrMany::One(message) = &input.message else { return false };
    let verify = || Some(function(&all(&input.pubkeys)?, &bytes(message)?, &bytes(&input.signature)?));
    verify().unwrap_or(false)
}

fn check<I, O>(case: &Case, function: impl FnOnce(I) -> O) -> Result<(), String>
where
    I: DeserializeOwned,
    O: DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let data: Data<I, O> = case.yaml("data.yaml")?;
    let actual = function(data.input);
    if actual == data.output { Ok(()) } else { Err(format!("gives {actual:?}, expected {:?}", data.output)) }
}

fn bytes<const N: usize>(hex: &str) -> Option<Bytes<N>> {
    hex.parse().ok()
}

fn all<const N: usize>(hex: &[String]) -> Option<Vec<Bytes<N>>> {
    hex.iter().map(|hex| bytes(hex)).collect()
}
