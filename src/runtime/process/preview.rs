//! The command lines of a network as this runtime would start it, without starting or writing anything.

use super::on_loopback;
use crate::{
    client::{ClientDef, Command},
    runtime::{
        Error,
        node::{Node, Setting, definition},
    },
    topology::NetworkPlan,
    types::BeaconState,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Ports that are shown are counted from here.
const FIRST_PORT: u16 = 20_000;

/// One program as it would be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The node's name.
    pub node: String,
    /// Whose program it is.
    pub client: String,
    /// The role that it plays.
    pub role: String,
    /// Its data folder.
    pub data: PathBuf,
    /// The command.
    pub command: Command,
}

/// Every program of a network with the definitions `clients`, in the order of their start, in a run directory `dir`
/// that need not be there.
///
/// # Errors
/// A client without a definition, or a template that names what there is not.
pub fn preview(
    plan: &NetworkPlan,
    clients: &BTreeMap<String, ClientDef>,
    genesis: &BeaconState,
    dir: &Path,
    log_level: &str,
) -> Result<Vec<Shown>, Error> {
    let mut port = FIRST_PORT;
    let mut free = || {
        port = port.checked_add(1).ok_or_else(|| Error::Other("more ports than there are".to_owned()))?;
        Ok(port - 1)
    };
    let mut nodes = BTreeMap::new();
    for node in &plan.nodes {
        let seat = on_loopback(dir.join(&node.name));
        let defs = &mut |client: &str| definition(clients, client, "process");
        let prepared = Node::new(node.clone(), defs, seat, &mut free)?;
        nodes.insert(node.name.clone(), prepared);
    }
    let setting = Setting {
        plan: plan.clone(),
        genesis_time: genesis.genesis_time,
        validators_root: genesis.genesis_validators_root,
        lockin: Some("lockin".into()),
        log_level: log_level.to_owned(),
    };
    let mut shown = Vec::new();
    for node in plan.nodes.iter().filter_map(|node| nodes.get(&node.name)) {
        for (role, _) in node.roles() {
            let (def, command) = (node.def_of(role), node.command(&setting, &nodes, role)?);
            let (node_name, client, data) = (node.plan.name.clone(), def.name.clone(), node.data(role));
            shown.push(Shown { node: node_name, client, role: role.to_owned(), data, command });
        }
    }
    Ok(shown)
}
