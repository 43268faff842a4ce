//! What a journal adds up to: a fold over its lines that checks, waits, monitor and reports share.

use super::{Event, Line, NodeState};
use std::collections::BTreeMap;

/// Everything known after some lines. Apply lines in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// By the node's name, in the order of names.
    pub nodes: BTreeMap<String, NodeHistory>,
    /// Transfers, in the order in which they were handed to execution clients.
    pub transfers: Vec<Transfer>,
    /// Time of the last line, milliseconds.
    pub now_ms: u64,
    /// Slot of the network's clock at the last line that has one.
    pub slot: Option<u64>,
}

/// A transfer that was handed to an execution client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Its hash.
    pub hash: String,
    /// By node: the number of the block of its chain that holds it.
    pub blocks: BTreeMap<String, u64>,
}

/// One node's part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeHistory {
    /// Its last state; `None` if it was never started.
    pub state: Option<NodeState>,
    /// Every head it was seen on, in order.
    pub heads: Vec<HeadAt>,
    /// Every epoch it was seen to justify, in order.
    pub justified: Vec<FinalizedAt>,
    /// Every epoch it was seen to finalize, in order.
    pub finalized: Vec<FinalizedAt>,
    /// Its peers now, by name.
    pub peers: Vec<String>,
    /// Every node that was once its peer, and when first, in milliseconds.
    pub peered_ms: BTreeMap<String, u64>,
    /// When it was first started, in milliseconds.
    pub first_started_ms: Option<u64>,
    /// How often it ended without being asked to.
    pub crashes: u32,
    /// The highest justified epoch it was seen with, 0 if none.
    pub justified_epoch: u64,
    /// The highest finalized epoch it was seen with, 0 if none.
    pub finalized_epoch: u64,
}

/// A head that a node was seen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadAt {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// The clock's slot then.
    pub slot: Option<u64>,
    /// The head block's slot.
    pub head_slot: u64,
    /// The head block's root.
    pub block: String,
    /// Epoch of the justified checkpoint.
    pub justified: u64,
    /// Epoch of the finalized checkpoint.
    pub finalized: u64,
}

/// A checkpoint that a node was seen to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalizedAt {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// The clock's slot then.
    pub slot: Option<u64>,
    /// The checkpoint's epoch.
    pub epoch: u64,
    /// The checkpoint's root.
    pub root: String,
}

impl History {
    /// The history of these lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> History {
        let mut history = History::default();
        for line in lines {
            history.apply(line);
        }
        history
    }

    /// Adds a line.
    pub fn apply(&mut self, line: &Line) {
        self.now_ms = self.now_ms.max(line.at_ms);
        self.slot = self.slot.max(line.slot);
        match &line.event {
            Event::Node(event) => self.node_mut(&event.node).change(line.at_ms, event.state),
            Event::Again { .. } => self.nodes.clear(),
            Event::Head { node, head_slot, block, justified, finalized, .. } => {
                let node = self.node_mut(node);
                node.justified_epoch = node.justified_epoch.max(*justified);
                node.finalized_epoch = node.finalized_epoch.max(*finalized);
                node.heads.push(HeadAt {
                    at_ms: line.at_ms,
                    slot: line.slot,
                    head_slot: *head_slot,
                    block: block.clone(),
                    justified: *justified,
                    finalized: *finalized,
                });
            }
            Event::Justified { node, epoch, root } => {
                let node = self.node_mut(node);
                node.justified_epoch = node.justified_epoch.max(*epoch);
                node.justified.push(reached(line, *epoch, root));
            }
            Event::Finalized { node, epoch, root } => {
                let node = self.node_mut(node);
                node.finalized_epoch = node.finalized_epoch.max(*epoch);
                node.finalized.push(reached(line, *epoch, root));
            }
            Event::Transfer { hash, block: None, .. } => {
                self.transfers.push(Transfer { hash: hash.clone(), blocks: BTreeMap::new() });
            }
            Event::Transfer { node, hash, block: Some(block) } => {
                if let Some(transfer) = self.transfers.iter_mut().find(|transfer| transfer.hash == *hash) {
                    transfer.blocks.insert(node.clone(), *block);
                }
            }
            Event::Peers { node, peers, .. } => {
                let node = self.node_mut(node);
                for peer in peers {
                    node.peered_ms.entry(peer.clone()).or_insert(line.at_ms);
                }
                node.peers.clone_from(peers);
            }
            _ => {}
        }
    }

    /// A node's history; `None` if no line names it.
    pub fn node(&self, name: &str) -> Option<&NodeHistory> {
        self.nodes.get(name)
    }

    fn node_mut(&mut self, name: &str) -> &mut NodeHistory {
        self.nodes.entry(name.to_owned()).or_default()
    }
}

