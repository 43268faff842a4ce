//! `roles:` and `nodes:`: who plays what, and who has which validators.

use super::super::Options;
use super::super::error::{Error, Source};
use super::super::plan::{KeyRange, Network, Node, Start};
use super::super::raw::{At, RawNetwork, RawNode, RawValidators, Word};
use super::scope::Scope;
use super::{NAME_RULE, is_name};
use std::collections::BTreeMap;

/// More validators than a run on one machine can have.
const MAX_VALIDATORS: u64 = 1 << 22;
/// Folders of a run directory that are no node's.
const RESERVED: [&str; 2] = ["all", "network"];

/// Roles with the client that plays each: the file's, or the command line's where it casts anew.
pub(super) fn cast(
    source: Source<'_>,
    raw: &At<BTreeMap<String, Word>>,
    options: &Options,
) -> Result<BTreeMap<String, String>, Error> {
    let names = || raw.value.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if raw.value.is_empty() {
        return Err(source.error(raw, "no role is declared; accepted: `roles: { A: lockin }`"));
    }
    let mut roles = BTreeMap::new();
    for (role, client) in &raw.value {
        if let Some(clients) = &options.clients
            && !clients.contains(&client.value)
        {
            let message = format!("no client is named `{}`; accepted: {}", client.value, clients.join(", "));
            return Err(source.error(client, message));
        }
        roles.insert(role.clone(), client.value.clone());
    }
    for (role, client) in &options.roles {
        if let Some(clients) = &options.clients
            && !clients.contains(client)
        {
            let accepted = clients.join(", ");
            return Err(Error::Usage(format!("--role {role}={client}: no client has that name; accepted: {accepted}")));
        }
        match roles.get_mut(role) {
            Some(played_by) => played_by.clone_from(client),
            None => {
                let file = source.file;
                return Err(Error::Usage(format!("--role {role}={client}: {file} has the roles {}", names())));
            }
        }
    }
    Ok(roles)
}

/// The nodes, and into `network` the number of validators.
pub(super) fn resolve(
    source: Source<'_>,
    raw: &At<Vec<At<RawNode>>>,
    roles: &BTreeMap<String, String>,
    raw_network: &RawNetwork,
    network: &mut Network,
) -> Result<Vec<Node>, Error> {
    if raw.value.is_empty() {
        return Err(source.error(raw, "a network without nodes; accepted: `- { name: a0, role: A, validators: 16 }`"));
    }
    let mut nodes: Vec<Node> = Vec::with_capacity(raw.value.len());
    for node in &raw.value {
        let node = one(source, &node.value, roles, &nodes)?;
        nodes.push(node);
    }
    let total = deal(source, raw, &mut nodes)?;
    network.genesis.validators = match &raw_network.genesis.validators {
        None => total,
        Some(word) => {
            let given: u64 = word.value.parse().map_err(|_| {
                source.error(word, format!("`{}` is no number of validators; accepted: `64`", word.value))
            })?;
            if given < total {
                let message = format!("genesis has {given} validators, the nodes run those up to number {}", total - 1);
                return Err(source.error(word, message));
            }
            given
        }
    };
    if network.genesis.validators == 0 {
        return Err(source.error(raw, "no node has validators; accepted: `validators: 16` at one node or more"));
    }
    if network.genesis.validators > MAX_VALIDATORS {
        return Err(source.error(raw, format!("more than {MAX_VALIDATORS} validators; accepted: fewer")));
    }
    Ok(nodes)
}

