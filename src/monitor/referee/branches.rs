//! Who follows which branch: heads of which neither is on the other's chain, seen for longer than news takes to travel.
//! It is told and means nothing by itself: partitions and late blocks do it, too.

use super::{Entry, Follower, descends};
use crate::{
    journal::{Event, Side},
    ssz::Root,
    types::Slot,
};
use std::collections::{BTreeMap, BTreeSet};

/// Slots for which nodes may be apart before it is told.
const GRACE: Slot = 3;

/// The split of now, and what was told.
#[derive(Default)]
pub(super) struct Splits {
    /// The last common block, and since which slot nodes are apart after it.
    now: Option<(Root, Slot)>,
    told: BTreeSet<Root>,
}

impl Splits {
    /// Looks at where the nodes are; those that `stalled` are a side of their own, wherever their head is.
    pub(super) fn look(
        &mut self,
        blocks: &BTreeMap<Root, Entry>,
        nodes: &[Follower<'_>],
        slot: Slot,
        stalled: impl Fn(&str) -> bool,
    ) -> Option<Event> {
        let heads: BTreeSet<Root> =
            nodes.iter().map(|node| node.head).filter(|head| blocks.contains_key(head)).collect();
        let Some((common, from_slot)) = fork_point(blocks, heads.iter().copied()) else {
            self.now = None;
            return None;
        };
        let since = match self.now {
            Some((before, since)) if before == common => since,
            _ => slot,
        };
        self.now = Some((common, since));
        if slot < since + GRACE || !self.told.insert(common) {
            return None;
        }
        let side = |(root, nodes): (Root, Vec<String>)| {
            let block_slot = blocks.get(&root).map_or(0, |entry| entry.slot);
            Side { block: root.to_string(), block_slot, nodes }
        };
        let sides = sides(blocks, &heads, nodes, stalled).into_iter().map(side).collect();
        Some(Event::Split { from_slot, common: common.to_string(), sides })
    }
}

/// The newest block of each branch and who is on it. A node that is merely behind is on the branch that holds its head; if
/// several do, it is on none yet.
fn sides(
    blocks: &BTreeMap<Root, Entry>,
    heads: &BTreeSet<Root>,
    nodes: &[Follower<'_>],
    stalled: impl Fn(&str) -> bool,
) -> BTreeMap<Root, Vec<String>> {
    let after = |tip: &Root, head: Root| descends(blocks, *tip, head);
    let tips: Vec<Root> =
        heads.iter().copied().filter(|head| !heads.iter().any(|it| it != head && after(it, *head))).collect();
    let mut sides: BTreeMap<Root, Vec<String>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| heads.contains(&node.head)) {
        let holding: Vec<Root> = tips.iter().copied().filter(|tip| after(tip, node.head)).collect();
        let side = match holding.as_slice() {
            _ if stalled(node.name) => node.head,
            [tip] => *tip,
            _ => continue,
        };
        sides.entry(side).or_default().push(node.name.to_owned());
    }
    sides
}

/// The last block that all chains of these heads have, and the slot of the first that not all of them have; `None` if
/// each head is on the chain of the next longer one.
fn fork_point(blocks: &BTreeMap<Root, Entry>, heads: impl Iterator<Item = Root>) -> Option<(Root, Slot)> {
    let mut found: Option<(Slot, Root, Slot)> = None;
    let heads: Vec<Root> = heads.collect();
    for (n, one) in heads.iter().enumerate() {
        for other in &heads[n + 1..] {
            if let Some((common_slot, common, first)) = parting(blocks, *one, *other)
                && found.is_none_or(|(slot, ..)| common_slot < slot)
            {
                found = Some((common_slot, common, first));
            }
        }
    }
    found.map(|(_, common, first)| (common, first))
}

/// Where two chains part: slot and root of their last common block, and the slot of the first block after it. `None` if
/// one holds the other, or they have no common block here.
fn parting(blocks: &BTreeMap<Root, Entry>, one: Root, other: Root) -> Option<(Slot, Root, Slot)> {
    let (mut a, mut b) = (one, other);
    let (mut after_a, mut after_b) = (None, None);
    while a != b {
        let (at_a, at_b) = (blocks.get(&a)?, blocks.get(&b)?);
        if at_a.slot >= at_b.slot {
            (after_a, a) = (Some(at_a.slot), at_a.parent);
        } else {
            (after_b, b) = (Some(at_b.slot), at_b.parent);
        }
    }
    Some((blocks.get(&a)?.slot, a, after_a?.min(after_b?)))
}

#[cfg(test)]
mod tests {
    use super::super::Judged;
    use super::*;
    use crate::api::{Request, Response, Transport, TransportError};
    use crate::ssz::Bytes;

    /// Nobody is asked.
    struct Nobody;

    #[async_trait::async_trait]
    impl Transport for Nobody {
        async fn send(&self, _: Request) -> Result<Response, TransportError> {
            Ok(Response::empty(404))
        }
    }

    fn root(n: u8) -> Root {
        Bytes([n; 32])
    }

    /// 1 <- 2 <- 3 <- 5, and 2 <- 4: numbers are slots.
    fn tree() -> BTreeMap<Root, Entry> {
        let entry = |slot: u8, parent: u8| {
            (root(slot), Entry { slot: slot.into(), parent: root(parent), judged: Judged::Unknown })
        };
        [entry(1, 0), entry(2, 1), entry(3, 2), entry(4, 2), entry(5, 3)].into()
    }

    #[test]
    fn chains_part_after_their_last_common_block() {
        let tree = tree();
        let point = |heads: &[u8]| fork_point(&tree, heads.iter().map(|n| root(*n)));
        assert_eq!(point(&[5, 4]), Some((root(2), 3)));
        assert_eq!(point(&[1, 5, 4, 3]), Some((root(2), 3)));
        // One behind the other is no split, and a block that is not known is none either.
        assert_eq!(point(&[5, 3, 2]), None);
        assert_eq!(point(&[5]), None);
        assert_eq!(point(&[5, 9]), None);
    }

    #[test]
    fn who_is_behind_is_on_the_branch_that_holds_its_head_until_it_stays_there() {
        let tree = tree();
        let client = crate::api::Client::new(std::sync::Arc::new(Nobody));
        let at = |name, n: u8| {
            let (head, finalized) = (root(n), Root::ZERO);
            Follower { name, client: &client, head, head_slot: n.into(), finalized }
        };
        let nodes = [at("a0", 5), at("b0", 4), at("c0", 3), at("d0", 2)];
        let told = |stalled: &str| {
            let mut splits = Splits::default();
            let mut look = |slot| splits.look(&tree, &nodes, slot, |node| node == stalled);
            assert_eq!(look(6), None);
            let Some(Event::Split { sides, .. }) = look(9) else { panic!("no split") };
            sides.into_iter().map(|side| (side.block_slot, side.nodes.join(","))).collect::<Vec<_>>()
        };
        // d0 is before the point where they part: on no branch yet.
        assert_eq!(told(""), [(4, "b0".to_owned()), (5, "a0,c0".to_owned())]);
        assert_eq!(told("c0"), [(3, "c0".to_owned()), (4, "b0".to_owned()), (5, "a0".to_owned())]);
    }
}
