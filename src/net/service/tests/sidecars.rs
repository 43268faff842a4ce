//! Sidecars of blobs and columns on the wire, and what else came with the forks that have them. Their contents are empty:
//! whoever judges them is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::serving::{Server, server_of, verdicts};
use super::world::*;
use crate::chain::Event;
use crate::net::link::{Chunk, Command, GossipId, LinkEvent, Protocol, ResponseCode, Verdict};
use crate::net::service::Action;
use crate::net::topic::{Topic, TopicKind};
use crate::spec::das::compute_signed_block_header;
use crate::ssz::{Root, Ssz};
use crate::types::config::BlobParameters;
use crate::types::{
    BlobIdentifier, BlobSidecar, BlobSidecarsByRangeRequest, BlobSidecarsByRootRequest, ChainConfig, DataColumnSidecar,
    DataColumnSidecarsByRangeRequest, DataColumnSidecarsByRootRequest, DataColumnsByRootIdentifier, ForkName,
    SignedBeaconBlock, SingleAttestation, Slot,
};

/// Deneb at genesis, electra in epoch 2, fulu in epoch 3, another limit of blobs in epoch 5.
pub fn blob_config() -> Arc<ChainConfig> {
    let mut cfg = ChainConfig::clone(&config(0));
    cfg.start_at(ForkName::Deneb);
    cfg.set_fork_epoch(ForkName::Electra, 2);
    cfg.set_fork_epoch(ForkName::Fulu, 3);
    cfg.blob_schedule = vec![BlobParameters { epoch: 5, max_blobs_per_block: 12 }];
    Arc::new(cfg)
}

/// Blocks at the slots, every third with two blobs.
fn blob_blocks(cfg: &ChainConfig, slots: std::ops::RangeInclusive<Slot>) -> Vec<Arc<SignedBeaconBlock>> {
    let mut parent_root = GENESIS_ROOT;
    let mut all = Vec::new();
    for slot in slots {
        let block = blob_block(cfg, parent_root, slot, if slot % 3 == 0 { 2 } else { 0 });
        parent_root = root_of(cfg, &block);
        all.push(block);
    }
    all
}

/// A block with so many blobs.
pub fn blob_block(cfg: &ChainConfig, parent_root: Root, slot: Slot, blobs: usize) -> Arc<SignedBeaconBlock> {
    let mut block = SignedBeaconBlock::zero(cfg.shape_at_slot(slot));
    (block.message.slot, block.message.parent_root) = (slot, parent_root);
    block.message.body.blob_kzg_commitments = vec![Default::default(); blobs].into();
    Arc::new(block)
}

/// Puts blocks and all their sidecars into the chain.
fn fill(cfg: &ChainConfig, chain: &mut Script, blocks: &[Arc<SignedBeaconBlock>]) {
    for block in blocks {
        add_sidecars(cfg, chain, block);
        chain.add(block.clone());
    }
}

fn add_sidecars(cfg: &ChainConfig, chain: &mut Script, block: &SignedBeaconBlock) {
    let root = root_of(cfg, block);
    let shape = cfg.shape_at_slot(block.message.slot);
    let signed_block_header = compute_signed_block_header(cfg, block);
    for index in chain.missing(block) {
        if shape.fork < ForkName::Fulu {
            let sidecar = BlobSidecar { index, signed_block_header, ..BlobSidecar::zero(shape) };
            chain.blobs.entry(root).or_default().push(Arc::new(sidecar));
        } else {
            let mut sidecar = DataColumnSidecar { index, signed_block_header, ..DataColumnSidecar::zero(shape) };
            sidecar.kzg_commitments = block.message.body.blob_kzg_commitments.clone();
            sidecar.column = vec![Ssz::zero(shape); sidecar.kzg_commitments.len()].into();
            sidecar.kzg_proofs = vec![Default::default(); sidecar.kzg_commitments.len()].into();
            chain.columns.entry(root).or_default().push(Arc::new(sidecar));
        }
    }
}

fn blob_server() -> (Server, Vec<Arc<SignedBeaconBlock>>) {
    let cfg = blob_config();
    let blocks = blob_blocks(&cfg, 1..=50);
    let mut chain = Script::new(cfg.clone());
    fill(&cfg, &mut chain, &blocks);
    (server_of(cfg, chain, 51), blocks)
}

