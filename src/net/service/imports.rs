//! What peers sent on request, on its way through the chain: what each import belongs to, and what comes of it.

use std::sync::Arc;

use super::sidecars::Sidecar;
use super::{Action, Cx, Service};
use crate::chain::{Event, Origin, Outcome};
use crate::net::PeerId;
use crate::ssz::{Root, Ssz};
use crate::types::{SignedBeaconBlock, Slot};

/// Imports whose outcome is awaited; a block that the chain holds for a parent that never comes has none.
const MAX_IMPORTS: usize = 4096;

/// What an import belongs to.
#[derive(Clone, Debug)]
pub(super) enum Import {
    /// A block of the range batch that begins at this slot.
    Range(Slot),
    /// A block that was looked up.
    Lookup { depth: u32, source: Option<PeerId> },
    /// A sidecar of the block `root`, from this peer.
    Sidecar { peer: PeerId, root: Root, index: u64 },
}

impl Service {
    /// Hands a fetched block to the chain.
    pub(super) fn import(&mut self, cx: Cx<'_>, block: Arc<SignedBeaconBlock>, import: Import) {
        let origin = self.expect_outcome(import);
        self.metrics.blocks_fetched += 1;
        self.out.push(Action::Chain(Event::Block { block, origin, now_ms: cx.now_ms }));
    }

    /// Hands a sidecar that this peer sent to the chain.
    pub(super) fn import_sidecar(&mut self, cx: Cx<'_>, peer: &PeerId, root: Root, sidecar: Sidecar) {
        let import = Import::Sidecar { peer: peer.clone(), root, index: sidecar.index() };
        let (origin, subnet, now_ms) = (self.expect_outcome(import), None, cx.now_ms);
        self.metrics.sidecars_fetched += 1;
        self.out.push(Action::Chain(match sidecar {
            Sidecar::Blob(sidecar) => Event::BlobSidecar { sidecar, subnet, origin, now_ms },
            Sidecar::Column(sidecar) => Event::DataColumnSidecar { sidecar, subnet, origin, now_ms },
        }));
    }

    fn expect_outcome(&mut self, import: Import) -> Origin {
        let number = self.number();
        self.imports.insert(number, import);
        if self.imports.len() > MAX_IMPORTS {
            self.imports.pop_first();
        }
        Origin::Sync(number)
    }

    pub(super) fn imported(&mut self, cx: Cx<'_>, number: u64, outcome: &Outcome) {
        match self.imports.remove(&number) {
            Some(Import::Range(start)) => self.range_imported(cx, start, outcome),
            Some(Import::Sidecar { peer, root, index }) => self.sidecar_imported(cx, &peer, root, index, outcome),
            Some(Import::Lookup { .. }) => tracing::debug!(?outcome, "looked-up block"),
            None => {}
        }
    }

    /// Root of a block. Slot 0 has one block for all peers, whose body may be older than the fork of that slot.
    pub(super) fn block_root(&self, block: &SignedBeaconBlock) -> Root {
        if block.message.slot == 0 {
            return self.genesis_block_root;
        }
        block.message.hash_tree_root(self.cfg.shape_at_slot(block.message.slot))
    }
}
