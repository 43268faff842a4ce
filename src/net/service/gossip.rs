//! Gossip payloads to chain events and back, by the fork of their topic; and which topics we are on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Action, Cx, Service};
use crate::chain::{Event, Gossip, Origin, Outcome};
use crate::net::link::{Command, GossipId, PeerId, Verdict};
use crate::net::topic::{Topic, TopicKind};
use crate::ssz::{DecodeError, Shape, Ssz};
use crate::types::{BlobSidecar, DataColumnSidecar, Epoch, ForkName, Slot};

/// Senders of gossip that are remembered, to ask them first for what their message lacks.
const MAX_SOURCES: usize = 2048;
/// Slots for which the chain may keep a vote unjudged, until its block comes.
const VOTE_PATIENCE_SLOTS: u64 = 2;
/// A peer's votes are dropped once so many of its messages are unjudged that they have its share of all that there is room
/// for: nothing can be told of a vote for an unknown block, and others' votes need room, too. Connected peers have equal
/// shares, a lone one all; with more peers than this a share is still the same part.
const MOST_SHARES: usize = 4;

/// Who sent a message that the chain has not judged yet.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) peer: PeerId,
    slot: Slot,
}
/// How long before a fork its topics are joined: at least so many slots.
const MIN_LEAD_SLOTS: u64 = 2;

impl Service {
    /// Joins and leaves topics as the clock demands: the next fork's an epoch before it, the last one's until an epoch after.
    pub(super) fn update_topics(&mut self, cx: Cx<'_>) {
        let slot = self.slot_at(cx.now_ms);
        let per_epoch = self.cfg.preset.slots_per_epoch;
        let lead = per_epoch.max(MIN_LEAD_SLOTS);
        let mut wanted = BTreeSet::new();
        for entry in self.schedule.entries() {
            let begins = self.cfg.start_slot(entry.epoch);
            let ends = self.schedule.after(entry.epoch).map(|next| self.cfg.start_slot(next.epoch));
            let joined = begins <= slot.saturating_add(lead);
            let left = ends.is_some_and(|end| slot >= end.saturating_add(per_epoch));
            if joined && !left {
                let kinds = TopicKind::all(&self.cfg, entry.fork);
                wanted.extend(kinds.into_iter().map(|kind| Topic { digest: entry.digest, kind }));
            }
        }
        let joined = wanted.difference(&self.topics).map(|t| Command::Subscribe { topic: t.to_string().into() });
        let left = self.topics.difference(&wanted).map(|t| Command::Unsubscribe { topic: t.to_string().into() });
        self.out.extend(joined.chain(left).map(Action::Link));
        self.topics = wanted;
    }

    pub(super) fn gossip_received(&mut self, cx: Cx<'_>, id: GossipId, topic: &str, data: &[u8], from: PeerId) {
        let event = match topic.parse::<Topic>().ok().map(|t| (t, self.schedule.of_digest(t.digest))) {
            Some((topic, Some(entry))) => {
                let shape = self.cfg.shape(entry.fork);
                self.decode_gossip(topic, shape, data, Origin::Gossip(id), cx.now_ms)
            }
            _ => Err(Refusal::UnknownTopic),
        };
        match event {
            Ok(event) if is_vote(&event) && self.has_its_share(cx, &from) => {
                tracing::debug!(peer = %from, topic, "a vote is dropped: too many of its sender's wait for blocks");
                self.report(id, Verdict::Ignore);
            }
            Ok(event) => {
                self.metrics.gossip_received += 1;
                self.sources.insert(id, Source { peer: from, slot: self.slot_at(cx.now_ms) });
                if self.sources.len() > MAX_SOURCES {
                    self.sources.pop_first();
                }
                self.out.push(Action::Chain(event));
            }
            Err(why) => {
                self.metrics.gossip_undecodable += 1;
                self.report(id, Verdict::Reject);
                // who forwards a message has judged it, and nobody can judge what can't be read; but some clients choose the
                // topic by the time at which they publish, and then all columns of a late block are on the wrong one
                if let Refusal::Ssz(why) = why {
                    self.misbehaved(cx, &from, &format!("unreadable gossip on {topic}: {why}"));
                }
            }
        }
    }

