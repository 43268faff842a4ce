//! The HTTP server: one catch-all handler that reads a request, asks the core, and answers or streams.
//! This file NEVER knows a path.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{RunError, Shared, http, process, sse};
use crate::api::Request;
use crate::node::rest::events::Topics;
use crate::node::rest::{Media, Refusal, Reply, Served};

/// How long a caller may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(20);

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(answer).with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the HTTP server ended: {error}");
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    let request = match read(request).await {
        Ok(request) => request,
        Err(reply) => return http::respond(reply),
    };
    let reply = match shared.called(|shell| shell.serve(&request)) {
        Ok(Ok(reply)) => reply,
        // The core answers every call within a slot, unless the node ends first.
        Ok(Err(later)) => match later.await {
            Ok(reply) => reply,
            Err(_) => return ending(&RunError::Died("the node ended while a request waited")),
        },
        Err(error) => return ending(&error),
    };
    if reply.media == Media::EventStream && reply.status == 200 {
        return stream(&shared, &request, reply);
    }
    http::respond(reply)
}

/// The answer of a node that is broken and about to end.
fn ending(error: &RunError) -> Response {
    http::respond(Refusal::new(500, error.to_string()).into())
}

async fn read(request: HttpRequest) -> Result<Request, Reply> {
    let (parts, body) = request.into_parts();
    let head = http::read_head(&parts.method, &parts.uri, &parts.headers)?;
    if !head.takes_body() {
        return head.with_body(Vec::new());
    }
    let bytes = match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, http::MAX_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let message = format!("the body broke off, or is longer than {} bytes", http::MAX_BODY);
            return Err(Refusal::new(413, message).into());
        }
        Err(_) => return Err(Refusal::new(408, "the body did not come in time").into()),
    };
    head.with_body(bytes.into())
}

impl super::Shell {
    /// Serves one request, with the process's figures up to date. The error is where a later answer will come.
    fn serve(&mut self, request: &Request) -> Result<Reply, oneshot::Receiver<Reply>> {
        if request.path == "/metrics" {
            self.core.set_process(process::figures(self.started));
        }
        match self.with(|core, now_ms| core.serve(request, now_ms)) {
            Served::Now(reply) => Ok(reply),
            Served::Later(call) => {
                let (sender, receiver) = oneshot::channel();
                self.waiting.insert(call, sender);
                Err(receiver)
            }
        }
    }
}

/// Turns the core's consent into a stream.
fn stream(shared: &Shared, request: &Request, reply: Reply) -> Response {
    let topics = match Topics::parse(request.query_values("topics")) {
        Ok(topics) => topics,
        Err(refusal) => return http::respond(refusal.into()),
    };
    let receiver = match shared.shell() {
        Ok(mut shell) => shell.subscribers.add(topics),
        Err(error) => return ending(&error),
    };
    let Some(receiver) = receiver else {
        return http::respond(Refusal::new(503, "too many event streams are open; close some").into());
    };
    let mut response = http::respond(reply.header("cache-control", "no-store"));
    *response.body_mut() = sse::body(receiver);
    response
}
