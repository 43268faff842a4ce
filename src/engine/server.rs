//! The stub behind HTTP: tokens are checked, requests handed to [`super::rpc`], scripted silences kept.
//!
//! This file NEVER decides what is answered.

use super::jwt::Secret;
use super::rpc::{self, Reply};
use super::stub::{Heard, Stub};
use crate::time::{Clock, WallClock};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// Largest request taken: a payload of the largest size that gossip carries, in hex, with room to spare.
const MAX_BODY: usize = 64 << 20;
/// How long a caller may take to send its request.
const BODY_TIME: Duration = Duration::from_secs(20);
/// How long the connection is held when no answer is to be given: longer than any caller waits.
const SILENCE: Duration = Duration::from_secs(60);

struct Served {
    stub: Mutex<Stub>,
    secret: Secret,
}

/// Serves `stub` to whoever has the secret, until it is dropped.
///
/// # Errors
/// What the listener says when it can't go on.
pub async fn serve(listener: TcpListener, stub: Stub, secret: Secret) -> std::io::Result<()> {
    let served = Arc::new(Served { stub: Mutex::new(stub), secret });
    axum::serve(listener, Router::new().fallback(answer).with_state(served)).await
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(why) = authorized(&served.secret, &parts.headers) {
        tracing::warn!("refused a request: {why}");
        return (StatusCode::UNAUTHORIZED, why).into_response();
    }
    if parts.method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let body = match tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    match served.ask(&body) {
        Reply::Now(value) => json(value.to_string()),
        Reply::Never => {
            tokio::time::sleep(SILENCE).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

impl Served {
    fn ask(&self, body: &[u8]) -> Reply {
        // A panic in the stub is a bug of its own and has been logged; what it kept is whole between two calls or stale.
        let mut stub = self.stub.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = rpc::answer(&mut stub, WallClock.now_ms(), body);
        stub.take_log().iter().for_each(log);
        reply
    }
}

fn log(heard: &Heard) {
    let Heard { method, hash, answer, .. } = heard;
    let hash = hash.map_or(String::new(), |hash| format!(" {hash}"));
    match answer.starts_with("Invalid") {
        true => tracing::info!("{method}{hash}: {answer}"),
        false => tracing::debug!("{method}{hash}: {answer}"),
    }
}

fn authorized(secret: &Secret, headers: &HeaderMap) -> Result<(), String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ").or(value.strip_prefix("bearer ")));
    let token = token.ok_or("no `Authorization: Bearer` token was sent")?;
    secret.verify(token.trim(), WallClock.now_ms() / 1000).map_err(|error| error.to_string())
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}
