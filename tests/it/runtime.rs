//! One conformance suite, run against every runtime.

use lockin::{
    api::Client,
    client,
    engine::Script,
    genesis,
    journal::RunDir,
    runtime::{Ending, Error, Exit, Runtime, Watch, process::Process, simulation::Simulation},
    ssz::{Fork, Preset},
    topology::{self, EnginePlan, GenesisPlan, Links, NetworkPlan, NodeSpec, Start, Validators},
    types::ChainConfig,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

const SLOT_MS: u64 = 1000;

/// Two nodes of eight validators each, linked, and a third that is nobody's, on a network that begins in `fork`.
fn plan(fork: Fork) -> NetworkPlan {
    let mut config = ChainConfig::lockin(Preset::minimal());
    config.slot_duration_ms = SLOT_MS;
    config.start_at(fork);
    let engine = EnginePlan { client: "lockin".into(), script: Script::default() };
    let engine = Some(engine).filter(|_| fork >= Fork::Bellatrix);
    let node = |name: &str, validators, start| NodeSpec {
        name: name.into(),
        role: None,
        client: "lockin".into(),
        validator: None,
        engine: engine.clone(),
        validators: Validators::Count(validators),
        start,
        config: BTreeMap::new(),
    };
    let nodes = [node("a", 8, Start::Genesis), node("b", 8, Start::Genesis), node("late", 0, Start::Later)];
    let links = Links::Pairs(vec![("a".into(), "b".into()), ("late".into(), "a".into())]);
    let convention = genesis::Convention::to_run(fork);
    let genesis = GenesisPlan { fork, validators: 16, delay_ms: None, convention };
    topology::lay_out("conformance", 1, config, genesis, &nodes, &links).unwrap()
}

/// Prepares the plan's network; genesis is at the given moment of the run.
async fn prepare(runtime: &mut dyn Runtime, plan: &NetworkPlan) -> u64 {
    let time = runtime.unix_ms() / 1000 + 3;
    let genesis = &plan.genesis;
    let state =
        genesis::genesis_state(&plan.config, genesis.fork, genesis.convention, time, genesis.validators).unwrap();
    let at = runtime.now_ms() + time * 1000 - runtime.unix_ms();
    runtime.prepare(plan, Arc::new(state)).await.unwrap();
    at
}

/// Lets time pass until `holds`, at most `within_ms`.
async fn until<F: AsyncFn(&Client) -> bool>(
    runtime: &mut dyn Runtime,
    node: &str,
    within_ms: u64,
    what: &str,
    holds: F,
) {
    let end = runtime.now_ms() + within_ms;
    loop {
        if holds(&runtime.beacon(node).unwrap()).await {
            return;
        }
        assert!(
            runtime.now_ms() < end,
            "{} on {}: {node}: not within {within_ms} ms: {what}",
            runtime.name(),
            runtime.name()
        );
        runtime.sleep_until(runtime.now_ms() + 100).await;
    }
}

async fn peers(client: &Client) -> Vec<String> {
    let peers = client.peers().await.unwrap_or_default();
    peers.into_iter().filter(|peer| peer.state == "connected").map(|peer| peer.peer_id).collect()
}

async fn head_slot(client: &Client) -> u64 {
    client.head_header().await.map_or(0, |header| header.header.message.slot)
}

async fn conforms(runtime: &mut dyn Runtime, fork: Fork) {
    let plan = plan(fork);
    // A network with payloads has an engine for each node, which starts first.
    let engines = usize::from(fork >= Fork::Bellatrix);
    let genesis_at = prepare(runtime, &plan).await;

    // Names that the plan does not have are errors, and what is not up does not answer.
    assert!(matches!(runtime.start("nobody").await, Err(Error::UnknownNode(_))));
    assert!(runtime.beacon("nobody").is_err());
    assert!(runtime.beacon("a").unwrap().health().await.is_err());

    // A node that validates has two programs, a follower one; starting twice is refused.
    for node in ["a", "b"] {
        let started = runtime.start(node).await.unwrap();
        let roles: Vec<_> = started.iter().map(|it| it.role.as_str()).collect();
        assert_eq!(roles, ["engine", "beacon", "validator"][1 - engines..]);
    }
    assert!(matches!(runtime.start("a").await, Err(Error::State { .. })));

    // Peer ids are known before nodes say them; linked nodes are peers.
    let (a, b) = (runtime.peer_id("a").unwrap(), runtime.peer_id("b").unwrap());
    until(runtime, "a", 10_000, "has b as its peer", async |client| peers(client).await == [b.clone()]).await;
    until(runtime, "b", 10_000, "has a as its peer", async |client| peers(client).await == [a.clone()]).await;
    assert_eq!(runtime.beacon("a").unwrap().identity().await.unwrap().peer_id, a);

    // Time passes as asked, and blocks come with it.
    runtime.sleep_until(genesis_at + 2 * SLOT_MS).await;
    assert!(runtime.now_ms() >= genesis_at + 2 * SLOT_MS);
    until(runtime, "b", 4 * SLOT_MS, "sees blocks", async |client| head_slot(client).await >= 2).await;

    // A follower that comes later follows.
    assert_eq!(runtime.start("late").await.unwrap().len(), 1 + engines);
    until(runtime, "late", 10_000, "follows", async |client| head_slot(client).await >= 2).await;

    // Killed or stopped, a node does not answer; started again it is where it was, and goes on. None of it is an exit.
    for how in [Ending::Kill, Ending::Stop] {
        let before = head_slot(&runtime.beacon("b").unwrap()).await;
        runtime.stop("b", how).await.unwrap();
        assert!(runtime.beacon("b").unwrap().health().await.is_err());
        until(runtime, "a", 10_000, "has lost b", async |client| !peers(client).await.contains(&b)).await;
        runtime.start("b").await.unwrap();
        until(runtime, "b", 20_000, "goes on", async |client| head_slot(client).await > before).await;
        until(runtime, "b", 20_000, "has its peer again", async |client| peers(client).await.contains(&a)).await;
    }
    assert_eq!(runtime.exits(), []);

    runtime.destroy().await.unwrap();
    if let Ok(client) = runtime.beacon("a") {
        assert!(client.health().await.is_err(), "a node answers after the end");
    }
}

fn clients() -> BTreeMap<String, client::ClientDef> {
    BTreeMap::from([("lockin".to_owned(), client::load("lockin").unwrap())])
}

fn process(folder: &std::path::Path) -> Process {
    process_of(folder, clients())
}

#[tokio::test]
async fn simulation_conforms() {
    for fork in [Fork::Phase0, Fork::Electra] {
        conforms(&mut Simulation::new(None, clients()), fork).await;
    }
}

#[tokio::test]
async fn process_conforms() {
    for fork in [Fork::Phase0, Fork::Electra] {
        let folder = tempfile::tempdir().unwrap();
        conforms(&mut process(folder.path()), fork).await;
    }
}

#[tokio::test]
async fn a_node_and_its_engine_share_a_secret_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut runtime = process(folder.path());
    prepare(&mut runtime, &plan(Fork::Deneb)).await;
    let started = runtime.start("late").await.unwrap();
    let secret = |node: &str| {
        let path = folder.path().join(node).join("network/jwt.hex");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        (std::fs::read_to_string(&path).unwrap(), format!("--jwt-secret={}", path.display()))
    };
    let (late, argument) = secret("late");
    assert_ne!(late, secret("a").0);
    for program in &started {
        let command = program.command.clone().unwrap();
        assert!(command.contains(&argument) && !command.iter().any(|word| word.contains(late.trim())), "{command:?}");
    }
    // The engine has taken connections before the node was started, and its end is reported as its own.
    until(&mut runtime, "late", 10_000, "answers", async |client| client.health().await.is_ok()).await;
    // SAFETY: the process is our own child, still unreaped.
    unsafe { libc::kill(started[0].pid.unwrap() as i32, libc::SIGKILL) };
    assert_eq!(next_exit(&mut runtime).await.role, "engine");
}

