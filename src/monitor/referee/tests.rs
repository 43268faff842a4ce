use super::*;
use crate::api::{Request, Response, Transport, TransportError};
use crate::genesis::{Convention, genesis_state, interop_key};
use crate::spec;
use crate::ssz::{Bytes, Fork, Json, Preset};
use crate::types::BeaconBlock;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Mutex;

const WITHIN: Duration = Duration::from_secs(5);

/// What a node serves: blocks by root, and states by their root.
#[derive(Default)]
struct Shelf {
    blocks: BTreeMap<String, SignedBeaconBlock>,
    states: BTreeMap<String, BeaconState>,
    /// How often a block was asked for.
    fetched: usize,
}

#[derive(Clone, Default)]
struct Node(Arc<Mutex<Shelf>>);

#[async_trait]
impl Transport for Node {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut shelf = self.0.lock().unwrap();
        let (path, id) = request.path.rsplit_once('/').unwrap();
        let shape = config().shape(Fork::Phase0);
        let data = match path {
            "/eth/v2/beacon/blocks" => {
                shelf.fetched += 1;
                shelf.blocks.get(id).map(|block| block.to_json(shape))
            }
            "/eth/v1/beacon/headers" => shelf.blocks.get(id).map(|block| {
                let header = crate::types::BeaconBlockHeader { slot: block.message.slot, ..Default::default() };
                json!({ "root": id, "canonical": true,
                    "header": { "message": header.to_json(shape), "signature": block.signature.to_string() } })
            }),
            "/eth/v2/debug/beacon/states" => shelf.states.get(id).map(|state| state.to_json(shape)),
            _ => None,
        };
        let Some(data) = data else { return Ok(Response::empty(404)) };
        Ok(Response { body: json!({ "version": "phase0", "data": data }).to_string().into(), ..Response::empty(200) })
    }
}

fn config() -> Arc<ChainConfig> {
    Arc::new(ChainConfig::lockin(Preset::minimal()))
}

fn genesis() -> Arc<BeaconState> {
    Arc::new(genesis_state(&config(), Fork::Phase0, Convention::Genesis, 1_700_000_000, 8).unwrap())
}

/// A block without votes in `slot` on `state`, which it moves on, with its root. `twist` changes what the proposer
/// takes the post-state for.
fn extend(state: &mut BeaconState, slot: Slot, twist: impl Fn(&mut BeaconState)) -> (Root, SignedBeaconBlock) {
    let cfg = config();
    let shape = cfg.shape(Fork::Phase0);
    spec::process_slots(&cfg, state, slot).unwrap();
    let proposer_index = spec::get_beacon_proposer_index(&cfg, state).unwrap();
    let secret = interop_key(proposer_index).secret;
    let parent_root = state.latest_block_header.hash_tree_root(shape);
    let mut block = BeaconBlock { slot, proposer_index, parent_root, ..BeaconBlock::zero(shape) };
    block.body.randao_reveal = spec::get_epoch_signature(&cfg, state, &block, &secret);
    block.body.eth1_data = state.eth1_data;
    let mut post = state.clone();
    spec::process_block(&cfg, &mut post, &block, &mut spec::Signatures::Trust).unwrap();
    twist(&mut post);
    block.state_root = post.hash_tree_root(shape);
    let signature = spec::get_block_signature(&cfg, state, &block, &secret);
    *state = post;
    (block.hash_tree_root(shape), SignedBeaconBlock { message: block, signature })
}

/// A chain of good blocks in these slots; the state after it.
fn chain(slots: impl IntoIterator<Item = Slot>) -> (Vec<(Root, SignedBeaconBlock)>, BeaconState) {
    let mut state = (*genesis()).clone();
    let blocks = slots.into_iter().map(|slot| extend(&mut state, slot, |_| {})).collect();
    (blocks, state)
}

impl Node {
    fn has(&self, blocks: &[(Root, SignedBeaconBlock)]) {
        let mut shelf = self.0.lock().unwrap();
        shelf.blocks.extend(blocks.iter().map(|(root, block)| (root.to_string(), block.clone())));
    }

    fn fetched(&self) -> usize {
        self.0.lock().unwrap().fetched
    }
}

/// Two nodes and who watches them.
struct Net {
    nodes: [Node; 2],
    clients: [Client; 2],
    referee: Referee,
}

impl Net {
    fn new() -> Self {
        let nodes = [Node::default(), Node::default()];
        let clients = nodes.clone().map(|node| Client::new(Arc::new(node)));
        Self { nodes, clients, referee: Referee::new(config(), genesis()) }
    }

