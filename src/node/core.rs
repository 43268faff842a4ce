//! [`Core`]: one node without its sockets, disk and clock. What happens is told to it; what is to be done it gives back.
//! It NEVER does I/O, reads a clock or uses randomness, so the same inputs in the same order give the same effects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::rest::{self, CommitteeWish, Refusal, Reply, SyncWish};
use crate::api::{Request, Response};
use crate::chain::{Chain, Effect, Error, Event, Level, Memo, Notice, Origin, Outcome, Rows, Write};
use crate::net::{Command, LinkEvent};
use crate::types::{BeaconState, ChainConfig, Epoch, ValidatorIndex};

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// What a core wants done outside, each list in order.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commands for the link.
    pub commands: Vec<Command>,
    /// Batches for the database, each to be applied whole.
    pub writes: Vec<Vec<Write>>,
    /// News for the subscribers of the event stream.
    pub notices: Vec<Notice>,
    /// Lines for the log.
    pub logs: Vec<LogLine>,
}

/// Figures about the process, which only a driver can know. All zero in a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// Bytes.
    pub resident_memory: u64,
    /// Bytes.
    pub virtual_memory: u64,
    /// Seconds of user and system time.
    pub cpu_seconds: f64,
    /// Unix seconds.
    pub start_time: f64,
    /// Open file descriptors.
    pub open_fds: u64,
}

/// What a node says of itself at `/eth/v1/node/identity`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// libp2p peer id, base58.
    pub peer_id: String,
    /// Multiaddrs to be dialled at, with the peer id.
    pub addresses: Vec<String>,
}

/// One peer, as `/eth/v1/node/peers` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// base58.
    pub peer_id: String,
    /// The multiaddr last seen.
    pub address: String,
    /// `connected`, `disconnected`, ...
    pub state: &'static str,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// What it calls itself.
    pub agent: String,
}

/// How far the node is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncView {
    /// Slot of our head.
    pub head_slot: u64,
    /// Slots between it and where we are going.
    pub distance: u64,
    /// Whether blocks are being fetched to get there.
    pub is_syncing: bool,
}

/// One node: the chain, the network protocol, and the Beacon API over both.
pub struct Core {
    chain: Chain,
    identity: Identity,
    effects: Effects,
    next_call: u64,
    verdicts: BTreeMap<u64, Outcome>,
    seen_live: BTreeMap<Epoch, BTreeSet<ValidatorIndex>>,
    slot_told: Option<u64>,
    process: ProcessFigures,
}

impl Core {
    /// A node whose database is empty, at a genesis state. The first effects write the genesis.
    pub fn new(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        genesis: Arc<BeaconState>,
        identity: Identity,
    ) -> Result<Core, Error> {
        let (chain, effects) = Chain::genesis(cfg, memo, rows, genesis)?;
        let mut core = Core::over(chain, identity);
        core.carry_out(effects);
        Ok(core)
    }

    /// The node as its database knows it; `None` if the database is empty.
    pub fn restore(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        identity: Identity,
        now_ms: u64,
    ) -> Result<Option<Core>, Error> {
        Ok(Chain::restore(cfg, memo, rows, now_ms)?.map(|chain| Core::over(chain, identity)))
    }

    fn over(chain: Chain, identity: Identity) -> Core {
        Core {
            chain,
            identity,
            effects: Effects::default(),
            next_call: 0,
            verdicts: BTreeMap::new(),
            seen_live: BTreeMap::new(),
            slot_told: None,
            process: ProcessFigures::default(),
        }
    }

    /// The chain, to read.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Time passed: due at the moments that [`Core::next_wakeup`] names.
    pub fn on_tick(&mut self, now_ms: u64) {
        self.tell_chain(Event::Tick { now_ms });
        self.tell_slot();
    }

    /// When [`Core::on_tick`] is due next, unix milliseconds, later than `now_ms`.
    pub fn next_wakeup(&self, now_ms: u64) -> u64 {
        let clock = self.chain.config().slot_clock(self.chain.genesis_time());
        clock.slot_at(now_ms).map_or(clock.genesis_time_ms, |slot| clock.start_of(slot + 1))
    }

    /// Serves one request of the Beacon API.
    pub fn handle(&mut self, request: &Request, now_ms: u64) -> Response {
        self.serve(request, now_ms).into()
    }

