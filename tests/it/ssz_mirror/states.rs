//! Roots of states as they live: with the roots that their lists keep from one change to the next, made by genesis, by
//! slots, by blocks and by the upgrade to each fork.

use super::{assert_same, named};
use crate::chain::{script::Script, setup};
use lockin::genesis::{Convention, genesis_state};
use lockin::spec;
use lockin::ssz::{Fork, Preset, Shape, Ssz};
use lockin::types::{
    BeaconState, ChainConfig, HistoricalSummary, PendingDeposit, PendingPartialWithdrawal, SignedBeaconBlock, Validator,
};
use lockin::witness::our_view;
use lockin::witness::random::Dice;

const VALIDATORS: u64 = 64;

/// The living object against what `ssz_rs` reads from its encoding.
fn assert_root<T: Ssz>(name: &str, shape: Shape, value: &T, what: &str) {
    let (pair, ours) = (named(name, shape), our_view(shape, value));
    let what = format!("{} {what}", pair.title());
    let theirs = (pair.theirs)(&ours.encoding).unwrap_or_else(|error| panic!("{what}: ssz_rs refuses it: {error}"));
    assert_same(&what, &ours, &theirs);
}

fn genesis(cfg: &ChainConfig, fork: Fork, convention: Convention) -> BeaconState {
    genesis_state(cfg, fork, convention, 1_600_000_000, VALIDATORS).expect("a genesis state")
}

#[test]
fn genesis_states_have_the_same_root() {
    for cfg in [ChainConfig::minimal(), ChainConfig::mainnet()] {
        for fork in Fork::ALL {
            let state = genesis(&cfg, fork, Convention::Genesis);
            assert_root("BeaconState", cfg.shape(fork), &state, "of genesis");
        }
    }
}

#[test]
fn states_have_the_same_root_after_each_slot() {
    for fork in Fork::ALL {
        let mut cfg = ChainConfig::minimal();
        cfg.start_at(fork);
        let mut state = genesis(&cfg, fork, Convention::Upgraded);
        for slot in 1..=3 * cfg.preset.slots_per_epoch {
            spec::process_slots(&cfg, &mut state, slot).expect("empty slots");
            assert_root("BeaconState", cfg.shape(fork), &state, &format!("at slot {slot}"));
        }
    }
}

#[test]
fn mainnet_states_have_the_same_root_after_an_epoch() {
    let mut cfg = ChainConfig::mainnet();
    cfg.start_at(Fork::Fulu);
    let mut state = genesis(&cfg, Fork::Fulu, Convention::Genesis);
    let shape = cfg.shape(Fork::Fulu);
    state.hash_tree_root(shape);
    spec::process_slots(&cfg, &mut state, cfg.preset.slots_per_epoch + 1).expect("empty slots");
    assert_root("BeaconState", shape, &state, "after an epoch");
}

/// Everybody does their duty through all forks: blocks full of votes, sync aggregates, payloads, finality.
#[test]
fn a_chain_through_all_forks_has_the_same_roots() {
    let mut script = Script::new(setup::every_fork(Fork::Fulu), 1, VALIDATORS as usize);
    let end = script.cfg.start_slot(script.cfg.fork_epoch(Fork::Fulu) + 1);
    for slot in 1..=end {
        script.run_slot(slot);
        let head = script.chain(0).head();
        assert_eq!(head.slot, slot);
        let shape = script.cfg.shape_at_slot(slot);
        assert_root("BeaconState", shape, &*head.state, &format!("at slot {slot}"));
        let block = script.chain(0).block_by_root(&head.root).expect("the head's block");
        assert_root::<SignedBeaconBlock>("SignedBeaconBlock", shape, &block, &format!("at slot {slot}"));
        assert_eq!(block.message.hash_tree_root(shape), head.root);
    }
    assert!(script.chain(0).finalized().epoch > 0, "a chain without votes shows little");
}

/// One change to what a state's sequences hold.
fn change(state: &mut BeaconState, shape: Shape, dice: &mut Dice) {
    let (at, number, root) = (dice.below(64), dice.number(), dice.bytes().into());
    match dice.below(19) {
        0 => assert!(state.block_roots.set(at, root)),
        1 => assert!(state.randao_mixes.set(at, root)),
        2 => assert!(state.slashings.set(at, number)),
        3 => state.historical_roots.push(root),
        4 => state.balances.push(number),
        5 => state.balances.update(|index, balance| (index % 3 > 0).then_some(balance ^ number)),
        6 => state.validators.push(Validator { withdrawal_credentials: root, ..Validator::default() }),
        7 => {
            if let Some(last) = state.validators.len().checked_sub(1) {
                state.validators.get_mut(last).expect("the last one").exit_epoch = number;
            }
        }
        8 => state.balances.truncate(at),
        9 => state.previous_epoch_participation = std::mem::take(&mut state.current_epoch_participation),
        10 => state.current_epoch_participation.push(number as u8),
        11 => state.eth1_data_votes.clear(),
        12 => {
            let mut scores = state.inactivity_scores.to_vec();
            scores.resize(at, number);
            state.inactivity_scores = scores.into();
        }
        13 => {
            let summary = HistoricalSummary { block_summary_root: root, state_summary_root: root };
            state.historical_summaries.push(summary);
        }
        14 => state.pending_deposits.push(PendingDeposit { amount: number, ..PendingDeposit::default() }),
        15 => state.pending_deposits = state.pending_deposits.iter().skip(at).copied().collect(),
        16 => {
            let (validator_index, withdrawable_epoch) = (at as u64, number);
            let pending = PendingPartialWithdrawal { validator_index, amount: number, withdrawable_epoch };
            if state.pending_partial_withdrawals.is_full(shape) {
                state.pending_partial_withdrawals.truncate(at);
            }
            state.pending_partial_withdrawals.push(pending);
        }
        17 => assert!(state.proposer_lookahead.set(at % state.proposer_lookahead.len(), number)),
        _ => state.next_sync_committee = std::mem::replace(&mut state.current_sync_committee, Ssz::zero(shape)),
    }
}

/// Roots that sequences keep must not outlive what they were of: not after a write, and not in a clone.
#[test]
fn kept_roots_follow_every_change() {
    let shape = Shape::new(Fork::Fulu, Preset::minimal());
    let pair = named("BeaconState", shape);
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let mut state = BeaconState::decode(shape, &(pair.random)(&mut dice)).expect("a random state");
        for step in 0..40 {
            // With a clone beside it, a write copies the elements; without one, it goes to where the root is kept.
            let before = dice.flag().then(|| (state.clone(), state.hash_tree_root(shape)));
            change(&mut state, shape, &mut dice);
            assert_root("BeaconState", shape, &state, &format!("of seed {seed} after change {step}"));
            if let Some((before, root)) = before {
                assert_eq!(before.hash_tree_root(shape), root, "seed {seed}: change {step} reached the original");
                assert_root("BeaconState", shape, &before, &format!("of seed {seed} before change {step}"));
            }
        }
    }
}
