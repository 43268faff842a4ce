//! HTTP's side of the Beacon API: from a request's head to an [`api::Request`](crate::api::Request), and from a
//! [`Reply`] to a response. Content negotiation lives here. This file NEVER opens a socket or touches the chain.

use axum::extract::Query;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode, Uri, header};
use axum::response::Response;

use crate::api::gzip::{GunzipError, gunzip};
use crate::api::http::CONSENSUS_VERSION;
use crate::api::{Accept, Body, Method, Request};
use crate::node::rest::{self, Found, Media, Refusal, Reply, events};

/// Longest body that is read: far above a full block as JSON.
pub const MAX_BODY: usize = 16 << 20;

/// How a request's body is encoded, by its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Json,
    Ssz,
    Other,
}

/// A request without its body.
#[derive(Debug)]
pub struct Head {
    request: Request,
    encoding: Encoding,
    gzipped: bool,
}

/// Reads a request's head; the error is the answer to give instead.
pub fn read_head(method: &HttpMethod, uri: &Uri, headers: &HeaderMap) -> Result<Head, Reply> {
    let path = percent_decoded(uri.path());
    let method = match *method {
        HttpMethod::GET | HttpMethod::HEAD => Some(Method::Get),
        HttpMethod::POST => Some(Method::Post),
        _ => None,
    };
    let (method, ssz) = match rest::find(method, &path) {
        Found::Route(route, _) => (route.method, route.ssz),
        other => return Err(rest::no_route(&other, &path)),
    };
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Refusal::bad_request(format!("the query can't be read: {error}")))?;
    let accept = if path == events::PATH || path == "/metrics" { Accept::Json } else { negotiate(headers, ssz)? };
    let consensus_version = match headers.get(CONSENSUS_VERSION) {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|_| Refusal::bad_request("Eth-Consensus-Version is not ASCII text"))?;
            Some(text.trim().to_string())
        }
    };
    let request = Request { method, path, query, body: Body::Empty, accept, consensus_version };
    Ok(Head { request, encoding: encoding(headers), gzipped: is_gzipped(headers)? })
}

impl Head {
    /// Adds the body.
    pub fn with_body(self, bytes: Vec<u8>) -> Result<Request, Reply> {
        let Head { mut request, encoding, gzipped } = self;
        let bytes = if gzipped { unzipped(&bytes)? } else { bytes };
        request.body = match encoding {
            _ if bytes.is_empty() => Body::Empty,
            Encoding::Json => Body::Json(bytes),
            Encoding::Ssz => Body::Ssz(bytes),
            Encoding::Other => {
                return Err(Refusal::new(
                    415,
                    "this content type can't be read; accepted: application/json, and application/octet-stream where \
                     the standard has SSZ",
                )
                .into());
            }
        };
        Ok(request)
    }

    /// Whether a body may follow that the route reads.
    pub fn takes_body(&self) -> bool {
        self.request.method == Method::Post
    }
}

fn encoding(headers: &HeaderMap) -> Encoding {
    // Some clients leave the header out; then it is JSON, as nearly everything in this API.
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Encoding::Json };
    let text = value.to_str().unwrap_or("").to_ascii_lowercase();
    match text.split(';').next().map(str::trim) {
        Some("application/json") => Encoding::Json,
        Some("application/octet-stream") => Encoding::Ssz,
        _ => Encoding::Other,
    }
}

/// Whether the body is compressed; 415 for another way than gzip.
fn is_gzipped(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match value.to_str().unwrap_or("").trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(Refusal::new(415, "this content encoding can't be read; accepted: identity, gzip")),
    }
}

fn unzipped(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    gunzip(bytes, MAX_BODY).map_err(|error| match error {
        GunzipError::TooLong => Refusal::new(413, format!("the unzipped body is longer than {MAX_BODY} bytes")),
        GunzipError::Broken(why) => Refusal::bad_request(format!("the body is no gzip: {why}")),
    })
}

/// The encoding to answer in: what `Accept` weighs highest of what the route offers, JSON on a tie.
fn negotiate(headers: &HeaderMap, offers_ssz: bool) -> Result<Accept, Refusal> {
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.is_empty() {
        return Ok(Accept::Json);
    }
    let weight = |media: &str| {
        let family = media.split('/').next().unwrap_or("");
        let ranges = values.iter().flat_map(|value| value.split(',')).filter_map(range);
        // The most specific range decides.
        ranges
            .filter_map(|(name, weight)| match name.as_str() {
                name if name == media => Some((2, weight)),
                name if name.strip_suffix("/*") == Some(family) => Some((1, weight)),
                "*/*" => Some((0, weight)),
                _ => None,
            })
            .max()
            .map_or(0, |(_, weight)| weight)
    };
    let json = weight("application/json");
    let ssz = if offers_ssz { weight("application/octet-stream") } else { 0 };
    match (json, ssz) {
        (0, 0) => {
            let offer = if offers_ssz { "application/json and application/octet-stream" } else { "application/json" };
            Err(Refusal::new(
                406,
                format!("none of the accepted media types is served here; this endpoint has {offer}"),
            ))
        }
        (json, ssz) if ssz > json => Ok(Accept::Ssz),
        _ => Ok(Accept::Json),
    }
}

