//! `roles:` and `nodes:`: who plays what, and who has which validators.

use super::super::Options;
use super::super::error::{Error, Source};
use super::super::plan::{Link, Network, Node};
use super::super::raw::{At, RawNode, RawScenario, Word};
use super::scope::Scope;
use crate::engine::Script;
use crate::engine::stub::BlobPlan;
use crate::topology::{self, EnginePlan, NodeSpec, Start, TopologyError, Validators};
use crate::types::FAR_FUTURE_EPOCH;
use std::collections::BTreeMap;

/// Whose engine a node has if its player names none.
pub(in crate::scenario) const EMBEDDED: &str = "lockin";
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
        if let Some(unknown) = unknown(&client.value, options) {
            return Err(source.error(client, unknown));
        }
        roles.insert(role.clone(), client.value.clone());
    }
    for (role, client) in &options.roles {
        if let Some(unknown) = unknown(client, options) {
            return Err(Error::Usage(format!("--role {role}={client}: {unknown}")));
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

/// Why a player is none, where the names of all clients are known.
fn unknown(player: &str, options: &Options) -> Option<String> {
    let clients = options.clients.as_ref()?;
    let Players { client, validator, engine } = players(player);
    let mut names = [Some(client), validator, Some(engine)].into_iter().flatten();
    let name = names.find(|name| !clients.iter().any(|client| client == name))?;
    Some(format!("no client is named `{name}`; accepted: {}", clients.join(", ")))
}

/// Lays the nodes out: who has which validators, who dials whom. The number of validators goes into `network`.
pub(super) fn resolve(
    source: Source<'_>,
    raw: &RawScenario,
    roles: &BTreeMap<String, String>,
    network: &mut Network,
) -> Result<(Vec<Node>, Vec<Link>), Error> {
    let specs = specs(source, raw, roles, network)?;
    network.genesis.validators = validators(source, raw, &specs)?;
    let links = raw.links.as_ref().map(|links| links.value.clone()).unwrap_or_default();
    // the seed makes the nodes' keys, which the plan does not hold
    let laid = network
        .genesis_plan()
        .and_then(|genesis| Ok((genesis, network.config()?)))
        .map_err(|why| source.error(&raw.nodes, why.to_string()))
        .and_then(|(genesis, config)| {
            topology::lay_out(&raw.name.value, 0, config, genesis, &specs, &links).map_err(|why| at(source, raw, &why))
        })?;
    let nodes = laid.nodes.into_iter().zip(&raw.nodes.value).map(|(node, raw)| Node {
        name: node.name,
        role: raw.value.role.value.clone(),
        client: node.client,
        validator: node.validator,
        engine: node.engine,
        validators: node.validators,
        start: node.start,
        config: node.config,
    });
    Ok((nodes.collect(), laid.edges.into_iter().map(|edge| (edge.from, edge.to)).collect()))
}

fn specs(
    source: Source<'_>,
    raw: &RawScenario,
    roles: &BTreeMap<String, String>,
    network: &Network,
) -> Result<Vec<NodeSpec>, Error> {
    let has_payloads = network.has_payloads();
    let blobs = raw.network.blobs.as_ref();
    if let Some(blobs) = blobs.filter(|_| network.config().is_ok_and(|cfg| cfg.deneb_fork_epoch == FAR_FUTURE_EPOCH)) {
        return Err(source.error(blobs, "blobs come with deneb, which this network never reaches"));
    }
    if let Some(blobs) = blobs {
        let script = Script { blobs: Some(blobs.value), ..Script::default() };
        script.check().map_err(|why| source.error(blobs, why))?;
    }
    if raw.nodes.value.is_empty() {
        let accepted = "accepted: `- { name: a0, role: A, validators: 16 }`";
        return Err(source.error(&raw.nodes, format!("a network without nodes; {accepted}")));
    }
    let spec = |node: &At<RawNode>| {
        let mut spec = spec(source, &node.value, roles)?;
        spec.config = config(source, &node.value, network)?;
        spec.engine = engine(source, &node.value, roles, blobs.map(|blobs| blobs.value))?.filter(|_| has_payloads);
        if let Some(script) = node.value.engine.as_ref().filter(|_| !has_payloads) {
            return Err(source.error(script, "this network never has execution payloads; nobody asks an engine"));
        }
        Ok(spec)
    };
    raw.nodes.value.iter().map(spec).collect()
}

/// The execution engine of a node: its player's, told what the node and the network say.
fn engine(
    source: Source<'_>,
    raw: &RawNode,
    roles: &BTreeMap<String, String>,
    blobs: Option<BlobPlan>,
) -> Result<Option<EnginePlan>, Error> {
    let Some(player) = roles.get(&raw.role.value) else { return Ok(None) };
    let client = players(player).engine.to_owned();
    let mut script = raw.engine.as_ref().map(|script| script.value.clone()).unwrap_or_default();
    if let Some(at) = &raw.engine {
        script.check().map_err(|why| source.error(at, why))?;
        if client != EMBEDDED {
            return Err(source.error(at, format!("only the engine of `{EMBEDDED}` can be told what to answer")));
        }
    }
    // the engine of another client builds what it likes
    script.blobs = script.blobs.or(blobs).filter(|_| client == EMBEDDED);
    Ok(Some(EnginePlan { client, script }))
}

/// The clients that a player is made of.
struct Players<'a> {
    client: &'a str,
    validator: Option<&'a str>,
    engine: &'a str,
}

/// Reads `lockin`, `prysm+geth` (with that execution client), `prysm/lockin` (with that client's validator), or both.
fn players(player: &str) -> Players<'_> {
    let (consensus, engine) = player.split_once('+').unwrap_or((player, EMBEDDED));
    // a path to a definition has slashes of its own
    let is_path = [".yaml", ".yml"].iter().any(|end| consensus.ends_with(end));
    match consensus.split_once('/').filter(|_| !is_path) {
        Some((client, validator)) => Players { client, validator: Some(validator), engine },
        None => Players { client: consensus, validator: None, engine },
    }
}

