//! The Engine API's client: asks a real engine, or `lockin engine`, over HTTP.
//!
//! Spec: execution-apis `src/engine/`. It asks once and says what came back: no retries, no state. It never goes through
//! a proxy, never follows a redirect, and never reads more of an answer than allowed.

mod transactions;

use super::call::{Answer, Call, Failure};
use super::json::{self, JsonRpcError, MAX_REQUESTED, answer_from, code, pow_block_from, request};
use super::jwt::Secret;
use super::rpc::TELL;
use super::stub::Say;
use crate::ssz::{JsonError, Preset, Uint256};
use crate::time::{Clock, WallClock};
use crate::types::PowBlock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Largest answer taken: as many blobs as may be asked for at once, in hex, with room to spare.
const MAX_BODY: usize = MAX_REQUESTED << 19;
/// Longest walk back to the terminal block.
const MAX_WALK: usize = 1024;
/// Longest piece of an engine's message that is kept, in characters.
const MAX_MESSAGE: usize = 500;
/// For what the Engine API gives 1 s; it allows clients to wait longer.
const SHORT: Duration = Duration::from_secs(2);

/// How long to wait for the answer: the spec's timeout of the method, or more.
pub fn patience(call: &Call) -> Duration {
    match call {
        Call::NewPayload(_) | Call::ForkchoiceUpdated { .. } => Duration::from_secs(8),
        Call::GetPayload { .. } | Call::GetBlobs { .. } => SHORT,
        Call::PowBlock { .. } | Call::TerminalPowBlock { .. } => SHORT,
    }
}

/// `ClientVersionV1`: who the other side is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClientVersion {
    /// Two letters.
    pub code: String,
    /// For people.
    pub name: String,
    /// As the client writes it.
    pub version: String,
    /// The first four bytes of its commit, in hex.
    pub commit: String,
}

impl ClientVersion {
    /// Ours.
    pub fn own() -> Self {
        Self {
            code: "LK".into(),
            name: "lockin".into(),
            version: concat!("v", env!("CARGO_PKG_VERSION")).into(),
            commit: "0x00000000".into(),
        }
    }
}

/// To one engine. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    secret: Secret,
    preset: &'static Preset,
    http: reqwest::Client,
    next_id: Arc<AtomicU64>,
}

/// An address that can't be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url} is no address of an engine: {why}; give it as http://HOST:PORT")]
pub struct BadUrl {
    url: String,
    why: String,
}

impl Client {
    /// To the engine at `url`, e.g. `http://127.0.0.1:8551`, on a network of this preset.
    ///
    /// # Errors
    /// Anything that is no plain HTTP address.
    pub fn new(url: &str, secret: Secret, preset: &'static Preset) -> Result<Self, BadUrl> {
        let bad = |why: String| BadUrl { url: url.chars().take(200).collect(), why };
        let parsed = reqwest::Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if parsed.scheme() != "http" {
            return Err(bad(format!("only http is spoken, not {}", parsed.scheme())));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(SHORT)
            .pool_max_idle_per_host(4)
            .user_agent(concat!("lockin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { url: url.to_owned(), secret, preset, http, next_id: Arc::new(AtomicU64::new(1)) })
    }

    /// The engine's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks one question.
    ///
    /// # Errors
    /// No answer in time, an error, or an answer that can't be read.
    pub async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        if let Call::TerminalPowBlock { terminal_total_difficulty } = call {
            return self.terminal_pow_block(*terminal_total_difficulty).await.map(Answer::PowBlock);
        }
        let (method, params) = request(call);
        let result = self.ask(&method, params, patience(call)).await?;
        answer_from(self.preset, call, &result).map_err(|error| malformed(&method, &error))
    }

    /// `engine_exchangeCapabilities`: the methods that the engine has, told those that we use.
    pub async fn exchange_capabilities(&self, ours: &[&str]) -> Result<Vec<String>, Failure> {
        let method = "engine_exchangeCapabilities";
        let result = self.ask(method, json!([ours]), SHORT).await?;
        let name = |value: &Value| {
            value.as_str().map(str::to_owned).ok_or_else(|| JsonError::expected("the name of a method", value))
        };
        json::elements(&result, 1024, name).map_err(|error| malformed(method, &error))
    }

    /// `engine_getClientVersionV1`: who the engine is; several, if it stands for several.
    pub async fn client_version(&self) -> Result<Vec<ClientVersion>, Failure> {
        let method = "engine_getClientVersionV1";
        let result = self.ask(method, json!([ClientVersion::own()]), SHORT).await?;
        serde_json::from_value(result).map_err(|error| malformed(method, &JsonError::Invalid(error.to_string())))
    }

    /// `eth_getBlockByNumber(0)`: what [`super::genesis::header_from_block_json`] reads.
    pub async fn genesis_block(&self) -> Result<Value, Failure> {
        self.ask("eth_getBlockByNumber", json!(["0x0", false]), SHORT).await
    }

    /// Tells the embedded engine what to answer from now on, or, with `None`, to go by its script again. No other engine
    /// can be told.
    pub async fn tell(&self, say: Option<Say>) -> Result<(), Failure> {
        self.ask(TELL, json!([say]), SHORT).await.map(drop)
    }

    /// Spec: bellatrix `get_pow_block_at_terminal_total_difficulty`.
    async fn terminal_pow_block(&self, difficulty: Uint256) -> Result<Option<PowBlock>, Failure> {
        let read = |method: &str, block: &Value| match block {
            Value::Null => Ok(None),
            block => pow_block_from(block).map(Some).map_err(|error| malformed(method, &error)),
        };
        let method = "eth_getBlockByNumber";
        let latest = self.ask(method, json!(["latest", false]), SHORT).await?;
        let Some(mut block) = read(method, &latest)? else { return Ok(None) };
        for _ in 0..MAX_WALK {
            if block.total_difficulty < difficulty {
                return Ok(None);
            }
            let method = "eth_getBlockByHash";
            let parent = self.ask(method, json!([block.parent_hash, false]), SHORT).await?;
            match read(method, &parent)? {
                Some(parent) if parent.total_difficulty >= difficulty => block = parent,
                _ => return Ok(Some(block)),
            }
        }
        Err(Failure::Malformed(format!("no terminal block within {MAX_WALK} blocks")))
    }

    /// Asks any method; the `result` of the answer.
    async fn ask(&self, method: &str, params: Value, patience: Duration) -> Result<Value, Failure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let unreachable = |why: String| Failure::Unreachable(format!("{method} at {}: {why}", self.url));
        match tokio::time::timeout(patience, self.post(body.to_string())).await {
            Err(_) => Err(unreachable(format!("no answer within {} s", patience.as_secs()))),
            Ok(Err(why)) => Err(unreachable(why)),
            Ok(Ok((status, body))) => read_answer(method, status, &body),
        }
    }

    async fn post(&self, body: String) -> Result<(u16, Vec<u8>), String> {
        let token = self.secret.token(WallClock.now_ms() / 1000);
        let sent = self.http.post(&self.url).bearer_auth(token).header("Content-Type", "application/json");
        let mut response = sent.body(body).send().await.map_err(|error| cause(&error))?;
        let status = response.status().as_u16();
        let mut out = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
            if out.len() + chunk.len() > MAX_BODY {
                return Err(format!("the answer is longer than {MAX_BODY} bytes"));
            }
            out.extend_from_slice(&chunk);
        }
        Ok((status, out))
    }
}

