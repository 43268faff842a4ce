//! What peers send when they are asked for sidecars, over hand-made events: who sends wrong ones, or none in time, is not asked
//! before others. The chain's verdicts are made by hand, too.

use std::sync::Arc;

use super::sidecars::{blob_block, blob_config};
use super::world::*;
use crate::chain::{Effect, Event, Origin, Outcome};
use crate::net::link::{Chunk, Command, Direction, LinkEvent, PeerId, Protocol, RequestId};
use crate::net::service::handshake::BREACH;
use crate::net::service::{Action, Cx, PeerState, Service};
use crate::spec::das::compute_signed_block_header;
use crate::ssz::{Bytes, Root, Ssz};
use crate::types::{BlobSidecar, BlobSidecarsByRangeRequest, ChainConfig, ForkName, SignedBeaconBlock, Slot, Status};

/// A node without blocks, and its peers.
struct Asker {
    cfg: Arc<ChainConfig>,
    service: Service,
    chain: Script,
    now: u64,
}

/// A request that went out: its number, to whom, and what it offers.
type Asked = (RequestId, PeerId, Protocol, Vec<u8>);

fn asked(actions: &[Action]) -> Vec<Asked> {
    let request = |action: &Action| match action {
        Action::Link(Command::Request { id, peer, offers }) => {
            Some((*id, peer.clone(), offers[0].0, offers[0].1.to_vec()))
        }
        _ => None,
    };
    let ours = |asked: &Asked| !matches!(asked.2, Protocol::MetaData3 | Protocol::Status2 | Protocol::Ping1);
    actions.iter().filter_map(request).filter(ours).collect()
}

/// The origins of sidecars that go to the chain.
fn imported(actions: &[Action]) -> Vec<Origin> {
    let origin = |action: &Action| match action {
        Action::Chain(Event::BlobSidecar { origin, .. }) => Some(*origin),
        _ => None,
    };
    actions.iter().filter_map(origin).collect()
}

impl Asker {
    /// In electra's last slot.
    fn new() -> Asker {
        let cfg = blob_config();
        let service = Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT);
        Asker { chain: Script::new(cfg.clone()), cfg, service, now: at(23) }
    }

    /// A peer with this head; what is asked of whom then.
    fn meet(&mut self, name: &str, head: Option<&SignedBeaconBlock>) -> (PeerId, Vec<Asked>) {
        let peer = PeerId::new(name);
        let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Inbound, addr: "/memory".into() };
        self.event(up);
        let fork_digest = self.service.schedule().at(2).digest.into();
        let mut status = Status { fork_digest, ..Status::default() };
        if let Some(head) = head {
            (status.head_root, status.head_slot) = (root_of(&self.cfg, head), head.message.slot);
        }
        let cx = Cx { chain: &self.chain, now_ms: self.now };
        self.service.status_known(cx, &peer, status);
        (peer, asked(&self.service.take(self.now)))
    }

    fn event(&mut self, event: LinkEvent) -> Vec<Action> {
        self.service.on_link(event, &self.chain, self.now)
    }

    fn tick(&mut self, ms: u64) -> Vec<Action> {
        self.now += ms;
        self.service.on_tick(&self.chain, self.now)
    }

    fn chunk(&mut self, to: &Asked, slot: Slot, body: Vec<u8>) -> Vec<Action> {
        let digest = self.service.schedule().at(self.cfg.epoch_of(slot)).digest;
        let (id, peer, protocol) = (to.0, to.1.clone(), to.2);
        self.event(LinkEvent::Chunk { id, peer, protocol, chunk: Chunk::success(Some(digest), body) })
    }

    fn sidecar_chunk(&mut self, to: &Asked, sidecar: &BlobSidecar) -> Vec<Action> {
        self.chunk(to, sidecar.signed_block_header.message.slot, sidecar.encode(self.cfg.shape(ForkName::Deneb)))
    }

    fn end(&mut self, to: &Asked) -> Vec<Action> {
        self.event(LinkEvent::End { id: to.0, peer: to.1.clone() })
    }

    /// The chain wants sidecars of a block; whom that makes us ask.
    fn want(&mut self, block: &SignedBeaconBlock, indices: &[u64]) -> Vec<Asked> {
        let (root, slot, origin) = (root_of(&self.cfg, block), block.message.slot, Origin::Own);
        let effect = Effect::RequestSidecars { root, slot, indices: indices.to_vec(), origin };
        asked(&self.service.on_effect(&effect, &self.chain, self.now))
    }

    fn judged(&mut self, origin: Origin, outcome: Outcome) {
        self.service.on_effect(&Effect::Outcome { origin, outcome }, &self.chain, self.now);
    }

    fn state(&self, peer: &PeerId) -> Option<PeerState> {
        self.service.peers().iter().find(|known| known.peer == *peer).map(|known| known.state)
    }
}

