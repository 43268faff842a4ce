//! Pre-flight: every node that is ready is held against the plan, before genesis if it is ready by then. Its
//! configuration, its fork schedule and its genesis; the Engine API's methods of its execution client.
//!
//! Never: judges. What differs goes into the journal; that it is a `fail`, or `unsupported`, is said by whoever judges.
//! What a node does not serve, or serves in a form that can't be read, is no difference; but it is told, as unknown where
//! nothing else says whether the node is as planned. It is asked again, up to genesis and for a while after.

mod compare;
mod keys;

pub use compare::Genesis;

use crate::{
    api::{ApiError, Client, TransportErrorKind},
    engine::{self, Failure, json::method_versions},
    journal::{Difference, Event},
    types::{ChainConfig, ForkName},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Texts of clients go into the journal no longer than this, in characters.
const LONGEST_TEXT: usize = 200;
/// Looks at a node after genesis before what it still does not tell is given up.
const MOST_LOOKS: u32 = 16;

/// A node that is to be held against the plan.
pub struct Examined {
    /// Its Beacon API.
    pub beacon: Client,
    /// Its execution client, if it has one that can be asked.
    pub engine: Option<engine::Client>,
    /// Whether it has validators: one that has none is never asked for a payload.
    pub proposes: bool,
}

/// The nodes still to be examined, and what they are held against.
pub(super) struct Preflight {
    config: Arc<ChainConfig>,
    genesis: Genesis,
    waiting: BTreeMap<String, Waiting>,
    found: bool,
}

/// A node still to be examined.
struct Waiting {
    node: Examined,
    /// How often it was looked at after genesis.
    looks: u32,
}

/// How long what is unknown is asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Genesis,
    /// What decides only, and not for ever.
    LooksAreSpent,
    /// The run is over.
    Now,
}

/// What came of asking one node.
#[derive(Default)]
struct Findings {
    differs: Vec<Difference>,
    lacks: Vec<String>,
    /// What decides whether the node is as planned, and is not known.
    unknown: Vec<String>,
    /// What else is not known.
    remarks: Vec<String>,
    /// What was unknown may be known later: nobody answered.
    again: bool,
    /// The same of the rest.
    again_for_remarks: bool,
}

impl Preflight {
    pub(super) fn new(config: Arc<ChainConfig>, genesis: Genesis) -> Self {
        Self { config, genesis, waiting: BTreeMap::new(), found: false }
    }

    /// Takes on a node that was started.
    pub(super) fn expect(&mut self, node: &str, examined: Examined) {
        self.waiting.insert(node.to_owned(), Waiting { node: examined, looks: 0 });
    }

    /// A node that ended before it was examined will not be.
    pub(super) fn forget(&mut self, node: &str) {
        self.waiting.remove(node);
    }

    /// Whether any node is not as planned.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    /// Whether every node that was started has been examined.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Examines those of the waiting nodes that are `ready`. What could not be asked is asked again at the next look.
    pub(super) async fn look(&mut self, ready: &[&str], genesis_has_come: bool, within: Duration) -> Vec<Event> {
        self.examine(ready, if genesis_has_come { Until::LooksAreSpent } else { Until::Genesis }, within).await
    }

    /// Tells of those that are still waiting, as far as they are `ready`, when the run is over.
    pub(super) async fn finish(&mut self, ready: &[&str], within: Duration) -> Vec<Event> {
        self.examine(ready, Until::Now, within).await
    }

    async fn examine(&mut self, ready: &[&str], until: Until, within: Duration) -> Vec<Event> {
        let (config, genesis) = (&self.config, &self.genesis);
        let asked = ready.iter().filter_map(|name| Some((*name, &self.waiting.get(*name)?.node)));
        let asked =
            asked.map(|(name, node)| async move { (name.to_owned(), examine(config, genesis, node, within).await) });
        let asked = futures::future::join_all(asked).await;
        let mut events = Vec::new();
        for (node, found) in asked {
            let tells = !found.differs.is_empty() || !found.lacks.is_empty();
            let looks = self.waiting.get_mut(&node).map_or(0, |waiting| {
                waiting.looks += u32::from(until == Until::LooksAreSpent);
                waiting.looks
            });
            let again = match until {
                Until::Genesis => found.again || found.again_for_remarks,
                Until::LooksAreSpent => found.again && looks < MOST_LOOKS,
                Until::Now => false,
            };
            if again && !tells {
                continue;
            }
            self.waiting.remove(&node);
            self.found |= tells;
            let Findings { differs, lacks, unknown, remarks, .. } = found;
            events.push(Event::Preflight { node, differs, lacks, unknown, remarks });
        }
        events
    }
}