fn one(source: Source<'_>, raw: &RawNode, roles: &BTreeMap<String, String>, before: &[Node]) -> Result<Node, Error> {
    let name = &raw.name.value;
    if !is_name(name) || RESERVED.contains(&name.as_str()) {
        return Err(source.error(&raw.name, format!("`{name}` is no name for a node; {NAME_RULE}; not all, network")));
    }
    if before.iter().any(|node| node.name.eq_ignore_ascii_case(name)) {
        return Err(source.error(&raw.name, format!("a second node named `{name}`; names differ in more than case")));
    }
    let client = roles.get(&raw.role.value).ok_or_else(|| {
        let declared: Vec<_> = roles.keys().map(String::as_str).collect();
        source.error(&raw.role, format!("no role is named `{}`; accepted: {}", raw.role.value, declared.join(", ")))
    })?;
    let start = match raw.start.as_ref().map(|word| (word, word.value.as_str())) {
        None | Some((_, "genesis")) => Start::Genesis,
        Some((_, "later")) => Start::Later,
        Some((word, other)) => {
            return Err(source.error(word, format!("`{other}` is no start; accepted: genesis, later")));
        }
    };
    Ok(Node {
        name: name.clone(),
        role: raw.role.value.clone(),
        client: client.clone(),
        validators: Vec::new(),
        start,
        args: raw.args.clone(),
    })
}

/// Ranges as written, then counts in the order of the nodes out of what is left. Gives one past the highest index.
fn deal(source: Source<'_>, raw: &At<Vec<At<RawNode>>>, nodes: &mut [Node]) -> Result<u64, Error> {
    let mut taken: Vec<(KeyRange, String)> = Vec::new();
    let with_validators = |n: usize| raw.value[n].value.validators.as_ref();
    for (n, node) in nodes.iter_mut().enumerate() {
        let Some(at) = with_validators(n) else { continue };
        let RawValidators::Listed(words) = &at.value else { continue };
        for word in words {
            let range = KeyRange::parse(&word.value).filter(|range| range.end <= MAX_VALIDATORS).ok_or_else(|| {
                let message = format!("`{}` are no validators; accepted: `16`, `0..16`, `[0, 2, 8..12]`", word.value);
                source.error_in(word, at, message)
            })?;
            if let Some((other, owner)) = taken.iter().find(|(other, _)| overlap(*other, range)) {
                let both = KeyRange { start: other.start.max(range.start), end: other.end.min(range.end) };
                let message =
                    format!("validators {both} run on `{owner}` already; one validator on two nodes is slashed");
                return Err(source.error_in(word, at, message));
            }
            taken.push((range, node.name.clone()));
            node.validators.push(range);
        }
        node.validators.sort_by_key(|range| range.start);
    }
    let mut next = 0;
    for (n, node) in nodes.iter_mut().enumerate() {
        let Some(at) = with_validators(n) else { continue };
        let RawValidators::Count(count) = at.value else { continue };
        if count > MAX_VALIDATORS {
            return Err(source.error(at, format!("{count} validators; accepted: up to {MAX_VALIDATORS}")));
        }
        let mut wanted = count;
        while wanted > 0 {
            if let Some((range, _)) = taken.iter().find(|(range, _)| range.range().contains(&next)) {
                next = range.end;
                continue;
            }
            let free = taken.iter().map(|(range, _)| range.start).filter(|start| *start > next).min();
            let end = free.unwrap_or(u64::MAX).min(next + wanted);
            node.validators.push(KeyRange { start: next, end });
            wanted -= end - next;
            next = end;
        }
    }
    Ok(nodes.iter().flat_map(|node| &node.validators).map(|range| range.end).max().unwrap_or(0))
}

fn overlap(a: KeyRange, b: KeyRange) -> bool {
    a.start < b.end && b.start < a.end
}

/// A node that starts later and that no step starts is a mistake.
pub(super) fn all_are_started(source: Source<'_>, raw: &At<Vec<At<RawNode>>>, scope: &Scope<'_>) -> Result<(), Error> {
    let idle = raw.value.iter().find(|node| !scope.ever_up.contains(&node.value.name.value));
    match idle {
        None => Ok(()),
        Some(node) => {
            let name = &node.value.name;
            Err(source.error(name, format!("no step starts `{}`; add `- start: {}`", name.value, name.value)))
        }
    }
}
