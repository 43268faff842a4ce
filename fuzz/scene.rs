//! Networks with a history: a chain of two epochs' beginning in every fork, and over every fork's boundary. An input is
//! judged by a node that knows the first epoch; what was sent in the two slots after it is the material.

use crate::producer::{Producer, produce};
use crate::{Input, engine};
use lockin::api::Request;
use lockin::chain::{GossipId, Memo, MemoryRows, Rows, Write};
use lockin::crypto::SecretKey;
use lockin::engine::Stub;
use lockin::genesis::{Convention, genesis_state, interop_keys};
use lockin::net::topic::{Topic, TopicKind};
use lockin::net::{Command, LinkEvent, PeerId};
use lockin::node::{Core, Identity};
use lockin::spec::compute_fork_digest;
use lockin::ssz::{Fork, Preset, Root, Shape, Ssz};
use lockin::types::{BeaconState, BlobSidecar, ChainConfig, DataColumnSidecar, SignedBeaconBlock, Slot};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Unix seconds of every network's genesis.
const GENESIS_TIME: u64 = 1_700_000_000;
/// Validators of every network.
const VALIDATORS: u64 = 16;
/// The last slot that a node knows: the first epoch's.
const KNOWN: Slot = 7;
/// The last slot of the history. The eighth slot's block has blobs, where there are any.
const LAST: Slot = 9;
/// States in a memo.
const STATES: usize = 64;
/// A memo serves so many nodes; then the states of their inputs' blocks would push out the history's.
const NODES_PER_MEMO: u32 = 8;
/// Calls to the engine that are answered in a row.
const MOST_CALLS: usize = 64;

/// The fork that a network starts in, and the one from its second epoch on.
pub const SCENES: [(Fork, Fork); 13] = [
    (Fork::Phase0, Fork::Phase0),
    (Fork::Altair, Fork::Altair),
    (Fork::Bellatrix, Fork::Bellatrix),
    (Fork::Capella, Fork::Capella),
    (Fork::Deneb, Fork::Deneb),
    (Fork::Electra, Fork::Electra),
    (Fork::Fulu, Fork::Fulu),
    (Fork::Phase0, Fork::Altair),
    (Fork::Altair, Fork::Bellatrix),
    (Fork::Bellatrix, Fork::Capella),
    (Fork::Capella, Fork::Deneb),
    (Fork::Deneb, Fork::Electra),
    (Fork::Electra, Fork::Fulu),
];

/// A gossip message.
#[derive(Clone, Debug)]
pub struct Sent {
    pub topic: Topic,
    /// SSZ.
    pub data: Vec<u8>,
}

/// What a request can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Block,
    Blob,
    Column,
}

/// A block or a sidecar, as an answer carries it.
#[derive(Clone, Debug)]
pub struct Object {
    pub kind: Kind,
    pub slot: Slot,
    /// The block's.
    pub root: Root,
    /// A sidecar's.
    pub index: u64,
    /// The fork digest.
    pub context: [u8; 4],
    /// SSZ.
    pub body: Vec<u8>,
}

impl Object {
    fn of(shape: Shape, sent: &Sent) -> Option<Self> {
        let body = sent.data.clone();
        let (kind, index, header) = match sent.topic.kind {
            TopicKind::BeaconBlock => {
                let block = SignedBeaconBlock::decode(shape, &body).expect("it was sent").message;
                let (slot, root) = (block.slot, block.hash_tree_root(shape));
                return Some(Self { kind: Kind::Block, slot, root, index: 0, context: sent.topic.digest, body });
            }
            TopicKind::BlobSidecar(_) => {
                let sidecar = BlobSidecar::decode(shape, &body).expect("it was sent");
                (Kind::Blob, sidecar.index, sidecar.signed_block_header.message)
            }
            TopicKind::DataColumnSidecar(_) => {
                let sidecar = DataColumnSidecar::decode(shape, &body).expect("it was sent");
                (Kind::Column, sidecar.index, sidecar.signed_block_header.message)
            }
            _ => return None,
        };
        let (slot, root) = (header.slot, header.hash_tree_root(shape));
        Some(Self { kind, slot, root, index, context: sent.topic.digest, body })
    }
}

