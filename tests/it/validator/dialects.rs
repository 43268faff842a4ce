//! The validator on beacon nodes that answer as other clients do.

use std::sync::Arc;

use lockin::ssz::Bytes;
use lockin::validator::Outcome;

use super::node::{Dialect, Node, OURS};
use super::{all_forks, run_slot, validator};

#[test]
fn a_node_that_knows_only_first_versions_is_served_by_them() {
    let node = Arc::new(Node::with_forks(&all_forks()[..3]));
    node.script.lock().unwrap().dialect = Dialect::Lodestar;
    let validator = validator(&node);
    let outcomes: Vec<Outcome> = (0..5 * 8).flat_map(|slot| run_slot(&validator, slot)).collect();
    let undone: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_done()).collect();
    assert_eq!(undone, Vec::<&Outcome>::new());
    let log = node.log.lock().unwrap();
    assert_eq!((log.blocks.len(), log.aggregates.len()), (15 + 8, OURS as usize * 5));
}

#[test]
fn nodes_of_other_dialects_are_served_across_every_fork() {
    for dialect in [Dialect::Teku, Dialect::Prysm] {
        let node = Arc::new(Node::with_forks(&all_forks()));
        node.script.lock().unwrap().dialect = dialect;
        let validator = validator(&node).with_fee_recipient(Bytes([7; 20]));
        let outcomes: Vec<Outcome> = (0..8 * 8).flat_map(|slot| run_slot(&validator, slot)).collect();
        let undone: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_done()).collect();
        assert_eq!(undone, Vec::<&Outcome>::new(), "{dialect:?}");
        let log = node.log.lock().unwrap();
        let turns = (1..64).filter(|slot| slot % 32 < OURS).count();
        assert_eq!((log.blocks.len(), log.attestations.len()), (turns, OURS as usize * 8), "{dialect:?}");
    }
}
