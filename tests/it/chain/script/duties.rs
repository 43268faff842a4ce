//! What validators do on the stage: blocks, votes, aggregates, sync committee messages, contributions.

use super::*;

impl Script {
    /// A block made on a node's head for this slot, signed by whose turn it is, but sent to nobody.
    pub fn make_block(&mut self, node: usize, graffiti: u8) -> Arc<SignedBeaconBlock> {
        self.make(node, graffiti).0
    }

    /// The same with what came with it.
    pub fn make(&mut self, node: usize, graffiti: u8) -> (Arc<SignedBeaconBlock>, ProducedBlock) {
        let produced = *self.try_make(node, graffiti).unwrap();
        let (slot, epoch) = (self.slot, self.cfg.epoch_of(self.slot));
        let state = self.state_at_epoch(node, epoch);
        let message = produced.block.clone();
        assert_eq!((message.slot, message.proposer_index), (slot, self.proposer(node)));
        let key = &self.keys[message.proposer_index as usize];
        let signature = spec::get_block_signature(&self.cfg, &state, &message, key);
        (Arc::new(SignedBeaconBlock { message, signature }), produced)
    }

    /// Whose turn it is in this slot.
    pub fn proposer(&self, node: usize) -> ValidatorIndex {
        let duties = self.nodes[node].chain.proposer_duties(self.cfg.epoch_of(self.slot)).unwrap().duties;
        duties.iter().find(|duty| duty.slot == self.slot).unwrap().validator_index
    }

    /// An unsigned block, or why there is none.
    pub fn try_make(&mut self, node: usize, graffiti: u8) -> Result<Box<ProducedBlock>, String> {
        let (slot, now_ms) = (self.slot, self.now_ms);
        let state = self.state_at_epoch(node, self.cfg.epoch_of(slot));
        let stub = lockin::types::BeaconBlock { slot, ..Default::default() };
        let key = &self.keys[self.proposer(node) as usize];
        let randao = spec::get_epoch_signature(&self.cfg, &state, &stub, key);
        let id = ProductionId(self.next_message);
        self.next_message += 1;
        self.send(node, Event::Produce { id, slot, randao, graffiti: Bytes([graffiti; 32]), now_ms });
        let mut produced = std::mem::take(&mut self.nodes[node].produced);
        assert_eq!(produced.len(), 1, "one answer to one order");
        assert_eq!(produced[0].0, id);
        produced.remove(0).1
    }

    /// The node's head state in that epoch, for domains.
    fn state_at_epoch(&self, node: usize, epoch: Epoch) -> BeaconState {
        let mut state = BeaconState::clone(&self.nodes[node].chain.head().state);
        let start = self.cfg.start_slot(epoch);
        if state.slot < start {
            spec::process_slots(&self.cfg, &mut state, start).unwrap();
        }
        state
    }

    /// A block is made on a node and published.
    pub fn propose(&mut self, node: usize) -> Arc<SignedBeaconBlock> {
        let (block, ProducedBlock { proofs, blobs, .. }) = self.make(node, 0);
        let (origin, now_ms) = (Origin::Api(0), self.now_ms);
        self.send(node, Event::BlockContents { block: block.clone(), proofs, blobs, origin, now_ms });
        block
    }

    /// The votes that this node's view gives to those of these validators whose turn it is in this slot.
    pub fn make_votes(&self, node: usize, who: impl Fn(ValidatorIndex) -> bool) -> Vec<(ValidatorIndex, Attestation)> {
        let chain = &self.nodes[node].chain;
        let epoch = self.cfg.epoch_of(self.slot);
        let all: Vec<ValidatorIndex> = (0..self.keys.len() as u64).filter(|index| who(*index)).collect();
        let duties = chain.attester_duties(epoch, &all).unwrap().duties;
        let state = self.state_at_epoch(node, epoch);
        let vote = |duty: &lockin::chain::AttesterDuty| {
            let data = chain.attestation_data(self.slot, duty.committee_index).unwrap();
            let mut bits: Vec<bool> = vec![false; duty.committee_length as usize];
            bits[duty.validator_committee_index as usize] = true;
            let key = &self.keys[duty.validator_index as usize];
            let signature = spec::get_attestation_signature(&self.cfg, &state, &data, key);
            let shape = self.cfg.shape_at_slot(self.slot);
            let aggregation_bits = bits.into_iter().collect();
            let mut vote = Attestation { aggregation_bits, data, signature, ..Attestation::default() };
            if shape.fork >= ForkName::Electra {
                vote.committee_bits = BitVector::zero(shape);
                vote.committee_bits.set(duty.committee_index as usize, true);
            }
            (duty.validator_index, vote)
        };
        duties.iter().filter(|duty| duty.slot == self.slot).map(vote).collect()
    }

