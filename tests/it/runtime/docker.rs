//! Containers as the suite of all runtimes sees them, and what only they have: labels, limits, few rights. Needs an
//! engine: tests/docker/run.

use super::conformance::{self, Bench, clients, plan, prepare, until};
use lockin::{
    journal::RunDir,
    runtime::{
        Error, Runtime, Started, Time, Watch,
        docker::{Docker, Engine, Images, Limits, Options, Pull},
    },
    ssz::{Fork, Preset},
};
use std::{
    path::Path,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Puts the program under test into the engine, once.
pub fn has_image() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Command::new(env!("CARGO_BIN_EXE_lockin")).arg("image").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    });
}

/// Containers under test: all runs have ids that begin alike.
struct Containers {
    folder: tempfile::TempDir,
    engine: Engine,
    images: Images,
    prefix: String,
    runs: AtomicU32,
}

impl Containers {
    async fn new(name: &str) -> Self {
        has_image();
        let engine = Engine::connect().await.unwrap();
        let network = plan(Fork::Electra);
        let images = Images::find(&engine, &network, &clients(), Pull::Never, &|_| None, &mut |_, _, _| {}).await;
        let prefix = format!("test-{name}-{}-", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        Self { folder, engine, images: images.unwrap(), prefix, runs: AtomicU32::new(0) }
    }

    fn docker(&self, limits: Limits) -> Docker {
        let id = format!("{}{}", self.prefix, self.runs.fetch_add(1, Ordering::Relaxed));
        let dir = RunDir::at(&self.folder.path().join(&id)).unwrap();
        let options = Options { id, log_level: "info".to_owned(), limits, keep: false };
        Docker::new(self.engine.clone(), dir, clients(), self.images.clone(), options).unwrap()
    }
}

/// The engine's answer in a thread of its own: who asks may be in the middle of waiting for something else.
fn ask<T: Send + 'static>(what: impl AsyncFnOnce(Engine) -> Result<T, Error> + Send + 'static) -> T {
    let asked = std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async { what(Engine::connect().await?).await })
    });
    asked.join().unwrap().unwrap()
}

/// Everything in the engine whose run's id begins so: names, in order.
pub fn things(prefix: &str) -> Vec<String> {
    let prefix = prefix.to_owned();
    ask(async move |engine| {
        let all = [engine.containers().await?, engine.networks().await?, engine.volumes().await?];
        let ours = all.into_iter().flatten().filter(|it| it.labels["lockin.run"].starts_with(&prefix));
        let mut names: Vec<String> = ours.map(|thing| thing.name).collect();
        names.sort_unstable();
        Ok(names)
    })
}

impl Bench for Containers {
    fn runtime(&self) -> Box<dyn Runtime> {
        Box::new(self.docker(Limits::default()))
    }

    fn crash(&self, node: &str, program: &Started) -> bool {
        let (prefix, end) = (self.prefix.clone(), format!("-{node}-{}", program.role));
        ask(async move |engine| {
            let mut found = engine.containers().await?.into_iter();
            let found = found.find(|it| it.labels["lockin.run"].starts_with(&prefix) && it.name.ends_with(&end));
            engine.kill(&found.expect("a started program has a container").id, "SIGKILL").await
        });
        true
    }

