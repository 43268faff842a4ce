//! A stage for chains: validators with keys, nodes with a database each, gossip that arrives at once within a partition.
//! Tests read as scripts: slots pass, blocks are proposed, votes are cast, states are asserted.

mod duties;

use std::collections::VecDeque;
use std::sync::Arc;

use lockin::chain::{
    Chain, Effect, EngineId, Event, Gossip, GossipId, Level, Memo, MemoryRows, Notice, Origin, Outcome, ProducedBlock,
    ProductionId,
};
use lockin::crypto::{self, SecretKey};
use lockin::engine::{Call, Failure, Stub, StubConfig, stub};
use lockin::spec;
use lockin::ssz::{BitVector, Bytes, Root, Ssz};
use lockin::types::{
    Attestation, BeaconState, ChainConfig, Epoch, ForkName, SignedAggregateAndProof, SignedBeaconBlock,
    SignedContributionAndProof, SingleAttestation, Slot, SyncCommitteeMessage, ValidatorIndex,
};

use super::setup::{GENESIS_TIME, genesis, keys};

/// One node, its database, and what its chain wanted of the world.
pub struct Node {
    pub chain: Chain,
    pub rows: MemoryRows,
    pub notices: Vec<Notice>,
    pub warnings: Vec<String>,
    pub outcomes: Vec<(Origin, Outcome)>,
    pub requests: Vec<Root>,
    /// Sidecars asked for: block and indices.
    pub sidecar_requests: Vec<(Root, Vec<u64>)>,
    pub engine: Stub,
    /// Nobody answers there.
    pub engine_is_down: bool,
    /// It has no pool of blobs.
    pub engine_has_no_blobs: bool,
    /// What the engine is to be asked.
    calls: VecDeque<(EngineId, Call)>,
    /// Every call that was answered, in order.
    pub asked: Vec<Call>,
    pub produced: Vec<(ProductionId, Result<Box<ProducedBlock>, String>)>,
    /// Sidecars published by others that this node never hears of, by index.
    pub deaf_to: Vec<u64>,
    /// Batches written so far.
    pub batches: usize,
    /// Nodes hear each other within a partition.
    pub partition: usize,
}

/// Everybody.
pub struct Script {
    pub cfg: Arc<ChainConfig>,
    pub keys: Vec<SecretKey>,
    pub nodes: Vec<Node>,
    pub genesis: Arc<BeaconState>,
    pub memo: Memo,
    pub slot: Slot,
    pub now_ms: u64,
    /// What engines of nodes that join are told to do.
    pub engine_script: stub::Script,
    next_message: u64,
}

impl Script {
    /// `nodes` nodes, who share `validators` validators by index.
    pub fn new(cfg: ChainConfig, nodes: usize, validators: usize) -> Script {
        Script::with_engines(cfg, nodes, validators, stub::Script::default())
    }

    /// The same with engines that are told what to do.
    pub fn with_engines(cfg: ChainConfig, nodes: usize, validators: usize, engine_script: stub::Script) -> Script {
        let keys = keys(validators);
        let genesis = genesis(&cfg, &keys);
        Script::begin(cfg, nodes, keys, genesis, engine_script)
    }

    /// The same with a genesis state of one's own.
    pub fn from_genesis(cfg: ChainConfig, nodes: usize, keys: Vec<SecretKey>, genesis: BeaconState) -> Script {
        Script::begin(cfg, nodes, keys, genesis, stub::Script::default())
    }

    fn begin(
        cfg: ChainConfig,
        nodes: usize,
        keys: Vec<SecretKey>,
        genesis: BeaconState,
        engine_script: stub::Script,
    ) -> Script {
        crypto::remember_verdicts(true);
        let (cfg, genesis) = (Arc::new(cfg), Arc::new(genesis));
        let memo = Memo::new(64);
        let mut script = Script {
            cfg,
            keys,
            nodes: Vec::new(),
            genesis,
            memo,
            slot: 0,
            now_ms: GENESIS_TIME * 1000,
            engine_script,
            next_message: 0,
        };
        for _ in 0..nodes {
            script.join();
        }
        script
    }

    /// Another node starts from genesis. Returns its number.
    pub fn join(&mut self) -> usize {
        let rows = MemoryRows::default();
        let boxed = Arc::new(rows.clone());
        let (chain, effects) =
            Chain::genesis(self.cfg.clone(), self.memo.clone(), boxed, self.genesis.clone()).unwrap();
        self.nodes.push(Node {
            chain,
            rows,
            notices: Vec::new(),
            warnings: Vec::new(),
            outcomes: Vec::new(),
            requests: Vec::new(),
            sidecar_requests: Vec::new(),
            engine: Stub::new(
                StubConfig::of_network(self.cfg.clone(), &self.genesis).with_script(self.engine_script.clone()),
            ),
            engine_is_down: false,
            engine_has_no_blobs: false,
            calls: VecDeque::new(),
            asked: Vec::new(),
            produced: Vec::new(),
            deaf_to: Vec::new(),
            batches: 0,
            partition: 0,
        });
        let node = self.nodes.len() - 1;
        self.carry_out(node, effects);
        node
    }

