//! Watches the nodes of a run through their Beacon API and writes what it sees into the journal: ready, head, justified,
//! finalized, peers, participation, blobs, unreachable. Before genesis it holds nodes against the plan ([`preflight`]);
//! from then on it recomputes every block that they follow ([`referee`]).
//!
//! Never: judges, and never acts on a node. It asks only what the standard offers, so every client is watched alike.

mod learn;
mod node;
mod participation;
mod preflight;
mod referee;

pub use learn::{LearnError, Learned, learn};
pub use participation::target_participation;
pub use preflight::{Examined, Genesis};

use crate::{
    api::Client,
    journal::{self, Event, Writer},
    types::{BeaconState, ChainConfig},
};
use node::Watched;
use preflight::Preflight;
use referee::{Follower, Referee};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Slots that a node's head may be behind the newest one for it to count as synced.
const LAG: u64 = 2;
/// However short the slots, a busy machine is given so long to answer.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// However long the slots, a node that is silent for so long is silent.
const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// The moment of a poll.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// The network clock's slot; `None` before genesis.
    pub slot: Option<u64>,
}

/// All nodes of a run, as seen so far.
pub struct Monitor {
    config: Arc<ChainConfig>,
    journal: Writer,
    nodes: BTreeMap<String, Watched>,
    /// The plan's nodes by peer id, as far as nodes have said theirs.
    names: BTreeMap<String, String>,
    newly_ready: Vec<String>,
    /// The next epoch whose participation is to be recorded.
    participation_due: u64,
    /// From genesis on.
    referee: Option<Referee>,
    /// Unless it is turned off, or not yet known what all begin with.
    preflight: Option<Preflight>,
}

impl Monitor {
    /// Watches nobody yet.
    pub fn new(config: Arc<ChainConfig>, journal: Writer) -> Self {
        let (nodes, names) = (BTreeMap::new(), BTreeMap::new());
        let newly_ready = Vec::new();
        Self { config, journal, nodes, names, newly_ready, participation_due: 0, referee: None, preflight: None }
    }

    /// Tells a node's peer id before the node itself does, where it is known, so that no peer of it counts as foreign.
    pub fn knows(&mut self, node: &str, peer_id: String) {
        self.names.insert(peer_id, node.to_owned());
    }

    /// Has nodes held against the plan from now on: against its configuration and this genesis.
    pub fn begin_preflight(&mut self, genesis: Genesis) {
        self.preflight = Some(Preflight::new(Arc::clone(&self.config), genesis));
    }

    /// Recomputes every block from now on, beginning after this state: that of genesis, or of a finalized block.
    pub fn begin_referee(&mut self, state: Arc<BeaconState>) {
        self.referee = Some(Referee::new(Arc::clone(&self.config), state));
    }

    /// Begins in a slot of a network that is older than this run: of the epochs long past nothing is asked.
    pub fn begins_at(&mut self, slot: Option<u64>) {
        self.participation_due = slot.map_or(0, |slot| self.config.epoch_of(slot).saturating_sub(1));
    }

