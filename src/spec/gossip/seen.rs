//! What was seen first: gossip's rules against forwarding the same thing twice. Everything here is bounded by time
//! ([`Seen::prune`]); the network's rules bound it within an epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::Vote;
use crate::ssz::Root;
use crate::types::{
    AttesterSlashing, BeaconBlock, BlobIndex, BlobSidecar, ColumnIndex, CommitteeIndex, ContributionAndProof,
    DataColumnSidecar, Epoch, PartialDataColumnHeader, ProposerSlashing, SignedBeaconBlockHeader,
    SignedBlsToExecutionChange, SignedVoluntaryExit, Slot, SyncCommitteeContribution, SyncCommitteeMessage,
    ValidatorIndex,
};

/// Sets of keys whose first part is a slot or an epoch, so that the old can be forgotten.
type ByTime<T> = BTreeSet<(u64, T)>;

/// Bits seen for one message: none of them inside another.
type BitSets = Vec<Vec<bool>>;

/// Spec `Seen`, with what each fork added.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    proposers: ByTime<ValidatorIndex>,
    attesters: ByTime<ValidatorIndex>,
    aggregators: ByTime<ValidatorIndex>,
    aggregates: BTreeMap<(Slot, Root, CommitteeIndex), BitSets>,
    exits: BTreeSet<ValidatorIndex>,
    proposer_slashings: BTreeSet<ValidatorIndex>,
    attester_slashings: BTreeSet<ValidatorIndex>,
    sync_messages: ByTime<(ValidatorIndex, u64)>,
    contributors: ByTime<(ValidatorIndex, u64)>,
    contributions: BTreeMap<(Slot, Root, u64), BitSets>,
    bls_to_execution_changes: BTreeSet<ValidatorIndex>,
    blob_sidecars: ByTime<(ValidatorIndex, BlobIndex)>,
    data_column_sidecars: ByTime<(ValidatorIndex, ColumnIndex)>,
    partial_headers: BTreeMap<Root, PartialDataColumnHeader>,
    /// Headers whose proposer signed them, the latest of each slot and proposer: a block has many sidecars, all with one
    /// signature.
    headers: BTreeMap<(Slot, ValidatorIndex), SignedBeaconBlockHeader>,
}

/// Spec `is_non_strict_superset` (phase0/p2p-interface.md): whether one of the sets has all of these bits.
fn is_non_strict_superset(seen: Option<&BitSets>, bits: &[bool]) -> bool {
    let inside =
        |prior: &Vec<bool>| prior.len() == bits.len() && bits.iter().zip(prior).all(|(&new, &old)| old || !new);
    seen.is_some_and(|sets| sets.iter().any(inside))
}

fn add(sets: &mut BitSets, bits: Vec<bool>) {
    sets.retain(|prior| !is_non_strict_superset(Some(&vec![bits.clone()]), prior));
    sets.push(bits);
}

fn contribution_key(contribution: &SyncCommitteeContribution) -> (Slot, Root, u64) {
    (contribution.slot, contribution.beacon_block_root, contribution.subcommittee_index)
}

impl Seen {
    /// Whether a block of this slot and proposer was seen.
    pub fn has_block(&self, slot: Slot, proposer: ValidatorIndex) -> bool {
        self.proposers.contains(&(slot, proposer))
    }

    /// Marks the block.
    pub fn add_block(&mut self, block: &BeaconBlock) {
        self.proposers.insert((block.slot, block.proposer_index));
    }

    /// Whether a vote of this validator with a target of this epoch was seen.
    pub fn has_attester(&self, epoch: Epoch, attester: ValidatorIndex) -> bool {
        self.attesters.contains(&(epoch, attester))
    }

    /// Marks an unaggregated vote.
    pub fn add_attestation(&mut self, vote: &Vote) {
        let epoch = vote.data.target.epoch;
        self.attesters.extend(vote.attesters.iter().map(|attester| (epoch, *attester)));
    }

    /// Whether an aggregate of this validator with a target of this epoch was seen.
    pub fn has_aggregator(&self, epoch: Epoch, aggregator: ValidatorIndex) -> bool {
        self.aggregators.contains(&(epoch, aggregator))
    }

    /// Whether an aggregate with all of these votes was seen. `index` is the committee's, also where the data says 0.
    pub fn covers_aggregate(&self, slot: Slot, data_root: Root, index: CommitteeIndex, bits: &[bool]) -> bool {
        is_non_strict_superset(self.aggregates.get(&(slot, data_root, index)), bits)
    }

