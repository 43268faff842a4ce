//! Pods as the suite of all runtimes sees them. Needs a cluster whose machines are this one, with the image of the program
//! under test in them: tests/cluster/run. `LOCKIN_KUBECONFIG` says how it is reached, `LOCKIN_OWN_IMAGE` what the image is
//! called there.

use super::conformance::{self, Bench, clients};
use lockin::{
    client::Lock,
    image,
    journal::RunDir,
    runtime::{
        Runtime, Started,
        kubernetes::{Access, Cluster, Kubernetes, Options, Resources, Shape, Spread, Way, Which, sweep},
    },
    ssz::Fork,
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Pods under test.
struct Pods {
    folder: tempfile::TempDir,
    cluster: Cluster,
    net_admin: bool,
    runs: AtomicU32,
}

fn access() -> Access {
    let kubeconfig = std::env::var_os("LOCKIN_KUBECONFIG").expect("LOCKIN_KUBECONFIG names a cluster to test with");
    Access { kubeconfig: Some(kubeconfig.into()), ..Access::default() }
}

impl Pods {
    async fn new(net_admin: bool) -> Self {
        let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::connect(&access()).await.unwrap());
        Self { folder, cluster, net_admin, runs: AtomicU32::new(0) }
    }

    fn own_image() -> String {
        std::env::var("LOCKIN_OWN_IMAGE").unwrap_or_else(|_| image::reference())
    }
}

impl Bench for Pods {
    fn runtime(&self) -> Box<dyn Runtime> {
        let name = format!("test-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let dir = RunDir::at(&self.folder.path().join(&name)).unwrap();
        let mut defs = clients();
        for role in defs.values_mut().flat_map(|def| def.roles.values_mut()) {
            role.image = Some(Self::own_image());
        }
        let options = Options {
            name,
            log_level: "info".to_owned(),
            shape: Shape {
                own_image: Self::own_image(),
                pull_policy: "Never",
                pull_secrets: Vec::new(),
                resources: Resources { cpu_request: Some(0.02), ..Resources::default() },
                spread: Spread::Preferred,
                net_admin: self.net_admin,
            },
            lock: Lock::default(),
            way: Way::Forward,
            deadline_s: 900,
            schedule_within: Duration::from_secs(60),
        };
        Box::new(Kubernetes::new(self.cluster.clone(), dir, defs, options))
    }

    /// Its process is one of this machine's, where the cluster's machines are.
    fn crash(&self, _: &str, program: &Started) -> bool {
        let command = program.command.as_ref().unwrap().join("\0") + "\0";
        let is_it = |entry: &std::fs::DirEntry| {
            std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == command.as_bytes())
        };
        let found: Vec<_> = std::fs::read_dir("/proc").unwrap().flatten().filter(is_it).collect();
        let [process] = &found[..] else { panic!("{} processes of {command:?}", found.len()) };
        let pid: i32 = process.file_name().to_str().unwrap().parse().unwrap();
        // SAFETY: a signal to a process that was just seen to be the program.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        true
    }

    fn left(&self) -> Vec<String> {
        // in a thread of its own: who asks is in the middle of waiting for something else
        let found = std::thread::spawn(|| {
            let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio.block_on(async { sweep(&Cluster::connect(&access()).await.unwrap(), Which::Left, true).await })
        });
        let found = found.join().unwrap().unwrap();
        found.pods.into_iter().chain(found.others).collect()
    }
}

#[tokio::test]
#[ignore = "needs a Kubernetes cluster: tests/cluster/run"]
async fn kubernetes_conforms() {
    conformance::holds(&Pods::new(false).await, Fork::Electra).await;
}

#[tokio::test]
#[ignore = "needs a Kubernetes cluster: tests/cluster/run"]
async fn kubernetes_conforms_with_rules_of_its_networks() {
    conformance::holds(&Pods::new(true).await, Fork::Electra).await;
}
