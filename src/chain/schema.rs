//! The keys of the database, all in one place. Numbers in keys are big-endian, so that key order is slot order.
//!
//! | key | value | written | removed |
//! |---|---|---|---|
//! | `m/anchor` | [`Anchor`]: where a restart begins | genesis, each finalization | never |
//! | `b/` block root | the `SignedBeaconBlock`, SSZ | import | when finality orphans it |
//! | `r/` state root | root of the block whose post-state it is | import | with its block |
//! | `h/` slot, block root | nothing: the block is newer than the anchor | import | when finalized or orphaned |
//! | `c/` slot | root of the finalized block of that slot | when finalized | never |
//! | `s/` block root, index | SSZ sidecar: a `BlobSidecar` before fulu, then a `DataColumnSidecar` | import | with its block; when peers may no longer ask for it |
//! | `x/` slot | SSZ post-state of the finalized block of that slot | see [`keeps_snapshot`] | when the anchor moves on |
//!
//! The anchor's own snapshot is always there. Every batch leaves the rows in a state from which a restart is possible.

use super::{Error, Write};
use crate::ssz::{Bytes, Root};
use crate::types::{Epoch, Slot};

/// Key of the [`Anchor`].
pub const ANCHOR: &[u8] = b"m/anchor";
/// Prefix of the blocks newer than the anchor.
pub const HOT_PREFIX: &[u8] = b"h/";
/// Prefix of the finalized chain.
pub const CANONICAL_PREFIX: &[u8] = b"c/";

/// Finalized snapshots stay in the database every so many epochs; reads of old states replay from the nearest.
pub const EPOCHS_PER_SNAPSHOT: Epoch = 32;

/// The finalized block from which a restart begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Of the finalized checkpoint; the block may be older, where the epoch's first slots were empty.
    pub epoch: Epoch,
    /// Of the finalized checkpoint.
    pub root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// Root of the genesis block, to tell one network from another.
    pub genesis: Root,
}

impl Anchor {
    /// 80 bytes: epoch, root, slot, genesis root.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = self.epoch.to_be_bytes().to_vec();
        out.extend(self.root.0);
        out.extend(self.slot.to_be_bytes());
        out.extend(self.genesis.0);
        out
    }

    /// The inverse of [`Anchor::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Anchor, Error> {
        let broken = || Error::Database {
            what: "the anchor",
            root: Root::default(),
            why: format!("it has {} bytes, not 80", bytes.len()),
        };
        let bytes: &[u8; 80] = bytes.try_into().map_err(|_| broken())?;
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        let root = |at: usize| Bytes(std::array::from_fn(|i| bytes[at + i]));
        Ok(Anchor { epoch: number(0), root: root(8), slot: number(40), genesis: root(48) })
    }
}

/// Whether the snapshot of a finalized checkpoint's block stays once the anchor moves on.
pub fn keeps_snapshot(epoch: Epoch) -> bool {
    epoch.is_multiple_of(EPOCHS_PER_SNAPSHOT)
}

fn with_root(prefix: &[u8], root: &Root) -> Vec<u8> {
    [prefix, &root.0].concat()
}

fn with_slot(prefix: &[u8], slot: Slot) -> Vec<u8> {
    [prefix, &slot.to_be_bytes()].concat()
}

/// Key of a block.
pub fn block(root: &Root) -> Vec<u8> {
    with_root(b"b/", root)
}

/// Key of the block that a state root belongs to.
pub fn state_root(root: &Root) -> Vec<u8> {
    with_root(b"r/", root)
}

/// Key that marks a block as newer than the anchor.
pub fn hot(slot: Slot, root: &Root) -> Vec<u8> {
    with_root(&with_slot(HOT_PREFIX, slot), root)
}

/// Key of the finalized block of a slot.
pub fn canonical(slot: Slot) -> Vec<u8> {
    with_slot(CANONICAL_PREFIX, slot)
}

/// Key of the snapshot after the finalized block of a slot.
pub fn snapshot(slot: Slot) -> Vec<u8> {
    with_slot(b"x/", slot)
}

/// Key of a sidecar of a block.
pub fn sidecar(block: &Root, index: u64) -> Vec<u8> {
    with_slot(&with_root(b"s/", block), index)
}

/// The block root at the end of a [`hot`] key.
pub fn root_of_hot(key: &[u8]) -> Option<Root> {
    let bytes: [u8; 32] = key.get(HOT_PREFIX.len() + 8..)?.try_into().ok()?;
    Some(Bytes(bytes))
}

/// The slot at the end of a [`canonical`] key.
pub fn slot_of_canonical(key: &[u8]) -> Option<Slot> {
    let bytes: [u8; 8] = key.get(CANONICAL_PREFIX.len()..)?.try_into().ok()?;
    Some(u64::from_be_bytes(bytes))
}

/// A row to write.
pub fn put(key: Vec<u8>, value: Vec<u8>) -> Write {
    Write::Put { key, value }
}

/// A row to remove.
pub fn delete(key: Vec<u8>) -> Write {
    Write::Delete { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_slot_and_give_back_what_they_were_made_of() {
        let root = Bytes([7; 32]);
        assert!(hot(255, &root) < hot(256, &Root::default()));
        assert_eq!(root_of_hot(&hot(9, &root)), Some(root));
        assert_eq!(slot_of_canonical(&canonical(u64::MAX)), Some(u64::MAX));
        assert_eq!(root_of_hot(b"h/short"), None);
    }

    #[test]
    fn the_anchor_survives_its_bytes_and_refuses_others() {
        let anchor = Anchor { epoch: 3, root: Bytes([1; 32]), slot: 23, genesis: Bytes([2; 32]) };
        assert_eq!(Anchor::from_bytes(&anchor.to_bytes()).unwrap(), anchor);
        assert!(Anchor::from_bytes(&[0; 79]).is_err());
    }
}
