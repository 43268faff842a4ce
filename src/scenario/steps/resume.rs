//! `resume`: paused nodes go on.
//!
//! ```yaml
//! - resume: b0
//! ```

use super::lasting::Mending;
use super::{Begin, Ctx, Running};
use crate::runtime::Fault;
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
        if !scope.paused.remove(node) {
            let message = format!("`{node}` is not paused at this point; a pause with a `for` ends by itself");
            return Err(scope.source.error(raw, message));
        }
    }
    Ok(Plan(nodes))
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Pause { nodes: self.0.clone() };
        Box::new(Mending { verb: "pause", says: format!("resumed {}", self.0.join(", ")), fault })
    }
}
