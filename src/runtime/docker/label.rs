//! What a run's containers, networks and volumes are known by: labels that name the run, the node, the role, and the
//! process that owns it all.

use crate::{journal::UnixTime, runtime::owner::Owner};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, fs};

/// The run's id.
pub const RUN: &str = "lockin.run";
/// Its owner: `<pid>@<boot id>:<start time of the process>`.
pub const OWNER: &str = "lockin.owner";
/// Where that process id means anything: a digest of the machine and its namespace of processes.
pub const HOST: &str = "lockin.host";
/// The node's name.
pub const NODE: &str = "lockin.node";
/// The role that the container plays; `net` for the one that holds the node's network.
pub const ROLE: &str = "lockin.role";
/// `true`: the run's user asked to keep it.
pub const KEEP: &str = "lockin.keep";

/// Before the name of what a published port of a node's network serves; the value is the port inside.
pub const PORT: &str = "lockin.port.";
/// What serves the Beacon API.
pub const REST: &str = "rest";

/// Labels as the engine takes and gives them.
pub type Labels = HashMap<String, String>;

/// A run, as everything that belongs to it is marked.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique on this machine; letters, digits, `_`, `.` and `-`.
    pub id: String,
    /// Whether it is to outlive its owner.
    pub keep: bool,
    place: Place,
    owner: Owner,
}

/// Where an owner's process id means anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    boot: String,
    host: String,
}

/// What is to become of something with labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not ours to judge: no run's, or owned by a process of another machine or container.
    Foreign,
    /// Its owner lives.
    Living,
    /// Kept on purpose, owner or not.
    Kept,
    /// Its owner is gone.
    Left,
}

impl Run {
    /// A run of this process. `None` where there is no `/proc` to know it by.
    pub fn mine(id: &str, keep: bool) -> Option<Self> {
        Some(Self { id: plain(id, 100), keep, place: Place::here()?, owner: Owner::me()? })
    }

    /// Whether something with these labels is this run's: of the same id, and of the same owner.
    pub fn owns(&self, labels: &Labels) -> bool {
        let own = self.labels();
        [RUN, OWNER, HOST].iter().all(|label| labels.get(*label) == own.get(*label))
    }

    /// The labels of what belongs to the run as a whole.
    pub fn labels(&self) -> Labels {
        let Owner { pid, started } = self.owner;
        let mut labels = Labels::from([
            (RUN.to_owned(), self.id.clone()),
            (OWNER.to_owned(), format!("{pid}@{}:{started}", self.place.boot)),
            (HOST.to_owned(), self.place.host.clone()),
        ]);
        if self.keep {
            labels.insert(KEEP.to_owned(), "true".to_owned());
        }
        labels
    }

    /// The labels of what belongs to a role of a node.
    pub fn labels_of(&self, node: &str, role: &str) -> Labels {
        let mut labels = self.labels();
        labels.extend([(NODE.to_owned(), node.to_owned()), (ROLE.to_owned(), role.to_owned())]);
        labels
    }

    /// The name of its network.
    pub fn network(&self) -> String {
        format!("lockin-{}", self.id)
    }

    /// The name of a node's volume.
    pub fn volume(&self, node: &str) -> String {
        format!("lockin-{}-{node}", self.id)
    }

    /// The name of a container.
    pub fn container(&self, node: &str, role: &str) -> String {
        format!("lockin-{}-{node}-{role}", self.id)
    }
}

impl Place {
    /// This one.
    pub fn here() -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let read = |path: &str| fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty());
        let machine = read("/etc/machine-id").or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_default();
        let processes = fs::read_link("/proc/self/ns/pid").ok()?;
        let digest = Sha256::digest(format!("{}/{}", machine.trim(), processes.display()));
        Some(Self { boot, host: hex::encode(&digest[..8]) })
    }

    /// What is to become of something with these labels.
    pub fn standing(&self, labels: &Labels) -> Standing {
        let owner = labels.get(OWNER).and_then(|text| parse(text));
        let (Some((owner, boot)), true) = (owner, labels.get(HOST) == Some(&self.host)) else {
            return Standing::Foreign;
        };
        if labels.get(KEEP).is_some_and(|keep| keep == "true") {
            Standing::Kept
        } else if boot == self.boot && (owner.is_alive() || is_hidden(owner.pid)) {
            Standing::Living
        } else {
            Standing::Left
        }
    }
}