/// One element of `Accept`: the media range, and its weight in thousandths.
fn range(element: &str) -> Option<(String, u32)> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = match quality {
        None => 1000,
        Some(text) => {
            text.trim().parse::<f64>().ok().filter(|q| (0.0..=1.0).contains(q)).map(|q| (q * 1000.0) as u32)?
        }
    };
    Some((name, weight))
}

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_string();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        at += if decoded.is_some() { 3 } else { 1 };
        out.push(decoded.unwrap_or(byte));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The HTTP response of a reply.
pub fn respond(reply: Reply) -> Response {
    let empty = reply.body.is_empty();
    let mut response = Response::new(axum::body::Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !empty || reply.media == Media::EventStream {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.media.content_type()));
    }
    if let Some(fork) = reply.version {
        headers.insert(HeaderName::from_static("eth-consensus-version"), HeaderValue::from_static(fork.name()));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Request, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("name"),
                HeaderValue::from_str(value).expect("value"),
            );
        }
        let method = HttpMethod::from_bytes(method.as_bytes()).expect("method");
        let head = read_head(&method, &uri.parse().expect("uri"), &map).map_err(|reply| reply.status)?;
        head.with_body(b"{}".to_vec()).map_err(|reply| reply.status)
    }

    #[test]
    fn accept_is_negotiated_by_weight() {
        let block = "/eth/v2/beacon/blocks/head";
        let accept = |value: &str| head("GET", block, &[("accept", value)]).map(|request| request.accept);
        assert_eq!(head("GET", block, &[]).map(|request| request.accept), Ok(Accept::Json));
        assert_eq!(accept("application/octet-stream"), Ok(Accept::Ssz));
        assert_eq!(accept("application/octet-stream;q=1.0,application/json;q=0.9"), Ok(Accept::Ssz));
        assert_eq!(accept("application/octet-stream;q=0.5, application/json"), Ok(Accept::Json));
        assert_eq!(accept("*/*"), Ok(Accept::Json));
        assert_eq!(accept("application/*;q=0.2, application/json;q=0"), Ok(Accept::Ssz));
        assert_eq!(accept("text/html"), Err(406));
        assert_eq!(accept("application/json;q=nonsense"), Err(406));
        let json_only = |value: &str| head("GET", "/eth/v1/beacon/genesis", &[("accept", value)]).map(|r| r.accept);
        assert_eq!(json_only("application/octet-stream"), Err(406));
        assert_eq!(json_only("application/octet-stream, application/json;q=0.1"), Ok(Accept::Json));
        assert_eq!(head("GET", "/metrics", &[("accept", "text/plain")]).map(|r| r.accept), Ok(Accept::Json));
    }

    #[test]
    fn bodies_are_read_by_their_content_type() {
        let post =
            |kind: &str| head("POST", "/eth/v2/beacon/blocks", &[("content-type", kind)]).map(|request| request.body);
        assert_eq!(post("application/json; charset=utf-8"), Ok(Body::Json(b"{}".to_vec())));
        assert_eq!(post("application/octet-stream"), Ok(Body::Ssz(b"{}".to_vec())));
        assert_eq!(post("text/xml"), Err(415));
        assert_eq!(head("POST", "/eth/v2/beacon/blocks", &[]).map(|r| r.body), Ok(Body::Json(b"{}".to_vec())));
    }

    #[test]
    fn zipped_bodies_are_unzipped_and_other_codings_refused() {
        let post = |coding: &str, bytes: Vec<u8>| {
            let headers = HeaderMap::from_iter([(
                header::CONTENT_ENCODING,
                HeaderValue::from_str(coding).expect("a header value"),
            )]);
            let uri = "/eth/v2/beacon/blocks".parse().expect("uri");
            let head = read_head(&HttpMethod::POST, &uri, &headers).map_err(|reply| reply.status)?;
            head.with_body(bytes).map(|request| request.body).map_err(|reply| reply.status)
        };
        let zip = crate::api::gzip::tests::zip;
        assert_eq!(post("gzip", zip(b"[1]")), Ok(Body::Json(b"[1]".to_vec())));
        assert_eq!(post("identity", b"[1]".to_vec()), Ok(Body::Json(b"[1]".to_vec())));
        assert_eq!(post("gzip", b"[1]".to_vec()), Err(400));
        assert_eq!(post("gzip", zip(&vec![0; MAX_BODY + 1])), Err(413));
        assert_eq!(post("br", b"[1]".to_vec()), Err(415));
    }

    #[test]
    fn paths_queries_and_methods_are_checked_before_the_body() {
        assert_eq!(head("GET", "/nowhere", &[]), Err(404));
        assert_eq!(head("DELETE", "/eth/v1/node/version", &[]), Err(405));
        assert_eq!(head("POST", "/eth/v1/node/version", &[]), Err(405));
        assert!(head("HEAD", "/eth/v1/node/version", &[]).is_ok());
        let request =
            head("GET", "/eth/v1/beacon/states/he%61d/validators?id=1,2&id=3%2C4&status=active", &[]).expect("ok");
        assert_eq!(request.path, "/eth/v1/beacon/states/head/validators");
        assert_eq!(request.query_values("id"), ["1", "2", "3", "4"]);
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
        assert_eq!(percent_decoded("a%ffb"), "a\u{fffd}b");
    }
}
