//! How long clients took on this machine until they answered, so that genesis comes neither before its nodes are ready
//! nor long after. One small file in the user's cache folder, by client, program and size of the network.
//!
//! Never: matters to a verdict. A file that can't be read or written is as good as none.

use crate::{
    client::{ClientDef, ENGINE, Role},
    runtime::Startup,
    topology::{NetworkPlan, NodePlan, Start},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

/// Starts that are remembered of each kind of node.
const REMEMBERED: usize = 5;
/// Kinds of nodes that are remembered: a file of a few kilobytes.
const MOST_KINDS: usize = 200;
/// No start is taken to be shorter until it was measured, milliseconds.
const SHORTEST_MS: u64 = 1_000;
/// Longest start of a program that declares none, milliseconds.
const WITHIN_MS: u64 = 30_000;

/// One start of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Took {
    /// Until its last program was started, milliseconds: so long the next node waits for its own start.
    start_ms: u64,
    /// Until it answered, milliseconds.
    ready_ms: u64,
}

/// What the program of a role of a client is on this machine: another file or image gives other bytes.
pub type Stamp<'a> = &'a dyn Fn(&ClientDef, &str) -> Vec<u8>;

/// The starts of one run's nodes.
#[derive(Debug, Default)]
pub struct Starts {
    /// Of earlier runs.
    pub times: StartTimes,
    /// How much longer than declared a program takes to start here, milliseconds.
    slower_ms: u64,
    /// Nodes that do not answer yet: when their start began, and how long their programs took to be started.
    starting: BTreeMap<String, (Instant, u64)>,
}

impl Starts {
    /// Where programs take so much longer than declared, milliseconds each.
    pub fn slower_by(slower_ms: u64) -> Self {
        Self { slower_ms, ..Self::default() }
    }

    /// How long the plan's nodes take to start: their programs one after the other, each node ready when it is.
    pub fn expected(&self, plan: &NetworkPlan, defs: &BTreeMap<String, ClientDef>, stamp: Stamp<'_>) -> Startup {
        let (mut begins, mut startup) = (0, Startup { expected_ms: 0, at_most_ms: 0 });
        let mut declared = Vec::new();
        for node in plan.nodes.iter().filter(|node| node.start == Start::Genesis) {
            let Some(clients) = Clients::of(node, defs) else { continue };
            let took = self.times.measured(&clients.kind(stamp, plan)).unwrap_or_else(|| {
                let Took { start_ms, ready_ms } = clients.declared();
                let more = clients.programs() * self.slower_ms;
                let took = Took { start_ms: start_ms + more, ready_ms: ready_ms + more };
                declared.push(took);
                took
            });
            startup.expected_ms = startup.expected_ms.max(begins + took.ready_ms);
            startup.at_most_ms = startup.at_most_ms.max(begins + clients.at_most_ms());
            begins += took.start_ms;
        }
        startup.expected_ms = startup.expected_ms.max(side_by_side(&declared));
        startup
    }

    /// How long it took at most to make ready for a network of so many nodes, milliseconds.
    pub fn preparation_ms(&self, nodes: usize, runtime: &str) -> Option<u64> {
        self.times.measured(&preparation(nodes, runtime)).map(|took| took.ready_ms)
    }

    /// It took so long to make ready for a network.
    pub fn prepared(&mut self, nodes: usize, runtime: &str, ready_ms: u64) {
        self.times.remember(preparation(nodes, runtime), Took { start_ms: 0, ready_ms });
    }

    /// A node's programs were started, the first of them then.
    pub fn began(&mut self, node: &str, since: Instant) {
        self.starting.insert(node.to_owned(), (since, since.elapsed().as_millis() as u64));
    }

    /// A node was ended.
    pub fn ended(&mut self, node: &str) {
        self.starting.remove(node);
    }

    /// A node answers: how long that took is remembered.
    pub fn is_ready(&mut self, node: &str, plan: &NetworkPlan, defs: &BTreeMap<String, ClientDef>, stamp: Stamp<'_>) {
        let Some((since, start_ms)) = self.starting.remove(node) else { return };
        let took = Took { start_ms, ready_ms: since.elapsed().as_millis() as u64 };
        if let Some(clients) = plan.node(node).and_then(|node| Clients::of(node, defs)) {
            self.times.remember(clients.kind(stamp, plan), took);
        }
    }
}

fn preparation(nodes: usize, runtime: &str) -> String {
    format!("preparation of {nodes} nodes, {runtime}")
}