fn sidecar(cfg: &ChainConfig, block: &SignedBeaconBlock, index: u64) -> BlobSidecar {
    let signed_block_header = compute_signed_block_header(cfg, block);
    BlobSidecar { index, signed_block_header, ..BlobSidecar::zero(cfg.shape(ForkName::Deneb)) }
}

/// Blocks from slot 1 on, each with so many blobs.
fn chain_of(cfg: &ChainConfig, slots: u64, blobs: usize) -> Vec<Arc<SignedBeaconBlock>> {
    let mut parent = GENESIS_ROOT;
    let block = |slot| {
        let block = blob_block(cfg, parent, slot, blobs);
        parent = root_of(cfg, &block);
        block
    };
    (1..=slots).map(block).collect()
}

#[test]
fn who_sends_wrong_sidecars_is_to_blame_and_others_are_asked_for_them() {
    let mut asker = Asker::new();
    let blocks = chain_of(&asker.cfg, 12, 2);
    let (bad, good) = (asker.meet("a", None).0, asker.meet("b", None).0);
    for block in &blocks[..10] {
        let first = asker.want(block, &[0, 1]).remove(0);
        let sidecar = sidecar(&asker.cfg, block, 0);
        let to_judge = asker.sidecar_chunk(&first, &sidecar);
        assert_eq!(imported(&to_judge).len(), 1);
        let wrong = first.1 == bad;
        let outcome = if wrong { Outcome::Reject("wrong".into()) } else { Outcome::Accept };
        asker.judged(imported(&to_judge)[0], outcome);
        let next = asked(&asker.end(&first));
        if wrong {
            assert_eq!(next[0].1, good, "the same one is asked of another");
            let again = asker.sidecar_chunk(&next[0], &sidecar);
            assert_eq!(imported(&again).len(), 1, "the wrong one is still missing");
            assert!(asked(&asker.end(&next[0])).is_empty());
            let renewed = asker.want(block, &[1]);
            assert_eq!(renewed[0].1, good);
            assert!(asked(&asker.end(&renewed[0])).is_empty(), "who lied about a block is not asked again for it");
        } else {
            assert_eq!(next[0].1, bad, "but for others, last");
            asker.end(&next[0]);
        }
    }
    assert_eq!(asker.state(&bad), Some(PeerState::Connected));
    assert_eq!(asker.service.peers[&bad].strikes, BREACH, "asked once only, since the other one always had them");
    assert_eq!(asker.service.peers[&good].strikes, 0);
}

#[test]
fn who_sends_nothing_but_wrong_sidecars_is_turned_away() {
    let mut asker = Asker::new();
    let bad = asker.meet("a", None).0;
    for (block, struck) in chain_of(&asker.cfg, 10, 1).iter().zip(1..) {
        let request = asker.want(block, &[0]).remove(0);
        let to_judge = asker.sidecar_chunk(&request, &sidecar(&asker.cfg, block, 0));
        asker.judged(imported(&to_judge)[0], Outcome::Reject("wrong".into()));
        assert_eq!(asker.service.peers[&bad].strikes, struck * BREACH);
        asker.end(&request);
    }
    assert_eq!(asker.state(&bad), Some(PeerState::Disconnecting));
}

#[test]
fn who_dawdles_holds_a_block_up_once_and_is_asked_last_from_then_on() {
    let mut asker = Asker::new();
    let block = chain_of(&asker.cfg, 1, 3).remove(0);
    let (slow, good) = (asker.meet("a", None).0, asker.meet("b", None).0);
    let first = asker.want(&block, &[0, 1, 2]).remove(0);
    assert_eq!(first.1, slow);
    assert!(asked(&asker.tick(10_000)).is_empty());
    asker.sidecar_chunk(&first, &sidecar(&asker.cfg, &block, 0));
    let next = asked(&asker.tick(6_000));
    assert_eq!(next.iter().map(|next| &next.1).collect::<Vec<_>>(), [&good], "a drip does not put the deadline off");
    assert_eq!(asked(&asker.end(&next[0])), []);
    assert_eq!(asker.want(&block, &[1, 2])[0].1, good);
}