impl NodeHistory {
    /// Takes in a change of its state.
    fn change(&mut self, at_ms: u64, state: NodeState) {
        match state {
            NodeState::Started => {
                self.first_started_ms.get_or_insert(at_ms);
                self.peers.clear();
            }
            NodeState::Exited => self.crashes += 1,
            // a node that crashed is not stopped by being told to at the end
            NodeState::Killed | NodeState::Stopped if self.state == Some(NodeState::Exited) => return,
            // that of somebody else is only ever seen to be there
            NodeState::Ready => _ = self.first_started_ms.get_or_insert(at_ms),
            NodeState::Killed | NodeState::Stopped => {}
        }
        self.state = Some(state);
    }

    /// The blocks of its last so many different heads, newest first.
    pub fn recent_blocks(&self, count: usize) -> Vec<&str> {
        let mut blocks: Vec<&str> = Vec::with_capacity(count);
        for head in self.heads.iter().rev() {
            if blocks.last() != Some(&head.block.as_str()) {
                if blocks.len() == count {
                    break;
                }
                blocks.push(&head.block);
            }
        }
        blocks
    }

    /// The newest head; `None` if it was never seen on one.
    pub fn head(&self) -> Option<&HeadAt> {
        self.heads.last()
    }

    /// Whether it runs, as far as anybody knows.
    pub fn is_up(&self) -> bool {
        matches!(self.state, Some(NodeState::Started | NodeState::Ready))
    }
}

fn reached(line: &Line, epoch: u64, root: &str) -> FinalizedAt {
    FinalizedAt { at_ms: line.at_ms, slot: line.slot, epoch, root: root.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::{NodeEvent, parse};
    use super::*;

    #[test]
    fn lines_add_up() {
        let text = r#"{"v":1,"at":"0.100","event":"node","node":"a0","state":"started"}
{"v":1,"at":"3.000","event":"genesis","root":"0x","validators_root":"0x"}
{"v":1,"at":"5.000","slot":1,"event":"peers","node":"a0","peers":["b0"],"foreign":0}
{"v":1,"at":"5.010","slot":1,"event":"head","node":"a0","head_slot":1,"block":"0x1","state":"0x","justified":3,"finalized":2}
{"v":1,"at":"9.000","slot":3,"event":"finalized","node":"a0","epoch":3,"root":"0x2"}
"#;
        let lines = parse(text).unwrap().lines;
        let mut history = History::of(&lines);
        assert_eq!((history.now_ms, history.slot), (9_000, Some(3)));
        let a0 = history.node("a0").unwrap();
        assert!(a0.is_up());
        assert_eq!((a0.finalized_epoch, a0.justified_epoch, a0.crashes), (3, 3, 0));
        assert_eq!(a0.peered_ms.get("b0"), Some(&5_000));

        history.apply(&Line::new(10_000, Some(4), Event::Node(NodeEvent::new("a0", NodeState::Exited))));
        let a0 = history.node("a0").unwrap();
        assert!(!a0.is_up());
        assert_eq!(a0.crashes, 1);
        history.apply(&Line::new(11_000, Some(4), Event::Node(NodeEvent::new("a0", NodeState::Stopped))));
        assert_eq!(history.node("a0").unwrap().state, Some(NodeState::Exited));
    }
}
