//! HTTP, from both sides. A node with a chain: what validators really ask, edited in path, query and body, JSON and SSZ; any
//! path of every route; blocks produced with whatever the engine answers. Our client: a node's true answers, edited. The
//! engine's server: any JSON.

#![no_main]

use async_trait::async_trait;
use futures::FutureExt;
use libfuzzer_sys::fuzz_target;
use lockin::api::gzip::gunzip;
use lockin::api::{
    Accept, Body, Client, ContentType, Method, Request, Response, SignedBlockContents, Transport, TransportError,
    events,
};
use lockin::engine::{self, rpc};
use lockin::net::topic::TopicKind;
use lockin::node::Handled;
use lockin::node::rest::routes;
use lockin::ssz::{Bytes, Json, Shape, Ssz};
use lockin::types::{self, BlobSidecar, SignedBeaconBlock};
use lockin::witness::named;
use lockin::witness::random::Dice;
use lockin_fuzz::memory::{NODE, bounded};
use lockin_fuzz::{Input, Node, Scene, edit, scene};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Bytes that a compressed body may become here.
const MOST_UNZIPPED: usize = 1 << 20;
/// Requests of one input at most.
const MOST_STEPS: u64 = 12;

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

/// Objects as the routes take them, not valid.
fn random_object(shape: Shape, input: &mut Input) -> Option<Value> {
    let (which, seed) = (usize::from(input.byte()), input.short() as u64);
    random_json!(shape, seed, which:
        SignedBeaconBlock Attestation SingleAttestation SignedAggregateAndProof SignedVoluntaryExit ProposerSlashing
        AttesterSlashing SyncCommitteeMessage SignedContributionAndProof SignedBlsToExecutionChange
    )
}

/// A valid object of a pool's route.
fn fresh_object(scene: &Scene, input: &mut Input) -> (&'static str, Value) {
    fn json<T: Ssz + Json>(shape: Shape, data: &[u8]) -> Value {
        T::decode(shape, data).expect("it was sent").to_json(shape)
    }
    let (shape, sent) = (scene.shape(), scene.pick(input));
    let data = sent.data.as_slice();
    match sent.topic.kind {
        TopicKind::VoluntaryExit => {
            ("/eth/v1/beacon/pool/voluntary_exits", json::<types::SignedVoluntaryExit>(shape, data))
        }
        TopicKind::ProposerSlashing => {
            ("/eth/v1/beacon/pool/proposer_slashings", json::<types::ProposerSlashing>(shape, data))
        }
        TopicKind::AttesterSlashing => {
            ("/eth/v2/beacon/pool/attester_slashings", json::<types::AttesterSlashing>(shape, data))
        }
        TopicKind::BlsToExecutionChange => (
            "/eth/v1/beacon/pool/bls_to_execution_changes",
            Value::Array(vec![json::<types::SignedBlsToExecutionChange>(shape, data)]),
        ),
        _ => ("/eth/v2/beacon/blocks", contents(scene, input).to_value(shape)),
    }
}

/// The eighth slot's block as its proposer publishes it, or the ninth's; perhaps with other blobs or proofs.
fn contents(scene: &Scene, input: &mut Input) -> SignedBlockContents {
    let shape = scene.shape();
    let blocks = &scene.fresh["beacon_block"];
    let block = SignedBeaconBlock::decode(shape, &blocks[input.below(blocks.len())].data).expect("it was sent");
    let mut contents = SignedBlockContents::from(block);
    let sidecars = scene.fresh.get("blob_sidecar_").into_iter().flatten();
    let wanted = input.byte() % 4;
    for sent in sidecars.take(usize::from(wanted)) {
        let sidecar = BlobSidecar::decode(shape, &sent.data).expect("it was sent");
        contents.blobs.push(sidecar.blob);
        contents.kzg_proofs.push(sidecar.kzg_proof);
    }
    (0..input.byte() % 4).for_each(|at| contents.kzg_proofs.push(Bytes([at; 48])));
    contents
}

fn edit_body(body: &mut Body, input: &mut Input) {
    match body {
        Body::Empty => {}
        Body::Ssz(bytes) => (0..=input.byte() % 4).for_each(|_| edit::bytes(bytes, input)),
        Body::Json(text) if input.byte() % 2 == 0 => (0..=input.byte() % 4).for_each(|_| edit::text(text, input)),
        Body::Json(text) => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(text) {
                (0..=input.byte() % 4).for_each(|_| edit::json(&mut value, input));
                *text = value.to_string().into_bytes();
            }
        }
    }
}

