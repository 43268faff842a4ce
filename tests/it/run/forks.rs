//! Networks that begin in each fork, and one that goes through all of them.

use super::{Case, Said};
use lockin::ssz::Fork;
use std::path::Path;
use std::process::Command;

/// Passes in the simulation; gives the journal.
fn passes(case: &Case, out: &str) -> String {
    let said = Said::of(case.run(out, &["--runtime", "simulation", "--quiet"]).output().unwrap());
    assert!(said.code == Some(0) && said.last_line().starts_with("pass "), "{said}");
    case.journal(out)
}

#[test]
fn a_pair_finalizes_from_a_genesis_in_each_fork() {
    for fork in Fork::ALL {
        let blobs = fork >= Fork::Deneb;
        let case = Case::new(&format!(
            "name: from-{fork}
network:
  genesis: {{ fork: {fork}, validators: 16 }}
  slot_time: 1s
{}roles: {{ A: lockin, B: lockin }}
nodes:
  - {{ name: a0, role: A, validators: 8 }}
  - {{ name: b0, role: B, validators: 8 }}
steps:
  - wait: {{ finalized: 2, within: 34 slots }}
checks:
  - peered
  - same_head: {{ for: 4 slots }}
  - participation: {{ at_least: 95%, from: last 1 epoch }}
{}",
            if blobs { "  blobs: { every: 4, per_block: 1 }\n" } else { "" },
            if blobs { "  - blobs: { at_least: 4 }\n" } else { "" },
        ));
        let journal = passes(&case, "out");
        // A node that is asked for payloads has an engine, and no other.
        assert_eq!(journal.contains("\"role\":\"engine\""), fork >= Fork::Bellatrix, "{fork}");
    }
}

#[test]
fn all_forks_in_one_run() {
    let case = Case::new(include_str!("../../../scenarios/all-forks.yaml"));
    let journal = passes(&case, "out");
    // Its own nodes' secrets are in no file that is shown around.
    let node = case.path("out").join("a0/network/jwt.hex");
    let secret = std::fs::read_to_string(node).unwrap();
    assert!(!journal.contains(secret.trim()) && secret.trim().len() == 64);
}

#[test]
fn a_merge_by_block_hash_and_an_engine_that_hesitates() {
    let case = Case::new(
        "name: hesitates
network:
  genesis: { fork: phase0, validators: 16 }
  forks: { altair: 1, bellatrix: 1, capella: 3 }
  merge: block_hash
  slot_time: 1s
roles: { A: lockin }
nodes:
  - { name: a0, role: A, validators: 8 }
  - { name: b0, role: A, validators: 8, engine: { verdicts: [{ slots: 20-23, answer: SYNCING, until_slot: 26 }] } }
steps:
  - wait: { finalized: 4, within: 8 epochs }
checks:
  - forks
  - finalized
  - same_head: { for: 4 slots }
",
    );
    passes(&case, "out");
}

#[test]
fn a_plan_shows_each_engine_and_what_it_is_told() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/all-forks.yaml");
    let output = Command::new(env!("CARGO_BIN_EXE_lockin")).arg("plan").arg(file).output().unwrap();
    let plan = Said::of(output);
    for line in ["merge: total_difficulty", "engine:", "client: lockin", "blobs:", "every: 3"] {
        assert!(plan.stdout.contains(line), "`{line}` is not in\n{plan}");
    }
}