    /// Whether the chain may still keep as many messages of this peer unjudged as it has a right to.
    fn has_its_share(&self, cx: Cx<'_>, id: &PeerId) -> bool {
        let share = MAX_SOURCES / self.connected_peers().clamp(1, MOST_SHARES);
        let since = self.slot_at(cx.now_ms).saturating_sub(VOTE_PATIENCE_SLOTS);
        let counts = |source: &&Source| source.peer == *id && source.slot >= since;
        self.sources.len() >= share && self.sources.values().filter(counts).count() >= share
    }

    fn decode_gossip(
        &self,
        topic: Topic,
        shape: Shape,
        data: &[u8],
        origin: Origin,
        now_ms: u64,
    ) -> Result<Event, Refusal> {
        fn read<T: Ssz>(shape: Shape, data: &[u8]) -> Result<Arc<T>, DecodeError> {
            T::decode(shape, data).map(Arc::new)
        }
        // the topic's digest is that of the block's epoch
        let right_digest = |slot: Slot| match self.schedule.at(self.cfg.epoch_of(slot)).digest == topic.digest {
            true => Ok(()),
            false => Err(Refusal::OtherDigest),
        };
        Ok(match topic.kind {
            TopicKind::BeaconBlock => {
                let block: Arc<crate::types::SignedBeaconBlock> = read(shape, data)?;
                right_digest(block.message.slot)?;
                Event::Block { block, origin, now_ms }
            }
            TopicKind::Aggregate => Event::Aggregate { aggregate: read(shape, data)?, origin, now_ms },
            TopicKind::Attestation(subnet) if shape.fork >= ForkName::Electra => {
                Event::SingleAttestation { attestation: read(shape, data)?, subnet: Some(subnet), origin, now_ms }
            }
            TopicKind::Attestation(subnet) => {
                Event::Attestation { attestation: read(shape, data)?, subnet: Some(subnet), origin, now_ms }
            }
            TopicKind::VoluntaryExit => Event::VoluntaryExit { exit: read(shape, data)?, origin, now_ms },
            TopicKind::ProposerSlashing => Event::ProposerSlashing { slashing: read(shape, data)?, origin, now_ms },
            TopicKind::AttesterSlashing => Event::AttesterSlashing { slashing: read(shape, data)?, origin, now_ms },
            TopicKind::Contribution => Event::Contribution { contribution: read(shape, data)?, origin, now_ms },
            TopicKind::SyncCommittee(subnet) => {
                Event::SyncMessage { message: read(shape, data)?, subnet: Some(subnet), origin, now_ms }
            }
            TopicKind::BlsToExecutionChange => {
                Event::BlsToExecutionChange { change: read(shape, data)?, origin, now_ms }
            }
            TopicKind::BlobSidecar(subnet) => {
                let sidecar: Arc<BlobSidecar> = read(shape, data)?;
                right_digest(sidecar.signed_block_header.message.slot)?;
                Event::BlobSidecar { sidecar, subnet: Some(subnet), origin, now_ms }
            }
            TopicKind::DataColumnSidecar(subnet) => {
                let sidecar: Arc<DataColumnSidecar> = read(shape, data)?;
                right_digest(sidecar.signed_block_header.message.slot)?;
                Event::DataColumnSidecar { sidecar, subnet: Some(subnet), origin, now_ms }
            }
        })
    }

    /// The chain's verdict. Only a rejection is held against the sender: what is ignored is nobody's fault.
    pub(super) fn outcome(&mut self, cx: Cx<'_>, id: GossipId, outcome: &Outcome) {
        let from = self.sources.remove(&id).map(|source| source.peer);
        let verdict = match outcome {
            Outcome::Accept => Verdict::Accept,
            Outcome::Held(_) | Outcome::Ignore(_) | Outcome::Duplicate(_) => Verdict::Ignore,
            Outcome::Reject(reason) => {
                self.metrics.gossip_rejected += 1;
                tracing::debug!(?from, reason, "gossip rejected");
                Verdict::Reject
            }
        };
        self.report(id, verdict);
        if let (Verdict::Reject, Some(from)) = (verdict, from) {
            self.sent_invalid(cx, &from);
        }
    }

