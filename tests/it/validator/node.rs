//! A scripted beacon node in memory: it knows 32 interop validators in a fixed order of duties, keeps what it is sent,
//! verifies every signature by the spec's own domains, and misbehaves on demand. Its answers are ready at once.

mod dialect;
mod votes;

pub use dialect::Dialect;

use async_trait::async_trait;
use lockin::api::dto::{self, Envelope};
use lockin::api::{
    Accept, BlockContents, Body, ErrorBody, IndexedFailure, Method, Request, Response, SignedBlockContents, Transport,
    TransportError,
};
use lockin::crypto;
use lockin::spec::{compute_signing_root, get_domain};
use lockin::ssz::{Bytes, Fork, Json, Root, Shape, Ssz};
use lockin::types::constants::*;
use lockin::types::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Mutex;

pub const VALIDATORS: u64 = 32;
pub const OURS: u64 = 16;

/// What it was sent, all of it verified.
#[derive(Default)]
pub struct Log {
    pub requests: Vec<String>,
    pub blocks: Vec<(Fork, SignedBlockContents)>,
    pub attestations: Vec<(ValidatorIndex, Attestation)>,
    pub aggregates: Vec<SignedAggregateAndProof>,
    pub sync_messages: Vec<SyncCommitteeMessage>,
    pub contributions: Vec<SignedContributionAndProof>,
    pub committee_subscriptions: Vec<dto::CommitteeSubscription>,
    pub sync_subscriptions: Vec<dto::SyncSubscription>,
    pub preparations: Vec<dto::ProposerPreparation>,
}

/// How it differs from a good node.
#[derive(Default)]
pub struct Script {
    /// Requests whose text holds this get this answer.
    pub answers: Vec<(String, Response)>,
    /// Changes a block before it is handed out.
    pub block: Option<fn(&mut BeaconBlock)>,
    /// Changes attestation data before it is handed out.
    pub data: Option<fn(&mut AttestationData)>,
    /// Changes an aggregate before it is handed out.
    pub aggregate: Option<fn(&mut Attestation)>,
    /// What the chain looks like: another number, another head and other duties' roots.
    pub branch: u8,
    /// Added to every validator's slot in the epoch.
    pub shuffle: u64,
    /// Whose way of answering it has.
    pub dialect: Dialect,
    /// Its head waits for an execution engine.
    pub optimistic: bool,
}

pub struct Node {
    pub config: ChainConfig,
    pub genesis_time: u64,
    pub genesis_validators_root: Root,
    pub keys: Vec<BlsPubkey>,
    pub log: Mutex<Log>,
    pub script: Mutex<Script>,
}

#[async_trait]
impl Transport for Node {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let name = request.to_string();
        self.log.lock().unwrap().requests.push(name.clone());
        let scripted = self.script.lock().unwrap().answers.iter().find(|(part, _)| name.contains(part)).cloned();
        let dialect = self.script.lock().unwrap().dialect;
        Ok(scripted.map_or_else(|| dialect.answer(&request, |request| self.answer(request)), |(_, response)| response))
    }
}

impl Node {
    /// A network of interop validators whose altair comes at `altair`.
    pub fn new(altair: Epoch) -> Self {
        Self::with_forks(&[(Fork::Altair, altair)])
    }

    /// A network of interop validators with these forks after phase0.
    pub fn with_forks(forks: &[(Fork, Epoch)]) -> Self {
        let mut config = ChainConfig::lockin(lockin::ssz::Preset::minimal());
        forks.iter().for_each(|(fork, epoch)| config.set_fork_epoch(*fork, *epoch));
        let keys = lockin::genesis::interop_keys(0..VALIDATORS).into_iter().map(|key| key.pubkey).collect();
        Self {
            config,
            genesis_time: 1000,
            genesis_validators_root: Bytes([0x42; 32]),
            keys,
            log: Mutex::default(),
            script: Mutex::default(),
        }
    }

    pub fn head(&self, slot: Slot) -> Root {
        let mut root = Bytes([self.script.lock().unwrap().branch; 32]);
        root.0[..8].copy_from_slice(&slot.to_le_bytes());
        root
    }

