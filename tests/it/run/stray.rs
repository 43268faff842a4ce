//! A host that is none of ours, on the network of a run in containers. Needs an engine: tests/docker/run.

use super::{Case, docker::slow_pair, finish};
use crate::{
    net::stray::{host, is_turned_away},
    runtime::docker::inspected,
};
use std::{fs::File, os::fd::AsRawFd, process::Command};

/// A container of its own on a network; removed with it.
struct Outsider {
    name: String,
    pid: String,
}

impl Outsider {
    fn on(network: &str) -> Self {
        let name = format!("{network}-stray");
        let image = concat!("lockin:", env!("CARGO_PKG_VERSION"));
        let made = Command::new("docker")
            .args(["run", "--detach", "--name", &name, "--network", network, image, "netns", "hold"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let pid = inspected(&name, "{{.State.Pid}}");
        Self { name, pid }
    }

    /// Does something as a program in the container would, as far as its network goes.
    fn within<T: Send + 'static>(&self, what: impl AsyncFnOnce() -> T + Send + 'static) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.pid)).unwrap();
        let done = std::thread::spawn(move || {
            // SAFETY: it changes the network of this thread alone, and the thread ends here.
            assert_eq!(unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) }, 0, "who tests is not root");
            let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio.block_on(what())
        });
        done.join().unwrap()
    }
}

impl Drop for Outsider {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", "--volumes", &self.name]).output();
    }
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_networks_have_no_peer_in_a_stray_host_among_them() {
    let case: Case = slow_pair("  - wait: { head_slot: 16, within: 4 epochs }");
    let run = case.run("out", &["--runtime", "docker"]).spawn().unwrap();
    case.wait_for("out", "\"event\":\"head\"");
    let network = format!("lockin-{}", super::docker::id(&case, "out"));
    let addresses = ["a0", "b0"].map(|node| {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let ip = inspected(&format!("{network}-{node}-net"), format);
        let command = std::fs::read_to_string(case.path("out").join(node).join("beacon.cmd")).unwrap();
        let port = command.lines().find_map(|word| word.strip_prefix("--listen=0.0.0.0:")).expect("it listens");
        format!("/ip4/{ip}/tcp/{port}")
    });
    let outsider = Outsider::on(&network);
    let turned_away = outsider.within(async move || {
        let mut stray = host();
        for _ in 0..2 {
            for address in &addresses {
                if !is_turned_away(&mut stray, address).await {
                    return Err(format!("{address} has kept it"));
                }
            }
        }
        Ok(stray.local_peer_id().to_string())
    });
    drop(outsider);
    let stray = turned_away.unwrap();
    let said = finish(run);
    assert_eq!(said.code, Some(0), "{said}");
    for node in ["a0", "b0"] {
        let log = std::fs::read_to_string(case.path("out").join(node).join("beacon.log")).unwrap();
        assert!(log.contains(&stray) && log.contains("a foreign peer"), "{node} met it:\n{log}");
        let joined = |line: &str| line.contains("peer joined") && line.contains(&stray);
        assert!(!log.lines().any(joined), "{log}");
    }
}
