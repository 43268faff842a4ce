//! The queues of exits and consolidations of electra, measured in balance.

use crate::{
    spec::{
        Error,
        accessors::{
            compute_activation_exit_epoch, get_activation_exit_churn_limit, get_consolidation_churn_limit,
            get_current_epoch,
        },
        math,
    },
    types::{BeaconState, ChainConfig, Epoch, Gwei},
};

/// The end of a queue: its last epoch, and what still fits into that.
struct Queue {
    epoch: Epoch,
    balance_to_consume: Gwei,
}

impl Queue {
    /// Puts `balance` at the end, over as many epochs of `per_epoch_churn` as it takes. No queue ends before `earliest`.
    fn join(self, earliest: Epoch, per_epoch_churn: Gwei, balance: Gwei) -> Result<Self, Error> {
        let what = "end of the queue";
        let mut epoch = self.epoch.max(earliest);
        let mut left = if self.epoch < earliest { per_epoch_churn } else { self.balance_to_consume };
        if balance > left {
            let to_process = balance - left;
            let epochs = (to_process - 1).checked_div(per_epoch_churn).ok_or(Error::Arithmetic { what })? + 1;
            epoch = math::add(what, epoch, epochs)?;
            left = math::add(what, left, math::mul(what, epochs, per_epoch_churn)?)?;
        }
        Ok(Self { epoch, balance_to_consume: math::sub(what, left, balance)? })
    }
}

/// Lets `exit_balance` Gwei join the queue of exits; returns the epoch in which the last of it leaves
/// (electra/beacon-chain.md, `compute_exit_epoch_and_update_churn`).
///
/// # Errors
/// If the queue's end is beyond 64 bits.
pub fn compute_exit_epoch_and_update_churn(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    exit_balance: Gwei,
) -> Result<Epoch, Error> {
    let earliest = compute_activation_exit_epoch(cfg, get_current_epoch(cfg, state))?;
    let queue = Queue { epoch: state.earliest_exit_epoch, balance_to_consume: state.exit_balance_to_consume };
    let queue = queue.join(earliest, get_activation_exit_churn_limit(cfg, state)?, exit_balance)?;
    state.earliest_exit_epoch = queue.epoch;
    state.exit_balance_to_consume = queue.balance_to_consume;
    Ok(queue.epoch)
}

/// Lets `consolidation_balance` Gwei join the queue of consolidations; returns the epoch in which its source exits
/// (electra/beacon-chain.md, `compute_consolidation_epoch_and_update_churn`).
///
/// # Errors
/// If the queue's end is beyond 64 bits, or no balance may be consolidated at all.
pub fn compute_consolidation_epoch_and_update_churn(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    consolidation_balance: Gwei,
) -> Result<Epoch, Error> {
    let earliest = compute_activation_exit_epoch(cfg, get_current_epoch(cfg, state))?;
    let (epoch, balance_to_consume) = (state.earliest_consolidation_epoch, state.consolidation_balance_to_consume);
    let churn = get_consolidation_churn_limit(cfg, state)?;
    let queue = Queue { epoch, balance_to_consume }.join(earliest, churn, consolidation_balance)?;
    state.earliest_consolidation_epoch = queue.epoch;
    state.consolidation_balance_to_consume = queue.balance_to_consume;
    Ok(queue.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(epoch: Epoch, left: Gwei, balance: Gwei) -> (Epoch, Gwei) {
        let queue = Queue { epoch, balance_to_consume: left }.join(10, 100, balance).unwrap();
        (queue.epoch, queue.balance_to_consume)
    }

    #[test]
    fn what_fits_stays_in_the_last_epoch_and_the_rest_takes_more() {
        // A queue that ended before the earliest epoch begins anew there, whatever was left.
        assert_eq!(join(9, 7, 32), (10, 68));
        assert_eq!(join(10, 68, 68), (10, 0));
        assert_eq!(join(10, 0, 1), (11, 99));
        assert_eq!(join(12, 50, 150), (13, 0));
        assert_eq!(join(12, 50, 151), (14, 99));
        assert_eq!(join(12, 50, 0), (12, 50));
    }

    #[test]
    fn no_churn_and_no_end_are_errors() {
        let queue = || Queue { epoch: 10, balance_to_consume: 0 };
        assert!(queue().join(10, 0, 1).is_err());
        assert!(Queue { epoch: u64::MAX, balance_to_consume: 0 }.join(10, 100, 1).is_err());
        assert!(queue().join(10, 1, u64::MAX).is_err());
    }
}
