//! The validators' signatures: on operations made here, and again on objects that were edited, so that what lies behind
//! the signature is reached.

use crate::{Input, Scene};
use lockin::crypto::aggregate;
use lockin::net::topic::TopicKind;
use lockin::spec::{self, compute_domain, signing_root_of};
use lockin::ssz::{Bytes, Fork, Root, Shape, Ssz};
use lockin::types::constants::*;
use lockin::types::*;
use lockin::validator::Network;

/// What is done before an object is signed again, by bits.
const FIX_STATE_ROOT: u8 = 1;
const SIGN_INSIDE: u8 = 2;

impl Scene {
    fn network(&self) -> Network {
        Network {
            config: ChainConfig::clone(&self.cfg),
            genesis_time: self.genesis.genesis_time,
            genesis_validators_root: self.genesis.genesis_validators_root,
        }
    }

    fn root<T: Ssz>(&self, object: &T, domain: DomainType, epoch: Epoch) -> Root {
        self.network().signing_root(object, domain, epoch)
    }

    /// Of one validator; nobody's index is somebody's here.
    fn by(&self, index: ValidatorIndex, root: &Root) -> BlsSignature {
        self.keys[index as usize % self.keys.len()].sign(root)
    }

    fn by_all(&self, indices: impl IntoIterator<Item = ValidatorIndex>, root: &Root) -> BlsSignature {
        let each: Vec<_> = indices.into_iter().take(64).map(|index| self.by(index, root)).collect();
        aggregate(&each).unwrap_or_else(|_| self.by(0, root))
    }

    fn sign_header(&self, header: &mut SignedBeaconBlockHeader) {
        let epoch = self.cfg.epoch_of(header.message.slot);
        let root = self.root(&header.message, DOMAIN_BEACON_PROPOSER, epoch);
        header.signature = self.by(header.message.proposer_index, &root);
    }

    fn sign_attestation(&self, attestation: &mut Attestation) {
        let root = self.root(&attestation.data, DOMAIN_BEACON_ATTESTER, attestation.data.target.epoch);
        let voters = spec::get_attesting_indices(&self.cfg, &self.state, attestation).unwrap_or_default();
        attestation.signature = self.by_all(voters, &root);
    }

    fn sign_indexed(&self, indexed: &mut IndexedAttestation) {
        let root = self.root(&indexed.data, DOMAIN_BEACON_ATTESTER, indexed.data.target.epoch);
        indexed.signature = self.by_all(indexed.attesting_indices.iter().copied(), &root);
    }

    fn sign_aggregate(&self, signed: &mut SignedAggregateAndProof, flags: u8) {
        let message = &mut signed.message;
        let epoch = self.cfg.epoch_of(message.aggregate.data.slot);
        if flags & SIGN_INSIDE != 0 {
            self.sign_attestation(&mut message.aggregate);
            let slot = self.root(&message.aggregate.data.slot, DOMAIN_SELECTION_PROOF, epoch);
            message.selection_proof = self.by(message.aggregator_index, &slot);
        }
        let root = self.root(message, DOMAIN_AGGREGATE_AND_PROOF, epoch);
        signed.signature = self.by(message.aggregator_index, &root);
    }

    fn sign_contribution(&self, signed: &mut SignedContributionAndProof, flags: u8) {
        let message = &mut signed.message;
        let contribution = &mut message.contribution;
        let epoch = self.cfg.epoch_of(contribution.slot);
        if flags & SIGN_INSIDE != 0 {
            let (slot, subcommittee_index) = (contribution.slot, contribution.subcommittee_index);
            let members = spec::get_sync_subcommittee_pubkeys(&self.cfg, &self.state, subcommittee_index % 4);
            let members = members.unwrap_or_default();
            let position = |key: &BlsPubkey| self.keys.iter().position(|ours| ours.public_key() == *key);
            let signers = contribution.aggregation_bits.ones().filter_map(|bit| position(members.get(bit)?));
            let root = self.root(&contribution.beacon_block_root, DOMAIN_SYNC_COMMITTEE, epoch);
            contribution.signature = self.by_all(signers.map(|index| index as u64), &root);
            let selection = SyncAggregatorSelectionData { slot, subcommittee_index };
            let root = self.root(&selection, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, epoch);
            message.selection_proof = self.by(message.aggregator_index, &root);
        }
        let root = self.root(message, DOMAIN_CONTRIBUTION_AND_PROOF, epoch);
        signed.signature = self.by(message.aggregator_index, &root);
    }

    fn sign_change(&self, signed: &mut SignedBlsToExecutionChange) {
        let (version, root) = (Some(self.cfg.genesis_fork_version), Some(self.genesis.genesis_validators_root));
        let domain = compute_domain(&self.cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, version, root);
        let root = signing_root_of(signed.message.hash_tree_root(self.shape()), domain);
        signed.signature = self.by(signed.message.validator_index, &root);
    }