/// The first program to end by itself.
async fn next_exit(runtime: &mut Process) -> Exit {
    loop {
        if let Some(exit) = runtime.exits().pop() {
            return exit;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_process_that_ends_by_itself_is_reported_once_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut runtime = process(folder.path());
    prepare(&mut runtime, &plan(Fork::Phase0)).await;
    let started = runtime.start("late").await.unwrap();
    until(&mut runtime, "late", 10_000, "answers", async |client| client.health().await.is_ok()).await;
    // SAFETY: the process is our own child, still unreaped.
    unsafe { libc::kill(started[0].pid.unwrap() as i32, libc::SIGKILL) };
    let exit = next_exit(&mut runtime).await;
    assert_eq!((exit.node.as_str(), exit.role.as_str(), exit.signal), ("late", "beacon", Some(9)));
    assert!(!exit.log.is_empty() && !exit.environment);
    assert_eq!(runtime.exits(), []);
}

#[tokio::test]
async fn a_missing_program_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut runtime = process(folder.path()).with_lockin(PathBuf::from("/nowhere/lockin"));
    prepare(&mut runtime, &plan(Fork::Phase0)).await;
    let error = runtime.start("a").await.unwrap_err().to_string();
    assert!(error.contains("`/nowhere/lockin` was not found"), "{error}");
}

/// The embedded client's definition with pieces of its text replaced.
fn changed(name: &str, changes: &[(&str, &str)]) -> BTreeMap<String, client::ClientDef> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/lockin.yaml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let mut clients = clients();
    clients.insert(name.to_owned(), client::ClientDef::from_bytes("changed.yaml", text.as_bytes()).unwrap());
    clients
}

