//! Gossip out and in: compressed and decompressed here, and held until the node has judged it.

use bytes::Bytes as Payload;
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance, PublishError};

use super::{Driver, name};
use crate::net::codec;
use crate::net::link::{GossipId, LinkEvent, MAX_PAYLOAD_SIZE, Verdict};

/// Messages that may wait for a verdict; the oldest is ignored beyond that.
const MAX_UNJUDGED: usize = 8192;

impl Driver {
    pub(super) fn publish(&mut self, topic: &str, data: Payload) {
        let data = match codec::compress(&data) {
            Ok(packed) if data.len() <= MAX_PAYLOAD_SIZE => packed,
            Ok(_) => return tracing::warn!(topic, bytes = data.len(), "too long, not published"),
            Err(error) => return tracing::warn!(topic, %error, "not published"),
        };
        match self.swarm.behaviour_mut().gossip.publish(IdentTopic::new(topic), data) {
            Ok(_) | Err(PublishError::Duplicate) => {}
            Err(error @ PublishError::NoPeersSubscribedToTopic) => {
                tracing::debug!(topic, %error, "published to nobody")
            }
            Err(error) => tracing::warn!(topic, %error, "not published"),
        }
    }

    pub(super) fn report(&mut self, id: GossipId, verdict: Verdict) {
        let Some((message, source)) = self.unjudged.remove(&id) else { return };
        let verdict = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.swarm.behaviour_mut().gossip.report_message_validation_result(&message, &source, verdict);
    }

    pub(super) fn gossip_event(&mut self, event: gossipsub::Event) {
        let gossipsub::Event::Message { propagation_source, message_id, message } = event else { return };
        let id = GossipId(self.next_id());
        self.unjudged.insert(id, (message_id, propagation_source));
        if self.is_full() {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!(dropped = self.dropped, "the node is behind: gossip is being dropped");
            }
            return self.report(id, Verdict::Ignore);
        }
        if self.unjudged.len() > MAX_UNJUDGED
            && let Some((oldest, _)) = self.unjudged.first_key_value()
        {
            self.report(*oldest, Verdict::Ignore);
        }
        let (topic, from) = (message.topic.as_str(), name(&propagation_source));
        match codec::decompress(&message.data, MAX_PAYLOAD_SIZE) {
            Ok(data) => self.tell(LinkEvent::Gossip { id, topic: topic.into(), data: data.into(), from }),
            Err(error) => {
                self.tell(LinkEvent::Malformed { peer: from, what: topic.into(), why: error.to_string() });
                self.report(id, Verdict::Reject);
            }
        }
    }
}
