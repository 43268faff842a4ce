//! The images that a network's programs are in, by what their clients' definitions say. Never: looks whether they are there.

use super::{Node, Seat, Setting, definition};
use crate::{client::ClientDef, image, runtime::Error, ssz::Root, topology::NetworkPlan};
use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

/// The image of a role of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The node's name.
    pub node: String,
    /// The role.
    pub role: String,
    /// Whose it is.
    pub client: String,
    /// The image, as the definition names it.
    pub reference: String,
}

/// The reference of a role's image: that of its definition, or the embedded client's own.
pub fn reference(def: &ClientDef, image: Option<&str>) -> Option<String> {
    image.map(str::to_owned).or_else(|| def.embedded.then(image::reference))
}

/// The images of all programs of a network whose nodes see their folder at `inside`.
///
/// # Errors
/// A definition that names none, or whose templates can't be filled in.
pub fn images_of(
    plan: &NetworkPlan,
    clients: &BTreeMap<String, ClientDef>,
    inside: &Path,
    runtime: &'static str,
) -> Result<Vec<Needed>, Error> {
    let nowhere = |name: &str| Seat {
        folder: name.into(),
        inside: inside.to_owned(),
        listen: Ipv4Addr::UNSPECIFIED,
        address: Ipv4Addr::LOCALHOST,
    };
    let mut nodes = BTreeMap::new();
    for node in &plan.nodes {
        let defs = &mut |client: &str| definition(clients, client, runtime);
        nodes.insert(node.name.clone(), Node::new(node.clone(), defs, nowhere(&node.name), &mut || Ok(1))?);
    }
    let setting = Setting {
        plan: plan.clone(),
        genesis_time: 0,
        validators_root: Root::ZERO,
        lockin: Some(image::BINARY.into()),
        log_level: "info".to_owned(),
    };
    let mut needed = Vec::new();
    for (name, node) in &nodes {
        for (role, _) in node.roles() {
            let (def, command) = (node.def_of(role), node.command(&setting, &nodes, role)?);
            let client = def.name.clone();
            let Some(reference) = reference(def, command.image.as_deref()) else {
                let why = format!("its role `{role}` names no image; name one: --image {client}.{role}=REF");
                return Err(Error::Unsupported { client, runtime, why });
            };
            needed.push(Needed { node: name.clone(), role: role.to_owned(), client, reference });
        }
    }
    Ok(needed)
}
