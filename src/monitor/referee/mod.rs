//! The referee: recomputes the post-state of every block that any node takes for its head, and of all blocks before it,
//! by this program's own rules, and follows who is on which branch. It asks by the Beacon API and is nobody's peer, so it
//! relays nothing.
//!
//! A block is fetched once. States share what they have in common; those before the finalized block are dropped. What
//! comes after a block that breaks the rules is not judged: whoever built on it has another state.
//!
//! Whose head stays behind on a chain within the rules is told, too: it may refuse a block that it should take.
//!
//! Never: judges nodes. It tells what it found and who took the block; the verdict is made of that elsewhere.

mod branches;
mod fields;
mod rules;
mod stalls;

use super::{Now, node::Watched};
use crate::{
    api::Client,
    journal::{Disputed, Event, Stalled},
    ssz::{Root, Ssz},
    types::{BeaconBlockHeader, BeaconState, ChainConfig, ForkName, SignedBeaconBlock, Slot},
};
use branches::Splits;
use rules::Wrong;
use stalls::Stalls;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Blocks that are fetched in one look: a referee that has to catch up does so over several.
const MOST_FETCHES: usize = 32;
/// Blocks that wait for the ones before them, at most.
const MOST_LOOSE: usize = 2048;
/// States that are kept at most, where nothing finalizes. A branch from before the oldest is not judged.
const MOST_STATES: usize = 256;
/// Slots that nodes are given to take or refuse a disputed block before it is told who did.
const GRACE: Slot = 2;
/// Looks at the end of a run in which blocks are caught up with.
const MOST_LAST_LOOKS: usize = 16;

/// What became of a block.
enum Judged {
    /// It keeps the rules; its post-state, until it is finalized and left behind.
    Good(Option<Arc<BeaconState>>),
    /// It breaks them.
    Wrong,
    /// It is on a branch that can't be judged: after a wrong block, or one whose state is not known here.
    Unknown,
}

struct Entry {
    slot: Slot,
    parent: Root,
    judged: Judged,
}

/// A node as the referee sees it: name, API, head.
pub(super) struct Follower<'a> {
    name: &'a str,
    client: &'a Client,
    head: Root,
    head_slot: Slot,
    finalized: Root,
}

impl<'a> Follower<'a> {
    /// `None` of a node that does not answer, or not with roots.
    pub(super) fn of(node: &'a Watched) -> Option<Self> {
        let ((head_slot, head), finalized) = (node.head()?, node.finalized_root()?);
        let (head, finalized) = (head.parse().ok()?, finalized.parse().ok()?);
        node.answers().then_some(Self { name: node.name(), client: node.client(), head, head_slot, finalized })
    }
}

/// A block that breaks the rules and is not told of yet.
struct Dispute {
    block: Root,
    since: Slot,
    told: Disputed,
}

/// Follows all nodes.
pub(super) struct Referee {
    config: Arc<ChainConfig>,
    blocks: BTreeMap<Root, Entry>,
    /// Fetched, but not yet joined to a block that was judged; with the node that has each.
    loose: BTreeMap<Root, (String, SignedBeaconBlock)>,
    /// Heads of nodes, and blocks that were given up, of which nobody gave the block. Some may be known by now.
    wanted: BTreeSet<Root>,
    disputes: Vec<Dispute>,
    splits: Splits,
    stalls: Stalls,
}

impl Referee {
    /// Begins with a state that is believed: the genesis that all nodes were given, or that of a finalized block.
    pub(super) fn new(config: Arc<ChainConfig>, state: Arc<BeaconState>) -> Self {
        let shape = config.shape_at_slot(state.slot);
        let header = state.latest_block_header;
        // A state after its block's slot has the root of the block's own state in the header already (process_slot).
        let state_root = if header.state_root == Root::ZERO { state.hash_tree_root(shape) } else { header.state_root };
        let root = BeaconBlockHeader { state_root, ..header }.hash_tree_root(shape);
        let entry = Entry { slot: header.slot, parent: header.parent_root, judged: Judged::Good(Some(state)) };
        Self {
            blocks: BTreeMap::from([(root, entry)]),
            loose: BTreeMap::new(),
            wanted: BTreeSet::new(),
            disputes: Vec::new(),
            splits: Splits::default(),
            stalls: Stalls::new(&config),
            config,
        }
    }