impl Findings {
    /// Keeps an answer that decides whether the node is as planned, or why there is none.
    fn need<T>(&mut self, answer: Result<T, Silence>) -> Option<T> {
        let keep = |Silence { why, again }| {
            self.again |= again;
            self.unknown.push(shortened(&why));
        };
        answer.map_err(keep).ok()
    }

    /// Keeps an answer that only confirms what others say, or why there is none.
    fn take<T>(&mut self, answer: Result<T, Silence>) -> Option<T> {
        let keep = |Silence { why, again }| {
            self.again_for_remarks |= again;
            self.remarks.push(shortened(&why));
        };
        answer.map_err(keep).ok()
    }
}

/// Why something could not be asked, and whether it may be answered later.
struct Silence {
    why: String,
    again: bool,
}

impl From<ApiError> for Silence {
    fn from(error: ApiError) -> Self {
        // Before genesis some nodes refuse to tell of it; before they are up some answer what they will not later.
        let again = match &error {
            ApiError::Transport(failed) => failed.kind != TransportErrorKind::TooLarge,
            ApiError::Status { .. } | ApiError::Malformed { .. } => true,
        };
        Self { why: error.to_string(), again }
    }
}

impl From<Failure> for Silence {
    fn from(failure: Failure) -> Self {
        let again = matches!(failure, Failure::Unreachable(_));
        Self { why: format!("engine_exchangeCapabilities: {failure}"), again }
    }
}

/// The answer to a question of that name, if it comes in time.
async fn in_time<T, E: Into<Silence>>(
    within: Duration,
    name: &str,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, Silence> {
    match tokio::time::timeout(within, asked).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Silence { why: format!("{name}: no answer within {} ms", within.as_millis()), again: true }),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

async fn examine(cfg: &ChainConfig, planned: &Genesis, node: &Examined, within: Duration) -> Findings {
    let methods = async {
        match &node.engine {
            Some(engine) => {
                let asked = engine.exchange_capabilities(engine::METHODS);
                in_time(within, "engine_exchangeCapabilities", asked).await.map(Some)
            }
            None => Ok(None),
        }
    };
    let (spec, schedule, genesis, block_root, state_root, methods) = futures::join!(
        in_time(within, "its configuration", node.beacon.spec()),
        in_time(within, "its fork schedule", node.beacon.fork_schedule()),
        in_time(within, "its genesis", node.beacon.genesis()),
        in_time(within, "its genesis block", node.beacon.block_root("genesis")),
        in_time(within, "its genesis state", node.beacon.state_root("genesis")),
        methods,
    );
    let mut found = Findings::default();
    let spec = found.need(spec.and_then(|spec| compare::readable(cfg, spec)));
    if let Some(spec) = &spec {
        found.differs.extend(compare::spec(cfg, spec));
        found.remarks.extend(compare::two_slot_times(cfg, spec));
    }
    if let Some(schedule) = found.need(schedule) {
        found.differs.extend(compare::schedule(cfg, &schedule));
        // A fork that the schedule does not list yet may be named by the configuration: without it nothing is known.
        found.lacks.extend(spec.iter().flat_map(|spec| compare::unknown_forks(cfg, &schedule, spec)));
    }
    if let Some(genesis) = found.need(genesis) {
        found.differs.extend(compare::genesis(cfg, planned, &genesis));
    }
    if let Some(root) = found.take(block_root) {
        found.differs.extend(compare::block_root(planned, root));
    }
    if let Some(root) = found.take(state_root) {
        found.differs.extend(compare::state_root(planned, root));
    }
    if let Some(methods) = found.need(methods).flatten() {
        found.lacks.extend(missing_methods(cfg, node.proposes, &methods));
    }
    for difference in &mut found.differs {
        difference.has = shortened(&difference.has);
    }
    found
}

/// The methods that forks of the network need and an engine with the methods `has` lacks, each with the first fork that
/// needs it.
fn missing_methods(cfg: &ChainConfig, proposes: bool, has: &[String]) -> Vec<String> {
    let mut missing: Vec<(String, ForkName)> = Vec::new();
    for fork in keys::lived(cfg).into_iter().filter(|fork| *fork >= ForkName::Bellatrix) {
        for (name, version) in method_versions(fork) {
            let wanted = proposes || name != "engine_getPayload";
            let method = |version| format!("{name}V{version}");
            // The second version takes what the first takes.
            let serves = |version| has.contains(&method(version));
            let lacks = wanted && !serves(version) && !(version == 1 && serves(2));
            if lacks && !missing.iter().any(|(known, _)| *known == method(version)) {
                missing.push((method(version), fork));
            }
        }
    }
    let told = |(method, fork): (String, ForkName)| {
        format!("its execution client has no {method}, which {fork} (epoch {}) needs", cfg.fork_epoch(fork))
    };
    missing.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests;
