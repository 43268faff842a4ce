//! A head that is behind the clock: what it can't know it holds against nobody.

use lockin::chain::Outcome;

use super::script::Script;
use super::setup::minimal;

/// Outcomes of all sync committee messages and contributions of the present slot, as node 1 hears them of node 0.
fn heard(script: &mut Script) -> Vec<Outcome> {
    let before = script.nodes[1].outcomes.len();
    script.nodes[1].partition = 0;
    script.sync_messages(0, |_| true);
    script.contribute(0, |_| true);
    script.nodes[1].partition = 1;
    let outcomes: Vec<Outcome> =
        script.nodes[1].outcomes[before..].iter().map(|(_, outcome)| outcome.clone()).collect();
    assert!(outcomes.len() > 16, "{outcomes:?}");
    outcomes
}

fn too_old(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ignore(why) if why.contains("too old to tell the sync committee"))
}

#[test]
fn sync_committee_messages_are_never_rejected_by_a_head_from_before_their_committee_was_drawn() {
    let mut script = Script::new(minimal(1), 2, 16);
    script.nodes[1].partition = 1;
    for slot in 1..=40 {
        script.on_slot(slot);
        script.propose(0);
        // the committee is drawn at altair by what the blocks before it revealed, of which node 1 has none
        match slot {
            10 => {
                let outcomes = heard(&mut script);
                assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Reject(_))), "{outcomes:?}");
                assert!(outcomes.iter().any(too_old), "a committee that is only guessed: {outcomes:?}");
            }
            40 => {
                let outcomes = heard(&mut script);
                assert!(outcomes.iter().all(too_old), "{outcomes:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn the_first_committee_is_told_without_a_block_of_altair() {
    let mut script = Script::new(minimal(1), 1, 16);
    for slot in 1..=7 {
        script.on_slot(slot);
        script.propose(0);
    }
    script.on_slot(8);
    let before = script.nodes[0].outcomes.len();
    assert!(script.sync_messages(0, |_| true) > 0);
    let outcomes = &script.nodes[0].outcomes[before..];
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_accept()), "{outcomes:?}");
}
