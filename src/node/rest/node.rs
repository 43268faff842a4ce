//! `/eth/v{1,2}/node`: the node itself, and `/metrics`.

use serde_json::{Value, json};

use super::{Call, Media, Refusal, Reply, Route, call, get};
use crate::node::{Core, PeerView, metrics};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/node/version", version_v1),
    get("/eth/v2/node/version", version_v2),
    get("/eth/v1/node/identity", identity),
    get("/eth/v1/node/peers", peers),
    get("/eth/v1/node/peers/{peer_id}", peer),
    get("/eth/v1/node/peer_count", peer_count),
    get("/eth/v1/node/syncing", syncing),
    get("/eth/v1/node/health", health),
    get("/metrics", serve_metrics),
];

const STATES: [&str; 4] = ["disconnected", "connecting", "connected", "disconnecting"];
const DIRECTIONS: [&str; 2] = ["inbound", "outbound"];

/// How the node names itself to peers and callers.
pub fn version() -> String {
    format!("lockin/v{} ({}-{})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS)
}

fn version_v1(_: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::data(json!({ "version": version() })))
}

/// The standard's list of two-letter codes has none for this client; `LI` is used by no other.
fn version_v2(_: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let beacon_node = json!({
        "code": "LI",
        "name": "lockin",
        "version": format!("v{}", env!("CARGO_PKG_VERSION")),
        "commit": "0x00000000",
    });
    Ok(Reply::data(json!({ "beacon_node": beacon_node })))
}

fn identity(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::data(core.identity_json()))
}

fn entry(peer: &PeerView) -> Value {
    json!({
        "peer_id": peer.peer_id,
        "enr": Value::Null,
        "last_seen_p2p_address": peer.address,
        "state": peer.state,
        "direction": peer.direction,
        "agent": peer.agent,
    })
}

/// The values of a filter, each of which must be one of `accepted`; empty means no filter.
fn filter<'a>(call: &Call<'a>, name: &str, accepted: &[&str]) -> Result<Vec<&'a str>, Refusal> {
    let wanted = call.query_list(name);
    match wanted.iter().find(|value| !accepted.contains(value)) {
        Some(value) => Err(Refusal::bad_request(format!(
            "invalid {name}: {:?}; accepted: {}",
            call::shown(value),
            accepted.join(", ")
        ))),
        None => Ok(wanted),
    }
}

fn peers(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (states, directions) = (filter(call, "state", &STATES)?, filter(call, "direction", &DIRECTIONS)?);
    let fits = |peer: &PeerView| {
        (states.is_empty() || states.contains(&peer.state))
            && (directions.is_empty() || directions.contains(&peer.direction))
    };
    let data: Vec<Value> = core.peers().iter().filter(|peer| fits(peer)).map(entry).collect();
    Ok(Reply::json(&json!({ "meta": { "count": data.len() }, "data": data })))
}

/// Whether the text looks like a libp2p peer id: base58 of plausible length.
fn is_peer_id(text: &str) -> bool {
    let base58 = |c: char| c.is_ascii_alphanumeric() && !matches!(c, '0' | 'O' | 'I' | 'l');
    (40..=64).contains(&text.len()) && text.chars().all(base58)
}

fn peer(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = call.param("peer_id");
    let peers = core.peers();
    match peers.iter().find(|peer| peer.peer_id == id) {
        Some(peer) => Ok(Reply::data(entry(peer))),
        None if is_peer_id(id) => Err(Refusal::not_found("peer not found")),
        None => Err(Refusal::bad_request(format!("invalid peer ID: {:?}; expected base58 text", call::shown(id)))),
    }
}

fn peer_count(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let peers = core.peers();
    let counts = STATES.map(|state| {
        let count = peers.iter().filter(|peer| peer.state == state).count();
        (state.to_string(), Value::String(count.to_string()))
    });
    Ok(Reply::data(Value::Object(counts.into_iter().collect())))
}

fn syncing(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let view = core.sync_view();
    Ok(Reply::data(json!({
        "head_slot": view.head_slot.to_string(),
        "sync_distance": view.distance.to_string(),
        "is_syncing": view.is_syncing,
        "is_optimistic": view.is_optimistic,
        "el_offline": view.engine_is_offline,
    })))
}

fn health(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let while_syncing = match call.query("syncing_status") {
        None => 206,
        Some(text) => match text.parse::<u16>() {
            Ok(status) if (100..=599).contains(&status) => status,
            _ => {
                return Err(Refusal::bad_request(format!(
                    "invalid syncing_status: {:?}; accepted: 100 to 599",
                    call::shown(text)
                )));
            }
        },
    };
    let view = core.sync_view();
    let behind = view.is_syncing || view.is_optimistic || view.engine_is_offline;
    Ok(Reply::status(if behind { while_syncing } else { 200 }))
}

fn serve_metrics(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let text = metrics::render(core).map_err(|error| Refusal::internal(format!("writing the metrics: {error}")))?;
    Ok(Reply::text(Media::Metrics, text))
}
