//! The pod of a node: a container for each role, in which a supervisor waits for its orders, and one that whoever runs
//! the network asks. No rights that a program does not need, no way to the cluster, nothing that outlives the pod.

use super::{
    inside::{SHARED, program},
    label::{RUN, Run},
};
use crate::{
    image::{BINARY, USER},
    runtime::netfilter::Rules,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where a node's programs see its folder.
pub const FOLDER: &str = "/node";
/// The container that is asked.
pub const HOLD: &str = "hold";
/// The container that sets rules of the packet filter, where one is allowed.
pub const FILTER: &str = "filter";
/// Seconds that a container may take to end.
const GRACE: u64 = 5;

/// What containers ask of a machine, and what they may use of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resources {
    /// Cores that a role's container asks for, instead of what its client is known to need.
    pub cpu_request: Option<f64>,
    /// Bytes of memory, likewise.
    pub memory_request: Option<u64>,
    /// Cores that a container may use.
    pub cpu_limit: Option<f64>,
    /// Bytes of memory that a container may use.
    pub memory_limit: Option<u64>,
}

/// Thousandths of a core and bytes that a program asks for until somebody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need(pub u64, pub u64);

impl Need {
    /// A program of the embedded client.
    pub const EMBEDDED: Need = Need(100, 64 << 20);
    /// Any other program.
    pub const OTHER: Need = Need(300, 512 << 20);
    /// What the container asks for that is asked itself.
    const HOLD: Need = Need(10, 32 << 20);
}

impl Resources {
    fn of(&self, need: Need, own: bool) -> Value {
        let asked = |given: Option<u64>, need: u64, limit: Option<u64>| {
            given.filter(|_| !own).unwrap_or(need).min(limit.unwrap_or(u64::MAX))
        };
        let milli = |cores: f64| (cores * 1000.0) as u64;
        let (cpu_limit, cpu) = (self.cpu_limit.map(milli), self.cpu_request.map(milli));
        let mut limits = BTreeMap::new();
        limits.extend(cpu_limit.map(|milli| ("cpu", format!("{milli}m"))));
        limits.extend(self.memory_limit.map(|bytes| ("memory", bytes.to_string())));
        json!({
            "requests": {
                "cpu": format!("{}m", asked(cpu, need.0, cpu_limit)),
                "memory": asked(self.memory_request, need.1, self.memory_limit).to_string(),
            },
            "limits": limits,
        })
    }
}

/// How strictly pods are spread over machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// As far as there is room.
    Preferred,
    /// Or not at all.
    Required,
}

/// What all pods of a run have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The image of this program.
    pub own_image: String,
    /// `IfNotPresent`, `Never`.
    pub pull_policy: &'static str,
    /// Secrets of the namespace by which images are fetched.
    pub pull_secrets: Vec<String>,
    /// What containers ask for and may use.
    pub resources: Resources,
    /// How strictly pods are spread over machines.
    pub spread: Spread,
    /// Whether one container of each pod may set rules of the pod's network.
    pub net_admin: bool,
}

/// A role's container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role.
    pub name: String,
    /// Its image, exactly.
    pub image: String,
    /// What it asks for.
    pub need: Need,
}

