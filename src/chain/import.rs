//! Blocks: judged without changing anything ([`Chain::judge_block`]), then admitted (see [`waiting`](super::waiting)), then
//! applied.
//!
//! Deviations from gossip's text: a block of the next slot and one without its parent are held, not ignored; a block is
//! forwarded once its whole transition is right, and "the first valid block of its proposer and slot" marked then; a second
//! one is ignored when it comes by gossip, but taken when it was asked for, since others may build on it; so is one on an old
//! block whose proposer wanted another such block judged in the same slot (see [`walks`](super::walks)).

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{Level, Notice, Outcome};
use super::event::Origin;
use super::held::Arrival;
use super::invalid::Invalidity;
use super::memo::Post;
use super::verdict::{Fault, fresh, ignore, must, reject, should};
use super::walks::Claim;
use super::{Chain, schema};
use crate::crypto::{self, SignatureSet};
use crate::spec::{self, Signatures, fork_choice, gossip};
use crate::ssz::{Root, Ssz};
use crate::types::constants::DOMAIN_BEACON_PROPOSER;
use crate::types::{
    BeaconState, BlsSignature, Domain, DomainType, Epoch, SignedBeaconBlock, SignedBeaconBlockHeader, Slot,
    ValidatorIndex,
};

fn claim_of(arrival: &Arrival) -> Claim {
    let block = &arrival.block.message;
    Claim { proposer: block.proposer_index, parent: block.parent_root, slot: block.slot }
}

impl Chain {
    /// Takes a block from outside, and whatever was waiting for it.
    pub(super) fn on_block(&mut self, block: Arc<SignedBeaconBlock>, origin: Origin) {
        let root = self.root_of(&block);
        self.take_blocks(vec![Arrival::new(root, block, origin)]);
    }

