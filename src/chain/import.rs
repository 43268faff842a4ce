//! Blocks: judged without changing anything ([`Chain::judge_block`]), then applied.
//!
//! Deviations from gossip's text: a block of the next slot and one without its parent are held, not ignored; "the first
//! valid block of its proposer and slot" is marked once the whole block is valid; a second one is ignored when it comes
//! by gossip, but taken when it was asked for, since others may build on it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{Gossip, Level, Notice, Outcome};
use super::event::Origin;
use super::held::{Arrival, Asker};
use super::memo::Post;
use super::verdict::{Fault, fresh, ignore, must, reject, should};
use super::{Chain, schema};
use crate::crypto::{self, SignatureSet};
use crate::spec::{self, Signatures, fork_choice};
use crate::ssz::{Root, Ssz};
use crate::types::constants::DOMAIN_BEACON_PROPOSER;
use crate::types::{BeaconState, Domain, DomainType, Epoch, SignedBeaconBlock, Slot};

/// Roots of invalid blocks remembered, so that their children are refused and they are not computed again.
const MAX_INVALID: usize = 256;
/// How early an object may come by clocks that disagree (`MAXIMUM_GOSSIP_CLOCK_DISPARITY`).
pub(super) const CLOCK_DISPARITY_MS: u64 = 500;

impl Chain {
    /// Takes a block from outside, and whatever was waiting for it.
    pub(super) fn on_block(&mut self, block: Arc<SignedBeaconBlock>, origin: Origin) {
        let root = block.message.hash_tree_root(self.cfg.shape_at_slot(block.message.slot));
        self.take_blocks(vec![Arrival { root, block, asker: Asker::new(origin) }]);
    }

    /// Takes blocks, then those that waited for them, and so on.
    pub(super) fn take_blocks(&mut self, arrivals: Vec<Arrival>) {
        let mut queue = VecDeque::from(arrivals);
        while let Some(arrival) = queue.pop_front() {
            let root = arrival.root;
            if self.take_block(arrival) {
                queue.extend(self.held.children_of(&root));
                self.take_votes_for(&root);
            } else if self.invalid.contains(&root) {
                for mut child in self.held.children_of(&root) {
                    self.note_invalid(child.root);
                    self.refuse(&mut child.asker, Fault::Reject("its parent is invalid".into()));
                }
            }
        }
    }

    /// Whether it was imported.
    fn take_block(&mut self, mut arrival: Arrival) -> bool {
        match self.judge_block(&arrival) {
            Ok(post) => {
                self.apply_block(&arrival, post);
                let block = arrival.block.clone();
                self.accept(&mut arrival.asker, || Gossip::Block(block));
                return true;
            }
            Err(Fault::NeedsBlock(parent)) => {
                let origin = arrival.asker.origin;
                self.answer_held(&mut arrival.asker, "held until its parent comes");
                match self.held.keep_orphan(arrival, self.slot) {
                    // A held parent waits for a parent of its own.
                    Ok(()) if self.held.holds(&parent) && !matches!(origin, Origin::Sync(_)) => {}
                    Ok(()) => self.want_block(parent, origin),
                    Err(mut back) => self.refuse(&mut back.asker, Fault::NeedsBlock(parent)),
                }
            }
            Err(Fault::Early) => {
                self.answer_held(&mut arrival.asker, "held until its slot starts");
                if let Err(mut back) = self.held.keep_early(arrival) {
                    self.refuse(&mut back.asker, Fault::Early);
                }
            }
            Err(Fault::Reject(why)) => {
                self.metrics.blocks_rejected += 1;
                let (slot, root) = (arrival.block.message.slot, arrival.root);
                self.log(Level::Warn, format!("block {root} of slot {slot} is invalid: {why}"));
                // The signature is no part of the root: whoever forges one must not make others' block invalid.
                if self.check_proposer_signature(&arrival.block).is_ok() {
                    self.note_invalid(root);
                    self.held.got(&root);
                }
                self.refuse(&mut arrival.asker, Fault::Reject(why));
            }
            Err(_) if self.store.contains(&arrival.root) && matches!(arrival.asker.origin, Origin::Sync(_)) => {
                self.answer(&mut arrival.asker, Outcome::Accept); // as wanted, if by another way
            }
            Err(fault) => self.refuse(&mut arrival.asker, fault),
        }
        false
    }