    fn sign_exit(&self, signed: &mut SignedVoluntaryExit) {
        let root = self.root(&signed.message, DOMAIN_VOLUNTARY_EXIT, signed.message.epoch);
        signed.signature = self.by(signed.message.validator_index, &root);
    }

    /// Signs a block; `parent` is the state that it is built on.
    pub fn sign_block(&self, signed: &mut SignedBeaconBlock, parent: &BeaconState, flags: u8) {
        let block = &mut signed.message;
        let epoch = self.cfg.epoch_of(block.slot);
        if flags & SIGN_INSIDE != 0 {
            block.body.randao_reveal = self.by(block.proposer_index, &self.root(&epoch, DOMAIN_RANDAO, epoch));
        }
        // a slot far off would take as long here as it must not take in the node
        if flags & FIX_STATE_ROOT != 0
            && (parent.slot..parent.slot + 40).contains(&block.slot)
            && let Ok(root) = spec::compute_new_state_root(&self.cfg, parent, block)
        {
            block.state_root = root;
        }
        let root = self.root(block, DOMAIN_BEACON_PROPOSER, epoch);
        signed.signature = self.by(block.proposer_index, &root);
    }

    /// Reads an object of a topic and signs it again; `None` if it can't be read. Blocks are also stirred, if `stir`.
    pub fn sign(
        &self,
        kind: TopicKind,
        bytes: &[u8],
        parent: &BeaconState,
        stir: bool,
        input: &mut Input,
    ) -> Option<Vec<u8>> {
        fn again<T: Ssz>(shape: Shape, bytes: &[u8], sign: impl FnOnce(&mut T)) -> Option<Vec<u8>> {
            let mut object = T::decode(shape, bytes).ok()?;
            sign(&mut object);
            Some(object.encode(shape))
        }
        let shape = self.shape();
        let flags = input.byte();
        match kind {
            TopicKind::BeaconBlock => again(shape, bytes, |block: &mut SignedBeaconBlock| {
                if stir {
                    (0..=input.byte() % 4).for_each(|_| self.stir(&mut block.message, input));
                }
                self.sign_block(block, parent, flags);
            }),
            TopicKind::Aggregate => again(shape, bytes, |object| self.sign_aggregate(object, flags)),
            TopicKind::Attestation(_) if shape.fork >= Fork::Electra => {
                again(shape, bytes, |vote: &mut SingleAttestation| {
                    let root = self.root(&vote.data, DOMAIN_BEACON_ATTESTER, vote.data.target.epoch);
                    vote.signature = self.by(vote.attester_index, &root);
                })
            }
            TopicKind::Attestation(_) => again(shape, bytes, |vote| self.sign_attestation(vote)),
            TopicKind::VoluntaryExit => again(shape, bytes, |exit| self.sign_exit(exit)),
            TopicKind::ProposerSlashing => again(shape, bytes, |slashing: &mut ProposerSlashing| {
                self.sign_header(&mut slashing.signed_header_1);
                self.sign_header(&mut slashing.signed_header_2);
            }),
            TopicKind::AttesterSlashing => again(shape, bytes, |slashing: &mut AttesterSlashing| {
                self.sign_indexed(&mut slashing.attestation_1);
                self.sign_indexed(&mut slashing.attestation_2);
            }),
            TopicKind::Contribution => again(shape, bytes, |object| self.sign_contribution(object, flags)),
            TopicKind::SyncCommittee(_) => again(shape, bytes, |message: &mut SyncCommitteeMessage| {
                let epoch = self.cfg.epoch_of(message.slot);
                let root = self.root(&message.beacon_block_root, DOMAIN_SYNC_COMMITTEE, epoch);
                message.signature = self.by(message.validator_index, &root);
            }),
            TopicKind::BlsToExecutionChange => again(shape, bytes, |change| self.sign_change(change)),
            TopicKind::BlobSidecar(_) => {
                again(shape, bytes, |sidecar: &mut BlobSidecar| self.sign_header(&mut sidecar.signed_block_header))
            }
            TopicKind::DataColumnSidecar(_) => again(shape, bytes, |sidecar: &mut DataColumnSidecar| {
                self.sign_header(&mut sidecar.signed_block_header);
            }),
        }
    }

    /// Does something with one object of a kind among the fresh ones, where the fork has any.
    fn with_one<T: Ssz>(&self, kind: &str, input: &mut Input, then: impl FnOnce(T)) {
        let Some(of_kind) = self.fresh.get(kind) else { return };
        let found = &of_kind[input.below(of_kind.len())];
        then(T::decode(self.shape(), &found.data).expect("it was sent"));
    }

