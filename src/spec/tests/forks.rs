//! Chains over the boundaries of forks.

use super::*;

fn with_forks(epoch_of: impl Fn(ForkName) -> Epoch) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    ForkName::ALL.into_iter().for_each(|fork| cfg.set_fork_epoch(fork, epoch_of(fork)));
    cfg
}

/// The root of a state that has been built up is that of the same state read from bytes: no list kept a stale root.
fn assert_root_is_fresh(rig: &Rig) {
    let shape = rig.cfg.shape_at_slot(rig.state.slot);
    let read = BeaconState::decode(shape, &rig.state.encode(shape)).unwrap();
    assert_eq!(rig.state.hash_tree_root(shape), read.hash_tree_root(shape));
}

#[test]
fn a_chain_crosses_every_fork_and_finalizes_on_the_way() {
    let mut rig = Rig::new(with_forks(|fork| fork as u64), 16);
    for (index, fork) in ForkName::ALL.into_iter().enumerate() {
        rig.run_to(8 * (index as u64 + 1));
        let reached = fork.next().unwrap_or(fork);
        assert_eq!(fork_of(&rig.cfg, &rig.state), reached);
        assert_eq!(rig.state.fork.current_version, rig.cfg.fork_version(reached));
        assert_root_is_fresh(&rig);
    }
    rig.run_to(80);
    assert!(rig.state.finalized_checkpoint.epoch >= 7, "{:?}", rig.state.finalized_checkpoint);
    assert_root_is_fresh(&rig);
}

#[test]
fn forks_that_fall_on_one_epoch_follow_each_other_at_once() {
    for epoch in [1, 2] {
        let mut rig = Rig::new(with_forks(|fork| if fork == ForkName::Phase0 { 0 } else { epoch }), 16);
        rig.run_to(8 * epoch + 17);
        assert_eq!(rig.state.fork.previous_version, rig.cfg.electra_fork_version);
        assert_eq!(rig.state.fork.current_version, rig.cfg.fulu_fork_version);
        assert_eq!(rig.state.fork.epoch, epoch);
        assert_root_is_fresh(&rig);
    }
}

#[test]
fn slots_without_blocks_at_a_boundary_change_nothing_about_the_upgrade() {
    let cfg = with_forks(|fork| if fork == ForkName::Fulu { 2 } else { 0 });
    let mut rig = Rig::new(cfg, 16);
    rig.run_to(13);
    // The first block of fulu comes in the middle of its second epoch.
    // By then votes of the last block are too old.
    rig.attestations.clear();
    let signed = rig.block(28);
    rig.import(&signed).unwrap();
    rig.run_to(34);
    assert_eq!(rig.state.fork.epoch, 2);
    assert_root_is_fresh(&rig);
}

#[test]
fn proposers_of_the_next_epoch_are_known_since_fulu() {
    let mut rig = Rig::new(with_forks(|fork| if fork == ForkName::Fulu { 1 } else { 0 }), 16);
    rig.run_to(7);
    assert!(get_proposer_assignments(&rig.cfg, &rig.state, 1).is_err());
    rig.run_to(8);
    for epoch in 1..4 {
        let [this, next] = [epoch, epoch + 1].map(|e| get_proposer_assignments(&rig.cfg, &rig.state, e).unwrap());
        assert!(get_proposer_assignments(&rig.cfg, &rig.state, epoch + 2).is_err());
        assert!(get_proposer_assignments(&rig.cfg, &rig.state, epoch - 1).is_err());
        for (slot, proposer) in (8 * epoch + 1..).zip(&this[1..]) {
            assert_eq!(get_beacon_proposer_index(&rig.cfg, &rig.state_at(slot)), Ok(*proposer));
        }
        rig.run_to(8 * (epoch + 1));
        assert_eq!(get_proposer_assignments(&rig.cfg, &rig.state, epoch + 1).as_ref(), Ok(&next));
    }
}

#[test]
fn duties_depend_on_the_slot_before_their_proposers_are_drawn() {
    let cfg = with_forks(|fork| if fork == ForkName::Fulu { 3 } else { 0 });
    // Before fulu and in its first epoch: the end of the epoch before. Then an epoch earlier.
    assert_eq!([1, 2, 3, 4, 5].map(|epoch| proposer_dependent_slot(&cfg, epoch)), [7, 15, 23, 23, 31]);
    let from_genesis = network_of(ForkName::Fulu);
    assert_eq!([0, 1, 2].map(|epoch| proposer_dependent_slot(&from_genesis, epoch)), [0, 0, 7]);
}
