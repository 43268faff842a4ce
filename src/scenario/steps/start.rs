//! `start`: nodes that do not run, started.
//!
//! ```yaml
//! - start: late
//! - start: [a1, b1]
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
        if !scope.up.insert(node.clone()) {
            let message =
                format!("`{node}` runs already at this point; nodes with `start: later` and stopped ones do not");
            return Err(scope.source.error(raw, message));
        }
        scope.ever_up.insert(node.clone());
    }
    Ok(Plan(nodes))
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        Box::new(AtOnce { done: "started", nodes: self.0.clone(), action: Action::Start })
    }
}