/// What a validator asked, perhaps edited.
fn asked(scene: &Scene, input: &mut Input) -> Request {
    let mut request = scene.asked[input.below(scene.asked.len())].clone();
    let how = input.byte();
    if how & 1 != 0 {
        edit_body(&mut request.body, input);
    }
    if how & 2 != 0 {
        let mut path = request.path.into_bytes();
        edit::text(&mut path, input);
        request.path = String::from_utf8_lossy(&path).into_owned();
    }
    if how & 4 != 0 && !request.query.is_empty() {
        let at = input.below(request.query.len());
        let mut value = std::mem::take(&mut request.query[at].1).into_bytes();
        edit::text(&mut value, input);
        request.query[at].1 = String::from_utf8_lossy(&value).into_owned();
    }
    if how & 8 != 0 {
        request.accept = Accept::Ssz;
    }
    request
}

/// A valid or random object to its pool or publisher, JSON or SSZ, edited or not.
fn submitted(scene: &Scene, input: &mut Input) -> Request {
    let version = scene.shape().fork.name();
    let how = input.byte();
    let mut request = match how % 4 {
        0 => {
            let bytes = contents(scene, input).to_ssz(scene.shape());
            Request::post("/eth/v2/beacon/blocks").with_ssz(version, bytes)
        }
        1 => {
            let object = random_object(scene.shape(), input).unwrap_or(Value::Null);
            let (path, _) = fresh_object(scene, input);
            Request::post(path).with_json(&object).with_version(version)
        }
        _ => {
            let (path, object) = fresh_object(scene, input);
            Request::post(path).with_json(&object).with_version(version)
        }
    };
    if how & 4 != 0 {
        edit_body(&mut request.body, input);
    }
    if how & 8 != 0 {
        request = request.with_query("broadcast_validation", ["gossip", "consensus", "?"][input.below(3)]);
    }
    request
}

/// Any path of a route, any query, any body.
fn any(scene: &Scene, input: &mut Input) -> Request {
    let routes: Vec<_> = routes().collect();
    let route = routes[input.below(routes.len())];
    let parameter = |input: &mut Input| {
        let known =
            ["head", "genesis", "finalized", "justified", "0", "1", "7", "8", "18446744073709551615", "0x00", "all"];
        match input.byte() {
            raw @ 0..=63 => String::from_utf8_lossy(input.take(usize::from(raw))).into_owned(),
            pick => known[usize::from(pick) % known.len()].to_owned(),
        }
    };
    let segment = |segment: &str, input: &mut Input| {
        if segment.starts_with('{') { parameter(input) } else { segment.to_owned() }
    };
    let path: Vec<String> = route.pattern.split('/').map(|part| segment(part, input)).collect();
    let names = ["slot", "epoch", "id", "status", "index", "committee_index", "randao_reveal", "block_root", "indices"];
    let query = (0..input.below(4)).map(|_| (names[input.below(names.len())].to_owned(), parameter(input))).collect();
    let consensus_version = (input.byte() % 4 > 0).then(|| scene.shape().fork.name().to_owned());
    let accept = if input.byte() % 2 == 0 { Accept::Json } else { Accept::Ssz };
    let method = if input.byte() % 16 == 0 { Method::Get } else { route.method };
    let body = match input.byte() % 3 {
        0 => Body::Empty,
        1 => Body::Json(input.take(1024).to_vec()),
        _ => Body::Ssz(input.take(1024).to_vec()),
    };
    Request { method, path: path.join("/"), query, body, accept, consensus_version }
}

/// Requests to a node, whose engine says what the input wants.
fn served(node: &mut Node, input: &mut Input) {
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        let scene = node.scene;
        let request = match input.byte() % 8 {
            0 | 1 => any(scene, input),
            2 | 3 => submitted(scene, input),
            4 => {
                let quarters = u64::from(input.byte() % 48);
                node.pass(quarters * scene.cfg.slot_duration_ms / 4, input);
                continue;
            }
            _ => asked(scene, input),
        };
        if let Handled::Now(response) = node.core.handle(&request, node.now_ms) {
            assert!(response.status >= 200, "a status: {}", response.status);
        }
        node.settle(input);
    }
    node.pass(2 * node.scene.cfg.slot_duration_ms, input);
    assert!(node.answers.iter().all(|status| *status >= 200));
}

/// A node whose answers are edited on their way.
struct Bent<'a>(Arc<Mutex<(Node<'a>, Vec<u8>)>>);