    /// Marks an aggregate; `bits` are its aggregation bits.
    pub fn add_aggregate(&mut self, aggregator: ValidatorIndex, vote: &Vote, bits: Vec<bool>) {
        self.aggregators.insert((vote.data.target.epoch, aggregator));
        add(self.aggregates.entry((vote.data.slot, vote.data_root, vote.committee_index)).or_default(), bits);
    }

    /// Whether an exit of this validator was seen.
    pub fn has_exit(&self, index: ValidatorIndex) -> bool {
        self.exits.contains(&index)
    }

    /// Marks the exit.
    pub fn add_exit(&mut self, exit: &SignedVoluntaryExit) {
        self.exits.insert(exit.message.validator_index);
    }

    /// Whether a slashing of this proposer was seen.
    pub fn has_proposer_slashing(&self, index: ValidatorIndex) -> bool {
        self.proposer_slashings.contains(&index)
    }

    /// Marks the slashing.
    pub fn add_proposer_slashing(&mut self, slashing: &ProposerSlashing) {
        self.proposer_slashings.insert(slashing.signed_header_1.message.proposer_index);
    }

    /// Whether a slashing of this attester was seen.
    pub fn has_attester_slashing(&self, index: ValidatorIndex) -> bool {
        self.attester_slashings.contains(&index)
    }

    /// Marks all whom the slashing slashes.
    pub fn add_attester_slashing(&mut self, slashing: &AttesterSlashing) {
        self.attester_slashings.extend(super::operations::slashable_indices(slashing));
    }

    /// Whether a message of this validator for this slot and subnet was seen.
    pub fn has_sync_message(&self, slot: Slot, index: ValidatorIndex, subnet: u64) -> bool {
        self.sync_messages.contains(&(slot, (index, subnet)))
    }

    /// Marks the message on this subnet.
    pub fn add_sync_message(&mut self, message: &SyncCommitteeMessage, subnet: u64) {
        self.sync_messages.insert((message.slot, (message.validator_index, subnet)));
    }

    /// Whether a contribution of this aggregator for this slot and subcommittee was seen.
    pub fn has_contributor(&self, slot: Slot, aggregator: ValidatorIndex, subcommittee: u64) -> bool {
        self.contributors.contains(&(slot, (aggregator, subcommittee)))
    }

    /// Whether a contribution with all of these members was seen.
    pub fn covers_contribution(&self, contribution: &SyncCommitteeContribution) -> bool {
        let bits: Vec<bool> = contribution.aggregation_bits.iter().collect();
        is_non_strict_superset(self.contributions.get(&contribution_key(contribution)), &bits)
    }

    /// Marks the contribution.
    pub fn add_contribution(&mut self, message: &ContributionAndProof) {
        let contribution = &message.contribution;
        self.contributors.insert((contribution.slot, (message.aggregator_index, contribution.subcommittee_index)));
        let bits = contribution.aggregation_bits.iter().collect();
        add(self.contributions.entry(contribution_key(contribution)).or_default(), bits);
    }

    /// Whether a change of this validator's credentials was seen.
    pub fn has_bls_to_execution_change(&self, index: ValidatorIndex) -> bool {
        self.bls_to_execution_changes.contains(&index)
    }

    /// Marks the change.
    pub fn add_bls_to_execution_change(&mut self, change: &SignedBlsToExecutionChange) {
        self.bls_to_execution_changes.insert(change.message.validator_index);
    }

    /// Whether a sidecar of this slot, proposer and index was seen.
    pub fn has_blob_sidecar(&self, slot: Slot, proposer: ValidatorIndex, index: BlobIndex) -> bool {
        self.blob_sidecars.contains(&(slot, (proposer, index)))
    }

    /// Marks the sidecar.
    pub fn add_blob_sidecar(&mut self, sidecar: &BlobSidecar) {
        let header = &sidecar.signed_block_header.message;
        self.blob_sidecars.insert((header.slot, (header.proposer_index, sidecar.index)));
        self.add_header(&sidecar.signed_block_header);
    }

    /// Whether a sidecar of this slot, proposer and column was seen.
    pub fn has_data_column_sidecar(&self, slot: Slot, proposer: ValidatorIndex, index: ColumnIndex) -> bool {
        self.data_column_sidecars.contains(&(slot, (proposer, index)))
    }

    /// Marks the sidecar.
    pub fn add_data_column_sidecar(&mut self, sidecar: &DataColumnSidecar) {
        let header = &sidecar.signed_block_header.message;
        self.data_column_sidecars.insert((header.slot, (header.proposer_index, sidecar.index)));
        self.add_header(&sidecar.signed_block_header);
    }

