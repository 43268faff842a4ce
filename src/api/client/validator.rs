//! What validators ask: duties, things to sign, and handing back what was signed.

use super::{ApiError, Client, quoted_list, to_json_list, to_value};
use crate::api::client::Versioned;
use crate::api::contents::{BlockContents, SignedBlockContents};
use crate::api::dto;
use crate::api::http::Request;
use crate::ssz::{Bytes, Fork, Root, Shape};
use crate::types::{
    Attestation, AttestationData, BlsSignature, ChainConfig, Epoch, SignedAggregateAndProof,
    SignedContributionAndProof, SingleAttestation, Slot, SyncCommitteeContribution, SyncCommitteeMessage,
    ValidatorIndex,
};
use serde_json::Value;

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

    /// An unsigned block for `slot` with its blobs, of the fork that the node names; never a blinded one.
    pub async fn produce_block(
        &self,
        config: &ChainConfig,
        slot: Slot,
        randao_reveal: &BlsSignature,
        graffiti: Option<Bytes<32>>,
    ) -> Result<Versioned<BlockContents>, ApiError> {
        let ask = async |version: &str| {
            let mut request = Request::get(format!("/eth/{version}/validator/blocks/{slot}"))
                .with_query("randao_reveal", randao_reveal)
                .accepting_ssz();
            if let Some(graffiti) = graffiti {
                request = request.with_query("graffiti", graffiti);
            }
            if version == "v3" {
                // zero asks for the local execution engine's payload, not a builder's
                request = request.with_query("builder_boost_factor", 0);
            }
            let guess = |_: &[u8]| Some(config.fork_at_slot(slot));
            self.forked(config, request, guess, BlockContents::from_ssz, BlockContents::from_value).await
        };
        match ask("v3").await {
            Err(error) if error.is_unknown_endpoint() => ask("v2").await,
            answer => answer,
        }
    }

    /// Publishes a signed block with its blobs. `Ok(false)`: it was broadcast, but the node could not import it (HTTP
    /// 202).
    pub async fn publish_block(&self, shape: Shape, signed: &SignedBlockContents) -> Result<bool, ApiError> {
        let fork = shape.fork.name();
        let path = |version: &str| Request::post(format!("/eth/{version}/beacon/blocks"));
        let in_json = |request: Request| request.with_version(fork).with_json(&signed.to_value(shape));
        let mut answer = self.ask(path("v2").with_ssz(fork, signed.to_ssz(shape))).await;
        if answer.as_ref().is_err_and(ApiError::is_unread_encoding) {
            answer = self.ask(in_json(path("v2"))).await;
        }
        // older nodes know only the first version, and no SSZ
        if answer.as_ref().is_err_and(ApiError::is_unknown_endpoint) {
            answer = self.ask(in_json(path("v1"))).await;
        }
        answer.map(|(_, response)| response.status != 202)
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

    /// Hands in attestations of a fork before electra.
    pub async fn submit_attestations(&self, shape: Shape, attestations: &[Attestation]) -> Result<(), ApiError> {
        self.submit(shape, "beacon/pool/attestations", to_json_list(shape, attestations)).await
    }

    /// Hands in votes of electra or later.
    pub async fn submit_single_attestations(&self, shape: Shape, votes: &[SingleAttestation]) -> Result<(), ApiError> {
        self.submit(shape, "beacon/pool/attestations", to_json_list(shape, votes)).await
    }

    /// The best aggregate that the node has for this data and committee; `None` if it has nothing.
    pub async fn aggregate_attestation(
        &self,
        shape: Shape,
        data_root: Root,
        slot: Slot,
        committee_index: u64,
    ) -> Result<Option<Attestation>, ApiError> {
        let request = |version: &str| {
            Request::get(format!("/eth/{version}/validator/aggregate_attestation"))
                .with_query("attestation_data_root", data_root)
                .with_query("slot", slot)
        };
        let answer = self.json(shape, request("v2").with_query("committee_index", committee_index)).await;
        match answer {
            // it has none, or does not know the second version
            Err(error) if error.is_unknown_endpoint() && shape.fork < Fork::Electra => {
                none_if_missing(self.json(shape, request("v1")).await)
            }
            answer => none_if_missing(answer),
        }
    }

    /// Hands in aggregates.
    pub async fn submit_aggregates(&self, shape: Shape, signed: &[SignedAggregateAndProof]) -> Result<(), ApiError> {
        self.submit(shape, "validator/aggregate_and_proofs", to_json_list(shape, signed)).await
    }

    /// Posts a list to the second version of an endpoint, or to the first where a node knows no other. From electra on
    /// the first does not exist.
    async fn submit(&self, shape: Shape, path: &str, list: Value) -> Result<(), ApiError> {
        let request = |version: &str| Request::post(format!("/eth/{version}/{path}")).with_version(shape.fork.name());
        match self.done(request("v2").with_json(&list)).await {
            Err(error) if error.is_unknown_endpoint() && shape.fork < Fork::Electra => {
                self.done(request("v1").with_json(&list)).await
            }
            answer => answer,
        }
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
