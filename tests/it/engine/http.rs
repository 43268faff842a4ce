//! Client and server over loopback, and `lockin engine` as a process.

use super::setup::{GENESIS_TIME, attributes, genesis_state, network};
use lockin::engine::{
    Answer, Call, Client, Failure, ForkchoiceState, METHODS, Script, Secret, Stub, StubConfig, Validity, genesis,
    server,
};
use lockin::ssz::{Bytes, Fork, Preset, Shape, Ssz};
use lockin::types::ChainConfig;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECRET: [u8; 32] = [0x5e; 32];

fn client(address: SocketAddr, secret: [u8; 32]) -> Client {
    Client::new(&format!("http://{address}"), Secret::new(secret), Preset::minimal()).expect("an address")
}

/// Serves a stub of this network; its address.
async fn start(cfg: ChainConfig, merged: bool, script: &str) -> SocketAddr {
    let script =
        if script.is_empty() { Script::default() } else { Script::from_yaml("script", script).expect("a script") };
    let state = genesis_state(&cfg, merged);
    let stub = Stub::new(StubConfig::of_network(Arc::new(cfg), &state).with_script(script));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(server::serve(listener, stub, Secret::new(SECRET)));
    address
}

/// One slot, as a consensus client goes through it; the new head.
async fn slot(client: &Client, fork: Fork, head: Bytes<32>, slot: u64) -> (Bytes<32>, usize) {
    let attributes = attributes(slot);
    let state = ForkchoiceState { head_block_hash: head, ..ForkchoiceState::default() };
    let update = Call::ForkchoiceUpdated { fork, state, attributes: Some(attributes.clone()) };
    let answer = client.call(&update).await.expect("an answer");
    let Answer::ForkchoiceUpdated { payload_id: Some(id), .. } = answer else { panic!("{answer:?}") };
    let answer = client.call(&Call::GetPayload { fork, id }).await.expect("an answer");
    let Answer::Payload(built) = answer else { panic!("{answer:?}") };
    let asked = super::setup::asked(fork, &built, &attributes);
    let answer = client.call(&Call::NewPayload(Box::new(asked.clone()))).await;
    let Ok(Answer::PayloadStatus(status)) = answer else { panic!("{answer:?}") };
    assert_eq!((status.status, status.validation_error), (Validity::Valid, None), "{fork}");
    if !asked.versioned_hashes.is_empty() {
        let call = Call::GetBlobs { fork, versioned_hashes: asked.versioned_hashes };
        let answer = client.call(&call).await.expect("an answer");
        let Answer::Blobs(found) = answer else { panic!("{answer:?}") };
        let proofs: Vec<_> = found.iter().flatten().flat_map(|found| found.proofs.clone()).collect();
        assert_eq!(proofs, built.proofs);
    }
    (asked.payload.block_hash, built.blobs.len())
}

#[tokio::test]
async fn a_client_goes_through_every_fork() {
    let mut cfg = network(Fork::Bellatrix);
    let forks = [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];
    for (fork, epoch) in forks.into_iter().zip(0..) {
        cfg.set_fork_epoch(fork, epoch);
    }
    // A blob a payload at first; the client waits two seconds, the library takes longer to load.
    let script = Script::from_yaml("script", "blobs: { every: 1, per_block: 1 }").expect("a script");
    let state = genesis_state(&cfg, false);
    Stub::new(StubConfig::of_network(Arc::new(cfg.clone()), &state).with_script(script))
        .prepare_blobs()
        .expect("blobs");
    let total = cfg.terminal_total_difficulty;
    let client = client(start(cfg, false, "blobs: { every: 1, per_block: 1 }").await, SECRET);

    let terminal = genesis::terminal_block(total);
    let found = client.call(&Call::TerminalPowBlock { terminal_total_difficulty: total }).await;
    assert_eq!(found, Ok(Answer::PowBlock(Some(terminal))));
    assert_eq!(client.call(&Call::PowBlock { hash: terminal.block_hash }).await, Ok(Answer::PowBlock(Some(terminal))));
    assert_eq!(client.call(&Call::PowBlock { hash: Bytes([1; 32]) }).await, Ok(Answer::PowBlock(None)));

    let mut head = terminal.block_hash;
    for (fork, epoch) in forks.into_iter().zip(0u64..) {
        for at in [8 * epoch + 1, 8 * epoch + 5] {
            let blobs;
            (head, blobs) = slot(&client, fork, head, at).await;
            assert_eq!(blobs, usize::from(fork >= Fork::Deneb), "{fork}");
        }
    }
    let theirs = client.exchange_capabilities(METHODS).await.expect("an answer");
    assert!(METHODS.iter().all(|method| theirs.iter().any(|name| name == method)));
    assert_eq!(client.client_version().await.expect("an answer")[0].name, "lockin");
}