    /// The node dies and starts again from its database, with a memo of its own.
    pub fn restart(&mut self, node: usize) {
        let rows = Arc::new(self.nodes[node].rows.clone());
        let restored = Chain::restore(self.cfg.clone(), Memo::new(4), rows, self.now_ms).unwrap();
        self.nodes[node].chain = restored.expect("the database is not empty");
    }

    /// The slot starts, for everybody.
    pub fn on_slot(&mut self, slot: Slot) {
        self.slot = slot;
        self.at(0);
    }

    /// So many thousandths of the slot have passed.
    pub fn at(&mut self, thousandths: u64) {
        let slot_ms = self.cfg.slot_duration_ms;
        self.now_ms = GENESIS_TIME * 1000 + self.slot * slot_ms + slot_ms * thousandths / 1000;
        for node in 0..self.nodes.len() {
            self.send(node, Event::Tick { now_ms: self.now_ms });
        }
    }

    /// Hands an event to a node and does what it wants.
    pub fn send(&mut self, node: usize, event: Event) {
        let effects = self.nodes[node].chain.on(event);
        self.carry_out(node, effects);
        while let Some((id, call)) = self.nodes[node].calls.pop_front() {
            let poor = self.nodes[node].engine_has_no_blobs && matches!(call, Call::GetBlobs { .. });
            let answer = match self.nodes[node].engine_is_down {
                true => Err(Failure::Unreachable("the script says so".into())),
                false if poor => Err(Failure::Refused { code: -32601, message: "no such method".into() }),
                false => self.nodes[node].engine.call(self.now_ms, &call),
            };
            self.nodes[node].asked.push(call);
            let effects = self.nodes[node].chain.on(Event::Engine { id, answer, now_ms: self.now_ms });
            self.carry_out(node, effects);
        }
    }

