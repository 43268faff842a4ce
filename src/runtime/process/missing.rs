//! Whether the programs of a network are on this machine, asked before anything starts.

use crate::{
    client::{ClientDef, ENGINE, VALIDATOR},
    runtime::Error,
    topology::{NetworkPlan, NodePlan},
};
use std::{
    collections::BTreeMap,
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The first program of a network that is not there. The embedded client's always is.
///
/// # Errors
/// It is missing; the message says how to name another.
pub fn check_programs(network: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> Result<(), Error> {
    for node in &network.nodes {
        for (def, role, program) in programs(node, clients) {
            if !program.contains("{{") && found(program).is_none() {
                let (node, client, role) = (node.name.clone(), def.name.clone(), role.to_owned());
                return Err(Error::ProgramMissing { node, client, role, program: program.to_owned() });
            }
        }
    }
    Ok(())
}

/// The programs that a node is made of, as their definitions name them.
fn programs<'a>(
    node: &'a NodePlan,
    clients: &'a BTreeMap<String, ClientDef>,
) -> impl Iterator<Item = (&'a ClientDef, &'a str, &'a str)> {
    let engine = node.engine.as_ref().map(|engine| (&engine.client, Some(ENGINE)));
    let validator = node.validator.as_ref().map(|client| (client, Some(VALIDATOR)));
    let others = engine.into_iter().chain(validator);
    others.chain([(&node.client, None)]).filter_map(|(name, only)| Some((clients.get(name)?, only))).flat_map(
        move |(def, only)| {
            let plays = move |role: &str| match only {
                Some(only) => role == only,
                None if role == VALIDATOR => node.validator.is_none() && !node.validators.is_empty(),
                None => role != ENGINE,
            };
            let roles = def.roles.iter().filter(move |(role, _)| plays(role));
            roles.filter_map(move |(role, process)| Some((def, role.as_str(), process.program.as_deref()?)))
        },
    )
}

/// Where a program is that can be started: at the path that it is named by, or in a folder of PATH.
pub fn found(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let folders: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    folders.into_iter().map(|folder| folder.join(program)).find(|path| runs(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_on_the_path_and_paths_where_they_lead() {
        assert!(found("sh").is_some() && found("/bin/sh").is_some());
        for missing in ["no-such-program-anywhere", "./sh", "/bin", "/etc/passwd"] {
            assert!(found(missing).is_none(), "{missing}");
        }
    }
}
