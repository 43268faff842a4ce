//! What the targets begin with is valid: a node accepts what was sent after its history, signed again or not, and a peer's
//! honest answers bring it to the end of it. Otherwise only refusals would be tried.

use lockin::net::link::{Command, GossipId, Verdict};
use lockin_fuzz::{Input, SCENES, scene};
use std::collections::BTreeMap;

/// The order in which a network sends; within a kind as sent. Sidecars go first: once a node has the block, it asks its
/// engine for their content.
const ORDER: [&str; 11] = [
    "blob_sidecar_",
    "data_column_sidecar_",
    "beacon_block",
    "beacon_attestation_",
    "sync_committee_",
    "beacon_aggregate_and_proof",
    "sync_committee_contribution_and_proof",
    "voluntary_exit",
    "bls_to_execution_change",
    "proposer_slashing",
    "attester_slashing",
];

/// Verdicts on every fresh message, by kind: accepted, ignored, rejected.
fn verdicts(selector: u8, again: bool) -> BTreeMap<String, [usize; 3]> {
    let scene = scene(selector);
    let mut node = scene.node();
    let nothing = &mut Input(&[]);
    // late in the ninth slot everything of the two slots is of use
    node.pass(scene.cfg.slot_duration_ms * 7 / 4, nothing);
    let mut kinds = BTreeMap::new();
    for kind in ORDER {
        for sent in scene.fresh.get(kind).into_iter().flatten() {
            let id = kinds.len() as u64;
            let parent = node.core.chain().head().state;
            let signed = scene.sign(sent.topic.kind, &sent.data, &parent, false, &mut Input(&[3]));
            let data = if again { signed.expect("it can be read") } else { sent.data.clone() };
            kinds.insert(id, kind);
            node.gossip(id, &sent.topic.to_string(), &data, nothing);
        }
    }
    let mut out: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for command in &node.commands {
        if let Command::Report { id: GossipId(id), verdict } = command {
            let at = match verdict {
                Verdict::Accept => 0,
                Verdict::Ignore => 1,
                Verdict::Reject => 2,
            };
            out.entry(kinds[id].to_owned()).or_default()[at] += 1;
        }
    }
    assert_eq!(node.core.chain().head().slot, 9, "{:?}: both blocks are imported", SCENES[usize::from(selector)]);
    out
}

#[test]
fn every_kind_of_message_is_accepted_in_every_fork_signed_again_or_not() {
    for selector in 0..SCENES.len() as u8 {
        let name = SCENES[usize::from(selector)];
        for again in [false, true] {
            let verdicts = verdicts(selector, again);
            for kind in scene(selector).fresh.keys() {
                let [accepted, _, rejected] = verdicts[kind];
                assert!(accepted > 0, "{name:?}: no {kind} is accepted");
                assert_eq!(rejected, 0, "{name:?}: {kind} are rejected");
            }
        }
    }
}
