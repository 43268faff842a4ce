//! `lockin attach`: the nodes are another run's, which knows nothing of it.

use super::faults::started;
use super::{Case, Said, pair, signal};
use std::fs;
use std::process::{Child, Command, Stdio};

const LONG: &str = "  - wait: { finalized: 20, within: 40 epochs }";

/// `lockin attach` with these arguments, into `attached`.
fn attach(case: &Case, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    command.arg("attach").args(args).arg("--out").arg(case.path("attached")).stdin(Stdio::null());
    Said::of(command.output().unwrap())
}

/// A run that goes on until it is told to end, and the Beacon APIs of its nodes.
struct Network {
    run: Child,
    urls: [String; 2],
}

impl Network {
    /// Once a node is on a head of this slot.
    fn at(case: &Case, head_slot: &str) -> Self {
        let run = case.run("out", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let journal = case.wait_for("out", head_slot);
        let urls = ["a0", "b0"].map(|node| started(&journal, node, "beacon").1.unwrap());
        Self { run, urls }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        signal(&self.run, libc::SIGTERM);
        let _ = self.run.wait();
    }
}

#[test]
fn a_network_in_mid_life_is_judged_like_ones_own() {
    let case = Case::new(&pair(LONG));
    let network = Network::at(&case, "\"head_slot\":20,");
    fs::write(
        case.path("checks.yaml"),
        "steps:\n  - wait: { finalized: +1, within: 6 epochs }\nchecks:\n  - finalized\n  - peered\n  - same_head: { for: 4 slots }\n",
    )
    .unwrap();
    let [a, b] = &network.urls;
    let checks = case.path("checks.yaml");
    let said = attach(&case, &[&format!("left={a}"), &format!("right={b}"), "--checks", checks.to_str().unwrap()]);
    assert!(said.code == Some(0) && said.last_line().starts_with("pass "), "{said}");
    let report = fs::read_to_string(case.path("attached").join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["run"]["runtime"], &report["run"]["preset"]), (&"attached".into(), &"minimal".into()));
    assert_eq!(report["run"]["roles"], serde_json::json!({ "left": "lockin", "right": "lockin" }));
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["preflight", "referee", "steps", "finalized", "peered", "same_head"], "{report}");
    // Blocks were recomputed from a finalized one on, and none of them could not be.
    let journal = case.journal("attached");
    let refereed = journal.lines().find(|line| line.contains("\"event\":\"refereed\"")).expect("the referee was there");
    assert!(!refereed.contains("\"blocks\":0,") && refereed.contains("\"unjudged\":0"), "{refereed}");
    let config = fs::read_to_string(case.path("attached").join("config.yaml")).unwrap();
    assert!(config.contains("SLOT_DURATION_MS: 500\n"), "{config}");
    // Nothing was done to the nodes.
    assert!(!case.journal("out").contains("\"state\":\"exited\""));
}

#[test]
fn nodes_that_disagree_on_the_configuration_are_named() {
    let scenario = pair(LONG).replace("name: b0, ", "name: b0, config: { BASE_REWARD_FACTOR: 32 }, ");
    let case = Case::new(&format!("preflight: false\n{scenario}"));
    let network = Network::at(&case, "\"head_slot\":1,");
    let said = attach(&case, &[&network.urls[0], &network.urls[1]]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stdout.contains("n1 (lockin): BASE_REWARD_FACTOR is 32, planned 64"), "{said}");
}

#[test]
fn what_can_not_be_done_is_said_before_anybody_is_asked() {
    let case = Case::new(&pair("  - kill: { node: b0, restart_after: 1 epoch }"));
    let file = case.path("scenario.yaml");
    let (scenario, nobody) = (file.to_str().unwrap(), "http://127.0.0.1:1");
    let said = attach(&case, &[nobody, nobody, "--scenario", scenario]);
    assert!(said.code == Some(4) && said.stderr.contains("step 1 is `kill`"), "{said}");
    let said = attach(&case, &[nobody, "--scenario", scenario]);
    assert!(said.code == Some(2) && said.stderr.contains("2 nodes, and 1 are named"), "{said}");
    let said = attach(&case, &[&format!("b0={nobody}"), nobody, "--scenario", scenario]);
    assert!(said.code == Some(2) && said.stderr.contains("a0"), "{said}");
    let said = attach(&case, &["https://127.0.0.1:1"]);
    assert!(said.code == Some(2) && said.stderr.contains("only http"), "{said}");
    assert!(!case.path("attached").exists());
}