    /// As [`Core::handle`], with all that HTTP can carry.
    pub fn serve(&mut self, request: &Request, now_ms: u64) -> Reply {
        rest::serve(self, request, now_ms)
    }

    /// What has gathered to be done since the last call.
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// The driver's figures for `/metrics`.
    pub fn set_process(&mut self, figures: ProcessFigures) {
        self.process = figures;
    }

    /// The figures last set.
    pub fn process(&self) -> &ProcessFigures {
        &self.process
    }

    /// Something happened on the network.
    pub fn on_link(&mut self, _event: LinkEvent, _now_ms: u64) {}

    /// Keeps connections to these multiaddrs.
    pub fn dial(&mut self, peers: &[String]) {
        let dials = peers.iter().map(|addr| Command::Dial { addr: addr.clone() });
        self.effects.commands.extend(dials);
    }

    /// Takes leave of all peers; the node is about to stop.
    pub fn say_goodbye(&mut self, _now_ms: u64) {}

    /// The peers known, by peer id.
    pub fn peers(&self) -> Vec<PeerView> {
        Vec::new()
    }

    /// How many peers are connected.
    pub fn peer_count(&self) -> u64 {
        0
    }

    /// How many peers were turned away because they are of another network.
    pub fn foreign_peers(&self) -> u64 {
        0
    }

    /// How far the node is behind.
    pub fn sync_view(&self) -> SyncView {
        SyncView { head_slot: self.chain.head().slot, distance: 0, is_syncing: false }
    }

    /// 503 while the node is catching up.
    pub(super) fn refuse_while_syncing(&self) -> Result<(), Refusal> {
        if self.sync_view().is_syncing { Err(Refusal::syncing()) } else { Ok(()) }
    }

    /// Validators told which committees they will be in.
    pub(super) fn want_committees(&mut self, _wishes: &[CommitteeWish], _now_ms: u64) {}

    /// Validators told where in the sync committee they are.
    pub(super) fn want_sync_committees(&mut self, _wishes: &[SyncWish], _now_ms: u64) {}

    /// The validators whose valid messages of an epoch came by.
    pub(super) fn seen_live(&self, epoch: Epoch) -> Option<&BTreeSet<ValidatorIndex>> {
        self.seen_live.get(&epoch)
    }

    /// The standard's `NetworkIdentity`.
    pub(super) fn identity_json(&self) -> Value {
        json!({
            "peer_id": self.identity.peer_id,
            "enr": "",
            "p2p_addresses": self.identity.addresses,
            "discovery_addresses": [],
            "metadata": {},
        })
    }

    /// Hands an object of an API call to the chain and gives its verdict.
    pub(super) fn submit(&mut self, _now_ms: u64, event: impl FnOnce(Origin) -> Event) -> Result<Outcome, Refusal> {
        self.next_call += 1;
        let call = self.next_call;
        self.tell_chain(event(Origin::Api(call)));
        self.verdicts.remove(&call).ok_or_else(|| Refusal::internal("the chain gave no verdict"))
    }

    fn tell_chain(&mut self, event: Event) {
        let effects = self.chain.on(event);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Outcome { origin: Origin::Api(call), outcome } => drop(self.verdicts.insert(call, outcome)),
                Effect::Outcome { .. } | Effect::Publish(_) | Effect::RequestBlock { .. } => {}
                Effect::Persist(batch) => self.effects.writes.push(batch),
                Effect::Notify(notice) => self.effects.notices.push(notice),
                Effect::Log { level, message } => self.effects.logs.push(LogLine { level, message }),
            }
        }
    }

    /// One line a slot: where the node stands.
    fn tell_slot(&mut self) {
        let slot = self.chain.current_slot();
        if self.slot_told == Some(slot) {
            return;
        }
        self.slot_told = Some(slot);
        let (head, justified, finalized) = (self.chain.head(), self.chain.justified(), self.chain.finalized());
        let message = format!(
            "slot {slot} epoch {} head {} {} justified {} finalized {} peers {}",
            self.chain.config().epoch_of(slot),
            head.slot,
            head.root,
            justified.epoch,
            finalized.epoch,
            0,
        );
        self.effects.logs.push(LogLine { level: Level::Info, message });
    }
}
