//! How real nodes differ from the standard, over a node that follows it: read in their sources, or seen.

use lockin::api::{Accept, Body, ContentType, Method, Request, Response};
use serde_json::{Value, json};

/// Whose way of answering a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The standard's, with SSZ wherever it has it.
    #[default]
    Standard,
    /// Lodestar's of early 2023: the first versions only, no SSZ, validators by GET with one `id` a parameter, a status
    /// of its own in errors, 500 for what is missing.
    Lodestar,
    /// Teku's of some years ago: names of forks in capitals, and blocks as JSON only, though by the second version.
    Teku,
    /// Prysm's: the latest versions only, and errors of its router that are no JSON.
    Prysm,
}

impl Dialect {
    /// Whether blocks travel as SSZ.
    pub fn has_ssz(self) -> bool {
        matches!(self, Dialect::Standard | Dialect::Prysm)
    }

    /// Answers a request in this way, by the answers of the standard's.
    pub fn answer(self, request: &Request, standard: impl FnOnce(&Request) -> Response) -> Response {
        match self {
            Dialect::Standard => standard(request),
            Dialect::Lodestar => lodestar(request, standard),
            Dialect::Teku => teku(request, standard),
            Dialect::Prysm => prysm(request, standard),
        }
    }
}

fn segments(request: &Request) -> Vec<&str> {
    request.path.trim_start_matches("/eth/").split('/').collect()
}

/// Endpoints that have a second version (of blocks: those to be published).
fn has_two_versions(path: &[&str]) -> bool {
    match path {
        [_, "beacon", "pool", kind] => *kind != "sync_committees",
        [_, "beacon", "blocks"] | [_, "validator", "aggregate_attestation" | "aggregate_and_proofs"] => true,
        _ => false,
    }
}

fn with_json(status: u16, body: &Value) -> Response {
    Response { status, ..Response::json(body) }
}

fn lodestar(request: &Request, standard: impl FnOnce(&Request) -> Response) -> Response {
    let missing = || {
        let message = format!("Route {}:{} not found", request.method, request.path);
        with_json(404, &json!({ "message": message, "error": "Not Found", "statusCode": 404 }))
    };
    let path = segments(request);
    let latest = match path[..] {
        ["v2", "validator", "blocks", slot] => format!("/eth/v3/validator/blocks/{slot}"),
        ["v1", ..] if has_two_versions(&path) => request.path.replacen("/v1/", "/v2/", 1),
        ["v1", "beacon", "states", _, "validators"] if request.method == Method::Post => return missing(),
        ["v1", ..] => request.path.clone(),
        _ => return missing(),
    };
    if matches!(request.body, Body::Ssz(_)) {
        return with_json(
            415,
            &json!({ "statusCode": 415, "code": "FST_ERR_CTP_INVALID_MEDIA_TYPE", "message": "..." }),
        );
    }
    if request.query.iter().any(|(_, value)| value.contains(',')) {
        return Response::json(&json!({ "data": [] })); // one id that nobody has
    }
    let answer = standard(&Request { path: latest, accept: Accept::Json, ..request.clone() });
    match answer.status {
        404 => with_json(500, &json!({ "statusCode": 500, "error": "Internal Server Error", "message": "none" })),
        _ => Response { consensus_version: None, ..answer },
    }
}

fn teku(request: &Request, standard: impl FnOnce(&Request) -> Response) -> Response {
    if matches!(request.body, Body::Ssz(_)) {
        return Response::error(415, "Unsupported Media Type");
    }
    let mut answer = standard(&Request { accept: Accept::Json, ..request.clone() });
    let capitals = |name: &str| name.to_uppercase();
    answer.consensus_version = answer.consensus_version.as_deref().map(capitals);
    if let Ok(Value::Object(mut document)) = serde_json::from_slice(&answer.body)
        && let Some(version) = document.get("version").and_then(Value::as_str).map(capitals)
    {
        document.insert("version".into(), version.into());
        answer.body = Value::Object(document).to_string().into_bytes();
    }
    answer
}

fn prysm(request: &Request, standard: impl FnOnce(&Request) -> Response) -> Response {
    let path = segments(request);
    let gone = path[0] == "v1" && has_two_versions(&path) || matches!(path[..], ["v2", "validator", "blocks", _]);
    if gone {
        let body = b"404 page not found\n".to_vec();
        return Response { content_type: ContentType::Text, body, ..Response::empty(404) };
    }
    standard(request)
}
