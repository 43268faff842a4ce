//! What validators are to sign: blocks, attestation data, aggregates, contributions.

use std::sync::Arc;

use super::effect::{Effect, ProducedBlock};
use super::event::ProductionId;
use super::{Chain, Error};
use crate::spec::{self, Signatures};
use crate::ssz::{Root, Ssz, Uint256};
use crate::types::{
    Attestation, AttestationData, BeaconBlock, BeaconBlockBody, BeaconState, BlsSignature, Checkpoint, CommitteeIndex,
    ForkName, Slot, SyncCommitteeContribution,
};

impl Chain {
    /// Makes a block for whoever asked.
    pub(super) fn on_produce(&mut self, id: ProductionId, slot: Slot, randao: BlsSignature, graffiti: Root) {
        let produced = |block| {
            Box::new(ProducedBlock { block, proofs: Vec::new(), blobs: Vec::new(), payload_value: Uint256::default() })
        };
        let result = self.produce_block(slot, randao, graffiti).map(produced).map_err(Arc::new);
        self.out.push(Effect::Produced { id, result });
    }

    /// An unsigned block on the current head, with the best of the pools and its state root. Without a source of
    /// deposits: the vote for eth1 data is the interop stub's.
    pub fn produce_block(&self, slot: Slot, randao: BlsSignature, graffiti: Root) -> Result<BeaconBlock, Error> {
        if slot <= self.head.slot || slot > self.slot.saturating_add(1) {
            let (head, now) = (self.head.slot, self.slot);
            let why = format!("no block can be made for slot {slot}: the head is at slot {head}, the clock at {now}");
            return Err(Error::BadRequest(why));
        }
        let pre = self.advanced(&self.head.root, slot)?;
        let due = pre.eth1_data.deposit_count.saturating_sub(pre.eth1_deposit_index);
        if due > 0 {
            let why = format!("the chain demands {due} deposits in it, and this node follows no deposit contract");
            return Err(Error::Produce { slot, why });
        }
        let spec_error = |source| Error::Spec { doing: format!("producing a block for slot {slot}"), source };
        let proposer_index = spec::get_beacon_proposer_index(&self.cfg, &pre).map_err(spec_error)?;
        let eth1_data = spec::get_interop_eth1_vote(&self.cfg, &pre).map_err(spec_error)?;
        let body = self.body(
            &pre,
            BeaconBlockBody {
                randao_reveal: randao,
                eth1_data,
                graffiti,
                ..BeaconBlockBody::zero(self.cfg.shape_at_slot(slot))
            },
        );
        let mut block =
            BeaconBlock { slot, proposer_index, parent_root: self.head.root, state_root: Root::default(), body };
        let post = match self.try_block(&pre, &block) {
            Ok(post) => post,
            Err(first) => {
                // Something in the pools is not what its checks took it for. An empty block is better than none.
                self.stripped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                self.strip(&mut block.body);
                self.try_block(&pre, &block).map_err(|_| Error::Produce { slot, why: first.to_string() })?
            }
        };
        block.state_root = post.hash_tree_root(self.cfg.shape_at_slot(slot));
        Ok(block)
    }

    fn try_block(&self, pre: &BeaconState, block: &BeaconBlock) -> Result<BeaconState, spec::Error> {
        let mut state = pre.clone();
        spec::process_block(&self.cfg, &mut state, block, &mut Signatures::Trust)?;
        Ok(state)
    }

    /// Fills a body that has its header fields with the best of the pools.
    fn body(&self, pre: &BeaconState, mut body: BeaconBlockBody) -> BeaconBlockBody {
        let shape = self.cfg.shape_at_slot(pre.slot);
        let chosen = self.operations.choose(&self.cfg, pre);
        body.proposer_slashings = chosen.proposer_slashings.into();
        body.attester_slashings = chosen.attester_slashings.into();
        body.attestations = self.pack_attestations(pre).into();
        body.voluntary_exits = chosen.voluntary_exits.into();
        if self.fork_at(pre.slot) >= ForkName::Altair {
            body.sync_aggregate = self.sync.aggregate(shape, pre.slot.saturating_sub(1), &self.head.root);
        }
        body
    }

    fn strip(&self, body: &mut BeaconBlockBody) {
        body.proposer_slashings.clear();
        body.attester_slashings.clear();
        body.attestations.clear();
        body.voluntary_exits.clear();
    }

    /// What a committee of this slot should sign now.
    pub fn attestation_data(&self, slot: Slot, index: CommitteeIndex) -> Result<AttestationData, Error> {
        if slot > self.slot.saturating_add(1) {
            return Err(Error::BadRequest(format!("slot {slot} has not come: it is slot {}", self.slot)));
        }
        let epoch = self.cfg.epoch_of(slot);
        let start = self.cfg.start_slot(epoch);
        let missing = || Error::NotFound { what: format!("the canonical block of slot {slot}") };
        let root = self.blocks.canonical_at_or_before(slot).ok_or_else(missing)?;
        let state = self.advanced(&root, start)?;
        let committees = spec::get_committee_count_per_slot(&self.cfg, &state, epoch);
        if index >= committees {
            return Err(Error::BadRequest(format!("no committee {index}: slot {slot} has {committees}")));
        }
        let target = self.blocks.canonical_at_or_before(start).ok_or_else(missing)?;
        Ok(AttestationData {
            slot,
            index,
            beacon_block_root: root,
            source: state.current_justified_checkpoint,
            target: Checkpoint { epoch, root: target },
        })
    }

    /// The best aggregate known of the data with this root.
    pub fn aggregate(&self, slot: Slot, data_root: &Root) -> Option<Attestation> {
        self.attestations.aggregate(slot, data_root)
    }

    /// The sync committee messages of one subcommittee for a block, aggregated.
    pub fn sync_contribution(&self, slot: Slot, block: &Root, subcommittee: u64) -> Option<SyncCommitteeContribution> {
        self.sync.contribution(slot, block, subcommittee)
    }
}
