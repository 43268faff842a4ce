//! `lockin node` as a process: HTTP, the database under kill -9, signals, and what it says when it can't start.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use lockin::api::Request;
use lockin::genesis::{NetworkDirectory, Peers};
use lockin::time::{Clock, WallClock};
use lockin::types::{ChainConfig, ForkName};
use serde_json::Value;

use super::lab::{GENESIS_DELAY, Lab, config, forked};

/// A running node; killed when dropped.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts `lockin node` with the network directory `DIR/net`, the data directory `DIR/data`, and free ports.
    pub(super) fn start(dir: &Path, more: &[&str]) -> Process {
        let log = dir.join("node.log");
        let stderr = File::create(&log).expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
        command.args(["node", "--network-dir"]).arg(dir.join("net")).arg("--data-dir").arg(dir.join("data"));
        command.args(["--listen", "127.0.0.1:0"]).args(more);
        if !more.contains(&"--rest") {
            command.args(["--rest", "127.0.0.1:0"]);
        }
        Process { child: command.stderr(stderr).spawn().expect("the binary starts"), log }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The address of its API, once it says so.
    pub(super) fn rest(&mut self) -> SocketAddr {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once("the Beacon API is at http://") {
                return rest.split_whitespace().next().expect("an address").parse().expect("an address");
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "not up: {ended:?}\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end; the time it took and the status.
    fn end(&mut self) -> (Duration, ExitStatus) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (begun.elapsed(), status);
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }
}

/// One HTTP exchange on a connection of its own: status, head and body.
fn http(address: SocketAddr, method: &str, target: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("connects");
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("writes");
    stream.write_all(body).expect("writes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("reads");
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, head, answer[split..].to_vec())
}

pub(super) fn get(address: SocketAddr, target: &str) -> Value {
    let (status, _, body) = http(address, "GET", target, "", b"");
    assert_eq!(status, 200, "{target}");
    serde_json::from_slice(&body).expect("JSON")
}

/// A phase0 network that began a minute ago, of one-second slots, and the blocks of its first nine.
pub(super) fn network(dir: &Path) -> Vec<Vec<u8>> {
    network_of(dir, config(None))
}

/// As [`network`], with this configuration.
fn network_of(dir: &Path, mut cfg: ChainConfig) -> Vec<Vec<u8>> {
    cfg.slot_duration_ms = 1000;
    let start_ms = WallClock.now_ms() - (GENESIS_DELAY + 60) * 1000;
    let mut lab = Lab::at(start_ms, cfg, 1, 16);
    lab.run_to_end_of(9);
    NetworkDirectory::at(dir.join("net")).write(&lab.cfg, &lab.genesis, &Peers::default()).expect("writes");
    let block = |slot: u64| lab.ask(0, &Request::get(format!("/eth/v2/beacon/blocks/{slot}")).accepting_ssz()).body;
    (1..=9).map(block).collect()
}

#[test]
fn what_a_node_imports_is_cross_checked_on_demand() {
    let dir = tempfile::tempdir().expect("a directory");
    let blocks = network(dir.path());
    let mut node = Process::start(dir.path(), &["--cross-check", "--log-level", "debug"]);
    let address = node.rest();
    let ssz = "content-type: application/octet-stream\r\neth-consensus-version: phase0\r\n";
    for block in &blocks {
        assert_eq!(http(address, "POST", "/eth/v2/beacon/blocks", ssz, block).0, 200);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while node.log().matches("cross-check: the two agree on block").count() < blocks.len() {
        assert!(Instant::now() < deadline, "{}", node.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!node.log().contains("ERROR"), "{}", node.log());
}

#[test]
fn a_cross_check_of_a_preset_of_ones_own_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cfg = config(None);
    cfg.set("MAX_ATTESTATIONS", "64").expect("a constant");
    network_of(dir.path(), cfg);
    let mut node = Process::start(dir.path(), &["--cross-check"]);
    assert_eq!(node.end().1.code(), Some(2));
    assert!(node.log().contains("has no mirror under this preset"), "{}", node.log());
}

#[test]
fn a_node_serves_survives_a_kill_and_ends_on_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let blocks = network(dir.path());
    let mut node = Process::start(dir.path(), &[]);
    let address = node.rest();
    let mut events = TcpStream::connect(address).expect("connects");
    events.write_all(b"GET /eth/v1/events?topics=head,block HTTP/1.1\r\nhost: x\r\n\r\n").expect("writes");
    let ssz = "content-type: application/octet-stream\r\neth-consensus-version: phase0\r\n";
    for block in &blocks {
        let (status, _, body) = http(address, "POST", "/eth/v2/beacon/blocks", ssz, block);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }
    let head = get(address, "/eth/v1/beacon/headers/head");
    assert_eq!(head["data"]["header"]["message"]["slot"], "9");
    // Some clients dial by records only.
    let identity = get(address, "/eth/v1/node/identity");
    assert!(identity["data"]["enr"].as_str().is_some_and(|enr| enr.starts_with("enr:-")), "{identity}");
    let mut heard = vec![0; 64 << 10];
    events.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut text = String::new();
    while let Ok(count @ 1..) = events.read(&mut heard) {
        text.push_str(&String::from_utf8_lossy(&heard[..count]));
    }
    assert!(text.contains("text/event-stream") && text.contains("event: head\ndata: {\"slot\":\"9\""), "{text}");
    let (status, headers, _) = http(address, "PUT", "/eth/v1/node/version", "", b"");
    assert!(status == 405 && headers.contains("allow: get"), "{status} {headers}");
    let (status, _, _) = http(address, "GET", "/eth/v1/beacon/genesis", "accept: application/octet-stream\r\n", b"");
    assert_eq!(status, 406);
    let (_, _, metrics) = http(address, "GET", "/metrics", "accept: text/plain\r\n", b"");
    assert!(String::from_utf8_lossy(&metrics).contains("\nbeacon_head_slot 9\n"));

    node.signal("KILL");
    node.end();
    let mut node = Process::start(dir.path(), &[]);
    let address = node.rest();
    assert_eq!(get(address, "/eth/v1/beacon/headers/head")["data"]["root"], head["data"]["root"]);
    assert_eq!(get(address, "/eth/v1/beacon/headers/3")["data"]["canonical"], true);
    node.signal("TERM");
    let (took, status) = node.end();
    assert!(took < Duration::from_secs(2) && status.code() == Some(0), "{took:?} {status}\n{}", node.log());
}

/// A node of a network that merges in its first block, told this many of its first nine blocks.
fn merging_node(dir: &Path, blocks: usize, more: &[&str]) -> (Process, SocketAddr) {
    let made = network_of(dir, forked(&[(ForkName::Altair, 0), (ForkName::Bellatrix, 0)]));
    let mut node = Process::start(dir, more);
    let address = node.rest();
    let ssz = "content-type: application/octet-stream\r\neth-consensus-version: bellatrix\r\n";
    for block in &made[..blocks] {
        let (status, _, body) = http(address, "POST", "/eth/v2/beacon/blocks", ssz, block);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }
    (node, address)
}

/// Asks until the answer is as wanted.
pub(super) fn wait_for(node: &Process, address: SocketAddr, target: &str, wanted: impl Fn(&Value) -> bool) {
    let begun = Instant::now();
    loop {
        let answer = get(address, target);
        if wanted(&answer) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{target} says {answer}:\n{}", node.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn payloads_are_judged_and_built_by_the_stub_in_process_where_no_engine_was_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let (node, address) = merging_node(dir.path(), 9, &[]);
    assert!(node.log().contains("no --engine was given"), "{}", node.log());
    wait_for(&node, address, "/eth/v1/beacon/headers/head", |head| {
        head["data"]["header"]["message"]["slot"] == "9" && head["execution_optimistic"] == Value::Bool(false)
    });
    let head = get(address, "/eth/v2/beacon/blocks/head");
    let hash = &head["data"]["message"]["body"]["execution_payload"]["block_hash"];
    assert_ne!(*hash, format!("0x{}", "00".repeat(32)), "the chain has merged");
    let syncing = get(address, "/eth/v1/node/syncing");
    assert_eq!(syncing["data"]["el_offline"], Value::Bool(false));

    // an answer that waits for the engine comes over HTTP as any other
    let number = |name: &str| syncing["data"][name].as_str().expect("a number").parse::<u64>().expect("a number");
    let slot = number("head_slot") + number("sync_distance");
    let reveal = format!("0x{}", "c0".to_string() + &"00".repeat(95));
    let built = get(address, &format!("/eth/v3/validator/blocks/{slot}?randao_reveal={reveal}"));
    assert_eq!(built["version"], "bellatrix");
    assert_eq!(built["data"]["body"]["execution_payload"]["parent_hash"], *hash);
}

#[test]
fn without_its_engine_a_node_does_not_cross_the_merge_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("jwt.hex");
    std::fs::write(&secret, "11".repeat(32)).expect("writes");
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let engine = format!("http://{nowhere}");
    let secret = secret.to_str().expect("text");
    let (node, address) = merging_node(dir.path(), 1, &["--engine", &engine, "--jwt-secret", secret]);
    assert!(node.log().contains(&engine) && !node.log().contains(&"11".repeat(32)), "{}", node.log());
    wait_for(&node, address, "/eth/v1/node/syncing", |syncing| syncing["data"]["el_offline"] == Value::Bool(true));
    let head = get(address, "/eth/v1/beacon/headers/head");
    assert_eq!(
        head["data"]["header"]["message"]["slot"], "0",
        "nobody says whether the merge is on the terminal block"
    );
}

#[test]
fn what_keeps_a_node_from_starting_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |more: &[&str]| {
        let mut node = Process::start(dir.path(), more);
        let (_, status) = node.end();
        let log = node.log();
        assert!(!log.contains("panicked"), "{log}");
        (status.code(), log)
    };
    let (code, log) = refused(&[]);
    assert!(code == Some(2) && log.contains("config.yaml") && log.contains("lockin genesis"), "{code:?} {log}");

    network(dir.path());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, log) = refused(&["--rest", &address]);
    assert!(code == Some(3) && log.contains(&address) && log.contains("--rest"), "{code:?} {log}");
    let (code, log) = refused(&["--peer", "/ip4/127.0.0.1/tcp/9"]);
    assert!(code == Some(2) && log.contains("/p2p/"), "{code:?} {log}");
    let (code, log) = refused(&["--engine", "http://127.0.0.1:9"]);
    assert!(code == Some(2) && log.contains("--jwt-secret"), "{code:?} {log}");
    let (code, log) = refused(&["--engine", "http://127.0.0.1:9", "--jwt-secret", "/nowhere/jwt.hex"]);
    assert!(code == Some(2) && log.contains("/nowhere/jwt.hex"), "{code:?} {log}");
    let (code, log) = refused(&["--discovery", "0.0.0.0:0"]);
    assert!(code == Some(2) && log.contains("must name one address"), "{code:?} {log}");
    let (code, log) = refused(&["--discovery", "127.0.0.1:0", "--bootnode", "enr:-x"]);
    assert!(code == Some(2) && log.contains("--bootnode"), "{code:?} {log}");
    let (code, log) = refused(&["--node-key", "xyz"]);
    assert!(code == Some(2) && log.contains("64 hexadecimal digits"), "{code:?} {log}");

    let mut node = Process::start(dir.path(), &[]);
    node.rest();
    let (code, log) = refused(&[]);
    assert!(code == Some(3) && log.contains("in use by another node"), "{code:?} {log}");
    node.signal("INT");
    node.end();
    std::thread::sleep(Duration::from_secs(1)); // so that the next network begins at another second
    network(dir.path());
    let (code, log) = refused(&[]);
    assert!(code == Some(3) && log.contains("belongs to another network"), "{code:?} {log}");
    std::fs::write(dir.path().join("net/genesis.ssz"), b"short").expect("writes");
    let (code, log) = refused(&[]);
    assert!(code == Some(2) && log.contains("genesis.ssz"), "{code:?} {log}");
}
