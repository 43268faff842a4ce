//! Range sync from a peer whose blocks are as big as blocks can be: what waits for import is bounded in bytes.

use std::sync::Arc;

use super::world::*;
use crate::chain::Event;
use crate::net::link::{Chunk, Command, Direction, LinkEvent, PeerId, Protocol, RequestId};
use crate::net::service::{Action, Cx, Service};
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconBlocksByRangeRequest, ChainConfig, ForkName, SignedBeaconBlock, Slot, Status};

/// Bytes of blocks that may wait, and one more block.
const MOST: usize = (64 << 20) + (9 << 20);

struct Sync {
    service: Service,
    chain: Script,
    peer: PeerId,
    digest: [u8; 4],
    /// A block of 8 MiB at slot 1 on genesis, as SSZ.
    big: Vec<u8>,
}

/// A node at genesis in slot 300 whose peer has a chain up to there, and the requests for its first two batches.
fn sync() -> (Sync, Vec<(RequestId, Slot)>) {
    let mut cfg = ChainConfig::clone(&config(0));
    cfg.start_at(ForkName::Bellatrix);
    let cfg = Arc::new(cfg);
    let mut block = SignedBeaconBlock::zero(cfg.shape_at_slot(1));
    (block.message.slot, block.message.parent_root) = (1, GENESIS_ROOT);
    block.message.body.execution_payload.transactions = vec![vec![7; 8 << 20].into()].into();
    let big = block.encode(cfg.shape_at_slot(1));
    let chain = Script::new(cfg.clone());
    let mut service = Service::new(cfg, GENESIS, Root::ZERO, GENESIS_ROOT);
    let (peer, digest) = (PeerId::new("heavy"), service.schedule().at(0).digest);
    let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Outbound, addr: "/memory".into() };
    service.on_link(up, &chain, at(300));
    let status = Status { fork_digest: digest.into(), head_root: [5; 32].into(), head_slot: 300, ..Status::default() };
    service.status_known(Cx { chain: &chain, now_ms: at(300) }, &peer, status);
    let asked = ranges(&service.take(at(300)));
    (Sync { service, chain, peer, digest, big }, asked)
}

/// Requests for ranges of blocks, by their first slot.
fn ranges(actions: &[Action]) -> Vec<(RequestId, Slot)> {
    let shape = config(0).shape(ForkName::Phase0);
    let range = |action: &Action| match action {
        Action::Link(Command::Request { id, offers, .. }) if offers[0].0 == Protocol::BlocksByRange2 => {
            Some((*id, BeaconBlocksByRangeRequest::decode(shape, &offers[0].1).unwrap().start_slot))
        }
        _ => None,
    };
    actions.iter().filter_map(range).collect()
}

fn cancels(actions: &[Action], of: RequestId) -> bool {
    actions.iter().any(|action| matches!(action, Action::Link(Command::Cancel { id }) if *id == of))
}

impl Sync {
    /// The peer sends the block as if it were of this slot.
    fn send(&mut self, id: RequestId, slot: Slot) -> Vec<Action> {
        // after the offset of the message and the signature
        self.big[100..108].copy_from_slice(&slot.to_le_bytes());
        let chunk = Chunk::success(Some(self.digest), self.big.clone());
        let event = LinkEvent::Chunk { id, peer: self.peer.clone(), protocol: Protocol::BlocksByRange2, chunk };
        let actions = self.service.on_link(event, &self.chain, at(300));
        let held: usize = self.service.sync.batches.values().map(|batch| batch.blocks.len() * self.big.len()).sum();
        assert!(held <= MOST, "{held} bytes of blocks wait");
        actions
    }
}

#[test]
fn blocks_that_wait_for_import_are_bounded_in_bytes() {
    let (mut sync, asked) = sync();
    let [(first, 1), (second, 65)] = asked[..] else { panic!("{asked:?}") };
    // nothing of the first batch comes, so the second can't be imported
    let dropped = (65..129).find(|slot| cancels(&sync.send(second, *slot), second));
    assert_eq!(dropped, Some(72), "eight blocks are too many");
    assert_eq!(sync.service.sync.batches.len(), 1);
    assert_eq!(ranges(&sync.service.on_tick(&sync.chain, at(300))), [], "nothing more before the first is done");
    // the first batch ends where it becomes too big, and what came of it is imported
    let mut sent = (1..65).map(|slot| (slot, sync.send(first, slot)));
    let (slot, ended) = sent.find(|(_, actions)| cancels(actions, first)).expect("it ends early");
    assert_eq!(slot, 8);
    let imported = ended
        .iter()
        .any(|action| matches!(action, Action::Chain(Event::Block { block, .. }) if block.message.slot == 1));
    assert!(imported, "{ended:?}");
    assert_eq!(sync.service.sync.next, 9, "where the next batch begins");
}
