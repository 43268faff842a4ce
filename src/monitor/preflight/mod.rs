//! Pre-flight: every node that is ready is held against the plan, before genesis if it is ready by then. Its
//! configuration, its fork schedule and its genesis; the Engine API's methods of its execution client.
//!
//! Never: judges. What differs goes into the journal; that it is a `fail`, or `unsupported`, is said by whoever judges.
//! What a node does not serve, or serves in a form that can't be read, is told as unknown and is no difference.

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
    waiting: BTreeMap<String, Examined>,
    found: bool,
}

/// What came of asking one node.
#[derive(Default)]
struct Findings {
    differs: Vec<Difference>,
    lacks: Vec<String>,
    unknown: Vec<String>,
    /// What was unknown may be known later: nobody answered.
    again: bool,
}

impl Preflight {
    pub(super) fn new(config: Arc<ChainConfig>, genesis: Genesis) -> Self {
        Self { config, genesis, waiting: BTreeMap::new(), found: false }
    }

    /// Takes on a node that was started.
    pub(super) fn expect(&mut self, node: &str, examined: Examined) {
        self.waiting.insert(node.to_owned(), examined);
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

    /// Examines those of the waiting nodes that are `ready`. What could not be asked is asked again at the next look, up
    /// to genesis.
    pub(super) async fn look(&mut self, ready: &[&str], genesis_has_come: bool, within: Duration) -> Vec<Event> {
        let (config, genesis) = (&self.config, &self.genesis);
        let asked = ready.iter().filter_map(|name| Some((*name, self.waiting.get(*name)?)));
        let asked =
            asked.map(|(name, node)| async move { (name.to_owned(), examine(config, genesis, node, within).await) });
        let asked = futures::future::join_all(asked).await;
        let mut events = Vec::new();
        for (node, found) in asked {
            let tells = !found.differs.is_empty() || !found.lacks.is_empty();
            if found.again && !tells && !genesis_has_come {
                continue;
            }
            self.waiting.remove(&node);
            self.found |= tells;
            let Findings { differs, lacks, unknown, .. } = found;
            events.push(Event::Preflight { node, differs, lacks, unknown });
        }
        events
    }
}

impl Findings {
    /// Keeps an answer, or why there is none.
    fn take<T>(&mut self, answer: Result<T, Silence>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(Silence { why, again }) => {
                self.again |= again;
                self.unknown.push(shortened(&why));
                None
            }
        }
    }
}

/// Why something could not be asked, and whether it may be answered later.
struct Silence {
    why: String,
    again: bool,
}

impl From<ApiError> for Silence {
    fn from(error: ApiError) -> Self {
        // Before genesis some nodes refuse to tell of it.
        let again = match &error {
            ApiError::Transport(failed) => failed.kind != TransportErrorKind::TooLarge,
            ApiError::Status { .. } => true,
            ApiError::Malformed { .. } => false,
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

/// The answer, if it comes in time.
async fn in_time<T, E: Into<Silence>>(
    within: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, Silence> {
    match tokio::time::timeout(within, asked).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Silence { why: format!("no answer within {} ms", within.as_millis()), again: true }),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

async fn examine(cfg: &ChainConfig, planned: &Genesis, node: &Examined, within: Duration) -> Findings {
    let methods = async {
        match &node.engine {
            Some(engine) => in_time(within, engine.exchange_capabilities(engine::METHODS)).await.map(Some),
            None => Ok(None),
        }
    };
    let (spec, schedule, genesis, block_root, state_root, methods) = futures::join!(
        in_time(within, node.beacon.spec()),
        in_time(within, node.beacon.fork_schedule()),
        in_time(within, node.beacon.genesis()),
        in_time(within, node.beacon.block_root("genesis")),
        in_time(within, node.beacon.state_root("genesis")),
        methods,
    );
    let mut found = Findings::default();
    let spec = found.take(spec).unwrap_or_default();
    found.differs.extend(compare::spec(cfg, &spec));
    if let Some(schedule) = found.take(schedule) {
        found.differs.extend(compare::schedule(cfg, &schedule));
        found.lacks.extend(compare::unknown_forks(cfg, &schedule, &spec));
    }
    if let Some(genesis) = found.take(genesis) {
        found.differs.extend(compare::genesis(cfg, planned, &genesis));
    }
    if let Some(root) = found.take(block_root) {
        found.differs.extend(compare::block_root(planned, root));
    }
    if let Some(root) = found.take(state_root) {
        found.differs.extend(compare::state_root(planned, root));
    }
    if let Some(methods) = found.take(methods).flatten() {
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
