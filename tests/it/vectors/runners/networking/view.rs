//! What the node of a case knows.

use super::super::super::case::Case;
use lockin::spec::gossip::{PayloadValidationStatus, View};
use lockin::spec::{process_slots, state_transition};
use lockin::ssz::{Root, Ssz};
use lockin::types::{AttestationData, BeaconState, ChainConfig, Checkpoint, Epoch, SignedBeaconBlock, Slot};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockMeta {
    block: String,
    #[serde(default)]
    failed: bool,
    payload_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalizedMeta {
    epoch: u64,
    root: Option<String>,
    block: Option<String>,
}

struct Node {
    slot: Slot,
    parent: Root,
    state: Arc<BeaconState>,
}

/// The chain of a case.
pub struct World {
    pub cfg: ChainConfig,
    pub now_ms: u64,
    blocks: BTreeMap<Root, Node>,
    finalized: Checkpoint,
    invalid: BTreeSet<Root>,
    payloads: BTreeMap<Root, PayloadValidationStatus>,
    head: Arc<BeaconState>,
}

impl World {
    pub fn new(case: &Case, blocks: &[BlockMeta], finalized: Option<&FinalizedMeta>) -> Result<World, String> {
        let state: Arc<BeaconState> = Arc::new(case.ssz("state")?);
        let mut world = World {
            cfg: case.config()?,
            now_ms: 0,
            blocks: BTreeMap::new(),
            finalized: Checkpoint::default(),
            invalid: BTreeSet::new(),
            payloads: BTreeMap::new(),
            head: state,
        };
        for (index, meta) in blocks.iter().enumerate() {
            world.take(case, meta, index == 0).map_err(|error| format!("{}: {error}", meta.block))?;
        }
        if let Some(meta) = finalized {
            world.finalized = world.finalized_checkpoint_of(case, meta)?;
        }
        world.set_time(world.cfg.slot_duration_ms * world.head.slot);
        Ok(world)
    }

    /// Sets the clock, by milliseconds since genesis.
    pub fn set_time(&mut self, since_genesis_ms: u64) {
        self.now_ms = self.head.genesis_time * 1000 + since_genesis_ms;
    }

    fn take(&mut self, case: &Case, meta: &BlockMeta, is_anchor: bool) -> Result<(), String> {
        let signed: SignedBeaconBlock = case.ssz(&meta.block)?;
        let block = &signed.message;
        let root = block.hash_tree_root(self.cfg.shape_at_slot(block.slot));
        if let Some(status) = &meta.payload_status {
            let status = match status.as_str() {
                "VALID" => PayloadValidationStatus::Valid,
                "INVALIDATED" => PayloadValidationStatus::Invalidated,
                "NOT_VALIDATED" => PayloadValidationStatus::NotValidated,
                other => return Err(format!("unknown payload status {other}")),
            };
            self.payloads.insert(root, status);
        }
        if meta.failed {
            self.invalid.insert(root);
            return Ok(());
        }
        if is_anchor {
            self.check_anchor(&root)?;
            // As `get_forkchoice_store` has it.
            self.finalized = Checkpoint { epoch: self.cfg.epoch_of(self.head.slot), root };
        } else {
            let parent = &self.blocks.get(&block.parent_root).ok_or("its parent is not imported")?.state;
            let mut state = BeaconState::clone(parent);
            state_transition(&self.cfg, &mut state, &signed, true).map_err(|error| error.to_string())?;
            self.head = Arc::new(state);
        }
        let node = Node { slot: block.slot, parent: block.parent_root, state: self.head.clone() };
        self.blocks.insert(root, node);
        Ok(())
    }

    /// The case's state is that of the anchor block, or, in some cases, that state some empty slots later.
    fn check_anchor(&self, root: &Root) -> Result<(), String> {
        let shape = self.cfg.shape_at_slot(self.head.slot);
        let mut header = self.head.latest_block_header;
        if header.state_root == Root::default() {
            header.state_root = self.head.hash_tree_root(shape);
        }
        let latest = header.hash_tree_root(shape);
        if latest == *root { Ok(()) } else { Err(format!("the state's latest block is {latest}")) }
    }

    fn finalized_checkpoint_of(&self, case: &Case, meta: &FinalizedMeta) -> Result<Checkpoint, String> {
        let root = match (&meta.root, &meta.block) {
            (Some(root), None) => root.parse().map_err(|_| format!("{root} is no root"))?,
            (None, Some(file)) => {
                let block = case.ssz::<SignedBeaconBlock>(file)?.message;
                block.hash_tree_root(self.cfg.shape_at_slot(block.slot))
            }
            _ => return Err("finalized_checkpoint has both root and block, or neither".into()),
        };
        Ok(Checkpoint { epoch: meta.epoch, root })
    }

    fn advance(&self, state: &Arc<BeaconState>, slot: Slot) -> Result<Arc<BeaconState>, String> {
        if state.slot >= slot {
            return Ok(state.clone());
        }
        let mut state = BeaconState::clone(state);
        process_slots(&self.cfg, &mut state, slot).map_err(|error| error.to_string())?;
        Ok(Arc::new(state))
    }
}

impl View for World {
    fn cfg(&self) -> &ChainConfig {
        &self.cfg
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn finalized_checkpoint(&self) -> Checkpoint {
        self.finalized
    }

    fn block_slot(&self, block: &Root) -> Option<Slot> {
        self.blocks.get(block).map(|node| node.slot)
    }

    fn block_state(&self, block: &Root) -> Option<&Arc<BeaconState>> {
        self.blocks.get(block).map(|node| &node.state)
    }

    fn checkpoint_block(&self, block: &Root, epoch: Epoch) -> Option<Root> {
        let mut root = *block;
        let mut node = self.blocks.get(block)?;
        while node.slot > self.cfg.start_slot(epoch) {
            root = node.parent;
            node = self.blocks.get(&root)?;
        }
        Some(root)
    }

    fn is_invalid(&self, block: &Root) -> bool {
        self.invalid.contains(block)
    }

    fn payload_status(&self, block: &Root) -> PayloadValidationStatus {
        self.payloads.get(block).copied().unwrap_or(PayloadValidationStatus::NotValidated)
    }

    fn head_state(&self) -> &Arc<BeaconState> {
        &self.head
    }

    fn head_state_at(&self, slot: Slot) -> Result<Arc<BeaconState>, String> {
        self.advance(&self.head, slot)
    }

    fn advanced(&self, block: &Root, slot: Slot) -> Result<Arc<BeaconState>, String> {
        self.advance(self.block_state(block).ok_or("not imported")?, slot)
    }

    fn committee_state(&self, _: &AttestationData) -> Result<Arc<BeaconState>, String> {
        let now = (self.now_ms - self.head.genesis_time * 1000) / self.cfg.slot_duration_ms;
        self.head_state_at(now)
    }
}
