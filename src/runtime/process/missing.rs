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
    time::UNIX_EPOCH,
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

/// The program of a client's role as it is on disk: its size and when it changed. `lockin` is the embedded client's.
pub(super) fn stamp(def: &ClientDef, role: &str, lockin: Option<&Path>) -> Vec<u8> {
    let Some(program) = def.roles.get(role).and_then(|role| role.program.as_deref()) else { return Vec::new() };
    let own = lockin.filter(|_| program.contains("{{ lockin }}")).map(Path::to_owned);
    let file = own.or_else(|| found(program)).and_then(|path| path.metadata().ok());
    let changed = file.as_ref().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let size = file.map_or(0, |file| file.len()).to_le_bytes();
    [&size[..], &changed.unwrap_or_default().as_nanos().to_le_bytes()].concat()
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
