//! Kills and interruptions: nothing is left behind, nothing slashable is signed.

use super::{Case, finish, is_readable, pair, signal};
use crate::slashing::Signed;
use futures::StreamExt;
use lockin::{
    api::{Client, Event, HttpTransport},
    ssz::{Fork, Json, Preset, Shape},
    types::{Attestation, ChainConfig},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const LONG: &str = "  - wait: { finalized: 20, within: 40 epochs }";

#[test]
fn a_killed_orchestrator_leaves_no_process_and_a_readable_journal() {
    // Early, in mid-start, and in mid-run.
    for after in ["\"event\":\"run\"", "\"state\":\"started\"", "\"head_slot\":2"] {
        let case = Case::new(&pair(LONG));
        let mut run = case.run("out", &[]).spawn().unwrap();
        case.wait_for("out", after);
        run.kill().unwrap();
        run.wait().unwrap();
        case.leaves_nothing();
        is_readable(&case.path("out").join("journal.jsonl"));
    }
}

#[test]
fn an_interrupted_run_ends_in_130_with_a_report_and_leaves_no_process() {
    for by in [libc::SIGINT, libc::SIGTERM] {
        let case = Case::new(&pair(LONG));
        let run = case.run("out", &[]).spawn().unwrap();
        case.wait_for("out", "\"head_slot\":2");
        signal(&run, by);
        let said = finish(run);
        assert_eq!(said.code, Some(130), "{said}");
        assert!(case.path("out").join("report.html").exists());
        assert!(said.last_line().starts_with("unknown "), "{said}");
        case.leaves_nothing();
    }
}

#[test]
fn a_node_that_aborts_is_a_crash_and_one_killed_by_somebody_else_is_trouble() {
    for (signal, code, says) in [
        (libc::SIGABRT, 1, "b0 (beacon) was ended by signal 6"),
        (libc::SIGKILL, 3, "running b0 (beacon): it was killed from outside (SIGKILL)"),
    ] {
        let case = Case::new(&pair(LONG));
        let run = case.run("out", &[]).spawn().unwrap();
        let journal = case.wait_for("out", "\"head_slot\":2");
        let pid = started(&journal, "b0", "beacon").0;
        // SAFETY: the run has just said that this process is its node.
        unsafe { libc::kill(pid, signal) };
        let said = finish(run);
        assert_eq!(said.code, Some(code), "{said}");
        assert!(said.stdout.contains(says), "{said}");
        case.leaves_nothing();
    }
}

#[test]
fn an_interruption_is_heard_while_nodes_start() {
    let case = Case::new(&pair(LONG));
    let slow = "name: slow
about: A client that never serves.
supports: { presets: [minimal], forks: phase0..altair, slot_time: at least 100ms }
roles:
  beacon:
    program: sh
    ports: { p2p: tcp, rest: tcp }
    args: [-c, 'echo up; sleep 600']
    ready: { port: rest, within: 600s }
";
    std::fs::write(case.path("slow.yaml"), slow).unwrap();
    let client = format!("A={}", case.path("slow.yaml").display());
    let run = case.run("out", &["--role", &client]).spawn().unwrap();
    let log = case.path("out/a0/beacon.log");
    while std::fs::read_to_string(&log).unwrap_or_default().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    signal(&run, libc::SIGINT);
    let said = finish(run);
    assert_eq!(said.code, Some(130), "{said}");
    assert!(!case.journal("out").contains("\"state\":\"started\""), "it waited for the start to be over");
    case.leaves_nothing();
}

#[test]
fn a_node_that_hangs_neither_hides_the_others_nor_holds_up_the_end() {
    let case = Case::new(&pair(LONG));
    let run = case.run("out", &[]).spawn().unwrap();
    let journal = case.wait_for("out", "\"head_slot\":2");
    for role in ["beacon", "validator"] {
        // SAFETY: the run has just said that these processes are its node.
        unsafe { libc::kill(started(&journal, "b0", role).0, libc::SIGSTOP) };
    }
    case.wait_for("out", "\"event\":\"unreachable\",\"node\":\"b0\"");
    // The other one goes on alone with its own proposals, and is seen to.
    let heads = |journal: &str| journal.matches("\"event\":\"head\",\"node\":\"a0\"").count();
    let before = heads(&case.journal("out"));
    let since = std::time::Instant::now();
    while heads(&case.journal("out")) <= before {
        assert!(since.elapsed() < Duration::from_secs(30), "nothing more was seen of a0");
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(&run, libc::SIGINT);
    let said = std::thread::spawn(move || finish(run));
    case.leaves_nothing();
    assert_eq!(said.join().unwrap().code, Some(130));
}

/// Process id and Beacon API address of the latest start of a node's program.
pub(super) fn started(journal: &str, node: &str, role: &str) -> (i32, Option<String>) {
    let lines = journal.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut lines: Vec<_> = lines.collect();
    lines.retain(|line| line["node"] == node && line["role"] == role && line["state"] == "started");
    let event = lines.pop().expect("the node was started");
    let args = event["command"].as_array().unwrap().iter().filter_map(|arg| arg.as_str());
    let rest = args.filter_map(|arg| arg.strip_prefix("--rest=")).next_back();
    (event["pid"].as_i64().unwrap() as i32, rest.map(|rest| format!("http://{rest}")))
}

/// Takes every block and vote that a node sees on the network, until it ends.
async fn listen(url: String, signed: Arc<Mutex<Signed>>) {
    let transport = HttpTransport::new(&url).unwrap();
    let client = Client::new(Arc::new(transport.clone()));
    let config = ChainConfig::lockin(Preset::minimal());
    let shape = Shape::new(Fork::Phase0, Preset::minimal());
    let mut committees: BTreeMap<(u64, u64), Vec<u64>> = BTreeMap::new();
    let Ok(stream) = transport.events(&["block", "attestation"]).await else { return };
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Block(seen)) => {
                if let Ok(block) = client.block(&config, seen.block).await {
                    signed.lock().unwrap().block(shape, &block.data);
                }
            }
            Ok(Event::Other { topic, data }) if topic == "attestation" => {
                let vote = Attestation::from_json(shape, &data).unwrap();
                let place = (vote.data.slot, vote.data.index);
                if !committees.contains_key(&place) {
                    let Ok(found) = client.committees("head", config.epoch_of(vote.data.slot)).await else { continue };
                    committees.extend(found.into_iter().map(|it| ((it.slot, it.index), it.validators)));
                }
                for bit in vote.aggregation_bits.ones() {
                    signed.lock().unwrap().vote(shape, committees[&place][bit], &vote.data);
                }
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_comes_back_finality_goes_on_and_nothing_slashable_is_signed() {
    let steps = "  - wait: { finalized: 2, within: 6 epochs }
  - kill: { node: b0, restart_after: 3 slots }
  - wait: { finalized: +2, within: 8 epochs }
  - kill: { node: b0, restart_after: 1 slots }
  - wait: { finalized: +2, within: 8 epochs }";
    let case = Case::new(&pair(steps));
    let run = case.run("out", &[]).spawn().unwrap();
    let signed = Arc::new(Mutex::new(Signed::default()));
    let journal = case.wait_for("out", "\"state\":\"ready\"");
    let url = started(&journal, "a0", "beacon").1.unwrap();
    let listener = tokio::spawn(listen(url, Arc::clone(&signed)));
    let said = tokio::task::spawn_blocking(move || finish(run)).await.unwrap();
    assert_eq!(said.code, Some(0), "{said}");
    let _ = tokio::time::timeout(Duration::from_secs(5), listener).await;

    let signed = signed.lock().unwrap();
    let (blocks, votes) = signed.counts();
    // Some six epochs of eight slots and sixteen votes each; silence would prove nothing.
    assert!(blocks > 40 && votes > 16 * 5, "only {blocks} blocks and {votes} votes were seen");
    assert_eq!(signed.offences(), []);
    let restarts = case.journal("out").matches("\"role\":\"validator\"").count();
    assert_eq!(restarts, 4, "two nodes, one of them started three times");
}
