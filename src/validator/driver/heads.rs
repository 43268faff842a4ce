//! The beacon node's head, as it changes: by server-sent events, or by asking again and again where a node has none.

use crate::api::dto::HeaderData;
use crate::api::events::HeadEvent;
use crate::api::reqwest::StreamError;
use crate::api::{Client, Event, HttpTransport};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Sends every new head until the receiver is gone. A node that does not answer is tried again, without noise: the
/// duties say so loudly enough.
pub async fn follow(transport: HttpTransport, poll: Duration, heads: Sender<HeadEvent>) {
    let client = Client::new(Arc::new(transport.clone()));
    while !heads.is_closed() {
        match transport.events(&["head"]).await {
            Ok(events) => {
                let mut events = std::pin::pin!(events);
                while let Some(event) = events.next().await {
                    match event {
                        Ok(Event::Head(head)) => {
                            if heads.send(head).await.is_err() {
                                return;
                            }
                        }
                        Ok(_) => {}
                        Err(error) => tracing::debug!("head events: {error}"),
                    }
                }
            }
            Err(StreamError::Refused { status, message }) => {
                tracing::info!(status, message, "the beacon node has no head events; its head is polled instead");
                poll_head(&client, poll, &heads).await;
                return;
            }
            Err(error) => tracing::debug!("head events: {error}"),
        }
        tokio::time::sleep(poll.max(Duration::from_millis(200))).await;
    }
}

async fn poll_head(client: &Client, poll: Duration, heads: &Sender<HeadEvent>) {
    let mut last = None;
    while !heads.is_closed() {
        if let Ok(HeaderData { root, header, .. }) = client.head_header().await
            && last != Some(root)
        {
            last = Some(root);
            let (slot, state) = (header.message.slot, header.message.state_root);
            let head = HeadEvent { slot, block: root, state, ..HeadEvent::default() };
            if heads.send(head).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(poll).await;
    }
}