    /// Looks at what the nodes follow now.
    pub(super) async fn look(&mut self, nodes: &[Follower<'_>], now: Now, within: Duration) -> Vec<Event> {
        let Some(slot) = now.slot else { return Vec::new() };
        let mut events = self.fetch(nodes, within).await;
        self.judge_loose(nodes, slot, within).await;
        self.stalls.look(&self.blocks, nodes, slot);
        events.extend(self.settle(nodes, slot, within, false).await);
        events.extend(self.tell_stalls(nodes, slot, within).await);
        let stalled = |node: &str| self.stalls.before(node, slot).is_some();
        events.extend(self.splits.look(&self.blocks, nodes, slot, stalled));
        self.prune(nodes);
        events
    }

    /// Tells what is left to tell when the run is over.
    pub(super) async fn finish(&mut self, nodes: &[Follower<'_>], now: Now, within: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..MOST_LAST_LOOKS {
            let known = (self.blocks.len(), self.loose.len());
            events.extend(self.look(nodes, now, within).await);
            let caught_up = self.loose.is_empty() && nodes.iter().all(|node| self.blocks.contains_key(&node.head));
            if caught_up || known == (self.blocks.len(), self.loose.len()) {
                break;
            }
        }
        events.extend(self.settle(nodes, now.slot.unwrap_or(0), within, true).await);
        let (blocks, unjudged) = self.tally();
        if blocks + unjudged > 0 {
            events.push(Event::Refereed { blocks, unjudged });
        }
        events
    }

    /// How many blocks were judged, genesis not counted, and of how many more it is known that there are.
    fn tally(&self) -> (u64, u64) {
        let unknown = self.blocks.values().filter(|entry| matches!(entry.judged, Judged::Unknown)).count();
        let known = |root: &Root| self.blocks.contains_key(root) || self.loose.contains_key(root);
        let parents = self.loose.values().map(|(_, block)| block.message.parent_root);
        let missing: BTreeSet<Root> = self.wanted.iter().copied().chain(parents).filter(|root| !known(root)).collect();
        let judged = self.blocks.len() - unknown - 1;
        (judged as u64, (unknown + self.loose.len() + missing.len()) as u64)
    }

    /// Fetches the blocks between the nodes' heads and what is known.
    async fn fetch(&mut self, nodes: &[Follower<'_>], within: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        let mut left = MOST_FETCHES;
        for node in nodes {
            let mut wanted = node.head;
            while left > 0 && !self.blocks.contains_key(&wanted) {
                if let Some((_, block)) = self.loose.get(&wanted) {
                    wanted = block.message.parent_root;
                    continue;
                }
                left -= 1;
                // Who does not answer in time, or not with the block that was asked for, is asked again at the next look.
                let asked = tokio::time::timeout(within, node.client.block(&self.config, wanted)).await;
                let Ok(Ok(found)) = asked else { break };
                let block = found.data;
                let shape = self.config.shape_at_slot(block.message.slot);
                if block.message.hash_tree_root(shape) != wanted {
                    break;
                }
                events.extend(blobs(&self.config, node.name, wanted, &block));
                let parent = block.message.parent_root;
                self.loose.insert(wanted, (node.name.to_owned(), block));
                wanted = parent;
            }
        }
        // Nobody has what would join them: a node that does not keep old blocks, say.
        if self.loose.len() > MOST_LOOSE {
            self.wanted.extend(std::mem::take(&mut self.loose).into_keys());
        }
        self.wanted.extend(nodes.iter().map(|node| node.head).filter(|head| !self.blocks.contains_key(head)));
        events
    }

    /// Judges what was fetched and can be joined to what is known, oldest first.
    async fn judge_loose(&mut self, nodes: &[Follower<'_>], slot: Slot, within: Duration) {
        loop {
            let joined =
                self.loose.iter().filter(|(_, (_, block))| self.blocks.contains_key(&block.message.parent_root));
            let Some(root) = joined.min_by_key(|(_, (_, block))| block.message.slot).map(|(root, _)| *root) else {
                return;
            };
            let Some((node, block)) = self.loose.remove(&root) else { return };
            let judged = self.judge(&block, slot);
            let judged = match judged {
                Ok(judged) => judged,
                Err(wrong) => {
                    let by = nodes.iter().find(|it| it.name == node);
                    let told = dispute(&self.config, root, &block, *wrong, by, within).await;
                    self.disputes.push(Dispute { block: root, since: slot, told });
                    Judged::Wrong
                }
            };
            self.wanted.remove(&root);
            let entry = Entry { slot: block.message.slot, parent: block.message.parent_root, judged };
            self.blocks.insert(root, entry);
        }
    }

    fn judge(&self, block: &SignedBeaconBlock, clock: Slot) -> Result<Judged, Box<Wrong>> {
        let parent = self.blocks.get(&block.message.parent_root).map(|entry| &entry.judged);
        // Nobody's clock is so far ahead: whatever it is, walking there would take for ever.
        let far = block.message.slot > clock + self.config.preset.slots_per_epoch;
        match parent {
            Some(Judged::Good(Some(pre))) if !far => {
                let post = rules::post_state(&self.config, pre, block)?;
                Ok(Judged::Good(Some(Arc::new(post))))
            }
            _ => Ok(Judged::Unknown),
        }
    }

    /// Tells of nodes that have been behind for long, once a head, where the block that they don't take keeps the rules.
    async fn tell_stalls(&mut self, nodes: &[Follower<'_>], slot: Slot, within: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, stall) in self.stalls.lasting(slot).filter(|(_, stall)| !stall.told) {
            let (Some(head), Some(block)) = (self.blocks.get(&stall.head), self.blocks.get(&stall.block)) else {
                continue;
            };
            let node = nodes.iter().find(|node| node.name == *name);
            let Some(node) = node.filter(|_| matches!(block.judged, Judged::Good(_))) else { continue };
            let follows = nodes.iter().filter(|node| descends(&self.blocks, node.head, stall.block));
            stall.told = true;
            events.push(Event::Stalled(Box::new(Stalled {
                node: name.clone(),
                head: stall.head.to_string(),
                head_slot: head.slot,
                since: stall.since,
                block: stall.block.to_string(),
                block_slot: block.slot,
                followed: follows.map(|node| node.name.to_owned()).collect(),
                has: has(node, stall.block, within).await,
            })));
        }
        events
    }

    /// Tells of disputed blocks once it is clear who took them: a node that took one follows it, one that refused it has
    /// gone on without it, or stays before it for long, and does not know it.
    async fn settle(&mut self, nodes: &[Follower<'_>], slot: Slot, within: Duration, over: bool) -> Vec<Event> {
        let mut events = Vec::new();
        let patience = stalls::patience(&self.config);
        for mut dispute in std::mem::take(&mut self.disputes) {
            if slot < dispute.since + GRACE && !over {
                self.disputes.push(dispute);
                continue;
            }
            let (took, others): (Vec<_>, Vec<_>) =
                nodes.iter().partition(|node| descends(&self.blocks, node.head, dispute.block));
            let asked = others.iter().filter(|node| {
                node.head_slot >= dispute.told.block_slot || self.stalls.before(node.name, slot) == Some(dispute.block)
            });
            let asked = asked.map(|node| async {
                let known = has(node, dispute.block, within).await?;
                Some((node.name.to_owned(), known))
            });
            let asked: Vec<(String, bool)> = futures::future::join_all(asked).await.into_iter().flatten().collect();
            let clear = asked.len() == others.len();
            if !clear && !over && slot < dispute.since + patience {
                self.disputes.push(dispute);
                continue;
            }
            let has = |known: bool| asked.iter().filter(move |(_, it)| *it == known).map(|(name, _)| name.clone());
            let mut all: BTreeSet<String> =
                took.into_iter().map(|node| node.name.to_owned()).chain(has(true)).collect();
            // Its head may have moved on since, but it had it.
            all.extend(dispute.told.took.drain(..));
            dispute.told.refused = has(false).filter(|name| !all.contains(name)).collect();
            dispute.told.took = all.into_iter().collect();
            events.push(Event::Disputed(Box::new(dispute.told)));
        }
        events
    }

    /// Drops the states that nobody builds on any more: those before the block that all nodes have finalized, and beyond
    /// the bound the oldest.
    fn prune(&mut self, nodes: &[Follower<'_>]) {
        let finalized = nodes.iter().map(|node| self.blocks.get(&node.finalized).map_or(0, |entry| entry.slot)).min();
        let finalized = finalized.unwrap_or(0);
        let mut slots: Vec<Slot> =
            self.with_states().map(|entry| entry.slot).filter(|slot| *slot >= finalized).collect();
        slots.sort_unstable();
        let from = slots.len().checked_sub(MOST_STATES).and_then(|at| slots.get(at)).copied();
        let from = from.unwrap_or(0).max(finalized);
        for entry in self.blocks.values_mut().filter(|entry| entry.slot < from) {
            if let Judged::Good(state) = &mut entry.judged {
                *state = None;
            }
        }
    }

    fn with_states(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.values().filter(|entry| matches!(entry.judged, Judged::Good(Some(_))))
    }
}

/// Whether `block` is `ancestor`, or comes after it.
fn descends(blocks: &BTreeMap<Root, Entry>, block: Root, ancestor: Root) -> bool {
    let Some(oldest) = blocks.get(&ancestor) else { return false };
    let mut at = block;
    while let Some(entry) = blocks.get(&at) {
        if at == ancestor {
            return true;
        }
        if entry.slot <= oldest.slot {
            return false;
        }
        at = entry.parent;
    }
    false
}

/// Whether the node has that block; `None` if it does not say.
async fn has(node: &Follower<'_>, block: Root, within: Duration) -> Option<bool> {
    match tokio::time::timeout(within, node.client.header(block)).await.ok()? {
        Ok(_) => Some(true),
        Err(error) if error.is_not_found() => Some(false),
        Err(_) => None,
    }
}

/// Blobs that a block commits to.
fn blobs(config: &ChainConfig, node: &str, root: Root, block: &SignedBeaconBlock) -> Option<Event> {
    let slot = block.message.slot;
    let count = block.message.body.blob_kzg_commitments.len() as u64;
    let told = config.fork_at_slot(slot) >= ForkName::Deneb && count > 0;
    told.then(|| Event::Blobs { node: node.to_owned(), block_slot: slot, block: root.to_string(), count })
}

/// What is known of a wrong block when it is found, the post-state of the node that has it included.
async fn dispute(
    config: &ChainConfig,
    root: Root,
    block: &SignedBeaconBlock,
    wrong: Wrong,
    by: Option<&Follower<'_>>,
    within: Duration,
) -> Disputed {
    let mut told = Disputed {
        block_slot: block.message.slot,
        block: root.to_string(),
        proposer: block.message.proposer_index,
        why: wrong.to_string(),
        took: by.iter().map(|node| node.name.to_owned()).collect(),
        refused: Vec::new(),
        fields: Vec::new(),
        differing: 0,
        unseen: None,
    };
    if let Wrong::StateRoot { ours, claimed, .. } = &wrong {
        let found = match by {
            Some(node) => fields::compare(config, ours, *claimed, block.message.slot, node.client, within).await,
            None => Err("the node that has it is gone".to_owned()),
        };
        match found {
            Ok((fields, differing)) => (told.fields, told.differing) = (fields, differing),
            Err(why) => told.unseen = Some(why),
        }
    }
    told
}

#[cfg(test)]
mod tests;
