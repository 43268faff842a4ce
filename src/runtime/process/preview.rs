//! The command lines of a network as this runtime would start it, without starting or writing anything.

use super::{Node, Setting, definition};
use crate::{
    client::{ClientDef, Command},
    runtime::Error,
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
        let folder = dir.join(&node.name);
        let prepared = Node::new(node.clone(), &mut |client| definition(clients, client), folder, &mut free)?;
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
            let def = node.def_of(role);
            let rendered = def.render(role, &setting.context(&nodes, node, role));
            let command =
                rendered.map_err(|source| Error::Client { node: node.plan.name.clone(), source: Box::new(source) })?;
            let (node_name, client, data) = (node.plan.name.clone(), def.name.clone(), node.data(role));
            shown.push(Shown { node: node_name, client, role: role.to_owned(), data, command });
        }
    }
    Ok(shown)
}
