//! `skew`: the clocks of these nodes are ahead of everybody's, or behind.
//!
//! ```yaml
//! - skew: { node: b0, by: 500ms, for: 1 epoch }
//! - skew: { node: b0, by: -2s }      # behind, to the end of the run
//! ```

use super::lasting::{Lasting, nodes};
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Offset, Span};
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// More than any slot.
const MOST_MS: u64 = 3_600_000;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    by: Word,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Whose clocks, how far, for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// Ahead, or behind if it is negative.
    pub by: Offset,
    /// `None`: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let by: Offset = scope.read(&raw.by)?;
    if by.0.unsigned_abs() > MOST_MS {
        return Err(scope.source.error(&raw.by, "accepted: up to 1h ahead or behind"));
    }
    let span = scope.read_optional(raw.span.as_ref())?;
    Ok(Plan { node: nodes("skew", &raw.node, span, scope)?, by, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Skew { nodes: self.node.clone(), ms: self.by.0 };
        Lasting::boxed("skew", format!("set the clock of {} by {}", self.node.join(", "), self.by), fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Skew)
    }
}
