//! Gossipsub as the consensus networks use it: parameters, message ids, snappy, and whose topics we listen to.

use std::io;
use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, DataTransform, MaxCountSubscriptionFilter, Message, MessageAuthenticity, MessageId,
    RawMessage, TopicHash, TopicSubscriptionFilter, ValidationMode,
};

use super::Error;
use crate::net::codec;
use crate::net::link::MAX_PAYLOAD_SIZE;
use crate::net::topic::{IdInput, message_id, split};

/// Topics that one peer may be on. Each fork has 74 of ours, up to about 250 in the forks to come.
const MAX_TOPICS_PER_PEER: usize = 2048;

/// Our gossipsub behaviour.
pub(super) type Gossipsub = Behaviour<Snappy, MaxCountSubscriptionFilter<OwnDigests>>;

/// Compresses what goes out, decompresses what comes in; 10 MiB at most either way.
#[derive(Clone, Default)]
pub(super) struct Snappy;

impl DataTransform for Snappy {
    fn inbound_transform(&self, raw: RawMessage) -> io::Result<Message> {
        let data = codec::decompress(&raw.data, MAX_PAYLOAD_SIZE).map_err(invalid)?;
        Ok(Message { source: raw.source, data, sequence_number: raw.sequence_number, topic: raw.topic })
    }

    fn outbound_transform(&self, _topic: &TopicHash, data: Vec<u8>) -> io::Result<Vec<u8>> {
        if data.len() > MAX_PAYLOAD_SIZE {
            return Err(invalid(format!("{} bytes, {MAX_PAYLOAD_SIZE} allowed", data.len())));
        }
        codec::compress(&data).map_err(invalid)
    }
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Lets through subscriptions to topics of our network's fork digests, known to us or not.
/// The library's own default would refuse a peer altogether that is on more than 100 topics.
pub(super) struct OwnDigests(Vec<[u8; 4]>);

impl TopicSubscriptionFilter for OwnDigests {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        let text = topic.as_str();
        text.len() <= 128 && split(text).is_some_and(|(digest, _)| self.0.contains(&digest))
    }
}

/// Gossipsub with the parameters of the phase0 p2p specification.
pub(super) fn behaviour(config: &super::Config) -> Result<Gossipsub, Error> {
    let phase0 = config.phase0_digest;
    let id = move |message: &Message| {
        let topic = message.topic.as_str();
        let old = split(topic).is_some_and(|(digest, _)| Some(digest) == phase0);
        MessageId::new(&message_id(old, topic, IdInput::Valid(&message.data)))
    };
    let parameters = ConfigBuilder::default()
        .mesh_n(8)
        .mesh_n_low(6)
        .mesh_n_high(12)
        .gossip_lazy(6)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(100))
        .fanout_ttl(Duration::from_secs(60))
        .history_length(6)
        .history_gossip(3)
        .duplicate_cache_time(config.seen_ttl)
        .max_transmit_size(codec::max_compressed_len(MAX_PAYLOAD_SIZE) + 1024)
        .max_control_message_size(1 << 20)
        .connection_handler_queue_len(2000)
        // small networks have no mesh for their first heartbeats: publish to everybody on the topic
        .flood_publish(true)
        // nodes of a test network come and go: who was pruned may come back soon
        .prune_backoff(Duration::from_secs(10))
        .unsubscribe_backoff(Duration::from_secs(2))
        .validate_messages()
        .validation_mode(ValidationMode::Anonymous)
        .allow_self_origin(true)
        .message_id_fn(id)
        .build()
        .map_err(|e| Error::Setup(e.to_string()))?;
    let filter = MaxCountSubscriptionFilter {
        filter: OwnDigests(config.digests.clone()),
        max_subscribed_topics: MAX_TOPICS_PER_PEER,
        max_subscriptions_per_request: MAX_TOPICS_PER_PEER,
    };
    Behaviour::new_with_subscription_filter_and_transform(MessageAuthenticity::Anonymous, parameters, filter, Snappy)
        .map_err(|e| Error::Setup(e.to_string()))
}