    /// Slot in the epoch, committee, and position of a validator.
    pub fn place(&self, validator: ValidatorIndex) -> (u64, u64, u64) {
        let shuffle = self.script.lock().unwrap().shuffle;
        ((validator + shuffle) % 8, (validator / 8) % 2, validator / 16)
    }

    /// Every one of our validators is in the sync committee twice.
    pub fn sync_positions(&self, validator: ValidatorIndex, period: u64) -> Vec<u64> {
        (0..32).filter(|position| (position + period) % OURS == validator).collect()
    }

    pub fn period(&self, slot: Slot) -> u64 {
        self.config.epoch_of(slot + 1) / self.config.preset.epochs_per_sync_committee_period
    }

    pub fn shape(&self, slot: Slot) -> Shape {
        self.config.shape_at_slot(slot)
    }

    fn answer(&self, request: &Request) -> Response {
        let path: Vec<&str> = request.path.trim_start_matches("/eth/").split('/').collect();
        match (request.method, &path[..]) {
            (Method::Get, ["v1", "beacon", "genesis"]) => data(&dto::Genesis {
                genesis_time: self.genesis_time,
                genesis_validators_root: self.genesis_validators_root,
                genesis_fork_version: self.config.genesis_fork_version,
            }),
            (Method::Get, ["v1", "config", "spec"]) => {
                data(&self.config.entries().into_iter().collect::<BTreeMap<_, _>>())
            }
            (Method::Get, ["v1", "config", "fork_schedule"]) => data(&self.schedule()),
            (_, ["v1", "beacon", "states", "head", "validators"]) => self.validators(request),
            (Method::Get, ["v1", "beacon", "blocks", "head", "root"]) => self.head_root(),
            (Method::Get, ["v1", "validator", "duties", "proposer", epoch]) => self.proposers(number(epoch)),
            (Method::Post, ["v1", "validator", "duties", "attester", epoch]) => self.attesters(number(epoch), request),
            (Method::Post, ["v1", "validator", "duties", "sync", epoch]) => self.sync_members(number(epoch), request),
            (Method::Get, ["v3", "validator", "blocks", slot]) => self.produce(number(slot), request),
            (Method::Post, ["v2", "beacon", "blocks"]) => self.take_block(request),
            (Method::Get, ["v1", "validator", "attestation_data"]) => self.attestation_data(request),
            (Method::Post, ["v2", "beacon", "pool", "attestations"]) => self.take_attestations(request),
            (Method::Get, ["v2", "validator", "aggregate_attestation"]) => self.aggregate(request),
            (Method::Post, ["v2", "validator", "aggregate_and_proofs"]) => self.take_aggregates(request),
            (Method::Post, ["v1", "beacon", "pool", "sync_committees"]) => self.take_sync_messages(request),
            (Method::Get, ["v1", "validator", "sync_committee_contribution"]) => self.contribution(request),
            (Method::Post, ["v1", "validator", "contribution_and_proofs"]) => self.take_contributions(request),
            (Method::Post, ["v1", "validator", "beacon_committee_subscriptions"]) => {
                self.log.lock().unwrap().committee_subscriptions.extend(read::<Vec<_>>(request));
                Response::empty(200)
            }
            (Method::Post, ["v1", "validator", "sync_committee_subscriptions"]) => {
                self.log.lock().unwrap().sync_subscriptions.extend(read::<Vec<_>>(request));
                Response::empty(200)
            }
            (Method::Post, ["v1", "validator", "prepare_beacon_proposer"]) => {
                self.log.lock().unwrap().preparations.extend(read::<Vec<_>>(request));
                Response::empty(200)
            }
            _ => Response::error(404, format!("no route for {request}")),
        }
    }

    fn head_root(&self) -> Response {
        let optimistic = self.script.lock().unwrap().optimistic;
        let root = dto::RootOf { root: self.head(0) };
        Response::json(&Envelope { execution_optimistic: Some(optimistic), ..Envelope::new(root) })
    }