    fn carry_out(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Outcome { origin, outcome } => self.nodes[node].outcomes.push((origin, outcome)),
                Effect::Publish(gossip) => self.publish(node, gossip),
                Effect::RequestBlock { root, .. } => self.answer_request(node, root),
                Effect::Persist(batch) => {
                    self.nodes[node].rows.apply(&batch);
                    self.nodes[node].batches += 1;
                }
                Effect::Notify(notice) => self.nodes[node].notices.push(notice),
                Effect::Log { level, message } if level >= Level::Warn => self.nodes[node].warnings.push(message),
                Effect::Log { .. } => {}
                Effect::RequestSidecars { root, indices, .. } => {
                    self.nodes[node].sidecar_requests.push((root, indices.clone()));
                    self.answer_sidecar_request(node, root, &indices);
                }
                Effect::Engine { id, call } => self.nodes[node].calls.push_back((id, *call)),
                Effect::Produced { id, result } => {
                    self.nodes[node].produced.push((id, result.map_err(|error| error.to_string())));
                }
            }
        }
    }

    fn publish(&mut self, from: usize, gossip: Gossip) {
        let partition = self.nodes[from].partition;
        let sidecar = match &gossip {
            Gossip::BlobSidecar { sidecar, .. } => Some(sidecar.index),
            Gossip::DataColumnSidecar { sidecar, .. } => Some(sidecar.index),
            _ => None,
        };
        for to in 0..self.nodes.len() {
            let hears = sidecar.is_none_or(|index| !self.nodes[to].deaf_to.contains(&index));
            if to != from && self.nodes[to].partition == partition && hears {
                let event = self.gossip_event(gossip.clone());
                self.send(to, event);
            }
        }
    }

    fn answer_request(&mut self, node: usize, root: Root) {
        self.nodes[node].requests.push(root);
        let partition = self.nodes[node].partition;
        let peers = self.nodes.iter().filter(|peer| peer.partition == partition);
        let found = peers.filter_map(|peer| peer.chain.block_by_root(&root)).next();
        if let Some(block) = found {
            self.send(node, Event::Block { block, origin: Origin::Sync(0), now_ms: self.now_ms });
        }
    }

    fn answer_sidecar_request(&mut self, node: usize, root: Root, indices: &[u64]) {
        let partition = self.nodes[node].partition;
        let peers = self.nodes.iter().filter(|peer| peer.partition == partition && peer.chain.has_block(&root));
        let Some(chain) = peers.map(|peer| &peer.chain).next() else { return };
        let (now_ms, origin, subnet) = (self.now_ms, Origin::Sync(1), None);
        let wanted = |index: u64| indices.contains(&index);
        let blobs = chain.blob_sidecars(&root).into_iter().filter(|sidecar| wanted(sidecar.index));
        let columns = chain.data_column_sidecars(&root).into_iter().filter(|sidecar| wanted(sidecar.index));
        let events = blobs
            .map(|sidecar| Event::BlobSidecar { sidecar, subnet, origin, now_ms })
            .chain(columns.map(|sidecar| Event::DataColumnSidecar { sidecar, subnet, origin, now_ms }));
        for event in events.collect::<Vec<_>>() {
            self.send(node, event);
        }
    }

    /// The event that a gossip message becomes.
    pub fn gossip_event(&mut self, gossip: Gossip) -> Event {
        self.next_message += 1;
        let (origin, now_ms) = (Origin::Gossip(GossipId(self.next_message)), self.now_ms);
        match gossip {
            Gossip::Block(block) => Event::Block { block, origin, now_ms },
            Gossip::Attestation { subnet, attestation } => {
                Event::Attestation { attestation, subnet: Some(subnet), origin, now_ms }
            }
            Gossip::Aggregate(aggregate) => Event::Aggregate { aggregate, origin, now_ms },
            Gossip::SyncMessage { subnet, message } => {
                Event::SyncMessage { message, subnet: Some(subnet), origin, now_ms }
            }
            Gossip::Contribution(contribution) => Event::Contribution { contribution, origin, now_ms },
            Gossip::VoluntaryExit(exit) => Event::VoluntaryExit { exit, origin, now_ms },
            Gossip::ProposerSlashing(slashing) => Event::ProposerSlashing { slashing, origin, now_ms },
            Gossip::AttesterSlashing(slashing) => Event::AttesterSlashing { slashing, origin, now_ms },
            Gossip::BlsToExecutionChange(change) => Event::BlsToExecutionChange { change, origin, now_ms },
            Gossip::SingleAttestation { subnet, attestation } => {
                Event::SingleAttestation { attestation, subnet: Some(subnet), origin, now_ms }
            }
            Gossip::BlobSidecar { subnet, sidecar } => {
                Event::BlobSidecar { sidecar, subnet: Some(subnet), origin, now_ms }
            }
            Gossip::DataColumnSidecar { subnet, sidecar } => {
                Event::DataColumnSidecar { sidecar, subnet: Some(subnet), origin, now_ms }
            }
        }
    }

    /// Gives a block to a node as gossip; returns the outcome, if there is one yet.
    pub fn gossip_block(&mut self, node: usize, block: &Arc<SignedBeaconBlock>) -> Option<Outcome> {
        let event = self.gossip_event(Gossip::Block(block.clone()));
        let Event::Block { origin, .. } = event else { unreachable!() };
        self.send(node, event);
        self.outcome(node, origin)
    }

    /// What became of an object.
    pub fn outcome(&self, node: usize, origin: Origin) -> Option<Outcome> {
        let found: Vec<_> = self.nodes[node].outcomes.iter().filter(|(o, _)| *o == origin).collect();
        assert!(found.len() <= 1, "one outcome for each object: {found:?}");
        found.first().map(|(_, outcome)| outcome.clone())
    }

    /// One slot in which everybody does their duty; validators and slots are dealt to the nodes in turn.
    pub fn run_slot(&mut self, slot: Slot) {
        let count = self.nodes.len() as u64;
        self.on_slot(slot);
        self.propose((slot % count) as usize);
        self.at(334);
        let altair =
            self.cfg.fork_at_slot(slot + 1) >= ForkName::Altair && self.cfg.fork_at_slot(slot) >= ForkName::Altair;
        for node in 0..count {
            self.attest(node as usize, |index| index % count == node);
            if altair {
                self.sync_messages(node as usize, |index| index % count == node);
            }
        }
        self.at(667);
        for node in 0..count {
            self.aggregate(node as usize, |index| index % count == node);
            if altair {
                self.contribute(node as usize, |index| index % count == node);
            }
        }
    }

    /// Everybody does their duty in these slots.
    pub fn run(&mut self, slots: std::ops::RangeInclusive<Slot>) {
        for slot in slots {
            self.run_slot(slot);
        }
    }

    pub fn chain(&self, node: usize) -> &Chain {
        &self.nodes[node].chain
    }

    /// All nodes have the same head and checkpoints, and nothing went wrong.
    pub fn assert_agreement(&self) {
        let view = |node: &Node| (node.chain.head().root, node.chain.justified(), node.chain.finalized());
        for node in &self.nodes {
            assert_eq!(view(node), view(&self.nodes[0]));
            assert_eq!(node.warnings, Vec::<String>::new());
            assert_eq!(node.chain.metrics().blocks_stripped, 0);
        }
    }
}
