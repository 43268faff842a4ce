//! Beginnings: from a genesis state, or from what an earlier life wrote.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::blocks::Blocks;
use super::effect::Effect;
use super::held::{Arrival, Held};
use super::memo::Recall;
use super::schema::{self, Anchor};
use super::verdict::Fault;
use super::{Chain, Error, Head, Memo, Metrics, Origin, Rows};
use crate::spec;
use crate::spec::fork_choice::{self, Store};
use crate::ssz::{Bytes, Root, Ssz};
use crate::types::{BeaconBlock, BeaconBlockBody, BeaconState, ChainConfig, ForkName, SignedBeaconBlock, Slot};

/// The genesis block of a state: nobody signed it, and its body is empty. Its root is the one by which the first block
/// names it, see [`fork_choice::anchor_root`].
fn genesis_block(cfg: &ChainConfig, state: &BeaconState) -> Result<(Root, SignedBeaconBlock), Error> {
    let shape = cfg.shape_at_slot(state.slot);
    let state_root = state.hash_tree_root(shape);
    let body = BeaconBlockBody::zero(shape);
    let header = &state.latest_block_header;
    let block = BeaconBlock { state_root, parent_root: header.parent_root, body, ..BeaconBlock::zero(shape) };
    let root = fork_choice::anchor_root(cfg, state, &block).ok().filter(|_| state.slot == 0).ok_or_else(|| {
        Error::BadRequest(format!(
            "a chain can't begin with this state (slot {}, last block's slot {}, body root {}): only with one of slot 0 \
             whose block has an empty body",
            state.slot, header.slot, header.body_root
        ))
    })?;
    Ok((root, SignedBeaconBlock { message: block, ..SignedBeaconBlock::zero(shape) }))
}

impl Chain {
    /// A chain that starts at a genesis state, and what must be written for [`Chain::restore`] to find it.
    ///
    /// # Errors
    /// The state is no genesis state.
    pub fn genesis(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        state: Arc<BeaconState>,
    ) -> Result<(Chain, Vec<Effect>), Error> {
        let (root, block) = genesis_block(&cfg, &state)?;
        let bytes = state.encode(cfg.shape_at_slot(0));
        let anchor = Anchor { epoch: 0, root, slot: 0, genesis: root };
        let writes = vec![
            schema::put(schema::block(&root), block.encode(cfg.shape_at_slot(0))),
            schema::put(schema::state_root(&block.message.state_root), root.0.to_vec()),
            schema::put(schema::canonical(0), root.0.to_vec()),
            schema::put(schema::snapshot(0), bytes),
            schema::put(schema::ANCHOR.to_vec(), anchor.to_bytes()),
        ];
        let block = Arc::new(block);
        let store = fork_choice::get_forkchoice_store(&cfg, state.clone(), &block.message)
            .map_err(|error| Error::BadRequest(format!("starting fork choice at genesis: {error}")))?;
        let blocks = Blocks::new(cfg.clone(), rows.clone(), (root, block), BTreeMap::from([(0, root)]));
        let chain = Chain::over(cfg, memo, rows, store, blocks, anchor, state);
        Ok((chain, vec![Effect::Persist(writes)]))
    }

    /// The chain as the database holds it; `None` when the database is empty. Blocks newer than the finalized one are
    /// imported again, without checking their signatures a second time; but the execution engine is asked again, since it may
    /// have been ended, too, before it wrote what it was told.
    ///
    /// # Errors
    /// The database can't be read, or lacks what it must hold.
    pub fn restore(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        now_ms: u64,
    ) -> Result<Option<Chain>, Error> {
        let Some(bytes) = rows.get(schema::ANCHOR)? else { return Ok(None) };
        let anchor = Anchor::from_bytes(&bytes)?;
        let state = Arc::new(load_state(&cfg, &*rows, anchor.root, anchor.slot)?);
        let block = Arc::new(load_block(&cfg, &*rows, anchor.root)?);
        let root = anchor.root;
        let found = fork_choice::anchor_root(&cfg, &state, &block.message).map_err(|error| Error::Database {
            what: "block",
            root,
            why: error.to_string(),
        })?;
        if found != root {
            return Err(Error::Database { what: "block", root, why: format!("it hashes to {found}") });
        }
        let store = fork_choice::get_forkchoice_store(&cfg, state.clone(), &block.message)
            .map_err(|error| Error::Database { what: "state", root, why: error.to_string() })?;
        let mut finalized = BTreeMap::new();
        for (key, value) in rows.scan(schema::CANONICAL_PREFIX)? {
            if let (Some(slot), Ok(bytes)) = (schema::slot_of_canonical(&key), <[u8; 32]>::try_from(value.as_slice())) {
                finalized.insert(slot, Bytes(bytes));
            }
        }
        let genesis = Arc::new(load_block(&cfg, &*rows, anchor.genesis)?);
        let blocks = Blocks::new(cfg.clone(), rows.clone(), (anchor.genesis, genesis), finalized);
        let mut chain = Chain::over(cfg, memo, rows, store, blocks, anchor, state);
        chain.import_again(now_ms)?;
        Ok(Some(chain))
    }