#[async_trait]
impl Transport for Bent<'static> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut held = self.0.lock().expect("one thread");
        let (node, rest) = &mut *held;
        let now_ms = node.now_ms;
        let mut response = match node.core.handle(&request, now_ms) {
            Handled::Now(response) => response,
            Handled::Later(_) => Response::empty(503),
        };
        let taken = std::mem::take(rest);
        let mut input = Input(&taken);
        let bytes = std::mem::take(&mut response.body);
        let mut body = if response.content_type == ContentType::Ssz { Body::Ssz(bytes) } else { Body::Json(bytes) };
        edit_body(&mut body, &mut input);
        if let Body::Json(bytes) | Body::Ssz(bytes) = body {
            response.body = bytes;
        }
        if input.byte() % 8 == 0 {
            response.status = 200 + u16::from(input.byte());
        }
        *rest = input.0.to_vec();
        Ok(response)
    }
}

/// Our client, over a node's edited answers.
fn asking(node: Node<'static>, input: &mut Input) {
    let scene = node.scene;
    let (which, shape) = (input.byte() % 24, scene.shape());
    let client = Client::new(Arc::new(Bent(Arc::new(Mutex::new((node, input.0.to_vec()))))));
    let ask = async {
        match which {
            0 => drop(client.identity().await),
            1 => drop(client.peers().await),
            2 => drop(client.syncing().await),
            3 => drop(client.spec().await),
            4 => drop(client.fork_schedule().await),
            5 => drop(client.genesis().await),
            6 => drop(client.finality_checkpoints("head").await),
            7 => drop(client.committees("head", 1).await),
            8 => drop(client.header("head").await),
            9 => drop(client.block(&scene.cfg, "head").await),
            10 => drop(client.debug_state(&scene.cfg, "head").await),
            11 => drop(client.fork_choice().await),
            12 => drop(client.proposer_duties(1).await),
            13 => drop(client.attester_duties(1, &[0, 1, 2]).await),
            14 => drop(client.sync_duties(1, &[0, 1, 2]).await),
            15 => drop(client.attestation_data(shape, 8, 0).await),
            16 => drop(client.heads().await),
            17 => drop(client.fork("head").await),
            18 => drop(client.block_root_and_validity("head").await),
            19 => drop(client.state_root("head").await),
            20 => drop(client.sync_contribution(shape, 7, 0, Bytes([0; 32])).await),
            21 => drop(client.peer_count().await),
            _ => drop(client.node_version().await),
        }
    };
    ask.now_or_never().expect("the node answers within the call");
}

/// The engine's server: requests that a client wrote, edited, or any bytes.
fn engine_asked(scene: &Scene, input: &mut Input) {
    let mut stub = engine::Stub::new(engine::StubConfig::of_network(scene.cfg.clone(), &scene.genesis));
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        let method = rpc::CAPABILITIES[input.below(rpc::CAPABILITIES.len())];
        let mut body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).to_string().into_bytes();
        match input.byte() % 3 {
            0 => body = input.take(4096).to_vec(),
            1 => {
                let state = engine::ForkchoiceState {
                    head_block_hash: stub.forkchoice().head_block_hash,
                    ..Default::default()
                };
                let call = match input.byte() % 2 {
                    0 => engine::Call::ForkchoiceUpdated { fork: scene.shape().fork, state, attributes: None },
                    _ => new_payload(scene, input),
                };
                let (method, mut params) = engine::json::request(&call);
                (0..input.byte() % 4).for_each(|_| edit::json(&mut params, input));
                body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
                    .to_string()
                    .into_bytes();
            }
            _ => (0..input.byte() % 4).for_each(|_| edit::text(&mut body, input)),
        }
        let _ = rpc::answer(&mut stub, scene.start_of(8), &body);
    }
}

fn new_payload(scene: &Scene, input: &mut Input) -> engine::Call {
    let blocks = &scene.fresh["beacon_block"];
    let block = SignedBeaconBlock::decode(scene.shape(), &blocks[input.below(blocks.len())].data).expect("it was sent");
    engine::Call::NewPayload(Box::new(engine::NewPayload {
        fork: scene.shape().fork,
        payload: block.message.body.execution_payload,
        versioned_hashes: Vec::new(),
        parent_beacon_block_root: block.message.parent_root,
        execution_requests: block.message.body.execution_requests,
    }))
}

/// What carries a body: the event stream, gzip.
fn read(input: &mut Input) {
    if input.byte() % 2 == 0 {
        let mut parser = events::Parser::default();
        while !input.is_empty() {
            let length = usize::from(input.byte());
            drop(parser.push(input.take(length)));
        }
    } else if let Ok(bytes) = gunzip(input.0, MOST_UNZIPPED) {
        assert!(bytes.len() <= MOST_UNZIPPED);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let scene = scene(input.byte());
    let mode = input.byte() % 8;
    let mut node = scene.node();
    bounded(data.len(), NODE, || match mode {
        0 => engine_asked(scene, &mut input),
        1 => asking(node, &mut input),
        2 => read(&mut input),
        _ => {
            served(&mut node, &mut input);
            drop(node);
        }
    });
});
