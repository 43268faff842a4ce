//! What blocks held, kind by kind, and how much of it had an effect: a request that is passed over tests little.

use super::chain::RandomChain;
use lockin::spec::{Error, Signatures, blocks};
use lockin::types::constants::FULL_EXIT_REQUEST_AMOUNT;
use lockin::types::{BeaconState, ForkName};
use std::collections::BTreeMap;
use std::fmt;

/// Of one kind.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub all: usize,
    /// Those that changed the state.
    pub effective: usize,
}

#[derive(Default)]
pub struct Tally(BTreeMap<&'static str, Count>);

impl Tally {
    pub fn of(&self, kind: &str) -> Count {
        self.0.get(kind).copied().unwrap_or_default()
    }

    fn add(&mut self, kind: &'static str, effective: bool) {
        let count = self.0.entry(kind).or_default();
        count.all += 1;
        count.effective += usize::from(effective);
    }

    /// Applies an operation. `ignored` undoes what every operation of the kind changes.
    fn try_one(
        &mut self,
        kind: &'static str,
        state: &mut BeaconState,
        apply: impl FnOnce(&mut BeaconState) -> Result<(), Error>,
        ignored: impl FnOnce(&mut BeaconState, &BeaconState),
    ) {
        let before = state.clone();
        apply(state).unwrap_or_else(|error| panic!("{kind} in a valid block: {error}"));
        let mut after = state.clone();
        ignored(&mut after, &before);
        self.add(kind, after != before);
    }

    /// Goes through the last block of a chain, in the order of `process_block`.
    pub fn count(&mut self, chain: &RandomChain) {
        let Some(block) = &chain.block else { return };
        let (cfg, body, mut state) = (&chain.cfg, &block.message.body, chain.pre.clone());
        let (state, trust) = (&mut state, &mut Signatures::Trust);
        let all = |_: &mut BeaconState, _: &BeaconState| {};
        if cfg.fork_at_slot(block.message.slot) >= ForkName::Capella {
            blocks::process_withdrawals(cfg, state, &body.execution_payload).expect("a valid block");
            body.execution_payload.withdrawals.iter().for_each(|sent| self.add("withdrawals", sent.amount > 0));
        }
        blocks::process_eth1_data(cfg, state, body).expect("a valid block");
        for slashing in &body.proposer_slashings {
            let apply = |state: &mut _| blocks::process_proposer_slashing(cfg, state, slashing, trust);
            self.try_one("proposer slashings", state, apply, all);
        }
        for slashing in &body.attester_slashings {
            let apply = |state: &mut _| blocks::process_attester_slashing(cfg, state, slashing, trust);
            self.try_one("attester slashings", state, apply, all);
        }
        for attestation in &body.attestations {
            let apply = |state: &mut _| blocks::process_attestation(cfg, state, attestation, trust);
            self.try_one("attestations", state, apply, all);
        }
        for deposit in &body.deposits {
            let counted = |after: &mut BeaconState, before: &BeaconState| {
                after.eth1_deposit_index = before.eth1_deposit_index;
            };
            self.try_one("deposits", state, |state| blocks::process_deposit(cfg, state, deposit), counted);
        }
        for exit in &body.voluntary_exits {
            let apply = |state: &mut _| blocks::process_voluntary_exit(cfg, state, exit, trust);
            self.try_one("voluntary exits", state, apply, all);
        }
        for change in &body.bls_to_execution_changes {
            let apply = |state: &mut _| blocks::process_bls_to_execution_change(cfg, state, change, trust);
            self.try_one("credential changes", state, apply, all);
        }
        self.count_requests(chain, state);
    }

    fn count_requests(&mut self, chain: &RandomChain, state: &mut BeaconState) {
        let Some(block) = &chain.block else { return };
        let (cfg, requests) = (&chain.cfg, &block.message.body.execution_requests);
        let all = |_: &mut BeaconState, _: &BeaconState| {};
        for request in &requests.deposits {
            let apply = |state: &mut _| blocks::process_deposit_request(cfg, state, request);
            self.try_one("deposit requests", state, apply, all);
        }
        for request in &requests.withdrawals {
            let exit = request.amount == FULL_EXIT_REQUEST_AMOUNT;
            let kind = if exit { "exit requests" } else { "partial withdrawal requests" };
            self.try_one(kind, state, |state| blocks::process_withdrawal_request(cfg, state, request), all);
        }
        for request in &requests.consolidations {
            let switch = request.source_pubkey == request.target_pubkey;
            let kind = if switch { "switches to compounding" } else { "consolidation requests" };
            self.try_one(kind, state, |state| blocks::process_consolidation_request(cfg, state, request), all);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, Count { all, effective })) in self.0.iter().enumerate() {
            write!(f, "{}{kind} {effective} of {all}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
