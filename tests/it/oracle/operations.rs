//! Random operations. Each is tried on the state first, and left out if the state has no use for it.

use super::chain::RandomChain;
use super::keys::message;
use lockin::genesis::deposit_data;
use lockin::spec::{self, Signatures, blocks};
use lockin::ssz::{BitVector, Bytes, Limit, Root, Ssz};
use lockin::types::constants::{
    DOMAIN_BEACON_ATTESTER, DOMAIN_BEACON_PROPOSER, DOMAIN_BLS_TO_EXECUTION_CHANGE, FAR_FUTURE_EPOCH,
    FULL_EXIT_REQUEST_AMOUNT,
};
use lockin::types::limits::MaxCommitteesPerSlot;
use lockin::types::{
    Attestation, AttestationData, AttesterSlashing, BeaconBlockBody, BeaconBlockHeader, BeaconState, BlsPubkey,
    BlsSignature, BlsToExecutionChange, Checkpoint, ConsolidationRequest, DepositData, DepositRequest,
    ExecutionAddress, ForkName, IndexedAttestation, ProposerSlashing, SignedBeaconBlockHeader,
    SignedBlsToExecutionChange, SignedVoluntaryExit, Slot, Validator, ValidatorIndex, VoluntaryExit, WithdrawalRequest,
};

impl RandomChain {
    fn anybody(&mut self, state: &BeaconState) -> ValidatorIndex {
        self.below(state.validators.len() as u64)
    }

    /// One of those that fit and stay, if there are any; now and then anybody.
    fn somebody(&mut self, state: &BeaconState, fits: impl Fn(usize, &Validator) -> bool) -> ValidatorIndex {
        let epoch = self.cfg.epoch_of(state.slot);
        let stays = |it: &Validator| spec::is_active_validator(it, epoch) && it.exit_epoch == FAR_FUTURE_EPOCH;
        let all = state.validators.iter().enumerate();
        let fitting: Vec<_> = all.filter(|(index, it)| stays(it) && fits(*index, it)).map(|(index, _)| index).collect();
        match fitting.len() as u64 {
            1.. if self.chance(75) => fitting[self.below(fitting.len() as u64) as usize] as ValidatorIndex,
            _ => self.anybody(state),
        }
    }

    /// Keeps what `apply` accepts.
    fn keep<T>(
        &self,
        scratch: &mut BeaconState,
        operation: T,
        apply: impl Fn(&mut BeaconState, &T) -> Result<(), spec::Error>,
    ) -> Option<T> {
        let mut tried = scratch.clone();
        apply(&mut tried, &operation).ok()?;
        *scratch = tried;
        Some(operation)
    }

    pub(super) fn add_slashings(&mut self, scratch: &mut BeaconState, body: &mut BeaconBlockBody) {
        let cfg = self.cfg.clone();
        if self.chance(3) {
            let slashing = self.proposer_slashing(scratch);
            let kept = self.keep(scratch, slashing, |state, slashing| {
                blocks::process_proposer_slashing(&cfg, state, slashing, &mut Signatures::Trust)
            });
            kept.into_iter().for_each(|slashing| body.proposer_slashings.push(slashing));
        }
        if self.chance(3) {
            let slashing = self.attester_slashing(scratch);
            let kept = self.keep(scratch, slashing, |state, slashing| {
                blocks::process_attester_slashing(&cfg, state, slashing, &mut Signatures::Trust)
            });
            kept.into_iter().for_each(|slashing| body.attester_slashings.push(slashing));
        }
    }

