//! `heal`: the end of a partition that was given no time.
//!
//! ```yaml
//! - heal
//! ```

use super::lasting::Mending;
use super::partition::shown;
use super::{Begin, Ctx, Running};
use crate::runtime::Fault;
use crate::scenario::error::Error;
use crate::scenario::raw::At;
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {}

/// Who can reach each other again.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// As they were kept apart.
    pub sides: Vec<Vec<String>>,
}

/// Reads it.
pub fn resolve(_: &Raw, at: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    match scope.parted.take() {
        Some(sides) => Ok(Plan { sides }),
        None => {
            let message = "the network is whole at this point; a partition with a `for` heals by itself";
            Err(scope.source.error(at, message))
        }
    }
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Partition { sides: self.sides.clone() };
        Box::new(Mending { verb: "partition", says: format!("healed {}", shown(&self.sides)), fault })
    }
}
