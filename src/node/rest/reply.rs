//! What a handler gives back: a reply, or a refusal with the standard's error body.
//! This file NEVER decides anything about a request; it only shapes answers.

use serde_json::{Map, Value, json};

use crate::api::{ContentType, Response};
use crate::node::CallId;
use crate::ssz::Root;
use crate::types::ForkName;

/// The media types that this server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/octet-stream`: SSZ
    Ssz,
    /// `text/plain`
    Text,
    /// OpenMetrics text, for `/metrics`
    Metrics,
    /// `text/event-stream`: the driver streams what follows
    EventStream,
}

impl Media {
    /// The `Content-Type` header's value.
    pub fn content_type(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Ssz => "application/octet-stream",
            Media::Text => "text/plain; charset=utf-8",
            Media::Metrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Media::EventStream => "text/event-stream",
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// What the body is.
    pub media: Media,
    /// `Eth-Consensus-Version`, where the body depends on the fork.
    pub version: Option<ForkName>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Reply {
        Reply { status, media: Media::Json, version: None, headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with this JSON document.
    pub fn json(value: &Value) -> Reply {
        Reply { body: value.to_string().into_bytes(), ..Reply::status(200) }
    }

    /// 200 with `{"data": value}`.
    pub fn data(value: Value) -> Reply {
        Reply::json(&json!({ "data": value }))
    }

    /// 200 with the fields of `meta` first and `data` last.
    pub fn with_meta(meta: Map<String, Value>, data: Value) -> Reply {
        let mut document = meta;
        document.insert("data".into(), data);
        Reply::json(&Value::Object(document))
    }

    /// 200 with SSZ bytes.
    pub fn ssz(body: Vec<u8>) -> Reply {
        Reply { media: Media::Ssz, body, ..Reply::status(200) }
    }

    /// 200 with text.
    pub fn text(media: Media, body: String) -> Reply {
        Reply { media, body: body.into_bytes(), ..Reply::status(200) }
    }

    /// The same with `Eth-Consensus-Version`.
    pub fn version(mut self, fork: ForkName) -> Reply {
        self.version = Some(fork);
        self
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// What becomes of a request: an answer, or the promise of one.
#[derive(Clone, Debug)]
pub enum Served {
    /// The answer.
    Now(Reply),
    /// It waits for the execution engine: the answer will be among a core's effects under this name.
    Later(CallId),
}

impl From<Reply> for Served {
    fn from(reply: Reply) -> Served {
        Served::Now(reply)
    }
}

impl From<crate::chain::Error> for Refusal {
    fn from(error: crate::chain::Error) -> Refusal {
        Refusal::from(&error)
    }
}

impl From<&crate::chain::Error> for Refusal {
    fn from(error: &crate::chain::Error) -> Refusal {
        use crate::chain::Error;
        let status = match error {
            Error::NotFound { .. } => 404,
            Error::BadRequest(_) | Error::TooEarly { .. } => 400,
            Error::TooFar { .. } | Error::Optimistic { .. } | Error::Engine { .. } => 503,
            Error::Produce { .. } | Error::Spec { .. } | Error::Database { .. } | Error::Rows(_) => 500,
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Response {
        Response {
            status: reply.status,
            content_type: match reply.media {
                Media::Json => ContentType::Json,
                Media::Ssz => ContentType::Ssz,
                Media::Text | Media::Metrics | Media::EventStream => ContentType::Text,
            },
            consensus_version: reply.version.map(|fork| fork.name().to_string()),
            headers: reply.headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
            body: reply.body,
        }
    }
}

/// The metadata that answers about a state or block carry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meta {
    /// Whether the execution engine has not yet called valid what is answered.
    pub optimistic: bool,
    /// Whether what is answered is at or before the finalized checkpoint, on its chain.
    pub finalized: bool,
    /// The fork, where the standard puts `version` into the body.
    pub version: Option<ForkName>,
    /// The root that the answer depends on, for duties.
    pub dependent_root: Option<Root>,
}

impl Meta {
    /// The fields before `data` of an answer about a state or block.
    pub fn fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(fork) = self.version {
            fields.insert("version".into(), fork.name().into());
        }
        fields.insert("execution_optimistic".into(), self.optimistic.into());
        fields.insert("finalized".into(), self.finalized.into());
        fields
    }

    /// The fields before `data` of an answer about duties.
    pub fn duty_fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(root) = self.dependent_root {
            fields.insert("dependent_root".into(), root.to_string().into());
        }
        fields.insert("execution_optimistic".into(), self.optimistic.into());
        fields
    }
}

/// Why a request was not served; rendered as the standard's `ErrorMessage` or `IndexedErrorMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status, 4xx or 5xx.
    pub status: u16,
    /// What was wrong and what is accepted.
    pub message: String,
    /// For lists of objects: the index and reason of each that failed.
    pub failures: Vec<(usize, String)>,
}

impl Refusal {
    /// A refusal with any status.
    pub fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), failures: Vec::new() }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(404, message)
    }

    /// 503: the execution engine has not validated what the answer would build upon.
    pub fn optimistic() -> Refusal {
        Refusal::new(503, "the head is optimistic: the execution engine has not validated it; try again later")
    }

    /// 503: the node is behind.
    pub fn syncing() -> Refusal {
        Refusal::new(503, "the beacon node is syncing and does not serve this endpoint yet; try again later")
    }

    /// 500: a bug or a broken database.
    pub fn internal(message: impl Into<String>) -> Refusal {
        Refusal::new(500, message)
    }

    /// 400 with the failed items of a list.
    pub fn failures(failures: Vec<(usize, String)>, of: usize) -> Refusal {
        let message = format!("{} of {of} objects were refused", failures.len());
        Refusal { status: 400, message, failures }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        let mut body = json!({ "code": refusal.status, "message": refusal.message });
        if !refusal.failures.is_empty() {
            let list = refusal.failures.iter().map(|(index, message)| json!({ "index": index, "message": message }));
            body["failures"] = Value::Array(list.collect());
        }
        Reply { status: refusal.status, ..Reply::json(&body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_standards_body() {
        let reply = Reply::from(Refusal::not_found("no such state"));
        assert_eq!(reply.status, 404);
        assert_eq!(reply.body, br#"{"code":404,"message":"no such state"}"#);
        let reply = Reply::from(Refusal::failures(vec![(3, "invalid signature".into())], 5));
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(body["failures"], json!([{ "index": 3, "message": "invalid signature" }]));
        assert_eq!(body["code"], 400);
    }

    #[test]
    fn a_chain_that_slept_too_long_is_unavailable_not_broken() {
        let error = crate::chain::Error::TooFar { root: Root::default(), from: 3, to: 9003 };
        let refusal = Refusal::from(error);
        assert_eq!(refusal.status, 503);
        assert!(refusal.message.contains("9000 slots"), "{}", refusal.message);
    }

    #[test]
    fn metadata_comes_first_and_only_where_it_belongs() {
        let reply = Reply::with_meta(Meta { finalized: true, ..Meta::default() }.fields(), json!(1));
        assert_eq!(reply.body, br#"{"execution_optimistic":false,"finalized":true,"data":1}"#);
        let meta = Meta { dependent_root: Some(Root::default()), ..Meta::default() };
        assert!(!meta.duty_fields().contains_key("finalized"));
    }
}
