//! What the node of a case knows.

use super::super::super::case::Case;
use lockin::spec::fork_choice::{self, Store};
use lockin::spec::gossip::{PayloadValidationStatus, View};
use lockin::spec::{process_slots, state_transition};
use lockin::ssz::{Root, Ssz};
use lockin::types::{AttestationData, BeaconBlock, BeaconState, ChainConfig, Checkpoint, SignedBeaconBlock, Slot};
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

/// The chain of a case.
pub struct World {
    pub cfg: ChainConfig,
    pub now_ms: u64,
    store: Store,
    finalized: Option<Checkpoint>,
    invalid: BTreeSet<Root>,
    payloads: BTreeMap<Root, PayloadValidationStatus>,
    head: Arc<BeaconState>,
}

impl World {
    pub fn new(case: &Case, blocks: &[BlockMeta], finalized: Option<&FinalizedMeta>) -> Result<World, String> {
        let cfg = case.config()?;
        let state: Arc<BeaconState> = Arc::new(case.ssz("state")?);
        let anchor = match blocks.first() {
            Some(first) => case.ssz::<SignedBeaconBlock>(&first.block)?.message,
            // Nothing is asked of the store then; it only has to be one.
            None => BeaconBlock {
                slot: state.slot,
                state_root: state.hash_tree_root(cfg.shape_at_slot(state.slot)),
                ..BeaconBlock::zero(case.shape()?)
            },
        };
        let store =
            fork_choice::get_forkchoice_store(&cfg, state.clone(), &anchor).map_err(|error| error.to_string())?;
        let mut world = World {
            now_ms: 0,
            store,
            finalized: None,
            invalid: BTreeSet::new(),
            payloads: BTreeMap::new(),
            head: state,
            cfg,
        };
        for (index, meta) in blocks.iter().enumerate() {
            world.take(case, meta, index == 0).map_err(|error| format!("{}: {error}", meta.block))?;
        }
        world.finalized = finalized.map(|meta| world.finalized_checkpoint_of(case, meta)).transpose()?;
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
        } else if !is_anchor {
            let parent = self.store.state(&block.parent_root).ok_or("its parent is not imported")?;
            let mut state = BeaconState::clone(parent);
            state_transition(&self.cfg, &mut state, &signed, true).map_err(|error| error.to_string())?;
            let seconds = self.cfg.slot_duration_ms * (block.slot + 1) / 1000;
            fork_choice::on_tick(&self.cfg, &mut self.store, state.genesis_time + seconds);
            self.head = Arc::new(state);
            fork_choice::on_block_with_state(&self.cfg, &mut self.store, block, root, self.head.clone())
                .map_err(|error| error.to_string())?;
        }
        Ok(())
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

    fn store(&self) -> &Store {
        &self.store
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn finalized_checkpoint(&self) -> Checkpoint {
        self.finalized.unwrap_or(self.store.finalized_checkpoint())
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
        self.advance(self.store.state(block).ok_or("not imported")?, slot)
    }

    fn committee_state(&self, _: &AttestationData) -> Result<Arc<BeaconState>, String> {
        let now = (self.now_ms - self.head.genesis_time * 1000) / self.cfg.slot_duration_ms;
        self.head_state_at(now)
    }
}
