//! Requests and answers of the Beacon API as plain data, and the [`Transport`] that carries them. A server turns what
//! came over its socket into a [`Request`] and a [`Response`] into bytes; the simulation hands them over directly.
//!
//! Nothing here does I/O, and nothing here knows a path of the standard.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Name of the header that tells the fork of an SSZ body (and, for some endpoints, of a JSON body).
pub const CONSENSUS_VERSION: &str = "Eth-Consensus-Version";
/// Name of the header that tells whether a produced block is blinded.
pub const PAYLOAD_BLINDED: &str = "Eth-Execution-Payload-Blinded";

/// The two verbs that the standard uses for the endpoints we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Post => "POST",
        })
    }
}

/// What a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    #[default]
    Empty,
    /// UTF-8 JSON text.
    Json(Vec<u8>),
    /// SSZ bytes; the fork is in [`Request::consensus_version`].
    Ssz(Vec<u8>),
}

/// The encoding that the asker prefers. A server that lacks it may answer with the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    #[default]
    Json,
    Ssz,
}

/// One question to a beacon node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// Absolute path without query, e.g. `/eth/v1/node/version`; not percent-encoded.
    pub path: String,
    /// Query parameters in order, not percent-encoded; a name may appear more than once.
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub accept: Accept,
    /// The fork that the body belongs to (`Eth-Consensus-Version`).
    pub consensus_version: Option<String>,
}

impl Request {
    /// A GET that asks for JSON.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            query: Vec::new(),
            body: Body::Empty,
            accept: Accept::Json,
            consensus_version: None,
        }
    }

    /// A POST without a body.
    pub fn post(path: impl Into<String>) -> Self {
        Self { method: Method::Post, ..Self::get(path) }
    }

    /// The same with one more query parameter.
    pub fn with_query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same with a JSON body.
    pub fn with_json(mut self, value: &serde_json::Value) -> Self {
        self.body = Body::Json(value.to_string().into_bytes());
        self
    }

    /// The same with an SSZ body of the named fork.
    pub fn with_ssz(mut self, version: &str, bytes: Vec<u8>) -> Self {
        self.body = Body::Ssz(bytes);
        self.with_version(version)
    }

    /// The same with the fork of its body named.
    pub fn with_version(mut self, version: &str) -> Self {
        self.consensus_version = Some(version.to_owned());
        self
    }

    /// The same, preferring SSZ in the answer.
    pub fn accepting_ssz(mut self) -> Self {
        self.accept = Accept::Ssz;
        self
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of an array parameter: the standard allows both `a=1&a=2` and `a=1,2`.
    pub fn query_values(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    /// The query string without `?`, percent-encoded; empty if there are no parameters.
    pub fn encoded_query(&self) -> String {
        let pairs = self.query.iter().map(|(key, value)| format!("{}={}", percent_encode(key), percent_encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// `GET /path?query`, for logs and errors.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match self.query.is_empty() {
            true => Ok(()),
            false => write!(f, "?{}", shortened(&self.encoded_query(), 120)),
        }
    }
}

/// The encoding of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    Json,
    Ssz,
    Text,
}

/// One answer of a beacon node, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    pub content_type: ContentType,
    /// The fork of the answer (`Eth-Consensus-Version`).
    pub consensus_version: Option<String>,
    /// Further `Eth-*` headers, such as `Eth-Execution-Payload-Blinded`.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// 200 with a JSON body.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(200, ContentType::Json, body),
            Err(error) => Self::error(500, format!("the answer can't be written as JSON: {error}")),
        }
    }

    /// 200 with an SSZ body of the named fork.
    pub fn ssz(version: &str, body: Vec<u8>) -> Self {
        Self::new(200, ContentType::Ssz, body).with_version(version)
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self::new(status, ContentType::Text, Vec::new())
    }

    /// The standard's error body.
    pub fn error(status: u16, message: impl Into<String>) -> Self {
        Self::failures(status, message, Vec::new())
    }

    /// The standard's error body for a request of many items, with the items that failed.
    pub fn failures(status: u16, message: impl Into<String>, failures: Vec<IndexedFailure>) -> Self {
        let body = ErrorBody { code: status, message: message.into(), failures, stacktraces: Vec::new() };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        Self::new(status, ContentType::Json, bytes)
    }

    fn new(status: u16, content_type: ContentType, body: Vec<u8>) -> Self {
        Self { status, content_type, consensus_version: None, headers: Vec::new(), body }
    }

    /// The same with the fork named in its header.
    pub fn with_version(mut self, version: &str) -> Self {
        self.consensus_version = Some(version.to_owned());
        self
    }

    /// The value of one of [`Response::headers`], by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a failed answer says: the standard's body if it is one, else the beginning of its text.
    pub fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| ErrorBody {
            code: self.status,
            message: shortened(String::from_utf8_lossy(&self.body).trim(), 300),
            failures: Vec::new(),
            stacktraces: Vec::new(),
        })
    }
}