    /// Whether a valid sidecar with this very header and signature was seen.
    pub fn has_header(&self, signed: &SignedBeaconBlockHeader) -> bool {
        self.headers.get(&(signed.message.slot, signed.message.proposer_index)) == Some(signed)
    }

    fn add_header(&mut self, signed: &SignedBeaconBlockHeader) {
        self.headers.insert((signed.message.slot, signed.message.proposer_index), *signed);
    }

    /// The valid header of partial columns that was seen for this block.
    pub fn partial_data_column_header(&self, block: &Root) -> Option<&PartialDataColumnHeader> {
        self.partial_headers.get(block)
    }

    /// Keeps a valid header of partial columns.
    pub fn add_partial_data_column_header(&mut self, block: Root, header: PartialDataColumnHeader) {
        self.add_header(&header.signed_block_header);
        self.partial_headers.insert(block, header);
    }

    /// Forgets what gossip no longer lets through anyway: blocks and sidecars up to the finalized slot, votes from before
    /// `epoch` and `vote_slot`, sync committee messages from before `sync_slot`.
    pub fn prune(&mut self, finalized: Slot, epoch: Epoch, vote_slot: Slot, sync_slot: Slot) {
        let hot = finalized.saturating_add(1);
        self.proposers = self.proposers.split_off(&(hot, 0));
        self.attesters = self.attesters.split_off(&(epoch, 0));
        self.aggregators = self.aggregators.split_off(&(epoch, 0));
        self.aggregates = self.aggregates.split_off(&(vote_slot, Root::default(), 0));
        self.sync_messages = self.sync_messages.split_off(&(sync_slot, (0, 0)));
        self.contributors = self.contributors.split_off(&(sync_slot, (0, 0)));
        self.contributions = self.contributions.split_off(&(sync_slot, Root::default(), 0));
        self.blob_sidecars = self.blob_sidecars.split_off(&(hot, (0, 0)));
        self.data_column_sidecars = self.data_column_sidecars.split_off(&(hot, (0, 0)));
        self.headers = self.headers.split_off(&(hot, 0));
        self.partial_headers.retain(|_, header| header.signed_block_header.message.slot >= hot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    #[test]
    fn a_subset_of_what_was_seen_is_covered_and_a_superset_is_not() {
        let mut seen = Seen::default();
        let mut vote = Vote { data_root: Bytes([1; 32]), committee_index: 2, ..Vote::default() };
        vote.data.slot = 4;
        seen.add_aggregate(7, &vote, vec![true, true, false]);
        let covers = |seen: &Seen, slot, index, bits: &[bool]| seen.covers_aggregate(slot, vote.data_root, index, bits);
        assert!(covers(&seen, 4, 2, &[false, true, false]));
        assert!(!covers(&seen, 4, 2, &[false, true, true]));
        assert!(!covers(&seen, 5, 2, &[false, true, false]));
        assert!(!covers(&seen, 4, 3, &[false, true, false]), "another committee has other members");
        seen.add_aggregate(8, &vote, vec![true, true, true]);
        assert_eq!(seen.aggregates.values().next().unwrap().len(), 1, "the larger one replaces the smaller");
        assert!(seen.has_aggregator(0, 7) && seen.has_aggregator(0, 8) && !seen.has_aggregator(0, 9));
    }

    #[test]
    fn a_header_is_known_with_its_own_signature_only() {
        let mut seen = Seen::default();
        let mut sidecar = BlobSidecar::default();
        seen.add_blob_sidecar(&sidecar);
        assert!(seen.has_header(&sidecar.signed_block_header));
        sidecar.signed_block_header.signature = Bytes([1; 96]);
        assert!(!seen.has_header(&sidecar.signed_block_header));
        sidecar.signed_block_header = SignedBeaconBlockHeader::default();
        sidecar.signed_block_header.message.body_root = Bytes([1; 32]);
        assert!(!seen.has_header(&sidecar.signed_block_header), "another block of the same slot and proposer");
    }

    #[test]
    fn pruning_goes_by_time() {
        let mut seen = Seen::default();
        seen.proposers.extend([(3, 7), (9, 7)]);
        seen.attesters.extend([(1, 7), (2, 7)]);
        seen.sync_messages.extend([(8, (1, 0)), (9, (1, 0))]);
        seen.blob_sidecars.extend([(3, (7, 5)), (4, (7, 5))]);
        seen.prune(3, 2, 8, 9);
        assert_eq!(seen.proposers.len(), 1);
        assert_eq!(seen.attesters.len(), 1);
        assert_eq!(seen.sync_messages.len(), 1);
        assert_eq!(seen.blob_sidecars.len(), 1);
    }
}