/// The definitions of the clients that make a node.
#[derive(Clone)]
struct Clients<'a> {
    consensus: &'a ClientDef,
    execution: Option<&'a ClientDef>,
    all: Vec<&'a ClientDef>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct StartTimes {
    /// Where; nothing is written without it.
    path: Option<PathBuf>,
    kinds: BTreeMap<String, Vec<Took>>,
}

impl StartTimes {
    /// The file of this user: `lockin/start-times.json` in the cache folder.
    pub fn of_user() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        cache.map_or_else(Self::default, |cache| Self::at(cache.join("lockin/start-times.json")))
    }

    fn at(path: PathBuf) -> Self {
        let kinds = read(&path);
        Self { path: Some(path), kinds }
    }

    /// The longest of the remembered starts of that kind.
    fn measured(&self, kind: &str) -> Option<Took> {
        let longest = |of: fn(&Took) -> u64| self.kinds.get(kind)?.iter().map(of).max();
        Some(Took { start_ms: longest(|took| took.start_ms)?, ready_ms: longest(|took| took.ready_ms)? })
    }

    /// Remembers a start, beside what other runs have written meanwhile.
    fn remember(&mut self, kind: String, took: Took) {
        let Some(path) = &self.path else { return };
        self.kinds = read(path);
        let starts = self.kinds.entry(kind).or_default();
        starts.push(took);
        starts.drain(..starts.len().saturating_sub(REMEMBERED));
        while self.kinds.len() > MOST_KINDS {
            self.kinds.pop_first();
        }
        if let Err(error) = write(path, &self.kinds) {
            tracing::debug!("writing {}: {error}", path.display());
        }
    }
}

