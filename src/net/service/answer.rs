//! What is still to be sent of an answer to a peer: one look at the chain at a time.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Cx;
use super::sidecars::Sidecar;
use crate::ssz::Root;
use crate::types::{SignedBeaconBlock, Slot};

/// Slots looked at for one chunk at most, so that a gap in the chain doesn't hold the node up.
const MAX_SLOTS_PER_STEP: u64 = 256;

/// What one chunk holds.
pub(super) enum Object {
    Block(Arc<SignedBeaconBlock>),
    Sidecar(Sidecar),
}

impl Object {
    pub(super) fn slot(&self) -> Slot {
        match self {
            Object::Block(block) => block.message.slot,
            Object::Sidecar(sidecar) => sidecar.header().slot,
        }
    }
}

/// One look at the chain; it costs tokens.
pub(super) enum Step {
    Object(Object),
    /// A root of which we have nothing.
    Missing,
    /// Nothing found yet, but not at the end either.
    Later,
    Done,
}

/// What of each block is sent.
pub(super) enum Kind {
    Blocks,
    /// All blobs of a range, or those that were named.
    Blobs,
    /// These columns of a range, or those that were named.
    Columns(BTreeSet<u64>),
}

enum Walk {
    /// Canonical blocks of these slots; the root of the last one sent.
    Range { next: Slot, end: Slot, last: Option<Root> },
    /// These blocks; of sidecars, those named.
    Roots(VecDeque<(Root, BTreeSet<u64>)>),
}

/// The rest of an answer.
pub(super) struct Rest {
    walk: Walk,
    kind: Kind,
    /// Of the block that the walk has come to.
    ready: VecDeque<Sidecar>,
    /// Chunks that may still be sent.
    left: u64,
}

impl Rest {
    /// What there is in a range of slots, `limit` chunks at most.
    pub(super) fn range(start: Slot, count: u64, kind: Kind, limit: u64) -> Rest {
        let walk = Walk::Range { next: start, end: start.saturating_add(count), last: None };
        Rest { walk, kind, ready: VecDeque::new(), left: limit }
    }

    /// What there is of these blocks, `limit` chunks at most.
    pub(super) fn roots(wanted: VecDeque<(Root, BTreeSet<u64>)>, kind: Kind, limit: u64) -> Rest {
        Rest { walk: Walk::Roots(wanted), kind, ready: VecDeque::new(), left: limit }
    }

    pub(super) fn exhausted(&self, cx: Cx<'_>) -> bool {
        let walked = match &self.walk {
            Walk::Range { next, end, .. } => next >= end || *next > cx.chain.status().head_slot,
            Walk::Roots(roots) => roots.is_empty(),
        };
        self.left == 0 || walked && self.ready.is_empty()
    }

    pub(super) fn next(&mut self, cx: Cx<'_>) -> Step {
        let step = match self.ready.pop_front() {
            Some(sidecar) => Step::Object(Object::Sidecar(sidecar)),
            None => match self.walk {
                Walk::Range { .. } => self.next_of_range(cx),
                Walk::Roots(_) => self.next_root(cx),
            },
        };
        if matches!(step, Step::Object(_)) {
            self.left = self.left.saturating_sub(1);
        }
        step
    }

    fn next_root(&mut self, cx: Cx<'_>) -> Step {
        let Walk::Roots(roots) = &mut self.walk else { return Step::Done };
        let Some((root, named)) = roots.pop_front() else { return Step::Done };
        if let Kind::Blocks = self.kind {
            return cx.chain.block_by_root(&root).map_or(Step::Missing, |block| Step::Object(Object::Block(block)));
        }
        self.load(cx, &root, Some(&named));
        self.ready.pop_front().map_or(Step::Missing, |sidecar| Step::Object(Object::Sidecar(sidecar)))
    }

    fn next_of_range(&mut self, cx: Cx<'_>) -> Step {
        let head = cx.chain.status().head_slot;
        for _ in 0..MAX_SLOTS_PER_STEP {
            let Walk::Range { next, end, last } = &mut self.walk else { return Step::Done };
            if *next >= *end || *next > head {
                return Step::Done;
            }
            let slot = *next;
            *next += 1;
            let Some(block) = cx.chain.canonical_block_at(slot) else { continue };
            // the canonical chain may have changed since the last chunk
            if last.is_some_and(|last| last != block.message.parent_root) {
                return Step::Done;
            }
            let root = cx.chain.canonical_root_at(slot);
            *last = root;
            if let Kind::Blocks = self.kind {
                return Step::Object(Object::Block(block));
            }
            // most blocks have no sidecars: their look-up is free, as that of an empty slot
            if let Some(root) = root.filter(|_| !block.message.body.blob_kzg_commitments.is_empty()) {
                self.load(cx, &root, None);
            }
            if let Some(sidecar) = self.ready.pop_front() {
                return Step::Object(Object::Sidecar(sidecar));
            }
        }
        Step::Later
    }

    /// Makes the sidecars of a block ready; with `named`, only those.
    fn load(&mut self, cx: Cx<'_>, root: &Root, named: Option<&BTreeSet<u64>>) {
        let wanted = |sidecar: &Sidecar| named.is_none_or(|named| named.contains(&sidecar.index()));
        match &self.kind {
            Kind::Blocks => {}
            Kind::Blobs => {
                let blobs = cx.chain.blob_sidecars(root).into_iter().map(Sidecar::Blob);
                self.ready.extend(blobs.filter(wanted));
            }
            Kind::Columns(columns) => {
                let columns = cx.chain.data_column_sidecars(root, named.unwrap_or(columns));
                self.ready.extend(columns.into_iter().map(Sidecar::Column));
            }
        }
    }
}