    fn schedule(&self) -> Vec<dto::Fork> {
        let fork = |previous, current| dto::Fork {
            previous_version: self.config.fork_version(previous),
            current_version: self.config.fork_version(current),
            epoch: self.config.fork_epoch(current),
        };
        Fork::ALL.into_iter().map(|current| fork(current.previous().unwrap_or(current), current)).collect()
    }

    fn validators(&self, request: &Request) -> Response {
        let wanted = match request.method {
            Method::Post => read::<dto::ValidatorsFilter>(request).ids,
            Method::Get => request.query.iter().filter(|(name, _)| name == "id").map(|(_, id)| id.clone()).collect(),
        };
        let found = (0..VALIDATORS).filter(|index| wanted.contains(&self.keys[*index as usize].to_string()));
        let info = |index: u64| dto::ValidatorData {
            index,
            status: "active_ongoing".into(),
            validator: dto::ValidatorInfo { pubkey: self.keys[index as usize], ..Default::default() },
            ..Default::default()
        };
        data(&found.map(info).collect::<Vec<_>>())
    }

    fn dependent_root(&self) -> Option<Root> {
        Some(Bytes([self.script.lock().unwrap().branch + 1; 32]))
    }

    fn proposers(&self, epoch: Epoch) -> Response {
        let slots = self.config.start_slot(epoch)..self.config.start_slot(epoch + 1);
        let duty = |slot: Slot| {
            let validator_index = slot % VALIDATORS;
            dto::ProposerDuty { pubkey: self.keys[validator_index as usize], validator_index, slot }
        };
        Response::json(&Envelope::of_duties(slots.map(duty).collect::<Vec<_>>(), self.dependent_root()))
    }

    fn attesters(&self, epoch: Epoch, request: &Request) -> Response {
        let duty = |index: u64| {
            let (slot, committee_index, position) = self.place(index);
            dto::AttesterDuty {
                pubkey: self.keys[index as usize],
                validator_index: index,
                committee_index,
                committee_length: 2,
                committees_at_slot: 2,
                validator_committee_index: position,
                slot: self.config.start_slot(epoch) + slot,
            }
        };
        let duties: Vec<_> = indices(request).into_iter().map(duty).collect();
        Response::json(&Envelope::of_duties(duties, self.dependent_root()))
    }

    fn sync_members(&self, epoch: Epoch, request: &Request) -> Response {
        if self.config.fork_at_epoch(epoch) < Fork::Altair {
            return Response::error(400, "no sync committee in phase0");
        }
        let period = epoch / self.config.preset.epochs_per_sync_committee_period;
        let duty = |index: u64| dto::SyncDuty {
            pubkey: self.keys[index as usize],
            validator_index: index,
            validator_sync_committee_indices: self.sync_positions(index, period),
        };
        data(&indices(request).into_iter().filter(|index| *index < OURS).map(duty).collect::<Vec<_>>())
    }

    fn produce(&self, slot: Slot, request: &Request) -> Response {
        let shape = self.shape(slot);
        let mut block = BeaconBlock::zero(shape);
        (block.slot, block.proposer_index, block.parent_root) = (slot, slot % VALIDATORS, self.head(slot));
        block.body.randao_reveal = request.query_value("randao_reveal").unwrap().parse().unwrap();
        block.body.graffiti = request.query_value("graffiti").unwrap().parse().unwrap();
        let epoch = self.config.epoch_of(slot);
        self.verify(block.proposer_index, &epoch, DOMAIN_RANDAO, epoch, &block.body.randao_reveal);
        if let Some(change) = self.script.lock().unwrap().block {
            change(&mut block);
        }
        let mut contents = BlockContents::from(block);
        if shape.fork >= Fork::Deneb {
            contents.blobs = vec![Blob::zero(shape)].into();
            let proofs = if shape.fork < Fork::Fulu { 1 } else { 128 };
            contents.kzg_proofs = vec![Bytes([slot as u8; 48]); proofs].into();
        }
        if request.accept == Accept::Json {
            return Response::json(&Envelope::new(contents.to_value(shape)).with_version(shape.fork.name()));
        }
        Response::ssz(shape.fork.name(), contents.to_ssz(shape))
    }

