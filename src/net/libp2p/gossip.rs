//! Gossipsub as the consensus networks use it: parameters, message ids, and whose topics we listen to.
//!
//! The library handles messages as they are on the wire, compressed. Its own hook for decompression would drop what can't be
//! decompressed without saying who sent it.

use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, Message, MessageAuthenticity, MessageId,
    TopicHash, TopicSubscriptionFilter, ValidationMode,
};

use super::Error;
use crate::net::codec;
use crate::net::link::MAX_PAYLOAD_SIZE;
use crate::net::topic::{IdInput, message_id, split};

/// Topics that one peer may be on. Each fork has 74 of ours, up to about 250 in the forks to come.
const MAX_TOPICS_PER_PEER: usize = 2048;

/// heartbeat_interval of the specification.
const HEARTBEAT: Duration = Duration::from_millis(700);
/// mcache_len of the specification, heartbeats.
const HISTORY: usize = 6;

/// Heartbeats for which messages are kept: the library passes on none that it has forgotten by the time it is judged.
fn history(judged_within: Duration) -> usize {
    let beats = judged_within.as_millis() / HEARTBEAT.as_millis() + 2;
    usize::try_from(beats).unwrap_or(usize::MAX).max(HISTORY)
}

/// Our gossipsub behaviour.
pub(super) type Gossipsub = Behaviour<IdentityTransform, MaxCountSubscriptionFilter<OwnDigests>>;

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
        let content = codec::decompress(&message.data, MAX_PAYLOAD_SIZE);
        let input = content.as_deref().map_or(IdInput::Invalid(&message.data), IdInput::Valid);
        MessageId::new(&message_id(old, topic, input))
    };
    let parameters = ConfigBuilder::default()
        .mesh_n(8)
        .mesh_n_low(6)
        .mesh_n_high(12)
        .gossip_lazy(6)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(Duration::from_millis(100))
        .fanout_ttl(Duration::from_secs(60))
        .history_length(history(config.judged_within))
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
    Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, parameters, filter)
        .map_err(|e| Error::Setup(e.to_string()))
}