impl Server {
    fn blobs(&mut self, protocol: Protocol, body: Vec<u8>) -> Vec<(Slot, u64)> {
        let shape = self.cfg.shape(ForkName::Electra);
        let read = |chunk: &Chunk| BlobSidecar::decode(shape, &chunk.body).unwrap();
        let chunks = self.ask_all(protocol, body);
        self.check_contexts(&chunks, |chunk| read(chunk).signed_block_header.message.slot);
        chunks.iter().map(read).map(|sidecar| (sidecar.signed_block_header.message.slot, sidecar.index)).collect()
    }

    fn columns(&mut self, protocol: Protocol, body: Vec<u8>) -> Vec<(Slot, u64)> {
        let shape = self.cfg.shape(ForkName::Fulu);
        let read = |chunk: &Chunk| DataColumnSidecar::decode(shape, &chunk.body).unwrap();
        let chunks = self.ask_all(protocol, body);
        self.check_contexts(&chunks, |chunk| read(chunk).signed_block_header.message.slot);
        chunks.iter().map(read).map(|sidecar| (sidecar.signed_block_header.message.slot, sidecar.index)).collect()
    }

    fn check_contexts(&self, chunks: &[Chunk], slot: impl Fn(&Chunk) -> Slot) {
        for chunk in chunks {
            let entry = self.service.schedule().at(self.cfg.epoch_of(slot(chunk)));
            assert_eq!(chunk.context, Some(entry.digest));
        }
    }
}

#[test]
fn blobs_are_served_by_range_and_root_until_fulu() {
    let (mut server, blocks) = blob_server();
    let shape = server.cfg.shape(ForkName::Deneb);
    let body = BlobSidecarsByRangeRequest { start_slot: 13, count: u64::MAX }.encode(shape);
    let got = server.blobs(Protocol::BlobsByRange1, body);
    assert_eq!(got, [15, 18, 21].map(|slot| [(slot, 0), (slot, 1)]).concat(), "slot 24 is fulu's");
    let root = |slot: usize| root_of(&server.cfg, &blocks[slot - 1]);
    let wanted = [(6, 1), (6, 0), (7, 0), (18, 1), (18, 2)];
    let wanted = wanted.map(|(slot, index)| BlobIdentifier { block_root: root(slot), index });
    let body = BlobSidecarsByRootRequest::from(wanted.to_vec()).encode(shape);
    assert_eq!(server.blobs(Protocol::BlobsByRoot1, body), [(6, 0), (6, 1), (18, 1)]);
}

#[test]
fn columns_are_served_by_range_and_root_from_fulu_on() {
    let (mut server, blocks) = blob_server();
    let shape = server.cfg.shape(ForkName::Fulu);
    let columns: Vec<u64> = vec![3, 127, 5];
    let request = DataColumnSidecarsByRangeRequest { start_slot: 10, count: 30, columns: columns.clone().into() };
    let got = server.columns(Protocol::ColumnsByRange1, request.encode(shape));
    let of = |slot| [(slot, 3), (slot, 5), (slot, 127)];
    assert_eq!(got, [24, 27, 30, 33, 36, 39].map(of).concat());
    let block_root = root_of(&server.cfg, &blocks[44]);
    let wanted = vec![DataColumnsByRootIdentifier { block_root, columns: columns.into() }; 1];
    let body = DataColumnSidecarsByRootRequest::from(wanted).encode(shape);
    assert_eq!(server.columns(Protocol::ColumnsByRoot1, body), of(45));
    let refused = server.ask_all(Protocol::ColumnsByRange1, vec![0; 21]);
    assert_eq!(refused[0].code, ResponseCode::InvalidRequest);
}

#[test]
fn blocks_of_one_answer_are_fewer_from_deneb_on() {
    let cfg = blob_config();
    let mut chain = Script::new(cfg.clone());
    blocks(&cfg, GENESIS_ROOT, 1..=200, 0).into_iter().for_each(|block| chain.add(block));
    let roots: Vec<Root> = chain.blocks.keys().copied().collect();
    let mut server = server_of(cfg.clone(), chain, 201);
    let shape = cfg.shape(ForkName::Fulu);
    let range = crate::types::BeaconBlocksByRangeRequest { start_slot: 1, count: 1000, step: 1 }.encode(shape);
    assert_eq!(server.ask_all(Protocol::BlocksByRange2, range).len(), 128);
    let roots = crate::types::BeaconBlocksByRootRequest::from(roots).encode(shape);
    assert_eq!(server.ask_all(Protocol::BlocksByRoot2, roots).len(), 128);
}