/// A network with its history.
pub struct Scene {
    pub cfg: Arc<ChainConfig>,
    pub genesis: Arc<BeaconState>,
    /// After the whole history.
    pub state: Arc<BeaconState>,
    pub keys: Vec<SecretKey>,
    /// What was sent after them, by kind of topic: valid where a node stands.
    pub fresh: BTreeMap<String, Vec<Sent>>,
    /// What a peer that knows the whole history can serve, by slot and index.
    pub history: Vec<Object>,
    /// What validators asked, after the slots that the nodes know.
    pub asked: Vec<Request>,
    disk: Vec<Write>,
    stub: Stub,
    memo: Mutex<(Memo, u32)>,
}

/// The scene of a selector.
pub fn scene(selector: u8) -> &'static Scene {
    static SCENE: [OnceLock<Scene>; SCENES.len()] = [const { OnceLock::new() }; SCENES.len()];
    let index = usize::from(selector) % SCENES.len();
    SCENE[index].get_or_init(|| Scene::new(SCENES[index].0, SCENES[index].1))
}

/// A topic's kind without its subnet.
fn group(kind: TopicKind) -> String {
    kind.to_string().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}

impl Scene {
    fn new(first: Fork, second: Fork) -> Self {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(first);
        cfg.shard_committee_period = 0;
        if second != first {
            cfg.set_fork_epoch(second, 1);
        }
        let genesis = genesis_state(&cfg, first, Convention::to_run(first), GENESIS_TIME, VALIDATORS).expect("a state");
        let (cfg, genesis) = (Arc::new(cfg), Arc::new(genesis));
        let mut scene = Self {
            state: genesis.clone(),
            keys: interop_keys(0..VALIDATORS).into_iter().map(|key| key.secret).collect(),
            fresh: BTreeMap::new(),
            history: Vec::new(),
            asked: Vec::new(),
            disk: Vec::new(),
            stub: Stub::new(lockin::engine::StubConfig::of_network(cfg.clone(), &genesis)),
            memo: Mutex::new((Memo::new(STATES), 0)),
            cfg: cfg.clone(),
            genesis: genesis.clone(),
        };
        let message = |(topic, data): (String, Vec<u8>)| Sent { topic: topic.parse().expect("a topic"), data };
        let (mut known, mut fresh) = (Vec::new(), Vec::new());
        produce(&cfg, &genesis, VALIDATORS, LAST, |slot, producer: &mut Producer| {
            let sent = std::mem::take(&mut producer.sent).into_iter().map(message);
            let asked = std::mem::take(&mut producer.asked);
            if slot <= KNOWN {
                known.extend(sent);
            } else {
                fresh.extend(sent);
                scene.asked.extend(asked);
            }
            if slot == KNOWN {
                let rows = producer.rows.scan(&[]).expect("it is in memory");
                scene.disk = rows.into_iter().map(|(key, value)| Write::Put { key, value }).collect();
                scene.stub = producer.stub.clone();
            }
            scene.state = producer.core.chain().head().state;
        });
        let shape_in = |epoch| cfg.shape(cfg.fork_at_epoch(epoch));
        scene.history.extend(known.iter().filter_map(|sent| Object::of(shape_in(0), sent)));
        scene.history.extend(fresh.iter().filter_map(|sent| Object::of(shape_in(1), sent)));
        scene.history.sort_by_key(|object| (object.slot, object.index));
        assert_eq!(scene.state.slot, LAST, "{first} {second}: the history has a block in its last slot");
        let digest = compute_fork_digest(&cfg, genesis.genesis_validators_root, 1).0;
        let operations = scene.operations();
        fresh.extend(operations.into_iter().map(|(kind, data)| Sent { topic: Topic { digest, kind }, data }));
        for sent in fresh {
            scene.fresh.entry(group(sent.topic.kind)).or_default().push(sent);
        }
        scene
    }

