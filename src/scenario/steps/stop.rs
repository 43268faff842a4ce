//! `stop`: nodes ended in good order, as an operator would.
//!
//! ```yaml
//! - stop: b1
//! ```

use super::{Action, AtOnce, Begin, Ctx, Running};
use crate::scenario::error::Error;
use crate::scenario::raw::{At, RawNames};
use crate::scenario::resolve::Scope;

/// As written.
pub type Raw = At<RawNames>;

/// The nodes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan(
    /// By name, in this order.
    pub Vec<String>,
);

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let nodes = scope.names(Some(raw), &[])?;
    for node in &nodes {
        if !scope.up.remove(node) {
            return Err(scope.source.error(raw, format!("`{node}` does not run at this point")));
        }
        scope.paused.remove(node);
    }
    Ok(Plan(nodes))
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        Box::new(AtOnce { done: "stopped", nodes: self.0.clone(), action: Action::Stop })
    }
}