    /// Those of these validators whose turn it is vote by this node's view, and publish.
    pub fn attest(&mut self, node: usize, who: impl Fn(ValidatorIndex) -> bool) -> usize {
        let votes = self.make_votes(node, who);
        let count = votes.len();
        let (subnet, origin, now_ms) = (None, Origin::Api(1), self.now_ms);
        for (attester_index, vote) in votes {
            let event = if self.cfg.fork_at_slot(self.slot) < ForkName::Electra {
                Event::Attestation { attestation: Arc::new(vote), subnet, origin, now_ms }
            } else {
                let committee_index = vote.committee_bits.ones().next().unwrap() as u64;
                let (data, signature) = (vote.data, vote.signature);
                let attestation = Arc::new(SingleAttestation { committee_index, attester_index, data, signature });
                Event::SingleAttestation { attestation, subnet, origin, now_ms }
            };
            self.send(node, event);
        }
        count
    }

    /// An aggregate with its proof.
    pub fn sign_aggregate(&self, node: usize, by: ValidatorIndex, aggregate: Attestation) -> SignedAggregateAndProof {
        let state = self.state_at_epoch(node, aggregate.data.target.epoch);
        let key = &self.keys[by as usize];
        let message = spec::get_aggregate_and_proof(&self.cfg, &state, by, aggregate, key);
        let signature = spec::get_aggregate_and_proof_signature(&self.cfg, &state, &message, key);
        SignedAggregateAndProof { message, signature }
    }

    /// Of each committee of this slot, the first of these validators aggregates and publishes.
    pub fn aggregate(&mut self, node: usize, who: impl Fn(ValidatorIndex) -> bool) {
        let mut done = Vec::new();
        for (by, vote) in self.make_votes(node, who) {
            let electra = self.cfg.fork_at_slot(self.slot) >= ForkName::Electra;
            let committee = if electra { vote.committee_bits.ones().next().unwrap() as u64 } else { vote.data.index };
            if done.contains(&committee) {
                continue;
            }
            done.push(committee);
            let root = vote.data.hash_tree_root(self.cfg.shape_at_slot(self.slot));
            let best = self.nodes[node].chain.aggregate(self.slot, &root, electra.then_some(committee));
            let Some(best) = best else { continue };
            let aggregate = Arc::new(self.sign_aggregate(node, by, best));
            self.send(node, Event::Aggregate { aggregate, origin: Origin::Api(2), now_ms: self.now_ms });
        }
    }

    /// Those of these validators who sit in the sync committee sign the node's head.
    pub fn sync_messages(&mut self, node: usize, who: impl Fn(ValidatorIndex) -> bool) -> usize {
        let epoch = self.cfg.epoch_of(self.slot + 1);
        let all: Vec<ValidatorIndex> = (0..self.keys.len() as u64).filter(|index| who(*index)).collect();
        let duties = self.nodes[node].chain.sync_duties(epoch, &all).unwrap();
        let state = self.state_at_epoch(node, self.cfg.epoch_of(self.slot));
        let head = self.nodes[node].chain.head().root;
        for duty in &duties {
            let index = duty.validator_index;
            let mut message: SyncCommitteeMessage =
                spec::get_sync_committee_message(&self.cfg, &state, head, index, &self.keys[index as usize]);
            message.slot = self.slot;
            let event = Event::SyncMessage {
                message: Arc::new(message),
                subnet: None,
                origin: Origin::Api(3),
                now_ms: self.now_ms,
            };
            self.send(node, event);
        }
        duties.len()
    }

    /// A contribution of each subcommittee, by its first member among these.
    pub fn contribute(&mut self, node: usize, who: impl Fn(ValidatorIndex) -> bool) {
        let epoch = self.cfg.epoch_of(self.slot + 1);
        let all: Vec<ValidatorIndex> = (0..self.keys.len() as u64).filter(|index| who(*index)).collect();
        let duties = self.nodes[node].chain.sync_duties(epoch, &all).unwrap();
        let state = self.state_at_epoch(node, self.cfg.epoch_of(self.slot));
        let head = self.nodes[node].chain.head().root;
        let size = self.cfg.preset.sync_committee_size / 4;
        for subcommittee in 0..4 {
            let sits = |seat: &u64| seat / size == subcommittee;
            let Some(duty) = duties.iter().find(|d| d.validator_sync_committee_indices.iter().any(sits)) else {
                continue;
            };
            let chain = &self.nodes[node].chain;
            let Some(contribution) = chain.sync_contribution(self.slot, &head, subcommittee) else { continue };
            let key = &self.keys[duty.validator_index as usize];
            let message = spec::get_contribution_and_proof(&self.cfg, &state, duty.validator_index, contribution, key);
            let signature = spec::get_contribution_and_proof_signature(&self.cfg, &state, &message, key);
            let contribution = Arc::new(SignedContributionAndProof { message, signature });
            self.send(node, Event::Contribution { contribution, origin: Origin::Api(4), now_ms: self.now_ms });
        }
    }
}
