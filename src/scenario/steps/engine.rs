//! `engine`: the execution engines of these nodes give one answer to everything, whatever their script says.
//!
//! ```yaml
//! - engine: { node: a1, answer: SYNCING, for: 4 slots }
//! - engine: { node: a1, answer: timeout }      # to the end of the run
//! ```
//!
//! `VALID`, `INVALID`, `SYNCING`, `ACCEPTED`, `timeout` (no answer) or `wrong_hash`, as in a node's `engine: { verdicts: ... }`,
//! which can tell slots and calls apart. Only the engine of `lockin` can be told.

use super::lasting::{Lasting, nodes};
use super::{Begin, Ctx, Running};
use crate::engine::stub::Say;
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::{EMBEDDED, Scope};

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    answer: Say,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Whose engines, what, for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// What they answer.
    pub answer: Say,
    /// `None`: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let span = scope.read_optional(raw.span.as_ref())?;
    let node = nodes("engine", &raw.node, span, scope)?;
    if let Some(down) = node.iter().find(|name| !scope.up.contains(*name)) {
        return Err(scope.source.error(&raw.node, format!("`{down}` does not run at this point")));
    }
    let deaf = |node: &&crate::scenario::Node| node.engine.as_ref().is_none_or(|engine| engine.client != EMBEDDED);
    let mut named = scope.nodes.iter().filter(|other| node.contains(&other.name));
    if let Some(deaf) = named.find(deaf) {
        let message = match &deaf.engine {
            None => "this network never has execution payloads; nobody asks an engine".to_owned(),
            Some(engine) => {
                let (name, client) = (&deaf.name, &engine.client);
                format!("`{name}` has the engine of `{client}`; only that of `{EMBEDDED}` can be told what to answer")
            }
        };
        return Err(scope.source.error(&raw.node, message));
    }
    Ok(Plan { node, answer: raw.answer, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Answer { nodes: self.node.clone(), say: self.answer };
        let says = format!("had the engine of {} answer {}", self.node.join(", "), self.answer);
        Lasting::boxed("engine", says, fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Answer)
    }
}