    /// Tells what is only told at the end of a run, while the nodes still answer.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub async fn finish(&mut self, now: Now) -> Result<(), journal::Error> {
        let within = self.patience();
        if let Some(mut preflight) = self.preflight.take() {
            let ready: Vec<&str> = self.nodes.values().filter(|node| node.answers()).map(Watched::name).collect();
            for event in preflight.finish(&ready, within).await {
                self.journal.write(now.at_ms, now.slot, event)?;
            }
        }
        let Some(mut referee) = self.referee.take() else { return Ok(()) };
        let followers: Vec<Follower<'_>> = self.nodes.values().filter_map(Follower::of).collect();
        for event in referee.finish(&followers, now, within).await {
            self.journal.write(now.at_ms, now.slot, event)?;
        }
        Ok(())
    }

    /// How long a node is waited for.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.config.slot_duration_ms).clamp(SHORTEST_LOOK, LONGEST_LOOK)
    }

    /// Has a node that was just started held against the plan, as soon as it is ready.
    pub fn examine(&mut self, node: &str, examined: Examined) {
        if let Some(preflight) = &mut self.preflight {
            preflight.expect(node, examined);
        }
    }

    /// Whether a node was found not to be as planned.
    pub fn preflight_found(&self) -> bool {
        self.preflight.as_ref().is_some_and(Preflight::found)
    }

    /// Whether every node that was started has been held against the plan.
    pub fn preflight_is_done(&self) -> bool {
        self.preflight.as_ref().is_none_or(Preflight::is_done)
    }

    /// Begins to watch a node that was just started, or started again.
    pub fn watch(&mut self, node: &str, client: Client) {
        self.nodes.insert(node.to_owned(), Watched::new(node, client));
    }

    /// Stops watching a node that ended or is about to.
    pub fn forget(&mut self, node: &str) {
        self.nodes.remove(node);
        if let Some(preflight) = &mut self.preflight {
            preflight.forget(node);
        }
    }

    /// The watched nodes that have not answered since they were started.
    pub fn not_ready(&self) -> Vec<String> {
        self.nodes.values().filter(|node| !node.is_ready()).map(|node| node.name().to_owned()).collect()
    }

    /// The nodes that were first seen to answer since this was last asked.
    pub fn newly_ready(&mut self) -> Vec<String> {
        std::mem::take(&mut self.newly_ready)
    }

    /// Asks every watched node, all at once, and writes what is new. A node that does not answer within a slot counts
    /// as not answering, so that it hides nothing of the others for longer.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub async fn poll(&mut self, now: Now) -> Result<(), journal::Error> {
        let within = self.patience();
        let looks = self.nodes.values().map(|node| node.look_within(within));
        let seen = futures::future::join_all(looks).await;
        for (node, look) in self.nodes.values().zip(&seen) {
            if let Ok(look) = look
                && let Some(peer_id) = look.peer_id()
            {
                self.names.insert(peer_id.to_owned(), node.name().to_owned());
            }
        }
        for (node, look) in self.nodes.values_mut().zip(seen) {
            let was_ready = node.is_ready();
            let events = node.take_in(look, &self.names);
            if node.is_ready() && !was_ready {
                self.newly_ready.push(node.name().to_owned());
            }
            for event in events {
                self.journal.write(now.at_ms, now.slot, event)?;
            }
        }
        if let Some(preflight) = &mut self.preflight {
            let ready: Vec<&str> = self.nodes.values().filter(|node| node.answers()).map(Watched::name).collect();
            for event in preflight.look(&ready, now.slot.is_some(), within).await {
                self.journal.write(now.at_ms, now.slot, event)?;
            }
        }
        if let Some(referee) = &mut self.referee {
            let followers: Vec<Follower<'_>> = self.nodes.values().filter_map(Follower::of).collect();
            for event in referee.look(&followers, now, within).await {
                self.journal.write(now.at_ms, now.slot, event)?;
            }
        }
        self.record_participation(now, within).await
    }

    /// Once an epoch's votes can no longer come in, asks every node that is at the head for their share.
    async fn record_participation(&mut self, now: Now, within: Duration) -> Result<(), journal::Error> {
        let per_epoch = self.config.preset.slots_per_epoch;
        let epoch = self.participation_due;
        let Some(slot) = now.slot.filter(|slot| (epoch + 2) * per_epoch <= *slot) else { return Ok(()) };
        // A node that still syncs knows less of an epoch than there was.
        let newest = self.nodes.values().filter_map(Watched::head_slot).max().unwrap_or(0);
        let synced = |node: &&Watched| node.answers() && node.head_slot().is_some_and(|head| head + LAG >= newest);
        let (client, config) = (Watched::client, &self.config);
        let asked = self.nodes.values().filter(synced).map(|node| async move {
            let share = tokio::time::timeout(within, participation::ask(client(node), config, epoch)).await.ok()??;
            Some((node.name().to_owned(), share))
        });
        let told: Vec<_> = futures::future::join_all(asked).await.into_iter().flatten().collect();
        // While nobody can tell it stays due for one epoch more; then it is given up, and a check that needs it finds it
        // missing and says so.
        if told.is_empty() && (epoch + 3) * per_epoch > slot {
            return Ok(());
        }
        for (node, (active_gwei, target_gwei)) in told {
            let event = Event::Participation { node, epoch, active_gwei, target_gwei };
            self.journal.write(now.at_ms, now.slot, event)?;
        }
        self.participation_due += 1;
        Ok(())
    }
}