#[test]
fn status_and_metadata_of_fulu() {
    let (mut server, _) = blob_server();
    let status = server.ask_all(Protocol::Status2, vec![0; 92]);
    assert_eq!(status[0].body.len(), 92);
    assert_eq!(status[0].body[76..84], 50u64.to_le_bytes());
    let metadata = server.ask_all(Protocol::MetaData3, Vec::new());
    assert_eq!(metadata[0].body[17..], 128u64.to_le_bytes(), "every custody group");
}

#[test]
fn a_late_joiner_gets_the_sidecars_with_the_blocks() {
    let cfg = blob_config();
    let blocks = blob_blocks(&cfg, 1..=120);
    let mut world = World::new(at(120));
    for _ in 0..3 {
        world.join(&cfg, Root::ZERO);
    }
    for node in [0, 1] {
        fill(&cfg, &mut world.nodes[node].chain, &blocks);
        world.connect(2, node);
    }
    world.run_for(20_000);
    let sorted = |chain: &Script| -> BTreeMap<Root, BTreeSet<u64>> {
        let blobs = chain.blobs.iter().map(|(root, all)| (*root, all.iter().map(|one| one.index).collect()));
        let columns = chain.columns.iter().map(|(root, all)| (*root, all.iter().map(|one| one.index).collect()));
        blobs.chain(columns).collect()
    };
    let [server, _, late] = &world.nodes[..] else { unreachable!() };
    assert_eq!(late.chain.head_slot(), 120);
    assert_eq!(sorted(&late.chain), sorted(&server.chain));
    let sent: usize = sorted(&late.chain).values().map(BTreeSet::len).sum();
    assert_eq!(late.service.metrics().sidecars_fetched, sent as u64, "each of them once");
}

#[test]
fn sidecars_that_the_chain_lacks_are_asked_of_one_peer_after_the_other() {
    let cfg = blob_config();
    let blocks = blob_blocks(&cfg, 1..=30);
    let (old, new) = blocks.split_at(29);
    for (slot_of_blobs, count) in [(18, 2), (30, 128)] {
        let mut world = World::new(at(30));
        for _ in 0..3 {
            world.join(&cfg, Root::ZERO);
        }
        for node in &mut world.nodes {
            fill(&cfg, &mut node.chain, old);
            node.chain.asks_for_sidecars = true;
        }
        world.connect(2, 0);
        world.connect(2, 1);
        world.run_for(3_000);
        // only node 1 has all; node 0 has the block alone
        let block = &blocks[slot_of_blobs as usize - 1];
        let root = root_of(&cfg, block);
        for node in [0, 2] {
            world.nodes[node].chain.blobs.remove(&root);
            world.nodes[node].chain.columns.remove(&root);
        }
        world.nodes[0].chain.add(new[0].clone());
        fill(&cfg, &mut world.nodes[1].chain, new);
        world.nodes[2].chain.blocks.remove(&root);
        let event = Event::Block { block: block.clone(), origin: crate::chain::Origin::Own, now_ms: world.now };
        world.carry_out(2, vec![Action::Chain(event)]);
        world.run_for(2_000);
        let late = &world.nodes[2];
        assert_eq!(late.service.metrics().sidecars_fetched, count, "blobs of slot {slot_of_blobs}");
        assert!(late.chain.blocks.contains_key(&root));
    }
}

#[test]
fn topics_follow_forks_and_limits_of_blobs() {
    let cfg = blob_config();
    let mut world = World::new(at(1));
    let node = world.join(&cfg, Root::ZERO);
    let mut service =
        std::mem::replace(&mut world.nodes[node].service, server_of(cfg.clone(), Script::new(cfg.clone()), 1).service);
    let chain = Script::new(cfg.clone());
    let digests = service.schedule().digests();
    assert_eq!(digests.len(), 4, "deneb, electra, fulu, and fulu with more blobs");
    let mut joined: BTreeSet<Topic> =
        TopicKind::all(&cfg, ForkName::Deneb).into_iter().map(|kind| Topic { digest: digests[0], kind }).collect();
    let mut on = |slot: Slot| -> Vec<usize> {
        for action in service.on_tick(&chain, at(slot)) {
            match action {
                Action::Link(Command::Subscribe { topic }) => assert!(joined.insert(topic.parse().unwrap())),
                Action::Link(Command::Unsubscribe { topic }) => assert!(joined.remove(&topic.parse().unwrap())),
                _ => {}
            }
        }
        digests.iter().map(|digest| joined.iter().filter(|topic| topic.digest == *digest).count()).collect()
    };
    assert_eq!(on(7), [81, 0, 0, 0]);
    assert_eq!(on(8), [81, 84, 0, 0], "an epoch before electra");
    assert_eq!(on(16), [81, 84, 203, 0]);
    assert_eq!(on(24), [0, 84, 203, 0], "an epoch after deneb");
    assert_eq!(on(32), [0, 0, 203, 203]);
    assert_eq!(on(48), [0, 0, 0, 203]);
}

