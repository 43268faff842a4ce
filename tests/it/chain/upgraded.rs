//! Chains whose genesis state came by upgrades: its latest header is of phase0, whatever the state is.

use lockin::chain::{Event, Origin, Outcome};
use lockin::spec::upgrade::upgrade_to;
use lockin::types::{BeaconState, ChainConfig, ForkName};

use super::script::Script;
use super::setup::{genesis, keys, minimal};

/// Altair from the start, and the state that the upgrade makes of phase0's genesis.
fn upgraded(count: usize) -> (ChainConfig, BeaconState) {
    let mut state = genesis(&minimal(u64::MAX), &keys(count));
    let cfg = minimal(0);
    upgrade_to(&cfg, &mut state, ForkName::Altair).unwrap();
    (cfg, state)
}

#[test]
fn a_chain_begins_with_an_upgraded_genesis_state_and_comes_back_to_it() {
    let (cfg, state) = upgraded(16);
    let mut script = Script::from_genesis(cfg, 2, keys(16), state);
    let begin = script.chain(0).head().root;
    script.restart(0);
    assert_eq!(script.chain(0).head().root, begin);
    script.run_slot(1);
    let first = script.chain(1).canonical_block_at(1).expect("was proposed");
    assert_eq!(first.message.parent_root, begin, "the first block builds on the block that the state knows");
    assert_eq!(script.chain(0).head().root, script.chain(1).head().root);
}

#[test]
fn the_first_block_is_known_by_its_own_root_when_a_peer_sends_it() {
    let (cfg, state) = upgraded(16);
    let mut script = Script::from_genesis(cfg, 1, keys(16), state);
    let block = script.chain(0).block_by_root(&script.chain(0).head().root).expect("it is kept");
    let (origin, now_ms) = (Origin::Sync(1), script.now_ms);
    script.send(0, Event::Block { block, origin, now_ms });
    assert_eq!(script.outcome(0, origin), Some(Outcome::Accept), "as a block that is there");
}

#[test]
fn a_chain_does_not_begin_with_the_header_of_another_block() {
    let (cfg, mut state) = upgraded(8);
    state.latest_block_header.body_root.0[0] ^= 1;
    let rows = std::sync::Arc::new(lockin::chain::MemoryRows::default());
    let begun = lockin::chain::Chain::genesis(cfg.into(), lockin::chain::Memo::new(2), rows, state.into());
    assert!(begun.is_err());
}
