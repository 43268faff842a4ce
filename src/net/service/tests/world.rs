//! Services on an in-memory network, each with a chain that follows a script: it knows parents and slots, nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chain::{Effect, Event, Gossip, Origin, Outcome, Standing};
use crate::net::link::PeerId;
use crate::net::memory::{MemoryNetwork, NodeIndex};
use crate::net::service::{Action, ChainView, Service};
use crate::ssz::{Root, Ssz};
use crate::types::{
    BlobSidecar, ChainConfig, Checkpoint, DataColumnSidecar, FAR_FUTURE_EPOCH, ForkName, SignedBeaconBlock, Slot,
    Status,
};

pub const GENESIS: u64 = 1_600_000_000;
pub const GENESIS_ROOT: Root = crate::ssz::Bytes([0x99; 32]);

/// Minimal preset, 6 s slots, phase0, altair at the epoch given.
pub fn config(altair: u64) -> Arc<ChainConfig> {
    let mut cfg = ChainConfig::minimal();
    for fork in ForkName::ALL.into_iter().skip(1) {
        cfg.set_fork_epoch(fork, FAR_FUTURE_EPOCH);
    }
    cfg.set_fork_epoch(ForkName::Altair, altair);
    Arc::new(cfg)
}

/// Unix milliseconds of the start of a slot.
pub fn at(slot: Slot) -> u64 {
    GENESIS * 1000 + slot * 6000
}

/// A chain of blocks at these slots on `parent`; `salt` tells forks apart.
pub fn blocks(
    cfg: &ChainConfig,
    parent: Root,
    slots: impl IntoIterator<Item = Slot>,
    salt: u64,
) -> Vec<Arc<SignedBeaconBlock>> {
    let mut parent_root = parent;
    slots
        .into_iter()
        .map(|slot| {
            let mut block = SignedBeaconBlock::zero(cfg.shape_at_slot(slot));
            block.message.slot = slot;
            block.message.proposer_index = salt;
            block.message.parent_root = parent_root;
            parent_root = root_of(cfg, &block);
            Arc::new(block)
        })
        .collect()
}

pub fn root_of(cfg: &ChainConfig, block: &SignedBeaconBlock) -> Root {
    block.message.hash_tree_root(cfg.shape_at_slot(block.message.slot))
}

/// Takes any block whose parent it has; holds the others. The head is the block with the highest slot.
pub struct Script {
    cfg: Arc<ChainConfig>,
    pub blocks: BTreeMap<Root, Arc<SignedBeaconBlock>>,
    /// Sidecars that it has, of blocks imported or not.
    pub blobs: BTreeMap<Root, Vec<Arc<BlobSidecar>>>,
    pub columns: BTreeMap<Root, Vec<Arc<DataColumnSidecar>>>,
    held: Vec<(Arc<SignedBeaconBlock>, Origin)>,
    head: Root,
    pub finalized: Checkpoint,
    /// Blocks of this salt are invalid.
    pub poison: Option<u64>,
    /// Blocks known to be invalid.
    pub refused: BTreeSet<Root>,
    /// Blocks of this salt are ignored.
    pub ignores: Option<u64>,
    /// Nothing is imported until it speaks.
    pub engine_is_silent: bool,
    /// Answers no request for blocks.
    pub withholds: bool,
    /// Asks for the sidecars of a block as soon as it has the block.
    pub asks_for_sidecars: bool,
}

impl Script {
    pub fn new(cfg: Arc<ChainConfig>) -> Script {
        let finalized = Checkpoint { epoch: 0, root: GENESIS_ROOT };
        Script {
            cfg,
            blocks: BTreeMap::new(),
            blobs: BTreeMap::new(),
            columns: BTreeMap::new(),
            held: Vec::new(),
            head: GENESIS_ROOT,
            finalized,
            poison: None,
            refused: BTreeSet::new(),
            ignores: None,
            engine_is_silent: false,
            withholds: false,
            asks_for_sidecars: false,
        }
    }

    pub fn head_slot(&self) -> Slot {
        self.blocks.get(&self.head).map_or(0, |b| b.message.slot)
    }

    fn knows(&self, root: &Root) -> bool {
        *root == GENESIS_ROOT || self.blocks.contains_key(root)
    }

