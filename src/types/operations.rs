//! Deposits, exits, slashings, and what is signed.

use super::{
    BeaconBlockHeader, BlsPubkey, BlsSignature, Domain, Epoch, ExecutionAddress, Gwei, IndexedAttestation, Root,
    ValidatorIndex, Version,
    limits::{DepositProofLength, SlotsPerHistoricalRoot},
};
use crate::{container, ssz::Vector};

container! {
    /// phase0 `Fork`: the versions before and after the newest fork, and its epoch.
    #[derive(Copy)]
    pub struct Fork {
        pub previous_version: Version,
        pub current_version: Version,
        pub epoch: Epoch,
    }
}

container! {
    /// phase0 `ForkData`.
    #[derive(Copy)]
    pub struct ForkData {
        pub current_version: Version,
        pub genesis_validators_root: Root,
    }
}

container! {
    /// phase0 `SigningData`.
    #[derive(Copy)]
    pub struct SigningData {
        pub object_root: Root,
        pub domain: Domain,
    }
}

container! {
    /// phase0 `Eth1Data`.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub struct Eth1Data {
        pub deposit_root: Root,
        pub deposit_count: u64,
        pub block_hash: Root,
    }
}

container! {
    /// phase0 validator guide `Eth1Block`.
    #[derive(Copy)]
    pub struct Eth1Block {
        pub timestamp: u64,
        pub deposit_root: Root,
        pub deposit_count: u64,
    }
}

container! {
    /// phase0 `HistoricalBatch`.
    pub struct HistoricalBatch {
        pub block_roots: Vector<Root, SlotsPerHistoricalRoot>,
        pub state_roots: Vector<Root, SlotsPerHistoricalRoot>,
    }
}

container! {
    /// phase0 `DepositMessage`.
    #[derive(Copy)]
    pub struct DepositMessage {
        pub pubkey: BlsPubkey,
        pub withdrawal_credentials: Root,
        pub amount: Gwei,
    }
}

container! {
    /// phase0 `DepositData`.
    #[derive(Copy)]
    pub struct DepositData {
        pub pubkey: BlsPubkey,
        pub withdrawal_credentials: Root,
        pub amount: Gwei,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `Deposit`.
    pub struct Deposit {
        pub proof: Vector<Root, DepositProofLength>,
        pub data: DepositData,
    }
}

container! {
    /// phase0 `VoluntaryExit`.
    #[derive(Copy)]
    pub struct VoluntaryExit {
        pub epoch: Epoch,
        pub validator_index: ValidatorIndex,
    }
}

container! {
    /// phase0 `SignedVoluntaryExit`.
    #[derive(Copy)]
    pub struct SignedVoluntaryExit {
        pub message: VoluntaryExit,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `SignedBeaconBlockHeader`.
    #[derive(Copy)]
    pub struct SignedBeaconBlockHeader {
        pub message: BeaconBlockHeader,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `ProposerSlashing`.
    #[derive(Copy)]
    pub struct ProposerSlashing {
        pub signed_header_1: SignedBeaconBlockHeader,
        pub signed_header_2: SignedBeaconBlockHeader,
    }
}

container! {
    /// phase0 `AttesterSlashing`.
    pub struct AttesterSlashing {
        pub attestation_1: IndexedAttestation,
        pub attestation_2: IndexedAttestation,
    }
}

container! {
    /// phase0 `Validator`.
    #[derive(Copy)]
    pub struct Validator {
        pub pubkey: BlsPubkey,
        pub withdrawal_credentials: Root,
        pub effective_balance: Gwei,
        pub slashed: bool,
        pub activation_eligibility_epoch: Epoch,
        pub activation_epoch: Epoch,
        pub exit_epoch: Epoch,
        pub withdrawable_epoch: Epoch,
    }
}

container! {
    /// capella `BLSToExecutionChange`.
    #[derive(Copy)]
    pub struct BlsToExecutionChange {
        pub validator_index: ValidatorIndex,
        pub from_bls_pubkey: BlsPubkey,
        pub to_execution_address: ExecutionAddress,
    }
}

container! {
    /// capella `SignedBLSToExecutionChange`.
    #[derive(Copy)]
    pub struct SignedBlsToExecutionChange {
        pub message: BlsToExecutionChange,
        pub signature: BlsSignature,
    }
}