    fn proposer_slashing(&mut self, state: &BeaconState) -> ProposerSlashing {
        let proposer_index = self.anybody(state);
        let slot = state.slot - self.below(state.slot.min(12) + 1);
        let mut header = || {
            let header = BeaconBlockHeader { slot, proposer_index, body_root: self.root(), ..Default::default() };
            let shape = self.cfg.shape_at_slot(slot);
            let epoch = self.cfg.epoch_of(slot);
            let signed = message(&self.cfg, state, &header, shape, DOMAIN_BEACON_PROPOSER, epoch);
            SignedBeaconBlockHeader { message: header, signature: self.keys.sign(state, proposer_index, &signed) }
        };
        ProposerSlashing { signed_header_1: header(), signed_header_2: header() }
    }

    /// A double vote or a surrounding one of a few.
    fn attester_slashing(&mut self, state: &BeaconState) -> AttesterSlashing {
        let mut indices: Vec<_> = (0..1 + self.below(3)).map(|_| self.anybody(state)).collect();
        indices.sort_unstable();
        indices.dedup();
        let epoch = self.cfg.epoch_of(state.slot);
        let surrounds = epoch >= 3 && self.chance(50);
        let (first, second) =
            if surrounds { ((epoch - 3, epoch), (epoch - 2, epoch - 1)) } else { ((0, epoch), (0, epoch)) };
        let mut vote = |(source, target): (u64, u64)| {
            let data = AttestationData {
                slot: self.cfg.start_slot(target),
                index: 0,
                beacon_block_root: self.root(),
                source: Checkpoint { epoch: source, root: self.root() },
                target: Checkpoint { epoch: target, root: self.root() },
            };
            let shape = self.cfg.shape_at_slot(state.slot);
            let signed = message(&self.cfg, state, &data, shape, DOMAIN_BEACON_ATTESTER, target);
            let signature = self.keys.sign_all(state, &indices, &signed);
            IndexedAttestation { attesting_indices: indices.clone().into(), data, signature }
        };
        AttesterSlashing { attestation_1: vote(first), attestation_2: vote(second) }
    }

    pub(super) fn add_attestations(&mut self, scratch: &mut BeaconState, body: &mut BeaconBlockBody) {
        let cfg = self.cfg.clone();
        let shape = cfg.shape_at_slot(scratch.slot);
        let oldest = scratch.slot.saturating_sub(cfg.preset.slots_per_epoch + 3);
        for back in 0..3 + self.below(4) {
            let slot = match back {
                0 | 1 => scratch.slot - 1,
                _ => oldest + self.below(scratch.slot - oldest),
            };
            if body.attestations.is_full(shape) {
                return;
            }
            let Some(attestation) = self.attestation(scratch, slot) else { continue };
            let kept = self.keep(scratch, attestation, |state, attestation| {
                blocks::process_attestation(&cfg, state, attestation, &mut Signatures::Trust)
            });
            kept.into_iter().for_each(|attestation| body.attestations.push(attestation));
        }
    }

