//! What validators ask: duties, things to sign, and handing back what was signed.

use super::{ApiError, Client, quoted_list, to_json_list, to_value};
use crate::api::client::Versioned;
use crate::api::dto;
use crate::api::http::Request;
use crate::ssz::{Bytes, Root, Shape, Ssz};
use crate::types::{
    Attestation, AttestationData, BeaconBlock, BlsSignature, ChainConfig, Epoch, SignedAggregateAndProof,
    SignedBeaconBlock, SignedContributionAndProof, Slot, SyncCommitteeContribution, SyncCommitteeMessage,
    ValidatorIndex,
};

impl Client {
    // --- validator: duties ---

    pub async fn proposer_duties(&self, epoch: Epoch) -> Result<dto::Envelope<Vec<dto::ProposerDuty>>, ApiError> {
        self.envelope(Request::get(format!("/eth/v1/validator/duties/proposer/{epoch}"))).await
    }

    pub async fn attester_duties(
        &self,
        epoch: Epoch,
        indices: &[ValidatorIndex],
    ) -> Result<dto::Envelope<Vec<dto::AttesterDuty>>, ApiError> {
        let request = Request::post(format!("/eth/v1/validator/duties/attester/{epoch}"));
        self.envelope(request.with_json(&quoted_list(indices))).await
    }

    pub async fn sync_duties(&self, epoch: Epoch, indices: &[ValidatorIndex]) -> Result<Vec<dto::SyncDuty>, ApiError> {
        let request = Request::post(format!("/eth/v1/validator/duties/sync/{epoch}"));
        self.data(request.with_json(&quoted_list(indices))).await
    }

    pub async fn subscribe_committees(&self, wanted: &[dto::CommitteeSubscription]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v1/validator/beacon_committee_subscriptions");
        self.done(request.with_json(&to_value(wanted))).await
    }

    pub async fn subscribe_sync_committees(&self, wanted: &[dto::SyncSubscription]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v1/validator/sync_committee_subscriptions");
        self.done(request.with_json(&to_value(wanted))).await
    }

    pub async fn prepare_proposers(&self, preparations: &[dto::ProposerPreparation]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v1/validator/prepare_beacon_proposer");
        self.done(request.with_json(&to_value(preparations))).await
    }

    // --- validator: blocks ---

    /// An unsigned block for `slot`, of the fork that the node names.
    pub async fn produce_block(
        &self,
        config: &ChainConfig,
        slot: Slot,
        randao_reveal: &BlsSignature,
        graffiti: Option<Bytes<32>>,
    ) -> Result<Versioned<BeaconBlock>, ApiError> {
        let mut request = Request::get(format!("/eth/v3/validator/blocks/{slot}"))
            .with_query("randao_reveal", randao_reveal)
            .accepting_ssz();
        if let Some(graffiti) = graffiti {
            request = request.with_query("graffiti", graffiti);
        }
        self.container(config, request, |_| Some(config.fork_at_slot(slot))).await
    }

    /// Publishes a signed block. `Ok(false)`: it was broadcast, but the node could not import it (HTTP 202).
    pub async fn publish_block(&self, shape: Shape, block: &SignedBeaconBlock) -> Result<bool, ApiError> {
        let request = Request::post("/eth/v2/beacon/blocks").with_ssz(shape.fork.name(), block.encode(shape));
        let (_, response) = self.ask(request).await?;
        Ok(response.status != 202)
    }

    // --- validator: attestations ---

    pub async fn attestation_data(
        &self,
        shape: Shape,
        slot: Slot,
        committee_index: u64,
    ) -> Result<AttestationData, ApiError> {
        let request = Request::get("/eth/v1/validator/attestation_data").with_query("slot", slot);
        self.json(shape, request.with_query("committee_index", committee_index)).await
    }

    pub async fn submit_attestations(&self, shape: Shape, attestations: &[Attestation]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v2/beacon/pool/attestations").with_version(shape.fork.name());
        self.done(request.with_json(&to_json_list(shape, attestations))).await
    }

    /// The best aggregate that the node has for this data; `None` if it has nothing.
    pub async fn aggregate_attestation(
        &self,
        shape: Shape,
        data_root: Root,
        slot: Slot,
        committee_index: u64,
    ) -> Result<Option<Attestation>, ApiError> {
        let request = Request::get("/eth/v2/validator/aggregate_attestation")
            .with_query("attestation_data_root", data_root)
            .with_query("slot", slot)
            .with_query("committee_index", committee_index);
        none_if_missing(self.json(shape, request).await)
    }

    pub async fn submit_aggregates(&self, shape: Shape, signed: &[SignedAggregateAndProof]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v2/validator/aggregate_and_proofs").with_version(shape.fork.name());
        self.done(request.with_json(&to_json_list(shape, signed))).await
    }

    // --- validator: sync committee ---

    pub async fn submit_sync_messages(&self, shape: Shape, messages: &[SyncCommitteeMessage]) -> Result<(), ApiError> {
        let request = Request::post("/eth/v1/beacon/pool/sync_committees");
        self.done(request.with_json(&to_json_list(shape, messages))).await
    }

    /// The contribution that the node has made of the messages it saw; `None` if it has nothing.
    pub async fn sync_contribution(
        &self,
        shape: Shape,
        slot: Slot,
        subcommittee_index: u64,
        beacon_block_root: Root,
    ) -> Result<Option<SyncCommitteeContribution>, ApiError> {
        let request = Request::get("/eth/v1/validator/sync_committee_contribution")
            .with_query("slot", slot)
            .with_query("subcommittee_index", subcommittee_index)
            .with_query("beacon_block_root", beacon_block_root);
        none_if_missing(self.json(shape, request).await)
    }

    pub async fn submit_contributions(
        &self,
        shape: Shape,
        signed: &[SignedContributionAndProof],
    ) -> Result<(), ApiError> {
        let request = Request::post("/eth/v1/validator/contribution_and_proofs");
        self.done(request.with_json(&to_json_list(shape, signed))).await
    }
}

/// What the node does not have is `None`.
fn none_if_missing<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