impl Shape {
    /// The pod of a node.
    pub fn pod(&self, run: &Run, node: &str, roles: &[Role]) -> Value {
        let mut volumes = vec![empty("shared"), empty("node")];
        volumes.extend(roles.iter().map(|role| empty(&tmp(&role.name))));
        let mut containers = vec![self.own(HOLD, &[BINARY, "netns", "hold"])];
        if self.net_admin {
            let mut filter = self.own(FILTER, &[BINARY, "netns", "hold"]);
            // For root in it alone, which sets faults and has nothing else to do there.
            filter["securityContext"]["runAsUser"] = 0.into();
            filter["securityContext"]["runAsNonRoot"] = false.into();
            filter["securityContext"]["capabilities"]["add"] = json!(["NET_ADMIN"]);
            containers.push(filter);
        }
        containers.extend(roles.iter().map(|role| self.role(role)));
        let secrets: Vec<Value> = self.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": run.metadata(&run.pod(node), Some(node)),
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": GRACE,
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "dnsPolicy": "Default",
                "imagePullSecrets": secrets,
                "securityContext": {
                    "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "runAsNonRoot": true,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "topologySpreadConstraints": [{
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": match self.spread {
                        Spread::Preferred => "ScheduleAnyway",
                        Spread::Required => "DoNotSchedule",
                    },
                    "labelSelector": { "matchLabels": { RUN: run.id } },
                }],
                "volumes": volumes,
                "initContainers": [self.own("install", &[BINARY, "k8s", "install", SHARED])],
                "containers": containers,
            },
        })
    }

    /// A pod that only tries whether rules can be set where it runs.
    pub fn trial(&self, run: &Run, name: &str) -> Value {
        let shape = Self { net_admin: true, ..self.clone() };
        let mut pod = shape.pod(run, name, &[]);
        pod["spec"]["containers"] = json!([pod["spec"]["containers"][1]]);
        let words = Rules::of_every_kind().words();
        pod["spec"]["containers"][0]["command"] =
            [BINARY, "netns", "rules"].map(str::to_owned).into_iter().chain(words).collect::<Vec<_>>().into();
        pod
    }

    /// A container of this program's image.
    fn own(&self, name: &str, command: &[&str]) -> Value {
        json!({
            "name": name,
            "image": self.own_image,
            "imagePullPolicy": self.pull_policy,
            "command": command,
            "resources": self.resources.of(Need::HOLD, true),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": confined(),
            "volumeMounts": [mount("shared", SHARED), mount("node", FOLDER)],
        })
    }

    fn role(&self, role: &Role) -> Value {
        json!({
            "name": role.name,
            "image": role.image,
            "imagePullPolicy": self.pull_policy,
            "command": [program(), "k8s", "supervise", role.name],
            "resources": self.resources.of(role.need, false),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": confined(),
            "volumeMounts": [mount("shared", SHARED), mount("node", FOLDER), mount(&tmp(&role.name), "/tmp")],
        })
    }
}

fn tmp(role: &str) -> String {
    format!("tmp-{role}")
}

fn empty(name: &str) -> Value {
    json!({ "name": name, "emptyDir": {} })
}

fn mount(name: &str, path: &str) -> Value {
    json!({ "name": name, "mountPath": path })
}

/// No rights beyond a user's, none to be gained.
fn confined() -> Value {
    json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::kubernetes::label::Owner;

    fn shape(net_admin: bool) -> Shape {
        Shape {
            own_image: "lockin:1".into(),
            pull_policy: "Never",
            pull_secrets: vec!["s".into()],
            resources: Resources { cpu_limit: Some(0.5), memory_request: Some(7 << 20), ..Resources::default() },
            spread: Spread::Preferred,
            net_admin,
        }
    }

    fn pod(net_admin: bool) -> Value {
        let run = Run { id: "r".into(), owner: Owner { job: "j".into(), uid: "u".into(), is_ours: false } };
        let role = Role { name: "beacon".into(), image: "prysm@sha256:0".into(), need: Need::OTHER };
        shape(net_admin).pod(&run, "a0", &[role])
    }

    #[test]
    fn a_pod_has_a_container_for_each_role_with_requests_and_few_rights() {
        let pod = pod(false);
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "u");
        let containers = pod["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), [HOLD, "beacon"]);
        let beacon = &containers[1];
        assert_eq!(beacon["image"], "prysm@sha256:0");
        assert_eq!(beacon["resources"]["requests"], json!({ "cpu": "300m", "memory": (7 << 20).to_string() }));
        assert_eq!(beacon["resources"]["limits"], json!({ "cpu": "500m" }));
        assert_eq!(containers[0]["resources"]["requests"]["memory"], (32 << 20).to_string());
        for container in containers {
            assert_eq!(container["securityContext"], confined());
        }
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
        assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true);
    }

    #[test]
    fn only_where_it_is_allowed_one_container_may_set_rules() {
        let capabilities = |pod: &Value| pod.to_string().matches("NET_ADMIN").count();
        assert_eq!((capabilities(&pod(false)), capabilities(&pod(true))), (0, 1));
        let run = Run { id: "r".into(), owner: Owner::default() };
        let trial = shape(false).trial(&run, "trial");
        assert_eq!(trial["spec"]["containers"].as_array().unwrap().len(), 1);
        assert_eq!(trial["spec"]["containers"][0]["command"][2], "rules");
    }
}