#[tokio::test]
async fn a_real_genesis_block_is_fetched_and_understood() {
    let cfg = network(Fork::Electra);
    let client = client(start(cfg, true, "").await, SECRET);
    let shape = Shape::new(Fork::Electra, Preset::minimal());
    let block = client.genesis_block().await.expect("an answer");
    let header = genesis::header_from_block_json(shape, &block);
    assert_eq!(header, Ok(genesis::execution_genesis(shape, GENESIS_TIME)));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let address =
        start(network(Fork::Capella), true, "verdicts: [{ slots: 3, answer: timeout, calls: [get_payload] }]").await;
    let call = Call::GetPayload { fork: Fork::Capella, id: Bytes::ZERO };
    let refused = client(address, SECRET).call(&call).await;
    assert!(matches!(refused, Err(Failure::Refused { code: -38001, .. })), "{refused:?}");
    let stranger = client(address, [1; 32]).call(&call).await;
    assert!(
        matches!(&stranger, Err(Failure::Refused { code: 401, message }) if message.contains("secret")),
        "{stranger:?}"
    );
    let bare = reqwest::Client::new().post(format!("http://{address}")).body("{}").send().await.expect("an answer");
    assert_eq!(bare.status(), 401);

    let client = client(address, SECRET);
    let head = genesis::execution_genesis(Shape::new(Fork::Capella, Preset::minimal()), GENESIS_TIME).block_hash;
    let state = ForkchoiceState { head_block_hash: head, ..ForkchoiceState::default() };
    let update = Call::ForkchoiceUpdated { fork: Fork::Capella, state, attributes: Some(attributes(3)) };
    let answer = client.call(&update).await.expect("an answer");
    let Answer::ForkchoiceUpdated { payload_id: Some(id), .. } = answer else { panic!("{answer:?}") };
    let silent = client.call(&Call::GetPayload { fork: Fork::Capella, id }).await;
    assert!(matches!(&silent, Err(Failure::Unreachable(why)) if why.contains("no answer within")), "{silent:?}");

    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let nobody = self::client(port, SECRET).call(&call).await;
    assert!(matches!(nobody, Err(Failure::Unreachable(_))), "{nobody:?}");
}

/// Kills its child when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn engine(dir: &Path, listen: &str, more: &[&str]) -> Process {
    let log = std::fs::File::create(dir.join("engine.log")).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    command.args(["engine", "--listen", listen, "--network-dir"]).arg(dir).arg("--jwt-secret").arg(dir.join("jwt.hex"));
    Process(command.args(more).stdin(Stdio::null()).stderr(log).spawn().expect("the binary starts"))
}

fn ended(process: &mut Process) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(status) = process.0.try_wait().expect("a child") {
            return status.code();
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn log_of(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("engine.log")).unwrap_or_default()
}

fn address_of(dir: &Path) -> SocketAddr {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = log_of(dir);
        if let Some((_, rest)) = log.split_once("the Engine API is at http://") {
            return rest.split([';', ' ']).next().expect("an address").parse().expect("an address");
        }
        assert!(Instant::now() < deadline, "not up:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn lockin_engine_serves_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let cfg = network(Fork::Deneb);
    let state = genesis_state(&cfg, true);
    std::fs::write(dir.path().join("config.yaml"), cfg.to_yaml()).expect("writes");
    std::fs::write(dir.path().join("genesis.ssz"), state.encode(cfg.shape(Fork::Deneb))).expect("writes");
    let mut running = engine(dir.path(), "127.0.0.1:0", &[]);
    let address = address_of(dir.path());
    let secret = Secret::read(&dir.path().join("jwt.hex")).expect("it made one");
    let client = Client::new(&format!("http://{address}"), secret, Preset::minimal()).expect("an address");
    slot(&client, Fork::Deneb, state.latest_execution_payload_header.block_hash, 1).await;

    let second = tempfile::tempdir().expect("a directory");
    for file in ["config.yaml", "genesis.ssz"] {
        std::fs::copy(dir.path().join(file), second.path().join(file)).expect("copies");
    }
    assert_eq!(ended(&mut engine(second.path(), &address.to_string(), &[])), Some(3), "the port is taken");
    assert!(log_of(second.path()).contains("--listen"), "{}", log_of(second.path()));
    std::fs::write(second.path().join("script.yaml"), "verdicts: [{ answer: perhaps }]").expect("writes");
    let script = second.path().join("script.yaml");
    let more = ["--script", script.to_str().expect("utf-8")];
    assert_eq!(ended(&mut engine(second.path(), "127.0.0.1:0", &more)), Some(2));
    assert!(log_of(second.path()).contains("accepted values: VALID"), "{}", log_of(second.path()));
    std::fs::write(second.path().join("jwt.hex"), "no secret").expect("writes");
    assert_eq!(ended(&mut engine(second.path(), "127.0.0.1:0", &[])), Some(2));

    let stopped = Command::new("kill").args(["-s", "TERM", &running.0.id().to_string()]).status();
    assert!(stopped.expect("kill runs").success());
    assert_eq!(ended(&mut running), Some(0), "{}", log_of(dir.path()));
}