    /// Votes of a slot's committee (electra: of several), some for the wrong head or target; `None` if nobody votes.
    fn attestation(&mut self, state: &BeaconState, slot: Slot) -> Option<Attestation> {
        let (epoch, now) = (self.cfg.epoch_of(slot), self.cfg.epoch_of(state.slot));
        let committees = spec::get_committee_count_per_slot(&self.cfg, state, epoch);
        let electra = self.cfg.fork_at_slot(state.slot) >= ForkName::Electra;
        let picked: Vec<u64> =
            if electra { (0..committees).filter(|_| self.chance(70)).collect() } else { vec![self.below(committees)] };
        let source =
            if epoch == now { state.current_justified_checkpoint } else { state.previous_justified_checkpoint };
        let head = spec::get_block_root_at_slot(&self.cfg, state, slot).ok()?;
        let target = spec::get_block_root(&self.cfg, state, epoch).ok()?;
        let beacon_block_root = if self.chance(85) { head } else { self.root() };
        let target = Checkpoint { epoch, root: if self.chance(90) { target } else { self.root() } };
        let index = if electra { 0 } else { picked[0] };
        let data = AttestationData { slot, index, beacon_block_root, source, target };
        let diligence = self.diligence();
        let (mut bits, mut voters) = (Vec::new(), Vec::new());
        let mut committee_bits = vec![false; MaxCommitteesPerSlot::value(self.cfg.shape_at_slot(state.slot)) as usize];
        for committee in picked {
            let members = spec::get_beacon_committee(&self.cfg, state, slot, committee).ok()?;
            let mut votes: Vec<bool> = members.iter().map(|_| self.chance(diligence)).collect();
            if electra && !votes.contains(&true) {
                votes[0] = true; // a committee that is named has a voter
            }
            voters.extend(members.iter().zip(&votes).filter(|(_, votes)| **votes).map(|(member, _)| *member));
            bits.extend(votes);
            committee_bits[committee as usize] = true;
        }
        if voters.is_empty() {
            return None;
        }
        let shape = self.cfg.shape_at_slot(state.slot);
        let signed = message(&self.cfg, state, &data, shape, DOMAIN_BEACON_ATTESTER, epoch);
        let signature = self.keys.sign_all(state, &voters, &signed);
        let committee_bits: BitVector<MaxCommitteesPerSlot> =
            if electra { committee_bits.into_iter().collect() } else { BitVector::default() };
        Some(Attestation { aggregation_bits: bits.into_iter().collect(), data, signature, committee_bits })
    }

    pub(super) fn add_exits(&mut self, scratch: &mut BeaconState, body: &mut BeaconBlockBody) {
        if !self.chance(6) {
            return;
        }
        let cfg = self.cfg.clone();
        let validator_index = self.anybody(scratch);
        let now = cfg.epoch_of(scratch.slot);
        let exit = VoluntaryExit { epoch: now - self.below(now.min(3) + 1), validator_index };
        let domain = spec::voluntary_exit_domain(&cfg, scratch, exit.epoch);
        let signed = spec::signing_root_of(exit.hash_tree_root(cfg.shape_at_slot(scratch.slot)), domain);
        let signature = self.keys.sign(scratch, validator_index, &signed);
        let kept = self.keep(scratch, SignedVoluntaryExit { message: exit, signature }, |state, exit| {
            blocks::process_voluntary_exit(&cfg, state, exit, &mut Signatures::Trust)
        });
        kept.into_iter().for_each(|exit| body.voluntary_exits.push(exit));
    }

    pub(super) fn add_credential_changes(&mut self, scratch: &mut BeaconState, body: &mut BeaconBlockBody) {
        let cfg = self.cfg.clone();
        for _ in 0..self.below(4) {
            let validator_index = self.anybody(scratch);
            let from_bls_pubkey = scratch.validators[validator_index as usize].pubkey;
            let to_execution_address = address(validator_index);
            let change = BlsToExecutionChange { validator_index, from_bls_pubkey, to_execution_address };
            let (version, root) = (Some(cfg.genesis_fork_version), Some(scratch.genesis_validators_root));
            let domain = spec::compute_domain(&cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, version, root);
            let signed = spec::signing_root_of(change.hash_tree_root(cfg.shape_at_slot(scratch.slot)), domain);
            let signature = self.keys.sign(scratch, validator_index, &signed);
            let kept =
                self.keep(scratch, SignedBlsToExecutionChange { message: change, signature }, |state, change| {
                    blocks::process_bls_to_execution_change(&cfg, state, change, &mut Signatures::Trust)
                });
            kept.into_iter().for_each(|change| body.bls_to_execution_changes.push(change));
        }
    }

    /// A deposit: of a new validator, or on top of what one has; sometimes with a signature that is worth nothing.
    pub(super) fn deposit(&mut self) -> DepositData {
        let known = self.keys.all.len() as u64;
        let index = if self.chance(60) { self.keys.add() } else { self.below(known) as usize };
        let mut data = deposit_data(&self.cfg, &self.keys.all[index]);
        if self.chance(50) {
            let prefix = if self.chance(50) { 1 } else { 2 };
            data.withdrawal_credentials = credentials(prefix, address(index as u64));
        }
        data.amount = match self.below(4) {
            0 => 1_000_000_000 + self.below(70_000_000_000),
            _ => data.amount,
        };
        data.signature = if self.chance(80) { self.deposit_signature(&data, index) } else { BlsSignature::ZERO };
        data
    }