    /// The shape of everything from the known slots on.
    pub fn shape(&self) -> Shape {
        self.cfg.shape(self.cfg.fork_at_epoch(1))
    }

    /// Unix milliseconds of the start of a slot.
    pub fn start_of(&self, slot: Slot) -> u64 {
        self.cfg.slot_clock(GENESIS_TIME).start_of(slot)
    }

    /// One of the fresh messages; every kind is as likely as the others.
    pub fn pick(&self, input: &mut Input) -> &Sent {
        let of_kind = self.fresh.values().nth(input.below(self.fresh.len())).expect("it is below");
        &of_kind[input.below(of_kind.len())]
    }

    /// A node that knows the first epoch, at the start of the slot after it.
    pub fn node(&self) -> Node<'_> {
        let memo = {
            let mut memo = self.memo.lock().expect("one thread");
            memo.1 += 1;
            if memo.1 > NODES_PER_MEMO {
                *memo = (Memo::new(STATES), 0);
            }
            memo.0.clone()
        };
        let rows = MemoryRows::default();
        rows.apply(&self.disk);
        let now_ms = self.start_of(KNOWN + 1);
        let identity = Identity { peer_id: "fuzz".into(), addresses: Vec::new(), endpoint: None };
        let restored = Core::restore(self.cfg.clone(), memo, Arc::new(rows.clone()), identity, now_ms);
        let mut core = restored.expect("what was written is read").expect("it is not empty");
        core.start(&[], now_ms);
        let (commands, answers) = Default::default();
        let mut node = Node { scene: self, core, stub: self.stub.clone(), rows, now_ms, commands, answers };
        node.settle(&mut Input(&[]));
        assert_eq!(node.core.chain().head().slot, KNOWN, "the node knows the first epoch");
        node.commands.clear();
        node
    }
}

/// A node that an input is tried on, with its disk and its engine.
pub struct Node<'a> {
    pub scene: &'a Scene,
    pub core: Core,
    pub stub: Stub,
    rows: MemoryRows,
    pub now_ms: u64,
    /// What it wanted of the network since somebody looked.
    pub commands: Vec<Command>,
    /// Status codes of late answers to its API.
    pub answers: Vec<u16>,
}

impl Node<'_> {
    /// Carries out what the node wants, the engine's answers as the input says: honest ones where it says nothing.
    pub fn settle(&mut self, input: &mut Input) {
        let mut calls = 0;
        loop {
            let effects = self.core.take_effects();
            effects.writes.iter().for_each(|batch| self.rows.apply(batch));
            self.commands.extend(effects.commands);
            self.answers.extend(effects.answers.iter().map(|(_, reply)| reply.status));
            if effects.engine.is_empty() {
                return;
            }
            for (id, call) in effects.engine {
                calls += 1;
                if calls > MOST_CALLS {
                    return;
                }
                let answer = engine::answer(&mut self.stub, self.now_ms, self.scene.cfg.preset, &call, input);
                self.core.on_engine(id, answer, self.now_ms);
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64, input: &mut Input) {
        self.now_ms += ms;
        self.core.on_tick(self.now_ms);
        self.settle(input);
    }

    /// Something comes from the network.
    pub fn hear(&mut self, event: LinkEvent, input: &mut Input) {
        self.core.on_link(event, self.now_ms);
        self.settle(input);
    }

    /// A gossip message comes, decompressed.
    pub fn gossip(&mut self, id: u64, topic: &str, data: &[u8], input: &mut Input) {
        let (topic, data) = (topic.into(), data.to_vec().into());
        self.hear(LinkEvent::Gossip { id: GossipId(id), topic, data, from: PeerId::new("peer") }, input);
    }
}