    fn take_block(&self, request: &Request) -> Response {
        let fork = fork_of(request);
        let shape = self.config.shape(fork);
        let dialect = self.script.lock().unwrap().dialect;
        let contents = match &request.body {
            Body::Ssz(bytes) if dialect.has_ssz() => SignedBlockContents::from_ssz(shape, bytes).unwrap(),
            Body::Json(bytes) if !dialect.has_ssz() => {
                SignedBlockContents::from_value(shape, &serde_json::from_slice(bytes).unwrap()).unwrap()
            }
            other => panic!("blocks travel as SSZ, to some nodes as JSON: {other:?}"),
        };
        let block = &contents.signed_block;
        let (slot, proposer) = (block.message.slot, block.message.proposer_index);
        assert_eq!(fork, self.config.fork_at_slot(slot));
        self.verify(proposer, &block.message, DOMAIN_BEACON_PROPOSER, self.config.epoch_of(slot), &block.signature);
        self.log.lock().unwrap().blocks.push((fork, contents));
        Response::empty(200)
    }

    /// Reads a JSON list of containers; their fork is that of their slot, and of the header if there is one. (What has
    /// no header has the same form in every fork.)
    fn list<T: Json>(&self, request: &Request, slot: impl Fn(&T) -> Slot) -> Vec<T> {
        let items: Vec<Value> = read(request);
        assert!(!items.is_empty(), "nothing is not worth a request: {request}");
        assert!(
            request.consensus_version.is_some() || !request.path.starts_with("/eth/v2"),
            "{request} lacks its version"
        );
        let fork = request.consensus_version.as_deref().map_or(Fork::Phase0, |name| Fork::from_str(name).unwrap());
        let shape = self.config.shape(fork);
        let read = |item: &Value| {
            let container = T::from_json(shape, item).unwrap();
            if let Some(named) = &request.consensus_version {
                assert_eq!(named, self.config.fork_at_slot(slot(&container)).name());
            }
            container
        };
        items.iter().map(read).collect()
    }

    /// Checks a signature by the domain that a state of `epoch` has.
    fn verify<T: Ssz>(
        &self,
        who: ValidatorIndex,
        object: &T,
        domain: DomainType,
        epoch: Epoch,
        signature: &BlsSignature,
    ) {
        let config = &self.config;
        let fork = config.fork_at_epoch(epoch);
        let fork = lockin::types::Fork {
            previous_version: config.fork_version(fork.previous().unwrap_or(fork)),
            current_version: config.fork_version(fork),
            epoch: config.fork_epoch(fork),
        };
        let state =
            BeaconState { fork, genesis_validators_root: self.genesis_validators_root, ..BeaconState::default() };
        let domain = get_domain(config, &state, domain, Some(epoch));
        let root = compute_signing_root(object, config.shape(config.fork_at_epoch(epoch)), domain);
        assert!(
            crypto::verify(&self.keys[who as usize], &root, signature),
            "signature of validator {who} in epoch {epoch}"
        );
    }
}

/// An answer that refuses items of a request by position.
pub fn refusing(failures: &[(u64, &str)]) -> Response {
    let failure = |(index, message): &(u64, &str)| IndexedFailure { index: *index, message: (*message).into() };
    let failures = failures.iter().map(failure).collect();
    Response::failures(400, "some failed", failures)
}

/// The text of the standard's error body.
pub fn message_of(response: &Response) -> String {
    let ErrorBody { message, .. } = response.error_body();
    message
}

fn data<T: serde::Serialize>(value: &T) -> Response {
    Response::json(&Envelope::new(value))
}

fn read<T: serde::de::DeserializeOwned>(request: &Request) -> T {
    let Body::Json(bytes) = &request.body else { panic!("{request} carries JSON") };
    serde_json::from_slice(bytes).unwrap()
}

fn indices(request: &Request) -> BTreeSet<u64> {
    let indices: BTreeSet<u64> = read::<Vec<String>>(request).iter().map(|text| number(text)).collect();
    assert!(!indices.is_empty(), "some nodes refuse {request} without an index");
    indices
}

fn fork_of(request: &Request) -> Fork {
    Fork::from_str(request.consensus_version.as_deref().unwrap()).unwrap()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}
