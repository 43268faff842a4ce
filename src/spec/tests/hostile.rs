//! States and blocks with any bytes in them are refused or processed, and never make the transition panic.

use proptest::prelude::*;

use super::*;
use std::sync::LazyLock;

/// Chains of forks that work in different ways, with their next blocks, one slot before an epoch ends.
static CHAINS: LazyLock<[(Rig, SignedBeaconBlock); 4]> = LazyLock::new(|| {
    [ForkName::Phase0, ForkName::Altair, ForkName::Deneb, ForkName::Fulu].map(|fork| {
        let mut rig = Rig::new(network_of(fork), 16);
        rig.run_to(22);
        let signed = rig.block(23);
        (rig, signed)
    })
});

/// Overwrites eight bytes somewhere, mostly with the ends of the integer range.
fn damage(bytes: &mut [u8], damages: &[(prop::sample::Index, u64)]) {
    for (at, value) in damages {
        let at = at.index(bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, u64)>> {
    let value = prop_oneof![Just(u64::MAX), Just(0), Just(1 << 63), 0u64..70, any::<u64>()];
    prop::collection::vec((any::<prop::sample::Index>(), value), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_state_ends_its_epoch_or_says_why_not(chain in 0usize..4, damages in damages()) {
        let (rig, signed) = &CHAINS[chain];
        let shape = rig.cfg.shape_at_slot(22);
        let mut bytes = rig.state.encode(shape);
        damage(&mut bytes, &damages);
        if let Ok(mut state) = BeaconState::decode(shape, &bytes) {
            // The slot decides how long the transition runs and which fork applies: it is the caller's to bound.
            state.slot = 22;
            let mut advanced = state.clone();
            let _ = process_slots(&rig.cfg, &mut advanced, 24);
            if process_slots(&rig.cfg, &mut state, 23).is_ok() {
                let _ = process_block(&rig.cfg, &mut state, &signed.message, &mut Signatures::Trust);
            }
        }
    }

    #[test]
    fn a_damaged_block_is_processed_or_refused(chain in 0usize..4, damages in damages()) {
        let (rig, signed) = &CHAINS[chain];
        let shape = rig.cfg.shape_at_slot(23);
        let mut bytes = signed.message.encode(shape);
        damage(&mut bytes, &damages);
        if let Ok(mut block) = BeaconBlock::decode(shape, &bytes) {
            let mut state = rig.state_at(23);
            let _ = blocks::process_operations(&rig.cfg, &mut state.clone(), &block.body, &mut Signatures::Trust);
            block.slot = 23;
            let _ = process_block(&rig.cfg, &mut state, &block, &mut Signatures::Trust);
        }
    }
}

#[test]
fn votes_from_the_ends_of_time_are_refused() {
    let (rig, _) = &CHAINS[1];
    let state = rig.state_at(23);
    let vote = rig.attestations[0].clone();
    for far in [u64::MAX, u64::MAX / 8, 1 << 60] {
        let mut late = vote.clone();
        late.data.slot = far;
        late.data.target.epoch = compute_epoch_at_slot(&rig.cfg, far);
        let refused = blocks::check_attestation(&rig.cfg, &state, &late, &mut Signatures::Trust);
        assert!(matches!(refused, Err(Error::EpochNotRecent { .. })));
        assert!(get_attesting_indices(&rig.cfg, &state, &late).is_ok(), "any slot has committees, as in the spec");
        late.data.index = far;
        let refused = get_attesting_indices(&rig.cfg, &state, &late);
        assert!(matches!(refused, Err(Error::UnknownCommittee { .. })));
    }
}