    fn over(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        store: Store,
        blocks: Blocks,
        anchor: Anchor,
        state: Arc<BeaconState>,
    ) -> Chain {
        let state_root = store.node(&anchor.root).map(|node| node.state_root).unwrap_or_default();
        Chain {
            clock: cfg.slot_clock(state.genesis_time),
            now_ms: 0,
            slot: 0,
            genesis_validators_root: state.genesis_validators_root,
            head: Head { slot: anchor.slot, root: anchor.root, state_root, state },
            told_justified: store.justified_checkpoint(),
            told_finalized: store.finalized_checkpoint(),
            recall: Recall::new(memo, &cfg),
            kept: Default::default(),
            cfg,
            rows,
            store,
            blocks,
            anchor,
            seen: Default::default(),
            held: Held::default(),
            targets: BTreeMap::new(),
            waiting_votes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sidecars: Default::default(),
            invalid: Default::default(),
            walks: Default::default(),
            attestations: Default::default(),
            sync: Default::default(),
            operations: Default::default(),
            calls: Default::default(),
            told: None,
            told_badly: false,
            fee_recipients: BTreeMap::new(),
            prepared: VecDeque::new(),
            turn: None,
            productions: Default::default(),
            terminal: None,
            pow_blocks: BTreeMap::new(),
            unverified_merges: BTreeSet::new(),
            metrics: Metrics { head_slot: anchor.slot, finalized_epoch: anchor.epoch, ..Metrics::default() },
            stripped: AtomicU64::new(0),
            out: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Imports the blocks newer than the anchor, which an earlier life has verified.
    fn import_again(&mut self, now_ms: u64) -> Result<(), Error> {
        let hot = self.rows.scan(schema::HOT_PREFIX)?;
        let roots: Vec<Root> = hot.iter().filter_map(|(key, _)| schema::root_of_hot(key)).collect();
        let mut blocks = Vec::new();
        for root in roots {
            blocks.push((root, load_block(&self.cfg, &*self.rows, root)?));
        }
        // A clock that was set back must not turn known blocks into blocks of the future.
        let newest = blocks.last().map_or(0, |(_, block)| self.clock.start_of(block.message.slot));
        self.advance_clock(now_ms.max(newest));
        for (root, block) in blocks {
            let parent = block.message.parent_root;
            if !self.store.contains(&parent) {
                continue; // of a fork that finality has ended
            }
            let arrival = Arrival::new(root, Arc::new(block), Origin::Own);
            let post = self
                .advanced(&parent, arrival.block.message.slot)
                .map_err(Fault::from)
                .and_then(|pre| self.transition(&pre, &arrival.block, false));
            match post {
                Ok(post) => {
                    let optimistic = self.fork_at(post.state.slot) >= ForkName::Bellatrix
                        && spec::is_merge_transition_complete(&post.state);
                    let merges = optimistic && self.is_merge_transition_block(&arrival);
                    // one of a dead fork is left out
                    if self.apply_block(&arrival, post, optimistic) && merges {
                        self.unverified_merges.insert(root);
                    }
                }
                Err(Fault::Reject(why) | Fault::Ignore(why) | Fault::Duplicate(why)) => {
                    return Err(Error::Database { what: "block", root, why });
                }
                Err(_) => continue,
            }
        }
        self.told_justified = self.store.justified_checkpoint();
        self.metrics.justified_epoch = self.told_justified.epoch;
        self.metrics.blocks_imported = 0;
        self.metrics.reorgs = 0;
        self.out.clear();
        self.calls = Default::default(); // nobody makes the calls that were just dropped, so nobody answers them
        self.batch.clear();
        Ok(())
    }
}

fn load_block(cfg: &ChainConfig, rows: &dyn Rows, root: Root) -> Result<SignedBeaconBlock, Error> {
    let broken = |why: String| Error::Database { what: "block", root, why };
    let bytes = rows.get(&schema::block(&root))?.ok_or_else(|| broken("it is missing".into()))?;
    cfg.decode_signed_block(&bytes).map_err(|error| broken(error.to_string()))
}

fn load_state(cfg: &ChainConfig, rows: &dyn Rows, root: Root, slot: Slot) -> Result<BeaconState, Error> {
    let broken = |why: String| Error::Database { what: "state", root, why };
    let bytes = rows.get(&schema::snapshot(slot))?.ok_or_else(|| broken("it is missing".into()))?;
    cfg.decode_state(&bytes).map_err(|error| broken(error.to_string()))
}