    /// Changes a block's contents in ways that a change of bytes does not come to.
    fn stir(&self, block: &mut BeaconBlock, input: &mut Input) {
        let shape = self.shape();
        let number = u64::from(input.byte());
        let body = &mut block.body;
        match input.byte() % 20 {
            0 => self.with_one("voluntary_exit", input, |one| body.voluntary_exits.push(one)),
            1 => self.with_one("proposer_slashing", input, |one| body.proposer_slashings.push(one)),
            2 => self.with_one("attester_slashing", input, |one| body.attester_slashings.push(one)),
            3 => self.with_one("bls_to_execution_change", input, |one| body.bls_to_execution_changes.push(one)),
            4 | 5 => self.with_one("beacon_aggregate_and_proof", input, |one: SignedAggregateAndProof| {
                body.attestations.push(one.message.aggregate);
            }),
            6 => body.attestations.truncate(number as usize % 4),
            7 => body.deposits.push(Deposit::zero(shape)),
            8 => body.eth1_data.deposit_count = number,
            9 => body.sync_aggregate.sync_committee_bits.set(number as usize % 32, input.byte() & 1 == 0),
            10 => body.execution_payload.timestamp ^= 1 << (number % 64),
            11 => body.execution_payload.transactions.push(input.take(number as usize).to_vec().into()),
            12 => body.execution_payload.withdrawals.push(Withdrawal { index: number, ..Withdrawal::zero(shape) }),
            13 => body.blob_kzg_commitments.push(Bytes([number as u8; 48])),
            14 => body.blob_kzg_commitments.truncate(number as usize % 3),
            15 => {
                let source_address = Bytes([number as u8; 20]);
                let validator_pubkey = self.keys[number as usize % self.keys.len()].public_key();
                let request = WithdrawalRequest { source_address, validator_pubkey, amount: u64::from(input.byte()) };
                body.execution_requests.withdrawals.push(request);
            }
            16 => {
                let mut request = DepositRequest::zero(shape);
                request.pubkey = self.keys[number as usize % self.keys.len()].public_key();
                request.amount = u64::MAX >> (number % 64);
                body.execution_requests.deposits.push(request);
            }
            17 => {
                let key = |number: u64| self.keys[number as usize % self.keys.len()].public_key();
                let (source_address, source_pubkey) = (Bytes([number as u8; 20]), key(number));
                let target_pubkey = key(u64::from(input.byte()));
                let request = ConsolidationRequest { source_address, source_pubkey, target_pubkey };
                body.execution_requests.consolidations.push(request);
            }
            18 => block.slot += number % 40,
            _ => block.proposer_index = number,
        }
    }

    /// Valid operations of every kind that the fork has.
    pub fn operations(&self) -> Vec<(TopicKind, Vec<u8>)> {
        let shape = self.shape();
        let mut out = Vec::new();
        for index in 0..3 {
            let message = VoluntaryExit { epoch: 0, validator_index: index };
            let mut exit = SignedVoluntaryExit { message, ..SignedVoluntaryExit::zero(shape) };
            self.sign_exit(&mut exit);
            out.push((TopicKind::VoluntaryExit, exit.encode(shape)));

            let header = |body: u8| {
                let (slot, body_root) = (6, Bytes([body; 32]));
                let message = BeaconBlockHeader { slot, proposer_index: index + 3, body_root, ..Default::default() };
                let mut header = SignedBeaconBlockHeader { message, ..SignedBeaconBlockHeader::zero(shape) };
                self.sign_header(&mut header);
                header
            };
            let slashing = ProposerSlashing { signed_header_1: header(1), signed_header_2: header(2) };
            out.push((TopicKind::ProposerSlashing, slashing.encode(shape)));

            let vote = |block: u8| {
                let beacon_block_root = Bytes([block; 32]);
                let data = AttestationData { beacon_block_root, ..Default::default() };
                let mut vote = IndexedAttestation { data, ..IndexedAttestation::zero(shape) };
                (index + 6..index + 8).for_each(|voter| vote.attesting_indices.push(voter));
                self.sign_indexed(&mut vote);
                vote
            };
            let slashing = AttesterSlashing { attestation_1: vote(1), attestation_2: vote(2) };
            out.push((TopicKind::AttesterSlashing, slashing.encode(shape)));

            if shape.fork >= Fork::Capella {
                let validator_index = index + 10;
                let from_bls_pubkey = self.keys[validator_index as usize].public_key();
                let to_execution_address = Bytes([index as u8; 20]);
                let message = BlsToExecutionChange { validator_index, from_bls_pubkey, to_execution_address };
                let mut change = SignedBlsToExecutionChange { message, ..SignedBlsToExecutionChange::zero(shape) };
                self.sign_change(&mut change);
                out.push((TopicKind::BlsToExecutionChange, change.encode(shape)));
            }
        }
        out
    }
}
