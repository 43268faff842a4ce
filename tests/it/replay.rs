//! `lockin replay`: a chain made here, replayed by the command, and what it says when a block or a file is bad.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lockin::crypto::G2_POINT_AT_INFINITY;
use lockin::engine::stub;
use lockin::genesis::{Convention, genesis_state, interop_key};
use lockin::spec;
use lockin::ssz::{Bytes, Fork, Preset, Ssz};
use lockin::types::{BeaconBlock, BeaconBlockBody, BeaconState, ChainConfig, ExecutionPayload, SignedBeaconBlock};

use crate::chain::script::Script;
use crate::chain::setup::every_fork;

const VALIDATORS: u64 = 16;

/// A network directory's worth of files: a configuration, a state, and blocks that cross a fork in each epoch.
struct Chain {
    dir: tempfile::TempDir,
    cfg: ChainConfig,
    blocks: Vec<PathBuf>,
    /// What `replay` must print.
    expected: String,
}

impl Chain {
    fn new(slots: &[u64]) -> Self {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        for (fork, epoch) in Fork::ALL.into_iter().zip(0..) {
            cfg.set_fork_epoch(fork, epoch);
        }
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut state = genesis_state(&cfg, Fork::Phase0, Convention::Genesis, 1_700_000_000, VALIDATORS).expect("ok");
        fs::write(dir.path().join("config.yaml"), cfg.to_yaml()).expect("writes");
        fs::write(dir.path().join("pre.ssz"), state.encode(cfg.shape(Fork::Phase0))).expect("writes");
        let mut chain = Chain { dir, cfg, blocks: Vec::new(), expected: String::new() };
        for slot in slots {
            let block = extend(&chain.cfg, &mut state, *slot);
            chain.expected += &format!("{slot} {}\n", block.message.state_root);
            let path = chain.path(&format!("block-{slot}.ssz"));
            fs::write(&path, block.encode(chain.cfg.shape_at_slot(*slot))).expect("writes");
            chain.blocks.push(path);
        }
        chain
    }