    fn deposit_signature(&self, data: &DepositData, index: usize) -> BlsSignature {
        let shape = self.cfg.shape(ForkName::Phase0);
        let &DepositData { pubkey, withdrawal_credentials, amount, .. } = data;
        let deposit = lockin::types::DepositMessage { pubkey, withdrawal_credentials, amount };
        let domain = spec::compute_domain(&self.cfg, lockin::types::constants::DOMAIN_DEPOSIT, None, None);
        self.keys.all[index].secret.sign(&spec::signing_root_of(deposit.hash_tree_root(shape), domain))
    }

    /// Requests of the execution layer, which may ask for anything: what can't be done is passed over.
    pub(super) fn add_requests(&mut self, scratch: &BeaconState, body: &mut BeaconBlockBody) {
        for _ in 0..self.below(3) {
            let DepositData { pubkey, withdrawal_credentials, amount, signature } = self.deposit();
            let index = self.deposits.len() as u64 + self.below(1000);
            let request = DepositRequest { pubkey, withdrawal_credentials, amount, signature, index };
            body.execution_requests.deposits.push(request);
        }
        for _ in 0..self.below(3) {
            let exit = self.chance(25);
            let amount = if exit { FULL_EXIT_REQUEST_AMOUNT } else { 1 + self.below(3_000_000_000) };
            let most = self.cfg.preset.min_activation_balance;
            let index = self.somebody(scratch, |index, it| {
                exit || spec::has_compounding_withdrawal_credential(it) && scratch.balances[index] > most
            });
            let (source_address, validator_pubkey) = self.owner(scratch, index);
            body.execution_requests.withdrawals.push(WithdrawalRequest { source_address, validator_pubkey, amount });
        }
        if self.chance(40) {
            let request = self.consolidation(scratch);
            body.execution_requests.consolidations.push(request);
        }
    }

    /// Of two validators, or a switch to compounding.
    fn consolidation(&mut self, state: &BeaconState) -> ConsolidationRequest {
        let switch = self.chance(50);
        let source = self.somebody(state, |_, it| match switch {
            true => spec::has_eth1_withdrawal_credential(it),
            false => spec::has_execution_withdrawal_credential(it),
        });
        let (source_address, source_pubkey) = self.owner(state, source);
        if switch {
            return ConsolidationRequest { source_address, source_pubkey, target_pubkey: source_pubkey };
        }
        let target = self.somebody(state, |index, it| {
            index as ValidatorIndex != source && spec::has_compounding_withdrawal_credential(it)
        });
        let target_pubkey = state.validators[target as usize].pubkey;
        ConsolidationRequest { source_address, source_pubkey, target_pubkey }
    }

    /// The address in a validator's credentials, mostly, and its key.
    fn owner(&mut self, state: &BeaconState, index: ValidatorIndex) -> (ExecutionAddress, BlsPubkey) {
        let validator = state.validators[index as usize];
        let mut address = [0; 20];
        address.copy_from_slice(&validator.withdrawal_credentials.0[12..]);
        let address = if self.chance(90) { Bytes(address) } else { ExecutionAddress::ZERO };
        (address, validator.pubkey)
    }
}

/// An execution address of a validator's own.
fn address(index: u64) -> ExecutionAddress {
    Bytes([index as u8 ^ 0x5a; 20])
}

fn credentials(prefix: u8, address: ExecutionAddress) -> Root {
    let mut credentials = [0; 32];
    credentials[0] = prefix;
    credentials[12..].copy_from_slice(&address.0);
    Bytes(credentials)
}
