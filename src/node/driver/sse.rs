//! The subscribers of the event stream. A subscriber that reads too slowly is cut off, so none can hold memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::Stream;
use tokio::sync::mpsc;

use crate::chain::Notice;
use crate::node::rest::events::{Rendered, Topics, render};
use crate::types::ChainConfig;

/// Events that may wait for a subscriber before it is cut off.
const BACKLOG: usize = 256;
/// Subscribers at most.
const MOST: usize = 64;
/// How often a silent stream sends a comment, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Everybody who listens.
#[derive(Default)]
pub struct Subscribers(Vec<(Topics, mpsc::Sender<Arc<str>>)>);

impl Subscribers {
    /// One more; `None` if there are too many already.
    pub fn add(&mut self, topics: Topics) -> Option<mpsc::Receiver<Arc<str>>> {
        self.0.retain(|(_, sender)| !sender.is_closed());
        if self.0.len() >= MOST {
            return None;
        }
        let (sender, receiver) = mpsc::channel(BACKLOG);
        self.0.push((topics, sender));
        Some(receiver)
    }

    /// Tells everybody who wants to know.
    pub fn tell(&mut self, cfg: &ChainConfig, notice: &Notice) {
        if self.0.is_empty() {
            return;
        }
        let wanted = |topic: &str| self.0.iter().any(|(topics, _)| topics.contains(topic));
        for Rendered { topic, text } in render(cfg, notice, wanted) {
            let text: Arc<str> = text.into();
            self.0.retain(|(topics, sender)| !topics.contains(topic) || sender.try_send(text.clone()).is_ok());
        }
    }
}

/// The body of an event stream.
pub fn body(receiver: mpsc::Receiver<Arc<str>>) -> Body {
    Body::from_stream(stream(receiver))
}

fn stream(receiver: mpsc::Receiver<Arc<str>>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    // The first comment makes the headers leave at once.
    futures::stream::unfold((receiver, true), |(mut receiver, first)| async move {
        if first {
            return Some((Ok(Bytes::from_static(b": open\n\n")), (receiver, false)));
        }
        let text = match tokio::time::timeout(KEEP_ALIVE, receiver.recv()).await {
            Ok(Some(text)) => Bytes::copy_from_slice(text.as_bytes()),
            Ok(None) => return None,
            Err(_) => Bytes::from_static(b": keep-alive\n\n"),
        };
        Some((Ok(text), (receiver, false)))
    })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::ssz::Root;

    fn block(slot: u64) -> Notice {
        Notice::Block { slot, root: Root::default(), optimistic: false }
    }

    #[tokio::test]
    async fn subscribers_get_their_topics_only() {
        let cfg = ChainConfig::minimal();
        let mut all = Subscribers::default();
        let blocks = all.add(Topics::parse(["block"]).expect("valid")).expect("room");
        let heads = all.add(Topics::parse(["head"]).expect("valid")).expect("room");
        all.tell(&cfg, &block(7));
        drop(all);
        let texts: Vec<_> = stream(blocks).map(|text| text.expect("infallible")).collect().await;
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with(b"event: block\ndata: {\"slot\":\"7\""), "{:?}", texts[1]);
        assert_eq!(stream(heads).count().await, 1, "the opening comment only");
    }

    #[test]
    fn a_slow_subscriber_is_cut_off_and_their_number_is_bounded() {
        let cfg = ChainConfig::minimal();
        let mut all = Subscribers::default();
        let slow = all.add(Topics::parse(["block"]).expect("valid")).expect("room");
        for slot in 0..=BACKLOG as u64 {
            all.tell(&cfg, &block(slot));
        }
        assert!(all.0.is_empty());
        drop(slow);
        let held: Vec<_> = (0..MOST).map(|_| all.add(Topics::parse(["head"]).expect("valid")).expect("room")).collect();
        assert!(all.add(Topics::parse(["head"]).expect("valid")).is_none());
        drop(held);
        assert!(all.add(Topics::parse(["head"]).expect("valid")).is_some());
    }
}
