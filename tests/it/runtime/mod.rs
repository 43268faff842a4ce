//! Places where nodes run: what all of them do alike ([`conformance`]), and what local programs do beside.

mod conformance;
pub mod docker;
mod kubernetes;
mod supervisor;

use conformance::{Bench, SLOT_MS, clients, head_slot, peers, plan, prepare, until};
use lockin::{
    client,
    journal::RunDir,
    runtime::{Ending, Exit, Runtime, Started, Watch, process::Process, simulation::Simulation},
    ssz::Fork,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The simulation as the suite sees it.
struct Simulated;

impl Bench for Simulated {
    fn runtime(&self) -> Box<dyn Runtime> {
        Box::new(Simulation::new(None, clients()))
    }

    fn crash(&self, _: &str, _: &Started) -> bool {
        false
    }

    fn left(&self) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn simulation_conforms() {
    for fork in [Fork::Phase0, Fork::Electra] {
        conformance::holds(&Simulated, fork).await;
    }
}

/// Local programs as the suite sees them.
struct Local {
    folder: tempfile::TempDir,
}

impl Bench for Local {
    fn runtime(&self) -> Box<dyn Runtime> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        Box::new(process(&folder))
    }

    fn crash(&self, _: &str, started: &Started) -> bool {
        // SAFETY: the process is our own child, still unreaped.
        unsafe { libc::kill(started.pid.unwrap() as i32, libc::SIGKILL) };
        true
    }

    /// Programs are started in their node's folder.
    fn left(&self) -> Vec<String> {
        let ours = |entry: std::fs::DirEntry| {
            let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
            folder.starts_with(self.folder.path()).then(|| format!("{:?} in {}", entry.file_name(), folder.display()))
        };
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(ours).collect()
    }
}

#[tokio::test]
async fn process_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::holds(&Local { folder }, Fork::Electra).await;
}

fn process(folder: &Path) -> Process {
    process_of(folder, clients())
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

fn process_of(folder: &Path, clients: BTreeMap<String, client::ClientDef>) -> Process {
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
