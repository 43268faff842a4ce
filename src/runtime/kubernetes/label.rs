//! What a run's objects are called and known by: labels that name the run and the node, an owner, a lease.

use crate::image::BINARY;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// The run's id.
pub const RUN: &str = "lockin.run";
/// The node's name.
pub const NODE: &str = "lockin.node";
/// Seconds that a run's lease holds without being renewed.
pub const LEASE_SECONDS: u64 = 40;
/// Characters of a run's id at most: names are of 63 at most, and nodes have some.
const LONGEST: usize = 40;
/// What a finished Job's leftovers stay for, seconds.
const LINGERS: u64 = 60;

/// A run, as everything that belongs to it is marked.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique in the namespace; a part of names of the cluster.
    pub id: String,
    /// The Job that owns all.
    pub owner: Owner,
}

/// A Job that owns objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub job: String,
    /// Its uid; empty until it was made.
    pub uid: String,
    /// It is the one that this program runs in, and not a run's own.
    pub is_ours: bool,
}

impl Owner {
    /// The Job that this program runs in, if it does and was told so by its manifest.
    pub fn around() -> Option<Self> {
        let told = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        Some(Self { job: told(JOB_NAME)?, uid: told(JOB_UID)?, is_ours: true })
    }
}

/// By which a program in a Job is told the Job's name.
pub const JOB_NAME: &str = "LOCKIN_JOB";
/// And its uid.
pub const JOB_UID: &str = "LOCKIN_JOB_UID";

impl Run {
    /// A run of this process: what it is called, made unique.
    pub fn mine(name: &str) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let host = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digest = Sha256::digest(format!("{name} {host} {} {}", std::process::id(), since.as_nanos()));
        let id = format!("{}-{}", plain(name), hex::encode(&digest[..3]));
        let owner = Owner::around().unwrap_or_else(|| Owner { job: format!("lockin-{id}"), ..Owner::default() });
        Self { id, owner }
    }

    /// What selects all that is labelled as this run's.
    pub fn selector(&self) -> String {
        format!("{RUN}={}", self.id)
    }

    /// The name of a node's pod.
    pub fn pod(&self, node: &str) -> String {
        format!("lockin-{}-{}", self.id, node.to_ascii_lowercase().replace('_', "-"))
    }

    /// The name of its lease.
    pub fn lease(&self) -> String {
        format!("lockin-{}", self.id)
    }

    /// Name, labels and owner of one of its objects.
    pub fn metadata(&self, name: &str, node: Option<&str>) -> Value {
        let mut labels = json!({ RUN: self.id, "app.kubernetes.io/managed-by": "lockin" });
        if let Some(node) = node {
            labels[NODE] = node.into();
        }
        let mut metadata = json!({ "name": name, "labels": labels });
        if !self.owner.uid.is_empty() {
            metadata["ownerReferences"] = json!([{
                "apiVersion": "batch/v1", "kind": "Job", "name": self.owner.job, "uid": self.owner.uid,
            }]);
        }
        metadata
    }

    /// The Job that owns it all: it starts nothing, and ends when its time is over, whoever lives; then the cluster
    /// removes it with what it owns.
    pub fn job(&self, image: &str, deadline_s: u64) -> Value {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(&self.owner.job, None),
            "spec": {
                "parallelism": 0,
                "completions": 1,
                "backoffLimit": 0,
                "activeDeadlineSeconds": deadline_s,
                "ttlSecondsAfterFinished": LINGERS,
                "template": { "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "none", "image": image, "command": [BINARY, "--version"] }],
                }},
            },
        })
    }

    /// Its lease, taken now.
    pub fn lease_object(&self) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": self.metadata(&self.lease(), None),
            "spec": {
                "holderIdentity": self.id,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": now(),
            },
        })
    }
}

/// The change that renews a lease.
pub fn renewed() -> Value {
    json!({ "spec": { "renewTime": now() } })
}

/// As the cluster writes it, to the microsecond.
fn now() -> String {
    format!("{:.6}", Timestamp::now())
}

/// A run's name as part of names of the cluster.
pub fn plain(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let plain: String =
        lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(LONGEST - 7).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "run".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_a_cluster_takes() {
        let run = Run::mine("20261121-142600_L4.17/Ä");
        assert!(run.id.starts_with("20261121-142600-l4-17-"), "{}", run.id);
        assert!(run.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", run.id);
        assert_ne!(Run::mine("a").id, Run::mine("b").id);
        assert!(Run::mine(&"x".repeat(200)).id.len() <= LONGEST);
        assert!(Run::mine("--").id.starts_with("run-"));
        assert_eq!(run.pod("B_0"), format!("lockin-{}-b-0", run.id));
    }

    #[test]
    fn everything_is_owned_by_a_job_with_a_deadline_that_starts_nothing() {
        let mut run = Run { id: "r".into(), owner: Owner { job: "lockin-r".into(), ..Owner::default() } };
        let job = run.job("lockin:1", 600);
        assert!(job["metadata"].get("ownerReferences").is_none());
        assert_eq!((&job["spec"]["parallelism"], &job["spec"]["activeDeadlineSeconds"]), (&json!(0), &json!(600)));
        run.owner.uid = "u".into();
        let lease = run.lease_object();
        assert_eq!(lease["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(lease["metadata"]["labels"][RUN], "r");
        let time = lease["spec"]["renewTime"].as_str().unwrap();
        assert_eq!((time.len(), &time[26..]), (27, "Z"), "{time}");
    }
}