    /// The nodes a0 and b0 on these heads.
    async fn look(&mut self, slot: Slot, heads: [(Root, Slot); 2], over: bool) -> Vec<Event> {
        let finalized = Root::ZERO;
        let named = ["a0", "b0"].into_iter().zip(&self.clients).zip(heads);
        let nodes: Vec<Follower<'_>> = named
            .map(|((name, client), (head, head_slot))| Follower { name, client, head, head_slot, finalized })
            .collect();
        let now = Now { at_ms: 0, slot: Some(slot) };
        match over {
            true => self.referee.finish(&nodes, now, WITHIN).await,
            false => self.referee.look(&nodes, now, WITHIN).await,
        }
    }
}

#[tokio::test]
async fn every_block_back_to_genesis_is_recomputed_and_fetched_once() {
    let mut net = Net::new();
    let (blocks, _) = chain([1, 2, 4, 9]);
    net.nodes[0].has(&blocks);
    net.nodes[1].has(&blocks);
    let head = (blocks[3].0, 9);
    assert_eq!(net.look(9, [head, head], false).await, []);
    assert_eq!(net.look(9, [(blocks[2].0, 4), head], true).await, [Event::Refereed { blocks: 4, unjudged: 0 }]);
    assert_eq!(net.nodes[0].fetched() + net.nodes[1].fetched(), 4);
}

#[tokio::test]
async fn a_block_with_another_state_is_told_once_with_both_sides_and_the_values() {
    let mut net = Net::new();
    let (good, mut state) = chain([1, 2]);
    let mut honest = state.clone();
    let wrong = extend(&mut state, 3, |post| *post.balances.get_mut(3).unwrap() -= 7);
    net.nodes[1].0.lock().unwrap().states.insert(wrong.1.message.state_root.to_string(), state.clone());
    let after = extend(&mut state, 5, |_| {});
    let other = extend(&mut honest, 4, |_| {});
    net.nodes[0].has(&good);
    net.nodes[0].has(std::slice::from_ref(&other));
    net.nodes[1].has(&good);
    net.nodes[1].has(&[wrong.clone(), after.clone()]);
    assert_eq!(net.look(3, [(good[1].0, 2), (wrong.0, 3)], false).await, []);
    // Nobody has gone on without it yet: who refused it is not known.
    assert_eq!(net.look(5, [(good[1].0, 2), (after.0, 5)], false).await, []);
    let told = net.look(5, [(other.0, 4), (after.0, 5)], false).await;
    let [Event::Disputed(told)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((told.block_slot, &told.block), (3, &wrong.0.to_string()));
    assert!(told.why.contains("its state root is") && told.unseen.is_none(), "{told:?}");
    assert_eq!((told.took.clone(), told.refused.clone()), (vec!["b0".to_owned()], vec!["a0".to_owned()]));
    let field = &told.fields[0];
    assert_eq!((field.field.as_str(), told.differing), ("balances[3]", 1));
    assert_eq!((field.ours.as_str(), field.theirs.as_str()), ("32000000000", "31999999993"));
    // The block after it can't be judged; the branches are told of when they last.
    let split = net.look(8, [(other.0, 4), (after.0, 5)], false).await;
    let [Event::Split { from_slot: 3, sides, .. }] = split.as_slice() else { panic!("{split:?}") };
    assert_eq!(sides.len(), 2);
    let end = net.look(9, [(other.0, 4), (after.0, 5)], true).await;
    assert_eq!(end, [Event::Refereed { blocks: 4, unjudged: 1 }]);
}

#[tokio::test]
async fn a_block_that_all_took_has_nobody_who_refused_it() {
    let mut net = Net::new();
    let (good, _) = chain([1]);
    let mut wrong = good[0].1.clone();
    wrong.signature = Bytes([0xc0; 96]);
    for node in &net.nodes {
        node.has(&[(good[0].0, wrong.clone())]);
    }
    let head = (good[0].0, 1);
    assert_eq!(net.look(1, [head, head], false).await, []);
    let told = net.look(3, [head, head], false).await;
    let [Event::Disputed(told)] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.why.contains("invalid") && told.fields.is_empty(), "{told:?}");
    assert_eq!((told.took.len(), told.refused.len()), (2, 0));
}

