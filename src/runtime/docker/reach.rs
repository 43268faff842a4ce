//! How the nodes of a network that was left up are reached.

use super::{
    container::NET,
    engine::{Engine, Thing},
    label::{NODE, PORT, REST, ROLE, RUN},
};
use crate::runtime::Error;
use std::collections::BTreeMap;

/// A node that is up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Its Beacon API.
    pub beacon: Option<String>,
    /// The Engine API of its execution client.
    pub engine: Option<String>,
    /// Its programs' containers, by role.
    pub containers: BTreeMap<String, String>,
}

/// The nodes of a run, by name.
///
/// # Errors
/// The engine does not say.
pub async fn reach(engine: &Engine, run: &str) -> Result<BTreeMap<String, Reached>, Error> {
    let mut nodes: BTreeMap<String, Reached> = BTreeMap::new();
    for Thing { name, labels, ports, .. } in engine.containers().await? {
        let (Some(node), Some(role)) = (labels.get(NODE), labels.get(ROLE)) else { continue };
        if labels.get(RUN).is_none_or(|id| id != run) {
            continue;
        }
        let node = nodes.entry(node.clone()).or_default();
        if role == NET {
            let url = |served: &str| {
                let inside: u16 = labels.get(&format!("{PORT}{served}"))?.parse().ok()?;
                Some(format!("http://127.0.0.1:{}", ports.get(&inside)?))
            };
            (node.beacon, node.engine) = (url(REST), url("engine"));
        } else {
            node.containers.insert(role.clone(), name);
        }
    }
    Ok(nodes)
}