fn read(path: &Path) -> BTreeMap<String, Vec<Took>> {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// By a file of its own that takes the old one's place: whoever reads meanwhile reads one or the other.
fn write(path: &Path, kinds: &BTreeMap<String, Vec<Took>>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = folder.join(format!(".start-times-{}", std::process::id()));
    fs::write(&new, serde_json::to_vec(kinds).map_err(std::io::Error::other)?)?;
    fs::rename(&new, path)
}

impl<'a> Clients<'a> {
    /// Those of the node; `None` where a definition is missing.
    fn of(node: &NodePlan, defs: &'a BTreeMap<String, ClientDef>) -> Option<Self> {
        let execution = match &node.engine {
            Some(engine) => Some(defs.get(&engine.client)?),
            None => None,
        };
        let all = node.clients().map(|name| defs.get(name)).collect::<Option<_>>()?;
        Some(Self { consensus: defs.get(&node.client)?, execution, all })
    }

    /// What the clients declare: the engine first, then who needs it.
    fn declared(&self) -> Took {
        let own = self.consensus.roles.keys().map(String::as_str).filter(|role| *role != ENGINE);
        let start_ms = self.execution.map_or(0, |def| def.starts_in(std::iter::once(ENGINE)).0);
        Took { start_ms, ready_ms: (start_ms + self.consensus.starts_in(own).0).max(SHORTEST_MS) }
    }

    /// Programs of a node at most.
    fn programs(&self) -> u64 {
        let own = self.consensus.roles.keys().filter(|role| *role != ENGINE).count();
        (own + usize::from(self.execution.is_some())) as u64
    }

    /// The longest that a start may take by what the clients declare, milliseconds.
    fn at_most_ms(&self) -> u64 {
        let within = |role: &Role| role.ready.as_ref().map(|ready| ready.within.0);
        let own = self.consensus.roles.iter().filter(|(name, _)| *name != ENGINE).filter_map(|(_, role)| within(role));
        let engine = self.execution.and_then(|def| within(def.roles.get(ENGINE)?));
        own.max().unwrap_or(WITHIN_MS) + engine.unwrap_or(0)
    }

    /// What makes one start like another: the clients, their definitions, their programs as they are on this machine, how
    /// many nodes of which clients start beside it, and how large the genesis state is that they load.
    fn kind(&self, stamp: Stamp<'_>, plan: &NetworkPlan) -> String {
        let mut hasher = Sha256::new();
        for def in &self.all {
            hasher.update(serde_json::to_vec(def).unwrap_or_default());
            for role in def.roles.keys() {
                hasher.update(stamp(def, role));
            }
        }
        let names: Vec<&str> = self.all.iter().map(|def| def.name.as_str()).collect();
        let digest = hex::encode(&hasher.finalize()[..6]);
        let (nodes, validators) = (plan.nodes.len(), plan.genesis.validators.next_power_of_two());
        let among: BTreeSet<&str> = plan.nodes.iter().flat_map(NodePlan::clients).collect();
        let among: Vec<&str> = among.into_iter().collect();
        let (own, all) = (names.join("+"), among.join(" "));
        format!("{own} {digest}, of {nodes} nodes of {all}, {} {validators}", plan.config.preset.name)
    }
}

/// Starts that nobody has measured, one on each core of this machine, milliseconds.
fn side_by_side(declared: &[Took]) -> u64 {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    declared.iter().map(|took| took.ready_ms).sum::<u64>() / cores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::{Fork, Preset};
    use crate::topology::{EnginePlan, GenesisPlan, Links, NodeSpec, Start, Validators, lay_out};
    use crate::types::ChainConfig;

    fn plan(validators: u64) -> NetworkPlan {
        let engine = EnginePlan { client: "lockin".into(), script: Default::default() };
        let node = NodeSpec {
            name: "a0".into(),
            role: None,
            client: "lockin".into(),
            validator: None,
            engine: Some(engine),
            validators: Validators::Count(validators),
            start: Start::Genesis,
            config: BTreeMap::new(),
        };
        let genesis = GenesisPlan { fork: Fork::Phase0, validators, delay_ms: None, convention: Default::default() };
        lay_out("t", 1, ChainConfig::lockin(Preset::minimal()), genesis, &[node], &Links::Full).unwrap()
    }

    fn defs() -> BTreeMap<String, ClientDef> {
        [("lockin".to_owned(), crate::client::load("lockin").unwrap())].into()
    }

    #[test]
    fn what_is_declared_is_the_engine_and_then_who_needs_it() {
        let (defs, plan) = (defs(), plan(64));
        let clients = Clients::of(&plan.nodes[0], &defs).unwrap();
        let declared = clients.declared();
        assert!(declared.start_ms > 0 && declared.ready_ms >= SHORTEST_MS);
        assert!(clients.at_most_ms() > declared.ready_ms);
        assert_eq!(side_by_side(&[]), 0);
        assert!(side_by_side(&[Took { start_ms: 0, ready_ms: 1 << 40 }; 4]) > 0);
        assert!(Clients::of(&plan.nodes[0], &BTreeMap::new()).is_none());
    }

    #[test]
    fn another_program_size_or_definition_is_another_kind() {
        let kind_with = |defs: &BTreeMap<String, ClientDef>, validators, program: &[u8]| {
            let plan = plan(validators);
            Clients::of(&plan.nodes[0], defs).unwrap().kind(&|_, _| program.to_vec(), &plan)
        };
        let kind = |defs: &BTreeMap<String, ClientDef>, validators| kind_with(defs, validators, b"1");
        let first = kind(&defs(), 60);
        assert_eq!(kind(&defs(), 64), first);
        assert_ne!(kind(&defs(), 1000), first);
        let mut other = defs();
        other.get_mut("lockin").unwrap().about.push('!');
        assert_ne!(kind(&other, 64), first);
        assert_ne!(kind_with(&defs(), 64, b"2"), first);
    }

    #[test]
    fn the_last_starts_are_remembered_by_kind_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/start-times.json");
        let mut times = StartTimes::at(path.clone());
        for ready_ms in [900, 100, 200, 300, 400, 500] {
            times.remember("one".into(), Took { start_ms: 10, ready_ms });
        }
        times.remember("two".into(), Took { start_ms: 1, ready_ms: 2 });
        let read = StartTimes::at(path.clone());
        let ready = |kind: &str| read.kinds[kind].iter().map(|took| took.ready_ms).collect::<Vec<_>>();
        assert_eq!(ready("one"), [100, 200, 300, 400, 500]);
        assert_eq!(ready("two"), [2]);
        assert_eq!(read.measured("one"), Some(Took { start_ms: 10, ready_ms: 500 }));
        assert_eq!(read.measured("none"), None);
        // Two runs at once keep what both measured.
        let mut other = StartTimes::at(path.clone());
        times.remember("three".into(), Took::default());
        other.remember("four".into(), Took::default());
        assert_eq!(StartTimes::at(path.clone()).kinds.len(), 4);
        fs::write(&path, "rubbish").unwrap();
        assert!(StartTimes::at(path).kinds.is_empty());
    }
}
