//! `fork_choice` and `sync`: steps on a store, and what it must say in between.
//!
//! Beside the store that takes each step as the spec's helpers do, two more run along and must agree with it: one that
//! takes the operations of blocks as an importing node does, and one that is pruned after every step.

use super::super::case::Case;
use lockin::spec::fork_choice::{
    Retrieved, Store, get_current_slot, get_filtered_block_tree, get_forkchoice_store, get_head, get_proposer_head,
    get_weight, nodes, on_attestation, on_attester_slashing, on_block, on_block_operations, on_tick, prune,
};
use lockin::ssz::{Fork, List, Root, Ssz};
use lockin::types::limits::MaxBlobCommitmentsPerBlock;
use lockin::types::{
    Attestation, AttesterSlashing, BeaconBlock, BeaconState, Blob, ChainConfig, Checkpoint, DataColumnSidecar, Hash32,
    KzgProof, PowBlock, SignedBeaconBlock,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

mod engine;
use engine::{Engine, PayloadStatus};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    tick: Option<u64>,
    block: Option<String>,
    blobs: Option<String>,
    proofs: Option<Vec<String>>,
    columns: Option<Vec<String>>,
    pow_block: Option<String>,
    block_hash: Option<String>,
    payload_status: Option<PayloadStatus>,
    attestation: Option<String>,
    attester_slashing: Option<String>,
    #[serde(default = "yes")]
    valid: bool,
    checks: Option<Checks>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    head: Option<HeadCheck>,
    time: Option<u64>,
    genesis_time: Option<u64>,
    justified_checkpoint: Option<CheckpointCheck>,
    finalized_checkpoint: Option<CheckpointCheck>,
    proposer_boost_root: Option<String>,
    get_proposer_head: Option<String>,
    viable_for_head_roots_and_weights: Option<Vec<WeightCheck>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadCheck {
    slot: u64,
    root: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointCheck {
    epoch: u64,
    root: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightCheck {
    root: String,
    weight: u64,
}

struct Stores {
    cfg: ChainConfig,
    spec: Store,
    node: Store,
    pruned: Store,
    pow_blocks: BTreeMap<Hash32, PowBlock>,
    /// What an execution engine says of payloads; valid, where a case says nothing.
    engine: Engine,
}

/// What comes beside a block.
enum Beside {
    Blobs(Vec<Blob>, Vec<KzgProof>),
    Columns(Vec<DataColumnSidecar>),
    Missing,
}

impl Beside {
    fn read(case: &Case, step: &Step) -> Result<Self, String> {
        match (&step.columns, case.fork()? >= Fork::Fulu) {
            (Some(columns), true) if columns.is_empty() => return Ok(Self::Missing),
            (Some(columns), true) => {
                return columns.iter().map(|file| case.ssz(file)).collect::<Result<_, _>>().map(Self::Columns);
            }
            (None, true) => return Ok(Self::Columns(Vec::new())),
            (Some(_), false) => return Err("columns before fulu".into()),
            (None, false) => {}
        }
        let blobs = step.blobs.as_ref().map(|file| case.ssz::<List<Blob, MaxBlobCommitmentsPerBlock>>(file));
        let proofs = step.proofs.iter().flatten().map(|proof| proof.parse::<KzgProof>());
        let proofs = proofs.collect::<Result<_, _>>().map_err(|error| format!("proofs: {error}"))?;
        Ok(Self::Blobs(blobs.transpose()?.unwrap_or_default().to_vec(), proofs))
    }

    fn retrieved(&self) -> Retrieved<'_> {
        match self {
            Self::Blobs(blobs, proofs) => Retrieved::Blobs(blobs, proofs),
            Self::Columns(columns) => Retrieved::Columns(columns),
            Self::Missing => Retrieved::Missing,
        }
    }
}

/// `sync`: the same with an engine that has not judged every payload.
pub fn sync(case: &Case) -> Result<(), String> {
    if case.id.handler == "optimistic" { run(case) } else { Err(super::unknown_handler(case)) }
}

pub fn run(case: &Case) -> Result<(), String> {
    let cfg = case.config()?;
    let anchor_state: BeaconState = case.ssz("anchor_state")?;
    let anchor_block: BeaconBlock = case.ssz("anchor_block")?;
    let spec = get_forkchoice_store(&cfg, Arc::new(anchor_state), &anchor_block).map_err(|error| error.to_string())?;
    let (node, pruned) = (spec.clone(), spec.clone());
    let mut stores = Stores { cfg, spec, node, pruned, pow_blocks: BTreeMap::new(), engine: Engine::default() };
    let steps: Vec<Step> = case.yaml("steps.yaml")?;
    for (index, step) in steps.into_iter().enumerate() {
        stores.step(case, step).map_err(|error| format!("step {index}: {error}"))?;
        prune(&mut stores.pruned);
        stores.agree().map_err(|error| format!("after step {index}: {error}"))?;
    }
    Ok(())
}

impl Stores {
    fn step(&mut self, case: &Case, step: Step) -> Result<(), String> {
        let cfg = &self.cfg;
        let all = [&mut self.spec, &mut self.node, &mut self.pruned];
        match step {
            Step { tick: Some(time), valid: true, block: None, attestation: None, attester_slashing: None, .. } => {
                all.into_iter().for_each(|store| on_tick(cfg, store, time));
            }
            Step { block: Some(ref file), valid, .. } => {
                self.block(&case.ssz(file)?, &Beside::read(case, &step)?, valid)?;
            }
            Step { pow_block: Some(file), .. } => {
                let block: PowBlock = case.ssz(&file)?;
                self.pow_blocks.insert(block.block_hash, block);
            }
            Step { block_hash: Some(hash), payload_status: Some(status), .. } => {
                let hash = hash.parse().map_err(|error| format!("block_hash: {error}"))?;
                self.engine.say(hash, status)?;
                for store in all {
                    self.engine.tell_of_known(cfg, store, &hash);
                }
            }
            Step { attestation: Some(file), valid, .. } => {
                let attestation: Attestation = case.ssz(&file)?;
                expect(valid, on_attestation(cfg, &mut self.spec, &attestation, false))?;
                expect(valid, on_attestation(cfg, &mut self.node, &attestation, false))?;
                // May be for a block that is gone: then it counts for nothing in the others either.
                let _ = on_attestation(cfg, &mut self.pruned, &attestation, false);
            }
            Step { attester_slashing: Some(file), valid, .. } => {
                let slashing: AttesterSlashing = case.ssz(&file)?;
                for store in all {
                    expect(valid, on_attester_slashing(cfg, store, &slashing))?;
                }
            }
            Step { checks: Some(checks), .. } => self.check(&checks)?,
            _ => return Err("a step that this runner does not know".into()),
        }
        Ok(())
    }

    fn block(&mut self, block: &SignedBeaconBlock, beside: &Beside, valid: bool) -> Result<(), String> {
        let Self { cfg, spec, node, pruned, pow_blocks, engine } = self;
        for store in [&mut *spec, node, pruned] {
            let import = |store: &mut Store| {
                let get_pow_block = |hash: &Hash32| pow_blocks.get(hash).copied();
                on_block(cfg, store, block, beside.retrieved(), get_pow_block).map_err(|error| error.to_string())
            };
            expect(valid, engine.import(cfg, store, &block.message, import))?;
        }
        if !valid {
            return Ok(());
        }
        let block = &block.message;
        for attestation in block.body.attestations.iter() {
            expect(true, on_attestation(cfg, spec, attestation, true))
                .map_err(|error| format!("attestation of the block: {error}"))?;
        }
        for slashing in block.body.attester_slashings.iter() {
            expect(true, on_attester_slashing(cfg, spec, slashing))
                .map_err(|error| format!("slashing of the block: {error}"))?;
        }
        let root = block.hash_tree_root(cfg.shape_at_slot(block.slot));
        on_block_operations(cfg, node, &root, block);
        on_block_operations(cfg, pruned, &root, block);
        Ok(())
    }

    /// The three stores see the same weights and head.
    fn agree(&self) -> Result<(), String> {
        let weights = |store: &Store| -> BTreeMap<Root, (u64, bool)> {
            nodes(&self.cfg, store).into_iter().map(|node| (node.root, (node.weight, node.viable))).collect()
        };
        let (spec, node, pruned) = (weights(&self.spec), weights(&self.node), weights(&self.pruned));
        if spec != node {
            return Err("importing the operations of blocks gave other weights".into());
        }
        if !pruned.iter().all(|(root, weight)| spec.get(root) == Some(weight)) {
            return Err("pruning gave other weights".into());
        }
        let heads = [&self.spec, &self.node, &self.pruned].map(|store| get_head(&self.cfg, store));
        if heads[1..].iter().any(|head| *head != heads[0]) {
            return Err(format!("the stores disagree about the head: {heads:?}"));
        }
        Ok(())
    }

    fn check(&self, checks: &Checks) -> Result<(), String> {
        let (cfg, store) = (&self.cfg, &self.spec);
        let head = get_head(cfg, store);
        if let Some(expected) = &checks.head {
            let slot = store.node(&head).map(|node| node.slot);
            equal("head", &(slot, head.to_string()), &(Some(expected.slot), expected.root.clone()))?;
        }
        if let Some(expected) = &checks.time {
            equal("time", &store.time(), expected)?;
        }
        if let Some(expected) = &checks.genesis_time {
            equal("genesis_time", &store.genesis_time(), expected)?;
        }
        let checkpoints = [
            ("justified_checkpoint", &checks.justified_checkpoint, store.justified_checkpoint()),
            ("finalized_checkpoint", &checks.finalized_checkpoint, store.finalized_checkpoint()),
        ];
        for (what, expected, Checkpoint { epoch, root }) in checkpoints {
            if let Some(expected) = expected {
                equal(what, &(epoch, root.to_string()), &(expected.epoch, expected.root.clone()))?;
            }
        }
        if let Some(expected) = &checks.proposer_boost_root {
            equal("proposer_boost_root", &store.proposer_boost_root().to_string(), expected)?;
        }
        if let Some(expected) = &checks.get_proposer_head {
            let found = get_proposer_head(cfg, store, &head, get_current_slot(cfg, store));
            equal("get_proposer_head", &found.map_err(|error| error.to_string())?.to_string(), expected)?;
        }
        if let Some(expected) = &checks.viable_for_head_roots_and_weights {
            let expected = expected.iter().map(|leaf| (leaf.root.clone(), leaf.weight)).collect();
            equal("viable_for_head_roots_and_weights", &viable_leaves(cfg, store)?, &expected)?;
        }
        Ok(())
    }
}

/// The leaves of the filtered tree, with their weights.
fn viable_leaves(cfg: &ChainConfig, store: &Store) -> Result<BTreeMap<String, u64>, String> {
    let viable = get_filtered_block_tree(cfg, store);
    let parent = |root: &Root| store.node(root).map(|node| node.parent_root);
    let leaves = viable.iter().filter(|root| viable.iter().all(|other| parent(other) != Some(**root)));
    let weight = |root: &Root| get_weight(cfg, store, root).map_err(|error| error.to_string());
    leaves.map(|root| Ok((root.to_string(), weight(root)?))).collect()
}

fn expect<E: std::fmt::Display>(valid: bool, outcome: Result<(), E>) -> Result<(), String> {
    match (valid, outcome) {
        (true, Ok(())) | (false, Err(_)) => Ok(()),
        (true, Err(error)) => Err(format!("is valid but was refused: {error}")),
        (false, Ok(())) => Err("is invalid but was accepted".into()),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{what} is {actual:?}, expected {expected:?}")) }
}
