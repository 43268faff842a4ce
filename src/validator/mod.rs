//! The validator client: learns its duties from a beacon node, signs what is due, and hands it back.
//!
//! A driver calls [`Validator::on`] with a [`Phase`] and the present time when that phase of a slot comes; phases may
//! overlap. Every duty ends in an [`Outcome`], which is logged and returned; one that fails stops no other.
//!
//! Never: reads a clock, sleeps or spawns (only [`driver`] does, for the wall clock), talks to anything but
//! [`crate::api`], or signs a block or an attestation that [`SlashingProtection`] has not remembered first.

mod attesting;
mod book;
pub mod driver;
mod lookup;
mod network;
mod outcome;
mod phase;
mod proposing;
pub mod slashing;
mod sync_committee;

pub use network::{Network, NetworkError};
pub use outcome::{Duty, Ending, Outcome, TARGET};
pub use phase::Phase;
pub use slashing::{Refusal, SlashingProtection, StoreError};

use crate::api::events::HeadEvent;
use crate::api::{ApiError, Client};
use crate::crypto::SecretKey;
use crate::spec::compute_sync_committee_period;
use crate::ssz::{Bytes, Fork, Root, Shape, Ssz};
use crate::types::{BlsPubkey, BlsSignature, DomainType, Epoch, ExecutionAddress, Slot, ValidatorIndex};
use book::Book;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The validators of one process.
pub struct Validator {
    client: Client,
    network: Network,
    keys: BTreeMap<BlsPubkey, SecretKey>,
    graffiti: Option<Bytes<32>>,
    fee_recipient: ExecutionAddress,
    protection: Mutex<SlashingProtection>,
    book: Mutex<Book>,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl Validator {
    /// Validators with these keys on this network, asking one beacon node. Whether that node is on the same network is
    /// for [`Network::check`] to say, before.
    pub fn new(
        client: Client,
        network: Network,
        keys: impl IntoIterator<Item = SecretKey>,
        protection: SlashingProtection,
    ) -> Self {
        let keys = keys.into_iter().map(|key| (key.public_key(), key)).collect();
        let (protection, book) = (Mutex::new(protection), Mutex::default());
        let fee_recipient = ExecutionAddress::default();
        Self { client, network, keys, graffiti: None, fee_recipient, protection, book }
    }

    /// The same, with its own text in blocks (at most 32 bytes of it).
    pub fn with_graffiti(mut self, text: &str) -> Self {
        let mut bytes = Bytes::<32>::default();
        bytes.0.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        self.graffiti = Some(bytes);
        self
    }

    /// The same, with the fees of its blocks going to this address; by default they go to nobody (zeros).
    pub fn with_fee_recipient(mut self, address: ExecutionAddress) -> Self {
        self.fee_recipient = address;
        self
    }

    /// The network it serves.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The beacon node it asks.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Everything that was signed so far, as an EIP-3076 interchange file.
    pub fn export_protection(&self) -> String {
        self.protection().export()
    }

    /// Does what a phase wants done. `now_ms` (unix) is only for judging lateness.
    pub async fn on(&self, phase: Phase, now_ms: u64) -> Vec<Outcome> {
        let at = self.at(phase, now_ms);
        let outcomes = match phase {
            Phase::SlotStart(_) => self.start_slot(at).await,
            Phase::Attest(_) => {
                let found = self.look_up(at, false).await;
                let (attested, signed) = futures::join!(self.attest(at), self.sign_sync_messages(at));
                [found, attested, signed].concat()
            }
            Phase::Aggregate(_) => {
                let (aggregated, contributed) = futures::join!(self.aggregate(at), self.contribute(at));
                let ahead = self.look_ahead(at).await;
                [aggregated, contributed, ahead].concat()
            }
        };
        outcomes.iter().for_each(Outcome::log);
        outcomes
    }

    /// Looks up the duties around `slot` ahead of its phases: before genesis, or when starting in mid-epoch.
    pub async fn prepare(&self, slot: Slot, now_ms: u64) -> Vec<Outcome> {
        let at = self.at(Phase::SlotStart(slot), now_ms);
        let resolved = self.resolve_indices(at).await;
        let (prepared, found) = futures::join!(self.prepare_proposers(at), self.look_up(at, false));
        let outcomes = [resolved, prepared, found].concat();
        outcomes.iter().for_each(Outcome::log);
        outcomes
    }

    /// The beacon node has a new head: duties that it makes wrong are forgotten, and looked up in the next phase.
    pub fn on_head(&self, head: &HeadEvent) {
        let epoch = self.network.config.epoch_of(head.slot);
        let lookahead = self.network.config.fork_at_epoch(epoch) >= Fork::Fulu;
        if self.book().note_head(head, epoch, lookahead) {
            tracing::info!(target: TARGET, slot = head.slot, "a reorganization changed duties; looking them up again");
        }
    }

    fn at(&self, phase: Phase, now_ms: u64) -> At {
        let due = phase.due_ms(&self.network);
        let late_ms = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_sub_unsigned(due);
        At { slot: phase.slot(), epoch: self.network.config.epoch_of(phase.slot()), late_ms }
    }

    async fn start_slot(&self, at: At) -> Vec<Outcome> {
        let period = compute_sync_committee_period(&self.network.config, at.epoch);
        self.book().prune(at.slot, at.epoch, period);
        let resolved = self.resolve_indices(at).await;
        let first = self.network.config.start_slot(at.epoch) == at.slot;
        let proposers = self.look_up_proposers(at, first).await;
        let (proposed, prepared, found) =
            futures::join!(self.propose(at), self.prepare_proposers(at), self.look_up(at, first));
        [resolved, proposers, proposed, prepared, found].concat()
    }

    fn shape(&self, slot: Slot) -> Shape {
        self.network.config.shape_at_slot(slot)
    }

    /// Never held across a wait.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held across a wait.
    fn protection(&self) -> MutexGuard<'_, SlashingProtection> {
        self.protection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs what can't be slashed: everything but blocks and attestations.
    fn sign<T: Ssz>(&self, key: &BlsPubkey, object: &T, domain: DomainType, epoch: Epoch) -> Option<BlsSignature> {
        self.sign_root(key, &self.network.signing_root(object, domain, epoch))
    }

    /// `None` if the key is not ours.
    fn sign_root(&self, key: &BlsPubkey, signing_root: &Root) -> Option<BlsSignature> {
        Some(self.keys.get(key)?.sign(signing_root))
    }
}

/// Which slot a phase is about, and how late it began.
#[derive(Clone, Copy, Debug)]
struct At {
    slot: Slot,
    epoch: Epoch,
    late_ms: i64,
}

impl At {
    fn outcome(self, duty: Duty, validator: Option<ValidatorIndex>, ending: Ending) -> Outcome {
        Outcome { duty, slot: self.slot, validator, late_ms: self.late_ms, ending }
    }

    fn failed(self, duty: Duty, validator: Option<ValidatorIndex>, why: impl std::fmt::Display) -> Outcome {
        self.outcome(duty, validator, Ending::Failed(why.to_string()))
    }

    /// The outcomes of items that were submitted together: the node may refuse some of them by position.
    fn submitted(self, duty: Duty, validators: &[ValidatorIndex], answer: Result<(), ApiError>) -> Vec<Outcome> {
        let ending = |position: usize| match &answer {
            Ok(()) => Ending::Done,
            Err(ApiError::Status { body, .. }) if !body.failures.is_empty() => {
                match body.failures.iter().find(|failure| failure.index == position as u64) {
                    Some(failure) => Ending::Failed(failure.message.clone()),
                    None => Ending::Done,
                }
            }
            Err(error) => Ending::Failed(error.to_string()),
        };
        let each = validators.iter().enumerate();
        each.map(|(position, index)| self.outcome(duty, Some(*index), ending(position))).collect()
    }
}