#[tokio::test]
async fn what_a_node_does_not_serve_is_asked_again_and_judged_later() {
    let mut net = Net::new();
    let (blocks, _) = chain([1, 2]);
    net.nodes[0].has(&blocks[1..]);
    let head = (blocks[1].0, 2);
    assert_eq!(net.look(2, [head, head], false).await, []);
    net.nodes[1].has(&blocks);
    assert_eq!(net.look(2, [head, head], true).await, [Event::Refereed { blocks: 2, unjudged: 0 }]);
}

#[tokio::test]
async fn who_refuses_a_good_block_is_told_with_the_block_once_it_stays_behind() {
    let mut net = Net::new();
    let (blocks, _) = chain([1, 2, 3, 4]);
    net.nodes[0].has(&blocks);
    net.nodes[1].has(&blocks[..2]);
    let (behind, ahead) = ((blocks[1].0, 2), (blocks[3].0, 4));
    assert_eq!(net.look(3, [(blocks[2].0, 3), behind], false).await, []);
    assert_eq!(net.look(10, [ahead, behind], false).await, []);
    let told = net.look(11, [ahead, behind], false).await;
    let [Event::Stalled(told)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((told.node.as_str(), told.head_slot, told.since, told.block_slot), ("b0", 2, 3, 3));
    assert_eq!(
        (&told.block, told.has, &told.followed),
        (&blocks[2].0.to_string(), Some(false), &vec!["a0".to_owned()])
    );
    assert_eq!(net.look(12, [ahead, behind], true).await, [Event::Refereed { blocks: 4, unjudged: 0 }]);
}

#[tokio::test]
async fn who_stays_before_a_wrong_block_for_long_refused_it() {
    let mut net = Net::new();
    let (good, mut state) = chain([1]);
    let wrong = extend(&mut state, 2, |post| *post.balances.get_mut(3).unwrap() -= 7);
    net.nodes[0].has(&good);
    net.nodes[0].has(std::slice::from_ref(&wrong));
    net.nodes[1].has(&good);
    let heads = [(wrong.0, 2), (good[0].0, 1)];
    assert_eq!(net.look(2, heads, false).await, []);
    assert_eq!(net.look(9, heads, false).await, []);
    let told = net.look(10, heads, false).await;
    let [Event::Disputed(told)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((told.took.clone(), told.refused.clone()), (vec!["a0".to_owned()], vec!["b0".to_owned()]));
}

#[tokio::test]
async fn heads_of_which_nobody_gives_the_block_are_counted() {
    let mut net = Net::new();
    let (blocks, _) = chain([1, 2, 3]);
    let head = (blocks[1].0, 2);
    assert_eq!(net.look(2, [head, head], true).await, [Event::Refereed { blocks: 0, unjudged: 1 }]);
    // The one before it is not to be had: of it, too, it is known that it is there.
    net.nodes[0].has(&blocks[1..]);
    let head = (blocks[2].0, 3);
    assert_eq!(net.look(3, [head, head], true).await, [Event::Refereed { blocks: 0, unjudged: 3 }]);
    net.nodes[0].has(&blocks);
    assert_eq!(net.look(3, [head, head], true).await, [Event::Refereed { blocks: 3, unjudged: 0 }]);
}

#[tokio::test]
async fn at_the_end_it_catches_up() {
    let mut net = Net::new();
    let (blocks, _) = chain(1..=70);
    net.nodes[0].has(&blocks);
    let head = (blocks[69].0, 70);
    assert_eq!(net.look(70, [head, head], true).await, [Event::Refereed { blocks: 70, unjudged: 0 }]);
}

#[test]
fn states_before_the_finalized_block_are_dropped_and_others_are_bounded() {
    let client = Client::new(Arc::new(Node::default()));
    let mut referee = Referee::new(config(), genesis());
    let root = |n: usize| Bytes(crate::ssz::sha256(&n.to_le_bytes()).0);
    for n in 0..400 {
        let judged = Judged::Good(Some(genesis()));
        referee.blocks.insert(root(n), Entry { slot: n as Slot + 1, parent: root(n.wrapping_sub(1)), judged });
    }
    let mut kept = |finalized: Root| {
        let node = Follower { name: "a0", client: &client, head: root(399), head_slot: 400, finalized };
        referee.prune(&[node]);
        let slots: Vec<Slot> = referee.with_states().map(|entry| entry.slot).collect();
        (slots.len(), slots.into_iter().min())
    };
    assert_eq!(kept(Root::ZERO), (MOST_STATES, Some(145)));
    assert_eq!(kept(root(299)), (101, Some(300)));
}
