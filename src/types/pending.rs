//! What waits in the state since electra, and capella's summaries of history.

use super::{BlsPubkey, BlsSignature, Epoch, Gwei, Root, Slot, ValidatorIndex};
use crate::container;

container! {
    /// capella `HistoricalSummary`.
    #[derive(Copy)]
    pub struct HistoricalSummary {
        pub block_summary_root: Root,
        pub state_summary_root: Root,
    }
}

container! {
    /// electra `PendingDeposit`.
    #[derive(Copy)]
    pub struct PendingDeposit {
        pub pubkey: BlsPubkey,
        pub withdrawal_credentials: Root,
        pub amount: Gwei,
        pub signature: BlsSignature,
        pub slot: Slot,
    }
}

container! {
    /// electra `PendingPartialWithdrawal`.
    #[derive(Copy)]
    pub struct PendingPartialWithdrawal {
        pub validator_index: ValidatorIndex,
        pub amount: Gwei,
        pub withdrawable_epoch: Epoch,
    }
}

container! {
    /// electra `PendingConsolidation`.
    #[derive(Copy)]
    pub struct PendingConsolidation {
        pub source_index: ValidatorIndex,
        pub target_index: ValidatorIndex,
    }
}
