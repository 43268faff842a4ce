//! The containers that altair adds or changes: `specs/altair/beacon-chain.md`, `validator.md`, `p2p-interface.md` and
//! `light-client/sync-protocol.md`.

use super::phase0::{
    ATTESTATION_SUBNET_COUNT, Attestation, AttesterSlashing, BeaconBlockHeader, Checkpoint, Deposit, Eth1Data, Fork,
    HISTORICAL_ROOTS_LIMIT, JUSTIFICATION_BITS_LENGTH, MAX_ATTESTATIONS, MAX_ATTESTER_SLASHINGS, MAX_DEPOSITS,
    MAX_PROPOSER_SLASHINGS, MAX_VOLUNTARY_EXITS, ProposerSlashing, Pubkey, Root, Signature, SignedVoluntaryExit,
    VALIDATOR_REGISTRY_LIMIT, Validator,
};
use super::random::mirror;
use ssz_rs::prelude::*;

pub const SYNC_COMMITTEE_SUBNET_COUNT: usize = 4;
/// `floorlog2` of the generalized indices 54 and 55.
pub const SYNC_COMMITTEE_BRANCH: usize = 5;
/// `floorlog2` of the generalized index 105.
pub const FINALITY_BRANCH: usize = 6;

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SyncAggregate<const SYNC_COMMITTEE_SIZE: usize> {
        sync_committee_bits: Bitvector<SYNC_COMMITTEE_SIZE>,
        sync_committee_signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SyncCommittee<const SYNC_COMMITTEE_SIZE: usize> {
        pubkeys: Vector<Pubkey, SYNC_COMMITTEE_SIZE>,
        aggregate_pubkey: Pubkey,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SyncCommitteeMessage { slot: u64, beacon_block_root: Root, validator_index: u64, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SyncCommitteeContribution<const SUBCOMMITTEE_SIZE: usize> {
        slot: u64,
        beacon_block_root: Root,
        subcommittee_index: u64,
        aggregation_bits: Bitvector<SUBCOMMITTEE_SIZE>,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ContributionAndProof<const SUBCOMMITTEE_SIZE: usize> {
        aggregator_index: u64,
        contribution: SyncCommitteeContribution<SUBCOMMITTEE_SIZE>,
        selection_proof: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedContributionAndProof<const SUBCOMMITTEE_SIZE: usize> {
        message: ContributionAndProof<SUBCOMMITTEE_SIZE>,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SyncAggregatorSelectionData { slot: u64, subcommittee_index: u64 }
}

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlockBody<const SYNC_COMMITTEE_SIZE: usize> {
        randao_reveal: Signature,
        eth1_data: Eth1Data,
        graffiti: [u8; 32],
        proposer_slashings: List<ProposerSlashing, MAX_PROPOSER_SLASHINGS>,
        attester_slashings: List<AttesterSlashing, MAX_ATTESTER_SLASHINGS>,
        attestations: List<Attestation, MAX_ATTESTATIONS>,
        deposits: List<Deposit, MAX_DEPOSITS>,
        voluntary_exits: List<SignedVoluntaryExit, MAX_VOLUNTARY_EXITS>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlock<const SYNC_COMMITTEE_SIZE: usize> {
        slot: u64,
        proposer_index: u64,
        parent_root: Root,
        state_root: Root,
        body: BeaconBlockBody<SYNC_COMMITTEE_SIZE>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedBeaconBlock<const SYNC_COMMITTEE_SIZE: usize> { message: BeaconBlock<SYNC_COMMITTEE_SIZE>, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconState<
        const SLOTS_PER_HISTORICAL_ROOT: usize,
        const ETH1_DATA_VOTES: usize,
        const EPOCHS_PER_HISTORICAL_VECTOR: usize,
        const EPOCHS_PER_SLASHINGS_VECTOR: usize,
        const SYNC_COMMITTEE_SIZE: usize,
    > {
        genesis_time: u64,
        genesis_validators_root: Root,
        slot: u64,
        fork: Fork,
        latest_block_header: BeaconBlockHeader,
        block_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
        state_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
        historical_roots: List<Root, HISTORICAL_ROOTS_LIMIT>,
        eth1_data: Eth1Data,
        eth1_data_votes: List<Eth1Data, ETH1_DATA_VOTES>,
        eth1_deposit_index: u64,
        validators: List<Validator, VALIDATOR_REGISTRY_LIMIT>,
        balances: List<u64, VALIDATOR_REGISTRY_LIMIT>,
        randao_mixes: Vector<Root, EPOCHS_PER_HISTORICAL_VECTOR>,
        slashings: Vector<u64, EPOCHS_PER_SLASHINGS_VECTOR>,
        previous_epoch_participation: List<u8, VALIDATOR_REGISTRY_LIMIT>,
        current_epoch_participation: List<u8, VALIDATOR_REGISTRY_LIMIT>,
        justification_bits: Bitvector<JUSTIFICATION_BITS_LENGTH>,
        previous_justified_checkpoint: Checkpoint,
        current_justified_checkpoint: Checkpoint,
        finalized_checkpoint: Checkpoint,
        inactivity_scores: List<u64, VALIDATOR_REGISTRY_LIMIT>,
        current_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        next_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
    }
}

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientHeader { beacon: BeaconBlockHeader }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientBootstrap<const SYNC_COMMITTEE_SIZE: usize> {
        header: LightClientHeader,
        current_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        current_sync_committee_branch: Vector<Root, SYNC_COMMITTEE_BRANCH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        next_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        next_sync_committee_branch: Vector<Root, SYNC_COMMITTEE_BRANCH>,
        finalized_header: LightClientHeader,
        finality_branch: Vector<Root, FINALITY_BRANCH>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientFinalityUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        finalized_header: LightClientHeader,
        finality_branch: Vector<Root, FINALITY_BRANCH>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientOptimisticUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct MetaData {
        seq_number: u64,
        attnets: Bitvector<ATTESTATION_SUBNET_COUNT>,
        syncnets: Bitvector<SYNC_COMMITTEE_SUBNET_COUNT>,
    }
}
