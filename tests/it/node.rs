//! The node as a whole: cores on the in-memory network with validators that reach them by the Beacon API.

mod discovery;
mod garbage;
pub mod lab;
mod process;

use lab::{Lab, config};
use lockin::api::Request;
use lockin::chain::Notice;
use lockin::ssz::Root;
use serde_json::Value;

fn heads(lab: &Lab) -> Vec<(u64, Root)> {
    (0..lab.nodes.len())
        .map(|number| {
            let head = lab.with(number, |core, _| core.chain().head());
            (head.slot, head.root)
        })
        .collect()
}

#[test]
fn two_nodes_build_one_chain_and_finalize() {
    let mut lab = Lab::new(config(None), 2, 16);
    lab.run_to_end_of(32);
    let heads = heads(&lab);
    assert_eq!(heads[0], heads[1]);
    assert_eq!(heads[0].0, 32, "no slot without its block");
    for number in 0..2 {
        let (finalized, peers) = lab.with(number, |core, _| (core.chain().finalized().epoch, core.peer_count()));
        assert_eq!((finalized, peers), (2, 1));
    }
    let notices = lab.nodes[0].outside.notices.lock().expect("not poisoned").clone();
    let count = |fits: fn(&Notice) -> bool| notices.iter().filter(|notice| fits(notice)).count();
    assert_eq!(count(|notice| matches!(notice, Notice::Block { .. })), 32);
    assert_eq!(count(|notice| matches!(notice, Notice::Reorg { .. })), 0);
    assert_eq!(count(|notice| matches!(notice, Notice::Finalized { .. })), 1, "epoch 2, directly");
}

#[test]
fn the_altair_fork_is_crossed_with_sync_committees_at_work() {
    let mut lab = Lab::new(config(Some(1)), 2, 16);
    lab.run_to_end_of(18);
    assert_eq!(heads(&lab)[0], heads(&lab)[1]);
    let response = lab.ask(1, &Request::get("/eth/v2/beacon/blocks/head"));
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!((body["version"].as_str(), response.consensus_version.as_deref()), (Some("altair"), Some("altair")));
    let bits = body["data"]["message"]["body"]["sync_aggregate"]["sync_committee_bits"].as_str().expect("bits");
    assert_eq!(bits, "0xffffffff", "everybody signed");
}

#[test]
fn a_killed_node_restarts_where_it_was_and_catches_up() {
    let mut lab = Lab::new(config(None), 2, 16);
    lab.run_to_end_of(9);
    let before = heads(&lab)[1];
    lab.kill(1);
    lab.run_to_end_of(14);
    assert!(heads(&lab)[0].0 > before.0, "half of the validators go on");
    lab.restart(1);
    assert_eq!(heads(&lab)[1], before, "the database knows the head");
    lab.run_to_end_of(20);
    assert_eq!(heads(&lab)[0], heads(&lab)[1]);
    assert!(heads(&lab)[1].0 >= 19);
}

#[test]
fn an_input_early_in_a_slot_does_not_swallow_its_tick() {
    let lab = Lab::new(config(None), 1, 16);
    let due = lab.with(0, |core, now_ms| core.next_wakeup(now_ms));
    lab.with(0, |core, now_ms| {
        assert!(due > now_ms);
        core.handle(&Request::get("/eth/v1/node/version"), due + 3);
        assert_eq!(core.next_wakeup(due + 3), due, "the tick is owed");
        core.on_tick(due + 3);
        assert!(core.next_wakeup(due + 3) > due + 3);
    });
}