#[test]
fn sidecars_of_a_range_are_asked_for_some_blocks_at_a_time_and_no_more_are_in_memory() {
    let mut asker = Asker::new();
    let blocks = chain_of(&asker.cfg, 23, 6);
    let requests = asker.meet("a", blocks.last().map(AsRef::as_ref)).1;
    assert_eq!(requests.iter().map(|request| request.2).collect::<Vec<_>>(), [Protocol::BlocksByRange2]);
    for block in &blocks {
        let body = block.encode(asker.cfg.shape_at_slot(block.message.slot));
        asker.chunk(&requests[0], block.message.slot, body);
    }
    let mut next = asked(&asker.end(&requests[0]));
    let mut seen = 0;
    while let Some(request) = next.pop() {
        assert!(next.is_empty() && request.2 == Protocol::BlobsByRange1);
        let range = BlobSidecarsByRangeRequest::decode(asker.cfg.shape(ForkName::Deneb), &request.3).unwrap();
        assert!(range.count * 6 * 131_072 <= 8 << 20, "{range:?}");
        assert_eq!(range.start_slot, seen + 1);
        seen += range.count;
        for block in &blocks[range.start_slot as usize - 1..seen as usize] {
            for index in (0..6).chain([0]) {
                asker.sidecar_chunk(&request, &sidecar(&asker.cfg, block, index));
            }
        }
        let mut todo = asker.end(&request);
        // the script takes what is whole
        while !todo.is_empty() {
            next.extend(asked(&todo));
            let events = std::mem::take(&mut todo).into_iter();
            for action in events {
                if let Action::Chain(event) = action {
                    for effect in asker.chain.on(event) {
                        todo.extend(asker.service.on_effect(&effect, &asker.chain, asker.now));
                    }
                }
            }
        }
    }
    assert_eq!((seen, asker.chain.head_slot()), (23, 23));
    assert_eq!(asker.service.metrics().sidecars_fetched, 23 * 6, "each once");
}

#[test]
fn who_dawdles_with_sidecars_of_a_range_is_asked_last_and_only_what_was_asked_for_gains_time() {
    let cfg = blob_config();
    let blocks = chain_of(&cfg, 5, 2);
    let right = sidecar(&cfg, &blocks[0], 1);
    let unasked = sidecar(&cfg, &blob_block(&cfg, GENESIS_ROOT, 9, 2), 1);
    let mut others_block = right.clone();
    others_block.signed_block_header.message.body_root = Bytes([1; 32]);
    for (number, (drip, gains)) in [(right, true), (unasked, false), (others_block, false)].into_iter().enumerate() {
        let mut asker = Asker::new();
        let (peer, requests) = asker.meet("a", blocks.last().map(AsRef::as_ref));
        for block in &blocks {
            asker.chunk(&requests[0], block.message.slot, block.encode(cfg.shape(ForkName::Deneb)));
        }
        let request = asked(&asker.end(&requests[0])).remove(0);
        let is_over = |asker: &Asker| !asker.service.requests.contains_key(&request.0);
        asker.tick(10_000);
        asker.sidecar_chunk(&request, &drip);
        asker.tick(6_000);
        assert_eq!(is_over(&asker), !gains, "case {number}");
        asker.sidecar_chunk(&request, &drip); // the second time it is nothing new
        let to_import = asker.tick(10_000);
        assert!(is_over(&asker), "case {number}");
        assert_eq!(imported(&to_import).len(), usize::from(gains), "case {number}: what came is not lost");
        assert_eq!(asker.service.peers[&peer].failures, 1, "case {number}");
    }
}

#[test]
fn sidecars_that_do_not_belong_to_a_ranges_blocks_are_not_kept() {
    let cfg = blob_config();
    let blocks = chain_of(&cfg, 5, 2);
    let right = sidecar(&cfg, &blocks[0], 1);
    let mut others_signature = right.clone();
    others_signature.signed_block_header.signature = Bytes([1; 96]);
    let mut others_commitment = right.clone();
    others_commitment.kzg_commitment = Bytes([1; 48]);
    let beyond = sidecar(&cfg, &blocks[0], 2);
    let mut others_block = right.clone();
    others_block.signed_block_header.message.body_root = Bytes([1; 32]);
    let unasked = sidecar(&cfg, &blob_block(&cfg, GENESIS_ROOT, 9, 2), 1);
    // what can't be the work of honest software, and what may be
    let cases = [
        (right, false, 1),
        (others_signature, true, 0),
        (others_commitment, true, 0),
        (beyond, true, 0),
        (others_block, false, 0),
        (unasked, false, 0),
    ];
    for (number, (sidecar, blamed, kept)) in cases.into_iter().enumerate() {
        let mut asker = Asker::new();
        let (peer, requests) = asker.meet("a", blocks.last().map(AsRef::as_ref));
        for block in &blocks {
            asker.chunk(&requests[0], block.message.slot, block.encode(cfg.shape(ForkName::Deneb)));
        }
        let next = asked(&asker.end(&requests[0]));
        let got = asker.sidecar_chunk(&next[0], &sidecar);
        let cancelled = got.iter().any(|action| matches!(action, Action::Link(Command::Cancel { .. })));
        let known = &asker.service.peers[&peer];
        let points = if blamed { BREACH } else { 0 };
        assert_eq!((cancelled, known.strikes, known.failures), (blamed, points, blamed.into()), "case {number}");
        let end = asker.end(&next[0]);
        assert_eq!(imported(&end).len(), kept, "case {number}");
    }
}
