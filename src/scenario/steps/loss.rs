//! `loss`: packets between these nodes and all others are lost, in either direction.
//!
//! ```yaml
//! - loss: { node: b0, share: 10%, for: 2 epochs }
//! - loss: { node: all, share: 1% }      # to the end of the run
//! ```

use super::lasting::{Lasting, nodes};
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Percent, Span};
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    share: Word,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Whose packets, how many, for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// Of all packets.
    pub share: Percent,
    /// `None`: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let share: Percent = scope.read(&raw.share)?;
    if !(1..=99).contains(&share.0) {
        return Err(scope.source.error(&raw.share, "accepted: `1%` to `99%`; to lose everything is a `partition`"));
    }
    let span = scope.read_optional(raw.span.as_ref())?;
    Ok(Plan { node: nodes("loss", &raw.node, span, scope)?, share, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Loss { nodes: self.node.clone(), percent: self.share.0 };
        Lasting::boxed(
            "loss",
            format!("lost {} of the packets of {}", self.share, self.node.join(", ")),
            fault,
            self.span,
        )
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Loss)
    }
}