    /// A simulated network's: two nodes with engines, votes, sync committees, withdrawals and blobs, through every fork.
    fn of_network(slots: u64) -> Self {
        let blobs = stub::Script {
            blobs: Some(stub::BlobPlan { every: 2, per_block: 1, shared: false }),
            ..stub::Script::default()
        };
        let mut script = Script::with_engines(every_fork(Fork::Fulu), 2, VALIDATORS as usize, blobs);
        script.run(1..=slots);
        let mut chain = Chain {
            dir: tempfile::tempdir().expect("temporary folder"),
            cfg: (*script.cfg).clone(),
            blocks: Vec::new(),
            expected: String::new(),
        };
        fs::write(chain.path("config.yaml"), chain.cfg.to_yaml()).expect("writes");
        fs::write(chain.path("pre.ssz"), script.genesis.encode(chain.cfg.shape(Fork::Phase0))).expect("writes");
        for slot in 1..=slots {
            let block = script.chain(1).canonical_block_at(slot).expect("nobody misses a slot");
            chain.expected += &format!("{slot} {}\n", block.message.state_root);
            let path = chain.path(&format!("block-{slot}.ssz"));
            fs::write(&path, block.encode(chain.cfg.shape_at_slot(slot))).expect("writes");
            chain.blocks.push(path);
        }
        chain
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn replay(&self, pre: &Path, blocks: &[PathBuf]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lockin"))
            .args(["replay", "--config"])
            .arg(self.path("config.yaml"))
            .arg("--pre")
            .arg(pre)
            .args(blocks)
            .output()
            .expect("runs")
    }

    /// Decodes a block file, changes it, and writes it under another name.
    fn changed(&self, index: usize, change: impl Fn(&mut SignedBeaconBlock)) -> PathBuf {
        let mut block = self.cfg.decode_signed_block(&fs::read(&self.blocks[index]).expect("there")).expect("ours");
        change(&mut block);
        let path = self.path(&format!("changed-{index}.ssz"));
        fs::write(&path, block.encode(self.cfg.shape_at_slot(block.message.slot))).expect("writes");
        path
    }
}

/// An empty block on top of the state, by its proposer, signed; the state is moved on by it.
fn extend(cfg: &ChainConfig, state: &mut BeaconState, slot: u64) -> SignedBeaconBlock {
    spec::process_slots(cfg, state, slot).expect("slots pass");
    let shape = cfg.shape_at_slot(slot);
    let proposer_index = spec::get_beacon_proposer_index(cfg, state).expect("somebody proposes");
    let secret = interop_key(proposer_index).secret;
    let parent_root = state.latest_block_header.hash_tree_root(shape);
    let mut block = BeaconBlock { slot, proposer_index, parent_root, ..BeaconBlock::zero(shape) };
    block.body.randao_reveal = spec::get_epoch_signature(cfg, state, &block, &secret);
    block.body.eth1_data = state.eth1_data;
    block.body.sync_aggregate.sync_committee_signature = G2_POINT_AT_INFINITY;
    if shape.fork >= Fork::Bellatrix {
        block.body.execution_payload = payload(cfg, state);
    }
    if shape.fork >= Fork::Deneb {
        block.body.blob_kzg_commitments.push(Bytes([0xc0; 48]));
    }
    block.state_root = spec::compute_new_state_root(cfg, state, &block).expect("a good block");
    let signature = spec::get_block_signature(cfg, state, &block, &secret);
    let block = SignedBeaconBlock { message: block, signature };
    let mut ignored = spec::Signatures::Trust;
    spec::process_block(cfg, state, &block.message, &mut ignored).expect("a good block");
    block
}

/// A payload that the rules take; what it is worth only an engine could tell.
fn payload(cfg: &ChainConfig, state: &BeaconState) -> ExecutionPayload {
    let shape = cfg.shape_at_slot(state.slot);
    let mut payload = ExecutionPayload {
        parent_hash: state.latest_execution_payload_header.block_hash,
        prev_randao: spec::get_randao_mix(cfg, state, cfg.epoch_of(state.slot)).expect("a mix"),
        timestamp: spec::compute_time_at_slot(cfg, state, state.slot).expect("a time"),
        block_hash: Bytes([state.slot as u8; 32]),
        ..ExecutionPayload::zero(shape)
    };
    if shape.fork >= Fork::Capella {
        payload.withdrawals =
            spec::blocks::get_expected_withdrawals(cfg, state).expect("what is due").withdrawals.into();
    }
    payload
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_simulated_networks_chain_gives_the_roots_that_its_blocks_carry() {
    let chain = Chain::of_network(64);
    let output = chain.replay(&chain.path("pre.ssz"), &chain.blocks);
    assert_eq!(text(&output.stdout), chain.expected, "{}", text(&output.stderr));
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn a_chain_across_every_fork_gives_the_roots_that_its_blocks_carry() {
    let chain = Chain::new(&[1, 2, 5, 8, 9, 17, 24, 31, 33, 40, 41, 47, 49, 57]);
    let output = chain.replay(&chain.path("pre.ssz"), &chain.blocks);
    assert_eq!(text(&output.stdout), chain.expected, "{}", text(&output.stderr));
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));

    // The same from compressed files, as reference vectors are.
    let compressed: Vec<PathBuf> = std::iter::once(chain.path("pre.ssz"))
        .chain(chain.blocks.clone())
        .map(|path| {
            let packed = snap::raw::Encoder::new().compress_vec(&fs::read(&path).expect("there")).expect("compresses");
            let path = path.with_extension("ssz_snappy");
            fs::write(&path, packed).expect("writes");
            path
        })
        .collect();
    let output = chain.replay(&compressed[0], &compressed[1..]);
    assert_eq!(text(&output.stdout), chain.expected, "{}", text(&output.stderr));
}

#[test]
fn the_first_invalid_block_ends_it_with_the_reason() {
    let chain = Chain::new(&[1, 2]);
    let pre = chain.path("pre.ssz");
    let first_line = chain.expected.lines().next().expect("two lines").to_string() + "\n";
    for (what, why) in [
        ("signature", "signature"),
        ("state root", &format!("claims state root 0x{}; it is 0x", "07".repeat(32))),
        ("far away", "slots after the state"),
    ] {
        let bad = chain.changed(1, |block| match what {
            "signature" => block.signature = Bytes([0xc0; 96]),
            // As of a proposer that computes another state: its signature is good.
            "state root" => {
                block.message.state_root = Bytes([7; 32]);
                let secret = interop_key(block.message.proposer_index).secret;
                let state = chain.cfg.decode_state(&fs::read(&pre).expect("there")).expect("ours");
                block.signature = spec::get_block_signature(&chain.cfg, &state, &block.message, &secret);
            }
            _ => {
                block.message.slot = 1 << 40;
                block.message.body = BeaconBlockBody::zero(chain.cfg.shape(Fork::NEWEST_BUILT));
            }
        });
        let output = chain.replay(&pre, &[chain.blocks[0].clone(), bad, chain.blocks[1].clone()]);
        assert_eq!(output.status.code(), Some(1), "{what}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), first_line, "{what}");
        let said = text(&output.stderr);
        assert!(said.contains("changed-1.ssz: the block of slot") && said.contains(why), "{said}");
    }
}

#[test]
fn files_that_are_something_else() {
    let chain = Chain::new(&[1]);
    let pre = chain.path("pre.ssz");
    let noise = chain.path("noise.ssz");
    fs::write(&noise, [0xff; 300]).expect("writes");
    let packed = chain.path("noise.ssz_snappy");
    fs::write(&packed, [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]).expect("writes");
    for (pre, blocks) in [
        (&pre, vec![noise.clone()]),
        (&pre, vec![chain.path("missing.ssz")]),
        (&pre, vec![packed.clone()]),
        (&pre, vec![pre.clone()]),
        (&noise, chain.blocks.clone()),
        (&packed, chain.blocks.clone()),
        (&pre, vec![]),
    ] {
        let output = chain.replay(pre, &blocks);
        assert_eq!(output.status.code(), Some(2), "{blocks:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn a_state_and_a_configuration_of_different_networks() {
    let chain = Chain::new(&[1]);
    let mut cfg = chain.cfg.clone();
    cfg.start_at(Fork::Altair);
    fs::write(chain.path("config.yaml"), cfg.to_yaml()).expect("writes");
    let output = chain.replay(&chain.path("pre.ssz"), &chain.blocks);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("a state of phase0, but by the configuration"), "{}", text(&output.stderr));
}