fn process_of(folder: &std::path::Path, clients: BTreeMap<String, client::ClientDef>) -> Process {
    let dir = RunDir::at(folder).unwrap();
    Process::new(dir, clients, "info").with_lockin(PathBuf::from(env!("CARGO_BIN_EXE_lockin")))
}

#[tokio::test]
async fn files_and_setup_come_before_the_first_start_and_only_then() {
    use std::os::unix::fs::PermissionsExt;
    let ports = "ports: { p2p: tcp, rest: tcp }";
    let folder = tempfile::tempdir().unwrap();
    let more = format!("{ports}\n    files: {{ sub/key: \"hex:{{{{ node.key }}}}\" }}\n    setup: [[--version]]");
    let mut runtime = process_of(folder.path(), changed("lockin", &[(ports, &more)]));
    let plan = plan(Fork::Phase0);
    prepare(&mut runtime, &plan).await;
    let file = folder.path().join("late/beacon-data/sub/key");
    assert!(!file.exists());
    for _ in 0..2 {
        runtime.start("late").await.unwrap();
        until(&mut runtime, "late", 10_000, "answers", async |client| client.health().await.is_ok()).await;
        runtime.stop("late", Ending::Stop).await.unwrap();
    }
    assert_eq!(std::fs::read(&file).unwrap(), plan.node("late").unwrap().node_key.0);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let log = std::fs::read_to_string(folder.path().join("late/beacon.log")).unwrap();
    assert_eq!(log.matches(concat!("lockin ", env!("CARGO_PKG_VERSION"), "\n")).count(), 1, "{log}");

    let folder = tempfile::tempdir().unwrap();
    let wrong = format!("{ports}\n    setup: [[no-such-command]]");
    let mut runtime = process_of(folder.path(), changed("lockin", &[(ports, &wrong)]));
    prepare(&mut runtime, &plan).await;
    let error = runtime.start("late").await.unwrap_err().to_string();
    assert!(error.contains("no-such-command`, which sets up its beacon, failed: "), "{error}");
}

#[tokio::test]
async fn a_node_with_a_key_of_its_own_is_dialled_by_what_it_says_and_signs_with_keystores() {
    let own = changed(
        "own",
        &[
            ("name: lockin", "name: own"),
            ("      - --node-key={{ node.key_file | default(value=node.key) }}\n", ""),
            ("    metrics: { port: rest }", "    identity: { from: api }"),
            (
                "interop_range: [\"--interop={{ keys.ranges }}\"]",
                "keystores: { layout: nimbus, args: [\"--keystores={{ keys.dir }}/keys\", \"--passwords={{ keys.dir }}/secrets\"] }",
            ),
        ],
    );
    let mut plan = plan(Fork::Phase0);
    plan.nodes[0].client = "own".into();
    (plan.edges[0].from, plan.edges[0].to) = ("b".into(), "a".into());
    let folder = tempfile::tempdir().unwrap();
    let mut runtime = process_of(folder.path(), own);
    prepare(&mut runtime, &plan).await;
    assert_eq!(runtime.peer_id("a"), None);
    runtime.start("a").await.unwrap();
    let said = runtime.peer_id("a").expect("said when it answers");
    assert_ne!(Some(said.clone()), runtime.peer_id("b"));
    // half of all validators: one of the first slots is theirs
    until(&mut runtime, "a", 40 * SLOT_MS, "proposes", async |client| head_slot(client).await > 0).await;
    runtime.start("b").await.unwrap();
    until(&mut runtime, "b", 10_000, "has a as its peer", async |client| peers(client).await == [said.clone()]).await;
}