    fn report(&mut self, id: GossipId, verdict: Verdict) {
        self.out.push(Action::Link(Command::Report { id, verdict }));
    }

    pub(super) fn publish(&mut self, cx: Cx<'_>, object: &Gossip) {
        let now = self.epoch_at(cx.now_ms);
        let of = |slot| self.cfg.epoch_of(slot);
        let (kind, epoch): (TopicKind, Epoch) = match object {
            Gossip::Block(block) => (TopicKind::BeaconBlock, of(block.message.slot)),
            Gossip::Attestation { subnet, attestation } => (TopicKind::Attestation(*subnet), of(attestation.data.slot)),
            Gossip::Aggregate(aggregate) => (TopicKind::Aggregate, of(aggregate.message.aggregate.data.slot)),
            Gossip::SyncMessage { subnet, message } => (TopicKind::SyncCommittee(*subnet), of(message.slot)),
            Gossip::Contribution(signed) => (TopicKind::Contribution, of(signed.message.contribution.slot)),
            Gossip::VoluntaryExit(_) => (TopicKind::VoluntaryExit, now),
            Gossip::ProposerSlashing(_) => (TopicKind::ProposerSlashing, now),
            Gossip::AttesterSlashing(_) => (TopicKind::AttesterSlashing, now),
            Gossip::SingleAttestation { subnet, attestation } => {
                (TopicKind::Attestation(*subnet), of(attestation.data.slot))
            }
            Gossip::BlobSidecar { subnet, sidecar } => {
                (TopicKind::BlobSidecar(*subnet), of(sidecar.signed_block_header.message.slot))
            }
            Gossip::DataColumnSidecar { subnet, sidecar } => {
                (TopicKind::DataColumnSidecar(*subnet), of(sidecar.signed_block_header.message.slot))
            }
            Gossip::BlsToExecutionChange(_) => (TopicKind::BlsToExecutionChange, now),
        };
        let entry = self.schedule.at(epoch);
        let shape = self.cfg.shape(entry.fork);
        let data = match object {
            Gossip::Block(x) => x.encode(shape),
            Gossip::Attestation { attestation, .. } => attestation.encode(shape),
            Gossip::Aggregate(x) => x.encode(shape),
            Gossip::SyncMessage { message, .. } => message.encode(shape),
            Gossip::Contribution(x) => x.encode(shape),
            Gossip::VoluntaryExit(x) => x.encode(shape),
            Gossip::ProposerSlashing(x) => x.encode(shape),
            Gossip::AttesterSlashing(x) => x.encode(shape),
            Gossip::SingleAttestation { attestation, .. } => attestation.encode(shape),
            Gossip::BlobSidecar { sidecar, .. } => sidecar.encode(shape),
            Gossip::DataColumnSidecar { sidecar, .. } => sidecar.encode(shape),
            Gossip::BlsToExecutionChange(x) => x.encode(shape),
        };
        self.metrics.gossip_published += 1;
        let topic = Topic { digest: entry.digest, kind }.to_string().into();
        self.out.push(Action::Link(Command::Publish { topic, data: data.into() }));
    }
}

fn is_vote(event: &Event) -> bool {
    matches!(event, Event::Attestation { .. } | Event::SingleAttestation { .. } | Event::Aggregate { .. })
}

/// Why a message is refused before the chain sees it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a topic that is none of ours")]
    UnknownTopic,
    #[error("its slot is not of the topic's digest")]
    OtherDigest,
    #[error("{0}")]
    Ssz(DecodeError),
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Refusal {
        Refusal::Ssz(error)
    }
}