    pub fn add(&mut self, block: Arc<SignedBeaconBlock>) {
        let root = root_of(&self.cfg, &block);
        let slot = block.message.slot;
        self.blocks.insert(root, block);
        if slot >= self.head_slot() {
            self.head = root;
        }
    }

    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        let (block, origin) = match event {
            Event::Block { block, origin, .. } => (block, origin),
            Event::BlobSidecar { sidecar, .. } => {
                let root = sidecar.signed_block_header.message.hash_tree_root(self.cfg.shape_at_slot(0));
                self.blobs.entry(root).or_default().push(sidecar);
                return self.retry();
            }
            Event::DataColumnSidecar { sidecar, .. } => {
                let root = sidecar.signed_block_header.message.hash_tree_root(self.cfg.shape_at_slot(0));
                self.columns.entry(root).or_default().push(sidecar);
                return self.retry();
            }
            _ => return Vec::new(),
        };
        let outcome = |origin, outcome| Effect::Outcome { origin, outcome };
        if self.poison == Some(block.message.proposer_index) {
            return vec![outcome(origin, Outcome::Reject("poisoned".into()))];
        }
        if self.ignores == Some(block.message.proposer_index) {
            return vec![outcome(origin, Outcome::Ignore("its payload is invalid".into()))];
        }
        let parent = block.message.parent_root;
        if !self.knows(&parent) {
            let asked = self.held.iter().any(|(b, _)| b.message.parent_root == parent);
            self.held.push((block, origin));
            return if asked { Vec::new() } else { vec![Effect::RequestBlock { root: parent, origin }] };
        }
        let root = root_of(&self.cfg, &block);
        if self.held.iter().any(|(held, _)| root_of(&self.cfg, held) == root) {
            return vec![outcome(origin, Outcome::Duplicate("it waits already".into()))];
        }
        let missing = self.missing(&block);
        self.held.push((block.clone(), origin));
        let mut effects = self.retry();
        if self.asks_for_sidecars && !missing.is_empty() {
            let slot = block.message.slot;
            effects.push(Effect::RequestSidecars { root, slot, indices: missing, origin });
        }
        effects
    }

    /// Takes what is held and lacks nothing any more.
    pub fn retry(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.engine_is_silent {
            return effects;
        }
        let whole = |script: &Script, block: &SignedBeaconBlock| {
            script.knows(&block.message.parent_root) && script.missing(block).is_empty()
        };
        while let Some(i) = self.held.iter().position(|(block, _)| whole(self, block)) {
            let (block, origin) = self.held.remove(i);
            self.add(block);
            effects.push(Effect::Outcome { origin, outcome: Outcome::Accept });
        }
        effects
    }

    /// The sidecars that it lacks of the block.
    pub fn missing(&self, block: &SignedBeaconBlock) -> Vec<u64> {
        let root = root_of(&self.cfg, block);
        let commitments = block.message.body.blob_kzg_commitments.len() as u64;
        let (count, kept): (u64, BTreeSet<u64>) = match self.cfg.fork_at_slot(block.message.slot) < ForkName::Fulu {
            true => (commitments, self.blobs.get(&root).into_iter().flatten().map(|kept| kept.index).collect()),
            false => {
                let columns = if commitments > 0 { self.cfg.preset.number_of_columns } else { 0 };
                (columns, self.columns.get(&root).into_iter().flatten().map(|kept| kept.index).collect())
            }
        };
        (0..count).filter(|index| !kept.contains(index)).collect()
    }

    fn canonical(&self, wanted: impl Fn(Slot) -> bool) -> Option<(Root, Arc<SignedBeaconBlock>)> {
        let mut root = self.head;
        while let Some(block) = self.blocks.get(&root) {
            if wanted(block.message.slot) {
                return Some((root, block.clone()));
            }
            root = block.message.parent_root;
        }
        None
    }
}

impl ChainView for Script {
    fn status(&self) -> Status {
        let finalized_root = if self.finalized.epoch == 0 { Root::ZERO } else { self.finalized.root };
        Status {
            finalized_root,
            finalized_epoch: self.finalized.epoch,
            head_root: self.head,
            head_slot: self.head_slot(),
            ..Status::default()
        }
    }

    fn finalized(&self) -> Checkpoint {
        self.finalized
    }

