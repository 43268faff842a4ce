//! `bandwidth`: each of these nodes sends others no more than so much.
//!
//! ```yaml
//! - bandwidth: { node: b0, at_most: 500 kbit/s, for: 2 epochs }
//! - bandwidth: { node: all, at_most: 2 Mbit/s }      # to the end of the run
//! ```

use super::lasting::{Lasting, nodes};
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Rate, Span};
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: At<RawNames>,
    at_most: Word,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Who, how much, for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// Each.
    pub at_most: Rate,
    /// `None`: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let at_most = scope.read(&raw.at_most)?;
    let span = scope.read_optional(raw.span.as_ref())?;
    Ok(Plan { node: nodes("bandwidth", &raw.node, span, scope)?, at_most, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Bandwidth { nodes: self.node.clone(), kbit_per_s: self.at_most.0 };
        let says = format!("held {} to {}", self.node.join(", "), self.at_most);
        Lasting::boxed("bandwidth", says, fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Bandwidth)
    }
}