fn parse(text: &str) -> Option<(Owner, &str)> {
    let (pid, rest) = text.split_once('@')?;
    let (boot, started) = rest.rsplit_once(':')?;
    Some((Owner { pid: pid.parse().ok()?, started: started.parse().ok()? }, boot))
}

/// Whether a process is there that we may not look at: another user's, where `/proc` hides those.
fn is_hidden(pid: u32) -> bool {
    let looked = fs::metadata(format!("/proc/{pid}")).is_ok();
    // SAFETY: signal 0 is never delivered; the call only asks.
    let refused = unsafe { libc::kill(pid as libc::pid_t, 0) } != 0
        && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    !looked && refused
}

/// An id for a run of this process whose folder is called so: `<folder>-<pid>-<digits>`. The digits tell apart processes that
/// have one number on different machines, in different containers or at different times, and yet use one engine.
pub fn run_id(folder: &str) -> String {
    let pid = std::process::id();
    let digits = match (Place::here(), Owner::me()) {
        (Some(place), Some(owner)) => {
            hex::encode(&Sha256::digest(format!("{}/{}/{}", place.boot, place.host, owner.started))[..3])
        }
        // Without /proc there are no runs in containers.
        _ => "0".to_owned(),
    };
    format!("{}-{pid}-{digits}", plain(folder, 60))
}

/// A run's id from its folder's name, as part of names that the engine takes.
fn plain(id: &str, longest: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let id: String = id.chars().map(plain).take(longest).collect();
    if id.is_empty() { UnixTime(0).to_string() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_or_is_kept_or_is_not_ours_is_no_leftover() {
        let here = Place::here().unwrap();
        let run = Run::mine("a b/c", false).unwrap();
        assert_eq!(
            (run.network().as_str(), run.container("a0", "net").as_str()),
            ("lockin-a-b-c", "lockin-a-b-c-a0-net")
        );
        let labels = run.labels_of("a0", "beacon");
        assert_eq!(here.standing(&labels), Standing::Living);
        assert!(run.owns(&labels) && !Run::mine("other", false).unwrap().owns(&labels));
        let with = |key: &str, value: &str| {
            let mut labels = labels.clone();
            labels.insert(key.to_owned(), value.to_owned());
            labels
        };
        let (me, boot) = (std::process::id(), &here.boot);
        for (key, value, standing) in [
            (OWNER, format!("{me}@{boot}:1"), Standing::Left),
            (OWNER, format!("{me}@another-boot:{}", run.owner.started), Standing::Left),
            (OWNER, "rubbish".to_owned(), Standing::Foreign),
            (HOST, "another".to_owned(), Standing::Foreign),
            (KEEP, "true".to_owned(), Standing::Kept),
        ] {
            assert_eq!(here.standing(&with(key, &value)), standing, "{key}={value}");
            assert_eq!(run.owns(&with(key, &value)), key == KEEP, "{key}={value}");
        }
        assert_eq!(here.standing(&Labels::new()), Standing::Foreign);
        let mut gone = Run { keep: true, ..run }.labels();
        gone.insert(OWNER.to_owned(), format!("{me}@{boot}:1"));
        assert_eq!(here.standing(&gone), Standing::Kept);
    }

    #[test]
    fn ids_of_runs_are_names_and_keep_what_tells_them_apart() {
        let (short, long) = (run_id("a b"), run_id(&"x".repeat(200)));
        let own = format!("-{}-", std::process::id());
        assert!(short.starts_with(&format!("a-b{own}")) && long.contains(&own) && long.len() < 100, "{short} {long}");
        assert_eq!(Run::mine(&long, false).unwrap().id, long, "nothing is cut off");
    }
}
