//! The supervisor of a pod's container, with this machine in the place of a pod: no cluster is needed.

use lockin::runtime::kubernetes::inside::{Answer, Ask, Awaited, Ended, Launch, Order, State};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A supervisor that ends with the test.
struct Supervised {
    folder: tempfile::TempDir,
    process: Child,
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lockin(command: &str, folder: &Path) -> Command {
    let mut lockin = Command::new(env!("CARGO_BIN_EXE_lockin"));
    lockin.args(["k8s", command, "--shared"]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    lockin
}

impl Supervised {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = lockin("supervise", folder.path()).arg("beacon").spawn().unwrap();
        Self { folder, process }
    }

    fn asked(&self, ask: &Ask, more: &[u8]) -> Child {
        let mut asked = lockin("answer", self.folder.path()).spawn().unwrap();
        let stdin = asked.stdin.as_mut().unwrap();
        stdin.write_all((serde_json::to_string(ask).unwrap() + "\n").as_bytes()).unwrap();
        stdin.write_all(more).unwrap();
        asked
    }

    fn ask(&self, ask: &Ask) -> Answer {
        let asked = self.asked(ask, &[]);
        serde_json::from_slice(&asked.wait_with_output().unwrap().stdout).unwrap()
    }

    fn order(&self, order: Order) -> Answer {
        self.ask(&Ask::To("beacon".into(), order))
    }

    /// What is told until that holds.
    fn until(&self, holds: impl Fn(&State) -> bool) -> State {
        let mut watching = self.asked(&Ask::Watch(vec!["beacon".into()]), &[]);
        let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
        let states = lines.map(|line| match serde_json::from_str(&line.unwrap()).unwrap() {
            Answer::State(state) => state,
            other => panic!("{other:?}"),
        });
        let found = states.into_iter().find(holds).expect("it comes");
        watching.kill().unwrap();
        watching.wait().unwrap();
        found
    }
}

fn launch(number: u64, script: &str) -> Launch {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    Launch { number, command, env: BTreeMap::from([("WHO".into(), "me".into())]), awaits: None }
}

#[test]
fn a_program_that_ends_is_told_of_with_its_last_words() {
    let it = Supervised::new();
    assert_eq!(it.until(|_| true), State { role: "beacon".into(), ..State::default() });
    assert_eq!(it.order(Order::Start(launch(1, "echo I am $WHO; exit 7"))), Answer::Done);
    let ended = it.until(|state| state.ended.is_some()).ended.unwrap();
    assert_eq!(ended, Ended { code: Some(7), log: vec!["I am me".into()], ..Ended::default() });
    // One that ended by a signal, and one that was never there.
    assert_eq!(it.order(Order::Start(launch(2, "kill -9 $$"))), Answer::Done);
    let state = it.until(|state| state.number == 2 && state.ended.is_some());
    assert_eq!((state.ended.as_ref().unwrap().signal, state.ended.unwrap().asked), (Some(9), false));
    assert!(state.memory > 0);
    let nowhere = Launch { command: vec!["/nowhere/client".into()], ..launch(3, "") };
    let Answer::Failed(says) = it.order(Order::Start(nowhere)) else { panic!("it started") };
    assert!(says.contains("`/nowhere/client`"), "{says}");
}

#[test]
fn a_program_is_started_once_asked_to_end_and_made_to() {
    let it = Supervised::new();
    let log = it.folder.path().join("log");
    let script = format!(
        "echo began >> {0}; trap 'echo asked >> {0}; exit 0' TERM; while :; do sleep 0.05; done",
        log.display()
    );
    for _ in 0..2 {
        assert_eq!(it.order(Order::Start(launch(1, &script))), Answer::Done);
    }
    assert!(matches!(it.order(Order::Start(launch(2, &script))), Answer::Failed(_)), "one runs already");
    let logged = || std::fs::read_to_string(&log).unwrap_or_default();
    while logged().is_empty() {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(it.order(Order::End { signal: libc::SIGTERM, within_ms: 60_000 }), Answer::Done);
    assert_eq!(logged(), "began\nasked\n");
    assert!(it.until(|state| state.ended.is_some()).ended.unwrap().asked);
    // Frozen, it hears of nothing and is ended all the same, and what it has started with it.
    assert_eq!(it.order(Order::Start(launch(3, "trap '' TERM; sleep 1000 & wait"))), Answer::Done);
    assert_eq!(it.order(Order::Pause(true)), Answer::Done);
    assert_eq!(it.order(Order::End { signal: libc::SIGTERM, within_ms: 200 }), Answer::Done);
    let state = it.until(|state| state.number == 3 && state.ended.is_some());
    assert_eq!(state.ended.unwrap().signal, Some(libc::SIGKILL));
}

#[test]
fn what_is_run_to_its_end_is_waited_for_and_so_is_a_port() {
    let it = Supervised::new();
    let Answer::Ended(ended) = it.order(Order::Run(launch(1, "echo done; exit 3"), 60_000)) else { panic!("no end") };
    assert_eq!((ended.code, ended.log), (Some(3), vec!["done".to_owned()]));
    let Answer::Ended(ended) = it.order(Order::Run(launch(2, "sleep 1000"), 100)) else { panic!("no end") };
    assert_eq!(ended.signal, Some(libc::SIGKILL));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let awaits = Some(Awaited { port: listener.local_addr().unwrap().port(), within_ms: 600_000 });
    assert_eq!(it.order(Order::Start(Launch { awaits, ..launch(3, "sleep 1000") })), Answer::Done);
    assert_eq!(it.order(Order::Quit), Answer::Done);
}

#[test]
fn a_pod_makes_the_genesis_state_that_this_program_makes() {
    use lockin::runtime::kubernetes::inside::Genesis;
    use lockin::{
        genesis,
        ssz::{Fork, Ssz},
    };
    let it = Supervised::new();
    let plan = super::plan(Fork::Electra);
    let of = &plan.genesis;
    let state = genesis::genesis_state(&plan.config, of.fork, of.convention, 1_700_000_000, of.validators).unwrap();
    let path = it.folder.path().join("genesis.ssz");
    let asked = Genesis::of(&state, &plan.config, plan.genesis, path.clone());
    let shape = plan.config.shape(of.fork);
    let root = state.hash_tree_root(shape).to_string();
    assert_eq!(it.ask(&Ask::Genesis(Box::new(asked))), Answer::Root(root));
    assert_eq!(std::fs::read(&path).unwrap(), state.encode(shape));
    let Answer::Bytes(bytes) = it.ask(&Ask::Usage(it.folder.path().to_owned())) else { panic!("no number") };
    assert!(bytes >= state.encode(shape).len() as u64);
    assert_eq!(it.ask(&Ask::Empty(it.folder.path().to_owned())), Answer::Done);
    assert!(!path.exists());
}
