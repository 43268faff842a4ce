//! Networks that are broken on purpose: parted, paused, impaired.

use super::{Case, SLOT, Said, finish, pair, signal};
use lockin::journal::{Event, FaultState, Line};

/// A run of a shipped scenario.
fn shipped(file: &str, runtime: &str) -> (Case, Said) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(file);
    let case = Case::new(&std::fs::read_to_string(path).unwrap());
    let said = Said::of(case.run("out", &["--runtime", runtime]).output().unwrap());
    (case, said)
}

fn lines(journal: &str) -> Vec<Line> {
    journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Slots in which faults of a verb began and were lifted.
fn slots(journal: &str, wanted: &str) -> Vec<(FaultState, u64)> {
    let fault = |line: &Line| match &line.event {
        Event::Fault { verb, state, .. } if verb == wanted => Some((*state, line.slot.unwrap())),
        _ => None,
    };
    lines(journal).iter().filter_map(fault).collect()
}

/// The newest epoch that any node was seen to finalize before a slot.
fn finalized_before(journal: &str, before: u64) -> u64 {
    let epoch = |line: &Line| match &line.event {
        Event::Finalized { epoch, .. } if line.slot.is_some_and(|slot| slot < before) => Some(*epoch),
        _ => None,
    };
    lines(journal).iter().filter_map(epoch).max().unwrap_or(0)
}

#[test]
fn halves_do_not_finalize_apart_and_do_so_again_when_they_meet() {
    halves_heal("simulation");
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_halves_do_not_finalize_apart_and_do_so_again_when_they_meet() {
    crate::runtime::docker::has_image();
    halves_heal("docker");
}

fn halves_heal(runtime: &str) {
    let (case, said) = shipped("partition-heals.yaml", runtime);
    assert_eq!(said.code, Some(0), "{said}");
    let journal = case.journal("out");
    let [(FaultState::On, from), (FaultState::Off, to)] = slots(&journal, "partition")[..] else { panic!("{said}") };
    assert_eq!(to - from, 4 * 8, "four epochs of the minimal preset");
    // By hand, whatever the checks say.
    assert!(finalized_before(&journal, to) < from.div_ceil(8));
    assert!(finalized_before(&journal, to + 4 * 8) > from.div_ceil(8));
    // The sides went on, each on a chain of its own.
    assert!(journal.contains("\"event\":\"split\""), "{said}");
}

#[test]
fn a_side_with_two_thirds_of_the_stake_finalizes_and_the_check_says_so() {
    let steps = "  - wait: { finalized: 2, within: 6 epochs }\n  - partition: { sides: [a0, b0], for: 4 epochs }";
    let uneven = pair(steps).replace("name: a0, role: A, validators: 8", "name: a0, role: A, validators: 14");
    let uneven = uneven.replace("B, validators: 8", "B, validators: 2");
    let case = Case::new(&(uneven + "  - no_finality: { during: partition }\n"));
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stdout.contains("a0 finalized epoch"), "{said}");
    assert!(said.stdout.contains("while `partition` lasted"), "{said}");
}

#[test]
fn every_fault_is_survived_and_replays_exactly() {
    let steps = "  - wait: { finalized: 1, within: 6 epochs }
  - latency: { node: all, by: 40ms, jitter: 20ms }
  - loss: { node: b0, share: 5%, for: 1 epoch }
  - bandwidth: { node: b0, at_most: 2 Mbit/s, for: 4 slots }
  - skew: { node: a0, by: 100ms, for: 1 epoch }
  - skew: { node: a0, by: -100ms, for: 1 epoch }
  - pause: { node: b0, for: 4 slots }
  - pause: { node: a0 }
  - wait: 2 slots
  - resume: a0
  - partition: { sides: [a0, b0] }
  - kill: { node: b0, restart_after: 2 slots }
  - wait: 1 epoch
  - heal
  - wait: { finalized: +2, within: 8 epochs }";
    let checks = "  - no_finality: { during: partition }\n  - finalized: { within: 5 epochs, after: partition }\n";
    let case = Case::new(&(pair(steps) + checks + "  - same_head: { for: 4 slots }\n"));
    let run = |out: &str| {
        let said = Said::of(case.run(out, &["--runtime", "simulation", "--seed", "7"]).output().unwrap());
        assert_eq!(said.code, Some(0), "{said}");
        case.journal(out)
    };
    let (one, again) = (run("one"), run("again"));
    assert!(one == again, "journals of one seed differ");
    for (verb, times) in
        [("latency", 1), ("loss", 2), ("bandwidth", 2), ("skew", 4), ("pause", 4), ("partition", 2), ("kill", 2)]
    {
        assert_eq!(slots(&one, verb).len(), times, "{verb}");
    }
}

#[test]
fn an_engine_that_says_syncing_for_a_while_keeps_its_node_from_voting_and_no_longer() {
    let steps = "  - wait: { finalized: 1, within: 6 epochs }
  - engine: { node: b0, answer: SYNCING, for: 2 epochs }
  - wait: { finalized: +2, within: 8 epochs }";
    let checks = "  - no_finality: { during: engine }\n  - finalized: { within: 5 epochs, after: engine }\n";
    // Half of the stake is behind that engine, and nobody signs on a head that is not known to be valid.
    let case = Case::new(&(pair(steps).replace("fork: phase0", "fork: electra").replace(SLOT, "1s") + checks));
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    let [(FaultState::On, from), (FaultState::Off, to)] = slots(&case.journal("out"), "engine")[..] else {
        panic!("{said}")
    };
    assert_eq!(to - from, 2 * 8);
}

#[test]
fn what_a_runtime_lacks_is_said_before_anything_starts() {
    let case = Case::new(&pair("  - wait: 1 slots\n  - partition: { sides: [a0, b0], for: 4 slots }"));
    let said = Said::of(case.run("out", &[]).output().unwrap());
    assert_eq!(said.code, Some(4), "{said}");
    let why = "step 2 (`partition`): runtime `process` can't partition the network: \
               all nodes share the loopback interface with this machine's other programs";
    assert!(said.stdout.contains(why) && said.stderr.contains(why), "{said}");
    assert!(said.last_line().starts_with("unsupported "), "{said}");
    let journal = case.journal("out");
    assert!(!journal.contains("\"started\"") && !journal.contains("\"genesis\",\"time\""), "{journal}");
    assert!(!case.path("out").join("a0").exists());
}

const PAUSES: &str = "  - wait: { finalized: 1, within: 6 epochs }
  - pause: { node: b0, for: 6 slots }
  - wait: { finalized: +2, within: 8 epochs }";

#[test]
fn a_paused_program_catches_up_and_finality_goes_on() {
    let checks =
        "  - no_finality: { during: pause }\n  - finalized: { after: pause }\n  - same_head: { for: 2 slots }\n";
    let case = Case::new(&(pair(PAUSES) + checks));
    let run = case.run("out", &[]).spawn().unwrap();
    let journal = case.wait_for("out", "\"event\":\"fault\",\"verb\":\"pause\"");
    let pids = pids(&journal, "b0");
    assert_eq!(pids.len(), 2);
    while !pids.iter().all(|pid| state(*pid) == Some('T')) {
        assert!(!case.journal("out").contains("\"state\":\"off\""), "it was never stopped");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let said = finish(run);
    assert_eq!(said.code, Some(0), "{said}");
    // Nobody called it silent: it was told to be.
    assert!(!case.journal("out").contains("\"event\":\"unreachable\""), "{said}");
    case.leaves_nothing();
}

#[test]
fn a_run_that_ends_or_is_killed_while_a_node_is_paused_leaves_no_process() {
    for by in [libc::SIGKILL, libc::SIGINT] {
        let case = Case::new(&pair("  - pause: b0\n  - wait: 40 epochs").replace("pause: b0", "pause: { node: b0 }"));
        let run = case.run("out", &[]).spawn().unwrap();
        let journal = case.wait_for("out", "\"verb\":\"pause\",\"args\":{\"node\":[\"b0\"]},\"state\":\"end\"");
        assert!(pids(&journal, "b0").iter().all(|pid| state(*pid) == Some('T')));
        signal(&run, by);
        let code = run.wait_with_output().unwrap().status.code();
        assert_eq!(code, Some(130).filter(|_| by == libc::SIGINT));
        case.leaves_nothing();
    }
}

/// The process ids of a node's programs.
fn pids(journal: &str, node: &str) -> Vec<u32> {
    let pid = |line: Line| match line.event {
        Event::Node(event) if event.node == node => event.pid,
        _ => None,
    };
    // the last line may not be whole yet
    let whole = journal.rsplit_once('\n').map_or("", |(whole, _)| whole);
    lines(whole).into_iter().filter_map(pid).collect()
}

/// A process's state as the kernel has it: `T` is stopped.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