#[test]
fn gossip_of_later_forks_reaches_the_chain_as_what_it_is() {
    let (Server { cfg, mut service, chain, peer, now }, blocks) = blob_server();
    let digests = service.schedule().digests();
    let vote = SingleAttestation::default().encode(cfg.shape(ForkName::Electra));
    let header_at = |slot: usize| compute_signed_block_header(&cfg, &blocks[slot - 1]);
    let blob = |slot| {
        let shape = cfg.shape(ForkName::Electra);
        BlobSidecar { signed_block_header: header_at(slot), ..BlobSidecar::zero(shape) }.encode(shape)
    };
    let column = |slot| {
        let shape = cfg.shape(ForkName::Fulu);
        DataColumnSidecar { signed_block_header: header_at(slot), ..DataColumnSidecar::zero(shape) }.encode(shape)
    };
    let change = crate::types::SignedBlsToExecutionChange::default().encode(cfg.shape(ForkName::Deneb));
    let cases = [
        (digests[1], TopicKind::Attestation(1), vote.clone(), "SingleAttestation"),
        (digests[0], TopicKind::Attestation(1), vote, "refused"),
        (digests[1], TopicKind::BlobSidecar(7), blob(18), "BlobSidecar"),
        (digests[0], TopicKind::BlobSidecar(1), blob(18), "refused"),
        (digests[3], TopicKind::DataColumnSidecar(100), column(48), "DataColumnSidecar"),
        (digests[2], TopicKind::DataColumnSidecar(100), column(18), "refused"),
        (digests[2], TopicKind::DataColumnSidecar(100), column(48), "refused"),
        (digests[3], TopicKind::DataColumnSidecar(100), column(30), "refused"),
        (digests[3], TopicKind::BeaconBlock, blocks[29].encode(cfg.shape(ForkName::Fulu)), "refused"),
        (digests[2], TopicKind::BlsToExecutionChange, change, "BlsToExecutionChange"),
    ];
    for (i, (digest, kind, data, expected)) in cases.into_iter().enumerate() {
        let (id, topic) = (GossipId(i as u64), Topic { digest, kind }.to_string());
        let event = LinkEvent::Gossip { id, topic: topic.as_str().into(), data: data.into(), from: peer.clone() };
        let actions = service.on_link(event, &chain, now);
        let got = match actions
            .iter()
            .find_map(|action| if let Action::Chain(event) = action { Some(event) } else { None })
        {
            Some(Event::SingleAttestation { subnet: Some(1), .. }) => "SingleAttestation",
            Some(Event::BlobSidecar { subnet: Some(7), .. }) => "BlobSidecar",
            Some(Event::DataColumnSidecar { subnet: Some(100), .. }) => "DataColumnSidecar",
            Some(Event::BlsToExecutionChange { .. }) => "BlsToExecutionChange",
            Some(_) => "something else",
            None if verdicts(&actions) == [Verdict::Reject] => "refused",
            None => "nothing",
        };
        assert_eq!(got, expected, "{topic}");
    }
}

#[test]
fn a_late_blocks_columns_on_the_topics_of_the_next_digest_are_refused_and_nobody_is_blamed() {
    let (Server { cfg, mut service, chain, peer, now }, blocks) = blob_server();
    let (shape, digest) = (cfg.shape(ForkName::Fulu), service.schedule().digests()[3]);
    let signed_block_header = compute_signed_block_header(&cfg, &blocks[38]);
    for index in 0..128 {
        let column = DataColumnSidecar { index, signed_block_header, ..DataColumnSidecar::zero(shape) };
        let topic = Topic { digest, kind: TopicKind::DataColumnSidecar(index) }.to_string();
        let (id, data, from) = (GossipId(index), column.encode(shape).into(), peer.clone());
        let event = LinkEvent::Gossip { id, topic: topic.as_str().into(), data, from };
        assert_eq!(verdicts(&service.on_link(event, &chain, now)), [Verdict::Reject]);
    }
    let kept = &service.peers[&peer];
    assert_eq!((kept.strikes, kept.rejections), (0, 0));
}