fn malformed(method: &str, error: &JsonError) -> Failure {
    Failure::Malformed(format!("{method}: {error}"))
}

fn read_answer(method: &str, status: u16, body: &[u8]) -> Result<Value, Failure> {
    let bounded = |text: &str| text.chars().take(MAX_MESSAGE).collect::<String>();
    if matches!(status, 401 | 403) {
        let said = bounded(String::from_utf8_lossy(body).trim());
        let message = format!("HTTP {status}: {said}; have both sides the same JWT secret, and the same time?");
        return Err(Failure::Refused { code: status.into(), message });
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
        return Err(Failure::Malformed(format!("{method}: HTTP {status} without JSON")));
    };
    if let Some(error) = json::optional(&answer, "error") {
        let number = error.get("code").and_then(Value::as_i64).unwrap_or(code::SERVER_ERROR);
        let text = error.get("message").and_then(Value::as_str).unwrap_or("(no message)");
        let error = JsonRpcError::new(number, bounded(text));
        return Err(Failure::Refused { code: error.code, message: error.message });
    }
    // A result may be null: what is missing altogether is not.
    let result = answer.get_mut("result").map(Value::take);
    result.ok_or_else(|| malformed(method, &JsonError::Missing("result")))
}

/// The innermost cause, which says most.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The methods that [`Client::call`] may use on a network up to fulu.
pub const METHODS: &[&str] = &[
    "engine_newPayloadV1",
    "engine_newPayloadV2",
    "engine_newPayloadV3",
    "engine_newPayloadV4",
    "engine_forkchoiceUpdatedV1",
    "engine_forkchoiceUpdatedV2",
    "engine_forkchoiceUpdatedV3",
    "engine_getPayloadV1",
    "engine_getPayloadV2",
    "engine_getPayloadV3",
    "engine_getPayloadV4",
    "engine_getPayloadV5",
    "engine_getBlobsV1",
    "engine_getBlobsV2",
    "engine_getClientVersionV1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Result<Value, Failure> {
        read_answer("m", status, body.as_bytes())
    }

    #[test]
    fn answers_errors_and_rubbish_are_told_apart() {
        assert_eq!(of(200, r#"{"jsonrpc":"2.0","id":1,"result":null}"#), Ok(Value::Null));
        assert_eq!(of(200, r#"{"result":"0x1","error":null}"#), Ok(json!("0x1")));
        let refused = of(200, r#"{"error":{"code":-38001,"message":"Unknown payload"}}"#);
        assert_eq!(refused, Err(Failure::Refused { code: -38001, message: "Unknown payload".into() }));
        assert!(matches!(of(401, "bad token"), Err(Failure::Refused { code: 401, .. })));
        for rubbish in ["", "{}", "[]", "<html>"] {
            assert!(matches!(of(200, rubbish), Err(Failure::Malformed(_))), "{rubbish}");
        }
    }

    #[test]
    fn only_plain_http_is_spoken() {
        let new = |url| Client::new(url, Secret::new([1; 32]), Preset::minimal());
        assert!(new("http://127.0.0.1:8551").is_ok());
        assert!(new("https://127.0.0.1:8551").is_err() && new("127.0.0.1").is_err());
    }
}
