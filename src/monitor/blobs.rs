//! Which blocks commit to blobs: every block that is seen as a head is asked for once, from deneb on.

use super::node::Watched;
use crate::{
    journal::Event,
    types::{ChainConfig, ForkName},
};
use std::{collections::BTreeSet, time::Duration};

/// Slots for which a block is remembered as asked for: no head is older.
const REMEMBERED: u64 = 128;

/// The blocks that were asked for.
#[derive(Default)]
pub(super) struct Blobs {
    /// Slot and root.
    asked: BTreeSet<(u64, String)>,
}

impl Blobs {
    /// Asks for the blocks that are new heads and says which of them have blobs. A node that does not answer in time is
    /// asked again at the next look, if the block is still its head.
    pub(super) async fn look(
        &mut self,
        config: &ChainConfig,
        nodes: impl Iterator<Item = &Watched>,
        within: Duration,
    ) -> Vec<Event> {
        let mut heads = BTreeSet::new();
        let mut wanted = Vec::new();
        for node in nodes.filter(|node| node.answers()) {
            let Some((slot, root)) = node.head().filter(|(slot, _)| config.fork_at_slot(*slot) >= ForkName::Deneb)
            else {
                continue;
            };
            let head = (slot, root.to_owned());
            if !self.asked.contains(&head) && heads.insert(head) {
                wanted.push((node, slot, root));
            }
        }
        let asked = wanted.into_iter().map(|(node, slot, root)| async move {
            let block = tokio::time::timeout(within, node.client().block(config, root)).await.ok()?.ok()?.data;
            let count = block.message.body.blob_kzg_commitments.len() as u64;
            Some(Event::Blobs { node: node.name().to_owned(), block_slot: slot, block: root.to_owned(), count })
        });
        let told: Vec<Event> = futures::future::join_all(asked).await.into_iter().flatten().collect();
        for event in &told {
            if let Event::Blobs { block_slot, block, .. } = event {
                self.asked.insert((*block_slot, block.clone()));
            }
        }
        if let Some((newest, _)) = self.asked.last() {
            self.asked = self.asked.split_off(&(newest.saturating_sub(REMEMBERED), String::new()));
        }
        told.into_iter().filter(|event| !matches!(event, Event::Blobs { count: 0, .. })).collect()
    }
}