    /// Validates a block in full and computes its post-state.
    fn judge_block(&self, arrival: &Arrival) -> Result<Post, Fault> {
        let (root, block) = (arrival.root, &arrival.block.message);
        let by_gossip = matches!(arrival.asker.origin, Origin::Gossip(_));
        fresh(!self.store.contains(&root), || "the block is known".into())?;
        if self.invalid.contains(&root) {
            return reject("the block is known to be invalid");
        }
        should(!self.held.holds(&root), || "the block is known, and held".into())?;
        let finalized = self.store.finalized_checkpoint();
        should(block.slot > self.cfg.start_slot(finalized.epoch), || "not later than the finalized slot".into())?;
        if block.slot > self.slot {
            should(block.slot == self.slot + 1, || format!("from slot {}, it is slot {}", block.slot, self.slot))?;
            self.check_proposer_signature(&arrival.block)?;
            return Err(Fault::Early);
        }
        let first = !self.seen.proposers.contains(&(block.slot, block.proposer_index));
        should(first || !by_gossip, || "not the first block of its proposer and slot".into())?;
        must(!self.invalid.contains(&block.parent_root), || "its parent is invalid".into())?;
        let Some(parent) = self.store.node(&block.parent_root) else {
            self.check_proposer_signature(&arrival.block)?;
            return Err(Fault::NeedsBlock(block.parent_root));
        };
        must(block.slot > parent.slot, || format!("slot {}, its parent has {}", block.slot, parent.slot))?;
        let checkpoint = fork_choice::get_checkpoint_block(&self.cfg, &self.store, &parent.root, finalized.epoch);
        must(checkpoint.is_ok_and(|root| root == finalized.root), || {
            "does not descend from the finalized block".into()
        })?;
        if let Some(post) = self.recall.post(root, arrival.block.signature) {
            return Ok(post);
        }
        if block.slot - parent.slot > self.cfg.preset.slots_per_epoch {
            self.check_proposer_signature(&arrival.block)?; // before the work of many empty slots
        }
        let pre = self.advanced(&block.parent_root, block.slot)?;
        let post = self.transition(&pre, &arrival.block, true)?;
        self.recall.keep_post(root, arrival.block.signature, &post);
        Ok(post)
    }

    /// The post-state of a block on the state of its parent, advanced to its slot.
    pub(super) fn transition(
        &self,
        pre: &BeaconState,
        signed: &SignedBeaconBlock,
        verify: bool,
    ) -> Result<Post, Fault> {
        let block = &signed.message;
        let invalid = |error: spec::Error| Fault::Reject(error.to_string());
        let expected = spec::get_beacon_proposer_index(&self.cfg, pre).map_err(invalid)?;
        must(block.proposer_index == expected, || {
            format!("proposer {}, but the slot's proposer is {expected}", block.proposer_index)
        })?;
        let mut state = pre.clone();
        let mut sets = Vec::new();
        let mut signatures = if verify { Signatures::Collect(&mut sets) } else { Signatures::Trust };
        spec::process_block(&self.cfg, &mut state, block, &mut signatures).map_err(invalid)?;
        if verify {
            sets.push(spec::block_signature_set(&self.cfg, pre, signed).map_err(invalid)?);
            must(crypto::verify_sets(&sets), || "one of its signatures is wrong".into())?;
        }
        let root = state.hash_tree_root(self.cfg.shape_at_slot(block.slot));
        must(root == block.state_root, || format!("state root {}, computed {root}", block.state_root))?;
        let pulled_up = fork_choice::compute_pulled_up_tip(&self.cfg, &state)
            .map_err(|error| Fault::Ignore(format!("weighing its votes: {error}")))?;
        Ok(Post { state: Arc::new(state), pulled_up })
    }

