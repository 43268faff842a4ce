//! `pause`: nodes do nothing at all, as if their machine slept, until the step's time is over or until [`resume`].
//!
//! ```yaml
//! - pause: { node: b0, for: 4 slots }
//! - pause: { node: [a1, b1] }         # until a step `resume`
//! ```
//!
//! [`resume`]: super::resume

use super::lasting::Lasting;
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Which nodes, and for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// `None`: until a step resumes them.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let node = scope.names(Some(&raw.node), &[])?;
    if let Some(down) = node.iter().find(|name| !scope.up.contains(*name)) {
        return Err(scope.source.error(&raw.node, format!("`{down}` does not run at this point")));
    }
    if let Some(paused) = node.iter().find(|name| scope.paused.contains(*name)) {
        return Err(scope.source.error(&raw.node, format!("`{paused}` is paused already at this point")));
    }
    let span = scope.read_optional(raw.span.as_ref())?;
    if span.is_none() {
        scope.paused.extend(node.iter().cloned());
    }
    Ok(Plan { node, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Pause { nodes: self.node.clone() };
        Lasting::boxed("pause", format!("paused {}", self.node.join(", ")), fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Pause)
    }
}