    fn has_block(&self, root: &Root) -> bool {
        self.knows(root)
    }

    fn standing(&self, root: &Root) -> Standing {
        match self.held.iter().any(|(block, _)| root_of(&self.cfg, block) == *root) {
            _ if self.knows(root) => Standing::Imported,
            _ if self.refused.contains(root) => Standing::Invalid,
            true if self.engine_is_silent => Standing::AwaitsEngine,
            true => Standing::Awaits,
            false => Standing::Unknown,
        }
    }

    fn block_by_root(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>> {
        self.blocks.get(root).filter(|_| !self.withholds).cloned()
    }

    fn blob_sidecars(&self, root: &Root) -> Vec<Arc<BlobSidecar>> {
        self.blobs.get(root).cloned().unwrap_or_default()
    }

    fn data_column_sidecars(&self, root: &Root, indices: &BTreeSet<u64>) -> Vec<Arc<DataColumnSidecar>> {
        let kept = self.columns.get(root).into_iter().flatten();
        kept.filter(|column| indices.contains(&column.index)).cloned().collect()
    }

    fn canonical_block_at(&self, slot: Slot) -> Option<Arc<SignedBeaconBlock>> {
        self.canonical(|s| s == slot).filter(|_| !self.withholds).map(|(_, block)| block)
    }

    fn canonical_root_at(&self, slot: Slot) -> Option<Root> {
        Some(self.canonical(|s| s <= slot).map_or(GENESIS_ROOT, |(root, _)| root))
    }
}

pub struct Node {
    pub service: Service,
    pub chain: Script,
}

/// Some nodes, and the network between them.
pub struct World {
    pub net: MemoryNetwork,
    pub nodes: Vec<Node>,
    pub now: u64,
}

impl World {
    pub fn new(now: u64) -> World {
        World { net: MemoryNetwork::new(1, 5..=50), nodes: Vec::new(), now }
    }

    pub fn join(&mut self, cfg: &Arc<ChainConfig>, genesis_validators_root: Root) -> NodeIndex {
        let node = self.net.join(PeerId::new(format!("peer{}", self.nodes.len())), "test");
        let service = Service::new(cfg.clone(), GENESIS, genesis_validators_root, GENESIS_ROOT);
        self.nodes.push(Node { service, chain: Script::new(cfg.clone()) });
        self.net.start(node, self.now);
        let Node { service, chain } = &mut self.nodes[node];
        let actions = service.start(&[], chain, self.now);
        self.carry_out(node, actions);
        node
    }

    pub fn connect(&mut self, a: NodeIndex, b: NodeIndex) {
        self.net.connect(a, b, self.now);
    }

    pub fn carry_out(&mut self, node: NodeIndex, actions: Vec<Action>) {
        let mut todo: std::collections::VecDeque<Action> = actions.into();
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Link(command) => self.net.send(node, self.now, command),
                Action::Chain(event) => {
                    let Node { service, chain } = &mut self.nodes[node];
                    for effect in chain.on(event) {
                        todo.extend(service.on_effect(&effect, chain, self.now));
                    }
                }
            }
        }
    }

    /// Lets time pass, with a tick for every node each 500 ms.
    pub fn run_until(&mut self, end: u64) {
        while self.now < end {
            let next = (self.now + 500).min(end);
            while let Some(due) = self.net.next_event_time().filter(|t| *t <= next) {
                while let Some((node, event)) = self.net.pop_due(due) {
                    self.now = self.now.max(due);
                    let Node { service, chain } = &mut self.nodes[node];
                    let actions = service.on_link(event, chain, self.now);
                    self.carry_out(node, actions);
                }
            }
            self.now = next;
            for node in 0..self.nodes.len() {
                let Node { service, chain } = &mut self.nodes[node];
                let actions = service.on_tick(chain, self.now);
                self.carry_out(node, actions);
            }
        }
    }

    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now + ms);
    }

    pub fn publish(&mut self, node: NodeIndex, block: &Arc<SignedBeaconBlock>) {
        let Node { service, chain } = &mut self.nodes[node];
        chain.add(block.clone());
        let actions = service.on_effect(&Effect::Publish(Gossip::Block(block.clone())), chain, self.now);
        self.carry_out(node, actions);
    }
}
