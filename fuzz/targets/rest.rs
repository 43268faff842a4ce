//! The Beacon API: any path, query and body of every route, JSON and SSZ, on a node of every fork.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::api::{Accept, Body, Method, Request};
use lockin::node::Handled;
use lockin::node::rest::routes;
use lockin::ssz::{Fork, Json, Shape, Ssz};
use lockin::types;
use lockin::witness::named;
use lockin::witness::random::Dice;
use lockin_fuzz::{Input, node};
use serde_json::Value;

/// The JSON of a random object, by the name of its container.
macro_rules! random_json {
    ($shape:ident, $seed:ident, $which:ident: $($name:ident)*) => {{
        let makers: &[fn(Shape, u64) -> Option<Value>] = &[$(|shape, seed| {
            let bytes = (named(stringify!($name), shape)?.random)(&mut Dice::new(seed));
            if bytes.len() > 20_000 {
                return None;
            }
            Some(types::$name::decode(shape, &bytes).ok()?.to_json(shape))
        }),*];
        makers[$which % makers.len()]($shape, $seed)
    }};
}

/// A body that is nearly right: objects as the routes take them.
fn object(shape: Shape, input: &mut Input) -> Option<Value> {
    let (which, seed) = (usize::from(input.byte()), u64::from(input.byte()));
    random_json!(shape, seed, which:
        SignedBeaconBlock Attestation SingleAttestation SignedAggregateAndProof SignedVoluntaryExit ProposerSlashing
        AttesterSlashing SyncCommitteeMessage SignedContributionAndProof SignedBlsToExecutionChange
    )
}

/// Changes bytes of a text where the input says.
fn edit(text: &mut Vec<u8>, input: &mut Input) {
    while !input.0.is_empty() && !text.is_empty() {
        let at = input.short() % text.len();
        match input.byte() % 3 {
            0 => text[at] = input.byte(),
            1 => {
                text.remove(at);
            }
            _ => text.insert(at, input.byte()),
        }
    }
}

fn body(shape: Shape, input: &mut Input) -> Body {
    match input.byte() % 6 {
        0 => Body::Empty,
        1 => Body::Json(input.0.to_vec()),
        2 => Body::Ssz(input.0.to_vec()),
        list => {
            let Some(object) = object(shape, input) else { return Body::Empty };
            let value = if list == 3 { object } else { Value::Array(vec![object]) };
            let mut text = value.to_string().into_bytes();
            edit(&mut text, input);
            Body::Json(text)
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let fork = Fork::ALL[input.below(Fork::ALL.len())];
    let (mut core, now_ms) = node(fork);
    let shape = core.chain().config().shape(fork);
    let routes: Vec<_> = routes().collect();
    let route = routes[input.below(routes.len())];
    let parameter = |input: &mut Input| {
        let known = ["head", "genesis", "finalized", "justified", "0", "1", "18446744073709551615", "0x00", "all"];
        match input.byte() {
            raw @ 0..=99 => String::from_utf8_lossy(input.take(usize::from(raw))).into_owned(),
            pick => known[usize::from(pick) % known.len()].to_owned(),
        }
    };
    let segment = |segment: &str, input: &mut Input| {
        if segment.starts_with('{') { parameter(input) } else { segment.to_owned() }
    };
    let path: Vec<String> = route.pattern.split('/').map(|part| segment(part, &mut input)).collect();
    let names = ["slot", "epoch", "id", "status", "index", "committee_index", "randao_reveal", "block_root", "indices"];
    let query = (0..input.below(4)).map(|_| (names[input.below(names.len())].to_owned(), parameter(&mut input)));
    let query = query.collect();
    let version = (input.byte() % 4 > 0).then(|| fork.name().to_owned());
    let accept = if input.byte() % 2 == 0 { Accept::Json } else { Accept::Ssz };
    let method = if input.byte() % 16 == 0 { Method::Get } else { route.method };
    let body = body(shape, &mut input);
    let request = Request { method, path: path.join("/"), query, body, accept, consensus_version: version };
    if let Handled::Now(response) = core.handle(&request, now_ms) {
        assert!(response.status >= 200, "a status: {}", response.status);
    }
    core.on_tick(now_ms + 1000);
});