    fn left(&self) -> Vec<String> {
        things(&self.prefix)
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine: tests/docker/run"]
async fn docker_conforms() {
    conformance::holds(&Containers::new("conforms").await, Fork::Electra).await;
}

/// What the engine's own program says of a container.
pub fn inspected(name: &str, format: &str) -> String {
    let said = Command::new("docker").args(["inspect", "--format", format, name]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
#[ignore = "needs a Docker engine: tests/docker/run"]
async fn docker_gives_containers_labels_limits_and_few_rights() {
    let containers = Containers::new("rights").await;
    let mut runtime = containers.docker(Limits { cpus: Some(0.5), memory: Some(256 << 20) });
    prepare(&mut runtime, &plan(Fork::Electra)).await;
    let started = runtime.start("late").await.unwrap();
    assert!(started.iter().all(|it| it.image.as_deref() == Some(concat!("lockin:", env!("CARGO_PKG_VERSION")))));
    assert!(started.iter().all(|it| it.digest.as_deref().is_some_and(|digest| digest.starts_with("sha256:"))));
    until(&mut runtime, "late", 60_000, "answers", async |client| client.health().await.is_ok()).await;
    let id = runtime.id().to_owned();
    let beacon = format!("lockin-{id}-late-beacon");
    let config = "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.CapDrop}} {{json .HostConfig.CapAdd}} \
        {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}} {{.Config.User}}";
    let rights = "[ALL] null [no-new-privileges:true] false 65532:65532";
    assert_eq!(inspected(&beacon, config), format!("500000000 268435456 {rights}"));
    // The kernel's word on what its first process may.
    let pid = inspected(&beacon, "{{.State.Pid}}");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t65532"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let labels = inspected(&beacon, "{{json .Config.Labels}}");
    for label in ["\"lockin.node\":\"late\"", "\"lockin.role\":\"beacon\"", &format!("\"lockin.run\":\"{id}\"")] {
        assert!(labels.contains(label), "{label}: {labels}");
    }
    assert!(labels.contains(&format!("\"lockin.owner\":\"{}@", std::process::id())), "{labels}");
    // Published for this machine alone, and only by the container that holds the network.
    let ports = inspected(&format!("lockin-{id}-late-net"), "{{json .NetworkSettings.Ports}}");
    assert!(ports.contains("127.0.0.1") && !ports.contains("0.0.0.0"), "{ports}");
    assert_eq!(inspected(&beacon, "{{json .NetworkSettings.Ports}}"), "{}");
    // Its logs are where those of local programs are, and what it loads lies there, too.
    let folder = containers.folder.path().join(&id).join("late");
    for file in ["beacon.log", "beacon.cmd", "engine.log", "network/config.yaml", "network/genesis.ssz"] {
        assert!(std::fs::metadata(folder.join(file)).unwrap().len() > 0, "{file}");
    }
    runtime.destroy().await.unwrap();
    assert_eq!(containers.left(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs a Docker engine: tests/docker/run"]
async fn docker_tells_of_a_program_that_used_too_much_memory() {
    let containers = Containers::new("memory").await;
    let mut runtime = containers.docker(Limits { cpus: None, memory: Some(8 << 20) });
    // A small network's follower needs 2 MiB.
    let mut large = plan(Fork::Phase0);
    (large.config.preset, large.genesis.validators) = (Preset::mainnet(), 20_000);
    prepare(&mut runtime, &large).await;
    // It may be dead before it is followed.
    let started = runtime.start("late").await;
    assert!(started.is_ok(), "{started:?}");
    let exit = loop {
        if let Some(exit) = runtime.exits().pop() {
            break exit;
        }
        runtime.sleep_until(runtime.now_ms() + 50).await;
    };
    assert!(exit.environment, "{exit:?}");
    let last = exit.log.last().unwrap();
    assert!(last.contains("more memory than its container may of 8 MiB"), "{exit:?}");
    runtime.destroy().await.unwrap();
    assert_eq!(containers.left(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs a Docker engine: tests/docker/run"]
async fn docker_puts_files_and_setup_before_the_first_start_and_only_then() {
    use lockin::client::ClientDef;
    let containers = Containers::new("setup").await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/lockin.yaml");
    let ports = "ports: { p2p: tcp, rest: tcp }";
    let more = format!("{ports}\n    files: {{ sub/key: \"{{{{ node.key }}}}\" }}\n    setup: [[--version]]");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(ports));
    let text = text.replace(ports, &more).replace("default(value=node.key) }}", "default(value=node.key) }}.no");
    let text = text.replace("{{ node.key_file | default(value=node.key) }}.no", "{{ data }}/sub/key");
    let mut defs = clients();
    defs.insert("lockin".to_owned(), ClientDef::from_bytes("changed.yaml", text.as_bytes()).unwrap());
    let id = format!("{}x", containers.prefix);
    let dir = RunDir::at(&containers.folder.path().join(&id)).unwrap();
    let options = Options { id, log_level: "info".to_owned(), limits: Limits::default(), keep: false };
    let engine = containers.engine.clone();
    let mut runtime = Docker::new(engine, dir.clone(), defs, containers.images.clone(), options).unwrap();
    prepare(&mut runtime, &plan(Fork::Phase0)).await;
    for _ in 0..2 {
        runtime.start("late").await.unwrap();
        // It reads its key from the file that was put there.
        until(&mut runtime, "late", 60_000, "answers", async |client| client.health().await.is_ok()).await;
        runtime.stop("late", lockin::runtime::Ending::Stop).await.unwrap();
    }
    let log = std::fs::read_to_string(dir.path().join("late/beacon.log")).unwrap();
    assert_eq!(log.matches(concat!("lockin ", env!("CARGO_PKG_VERSION"), "\n")).count(), 1, "{log}");
    runtime.destroy().await.unwrap();
}