    /// Takes blocks, then those that waited for them, and so on.
    pub(super) fn take_blocks(&mut self, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            let root = arrival.root;
            if self.take_block(arrival) {
                self.take_what_waited_for(&root);
            }
        }
    }

    /// Takes what waited for a block that is imported now.
    pub(super) fn take_what_waited_for(&mut self, root: &Root) {
        let mut imported = VecDeque::from([*root]);
        while let Some(root) = imported.pop_front() {
            for held in self.held.sidecars_for(&root) {
                self.take_sidecar(held.sidecar, held.subnet, held.asker);
            }
            self.take_votes_for(&root);
            for child in self.held.children_of(&root) {
                let child_root = child.root;
                if self.take_block(child) {
                    imported.push_back(child_root);
                }
            }
        }
    }

    /// Whether it was imported.
    fn take_block(&mut self, mut arrival: Arrival) -> bool {
        let judged = self.judge_block(&arrival);
        let is_signed = |chain: &Chain| chain.check_proposer_signature(&arrival).is_ok();
        self.note_walk(claim_of(&arrival), arrival.asker.origin, &judged, is_signed);
        match judged {
            Ok(post) => return self.admit(arrival, post),
            Err(Fault::NeedsBlock(parent)) => {
                let asker = arrival.asker;
                // A held parent waits for a parent of its own, a waiting one for other things.
                let held = self.held.holds(&parent) && !matches!(asker.origin, Origin::Sync(_));
                let comes = held || self.waiting.contains_key(&parent);
                arrival.asker = asker.while_held();
                let kept = self.held.keep_orphan(arrival, self.slot).is_ok();
                self.tell_held(asker, kept, "held until its parent comes", Fault::NeedsBlock(parent));
                if kept && !comes {
                    self.want_block(parent, asker.origin);
                }
            }
            Err(Fault::Early) => {
                let asker = arrival.asker;
                arrival.asker = asker.while_held();
                let kept = self.held.keep_early(arrival).is_ok();
                self.tell_held(asker, kept, "held until its slot starts", Fault::Early);
            }
            Err(Fault::Reject(why)) => {
                self.metrics.blocks_rejected += 1;
                let (slot, root) = (arrival.block.message.slot, arrival.root);
                self.log(Level::Warn, format!("block {root} of slot {slot} is invalid: {why}"));
                // The signature is no part of the root: whoever forges one must not make others' block invalid.
                if self.check_proposer_signature(&arrival).is_ok() {
                    self.note_invalid(root, Invalidity::Rules);
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

    /// Validates a block up to its sidecars and its payload, and computes its post-state.
    fn judge_block(&self, arrival: &Arrival) -> Result<Post, Fault> {
        let (root, block) = (arrival.root, &arrival.block.message);
        fresh(!self.store.contains(&root), || "the block is known".into())?;
        match self.invalid.get(&root) {
            Some(Invalidity::Rules) => return reject("the block is known to be invalid"),
            Some(Invalidity::Payload) => return ignore("the block's payload is known to be invalid"),
            None => {}
        }
        fresh(!self.waiting.contains_key(&root), || "the block is known, and waits to be imported".into())?;
        should(!self.held.holds(&root), || "the block is known, and held".into())?;
        should(block.slot <= self.slot.saturating_add(1), || {
            format!("from slot {}, it is slot {}", block.slot, self.slot)
        })?;
        self.check_walk(&claim_of(arrival), arrival.asker.origin)?;
        let nothing = gossip::Seen::default();
        let by_gossip = matches!(arrival.asker.origin, Origin::Gossip(_));
        let seen = if by_gossip { &self.seen } else { &nothing };
        gossip::validate_beacon_block_gossip(self, seen, &arrival.block).map_err(|fault| match fault {
            gossip::Fault::Seen(why) => Fault::Ignore(why.into()), // another block, so no duplicate
            fault => fault.into(),
        })?;
        if block.slot > self.slot {
            return Err(Fault::Early); // gossip allows for clocks that disagree, fork choice does not
        }
        if let Some(post) = self.recall.post(root, arrival.block.signature) {
            return Ok(post);
        }
        let pre = self.advanced(&block.parent_root, block.slot)?;
        let post = self.transition(&pre, &arrival.block, true)?;
        self.recall.keep_post(root, arrival.block.signature, &post);
        Ok(post)
    }

    /// The post-state of a block on the state of its parent, advanced to its slot. `verify`: the signatures in its body;
    /// the proposer's own is not looked at.
    pub(super) fn transition(
        &self,
        pre: &BeaconState,
        signed: &SignedBeaconBlock,
        verify: bool,
    ) -> Result<Post, Fault> {
        let block = &signed.message;
        let invalid = |error: spec::Error| Fault::Reject(error.to_string());
        let mut state = pre.clone();
        let mut sets = Vec::new();
        let mut signatures = if verify { Signatures::Collect(&mut sets) } else { Signatures::Trust };
        spec::process_block(&self.cfg, &mut state, block, &mut signatures).map_err(invalid)?;
        must(crypto::verify_sets(&sets), || "one of its signatures is wrong".into())?;
        let root = state.hash_tree_root(self.cfg.shape_at_slot(block.slot));
        must(root == block.state_root, || format!("state root {}, computed {root}", block.state_root))?;
        let pulled_up = fork_choice::compute_pulled_up_tip(&self.cfg, &state)
            .map_err(|error| Fault::Ignore(format!("weighing its votes: {error}")))?;
        Ok(Post { state: Arc::new(state), pulled_up })
    }

    /// Puts a valid block into the chain. False if it is of no use any more: while it waited, another fork became final.
    pub(super) fn apply_block(&mut self, arrival: &Arrival, post: Post, optimistic: bool) -> bool {
        let (root, block) = (arrival.root, &arrival.block.message);
        let imported = fork_choice::Imported { root, state: post.state, pulled_up: post.pulled_up };
        if let Err(error) = fork_choice::on_block_imported(&self.cfg, &mut self.store, block, imported) {
            self.log(Level::Warn, format!("fork choice refuses the valid block {root}: {error}"));
            self.forget_sidecars(&root);
            return false;
        }
        if optimistic {
            fork_choice::mark_optimistic(&mut self.store, &root);
        }
        fork_choice::on_block_operations(&self.cfg, &mut self.store, &root, block);
        self.blocks.insert(root, arrival.block.clone());
        self.seen.add_block(block);
        self.held.got(&root);
        let shape = self.cfg.shape_at_slot(block.slot);
        self.batch.push(schema::put(schema::block(&root), arrival.block.encode(shape)));
        self.batch.push(schema::put(schema::state_root(&block.state_root), root.0.to_vec()));
        self.batch.push(schema::put(schema::hot(block.slot, &root), Vec::new()));
        self.write_sidecars(&root);
        self.metrics.blocks_imported += 1;
        self.notify(Notice::Block { slot: block.slot, root, optimistic });
        self.update_head();
        true
    }

    /// Remembers that a block is invalid, and refuses those that wait for it.
    pub(super) fn note_invalid(&mut self, root: Root, why: Invalidity) {
        self.invalid.insert(root, why);
        self.forget_sidecars(&root);
        let fault = match why {
            Invalidity::Rules => Fault::Reject("its parent is invalid".into()),
            Invalidity::Payload => Fault::Ignore("its parent's payload is invalid".into()),
        };
        for mut child in self.held.children_of(&root) {
            self.refuse(&mut child.asker, fault.clone());
            self.note_invalid(child.root, why);
        }
        let children = self.waiting.iter().filter(|(_, waiting)| waiting.arrival.block.message.parent_root == root);
        let children: Vec<Root> = children.map(|(child, _)| *child).collect();
        for child in children {
            self.reject_waiting(&child, why, "its parent is invalid".into());
        }
    }

    /// The domain of messages of this epoch, whichever state they are judged by.
    pub(super) fn domain(&self, kind: DomainType, epoch: Epoch) -> Domain {
        let version = self.cfg.fork_version(self.cfg.fork_at_epoch(epoch));
        spec::compute_domain(&self.cfg, kind, Some(version), Some(self.genesis_validators_root))
    }

    fn check_proposer_signature(&self, arrival: &Arrival) -> Result<(), Fault> {
        let block = &arrival.block.message;
        self.check_signed(block.slot, block.proposer_index, arrival.root, arrival.block.signature)
    }

    /// That the proposer of a header signed it.
    pub(super) fn check_header_signature(&self, signed: &SignedBeaconBlockHeader) -> Result<(), Fault> {
        let header = &signed.message;
        let root = header.hash_tree_root(self.cfg.shape_at_slot(header.slot));
        self.check_signed(header.slot, header.proposer_index, root, signed.signature)
    }

    /// The proposer's signature, by the head's registry (an index never changes its key). A head that is far behind may
    /// not know the proposer yet.
    fn check_signed(
        &self,
        slot: Slot,
        proposer: ValidatorIndex,
        root: Root,
        signature: BlsSignature,
    ) -> Result<(), Fault> {
        let known = self.head.state.validators.get(usize::try_from(proposer).unwrap_or(usize::MAX));
        let Some(validator) = known else { return ignore(format!("no validator {proposer} yet")) };
        let domain = self.domain(DOMAIN_BEACON_PROPOSER, self.cfg.epoch_of(slot));
        let message = spec::signing_root_of(root, domain);
        let set = SignatureSet { pubkeys: vec![validator.pubkey], message, signature };
        must(crypto::verify_sets(&[set]), || "the proposer's signature is wrong".into())
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
