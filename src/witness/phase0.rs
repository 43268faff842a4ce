//! The phase0 containers, field by field as the specs list them: `specs/phase0/beacon-chain.md`, `validator.md` and
//! `p2p-interface.md`. Lengths that both presets share are constants; the others are parameters.

use super::random::mirror;
use ssz_rs::prelude::*;

pub type Root = Node;
pub type Version = [u8; 4];
pub type Pubkey = Vector<u8, 48>;
pub type Signature = Vector<u8, 96>;

pub const MAX_VALIDATORS_PER_COMMITTEE: usize = 2048;
pub const VALIDATOR_REGISTRY_LIMIT: usize = 1_099_511_627_776;
pub const HISTORICAL_ROOTS_LIMIT: usize = 16_777_216;
pub const MAX_PROPOSER_SLASHINGS: usize = 16;
pub const MAX_ATTESTER_SLASHINGS: usize = 2;
pub const MAX_ATTESTATIONS: usize = 128;
pub const MAX_DEPOSITS: usize = 16;
pub const MAX_VOLUNTARY_EXITS: usize = 16;
pub const JUSTIFICATION_BITS_LENGTH: usize = 4;
pub const ATTESTATION_SUBNET_COUNT: usize = 64;
const MAX_REQUEST_BLOCKS: usize = 1024;
const DEPOSIT_PROOF_LENGTH: usize = 33;

/// The request is a bare list.
pub type BeaconBlocksByRootRequest = List<Root, MAX_REQUEST_BLOCKS>;

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Fork { previous_version: Version, current_version: Version, epoch: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ForkData { current_version: Version, genesis_validators_root: Root }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SigningData { object_root: Root, domain: [u8; 32] }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Checkpoint { epoch: u64, root: Root }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Validator {
        pubkey: Pubkey,
        withdrawal_credentials: Root,
        effective_balance: u64,
        slashed: bool,
        activation_eligibility_epoch: u64,
        activation_epoch: u64,
        exit_epoch: u64,
        withdrawable_epoch: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct AttestationData { slot: u64, index: u64, beacon_block_root: Root, source: Checkpoint, target: Checkpoint }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct IndexedAttestation {
        attesting_indices: List<u64, MAX_VALIDATORS_PER_COMMITTEE>,
        data: AttestationData,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PendingAttestation {
        aggregation_bits: Bitlist<MAX_VALIDATORS_PER_COMMITTEE>,
        data: AttestationData,
        inclusion_delay: u64,
        proposer_index: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Eth1Data { deposit_root: Root, deposit_count: u64, block_hash: Root }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Eth1Block { timestamp: u64, deposit_root: Root, deposit_count: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct HistoricalBatch<const SLOTS_PER_HISTORICAL_ROOT: usize> {
        block_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
        state_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DepositMessage { pubkey: Pubkey, withdrawal_credentials: Root, amount: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DepositData { pubkey: Pubkey, withdrawal_credentials: Root, amount: u64, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlockHeader { slot: u64, proposer_index: u64, parent_root: Root, state_root: Root, body_root: Root }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedBeaconBlockHeader { message: BeaconBlockHeader, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ProposerSlashing { signed_header_1: SignedBeaconBlockHeader, signed_header_2: SignedBeaconBlockHeader }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct AttesterSlashing { attestation_1: IndexedAttestation, attestation_2: IndexedAttestation }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Attestation {
        aggregation_bits: Bitlist<MAX_VALIDATORS_PER_COMMITTEE>,
        data: AttestationData,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Deposit { proof: Vector<Root, DEPOSIT_PROOF_LENGTH>, data: DepositData }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct VoluntaryExit { epoch: u64, validator_index: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedVoluntaryExit { message: VoluntaryExit, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct AggregateAndProof { aggregator_index: u64, aggregate: Attestation, selection_proof: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedAggregateAndProof { message: AggregateAndProof, signature: Signature }
}

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlockBody {
        randao_reveal: Signature,
        eth1_data: Eth1Data,
        graffiti: [u8; 32],
        proposer_slashings: List<ProposerSlashing, MAX_PROPOSER_SLASHINGS>,
        attester_slashings: List<AttesterSlashing, MAX_ATTESTER_SLASHINGS>,
        attestations: List<Attestation, MAX_ATTESTATIONS>,
        deposits: List<Deposit, MAX_DEPOSITS>,
        voluntary_exits: List<SignedVoluntaryExit, MAX_VOLUNTARY_EXITS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlock { slot: u64, proposer_index: u64, parent_root: Root, state_root: Root, body: BeaconBlockBody }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedBeaconBlock { message: BeaconBlock, signature: Signature }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconState<
        const SLOTS_PER_HISTORICAL_ROOT: usize,
        const ETH1_DATA_VOTES: usize,
        const EPOCHS_PER_HISTORICAL_VECTOR: usize,
        const EPOCHS_PER_SLASHINGS_VECTOR: usize,
        const EPOCH_ATTESTATIONS: usize,
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
        previous_epoch_attestations: List<PendingAttestation, EPOCH_ATTESTATIONS>,
        current_epoch_attestations: List<PendingAttestation, EPOCH_ATTESTATIONS>,
        justification_bits: Bitvector<JUSTIFICATION_BITS_LENGTH>,
        previous_justified_checkpoint: Checkpoint,
        current_justified_checkpoint: Checkpoint,
        finalized_checkpoint: Checkpoint,
    }
}

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Status { fork_digest: [u8; 4], finalized_root: Root, finalized_epoch: u64, head_root: Root, head_slot: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct MetaData { seq_number: u64, attnets: Bitvector<ATTESTATION_SUBNET_COUNT> }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlocksByRangeRequest { start_slot: u64, count: u64, step: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct EnrForkId { fork_digest: [u8; 4], next_fork_version: Version, next_fork_epoch: u64 }
}