/// The standard's `ErrorMessage` and `IndexedErrorMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The HTTP status, or a more specific code of the node's own.
    #[serde(default, deserialize_with = "lenient_code")]
    pub code: u16,
    pub message: String,
    /// Which items of the request failed, for endpoints that take many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<IndexedFailure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacktraces: Vec<String>,
}

/// One failed item of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedFailure {
    /// Position of the item in the request.
    #[serde(with = "super::quoted::number")]
    pub index: u64,
    pub message: String,
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { "(no message)" } else { &self.message })?;
        for (count, failure) in self.failures.iter().enumerate() {
            if count == 3 {
                return write!(f, "; and {} more", self.failures.len() - count);
            }
            write!(f, "; item {}: {}", failure.index, shortened(&failure.message, 200))?;
        }
        Ok(())
    }
}

/// Some nodes quote the code, some have codes beyond 16 bits.
fn lenient_code<'de, D: serde::Deserializer<'de>>(input: D) -> Result<u16, D::Error> {
    let value = super::quoted::number::deserialize(input)?;
    Ok(u16::try_from(value).unwrap_or(u16::MAX))
}

/// Carries a request to a beacon node and brings its answer back, whatever the status.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Fails only if there was no answer at all.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{request} at {url}: {kind}{}", if .detail.is_empty() { String::new() } else { format!(" ({})", .detail) })]
pub struct TransportError {
    /// `METHOD /path?query`.
    pub request: String,
    /// The node's base URL, or its name in the simulation.
    pub url: String,
    pub kind: TransportErrorKind,
    /// What the layer below said; may be empty.
    pub detail: String,
}

/// The kinds of silence that a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// Nothing listens there: the node is not up (yet, or any more).
    Refused,
    /// The host name does not resolve or the network does not reach it.
    Unreachable,
    /// No complete answer within the time allowed.
    Timeout,
    /// The answer is larger than allowed.
    TooLarge,
    /// The connection broke or what came back is not HTTP.
    Broken,
    /// The address itself is unusable.
    BadUrl,
}

impl fmt::Display for TransportErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => {
                "connection refused: no beacon node listens there; is it started, and is this its REST port?"
            }
            Self::Unreachable => "can't reach that host; check the name and the network",
            Self::Timeout => "no answer in time; the node is overloaded or stuck",
            Self::TooLarge => "the answer is larger than allowed",
            Self::Broken => "the connection broke before the answer was complete",
            Self::BadUrl => "unusable address; give it as http://HOST:PORT",
        })
    }
}

/// The text, cut at `limit` characters.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Encodes everything but RFC 3986's unreserved characters and the comma, which the standard uses between values.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_parameters_come_in_both_notations() {
        let request = Request::get("/x").with_query("topics", "head,block").with_query("topics", "chain_reorg");
        assert_eq!(request.query_values("topics"), ["head", "block", "chain_reorg"]);
        assert_eq!(request.query_value("topics"), Some("head,block"));
        assert_eq!(request.to_string(), "GET /x?topics=head,block&topics=chain_reorg");
    }

    #[test]
    fn query_is_percent_encoded() {
        let request = Request::get("/x").with_query("a b", "c&d=é");
        assert_eq!(request.encoded_query(), "a%20b=c%26d%3D%C3%A9");
    }

    #[test]
    fn error_bodies_of_every_dialect_are_read() {
        let standard = Response::error(404, "State not found");
        assert_eq!(standard.error_body().to_string(), "State not found");
        assert_eq!(String::from_utf8_lossy(&standard.body), r#"{"code":404,"message":"State not found"}"#);

        let mut odd = Response::empty(500);
        odd.body = br#"{"code":"500","message":"boom","failures":[{"index":"1","message":"bad"}]}"#.to_vec();
        assert_eq!(odd.error_body().to_string(), "boom; item 1: bad");
        odd.body = br#"{"statusCode":500,"error":"x","message":"no code"}"#.to_vec();
        assert_eq!(odd.error_body().message, "no code");
        odd.body = b"<html>oops</html>".to_vec();
        assert_eq!(odd.error_body().message, "<html>oops</html>");
        odd.body = vec![0xff; 1000];
        assert!(odd.error_body().message.chars().count() <= 303);
    }
}
