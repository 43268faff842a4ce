//! The real [`Transport`]: HTTP/1.1 through reqwest, plain text, straight to the address given. It never goes through
//! a proxy (nodes are on loopback or a private network, and a proxy's answer would be taken for theirs), never follows
//! a redirect, never asks for compression (and undoes gzip where it comes unasked), and never reads more of a body than
//! allowed.

use super::events::{Event, EventError, Parser};
use super::gzip::{GunzipError, gunzip};
use super::http::{
    Accept, Body, CONSENSUS_VERSION, ContentType, Method, Request, Response, Transport, TransportError,
    TransportErrorKind, shortened,
};
use async_trait::async_trait;
use futures::stream::{self, Stream, StreamExt};
use std::time::Duration;

/// Largest answer taken unless told otherwise: a mainnet state of a million validators fits.
const MAX_BODY: usize = 512 << 20;

/// How long an answer may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// HTTP to one beacon node.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    /// Without a trailing slash.
    base: String,
    timeout: Duration,
    max_body: usize,
    http: ::reqwest::Client,
}

/// What ends or interrupts an event stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("the beacon node refused the subscription with HTTP status {status}: {message}")]
    Refused { status: u16, message: String },
}

impl HttpTransport {
    /// To the node at `base`, e.g. `http://127.0.0.1:5052`.
    pub fn new(base: &str) -> Result<Self, TransportError> {
        Self::with_limits(base, TIMEOUT, MAX_BODY)
    }

    /// The same with a limit on the time of a whole answer, and on its size in bytes.
    pub fn with_limits(base: &str, timeout: Duration, max_body: usize) -> Result<Self, TransportError> {
        let bad = |detail: String| TransportError {
            request: "connect".into(),
            url: base.to_owned(),
            kind: TransportErrorKind::BadUrl,
            detail,
        };
        let url = ::reqwest::Url::parse(base).map_err(|error| bad(error.to_string()))?;
        if url.scheme() != "http" {
            return Err(bad(format!("only http is spoken, not {}", url.scheme())));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must not have a query".into()));
        }
        let http = ::reqwest::Client::builder()
            .no_proxy()
            .redirect(::reqwest::redirect::Policy::none())
            .connect_timeout(timeout.min(Duration::from_secs(5)))
            .pool_max_idle_per_host(4)
            .user_agent(concat!("lockin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(chain_of(&error)))?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), timeout, max_body, http })
    }

    /// The node's address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Subscribes to topics of `/eth/v1/events`. The stream ends when the node ends it, or after an error of the
    /// connection; an event that can't be read is an error in its place and the stream goes on.
    pub async fn events(
        &self,
        topics: &[&str],
    ) -> Result<impl Stream<Item = Result<Event, StreamError>> + Send + use<>, StreamError> {
        let request = topics.iter().fold(Request::get("/eth/v1/events"), |to, topic| to.with_query("topics", topic));
        let builder = self.builder(&request).header("Accept", "text/event-stream");
        // without a limit: some nodes (Lodestar) send not even the status before the first event
        let response = builder.send().await.map_err(|error| self.failure(&request, &error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let body = self.read_body(&request, response).await?;
            let answer = Response { body, ..Response::empty(status) };
            return Err(StreamError::Refused { status, message: answer.error_body().to_string() });
        }
        let this = self.clone();
        let chunks = response.bytes_stream().map(move |chunk| chunk.map_err(|error| this.failure(&request, &error)));
        Ok(chunks
            .scan((Parser::default(), false), |(parser, ended), chunk| {
                if *ended {
                    return std::future::ready(None);
                }
                let items: Vec<Result<Event, StreamError>> = match chunk {
                    Ok(bytes) => {
                        parser.push(&bytes).into_iter().map(|event| event.map_err(StreamError::from)).collect()
                    }
                    Err(error) => vec![Err(error.into())],
                };
                *ended = items.iter().any(|item| {
                    matches!(item, Err(StreamError::Transport(_) | StreamError::Event(EventError::TooLong)))
                });
                std::future::ready(Some(stream::iter(items)))
            })
            .flatten())
    }

    fn builder(&self, request: &Request) -> ::reqwest::RequestBuilder {
        let query = request.encoded_query();
        let separator = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{separator}{query}", self.base, request.path);
        let builder = match request.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        builder.header("Accept-Encoding", "identity")
    }

    fn build(&self, request: &Request) -> ::reqwest::RequestBuilder {
        let mut builder = self.builder(request).timeout(self.timeout).header(
            "Accept",
            match request.accept {
                Accept::Json => "application/json",
                Accept::Ssz => "application/octet-stream;q=1,application/json;q=0.9",
            },
        );
        if let Some(version) = &request.consensus_version {
            builder = builder.header(CONSENSUS_VERSION, version);
        }
        match &request.body {
            Body::Empty => builder,
            Body::Json(bytes) => builder.header("Content-Type", "application/json").body(bytes.clone()),
            Body::Ssz(bytes) => builder.header("Content-Type", "application/octet-stream").body(bytes.clone()),
        }
    }

    async fn read_body(&self, request: &Request, mut response: ::reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let too_large = || self.error(request, TransportErrorKind::TooLarge, format!("{} bytes", self.max_body));
        if response.content_length().is_some_and(|length| length > self.max_body as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(request, &error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn error(&self, request: &Request, kind: TransportErrorKind, detail: String) -> TransportError {
        TransportError { request: request.to_string(), url: self.base.clone(), kind, detail }
    }

    fn failure(&self, request: &Request, error: &::reqwest::Error) -> TransportError {
        let detail = chain_of(error);
        let kind = if error.is_timeout() {
            TransportErrorKind::Timeout
        } else if is_refused(error) {
            TransportErrorKind::Refused
        } else if error.is_connect() {
            TransportErrorKind::Unreachable
        } else if error.is_builder() {
            TransportErrorKind::BadUrl
        } else {
            TransportErrorKind::Broken
        };
        self.error(request, kind, detail)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let response = self.build(&request).send().await.map_err(|error| self.failure(&request, &error))?;
        let status = response.status().as_u16();
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let consensus_version = text(CONSENSUS_VERSION);
        let content_type = match text("content-type").unwrap_or_default() {
            kind if kind.starts_with("application/json") => ContentType::Json,
            kind if kind.starts_with("application/octet-stream") => ContentType::Ssz,
            _ => ContentType::Text,
        };
        let zipped = text("content-encoding").is_some_and(|coding| coding.trim().eq_ignore_ascii_case("gzip"));
        let further = response.headers().iter().filter(|(name, _)| name.as_str().starts_with("eth-"));
        let headers = further.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let mut body = self.read_body(&request, response).await?;
        if zipped && !body.is_empty() {
            body = gunzip(&body, self.max_body).map_err(|error| match error {
                GunzipError::TooLong => {
                    self.error(&request, TransportErrorKind::TooLarge, format!("{} bytes", self.max_body))
                }
                GunzipError::Broken(why) => self.error(&request, TransportErrorKind::Broken, why),
            })?;
        }
        Ok(Response { status, content_type, consensus_version, headers, body })
    }
}

/// An error's causes in one line, without the URL, which is told apart.
fn chain_of(error: &::reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    shortened(&causes.join(": "), 300)
}

fn is_refused(error: &::reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        source = cause.source();
    }
    false
}
