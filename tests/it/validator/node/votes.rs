//! The node's answers about attestations and the sync committee: data, aggregates, contributions, and what it is sent.

use super::*;

impl Node {
    pub(super) fn attestation_data(&self, request: &Request) -> Response {
        let slot: Slot = number(request.query_value("slot").unwrap());
        let epoch = self.config.epoch_of(slot);
        let mut data = AttestationData {
            slot,
            index: number(request.query_value("committee_index").unwrap()),
            beacon_block_root: self.head(slot),
            source: Checkpoint { epoch: epoch.saturating_sub(1), root: self.head(1) },
            target: Checkpoint { epoch, root: self.head(2) },
        };
        if let Some(change) = self.script.lock().unwrap().data {
            change(&mut data);
        }
        Response::json(&Envelope::new(data.to_json(self.shape(slot))))
    }

    pub(super) fn take_attestations(&self, request: &Request) -> Response {
        let attestations = if fork_of(request) < Fork::Electra {
            self.list::<Attestation>(request, |it| it.data.slot)
        } else {
            let singles = self.list::<SingleAttestation>(request, |it| it.data.slot);
            singles.iter().map(|single| self.of_electra(single)).collect()
        };
        for attestation in attestations {
            let AttestationData { slot, index, target, .. } = attestation.data;
            let index = attestation.committee_bits.ones().next().map_or(index, |index| index as u64);
            let position = attestation.aggregation_bits.ones().collect::<Vec<_>>();
            let at = (slot % 8, index, position[0] as u64);
            let validator = (0..VALIDATORS).find(|validator| self.place(*validator) == at).unwrap();
            assert_eq!((position.len(), attestation.aggregation_bits.len()), (1, 2));
            self.verify(validator, &attestation.data, DOMAIN_BEACON_ATTESTER, target.epoch, &attestation.signature);
            self.log.lock().unwrap().attestations.push((validator, attestation));
        }
        Response::empty(200)
    }

    /// A vote in the form of blocks.
    fn of_electra(&self, single: &SingleAttestation) -> Attestation {
        let shape = self.shape(single.data.slot);
        assert_eq!(single.data.index, 0, "from electra on the committee is told outside of the data");
        let (slot, committee, position) = self.place(single.attester_index);
        assert_eq!((slot, committee), (single.data.slot % 8, single.committee_index));
        let mut attestation =
            Attestation { data: single.data, signature: single.signature, ..Attestation::zero(shape) };
        attestation.aggregation_bits = lockin::ssz::BitList::with_len(2);
        attestation.aggregation_bits.set(position as usize, true);
        attestation.committee_bits.set(committee as usize, true);
        attestation
    }

    pub(super) fn aggregate(&self, request: &Request) -> Response {
        let wanted = request.query_value("attestation_data_root").unwrap();
        let slot = number(request.query_value("slot").unwrap());
        let committee = request.query_value("committee_index").map(number);
        let shape = self.shape(slot);
        let log = self.log.lock().unwrap();
        let of_committee =
            |it: &Attestation| shape.fork < Fork::Electra || it.committee_bits.ones().map(|it| it as u64).eq(committee);
        let fits = |it: &&Attestation| it.data.hash_tree_root(shape).to_string() == wanted && of_committee(it);
        let parts: Vec<&Attestation> = log.attestations.iter().map(|(_, it)| it).filter(fits).collect();
        let Some(mut whole) = parts.first().copied().cloned() else {
            return Response::error(404, "nothing to aggregate");
        };
        parts.iter().for_each(|part| assert!(whole.aggregation_bits.union_with(&part.aggregation_bits)));
        whole.signature = crypto::aggregate(&parts.iter().map(|part| part.signature).collect::<Vec<_>>()).unwrap();
        if let Some(change) = self.script.lock().unwrap().aggregate {
            change(&mut whole);
        }
        Response::json(&Envelope::new(whole.to_json(shape)).with_version(shape.fork.name()))
    }

    pub(super) fn take_aggregates(&self, request: &Request) -> Response {
        for signed in self.list::<SignedAggregateAndProof>(request, |it| it.message.aggregate.data.slot) {
            let message = &signed.message;
            let slot = message.aggregate.data.slot;
            let epoch = self.config.epoch_of(slot);
            self.verify(message.aggregator_index, &slot, DOMAIN_SELECTION_PROOF, epoch, &message.selection_proof);
            self.verify(message.aggregator_index, message, DOMAIN_AGGREGATE_AND_PROOF, epoch, &signed.signature);
            self.log.lock().unwrap().aggregates.push(signed);
        }
        Response::empty(200)
    }

    pub(super) fn take_sync_messages(&self, request: &Request) -> Response {
        for message in self.list::<SyncCommitteeMessage>(request, |it| it.slot) {
            let epoch = self.config.epoch_of(message.slot);
            let root = &message.beacon_block_root;
            self.verify(message.validator_index, root, DOMAIN_SYNC_COMMITTEE, epoch, &message.signature);
            self.log.lock().unwrap().sync_messages.push(message);
        }
        Response::empty(200)
    }

    pub(super) fn contribution(&self, request: &Request) -> Response {
        let slot: Slot = number(request.query_value("slot").unwrap());
        let subcommittee: u64 = number(request.query_value("subcommittee_index").unwrap());
        let shape = self.shape(slot);
        let mut contribution = SyncCommitteeContribution::zero(shape);
        let root = request.query_value("beacon_block_root").unwrap().parse().unwrap();
        (contribution.slot, contribution.subcommittee_index, contribution.beacon_block_root) =
            (slot, subcommittee, root);
        let (log, mut signatures) = (self.log.lock().unwrap(), Vec::new());
        for message in log.sync_messages.iter().filter(|it| it.slot == slot && it.beacon_block_root == root) {
            let positions = self.sync_positions(message.validator_index, self.period(slot));
            for position in positions.into_iter().filter(|position| position / 8 == subcommittee) {
                contribution.aggregation_bits.set(position as usize % 8, true);
                signatures.push(message.signature);
            }
        }
        let Ok(signature) = crypto::aggregate(&signatures) else {
            return Response::error(404, "nothing to contribute");
        };
        contribution.signature = signature;
        Response::json(&Envelope::new(contribution.to_json(shape)))
    }

    pub(super) fn take_contributions(&self, request: &Request) -> Response {
        for signed in self.list::<SignedContributionAndProof>(request, |it| it.message.contribution.slot) {
            let message = &signed.message;
            let (slot, subcommittee_index) = (message.contribution.slot, message.contribution.subcommittee_index);
            let (epoch, who) = (self.config.epoch_of(slot), message.aggregator_index);
            let selection = SyncAggregatorSelectionData { slot, subcommittee_index };
            self.verify(who, &selection, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, epoch, &message.selection_proof);
            self.verify(who, message, DOMAIN_CONTRIBUTION_AND_PROOF, epoch, &signed.signature);
            self.log.lock().unwrap().contributions.push(signed);
        }
        Response::empty(200)
    }
}
