//! What validators are to sign: blocks, attestation data, aggregates, contributions. Nothing on a head whose payload the
//! engine has not called valid (`sync/optimistic.md`).

use super::building::Order;
use super::effect::ProducedBlock;
use super::pool::attestation;
use super::{Chain, Error};
use crate::engine::{self, BuiltPayload};
use crate::spec::{self, Signatures};
use crate::ssz::{Root, Ssz, Uint256};
use crate::types::{
    Attestation, AttestationData, BeaconBlock, BeaconBlockBody, BeaconState, Checkpoint, CommitteeIndex, Eth1Data,
    ForkName, Slot, SyncCommitteeContribution,
};

impl Chain {
    /// Whether a block can be made for the order on the head at all.
    pub(super) fn check_order(&self, order: &Order) -> Result<(), Error> {
        let slot = order.slot;
        if slot <= self.head.slot || slot > self.slot.saturating_add(1) {
            let (head, now) = (self.head.slot, self.slot);
            let why = format!("no block can be made for slot {slot}: the head is at slot {head}, the clock at {now}");
            return Err(Error::BadRequest(why));
        }
        self.refuse_optimistic(&self.head.root)
    }

    fn refuse_optimistic(&self, root: &Root) -> Result<(), Error> {
        if self.is_optimistic(root) { Err(Error::Optimistic { root: *root }) } else { Ok(()) }
    }

    /// An unsigned block on this block, with the best of the pools and its state root; without a payload (before the
    /// merge), or with this one. Without a source of deposits: the vote for eth1 data is the interop stub's, as long as
    /// votes count.
    pub(super) fn assemble(
        &self,
        order: &Order,
        parent: &Root,
        built: Option<BuiltPayload>,
    ) -> Result<ProducedBlock, Error> {
        let slot = order.slot;
        let pre = self.advanced(parent, slot)?;
        let spec_error = |source| Error::Spec { doing: format!("producing a block for slot {slot}"), source };
        let due = spec::blocks::get_eth1_pending_deposit_count(&self.cfg, &pre).map_err(spec_error)?;
        if due > 0 {
            let why = format!("the chain demands {due} deposits in it, and this node follows no deposit contract");
            return Err(Error::Produce { slot, why });
        }
        let proposer_index = spec::get_beacon_proposer_index(&self.cfg, &pre).map_err(spec_error)?;
        let has_payload = built.is_some();
        let built = built.unwrap_or_else(|| self.no_payload(slot));
        let body = BeaconBlockBody {
            randao_reveal: order.randao,
            eth1_data: self.eth1_vote(&pre).map_err(spec_error)?,
            graffiti: order.graffiti,
            execution_payload: built.payload,
            blob_kzg_commitments: built.commitments.into(),
            execution_requests: built.execution_requests,
            ..BeaconBlockBody::zero(self.cfg.shape_at_slot(slot))
        };
        let body = self.fill(&pre, parent, body);
        let mut block = BeaconBlock { slot, proposer_index, parent_root: *parent, state_root: Root::default(), body };
        let post = match self.try_block(&pre, &block) {
            Ok(post) => post,
            Err(first) => {
                // Something in the pools is not what its checks took it for. An empty block is better than none.
                self.strip(&mut block.body);
                let post = self.try_block(&pre, &block).map_err(|last| {
                    let blame = if has_payload { "the execution engine's payload is unfit, or a bug: " } else { "" };
                    Error::Produce { slot, why: format!("{blame}{last} (at first: {first})") }
                })?;
                self.stripped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                post
            }
        };
        if has_payload {
            self.check_payload_hash(&block)?;
        }
        block.state_root = post.hash_tree_root(self.cfg.shape_at_slot(slot));
        Ok(ProducedBlock { block, proofs: built.proofs, blobs: built.blobs, payload_value: built.block_value })
    }