fn spec(source: Source<'_>, raw: &RawNode, roles: &BTreeMap<String, String>) -> Result<NodeSpec, Error> {
    let name = &raw.name.value;
    if RESERVED.contains(&name.as_str()) {
        return Err(source.error(&raw.name, format!("`{name}` has a meaning of its own; choose another name")));
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
    Ok(NodeSpec {
        name: name.clone(),
        role: Some(raw.role.value.clone()),
        client: players(client).client.to_owned(),
        validator: players(client).validator.map(str::to_owned),
        engine: None,
        validators: raw.validators.as_ref().map(|at| at.value.clone()).unwrap_or_default(),
        start,
        config: BTreeMap::new(),
    })
}

/// What a node has of its own in its configuration: accepted as the configuration itself accepts it.
fn config(source: Source<'_>, raw: &RawNode, network: &Network) -> Result<BTreeMap<String, String>, Error> {
    let mut config = network.config().map_err(|why| source.error(&raw.name, why.to_string()))?;
    for (key, word) in &raw.config {
        config.set(key, &word.value).map_err(|why| source.error(word, why.to_string()))?;
    }
    Ok(raw.config.iter().map(|(key, word)| (key.clone(), word.value.clone())).collect())
}

/// How many validators genesis has: as written, or as many as the nodes need.
fn validators(source: Source<'_>, raw: &RawScenario, specs: &[NodeSpec]) -> Result<u64, Error> {
    let (mut sum, mut end) = (0u64, 0u64);
    for spec in specs {
        match &spec.validators {
            Validators::Count(count) => sum = sum.saturating_add(*count),
            Validators::Ranges(ranges) => {
                for range in ranges {
                    sum = sum.saturating_add(range.count());
                    end = end.max(range.end);
                }
            }
        }
    }
    let total = match &raw.network.genesis.validators {
        // counts fill the gaps between ranges first
        None => sum.max(end),
        Some(word) => word
            .value
            .parse()
            .map_err(|_| source.error(word, format!("`{}` is no number of validators; accepted: `64`", word.value)))?,
    };
    if sum == 0 {
        let accepted = "accepted: `validators: 16` at one node or more";
        return Err(source.error(&raw.nodes, format!("no node has validators; {accepted}")));
    }
    if total > MAX_VALIDATORS {
        return Err(source.error(&raw.nodes, format!("{total} validators; accepted: up to {MAX_VALIDATORS}")));
    }
    Ok(total)
}

/// An error of the layout, at the place in the file that it is about.
fn at(source: Source<'_>, raw: &RawScenario, why: &TopologyError) -> Error {
    let named = |name: &str| raw.nodes.value.iter().rev().find(|node| node.value.name.value == name);
    let message = why.to_string();
    match why {
        TopologyError::NoNodes => source.error(&raw.nodes, message),
        TopologyError::BadName(name) | TopologyError::SameName(name) => match named(name) {
            Some(node) => source.error(&node.value.name, message),
            None => source.error(&raw.nodes, message),
        },
        TopologyError::OutOfRange { node: name, .. }
        | TopologyError::Overlap { second: name, .. }
        | TopologyError::TooMany { node: name, .. } => {
            match named(name).and_then(|node| node.value.validators.as_ref()) {
                Some(validators) => source.error(validators, message),
                None => source.error(&raw.nodes, message),
            }
        }
        TopologyError::UnknownNode { .. } | TopologyError::SelfLink(_) | TopologyError::LinkedTwice(..) => {
            match &raw.links {
                Some(links) => source.error(links, message),
                None => source.error(&raw.nodes, message),
            }
        }
    }
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
