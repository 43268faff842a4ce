//! What the cluster says of a pod, as far as a run has to know: where it is, what keeps it, what ended it.

use serde::Deserialize;
use serde_json::Value;

/// Why an image is not there, for good.
const NO_IMAGE: [&str; 4] = ["ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "ImageInspectError"];
/// Why a container can't be started, for good.
const NO_START: [&str; 4] = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"];

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    deletion_timestamp: Option<String>,
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    reason: Option<String>,
    message: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    conditions: Vec<Condition>,
    container_statuses: Vec<Container>,
    init_container_statuses: Vec<Container>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: String,
    image: String,
    #[serde(rename = "imageID")]
    image_id: String,
    state: ContainerState,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerState {
    running: Option<Value>,
    waiting: Option<Reason>,
    terminated: Option<Reason>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reason {
    reason: Option<String>,
    message: Option<String>,
    exit_code: Option<i32>,
}

impl Reason {
    fn is(&self, reasons: &[&str]) -> bool {
        self.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
    }

    fn says(&self) -> String {
        said(self.reason.as_deref(), self.message.as_deref())
    }
}

fn said(reason: Option<&str>, message: Option<&str>) -> String {
    let both: Vec<&str> = reason.into_iter().chain(message).map(str::trim).filter(|text| !text.is_empty()).collect();
    both.join(": ")
}

impl Pod {
    /// As the cluster tells it.
    pub fn of(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_default()
    }

    /// The machine that it is bound to.
    pub fn machine(&self) -> Option<&str> {
        self.spec.node_name.as_deref()
    }

    /// Its address.
    pub fn address(&self) -> Option<&str> {
        self.status.pod_ip.as_deref()
    }

    /// Whether all its containers run.
    pub fn runs(&self) -> bool {
        let all = &self.status.container_statuses;
        !all.is_empty() && all.iter().all(|it| it.state.running.is_some())
    }

    /// Whether it has come to its end, and how.
    pub fn ended(&self) -> Option<Result<(), String>> {
        match self.status.phase.as_str() {
            "Succeeded" => Some(Ok(())),
            "Failed" => Some(Err(self.last_words())),
            _ => None,
        }
    }

    /// Why the scheduler finds no machine for it, in its words.
    pub fn unschedulable(&self) -> Option<&str> {
        let condition = self.condition("PodScheduled").filter(|it| it.status == "False")?;
        (condition.reason.as_deref() == Some("Unschedulable")).then(|| condition.message.as_deref().unwrap_or(""))
    }

    /// Images of it that are not to be had where it runs, with the cluster's words.
    pub fn missing_images(&self) -> Vec<(String, String)> {
        let missing = |it: &Container| {
            let waiting = it.state.waiting.as_ref().filter(|waiting| waiting.is(&NO_IMAGE))?;
            Some((it.image.clone(), waiting.says()))
        };
        self.containers().filter_map(missing).collect()
    }

    /// Why one of its containers does not start, or has ended though nobody told it to.
    pub fn broken(&self) -> Option<String> {
        let wrong = |it: &Container| {
            let waiting = it.state.waiting.as_ref().filter(|waiting| waiting.is(&NO_START)).map(Reason::says);
            let ended = it.state.terminated.as_ref().filter(|ended| ended.exit_code != Some(0)).map(Reason::says);
            Some(format!("its container {}: {}", it.name, waiting.or(ended)?))
        };
        let supervisor = |it: &Container| {
            let ended = it.state.terminated.as_ref()?;
            Some(format!("its container {} has ended: {}", it.name, ended.says()))
        };
        self.containers().find_map(wrong).or_else(|| self.status.container_statuses.iter().find_map(supervisor))
    }

    /// What the cluster did to it: evicted, preempted, deleted by somebody, its machine lost. In its words.
    pub fn taken(&self) -> Option<String> {
        if let Some(target) = self.condition("DisruptionTarget").filter(|it| it.status == "True") {
            return Some(said(target.reason.as_deref(), target.message.as_deref()));
        }
        if self.status.phase == "Failed" {
            return Some(self.last_words());
        }
        // Set from outside when nothing is heard of the machine; what the machine said last of its containers stays.
        let is = |which: &str, status: &str| self.condition(which).is_some_and(|it| it.status == status);
        if is("Ready", "False") && is("ContainersReady", "True") {
            return Some("the cluster hears nothing of its machine".to_owned());
        }
        self.metadata.deletion_timestamp.as_ref().map(|_| "somebody deleted it".to_owned())
    }

    /// The exact image of a container.
    pub fn image_id(&self, container: &str) -> Option<&str> {
        let found = self.status.container_statuses.iter().find(|it| it.name == container)?;
        Some(found.image_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Whether a container has ended, or is not there any more.
    pub fn has_ended(&self, container: &str) -> bool {
        self.status.container_statuses.iter().any(|it| it.name == container && it.state.terminated.is_some())
    }

    fn last_words(&self) -> String {
        let said = said(self.status.reason.as_deref(), self.status.message.as_deref());
        if said.is_empty() { self.broken().unwrap_or_else(|| "it failed".to_owned()) } else { said }
    }

    fn condition(&self, which: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|it| it.r#type == which)
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: Value) -> Pod {
        Pod::of(json!({ "metadata": { "name": "p" }, "spec": { "nodeName": "n2" }, "status": status }))
    }

    #[test]
    fn what_keeps_a_pod_is_told_in_the_clusters_words() {
        let why = "0/2 nodes are available: 2 Insufficient cpu.";
        let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why });
        assert_eq!(pod(json!({ "phase": "Pending", "conditions": [condition] })).unschedulable(), Some(why));
        let waiting = json!({ "waiting": { "reason": "ErrImageNeverPull", "message": "not present" } });
        let status = json!({ "containerStatuses": [{ "name": "beacon", "image": "x:1", "state": waiting }] });
        assert_eq!(pod(status).missing_images(), [("x:1".to_owned(), "ErrImageNeverPull: not present".to_owned())]);
        let waiting = json!({ "waiting": { "reason": "ErrImagePull" } });
        let status = json!({ "containerStatuses": [{ "name": "beacon", "image": "x:1", "state": waiting }] });
        assert!(pod(status).missing_images().is_empty(), "it is tried again");
    }

    #[test]
    fn what_ended_a_pod_is_told_in_the_clusters_words() {
        let evicted = pod(json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" }));
        assert_eq!(evicted.taken().as_deref(), Some("Evicted: low on memory"));
        let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
        let preempted = pod(json!({ "phase": "Running", "conditions": [condition] }));
        assert_eq!(preempted.taken().as_deref(), Some("PreemptionByScheduler"));
        let condition = |which: &str, status: &str| json!({ "type": which, "status": status });
        let conditions = |all| pod(json!({ "phase": "Running", "conditions": [condition("Ready", "False"), all] }));
        assert!(conditions(condition("ContainersReady", "True")).taken().unwrap().contains("its machine"));
        assert_eq!(conditions(condition("ContainersReady", "False")).taken(), None);
        let running = json!({ "running": { "startedAt": "t" } });
        let well = pod(json!({ "phase": "Running", "containerStatuses": [{ "name": "hold", "state": running }] }));
        assert_eq!((well.taken(), well.broken(), well.runs()), (None, None, true));
        let ended = json!({ "terminated": { "reason": "OOMKilled", "exitCode": 137 } });
        let ended = pod(json!({ "phase": "Running", "containerStatuses": [{ "name": "beacon", "state": ended }] }));
        assert_eq!(ended.broken().as_deref(), Some("its container beacon: OOMKilled"));
        assert!(ended.has_ended("beacon") && !ended.has_ended("hold") && !ended.runs());
    }
}