    /// That the engine's payload is the one that its hash says: everybody else's engine will look at that first.
    fn check_payload_hash(&self, block: &BeaconBlock) -> Result<(), Error> {
        let (claimed, found) =
            (block.body.execution_payload.block_hash, engine::header::block_hash(&self.new_payload(block)));
        if claimed == found {
            return Ok(());
        }
        let why = format!("the execution engine's payload says that its hash is {claimed}, but it is {found}");
        Err(Error::Produce { slot: block.slot, why })
    }

    /// What a block without a payload has in its place.
    fn no_payload(&self, slot: Slot) -> BuiltPayload {
        let BeaconBlockBody { execution_payload: payload, execution_requests, .. } =
            BeaconBlockBody::zero(self.cfg.shape_at_slot(slot));
        BuiltPayload { payload, execution_requests, block_value: Uint256::ZERO, ..BuiltPayload::default() }
    }

    /// Spec `get_eth1_vote`: once electra's requests have taken over from the bridge, what the state says.
    fn eth1_vote(&self, pre: &BeaconState) -> Result<Eth1Data, spec::Error> {
        let bridge_is_over =
            self.fork_at(pre.slot) >= ForkName::Electra && pre.eth1_deposit_index == pre.deposit_requests_start_index;
        if bridge_is_over { Ok(pre.eth1_data) } else { spec::get_interop_eth1_vote(&self.cfg, pre) }
    }

    fn try_block(&self, pre: &BeaconState, block: &BeaconBlock) -> Result<BeaconState, spec::Error> {
        let mut state = pre.clone();
        spec::process_block(&self.cfg, &mut state, block, &mut Signatures::Trust)?;
        Ok(state)
    }

    /// Fills a body that has its header fields and its payload with the best of the pools.
    fn fill(&self, pre: &BeaconState, parent: &Root, mut body: BeaconBlockBody) -> BeaconBlockBody {
        let shape = self.cfg.shape_at_slot(pre.slot);
        let chosen = self.operations.choose(&self.cfg, pre);
        body.proposer_slashings = chosen.proposer_slashings.into();
        body.attester_slashings = chosen.attester_slashings.into();
        body.attestations = self.pack_attestations(pre).into();
        body.voluntary_exits = chosen.voluntary_exits.into();
        body.bls_to_execution_changes = chosen.bls_to_execution_changes.into();
        if self.fork_at(pre.slot) >= ForkName::Altair {
            body.sync_aggregate = self.sync.aggregate(shape, pre.slot.saturating_sub(1), parent);
        }
        body
    }

    fn strip(&self, body: &mut BeaconBlockBody) {
        body.proposer_slashings.clear();
        body.attester_slashings.clear();
        body.attestations.clear();
        body.voluntary_exits.clear();
        body.bls_to_execution_changes.clear();
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
        self.refuse_optimistic(&root)?;
        let state = self.advanced(&root, start)?;
        let committees = spec::get_committee_count_per_slot(&self.cfg, &state, epoch);
        if index >= committees {
            return Err(Error::BadRequest(format!("no committee {index}: slot {slot} has {committees}")));
        }
        let target = self.blocks.canonical_at_or_before(start).ok_or_else(missing)?;
        Ok(AttestationData {
            slot,
            index: if self.fork_at(slot) < ForkName::Electra { index } else { 0 },
            beacon_block_root: root,
            source: state.current_justified_checkpoint,
            target: Checkpoint { epoch, root: target },
        })
    }

    /// The best aggregate known of the data with this root, by one committee (which the data names before electra).
    pub fn aggregate(&self, slot: Slot, data_root: &Root, committee: Option<CommitteeIndex>) -> Option<Attestation> {
        let (committee, data, part) = self.attestations.aggregate(slot, data_root, committee)?;
        self.refuse_optimistic(&data.beacon_block_root).ok()?;
        Some(attestation(self.cfg.shape_at_slot(slot), committee, data, part))
    }

    /// The sync committee messages of one subcommittee for a block, aggregated.
    pub fn sync_contribution(&self, slot: Slot, block: &Root, subcommittee: u64) -> Option<SyncCommitteeContribution> {
        self.refuse_optimistic(block).ok()?;
        self.sync.contribution(slot, block, subcommittee)
    }
}
