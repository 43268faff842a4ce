//! `latency`: what these nodes send to others takes longer.
//!
//! ```yaml
//! - latency: { node: b0, by: 200ms, jitter: 50ms, for: 2 epochs }
//! - latency: { node: all, by: 1s }      # to the end of the run
//! ```

use super::lasting::{Lasting, nodes};
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Duration, Span};
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// More than any slot.
const MOST_MS: u64 = 60_000;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    by: Word,
    #[serde(default)]
    jitter: Option<Word>,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Whose messages, how much longer, for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// So much longer.
    pub by: Duration,
    /// Up to so much more or less, each time anew.
    pub jitter: Duration,
    /// `None`: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let by: Duration = scope.read(&raw.by)?;
    if by.0 > MOST_MS {
        return Err(scope.source.error(&raw.by, "accepted: up to 1m; nothing that late is of use to anybody"));
    }
    let jitter = scope.read_optional(raw.jitter.as_ref())?.unwrap_or(Duration(0));
    if let Some(word) = raw.jitter.as_ref().filter(|_| jitter.0 > by.0) {
        return Err(scope.source.error(word, format!("accepted: up to {by}, as nothing arrives before it was sent")));
    }
    let span = scope.read_optional(raw.span.as_ref())?;
    Ok(Plan { node: nodes("latency", &raw.node, span, scope)?, by, jitter, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Latency { nodes: self.node.clone(), ms: self.by.0, jitter_ms: self.jitter.0 };
        Lasting::boxed("latency", format!("delayed {} by {}", self.node.join(", "), self.by), fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Latency)
    }
}
