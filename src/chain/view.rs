//! What gossip's conditions ask of the chain.
//!
//! Deviation: the committees of a vote come from the state of its own target, not from the head's, so that a vote on
//! another fork is judged by its own shuffling. A vote whose target is an old block is ignored unless that is the target
//! of this node's own head, since its committee costs much time and names nobody to blame.

use std::sync::Arc;

use super::Chain;
use super::invalid::Invalidity;
use super::verdict::Fault;
use crate::spec::fork_choice;
use crate::spec::gossip::{self, PayloadValidationStatus, View};
use crate::ssz::Root;
use crate::types::{AttestationData, BeaconState, ChainConfig, Checkpoint, Epoch, Slot};

impl View for Chain {
    fn cfg(&self) -> &ChainConfig {
        &self.cfg
    }

    fn finalized_checkpoint(&self) -> Checkpoint {
        self.store.finalized_checkpoint()
    }

    fn block_slot(&self, block: &Root) -> Option<Slot> {
        self.store.node(block).map(|node| node.slot)
    }

    fn block_state(&self, block: &Root) -> Option<&Arc<BeaconState>> {
        self.store.state(block)
    }

    fn checkpoint_block(&self, block: &Root, epoch: Epoch) -> Option<Root> {
        fork_choice::get_checkpoint_block(&self.cfg, &self.store, block, epoch).ok()
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn is_invalid(&self, block: &Root) -> bool {
        self.invalid.contains(block)
    }

    fn payload_status(&self, block: &Root) -> PayloadValidationStatus {
        match self.invalid.get(block) {
            Some(Invalidity::Payload) => PayloadValidationStatus::Invalidated,
            Some(Invalidity::Rules) => PayloadValidationStatus::NotValidated,
            None if self.store.contains(block) && !self.store.is_optimistic(block) => PayloadValidationStatus::Valid,
            None => PayloadValidationStatus::NotValidated,
        }
    }

    fn head_state(&self) -> &Arc<BeaconState> {
        &self.head.state
    }

    fn head_state_at(&self, slot: Slot) -> Result<Arc<BeaconState>, String> {
        Chain::advanced(self, &self.head.root, slot).map_err(|error| error.to_string())
    }

    fn advanced(&self, block: &Root, slot: Slot) -> Result<Arc<BeaconState>, String> {
        Chain::advanced(self, block, slot).map_err(|error| error.to_string())
    }

    fn committee_state(&self, data: &AttestationData) -> Result<Arc<BeaconState>, String> {
        self.check_target_is_near(&data.target)?;
        self.target_state(&data.target).map_err(|error| error.to_string())
    }
}

impl Chain {
    /// Refuses votes whose target state would be long to compute, unless it is known or of use to this node anyway.
    fn check_target_is_near(&self, target: &Checkpoint) -> Result<(), String> {
        let start = self.cfg.start_slot(target.epoch);
        let block = self.store.node(&target.root).map_or(0, |node| node.slot);
        if self.is_short_walk(block, start) || self.targets.contains_key(target) {
            return Ok(());
        }
        let own = fork_choice::get_checkpoint_block(&self.cfg, &self.store, &self.head.root, target.epoch);
        if own.is_ok_and(|root| root == target.root) {
            return Ok(());
        }
        Err(format!("its target block is {} slots behind the start of epoch {}", start - block, target.epoch))
    }
}

impl From<gossip::Fault> for Fault {
    fn from(fault: gossip::Fault) -> Fault {
        match fault {
            gossip::Fault::Ignore(why) => Fault::Ignore(why.into()),
            gossip::Fault::Unavailable(why) => Fault::Ignore(why),
            gossip::Fault::Seen(why) => Fault::Duplicate(why.into()),
            gossip::Fault::Reject(why) => Fault::Reject(why.into()),
            gossip::Fault::Early(_) => Fault::Early,
            gossip::Fault::Unseen { block, .. } => Fault::NeedsBlock(block),
        }
    }
}