    /// Puts a valid block into the chain.
    pub(super) fn apply_block(&mut self, arrival: &Arrival, post: Post) {
        let (root, block) = (arrival.root, &arrival.block.message);
        let imported = fork_choice::Imported { root, state: post.state, pulled_up: post.pulled_up };
        if let Err(error) = fork_choice::on_block_imported(&self.cfg, &mut self.store, block, imported) {
            self.log(Level::Error, format!("fork choice refused the valid block {root}: {error}"));
            return;
        }
        fork_choice::on_block_operations(&self.cfg, &mut self.store, &root, block);
        self.blocks.insert(root, arrival.block.clone());
        self.seen.proposers.insert((block.slot, block.proposer_index));
        self.held.got(&root);
        let shape = self.cfg.shape_at_slot(block.slot);
        self.batch.push(schema::put(schema::block(&root), arrival.block.encode(shape)));
        self.batch.push(schema::put(schema::state_root(&block.state_root), root.0.to_vec()));
        self.batch.push(schema::put(schema::hot(block.slot, &root), Vec::new()));
        self.metrics.blocks_imported += 1;
        self.notify(Notice::Block { slot: block.slot, root, optimistic: self.is_optimistic(&root) });
        self.update_head();
    }

    fn note_invalid(&mut self, root: Root) {
        if !self.invalid.insert(root) {
            return;
        }
        self.invalid_in_order.push_back(root);
        if self.invalid_in_order.len() > MAX_INVALID
            && let Some(oldest) = self.invalid_in_order.pop_front()
        {
            self.invalid.remove(&oldest);
        }
    }

    /// The domain of messages of this epoch, whichever state they are judged by.
    pub(super) fn domain(&self, kind: DomainType, epoch: Epoch) -> Domain {
        let version = self.cfg.fork_version(self.cfg.fork_at_epoch(epoch));
        spec::compute_domain(&self.cfg, kind, Some(version), Some(self.genesis_validators_root))
    }

    /// The proposer's signature, by the head's registry (an index never changes its key). A head that is far behind may
    /// not know the proposer yet.
    fn proposer_signature(&self, signed: &SignedBeaconBlock) -> Result<SignatureSet, Fault> {
        let block = &signed.message;
        let index = usize::try_from(block.proposer_index).unwrap_or(usize::MAX);
        let proposer = self.head.state.validators.get(index);
        let Some(proposer) = proposer else { return ignore(format!("no validator {} yet", block.proposer_index)) };
        let domain = self.domain(DOMAIN_BEACON_PROPOSER, self.cfg.epoch_of(block.slot));
        let message = spec::compute_signing_root(block, self.cfg.shape_at_slot(block.slot), domain);
        Ok(SignatureSet { pubkeys: vec![proposer.pubkey], message, signature: signed.signature })
    }

    fn check_proposer_signature(&self, signed: &SignedBeaconBlock) -> Result<(), Fault> {
        let set = self.proposer_signature(signed)?;
        must(crypto::verify_sets(&[set]), || "the proposer's signature is wrong".into())
    }

    /// Whether now is within `slot` and `after` slots later, give or take what clocks may differ.
    pub(super) fn is_within(&self, slot: Slot, after: u64) -> bool {
        let start = self.clock.start_of(slot);
        let end = self.clock.start_of(slot.saturating_add(after).saturating_add(1));
        self.now_ms.saturating_add(CLOCK_DISPARITY_MS) >= start && end.saturating_add(CLOCK_DISPARITY_MS) >= self.now_ms
    }

    /// Tells those who waited in vain.
    pub(super) fn expire_held(&mut self) {
        let finalized = self.cfg.start_slot(self.store.finalized_checkpoint().epoch);
        let (dropped, again) = self.held.expire(self.slot, finalized);
        for mut asker in dropped {
            self.answer(&mut asker, Outcome::Ignore("the block it needs did not come".into()));
        }
        for (root, origin) in again {
            self.out.push(super::Effect::RequestBlock { root, origin });
        }
    }
}
